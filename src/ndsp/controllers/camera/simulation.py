"""The camera itself, simulated: it answers the real commands on a real socket."""

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ndsp.instruments import LocalInstrument

__all__ = ["Simulation"]

SHORTEST, LONGEST = 10e-6, 10.0
"""Limits of the exposure, in seconds."""

OFFSET, NOISE = 100.0, 3.0
"""Mean and standard deviation of a dark pixel, in counts."""

BRIGHTNESS = 2e6
"""Counts per second of exposure in the middle of the spot; saturated after 33 ms."""

SPOT_RADIUS = 20.0
"""Standard deviation of the spot, in pixels."""

PERIOD = 10.0
"""Seconds that the spot takes for one turn around the middle of the frame."""


class Simulation(LocalInstrument):
    """A camera on a local port, which looks at a spot that goes around; use it in ``with``.

    The spot moves clockwise on a circle around the middle, with a radius of a fifth of the height;
    at time 0 it is to the right. The noise of each frame is a random part of one noise, since
    four million random numbers take longer than a frame.

    Args:
        shape: Height and width of a frame, in pixels.
        clock: Gives the time in seconds, which the place of the spot depends on.
        wait: Waits for some seconds, which is how long an exposure takes. By default really, until
            the camera is switched off.

    Attributes:
        exposure: In seconds; 10 ms when it is switched on.
    """

    def __init__(
        self,
        shape: tuple[int, int] = (2048, 2048),
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        super().__init__()
        self.exposure = 0.01
        self._shape = shape
        self._clock = clock
        self._wait = wait or self.is_off.wait
        self._random = np.random.default_rng(1)
        # Longer than a frame, so that there are many places to begin.
        noise = self._random.standard_normal(math.prod(shape) + (1 << 16), np.float32)
        self._noise = (OFFSET + NOISE * noise + 0.5).astype("<u2")

    def answer(self, command: str) -> Sequence[bytes | memoryview]:
        """Carry out one line; `FRAME` is answered by a line and the bytes of the frame."""
        if command == "FRAME":
            self._wait(self.exposure)
            frame = self.expose()
            return [f"FRAME {frame.nbytes}\n".encode("ascii"), frame.data.cast("B")]
        return [f"{self._carry_out(command.split())}\n".encode("ascii")]

    def spot(self) -> tuple[float, float]:
        """Return where the middle of the spot is now: row and column, in pixels."""
        height, width = self._shape
        angle = 2 * math.pi * self._clock() / PERIOD
        radius = height / 5
        return height / 2 + radius * math.sin(angle), width / 2 + radius * math.cos(angle)

    def expose(self) -> NDArray[np.uint16]:
        """Make a frame: dark noise, and the spot on it."""
        start = int(self._random.integers(1 << 16))
        frame = self._noise[start : start + math.prod(self._shape)].reshape(self._shape).copy()
        row, column = self.spot()
        reach = 5 * SPOT_RADIUS
        # Only where it shines: a Gaussian of four million pixels would take 100 ms.
        rows = _around(row, reach, self._shape[0])
        columns = _around(column, reach, self._shape[1])
        light = BRIGHTNESS * self.exposure * np.outer(_bell(rows, row), _bell(columns, column))
        lit = frame[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        lit[:] = np.minimum(lit + light, 65535)
        return frame

    def _carry_out(self, words: list[str]) -> str:
        match words:
            case ["ID?"]:
                return "CAM-2048 simulation"
            case ["SHAPE?"]:
                return "{} {}".format(*self._shape)
            case ["LIMITS?"]:
                return f"{SHORTEST} {LONGEST}"
            case ["EXPOSURE?"]:
                return f"{self.exposure:.6f}"
            case ["EXPOSURE", value]:
                return self._set_exposure(value)
        return "ERROR unknown command"

    def _set_exposure(self, value: str) -> str:
        try:
            exposure = round(float(value), 6)
        except ValueError:
            return "ERROR not a number"
        if not SHORTEST <= exposure <= LONGEST:
            return "ERROR out of range"
        self.exposure = exposure
        return "OK"


def _around(place: float, reach: float, size: int) -> NDArray[np.intp]:
    return np.arange(max(0, math.floor(place - reach)), min(size, math.ceil(place + reach)))


def _bell(places: NDArray[np.intp], middle: float) -> NDArray[np.float64]:
    bell: NDArray[np.float64] = np.exp(-0.5 * ((places - middle) / SPOT_RADIUS) ** 2)
    return bell
