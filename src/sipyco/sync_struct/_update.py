"""The changes that make one structure another."""

import contextlib
import copy
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

__all__ = ["update_from_dict"]

MAX_COMPARISONS = 40_000
"""Pairs of elements that are compared to find the fewest changes of a list.

Two lists of 200 elements without a common beginning or end; that takes some 20 ms.
"""


def update_from_dict(target: Any, source: dict[Any, Any], *, deep: bool = False) -> None:
    """Make a dict equal to another one by changing only what differs.

    Args:
        target: A Notifier of a dict, or a dict.
        source: What it is to become. It is neither changed nor shared: what is set are copies of
            its values, so that it can be changed and used again.
        deep: Go into dicts and lists that are in both, and change as little as possible there. By
            default a value that differs anywhere is set as a whole. Neighbours in a list that
            change together are changed by one mod whose key is a slice.
    """
    with getattr(target, "lock", None) or contextlib.nullcontext():
        _update_dict(target, source, deep=deep)


def _update_dict(target: Any, source: dict[Any, Any], *, deep: bool) -> None:
    current = _raw(target)
    for key in [key for key in current if key not in source]:
        del target[key]
    for key, value in source.items():
        if key not in current:
            target[key] = copy.deepcopy(value)
        elif not _same(current[key], value):
            _update_item(target, key, value, deep=deep)


def _update_item(target: Any, key: Any, value: Any, *, deep: bool) -> None:
    current = _raw(target)[key]
    if deep and type(current) is type(value) is dict:
        _update_dict(target[key], value, deep=True)
    elif deep and type(current) is type(value) is list and current and value:
        _update_list(target[key], value)
    else:
        target[key] = copy.deepcopy(value)


def _update_list(target: Any, source: list[Any]) -> None:
    # From the end to the beginning, so that the indices of what is still to do stay valid.
    for start, stop, new_start, new_stop in reversed(list(_differences(_raw(target), source))):
        new = source[new_start:new_stop]
        old = _raw(target)[start:stop]
        if len(old) == len(new) and (len(old) == 1 or any(map(_goes_deeper, old, new))):
            for offset, value in enumerate(new):
                if not _same(old[offset], value):
                    _update_item(target, start + offset, value, deep=True)
        elif not new:
            if len(old) == 1:
                target.pop(start)
            else:
                del target[start:stop]
        elif not old and len(new) == 1:
            if start == len(_raw(target)):
                target.append(copy.deepcopy(new[0]))
            else:
                target.insert(start, copy.deepcopy(new[0]))
        else:
            target[start:stop] = copy.deepcopy(new)


def _differences(old: list[Any], new: list[Any]) -> Iterator[tuple[int, int, int, int]]:
    """Yield which parts of one list (start, stop) become which of the other, first to last.

    Together they are as small as possible, unless the lists are long.
    """
    begin = 0
    while begin < min(len(old), len(new)) and _same(old[begin], new[begin]):
        begin += 1
    end = 0
    while end < min(len(old), len(new)) - begin and _same(old[-1 - end], new[-1 - end]):
        end += 1
    rows, columns = len(old) - begin - end, len(new) - begin - end
    if rows * columns > MAX_COMPARISONS:
        if rows == columns:
            # Most likely every element is what it was, and some have changed.
            pairs = [not _same(old[begin + i], new[begin + i]) for i in range(rows)]
            kept = [(i, i) for i in range(rows) if not pairs[i]]
        else:
            kept = []
    else:
        kept = _kept(old[begin : begin + rows], new[begin : begin + columns])
    row = column = 0
    for kept_row, kept_column in [*kept, (rows, columns)]:
        if (row, column) != (kept_row, kept_column):
            yield begin + row, begin + kept_row, begin + column, begin + kept_column
        row, column = kept_row + 1, kept_column + 1


def _kept(old: list[Any], new: list[Any]) -> list[tuple[int, int]]:
    """Find which elements stay, as pairs of indices, for the fewest changes to the others."""
    # The distance of Levenshtein, from the ends of both lists to their beginnings.
    same = [[_same(a, b) for b in new] for a in old]
    costs = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old), -1, -1):
        for j in range(len(new), -1, -1):
            if i == len(old) or j == len(new):
                costs[i][j] = len(old) - i + len(new) - j
            elif same[i][j]:
                costs[i][j] = costs[i + 1][j + 1]
            else:
                costs[i][j] = 1 + min(costs[i + 1][j + 1], costs[i + 1][j], costs[i][j + 1])
    kept = []
    i = j = 0
    while i < len(old) and j < len(new):
        if same[i][j]:
            kept.append((i, j))
        if same[i][j] or costs[i][j] == 1 + costs[i + 1][j + 1]:
            i, j = i + 1, j + 1
        elif costs[i][j] == 1 + costs[i + 1][j]:
            i += 1
        else:
            j += 1
    return kept


def _goes_deeper(old: Any, new: Any) -> bool:
    return type(old) is type(new) and isinstance(old, dict | list)


def _raw(target: Any) -> Any:
    return getattr(target, "raw_view", target)


def _same(old: Any, new: Any) -> bool:
    """Tell whether two values are equal in type as well, arrays and nan included."""
    if old is new or type(old) is not type(new):
        return old is new
    match old:
        case dict():
            if isinstance(old, OrderedDict) and list(old) != list(new):
                return False
            return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
        case list() | tuple():
            return len(old) == len(new) and all(map(_same, old, new))
        case float() | complex():
            return repr(old) == repr(new)  # nan is nan, but -0.0 is not 0.0
    if hasattr(old, "dtype"):
        old, new = ((array.dtype, array.shape, array.tobytes()) for array in (old, new))
    return bool(old == new)
