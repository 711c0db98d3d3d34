"""The server's side of a conversation in lines."""

from collections.abc import Collection
from typing import Any

from sipyco import pyon
from sipyco._wire.errors import MessageTooLargeError
from sipyco._wire.framing import Line, LineReader, LineWriter, TooLong
from sipyco._wire.rpc_protocol import Spelled, Syntax
from sipyco._wire.rpc_server_events import BadRequest, Call, MethodListAsked, Refused
from sipyco.pyon._codec import encode_line

__all__ = ["LinesServer"]


class LinesServer:
    """Requests and answers, a line each. Answers are to be given in the order of the requests."""

    overlaps = False

    def __init__(self, syntax: Syntax, lines: LineReader, written: LineWriter) -> None:
        self._syntax = syntax
        self._lines = lines
        self._written = written
        self._last_request = 0

    def selected(self, methods: Collection[str], streams: Collection[str]) -> None:
        """Confirm the target with the names of its methods."""
        self._written.put(0, *encode_line(set(methods) | set(streams), self._syntax))

    def spell_result(self, result: list[Any]) -> Spelled:
        """Spell an answer. Raises as pyon does."""
        try:
            line = encode_line({"status": "ok", "ret": result[0]}, self._syntax)
        except pyon.EncodeError as exc:
            # The path is ("ret", ...).
            raise exc.located("result", skip=1) from None
        return Spelled.line(line)

    def spell_failure(self, packed: dict[str, Any]) -> Spelled:
        """Spell an answer that is an exception."""
        line = encode_line({"status": "failed", "exception": packed}, self._syntax)
        return Spelled.line(line)

    def answer(self, request: int, answer: Spelled) -> None:
        """Answer a request."""
        self._written.put(request, answer.head, *answer.buffers)

    def read(self) -> list[Call | MethodListAsked | BadRequest | Refused]:
        """Read the lines that have come, up to one that is refused."""
        events: list[Call | MethodListAsked | BadRequest | Refused] = []
        while (line := self._lines.next_line()) is not None:
            events.append(self._read_request(line))
            if isinstance(events[-1], Refused):
                break
        return events

    def _read_request(self, line: Line | TooLong) -> Call | MethodListAsked | BadRequest | Refused:
        self._last_request += 1
        number = self._last_request
        if isinstance(line, TooLong):
            # Travels as a ValueError, which every peer knows.
            error = MessageTooLargeError("a request", line.size, self._lines.limit)
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
