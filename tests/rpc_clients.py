"""Both kinds of client behind one face, so that a fact is written once and holds for each."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import pytest

from sipyco.pc_rpc import AsyncioClient, AutoTarget, Client
from tests.event_loops import LoopFactory, uvloop_loop

TargetName = str | type[AutoTarget] | None


class AnyClient(ABC):
    """A connected client. Whatever ``within`` bounds raises TimeoutError afterwards."""

    client: Client | AsyncioClient

    @abstractmethod
    def call(self, name: str, /, *args: Any, **kwargs: Any) -> Any: ...

    @abstractmethod
    def call_within(self, seconds: float, name: str, /, *args: Any) -> Any: ...

    @abstractmethod
    def method_list(self) -> dict[str, Any]: ...

    @abstractmethod
    def select(self, target: TargetName) -> None: ...

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class BlockingClient(AnyClient):
    def __init__(
        self,
        port: int,
        target: TargetName = AutoTarget,
        *,
        host: str = "127.0.0.1",
        within: float | None = None,
        **options: Any,
    ) -> None:
        self.client: Client = Client(host, port, target, within, **options)

    def call(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.client, name)(*args, **kwargs)

    def call_within(self, seconds: float, name: str, /, *args: Any) -> Any:
        self.client._rpc_conversation.set_timeout(seconds)
        try:
            return self.call(name, *args)
        finally:
            self.client._rpc_conversation.set_timeout(None)

    def method_list(self) -> dict[str, Any]:
        return self.client.get_rpc_method_list()

    def select(self, target: TargetName) -> None:
        self.client.select_rpc_target(target)

    def close(self) -> None:
        self.client.close_rpc()


class LoopClient(AnyClient):
    """An AsyncioClient whose loop runs only while something is wanted of it."""

    def __init__(
        self,
        port: int,
        target: TargetName = AutoTarget,
        *,
        host: str = "127.0.0.1",
        within: float | None = None,
        loop_factory: LoopFactory,
        **options: Any,
    ) -> None:
        self.client: AsyncioClient = AsyncioClient()
        self._unnoticed: list[dict[str, Any]] = []
        self._runner = asyncio.Runner(loop_factory=loop_factory)
        self._runner.get_loop().set_exception_handler(
            lambda _, context: self._unnoticed.append(context)
        )
        try:
            self._run(within, lambda: self.client.connect_rpc(host, port, target, **options))
        except BaseException:
            self.close()
            raise

    def call(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        return self._run(None, lambda: getattr(self.client, name)(*args, **kwargs))

    def call_within(self, seconds: float, name: str, /, *args: Any) -> Any:
        return self._run(seconds, lambda: getattr(self.client, name)(*args))

    def method_list(self) -> dict[str, Any]:
        documentation: dict[str, Any] = self._run(None, self.client.get_rpc_method_list)
        return documentation

    def select(self, target: TargetName) -> None:
        self._run(None, lambda: self.client.select_rpc_target(target))

    def close(self) -> None:
        self._runner.run(self.client.close_rpc())
        self._runner.close()
        # The loop would only have logged what failed where nobody awaited it.
        assert not self._unnoticed

    def _run(self, seconds: float | None, what: Callable[[], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            async with asyncio.timeout(seconds):
                return await what()

        return self._runner.run(main())


class Kind:
    """A kind of client, and the event loop of the servers that it is tested with."""

    def __init__(self, *, is_blocking: bool, loop_factory: LoopFactory) -> None:
        self.is_blocking = is_blocking
        self.loop_factory = loop_factory

    def open(self, port: int, target: TargetName = AutoTarget, **options: Any) -> AnyClient:
        """Connect. Options are ``host``, ``within`` (seconds of each wait) and the client's own."""
        if self.is_blocking:
            return BlockingClient(port, target, **options)
        return LoopClient(port, target, loop_factory=self.loop_factory, **options)


every_kind = pytest.mark.parametrize(
    "kind",
    [
        pytest.param(
            Kind(is_blocking=True, loop_factory=asyncio.new_event_loop), id="blocking-asyncio"
        ),
        pytest.param(Kind(is_blocking=True, loop_factory=uvloop_loop), id="blocking-uvloop"),
        pytest.param(Kind(is_blocking=False, loop_factory=asyncio.new_event_loop), id="asyncio"),
        pytest.param(Kind(is_blocking=False, loop_factory=uvloop_loop), id="uvloop"),
    ],
)
"""Runs a test with each client, and with servers on each event loop."""

every_client = pytest.mark.parametrize("kind", every_kind.args[1][1:])
"""Runs a test with each client: enough where the server is a script."""
