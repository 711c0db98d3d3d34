"""Halves of characters beyond the Basic Multilingual Plane (surrogates).

A ``str`` of Python can hold halves, and text spellings write a whole character as two escaped
halves. So two halves in a row, which no valid text contains, need attention.
"""

import re
from itertools import pairwise

_JOINABLE = re.compile("[\ud800-\udbff](?=[\udc00-\udfff])")


def joinable(text: str) -> bool:
    """Tell whether two halves in a row would be read as one character."""
    return _JOINABLE.search(text) is not None


def split(text: str) -> list[str]:
    """Cut a text between halves that would be read as one character."""
    cuts = [0, *(match.end() for match in _JOINABLE.finditer(text)), len(text)]
    return [text[start:end] for start, end in pairwise(cuts)]
