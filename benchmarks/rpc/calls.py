"""The rows that every peer has: one call at a time, as a blocking client makes it.

A peer is a module with ``serve(port, **options)`` and ``connect(port, **options)``, which returns
something with the methods of :class:`values.Device`. What the peer cannot do it does not have.
"""

import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.rpc import values

BATCH = 0.1
"""Seconds of calls that make one figure. What takes longer is called once."""


def serve(port: int, *, peer: str, **options: str) -> None:
    importlib.import_module(peer).serve(port, **options)


def figures(port: int, *, peer: str, **options: str) -> dict[str, Callable[[], float]]:
    """Give what measures the seconds of a call, for each row that the peer can do."""
    device = importlib.import_module(peer).connect(port, **options)
    image, array = values.image(), values.array()
    pixel = int(image[-1, -1])
    rows: list[tuple[str, str, tuple[Any, ...], Any]] = [
        ("echo", "echo", (1,), 1),
        ("image-returned", "image", (), image),
        ("image-argument", "discard", (image,), pixel),
        ("image-kept", "kept_image", (), image),
        ("both-ways", "both_ways", (array,), array),
        ("channels", "channels", (), values.channels()),
    ]
    return {
        row: _timed(method, args, expected)
        for row, name, args, expected in rows
        if (method := getattr(device, name, None)) is not None
    }


def _timed(
    method: Callable[..., Any], args: tuple[Any, ...], expected: object
) -> Callable[[], float]:
    checked = False

    def figure() -> float:
        nonlocal checked
        if not checked:
            _check(method(*args), expected)
            checked = True
        begun = time.perf_counter()
        count = 0
        while True:
            method(*args)
            count += 1
            passed = time.perf_counter() - begun
            if passed >= BATCH:
                return passed / count

    return figure


def _check(found: object, expected: object) -> None:
    """A peer that hands out something else has not done the same work."""
    if isinstance(expected, np.ndarray):
        assert isinstance(found, np.ndarray), type(found)
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        assert np.array_equal(found, expected)
    else:
        assert found == expected
