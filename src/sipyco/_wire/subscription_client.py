"""The subscriber's side of a subscription: bytes in, values out."""

import json
from collections.abc import Iterator
from typing import Any

from sipyco import pyon
from sipyco._wire import limits
from sipyco._wire.errors import MessageTooLargeError, ProtocolError
from sipyco._wire.frame_reader import FrameReader, Message
from sipyco._wire.frames import FEATURE_FRAMES
from sipyco._wire.framing import Line, LineReader, TooLong
from sipyco._wire.subscription import FRAME_KINDS, VALUE

__all__ = ["SubscriberSession"]

ASKS_FOR_FRAMES = True
"""Whether publishers are told that frames can be read. False is for comparisons."""


class SubscriberSession:
    """Reads what a publisher sends: lines and then, if it knows them, frames.

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
        self._frames: FrameReader | None = None  # from the first one on
        # Nothing tells which spelling a publisher writes, until a line is not JSON. From then on
        # a dict with the key __jsonclass__ is no special value.
        self._syntax: pyon.Syntax | None = None

    def connect(self) -> bytes:
        """Open the conversation. Publishers that do not know the third line never read it."""
        said = [self._banner, self._name.encode()]
        if ASKS_FOR_FRAMES:
            said.append(FEATURE_FRAMES.encode())
        return b"".join(line + b"\n" for line in said)

    def receive(self, data: bytes) -> Iterator[Any]:
        """Take bytes from the publisher, cut anywhere, and yield the values that are complete.

        Those before an error are not lost.

        Raises:
            ProtocolError: It sent something else. Nothing that follows can be relied on.
            MessageTooLargeError: It sent too long a value. Likewise.
        """
        if self._frames is None:
            self._lines.feed(data)
            yield from self._read_lines()
            if self._lines.peek(1) not in FRAME_KINDS:
                return
            self._frames = FrameReader(self._max_message_size)
            data = self._lines.rest()
        yield from self._read_frames(self._frames, data)

    def _read_lines(self) -> Iterator[Any]:
        while self._lines.peek(1) not in FRAME_KINDS:
            line = self._lines.next_line()
            if line is None:
                return
            if isinstance(line, TooLong):
                raise MessageTooLargeError("a message", line.size, self._max_message_size)
            try:
                value = self._decode(line)
            except pyon.DecodeError as exc:
                raise ProtocolError(f"{self._peer} sent a line that cannot be read: {exc}") from exc
            yield value

    def _read_frames(self, frames: FrameReader, data: bytes) -> Iterator[Any]:
        messages: list[Message] = []
        broken: ProtocolError | None = None
        try:
            frames.feed(data, messages)
        except ProtocolError as exc:
            broken = exc
        for message in messages:
            yield self._value_of(message)
        if broken is not None:
            raise ProtocolError(f"{self._peer} broke the rules: {broken}")

    def _value_of(self, message: Message) -> Any:
        if isinstance(message.error, MessageTooLargeError):
            raise message.error
        if message.error is not None:
            raise ProtocolError(f"{self._peer} sent a message that cannot be read: {message.error}")
        if message.kind != VALUE or message.request:
            raise ProtocolError(
                f"{self._peer} sent a message of kind {message.kind} for request {message.request}"
            )
        return message.value

    def _decode(self, line: Line) -> Any:
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


def _is_json(line: Line) -> bool:
    try:
        json.loads(line)
    except RecursionError:
        return True  # nested too deep, in either spelling
    except ValueError:
        return False
    return True
