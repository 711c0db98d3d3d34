"""The database as a whole: its entries by name, and what is wrong with it."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ndsp._spelling import did_you_mean
from ndsp.device_db._check import DeviceDBError, Problem
from ndsp.device_db._entries import Alias, Controller, Entry

__all__ = ["DeviceDB"]


class DeviceDB(Mapping[str, Entry]):
    """The entries of a device database by their names, in the order of the source.

    It never changes. Entries in error are not in it: ``problems`` tells of them.

    Attributes:
        source: The file or master that it is from, as messages name it.
        problems: Errors and warnings, in the order of the source.
    """

    __module__ = "ndsp.device_db"

    def __init__(
        self, source: str, entries: Mapping[str, Entry], problems: Iterable[Problem] = ()
    ) -> None:
        self.source = source
        self.problems = tuple(problems)
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<DeviceDB of {self.source}: {len(self)} entries, {len(self.problems)} problems>"

    def resolve(self, name: str) -> Entry:
        """Give the entry of a name, after aliases.

        Returns:
            An entry that is no Alias.

        Raises:
            DeviceDBError: There is no such entry, or it was left out; ``problems`` tells why.
        """
        entry = self._entries.get(name)
        while isinstance(entry, Alias):
            entry = self._entries[entry.target]
        if entry is not None:
            return entry
        known = [problem for problem in self.problems if problem.entry == name and problem.is_error]
        text = f"there is no such entry{did_you_mean(name, self)}"
        raise DeviceDBError(known or [Problem(self.source, name, None, text)])

    def controllers(self) -> list[Controller]:
        """Give all controllers, in the order of the source."""
        return [entry for entry in self.values() if isinstance(entry, Controller)]

    def as_dict(self) -> dict[str, Any]:
        """Give the entries as they stand in the source: dicts, and strings for aliases.

        Returns:
            A copy. What is done to it changes nothing here.
        """
        return {
            name: entry.target if isinstance(entry, Alias) else copy.deepcopy(dict(entry.raw))
            for name, entry in self.items()
        }
