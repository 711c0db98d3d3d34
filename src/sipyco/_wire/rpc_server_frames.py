"""The server's side of a conversation in frames: requests with numbers, answered in any order."""

from collections.abc import Collection
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

_NONE = spell_frames(words.RETURNED, None).head
_ENDED = Spelled(words.END, _NONE)
_STREAM = Spelled(words.STREAM, _NONE)
_REQUESTS = frozenset({words.CALL, words.ASK_METHODS, words.PING, words.ASK_STATUS})


class FramesServer:
    """Requests, each of which is to be ended by exactly one answer, at any time."""

    overlaps = True

    def __init__(self, max_message_size: int, staging: memoryview) -> None:
        self._reader = FrameReader(max_message_size, staging)
        self._writer = FrameWriter()
        self._unanswered: set[int] = set()
        self.buffer = self._reader.buffer
        self.take = self._writer.take

    @property
    def has_output(self) -> bool:
        """Whether something is to be sent."""
        return not self._writer.is_empty

    # Answers

    def selected(self, methods: Collection[str], streams: Collection[str]) -> None:
        """Confirm the target with the names of its methods."""
        names = {"methods": sorted({*methods, *streams}), "streams": sorted(streams)}
        self._put(words.NO_REQUEST, spell_frames(words.SELECTED, names))

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

    def _read(self, messages: Any) -> list[Request | Cancelled | Credit | Refused]:
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
                self._put(number, Spelled(words.RETURNED, _NONE))
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
        number = message.request
        if message.error is not None:
            return BadRequest(number, _told_of_request(message.error))
        match message:
            case Message(words.ASK_METHODS):
                return MethodListAsked(number)
            case Message(words.ASK_STATUS):
                return StatusAsked(number)
            case Message(value=[str(name), list(args), dict(kwargs)]) if _are_names(kwargs):
                return Call(number, name, args, kwargs)
            case Message(
                value=[
                    str(name),
                    list(args),
                    dict(kwargs),
                    {"timeout": float() | None as timeout, "progress": bool(progress)},
                ]
            ) if _are_names(kwargs):
                return Call(number, name, args, kwargs, timeout, progress)
        problem = "a call is a list of a name, a list, a dict whose keys are str, and options"
        return BadRequest(number, ValueError(problem))


def _told_of_request(error: Exception) -> ValueError:
    # Both travel as a ValueError, which every peer knows.
    if isinstance(error, MessageTooLargeError):
        return ValueError(str(MessageTooLargeError("a request", error.size, error.limit)))
    return ValueError(f"the request cannot be read: {error}")


def _are_names(kwargs: dict[Any, Any]) -> bool:
    return all(isinstance(key, str) for key in kwargs)
