"""What calls can do where both ends speak in frames: overlap, be given up, report, and stream."""

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from sipyco.pc_rpc import (
    Client,
    current_call,
    rpc_method,
)
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_clients import Kind, every_kind
from tests.rpc_servers import run, running, until
from tests.serving import served


class Gate:
    """What coroutines wait for, opened from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_open = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def set(self) -> None:
        with self._lock:
            self._is_open = True
            for loop, event in self._waiting:
                loop.call_soon_threadsafe(event.set)

    async def wait(self) -> None:
        event = asyncio.Event()
        with self._lock:
            if self._is_open:
                return
            self._waiting.append((asyncio.get_running_loop(), event))
        await event.wait()


class Device:
    """What happens to it is recorded, also that a coroutine was cancelled."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.began = threading.Event()
        self.ended = threading.Event()
        self.inside = 0
        self.most_inside = 0
        self.release = Gate()

    def echo(self, value: Any) -> Any:
        return value

    async def wait(self, name: str = "wait") -> str:
        self.inside += 1
        self.most_inside = max(self.inside, self.most_inside)
        self.steps.append(f"{name} begins")
        self.began.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.steps.append(f"{name} cancelled {current_call().cancelled}")
            self.ended.set()
            raise
        finally:
            self.inside -= 1
        return name

    @rpc_method(abandon="finish")
    async def finish(self) -> None:
        self.began.set()
        await self.release.wait()
        self.steps.append(f"finished {current_call().cancelled}")
        self.ended.set()

    def deadline(self) -> float | None:
        deadline = current_call().deadline
        return None if deadline is None else deadline - time.monotonic()

    async def report(self) -> str:
        for step in range(5):
            current_call().progress(step / 4, f"step {step}")
            await asyncio.sleep(0)
        return "reported"

    def who(self) -> tuple[str, str | None, str]:
        call = current_call()
        assert call.peer is not None
        return call.peer.address, call.peer.certificate, call.method

    def count(self, end: int) -> Iterator[int]:
        self.steps.append("count begins")
        try:
            for number in range(end):
                self.steps.append(f"made {number}")
                yield number
        finally:
            self.steps.append("count closed")
            self.ended.set()

    async def acount(self, end: int) -> AsyncIterator[int]:
        try:
            for number in range(end):
                await asyncio.sleep(0)
                yield number
        finally:
            self.steps.append("acount closed")
            self.ended.set()

    def breaks(self) -> Iterator[int]:
        yield 1
        raise LookupError("no more film")

    def odd_item(self) -> Iterator[Any]:
        yield 1
        yield object()

    def hidden_generator(self) -> Any:
        return (number * number for number in range(3))


def device_of(kind: Kind, **options: Any) -> Any:
    device = Device()
    return device, served({"device": device}, loop_factory=kind.loop_factory, **options)


def collect(client: Any, name: str, *args: Any) -> list[Any]:
    """Take all the items of a stream, with either kind of client."""
    if client.__class__.__name__ == "BlockingClient":
        return list(getattr(client.client, name)(*args))

    async def items() -> list[Any]:
        return [item async for item in getattr(client.client, name)(*args)]

    found: list[Any] = client._run(None, items)
    return found


def with_options(client: Any, options: dict[str, Any], name: str, *args: Any) -> Any:
    """Make a call with options, with either kind of client."""
    if client.__class__.__name__ == "BlockingClient":
        return getattr(client.client.rpc_options(**options), name)(*args)
    return client._run(None, lambda: getattr(client.client.rpc_options(**options), name)(*args))


def of_client(client: Any, name: str) -> Any:
    """Call what the client itself has, with either kind."""
    if client.__class__.__name__ == "BlockingClient":
        return getattr(client.client, name)()
    return client._run(None, getattr(client.client, name))


# Overlapping


