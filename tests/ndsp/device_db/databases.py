"""Databases for tests, and what is wrong with them, as texts."""

from typing import Any

from ndsp.device_db import Controller, DeviceDB, parse_device_db

SOURCE = "device_db.py"


def controller(port: int | str = 3300, host: str = "::1", **more: Any) -> dict[str, Any]:
    return {"type": "controller", "host": host, "port": port, **more}


def parse(**entries: Any) -> DeviceDB:
    return parse_device_db(entries, SOURCE)


def parsed_controller(**keys: Any) -> Controller:
    """The entry with these keys; it has to be without problems."""
    database = parse(lamp=controller(**keys))
    assert database.problems == ()
    entry = database["lamp"]
    assert isinstance(entry, Controller)
    return entry


def errors(database: DeviceDB) -> list[str]:
    return [str(problem) for problem in database.problems if problem.is_error]


def warnings(database: DeviceDB) -> list[str]:
    return [str(problem) for problem in database.problems if not problem.is_error]
