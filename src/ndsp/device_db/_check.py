"""What can be wrong with a database: problems, and keys that look like misspellings."""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

__all__ = ["DeviceDBError", "Problem", "misspelling"]

LOOKS_ALIKE = 0.85
"""Likeness, as difflib measures it, from which a key counts as misspelt. ``commnad`` has 0.86.
``timeout``, which many entries have as a key of their own, has 0.74 to ``ping_timeout``."""

LOOKS_LIKE_WHAT_IS_MISSING = 0.6
"""The same where the right key has to be there and is not: ``prot`` has 0.75 to ``port``."""

OTHER_WORDS = {
    "args": "arguments",
    "cmd": "command",
    "depends": "depends_on",
    "env": "environment",
    "environ": "environment",
    "hostname": "host",
    "kwargs": "arguments",
    "ssl_config": "simple_ssl_config",
    "target": "target_name",
}
"""What is written for a key without looking like it; ``target`` is found in real databases."""


@dataclass(frozen=True)
class Problem:
    """Something about a database that somebody should repair. As a string, the whole message.

    Attributes:
        source: The file or the master that the database is from.
        entry: Name of the entry; None for the database as a whole.
        key: Key of the entry; None for the entry as a whole.
        text: What was found, and what would have been right.
        is_error: Whether the entry cannot be used, and is left out. Otherwise it is a warning.
    """

    __module__ = "ndsp.device_db"

    source: str
    entry: str | None
    key: str | None
    text: str
    is_error: bool = True

    def __str__(self) -> str:
        where = [] if self.entry is None else [f"entry {self.entry!r}"]
        if self.key is not None:
            where.append(f"key {self.key!r}")
        return f"{self.source}: {', '.join(where)}{': ' if where else ''}{self.text}"


class DeviceDBError(ValueError):
    """A database, or an entry of it, cannot be used.

    Attributes:
        problems: What is wrong, one at least.
    """

    __module__ = "ndsp.device_db"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        # One argument, from which the exception can be made again when it is copied.
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))


def misspelling(key: str, missing: Collection[str], required: Collection[str]) -> str | None:
    """Give the key that was meant, or None if this looks like a key of the laboratory's own.

    Args:
        key: A key that means nothing here.
        missing: Keys that mean something, and are not in the entry.
        required: Those of them that have to be there.
    """
    # Not of Unicode: keys that differ in case and underscores only are the same to the eye.
    plain = key.lower().replace("-", "_")
    if OTHER_WORDS.get(plain) in missing:
        return OTHER_WORDS[plain]
    bare = {name.replace("_", ""): name for name in missing}
    if plain.replace("_", "") in bare:
        return bare[plain.replace("_", "")]
    for names, likeness in ((required, LOOKS_LIKE_WHAT_IS_MISSING), (missing, LOOKS_ALIKE)):
        found = difflib.get_close_matches(plain, names, n=1, cutoff=likeness)
        if found:
            return found[0]
    return None
