"""What goes wrong when values become text and text becomes values."""

import json
from collections.abc import Sequence
from typing import Any

from sipyco.pyon._limits import shorten

__all__ = ["DecodeError", "EncodeError", "InvalidValueError"]


class DecodeError(json.JSONDecodeError):
    """The text is not PYON.

    Attributes:
        msg: What was found and what would be right, without the position.
        doc: The text.
        pos: Index of the offending character in ``doc``; 0 if it is not known.
        lineno: Its line, from 1.
        colno: Its column, from 1.
    """

    __module__ = "sipyco.pyon"

    def __init__(self, msg: str, doc: str, pos: int | None) -> None:
        super().__init__(msg, doc, pos or 0)
        if pos is None:
            # Line 1 column 1 would send the reader to the wrong place.
            self.args = (msg,)
        self._known_position = pos

    def __reduce__(self) -> tuple[Any, ...]:
        # The rest holds the notes, such as the name of the file.
        return type(self), (self.msg, self.doc, self._known_position), vars(self)


class InvalidValueError(DecodeError):
    """The text is well-formed PYON, but the value that it describes cannot exist.

    Examples: a type that nobody registered, an array whose data do not fit its shape, a list
    as the key of a dict, an integer of too many digits.
    """

    __module__ = "sipyco.pyon"


class EncodeError(TypeError):
    """A value of a type that PYON does not know was to be encoded. Nothing was written.

    Attributes:
        path: Keys and indices that lead from the root to the culprit. Elements of a set and
            keys of a dict have no index: for them it leads to the set or dict.
        value_type: The type of the culprit.
        reason: What is wrong with it and what to do instead.
    """

    __module__ = "sipyco.pyon"

    def __init__(
        self,
        path: Sequence[Any],
        value_type: type,
        reason: str,
        *,
        relation: str = "",
        root: str = "value",
    ) -> None:
        self.path = tuple(path)
        self.value_type = value_type
        self.reason = reason
        self._relation = relation
        self._root = root
        super().__init__(f"cannot encode {relation}{root}{render(self.path)}: {reason}")

    def located(self, root: str, skip: int = 0) -> "EncodeError":
        """Tell the same in the words of somebody further up.

        Args:
            root: The name under which the reader knows the value, such as ``result``.
            skip: Leading steps of the path that the reader does not know of. They are taken
                off the path.

        Returns:
            A new error, to be raised instead of this one.
        """
        return type(self)(
            self.path[skip:], self.value_type, self.reason, relation=self._relation, root=root
        )

    def __reduce__(self) -> tuple[Any, ...]:
        known = (self.path, self.value_type, self.reason, self._relation, self._root)
        return _rebuild, known, vars(self)


def _rebuild(
    path: tuple[Any, ...], value_type: type, reason: str, relation: str, root: str
) -> EncodeError:
    return EncodeError(path, value_type, reason, relation=relation, root=root)


def render(path: Sequence[Any]) -> str:
    """Write keys and indices as a program would; of a very long path, only its ends."""
    steps = [f"[{_step(step)}]" for step in path]
    if len(steps) > _SHOWN_STEPS:
        steps[_SHOWN_STEPS // 2 : -_SHOWN_STEPS // 2] = ["[...]"]
    return "".join(steps)


_SHOWN_STEPS = 20
"""Nobody counts more brackets than that."""


def _step(step: object) -> str:
    try:
        return shorten(json.dumps(step) if type(step) is str else repr(step))
    except Exception:  # noqa: BLE001 - a key of any type: an error while an error is told helps nobody
        return f"<{type(step).__name__}>"
