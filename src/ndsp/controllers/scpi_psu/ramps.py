"""The ramps of the outputs. The instrument makes them; this begins, follows and ends them."""

import threading
import time
from dataclasses import dataclass

from ndsp.instruments import ScpiConnection

__all__ = ["Ramp", "Ramps"]

TOLERANCE = 0.005
"""Volts from the target at which it is reached: five times what the instrument resolves."""

SETTLING_TIME = 2.0
"""Seconds after its calculated end within which a ramp must be at its target."""


@dataclass
class Ramp:
    """One ramp, from when it is asked for.

    Attributes:
        channel: Of the power supply.
        target: In volts.
        rate: In volts per second.
        start: Where it began, in volts.
        voltage: What was measured last, in volts.
        latest: When it must be at its target, in the time of :func:`time.monotonic`.
        ended: Why it goes on no more; empty while it does.
    """

    channel: int
    target: float
    rate: float
    start: float = 0.0
    voltage: float = 0.0
    latest: float = float("inf")
    ended: str = ""

    @property
    def is_there(self) -> bool:
        """Whether the target is reached."""
        return abs(self.voltage - self.target) <= TOLERANCE

    @property
    def fraction(self) -> float:
        """How much of the way is done, 0 to 1."""
        if self.is_there or self.target == self.start:
            return 1.0
        return min(max((self.voltage - self.start) / (self.target - self.start), 0.0), 1.0)

    @property
    def text(self) -> str:
        """Where it is, for people."""
        return f"channel {self.channel} at {self.voltage:.3f} V of {self.target:.3f} V"


class Ramps:
    """Those of one power supply; at most one of each channel goes on.

    All methods wait for the instrument, and raise OSError if it does not answer.

    Args:
        connection: To the instrument.
        turn: Held while it is used, as other threads may do.
    """

    def __init__(self, connection: ScpiConnection, turn: threading.RLock) -> None:
        self._connection = connection
        self._turn = turn
        self._latest: dict[int, Ramp] = {}  # by channel, also if it has ended

    def begin(self, ramp: Ramp) -> None:
        """Have the instrument begin, unless the ramp was ended before that.

        Raises:
            RuntimeError: The channel is off, or ramps already. Nothing was changed.
        """
        channel = ramp.channel
        with self._turn:
            other = self._latest.get(channel)
            if ramp.ended:
                return
            if other is not None and not other.ended:
                raise RuntimeError(
                    f"channel {channel} is ramping to {other.target:g} V already; wait, or call "
                    f"stop_ramp({channel}) first"
                )
            if not int(self._connection.query(f"OUTP? (@{channel})")):
                raise RuntimeError(
                    f"cannot ramp channel {channel}, which is off; call set_output({channel}, True)"
                )
            ramp.start = ramp.voltage = self._measure(channel)
            duration = abs(ramp.target - ramp.start) / ramp.rate
            ramp.latest = time.monotonic() + duration + SETTLING_TIME
            self._connection.command(
                f"VOLT:SLEW {ramp.rate:.3f},(@{channel});:VOLT {ramp.target:.3f},(@{channel})"
            )
            self._latest[channel] = ramp

    def follow(self, ramp: Ramp) -> None:
        """Measure how far it is.

        Raises:
            RuntimeError: It was ended.
            TimeoutError: It should have been at its target for two seconds. It is set to that.
        """
        with self._turn:
            if ramp.ended:
                raise RuntimeError(ramp.ended)
            ramp.voltage = self._measure(ramp.channel)
        if not ramp.is_there and time.monotonic() > ramp.latest:
            raise TimeoutError(
                f"channel {ramp.channel} is at {ramp.voltage:.3f} V, and stays set to "
                f"{ramp.target:.3f} V, which it should have reached; is its current limited?"
            )

    def hold(self, ramp: Ramp, why: str) -> str:
        """End a ramp where it is, unless it has ended, and say where that is."""
        with self._turn:
            if ramp.ended:
                return ramp.ended
            if self._latest.get(ramp.channel) is not ramp:
                ramp.ended = f"the ramp of channel {ramp.channel} did not begin: {why}"
                return ramp.ended
            ramp.voltage = self._measure(ramp.channel)
            self._connection.command(f"VOLT {ramp.voltage:.3f},(@{ramp.channel})")
            ramp.ended = (
                f"the ramp of channel {ramp.channel} to {ramp.target:.3f} V was ended at "
                f"{ramp.voltage:.3f} V, where it stays: {why}"
            )
            return ramp.ended

    def stop(self, channel: int, why: str) -> float:
        """End the ramp of a channel where it is, if there is one; return its voltage in volts."""
        with self._turn:
            ramp = self._latest.get(channel)
            if ramp is None or ramp.ended:
                return self._measure(channel)
            self.hold(ramp, why)
            return ramp.voltage

    def overtake(self, channel: int, why: str) -> None:
        """Note that something else decides about the voltage of a channel from now on."""
        with self._turn:
            ramp = self._latest.get(channel)
            if ramp is not None and not ramp.ended:
                target = ramp.target
                ramp.ended = f"the ramp of channel {channel} to {target:.3f} V was ended: {why}"

    def _measure(self, channel: int) -> float:
        return float(self._connection.query(f"MEAS:VOLT? (@{channel})"))
