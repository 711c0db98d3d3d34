"""What an asyncio client is given by a remote method that gives items one by one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Self

from sipyco._wire.rpc_client import Ended, Failed, Item, Progressed, Returned, StreamBegun
from sipyco.pc_rpc._asyncio_conversation import AsyncioConversation
from sipyco.pc_rpc._options import RpcOptions, not_in_time
from sipyco.pc_rpc._stream import ITEMS_AHEAD

__all__ = ["AsyncRemoteStream"]


class AsyncRemoteStream(AsyncIterator[Any]):
    """The items of a remote generator, made on the server as they are asked for.

    As :class:`RemoteStream`, for ``async for``. It may be awaited first, which calls the method
    and raises what is wrong with that; otherwise the first item does so.

    Args:
        conversation: Where it comes from.
        name: Of the method, for messages.
        options: Of the call.
        call: Calls the method; None if it was called.
        number: Of the request, if it was called.
    """

    __module__ = "sipyco.pc_rpc"

    def __init__(
        self,
        conversation: AsyncioConversation,
        name: str,
        options: RpcOptions,
        call: Callable[[], Coroutine[Any, Any, Returned | Failed | StreamBegun]] | None,
        number: int | None = None,
    ) -> None:
        self._conversation = conversation
        self._name = name
        self._options = options
        self._call = call
        self._number = number
        self._credit = 0
        self._is_open = True
        self._deadline: float | None = None
        if options.timeout is not None:
            self._deadline = asyncio.get_running_loop().time() + options.timeout

    def __await__(self) -> Generator[Any, Any, Self]:
        return self._begun().__await__()

    async def __anext__(self) -> Any:
        """Return the next item. Waits for it."""
        await self._begun()
        while self._is_open:
            credit = ITEMS_AHEAD - self._credit if 2 * self._credit <= ITEMS_AHEAD else 0
            self._credit += credit
            match await self._next_event(credit):
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
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the generator on the server, and wait until that has been done.

        Raises:
            Exception: What the generator raised when it was closed.
        """
        if not self._is_open or self._number is None:
            self._is_open = False
            return
        try:
            self._conversation.cancel(self._number)
            while self._is_open:
                match await self._next_event(0):
                    case Failed(_, error):
                        self._end()
                        raise error
                    case Ended():
                        self._end()
        finally:
            self._give_up()

    async def __aenter__(self) -> Self:
        """Return the stream itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the stream."""
        await self.aclose()

    def __del__(self) -> None:
        """Have the server close the generator."""
        if getattr(self, "_is_open", False) and self._number is not None:
            self._is_open = False
            self._conversation.forget(self._number)

    async def _begun(self) -> Self:
        if self._call is not None:
            call, self._call = self._call, None
            answer = await call()
            if isinstance(answer, Failed):
                self._is_open = False
                raise answer.error
            if isinstance(answer, Returned):
                self._is_open = False
                raise TypeError(f"{self._name}() was to give items one by one, but returned")
            self._number = answer.request
        return self

    async def _next_event(self, credit: int) -> Any:
        assert self._number is not None
        limit = asyncio.timeout_at(self._deadline)
        try:
            async with limit:
                return await self._conversation.next_of_stream(self._number, credit)
        except BaseException as exc:
            self._give_up()
            if isinstance(exc, TimeoutError) and limit.expired():
                raise not_in_time(f"{self._name}()", self._options.timeout, was_told=True) from None
            raise

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
        if self._number is not None:
            self._conversation.end(self._number)

    def _give_up(self) -> None:
        if self._is_open and self._number is not None:
            self._is_open = False
            self._conversation.give_up(self._number)