@every_loop
def test_calls_of_one_asyncio_client_overlap_if_the_server_allows_it(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        device = Device()
        async with running(device, allow_parallel=True) as serving:
            client = await serving.client()
            calls = [asyncio.create_task(client.wait(str(number))) for number in range(100)]
            await until(lambda: device.inside == 100)
            assert await client.echo(5) == 5
            device.release.set()
            assert await asyncio.gather(*calls) == [str(number) for number in range(100)]

    run(main(), loop_factory)


@every_loop
def test_without_parallel_calls_they_run_one_after_the_other_in_their_order(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        device = Device()
        async with running(device) as serving:
            client = await serving.client()
            calls = [asyncio.create_task(client.wait(str(number))) for number in range(20)]
            await until(lambda: device.inside)
            device.release.set()
            await asyncio.gather(*calls)
        assert device.most_inside == 1
        assert device.steps == [f"{number} begins" for number in range(20)]

    run(main(), loop_factory)


def test_a_blocking_client_may_be_used_from_any_thread_and_its_calls_overlap() -> None:
    device = Device()
    with (
        served({"device": device}, allow_parallel=True) as port,
        Client("127.0.0.1", port) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        calls = [pool.submit(client.wait, str(number)) for number in range(7)]
        while device.inside < 7:
            # This thread's calls are answered, whoever of the others does the work.
            assert client.echo("between") == "between"
        device.release.set()
        assert [call.result(10) for call in calls] == [str(number) for number in range(7)]


def test_many_threads_get_their_own_answers() -> None:
    with (
        served({"device": Device()}) as port,
        Client("127.0.0.1", port) as client,
        ThreadPoolExecutor(8) as pool,
    ):

        def ask(thread: int) -> bool:
            return all(client.echo([thread, n]) == [thread, n] for n in range(300))

        assert all(pool.map(ask, range(8)))


def test_closing_ends_the_calls_of_all_threads() -> None:
    device = Device()
    with served({"device": device}, allow_parallel=True) as port:
        client = Client("127.0.0.1", port)
        with ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(client.wait) for _ in range(4)]
            while device.inside < 4:
                pass
            client.close_rpc()
            for call in calls:
                with pytest.raises(ConnectionError, match="closed by this side"):
                    call.result(10)


def test_a_thread_that_times_out_hands_its_work_to_another() -> None:
    device = Device()
    with (
        served({"device": device}, allow_parallel=True) as port,
        Client("127.0.0.1", port) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        hasty = client.rpc_options(timeout=0.05)
        other = pool.submit(hasty.wait, "other")  # most likely it is first, and leads
        device.began.wait(10)
        with pytest.raises(TimeoutError):
            client.rpc_options(timeout=0.2).wait("mine")
        with pytest.raises(TimeoutError):
            other.result(10)
        assert client.echo(1) == 1


# Giving up


@every_kind
def test_a_timeout_of_the_call_cancels_it_on_the_server(kind: Kind) -> None:
    device, serving = device_of(kind)
    with serving as port, kind.open(port) as client:
        with pytest.raises(TimeoutError, match=r"wait\(\) .*: its time is up"):
            with_options(client, {"timeout": 0.05}, "wait")
        assert device.ended.wait(10)
        assert device.steps == ["wait begins", "wait cancelled True"]
        assert client.call("echo", 1) == 1


@every_kind
def test_the_deadline_is_known_to_a_plain_method(kind: Kind) -> None:
    _, serving = device_of(kind)
    with serving as port, kind.open(port) as client:
        assert client.call("deadline") is None
        left = with_options(client, {"timeout": 50}, "deadline")
        assert 49 < left <= 50


@every_kind
def test_a_call_that_waits_for_its_turn_does_not_begin_when_it_was_given_up(kind: Kind) -> None:
    device, serving = device_of(kind)
    with serving as port, kind.open(port) as client, Client("127.0.0.1", port) as other:
        holding = threading.Thread(target=other.wait, args=("other",))
        holding.start()
        device.began.wait(10)
        with pytest.raises(TimeoutError):
            with_options(client, {"timeout": 0.05}, "wait", "mine")
        with pytest.raises(TimeoutError):
            with_options(client, {"timeout": 0.05}, "count", 3)
        device.release.set()
        holding.join()
        assert client.call("echo", 1) == 1
    assert device.steps == ["other begins"]


@every_kind
def test_a_method_may_be_finished_although_its_caller_has_given_up(kind: Kind) -> None:
    device, serving = device_of(kind)
    with serving as port, kind.open(port) as client:
        with pytest.raises(TimeoutError):
            with_options(client, {"timeout": 0.05}, "finish")
        device.release.set()
        assert device.ended.wait(10)
        assert device.steps == ["finished True"]
        assert client.call("echo", 1) == 1


@every_kind
def test_a_server_can_finish_all_calls(kind: Kind) -> None:
    device, serving = device_of(kind, abandon="finish")
    with serving as port, kind.open(port) as client:
        with pytest.raises(TimeoutError):
            with_options(client, {"timeout": 0.05}, "wait")
        device.release.set()
        assert client.call("echo", 1) == 1
    assert device.steps == ["wait begins"]


@every_kind
def test_a_client_that_leaves_cancels_its_call(kind: Kind) -> None:
    device, serving = device_of(kind)
    with serving as port, ThreadPoolExecutor(1) as pool:
        client = kind.open(port)
        call = pool.submit(client.call, "wait")
        device.began.wait(10)
        if kind.is_blocking:
            client.client.close_rpc()
        else:
            loop = client._runner.get_loop()  # type: ignore[attr-defined]
            loop.call_soon_threadsafe(client.client.close_rpc)
        with pytest.raises(ConnectionError, match="closed by this side"):
            call.result(10)
        assert device.ended.wait(10)
        client.close()
    assert device.steps == ["wait begins", "wait cancelled True"]


@every_loop
def test_cancelling_a_task_cancels_its_call_at_every_step(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        device = Device()
        async with running(device, allow_parallel=True) as serving:
            client = await serving.client()
            for steps in range(30):
                call = asyncio.create_task(client.wait(str(steps)))
                for _ in range(steps):
                    await asyncio.sleep(0)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                assert await client.echo(steps) == steps
            await until(lambda: not device.inside)
        begun = [step.split()[0] for step in device.steps if step.endswith("begins")]
        cancelled = [step.split()[0] for step in device.steps if "cancelled" in step]
        assert begun == cancelled
        assert len(begun) > 5

    run(main(), loop_factory)


@pytest.mark.parametrize("value", [-1, float("nan"), "soon", [1]])
def test_a_timeout_that_is_none_is_refused_before_anything_is_sent(value: Any) -> None:
    with served({"device": Device()}) as port, Client("127.0.0.1", port) as client:
        with pytest.raises((TypeError, ValueError), match="give seconds, or None"):
            client.rpc_options(timeout=value)
        with pytest.raises(TypeError, match="give a function"):
            client.rpc_options(on_progress=5)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="'cancel' or 'finish'"):
            rpc_method(abandon="never")  # type: ignore[arg-type]


# Progress and peers


@every_kind
def test_progress_is_told_and_the_last_of_it_always(kind: Kind) -> None:
    _, serving = device_of(kind)
    told: list[tuple[float | None, str]] = []
    with serving as port, kind.open(port) as client:
        answer = with_options(
            client, {"on_progress": lambda *report: told.append(report)}, "report"
        )
        assert answer == "reported"
        assert client.call("report") == "reported"  # nobody wants to know
    assert told[0] == (0.0, "step 0")
    assert told[-1] == (1.0, "step 4")
    assert told == sorted(told)


@every_kind
def test_progress_is_told_from_a_thread(kind: Kind) -> None:
    class Slow:
        def work(self) -> int:
            current_call().progress(None, "warming up")
            current_call().progress(1)
            return 5

    told: list[tuple[float | None, str]] = []
    with (
        served({"slow": Slow()}, threads=True, loop_factory=kind.loop_factory) as port,
        kind.open(port) as client,
    ):
        options = {"on_progress": lambda *report: told.append(report)}
        assert with_options(client, options, "work") == 5
    assert told[-1] == (1.0, "")


@every_kind
def test_whoever_cannot_take_the_progress_ends_the_call(kind: Kind) -> None:
    device, serving = device_of(kind)

    def refuse(fraction: float | None, text: str) -> None:
        raise LookupError("no window to show it in")

    with serving as port, kind.open(port) as client:
        with pytest.raises(LookupError, match="no window"):
            with_options(client, {"on_progress": refuse}, "report")
        assert client.call("echo", 1) == 1
    assert device.inside == 0


@every_kind
def test_a_method_knows_who_called(kind: Kind) -> None:
    _, serving = device_of(kind)
    with serving as port, kind.open(port) as client:
        address, certificate, method = client.call("who")
    assert address.startswith("127.0.0.1:")
    assert (certificate, method) == (None, "who")


def test_outside_of_a_call_there_is_one_that_does_nothing() -> None:
    call = current_call()
    call.progress(0.5, "nobody hears")
    assert (call.cancelled, call.deadline, call.peer, call.method) == (False, None, None, "")


# Streams


@every_kind
@pytest.mark.parametrize("name", ["count", "acount"])
@pytest.mark.parametrize("options", [{}, {"threads": True}, {"allow_parallel": True}])
def test_the_items_of_a_generator_come_in_their_order(
    kind: Kind, name: str, options: dict[str, Any]
) -> None:
    device, serving = device_of(kind, **options)
    with serving as port, kind.open(port) as client:
        for end in (0, 1, 4, 5, 100):
            assert collect(client, name, end) == list(range(end))
        assert collect(client, "count", 3) == [0, 1, 2]
    assert device.inside == 0


@every_kind
def test_what_a_generator_raises_is_raised_where_its_next_item_would_be(kind: Kind) -> None:
    _, serving = device_of(kind)
    with serving as port, kind.open(port) as client:
        with pytest.raises(LookupError, match="no more film"):
            collect(client, "breaks")
        with pytest.raises(TypeError, match=r"cannot encode result: .*object"):
            collect(client, "odd_item")
        assert client.call("echo", 1) == 1


def test_a_generator_begins_with_the_first_item_and_is_never_far_ahead() -> None:
    device = Device()
    with served({"device": device}) as port, Client("127.0.0.1", port) as client:
        items = client.count(1000)
        assert client.echo(1) == 1
        assert device.steps == []
        assert next(items) == 0
        for _ in range(20):
            # In between, others have their turn, and nobody is made to wait for the consumer.
            client.echo(1)
        assert device.steps[-1] in {"made 3", "made 4", "made 5"}
        items.close()
        assert device.steps[-1] == "count closed"
        assert list(items) == []


def test_leaving_a_loop_closes_the_generator() -> None:
    device = Device()
    with served({"device": device}) as port, Client("127.0.0.1", port) as client:
        for item in client.count(1000):
            if item == 2:
                break
        del item
        gc.collect()
        assert device.ended.wait(10)
        with closing(client.count(10)) as items:
            assert next(items) == 0
        assert device.steps[-1] == "count closed"
        with client.count(10) as items:
            pass
        assert list(items) == []


@every_loop
def test_leaving_an_asynchronous_loop_closes_the_generator(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        device = Device()
        async with running(device) as serving:
            client = await serving.client()
            async for item in client.acount(1000):
                if item == 2:
                    break
            gc.collect()
            await until(lambda: device.steps == ["acount closed"])
            async with client.acount(1000) as items:
                assert await anext(items) == 0
            assert device.steps == ["acount closed"] * 2
            begun = await client.acount(3)
            assert [item async for item in begun] == [0, 1, 2]

    run(main(), loop_factory)


@every_loop
def test_a_generator_that_was_not_announced_is_awaited_first(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with running(Device()) as serving:
            client = await serving.client()
            assert [item async for item in await client.hidden_generator()] == [0, 1, 4]

    run(main(), loop_factory)


@every_kind
def test_a_client_that_leaves_closes_its_generators(kind: Kind) -> None:
    device, serving = device_of(kind)
    with serving as port:
        other = Client("127.0.0.1", port)
        items = other.count(1000)
        assert next(items) == 0
        other.close_rpc()
        assert device.ended.wait(10)
        with pytest.raises(ConnectionError):
            list(items)  # a few had come
        with kind.open(port) as client:
            assert client.call("echo", 1) == 1


def test_a_stream_has_a_deadline_as_a_whole() -> None:
    device = Device()
    with served({"device": device}) as port, Client("127.0.0.1", port) as client:
        items = client.rpc_options(timeout=0.05).count(10**9)
        with pytest.raises(TimeoutError, match=r"count\(\) .*time"):
            for _ in items:
                pass
        assert device.ended.wait(10)
        assert client.echo(1) == 1


@every_loop
def test_a_peer_that_cannot_take_items_is_told_so(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        device = Device()
        async with running(device) as serving:
            old = await serving.ready()
            kind, text = await old.call("count", 3)
            assert kind == "TypeError"
            assert "count() gives items one by one" in text
            assert await old.call("echo", 1) == 1

    run(main(), loop_factory)


# Health


@every_kind
def test_a_busy_server_answers_pings_and_tells_what_it_does(kind: Kind) -> None:
    device, serving = device_of(kind)
    with serving as port, kind.open(port) as client, Client("127.0.0.1", port) as other:
        assert of_client(client, "get_rpc_status") == {"calls": [], "connections": 2}
        threads = [threading.Thread(target=other.wait, args=(n,)) for n in ("a", "b")]
        for thread in threads:
            thread.start()
        device.began.wait(10)
        assert of_client(client, "ping_rpc") is True
        status = of_client(client, "get_rpc_status")
        while len(status["calls"]) < 2:
            status = of_client(client, "get_rpc_status")
        states = [call.pop("state") for call in status["calls"]]
        assert states == ["running", "waiting"]
        for call in status["calls"]:
            assert call["method"] == "wait"
            assert call["target"] == "device"
            assert call["peer"].startswith("127.0.0.1:")
            assert abs(time.time() - call["since"]) < 60
            assert 0 <= call["seconds"] < 60
        device.release.set()
        for thread in threads:
            thread.join()


@every_kind
def test_without_frames_everything_else_is_as_before(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sipyco._wire.rpc_server.FEATURES", ("pyon_v2",))
    _, serving = device_of(kind)
    told: list[Any] = []
    with serving as port, kind.open(port) as client:
        assert client.call("deadline") is None
        options = {"timeout": 10, "on_progress": lambda *report: told.append(report)}
        assert with_options(client, options, "report") == "reported"
        assert with_options(client, options, "deadline") is None
        for name in ("ping_rpc", "get_rpc_status"):
            with pytest.raises(Exception, match=r"does not know .* frames_v1"):
                of_client(client, name)
        with pytest.raises(TypeError, match="gives items one by one"):
            client.call("count", 3)
        assert client.call("echo", 1) == 1
    assert told == []
