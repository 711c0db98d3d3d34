"""Values sent to everybody who listens at the moment; nothing is kept for later."""

from collections.abc import Sequence
from functools import partial
from os import PathLike
from threading import RLock
from typing import Any

from sipyco import pyon
from sipyco._io.fanout import FanoutServer, Follower
from sipyco._io.inbox import Inbox
from sipyco._io.subscriber import Callback, StreamSubscriber, as_list
from sipyco._io.tls import SimpleSSLConfig
from sipyco._wire.limits import MAX_MESSAGE_SIZE
from sipyco._wire.subscription import BROADCAST, Form, Published, spell

__all__ = ["Broadcaster", "Receiver"]


class Broadcaster(FanoutServer):
    """A server that sends values to all receivers of a channel.

    It never logs from :meth:`broadcast`, since what it carries may be the log itself.

    Args:
        queue_limit: Values that may wait for a receiver, at least 1; when there are more, that
            receiver misses the oldest.
        syntax: The spelling, as for :class:`sipyco.sync_struct.Publisher`.

    Attributes:
        dropped: How many values receivers missed.
    """

    def __init__(self, queue_limit: int = 1024, *, syntax: pyon.Syntax | None = None) -> None:
        super().__init__(BROADCAST)
        pyon.encode(None, syntax=syntax)  # a syntax that does not exist is better told now
        if queue_limit < 1:
            raise ValueError(f"queue_limit is {queue_limit!r}; at least one value has to wait")
        self.dropped = 0
        self._queue_limit = queue_limit
        self._syntax = syntax
        # Reentrant: if anything in here did log, the record could come back as a broadcast.
        self._lock = RLock()
        self._inboxes: dict[str, Inbox] = {}

    def broadcast(self, name: str, obj: Any) -> None:
        """Send a value to all who listen to a channel now. From any thread.

        Raises:
            TypeError: It cannot be encoded. Nothing was sent.
        """
        while True:
            forms = self.forms_of(name)
            message = spell(obj, forms, self._syntax)
            with self._lock:
                # Somebody may have come who needs it in another form.
                if self.forms_of(name) <= forms:
                    if forms:
                        self._inbox(name).put(message)
                    return

    def welcome(self, follower: Follower) -> None:
        """Let a receiver hear what is said from now on, and nothing that was said before."""
        inbox = self._inboxes.get(follower.name)
        if inbox is not None:
            inbox.drain()
        super().welcome(follower)

    def change_form(self, follower: Follower, form: Form) -> None:
        """Spell differently what is said from now on."""
        with self._lock:
            inbox = self._inboxes.get(follower.name)
            if inbox is not None:
                inbox.drain()
            super().change_form(follower, form)

    def _inbox(self, name: str) -> Inbox:
        if name not in self._inboxes:
            deliver = partial(self._deliver, name)
            missed = partial(self._count_missed, name)
            self._inboxes[name] = Inbox(
                self, self._lock, deliver, missed, max_messages=self._queue_limit
            )
        return self._inboxes[name]

    def _deliver(self, name: str, message: Published) -> None:
        for follower in self.followers_of(name):
            if follower.is_behind:
                continue  # it has just come, and this was said before
            if follower.waiting_messages >= self._queue_limit:
                follower.send_waiting()  # perhaps it reads well, and this turn of the loop is long
            if follower.waiting_messages >= self._queue_limit:
                follower.drop_oldest()
                self.dropped += 1
            follower.put(message.in_form(follower.form))

    def _count_missed(self, name: str, count: int) -> None:
        self.dropped += count * len(self.followers_of(name))


class Receiver(StreamSubscriber):
    """Receives what is broadcast on a channel, from the moment it is connected.

    Args:
        name: The channel.
        notify_cb: Called with each value, or several such callbacks; functions or coroutine
            functions. One that raises ends the subscription, which is logged.
        disconnect_cb: Called when the connection is lost, but not after :meth:`close`.
        reconnect: As for :class:`sipyco.sync_struct.Subscriber`.
        state_cb: As for :class:`sipyco.sync_struct.Subscriber`.
        max_message_size: Bytes allowed in one value.

    Attributes:
        receive_task: Runs until the subscription ends.
        notify_cbs: The list of callbacks; may be changed at any time.
        disconnect_cb: As given; may be changed at any time.
    """

    def __init__(
        self,
        name: str,
        notify_cb: Callback | Sequence[Callback],
        disconnect_cb: Callback | None = None,
        *,
        reconnect: float | None = None,
        state_cb: Callback | None = None,
        max_message_size: int = MAX_MESSAGE_SIZE,
    ) -> None:
        super().__init__(
            BROADCAST,
            name,
            disconnect_cb,
            reconnect=reconnect,
            state_cb=state_cb,
            max_message_size=max_message_size,
        )
        self.notify_cbs: list[Callback] = as_list(notify_cb)

    async def connect(
        self,
        host: str,
        port: int | str,
        ssl_config: SimpleSSLConfig | None = None,
        *,
        local_cert: str | PathLike[str] | None = None,
        local_key: str | PathLike[str] | None = None,
        peer_cert: str | PathLike[str] | None = None,
    ) -> None:
        """Connect, and receive in the background.

        Args and errors are those of :meth:`sipyco.sync_struct.Subscriber.connect`.
        """
        await self._connect(host, port, None, ssl_config, local_cert, local_key, peer_cert)

    async def _handle(self, value: Any) -> None:
        await self._notify(self.notify_cbs, value)
