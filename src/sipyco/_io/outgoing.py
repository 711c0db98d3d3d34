"""Handing bytes to transports, of asyncio or of uvloop, without copying what is large."""

import asyncio
from collections.abc import Callable

__all__ = ["write_some"]

BATCH_SIZE = 1 << 20
"""Bytes that are handed to a transport at a time. What it cannot send at once it may copy."""

MAX_JOINED_SIZE = 16 << 10
"""Bytes of a part that is rather copied than sent by itself."""


def write_some(
    transport: asyncio.Transport, take: Callable[[int], list[bytes | memoryview]]
) -> None:
    """Write about a mebibyte of what there is to send.

    Args:
        transport: Where to.
        take: Gives the parts of about as many bytes as it is told.
    """
    parts = take(BATCH_SIZE)
    if len(parts) == 1:
        transport.write(parts[0])
    elif parts:
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
