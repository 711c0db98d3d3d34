"""What the answers of one process add up to: is it healthy, busy, or in trouble? Pure."""

from dataclasses import dataclass

from ndsp.device_db import Controller
from ndsp.manager._facts import Healthy, Sick, Silent, Unreachable, Verdict

__all__ = ["CHECK_SOON", "Conclusion", "Watch"]

CHECK_SOON = 0.2
"""Seconds until it is asked again whether it is there, when it starts, drains or was not found."""

SOON_CHECKS = 10
"""So often. Then it is asked later and later: each attempt may be a line in somebody's log."""

LATEST_CHECK = 5.0
"""Seconds that it is asked again at the latest."""

LOOK_EVERY = 1.0
"""Seconds between two looks at what a controller does that tells so beside its work."""

MISSES = 3
"""Times in a row that a controller which ran cannot be reached until it is taken for lost."""


@dataclass(frozen=True)
class Conclusion:
    """What follows.

    Attributes:
        answers: It does.
        trouble: Why it has to be ended; empty if it need not.
        hangs: It cannot end by itself.
        pause: Seconds until it is to be asked again.
    """

    answers: bool = False
    trouble: str = ""
    hangs: bool = False
    pause: float = CHECK_SOON


class Watch:
    """Judges the answers of one process, from its start on.

    Args:
        spec: The entry of its controller.

    Attributes:
        has_answered: Whether it ever has.
        busy_with: What it is busy with, or None.
        last_miss: Why it could not be reached last; empty if it could.
    """

    def __init__(self, spec: Controller) -> None:
        self.has_answered = False
        self.busy_with: str | None = None
        self.last_miss = ""
        self._spec = spec
        self._misses = 0
        self._tells = False
        self._silent_since: float | None = None

    def judge(self, verdict: Verdict, asked_at: float, now: float) -> Conclusion:
        """Take what came of asking it, and say what follows."""
        match verdict:
            case Healthy(busy_with, busy_for, tells):
                self.has_answered = True
                self._tells = tells
                self.busy_with = busy_with
                self.last_miss = ""
                self._misses = 0
                self._silent_since = None
                return self._bear(busy_for, answers=True)
            case Silent():
                self._misses = 0
                if self._silent_since is None:
                    self._silent_since = asked_at
                if not self.has_answered:
                    self.last_miss = "it listens, and does not answer"
                    return Conclusion()
                self.busy_with = "a call, so that it does not answer"
                return self._bear(now - self._silent_since)
            case Unreachable(reason):
                self._misses += 1
                self.last_miss = reason
                if self.has_answered and self._misses >= MISSES:
                    return Conclusion(trouble=reason)
                pause = CHECK_SOON * max(1, self._misses - SOON_CHECKS)
                return Conclusion(pause=min(pause, LATEST_CHECK))
            case Sick(reason, hangs):
                return Conclusion(trouble=reason, hangs=hangs)

    def _bear(self, busy_for: float, *, answers: bool = False) -> Conclusion:
        limit = self._spec.busy_timeout
        pause = self._spec.ping_timer
        if self._tells:
            pause = min(pause, LOOK_EVERY)
        if self.busy_with is None or limit is None:
            return Conclusion(answers, pause=pause)
        if busy_for > limit:
            why = f"it is busy with {self.busy_with} for more than {limit:g} s (busy_timeout)"
            return Conclusion(answers, trouble=why)
        # Not later than the limit is reached.
        return Conclusion(answers, pause=min(pause, max(limit - busy_for, CHECK_SOON)))
