"""What entries have to do with each other: who names whom, in which circles, and shared ports."""

import dataclasses
from collections.abc import Iterator, Mapping

from ndsp._spelling import did_you_mean
from ndsp.device_db._check import Problem
from ndsp.device_db._entries import Alias, AuxiliaryTarget, Controller, Entry
from ndsp.device_db._hosts import machine

__all__ = ["check_relations"]


def check_relations(source: str, entries: dict[str, Entry], names: set[str]) -> list[Problem]:
    """Take the entries out that cannot be used because of others, and tell why.

    What stays is complete: all names in it lead to entries in it, and ``depends_on`` names
    controllers, no aliases.

    Args:
        source: The file or master.
        entries: The entries that are right by themselves. It is changed.
        names: All names in the source.
    """
    problems = []
    for check in (_shared_ports, _circles):
        for problem in [Problem(source, *found) for found in check(entries)]:
            problems.append(problem)
            if problem.is_error:
                entries.pop(problem.entry or "", None)
    # An entry that is taken out may take others with it that name it.
    while found := [Problem(source, *lost) for lost in _lost(entries, names)]:
        problems += found
        for problem in found:
            entries.pop(problem.entry or "", None)
    for name, entry in entries.items():
        if isinstance(entry, Controller) and entry.depends_on:
            resolved = dict.fromkeys(follow(entries, other) for other in entry.depends_on)
            entries[name] = dataclasses.replace(entry, depends_on=tuple(resolved))
    return problems


def follow(entries: Mapping[str, Entry], name: str) -> str:
    """Give the name at the end of aliases, which may be the name of nothing."""
    while isinstance(entry := entries.get(name), Alias):
        name = entry.target
    return name


Found = tuple[str, str | None, str, bool]
"""What a problem says besides its source."""


def _named_by(entry: Entry) -> list[tuple[str | None, str]]:
    """Give the keys of an entry that name others, and these names."""
    if isinstance(entry, Alias):
        return [(None, entry.target)]
    if isinstance(entry, AuxiliaryTarget):
        return [("controller", entry.controller)]
    if isinstance(entry, Controller):
        return [("depends_on", name) for name in entry.depends_on]
    return []


def _shared_ports(entries: Mapping[str, Entry]) -> Iterator[Found]:
    """Find controllers on one host and port; the first one stays.

    Several may be targets of one program that only one of them starts, or none. That works if
    each says its target, and is better written in another way.
    """
    there: dict[tuple[str, int], list[Controller]] = {}
    for entry in entries.values():
        if not isinstance(entry, Controller):
            continue
        others = there.setdefault((machine(entry.host), entry.port), [])
        clash = next((other for other in others if not _may_share(entry, other)), None)
        other = clash or next(iter(others), None)
        if other is not None:
            text = f"is {entry.port} on {entry.host!r}, as that of the controller {other.name!r}"
            advice = (
                "choose another port"
                if clash
                else "for another device of one program, write the type 'controller_aux_target'"
            )
            yield entry.name, "port", f"{text}; {advice}", clash is not None
        if not clash:
            others.append(entry)


def _may_share(one: Controller, other: Controller) -> bool:
    targets = {one.target_name, other.target_name}
    return not (one.command and other.command) and len(targets) == 2 and None not in targets


def _circles(entries: Mapping[str, Entry]) -> Iterator[Found]:
    """Find entries that name each other in a circle, every one of each."""
    for name, entry in entries.items():
        circle = _way_back(entries, name)
        if circle:
            key = "depends_on" if isinstance(entry, Controller) else None
            yield name, key, f"leads back to itself: {' -> '.join(circle)}; break the circle", True


def _way_back(entries: Mapping[str, Entry], name: str) -> list[str]:
    ways = [[name]]
    seen: set[str] = set()
    for way in ways:  # which grows: the shortest ways come first
        entry = entries.get(way[-1])
        for _, other in _named_by(entry) if entry is not None else ():
            if other == name:
                return [*way, name]
            if other not in seen:
                seen.add(other)
                ways.append([*way, other])
    return []


def _lost(entries: Mapping[str, Entry], names: set[str]) -> Iterator[Found]:
    """Find entries that name what is not there, or is no controller where one is needed."""
    for name, entry in entries.items():
        for key, other in _named_by(entry):
            end = entries.get(follow(entries, other))
            if end is None and other in names:
                yield name, key, f"refers to {other!r}, which is left out for an error", True
            elif end is None:
                hint = did_you_mean(other, names)
                yield name, key, f"refers to {other!r}, and there is no such entry{hint}", True
            elif key is not None and not isinstance(end, Controller):
                kind = end.raw["type"]
                yield (
                    name,
                    key,
                    f"refers to {other!r}, which has type {kind!r}; name a controller",
                    True,
                )
