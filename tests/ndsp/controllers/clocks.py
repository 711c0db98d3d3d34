"""Clocks for simulated instruments, which do not wait for the real one."""

from dataclasses import dataclass


@dataclass
class Clock:
    """Stands still, or goes on by a step whenever somebody looks at it.

    Attributes:
        now: The time in seconds.
        step: In seconds.
    """

    now: float = 0.0
    step: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        self.now += self.step
        return self.now

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
