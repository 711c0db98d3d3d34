"""Throw spoilt texts at `sipyco.pyon.decode` until told to stop: ``python fuzz/pyon.py [SECONDS]``.

Starts from texts that SiPyCo 1.9 and 1.10 wrote. Any exception but DecodeError, any difference
between the ways to read Python syntax, and any text that takes long is a finding, and ends it.
"""

# ruff: noqa: T201, S311 - a program run by hand, which prints, and whose chance protects nothing

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from sipyco.pyon import DecodeError, decode, encode
from sipyco.pyon import _python_reader as reader
from sipyco.pyon import _python_shortcut as shortcut

VECTORS = Path(__file__).parents[1] / "tests" / "interop" / "pyon_vectors.json"
ALPHABET = "()[]{},:+-*'\"\\#.= \n\t\0\x85_0129ejxnNuUéb/<|OVUSM\ud800"
PIECES = ('{"(":[', '],")":0}', '"__jsonclass__"', "np", "scalar(", "array((", "nan", "inf", "null")
SLOW = 2.0
"""Seconds for a text of some hundred characters."""


def main() -> int:
    """Run; 1 if something was slow, an exception if something was wrong."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    seed = random.randrange(2**32)
    source = random.Random(seed)
    corpus = [
        text
        for vector in json.loads(VECTORS.read_text())
        for text in (vector["v1"], vector["v2"], vector["v1_pretty"])
        if text is not None
    ]
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        text = spoil(source, corpus)
        start = time.monotonic()
        try:
            examine(text)
        except Exception:
            print(f"finding with seed {seed}, text {count}: {text!r}", file=sys.stderr)
            raise
        if time.monotonic() - start > SLOW:
            print(f"slow with seed {seed}, text {count}: {text!r}", file=sys.stderr)
            return 1
        count += 1
    print(f"{count} texts, nothing found (seed {seed})")
    return 0


def spoil(source: random.Random, corpus: list[str]) -> str:
    """Cut and join texts, then change some characters."""
    first, second = source.choice(corpus), source.choice(corpus)
    if source.random() < 0.5:
        first = first[: source.randrange(len(first) + 1)] + second[source.randrange(len(second)) :]
    text = list(first)
    for _ in range(source.choice((0, 1, 1, 2, 4))):
        place = source.randrange(len(text) + 1)
        match source.randrange(4):
            case 0:
                text[place : place + 1] = ""
            case 1:
                text[place:place] = source.choice(ALPHABET)
            case 2:
                text[place:place] = source.choice(PIECES)
            case _:
                text[place : place + 1] = source.choice(ALPHABET)
    return "".join(text)


def examine(text: str) -> None:
    """Read a text in every way.

    Raises:
        Exception: Something is wrong.
    """
    short = shortcut.read(text)
    parsed = outcome(reader.parse, text)
    if short is not shortcut.ELSEWHERE:
        assert spelled(short) == spelled(parsed), "the shortcut reads something else"
    for syntax in ("json", None):
        outcome(lambda t, s=syntax: decode(t, syntax=s), text)


def outcome(read: Any, text: str) -> Any:
    """Give the value, or DecodeError."""
    try:
        return read(text)
    except DecodeError:
        return DecodeError


def spelled(value: Any) -> str:
    """Give what can be compared: nan is not equal to itself, its text is."""
    return "refused" if value is DecodeError else encode(value, syntax="python")


if __name__ == "__main__":
    sys.exit(main())
