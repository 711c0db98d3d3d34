"""Bytes as ASCII text: how both text spellings carry the memory of arrays."""

import pybase64


def to_base64(data: bytes | memoryview) -> str:
    """Spell bytes, or the memory of a contiguous buffer, in the standard alphabet."""
    return pybase64.b64encode_as_string(data)


def to_base64_bytes(data: bytes | memoryview) -> bytes:
    """Do the same, as ASCII."""
    return pybase64.b64encode(data)


def from_base64(text: object) -> bytearray:
    """Read bytes back.

    Args:
        text: ``str`` (the JSON spelling) or ``bytes`` (the Python one); a ``memoryview`` of
            the ASCII of either.

    Raises:
        ValueError: Something else, or characters outside of the standard alphabet.
    """
    if type(text) is not str and type(text) is not bytes and type(text) is not memoryview:
        raise ValueError(f"the data must be base64 text, not {type(text).__name__}")
    # binascii.Error is a ValueError, and so is what pybase64 raises for a str beyond ASCII.
    return pybase64.b64decode_as_bytearray(text, validate=True)
