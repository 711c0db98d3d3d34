"""Values to MessagePack and back, with the memory of large arrays beside it, as it is.

What MessagePack does not have travels as an extension: one for tuples, which are frequent, one for
integers and text beyond its range, two for numpy, and one for all others, which are described by
the name and the arguments of the table of types.
"""

from collections.abc import Callable, Collection, Sequence
from functools import reduce
from operator import or_
from typing import Any

import ormsgpack
from ormsgpack import Ext

from sipyco.pyon import _on_demand, _types
from sipyco.pyon._errors import DecodeError, InvalidValueError
from sipyco.pyon._limits import MAX_INTEGER_DIGITS, depth_message
from sipyco.pyon._types import UnbuildableError, UnknownTypeError

TUPLE, INTEGER, TEXT, NAMED, ARRAY, SCALAR = range(1, 7)
"""The extensions. Each but INTEGER and TEXT holds a MessagePack array."""

_TOO_LARGE = 10**MAX_INTEGER_DIGITS
_MAX_INTEGER_SIZE = _TOO_LARGE.bit_length() // 8 + 1

MAX_INLINE_SIZE = 4096
"""Bytes of an array that travel within the MessagePack: as a buffer of its own, so little would
cost more than it saves."""

MAX_BUFFERS = 1000
"""Arrays of one value that travel beside it; further ones are copied into it."""

_EXACTLY = reduce(
    or_,
    (
        ormsgpack.OPT_PASSTHROUGH_BIG_INT,
        ormsgpack.OPT_PASSTHROUGH_DATACLASS,
        ormsgpack.OPT_PASSTHROUGH_DATETIME,
        ormsgpack.OPT_PASSTHROUGH_ENUM,
        ormsgpack.OPT_PASSTHROUGH_SUBCLASS,
        ormsgpack.OPT_PASSTHROUGH_TUPLE,
        ormsgpack.OPT_PASSTHROUGH_UUID,
    ),
)
"""With these, whatever is not a type of MessagePack itself comes to `_Writer.extend`."""

_LEAVES = frozenset({type(None), bool, int, float, str, bytes})
_BUFFERS = frozenset({bytearray, memoryview})
_LOOKED_INTO = frozenset({dict, list}) | _BUFFERS
_SHORTER = frozenset({"tuple", "bytes", "nparray", "npscalar"})
"""Names of the table that have something better here than NAMED."""


def write(value: Any) -> tuple[bytes, list[memoryview]]:
    """Spell a value.

    Returns:
        The MessagePack, and the memory of large arrays in the order in which it refers to them.
        That memory is the arrays' own, unless their elements are not contiguous or have gaps.

    Raises:
        UnknownTypeError: A type has no spelling.
        ValueError: A value has none: too many digits, pointers.
        RecursionError: Nested too deep, or contains itself.
    """
    try:
        writer = _Writer()
        return writer.pack(value), writer.buffers
    except TypeError:
        # ormsgpack forgets why. Perhaps a dict has keys that are no text, or a text half a
        # character: both are rare, and described by a walk in Python, which also finds the culprit.
        writer = _CarefulWriter()
        lowered = writer.lower(value)
    try:
        return writer.pack(lowered), writer.buffers
    except TypeError as error:
        raise RecursionError(str(error)) from None


class _Writer:
    """Spells one value, and leaves to ormsgpack as much as possible."""

    def __init__(self) -> None:
        self.buffers: list[memoryview] = []
        self._extend = self.extend  # made anew for each of many tuples, it would take its time

    def pack(self, value: Any) -> bytes:
        data = ormsgpack.packb(value, self._extend, _EXACTLY)
        if type(value) in _LOOKED_INTO and _may_hold_buffers(data):
            _refuse_buffers([value])
        return data

    def pack_items(self, items: list[Any]) -> bytes:
        data = ormsgpack.packb(items, self._extend, _EXACTLY)
        if not _LOOKED_INTO.isdisjoint(map(type, items)):
            _refuse_buffers(items)
        return data

    def extend(self, x: Any) -> Ext:
        """Describe a value that MessagePack does not have."""
        kind = type(x)
        if kind is tuple:
            return Ext(TUPLE, self.pack_items(list(x)))
        if kind is int:
            return _extend_integer(x)
        entry = _types.kind_of(kind)
        if entry is None:
            raise UnknownTypeError(kind)
        if entry is _types.NPARRAY:
            return Ext(ARRAY, self.pack_items(self._describe_array(x)))
        if entry is _types.NPSCALAR:
            return Ext(SCALAR, self.pack_items(list(_on_demand.numpy.raw_scalar(x))))
        return Ext(NAMED, self.pack_items([entry.name, list(entry.arguments(x))]))

    def _describe_array(self, x: Any) -> list[Any]:
        shape, dtype, memory = _on_demand.numpy.raw_array(x)
        if memory.nbytes <= MAX_INLINE_SIZE or len(self.buffers) >= MAX_BUFFERS:
            return [shape, dtype, bytes(memory)]
        self.buffers.append(memory)
        return [shape, dtype, len(self.buffers) - 1]


class _CarefulWriter(_Writer):
    """Leaves to ormsgpack only what it spells without asking."""

    def pack_items(self, items: list[Any]) -> bytes:
        return self.pack(self.lower(items))

    def lower(self, x: Any) -> Any:
        """Describe whatever MessagePack does not have, at any depth."""
        kind = type(x)
        if kind is list:
            return [self.lower(item) for item in x]
        if kind is str:
            return x if _is_utf8(x) else Ext(TEXT, x.encode("utf-8", "surrogatepass"))
        if kind is dict and all(type(key) is str and _is_utf8(key) for key in x):
            return {key: self.lower(item) for key, item in x.items()}
        if kind in _LEAVES and (kind is not int or -(1 << 63) <= x < 1 << 64):
            return x
        return self.extend(x)


