"""Handing bytes to transports, of asyncio or of uvloop, without copying what is large."""

import asyncio
from collections.abc import Callable
from typing import Protocol

__all__ = ["write_batches"]

BATCH_SIZE = 1 << 20
"""Bytes that are handed to a transport at a time. What it cannot send at once it may copy."""

MAX_BATCHES = 2
"""Batches that are written in a row while the system takes them, before others have their turn."""

MAX_JOINED_SIZE = 16 << 10
"""Bytes of a part that is rather copied than sent by itself."""


class Writer(Protocol):
    """A protocol in the sense of asyncio, that writes."""

    can_write: bool
    """What `pause_writing` sets to False, and `resume_writing` to True."""


def write_batches(
    writer: Writer, transport: asyncio.Transport, take: Callable[[int], list[bytes | memoryview]]
) -> bool:
    """Write what there is to send and is taken, but not for long.

    Args:
        writer: The protocol of the transport.
        transport: Where to.
        take: Gives the parts of about as many bytes as it is told, less if there are no more.

    Returns:
        Whether to go on when others have had their turn.
    """
    for _ in range(MAX_BATCHES):
        if not writer.can_write or not _write_batch(transport, take(BATCH_SIZE)):
            return False
    return True


def _write_batch(transport: asyncio.Transport, parts: list[bytes | memoryview]) -> bool:
    """Write parts; tell whether there may be more of them."""
    if not parts:
        return False
    if len(parts) == 1:
        transport.write(parts[0])
    else:
        small: list[bytes | memoryview] = []
        for part in parts:
            small.append(part)
            if len(part) > MAX_JOINED_SIZE:
                # In front of it goes what is small, at little cost.
                small.pop()
                if small:
                    transport.write(b"".join(small))
                    small.clear()
                transport.write(part)
        if small:
            transport.write(b"".join(small))
    return sum(map(len, parts)) >= BATCH_SIZE
