"""PYON in Python syntax only, the spelling of all versions before 1.10."""

import os
from typing import Any

from sipyco import pyon

__all__ = ["decode", "encode", "load_file", "store_file"]


def encode(x: Any, pretty: bool = False) -> str:
    """Spell a value as :func:`sipyco.pyon.encode` does."""
    return pyon.encode(x, pretty, syntax="python")


def decode(s: str | bytes) -> Any:
    """Read a value as :func:`sipyco.pyon.decode` does; what only JSON can say is refused."""
    return pyon.decode(s, syntax="python")


def load_file(filename: str | os.PathLike[str]) -> Any:
    """Read a value from a file as :func:`sipyco.pyon.load_file` does."""
    return pyon.load_file(filename, syntax="python")


def store_file(filename: str | os.PathLike[str], x: Any) -> None:
    """Write a value to a file as :func:`sipyco.pyon.store_file` does."""
    pyon.store_file(filename, x, syntax="python")
