"""What becomes of a call for whose answer nobody waits any more."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

__all__ = ["Abandon", "check_abandon", "is_cancelled", "rpc_method"]

Abandon = Literal["cancel", "finish"]

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE = "__sipyco_abandon__"


def rpc_method(*, abandon: Abandon) -> Callable[[F], F]:
    """Decorate a method with what becomes of a call that its caller gives up.

    Args:
        abandon: ``"cancel"``: a coroutine is cancelled where it waits, and what has not begun does
            not begin. ``"finish"``: it is carried out to its end. It overrides what was said to
            the server.
    """
    check_abandon(abandon)

    def mark(method: F) -> F:
        setattr(method, _ATTRIBUTE, abandon)
        return method

    return mark


def check_abandon(abandon: object) -> None:
    """Raise ValueError for what is none of the choices."""
    if abandon not in ("cancel", "finish", None):
        raise ValueError(f"abandon is {abandon!r}; give 'cancel' or 'finish'")


def is_cancelled(method: Callable[..., Any], of_server: Abandon | None, default: Abandon) -> bool:
    """Tell whether a call is cancelled when it is given up."""
    return (getattr(method, _ATTRIBUTE, None) or of_server or default) == "cancel"