class Reader:
    """Reads one value, whose buffers are filled afterwards.

    Args:
        sizes: Bytes of each buffer that comes with the value.

    Attributes:
        memory: Of the arrays, where the buffers belong. None for one that the value does not use.
    """

    def __init__(self, sizes: Sequence[int] = ()) -> None:
        self.memory: list[memoryview | None] = [None] * len(sizes)
        self._sizes = sizes
        self._arrays: list[Any] = []
        self._failure: UnbuildableError | None = None  # ormsgpack forgets why

    def read(self, data: bytes) -> Any:
        """Read the value. Its large arrays hold accidental data until their memory is filled.

        Raises:
            DecodeError: It is no MessagePack.
            InvalidValueError: It describes something that cannot exist.
        """
        try:
            value = ormsgpack.unpackb(data, ext_hook=self._build)
        except ValueError as error:
            if self._failure is not None:
                raise InvalidValueError(str(self._failure), "", None) from self._failure
            raise DecodeError(f"not MessagePack: {error}", "", None) from None
        if None in self.memory:
            index = self.memory.index(None)
            raise InvalidValueError(f"buffer {index} belongs to no array", "", None)
        return value

    def check(self) -> None:
        """Look at what the buffers were filled with.

        Raises:
            InvalidValueError: An array of text holds what is no text.
        """
        try:
            _built(lambda numpy: [numpy.check_characters(array) for array in self._arrays])
        except UnbuildableError as error:
            raise InvalidValueError(str(error), "", None) from error

    def _build(self, tag: int, data: bytes) -> Any:
        try:
            if tag == TUPLE:  # first, since there are many
                items = ormsgpack.unpackb(data, ext_hook=self._build)
                if type(items) is list:
                    return tuple(items)
            return self._build_extension(tag, data)
        except RecursionError:
            self._failure = UnbuildableError(depth_message())
            raise
        except UnbuildableError as error:
            self._failure = error
            raise
        except ValueError as error:
            if self._failure is None:
                self._failure = UnbuildableError(f"an extension of type {tag}: {error}")
            raise

    def _build_extension(self, tag: int, data: bytes) -> Any:
        if tag == INTEGER:
            return _build_integer(data)
        if tag == TEXT:
            return _build_text(data)
        match ormsgpack.unpackb(data, ext_hook=self._build):
            case [str(name), list(arguments)] if tag == NAMED and name not in _SHORTER:
                return _types.build(name, arguments)
            case [list(shape), dtype, memory] if tag == ARRAY:
                return self._build_array(shape, dtype, memory)
            case [dtype, bytes(memory)] if tag == SCALAR:
                return _built(lambda numpy: numpy.make_scalar(dtype, memory))
        raise UnbuildableError(f"an extension of type {tag} holds what it cannot hold")

    def _build_array(self, shape: list[Any], dtype: Any, memory: Any) -> Any:
        if type(memory) is bytes:
            return _built(lambda numpy: numpy.make_array(shape, dtype, memory))
        if type(memory) is not int or not 0 <= memory < len(self._sizes):
            raise UnbuildableError(f"an array refers to the buffer {memory!r}, which there is not")
        if self.memory[memory] is not None:
            raise UnbuildableError(f"two arrays refer to the buffer {memory}")
        array, self.memory[memory] = _built(
            lambda numpy: numpy.empty_array(shape, dtype, self._sizes[memory])
        )
        self._arrays.append(array)
        return array


def _built(make: Callable[[Any], Any]) -> Any:
    """Make something of numpy."""
    try:
        return make(_on_demand.numpy)
    except (ValueError, TypeError, MemoryError, OverflowError) as error:
        raise UnbuildableError(str(error)) from error


def _may_hold_buffers(data: bytes) -> bool:
    """Tell whether MessagePack may hold what begins like bytes, as buffers do, at any depth.

    In most small values no byte is like that, which is found out sooner than what they hold.
    """
    return b"\xc4" in data or b"\xc5" in data or b"\xc6" in data


def _refuse_buffers(values: Collection[Any]) -> None:
    """Raise for a bytearray or memoryview, which would silently come out as bytes.

    MessagePack itself does not tell them apart. Looking at the types of whole containers at once
    takes a third of the time that spelling them takes. What is neither a list nor a dict was
    looked at when it was described.
    """
    waiting: list[Collection[Any]] = [values]
    while waiting:
        parts = waiting.pop()
        if _LOOKED_INTO.isdisjoint(map(type, parts)):
            continue
        kinds = set(map(type, parts))
        for kind in _BUFFERS & kinds:
            raise UnknownTypeError(kind)
        if dict in kinds:
            waiting += [part.values() for part in parts if type(part) is dict]
        if list in kinds:
            waiting += [part for part in parts if type(part) is list]


def _extend_integer(x: int) -> Ext:
    if abs(x) >= _TOO_LARGE:
        raise ValueError("too many digits")
    return Ext(INTEGER, x.to_bytes(x.bit_length() // 8 + 1, "big", signed=True))


def _build_integer(data: bytes) -> int:
    value = int.from_bytes(data[:_MAX_INTEGER_SIZE], "big", signed=True)
    if len(data) > _MAX_INTEGER_SIZE or abs(value) >= _TOO_LARGE:
        raise UnbuildableError(f"an integer has more than {MAX_INTEGER_DIGITS} decimal digits")
    return value


def _build_text(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise UnbuildableError(f"a text is not UTF-8: {error}") from None


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
