"""The server's side of one pc_rpc conversation: bytes in, events out; answers in, bytes out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from sipyco import pyon
from sipyco._wire import limits
from sipyco._wire.errors import MessageTooLargeError
from sipyco._wire.framing import LineReader, TooLong
from sipyco._wire.remote_exceptions import GenericRemoteException, pack_exception
from sipyco._wire.rpc_protocol import BANNER, FEATURE_JSON, Syntax, encode_line

__all__ = [
    "BadRequest",
    "Call",
    "Event",
    "MethodListAsked",
    "Refused",
    "ServerSession",
    "ServerState",
    "TargetChosen",
    "Welcomed",
]


class ServerState(Enum):
    """What the server waits for."""

    AWAIT_BANNER = auto()
    AWAIT_TARGET = auto()
    READY = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The client speaks pc_rpc: send it the greeting."""

    greeting: bytes


@dataclass(frozen=True, slots=True)
class TargetChosen:
    """The client chose a target: answer with :meth:`ServerSession.selected`."""

    target: str


@dataclass(frozen=True, slots=True)
class Call:
    """A method is to be called: answer with ``returned`` or ``failed``."""

    request: int
    name: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MethodListAsked:
    """The documentation of the target is wanted: answer with ``returned`` or ``failed``."""

    request: int


@dataclass(frozen=True, slots=True)
class BadRequest:
    """A request that cannot be carried out: answer with ``failed(request, error)``."""

    request: int
    error: Exception


@dataclass(frozen=True, slots=True)
class Refused:
    """The client broke the rules: close the connection, without a word, as 1.10 does."""

    reason: str


Event = Welcomed | TargetChosen | Call | MethodListAsked | BadRequest | Refused


