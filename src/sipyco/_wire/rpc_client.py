"""The client's side of one pc_rpc conversation: bytes in, events out; intents in, bytes out."""

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Any

from sipyco import pyon
from sipyco._wire import limits
from sipyco._wire.errors import IncompatibleServer, ProtocolError
from sipyco._wire.frames import FEATURE_FRAMES
from sipyco._wire.framing import Line, LineReader, LineWriter, TooLong
from sipyco._wire.rpc_client_events import (
    Answer,
    CallOptions,
    Ended,
    Event,
    Failed,
    Greeted,
    Item,
    Progressed,
    Returned,
    Selected,
    StreamBegun,
)
from sipyco._wire.rpc_client_frames import FramesClient
from sipyco._wire.rpc_client_lines import LinesClient
from sipyco._wire.rpc_protocol import BANNER, FEATURE_JSON, Spelled, Syntax

__all__ = [
    "Answer",
    "CallOptions",
    "ClientSession",
    "ClientState",
    "Ended",
    "Event",
    "Failed",
    "Greeted",
    "Item",
    "Progressed",
    "Returned",
    "Selected",
    "StreamBegun",
]

_DEFAULT = CallOptions()


class ClientState(Enum):
    """What the client waits for."""

    AWAIT_GREETING = auto()
    GREETED = auto()
    AWAIT_METHODS = auto()
    READY = auto()
    CLOSED = auto()


