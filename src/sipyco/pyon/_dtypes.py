"""What an array is made of, as values that can be sent, and back without trusting them."""

import re
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from sipyco.pyon._limits import MAX_ITEM_SIZE, MAX_TYPE_DEPTH, shorten

type_characters = "?bhilqBHILQefdgFDGSUVMm"
"""numpy's own letters for the types of elements that PYON carries: no pointers in them."""

# Everything that numpy's `dtype.str` gives, the names in older files, and single letters. numpy
# itself understands many more notations, some of which end up in Python's own parser.
_SIMPLE = re.compile(
    r"""[<>=|]? (?:
        b1 | [iu][1248] | f(?:2|4|8|10|12|16) | c(?:8|16|20|24|32)
      | [SUV](?P<size>[0-9]{0,10})
      | [Mm]8 (?:\[ (?P<step>[0-9]{0,9}) (?:generic|[YMWDhms]|ms|us|ns|ps|fs|as) \])?
      | [?bhilqBHILQefdgFDGMm]
    ) | bool | u?int(?:8|16|32|64) | float(?:16|32|64) | complex(?:64|128)""",
    re.VERBOSE | re.ASCII,
)


def describe(dtype: "np.dtype[Any]") -> Any:
    """Give the text, list or dict from which `understand`, and numpy, make the same type.

    Raises:
        ValueError: The elements are, or contain, pointers.
    """
    if dtype.names is None:
        if dtype.char not in type_characters:
            raise ValueError(f"elements of type {dtype} cannot be sent as bytes")
        return _describe_simple(dtype)
    if dtype.hasobject:
        raise ValueError(f"fields of type object cannot be sent as bytes (in {dtype})")
    fields = [_describe_field(dtype, name) for name in dtype.names]
    # A list says less than a dict, but it is what a reader expects where it says everything.
    if not dtype.isalignedstruct and _packed(dtype):
        return fields
    # `dtype.descr` would invent fields for the padding here.
    layout: dict[str, Any] = {
        "names": list(dtype.names),
        "formats": [f[1] if len(f) == 2 else (f[1], f[2]) for f in fields],
        "offsets": [dtype.fields[name][1] for name in dtype.names] if dtype.fields else [],
        "itemsize": dtype.itemsize,
    }
    titles = [f[0][0] if type(f[0]) is tuple else None for f in fields]
    if any(titles):
        layout["titles"] = titles
    if dtype.isalignedstruct:
        layout["aligned"] = True
    return layout


def _describe_simple(dtype: "np.dtype[Any]") -> str:
    # np.longlong and np.int64 share "<i8" but are two types. The letters i, I, q and Q have the
    # same size everywhere; l, L and g have not, a peer would misread the data.
    if dtype.char in "iIqQ" and np.dtype(dtype.str).char != dtype.char:
        return (dtype.byteorder if dtype.byteorder in "<>" else "") + dtype.char
    return dtype.str


def _describe_field(dtype: "np.dtype[Any]", name: str) -> tuple[Any, ...]:
    assert dtype.fields is not None
    field, _, *title = dtype.fields[name]
    base, shape = field.subdtype or (field, ())
    label = (title[0], name) if title else name
    return (label, describe(base), shape) if shape else (label, describe(base))


def _packed(dtype: "np.dtype[Any]") -> bool:
    assert dtype.names is not None
    end = 0
    for name in dtype.names:
        assert dtype.fields is not None
        field, offset, *_ = dtype.fields[name]
        if offset != end:
            return False
        end += field.itemsize
    return end == dtype.itemsize


def gaps_in(dtype: "np.dtype[Any]") -> "np.ndarray[Any, Any] | None":
    """Tell which bytes of an element belong to no part of its value; None if all do."""
    if dtype.names is None and dtype.char not in "gG":
        return None
    gaps = ~_used(dtype)
    return gaps if gaps.any() else None


def _used(dtype: "np.dtype[Any]") -> "np.ndarray[Any, Any]":
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.tile(_used(base), prod(shape))
    used = np.full(dtype.itemsize, dtype.names is None)
    if dtype.names is not None and dtype.fields is not None:
        for field, offset, *_ in (dtype.fields[name] for name in dtype.names):
            used[offset : offset + field.itemsize] |= _used(field)
    elif dtype.char in "gG" and np.finfo(np.longdouble).nmant == _X87_MANTISSA:
        numbers = used.reshape(1 if dtype.char == "g" else 2, -1)
        numbers[:, 10:] = False
        if not dtype.isnative:
            numbers[:] = numbers[:, ::-1].copy()
    return used


_X87_MANTISSA = 63
"""Bits. This long double of x86 has ten bytes and is stored in twelve or sixteen."""


