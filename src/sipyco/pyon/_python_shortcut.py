"""Python syntax to values by way of the JSON decoder, where that gives the same.

Most of what programs send is JSON but for tuples, arrays and ``nan``. A regular expression turns
those into JSON objects that cannot be mistaken for others, and the decoder written in C does the
rest, several times faster than Python could. Whatever is not JSON then, even if only perhaps, is
left to the parser of `_python_reader`, which is also the one that complains.
"""

import json
import re
from typing import Any, Final

from sipyco.pyon import _types

ELSEWHERE: Final = object()
"""Returned for texts that the other parser must read."""

# The other parser finds the end of long data faster than an expression does, hence the 1 MiB.
_PART = re.compile(
    r"""
    (                             # What JSON has, too, and reads as Python does. Not, therefore:
      (?: [^"'()\#niNI]++
        | "(?![()]")                                    # the keys of our own objects,
          (?:[^"\\\n]++|\\(?!/|u002).)*+"               # even escaped, and slashes
        | [ni](?!an\b|nf\b|p(?:array|scalar)\()
        | [NI](?!aN\b|nfinity\b)                        # and the names that JSON has
      )*+
    )
    (?: ([()])
      | (nan|inf)\b
      | np (?: scalar\( | array\(\( ( | [0-9]+,[ ] | [0-9]+(?:,[ ][0-9]+)++ )\),[ ] )
        "([^"\\\n]*+)",[ ]b"([A-Za-z0-9+/=]{0,1048576}+)"\)
      | \Z
      | ([\s\S])
    )""",
    re.VERBOSE,
)

_GROUP, _TUPLE, _SCALAR, _ARRAY = range(4)
"""What our objects stand for, told at their end: ``{"(":[...],")":_GROUP}``."""

_OPEN = '{"(":['
_CLOSE_GROUP, _CLOSE_TUPLE, _CLOSE_SCALAR, _CLOSE_ARRAY = (f'],")":{kind}}}' for kind in range(4))
_CONSTANTS = {"nan": "NaN", "inf": "Infinity"}


class _ElsewhereError(Exception):
    """Brackets do not match, a value cannot be built, a name is none of Python."""


def read(text: str) -> Any:
    """Read a value, or give `ELSEWHERE`. Raises nothing."""
    if "(" in text or "nan" in text or "inf" in text:
        translated = _translate(text)
        if translated is None:
            return ELSEWHERE
        text, decoder = translated, _DECODER
    elif "\\/" in text:
        return ELSEWHERE
    else:
        decoder = _PLAIN
    try:
        return decoder.decode(text)
    except (ValueError, RecursionError, _ElsewhereError):
        return ELSEWHERE


def _translate(text: str) -> str | None:
    parts: list[str] = []
    depth = 0
    # The expression matches anything, so what it finds follows each other without gaps.
    for match in _PART.finditer(text):
        head, bracket, constant, shape, dtype, data, other = match.groups()
        if bracket == "(":
            depth += 1
            parts += (head, _OPEN)
        elif bracket == ")":
            depth -= 1
            body = head.rstrip(" \t\n\r")
            if body.endswith(","):
                parts += (body[:-1], _CLOSE_TUPLE)
            else:
                parts += (head, _CLOSE_GROUP)
        elif data is not None:
            if shape is None:
                parts += (head, f'{_OPEN}"{dtype}","{data}"{_CLOSE_SCALAR}')
            else:
                sizes = shape.removesuffix(", ")
                parts += (head, f'{_OPEN}[{sizes}],"{dtype}","{data}"{_CLOSE_ARRAY}')
        elif constant:
            parts += (head, _CONSTANTS[constant])
        elif other:
            return None
        else:
            parts.append(head)
    # As many openings as endings: with what `_lift` sees to, every one has its own.
    return "".join(parts) if depth == 0 else None


def _lift(described: dict[str, Any]) -> Any:
    if ")" not in described:
        return described
    # "(1]" would open our object and close its list itself; so nothing else may be in it.
    if len(described) != 2 or "(" not in described:
        raise _ElsewhereError
    items, kind = described["("], described[")"]
    if kind == _GROUP:
        return items[0] if len(items) == 1 else tuple(items)
    if kind == _TUPLE and items:
        return tuple(items)
    try:
        if kind == _SCALAR:
            return _types.build("npscalar", items)
        if kind == _ARRAY:
            return _types.build("nparray", items)
    except _types.UnbuildableError:
        pass
    raise _ElsewhereError


def _refuse(constant: str) -> Any:
    raise _ElsewhereError


_PLAIN = json.JSONDecoder(parse_constant=_refuse)
_DECODER = json.JSONDecoder(object_hook=_lift, parse_constant=float)
