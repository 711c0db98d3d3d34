import copy
import pickle
from typing import Any

import pytest

from ndsp.device_db import DeviceDBError, Problem
from tests.ndsp.device_db.databases import SOURCE, controller, errors, parse, warnings


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("target", "target_name"),
        ("targetname", "target_name"),
        ("commmand", "command"),
        ("commnad", "command"),
        ("Command", "command"),
        ("cmd", "command"),
        ("best-effort", "best_effort"),
        ("bestEffort", "best_effort"),
        ("besteffort", "best_effort"),
        ("ping_timmer", "ping_timer"),
        ("enviroment", "environment"),
        ("env", "environment"),
        ("ssl_config", "simple_ssl_config"),
        ("depend_on", "depends_on"),
    ],
)
def test_a_misspelt_key_is_a_warning_with_the_right_name(key: str, right: str) -> None:
    database = parse(lamp=controller() | {key: "x"})
    assert warnings(database) == [
        (
            f"{SOURCE}: entry 'lamp', key {key!r}: looks like a misspelling of {right!r}, "
            "and has no effect as it is"
        )
    ]
    assert "lamp" in database


@pytest.mark.parametrize(
    "key",
    ["port_proxy", "ip", "timeout", "sn_list", "read_timeout", "serial", "comment", "ports", "id"],
)
def test_a_key_of_the_laboratorys_own_is_no_problem(key: str) -> None:
    assert parse(lamp=controller() | {key: "x"}).problems == ()


def test_a_key_that_the_command_uses_is_no_misspelling() -> None:
    command = "aqctl_x --target {target[0]} --env {env}"
    assert parse(lamp=controller(command=command, target=["x"], env="lab")).problems == ()


def test_a_key_beside_the_one_that_it_looks_like_is_no_misspelling() -> None:
    assert parse(lamp=controller(target="x", target_name="lamp")).problems == ()


@pytest.mark.parametrize(
    ("wrong", "right"), [("prot", "port"), ("hsot", "host"), ("hostname", "host")]
)
def test_a_required_key_that_is_misspelt_is_found_by_what_is_missing(
    wrong: str, right: str
) -> None:
    entry = controller()
    entry[wrong] = entry.pop(right)
    database = parse(lamp=entry)
    assert errors(database)[0].startswith(f"{SOURCE}: entry 'lamp', key {right!r}: is missing")
    assert f"key {wrong!r}: looks like a misspelling of {right!r}" in warnings(database)[0]


@pytest.mark.parametrize(
    ("entry", "wrong", "right"),
    [
        ({"type": "local", "module": "a", "class": "B", "args": {}}, "args", "arguments"),
        ({"type": "local", "module": "a", "class": "B", "argumnets": {}}, "argumnets", "arguments"),
        ({"type": "controller_aux_target", "target": "x"}, "target", "target_name"),
        ({"tpye": "local"}, "tpye", "type"),
    ],
)
def test_misspellings_are_found_in_entries_of_every_type(
    entry: dict[str, Any], wrong: str, right: str
) -> None:
    (warning,) = warnings(parse(lamp=entry))
    assert f"key {wrong!r}: looks like a misspelling of {right!r}" in warning


def test_a_problem_says_where_it_is_as_far_as_it_is_somewhere() -> None:
    assert str(Problem("db.py", "lamp", "port", "is 0")) == "db.py: entry 'lamp', key 'port': is 0"
    assert str(Problem("db.py", "lamp", None, "is 0")) == "db.py: entry 'lamp': is 0"
    assert str(Problem("db.py", None, None, "is 0")) == "db.py: is 0"


def test_an_error_with_its_problems_can_be_copied_and_sent() -> None:
    problems = (Problem("db.py", "a", None, "x"), Problem("db.py", "b", "c", "y"))
    error = DeviceDBError(problems)
    assert str(error) == "db.py: entry 'a': x; db.py: entry 'b', key 'c': y"
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert other.problems == problems
        assert str(other) == str(error)
