"""A subscription: a banner, a name, and then values, in one direction only.

sync_struct and broadcast are the same conversation under two banners. A value is a line, as in all
versions, or a message in frames for subscribers that have asked for them.
"""

import sys
from collections.abc import Collection
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from sipyco import pyon
from sipyco._wire.frames import DATA, FrameWriter, only_frame
from sipyco._wire.limits import MAX_FRAME_SIZE
from sipyco.pyon._codec import encode_line, pack

__all__ = ["BROADCAST", "FRAME_KINDS", "SYNC_STRUCT", "VALUE", "Form", "Published", "spell"]

SYNC_STRUCT = b"ARTIQ sync_struct"
"""The first line of a subscriber of a structure."""

BROADCAST = b"ARTIQ broadcast"
"""The first line of a receiver of a channel."""

VALUE: Final = 1
"""The kind of all messages, which are for request 0."""

FRAME_KINDS = frozenset({bytes([DATA]), bytes([VALUE])})
"""What frames begin with, and no line of PYON does."""


class Form(Enum):
    """How values are sent to a subscriber."""

    LINE = auto()
    FRAMES = auto()


class Published(NamedTuple):
    """A value as it is sent, in the forms that were needed when it was spelled."""

    line: bytes | None
    frames: bytes | None

    @property
    def size(self) -> int:
        """Bytes in all forms together."""
        return len(self.line or b"") + len(self.frames or b"")

    def in_form(self, form: Form) -> bytes:
        """Return the bytes for a subscriber."""
        data = self.line if form is Form.LINE else self.frames
        assert data is not None
        return data


def spell(value: Any, forms: Collection[Form], syntax: pyon.Syntax | None) -> Published:
    """Spell a value. What becomes of it, and of the memory of its arrays, does not matter then.

    Args:
        value: Any value of PYON's.
        forms: What is needed. None: only look whether it can be spelled.
        syntax: Of the line.

    Raises:
        pyon.EncodeError: A part of it cannot be spelled.
        ValueError: Likewise.
    """
    if not forms:
        pack(value)
    return Published(
        b"".join(encode_line(value, syntax)) if Form.LINE in forms else None,
        _in_frames(*pack(value)) if Form.FRAMES in forms else None,
    )


def _in_frames(head: bytes, buffers: list[memoryview]) -> bytes:
    if not buffers and len(head) <= MAX_FRAME_SIZE:
        return only_frame(VALUE, 0, head)
    writer = FrameWriter()
    writer.put(VALUE, 0, head, buffers)
    return b"".join(writer.take(sys.maxsize))
