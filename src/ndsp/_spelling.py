"""What somebody meant who has misspelt a name."""

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(name: object, names: Iterable[object]) -> str:
    """Give the end of a message about a name that is not there; empty if none is like it."""
    found = difflib.get_close_matches(str(name), list(map(str, names)), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""
