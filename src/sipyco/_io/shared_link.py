"""One connection for many threads: one of those that wait does the work for all of them.

There is no thread that does nothing else. Whoever waits for an event becomes the leader if there
is none, and receives, also what is for others; these sleep until it wakes them. A leader that has
what it waited for leaves, and another takes its place.
"""

import errno
import os
import threading
import time
from collections import deque
from typing import Generic, TypeVar

from sipyco._io.blocking import BlockingLink
from sipyco._io.channel import Channel

__all__ = ["Mailbox", "SharedLink"]

T = TypeVar("T")

LONGEST_SLEEP = 1.0
"""Seconds after which a thread that sleeps looks whether anybody still leads."""


class Mailbox(Generic[T]):
    """What has come for one who waits.

    Attributes:
        events: In their order.
    """

    __slots__ = ("_bell", "_is_asleep", "events")

    def __init__(self) -> None:
        self.events: deque[T] = deque()
        self._bell: threading.Lock | None = None  # held while the owner is asleep
        self._is_asleep = False

    def fall_asleep(self) -> None:
        """Prepare for :meth:`sleep`."""
        if self._bell is None:
            self._bell = threading.Lock()
            self._bell.acquire()
        self._is_asleep = True

    def sleep(self, timeout: float) -> None:
        """Wait until woken, for so many seconds."""
        assert self._bell is not None
        self._bell.acquire(timeout=timeout)

    def awake(self) -> None:
        """Note that the sleep is over, whatever ended it."""
        if self._is_asleep:
            self._is_asleep = False
        elif self._bell is not None:
            self._bell.acquire(blocking=False)

    def wake(self) -> bool:
        """End the sleep; tell whether there was one."""
        was_asleep, self._is_asleep = self._is_asleep, False
        if was_asleep and self._bell is not None:
            self._bell.release()
        return was_asleep


class SharedLink(Generic[T]):
    """Moves the bytes of one channel, for any number of threads.

    Args:
        link: The connection, taken over.
        channel: What it carries. It is used by one thread at a time, which holds the mutex.
        peer: The other end, for messages.
        timeout: Seconds of each wait in which nothing moves; None for ever; 0 raises
            BlockingIOError instead of waiting.

    Attributes:
        mutex: To be held by whoever changes what the channel is.
    """

    def __init__(
        self, link: BlockingLink, channel: Channel, peer: str, timeout: float | None
    ) -> None:
        self.mutex = threading.Lock()
        self._link = link
        self._channel = channel
        self._peer = peer
        self.timeout = timeout
        self._leader: Mailbox[T] | None = None
        self._asleep: dict[Mailbox[T], None] = {}  # in the order in which they fell asleep

    def allow_sharing(self) -> None:
        """Prepare for several threads that wait. To be called before any does."""
        self._link.allow_waking()

    def local_host(self) -> str:
        """Return the address of this end."""
        return self._link.local_host()

    @property
    def is_connected(self) -> bool:
        """Whether the connection is not known to be gone."""
        return self._link.is_connected

    def check(self) -> None:
        """Raise ConnectionLost if the connection is known to be gone."""
        self._link.check()

    def close(self) -> None:
        """Close the connection. Those that wait get ConnectionLost."""
        self._link.close()

    def flush(self) -> None:
        """Send what there is room for; the rest leaves while somebody waits. With the mutex."""
        if self._link.needs_room and self._leader is not None:
            return  # the leader waits for room
        self._link.send(self._channel)
        if self._link.needs_room and self._leader is not None:
            self._link.wake()  # the leader does not know yet

    def drain(self) -> None:
        """Take what has come although nobody waits for it. With the mutex."""
        self._link.receive(self._channel)

    def deliver(self, mailbox: Mailbox[T], event: T) -> None:
        """Hand an event to the one who waits for it. With the mutex."""
        mailbox.events.append(event)
        if mailbox.wake():
            self._asleep.pop(mailbox, None)

    def wait_for(self, mailbox: Mailbox[T], deadline: float | None = None) -> T:
        """Wait for the next event in a mailbox.

        Args:
            mailbox: Of the caller alone.
            deadline: When to give up, in the time of :func:`time.monotonic`, however often
                something moves, and however long nothing does.

        Raises:
            ConnectionLost: The connection has ended, or was given up before.
            TLSError: The other side refuses this one.
            TimeoutError: Nothing moved for ``timeout`` seconds, or the deadline has come.
            BlockingIOError: The same, with a timeout of 0.
        """
        started = time.monotonic()
        try:
            while not mailbox.events:
                with self.mutex:
                    self._link.check()
                    if self._leader is None:
                        self._leader = mailbox
                    elif not mailbox.events:
                        mailbox.fall_asleep()
                        self._asleep[mailbox] = None
                if self._leader is mailbox:
                    self._lead(mailbox, started, deadline)
                else:
                    self._follow(mailbox, started, deadline)
            event = mailbox.events.popleft()
            return event  # noqa: RET504 - Ctrl-C strikes after calls: not between this and finally
        finally:
            if self._leader is mailbox:
                self._leader = None
                self._wake_another()

    def _lead(self, mailbox: Mailbox[T], started: float, deadline: float | None) -> None:
        while not mailbox.events:
            patience = self._patience(started, deadline)
            if self._link.wait(patience):
                with self.mutex:
                    self._link.receive(self._channel)
                    if self._link.has_unsent:
                        self._link.send(self._channel)
            elif patience is not None and self._patience(started, deadline) == 0:
                self._lose_patience(deadline)

    def _follow(self, mailbox: Mailbox[T], started: float, deadline: float | None) -> None:
        if mailbox.events:
            return
        patience = self._patience(started, deadline)
        try:
            # Not for ever: a leader that Ctrl-C strikes as it leaves may wake nobody.
            mailbox.sleep(LONGEST_SLEEP if patience is None else min(patience, LONGEST_SLEEP))
        finally:
            with self.mutex:
                mailbox.awake()
                self._asleep.pop(mailbox, None)
        if not mailbox.events and self._patience(started, deadline) == 0:
            self._lose_patience(deadline)

    def _wake_another(self) -> None:
        with self.mutex:
            for follower in self._asleep:
                # Whoever it is: it will lead, or find what it waited for.
                del self._asleep[follower]
                follower.wake()
                break

    def _patience(self, started: float, deadline: float | None) -> float | None:
        """Tell for how many seconds to wait on: a deadline takes the place of the timeout."""
        if deadline is not None:
            end = deadline
        elif self.timeout is not None:
            end = max(started, self._link.moved_at) + self.timeout
        else:
            return None
        return max(0.0, end - time.monotonic())

    def _lose_patience(self, deadline: float | None) -> None:
        if deadline is not None and deadline <= time.monotonic():
            raise TimeoutError("its time is up")
        if self.timeout == 0:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        raise TimeoutError(f"{self._peer} did not answer within {self.timeout} s")
