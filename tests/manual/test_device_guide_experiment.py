"""The guide's entry of the device database, and experiments that use the device by its name."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ndsp.device_db import Controller, read_device_db
from ndsp.devices import DeviceManager
from ndsp.environment import HasEnvironment
from sipyco.pc_rpc import Client
from tests.manual.device_guide import printed
from tests.manual.listings import Repair
from tests.manual.reader import HOST, Reader, answers
from tests.manual.terminal import CTRL_C, Terminal
from tests.processes import free_port

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the guide is for a POSIX shell")

EXPERIMENT = f"""
from ndsp.devices import DeviceManager
from ndsp.environment import HasEnvironment

class Greeting(HasEnvironment):
    def build(self):
        {printed.ASK_FOR_DEVICE.printed}

    def run(self):
        {printed.USE_DEVICE.printed}

with DeviceManager("device_db.py") as devices:
    Greeting(devices).run()
"""

MEDIATOR = """\
"greeter": {
    "type": "local",
    "module": "tests.manual.device_guide.devices.hello",
    "class": "Greeter",
    "arguments": {"console": "hello"}
}
"""

REMOTE_EXECUTION = """\
"hello_rexec": {
    "type": "controller_aux_target",
    "controller": "hello",
    "target_name": "hello_rexec"
}
"""
"""An entry as the manual describes it for controllers with remote execution."""


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def save_database(reader: Reader, *entries: str) -> Path:
    """Write a database of these entries."""
    path = reader.directory / "device_db.py"
    path.write_text(f"device_db = {{{reader.here(', '.join(entries))}}}\n", "utf-8")
    return path


def start_by_command(reader: Reader) -> Terminal:
    """Start the controller as its entry says, and wait until it listens."""
    entry = read_device_db(reader.directory / "device_db.py")["hello"]
    assert isinstance(entry, Controller)
    assert entry.command is not None
    return reader.starts(entry.command.format(port=entry.port))


@pytest.fixture
def controller(reader: Reader) -> Iterator[Terminal]:
    """Give the terminal of the controller, started by the command of its entry."""
    reader.saves(printed.CONTROLLER_WITH_OPTIONS, "aqctl_hello.py")
    save_database(reader, printed.ENTRY.repaired())
    with start_by_command(reader) as terminal:
        terminal.listens(HOST, reader.port)
        yield terminal


def test_the_entry_is_one_of_a_controller_that_is_started_by_its_command(reader: Reader) -> None:
    database = read_device_db(save_database(reader, printed.ENTRY.repaired()))
    assert database.problems == ()
    (entry,) = database.controllers()
    assert (entry.name, entry.host, entry.port) == ("hello", HOST, reader.port)
    assert entry.command == f"python {reader.directory}/aqctl_hello.py -p {{port}}"


@pytest.mark.parametrize("repair", printed.ENTRY.repairs, ids=lambda repair: repair.what)
def test_the_entry_is_of_no_use_without_one_of_its_repairs(repair: Repair, reader: Reader) -> None:
    reader.saves(printed.CONTROLLER_WITH_OPTIONS, "aqctl_hello.py")
    save_database(reader, printed.ENTRY.repaired(without=repair))
    if repair.printed.startswith("/abs"):
        with start_by_command(reader) as terminal:
            assert terminal.status() != 0
    else:
        with pytest.raises(ValueError, match=r"device_db\.py"):
            read_device_db(reader.directory / "device_db.py")


def test_an_experiment_asks_for_the_device_and_calls_its_method(
    reader: Reader, controller: Terminal
) -> None:
    (reader.directory / "experiment.py").write_text(EXPERIMENT, "utf-8")
    done = reader.runs("python experiment.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    controller.shows("message: Hello world!\n")


def test_the_manager_starts_the_controller_of_the_entry_and_ends_it(reader: Reader) -> None:
    reader.saves(printed.CONTROLLER_WITH_OPTIONS, "aqctl_hello.py")
    save_database(reader, printed.ENTRY.repaired())
    (reader.directory / "experiment.py").write_text(EXPERIMENT, "utf-8")
    # The ports of the manager are free ones: another may run on this machine.
    ports = f"--port-control {free_port()} --port-publish {free_port()}"
    with reader.starts(f"ndsp ctlmgr --device-db device_db.py {ports}") as manager:
        manager.listens(HOST, reader.port)
        assert reader.runs("python experiment.py").returncode == 0
        manager.types(CTRL_C)
        assert manager.status() == 0
    assert not answers(HOST, reader.port)


@pytest.mark.parametrize(
    "ask",
    [
        lambda experiment: experiment.get_device("hello"),
        lambda experiment: (experiment.setattr_device("hello"), experiment.hello)[1],
        lambda experiment: (experiment.attr_device("hello"), experiment.hello)[1],
    ],
    ids=["get_device", "setattr_device", "attr_device"],
)
def test_the_environment_gives_the_client_by_any_of_its_methods(
    ask: Callable[[Any], Any], reader: Reader, controller: Terminal
) -> None:
    with DeviceManager(reader.directory / "device_db.py") as devices:
        hello = ask(HasEnvironment(devices))
        assert isinstance(hello, Client)
        assert devices.get_device("hello") is hello
        hello.message("from an environment")
        controller.shows("message: from an environment\n")
    with pytest.raises(ConnectionError):
        hello.message("after its end")


def test_a_mediator_is_used_like_a_device_and_calls_the_controller(reader: Reader) -> None:
    save_database(
        reader,
        printed.ENTRY.repaired().replace(
            "/abs/path/to/aqctl_hello.py",
            "-m tests.manual.device_guide.frontend.aqctl_hello --simulation",
        ),
        MEDIATOR,
    )
    with start_by_command(reader) as terminal:
        terminal.listens(HOST, reader.port)
        with DeviceManager(reader.directory / "device_db.py") as devices:
            assert devices.get_device("greeter").greet("Ada", "Grace") == 24
        terminal.shows("message: Hello, Ada!\nmessage: Hello, Grace!\n")


def test_remote_execution_has_an_entry_of_its_own(reader: Reader) -> None:
    reader.saves(printed.REMOTE_EXECUTION, "aqctl_hello.py")
    named = printed.ENTRY.repaired().replace('"host"', '"target_name": "hello",\n        "host"')
    save_database(reader, named, REMOTE_EXECUTION)
    with start_by_command(reader) as terminal:
        terminal.listens(HOST, reader.port)
        with DeviceManager(reader.directory / "device_db.py") as devices:
            remote = devices.get_device("hello_rexec")
            remote.add_code("def greet():\n    controller_driver.message('from inside')\n")
            remote.call("greet")
            devices.get_device("hello").message("from outside")
        terminal.shows("message: from inside\nmessage: from outside\n")
