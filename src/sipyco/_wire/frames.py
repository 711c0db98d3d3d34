"""Messages in frames: many at a time on one connection, with the memory of arrays as it is.

A message is a kind, the number of the request that it belongs to, a head (MessagePack), and
buffers. It travels as frames, between which frames of other messages may come, so that nothing
small waits for something large. What the kinds mean is not known here.
"""

import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from sipyco._wire.limits import MAX_FRAME_SIZE, MAX_OPEN_MESSAGES

__all__ = ["DATA", "FEATURE_FRAMES", "HEADER", "MORE", "SIZES", "FrameWriter", "only_frame"]

FEATURE_FRAMES = "frames_v1"
"""What is offered, or asked for, by a peer that knows the frames of this module."""

HEADER = struct.Struct("<BBHII")
"""Kind, flags, number of buffers, number of the request, bytes that follow; little-endian."""

DATA = 0
"""The kind of a frame that holds a piece of a buffer."""

MORE = 1
"""The flag of a frame whose head goes on in another."""

SIZES = struct.Struct("<Q")
"""Bytes in one buffer; the head begins with one of these for each."""


@dataclass(slots=True)
class _Outgoing:
    """What has not been sent of one message."""

    kind: int
    request: int
    count: int
    head: memoryview
    buffers: deque[memoryview]
    is_begun: bool = False


def only_frame(kind: int, request: int, head: bytes) -> bytes:
    """Return a message that is small enough to be one frame, and has no buffers."""
    return HEADER.pack(kind, 0, 0, request, len(head)) + head


class FrameWriter:
    """Cuts messages into frames, which leave in turns."""

    def __init__(self) -> None:
        # Who has the next turns: requests, and messages that are small enough to be a frame.
        self._turns: deque[tuple[int, bytes | None]] = deque()
        # By request, since the messages of one must not mix; each in its order.
        self._waiting: dict[int, deque[_Outgoing]] = {}
        self._open = 0  # messages that were begun and are not at their end

    @property
    def is_empty(self) -> bool:
        """Whether everything has been taken."""
        return not self._turns

    def __len__(self) -> int:
        """How many requests have messages that were not taken to their end."""
        return len(self._turns)

    def put(self, kind: int, request: int, head: bytes, buffers: Sequence[memoryview] = ()) -> None:
        """Take a message. The memory of its buffers must not change until it has been sent."""
        messages = self._waiting.get(request)
        if messages is None and not buffers and len(head) <= MAX_FRAME_SIZE:
            self._turns.append((request, only_frame(kind, request, head)))
            return
        sizes = b"".join(SIZES.pack(buffer.nbytes) for buffer in buffers)
        message = _Outgoing(
            kind, request, len(buffers), memoryview(sizes + head), deque(filter(None, buffers))
        )
        if messages is None:
            self._waiting[request] = deque([message])
            self._turns.append((request, None))
        else:
            messages.append(message)

    def withdraw(self, request: int) -> bool:
        """Drop the messages of a request that were not begun; tell whether that was all of them."""
        was_there = len(self._turns)
        self._turns = deque(turn for turn in self._turns if turn[0] != request)
        messages = self._waiting.pop(request, deque())
        begun = deque(message for message in messages if message.is_begun)
        if begun:
            self._waiting[request] = begun
            self._turns.append((request, None))
            return False
        return len(self._turns) < was_there

    def take(self, size: int) -> list[bytes | memoryview]:
        """Return frames of about this many bytes altogether, to be sent one after the other."""
        parts: list[bytes | memoryview] = []
        while self._turns and size > 0:
            request, frame = self._turns.popleft()
            if frame is not None:
                parts.append(frame)
                size -= len(frame)
                continue
            messages = self._waiting[request]
            if messages[0].is_begun or self._open < MAX_OPEN_MESSAGES:
                size -= self._take_frame(messages[0], parts)
            if messages[0].is_begun and not messages[0].head and not messages[0].buffers:
                messages.popleft()
                self._open -= 1
            if messages:
                self._turns.append((request, None))
            else:
                del self._waiting[request]
        return parts

    def _take_frame(self, message: _Outgoing, parts: list[bytes | memoryview]) -> int:
        if message.head or not message.is_begun:
            piece, message.head = message.head[:MAX_FRAME_SIZE], message.head[MAX_FRAME_SIZE:]
            count = 0 if message.is_begun else message.count
            flags = MORE if message.head else 0
            header = HEADER.pack(message.kind, flags, count, message.request, len(piece))
            self._open += not message.is_begun
            message.is_begun = True
        else:
            buffer = message.buffers.popleft()
            piece, rest = buffer[:MAX_FRAME_SIZE], buffer[MAX_FRAME_SIZE:]
            if rest:
                message.buffers.appendleft(rest)
            header = HEADER.pack(DATA, 0, 0, message.request, len(piece))
        parts += (header, piece)
        return len(header) + len(piece)
