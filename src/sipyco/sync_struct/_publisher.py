"""The server that lets structures be followed."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial

from sipyco import pyon
from sipyco._io.fanout import FanoutServer, Follower
from sipyco._io.inbox import Inbox
from sipyco._wire import limits
from sipyco._wire.mods import ModAction
from sipyco._wire.subscription import SYNC_STRUCT, Form, Published, spell
from sipyco.sync_struct._notifier import Mod, Notifier

__all__ = ["Publisher"]

logger = logging.getLogger("sipyco.sync_struct")


class Publisher(FanoutServer):
    """A server that sends structures, and then their changes, to subscribers.

    A subscriber that does not keep up costs at most ``max_backlog`` bytes. When more would wait
    for it, it misses changes, and gets the whole structure anew as soon as it reads again: what
    it has always becomes what is here.

    Args:
        notifiers: Names under which subscribers ask, and the Notifier of each. A Notifier is
            published by one publisher, under one name: the last it was given to.
        syntax: The spelling: "python", which subscribers of every version but 1.10 read, or
            "json", which 1.10 and programs in other languages need. None: what the environment
            variable ``SIPYCO_SYNTAX`` says; "python" if it is not set.
        max_backlog: Bytes of changes that may wait for a subscriber; a single one may be larger.
            The structure itself, which subscribers share, does not count.

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
        if not isinstance(notifiers, Mapping):
            raise TypeError(
                f"the notifiers are of type {type(notifiers).__name__!r}; give a dict of names "
                "and Notifiers"
            )
        pyon.encode(None, syntax=syntax)  # a syntax that does not exist is better told now
        self.missed = 0
        self._syntax = syntax
        self._max_backlog = max_backlog
        self._channels: dict[str, _Channel] = {}
        for name, notifier in notifiers.items():
            self.add_notifier(name, notifier)

    def add_notifier(self, name: str, notifier: Notifier) -> None:
        """Let a structure be followed under a name, from now on.

        Raises:
            TypeError: It is no Notifier. Nothing was changed.
            ValueError: The name is taken, or the Notifier has another one here, or is one of a
                part of a structure. Nothing was changed.
        """
        if not isinstance(notifier, Notifier):
            raise TypeError(
                f"cannot publish as {name!r} an object of type {type(notifier).__name__!r}; wrap "
                "it in a Notifier"
            )
        if notifier.root is not notifier:
            raise ValueError(f"{notifier!r} is part of a structure; publish the whole of it")
        if name in self._channels:
            raise ValueError(f"there is a notifier {name!r} already; remove_notifier() it first")
        for other, channel in self._channels.items():
            if channel.notifier is notifier and notifier.publish is channel:
                raise ValueError(
                    f"cannot publish as {name!r} what is published as {other!r}; make it known "
                    "under one name"
                )
        inbox = Inbox(
            self,
            notifier.lock,
            partial(self._deliver, name),
            lambda count: self._skip_all(name),
            max_size=self._max_backlog,
        )
        forms = partial(self.forms_of, name)
        channel = _Channel(notifier, inbox, forms, self._syntax)
        self._channels[name] = channel
        notifier.publish = channel

    def remove_notifier(self, name: str) -> None:
        """Let a structure be followed no more; its subscribers are disconnected.

        In the thread of the event loop only.

        Raises:
            KeyError: There is no notifier of that name.
        """
        channel = self._channels.pop(name)
        notifier = channel.notifier
        if notifier.publish is channel:
            notifier.publish = None
        channel.inbox.drain()
        for follower in self.followers_of(name):
            follower.close()

    def offers(self, name: str) -> bool:
        """Tell whether there is a notifier of that name."""
        return name in self._channels

    def welcome(self, follower: Follower) -> None:
        """Send the whole structure, to which further changes then apply."""
        channel = self._channels[follower.name]
        # No change may come between the structure and the moment from which changes are sent.
        with channel.notifier.lock:
            try:
                message = channel.whole_structure(follower.form)
            except Exception as exc:  # noqa: BLE001  the subscriber only sees its connection closed, so the log has to tell why
                _log_later(
                    logging.ERROR, "the structure %r could not be sent", follower.name, error=exc
                )
                follower.close()
                return
            super().welcome(follower)
            follower.put(message, counts=False)

    def change_form(self, follower: Follower, form: Form) -> None:
        """Spell differently, for a subscriber, the changes from now on."""
        channel = self._channels[follower.name]
        with channel.notifier.lock:
            channel.inbox.drain()
            super().change_form(follower, form)

    def _deliver(self, name: str, change: Published) -> None:
        for follower in self.followers_of(name):
            if follower.is_behind:
                continue
            message = change.in_form(follower.form)
            if self._is_too_much(follower, message):
                follower.send_waiting()  # perhaps it reads well, and this turn of the loop is long
            if self._is_too_much(follower, message):
                self._skip(follower)
            else:
                follower.put(message)

    def _is_too_much(self, follower: Follower, message: bytes) -> bool:
        # One that waits for nothing takes any change: the whole structure would not be smaller.
        return follower.backlog > 0 and follower.backlog + len(message) > self._max_backlog

    def _skip(self, follower: Follower) -> None:
        """Let a subscriber miss what waits for it; it gets the whole structure later."""
        follower.drop_waiting()
        if not follower.is_behind:
            follower.is_behind = True
            follower.missed += 1
            self.missed += 1
            # Once for each subscriber: one that is always slow would fill the log.
            _log_later(
                logging.WARNING if follower.missed == 1 else logging.DEBUG,
                "%s does not keep up with %r; it will get the whole structure when it reads again",
                follower.peer,
                follower.name,
            )
        follower.send_soon()

    def _skip_all(self, name: str) -> None:
        for follower in self.followers_of(name):
            self._skip(follower)


