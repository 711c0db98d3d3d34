"""Asking a controller whether it is alive, and to end."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

from ndsp.device_db import Controller, DeviceDBError
from ndsp.manager._facts import Healthy, Sick, Silent, Unreachable, Verdict
from sipyco.pc_rpc import AsyncioClient, ConnectionLost, GenericRemoteException, IncompatibleServer

__all__ = ["Health"]

T = TypeVar("T")

REFUSALS = (
    *(OSError, EOFError, IncompatibleServer, DeviceDBError),  # TimeoutError among them
    *(AttributeError, GenericRemoteException),  # of a server that knows no terminate
)
"""What may come of asking a controller to end."""


class Health:
    """The manager's connection to one process of a controller.

    A controller of this library tells beside its work what it is busy with; if it has a thread for
    its work, silence means that its event loop stands still. All others answer when they are free,
    so that silence may mean that they are busy.

    Args:
        spec: Its entry.
    """

    def __init__(self, spec: Controller) -> None:
        self._spec = spec
        self._client: AsyncioClient | None = None
        self._tells_status = True
        self._has_thread = False
        self._pending: asyncio.Task[Any] | None = None  # a ping that was not answered in time

    async def check(self, *, probes: bool = True) -> Verdict:
        """Ask it whether it is alive; each answer may take ``ping_timeout``.

        Args:
            probes: Call its method ``ping``, also if it tells without that.
        """
        try:
            client = await self._in_time(self._connected())
            if self._tells_status:
                try:
                    busy = await self._in_time(self._what_it_does(client))
                except IncompatibleServer:
                    self._tells_status = False
                else:
                    return busy or (await self._probe(client) if probes else Healthy(tells=True))
            return await self._in_time(self._check_by_ping(client))
        except TimeoutError:
            return self._judge_silence()
        except (OSError, EOFError, DeviceDBError) as error:
            await self.close()
            return Unreachable(_one_line(error))
        except IncompatibleServer as error:
            await self.close()
            return Sick(f"what listens on {self._spec.address} is no controller: {error}")

    async def ask_to_end(self) -> bool:
        """Have it end, as ``terminate`` does; takes ``term_timeout`` at most.

        Returns:
            Whether it has agreed, and in time. The process still has to end.
        """
        try:
            async with asyncio.timeout(self._spec.term_timeout):
                client = await self._connected()
                if self._pending is not None and not self._pending.done():
                    return False  # it would be heard only after that
                await client.terminate()
        except ConnectionLost:
            return True  # it was faster
        except REFUSALS:
            return False
        return True

    async def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if self._pending is not None:
            self._pending.cancel()
            await asyncio.wait([self._pending])
            self._pending = None
        if client is not None:
            with contextlib.suppress(OSError):
                await client.close_rpc()

    async def _connected(self) -> AsyncioClient:
        if self._client is None:
            spec = self._spec
            client = AsyncioClient()
            await client.connect_rpc(spec.host, spec.port, None, spec.ssl_config)
            try:
                targets, _ = client.get_rpc_id()
                await client.select_rpc_target(_choose(spec.target_name, targets))
            except BaseException:
                await client.close_rpc()
                raise
            self._client = client
        return self._client

    async def _in_time(self, work: Coroutine[Any, Any, T]) -> T:
        async with asyncio.timeout(self._spec.ping_timeout):
            return await work

    async def _what_it_does(self, client: AsyncioClient) -> Healthy | None:
        """Tell what it is busy with; None if it is free."""
        status = await client.get_rpc_status()
        self._has_thread = status.get("threads", False)
        own = f"{client.get_selected_target()}.ping"
        running = [
            call
            for call in status["calls"]
            if call["state"] == "running" and f"{call['target']}.{call['method']}" != own
        ]
        if not running:
            return None
        longest = max(running, key=lambda call: call["seconds"])
        return Healthy(str(longest["method"]), float(longest["seconds"]), tells=True)

    async def _probe(self, client: AsyncioClient) -> Verdict:
        """Call its ``ping``."""
        try:
            return await self._in_time(self._check_by_ping(client))
        except TimeoutError:
            # The call of somebody else may have begun sooner.
            busy = await self._in_time(self._what_it_does(client))
            if busy or not self._has_thread:
                return busy or Silent()
            return Sick(f"its ping() was not answered within {self._spec.ping_timeout:g} s")

    async def _check_by_ping(self, client: AsyncioClient) -> Verdict:
        if self._pending is None:
            method = getattr(client, "ping", None)
            ask = client.get_rpc_method_list if method is None else method
            self._pending = asyncio.ensure_future(ask())
        # Not cancelled when it takes too long: a server of the original answers in order.
        await asyncio.wait([self._pending])
        pending, self._pending = self._pending, None
        try:
            answer = pending.result()
        except (ConnectionLost, EOFError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever the driver raises is its diagnosis
            return Sick(f"its ping() failed: {type(error).__name__}: {_one_line(error)}")
        if answer is False:
            return Sick("its ping() gave False")
        return Healthy(tells=self._tells_status)

    def _judge_silence(self) -> Verdict:
        if self._has_thread and self._tells_status:
            seconds = self._spec.ping_timeout
            return Sick(f"its event loop does not answer for {seconds:g} s", hangs=True)
        return Silent()


def _choose(wanted: str | None, targets: list[str]) -> str:
    if wanted in targets:
        return str(wanted)
    if not targets:
        raise IncompatibleServer("it offers no targets")
    # Remote execution answers, but knows nothing of the device.
    devices = [target for target in targets if not target.endswith("_rexec")]
    return (devices or targets)[0]


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
