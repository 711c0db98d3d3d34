"""Which controllers of a database are to run here, whatever becomes of it."""

import asyncio
import threading
from typing import Any

import pytest

from ndsp.device_db import Controller, parse_device_db
from ndsp.manager._hosts import HostFilter
from ndsp.manager._roster import Roster


class Names(HostFilter):
    """A name server that may be away."""

    is_there = True

    def knows(self, controller: Controller) -> bool:
        return self.is_there and super().knows(controller)


class Slow(HostFilter):
    """A name server that takes its time for one host."""

    def __init__(self, wanted: str | None) -> None:
        super().__init__(wanted)
        self.answers = threading.Event()

    def knows(self, controller: Controller) -> bool:
        return (controller.host != "127.0.0.1" or self.answers.wait(20)) and super().knows(
            controller
        )


def entry(port: int, **more: Any) -> dict[str, Any]:
    return {"type": "controller", "host": "localhost", "port": port, "command": "x", **more}


def read(roster: Roster, raw: Any) -> None:
    asyncio.run(roster.read(parse_device_db(raw, "file")))


def test_what_is_to_run_elsewhere_or_by_nobody_is_left_out_with_the_reason() -> None:
    roster = Roster(HostFilter(None))
    no_command = entry(2)
    del no_command["command"]
    read(roster, {"a": entry(1), "b": no_command, "c": entry(3, host="192.0.2.7"), "d": {}})
    assert list(roster.wanted) == ["a"]
    states = {name: left["state"] for name, left in roster.left_out.items()}
    assert states == {"d": "in error", "b": "unmanaged", "c": "elsewhere"}
    assert "its entry has no command" in roster.left_out["b"]["reason"]
    assert roster.look_up_at is None


def test_a_controller_goes_on_while_the_name_server_is_away() -> None:
    hosts = Names(None)
    roster = Roster(hosts)
    read(roster, {"a": entry(1)})
    hosts.is_there = False
    read(roster, {"a": entry(1), "b": entry(2)})
    assert list(roster.wanted) == ["a"]
    assert list(roster.goes_on) == ["a"]
    assert roster.left_out["b"]["state"] == "unknown host"
    assert roster.look_up_at is not None
    hosts.is_there = True
    asyncio.run(roster.look_up_again())
    assert list(roster.wanted) == ["a", "b"]
    assert roster.goes_on == {}
    assert roster.look_up_at is None


def test_a_slow_name_server_holds_up_only_those_whose_hosts_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ndsp.manager._roster.LONGEST_LOOK_UP", 0.2)
    hosts = Slow(None)
    roster = Roster(hosts)
    read(roster, {"a": entry(1), "b": entry(2, host="127.0.0.1")})
    assert list(roster.wanted) == ["a"]
    assert "the name server takes its time" in roster.left_out["b"]["reason"]
    hosts.answers.set()
    asyncio.run(roster.look_up_again())
    assert list(roster.wanted) == ["a", "b"]


@pytest.mark.parametrize("raw", [[1, 2], None, "x"])
def test_what_is_no_database_changes_nothing(raw: Any) -> None:
    roster = Roster(HostFilter(None))
    read(roster, {"a": entry(1)})
    read(roster, raw)
    assert list(roster.wanted) == ["a"]


def test_a_problem_is_told_again_when_it_has_come_back(caplog: pytest.LogCaptureFixture) -> None:
    roster = Roster(HostFilter(None))
    for port in ("x", "x", 1, "x"):
        read(roster, {"a": {**entry(1), "port": port}})
    assert len([r for r in caplog.records if "key 'port'" in r.getMessage()]) == 2
    assert list(roster.goes_on) == ["a"]


def test_problems_that_are_only_warnings_leave_nothing_out() -> None:
    roster = Roster(HostFilter(None))
    read(roster, {"a": entry(1, ping_tmer=3)})
    assert list(roster.wanted) == ["a"]
    assert roster.left_out == {}
