"""What calls can do where both ends speak in frames: overlap, be given up, and report."""

import asyncio
import math
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sipyco.pc_rpc import Client, current_call, rpc_method
from tests.event_loops import LoopFactory, every_loop
from tests.pc_rpc.frames_device import Device, device_of, of_client, with_options
from tests.rpc_clients import Kind, every_kind
from tests.rpc_servers import run, running, until
from tests.serving import served

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


def test_only_progress_that_is_wanted_ends_a_wait() -> None:
    class Slow:
        async def measure(self) -> str:
            for _ in range(12):
                current_call().progress(None)
                await asyncio.sleep(0.05)
            return "measured"

    with served({"slow": Slow()}) as port, Client("127.0.0.1", port, timeout=0.4) as client:
        with pytest.raises(TimeoutError):
            client.measure()
        assert client.rpc_options(on_progress=lambda *_: None).measure() == "measured"


def test_an_infinite_timeout_of_a_call_replaces_that_of_its_client() -> None:
    device = Device()
    with (
        served({"device": device}, threads=True) as port,
        Client("127.0.0.1", port, timeout=0.3) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        # It lasts longer: the other one, which begins later, has waited for all that time.
        call = pool.submit(client.rpc_options(timeout=math.inf).wait, "long")
        assert device.began.wait(10)
        with pytest.raises(TimeoutError):
            client.echo("meanwhile")
        device.release.set()
        assert call.result(10) == "long"


@every_kind
def test_a_timeout_of_the_call_cancels_it_on_the_server(kind: Kind) -> None:
    device, serving = device_of(kind)
    with serving as port, kind.open(port) as client:
        # Either of the two may be first to say so.
        said = r"^wait\(\) did not end within 0\.05 s(; the server was told|, and was) "
        with pytest.raises(TimeoutError, match=said):
            with_options(client, {"timeout": 0.05}, "wait")
        assert device.ended.wait(10)
        assert device.steps == ["wait begins", "wait cancelled True"]
        assert client.call("echo", 1) == 1


def test_a_timeout_that_a_caller_raises_on_progress_is_its_own() -> None:
    def refuse(_fraction: float | None, _text: str) -> None:
        raise TimeoutError("my own")

    with served({"device": Device()}) as port, Client("127.0.0.1", port) as client:
        with pytest.raises(TimeoutError, match=r"^my own$"):
            client.rpc_options(on_progress=refuse, timeout=50).report()
        assert client.echo(1) == 1


def test_a_plain_method_in_a_thread_is_told_that_its_server_ends() -> None:
    begun, ended = threading.Event(), threading.Event()

    class Patient:
        def wait(self) -> None:
            begun.set()
            while not current_call().cancelled:
                threading.Event().wait(0.005)
            ended.set()

    with ThreadPoolExecutor(1) as pool:
        with served({"patient": Patient()}, threads=True) as port:
            client = Client("127.0.0.1", port)
            waiting = pool.submit(client.wait)
            assert begun.wait(10)
        assert ended.is_set()
        with pytest.raises(ConnectionError):
            waiting.result(10)
        client.close_rpc()


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


# Health


@every_kind
def test_a_busy_server_answers_pings_and_tells_what_it_does(kind: Kind) -> None:
    device, serving = device_of(kind)
    with serving as port, kind.open(port) as client, Client("127.0.0.1", port) as other:
        assert of_client(client, "get_rpc_status") == {
            "calls": [],
            "connections": 2,
            "threads": False,
        }
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


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="the system has no signals")
def test_ctrl_c_in_a_blocking_call_cancels_it_on_the_server() -> None:
    device = Device()
    with served({"device": device}) as port, Client("127.0.0.1", port) as client:

        def press_when_it_has_begun() -> None:
            device.began.wait(10)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        keyboard = threading.Thread(target=press_when_it_has_begun)
        keyboard.start()
        with pytest.raises(KeyboardInterrupt):
            client.wait()
        keyboard.join()
        assert device.ended.wait(10)
        assert client.echo(1) == 1
    assert device.steps == ["wait begins", "wait cancelled True"]


def test_the_timeout_of_one_call_takes_the_place_of_the_clients() -> None:
    device = Device()
    with served({"device": device}) as port, Client("127.0.0.1", port, timeout=0.02) as client:
        with pytest.raises(TimeoutError, match=r"did not answer within 0\.02 s"):
            client.wait()
        threading.Timer(0.1, device.release.set).start()
        assert client.rpc_options(timeout=30).wait("longer") == "longer"


def test_a_coroutine_function_for_progress_is_refused() -> None:
    async def show(fraction: float | None, text: str) -> None:
        """Nobody would await it."""

    refused = pytest.raises(TypeError, match=r"coroutine function '.*show', which nobody")
    with served({"device": Device()}) as port, Client("127.0.0.1", port) as client, refused:
        client.rpc_options(on_progress=show)
