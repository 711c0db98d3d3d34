import copy
import inspect
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from sipyco.fire_and_forget import FFProxy
from sipyco.pc_rpc import BestEffortClient, Client
from tests.certificates import Configs
from tests.serving import served


class Device:
    """Waits in the middle of its calls, if told so."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.gate = threading.Event()
        self.entered = threading.Event()

    def record(self, *args: Any, **kwargs: Any) -> str:
        """Keep the arguments."""
        self.calls.append((args, kwargs))
        return "a result that nobody gets"

    def wait(self) -> None:
        self.entered.set()
        self.gate.wait()

    def fail(self) -> None:
        raise ValueError("out of range")

    def set_level(self, level: float, channel: int = 0) -> None:
        """Set a level."""

    def thread(self) -> None:
        self.calls.append(threading.current_thread())

    async def coroutine(self) -> None:
        self.calls.append("coroutine")

    @property
    def dangerous(self) -> Any:
        raise AssertionError("a property was evaluated")


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture
def proxy(device: Device) -> Iterator[FFProxy]:
    made = FFProxy(device)
    yield made
    device.gate.set()
    made.ff_join()


def test_a_call_returns_none_and_runs_in_the_background(device: Device, proxy: FFProxy) -> None:
    assert proxy.record(1, x=2) is None
    proxy.ff_join()
    assert device.calls == [((1,), {"x": 2})]


def test_the_thread_does_not_keep_the_program_alive(device: Device, proxy: FFProxy) -> None:
    proxy.thread()
    proxy.ff_join()
    (thread,) = device.calls
    assert thread.daemon
    assert thread is not threading.current_thread()


def test_joining_without_a_call_returns_at_once(proxy: FFProxy) -> None:
    proxy.ff_join()


def test_an_exception_becomes_a_warning_with_traceback(
    proxy: FFProxy, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.fail()
    proxy.ff_join()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.name == "sipyco.fire_and_forget"
    assert record.getMessage() == "fail() failed in the background"
    assert "in fail\n" in caplog.text
    assert "ValueError: out of range" in caplog.text


def test_a_call_after_one_that_failed_is_made(device: Device, proxy: FFProxy) -> None:
    proxy.fail()
    proxy.ff_join()
    proxy.record()
    proxy.ff_join()
    assert device.calls == [((), {})]


def test_a_call_while_another_runs_is_dropped_with_a_warning(
    device: Device, proxy: FFProxy, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.wait()
    device.entered.wait()
    assert proxy.record(1) is None
    (warning,) = caplog.messages
    assert warning == "dropped the call of record(): the previous call has not ended yet"
    device.gate.set()
    proxy.ff_join()
    assert device.calls == []
    proxy.record(2)
    proxy.ff_join()
    assert device.calls == [((2,), {})]


def test_of_calls_from_many_threads_one_at_a_time_is_made(
    device: Device, proxy: FFProxy, caplog: pytest.LogCaptureFixture
) -> None:
    start = threading.Barrier(8)

    def call() -> None:
        start.wait()
        proxy.wait()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(caplog.messages) == 7


def test_a_thread_that_cannot_be_started_does_not_block_later_calls(
    device: Device, proxy: FFProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            proxy.record(1)
    proxy.ff_join()
    proxy.record(2)
    proxy.ff_join()
    assert device.calls == [((2,), {})]


@pytest.mark.parametrize("name", ["nonsense", "calls", "dangerous", "__len__"])
def test_what_is_no_method_is_refused_at_once(proxy: FFProxy, name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(proxy, name)


def test_a_coroutine_method_is_refused_when_called(device: Device, proxy: FFProxy) -> None:
    with pytest.raises(TypeError, match="event loop instead of a thread"):
        proxy.coroutine()
    assert device.calls == []


def test_a_proxy_shows_the_methods_of_its_target(proxy: FFProxy) -> None:
    assert {"record", "set_level", "ff_join"} <= set(dir(proxy))
    assert "dangerous" not in dir(proxy)
    assert str(inspect.signature(proxy.set_level)) == "(level: float, channel: int = 0) -> None"
    assert inspect.getdoc(proxy.set_level) == "Set a level."


def test_a_proxy_without_its_target_does_not_recurse(proxy: FFProxy) -> None:
    with pytest.raises(TypeError, match="lock"):
        copy.deepcopy(proxy)
    with pytest.raises(AttributeError):
        _ = FFProxy.__new__(FFProxy).record


@contextmanager
def remote(device: Device, configs: Configs) -> Iterator[FFProxy]:
    ours, theirs = configs
    with (
        served({"dev": device}, ours) as port,
        Client("127.0.0.1", port, "dev", ssl_config=theirs) as client,
    ):
        proxy = FFProxy(client)
        try:
            yield proxy
        finally:
            device.gate.set()
            proxy.ff_join()


def test_methods_of_a_remote_target_run_in_the_background(
    device: Device, configs: Configs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "sipyco.fire_and_forget")
    with remote(device, configs) as proxy:
        assert proxy.record(1, x=2) is None
        proxy.ff_join()
        assert device.calls == [((1,), {"x": 2})]
        with pytest.raises(AttributeError, match="did you mean 'record'"):
            _ = proxy.recrod
        proxy.fail()
        proxy.ff_join()
        assert "Remote traceback" in caplog.text
        assert {"record", "ff_join"} <= set(dir(proxy))


def test_a_remote_call_carries_what_its_arguments_were_when_it_was_made(device: Device) -> None:
    with served({"dev": device}, threads=True) as port, Client("127.0.0.1", port, "dev") as client:
        proxy, other = FFProxy(client), FFProxy(client)
        proxy.wait()
        device.entered.wait()
        # Now the client is occupied, so that this call is not even encoded yet.
        image = np.zeros(3)
        other.record(image)
        image[:] = 1
        device.gate.set()
        proxy.ff_join()
        other.ff_join()
    ((args, _),) = device.calls
    np.testing.assert_array_equal(args[0], np.zeros(3))


def test_a_client_that_never_reached_its_server_accepts_any_method(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with served({"dev": Device()}) as port:
        pass
    with BestEffortClient("127.0.0.1", port, "dev") as client:
        proxy = FFProxy(client)
        proxy.anything(1)
        proxy.ff_join()
    assert "failed in the background" not in caplog.text


def test_a_proxy_is_served_like_its_target(device: Device) -> None:
    proxy = FFProxy(device)
    with served({"dev": proxy}) as port, Client("127.0.0.1", port, "dev") as client:
        assert client.record(1) is None
        client.ff_join()
        assert device.calls == [((1,), {})]
        methods = client.get_rpc_method_list()["methods"]
        assert methods["set_level"][0]["args"] == ["self", "level", "channel"]
        assert methods["set_level"][1] == "Set a level."
        assert "dangerous" not in methods
        with pytest.raises(AttributeError, match="no method 'dangerous'"):
            client.dangerous()


def test_a_call_in_the_middle_of_a_call_is_dropped(
    device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    class Nosy:
        """Calls when it is copied, as a signal handler may at any moment."""

        def __deepcopy__(self, _: Any) -> str:
            assert made.record("in the middle") is None
            return "copied"

    with served({"dev": device}, threads=True) as port, Client("127.0.0.1", port, "dev") as client:
        made = FFProxy(client)
        made.record(Nosy())
        made.ff_join()
        made.record("later")
        made.ff_join()
    assert [args for args, _ in device.calls] == [("copied",), ("later",)]
    assert "dropped the call of record()" in caplog.text


def test_whatever_a_method_raises_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Leaving:
        def leave(self) -> None:
            raise SystemExit("gone")

    proxy = FFProxy(Leaving())
    proxy.leave()
    proxy.ff_join()
    assert "SystemExit: gone" in caplog.text


def test_an_object_whose_call_is_a_coroutine_is_refused() -> None:
    class Move:
        async def __call__(self) -> None:
            """Move."""

    class Motor:
        move = Move()

    with pytest.raises(TypeError, match="is a coroutine"):
        FFProxy(Motor()).move()
