"""The client for programs without an event loop."""

from os import PathLike
from typing import Any

from sipyco._io.tls import SimpleSSLConfig, choose_config
from sipyco._wire.limits import MAX_MESSAGE_SIZE
from sipyco._wire.rpc_client import ClientSession, Failed, Returned
from sipyco.pc_rpc._conversation import Conversation
from sipyco.pc_rpc._options import RpcOptions
from sipyco.pc_rpc._proxy import (
    AutoTarget,
    BlockingProxy,
    TargetName,
    choose_target,
    describe_client,
)
from sipyco.pc_rpc._stream import RemoteStream

__all__ = ["Client"]


class Client(BlockingProxy):
    """Calls the methods of an object in another program as if they were local.

    A method ``foo`` of the remote target is called as ``client.foo(1, x=2)``. Arguments and
    results are copied: a list that the method changes is not changed here. Attributes that are
    no methods are not reachable; write methods that get and set them.

    The connection is made on creation and ended by :meth:`close_rpc` or the end of a ``with``
    block. A client may be used from several threads, whose calls overlap if the server is one of
    this version, and otherwise take turns. A remote generator gives an iterator.

    A call that times out or is interrupted leaves the connection usable: the server is asked to
    stop, and its answer, when it comes, is recognised and dropped. :meth:`rpc_options` gives
    calls a timeout as a whole, and tells of their progress.

    Args:
        host: Name, IPv4 or IPv6 address of the server.
        port: TCP port.
        target_name: Name of the target; :class:`AutoTarget` for the only one that the server
            has; None to select one later with :meth:`select_rpc_target`.
        timeout: Seconds of each wait on the socket, not of the call as a whole. None waits for
            ever, 0 raises BlockingIOError instead of waiting.
        ssl_config: Certificates for an encrypted connection.
        local_cert: With ``local_key`` and ``peer_cert``, another way to pass certificates.
        local_key: See ``local_cert``.
        peer_cert: See ``local_cert``.
        max_message_size: Bytes allowed in an answer.

    Raises:
        IncompatibleServer: The server lacks the target, or is no pc_rpc server.
        ValueError: AutoTarget, and the server has several targets.
        TLSError: One side refuses the other's certificate.
        OSError: The connection could not be made.

    Remote methods raise what the method raised: builtin exceptions as themselves, others as
    :class:`GenericRemoteException`, with the remote traceback in ``parent_traceback``. Besides:
    ConnectionLost when the connection is gone, TimeoutError, and TypeError for an argument that
    cannot be encoded, of which the server then hears nothing.
    """

    __module__ = "sipyco.pc_rpc"

    def __init__(
        self,
        host: str,
        port: int | str,
        target_name: TargetName = AutoTarget,
        timeout: float | None = None,
        ssl_config: SimpleSSLConfig | None = None,
        *,
        local_cert: str | PathLike[str] | None = None,
        local_key: str | PathLike[str] | None = None,
        peer_cert: str | PathLike[str] | None = None,
        max_message_size: int = MAX_MESSAGE_SIZE,
    ) -> None:
        config = choose_config(ssl_config, local_cert, local_key, peer_cert)
        self._rpc_conversation = Conversation(host, port, timeout, config, max_message_size)
        try:
            self.select_rpc_target(target_name)
        except BaseException:
            self.close_rpc()
            raise

    def select_rpc_target(self, target_name: TargetName) -> None:
        """Select a target by its name, once, if none was selected on creation.

        Raises:
            IncompatibleServer: There is no such target. Another can still be selected.
        """
        target = choose_target(target_name, self._rpc_conversation.greeting)
        if target is not None:
            self._rpc_conversation.select(target)

    def get_selected_target(self) -> str | None:
        """Return the name of the selected target, or None."""
        return self._rpc_conversation.target

    def get_rpc_id(self) -> tuple[list[str], str | None]:
        """Return the names of the server's targets, and its description."""
        greeting = self._rpc_conversation.greeting
        return list(greeting.targets), greeting.description

    def get_local_host(self) -> str:
        """Return the address of this end of the connection."""
        return self._rpc_conversation.local_host()

    def get_rpc_method_list(self) -> dict[str, Any]:
        """Ask for the documentation of the target.

        Returns:
            A dict of ``docstring`` (of the target) and ``methods``, a dict of name to a tuple
            of the argument specification (a dict with the keys of
            :func:`inspect.getfullargspec`) and the docstring. Docstrings may be None.
        """
        what = "the list of methods"
        result: dict[str, Any] = outcome(
            self._rpc_conversation.ask(what, ClientSession.spell_method_list)
        )
        return result

    def ping_rpc(self) -> bool:
        """Ask the server whether it is alive: its event loop runs, whatever its methods do.

        Returns:
            True.

        Raises:
            IncompatibleServer: The server is one that cannot be asked, such as an older one.
            OSError: It does not answer, as for every call.
        """
        outcome(self._rpc_conversation.ask("ping_rpc()", ClientSession.spell_ping))
        return True

    def get_rpc_status(self) -> dict[str, Any]:
        """Ask the server what it does, which is answered beside its work.

        Returns:
            A dict of ``calls``, a list of those that run or wait on all connections, each a dict
            of ``target`` and ``method``, ``peer`` (who asked), ``state`` (``"running"`` or
            ``"waiting"``), ``since`` (of the state, in seconds of Unix time) and ``seconds``
            (likewise, until now); ``connections``, their number; and ``threads``, whether plain
            methods run beside the event loop, so that a server that does not answer hangs.

        Raises:
            IncompatibleServer: As for :meth:`ping_rpc`.
            OSError: Likewise.
        """
        result: dict[str, Any] = outcome(
            self._rpc_conversation.ask("get_rpc_status()", ClientSession.spell_status)
        )
        return result

    def close_rpc(self) -> None:
        """Close the connection. Calls that wait in other threads fail with ConnectionLost."""
        self._rpc_conversation.close()

    def __repr__(self) -> str:
        """Name the target and the server; nothing is asked of it."""
        # Not there if the connection could not be made, as debuggers show it.
        conversation: Conversation | None = vars(self).get("_rpc_conversation")
        if conversation is None:
            return describe_client(self, None, None, is_connected=False)
        return describe_client(
            self, conversation.target, conversation.peer, is_connected=conversation.is_connected
        )

    def _rpc_methods(self) -> frozenset[str]:
        return self._rpc_conversation.methods

    def _rpc_invoke(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        return outcome(self._rpc_conversation.call(name, args, kwargs))

    def _rpc_invoke_with(
        self, options: RpcOptions, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return outcome(self._rpc_conversation.call(name, args, kwargs, options))


def outcome(answer: Returned | Failed | RemoteStream) -> Any:
    """Return what the answer holds, or raise it."""
    if isinstance(answer, RemoteStream):
        return answer
    if isinstance(answer, Failed):
        raise answer.error
    return answer.value
