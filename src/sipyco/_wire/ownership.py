"""Which memory can be sent from where it lies: that which nobody else can change meanwhile."""

import sys
from collections.abc import Collection, Sequence
from typing import Any

__all__ = ["settle", "sole_arrays"]

MAX_ITEMS = 100
"""Items of a container among which owned arrays are looked for; those of larger ones are copied."""


def _references(holder: list[Any]) -> int:
    return sys.getrefcount(holder[0])


_SOLE = _references([object()])
"""What is counted for something that only its container refers to; it depends on the Python."""


def sole_arrays(holder: list[Any]) -> Collection[int]:
    """Find the arrays in a value to which nothing but the value refers.

    Args:
        holder: The value, as the only item of a list, and in no variable of the callers.

    Returns:
        The ``id`` of each: of the value itself, or of those that are directly in it.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None or _references(holder) > _SOLE:
        return ()
    value = holder[0]
    if type(value) is numpy.ndarray:
        return (id(value),) if _owns_memory(value) else ()
    keys: Collection[Any] = ()
    if type(value) is list or type(value) is tuple:
        keys = range(len(value))
    elif type(value) is dict:
        keys = value
    if len(keys) > MAX_ITEMS:
        return ()
    return [
        id(value[key])
        for key in keys
        if type(value[key]) is numpy.ndarray
        and sys.getrefcount(value[key]) <= _SOLE
        and _owns_memory(value[key])
    ]


def _owns_memory(array: Any) -> bool:
    """Tell whether memory belongs to the array, or to one of which it is the only view."""
    if array.base is None:
        return bool(array.flags.owndata)
    base = type(array.base)
    return (
        base is type(array)
        and sys.getrefcount(array.base) <= _SOLE
        and (array.base.base is None and bool(array.base.flags.owndata))
    )


def settle(buffers: Sequence[memoryview], sole: Collection[int] = ()) -> list[memoryview]:
    """Copy the memory that somebody else could change.

    Args:
        buffers: The memory of arrays.
        sole: The ``id`` of arrays to which nothing else refers.
    """
    return [
        buffer if id(buffer.obj) in sole or _is_read_only(buffer.obj) else _copy(buffer)
        for buffer in buffers
    ]


def _is_read_only(owner: Any) -> bool:
    """Tell whether the memory can be written by nobody, down to whoever owns it."""
    while type(owner) is not bytes:
        # An array, or whatever the memory of one was taken from.
        flags = getattr(owner, "flags", None)
        if flags is None or flags.writeable:
            return False
        if owner.base is None:
            return bool(flags.owndata)
        owner = owner.base
    return True


def _copy(buffer: memoryview) -> memoryview:
    # By numpy, which asks the system for large pages.
    copied: memoryview = buffer.obj.copy().data.cast("B")  # type: ignore[attr-defined]
    return copied