class ServerSession:
    """One conversation, from the banner to the last answer.

    Requests are to be answered in the order in which they came; the caller sees to that.

    Attributes:
        state: What is awaited.
    """

    def __init__(
        self,
        targets: Collection[str],
        description: str | None,
        *,
        max_message_size: int = limits.MAX_MESSAGE_SIZE,
    ) -> None:
        """Begin.

        Args:
            targets: Names among which the client chooses.
            description: What the server says about itself, for people, or None.
            max_message_size: Bytes in a request.
        """
        self.state = ServerState.AWAIT_BANNER
        self._targets = sorted(targets)
        self._description = description
        self._max_message_size = max_message_size
        self._lines = LineReader(limits.MAX_HANDSHAKE_LINE_SIZE)
        self._syntax: Syntax = "python"
        self._last_request = 0

    # Answers

    def selected(self, methods: Collection[str]) -> bytes:
        """Confirm the target with the names of its methods."""
        return encode_line(set(methods), self._syntax)

    def returned(self, request: int, value: Any) -> bytes:
        """Answer a request with a value.

        A value that cannot be encoded becomes a failure that says which part of it.
        """
        try:
            return encode_line({"status": "ok", "ret": value}, self._syntax)
        except pyon.EncodeError as exc:
            # Raised as TypeError, which every peer knows; the path is ("ret", ...).
            return self.failed(request, TypeError(str(exc.located("result", skip=1))))
        except Exception as exc:  # noqa: BLE001  may be raised by an encoder that was registered; the caller waits for an answer
            return self.failed(request, exc)

    def failed(self, request: int, error: BaseException) -> bytes:
        """Answer a request with an exception."""
        try:
            return encode_line(_failure(pack_exception(error)), self._syntax)
        except Exception as exc:  # noqa: BLE001  the caller waits for an answer, whatever it is
            text = f"{type(error).__name__}, which could not be sent: {exc!a}"
            return encode_line(_failure(pack_exception(GenericRemoteException(text))), self._syntax)

    # Bytes

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes from the client, cut anywhere."""
        self._lines.feed(data)
        events: list[Event] = []
        while self.state is not ServerState.CLOSED:
            line = self._lines.next_line()
            if line is None:
                break
            events.append(self._read_line(line))
        if self.state is ServerState.AWAIT_BANNER:
            # A client that wants TLS sends no line end, and would wait for as long as this side.
            begun = self._lines.peek(60)
            if not (BANNER + b"\r").startswith(begun):
                self.state = ServerState.CLOSED
                events.append(Refused(_no_banner(begun)))
        return events

    def receive_end(self) -> None:
        """The client will send nothing more."""
        self.state = ServerState.CLOSED

    def _read_line(self, line: bytes | TooLong) -> Event:
        match self.state:
            case ServerState.AWAIT_BANNER:
                event = self._read_banner(line)
            case ServerState.AWAIT_TARGET:
                event = self._read_target(line)
            case _:
                event = self._read_request(line)
        if isinstance(event, Refused):
            self.state = ServerState.CLOSED
        return event

    def _read_banner(self, line: bytes | TooLong) -> Event:
        if line != BANNER and line != BANNER + b"\r":
            return Refused(_no_banner(line))
        self.state = ServerState.AWAIT_TARGET
        # JSON whatever the version, so that it can be read before a spelling is agreed.
        greeting = {
            "targets": self._targets,
            "description": self._description,
            "features": [FEATURE_JSON],
        }
        return Welcomed(encode_line(greeting, "json"))

    def _read_target(self, line: bytes | TooLong) -> Event:
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
        if any(feature != FEATURE_JSON for feature in features):
            return Refused(f"it asked for unknown features of {target!r}: {features}")
        self._syntax = "json" if features else "python"
        self.state = ServerState.READY
        self._lines.limit = self._max_message_size
        return TargetChosen(target)

    def _read_request(self, line: bytes | TooLong) -> Event:
        self._last_request += 1
        number = self._last_request
        if isinstance(line, TooLong):
            # Travels as a ValueError, which every peer knows.
            error = MessageTooLargeError("a request", line.size, self._max_message_size)
            return BadRequest(number, ValueError(str(error)))
        try:
            request = pyon.decode(line, syntax=self._syntax)
        except pyon.InvalidValueError as exc:
            return BadRequest(number, ValueError(f"a value in the request cannot be built: {exc}"))
        except pyon.DecodeError as exc:
            return Refused(f"it sent a line that is no PYON: {exc}")
        return _understand(number, request)


def _understand(number: int, request: Any) -> Call | MethodListAsked | BadRequest:
    # Compared as text: an array that stands there would be compared element by element.
    if not isinstance(request, dict) or not isinstance(request.get("action"), str):
        return BadRequest(number, ValueError("a request is a dict with an action, a str"))
    match request:
        case {"action": "call", "name": str(name), "args": list(args) | tuple(args)}:
            kwargs = request.get("kwargs", {})
            if isinstance(kwargs, dict) and all(isinstance(key, str) for key in kwargs):
                return Call(number, name, args, kwargs)
            problem = "kwargs must be a dict whose keys are str"
        case {"action": "get_rpc_method_list"}:
            return MethodListAsked(number)
        case {"action": "call"}:
            problem = "a call needs a name (str) and args (list or tuple)"
        case _:
            action = request["action"]
            problem = f"unknown action {action!r}; known are 'call' and 'get_rpc_method_list'"
    return BadRequest(number, ValueError(problem))


def _failure(packed: dict[str, Any]) -> dict[str, Any]:
    return {"status": "failed", "exception": packed}


def _no_banner(line: bytes | TooLong) -> str:
    if isinstance(line, bytes) and line.startswith(b"\x16\x03"):
        return "it wants TLS, which this server was not told to use (ssl_config)"
    return f"the first line was {_start(line)} instead of {BANNER!r}"


def _start(line: bytes | TooLong) -> str:
    return f"a line of {line.size} bytes" if isinstance(line, TooLong) else repr(line[:60])
