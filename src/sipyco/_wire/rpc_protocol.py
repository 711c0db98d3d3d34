"""What both ends of a pc_rpc conversation have in common: the words, and a value on a line."""

from typing import Any, Final, Literal

from sipyco import pyon

__all__ = ["BANNER", "FEATURE_JSON", "Syntax", "encode_line"]

Syntax = Literal["python", "json"]

BANNER: Final = b"ARTIQ pc_rpc"
"""The first line of a client."""

FEATURE_JSON: Final = "pyon_v2"
"""Offered by a server that reads and writes the JSON spelling; chosen after the target's name."""


def encode_line(value: Any, syntax: Syntax) -> bytes:
    """Spell a value on a line of its own. PYON is ASCII without line breaks in either spelling."""
    return pyon.encode(value, syntax=syntax).encode("ascii") + b"\n"
