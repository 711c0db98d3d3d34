import threading
from typing import Any

import pytest

from ndsp.device_db import Alias, AuxiliaryTarget, Controller, Dummy, Local, parse_device_db
from tests.ndsp.device_db.databases import (
    SOURCE,
    controller,
    errors,
    parse,
    parsed_controller,
    warnings,
)


def test_all_types_of_entries_are_read_in_the_order_of_the_source() -> None:
    database = parse(
        light="lamp",
        lamp=controller(3300, command="aqctl_lamp -p {port} --bind {bind}"),
        shutter={
            "type": "controller_aux_target",
            "controller": "lamp",
            "target_name": "shutter",
            "best_effort": True,
        },
        ramp={
            "type": "local",
            "module": "lab.mediators",
            "class": "Ramp",
            "arguments": {"device": "lamp"},
        },
        nothing={"type": "dummy"},
    )
    assert database.problems == ()
    assert list(database) == ["light", "lamp", "shutter", "ramp", "nothing"]
    light, lamp, shutter, ramp, nothing = database.values()
    assert isinstance(light, Alias)
    assert light.target == "lamp"
    assert isinstance(lamp, Controller)
    assert (lamp.host, lamp.port) == ("::1", 3300)
    assert lamp.command == "aqctl_lamp -p {port} --bind {bind}"
    assert isinstance(shutter, AuxiliaryTarget)
    assert (shutter.controller, shutter.target_name) == ("lamp", "shutter")
    assert shutter.best_effort is True
    assert isinstance(ramp, Local)
    assert (ramp.module, ramp.class_name) == ("lab.mediators", "Ramp")
    assert dict(ramp.arguments) == {"device": "lamp"}
    assert isinstance(nothing, Dummy)
    assert database.resolve("light") is lamp
    assert database.controllers() == [lamp]


def test_what_a_controller_does_not_say_has_the_documented_defaults() -> None:
    entry = parsed_controller()
    assert (entry.command, entry.target_name, entry.best_effort) == (None, None, False)
    assert (entry.ssl_config, entry.depends_on, dict(entry.environment)) == (None, (), {})
    assert (entry.ping_timer, entry.ping_timeout, entry.term_timeout) == (30.0, 30.0, 30.0)
    assert (entry.retry_timer, entry.retry_timer_backoff) == (5.0, 1.1)
    assert (entry.retry_timer_max, entry.busy_timeout) == (60.0, None)
    assert (entry.start_timeout, entry.drain_timeout) == (60.0, 30.0)
    assert (entry.restart_limit, entry.restart_window) == (10, 60.0)


def test_what_a_controller_says_is_read() -> None:
    entry = parsed_controller(
        target_name="lamp",
        best_effort=True,
        environment={"LAMP": "1"},
        ping_timer=1,
        retry_timer_backoff=1.5,
        retry_timer_max=None,
        busy_timeout=600,
        start_timeout=None,
        restart_limit=3,
        restart_window=None,
    )
    assert (entry.target_name, entry.best_effort) == ("lamp", True)
    assert dict(entry.environment) == {"LAMP": "1"}
    assert (entry.ping_timer, entry.retry_timer_backoff) == (1.0, 1.5)
    assert (entry.retry_timer_max, entry.busy_timeout, entry.start_timeout) == (None, 600.0, None)
    assert (entry.restart_limit, entry.restart_window) == (3, None)
    assert parsed_controller(restart_limit=None).restart_limit is None


def test_a_port_may_be_its_digits() -> None:
    assert parsed_controller(port="3300").port == 3300


@pytest.mark.parametrize(
    "command",
    [
        "aqctl_x -p {port} --bind {bind} --name {name}",
        "aqctl_x --id 'USB VID:PID=0403:6015 SER=DT04'",
        "bash -c 'VAR=x prog ${{HOME}}'",
        r"C:\\lab\\ctl.exe -p {port} --proxy {port_proxy} --ip {ip} --sn {sn_list[0]}",
    ],
)
def test_commands_and_keys_as_laboratories_have_them_are_no_problems(command: str) -> None:
    own = {"port_proxy": 3301, "ip": "10.0.0.7", "timeout": 2, "sn_list": ["27001"]}
    assert parsed_controller(command=command, **own).command == command


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"port": 70000}, "key 'port': is 70000; give the TCP port, a number from 1 to 65535"),
        ({"port": "3_300"}, "key 'port': is '3_300'; give the TCP port"),
        ({"port": True}, "key 'port': is True; give the TCP port"),
        ({"host": None}, "key 'host': is None; give the name or address"),
        ({"host": ""}, "key 'host': is ''; give the name or address"),
        ({"command": ["x"]}, "key 'command': is ['x']; give a command line, a str"),
        ({"command": "x {port"}, "key 'command': cannot be filled in: "),
        ({"target_name": 3}, "key 'target_name': is 3; give the name of a target, a str"),
        ({"best_effort": "no"}, "key 'best_effort': is 'no'; give True or False"),
        ({"ping_timer": 0}, "key 'ping_timer': is 0; give a positive number"),
        ({"ping_timer": None}, "key 'ping_timer': is None; give a positive number"),
        ({"busy_timeout": -1}, "key 'busy_timeout': is -1; give a positive number, or None"),
        ({"busy_timeout": "1"}, "key 'busy_timeout': is '1'; give a positive number, or None"),
        ({"start_timeout": float("nan")}, "key 'start_timeout': is nan; give a positive number"),
        ({"restart_limit": 1.5}, "key 'restart_limit': is 1.5; give a positive whole number"),
        ({"depends_on": "lamp"}, "key 'depends_on': is 'lamp'; give a list of names"),
        ({"environment": []}, "key 'environment': is []; give a dict"),
        ({"environment": {"A": 1}}, "key 'environment': has 1 for 'A'; its values must be str"),
        ({"environment": {1: "A"}}, "key 'environment': has the key 1; its keys must be str"),
        ({"simple_ssl_config": "x"}, "key 'simple_ssl_config': is 'x'; give a dict"),
        (
            {"simple_ssl_config": {"local_cert": "x", "local_key": "y"}},
            "key 'simple_ssl_config': lacks 'peer_cert'; give local_cert, local_key, peer_cert",
        ),
    ],
)
def test_a_bad_value_is_an_error_that_names_file_entry_and_key(
    keys: dict[str, Any], complaint: str
) -> None:
    database = parse(lamp=controller() | keys, other=controller(3301))
    (error,) = errors(database)
    assert error.startswith(f"{SOURCE}: entry 'lamp', {complaint}")
    assert list(database) == ["other"]


