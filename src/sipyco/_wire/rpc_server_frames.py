"""The server's side of a conversation in frames: requests with numbers, answered in any order."""

from collections.abc import Callable, Collection
from typing import Any

from sipyco import pyon
from sipyco._wire import ownership
from sipyco._wire import rpc_protocol as words
from sipyco._wire.errors import MessageTooLargeError, ProtocolError
from sipyco._wire.frame_reader import FrameReader, Message
from sipyco._wire.frames import FrameWriter
from sipyco._wire.rpc_protocol import Spelled, spell_frames
from sipyco._wire.rpc_server_events import (
    BadRequest,
    Call,
    Cancelled,
    Credit,
    MethodListAsked,
    Refused,
    Request,
    StatusAsked,
)

__all__ = ["FramesServer"]

MAX_CREDIT = 1 << 32
"""Items that a stream can be given credit for altogether."""

_NONE = b"\xc0"  # in MessagePack
_ENDED = Spelled(words.END, _NONE)
_ALIVE = Spelled(words.RETURNED, _NONE)
_STREAM = Spelled(words.STREAM, _NONE)
_REQUESTS = frozenset({words.CALL, words.ASK_METHODS, words.PING, words.ASK_STATUS})


class FramesServer:
    """Requests, each of which is to be ended by exactly one answer, at any time."""

    overlaps = True

    def __init__(self, max_message_size: int, staging: memoryview) -> None:
        self._reader = FrameReader(max_message_size, staging)
        self._writer = FrameWriter()
        self._unanswered: set[int] = set()
        self._early_pings: list[int] | None = []  # None once the target is confirmed
        self.buffer = self._reader.buffer
        self.take = self._writer.take

    @property
    def has_output(self) -> bool:
        """Whether something is to be sent."""
        return not self._writer.is_empty

    @property
    def unsent(self) -> int:
        """How many messages wait to be sent."""
        return len(self._writer)

    # Answers

    def selected(self, methods: Collection[str], streams: Collection[str]) -> None:
        """Confirm the target with the names of its methods."""
        names = {"methods": sorted({*methods, *streams}), "streams": sorted(streams)}
        self._put(words.NO_REQUEST, spell_frames(words.SELECTED, names))
        pings, self._early_pings = self._early_pings or [], None
        for number in pings:
            self._put(number, _ALIVE)

    def spell_result(self, result: list[Any]) -> Spelled:
        """Spell an answer. Raises as pyon does."""
        return self._spell(words.RETURNED, result)

    def spell_item(self, item: list[Any]) -> Spelled:
        """Spell one item of a stream. Raises as pyon does."""
        return self._spell(words.ITEM, item)

    def spell_failure(self, packed: dict[str, Any]) -> Spelled:
        """Spell an answer that is an exception."""
        return spell_frames(words.FAILED, packed)

    def answer(self, request: int, answer: Spelled) -> None:
        """End a request."""
        self._unanswered.discard(request)
        self._put(request, answer)

    def end(self, request: int) -> None:
        """End a request without an answer: its stream is at its end, or it was cancelled."""
        self.answer(request, _ENDED)

    def begin_stream(self, request: int) -> None:
        """Tell that items will come."""
        self._put(request, _STREAM)

    def send_item(self, request: int, item: Spelled) -> None:
        """Send an item of a stream."""
        self._put(request, item)

    def is_item(self, message: Spelled) -> bool:
        """Tell an item that was spelled from a failure."""
        return message.kind == words.ITEM

    def send_progress(self, request: int, fraction: float | None, text: str) -> None:
        """Tell how far a call is."""
        self._put(request, spell_frames(words.PROGRESS, [fraction, text]))

    def _put(self, request: int, message: Spelled) -> None:
        self._writer.put(message.kind, request, message.head, message.buffers)

    def _spell(self, kind: int, value: list[Any]) -> Spelled:
        sole = ownership.sole_arrays(value)
        try:
            return spell_frames(kind, value[0], sole)
        except pyon.EncodeError as exc:
            raise exc.located("result") from None

    # Requests

    def feed(self, data: bytes) -> list[Request | Cancelled | Credit | Refused]:
        """Take bytes that have come already."""
        return self._read(lambda: self._reader.feed(data))

    def received(self, count: int) -> list[Request | Cancelled | Credit | Refused]:
        """Take bytes that were received into the buffer."""
        return self._read(lambda: self._reader.received(count))

    def _read(
        self, messages: Callable[[], list[Message]]
    ) -> list[Request | Cancelled | Credit | Refused]:
        events: list[Request | Cancelled | Credit | Refused] = []
        try:
            for message in messages():
                event = self._understand(message)
                if event is not None:
                    events.append(event)
        except ProtocolError as exc:
            events.append(Refused(str(exc)))
        return events

    def _understand(self, message: Message) -> Request | Cancelled | Credit | None:
        number = message.request
        if message.kind in _REQUESTS:
            if number in self._unanswered or number == words.NO_REQUEST:
                raise ProtocolError(f"it made two requests with the number {number}")
            if message.kind == words.PING:
                if self._early_pings is None:
                    self._put(number, _ALIVE)
                else:
                    self._early_pings.append(number)
                return None
            self._unanswered.add(number)
            return self._understand_request(message)
        match message:
            case Message(words.CANCEL):
                return Cancelled(number) if number in self._unanswered else None
            case Message(words.CREDIT, value=int(items)) if 0 < items <= MAX_CREDIT:
                return Credit(number, items) if number in self._unanswered else None
        raise ProtocolError(f"it sent a message of kind {message.kind} that cannot be understood")

    def _understand_request(self, message: Message) -> Request:
        number, value = message.request, message.value
        if message.error is not None:
            return BadRequest(number, _told_of_request(message.error))
        if message.kind == words.ASK_METHODS:
            return MethodListAsked(number)
        if message.kind == words.ASK_STATUS:
            return StatusAsked(number)
        if type(value) is list and len(value) in {3, 4}:
            name, args, kwargs = value[:3]
            if type(name) is str and type(args) is list and _are_kwargs(kwargs):
                call = Call(number, name, args, kwargs)
                if len(value) == 3 or _take_options(call, value[3]):
                    return call
        problem = "a call is a list of a name, a list, a dict whose keys are str, and options"
        return BadRequest(number, ValueError(problem))


def _are_kwargs(value: Any) -> bool:
    return type(value) is dict and all(type(key) is str for key in value)


def _take_options(call: Call, options: Any) -> bool:
    """Add options to a call; tell whether they can be understood. Unknown ones are ignored."""
    if type(options) is not dict:
        return False
    timeout, progress = options.get("timeout"), options.get("progress", False)
    if type(progress) is not bool or not (timeout is None or _is_duration(timeout)):
        return False
    call.timeout, call.wants_progress = timeout, progress
    return True


def _is_duration(value: Any) -> bool:
    return type(value) is float and value >= 0


def _told_of_request(error: Exception) -> ValueError:
    # Both travel as a ValueError, which every peer knows.
    if isinstance(error, MessageTooLargeError):
        return ValueError(str(MessageTooLargeError("a request", error.size, error.limit)))
    return ValueError(f"the request cannot be read: {error}")