def _log_later(level: int, text: str, *args: object, error: Exception | None = None) -> None:
    """Log when the lock of the Notifier is free again.

    A handler may change the Notifier, from whatever thread, and has a lock of its own.
    """
    tell = partial(logger.log, level, text, *args, exc_info=error)
    asyncio.get_running_loop().call_soon(tell)


class _Channel:
    """The ``publish`` of one Notifier: spells its mods and passes them on.

    What it does for a mod is done below the lock of the Notifier, in whatever thread.
    """

    def __init__(
        self,
        notifier: Notifier,
        inbox: Inbox,
        forms: Callable[[], frozenset[Form]],
        syntax: pyon.Syntax | None,
    ) -> None:
        self.notifier = notifier
        self.inbox = inbox
        self._forms = forms
        self._syntax = syntax
        # The structure as it was spelled last, and of which revision.
        self._whole: dict[Form, bytes] = {}
        self._revision = -1

    def __call__(self, mod: Mod) -> None:
        self.prepare_mod(mod)()

    def prepare_mod(self, mod: Mod) -> Callable[[], None]:
        """Spell a mod now, so that nothing that happens to its values later can falsify it.

        What is returned sends it.
        """
        return partial(self._send, spell(mod, self._forms(), self._syntax))

    def whole_structure(self, form: Form) -> bytes:
        """Spell the structure as it is now, at most once for each of its states.

        With the lock of the Notifier held, in the thread of the event loop.
        """
        self.inbox.drain()  # what the structure contains must not be sent again as changes
        revision = self.notifier.revision
        if self._revision != revision:
            self._whole.clear()
            self._revision = revision
        if form not in self._whole:
            mod = {"action": ModAction.init.value, "struct": self.notifier.raw_view}
            self._whole[form] = spell(mod, {form}, self._syntax).in_form(form)
        return self._whole[form]

    def _send(self, change: Published) -> None:
        self._whole.clear()  # it may be large, and is of no use any more
        self.inbox.put(change)
