"""What a client's connection carries, as whoever moves the bytes sees it."""

from typing import Protocol

__all__ = ["Channel"]


class Channel(Protocol):
    """Where bytes come from and go to."""

    def take(self, size: int) -> list[bytes | memoryview]:
        """Return about so many bytes to send, in parts; less if there is no more."""

    def buffer(self) -> memoryview:
        """Return where bytes that come in belong."""

    def received(self, count: int) -> None:
        """Take bytes that were received into the buffer. What it raises ends the connection."""
