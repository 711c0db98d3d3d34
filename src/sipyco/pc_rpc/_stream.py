"""What a blocking client is given by a remote method that gives items one by one."""

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sipyco._wire.rpc_client import Ended, Event, Failed, Item, Progressed
from sipyco.pc_rpc._options import RpcOptions, not_in_time

if TYPE_CHECKING:
    from sipyco.pc_rpc._conversation import Conversation

__all__ = ["ITEMS_AHEAD", "RemoteStream"]

ITEMS_AHEAD = 4
"""Items that the server makes before they are asked for, so that no side waits for the other."""


class RemoteStream(Iterator[Any]):
    """The items of a remote generator, made on the server as they are asked for.

    The generator begins with the first item that is asked for, and is never more than a few items
    ahead. Closing the stream closes it; so does the end of a ``with`` block, and the end of
    the last reference, which however does not wait for it.

    Iterating raises what the generator raises, and what a call raises.
    """

    __module__ = "sipyco.pc_rpc"

    def __init__(
        self,
        conversation: "Conversation",
        number: int,
        name: str,
        options: RpcOptions,
        deadline: float | None,
    ) -> None:
        self._conversation = conversation
        self._number = number
        self._name = name
        self._options = options
        self._deadline = deadline
        self._credit = 0
        self._is_open = True

    def __next__(self) -> Any:
        """Return the next item. Waits for it."""
        while self._is_open:
            credit = ITEMS_AHEAD - self._credit if 2 * self._credit <= ITEMS_AHEAD else 0
            self._credit += credit
            match self._next_event(credit):
                case Item(_, value):
                    self._credit -= 1
                    return value
                case Progressed(_, fraction, text):
                    self._tell(fraction, text)
                case Failed(_, error):
                    self._end()
                    raise error
                case Ended():
                    self._end()
        raise StopIteration

    def close(self) -> None:
        """Close the generator on the server, and wait until that has been done.

        Raises:
            Exception: What the generator raised when it was closed.
        """
        if not self._is_open:
            return
        try:
            self._conversation.cancel(self._number)
            while True:
                match self._next_event(0):
                    case Failed(_, error):
                        self._end()
                        raise error
                    case Ended():
                        self._end()
                        return
        finally:
            self._give_up()

    def __enter__(self) -> Self:
        """Return the stream itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the stream."""
        self.close()

    def __del__(self) -> None:
        """Have the server close the generator."""
        if getattr(self, "_is_open", False):
            self._is_open = False
            self._conversation.forget(self._number)

    def _next_event(self, credit: int) -> Event:
        try:
            return self._conversation.next_event(self._number, credit, self._deadline)
        except BaseException as exc:
            self._give_up()
            if not isinstance(exc, TimeoutError):
                raise
            if self._deadline is not None:
                raise not_in_time(self._name, self._options.timeout, was_told=True) from None
            raise TimeoutError(f"{self._name} has not given its next item: {exc}") from None

    def _tell(self, fraction: float | None, text: str) -> None:
        if self._options.on_progress is None:
            return
        try:
            self._options.on_progress(fraction, text)
        except BaseException:
            self._give_up()
            raise

    def _end(self) -> None:
        self._is_open = False
        self._conversation.end(self._number)

    def _give_up(self) -> None:
        if self._is_open:
            self._is_open = False
            self._conversation.give_up(self._number)
