"""The server's side of one pc_rpc conversation: bytes in, events out; answers in, bytes out."""

from collections.abc import Collection
from enum import Enum, auto
from typing import Any

from sipyco import pyon
from sipyco._wire import limits
from sipyco._wire.frames import FEATURE_FRAMES
from sipyco._wire.framing import Line, LineReader, LineWriter, TooLong
from sipyco._wire.remote_exceptions import GenericRemoteException, pack_exception
from sipyco._wire.rpc_protocol import (
    BANNER,
    FEATURE_JSON,
    Spelled,
    Syntax,
)
from sipyco._wire.rpc_server_events import (
    BadRequest,
    Call,
    Cancelled,
    Credit,
    Event,
    MethodListAsked,
    Refused,
    Request,
    StatusAsked,
    TargetChosen,
    Welcomed,
)
from sipyco._wire.rpc_server_frames import FramesServer
from sipyco._wire.rpc_server_lines import LinesServer
from sipyco.pyon._codec import encode_line

__all__ = [
    "BadRequest",
    "Call",
    "Cancelled",
    "Credit",
    "Event",
    "MethodListAsked",
    "Refused",
    "Request",
    "ServerSession",
    "ServerState",
    "StatusAsked",
    "TargetChosen",
    "Welcomed",
]

FEATURES: tuple[str, ...] = (FEATURE_JSON, FEATURE_FRAMES)


class ServerState(Enum):
    """What the server waits for."""

    AWAIT_BANNER = auto()
    AWAIT_TARGET = auto()
    READY = auto()
    CLOSED = auto()


