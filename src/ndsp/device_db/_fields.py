"""Reads the keys of one entry, with the types that they must have, and notes what is wrong."""

import math
import re
import string
from collections.abc import Collection, Mapping
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

from ndsp.device_db._check import Problem, misspelling
from ndsp.device_db._entries import SSL_FILES

__all__ = ["Fields"]

GIVEN_TO_COMMANDS = {"name", "bind", "ARTIQ_SSL_DIR"}
"""What a command may refer to besides the keys of its entry: the manager knows these."""


class Fields:
    """The keys of one entry.

    Each method reads one key. If it finds something wrong it notes a problem and gives a value of
    the right type that means nothing: whoever reads an entry looks at the problems at the end.

    Attributes:
        source: The file or master.
        name: The name of the entry.
        raw: The entry, which cannot be changed.
        problems: What was found wrong so far.
    """

    def __init__(self, source: str, name: str, raw: Mapping[str, Any]) -> None:
        self.source = source
        self.name = name
        self.raw = MappingProxyType(raw)
        self.problems: list[Problem] = []

    def wrong(self, key: str | None, text: str, *, is_error: bool = True) -> None:
        """Note a problem."""
        self.problems.append(Problem(self.source, self.name, key, text, is_error))

    def missing(self, key: str, expected: str) -> bool:
        """Tell whether a key that has to be there is not, and note it."""
        if key not in self.raw:
            self.wrong(key, f"is missing; give {expected}")
        return key not in self.raw

    def text(self, key: str, expected: str) -> str:
        """Read a text that has to be there; ``expected`` says what it is."""
        if self.missing(key, expected):
            return ""
        value = self.raw[key]
        if isinstance(value, str) and value:
            return value
        self.wrong(key, f"is {value!r}; give {expected}, a str")
        return ""

    def optional_text(self, key: str, expected: str) -> str | None:
        """Read a text, None if there is none, or None is written."""
        return None if self.raw.get(key) is None else self.text(key, expected) or None

    def truth(self, key: str) -> bool | None:
        """Read True or False; None if it is not there."""
        value = self.raw.get(key)
        if value is None or isinstance(value, bool):
            return value
        self.wrong(key, f"is {value!r}; give True or False")
        return None

    def port(self, key: str) -> int:
        """Read a TCP port, a number or its digits, that has to be there."""
        expected = "the TCP port, a number from 1 to 65535"
        if self.missing(key, expected):
            return 0
        value = self.raw[key]
        if isinstance(value, str) and value.isascii() and value.isdecimal():
            value = int(value)
        if is_number(value, Integral) and 0 < value <= 0xFFFF:
            return int(value)
        self.wrong(key, f"is {self.raw[key]!r}; give {expected}")
        return 0

    def numbers(self, names: Mapping[str, bool]) -> dict[str, Any]:
        """Read those of these positive numbers that are there; True: None is allowed as well."""
        found: dict[str, Any] = {}
        for key, may_be_none in names.items():
            if key not in self.raw:
                continue
            value = self.raw[key]
            if value is None and may_be_none:
                found[key] = None
            elif is_number(value, Real) and 0 < value < math.inf:
                found[key] = float(value)
            else:
                allowed = "a positive number, or None" if may_be_none else "a positive number"
                self.wrong(key, f"is {value!r}; give {allowed}")
        return found

    def count(self, key: str, default: int | None) -> int | None:
        """Read a positive whole number, or None."""
        value = self.raw.get(key, default)
        if value is None:
            return None
        if is_number(value, Integral) and value > 0:
            return int(value)
        self.wrong(key, f"is {value!r}; give a positive whole number, or None")
        return None

    def names(self, key: str) -> tuple[str, ...]:
        """Read a list of texts; empty if it is not there."""
        value = self.raw.get(key, ())
        if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
            return tuple(value)
        self.wrong(key, f"is {value!r}; give a list of names")
        return ()

    def mapping(self, key: str, *, of_texts: bool) -> Mapping[str, Any]:
        """Read a dict whose keys, and perhaps values, are texts; empty if it is not there."""
        value = self.raw.get(key, {})
        if not isinstance(value, Mapping):
            self.wrong(key, f"is {value!r}; give a dict")
            return {}
        for name, item in value.items():
            if not isinstance(name, str):
                self.wrong(key, f"has the key {name!r}; its keys must be str")
            elif of_texts and not isinstance(item, str):
                self.wrong(key, f"has {item!r} for {name!r}; its values must be str")
        return MappingProxyType(value)

    def ssl(self, key: str) -> None:
        """Check the names of certificates, if they are there."""
        if self.raw.get(key) is None:
            return
        files = self.mapping(key, of_texts=True)
        missing = [name for name in SSL_FILES if name not in files]
        if missing and isinstance(self.raw[key], Mapping):
            self.wrong(key, f"lacks {', '.join(map(repr, missing))}; give {', '.join(SSL_FILES)}")
        for name in files:
            if name not in SSL_FILES:
                self.wrong(key, f"has the unknown key {name!r}", is_error=False)

    def command(self, key: str) -> str | None:
        """Read a command, and check that what it refers to is there."""
        command = self.optional_text(key, "a command line")
        try:
            used = places(command or "")
        except ValueError as exc:
            self.wrong(key, f"cannot be filled in: {exc}; write {{{{ and }}}} for braces")
            return None
        for place in sorted(used - self.raw.keys() - GIVEN_TO_COMMANDS):
            text = f"uses {{{place}}}, and the entry has no such key; write {{{{ for a brace"
            self.wrong(key, text, is_error=False)
        return command

    def unknown_keys(self, known: Collection[str], required: Collection[str] = ()) -> None:
        """Warn of keys that look like misspellings; all others are the laboratory's own."""
        missing = [key for key in known if key not in self.raw]
        needed = [key for key in required if key not in self.raw]
        used = self._used_in_command()
        for key in self.raw:
            if key not in known and key not in used:
                meant = misspelling(str(key), missing, needed)
                if meant is not None:
                    text = f"looks like a misspelling of {meant!r}, and has no effect as it is"
                    self.wrong(key, text, is_error=False)

    def _used_in_command(self) -> set[str]:
        command = self.raw.get("command")
        try:
            return places(command) if isinstance(command, str) else set()
        except ValueError:
            return set()


def is_number(value: Any, kind: type) -> bool:
    """Tell whether this is a number; True is none, although Python has it so."""
    return isinstance(value, kind) and not isinstance(value, bool)


def places(template: str) -> set[str]:
    """Give the names that a template refers to; ``{sn_list[0]}`` refers to ``sn_list``.

    Raises:
        ValueError: Its braces do not match.
    """
    fields = (field for _, field, _, _ in string.Formatter().parse(template))
    return {re.split(r"[.\[]", field, maxsplit=1)[0] for field in fields if field is not None}
