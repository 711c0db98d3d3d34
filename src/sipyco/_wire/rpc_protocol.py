"""What both ends of a pc_rpc conversation have in common: the words, and how messages are spelled.

A conversation begins in lines of text. It goes on in lines, or in frames if both ends know them.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final, Literal, NamedTuple, Self

from sipyco._wire import ownership
from sipyco.pyon._codec import pack

__all__ = [
    "BANNER",
    "FEATURE_JSON",
    "Spelled",
    "Syntax",
    "spell_frames",
]

Syntax = Literal["python", "json"]

BANNER: Final = b"ARTIQ pc_rpc"
"""The first line of a client."""

FEATURE_JSON: Final = "pyon_v2"
"""Offered by a server that reads and writes the JSON spelling; chosen after the target's name."""

# The kinds of messages, which the protocol page explains.

CALL: Final = 1
ASK_METHODS: Final = 2
CANCEL: Final = 3
CREDIT: Final = 4
PING: Final = 5
ASK_STATUS: Final = 6

SELECTED: Final = 16
RETURNED: Final = 17
FAILED: Final = 18
PROGRESS: Final = 19
STREAM: Final = 20
ITEM: Final = 21
END: Final = 22

NO_REQUEST: Final = 0
"""The number of the message that is not about a request: ``SELECTED``."""

MAX_REQUEST: Final = 0xFFFF_FFFF
"""After this number, they begin with 1 again."""


class Spelled(NamedTuple):
    """A message that is ready to be sent.

    Attributes:
        kind: What it is; 0 in a conversation in lines.
        head: Of a frame; or the line with its end, or how it begins.
        buffers: The memory of arrays; or the other pieces of the line. Nobody changes them.
    """

    kind: int
    head: bytes
    buffers: Sequence[memoryview] = ()

    @classmethod
    def line(cls, pieces: Sequence[bytes]) -> Self:
        """Make a message of a line."""
        head, *others = pieces
        return cls(0, head, [memoryview(piece) for piece in others] if others else ())


def spell_frames(kind: int, value: Any, sole: Collection[int] = ()) -> Spelled:
    """Spell a value for frames.

    Args:
        kind: What the message is.
        value: Any value of PYON's.
        sole: The ``id`` of arrays whose memory nobody else can change. Other memory is copied,
            unless it is read-only.

    Raises:
        pyon.EncodeError: A part of it cannot be spelled.
        ValueError: Likewise.
    """
    head, buffers = pack(value)
    if not buffers:
        return Spelled(kind, head)
    return Spelled(kind, head, ownership.settle(buffers, sole))
