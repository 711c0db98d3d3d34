"""Makes entries with types of a raw database, entry by entry; bad ones become problems."""

import copy
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ndsp._spelling import did_you_mean
from ndsp.device_db._check import Problem
from ndsp.device_db._database import DeviceDB
from ndsp.device_db._entries import Alias, AuxiliaryTarget, Controller, Dummy, Entry, Local
from ndsp.device_db._fields import Fields
from ndsp.device_db._relations import check_relations

__all__ = ["parse_device_db"]

TIMES = {
    "ping_timer": False,
    "ping_timeout": False,
    "term_timeout": False,
    "retry_timer": False,
    "retry_timer_backoff": False,
    "retry_timer_max": True,
    "busy_timeout": True,
    "start_timeout": True,
    "drain_timeout": True,
    "restart_window": True,
}
"""Numbers in the entry of a controller, and whether None is allowed for them."""

CONTROLLER_KEYS = (
    *("type", "host", "port", "command", "target_name", "best_effort", "simple_ssl_config"),
    *("depends_on", "environment", "restart_limit", *TIMES),
)


def parse_device_db(raw: Mapping[str, Any], source: str) -> DeviceDB:
    """Make a database of a dict such as a ``device_db.py`` defines.

    Args:
        raw: Entries by name: dicts, and strings for aliases. It is copied.
        source: Where it is from, for messages: the name of a file, ``"master localhost:3251"``.

    Returns:
        The entries that can be used. What is wrong with the others, or looks wrong, is in its
        ``problems``; no bad entry raises.
    """
    if not isinstance(raw, Mapping):
        text = f"is {repr(raw)[:100]}; a device database is a dict of names and entries"
        return DeviceDB(source, {}, [Problem(source, None, None, text)])
    problems: list[Problem] = []
    entries: dict[str, Entry] = {}
    for name, value in raw.items():
        entry = _entry(source, name, value, problems)
        if entry is not None:
            entries[entry.name] = entry
    problems += check_relations(source, entries, set(raw))
    order = {name: number for number, name in enumerate(raw)}
    problems.sort(key=lambda problem: order.get(problem.entry or "", 0))
    return DeviceDB(source, entries, problems)


def _entry(source: str, name: object, value: object, problems: list[Problem]) -> Entry | None:
    if not isinstance(name, str):
        text = f"its name is {name!r}; names must be str"
        problems.append(Problem(source, str(name), None, text))
        return None
    if isinstance(value, str):
        return Alias(name=name, raw=MappingProxyType({}), source=source, target=value)
    if not isinstance(value, Mapping):
        text = f"is {repr(value)[:100]}; give a dict, or the name of another entry"
        problems.append(Problem(source, name, None, text))
        return None
    try:
        fields = Fields(source, name, copy.deepcopy(dict(value)))
    except Exception as exc:  # noqa: BLE001 - whatever the values raise is about this entry only
        text = f"cannot be copied: {exc!r}; give plain values, not objects with a life"
        problems.append(Problem(source, name, None, text))
        return None
    entry = _typed(fields)
    problems += fields.problems
    return None if any(problem.is_error for problem in fields.problems) else entry


def _typed(fields: Fields) -> Entry | None:
    expected = f"one of {', '.join(map(repr, TYPES))}"
    if fields.missing("type", expected):
        fields.unknown_keys(["type"], ["type"])
        return None
    kind = fields.raw["type"]
    read = TYPES.get(kind) if isinstance(kind, str) else None
    if read is None:
        hint = did_you_mean(kind, TYPES) if isinstance(kind, str) else ""
        fields.wrong("type", f"is {kind!r}; give {expected}{hint}")
        return None
    return read(fields)


def _controller(fields: Fields) -> Controller:
    fields.unknown_keys(CONTROLLER_KEYS, ("host", "port"))
    fields.ssl("simple_ssl_config")
    return Controller(
        name=fields.name,
        raw=fields.raw,
        source=fields.source,
        host=fields.text("host", "the name or address of the machine it runs on"),
        port=fields.port("port"),
        command=fields.command("command"),
        target_name=fields.optional_text("target_name", "the name of a target"),
        best_effort=fields.truth("best_effort") or False,
        depends_on=fields.names("depends_on"),
        environment=fields.mapping("environment", of_texts=True),
        restart_limit=fields.count("restart_limit", Controller.restart_limit),
        **fields.numbers(TIMES),
    )


def _auxiliary_target(fields: Fields) -> AuxiliaryTarget:
    required = ("controller", "target_name")
    fields.unknown_keys(("type", "best_effort", *required), required)
    return AuxiliaryTarget(
        name=fields.name,
        raw=fields.raw,
        source=fields.source,
        controller=fields.text("controller", "the name of a controller's entry"),
        target_name=fields.text("target_name", "the name of a target"),
        best_effort=fields.truth("best_effort"),
    )


def _local(fields: Fields) -> Local:
    fields.unknown_keys(("type", "module", "class", "arguments"), ("module", "class"))
    return Local(
        name=fields.name,
        raw=fields.raw,
        source=fields.source,
        module=fields.text("module", "the full name of a module"),
        class_name=fields.text("class", "the name of a class in that module"),
        arguments=fields.mapping("arguments", of_texts=False),
    )


def _dummy(fields: Fields) -> Dummy:
    return Dummy(name=fields.name, raw=fields.raw, source=fields.source)


TYPES: dict[str, Callable[[Fields], Entry]] = {
    "controller": _controller,
    "controller_aux_target": _auxiliary_target,
    "local": _local,
    "dummy": _dummy,
}
