"""Whose turn it is: one after the other, in order, in parallel, in a thread, and pings between."""

import asyncio
import threading
from collections.abc import Awaitable
from typing import Any

import pytest

from sipyco import pyon
from sipyco.pc_rpc._connection import Connection
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_servers import RawClient, run, running, settle, until


class Device:
    """Records what happens to it, and is busy for as long as it is told."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.began = asyncio.Event()
        self.release = asyncio.Event()
        self.inside = 0
        self.most_inside = 0

    async def work(self, name: str) -> str:
        self.inside += 1
        self.most_inside = max(self.inside, self.most_inside)
        self.steps.append(f"{name} begins")
        self.began.set()
        try:
            await self.release.wait()
            self.steps.append(f"{name} ends")
        finally:
            self.inside -= 1
        return name

    def plain(self, name: str) -> str:
        self.steps.append(name)
        return name

    def later(self, name: str) -> Awaitable[str]:
        return self.work(name)

    async def ping(self) -> bool:
        self.steps.append("ping")
        return False


class Blocking:
    """A device whose methods block; only with a thread does anything else happen meanwhile."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.began = asyncio.Event()
        self.release = threading.Event()
        self.threads: list[int] = []
        self.inside = 0
        self.most_inside = 0
        self.steps: list[str] = []

    def work(self, name: str = "") -> str:
        self.inside += 1
        self.most_inside = max(self.inside, self.most_inside)
        self.threads.append(threading.get_ident())
        self.loop.call_soon_threadsafe(self.began.set)
        assert self.release.wait(10)
        self.steps.append(name)
        self.inside -= 1
        return name

    async def coroutine(self) -> int:
        await asyncio.sleep(0)
        return threading.get_ident()

    def coroutine_from_a_plain_method(self) -> Awaitable[int]:
        self.threads.append(threading.get_ident())
        return self.coroutine()

    def ping(self, value: Any = None) -> Any:
        self.steps.append("ping")
        return value


async def answers(*clients: RawClient) -> list[Any]:
    return [(await client.answer())["ret"] for client in clients]


@every_loop
@pytest.mark.parametrize("method", ["work", "later"])
def test_coroutines_of_different_clients_take_turns_in_the_order_of_arrival(
    loop_factory: LoopFactory, method: str
) -> None:
    async def main() -> None:
        device = Device()
        async with running(device) as serving:
            clients = [await serving.ready() for _ in range(4)]
            for number, client in enumerate(clients):
                client.ask(method, str(number))
                await until(lambda: len(serving.server.runner._calls) > number)  # noqa: B023
            await settle()
            assert device.steps == ["0 begins"]
            device.release.set()
            assert await answers(*clients) == ["0", "1", "2", "3"]
        assert device.most_inside == 1
        assert device.steps == [f"{n} {what}" for n in range(4) for what in ("begins", "ends")]

    run(main(), loop_factory)


