"""The base64 of large arrays, kept aside while the text around it is written or read.

Text spellings look at each character: must it be escaped, does the text end here? For an image
that takes ten times as long as its base64. So a mark, which is no base64, stands in its place, and
they see only what is left.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

from sipyco.pyon import _on_demand

__all__ = ["Parts", "put", "read", "take", "write"]

MIN_SIZE = 1 << 16
"""Bytes of an array, or of its base64, from which on it is kept aside."""

MAX_ARGUMENTS = 32
"""Quoted texts after the name of an array among which its base64 is looked for."""

_shelf: ContextVar[list[Any] | None] = ContextVar("shelf", default=None)


@contextmanager
def _use(shelf: list[Any] | None) -> Iterator[None]:
    token = _shelf.set(shelf)
    try:
        yield
    finally:
        _shelf.reset(token)


def _mark(index: int) -> str:
    return f"={index}="


class Parts(list[str | memoryview]):
    """A text in parts. The base64 of each memory belongs in its place."""

    def as_text(self) -> str:
        """Put the text together."""
        to_base64 = _on_demand.base64.to_base64
        return "".join([part if isinstance(part, str) else to_base64(part) for part in self])

    def as_pieces(self) -> list[bytes]:
        """Spell the text in ASCII. What is large stays a piece of its own."""
        to_base64 = _on_demand.base64.to_base64_bytes
        pieces: list[bytes] = []
        small: list[str] = []
        for part in self:
            if isinstance(part, str):
                small.append(part)
            else:
                pieces += ("".join(small).encode("ascii"), to_base64(part))
                small.clear()
        pieces.append("".join(small).encode("ascii"))
        return pieces


def put(memory: memoryview) -> str | None:
    """Put the memory of an array aside; return what to write in place of its base64.

    None: its base64, since it is small, or nobody would find the mark.
    """
    shelf = _shelf.get()
    if shelf is None or len(memory) < MIN_SIZE:
        return None
    shelf.append(memory)
    return _mark(len(shelf) - 1)


def begin_again() -> None:
    """Forget what was put aside: the text was thrown away, and the value is spelled anew."""
    shelf = _shelf.get()
    if shelf is not None:
        shelf.clear()


def suspended() -> AbstractContextManager[None]:
    """Put nothing aside for a while, since what is written goes elsewhere."""
    return _use(None)


def write(spell: Callable[[], str]) -> Parts:
    """Spell a value that may contain large arrays. Raises what ``spell`` raises."""
    shelf: list[memoryview] = []
    with _use(shelf):
        text = spell()
    return _parts(text, shelf) or Parts([spell()])


def _parts(text: str, shelf: list[memoryview]) -> Parts | None:
    """Cut a text at the marks. None: one is there twice, as a text of the value, or not at all."""
    places = []
    for index, memory in enumerate(shelf):
        mark = f'"{_mark(index)}"'
        if text.count(mark) != 1:
            return None
        places.append((text.index(mark), len(mark), memory))
    parts = Parts()
    start = 0
    for place, length, memory in sorted(places, key=lambda found: found[0]):
        parts += (text[start : place + 1], memory)
        start = place + length - 1
    parts.append(text[start:])
    return parts


def take(data: Any) -> Any:
    """Return the base64 that was put aside if this is its mark, otherwise the same.

    Raises:
        ValueError: It was taken already.
    """
    shelf = _shelf.get()
    if shelf is None:
        return data
    text = data.decode("ascii", "replace") if type(data) is bytes else data
    for index, base64 in enumerate(shelf):
        if text == _mark(index):
            if base64 is None:
                raise ValueError(f"{text} is there twice")
            shelf[index] = None
            return base64
    return data


def read(data: bytes | bytearray, understand: Callable[[bytes | bytearray], Any]) -> Any:
    """Read a value that may contain large arrays. Raises what ``understand`` raises.

    Args:
        data: The text, in UTF-8.
        understand: Reads a value.
    """
    shelf: list[memoryview | None] = []
    rest = _cut(data, shelf)
    if shelf:
        with _use(shelf):
            try:
                value = understand(rest)
            except Exception:  # noqa: BLE001  it is raised again, with the right place
                value, shelf = None, [memoryview(b"")]
        if not any(base64 is not None for base64 in shelf):
            return value
    return understand(data)


def _cut(data: bytes | bytearray, shelf: list[memoryview | None]) -> bytes:
    """Replace the base64 of arrays by marks.

    What looks like it may be something else. Then its mark is not taken, or cannot be read.
    """
    parts: list[bytes | memoryview] = []
    view = memoryview(data)
    start = 0
    found = data.find(b"nparray")
    while found >= 0:
        end = found + len(b"nparray(")
        for _ in range(MAX_ARGUMENTS):
            opening = data.find(b'"', end)
            closing = data.find(b'"', opening + 1)
            if closing < 0 or opening < 0:
                break
            if closing - opening > MIN_SIZE and data.find(b"\\", opening, closing) < 0:
                parts += (view[start : opening + 1], _mark(len(shelf)).encode())
                shelf.append(view[opening + 1 : closing])
                start = end = closing
                break
            if data.find(b"nparray", end, closing) >= 0:
                break  # the next one; this one is small
            end = closing + 1
        found = data.find(b"nparray", end)
    parts.append(view[start:])
    return b"".join(parts)
