"""The life of one controller: facts and a time in, decisions out. Pure."""

import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

from ndsp.device_db import Controller
from ndsp.manager._backoff import Backoff
from ndsp.manager._facts import (
    Ask,
    Check,
    Decision,
    Say,
    Signal,
    Start,
    State,
    Strength,
    Verdict,
)
from ndsp.manager._watch import CHECK_SOON, Watch

__all__ = ["Life"]

DUMP_TIME = 2.0
"""Seconds for printing where it was; it takes a few milliseconds."""

GENTLE = ("ask", Strength.TERMINATE, Strength.DUMP, Strength.KILL)
HANGS = (Strength.DUMP, Strength.KILL)
NEVER_ANSWERED = (Strength.TERMINATE, Strength.DUMP, Strength.KILL)
"""The ladders: what is tried, one after the other, until it ends. The last step is repeated."""

NUMBERS = re.compile(r"\b(?:0x)?[0-9a-f]*[0-9][0-9a-f]*\b")

WITH_PROCESS = {State.STARTING, State.RUNNING, State.DRAINING, State.STOPPING}

Ladder = tuple[str, ...]


class Life:
    """One controller, from when it is wanted until it is not.

    Methods tell facts and wishes; what follows is given to ``decide``. Times are in seconds of one
    clock that only goes forward.

    Args:
        spec: What the database says.
        now: The time.
        decide: Takes decisions.

    Attributes:
        state: Where it stands.
        since: Since when.
        reason: Why it is not running, or was started again last; empty if all went well.
        pid: Its process, or None.
        restarts: How often it was started again after a failure.
        is_wanted: False once it is to be forgotten as soon as it has ended.
        place: Host and port of its process, which may be others than those of a new entry.
    """

    def __init__(self, spec: Controller, now: float, decide: Callable[[Decision], None]) -> None:
        self.spec = spec
        self.state = State.WAITING
        self.since = now
        self.reason = ""
        self.pid: int | None = None
        self.restarts = 0
        self.is_wanted = True
        self.place = spec.place
        self._decide = decide
        self._backoff = Backoff(spec)
        self._watch = Watch(spec)  # of its process
        self._said: set[str] = set()
        self._then: Callable[[float], None] = self._is_stopped  # when its process has ended
        self._ladder: Ladder = ()
        self._is_asked = False  # to end, and not told more firmly yet
        self._is_stopped_by_wish = False
        self._is_checked = False  # a question is under way
        self._probes = True  # with a call of ping
        self._probe_at = now
        self._check_at: float | None = None
        self._deadline: float | None = None
        self._asked_at = now

    @property
    def name(self) -> str:
        """Its name in the database."""
        return self.spec.name

    @property
    def has_process(self) -> bool:
        """Whether its process exists, or is being made."""
        return self.state in WITH_PROCESS

    @property
    def next_time(self) -> float | None:
        """When :meth:`tick` has something to do, if nothing else happens."""
        return min((t for t in (self._check_at, self._deadline) if t is not None), default=None)

    def describe(self) -> dict[str, Any]:
        """Tell where it stands, for people."""
        return {
            "state": str(self.state),
            "since": self.since,
            "pid": self.pid,
            "restarts": self.restarts,
            "busy_with": self._watch.busy_with if self.has_process else None,
            "reason": self.reason,
        }

    # Wishes

    def begin(self, now: float) -> None:
        """Start it: what it depends on runs."""
        self.place = self.spec.place
        self._enter(State.STARTING, now)
        self._is_checked = False  # of its process before, if at all
        self._probe_at = now
        self._watch = Watch(self.spec)
        self._decide(Start(self.name))

    def start(self, now: float) -> None:
        """Somebody wants it to run, now, whatever has happened before."""
        self._is_stopped_by_wish = False
        self._backoff.forget()
        self._said.clear()
        if self.state in {State.STOPPED, State.FAILED, State.RETRYING}:
            self._enter(State.WAITING, now)
        elif self.state in {State.DRAINING, State.STOPPING}:
            self._then = self._is_to_start

    def stop(self, now: float) -> None:
        """Somebody wants it to end, and not to be started again."""
        self._say(logging.INFO, "is stopped on request")
        self._is_stopped_by_wish = True
        self.let_end(now)

    def let_end(self, now: float) -> None:
        """It is not needed any more."""
        if not self.has_process:
            self._is_stopped(now)
        elif self.state is State.STOPPING:
            self._then = self._is_stopped
        else:
            self._end(now, self._is_stopped, "")

    def restart(self, now: float) -> None:
        """Somebody wants it to be started anew, once the calls that run have ended."""
        self._say(logging.INFO, "is restarted on request")
        self._is_stopped_by_wish = False
        self._begin_anew(now)

    def _begin_anew(self, now: float) -> None:
        self._backoff.forget()
        if self.state is State.RUNNING:
            self._drain(now, self._is_to_start)
        elif self.state is State.STARTING:
            self._end(now, self._is_to_start, "")
        else:
            self.start(now)

    def replace(self, spec: Controller, now: float) -> None:
        """The database says something else now."""
        self.spec = spec
        self._backoff = Backoff(spec)
        if not self._is_stopped_by_wish:
            self._say(logging.INFO, "its entry has changed")
            self._begin_anew(now)

    def forget(self, now: float) -> None:
        """The database does not have it any more: end it when the calls that run have ended."""
        self.is_wanted = False
        self._say(logging.INFO, "its entry is gone")
        if self.state is State.RUNNING:
            self._drain(now, self._is_stopped)
        elif self.state is State.DRAINING:
            self._then = self._is_stopped
        else:
            self.let_end(now)

    def kill(self, now: float) -> None:
        """Nobody can wait for it."""
        if self.has_process:
            self._end(now, self._is_stopped, "", (Strength.KILL,))

    # Facts

    def spawned(self, now: float, pid: int) -> None:
        """Its process runs."""
        self.pid = pid
        if self.state is State.STOPPING:  # it was stopped meanwhile
            self._climb(now)
            return
        self._check_at = now
        self._deadline = _later(now, self.spec.start_timeout)

    def not_spawned(self, now: float, reason: str) -> None:
        """There is no process; why not."""
        if self.state is State.STOPPING:
            self._then(now)
        else:
            self._fail(now, reason)

    def not_asked(self, now: float) -> None:
        """It could not be asked to end, or did not understand."""
        if self.state is State.STOPPING and self._is_asked:
            self._climb(now)

    def exited(self, now: float, how: str, tail: Sequence[str] = ()) -> None:
        """Its process has ended: how, for example ``with status 1``, and what it printed last."""
        self.pid = None
        if self.state in {State.STOPPING, State.DRAINING}:
            self._say(logging.INFO, f"has ended {how}")
            self._then(now)
            return
        if self.state is State.RUNNING:
            self._backoff.ran_for(now - self.since)
            tail = ()  # what it has printed meanwhile need not have anything to do with its end
        said = f": {tail[-1].strip()}" if tail else ""
        self._fail(now, f"it ended {how}{said}", tail)

    def checked(self, now: float, verdict: Verdict) -> None:
        """It was asked whether it is alive."""
        self._is_checked = False
        if self.state not in {State.STARTING, State.RUNNING, State.DRAINING}:
            return
        if self._probes:
            self._probe_at = now + self.spec.ping_timer
        conclusion = self._watch.judge(verdict, self._asked_at, now)
        if conclusion.answers and self.state is State.STARTING:
            self._runs(now)
        is_free = conclusion.answers and self._watch.busy_with is None
        if self.state is State.DRAINING and (is_free or conclusion.trouble):
            self._end(now, self._then, self.reason, HANGS if conclusion.hangs else GENTLE)
        elif conclusion.trouble:
            self._give_up(now, conclusion.trouble, HANGS if conclusion.hangs else GENTLE)
        else:
            is_soon = self.state is State.DRAINING
            self._check_at = now + (CHECK_SOON if is_soon else conclusion.pause)

    def tick(self, now: float) -> None:
        """Time has passed."""
        if self._check_at is not None and now >= self._check_at:
            self._check_at = None
            if not self._is_checked:
                self._is_checked = True
                self._asked_at = now
                self._probes = now >= self._probe_at
                self._decide(Check(self.name, self._probes))
        if self._deadline is None or now < self._deadline:
            return
        self._deadline = None
        match self.state:
            case State.STARTING:
                reason = f"it did not answer within {self.spec.start_timeout:g} s (start_timeout)"
                if self._watch.last_miss:
                    reason += f"; the last attempt: {self._watch.last_miss}"
                self._give_up(now, reason, NEVER_ANSWERED)
            case State.RETRYING:
                self._enter(State.WAITING, now)
            case State.DRAINING:
                self._say(
                    logging.WARNING,
                    f"is ended although it is busy with {self._watch.busy_with or 'a call'}: "
                    f"{self.spec.drain_timeout:g} s are over (drain_timeout)",
                )
                self._end(now, self._then, self.reason)
            case State.STOPPING:
                self._climb(now)

    # What follows

    def _runs(self, now: float) -> None:
        self._enter(State.RUNNING, now)
        self.reason = ""
        self._said.clear()
        self._say(logging.INFO, f"runs on {self.spec.address}")

    def _drain(self, now: float, then: Callable[[float], None]) -> None:
        self._then = then
        self._enter(State.DRAINING, now)
        self._check_at = now
        self._deadline = _later(now, self.spec.drain_timeout)

    def _give_up(self, now: float, reason: str, ladder: Ladder) -> None:
        if self.state is State.RUNNING:
            self._backoff.ran_for(now - self.since)
        self._say(logging.WARNING, f"is ended: {reason}")
        self._end(now, lambda later: self._fail(later, reason), reason, ladder)

    def _end(
        self,
        now: float,
        then: Callable[[float], None],
        reason: str,
        ladder: Ladder | None = None,
    ) -> None:
        self._then = then
        self._ladder = ladder or (NEVER_ANSWERED if self.state is State.STARTING else GENTLE)
        self._enter(State.STOPPING, now)
        self.reason = reason
        if self.pid is not None:
            self._climb(now)

    def _climb(self, now: float) -> None:
        step, *rest = self._ladder
        self._ladder = tuple(rest) or (step,)
        self._is_asked = step == "ask"
        if self._is_asked:
            self._decide(Ask(self.name))
        else:
            self._decide(Signal(self.name, Strength(step)))
        self._deadline = now + (DUMP_TIME if step == Strength.DUMP else self.spec.term_timeout)

    def _fail(self, now: float, reason: str, tail: Sequence[str] = ()) -> None:
        delay = self._backoff.delay(now)
        if delay is None:
            self._enter(State.FAILED, now)
            self._say(
                logging.ERROR,
                f"is not started any more: it has failed more than {self.spec.restart_limit} times "
                f"(restart_limit), the last time because {reason}; start it when that is mended",
            )
        else:
            self._enter(State.RETRYING, now)
            self._deadline = now + delay
            self.restarts += 1
            text = f"{reason}; next attempt in {delay:.3g} s"
            if len(tail) > 1:
                text += "".join(["; its last lines:", *(f"\n    {line}" for line in tail)])
            self._say(logging.WARNING, text, key=reason)
        self.reason = reason

    def _is_to_start(self, now: float) -> None:
        self._enter(State.WAITING, now)

    def _is_stopped(self, now: float) -> None:
        if self.state is not State.STOPPED:
            self._enter(State.STOPPED, now)
            self.reason = ""

    def _enter(self, state: State, now: float) -> None:
        self.state = state
        self.since = now
        self._check_at = self._deadline = None

    def _say(self, level: int, text: str, key: str | None = None) -> None:
        """Say something; the same again until all is well only to those who look closely."""
        # Times, addresses and numbers of processes differ each time.
        key = NUMBERS.sub("", key or text)
        self._decide(Say(self.name, logging.DEBUG if key in self._said else level, text))
        self._said.add(key)


def _later(now: float, seconds: float | None) -> float | None:
    return None if seconds is None else now + seconds