class ServerSession:
    """One conversation, from the banner to the last answer.

    Receive into :meth:`buffer` and tell :meth:`received`; send what :meth:`take` gives. An answer
    is spelled first, which may take a while and can be done in any thread, then given.

    Attributes:
        state: What is awaited.
    """

    def __init__(
        self,
        targets: Collection[str],
        description: str | None,
        *,
        max_message_size: int = limits.MAX_MESSAGE_SIZE,
        staging: memoryview | None = None,
    ) -> None:
        """Begin.

        Args:
            targets: Names among which the client chooses.
            description: What the server says about itself, for people, or None.
            max_message_size: Bytes in a request.
            staging: Memory to receive into, which sessions of one thread may share.
        """
        self.state = ServerState.AWAIT_BANNER
        self._targets = sorted(targets)
        self._description = description
        self._max_message_size = max_message_size
        self._lines = LineReader(limits.MAX_HANDSHAKE_LINE_SIZE)
        self._written = LineWriter()
        self._staging = memoryview(bytearray(limits.STAGING_SIZE)) if staging is None else staging
        self._talk: LinesServer | FramesServer | None = None
        self.frames: FramesServer | None = None

    @property
    def overlaps(self) -> bool:
        """Whether requests may be answered in any order."""
        return self.frames is not None

    # Answers

    def selected(self, methods: Collection[str], streams: Collection[str] = ()) -> None:
        """Confirm the target.

        Args:
            methods: Names that can be called.
            streams: Those that are known to give items one by one.
        """
        self._chosen().selected(methods, streams)

    def spell_result(self, result: list[Any]) -> Spelled:
        """Spell what a method returned. Nothing is changed.

        Args:
            result: The value as the only item of a list. If nothing else refers to an array in
                it, its memory is sent from where it lies.

        Returns:
            The answer. A value that cannot be spelled becomes a failure that says which part of it.
        """
        return self._spell(self._chosen().spell_result, result)

    def spell_item(self, item: list[Any]) -> tuple[Spelled, bool]:
        """Spell one item of a stream, as :meth:`spell_result` does.

        Returns:
            The message, and whether it is an item rather than a failure.
        """
        assert self.frames is not None
        spelled = self._spell(self.frames.spell_item, item)
        return spelled, self.frames.is_item(spelled)

    def spell_failure(self, error: BaseException) -> Spelled:
        """Spell the exception that a method raised."""
        talk = self._chosen()
        try:
            return talk.spell_failure(pack_exception(error))
        except Exception as exc:  # noqa: BLE001  the caller waits for an answer, whatever it is
            text = f"{type(error).__name__}, which could not be sent: {exc!a}"
            return talk.spell_failure(pack_exception(GenericRemoteException(text)))

    def answer(self, request: int, answer: Spelled) -> None:
        """End a request with its answer. In lines, the oldest request is always the next."""
        self._chosen().answer(request, answer)

    # Bytes

    @property
    def has_output(self) -> bool:
        """Whether something is to be sent."""
        return not self._written.is_empty or (self.frames is not None and self.frames.has_output)

    @property
    def unsent(self) -> int:
        """How many messages wait to be sent in frames."""
        return 0 if self.frames is None else self.frames.unsent

    def take(self, size: int) -> list[bytes | memoryview]:
        """Return about so many bytes to send, in parts; less if there is no more."""
        if self._written.is_empty and self.frames is not None:
            return self.frames.take(size)
        lines = self._written.take(size)
        if self._written.is_empty and self.frames is not None:
            lines += self.frames.take(size - sum(map(len, lines)))
        return lines

    def buffer(self) -> memoryview:
        """Return where bytes from the client belong; it may be more than will come."""
        if self.frames is not None and self.state is ServerState.READY:
            return self.frames.buffer()
        return self._staging

    def received(self, count: int) -> list[Event]:
        """Take bytes that were received into the buffer."""
        events: list[Event] = []
        if self.frames is not None and self.state is ServerState.READY:
            events += self.frames.received(count)
        elif self.state is not ServerState.CLOSED:
            self._lines.feed(self._staging[:count])
            events += self._read_lines()
        if events and isinstance(events[-1], Refused):
            self.state = ServerState.CLOSED
        return events

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes from the client, cut anywhere."""
        events: list[Event] = []
        rest = memoryview(data)
        while rest and self.state is not ServerState.CLOSED:
            space = self.buffer()
            count = min(len(space), len(rest))
            space[:count] = rest[:count]
            events += self.received(count)
            rest = rest[count:]
        return events

    def receive_end(self) -> None:
        """The client will send nothing more."""
        self.state = ServerState.CLOSED

    def _chosen(self) -> LinesServer | FramesServer:
        if self._talk is None:
            raise RuntimeError(f"nothing can be answered now: {self.state.name}")
        return self._talk

    def _spell(self, spell: Any, value: list[Any]) -> Spelled:
        try:
            spelled: Spelled = spell(value)
        except pyon.EncodeError as exc:
            # Raised as TypeError, which every peer knows.
            return self.spell_failure(TypeError(str(exc)))
        except Exception as exc:  # noqa: BLE001  may be raised by an encoder that was registered; the caller waits for an answer
            return self.spell_failure(exc)
        return spelled

    def _read_lines(self) -> list[Event]:
        events: list[Event] = []
        while self._talk is None:
            line = self._lines.next_line()
            if line is None:
                break
            awaits_banner = self.state is ServerState.AWAIT_BANNER
            events.append(self._read_banner(line) if awaits_banner else self._read_target(line))
            if isinstance(events[-1], Refused):
                return events
        if self.state is ServerState.AWAIT_BANNER:
            # A client that wants TLS sends no line end, and would wait for as long as this side.
            begun = self._lines.peek(60)
            if not (BANNER + b"\r").startswith(begun):
                events.append(Refused(_no_banner(begun)))
        elif isinstance(self._talk, LinesServer):
            events += self._talk.read()
        elif self._talk is not None:
            # The client may have gone on without waiting.
            events += self._talk.feed(self._lines.rest())
        return events

    def _read_banner(self, line: Line | TooLong) -> Event:
        if line != BANNER and line != BANNER + b"\r":
            return Refused(_no_banner(line))
        self.state = ServerState.AWAIT_TARGET
        # JSON whatever the version, so that it can be read before a spelling is agreed.
        greeting = {
            "targets": self._targets,
            "description": self._description,
            "features": list(FEATURES),
        }
        self._written.put(0, *encode_line(greeting, "json"))
        return Welcomed()

    def _read_target(self, line: Line | TooLong) -> Event:
        if isinstance(line, TooLong):
            return Refused(f"the target's name was {_start(line)}")
        try:
            text = line.removesuffix(b"\r").decode()
        except UnicodeDecodeError:
            return Refused(f"the target's name {_start(line)} is not UTF-8")
        # Names may contain spaces, so the longest name that fits is meant.
        for target in sorted(self._targets, key=len, reverse=True):
            if text == target or text.startswith(f"{target} "):
                break
        else:
            return Refused(f"it asked for the unknown target {text!r}")
        features = text[len(target) :].split()
        if not set(features) <= set(FEATURES):
            return Refused(f"it asked for unknown features of {target!r}: {features}")
        if FEATURE_FRAMES in features:
            self.frames = self._talk = FramesServer(self._max_message_size, self._staging)
        else:
            syntax: Syntax = "json" if FEATURE_JSON in features else "python"
            self._talk = LinesServer(syntax, self._lines, self._written)
            self._lines.limit = self._max_message_size
        self.state = ServerState.READY
        return TargetChosen(target)


def _no_banner(line: Line | TooLong) -> str:
    if isinstance(line, bytes) and line.startswith(b"\x16\x03"):
        return "it wants TLS, which this server was not told to use (ssl_config)"
    return f"the first line was {_start(line)} instead of {BANNER!r}"


def _start(line: Line | TooLong) -> str:
    return f"a line of {line.size} bytes" if isinstance(line, TooLong) else repr(line[:60])
