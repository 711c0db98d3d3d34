"""One connection and what can be asked over it, with every error explained."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from sipyco import pyon
from sipyco._rpctool.expressions import Arguments
from sipyco._rpctool.failures import SERVER_FAILED, WRONG_USAGE, Failure, explained
from sipyco._rpctool.method_list import MethodList, checked
from sipyco.pc_rpc import Client, MessageTooLargeError, RemoteStream
from sipyco.tools import SimpleSSLConfig

OnProgress = Callable[[float | None, str], None]
"""Takes how far a call is: a fraction, and a text."""


class Items(Iterator[Any]):
    """The items of a remote generator, with exceptions of the class `Failure`."""

    def __init__(self, session: "Session", stream: RemoteStream, method: str) -> None:
        self._session = session
        self._stream = stream
        self._what = f"an item of {method!r} was asked for"

    def __next__(self) -> Any:
        with self._session.explained(), _about_the_answer(self._what):
            return next(self._stream)


class Session:
    """A client whose exceptions are all of the class `Failure`.

    Args:
        host: Name or address of the server.
        port: TCP port.
        timeout: For the connection and for each wait on it, in seconds; None for no limit.
        ssl: Own certificate, own key, certificate of the server; None for no encryption.
    """

    def __init__(
        self, host: str, port: int, timeout: float | None = None, ssl: list[str] | None = None
    ) -> None:
        self._address = (host, port)
        self.target: str | None = None
        with self.explained():
            # The target is chosen afterwards, so that the answer to a wrong one can list them.
            self._client = Client(host, port, None, timeout, _tls(ssl))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close_rpc()

    def targets(self) -> tuple[list[str], str | None]:
        """Give the names of the targets, sorted, and the description of the server."""
        names, description = self._client.get_rpc_id()
        return sorted(names), description

    def select(self, target: str | None) -> str:
        """Select a target, the only one if none is named, and give its name."""
        names, _ = self.targets()
        if target is None and len(names) != 1:
            message = f"the server has {len(names)} targets: {', '.join(names)}; choose with -t"
            raise Failure("target", message, WRONG_USAGE, targets=names)
        if target is not None and target not in names:
            host, port = self._address
            message = f"no target {target!r} on {host} port {port}; it offers {', '.join(names)}"
            raise Failure("target", message, WRONG_USAGE, targets=names)
        chosen = target if target is not None else names[0]
        with self.explained():
            self._client.select_rpc_target(chosen)
        self.target = chosen
        return chosen

    def methods(self) -> MethodList:
        """Ask for docstrings and signatures of the selected target, as they travel."""
        with self.explained(), _about_the_answer("the server was asked for its methods"):
            described = self._client.get_rpc_method_list()
        return checked(described)

    def call(self, method: str, arguments: Arguments, on_progress: OnProgress | None = None) -> Any:
        """Call a method of the selected target.

        Returns:
            Its value; `Items` if it gives them one by one.
        """
        absent = object()
        # `close_rpc` and its like would be found in the client and never reach the server.
        if inspect.getattr_static(self._client, method, absent) is not absent:
            message = f"{method!r} belongs to the client itself; it cannot be called on a target"
            raise Failure("method", message, WRONG_USAGE)
        try:
            function = getattr(self._client.rpc_options(on_progress=on_progress), method)
        except AttributeError as error:
            # It has named the nearest one, if there is one.
            message = f"{error} (list-methods shows what there is)"
            raise Failure("method", message, WRONG_USAGE) from None
        positional, by_name = arguments
        _check_spellable(method, positional, by_name)
        with self.explained(), _about_the_answer(f"{method!r} was called"):
            result = function(*positional, **by_name)
        return Items(self, result, method) if isinstance(result, RemoteStream) else result

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn every error that has an explanation into a `Failure`."""
        try:
            yield
        except (Failure, StopIteration):
            raise
        # The edge of the program: an error that has no explanation goes on with its traceback.
        except Exception as error:
            failure = explained(error)
            if failure is None:
                raise
            raise failure from error


def _check_spellable(method: str, positional: tuple[Any, ...], by_name: dict[str, Any]) -> None:
    # On its own, because the call raises errors of the same classes when the answer cannot be
    # read, and then the method has been called.
    for name, value in (("args", positional), ("kwargs", by_name)):
        try:
            pyon.encode(value, syntax="json")
        except (TypeError, ValueError) as error:
            reason = error.located(name) if isinstance(error, pyon.EncodeError) else error
            message = f"the arguments of {method!r} cannot be sent: {reason}"
            raise Failure("arguments", message, WRONG_USAGE) from error


@contextmanager
def _about_the_answer(what: str) -> Iterator[None]:
    # Around what can be sent: an error of this side then means that its answer is no good.
    try:
        yield
    except (TypeError, ValueError) as error:
        if hasattr(error, "parent_traceback") or isinstance(error, OSError | MessageTooLargeError):
            raise
        message = f"{what}, but its answer cannot be read: {error}"
        raise Failure("protocol", message, SERVER_FAILED) from error


def _tls(files: list[str] | None) -> SimpleSSLConfig | None:
    if files is None:
        return None
    config = SimpleSSLConfig(*files)
    try:
        config.create_client_context()
    except OSError as error:
        # Before anything is connected: the command line names the wrong files.
        raise Failure("arguments", error.strerror or str(error), WRONG_USAGE) from error
    return config
