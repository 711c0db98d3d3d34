"""Types of users: added to the table, and taken out again."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sipyco.pyon import _types

_lock: AbstractContextManager[Any] = nullcontext()
"""Held by whoever changes the tables. Readers look up one entry at a time and do without."""


def set_lock(lock: AbstractContextManager[Any]) -> None:
    """Set what keeps threads apart that change the tables."""
    global _lock  # noqa: PLW0603 - the tables are those of the whole process
    _lock = lock


def register(
    types: type | Iterable[type],
    *,
    name: str,
    encode: Callable[[Any], Sequence[Any] | str],
    decode: Callable[..., Any],
) -> None:
    """Teach PYON a type of your own, in both text spellings.

    Peers must have registered the name too; 1.9 and older cannot.

    Args:
        types: The type, or several that share a name. Subclasses do not count.
        name: What it is called on the wire. The Python spelling needs an identifier,
            possibly dotted, such as ``mylab.Frame``.
        encode: From a value to the list or tuple of values that describes it. A single
            ``str`` counts as one argument.
        decode: From these, as positional arguments, to the value. Texts from elsewhere can
            hold any arguments: whatever it raises becomes an ``InvalidValueError``.

    Raises:
        AssertionError: The name or one of the types is taken. Nothing was registered.
        TypeError: An argument is of the wrong type. Nothing was registered.
    """
    attempt = f"cannot register {name!r}"
    if not isinstance(name, str):
        raise TypeError(f"{attempt}: the name is of type {type(name).__name__}; it must be a str")
    for role, callback in (("encode", encode), ("decode", decode)):
        if not callable(callback):
            raise TypeError(f"{attempt}: {role} is no function, but {callback!r}")
    added = _distinct(types, attempt)

    def arguments(value: Any) -> Sequence[Any]:
        described = encode(value)
        if isinstance(described, str):
            return (described,)
        if not isinstance(described, (list, tuple)):
            raise TypeError(
                f"the encode callback of {name!r} returned {type(described).__name__}; a list or "
                "tuple of arguments was expected, or a single str"
            )
        return described

    kind = _types.Kind(name, arguments, decode, is_user=True)
    with _lock:
        if name in _types.by_name:
            raise AssertionError(
                f"{attempt}: the name is taken; deregister() it first, or choose another name"
            )
        for value_type in added:
            if value_type in _types.PLAIN or _types.kind_of(value_type) is not None:
                raise AssertionError(
                    f"cannot register {value_type.__qualname__} as {name!r}: the type has a "
                    "spelling already; deregister() that first"
                )
        _types.by_name[name] = kind
        _types.by_type.update(dict.fromkeys(added, kind))


def deregister(types: type | Iterable[type], name: str) -> None:
    """Take back what `register` did.

    Args:
        types: The same types.
        name: The same name.

    Raises:
        KeyError: The name or one of the types is not registered so. Nothing was changed.
        TypeError: Something among the types is no type. Nothing was changed.
    """
    removed = _distinct(types, f"cannot deregister {name!r}")
    with _lock:
        kind = _types.by_name.get(name)
        if kind is None or not kind.is_user:
            raise KeyError(f"cannot deregister {name!r}: nobody registered that name")
        for value_type in removed:
            if _types.by_type.get(value_type) is not kind:
                raise KeyError(
                    f"cannot deregister {value_type.__qualname__}: it is not registered as {name!r}"
                )
        for value_type in removed:
            del _types.by_type[value_type]
        if kind not in _types.by_type.values():
            del _types.by_name[name]


def _distinct(types: type | Iterable[type], attempt: str) -> tuple[type, ...]:
    # A type comes first: those of enumerations can be iterated, too.
    if isinstance(types, type) or not isinstance(types, Iterable):
        types = (types,)
    listed = dict.fromkeys(types)
    for value_type in listed:
        if not isinstance(value_type, type):
            raise TypeError(f"{attempt}: {value_type!r} is no type")
    return tuple(listed)
