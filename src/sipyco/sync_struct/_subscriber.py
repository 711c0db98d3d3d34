"""The client that keeps a copy of a published structure."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

from sipyco._io.subscriber import Callback, StreamSubscriber, as_list, call
from sipyco._io.tls import SimpleSSLConfig
from sipyco._wire.errors import ProtocolError
from sipyco._wire.limits import MAX_MESSAGE_SIZE
from sipyco._wire.mods import ModAction, process_mod
from sipyco._wire.subscription import SYNC_STRUCT

__all__ = ["Subscriber"]

_CHANGES = {action.value for action in ModAction} - {ModAction.init.value}


class Subscriber(StreamSubscriber):
    """Keeps a copy of a structure that a Publisher publishes.

    All callbacks may be functions or coroutine functions, which are awaited. One that raises ends
    the subscription, which is logged.

    Args:
        notifier_name: What the publisher calls the structure.
        target_builder: Called with the structure when it arrives as a whole (``init``); returns
            what is to be changed from then on: the same object, or any other that has the
            methods of lists and dicts.
        notify_cb: Called with each mod, a dict, after it was applied; or several such callbacks.
        disconnect_cb: Called when the connection is lost, but not after :meth:`close`.
        reconnect: Seconds after which a lost connection is made anew; the time doubles with each
            failure, up to a minute. The structure then arrives as a whole again. None: never.
        state_cb: Called with ``"connected"`` when the connection has been made, before it is known
            whether the publisher offers the structure, and with ``"disconnected"`` after its end.
        max_message_size: Bytes allowed in one mod.

    Attributes:
        receive_task: Runs until the subscription ends.
        writer: The connection, for ``get_extra_info``.
        notify_cbs: The list of callbacks; may be changed at any time.
        disconnect_cb: As given; may be changed at any time.
    """

    __module__ = "sipyco.sync_struct"

    def __init__(
        self,
        notifier_name: str,
        target_builder: Callable[[Any], Any],
        notify_cb: Callback | Sequence[Callback] | None = None,
        disconnect_cb: Callback | None = None,
        *,
        reconnect: float | None = None,
        state_cb: Callback | None = None,
        max_message_size: int = MAX_MESSAGE_SIZE,
    ) -> None:
        super().__init__(
            SYNC_STRUCT,
            notifier_name,
            disconnect_cb,
            reconnect=reconnect,
            state_cb=state_cb,
            max_message_size=max_message_size,
        )
        self.notify_cbs: list[Callback] = as_list(notify_cb)
        self._target_builder = target_builder
        self._target: Any = None

    async def connect(
        self,
        host: str,
        port: int | str,
        before_receive_cb: Callback | None = None,
        ssl_config: SimpleSSLConfig | None = None,
        *,
        local_cert: str | PathLike[str] | None = None,
        local_key: str | PathLike[str] | None = None,
        peer_cert: str | PathLike[str] | None = None,
    ) -> None:
        """Connect, and keep the copy in the background. Again after a disconnection, if wanted.

        Args:
            host: Name or address of the publisher.
            port: TCP port.
            before_receive_cb: Called when the connection has been made, before anything comes.
            ssl_config: Certificates.
            local_cert: With ``local_key`` and ``peer_cert``, another way to pass certificates.
            local_key: See ``local_cert``.
            peer_cert: See ``local_cert``.

        Raises:
            OSError: The connection could not be made, and ``reconnect`` is not set.
            RuntimeError: It is connected already.
        """
        await self._connect(
            host, port, before_receive_cb, ssl_config, local_cert, local_key, peer_cert
        )

    _hears_at_once = True

    async def _handle(self, value: Any) -> None:
        match value:
            case {"action": "init", "struct": structure}:
                self._target = await call(self._target_builder, structure)
            case {"action": str(action), "path": list()} if action in _CHANGES:
                process_mod(self._target, value)
            case _:
                raise ProtocolError("the publisher sent something that is no change")
        await self._notify(self.notify_cbs, value)
