"""The guide to device packages, done step by step as it says, up to remote execution.

Programs run as processes and in terminals; what had to be repaired stands in `printed.py`.
"""

import runpy
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipyco.pc_rpc import Client
from tests.manual.device_guide import printed
from tests.manual.reader import HOST, Reader, answers
from tests.manual.terminal import CTRL_C, Terminal
from tests.processes import PATIENCE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the guide is for a POSIX shell")


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


@pytest.fixture
def controller(reader: Reader) -> Iterator[Terminal]:
    """Give the terminal of the first controller, which listens."""
    reader.saves(printed.CONTROLLER, "aqctl_hello.py")
    assert reader.runs(printed.MAKE_EXECUTABLE).returncode == 0
    with reader.starts(printed.RUN_CONTROLLER) as terminal:
        terminal.listens(HOST, reader.port)
        yield terminal


def test_the_controller_can_be_connected_to_as_by_telnet_and_ends_by_ctrl_c(
    reader: Reader, controller: Terminal
) -> None:
    with socket.create_connection((HOST, reader.port), PATIENCE) as telnet:
        assert telnet.getpeername()[1] == reader.port
    assert reader.runs(printed.LIST_TARGETS).returncode == 0
    controller.types(CTRL_C)
    assert controller.status() == 0
    assert controller.screen in {"^C", ""}  # no traceback
    assert not answers(HOST, reader.port)


def test_the_main_function_of_the_controller_serves_as_an_entry_point(reader: Reader) -> None:
    reader.saves(printed.CONTROLLER, "aqctl_hello.py")
    script = "import sys; from aqctl_hello import main; sys.exit(main())"
    with reader.starts(f"python -c '{script}'") as terminal:
        terminal.listens(HOST, reader.port)
        terminal.types(CTRL_C)
        assert terminal.status() == 0


@pytest.mark.usefixtures("controller")
def test_the_tool_lists_the_target_as_printed(reader: Reader) -> None:
    done = reader.runs(printed.LIST_TARGETS)
    assert (done.returncode, done.stdout, done.stderr) == (0, printed.TARGETS.repaired(), "")


@pytest.mark.usefixtures("controller")
def test_the_tool_lists_the_method_with_its_argument_and_that_of_the_server(
    reader: Reader,
) -> None:
    done = reader.runs(printed.LIST_METHODS)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "message(msg)\n\nterminate()\n    Terminate the server.\n"


def test_the_tool_calls_the_method(reader: Reader, controller: Terminal) -> None:
    done = reader.runs(printed.CALL)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    controller.shows("message: test\n")


def test_the_call_as_printed_is_refused_with_the_repair_in_the_answer(
    reader: Reader, controller: Terminal
) -> None:
    done = reader.runs(printed.CALL.printed)
    assert (done.returncode, done.stdout) == (2, "")
    (repair,) = printed.CALL.repairs
    assert done.stderr.endswith(f"a string needs quotes of its own: {repair.repaired}\n")
    assert controller.screen == ""


