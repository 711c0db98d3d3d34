"""What is known of one ramp of a voltage. The instrument makes it; this keeps the account."""

from dataclasses import dataclass

__all__ = ["Ramp"]

TOLERANCE = 0.005
"""Volts from the target at which it is reached: five times what the instrument resolves."""

SETTLING_TIME = 2.0
"""Seconds after its calculated end within which it must be reached."""


@dataclass
class Ramp:
    """A ramp, from when it is asked for.

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

    def begin(self, voltage: float, now: float) -> None:
        """Note where and when it begins."""
        self.start = self.voltage = voltage
        self.latest = now + abs(self.target - voltage) / self.rate + SETTLING_TIME

    @property
    def is_there(self) -> bool:
        """Whether the target is reached."""
        return abs(self.voltage - self.target) <= TOLERANCE

    @property
    def fraction(self) -> float:
        """How much of the way is done, 0 to 1."""
        distance = self.target - self.start
        if self.is_there or not distance:
            return 1.0
        return min(max((self.voltage - self.start) / distance, 0.0), 1.0)

    @property
    def text(self) -> str:
        """Where it is, for people."""
        return f"channel {self.channel} at {self.voltage:.3f} V of {self.target:.3f} V"
