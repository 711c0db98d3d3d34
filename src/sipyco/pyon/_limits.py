"""Every limit of the data format, with its reason."""

import sys

MAX_INTEGER_DIGITS = 4300
"""Decimal digits of an integer that are written and read.

Converting decimal digits takes time that grows with their square. Python itself, and with it
every peer, stops at this number; spelled out here for the messages."""

MAX_DIMENSIONS = 64
"""Dimensions of an array: what numpy 2 can hold (numpy 1 stops at 32 and says so itself)."""

MAX_ITEM_SIZE = 2**31 - 1
"""Bytes of one array element: the largest that numpy can describe."""

MAX_EMPTY_ITEMS = 2**16
"""Elements of an array whose elements take no bytes.

Everywhere else the number of elements is bounded by the data that came along. Here a few
characters could announce an array that takes forever to print or to loop over."""

MAX_TYPE_DEPTH = 16
"""Structured types inside structured types. Nobody nests them deeper, and numpy itself
recurses over them in C."""

MAX_QUOTED = 60
"""Characters of the offending text or value that an error message repeats."""


def depth_message() -> str:
    """Say that the interpreter's stack did not suffice; used for reading and for writing."""
    return (
        "lists, tuples, dicts and sets are nested too deep: one hundred levels always work, "
        f"the most depends on the recursion limit of Python ({sys.getrecursionlimit()})"
    )


def shorten(text: str) -> str:
    """Cut a text that an error message repeats."""
    return text if len(text) <= MAX_QUOTED else text[: MAX_QUOTED - 3] + "..."
