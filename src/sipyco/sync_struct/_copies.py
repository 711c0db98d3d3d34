"""What keeps a published structure a tree: nothing in it is changed except in its place."""

from collections import OrderedDict
from typing import Any

__all__ = ["own", "separate", "try_assignment"]


def own(value: Any) -> Any:
    """Copy what can be changed in a value; of a Notifier, what it wraps.

    A part of a structure that is shared between two places, or with the program, would be changed
    in both here, but only in one at the subscribers. Types that PYON does not know stay as they
    are.

    Raises:
        ValueError: It contains itself, or is nested too deep.
    """
    try:
        return _copied(value)
    except RecursionError:
        raise ValueError("cannot set what contains itself, or is nested too deep") from None


def _copied(value: Any) -> Any:
    kind = type(value)
    if kind is list:
        return [_copied(item) for item in value]
    if kind is tuple:
        return tuple([_copied(item) for item in value])
    if kind is dict or kind is OrderedDict:
        return kind((key, _copied(item)) for key, item in value.items())
    if kind is set or _is_array(value):
        return value.copy()
    if hasattr(kind, "raw_view"):
        with value.lock:  # other threads may be changing it
            return _copied(value.raw_view)
    return value


def separate(structure: Any) -> None:
    """Make two of each list, dict and array that is in a structure twice, in place.

    Raises:
        ValueError: It contains itself, or is nested too deep.
    """
    known = {id(structure)}
    waiting = [structure]
    while waiting:
        part = waiting.pop()
        if type(part) is list:
            items = list(enumerate(part))
        elif type(part) in {dict, OrderedDict}:
            items = list(part.items())
        else:
            continue
        for key, item in items:
            if type(item) in {list, dict, OrderedDict} or _is_array(item):
                if id(item) in known:
                    part[key] = own(item)
                else:
                    known.add(id(item))
                    waiting.append(item)


def try_assignment(part: Any, value: Any) -> None:
    """Raise what assigning a value to a part of an array would raise when it is half done."""
    import numpy as np  # noqa: PLC0415 - where there is an array, it is there already

    trial = np.empty(np.shape(part), part.dtype)
    trial[...] = value


def _is_array(value: Any) -> bool:
    # Without importing numpy, which programs without arrays need not have loaded.
    return type(value).__name__ == "ndarray" and type(value).__module__ == "numpy"
