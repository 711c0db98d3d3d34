"""The client's side of a conversation in lines: every version of every server understands it."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from sipyco import pyon
from sipyco._wire.errors import MessageTooLargeError, ProtocolError
from sipyco._wire.framing import Line, LineReader, LineWriter, TooLong
from sipyco._wire.remote_exceptions import unpack_exception
from sipyco._wire.rpc_client_events import Answer, CallOptions, Failed, Returned
from sipyco._wire.rpc_protocol import Spelled, Syntax
from sipyco.pyon._codec import encode_line

__all__ = ["LinesClient"]


class LinesClient:
    """Requests and answers, a line each.

    Answers come in the order of the requests, so each is matched to the oldest request that has
    none yet. A request that was abandoned keeps its place: its late answer is recognised by it
    and dropped.
    """

    overlaps = False

    def __init__(self, peer: str, syntax: Syntax, lines: LineReader, written: LineWriter) -> None:
        self._peer = peer
        self._syntax = syntax
        self._lines = lines
        self._written = written
        self.last_request = 0
        self._unanswered: deque[int] = deque()
        self._abandoned: set[int] = set()

    def spell_call(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], options: CallOptions
    ) -> Spelled:
        """Spell a call; the server is not told of the options."""
        request = {"action": "call", "name": name, "args": tuple(args), "kwargs": dict(kwargs)}
        try:
            return Spelled.line(encode_line(request, self._syntax))
        except pyon.EncodeError as exc:
            # The path is ("args", 0, ...) or ("kwargs", "x", ...).
            raise exc.located(str(exc.path[0]), skip=1) from None

    def spell_method_list(self) -> Spelled:
        """Spell the question for the documentation of the target."""
        return Spelled.line(encode_line({"action": "get_rpc_method_list"}, self._syntax))

    def ask(self, request: Spelled) -> int:
        """Make a request. Returns its number."""
        self.last_request += 1
        self._unanswered.append(self.last_request)
        self._written.put(self.last_request, request.head, *request.buffers)
        return self.last_request

    def give_up(self, number: int) -> None:
        """Do not send a request after all, or drop its answer when it comes."""
        if self._unanswered and self._unanswered[-1] == number and self._written.withdraw(number):
            self._unanswered.pop()
        elif number in self._unanswered:
            self._abandoned.add(number)

    @property
    def awaits_answers(self) -> bool:
        """Whether the server still owes answers, abandoned ones included."""
        return bool(self._unanswered)

    def read(self) -> list[Answer]:
        """Read the lines that have come.

        Raises:
            ProtocolError: An answer has come, or begun to, although nothing was asked.
        """
        events: list[Answer] = []
        while (line := self._lines.next_line()) is not None:
            if not self._unanswered:
                raise self._unasked()
            request = self._unanswered.popleft()
            if request in self._abandoned:
                self._abandoned.remove(request)
            else:
                events.append(self._read_answer(request, line))
        if not self._unanswered and self._lines.is_in_line:
            # Its end would come after the next request, and pass for the answer to it.
            raise self._unasked()
        return events

    def _unasked(self) -> ProtocolError:
        return ProtocolError(f"{self._peer} sent an answer although nothing was asked")

    def _read_answer(self, request: int, line: Line | TooLong) -> Returned | Failed:
        if isinstance(line, TooLong):
            error = MessageTooLargeError("an answer", line.size, self._lines.limit)
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
        return Failed(request, ValueError(f"{self._peer} sent an answer of no known form"))
