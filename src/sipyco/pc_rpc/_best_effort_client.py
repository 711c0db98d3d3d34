"""The client that rather returns None than fails because of the network."""

import logging
import threading
from collections.abc import Callable
from os import PathLike
from typing import Any

from sipyco._io.sockets import peer_name
from sipyco._io.tls import SimpleSSLConfig, choose_config
from sipyco._wire.errors import ConnectionLost
from sipyco._wire.limits import MAX_MESSAGE_SIZE
from sipyco._wire.rpc_client import ClientSession
from sipyco._wire.rpc_protocol import Spelled
from sipyco.pc_rpc._client import outcome
from sipyco.pc_rpc._conversation import Conversation
from sipyco.pc_rpc._options import RpcOptions
from sipyco.pc_rpc._proxy import BlockingProxy, TargetName, choose_target, describe_client

__all__ = ["BestEffortClient"]

logger = logging.getLogger(__name__)


class BestEffortClient(BlockingProxy):
    """Like :class:`Client`, but a call that fails because of the network returns None.

    The connection is then made anew in the background. Calls meanwhile return None at once. As
    long as the server was never reached, any method name is accepted.

    Calls themselves wait as long as the server takes. What the remote method raises is raised
    here, errors of the network that *it* met included; so is a TypeError for an argument that
    cannot be encoded.

    Args:
        host: As for :class:`Client`.
        port: As for :class:`Client`.
        target_name: As for :class:`Client`.
        firstcon_timeout: Seconds that each attempt to connect may take, the first of which
            happens on creation.
        retry: Seconds between attempts.
        ssl_config: As for :class:`Client`, like all further arguments.
        local_cert: As for :class:`Client`.
        local_key: As for :class:`Client`.
        peer_cert: As for :class:`Client`.
        max_message_size: As for :class:`Client`.

    Raises:
        IncompatibleServer: The server was reached, but lacks the target.
        ValueError: AutoTarget, and the server has several targets.
    """

    __module__ = "sipyco.pc_rpc"

    def __init__(
        self,
        host: str,
        port: int | str,
        target_name: TargetName,
        firstcon_timeout: float = 1.0,
        retry: float = 5.0,
        ssl_config: SimpleSSLConfig | None = None,
        *,
        local_cert: str | PathLike[str] | None = None,
        local_key: str | PathLike[str] | None = None,
        peer_cert: str | PathLike[str] | None = None,
        max_message_size: int = MAX_MESSAGE_SIZE,
    ) -> None:
        config = choose_config(ssl_config, local_cert, local_key, peer_cert)
        if config is not None:
            config.create_client_context()  # files that are wrong will not get right by waiting
        self._rpc_address = (host, port, firstcon_timeout, config, max_message_size)
        self._rpc_peer = peer_name(host, port)
        self._rpc_target_name = target_name
        self._rpc_retry = float(retry)
        self._rpc_known_methods: frozenset[str] | None = None
        self._rpc_conversation: Conversation | None = None
        self._rpc_change = threading.Lock()  # of the conversation
        self._rpc_closed = threading.Event()
        try:
            self._rpc_connect()
        except OSError as exc:
            logger.warning("%s; trying again in the background", exc)
            self._rpc_start_reconnecting(wait_first=True)

    def get_selected_target(self) -> str | None:
        """Return the name of the selected target, or None while there is no connection."""
        conversation = self._rpc_conversation
        return None if conversation is None else conversation.target

    def get_rpc_id(self) -> tuple[list[str], str | None] | None:
        """Return the names of the server's targets and its description; None if disconnected."""
        conversation = self._rpc_conversation
        if conversation is None:
            return None
        return list(conversation.greeting.targets), conversation.greeting.description

    def get_local_host(self) -> str | None:
        """Return the address of this end of the connection, or None while there is none."""
        conversation = self._rpc_conversation
        return None if conversation is None else conversation.local_host()

    def get_rpc_method_list(self) -> dict[str, Any] | None:
        """Ask for the documentation of the target as :class:`Client` does; None if disconnected."""
        result: dict[str, Any] | None = self._rpc_ask(
            "get_rpc_method_list", ClientSession.spell_method_list
        )
        return result

    def ping_rpc(self) -> bool:
        """Ask the server whether it is alive as :class:`Client` does; False if disconnected."""
        conversation = self._rpc_conversation
        self._rpc_ask("ping_rpc", ClientSession.spell_ping)
        return conversation is not None and conversation is self._rpc_conversation

    def get_rpc_status(self) -> dict[str, Any] | None:
        """Ask the server what it does as :class:`Client` does; None if disconnected."""
        result: dict[str, Any] | None = self._rpc_ask("get_rpc_status", ClientSession.spell_status)
        return result

    def close_rpc(self) -> None:
        """Close the connection and end the attempts to make it anew. Calls then return None."""
        self._rpc_closed.set()
        with self._rpc_change:
            conversation, self._rpc_conversation = self._rpc_conversation, None
        if conversation is not None:
            conversation.close()

    def __repr__(self) -> str:
        """Name the target and the server, and tell whether there is a connection."""
        # Parts of it are not there if it could not be made, as debuggers show it.
        known = vars(self)
        conversation: Conversation | None = known.get("_rpc_conversation")
        wanted = known.get("_rpc_target_name")
        target = wanted if isinstance(wanted, str) else None
        if conversation is not None:
            target = conversation.target
        is_connected = conversation is not None and conversation.is_connected
        return describe_client(self, target, known.get("_rpc_peer"), is_connected=is_connected)

    def _rpc_methods(self) -> frozenset[str] | None:
        return self._rpc_known_methods

    def _rpc_invoke(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        return self._rpc_try(name, lambda conversation: conversation.call(name, args, kwargs))

    def _rpc_invoke_with(
        self, options: RpcOptions, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return self._rpc_try(
            name, lambda conversation: conversation.call(name, args, kwargs, options)
        )

    def _rpc_ask(self, name: str, spell: Callable[[ClientSession], Spelled]) -> Any:
        return self._rpc_try(name, lambda conversation: conversation.ask(f"{name}()", spell))

    def _rpc_try(self, name: str, ask: Callable[[Conversation], Any]) -> Any:
        conversation = self._rpc_conversation
        if conversation is None:
            return None
        try:
            answer = ask(conversation)
        except TimeoutError:  # of the caller's own making (rpc_options)
            raise
        except OSError as exc:  # of this connection: what the method raised is in the answer
            self._rpc_lost(conversation, name, exc)
            return None
        return outcome(answer)

    def _rpc_connect(self) -> None:
        conversation = Conversation(*self._rpc_address)
        try:
            target = choose_target(self._rpc_target_name, conversation.greeting)
            if target is not None:
                conversation.select(target)
            conversation.set_timeout(None)
        except BaseException:
            conversation.close()
            raise
        with self._rpc_change:
            if self._rpc_closed.is_set():
                conversation.close()
                return
            self._rpc_known_methods = conversation.methods
            self._rpc_conversation = conversation

    def _rpc_lost(self, conversation: Conversation, name: str, error: OSError) -> None:
        with self._rpc_change:
            if self._rpc_conversation is not conversation:
                return  # closed, or another thread met the same loss first
            self._rpc_conversation = None
        conversation.close()
        # Programs look for these words.
        logger.warning(
            "connection failed while attempting RPC to %s (%s: %s), "
            "re-establishing connection in the background",
            self._rpc_peer,
            name,
            error,
        )
        self._rpc_start_reconnecting(wait_first=False)

    def _rpc_start_reconnecting(self, *, wait_first: bool) -> None:
        threading.Thread(
            target=self._rpc_reconnect,
            args=(wait_first,),
            name=f"reconnect to {self._rpc_peer}",
            daemon=True,
        ).start()

    def _rpc_reconnect(self, wait_first: bool) -> None:
        if wait_first:
            self._rpc_closed.wait(self._rpc_retry)
        while not self._rpc_closed.is_set():
            try:
                self._rpc_connect()
            except Exception as exc:  # noqa: BLE001
                # A server that is being changed may lack the target for a while, and whatever
                # else there is, nobody would notice if this thread ended.
                level = logging.DEBUG if isinstance(exc, ConnectionLost) else logging.INFO
                logger.log(level, "%s; trying again in %g s", exc, self._rpc_retry)
                self._rpc_closed.wait(self._rpc_retry)
            else:
                if not self._rpc_closed.is_set():
                    logger.warning("connection to %s is established", self._rpc_peer)
                return
