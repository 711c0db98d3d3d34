from typing import Any

import pytest

from ndsp.device_db import Controller
from tests.ndsp.device_db.databases import SOURCE, controller, errors, parse, warnings


def test_two_controllers_on_one_host_and_port_are_an_error() -> None:
    database = parse(lamp=controller(3300, "127.0.0.1"), oven=controller(3300, "localhost"))
    shared = "is 3300 on 'localhost', as that of the controller 'lamp'; choose another port"
    assert errors(database) == [f"{SOURCE}: entry 'oven', key 'port': {shared}"]
    assert list(database) == ["lamp"]


def test_one_port_on_different_machines_is_no_problem() -> None:
    assert parse(lamp=controller(3300, "::1"), oven=controller(3300, "10.0.0.7")).problems == ()


def test_every_further_controller_on_a_port_is_an_error() -> None:
    database = parse(a=controller(), b=controller(), c=controller())
    assert [problem.entry for problem in database.problems] == ["b", "c"]


def test_two_commands_on_one_port_are_an_error_whatever_their_targets() -> None:
    database = parse(
        lamp=controller(command="x", target_name="lamp"),
        oven=controller(command="y", target_name="oven"),
    )
    assert [problem.entry for problem in database.problems if problem.is_error] == ["oven"]


def test_targets_of_one_program_work_and_are_advised_to_say_so() -> None:
    database = parse(
        lamp=controller(command="x", target_name="lamp"), oven=controller(target_name="oven")
    )
    assert errors(database) == []
    (warning,) = warnings(database)
    assert warning.startswith(f"{SOURCE}: entry 'oven', key 'port': is 3300 on '::1', as that of ")
    assert warning.endswith("one program, write the type 'controller_aux_target'")
    assert list(database) == ["lamp", "oven"]


def auxiliary(name: str) -> dict[str, Any]:
    return {"type": "controller_aux_target", "controller": name, "target_name": "x"}


@pytest.mark.parametrize(
    ("entry", "where"),
    [
        ("lmap", ""),
        (auxiliary("lmap"), ", key 'controller'"),
        (controller(3301, depends_on=["lmap"]), ", key 'depends_on'"),
    ],
)
def test_a_name_of_nothing_is_an_error(entry: Any, where: str) -> None:
    database = parse(lamp=controller(), other=entry)
    assert errors(database) == [
        (
            f"{SOURCE}: entry 'other'{where}: refers to 'lmap', and there is no such entry; "
            "did you mean 'lamp'?"
        )
    ]
    assert list(database) == ["lamp"]


@pytest.mark.parametrize(
    "entry", ["lamp", auxiliary("lamp"), controller(3301, depends_on=["lamp"])]
)
def test_an_entry_that_needs_one_in_error_is_left_out_too(entry: Any) -> None:
    database = parse(last="other", other=entry, lamp=controller(0))
    assert list(database) == []
    assert [problem.entry for problem in database.problems] == ["last", "other", "lamp"]
    assert errors(database)[1].endswith("refers to 'lamp', which is left out for an error")


@pytest.mark.parametrize("name", ["nothing", "alias"])
def test_what_needs_a_controller_must_name_one(name: str) -> None:
    database = parse(
        nothing={"type": "dummy"},
        alias="nothing",
        shutter=auxiliary(name),
        oven=controller(3301, depends_on=[name]),
    )
    assert list(database) == ["nothing", "alias"]
    found = f"refers to {name!r}, which has type 'dummy'; name a controller"
    assert errors(database) == [
        f"{SOURCE}: entry 'shutter', key 'controller': {found}",
        f"{SOURCE}: entry 'oven', key 'depends_on': {found}",
    ]


def test_a_circle_of_aliases_is_an_error_of_each_of_them() -> None:
    database = parse(a="b", b="c", c="a", d="a", e="e")
    assert list(database) == []
    assert errors(database) == [
        f"{SOURCE}: entry 'a': leads back to itself: a -> b -> c -> a; break the circle",
        f"{SOURCE}: entry 'b': leads back to itself: b -> c -> a -> b; break the circle",
        f"{SOURCE}: entry 'c': leads back to itself: c -> a -> b -> c; break the circle",
        f"{SOURCE}: entry 'd': refers to 'a', which is left out for an error",
        f"{SOURCE}: entry 'e': leads back to itself: e -> e; break the circle",
    ]


def test_controllers_that_wait_for_each_other_are_an_error() -> None:
    database = parse(
        a=controller(3300, depends_on=["c"]),
        b=controller(3301, depends_on=["a"]),
        c="b",
        d=controller(3302, depends_on=["d"]),
        e=controller(3303),
    )
    assert list(database) == ["e"]
    assert (
        f"{SOURCE}: entry 'a', key 'depends_on': leads back to itself: a -> c -> b -> a; "
        "break the circle"
    ) in errors(database)


def test_dependencies_are_named_as_the_controllers_are() -> None:
    database = parse(
        light="lamp",
        lamp=controller(3300),
        oven=controller(3301, depends_on=["light", "lamp"]),
    )
    assert database.problems == ()
    oven = database["oven"]
    assert isinstance(oven, Controller)
    assert oven.depends_on == ("lamp",)
    assert oven.raw["depends_on"] == ["light", "lamp"]
