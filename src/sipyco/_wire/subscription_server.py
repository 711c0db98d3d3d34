"""The publisher's side of a subscription, up to what the subscriber wants."""

from dataclasses import dataclass
from enum import Enum, auto

from sipyco._wire import limits
from sipyco._wire.frames import FEATURE_FRAMES
from sipyco._wire.framing import Line, LineReader, TooLong
from sipyco._wire.subscription import Form

__all__ = ["FramesChosen", "PublisherSession", "Refused", "Subscribed"]


class PublisherState(Enum):
    """What the publisher waits for."""

    AWAIT_BANNER = auto()
    AWAIT_NAME = auto()
    SUBSCRIBED = auto()
    """A line that asks for frames may come."""
    DEAF = auto()
    """Nothing: what comes is not read."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The client said what it wants to follow."""

    name: str


@dataclass(frozen=True, slots=True)
class FramesChosen:
    """The client reads values in frames. Without it, they are lines."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The client broke the rules: close the connection, without a word, as others do."""

    reason: str


Event = Subscribed | FramesChosen | Refused


class PublisherSession:
    """What a client says.

    Args:
        banner: What the client has to say first.

    Attributes:
        state: What is awaited.
        form: How the client wants values to be sent, as far as it has said.
    """

    def __init__(self, banner: bytes) -> None:
        self.state = PublisherState.AWAIT_BANNER
        self.form = Form.LINE
        self._banner = banner
        self._lines = LineReader(limits.MAX_HANDSHAKE_LINE_SIZE)
        self._size = 0

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes from the client, cut anywhere. What follows the third line is not read."""
        if self._is_deaf():
            return []
        self._lines.feed(data)
        events: list[Event] = []
        while not self._is_deaf() and (line := self._lines.next_line()) is not None:
            events += self._read_line(line)
        self._size += len(data)
        if self._awaits_name() and self._size > 2 * limits.MAX_HANDSHAKE_LINE_SIZE:
            # Two lines of the greatest length are complete by now.
            events.append(self._refuse(f"it sent {self._size} bytes without saying what it wants"))
        return events

    def _is_deaf(self) -> bool:
        return self.state is PublisherState.DEAF

    def _awaits_name(self) -> bool:
        return self.state in {PublisherState.AWAIT_BANNER, PublisherState.AWAIT_NAME}

    def _read_line(self, line: Line | TooLong) -> list[Event]:
        if self.state is PublisherState.SUBSCRIBED:
            return self._read_wish(line)
        if isinstance(line, TooLong):
            return [self._refuse(f"its first lines are too long: {line.size} bytes")]
        text = line.removesuffix(b"\r")
        if self.state is PublisherState.AWAIT_BANNER:
            if text != self._banner:
                return [self._refuse(f"its first line was {line[:60]!r}, not {self._banner!r}")]
            self.state = PublisherState.AWAIT_NAME
            return []
        try:
            name = text.decode()
        except UnicodeDecodeError:
            return [self._refuse(f"the name {line[:60]!r} is not UTF-8")]
        self.state = PublisherState.SUBSCRIBED
        return [Subscribed(name)]

    def _read_wish(self, line: Line | TooLong) -> list[Event]:
        self.state = PublisherState.DEAF
        if isinstance(line, TooLong) or line.removesuffix(b"\r") != FEATURE_FRAMES.encode():
            return []
        self.form = Form.FRAMES
        return [FramesChosen()]

    def _refuse(self, reason: str) -> Refused:
        self.state = PublisherState.DEAF
        return Refused(reason)
