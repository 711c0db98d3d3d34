"""The ports of a database: what listens where, and whose default port that is."""

from collections.abc import Iterable, Sequence
from typing import Any

from ndsp.device_db import DeviceDB, machine
from ndsp.ports._table import KNOWN_PORTS, users_of

__all__ = ["aligned", "controllers_document", "controllers_rows", "known_document", "known_rows"]

KNOWN_HEADER = ("PORT", "PROGRAM", "ASSIGNED BY")

CONTROLLERS_HEADER = ("HOST", "PORT", "CONTROLLER", "REMARK")


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

    ``clashes_with`` names the programs beside controllers that have this port by default and may
    run on the same machine, ``default_of`` the controllers that have it by default.
    """
    controllers = sorted(
        database.controllers(), key=lambda entry: (machine(entry.host), entry.port, entry.name)
    )
    return [
        {
            "host": entry.host,
            "port": entry.port,
            "name": entry.name,
            "clashes_with": _names(entry.port, infrastructure=True),
            "default_of": _names(entry.port, infrastructure=False),
        }
        for entry in controllers
    ]


def _names(port: int, *, infrastructure: bool) -> list[str]:
    return [known.name for known in users_of(port) if known.is_infrastructure is infrastructure]


def controllers_rows(document: Iterable[dict[str, Any]]) -> list[Sequence[str]]:
    """Give the same for a person."""
    rows: list[Sequence[str]] = [CONTROLLERS_HEADER]
    for item in document:
        remarks = [f"clashes with {name}" for name in item["clashes_with"]]
        remarks += [f"default of {name}" for name in item["default_of"]]
        rows.append((item["host"], str(item["port"]), item["name"], "; ".join(remarks)))
    return rows


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Write rows with their columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
