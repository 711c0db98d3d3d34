"""Arrays and scalars of numpy. Imported when the first one shows up, and not before."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from sipyco.pyon._base64 import from_base64, to_base64
from sipyco.pyon._dtypes import describe, gaps_in, type_characters, understand
from sipyco.pyon._limits import MAX_DIMENSIONS, MAX_EMPTY_ITEMS
from sipyco.pyon._types import NPARRAY, NPSCALAR, Kind

_KINDS: dict[type, Kind] = {
    np.ndarray: NPARRAY,
    **{np.dtype(character).type: NPSCALAR for character in type_characters},
}


def kind_of(value_type: type) -> Kind | None:
    """Find the entry of a type of numpy; None for subclasses and for what has no spelling."""
    return _KINDS.get(value_type)


def array_arguments(array: "np.ndarray[Any, Any]") -> Sequence[Any]:
    """Describe an array by shape, type of elements and base64 of its elements in C order.

    Raises:
        ValueError: The elements are, or contain, pointers.
    """
    return list(array.shape), describe(array.dtype), to_base64(_memory(array))


def _memory(array: "np.ndarray[Any, Any]") -> bytes | memoryview:
    # Other types (times, for one) do not offer their memory, or have gaps in it.
    if array.flags.c_contiguous and array.dtype.char in "?bhilqBHILQefdFD":
        return array.data
    return _tidy(array.tobytes(), array.dtype)


def _tidy(data: bytes, dtype: "np.dtype[Any]") -> bytes:
    # The gaps hold whatever the memory held before: it is nobody's business, and it would make
    # different texts of equal values.
    gaps = gaps_in(dtype)
    if gaps is None or not data:
        return data
    items = np.frombuffer(bytearray(data), np.uint8).reshape(-1, dtype.itemsize)
    items[:, gaps] = 0
    return items.tobytes()


def scalar_arguments(scalar: Any) -> Sequence[Any]:
    """Describe a scalar by its type and base64 of its memory.

    Raises:
        ValueError: It contains pointers.
    """
    if type(scalar) is np.str_:
        # The text itself: the memory of a scalar ends at its last character that is not NUL.
        data = str.encode(scalar, "utf-32-le", "surrogatepass")
        return f"<U{len(scalar)}", to_base64(data)
    if type(scalar) is np.bytes_:
        return f"|S{len(scalar)}", to_base64(bytes(scalar))
    return describe(scalar.dtype), to_base64(_tidy(scalar.tobytes(), scalar.dtype))


def build_array(shape: Any, dtype: Any, data: Any) -> "np.ndarray[Any, Any]":
    """Make an array that owns its memory, writable, in C order.

    Raises:
        ValueError: The arguments do not fit each other. No memory was taken beyond what the
            data take.
    """
    sizes = _understand_sizes(shape)
    element = understand(dtype)
    raw = from_base64(data)
    count = prod(sizes)
    if count * element.itemsize != len(raw):
        raise ValueError(
            f"the data are {len(raw)} bytes, but an array of shape {sizes} and type {element} "
            f"takes {count * element.itemsize}"
        )
    if element.itemsize == 0 and count > MAX_EMPTY_ITEMS:
        raise ValueError(
            f"{count} elements that take no bytes are announced; the limit is {MAX_EMPTY_ITEMS}"
        )
    array = _fill(sizes, element, raw)
    _check_characters(array)
    return array


def _fill(
    sizes: tuple[int, ...], element: "np.dtype[Any]", raw: bytearray
) -> "np.ndarray[Any, Any]":
    # Memory of its own, aligned by numpy. np.empty would make one character of none ("U0").
    array: np.ndarray[Any, Any] = np.ndarray(sizes, element)
    if raw:
        array.reshape(-1).view(np.uint8)[:] = np.frombuffer(raw, np.uint8)
    return array


def _understand_sizes(shape: Any) -> tuple[int, ...]:
    if type(shape) is not tuple and type(shape) is not list:
        raise ValueError(f"the shape must be a tuple, not {type(shape).__name__}")
    if len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"the shape has {len(shape)} dimensions; the limit is {MAX_DIMENSIONS}")
    if any(type(size) is not int or size < 0 for size in shape):
        raise ValueError("the shape must consist of integers from 0")
    return tuple(shape)


def _check_characters(array: "np.ndarray[Any, Any]") -> None:
    # numpy takes any four bytes as a character and fails when somebody looks at it.
    element = array.dtype
    if element.names is not None:
        for name in element.names:
            _check_characters(array[name])
    elif element.kind == "U" and array.size and element.itemsize:
        flat = np.ascontiguousarray(array).reshape(-1)
        codes = flat.view(np.dtype(np.uint32).newbyteorder(element.byteorder))
        if codes.max() > 0x10FFFF:
            raise ValueError("the data contain numbers that are no Unicode character")


def build_scalar(dtype: Any, data: Any) -> Any:
    """Make a scalar.

    Raises:
        ValueError: The arguments do not fit each other.
    """
    element = understand(dtype)
    raw = from_base64(data)
    if element.itemsize != len(raw):
        raise ValueError(
            f"the data are {len(raw)} bytes, but one element of type {element} takes "
            f"{element.itemsize}"
        )
    if element.kind in "biufcmM":
        return np.frombuffer(raw, element)[0]
    # Scalars of text keep the NULs at their end, elements of arrays lose them.
    if element.type is np.bytes_:
        return np.bytes_(bytes(raw))
    if element.type is np.str_:
        codec = "utf-32-be" if element.str.startswith(">") else "utf-32-le"
        return np.str_(str(raw, codec, "surrogatepass"))
    array = _fill((1,), element, raw)
    _check_characters(array)
    return array[0]
