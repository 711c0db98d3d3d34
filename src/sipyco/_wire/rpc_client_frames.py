"""The client's side of a conversation in frames: requests with numbers, answered in any order."""

from collections.abc import Mapping, Sequence
from typing import Any

from sipyco import pyon
from sipyco._wire import rpc_protocol as words
from sipyco._wire.errors import MessageTooLargeError, ProtocolError
from sipyco._wire.frame_reader import FrameReader, Message
from sipyco._wire.frames import FrameWriter
from sipyco._wire.remote_exceptions import unpack_exception
from sipyco._wire.rpc_client_events import (
    Answer,
    CallOptions,
    Ended,
    Failed,
    Item,
    Progressed,
    Returned,
    Selected,
    StreamBegun,
)
from sipyco._wire.rpc_protocol import Spelled, spell_frames

__all__ = ["FramesClient"]

_ENDS = frozenset({words.RETURNED, words.FAILED, words.END})
_NOTHING = b"\xc0"  # None, in MessagePack


class FramesClient:
    """Requests, each of which is ended by exactly one message, also if it was given up."""

    overlaps = True

    def __init__(self, peer: str, max_message_size: int) -> None:
        self._peer = peer
        self._reader = FrameReader(max_message_size)
        self._writer = FrameWriter()
        self.last_request = 0
        # Whether somebody waits for the answer, by the number of the request.
        self._unanswered: dict[int, bool] = {}
        self.buffer = self._reader.buffer
        self.take = self._writer.take

    def spell_call(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], options: CallOptions
    ) -> Spelled:
        """Spell a call. The memory of its arrays is copied, unless it is read-only."""
        request: list[Any] = [name, list(args), dict(kwargs)]
        if options.timeout is not None or options.wants_progress:
            request.append({"timeout": options.timeout, "progress": options.wants_progress})
        try:
            return spell_frames(words.CALL, request)
        except pyon.EncodeError as exc:
            # The path is (1, 0, ...) or (2, "x", ...).
            raise exc.located("args" if exc.path[0] == 1 else "kwargs", skip=1) from None

    def spell_method_list(self) -> Spelled:
        """Spell the question for the documentation of the target."""
        return Spelled(words.ASK_METHODS, _NOTHING)

    def spell_ping(self) -> Spelled:
        """Spell the question whether the server is alive."""
        return Spelled(words.PING, _NOTHING)

    def spell_status(self) -> Spelled:
        """Spell the question for what the server does."""
        return Spelled(words.ASK_STATUS, _NOTHING)

    def ask(self, request: Spelled) -> int:
        """Make a request. Returns its number."""
        number = self.last_request
        while True:
            number = 1 if number >= words.MAX_REQUEST else number + 1
            if number not in self._unanswered:
                break
        self.last_request = number
        self._unanswered[number] = True
        self._writer.put(request.kind, number, request.head, request.buffers)
        return number

    def give_up(self, number: int) -> None:
        """Do not send a request after all, or have the server stop and drop its answer."""
        if not self._unanswered.get(number):
            return
        if self._writer.withdraw(number):
            del self._unanswered[number]
            return
        self._unanswered[number] = False
        self._writer.put(words.CANCEL, number, _NOTHING)

    def cancel(self, number: int) -> None:
        """Have the server end a request soon, and tell."""
        if number in self._unanswered:
            self._writer.put(words.CANCEL, number, _NOTHING)

    def give_credit(self, number: int, items: int) -> None:
        """Let a stream go on for so many items."""
        if self._unanswered.get(number):
            message = spell_frames(words.CREDIT, items)
            self._writer.put(message.kind, number, message.head)

    @property
    def awaits_answers(self) -> bool:
        """Whether the server still owes answers, those included for which nobody waits."""
        return bool(self._unanswered)

    def read_selected(self, message: Message) -> Selected:
        """Read the first message, which tells what can be called.

        Raises:
            ProtocolError: It is none such.
        """
        match message:
            case Message(
                words.SELECTED, words.NO_REQUEST, {"methods": methods, "streams": streams}
            ) if _are_names(methods) and _are_names(streams):
                return Selected(frozenset(methods), frozenset(streams))
        raise ProtocolError(f"{self._peer} did not answer with the names of its methods")

    def received(self, count: int) -> list[Message]:
        """Take bytes that were received into the buffer. Raises ProtocolError."""
        return self._reader.received(count)

    def read(self, messages: list[Message]) -> list[Answer]:
        """Understand messages.

        Raises:
            ProtocolError: One is about a request that was not made, or was answered.
        """
        events: list[Answer] = []
        for message in messages:
            awaited = self._unanswered.get(message.request)
            if awaited is None:
                raise ProtocolError(
                    f"{self._peer} sent a message of kind {message.kind} for request "
                    f"{message.request}, which is not under way"
                )
            if message.kind in _ENDS:
                del self._unanswered[message.request]
            if awaited:
                event = self._understand(message)
                if isinstance(event, Failed) and message.kind not in _ENDS:
                    # What cannot be read was not the end: the server has to stop.
                    self.give_up(message.request)
                events.append(event)
        return events

    def _understand(self, message: Message) -> Answer:
        number = message.request
        event: Answer
        match message:
            case Message(error=Exception() as error):
                event = Failed(number, _told_of_answer(error))
            case Message(words.RETURNED, value=value):
                event = Returned(number, value)
            case Message(words.FAILED, value=packed):
                event = Failed(number, unpack_exception(packed))
            case Message(words.ITEM, value=value):
                event = Item(number, value)
            case Message(words.STREAM):
                event = StreamBegun(number)
            case Message(words.END):
                event = Ended(number)
            case Message(words.PROGRESS, value=[float() | None as fraction, str(text)]):
                event = Progressed(number, fraction, text)
            case _:
                raise ProtocolError(
                    f"{self._peer} sent a message of kind {message.kind} that cannot be understood"
                )
        return event


def _told_of_answer(error: Exception) -> Exception:
    if isinstance(error, MessageTooLargeError):
        return MessageTooLargeError("an answer", error.size, error.limit)
    return error


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
