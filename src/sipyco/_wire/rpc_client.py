"""The client's side of one pc_rpc conversation: bytes in, events out; intents in, bytes out."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from sipyco import pyon
from sipyco._wire import limits
from sipyco._wire.errors import IncompatibleServer, MessageTooLargeError, ProtocolError
from sipyco._wire.framing import LineReader, TooLong
from sipyco._wire.remote_exceptions import unpack_exception
from sipyco._wire.rpc_protocol import BANNER, FEATURE_JSON, Syntax, encode_line

__all__ = ["ClientSession", "ClientState", "Event", "Failed", "Greeted", "Returned", "Selected"]


class ClientState(Enum):
    """What the client waits for."""

    AWAIT_GREETING = auto()
    GREETED = auto()
    AWAIT_METHODS = auto()
    READY = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Greeted:
    """The server has introduced itself; a target can be selected.

    Attributes:
        targets: Names, in the server's order.
        description: What the server says about itself, or None.
        features: What it offers beyond the oldest protocol.
    """

    targets: list[str]
    description: str | None
    features: frozenset[str]


@dataclass(frozen=True, slots=True)
class Selected:
    """The target is selected; calls can be made.

    Attributes:
        methods: Names that can be called.
    """

    methods: frozenset[str]


@dataclass(frozen=True, slots=True)
class Returned:
    """A request was answered with a value."""

    request: int
    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """A request was answered with an exception, or with something that cannot be read here."""

    request: int
    error: Exception


Event = Greeted | Selected | Returned | Failed


class ClientSession:
    """One conversation, from the banner to the last answer.

    Answers come in the order of the requests, so each is matched to the oldest request that has
    none yet. A request that was abandoned keeps its place: its late answer is recognised by it
    and dropped.

    Attributes:
        state: What is awaited.
        peer: The server in the words of error messages, as ``"[::1]:3251"``.
        last_request: How many requests there were, which is the number of the last one.
    """

    def __init__(self, peer: str, *, max_message_size: int = limits.MAX_MESSAGE_SIZE) -> None:
        self.state = ClientState.AWAIT_GREETING
        self.peer = peer
        self._max_message_size = max_message_size
        self._lines = LineReader(limits.MAX_GREETING_SIZE)
        self._greeting = Greeted([], None, frozenset())
        self._syntax: Syntax = "python"
        self.last_request = 0
        self._unanswered: deque[int] = deque()
        self._abandoned: set[int] = set()

    def connect(self) -> bytes:
        """Open the conversation."""
        return BANNER + b"\n"

    def select(self, target: str) -> bytes:
        """Choose a target, and the best spelling that both sides know.

        Raises:
            IncompatibleServer: The server has no such target. Nothing was changed.
        """
        if self.state is not ClientState.GREETED:
            raise RuntimeError(f"cannot select a target of {self.peer} now: {self.state.name}")
        if target not in self._greeting.targets:
            raise IncompatibleServer(
                f"no target {target!r} on {self.peer}; "
                f"it offers {', '.join(map(repr, self._greeting.targets)) or 'none'}"
            )
        line = target.encode() + b"\n"
        asking = f"{target} {FEATURE_JSON}"
        # Unless that is the name of another target.
        if FEATURE_JSON in self._greeting.features and asking not in self._greeting.targets:
            self._syntax = "json"
            line = asking.encode() + b"\n"
        self.state = ClientState.AWAIT_METHODS
        return line

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[int, bytes]:
        """Ask for a method to be called.

        Returns:
            The number by which events name this request, and the bytes to send.

        Raises:
            pyon.EncodeError: An argument cannot be encoded. Nothing was changed.
        """
        request = {"action": "call", "name": name, "args": tuple(args), "kwargs": dict(kwargs)}
        try:
            return self._request(request)
        except pyon.EncodeError as exc:
            # The path is ("args", 0, ...) or ("kwargs", "x", ...).
            raise exc.located(str(exc.path[0]), skip=1) from None

    def ask_method_list(self) -> tuple[int, bytes]:
        """Ask for the documentation of the target. Returns the same as :meth:`call`."""
        return self._request({"action": "get_rpc_method_list"})

    def abandon(self, request: int) -> None:
        """Nobody waits for this request any more: drop its answer when it comes."""
        if request in self._unanswered:
            self._abandoned.add(request)

    def withdraw(self, request: int) -> None:
        """Nothing of the last request was sent, and nothing will be: it has never been."""
        if self._unanswered and self._unanswered[-1] == request:
            self._unanswered.pop()

    @property
    def awaits_answers(self) -> bool:
        """Whether the server still owes answers, abandoned ones included."""
        return bool(self._unanswered)

    # Bytes

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes from the server, cut anywhere.

        Raises:
            IncompatibleServer: What answered is no pc_rpc server. The state is ``CLOSED``.
            ProtocolError: The server broke the rules. The state is ``CLOSED``.
        """
        self._lines.feed(data)
        events: list[Event] = []
        while self.state is not ClientState.CLOSED:
            line = self._lines.next_line()
            if line is None:
                break
            try:
                event = self._read_line(line)
            except (IncompatibleServer, ProtocolError):
                self.state = ClientState.CLOSED
                raise
            if event is not None:
                events.append(event)
        if self.state is ClientState.READY and not self.awaits_answers and self._lines.is_in_line:
            # Its end would come after the next request, and pass for the answer to it.
            self.state = ClientState.CLOSED
            raise self._unasked()
        return events

    def receive_end(self) -> None:
        """The server will send nothing more."""
        self.state = ClientState.CLOSED

    def _request(self, request: dict[str, Any]) -> tuple[int, bytes]:
        if self.state is not ClientState.READY:
            raise RuntimeError(f"cannot make a request to {self.peer} now: {self.state.name}")
        data = encode_line(request, self._syntax)
        self.last_request += 1
        self._unanswered.append(self.last_request)
        return self.last_request, data

    def _read_line(self, line: bytes | TooLong) -> Event | None:
        match self.state:
            case ClientState.AWAIT_GREETING:
                self._greeting = _read_greeting(line, self.peer)
                self.state = ClientState.GREETED
                return self._greeting
            case ClientState.AWAIT_METHODS:
                methods = _read_methods(line, self._syntax, self.peer)
                self.state = ClientState.READY
                self._lines.limit = self._max_message_size
                return Selected(methods)
            case ClientState.READY if self._unanswered:
                request = self._unanswered.popleft()
                if request in self._abandoned:
                    self._abandoned.remove(request)
                    return None
                return self._read_answer(request, line)
        raise self._unasked()

    def _unasked(self) -> ProtocolError:
        return ProtocolError(f"{self.peer} sent an answer although nothing was asked")

    def _read_answer(self, request: int, line: bytes | TooLong) -> Returned | Failed:
        if isinstance(line, TooLong):
            error = MessageTooLargeError("an answer", line.size, self._max_message_size)
            return Failed(request, error)
        try:
            answer = pyon.decode(line, syntax=self._syntax)
        except pyon.DecodeError as exc:
            # The end of the line is known, so the next answer is still found.
            return Failed(request, exc)
        # Compared as text: an array that stands there would be compared element by element.
        if isinstance(answer, dict) and isinstance(answer.get("status"), str):
            match answer:
                case {"status": "ok", "ret": value}:
                    return Returned(request, value)
                case {"status": "failed", "exception": packed}:
                    return Failed(request, unpack_exception(packed))
        return Failed(request, ValueError(f"{self.peer} sent an answer of no known form"))


def _read_greeting(line: bytes | TooLong, peer: str) -> Greeted:
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


def _read_methods(line: bytes | TooLong, syntax: Syntax, peer: str) -> frozenset[str]:
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
