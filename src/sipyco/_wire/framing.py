"""Bytes into lines, with a limit that explains itself. What a line means is not known here."""

from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Line", "LineReader", "LineWriter", "TooLong"]


Line: TypeAlias = bytes | bytearray
"""A line without its end. A large one may be a bytearray, which belongs to whoever gets it."""

MIN_HANDED_OVER = 1 << 16
"""Bytes of a line from which on its memory is given away instead of copied."""


@dataclass(frozen=True, slots=True)
class TooLong:
    """Stands for a line that exceeded the limit. Its bytes were counted and thrown away.

    Attributes:
        size: Bytes in the line.
    """

    size: int


class LineReader:
    r"""Cuts a stream at its ``\n`` bytes.

    A line over the limit does not end the stream: what follows it is read as ever. At most
    ``limit`` bytes and one piece of input are held.

    Attributes:
        limit: Bytes allowed in a line, its end not counted. May be changed between lines.
    """

    __slots__ = ("_buffer", "_discarded", "_searched", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._searched = 0  # bytes of the buffer in which there is no line end
        self._discarded = 0  # bytes of the present line that were thrown away

    @property
    def is_in_line(self) -> bool:
        """Whether a line has begun that has not ended yet. Ask when there is no next line."""
        return bool(self._buffer) or self._discarded > 0

    def peek(self, size: int) -> bytes:
        """Return the first bytes of the next line; nothing if they were thrown away."""
        return b"" if self._discarded else bytes(self._buffer[:size])

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes of the stream, cut anywhere."""
        self._buffer += data

    def rest(self) -> bytes:
        """Take what has come and was not read, where the stream goes on in something else."""
        rest = bytes(self._buffer)
        self._take(len(rest))
        return rest

    def next_line(self) -> Line | TooLong | None:
        """Return the next line without its end, or None when it is not complete yet."""
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._buffer)
            if self._searched > self.limit or self._discarded:
                self._discarded += self._searched
                self._take(self._searched)
            return None
        size = self._discarded + end
        if size > self.limit:
            self._discarded = 0
            self._take(end + 1)
            return TooLong(size)
        if end > MIN_HANDED_OVER and end + 1 == len(self._buffer):
            # Nothing follows it, as after most large ones: it need not be copied.
            whole, self._buffer, self._searched = self._buffer, bytearray(), 0
            del whole[end:]
            return whole
        with memoryview(self._buffer) as view:
            line = bytes(view[:end])  # a slice of the bytearray itself would copy twice
        self._take(end + 1)
        return line

    def _take(self, size: int) -> None:
        del self._buffer[:size]
        self._searched = 0


class LineWriter:
    """Lines that wait to be sent, each for the request that it belongs to."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, deque[bytes | memoryview]]] = deque()
        self._is_begun = False  # the first of them

    @property
    def is_empty(self) -> bool:
        """Whether everything has been taken."""
        return not self._waiting

    def put(self, request: int, *line: bytes | memoryview) -> None:
        """Take a line, with its end, in any number of pieces."""
        self._waiting.append((request, deque(line)))

    def withdraw(self, request: int) -> bool:
        """Drop the lines of a request that were not begun; tell whether that was all of them."""
        begun = [self._waiting.popleft()] if self._is_begun else []
        waiting = [item for item in self._waiting if item[0] != request]
        found = len(waiting) < len(self._waiting)
        self._waiting = deque(begun + waiting)
        return found and all(item[0] != request for item in begun)

    def take(self, size: int) -> list[bytes | memoryview]:
        """Return pieces of about so many bytes altogether, or all, to be sent to their end."""
        pieces: list[bytes | memoryview] = []
        while self._waiting and size > 0:
            line = self._waiting[0][1]
            piece = line.popleft()
            if len(piece) > size:
                view = memoryview(piece)
                line.appendleft(view[size:])
                piece = view[:size]
            pieces.append(piece)
            size -= len(piece)
            self._is_begun = bool(line)
            if not line:
                self._waiting.popleft()
        return pieces
