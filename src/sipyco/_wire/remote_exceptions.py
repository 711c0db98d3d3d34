"""Exceptions as dictionaries and back. Only exceptions ever come back, whatever was sent."""

import builtins
import sys
import traceback
from types import TracebackType
from typing import Any, NoReturn

__all__ = [
    "GenericRemoteException",
    "current_exc_packed",
    "pack_exception",
    "raise_packed_exc",
    "unpack_exception",
]

_OWN_FRAMES = ("sipyco.pc_rpc.", "sipyco._io.", "asyncio.", "concurrent.futures.")
# Frames of the machinery that called the method: noise to whoever reads the remote traceback.


class GenericRemoteException(Exception):
    """A remote exception whose class is not known, or not wanted, on this side.

    ``args[0]`` is ``"qualified.name: text"``; ``parent_traceback`` holds the remote traceback.
    """

    __module__ = "sipyco.packed_exceptions"


def pack_exception(exc: BaseException) -> dict[str, Any]:
    """Describe an exception the way it travels.

    Returns:
        A dict of ``class`` (the name of a builtin exception class, or
        ``"GenericRemoteException"``), ``message`` and ``traceback`` (list of str).
    """
    cls = type(exc)
    name, text = cls.__name__, _text(exc)
    is_builtin = getattr(builtins, name, None) is cls and issubclass(cls, Exception)
    if not is_builtin and cls is not GenericRemoteException:
        text = f"{_qualified_name(cls)}: {text}"
        name = GenericRemoteException.__name__
    return {"class": name, "message": text, "traceback": _traceback_lines(exc)}


def unpack_exception(packed: object) -> Exception:
    """Build the exception that a peer described, with its ``parent_traceback``.

    Anything but the name of a builtin subclass of Exception that takes one string becomes a
    :class:`GenericRemoteException`; nothing that the peer names is ever called otherwise. Some
    small servers send the text alone instead of a dict.
    """
    if not isinstance(packed, dict):
        return _finished(GenericRemoteException(str(packed)), [])
    name = str(packed.get("class", ""))
    message = str(packed.get("message", ""))
    return _finished(_build(name, message), _lines(packed.get("traceback")))


def current_exc_packed() -> dict[str, Any]:
    """Describe the exception that is being handled. For use in an ``except`` block."""
    exc = sys.exc_info()[1]
    if exc is None:
        raise RuntimeError("no exception is being handled; call this in an except block")
    return pack_exception(exc)


def raise_packed_exc(pack: dict[str, Any]) -> NoReturn:
    """Raise the exception that :func:`current_exc_packed` described elsewhere."""
    raise unpack_exception(pack)


def _build(name: str, message: str) -> Exception:
    if name == GenericRemoteException.__name__:
        return GenericRemoteException(message)
    # Old peers write OSError by its old names. Python itself still knows IOError and
    # EnvironmentError everywhere, but WindowsError on Windows only.
    cls = getattr(builtins, "OSError" if name == "WindowsError" else name, None)
    if isinstance(cls, type) and issubclass(cls, Exception):
        try:
            return cls(message)
        except TypeError:  # UnicodeDecodeError, ExceptionGroup: not built from one string
            pass
    return GenericRemoteException(f"{name}: {message}")


def _finished(exc: Exception, remote_traceback: list[str]) -> Exception:
    exc.parent_traceback = remote_traceback  # type: ignore[attr-defined]
    if remote_traceback:
        exc.add_note("Remote traceback (most recent call last):\n" + "".join(remote_traceback))
    return exc


def _text(exc: BaseException) -> str:
    # str(KeyError("k")) is "'k'", from which the other side would build KeyError("'k'").
    if type(exc) is KeyError and len(exc.args) == 1 and isinstance(exc.args[0], str):
        return str.__str__(exc.args[0])
    try:
        # Exactly a str, which is all that travels: a member of an Enum may be a subclass of it.
        return str.__str__(str(exc))
    except BaseException as broken:  # noqa: BLE001  the caller waits for an answer, whatever it is
        return f"<its text could not be made: {type(broken).__name__}>"


def _qualified_name(cls: type) -> str:
    if cls.__module__ in {"builtins", "__main__"}:
        return cls.__qualname__
    return f"{cls.__module__}.{cls.__qualname__}"


def _traceback_lines(exc: BaseException) -> list[str]:
    lines: list[str] = []
    earlier = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    if earlier is not None:
        lines += traceback.format_exception(earlier)
        lines.append("\nwhich led to:\n\n")
    lines += traceback.format_tb(_without_own_frames(exc.__traceback__))
    # What a third machine raised happened deeper than all of the frames on this one.
    return lines + _lines(getattr(exc, "parent_traceback", None))


def _lines(value: object) -> list[str]:
    return [str(line) for line in value] if isinstance(value, list | tuple) else []


def _without_own_frames(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if not f"{module}.".startswith(_OWN_FRAMES):
            break
        trace = trace.tb_next
    return trace
