"""The ports of a database: what listens where, and whose default port that is."""

from collections.abc import Iterable, Sequence
from typing import Any

from ndsp.device_db import DeviceDB, machine
from ndsp.ports._table import KNOWN_PORTS, users_of

__all__ = ["aligned", "controllers_document", "controllers_rows", "known_document", "known_rows"]

KNOWN_HEADER = ("PORT", "PROGRAM", "ASSIGNED BY")

CONTROLLERS_HEADER = ("HOST", "PORT", "CONTROLLER", "DEFAULT PORT OF")


def known_document() -> list[dict[str, Any]]:
    """Give the table of default ports for a program."""
    return [
        {
            "first": known.first,
            "last": known.last,
            "name": known.name,
            "origin": known.origin,
            "is_infrastructure": known.is_infrastructure,
        }
        for known in KNOWN_PORTS
    ]


def known_rows() -> list[Sequence[str]]:
    """Give the table of default ports for a person."""
    return [KNOWN_HEADER, *((known.ports, known.name, known.origin) for known in KNOWN_PORTS)]


def controllers_document(database: DeviceDB) -> list[dict[str, Any]]:
    """Give the controllers of a database by host and port.

    ``clashes`` tells that a program has this default port which may run on the same machine.
    """
    controllers = sorted(
        database.controllers(), key=lambda entry: (machine(entry.host), entry.port, entry.name)
    )
    return [
        {
            "host": entry.host,
            "port": entry.port,
            "name": entry.name,
            "default_of": [known.name for known in users_of(entry.port)],
            "clashes": any(known.is_infrastructure for known in users_of(entry.port)),
        }
        for entry in controllers
    ]


def controllers_rows(document: Iterable[dict[str, Any]]) -> list[Sequence[str]]:
    """Give the same for a person."""
    rows: list[Sequence[str]] = [CONTROLLERS_HEADER]
    for item in document:
        users = "; ".join(item["default_of"])
        mark = "clash: " if item["clashes"] else ""
        rows.append((item["host"], str(item["port"]), item["name"], f"{mark}{users}"))
    return rows


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Write rows with their columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
