"""One change of a published structure as a dictionary: made, and applied."""

from collections.abc import Iterable
from enum import Enum
from typing import Any

__all__ = ["ModAction", "process_mod"]


class ModAction(Enum):
    """What a mod does. A mod is a dict whose ``action`` is the value of a member, as a str.

    All but ``init`` have a ``path``: the keys and indices that lead to what is changed.
    """

    __module__ = "sipyco.sync_struct"

    append = "append"
    """Appends ``x`` to the list."""

    insert = "insert"
    """Inserts ``x`` into the list before index ``i``."""

    pop = "pop"
    """Removes the element at index ``i`` from the list."""

    setitem = "setitem"
    """Sets the item at ``key``, also a slice or a tuple of these, to ``value``."""

    delitem = "delitem"
    """Removes the item at ``key``."""

    init = "init"
    """The whole structure, in ``struct``."""


def process_mod(target: Any, mod: dict[str, Any]) -> None:
    """Apply a mod to a structure, which is changed in place.

    Args:
        target: The structure, or any object that has the methods of its lists and dicts.
        mod: Any mod but ``init``, which replaces a structure instead of changing it. Its
            ``action`` may also be a member of :class:`ModAction`.

    Raises:
        ValueError: The action is unknown, or ``init``. Nothing was changed.
        KeyError: The path leads nowhere, or a field of the mod is missing. Nothing was changed.
        IndexError: Likewise.
    """
    action = ModAction(mod["action"])
    if action is ModAction.init:
        raise ValueError("an init mod replaces the structure; it cannot be applied to one")
    for step in mod["path"]:
        target = target[step]
    match action:
        case ModAction.append:
            target.append(mod["x"])
        case ModAction.insert:
            target.insert(mod["i"], mod["x"])
        case ModAction.pop:
            target.pop(mod["i"])
        case ModAction.setitem:
            target[mod["key"]] = mod["value"]
        case ModAction.delitem:
            del target[mod["key"]]


def make_mod(action: ModAction, path: Iterable[Any], **fields: Any) -> dict[str, Any]:
    """Describe a change the way it travels."""
    return {"action": action.value, "path": list(path), **fields}
