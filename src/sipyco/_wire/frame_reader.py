"""Frames into messages, whose arrays are received where they stay."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sipyco import pyon
from sipyco._wire.errors import MessageTooLargeError, ProtocolError
from sipyco._wire.frames import DATA, HEADER, MORE, SIZES
from sipyco._wire.limits import MAX_FRAME_SIZE, MAX_OPEN_MESSAGES, STAGING_SIZE
from sipyco.pyon import _on_demand

__all__ = ["FrameReader", "Message"]


_NOTHING = memoryview(b"")


class Message(NamedTuple):
    """What has come in.

    Attributes:
        kind: As the sender said.
        request: Likewise.
        value: What the head says; None if there was an error.
        error: Why there is no value: it is too large, or cannot be read. What follows can be.
    """

    kind: int
    request: int
    value: Any = None
    error: Exception | None = None


@dataclass(slots=True)
class _Incoming:
    """What has come of a message that is not complete."""

    kind: int
    count: int
    """How many buffers it has."""
    head: bytearray = field(default_factory=bytearray)
    size: int = 0
    """Bytes of the head, also of one that is too large to be kept."""
    value: Any = None
    error: Exception | None = None
    reader: "_on_demand.packed.Reader | None" = None
    """There when the head is complete, and can be read."""
    missing: deque[memoryview] = field(default_factory=deque)
    """Memory that is to be filled."""
    to_skip: int = 0
    """Bytes of buffers that belong nowhere."""

    def announced(self) -> int:
        """Tell how many bytes of buffers are to come."""
        return self.to_skip + sum(map(len, self.missing))

    def fill(self, piece: memoryview, *, in_place: bool) -> None:
        """Put a piece where it belongs, unless it was received there."""
        if self.to_skip:
            self.to_skip -= len(piece)
            return
        while piece:
            memory = self.missing[0]
            count = min(len(memory), len(piece))
            if not in_place:
                memory[:count] = piece[:count]
            piece = piece[count:]
            if count == len(memory):
                self.missing.popleft()
            else:
                self.missing[0] = memory[count:]


class FrameReader:
    """Puts frames together to messages.

    Receive into :meth:`buffer`, then tell :meth:`received` how much has come: so the memory of
    arrays is filled without a copy. :meth:`feed` does both for bytes that are there.

    Args:
        max_message_size: Bytes in a message, its buffers included.
        staging: Memory to receive into what is no array. Readers may share it whose bytes are
            handed over before those of the next are received.
    """

    def __init__(self, max_message_size: int, staging: memoryview | None = None) -> None:
        self._limit = max_message_size
        self._staging = memoryview(bytearray(STAGING_SIZE)) if staging is None else staging
        self._begun = b""  # of a header that is not complete
        self._open: dict[int, _Incoming] = {}
        self._kind = self._flags = self._request = 0  # of the present frame
        self._rest = 0  # bytes of it that have not come
        self._target: memoryview | None = None  # where they belong, if that is known

    def feed(self, data: bytes, messages: list[Message] | None = None) -> list[Message]:
        """Take bytes that came in, cut anywhere. Raises as :meth:`received` does.

        Args:
            data: The bytes.
            messages: Where to append what has come, so that it is not lost with an error.
        """
        messages = [] if messages is None else messages
        rest = memoryview(data)
        while rest:
            space = self.buffer()
            count = min(len(space), len(rest))
            space[:count] = rest[:count]
            self._receive(count, messages)
            rest = rest[count:]
        return messages

    def buffer(self) -> memoryview:
        """Return where the next bytes of the stream belong, which may be more than will come."""
        return self._staging if self._target is None else self._target

    def received(self, count: int) -> list[Message]:
        """Take the bytes that were received into the buffer.

        Raises:
            ProtocolError: The peer broke the rules.
        """
        messages: list[Message] = []
        self._receive(count, messages)
        return messages

    def _receive(self, count: int, messages: list[Message]) -> None:
        if self._target is not None:
            self._take(self._target[:count], messages, in_place=True)
        else:
            self._read_staging(count, messages)
        self._target = None
        if self._kind == DATA and self._rest and (missing := self._open[self._request].missing):
            self._target = missing[0][: self._rest]

    def _read_staging(self, filled: int, messages: list[Message]) -> None:
        start = self._finish_header(filled, messages) if self._begun else 0
        while start < filled or not self._rest:
            if self._rest:
                piece = self._staging[start : min(filled, start + self._rest)]
                self._take(piece, messages)
                start += len(piece)
            elif filled - start >= HEADER.size:
                header = self._staging[start : start + HEADER.size]
                start += HEADER.size
                whole = self._read_whole(header, self._staging[start:filled], messages)
                if not whole:
                    self._begin(header, messages)
                start += whole
            else:
                self._begun += self._staging[start:filled]
                return

    def _read_whole(self, header: memoryview, there: memoryview, messages: list[Message]) -> int:
        """Read a message that has come in one frame, as most do; tell how many bytes it takes."""
        kind, flags, count, request, size = HEADER.unpack(header)
        if kind == DATA or flags or count or request in self._open:
            return 0
        if not 0 < size <= min(len(there), self._limit, MAX_FRAME_SIZE):
            return 0
        try:
            value = _on_demand.packed.Reader().read(bytes(there[:size]))
            messages.append(Message(kind, request, value))
        except pyon.DecodeError as error:
            messages.append(Message(kind, request, error=error))
        return int(size)

    def _finish_header(self, filled: int, messages: list[Message]) -> int:
        """Put a header together; tell how many of the bytes that came last belong to it."""
        count = min(HEADER.size - len(self._begun), filled)
        self._begun += self._staging[:count]
        if len(self._begun) == HEADER.size:
            header, self._begun = self._begun, b""
            self._begin(header, messages)
        return count

    def _begin(self, header: bytes | memoryview, messages: list[Message]) -> None:
        """Take the header of a frame."""
        self._kind, self._flags, count, self._request, self._rest = HEADER.unpack(header)
        incoming = self._open.get(self._request)
        too_many = count > _on_demand.packed.MAX_BUFFERS
        if self._rest > MAX_FRAME_SIZE or too_many or self._flags & ~MORE:
            raise ProtocolError(f"a frame begins with {bytes(header).hex(' ')}")
        if self._kind == DATA:
            if not self._rest or incoming is None or self._rest > incoming.announced():
                raise ProtocolError(f"unannounced data came for request {self._request}")
            return
        if incoming is None:
            if len(self._open) >= MAX_OPEN_MESSAGES:
                raise ProtocolError(f"more than {MAX_OPEN_MESSAGES} messages were begun")
            self._open[self._request] = _Incoming(self._kind, count)
        elif incoming.kind != self._kind or count or incoming.missing or incoming.to_skip:
            raise ProtocolError(f"request {self._request} began a message within another")
        if not self._rest:
            self._take(_NOTHING, messages)

    def _take(self, piece: memoryview, messages: list[Message], *, in_place: bool = False) -> None:
        """Take a piece of the present frame."""
        incoming = self._open[self._request]
        self._rest -= len(piece)
        if self._kind == DATA:
            incoming.fill(piece, in_place=in_place)
        else:
            incoming.size += len(piece)
            if incoming.size <= self._limit:
                incoming.head += piece
            if self._rest or self._flags & MORE:
                return
            self._read_head(incoming)
        if not incoming.missing and not incoming.to_skip:
            messages.append(self._complete(incoming))

    def _read_head(self, incoming: _Incoming) -> None:
        table = incoming.count * SIZES.size
        if incoming.size < table:
            raise ProtocolError(f"the sizes of {incoming.count} arrays came in {table} bytes")
        sizes = [size for (size,) in SIZES.iter_unpack(incoming.head[:table])]
        total = incoming.size + sum(sizes)
        if total > self._limit:
            incoming.error = MessageTooLargeError("a message", total, self._limit)
        else:
            incoming.reader = _on_demand.packed.Reader(sizes)
            try:
                incoming.value = incoming.reader.read(bytes(incoming.head[table:]))
            except pyon.DecodeError as error:
                incoming.error = error
        incoming.head.clear()
        if incoming.error is not None:
            incoming.to_skip = sum(sizes)
        elif incoming.reader is not None:
            incoming.missing = deque(filter(None, incoming.reader.memory))

    def _complete(self, incoming: _Incoming) -> Message:
        del self._open[self._request]
        if incoming.error is None and incoming.reader is not None:
            try:
                incoming.reader.check()
            except pyon.DecodeError as error:
                incoming.error = error
        if incoming.error is not None:
            return Message(incoming.kind, self._request, error=incoming.error)
        return Message(incoming.kind, self._request, incoming.value)
