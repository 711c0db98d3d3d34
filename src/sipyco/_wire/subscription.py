"""A subscription: a banner, a name, and then values, one a line, in one direction only.

sync_struct and broadcast are the same conversation under two banners.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from sipyco import pyon
from sipyco._wire import limits
from sipyco._wire.errors import MessageTooLargeError, ProtocolError
from sipyco._wire.framing import LineReader, TooLong

__all__ = [
    "BROADCAST",
    "SYNC_STRUCT",
    "PublisherSession",
    "Refused",
    "Subscribed",
    "SubscriberSession",
]

SYNC_STRUCT = b"ARTIQ sync_struct"
"""The first line of a subscriber of a structure."""

BROADCAST = b"ARTIQ broadcast"
"""The first line of a receiver of a channel."""


class PublisherState(Enum):
    """What the publisher waits for."""

    AWAIT_BANNER = auto()
    AWAIT_NAME = auto()
    SUBSCRIBED = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The client said what it wants to follow."""

    name: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The client broke the rules: close the connection, without a word, as others do."""

    reason: str


class PublisherSession:
    """The publisher's side, up to the name. What it sends then are lines of PYON.

    Args:
        banner: What the client has to say first.

    Attributes:
        state: What is awaited.
    """

    def __init__(self, banner: bytes) -> None:
        self.state = PublisherState.AWAIT_BANNER
        self._banner = banner
        self._lines = LineReader(limits.MAX_HANDSHAKE_LINE_SIZE)
        self._size = 0

    def receive(self, data: bytes) -> Subscribed | Refused | None:
        """Take bytes from the client, cut anywhere. What follows the name is not read."""
        if self.state in {PublisherState.SUBSCRIBED, PublisherState.CLOSED}:
            return None
        self._lines.feed(data)
        event: Subscribed | Refused | None = None
        while event is None and (line := self._lines.next_line()) is not None:
            event = self._read_line(line)
        self._size += len(data)
        if event is None and self._size > 2 * limits.MAX_HANDSHAKE_LINE_SIZE:
            # Two lines of the greatest length are complete by now.
            return self._refuse(f"it sent {self._size} bytes without saying what it wants")
        return event

    def _read_line(self, line: bytes | TooLong) -> Subscribed | Refused | None:
        if isinstance(line, TooLong):
            return self._refuse(f"its first lines are too long: {line.size} bytes")
        text = line.removesuffix(b"\r")
        if self.state is PublisherState.AWAIT_BANNER:
            if text != self._banner:
                return self._refuse(f"its first line was {line[:60]!r}, not {self._banner!r}")
            self.state = PublisherState.AWAIT_NAME
            return None
        try:
            name = text.decode()
        except UnicodeDecodeError:
            return self._refuse(f"the name {line[:60]!r} is not UTF-8")
        self.state = PublisherState.SUBSCRIBED
        return Subscribed(name)

    def _refuse(self, reason: str) -> Refused:
        self.state = PublisherState.CLOSED
        return Refused(reason)


class SubscriberSession:
    """The subscriber's side.

    Args:
        banner: Of the protocol.
        name: What to follow.
        peer: The publisher in the words of error messages.
        max_message_size: Bytes in one value.
    """

    def __init__(
        self,
        banner: bytes,
        name: str,
        peer: str,
        *,
        max_message_size: int = limits.MAX_MESSAGE_SIZE,
    ) -> None:
        if "\n" in name:
            raise ValueError(f"the name {name!r} contains a line break, so it cannot be asked for")
        self._banner = banner
        self._name = name
        self._peer = peer
        self._max_message_size = max_message_size
        self._lines = LineReader(max_message_size)
        # Nothing tells which spelling a publisher writes, until a line is not JSON. From then on
        # a dict with the key __jsonclass__ is no special value.
        self._syntax: pyon.Syntax | None = None

    def connect(self) -> bytes:
        """Open the conversation."""
        return self._banner + b"\n" + self._name.encode() + b"\n"

    def receive(self, data: bytes) -> Iterator[Any]:
        """Take bytes from the publisher, cut anywhere, and yield the values that are complete.

        Each is read when it is asked for, so that those before an error are not lost.

        Raises:
            ProtocolError: It sent something else. Nothing that follows can be relied on.
            MessageTooLargeError: It sent too long a line. Likewise.
        """
        self._lines.feed(data)
        while (line := self._lines.next_line()) is not None:
            if isinstance(line, TooLong):
                raise MessageTooLargeError("a message", line.size, self._max_message_size)
            try:
                value = self._decode(line)
            except pyon.DecodeError as exc:
                raise ProtocolError(f"{self._peer} sent a line that cannot be read: {exc}") from exc
            yield value

    def _decode(self, line: bytes) -> Any:
        if self._syntax is not None:
            return pyon.decode(line, syntax=self._syntax)
        try:
            return pyon.decode(line, syntax="json")
        except pyon.DecodeError as exc:
            # Python syntax may look like a special value of JSON up to where it cannot be JSON.
            if isinstance(exc, pyon.InvalidValueError) and _is_json(line):
                raise
        value = pyon.decode(line, syntax="python")
        self._syntax = "python"
        return value


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except RecursionError:
        return True  # nested too deep, in either spelling
    except ValueError:
        return False
    return True
