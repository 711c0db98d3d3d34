"""Controllers that the fixture ``controller`` starts as processes of their own."""

import sys
from pathlib import Path

import psutil
import pytest

from ndsp.testing import ControllerDidNotStart, ControllerFactory, TlsPair, _process, _resources
from sipyco.pc_rpc import Client

DEVICES = "tests.ndsp.testing.devices"

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


def test_a_module_is_run_simulated_and_stopped(controller: ControllerFactory) -> None:
    lamp = controller(DEVICES, "Lamp")
    assert lamp.name == DEVICES
    assert lamp.client().where() == "simulation"
    assert lamp.output() == "opened simulation\n"
    lamp.stop()
    assert lamp.output() == "opened simulation\nclosed simulation\n"
    assert not psutil.pid_exists(lamp.pid)


def test_arguments_and_environment_are_passed(
    controller: ControllerFactory, tmp_path: Path
) -> None:
    program = tmp_path / "shows.py"
    program.write_text(
        "import os, sys\n"
        "from ndsp import Controller\n"
        "class Shows:\n"
        "    def __init__(self, device: str): self.device = device\n"
        "    def shown(self): return self.device, os.environ['COLOUR'], sys.argv\n"
        "sys.exit(Controller(Shows, name='shows', port=3249).run())\n"
    )
    shows = controller(program, "-d", "desk", environment={"COLOUR": "red"})
    assert shows.name == "shows.py"
    words = [str(program), "-d", "desk", "-p", str(shows.port)]
    assert shows.client().shown() == ("desk", "red", words)


def test_any_server_can_be_run(controller: ControllerFactory, tmp_path: Path) -> None:
    program = tmp_path / "hello.py"
    program.write_text(
        "import sys\n"
        "from sipyco.pc_rpc import simple_server_loop\n"
        "class Hello: pass\n"
        "simple_server_loop(Hello(), '::1', sys.argv[2])\n"
    )
    hello = controller(program, simulation=False)
    assert hello.host == "::1"
    assert hello.client().get_selected_target() == "hello"


def test_it_is_served_over_tls(controller: ControllerFactory, tls_pair: TlsPair) -> None:
    lamp = controller(DEVICES, "Lamp", tls=tls_pair)
    assert lamp.client().where() == "simulation"
    with pytest.raises(OSError, match=r"TLS|ended"):
        Client(lamp.host, lamp.port, timeout=5)


def test_one_that_cannot_open_its_device_is_quoted(controller: ControllerFactory) -> None:
    with pytest.raises(ControllerDidNotStart) as raised:
        controller(DEVICES, "Lamp", "-d", "dark")
    assert raised.value.status == 1
    assert raised.value.output.endswith("ConnectionRefusedError: nobody answers there\n")
    assert "devices Lamp -d dark -p" in str(raised.value)
    assert "ended with status 1 before it listened on port" in str(raised.value)
    assert ": lamp cannot open device 'dark'" in str(raised.value)


@on_posix
def test_one_that_hangs_before_it_listens_tells_where(
    controller: ControllerFactory, tmp_path: Path
) -> None:
    program = tmp_path / "hangs.py"
    program.write_text("import time\nprint('begun', flush=True)\ntime.sleep(60)\n")
    with pytest.raises(ControllerDidNotStart, match=r"within 1.0 s(.|\n)*line 3 in") as raised:
        controller(program, patience=1.0)
    assert raised.value.status is None


@on_posix
def test_one_that_does_not_end_is_killed_and_tells_where(controller: ControllerFactory) -> None:
    lamp = controller(DEVICES, "HangsInClose")
    lamp._patience = 0.3
    with pytest.raises(pytest.fail.Exception, match=r"within 0.3 s when(.|\n)* in close\n"):
        lamp.stop()
    assert not psutil.pid_exists(lamp.pid)


def test_one_that_ends_by_itself_is_reported(controller: ControllerFactory) -> None:
    lamp = controller(DEVICES, "Exits")
    with pytest.raises(ConnectionError):
        lamp.client().where()
    lamp._process.wait(5)
    with pytest.raises(pytest.fail.Exception) as raised:
        lamp.stop()
    assert raised.value.msg == (
        f"controller {DEVICES} (process {lamp.pid}): ended by itself with status 3, where 0 is "
        "right\nits last output:\n  | opened simulation\n  | crashing"
    )


def test_another_status_may_be_right(controller: ControllerFactory) -> None:
    lamp = controller(DEVICES, "Exits")
    with pytest.raises(ConnectionError):
        lamp.client().where()
    lamp.wait(status=3)


@on_posix
def test_one_that_a_signal_ends_has_not_closed_its_device(
    controller: ControllerFactory, tmp_path: Path
) -> None:
    program = tmp_path / "rude.py"
    program.write_text(
        "import socket, sys\n"
        "listener = socket.create_server(('127.0.0.1', int(sys.argv[2])))\n"
        "listener.accept()\n"
    )
    rude = controller(program, simulation=False)
    with pytest.raises(pytest.fail.Exception, match="signal SIGTERM, without closing its device"):
        rude.stop()


def test_a_resource_that_it_forgets_is_reported(controller: ControllerFactory) -> None:
    lamp = controller(DEVICES, "ForgetsSocket")
    with pytest.raises(pytest.fail.Exception, match=r"ResourceWarning: unclosed <socket.socket"):
        lamp.stop()


@on_posix
def test_a_process_that_it_leaves_behind_is_reported_and_killed(
    controller: ControllerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_process, "CHILDREN", 0.1)
    lamp = controller(DEVICES, "LeavesProcess")
    helper = psutil.Process(int(lamp.output().split()[-1]))
    with pytest.raises(pytest.fail.Exception, match=f"left behind process {helper.pid} still runs"):
        lamp.stop()
    assert not _resources.is_alive(helper)


@on_posix
def test_what_one_has_started_that_never_listens_is_killed_too(
    controller: ControllerFactory, tmp_path: Path
) -> None:
    program = tmp_path / "hangs.py"
    program.write_text(
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    with pytest.raises(ControllerDidNotStart) as raised:
        controller(program, patience=1.0)
    pid = int(raised.value.output.split()[0])
    assert not psutil.pid_exists(pid) or not _resources.is_alive(psutil.Process(pid))


@pytest.mark.parametrize(
    ("what", "port", "reason"),
    [
        ("/nowhere/x.py", "1", "is no name of a module; give a Path for a file"),
        ("ndsp.controllers.hello", "abc", "'abc' is no port; give 1 to 65535"),
        ("ndsp.controllers.hello", "0", "'0' is no port; give 1 to 65535"),
    ],
)
def test_what_cannot_be_started_is_refused_at_once(
    controller: ControllerFactory, what: str, port: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        controller(what, "-p", port)
