"""Bytes as ASCII text: how both text spellings carry the memory of arrays."""

import pybase64

CHUNK_SIZE = 1 << 18
"""Characters that are read at a time where they have a place, a multiple of four. What is
small is there already when it is written again: fresh memory takes longer than base64."""


def to_base64(data: bytes | memoryview) -> str:
    """Spell bytes, or the memory of a contiguous buffer, in the standard alphabet."""
    return pybase64.b64encode_as_string(data)


def to_base64_bytes(data: bytes | memoryview) -> bytes:
    """Do the same, as ASCII."""
    return pybase64.b64encode(data)


def from_base64(text: object) -> bytearray:
    """Read bytes back.

    Args:
        text: ``str`` (the JSON spelling) or ``bytes`` (the Python one).

    Raises:
        ValueError: Something else, or characters outside of the standard alphabet.
    """
    if type(text) is not str and type(text) is not bytes:
        raise ValueError(f"the data must be base64 text, not {type(text).__name__}")
    # binascii.Error is a ValueError, and so is what pybase64 raises for a str beyond ASCII.
    return pybase64.b64decode_as_bytearray(text, validate=True)


def size_of(text: memoryview) -> int:
    """Tell how many bytes base64 stands for, if it is base64."""
    return len(text) * 3 // 4 - bytes(text[-2:]).count(b"=")


def read_into(text: memoryview, memory: memoryview) -> None:
    """Read bytes back into memory.

    Args:
        text: Base64 in ASCII.
        memory: `size_of` it.

    Raises:
        ValueError: It is something else.
    """
    filled = 0
    for start in range(0, len(text), CHUNK_SIZE):
        chunk = pybase64.b64decode_as_bytearray(text[start : start + CHUNK_SIZE], validate=True)
        memory[filled : filled + len(chunk)] = chunk
        filled += len(chunk)
    if filled != len(memory):
        raise ValueError("there is padding in the middle of base64")