def test_the_message_of_the_client_is_seen_where_the_controller_runs(
    reader: Reader, controller: Terminal
) -> None:
    reader.saves(printed.CLIENT, "aqcli_hello.py").chmod(0o755)
    done = reader.runs(printed.RUN_CLIENT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    controller.shows(printed.MESSAGE.repaired())


def test_a_list_that_a_method_appends_to_stays_as_it_is_with_the_client(reader: Reader) -> None:
    driver = """
from sipyco.pc_rpc import simple_server_loop

class Collector:
    def collect(self, items):
        items.append("one more")
        return items

simple_server_loop({"collector": Collector()}, "::1", 3249)
"""
    (reader.directory / "aqctl_collector.py").write_text(reader.here(driver))
    with reader.starts("python aqctl_collector.py") as terminal:
        terminal.listens(HOST, reader.port)
        with Client(HOST, reader.port, "collector") as collector:
            items = ["mine"]
            assert collector.collect(items) == ["mine", "one more"]
            assert items == ["mine"]


class TestOptions:
    @pytest.fixture
    def program(self, reader: Reader) -> Path:
        """Save the program with its default port, to which the tests give another one."""
        path = reader.directory / "aqctl_hello.py"
        path.write_text(printed.CONTROLLER_WITH_OPTIONS.repaired(), "utf-8")
        return path

    def test_address_and_port_have_defaults_and_can_be_chosen(self, program: Path) -> None:
        documented = runpy.run_path(str(program))["get_argparser"]()
        help_text = documented.format_help()
        assert documented.parse_args([]).port == 3249
        for option in ("--bind", "--no-bind-localhost", "--port"):
            assert option in help_text

    def test_a_bare_object_is_a_target_named_after_its_class(
        self, program: Path, reader: Reader
    ) -> None:
        with reader.starts(f"python {program.name} --port 3249") as terminal:
            terminal.listens("127.0.0.1", reader.port)
            done = reader.runs(printed.LIST_TARGETS)
            assert (done.returncode, done.stdout) == (0, printed.TARGETS.repaired())
            assert reader.runs(printed.CALL).returncode == 0
            terminal.shows("message: test\n")
            terminal.types(CTRL_C)
            assert terminal.status() == 0

    @pytest.mark.skipif(sys.platform != "linux", reason="needs a second address of this machine")
    @pytest.mark.parametrize(
        ("options", "reachable"),
        [
            ("--bind 127.0.0.2", {"127.0.0.1", "127.0.0.2", HOST}),
            ("--bind 127.0.0.2 --no-bind-localhost", {"127.0.0.2"}),
        ],
    )
    def test_an_address_is_listened_on_beside_localhost_or_in_its_place(
        self, options: str, reachable: set[str], program: Path, reader: Reader
    ) -> None:
        with reader.starts(f"python {program.name} {options} --port 3249") as terminal:
            terminal.listens("127.0.0.2", reader.port)
            # An answer means that it listens wherever it is going to.
            assert reader.runs("sipyco_rpctool 127.0.0.2 3249 list-targets").returncode == 0
            tried = {"127.0.0.1", "127.0.0.2", HOST}
            assert {host for host in tried if answers(host, reader.port)} == reachable

    def test_server_port_and_message_of_the_client_can_be_chosen(
        self, program: Path, reader: Reader
    ) -> None:
        client = "python -m tests.manual.device_guide.frontend.aqcli_hello"
        with reader.starts(f"python {program.name} --port 3249") as terminal:
            terminal.listens("127.0.0.1", reader.port)
            for server in ("-s", "--server"):
                done = reader.runs(f"{client} {server} 127.0.0.1 --port 3249 'Hello by {server}'")
                assert (done.returncode, done.stderr) == (0, "")
                terminal.shows(f"message: Hello by {server}\n")


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ("", ["warning", "error", "critical"]),
        ("-v", ["info", "warning", "error", "critical"]),
        ("-vv", ["debug", "info", "warning", "error", "critical"]),
        ("--verbose --verbose", ["debug", "info", "warning", "error", "critical"]),
        ("-q", ["error", "critical"]),
        ("--quiet", ["error", "critical"]),
        ("-qq", ["critical"]),
        ("-v -q", ["warning", "error", "critical"]),
    ],
)
def test_the_logging_program_shows_what_its_options_ask_for(
    options: str, shown: list[str], reader: Reader
) -> None:
    reader.saves(printed.LOGGING, "logging_example.py")
    done = reader.runs(f"python logging_example.py {options}")
    assert (done.returncode, done.stdout) == (0, "")
    article = {"info": "an", "error": "an"}
    assert done.stderr.splitlines() == [
        f"{level.upper()}:__main__:this is {article.get(level, 'a')} {level} message"
        for level in shown
    ]


def test_code_can_be_executed_beside_a_driver_with_remote_execution(reader: Reader) -> None:
    reader.saves(printed.REMOTE_EXECUTION, "aqctl_hello.py")
    with reader.starts("python aqctl_hello.py") as terminal:
        terminal.listens(HOST, reader.port)
        done = reader.runs(printed.LIST_TARGETS)
        assert done.stdout == "Target(s):   hello, hello_rexec\n"
        with Client(HOST, reader.port, "hello_rexec") as remote:
            remote.add_code("def greet(name):\n    controller_driver.message('Hello, ' + name)\n")
            remote.call("greet", "you")
        terminal.shows("message: Hello, you\n")
        terminal.types(CTRL_C)
        assert terminal.status() == 0
