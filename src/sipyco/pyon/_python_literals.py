"""Text, bytes and numbers as Python writes them in source code."""

import re
import unicodedata
from typing import Any

from sipyco.pyon._limits import shorten


class LiteralError(ValueError):
    """A literal is malformed.

    Attributes:
        offset: Where in the literal, in characters from its beginning.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class ExcessError(ValueError):
    """A literal is well-formed, but too much."""


STRING = r"""(?P<prefix>[rRuUbB]|[bB][rR]|[rR][bB])?(?P<quote>'''|\"{3}|'|")"""
"""How a literal of text or bytes begins."""

NUMBER = r"""
    0[xX](?:_?[0-9a-fA-F])++ | 0[oO](?:_?[0-7])++ | 0[bB](?:_?[01])++
  | (?: [0-9](?:_?[0-9])*+ (?:\. (?:[0-9](?:_?[0-9])*+)? )? | \. [0-9](?:_?[0-9])*+ )
    (?: [eE][+-]?[0-9](?:_?[0-9])*+ )? [jJ]?
"""
"""A number without its sign. (One that begins with needless zeros is refused afterwards.)"""

_BODIES = {
    "'": re.compile(r"[^'\\\n]*+(?:\\[\s\S][^'\\\n]*+)*+"),
    '"': re.compile(r'[^"\\\n]*+(?:\\[\s\S][^"\\\n]*+)*+'),
    "'''": re.compile(r"[^'\\]*+(?:(?:\\[\s\S]|'(?!''))[^'\\]*+)*+"),
    '"""': re.compile(r'[^"\\]*+(?:(?:\\[\s\S]|"(?!""))[^"\\]*+)*+'),
}

_TEXT_ESCAPE = re.compile(
    r"""\\ (?:
        (?P<simple> [\\'"abfnrtv\n] )
      | (?P<octal> [0-7]{1,3} )
      | u (?P<pair> [dD][89abAB][0-9a-fA-F]{2} \\u [dD][c-fC-F][0-9a-fA-F]{2} )
      | x (?P<x> [0-9a-fA-F]{2} ) | u (?P<u> [0-9a-fA-F]{4} ) | U (?P<U> [0-9a-fA-F]{8} )
      | N \{ (?P<N> [^}]*+ ) \}
      | (?P<bad> [xuUN] )
      | (?P<kept> [\s\S] )
    )""",
    re.VERBOSE,
)

_BYTES_ESCAPE = re.compile(
    r"""\\ (?:
        (?P<simple> [\\'"abfnrtv\n] )
      | (?P<octal> [0-7]{1,3} )
      | x (?P<x> [0-9a-fA-F]{2} )
      | (?P<bad> x )
      | (?P<kept> [\s\S] )
    )""",
    re.VERBOSE,
)

_SIMPLE = dict(zip("\\'\"abfnrtv", "\\'\"\a\b\f\n\r\t\v", strict=True)) | {"\n": ""}

_FORMS = {
    "x": "\\x takes two digits of base 16",
    "u": "\\u takes four digits of base 16",
    "U": "\\U takes eight digits of base 16",
    "N": "\\N takes the name of a character in braces",
}


def end_of_body(text: str, start: int, quote: str) -> int:
    """Find where the closing quote should be; something else is there if it is missing."""
    # Data of arrays are long and have neither: these searches are twenty times faster.
    end = text.find(quote, start)
    if end >= 0 and text.find("\\", start, end) < 0 and text.find("\n", start, end) < 0:
        return end
    match = _BODIES[quote].match(text, start)
    assert match is not None  # It matches nothing at all, too.
    return match.end()


def read_text(body: str) -> str:
    """Read what stands between the quotes of a text.

    Raises:
        LiteralError: An escape sequence is malformed.
    """
    return _TEXT_ESCAPE.sub(_text_character, body) if "\\" in body else body


def read_bytes(body: str, *, raw: bool) -> bytes:
    """Read what stands between the quotes of bytes.

    Raises:
        LiteralError: A character is not ASCII, or an escape sequence is malformed.
    """
    if not body.isascii():
        offset = next(i for i, character in enumerate(body) if not character.isascii())
        raise LiteralError("bytes literals hold ASCII characters and escapes only", offset)
    if not raw and "\\" in body:
        body = _BYTES_ESCAPE.sub(_byte, body)
    return body.encode("latin-1")


def _text_character(match: re.Match[str]) -> str:
    form, value = match.lastgroup, match[match.lastgroup or 0]
    match form:
        case "simple":
            return _SIMPLE[value]
        case "octal":
            return chr(int(value, 8))
        case "pair":
            # Older peers write one character beyond the BMP as two escapes.
            high, low = int(value[:4], 16), int(value[6:], 16)
            return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
        case "x" | "u" | "U":
            code = int(value, 16)
            if code > 0x10FFFF:
                raise LiteralError(f"there is no character {match[0]}", match.start())
            return chr(code)
        case "N":
            try:
                return unicodedata.lookup(value)
            except (KeyError, UnicodeEncodeError):
                # The second one: half of a character, of which no name can consist.
                raise LiteralError(
                    f"there is no character named {shorten(value)!r}", match.start()
                ) from None
        case "bad":
            raise LiteralError(_FORMS[value], match.start())
        case _:
            # As Python does: it keeps the backslash of escapes that it does not know.
            return match[0]


def _byte(match: re.Match[str]) -> str:
    form, value = match.lastgroup, match[match.lastgroup or 0]
    match form:
        case "simple":
            return _SIMPLE[value]
        case "octal":
            return chr(int(value, 8) & 0xFF)
        case "x":
            return chr(int(value, 16))
        case "bad":
            raise LiteralError(_FORMS[value], match.start())
        case _:
            return match[0]


def read_number(literal: str) -> int | float | complex:
    """Read a number without a sign.

    Raises:
        LiteralError: It begins with needless zeros.
        ExcessError: It is an integer of too many digits.
    """
    digits = literal.replace("_", "")
    base = _BASES.get(digits[:2].lower())
    if base is not None:
        return int(digits[2:], base)
    if digits[-1] in "jJ":
        return complex(0.0, float(digits[:-1]))
    if not digits.isdecimal():
        return float(digits)
    if digits[0] == "0" and digits.strip("0"):
        raise LiteralError("integers do not begin with zeros (octal ones begin with 0o)", 0)
    try:
        return int(digits)
    except ValueError as error:
        raise ExcessError(str(error)) from None


_BASES = {"0x": 16, "0o": 8, "0b": 2}

NAMED: dict[str, Any] = {
    "None": None,
    "True": True,
    "False": False,
    "null": None,
    "true": True,
    "false": False,
    "inf": float("inf"),
    # Older writers use these two and cannot read them.
    "infj": complex(0.0, float("inf")),
    "nanj": complex(0.0, float("nan")),
}
"""Values that have a name, except for nan: each of them is an object of its own, or else two of
them would be one key of a dict."""