class ClientSession:
    """One conversation, from the banner to the last answer.

    Receive into :meth:`buffer` and tell :meth:`received`; send what :meth:`take` gives. A request
    is spelled first, which may take a while and can be done in any thread, then made.

    Attributes:
        state: What is awaited.
        peer: The server in the words of error messages, as ``"[::1]:3251"``.
    """

    def __init__(self, peer: str, *, max_message_size: int = limits.MAX_MESSAGE_SIZE) -> None:
        self.state = ClientState.AWAIT_GREETING
        self.peer = peer
        self._max_message_size = max_message_size
        self._lines = LineReader(limits.MAX_GREETING_SIZE)
        self._written = LineWriter()
        self._staging = memoryview(bytearray(limits.STAGING_SIZE))
        self._greeting = Greeted([], None, frozenset())
        self._syntax: Syntax = "python"
        self._frames: FramesClient | None = None
        self._talk: LinesClient | FramesClient | None = None

    @property
    def overlaps(self) -> bool:
        """Whether requests may be made before earlier ones are answered, and be given up."""
        return self._frames is not None

    def connect(self) -> None:
        """Open the conversation."""
        self._written.put(0, BANNER + b"\n")

    def select(self, target: str) -> None:
        """Choose a target, and the best that both sides know of frames and spellings.

        Raises:
            IncompatibleServer: The server has no such target. Nothing was changed.
        """
        if self.state is not ClientState.GREETED:
            raise RuntimeError(f"cannot select a target of {self.peer} now: {self.state.name}")
        targets, features = self._greeting.targets, self._greeting.features
        if target not in targets:
            raise IncompatibleServer(
                f"no target {target!r} on {self.peer}; "
                f"it offers {', '.join(map(repr, targets)) or 'none'}"
            )
        line = target
        for feature in (FEATURE_FRAMES, FEATURE_JSON):
            asking = f"{target} {feature}"
            # Unless that is the name of another target.
            if feature in features and asking not in targets:
                line = asking
                if feature == FEATURE_FRAMES:
                    self._frames = FramesClient(self.peer, self._max_message_size)
                else:
                    self._syntax = "json"
                break
        self._written.put(0, line.encode() + b"\n")
        self.state = ClientState.AWAIT_METHODS

    # Requests

    def spell_call(
        self,
        name: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: CallOptions = _DEFAULT,
    ) -> Spelled:
        """Spell a call of a method. Nothing is changed.

        Raises:
            pyon.EncodeError: An argument cannot be encoded.
            ValueError: Likewise: it is nested too deep, for one.
        """
        return self._ready().spell_call(name, args, kwargs, options)

    def spell_method_list(self) -> Spelled:
        """Spell the question for the documentation of the target."""
        return self._ready().spell_method_list()

    def spell_ping(self) -> Spelled:
        """Spell the question whether the server is alive.

        Raises:
            IncompatibleServer: It cannot be asked.
        """
        return self._needs_frames("pings").spell_ping()

    def spell_status(self) -> Spelled:
        """Spell the question for what the server does.

        Raises:
            IncompatibleServer: It cannot be asked.
        """
        return self._needs_frames("reports of its status").spell_status()

    def ask(self, request: Spelled) -> int:
        """Make a request. Returns the number by which events name it."""
        return self._ready().ask(request)

    def give_up(self, number: int) -> None:
        """Nobody waits for this request any more.

        If nothing of it was taken, it has never been. Otherwise its answer is dropped when it
        comes; a server that understands is told to stop.
        """
        if self._talk is not None:
            self._talk.give_up(number)

    def cancel(self, number: int) -> None:
        """Have the server end a request soon. Unlike after :meth:`give_up`, its end is told."""
        if self._frames is not None:
            self._frames.cancel(number)

    def give_credit(self, number: int, items: int) -> None:
        """Let a stream go on for so many items."""
        if self._frames is not None:
            self._frames.give_credit(number, items)

    @property
    def last_request(self) -> int:
        """The number of the last request; 0 if there was none."""
        return 0 if self._talk is None else self._talk.last_request

    @property
    def awaits_answers(self) -> bool:
        """Whether the server still owes answers, those included for which nobody waits."""
        return self._talk is not None and self._talk.awaits_answers

    # Bytes

    def take(self, size: int) -> list[bytes | memoryview]:
        """Return about so many bytes to send, in parts; less if there is no more."""
        if self._written.is_empty and self._frames is not None:
            return self._frames.take(size)
        lines = self._written.take(size)
        if self._written.is_empty and self._frames is not None:
            lines += self._frames.take(size - sum(map(len, lines)))
        return lines

    def buffer(self) -> memoryview:
        """Return where bytes from the server belong; it may be more than will come."""
        if self._frames is not None and self.state is not ClientState.CLOSED:
            return self._frames.buffer()
        return self._staging

    def received(self, count: int) -> list[Event]:
        """Take bytes that were received into the buffer.

        Raises:
            IncompatibleServer: What answered is no pc_rpc server. The state is ``CLOSED``.
            ProtocolError: The server broke the rules. The state is ``CLOSED``.
        """
        try:
            match self.state:
                case ClientState.CLOSED:
                    return []
                case ClientState.READY if self._frames is not None:
                    return list(self._frames.read(self._frames.received(count)))
                case ClientState.AWAIT_METHODS if self._frames is not None:
                    return self._read_selected(self._frames, count)
            self._lines.feed(self._staging[:count])
            return self._read_lines()
        except (IncompatibleServer, ProtocolError):
            self.state = ClientState.CLOSED
            raise

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes from the server, cut anywhere. Raises as :meth:`received` does."""
        events: list[Event] = []
        rest = memoryview(data)
        while rest:
            space = self.buffer()
            count = min(len(space), len(rest))
            space[:count] = rest[:count]
            events += self.received(count)
            rest = rest[count:]
        return events

    def receive_end(self) -> None:
        """The server will send nothing more."""
        self.state = ClientState.CLOSED

    def _ready(self) -> LinesClient | FramesClient:
        if self._talk is None:
            raise RuntimeError(f"cannot make a request to {self.peer} now: {self.state.name}")
        return self._talk

    def _needs_frames(self, what: str) -> FramesClient:
        self._ready()
        if self._frames is None:
            raise IncompatibleServer(
                f"{self.peer} does not know {what}: that needs a server that offers "
                f"{FEATURE_FRAMES} (SiPyCo 2 and newer)"
            )
        return self._frames

    def _read_lines(self) -> list[Event]:
        events: list[Event] = []
        while self.state is not ClientState.READY:
            line = self._lines.next_line()
            if line is None:
                return events
            events.append(self._read_handshake(line))
        assert isinstance(self._talk, LinesClient)
        return events + self._talk.read()

    def _read_handshake(self, line: Line | TooLong) -> Greeted | Selected:
        if self.state is ClientState.AWAIT_GREETING:
            self._greeting = _read_greeting(line, self.peer)
            self.state = ClientState.GREETED
            return self._greeting
        if self.state is not ClientState.AWAIT_METHODS:
            raise ProtocolError(f"{self.peer} sent an answer although nothing was asked")
        methods = _read_methods(line, self._syntax, self.peer)
        self._lines.limit = self._max_message_size
        self._talk = LinesClient(self.peer, self._syntax, self._lines, self._written)
        self.state = ClientState.READY
        return Selected(methods)

    def _read_selected(self, frames: FramesClient, count: int) -> list[Event]:
        messages = frames.received(count)
        if not messages:
            return []
        selected = frames.read_selected(messages[0])
        self._talk = frames
        self.state = ClientState.READY
        return [selected, *frames.read(messages[1:])]


def _read_greeting(line: Line | TooLong, peer: str) -> Greeted:
    try:
        # Micro servers in the field greet with the repr of a dict: either spelling will do.
        greeting = None if isinstance(line, TooLong) else pyon.decode(line)
    except pyon.DecodeError:
        greeting = None
    if not isinstance(greeting, Mapping) or not _are_names(greeting.get("targets")):
        start = "a very long line" if isinstance(line, TooLong) else repr(line[:60])
        raise IncompatibleServer(f"{peer} is no pc_rpc server: it greeted with {start}")
    features = greeting.get("features", ())
    return Greeted(
        list(greeting["targets"]),
        description if isinstance(description := greeting.get("description"), str) else None,
        frozenset(features) if _are_names(features) else frozenset(),
    )


def _read_methods(line: Line | TooLong, syntax: Syntax, peer: str) -> frozenset[str]:
    try:
        # An empty set is spelled {} by SiPyCo 1.9, hence a dict; micro servers send lists.
        methods = None if isinstance(line, TooLong) else pyon.decode(line, syntax=syntax)
    except pyon.DecodeError:
        methods = None
    if methods is None or not _are_names(methods):
        raise ProtocolError(f"{peer} did not answer with the names of its methods")
    return frozenset(methods)


def _are_names(value: Any) -> bool:
    return isinstance(value, list | tuple | set | dict) and all(
        isinstance(name, str) for name in value
    )
