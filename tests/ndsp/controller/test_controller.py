"""The life of a controller, as a process of its own."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ndsp.controller import Controller
from sipyco.pc_rpc import Client
from tests.certificates import Certificates
from tests.ndsp.controller.devices import CONTROLLERS
from tests.processes import PATIENCE, free_port, listens, program

signals_exist = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

MODULE = "tests.ndsp.controller.devices"
PROGRAM = f"python -m {MODULE}"


@contextlib.contextmanager
def controller(name: str, *arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    with program("-m", MODULE, name, *arguments, **options) as process:
        yield process


@contextlib.contextmanager
def serving(name: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    with controller(name, "-p", str(port), *arguments) as process:
        listens(process, port)
        yield process, port


def end(process: subprocess.Popen[str]) -> tuple[str, str]:
    output = process.communicate(timeout=PATIENCE)
    return output[0], output[1]


def test_it_opens_the_simulated_device_serves_it_and_closes_in_reverse_order() -> None:
    with serving("lamp", "--simulation", "--limit", "0.5") as (process, port):
        with Client("127.0.0.1", port, "lamp", 10) as lamp:
            assert lamp.where() == "simulated"
            assert lamp.ping() is True
            assert "has no ping" in lamp.get_rpc_method_list()["methods"]["ping"][1]
            lamp.terminate()
        out, err = end(process)
    assert out == "simulation on\nopen simulated 0.5\nclosed simulated\nsimulation off\n"
    assert err == ""
    assert process.returncode == 0


def test_the_device_is_passed_as_it_was_typed() -> None:
    with serving("lamp", "-d", "desk") as (_process, port), Client("127.0.0.1", port) as lamp:
        assert lamp.where() == "desk"


def test_a_device_that_cannot_be_opened_is_named_in_one_line() -> None:
    with controller("lamp", "-d", "dark") as process:
        out, err = end(process)
    assert process.returncode == 1
    assert out == ""
    assert err == (
        f"{PROGRAM}: lamp cannot open device 'dark': ConnectionRefusedError: nobody answers there\n"
    )


def test_the_traceback_is_shown_when_more_is_asked_for() -> None:
    with controller("lamp", "-d", "dark", "-v") as process:
        _, err = end(process)
    assert "Traceback" in err


def test_a_port_that_is_taken_closes_the_device_and_gives_status_1() -> None:
    with (
        serving("lamp", "--simulation") as (_, port),
        controller("lamp", "-d", "desk", "-p", str(port)) as process,
    ):
        out, err = end(process)
    assert process.returncode == 1
    assert out == "open desk 1.0\nclosed desk\n"
    assert err.startswith(f"{PROGRAM}: cannot serve lamp: OSError: ")
    assert str(port) in err
    assert err.count("\n") == 1


def test_certificates_are_looked_at_before_the_device_is_opened(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    with controller("lamp", "-d", "desk", "--ssl", missing, missing, missing) as process:
        out, err = end(process)
    assert process.returncode == 1
    assert out == ""
    assert "cannot use the certificates of --ssl: " in err
    assert missing in err


def test_it_serves_over_tls(certificates: Certificates) -> None:
    server = certificates.server_config()
    files = [str(f) for f in (server.local_cert, server.local_key, server.peer_cert)]
    with serving("lamp", "--simulation", "--ssl", *files) as (_, port):
        config = certificates.client_config()
        with Client("127.0.0.1", port, "lamp", 10, ssl_config=config) as lamp:
            assert lamp.where() == "simulated"


@signals_exist
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_status_0(number: signal.Signals) -> None:
    with serving("lamp", "-d", "desk") as (process, port), Client("127.0.0.1", port, "lamp", 10):
        process.send_signal(number)
        out, _ = end(process)
    assert process.returncode == 0
    assert out.endswith("closed desk\n")


@signals_exist
@pytest.mark.parametrize("name", ["slow", "slowly"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_while_it_opens(number: signal.Signals, status: int, name: str) -> None:
    with controller(name) as process:
        assert process.stdout
        assert process.stdout.readline() == "opening\n"
        process.send_signal(number)
        _, err = end(process)
    assert process.returncode == status
    assert err == ""


@signals_exist
def test_a_device_is_closed_whenever_the_signal_comes_after_it_was_opened() -> None:
    with program("-m", "tests.ndsp.controller.struck") as process:
        assert end(process) == ("", "")


@signals_exist
def test_a_signal_does_not_interrupt_a_driver_that_closes() -> None:
    port = free_port()
    with controller("stubborn", "-d", "desk", "-p", str(port), stdin=subprocess.PIPE) as process:
        listens(process, port)
        process.terminate()
        assert process.stdout
        assert process.stdout.readline() == "open desk 1.0\n"
        assert process.stdout.readline() == "closing\n"
        process.terminate()
        out, err = process.communicate("go on\n", timeout=PATIENCE)
    assert (out, err, process.returncode) == ("closed desk\n", "", 0)


def test_a_driver_that_fails_to_close_is_reported() -> None:
    with serving("broken", "-d", "desk") as (process, port):
        with Client("127.0.0.1", port, "lamp", 10) as lamp:
            lamp.terminate()
        _, err = end(process)
    assert process.returncode == 1
    assert err == f"{PROGRAM}: the driver of lamp failed to close: OSError: the fuse has blown\n"


def test_pings_are_answered_while_a_method_blocks() -> None:
    with (
        serving("lamp", "-d", "desk") as (process, port),
        Client("127.0.0.1", port, "lamp", 0.1) as busy,
        Client("127.0.0.1", port, "lamp", 10) as other,
    ):
        with pytest.raises(TimeoutError):
            busy.block()
        other.ping_rpc()
        assert [call["method"] for call in other.get_rpc_status()["calls"]] == ["block"]
        other.terminate()
        process.wait(PATIENCE)


def test_a_driver_of_coroutines_is_opened_served_and_closed_in_one_loop() -> None:
    with serving("coroutines") as (process, port):
        with Client("127.0.0.1", port, "coroutines", 10) as driver:
            assert driver.where() == "in the loop"
            driver.terminate()
        out, err = end(process)
    assert (out, err, process.returncode) == ("closed in the loop\n", "", 0)


def test_remote_execution_is_a_second_target() -> None:
    with (
        serving("rexec", "--simulation") as (_, port),
        Client("127.0.0.1", port, "lamp_rexec", 10) as rexec,
    ):
        rexec.add_code("def twice(): return 2 * controller_driver.where()")
        assert rexec.call("twice") == "simulatedsimulated"


def test_remote_execution_beyond_this_machine_is_refused() -> None:
    with controller("rexec", "--simulation", "--bind", "*", "-p", "0") as process:
        out, err = end(process)
    assert process.returncode == 1
    assert "would execute the code of anyone" in err
    assert "closed simulated" in out


def test_listening_nowhere_is_wrong_usage() -> None:
    with controller("lamp", "--simulation", "--no-localhost-bind") as process:
        _, err = end(process)
    assert process.returncode == 2
    assert "add --bind ADDRESS" in err


@pytest.mark.parametrize("option", ["--no-localhost-bind", "--no-bind-localhost"])
def test_the_options_of_every_controller_are_there(option: str) -> None:
    parser = CONTROLLERS["lamp"].get_argparser()
    args = parser.parse_args(["--simulation", option, "--bind", "::1", "-p", "7", "-vv", "-q"])
    assert (args.bind, args.port, args.verbose, args.quiet) == (["::1"], 7, 2, 1)
    assert args.no_localhost_bind
    assert args.limit == 1.0
    text = parser.format_help()
    assert "A lamp with a dimmer." in text
    assert "Greatest brightness, 0 to 1. (default: 1.0)" in text


def test_either_a_device_or_a_simulation_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        CONTROLLERS["lamp"].get_argparser().parse_args([])
    assert "one of the arguments -d/--device --simulation is required" in capsys.readouterr().err


def test_a_driver_without_a_device_accepts_simulation_and_needs_nothing() -> None:
    class Console:
        """Nothing to open."""

    parser = Controller(Console, name="console", port=1).get_argparser()
    assert parser.parse_args([]).simulation is False
    assert parser.parse_args(["--simulation"]).simulation is True


def test_clients_cannot_close_the_driver() -> None:
    with (
        serving("lamp", "--simulation") as (_, port),
        Client("127.0.0.1", port, "lamp", 10) as lamp,
    ):
        assert "close" not in lamp.get_rpc_method_list()["methods"]
        with pytest.raises(AttributeError, match="close"):
            lamp.close()
        assert lamp.where() == "simulated"


@pytest.mark.parametrize("name", ["nothing", "class"])
def test_a_factory_that_gives_no_driver_is_told(name: str) -> None:
    with controller(name) as process:
        _, err = end(process)
    assert process.returncode == 1
    found = {"nothing": "None", "class": "Slow"}[name]
    assert err.endswith(f"TypeError: the factory gave {found}; have it return the driver\n")


def test_a_driver_whose_properties_raise_is_served_and_closed() -> None:
    with serving("prickly") as (process, port):
        with Client("127.0.0.1", port, "prickly", 10) as driver:
            assert driver.where() == "here"
            driver.terminate()
        out, err = end(process)
    assert process.returncode == 1
    assert out == ""
    assert "the driver of prickly failed to close: OSError: close" in err


def test_threads_that_keep_the_program_from_ending_are_named() -> None:
    with serving("threads") as (process, port):
        with Client("127.0.0.1", port, "threads", 10) as driver:
            driver.terminate()
        assert process.stderr
        assert "until threads of the driver have ended: acquisition" in process.stderr.readline()


def test_it_says_what_it_does_when_it_is_asked_to_say_more() -> None:
    with serving("lamp", "--simulation", "-v") as (process, port):
        process.terminate()
        _, err = end(process)
    assert f"serving lamp on 127.0.0.1, ::1, port {port}" in err
    assert "asked to end" in err
