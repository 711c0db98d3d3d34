"""The changes that make one structure another."""

from typing import Any

__all__ = ["update_from_dict"]


def update_from_dict(target: Any, source: dict[Any, Any], *, deep: bool = False) -> None:
    """Make a dict equal to another one by changing only what differs.

    Args:
        target: A Notifier of a dict, or a dict.
        source: What it is to become. It is not changed; its values are shared unless ``deep``.
        deep: Go into dicts and lists that are in both, and change only what differs there. By
            default a value that differs anywhere is set as a whole.
    """
    _update_dict(target, source, deep=deep)


def _update_dict(target: Any, source: dict[Any, Any], *, deep: bool) -> None:
    current = getattr(target, "raw_view", target)
    for key in [key for key in current if key not in source]:
        del target[key]
    for key, value in source.items():
        if key not in current:
            target[key] = value
        elif not _same(current[key], value):
            if deep and type(current[key]) is type(value) is dict:
                _update_dict(target[key], value, deep=deep)
            elif deep and type(current[key]) is type(value) is list:
                _update_list(target[key], value)
            else:
                target[key] = value


def _update_list(target: Any, source: list[Any]) -> None:
    current = getattr(target, "raw_view", target)
    # What both begin and end with stays. In between, elements are changed, then removed or added.
    start = 0
    while start < min(len(current), len(source)) and _same(current[start], source[start]):
        start += 1
    end = 0
    while end < min(len(current), len(source)) - start and _same(
        current[-1 - end], source[-1 - end]
    ):
        end += 1
    for index in range(start, min(len(current), len(source)) - end):
        old, new = current[index], source[index]
        if _same(old, new):
            continue
        if type(old) is type(new) is dict:
            _update_dict(target[index], new, deep=True)
        elif type(old) is type(new) is list:
            _update_list(target[index], new)
        else:
            target[index] = new
    for _ in range(len(current) - len(source)):
        target.pop(len(current) - end - 1)
    for index in range(len(current) - end, len(source) - end):
        if index == len(current):
            target.append(source[index])
        else:
            target.insert(index, source[index])


def _same(old: Any, new: Any) -> bool:
    """Tell whether two values are equal in type as well, arrays included."""
    if type(old) is not type(new):
        return False
    if isinstance(old, dict):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    if isinstance(old, list | tuple):
        return len(old) == len(new) and all(map(_same, old, new))
    if hasattr(old, "dtype"):
        return bool(
            old.dtype == new.dtype and old.shape == new.shape and old.tobytes() == new.tobytes()
        )
    return old is new or bool(old == new)
