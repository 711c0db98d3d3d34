"""What is served, and the values that travel."""

import functools
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.pyon import channels as make_channels

Image: TypeAlias = NDArray[np.uint16]
Array: TypeAlias = NDArray[np.float64]
Channels: TypeAlias = dict[str, Any]

IMAGE_SIZE = 8 << 20
ARRAY_SIZE = 64 << 20


@functools.cache
def image() -> Image:
    """8 MiB as of a camera of 12 bits: noise, which does not shrink when compressed.

    Nobody can change it.
    """
    pixels = np.random.default_rng(1).integers(4096, size=(2048, 2048), dtype=np.uint16)
    pixels.setflags(write=False)
    return pixels


@functools.cache
def array() -> Array:
    """64 MiB, which nobody can change."""
    numbers = np.arange(ARRAY_SIZE // 8, dtype=np.float64)
    numbers.setflags(write=False)
    return numbers


@functools.cache
def channels() -> Channels:
    """A thousand channels: each a dict of a str, ten floats, a bool and a tuple."""
    return make_channels(with_tuple=True)


class Device:
    """The driver. Peers that need other signatures wrap it."""

    def __init__(self) -> None:
        self.buffer = image().copy()

    def echo(self, value: int) -> int:
        return value

    def image(self) -> Image:
        return image()

    def discard(self, image: Image) -> int:
        """Return the last pixel, which shows that the image has arrived."""
        return int(image[-1, -1])

    def kept_image(self) -> Image:
        """Return the image that the next exposure will overwrite."""
        return self.buffer

    def both_ways(self, array: Array) -> Array:
        return array

    def channels(self) -> Channels:
        return channels()