@every_loop
def test_a_plain_method_waits_for_a_coroutine_that_came_before_it(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        device = Device()
        async with running(device) as serving:
            first, second = await serving.ready(), await serving.ready()
            first.ask("work", "first")
            await device.began.wait()
            second.ask("plain", "second")
            await settle()
            assert device.steps == ["first begins"]
            device.release.set()
            assert await answers(first, second) == ["first", "second"]
            assert device.steps == ["first begins", "first ends", "second"]

    run(main(), loop_factory)


@every_loop
def test_a_plain_method_does_not_overtake_a_coroutine_that_has_not_begun(
    loop_factory: LoopFactory,
) -> None:
    """Both requests are found at once, when the loop is free again."""

    async def main() -> None:
        device = Device()
        device.release.set()
        async with running(device) as serving:
            first, second = await serving.ready(), await serving.ready()
            connections = {
                connection.transport.get_extra_info("peername")[1]: connection
                for connection in serving.server.connections
                if connection.transport
            }
            for client, method in ((first, "work"), (second, "plain")):
                request = {"action": "call", "name": method, "args": [method], "kwargs": {}}
                port = client.writer.get_extra_info("sockname")[1]
                line = pyon.encode(request, syntax="json").encode() + b"\n"
                connection = connections[port]
                assert isinstance(connection, Connection)
                connection.get_buffer(-1)[: len(line)] = line
                connection.buffer_updated(len(line))
            assert await answers(first, second) == ["work", "plain"]
            assert device.steps == ["work begins", "work ends", "plain"]

    run(main(), loop_factory)


@every_loop
def test_coroutines_of_different_clients_overlap_where_that_is_allowed(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        device = Device()
        async with running(device, allow_parallel=True) as serving:
            clients = [await serving.ready() for _ in range(3)]
            for number, client in enumerate(clients):
                device.began.clear()
                client.ask("work", str(number))
                await device.began.wait()
            assert device.inside == 3
            assert await (await serving.ready()).call("plain", "meanwhile") == "meanwhile"
            device.release.set()
            assert await answers(*clients) == ["0", "1", "2"]

    run(main(), loop_factory)


def test_calls_of_one_client_take_turns_also_where_others_overlap() -> None:
    async def main() -> None:
        device = Device()
        async with running(device, allow_parallel=True) as serving:
            client = await serving.ready()
            client.ask("work", "0")
            client.ask("plain", "1")
            await device.began.wait()
            await settle()
            assert device.steps == ["0 begins"]
            device.release.set()
            assert await answers(client, client) == ["0", "1"]

    run(main())


@every_loop
@pytest.mark.parametrize("allow_parallel", [False, True])
def test_blocking_methods_run_one_at_a_time_in_one_thread_that_is_not_the_loops(
    loop_factory: LoopFactory, allow_parallel: bool
) -> None:
    async def main() -> None:
        device = Blocking()
        async with running(device, threads=True, allow_parallel=allow_parallel) as serving:
            clients = [await serving.ready() for _ in range(5)]
            for client in clients:
                client.ask("work")
            await device.began.wait()
            device.release.set()
            assert await answers(*clients) == [""] * 5
        assert device.most_inside == 1
        assert len(set(device.threads)) == 1
        assert threading.get_ident() not in device.threads

    run(main(), loop_factory)


@every_loop
def test_while_a_method_blocks_in_the_thread_the_server_lives(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        device = Blocking()
        async with running(
            device, threads=True, builtin_terminate=True, busy_ping_after=0.001
        ) as serving:
            busy = await serving.ready()
            busy.ask("work", "done")
            await device.began.wait()

            client = await serving.client()
            assert client.get_rpc_id()[0] == ["dev"]
            assert "work" in (await client.get_rpc_method_list())["methods"]
            assert await client.ping() is True
            await client.terminate()
            await serving.server.wait_terminate()
            assert device.steps == []

            device.release.set()
            assert await answers(busy) == ["done"]

    run(main(), loop_factory)


@pytest.mark.parametrize("method", ["coroutine", "coroutine_from_a_plain_method"])
def test_coroutines_are_awaited_in_the_loop_also_where_there_is_a_thread(method: str) -> None:
    async def main() -> None:
        device = Blocking()
        async with running(device, threads=True) as serving:
            client = await serving.ready()
            assert await client.call(method) == threading.get_ident()
        assert threading.get_ident() not in device.threads

    run(main())


def test_blocking_methods_wait_for_coroutines_and_the_other_way_round() -> None:
    class Both(Blocking):
        def __init__(self) -> None:
            super().__init__()
            self.coroutine_release = asyncio.Event()

        async def slow(self) -> None:
            self.began.set()
            await self.coroutine_release.wait()
            self.steps.append("slow ends")

    async def main() -> None:
        device = Both()
        device.release.set()
        async with running(device, threads=True) as serving:
            first, second = await serving.ready(), await serving.ready()
            first.ask("slow")
            await device.began.wait()
            second.ask("work", "work ends")
            await settle()
            assert device.steps == []
            device.coroutine_release.set()
            assert await answers(first, second) == [None, "work ends"]
            assert device.steps == ["slow ends", "work ends"]

    run(main())


@every_loop
@pytest.mark.parametrize("allow_parallel", [False, True])
def test_a_ping_that_waits_too_long_is_answered_without_being_called(
    loop_factory: LoopFactory, allow_parallel: bool
) -> None:
    async def main() -> None:
        device = Blocking()
        async with running(
            device, threads=True, busy_ping_after=0.001, allow_parallel=allow_parallel
        ) as serving:
            busy = await serving.ready()
            busy.ask("work", "done")
            await device.began.wait()
            client = await serving.ready()
            assert await client.call("ping") is True
            assert await client.call("ping") is True
            device.release.set()
            await answers(busy)
            assert device.steps == ["done"]
            # Free again: the device itself is asked.
            assert await client.call("ping") is None
            assert device.steps == ["done", "ping"]

    run(main(), loop_factory)


def test_a_ping_behind_a_coroutine_is_answered_too() -> None:
    async def main() -> None:
        device = Device()
        async with running(device, busy_ping_after=0.001) as serving:
            busy, client = await serving.ready(), await serving.ready()
            busy.ask("work", "done")
            await device.began.wait()
            assert await client.call("ping") is True
            device.release.set()
            assert await answers(busy) == ["done"]
            assert "ping" not in device.steps
            assert await client.call("ping") is False

    run(main())


@pytest.mark.parametrize(
    ("options", "args"),
    [
        pytest.param({"busy_ping_after": 0.0}, [5], id="with an argument"),
        pytest.param({"busy_ping_after": None}, [], id="without a limit"),
        pytest.param({}, [], id="that does not wait for long"),
    ],
)
def test_other_pings_wait_for_their_turn(options: dict[str, Any], args: list[Any]) -> None:
    async def main() -> None:
        device = Blocking()
        async with running(device, threads=True, **options) as serving:
            busy, client = await serving.ready(), await serving.ready()
            busy.ask("work", "done")
            await device.began.wait()
            client.ask("ping", *args)
            await settle()
            device.release.set()
            assert await answers(client) == [args[0] if args else None]
            assert device.steps == ["done", "ping"]

    run(main())


def test_a_free_device_is_really_pinged_however_small_the_limit() -> None:
    async def main() -> None:
        for threads in (False, True):
            device = Blocking()
            async with running(device, threads=threads, busy_ping_after=0.0) as serving:
                assert await (await serving.ready()).call("ping") is None
            assert device.steps == ["ping"]

    run(main())


def test_a_limit_that_struck_leaves_the_turn_to_those_behind() -> None:
    async def main() -> None:
        device = Blocking()
        async with running(device, threads=True, busy_ping_after=0.001) as serving:
            busy, pinging, waiting = [await serving.ready() for _ in range(3)]
            busy.ask("work", "first")
            await device.began.wait()
            pinging.ask("ping")
            waiting.ask("work", "second")
            assert await answers(pinging) == [True]
            device.release.set()
            assert await answers(busy, waiting) == ["first", "second"]

    run(main())


@every_loop
def test_terminate_works_while_a_call_of_another_client_runs(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        device = Device()
        async with running(device, builtin_terminate=True) as serving:
            busy, client = await serving.ready(), await serving.ready()
            busy.ask("work", "done")
            await device.began.wait()
            assert await client.call("terminate") is None
            await serving.server.wait_terminate()
            device.release.set()
            assert await answers(busy) == ["done"]

    run(main(), loop_factory)


@every_loop
def test_a_call_whose_client_has_left_is_finished_and_others_are_served(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        device = Device()
        async with running(device) as serving:
            leaving, staying = await serving.ready(), await serving.ready()
            leaving.ask("work", "left")
            await device.began.wait()
            staying.ask("plain", "stayed")
            leaving.writer.transport.abort()
            await until(lambda: len(serving.server.connections) == 1)
            assert device.steps == ["left begins"]
            device.release.set()
            assert await answers(staying) == ["stayed"]
            assert device.steps == ["left begins", "left ends", "stayed"]

    run(main(), loop_factory)


def test_a_blocking_call_whose_client_has_left_is_finished_and_others_are_served() -> None:
    async def main() -> None:
        device = Blocking()
        async with running(device, threads=True) as serving:
            leaving, staying = await serving.ready(), await serving.ready()
            leaving.ask("work", "left")
            await device.began.wait()
            staying.ask("work", "stayed")
            leaving.writer.transport.abort()
            await until(lambda: len(serving.server.connections) == 1)
            device.release.set()
            assert await answers(staying) == ["stayed"]
            assert device.steps == ["left", "stayed"]

    run(main())