@pytest.mark.parametrize(
    ("entry", "complaints"),
    [
        ({"type": "controller"}, ["key 'host': is missing", "key 'port': is missing"]),
        ({"host": "::1"}, ["key 'type': is missing; give one of 'controller', "]),
        ({"type": "controler"}, ["key 'type': is 'controler'; give one of"]),
        ({"type": ["local"]}, ["key 'type': is ['local']; give one of"]),
        ({"type": "local", "module": "lab"}, ["key 'class': is missing"]),
        ({"type": "local", "module": "lab", "class": 3}, ["key 'class': is 3"]),
        (
            {"type": "local", "module": "a", "class": "B", "arguments": [1]},
            ["key 'arguments': is [1]; give a dict"],
        ),
        (
            {"type": "controller_aux_target"},
            ["key 'controller': is missing", "key 'target_name': is missing"],
        ),
    ],
)
def test_everything_wrong_with_an_entry_is_told(entry: object, complaints: list[str]) -> None:
    found = errors(parse(lamp=entry))
    assert len(found) == len(complaints)
    for error, complaint in zip(found, complaints, strict=True):
        assert error.startswith(f"{SOURCE}: entry 'lamp', {complaint}")


def test_the_right_type_is_suggested() -> None:
    (error,) = errors(parse(lamp={"type": "controler"}))
    assert error.endswith("did you mean 'controller'?")


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        (3, "is 3; give a dict, or the name of another entry"),
        ({"type": "dummy", "lock": threading.Lock()}, "cannot be copied: "),
    ],
)
def test_an_entry_that_is_no_dict_of_values_is_an_error(entry: object, complaint: str) -> None:
    (error,) = errors(parse(lamp=entry))
    assert error.startswith(f"{SOURCE}: entry 'lamp': {complaint}")


def test_a_name_that_is_no_str_is_an_error() -> None:
    raw: Any = {3: controller()}
    assert errors(parse_device_db(raw, SOURCE)) == [
        f"{SOURCE}: entry '3': its name is 3; names must be str"
    ]


def test_a_database_that_is_no_dict_is_an_error_without_an_entry() -> None:
    raw: Any = [1]
    database = parse_device_db(raw, SOURCE)
    assert errors(database) == [
        f"{SOURCE}: is [1]; a device database is a dict of names and entries"
    ]
    assert len(database) == 0


def test_a_place_in_a_command_that_nothing_fills_is_a_warning() -> None:
    database = parse(lamp=controller(command="bash -c 'x ${HOME} {port}'"))
    (warning,) = warnings(database)
    assert warning.startswith(
        f"{SOURCE}: entry 'lamp', key 'command': uses {{HOME}}, and the entry"
    )
    assert "lamp" in database


def test_an_unknown_key_of_certificates_is_a_warning() -> None:
    files = {"local_cert": "a", "local_key": "b", "peer_cert": "c", "peer": "d"}
    assert warnings(parse(lamp=controller(simple_ssl_config=files))) == [
        f"{SOURCE}: entry 'lamp', key 'simple_ssl_config': has the unknown key 'peer'"
    ]


def test_the_database_is_not_changed_and_a_copy_of_it_is_kept() -> None:
    raw = {"lamp": controller(sn_list=["1"], depends_on=["light"]), "light": controller(3301)}
    before = {name: dict(entry) for name, entry in raw.items()}
    database = parse_device_db(raw, SOURCE)
    assert raw == before
    raw["lamp"]["sn_list"].append("2")
    assert database["lamp"].raw["sn_list"] == ["1"]
    database.as_dict()["lamp"]["sn_list"].append("3")
    assert database["lamp"].raw["sn_list"] == ["1"]
    with pytest.raises(TypeError):
        database["lamp"].raw["host"] = "x"  # type: ignore[index]


def test_the_entries_are_given_as_they_stand_in_the_source() -> None:
    raw = {"lamp": controller("3300", own=(1, 2)), "light": "lamp", "no": {"type": "dummy"}}
    assert parse_device_db(raw, SOURCE).as_dict() == raw
