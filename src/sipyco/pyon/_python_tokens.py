"""Python syntax as a sequence of tokens, and the errors that are told at them."""

import re

from sipyco.pyon._errors import DecodeError, InvalidValueError
from sipyco.pyon._limits import shorten
from sipyco.pyon._python_constructs import name_construct
from sipyco.pyon._python_literals import NUMBER, STRING

_TOKEN = re.compile(
    rf"""
    (?: [ \t\n\f]++ | \#[^\n]*+ | \\\n )*+
    (?: (?P<string> {STRING} )
      | (?P<number> {NUMBER} )
      | (?P<name> [^\W\d]\w*+ (?: \.[^\W\d]\w*+ )*+ )
      | (?P<mark> [()\[\]{{}},:+\-*] )
      | (?P<end> \Z )
      | (?P<other> [\s\S] )
    )""",
    re.VERBOSE,
)


class Tokens:
    """Goes through a text. The current token has been found, but not used."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._match = _TOKEN.match
        self._advance(0)

    def _advance(self, position: int) -> None:
        match = self._match(self._text, position)
        assert match is not None  # The last alternative is any character.
        kind = match.lastgroup
        assert kind is not None
        self._found = match
        self._kind = kind
        self._symbol: str = match[kind]
        self._start = match.start(kind)
        self._end = match.end()

    def _next(self) -> None:
        self._advance(self._end)

    def _pass(self, token: str, expected: str) -> None:
        if self._symbol != token:
            raise self._misplaced(expected, after_value=True)
        self._next()

    def _misplaced(
        self, expected: str, position: int | None = None, *, after_value: bool = False
    ) -> DecodeError:
        """Say what stands there in place of what is expected."""
        start = self._start if position is None else position
        construct = name_construct(self._text, start, after_value=after_value)
        if construct is not None:
            return self._malformed(f"{construct} is not allowed in PYON", start)
        found = shorten(repr(self._symbol)) if self._symbol else "the end of the text"
        return self._malformed(f"expected {expected}, found {found}", start)

    def _malformed(self, message: str, position: int) -> DecodeError:
        return DecodeError(message, self._text, position)

    def _impossible(self, message: str, position: int) -> DecodeError:
        return InvalidValueError(message, self._text, position)
