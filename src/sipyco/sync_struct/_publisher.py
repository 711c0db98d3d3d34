"""The server that lets structures be followed."""

import logging
from collections.abc import Callable, Mapping

from sipyco import pyon
from sipyco._io.fanout import FanoutServer, Follower
from sipyco._wire import limits
from sipyco._wire.mods import ModAction
from sipyco._wire.subscription import SYNC_STRUCT
from sipyco.sync_struct._notifier import Mod, Notifier

__all__ = ["Publisher"]

logger = logging.getLogger("sipyco.sync_struct")


class Publisher(FanoutServer):
    """A server that sends structures, and then their changes, to subscribers.

    A subscriber that does not keep up costs at most ``max_backlog`` bytes. When more would wait
    for it, it misses changes, and gets the whole structure anew as soon as it reads again: what
    it has always becomes what is here.

    Args:
        notifiers: Names under which subscribers ask, and the Notifier of each. A Notifier can
            have one publisher at a time.
        syntax: The spelling: "python", which subscribers of every version but 1.10 read, or
            "json", which 1.10 and programs in other languages need. None: what the environment
            variable ``SIPYCO_SYNTAX`` says; "python" if it is not set.
        max_backlog: Bytes of changes that may wait for a subscriber. The structure itself, which
            subscribers share, does not count.

    Attributes:
        missed: How many times a subscriber fell behind and had to be given the whole structure.
    """

    __module__ = "sipyco.sync_struct"

    def __init__(
        self,
        notifiers: Mapping[str, Notifier],
        *,
        syntax: pyon.Syntax | None = None,
        max_backlog: int = limits.MAX_BACKLOG_SIZE,
    ) -> None:
        super().__init__(SYNC_STRUCT)
        self.missed = 0
        self._syntax = syntax
        self._max_backlog = max_backlog
        self._channels: dict[str, _Channel] = {}
        for name, notifier in notifiers.items():
            self.add_notifier(name, notifier)

    def add_notifier(self, name: str, notifier: Notifier) -> None:
        """Let a structure be followed under a name.

        Raises:
            ValueError: The name is taken. Nothing was changed.
        """
        if name in self._channels:
            raise ValueError(f"there is a notifier {name!r} already; remove_notifier() it first")
        channel = _Channel(self, name, notifier)
        self._channels[name] = channel
        notifier.publish = channel

    def remove_notifier(self, name: str) -> None:
        """Let a structure be followed no more; its subscribers are disconnected.

        In the thread of the event loop only.

        Raises:
            KeyError: There is no notifier of that name.
        """
        channel = self._channels.pop(name)
        if channel.notifier.publish is channel:
            channel.notifier.publish = None
        for follower in list(self.followers.get(name, ())):
            follower.close()

    def names(self) -> set[str]:
        """Return the names of the notifiers."""
        return set(self._channels)

    def welcome(self, follower: Follower) -> None:
        """Send the whole structure, to which further changes then apply."""
        try:
            line = self._channels[follower.name].whole_structure()
        except Exception:
            # The subscriber only sees its connection closed, so the log has to tell why.
            logger.exception("the structure %r could not be sent", follower.name)
            follower.close()
        else:
            follower.put(line, counts=False)

    def encode(self, mod: Mod) -> bytes:
        """Spell a mod on a line."""
        return pyon.encode(mod, syntax=self._syntax).encode("ascii") + b"\n"

    def deliver(self, name: str, line: bytes) -> None:
        """Send a line to all who follow a name. In the thread of the event loop."""
        for follower in self.followers.get(name, ()):
            if follower.is_behind:
                continue
            if follower.backlog + len(line) > self._max_backlog:
                follower.send_waiting()  # perhaps it reads well, and this turn of the loop is long
            if follower.backlog + len(line) > self._max_backlog:
                self.skip(follower)
            else:
                follower.put(line)

    def skip(self, follower: Follower) -> None:
        """Let a subscriber miss what waits for it; it gets the whole structure later."""
        follower.drop_waiting()
        if not follower.is_behind:
            follower.is_behind = True
            self.missed += 1
            logger.warning(
                "%s does not keep up with %r; it will get the whole structure when it reads again",
                follower.peer,
                follower.name,
            )
        follower.send_soon()

    @property
    def max_backlog(self) -> int:
        """Bytes of changes that may wait for a subscriber."""
        return self._max_backlog


class _Channel:
    """Takes the mods of one Notifier, from any thread, to the publisher's loop in their order."""

    def __init__(self, publisher: Publisher, name: str, notifier: Notifier) -> None:
        self.notifier = notifier
        self._publisher = publisher
        self._name = name
        self._whole: bytes | None = None
        self._inbox: list[bytes] = []  # from other threads
        self._inbox_size = 0
        self._overflowed = False

    def __call__(self, mod: Mod) -> None:
        self.prepare(mod)()

    def prepare(self, mod: Mod) -> Callable[[], None]:
        """Spell a mod now, so that nothing that happens to its values later can falsify it."""
        line = self._publisher.encode(mod)

        def commit() -> None:
            self._whole = None
            if self._publisher.server is None:
                return
            if self._publisher.is_in_loop():
                self._drain()
                self._publisher.deliver(self._name, line)
            else:
                self._hand_over(line)

        return commit

    def whole_structure(self) -> bytes:
        """Spell the structure as it is now, at most once for each of its states."""
        with self.notifier.lock:
            self._drain()  # what the structure contains must not be sent again as changes
            if self._whole is None:
                mod = {"action": ModAction.init.value, "struct": self.notifier.raw_view}
                self._whole = self._publisher.encode(mod)
            return self._whole

    # Below the lock of the notifier is held.

    def _hand_over(self, line: bytes) -> None:
        if not self._inbox and not self._overflowed:
            self._publisher.run_in_loop(self._drain_with_lock)
        self._inbox.append(line)
        self._inbox_size += len(line)
        if self._inbox_size > self._publisher.max_backlog:
            # The loop has not come round for a while: no subscriber can have kept up.
            self._inbox, self._inbox_size, self._overflowed = [], 0, True

    def _drain_with_lock(self) -> None:
        with self.notifier.lock:
            self._drain()

    def _drain(self) -> None:
        inbox, self._inbox, self._inbox_size = self._inbox, [], 0
        if self._overflowed:
            self._overflowed = False
            for follower in self._publisher.followers.get(self._name, ()):
                self._publisher.skip(follower)
            return
        for line in inbox:
            self._publisher.deliver(self._name, line)
