"""Calls that nobody waits for: methods of an object, or of an RPC client, run in the background."""

import copy
import functools
import inspect
import logging
import threading
from collections.abc import Callable
from typing import Any

from sipyco.pc_rpc._describe import method_names
from sipyco.pc_rpc._proxy import Proxy

__all__ = ["FFProxy"]

logger = logging.getLogger(__name__)


class FFProxy:
    """Has the methods of another object, which return None at once and run in a thread.

    One method runs at a time: a call made while another still runs is dropped, with a warning in
    the log. So is what a method raises: it becomes a warning with its traceback. The thread does
    not keep the program alive.

    What is meant for an RPC client is copied when the call is made, so that it may be changed
    afterwards; other targets are given the very objects.

    May be used from several threads, and as the target of an RPC server.

    Args:
        target: Any object, or a :class:`sipyco.pc_rpc.Client` or
            :class:`sipyco.pc_rpc.BestEffortClient`.

    Attributes that are no methods of the target raise AttributeError; properties are not
    evaluated. To call a coroutine method raises TypeError: it needs an event loop, not a thread.
    """

    def __init__(self, target: Any) -> None:
        self._ff_target = target
        # Held by the call that runs, and never waited for: a signal handler may call, too.
        self._ff_turn = threading.Lock()
        self._ff_thread: threading.Thread | None = None

    def ff_join(self) -> None:
        """Wait until the method that runs in the background, if any, has ended."""
        thread = self._ff_thread
        if thread is not None and thread.ident is not None:
            thread.join()

    def __getattr__(self, name: str) -> Callable[..., None]:
        # Python itself asks for dunder names, as do copy and pickle, before __init__ has run.
        if name.startswith(("__", "_ff_")):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        method = _find_method(self._ff_target, name)

        def start(*args: Any, **kwargs: Any) -> None:
            self._ff_start(name, method, args, kwargs)

        return _resembling(start, method)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *method_names(self._ff_target, allow_private=True)})

    def _ff_start(
        self, name: str, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        if _is_coroutine(method):
            raise TypeError(
                f"{name}() is a coroutine, which needs an event loop instead of a thread; make a "
                "task of it"
            )
        if not self._ff_turn.acquire(blocking=False):
            logger.warning("dropped the call of %s(): the previous call has not ended yet", name)
            return
        try:
            if isinstance(self._ff_target, Proxy):
                args, kwargs = copy.deepcopy((args, kwargs))
            self._ff_thread = threading.Thread(
                target=self._ff_run,
                args=(name, method, args, kwargs),
                name=f"fire and forget {name}",
                daemon=True,
            )
            self._ff_thread.start()
        except BaseException:
            self._ff_thread = None
            self._ff_turn.release()
            raise

    def _ff_run(
        self, name: str, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        try:
            method(*args, **kwargs)
        except BaseException:
            logger.warning("%s() failed in the background", name, exc_info=True)
        finally:
            self._ff_turn.release()


def _is_coroutine(method: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(method) or inspect.iscoroutinefunction(type(method).__call__)


def _find_method(target: object, name: str) -> Callable[..., Any]:
    kind = inspect.getattr_static(target, name, None)
    if isinstance(kind, property | functools.cached_property):
        raise AttributeError(f"{name!r} is a property; only methods can run in the background")
    method = getattr(target, name)
    if not callable(method):
        raise AttributeError(f"{name!r} is not a method but of type {type(method).__name__!r}")
    return method  # type: ignore[no-any-return]  # callable() leaves it Any


def _resembling(function: Callable[..., None], method: Callable[..., Any]) -> Callable[..., None]:
    """Let help() and the method list of a server show the method itself."""
    if not inspect.isroutine(method):
        return function  # a partial, for one, has but the documentation of its class
    return functools.update_wrapper(function, method)
