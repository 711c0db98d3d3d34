"""What is sent to the controller of the camera, to run there."""

from collections.abc import Iterator
from typing import Any

import numpy as np

controller_driver: Any = None  # the camera, where this runs

BACKGROUND = 120
"""Counts that hardly a dark pixel has."""


def centroids(count: int) -> Iterator[tuple[float, float, int]]:
    """Take frames, and give of each the middle of its light (row, column) and the sum of it."""
    for frame in controller_driver.frames(count):
        light = np.maximum(frame, BACKGROUND) - np.uint16(BACKGROUND)
        rows, columns = light.sum(1, np.uint64), light.sum(0, np.uint64)
        total = int(rows.sum())
        yield (
            float(rows @ np.arange(rows.size)) / total,
            float(columns @ np.arange(columns.size)) / total,
            total,
        )
