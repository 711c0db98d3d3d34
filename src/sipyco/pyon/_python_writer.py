"""Values to Python syntax, on one line or for reading.

Two sets of functions do it. The fast one is right for all but two rare things, which show in its
result; then the careful one, which is also the one for reading, does it again.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from fractions import Fraction
from json.encoder import encode_basestring_ascii
from math import isfinite, isnan
from typing import Any, TypeAlias

from sipyco.pyon import _aside, _types
from sipyco.pyon._halves import split
from sipyco.pyon._python_literals import NAMED
from sipyco.pyon._types import Kind, UnknownTypeError, in_order, set_items

_Write: TypeAlias = Callable[[Any], str]

_JSONCLASS = '"__jsonclass__"'
_SURROGATE = "\\ud"
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")


def write(value: Any) -> str:
    """Spell a value on one line.

    Raises:
        UnknownTypeError: A type has no spelling.
        ValueError: A value has none: too many digits, pointers.
        RecursionError: Nested too deep, or contains itself.
    """
    text = _FAST[type(value)](value)
    if _SURROGATE in text or _JSONCLASS in text:
        _aside.begin_again()
        return _CAREFUL[type(value)](value)
    return text


def write_pretty(value: Any) -> str:
    """Spell a value for reading: dicts of several entries on several lines, sorted by key.

    Raises:
        The same as `write`.
    """
    # Made anew, for the depth of the line is theirs.
    return _Writers(_write_text, _pretty_dict)[type(value)](value)


class _Writers(dict[type, _Write]):
    """One function for every type; most leaves are functions in C."""

    def __init__(
        self,
        text: _Write,
        make_dict: Callable[["_Writers"], _Write],
    ) -> None:
        def write_list(x: list[Any]) -> str:
            return "[" + ", ".join([self[type(v)](v) for v in x]) + "]"

        def write_tuple(x: tuple[Any, ...]) -> str:
            if len(x) == 1:
                return "(" + self[type(x[0])](x[0]) + ", )"
            return "(" + ", ".join([self[type(v)](v) for v in x]) + ")"

        def write_set(x: set[Any]) -> str:
            if not x:
                # {} is a dict. A star in braces is the one thing that older peers, which
                # know no functions but ours, evaluate to an empty set.
                return "{*()}"
            items = set_items(x, lambda v: self[type(v)](v))
            return "{" + ", ".join([self[type(v)](v) for v in items]) + "}"

        def write_ordered_dict(x: OrderedDict[Any, Any]) -> str:
            return f"OrderedDict({write_list(list(x.items()))})"

        super().__init__(
            {
                type(None): {None: "null"}.__getitem__,
                bool: {True: "true", False: "false"}.__getitem__,
                int: int.__repr__,
                float: float.__repr__,
                complex: _write_complex,
                bytes: bytes.__repr__,
                str: text,
                list: write_list,
                tuple: write_tuple,
                dict: make_dict(self),
                set: write_set,
                OrderedDict: write_ordered_dict,
                slice: self._slice,
                Fraction: self._call(_types.FRACTION),
            }
        )

    def __missing__(self, value_type: type) -> _Write:
        kind = _types.kind_of(value_type)
        if kind is None or (kind.is_user and not is_name(kind.name)):
            raise UnknownTypeError(value_type)
        if kind.is_user:
            # Not kept: it can be deregistered.
            return self._call(kind)
        self[value_type] = function = self._array if kind is _types.NPARRAY else self._scalar
        return function

    def _call(self, kind: Kind) -> _Write:
        def write_call(x: Any) -> str:
            arguments = [self[type(v)](v) for v in kind.arguments(x)]
            return f"{kind.name}({', '.join(arguments)})"

        return write_call

    def _slice(self, x: slice) -> str:
        # Older writers take Python's own names here. They are on disks and in databases.
        parts = [repr(v) if v is None else self[type(v)](v) for v in (x.start, x.stop, x.step)]
        return f"slice({', '.join(parts)})"

    def _array(self, x: Any) -> str:
        shape, dtype, data = _types.NPARRAY.arguments(x)
        return f'nparray({self[tuple](tuple(shape))}, {self[type(dtype)](dtype)}, b"{data}")'

    def _scalar(self, x: Any) -> str:
        dtype, data = _types.NPSCALAR.arguments(x)
        return f'npscalar({self[type(dtype)](dtype)}, b"{data}")'


def is_name(name: str) -> bool:
    """Tell whether values of a registered name can be written in Python syntax at all."""
    parts = name.split(".")
    return name.isascii() and name not in (*NAMED, "nan") and all(map(str.isidentifier, parts))


def _fast_dict(writers: _Writers) -> _Write:
    def write_dict(x: dict[Any, Any]) -> str:
        return (
            "{"
            + ", ".join(
                [f"{writers[type(k)](k)}: {writers[type(v)](v)}" for k, v in x.items()],
            )
            + "}"
        )

    return write_dict


def _careful_dict(writers: _Writers) -> _Write:
    def write_dict(x: dict[Any, Any]) -> str:
        return "{" + ", ".join(_careful_entries(writers, x.items())) + "}"

    return write_dict


def _careful_entries(writers: _Writers, items: Any) -> list[str]:
    # A reader that recognises the spelling by itself would take that key in double quotes for
    # the JSON spelling of a special value.
    return [f"{_quoted_key(writers[type(k)](k))}: {writers[type(v)](v)}" for k, v in items]


def _quoted_key(text: str) -> str:
    return "'__jsonclass__'" if text == _JSONCLASS else text


def _pretty_dict(writers: _Writers) -> _Write:
    depth = 0

    def write_dict(x: dict[Any, Any]) -> str:
        nonlocal depth
        if len(x) < 2:
            return "{" + "".join(_careful_entries(writers, x.items())) + "}"
        keys = in_order(x.keys())
        items = x.items() if keys is None else [(key, x[key]) for key in keys]
        depth += 1
        entries = _careful_entries(writers, items)
        line = "\n" + 4 * depth * " "
        depth -= 1
        return "{" + line + ("," + line).join(entries) + "\n" + 4 * depth * " " + "}"

    return write_dict


def _write_text(x: str) -> str:
    if x.isascii():
        return encode_basestring_ascii(x)
    # Two halves of a character, each of its own, would be read as that character: they go into
    # two literals, which readers join only afterwards.
    return " ".join([_write_piece(piece) for piece in split(x)])


def _write_piece(x: str) -> str:
    pieces = re.split(_BEYOND_BMP, x)
    beyond = [f"\\U{ord(character):08x}" for character in _BEYOND_BMP.findall(x)]
    spelled = [encode_basestring_ascii(piece)[1:-1] for piece in pieces]
    return '"' + "".join([a + b for a, b in zip(spelled, [*beyond, ""], strict=True)]) + '"'


def _write_complex(x: complex) -> str:
    if isfinite(x.imag):
        return complex.__repr__(x)
    # infj and nanj are names that older peers do not have. What overflows is infinite, and the
    # difference of two infinities is no number.
    infinite = "1e999j" if x.imag > 0 else "-1e999j"
    imaginary = "1e999j-1e999j" if isnan(x.imag) else infinite
    text = complex.__repr__(x)
    if not text.startswith("("):
        # No real part, or a zero that `repr` leaves out.
        return f"({imaginary})" if isnan(x.imag) else imaginary
    real = float.__repr__(x.real)
    sign = "" if imaginary.startswith("-") else "+"
    return f"({real.removesuffix('.0')}{sign}{imaginary})"


_FAST = _Writers(encode_basestring_ascii, _fast_dict)
_CAREFUL = _Writers(_write_text, _careful_dict)
