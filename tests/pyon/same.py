"""Equality as PYON promises it: types, order, signs of zeros, layouts of arrays."""

import struct
from collections import OrderedDict
from math import isnan
from typing import Any

import numpy as np


def same(  # noqa: PLR0911, PLR0912 - one branch for every kind of value reads best
    a: Any, b: Any, *, ordered: bool = True
) -> bool:
    """Tell whether two values are indistinguishable; `ordered` is about the items of dicts."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and same_dtype(a.dtype, b.dtype) and same_data(a, b)
    if isinstance(a, np.void) and a.dtype.names is not None:
        return same_dtype(a.dtype, b.dtype) and same_data(a, b)
    if isinstance(a, np.generic):
        if isinstance(a, (str, bytes)):
            return bool(a == b)
        return same_dtype(a.dtype, b.dtype) and a.tobytes() == b.tobytes()
    if isinstance(a, float):
        return (isnan(a) and isnan(b)) or struct.pack("d", a) == struct.pack("d", b)
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, (list, tuple)):
        return same_items(a, b, ordered)
    if isinstance(a, OrderedDict) or (isinstance(a, dict) and ordered):
        return same_items(list(a.items()), list(b.items()), ordered)
    if isinstance(a, (dict, set)):
        rest = list(b.items() if isinstance(a, dict) else b)
        for item in a.items() if isinstance(a, dict) else a:
            found = next((i for i, other in enumerate(rest) if same(item, other)), None)
            found = next(
                (i for i, other in enumerate(rest) if same(item, other, ordered=ordered)), found
            )
            if found is None:
                return False
            del rest[found]
        return not rest
    if isinstance(a, slice):
        return same_items((a.start, a.stop, a.step), (b.start, b.stop, b.step), ordered)
    return bool(a == b)


def same_items(a: Any, b: Any, ordered: bool) -> bool:
    return len(a) == len(b) and all(same(x, y, ordered=ordered) for x, y in zip(a, b, strict=True))


def same_data(a: Any, b: Any) -> bool:
    if a.dtype.names is not None:
        return all(same_data(a[name], b[name]) for name in a.dtype.names)
    return bool(a.tobytes() == b.tobytes())


def same_dtype(a: "np.dtype[Any]", b: "np.dtype[Any]") -> bool:
    """Like ==, which takes np.longlong for np.int64."""
    if a != b or a.char != b.char or a.isalignedstruct != b.isalignedstruct:
        return False
    if a.names is None:
        return True
    assert a.fields is not None
    assert b.fields is not None
    return a.names == b.names and all(
        a.fields[name][1:] == b.fields[name][1:]
        and same_dtype(a.fields[name][0].base, b.fields[name][0].base)
        for name in a.names
    )