def understand(description: Any, depth: int = 0) -> "np.dtype[Any]":
    """Make the type of elements from what `describe`, or a peer, gave.

    Raises:
        ValueError: It is none, or one that cannot be sent as bytes.
    """
    if type(description) is str:
        return _understand_simple(description)
    if depth >= MAX_TYPE_DEPTH:
        raise ValueError(f"structured types are nested deeper than {MAX_TYPE_DEPTH} levels")
    if type(description) is list:
        layout: Any = [_understand_field(field, depth) for field in description]
    elif type(description) is dict:
        layout = _understand_layout(description, depth)
    else:
        raise ValueError(f"a dtype is a str, a list or a dict, not {_type(description)}")
    return _checked(layout)


def _checked(layout: Any) -> "np.dtype[Any]":
    try:
        dtype: np.dtype[Any] = np.dtype(layout)
    except (TypeError, ValueError, OverflowError, MemoryError, KeyError, IndexError) as error:
        raise ValueError(f"numpy knows no dtype {shorten(repr(layout))}: {error}") from error
    if dtype.hasobject:
        raise ValueError(f"elements of type {dtype} cannot be sent as bytes")
    return dtype


@lru_cache(maxsize=256)
def _understand_simple(description: str) -> "np.dtype[Any]":
    match = _SIMPLE.fullmatch(description)
    # Four bytes per character of U. A step of 0 makes numpy divide by it later.
    if (
        match is None
        or int(match["size"] or 0) * 4 > MAX_ITEM_SIZE
        or (match["step"] and not 0 < int(match["step"]) <= MAX_ITEM_SIZE)
    ):
        raise ValueError(f"{shorten(repr(description))} is no dtype that PYON carries")
    return _checked(description)


def _understand_field(field: Any, depth: int) -> tuple[Any, ...]:
    # numpy insists on tuples here, so our peers send them; plain lists are as clear.
    if type(field) not in (tuple, list) or len(field) not in (2, 3):
        raise ValueError(f"a field of a dtype is (name, dtype[, shape]), not {_type(field)}")
    label, base, *shape = field
    if type(label) in (tuple, list) and len(label) == 2:
        label = tuple(label)
    if any(type(part) is not str for part in (label if type(label) is tuple else (label,))):
        raise ValueError(f"the name of a field is a str, not {_type(label)}")
    dtype = understand(base, depth + 1)
    return (label, dtype, _understand_shape(shape[0], dtype)) if shape else (label, dtype)


def _understand_shape(shape: Any, dtype: "np.dtype[Any]") -> tuple[int, ...]:
    sizes = shape if type(shape) in (tuple, list) else (shape,)
    if any(type(size) is not int or size < 0 for size in sizes):
        raise ValueError("the shape of a field is a tuple of integers from 0")
    if prod(sizes) * dtype.itemsize > MAX_ITEM_SIZE or prod(sizes) > MAX_ITEM_SIZE:
        raise ValueError(f"a field is larger than {MAX_ITEM_SIZE} bytes")
    return tuple(sizes)


_LAYOUT_KEYS = frozenset({"names", "formats", "offsets", "itemsize", "titles", "aligned"})


def _understand_layout(description: dict[Any, Any], depth: int) -> dict[str, Any]:
    layout = dict(description)
    if not {"names", "formats"} <= layout.keys() <= _LAYOUT_KEYS:
        raise ValueError(f"a dtype as a dict has the keys {', '.join(sorted(_LAYOUT_KEYS))}")
    for key in layout.keys() & {"names", "formats", "offsets", "titles"}:
        if type(layout[key]) not in (list, tuple) or len(layout[key]) != len(layout["names"]):
            raise ValueError(f"{key!r} of a dtype is a list of one item for every field")
    names, offsets = layout["names"], layout.get("offsets", [])
    if any(type(name) is not str for name in names):
        raise ValueError("the names of a dtype are str")
    if any(type(title) not in (str, type(None)) for title in layout.get("titles", [])):
        raise ValueError("the titles of a dtype are str or None")
    for size in (*offsets, layout.get("itemsize", 0)):
        if type(size) is not int or not 0 <= size <= MAX_ITEM_SIZE:
            raise ValueError(f"offsets and itemsize of a dtype are integers to {MAX_ITEM_SIZE}")
    if type(layout.get("aligned", False)) is not bool:
        raise ValueError("'aligned' of a dtype is True or False")
    layout["formats"] = [_understand_format(given, depth) for given in layout["formats"]]
    return layout


def _understand_format(given: Any, depth: int) -> Any:
    # A tuple is a dtype with a shape; a list can only be a structured dtype.
    if type(given) is tuple and len(given) == 2:
        dtype = understand(given[0], depth + 1)
        return (dtype, _understand_shape(given[1], dtype))
    return understand(given, depth + 1)


def _type(value: object) -> str:
    return type(value).__name__
