"""Arrays and scalars of numpy. Imported when the first one shows up, and not before."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from sipyco.pyon import _aside
from sipyco.pyon._base64 import from_base64, read_into, size_of, to_base64
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
    shape, dtype, memory = raw_array(array)
    return shape, dtype, _aside.put(memory) or to_base64(memory)


def raw_array(array: "np.ndarray[Any, Any]") -> tuple[list[int], Any, memoryview]:
    """Describe an array by shape, type of elements and its elements in C order, as bytes.

    The memory is the array's own where it can be.

    Raises:
        ValueError: The elements are, or contain, pointers.
    """
    return list(array.shape), describe(array.dtype), memoryview(_memory(array)).cast("B")


def _memory(array: "np.ndarray[Any, Any]") -> bytes | memoryview:
    # Other types (times, for one) do not offer their memory, or have gaps in it.
    # A view with a size of zero in its shape cannot be cast.
    if array.flags.c_contiguous and array.size and array.dtype.char in "?bhilqBHILQefdFD":
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
    dtype, data = raw_scalar(scalar)
    return dtype, to_base64(data)


def raw_scalar(scalar: Any) -> tuple[Any, bytes]:
    """Describe a scalar by its type and its memory.

    Raises:
        ValueError: It contains pointers.
    """
    if type(scalar) is np.str_:
        # The text itself: the memory of a scalar ends at its last character that is not NUL.
        return f"<U{len(scalar)}", str.encode(scalar, "utf-32-le", "surrogatepass")
    if type(scalar) is np.bytes_:
        return f"|S{len(scalar)}", bytes(scalar)
    return describe(scalar.dtype), _tidy(scalar.tobytes(), scalar.dtype)


def build_array(shape: Any, dtype: Any, data: Any) -> "np.ndarray[Any, Any]":
    """Make an array that owns its memory, writable, in C order.

    Raises:
        ValueError: The arguments do not fit each other. No memory was taken beyond what the
            data take.
    """
    text = _aside.take(data)
    if type(text) is not memoryview:
        return make_array(shape, dtype, from_base64(text))
    array, memory = empty_array(shape, dtype, size_of(text))
    read_into(text, memory)
    check_characters(array)
    return array


def make_array(shape: Any, dtype: Any, raw: bytes | bytearray) -> "np.ndarray[Any, Any]":
    """Make an array of bytes. Like :func:`build_array`."""
    array, memory = empty_array(shape, dtype, len(raw))
    memory[:] = raw
    check_characters(array)
    return array


def empty_array(shape: Any, dtype: Any, size: int) -> tuple["np.ndarray[Any, Any]", memoryview]:
    """Make an array that owns its memory, and give this memory as bytes, to be filled.

    Raises:
        ValueError: The arguments do not fit each other, or the memory is not ``size`` bytes.
    """
    sizes = _understand_sizes(shape)
    element = understand(dtype)
    count = prod(sizes)
    if count * element.itemsize != size:
        raise ValueError(
            f"the data are {size} bytes, but an array of shape {sizes} and type {element} "
            f"takes {count * element.itemsize}"
        )
    if element.itemsize == 0 and count > MAX_EMPTY_ITEMS:
        raise ValueError(
            f"{count} elements that take no bytes are announced; the limit is {MAX_EMPTY_ITEMS}"
        )
    # Memory of its own, aligned by numpy. np.empty would make one character of none ("U0").
    array: np.ndarray[Any, Any] = np.ndarray(sizes, element)
    return array, array.reshape(-1).view(np.uint8).data if size else memoryview(bytearray())


def _understand_sizes(shape: Any) -> tuple[int, ...]:
    if type(shape) is not tuple and type(shape) is not list:
        raise ValueError(f"the shape must be a tuple, not {type(shape).__name__}")
    if len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"the shape has {len(shape)} dimensions; the limit is {MAX_DIMENSIONS}")
    if any(type(size) is not int or size < 0 for size in shape):
        raise ValueError("the shape must consist of integers from 0")
    return tuple(shape)


def check_characters(array: "np.ndarray[Any, Any]") -> None:
    """Raise ValueError for numbers that are no characters.

    numpy takes any four bytes for one, and fails when somebody looks at it.
    """
    element = array.dtype
    if element.names is not None:
        for name in element.names:
            check_characters(array[name])
    elif element.kind == "U" and array.size and element.itemsize:
        flat = np.ascontiguousarray(array).reshape(-1)
        codes = flat.view(np.dtype(np.uint32).newbyteorder(element.byteorder))
        if codes.max() > 0x10FFFF:
            raise ValueError("the data contain numbers that are no Unicode character")


def build_scalar(dtype: Any, data: Any) -> Any:
    """Make a scalar of base64.

    Raises:
        ValueError: The arguments do not fit each other.
    """
    return make_scalar(dtype, from_base64(data))


def make_scalar(dtype: Any, raw: bytes | bytearray) -> Any:
    """Make a scalar of bytes. Like :func:`build_scalar`."""
    element = understand(dtype)
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
    return make_array((1,), dtype, raw)[0]
