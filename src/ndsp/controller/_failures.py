"""What keeps a controller from running, in one line for the person who started it."""

import contextlib
import logging
from collections.abc import Iterator

__all__ = ["ControllerFailed", "explained"]

logger = logging.getLogger("ndsp.controller")


class ControllerFailed(Exception):
    """The controller goes no further; the text says what was attempted and what was found."""


@contextlib.contextmanager
def explained(
    attempted: str, errors: type[Exception] | tuple[type[Exception], ...] = (OSError, ValueError)
) -> Iterator[None]:
    """Turn an error into :class:`ControllerFailed`; its traceback is logged at the level INFO."""
    try:
        yield
    except errors as error:
        logger.info("%s", attempted, exc_info=True)
        found = " ".join(str(error).split()) or "no reason was given"
        raise ControllerFailed(f"{attempted}: {type(error).__name__}: {found}") from error
