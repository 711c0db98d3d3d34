"""Controllers that the fixture ``controller`` serves in the process of the test."""

import dataclasses
import fnmatch
import logging
import socket
import threading
from collections.abc import Iterator

import pytest

from ndsp.controller import Controller
from ndsp.testing import ControllerDidNotStart, ControllerFactory, TlsPair, _controllers, _ports
from sipyco.pc_rpc import Client
from tests.ndsp.testing.devices import CONTROLLERS, release

LAMP = CONTROLLERS["Lamp"]


@pytest.fixture
def hangs() -> Iterator[None]:
    """Let drivers hang until the end of the test."""
    release.clear()
    yield
    release.set()
    for thread in threading.enumerate():
        if thread.name == "controller lamp":
            thread.join()


def test_it_is_simulated_on_a_free_port(controller: ControllerFactory) -> None:
    lamp = controller(LAMP)
    assert lamp.host == "127.0.0.1"
    assert lamp.port != 3249
    assert lamp.client().where() == "simulation"


def test_a_device_and_options_are_passed_as_on_the_command_line(
    controller: ControllerFactory,
) -> None:
    lamp = controller(LAMP, "--limit", 0.5, "-d", "bench")
    assert lamp.client().where() == "bench"
    assert lamp.driver.limit == 0.5


def test_several_run_at_once(controller: ControllerFactory) -> None:
    lamps = [controller(LAMP, "-d", name) for name in ("left", "right")]
    assert [lamp.client("lamp", timeout=5).where() for lamp in lamps] == ["left", "right"]


def test_a_port_may_be_chosen(controller: ControllerFactory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    assert controller(LAMP, f"--port={port}").port == port


def test_the_driver_is_closed_when_it_stops(controller: ControllerFactory) -> None:
    lamp = controller(LAMP)
    client = lamp.client()
    assert lamp.driver.is_open
    lamp.stop()
    assert not lamp.driver.is_open
    with pytest.raises(ConnectionError):
        client.where()
    with pytest.raises(ConnectionRefusedError):
        Client(lamp.host, lamp.port, timeout=5)
    lamp.stop()


def test_a_client_may_end_it(controller: ControllerFactory) -> None:
    lamp = controller(LAMP)
    lamp.client().terminate()
    lamp.wait()
    assert not lamp.driver.is_open


def test_coroutines_and_remote_execution_are_served_too(controller: ControllerFactory) -> None:
    class Counter:
        """Counts in the event loop."""

        async def count(self) -> int:
            return 1

    counter = controller(Controller(Counter, name="counter", port=1, remote_exec=True))
    assert counter.client("counter").count() == 1
    counter.client("counter_rexec").add_code("def f(): return 2")


def test_it_is_served_over_tls(controller: ControllerFactory, tls_pair: TlsPair) -> None:
    lamp = controller(LAMP, tls=tls_pair)
    assert lamp.client().where() == "simulation"
    with pytest.raises(OSError, match=r"TLS|ended"):
        Client(lamp.host, lamp.port, timeout=5)


def test_logs_and_signals_stay_those_of_pytest(
    controller: ControllerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    controller(LAMP)
    assert logging.getLogger().level == logging.INFO
    assert "opened device 'simulation'" in caplog.text


def test_what_it_prints_is_captured(
    controller: ControllerFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    lamp = controller(LAMP)
    assert capsys.readouterr().out == "opened simulation\n"
    with pytest.raises(RuntimeError, match="use capsys or caplog"):
        lamp.output()


def test_a_driver_that_cannot_open_is_the_cause(controller: ControllerFactory) -> None:
    with pytest.raises(ControllerDidNotStart, match="nobody answers there") as raised:
        controller(LAMP, "-d", "dark")
    assert raised.value.status == 1
    assert isinstance(raised.value.__cause__, Exception)
    assert isinstance(raised.value.__cause__.__cause__, ConnectionRefusedError)


def test_arguments_that_it_does_not_take_are_named(controller: ControllerFactory) -> None:
    with pytest.raises(ControllerDidNotStart, match="unrecognized arguments: --bright") as raised:
        controller(LAMP, "--bright")
    assert raised.value.status == 2


def test_a_simulation_that_it_does_not_have_is_declined(controller: ControllerFactory) -> None:
    real = dataclasses.replace(LAMP, simulation=None)
    with pytest.raises(ControllerDidNotStart, match="arguments: --simulation") as raised:
        controller(real)
    assert "simulation=False" in raised.value.__notes__[0]
    assert controller(real, simulation=False).client().where() == "desk"


def test_a_port_that_is_taken_meanwhile_is_replaced(
    controller: ControllerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = _ports.free_port
    with socket.create_server(("127.0.0.1", 0)) as other:
        found = iter([other.getsockname()[1]])
        monkeypatch.setattr(_controllers, "free_port", lambda: next(found, None) or find())
        assert controller(LAMP).port != other.getsockname()[1]


def test_a_port_that_was_chosen_and_is_taken_is_an_error(controller: ControllerFactory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ControllerDidNotStart, match="in use"):
            controller(LAMP, "-p", port)


def test_a_driver_that_hangs_while_it_opens_is_shown(
    controller: ControllerFactory, hangs: None
) -> None:
    with pytest.raises(ControllerDidNotStart, match=r"within 0.5 s: .*__init__") as raised:
        controller(CONTROLLERS["HangsInOpen"], patience=0.5)
    assert raised.value.status is None
    release.set()


def test_a_driver_that_hangs_while_it_closes_is_shown(
    controller: ControllerFactory, hangs: None
) -> None:
    lamp = controller(CONTROLLERS["HangsInClose"])
    lamp._patience = 0.2
    with pytest.raises(pytest.fail.Exception) as raised:
        lamp.stop()
    hangs_in = "thread 'controller lamp' is in close (*devices.py:*)"
    assert raised.value.msg is not None
    assert fnmatch.fnmatch(
        raised.value.msg, f"controller lamp: did not end within 0.2 s: {hangs_in}"
    )
    release.set()


def test_a_driver_that_fails_to_close_is_reported(controller: ControllerFactory) -> None:
    lamp = controller(CONTROLLERS["Breaks"])
    with pytest.raises(pytest.fail.Exception) as raised:
        lamp.stop()
    assert raised.value.msg == (
        "controller lamp: ended with status 1, where 0 is right: "
        "the driver of lamp failed to close: OSError: the fuse has blown"
    )


def test_another_status_may_be_right(controller: ControllerFactory) -> None:
    controller(CONTROLLERS["Breaks"]).stop(status=1)
    controller(CONTROLLERS["Breaks"]).stop(status=None)
