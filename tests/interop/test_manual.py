"""What the manual of SiPyCo shows and promises, module by module, as a reader would try it."""

import argparse
import asyncio
import logging
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sipyco import common_args, pyon
from sipyco.fire_and_forget import FFProxy
from sipyco.logs import Server as LogServer
from sipyco.pc_rpc import Client
from sipyco.remote_exec import RemoteExecServer
from sipyco.sync_struct import ModAction, Notifier, process_mod, update_from_dict
from sipyco.tools import AsyncioServer
from tests.rpc_servers import run
from tests.serving import free_port, served

HOST = "127.0.0.1"

HELLO = """
import argparse
from sipyco.common_args import bind_address_from_args, simple_network_args
from sipyco.pc_rpc import simple_server_loop

class Hello:
    def message(self, msg):
        print("message: " + msg)

def get_argparser():
    parser = argparse.ArgumentParser(description="Hello world controller")
    simple_network_args(parser, 3249)  # 3249 is the default TCP port
    return parser

def main():
    args = get_argparser().parse_args()
    simple_server_loop(Hello(), bind_address_from_args(args), args.port)

if __name__ == "__main__":
    main()
"""


def test_pyon_reconstructs_all_basic_types_accurately() -> None:
    for value in (None, True, 7, 1.5, 2j, "s", (1, 2), [1, (2,)], {1: (3,)}, Fraction(1, 3)):
        copy = pyon.decode(pyon.encode(value))
        assert (type(copy), copy) == (type(value), value)
    transposed = np.arange(6).reshape(2, 3).T
    assert np.array_equal(pyon.decode(pyon.encode(transposed)), transposed)


def test_pc_rpc_a_client_calls_the_methods_of_a_server_which_has_copies_of_what_it_is_given() -> (
    None
):
    class Target:
        def foo(self, param1: Any, param2: Any) -> Any:
            param2.append(param1)
            return param2

    with served({"target": Target()}) as port:
        c = Client(HOST, port, "target")
        given = [1]
        result = c.foo(2, given)
        assert result == [1, 2]
        assert given == [1]
        c.close_rpc()


def test_the_hello_controller_is_called_by_the_client_and_by_the_tool(
    tmp_path: Path,
) -> None:
    port = free_port()
    program = tmp_path / "aqctl_hello.py"
    program.write_text(HELLO)
    tool = [sys.executable, "-m", "sipyco.sipyco_rpctool", HOST, str(port)]
    command = [sys.executable, "-u", str(program), "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as controller:
        try:
            remote = connect(port, "hello", controller)
            remote.message("Hello World!")
            remote.close_rpc()
            listed = subprocess.run([*tool, "list-targets"], capture_output=True, check=True)
            subprocess.run([*tool, "call", "message", "'test'"], check=True)
            subprocess.run([*tool, "call", "terminate"], check=True)
            printed, _ = controller.communicate(timeout=20)
        finally:
            controller.kill()
    assert listed.stdout.split() == [b"Target(s):", b"hello"]
    assert printed == "message: Hello World!\nmessage: test\n"
    assert controller.returncode == 0


def test_fire_and_forget_runs_methods_in_the_background_and_drops_what_is_too_much(
    caplog: pytest.LogCaptureFixture,
) -> None:
    go_on = threading.Event()
    done: list[int] = []

    class Slow:
        def work(self, number: int) -> None:
            go_on.wait(20)
            done.append(number)

        def fail(self) -> None:
            raise ValueError("in the background")

    proxy = FFProxy(Slow())
    assert proxy.work(1) is None
    assert proxy.work(2) is None
    go_on.set()
    proxy.ff_join()
    assert done == [1]
    proxy.fail()
    proxy.ff_join()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


def test_sync_struct_describes_modifications_of_nested_structures() -> None:
    n = Notifier([])
    n.append([])
    n[0].append(42)
    assert n.raw_view == [[42]]
    structure: Any = {"data": {"counts": [[]]}}
    process_mod(structure, {"action": "append", "path": ["data", "counts", 0], "x": 42})
    assert structure == {"data": {"counts": [[42]]}}
    assert ModAction.append.value == "append"
    told: list[dict[str, Any]] = []
    wrapped = Notifier({"same": 1, "gone": 2, "other": 3})
    wrapped.publish = told.append
    update_from_dict(wrapped, {"same": 1, "other": 4})
    assert [mod["key"] for mod in told] == ["gone", "other"]


def test_remote_exec_initialises_namespaces_with_the_three_kinds_of_values() -> None:
    shared = {"controller_driver": "the driver", "more": 5}
    target = RemoteExecServer(shared)
    target.add_code(
        "def f(x, *, y):\n"
        "    return controller_driver, controller_initial_namespace['more'], more, x, y\n"
    )
    assert target.call("f", 1, y=2) == ("the driver", 5, 5, 1, 2)


@pytest.mark.parametrize(
    ("arguments", "level"),
    [([], logging.WARNING), (["-v"], logging.INFO), (["-q"], logging.ERROR)],
)
def test_common_args_raise_and_lower_the_level(arguments: list[str], level: int) -> None:
    parser = argparse.ArgumentParser(description="Logging example")
    common_args.verbosity_args(parser)
    root = logging.getLogger()
    before, handlers = root.level, root.handlers[:]
    try:
        common_args.init_logger_from_args(parser.parse_args(arguments))
        assert root.level == level
    finally:
        root.setLevel(before)
        root.handlers[:] = handlers


def test_tools_a_server_is_derived_that_defines_what_to_do_with_a_connection() -> None:
    class Echo(AsyncioServer):
        async def _handle_connection_cr(
            self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            writer.write(await reader.readline())

    assert run(ask(Echo(), b"hello\n")) == b"hello\n"


def test_logs_are_received_in_the_format_of_the_manual(caplog: pytest.LogCaptureFixture) -> None:
    entries = b"lda:ERROR<2>:driver:first\nsecond\n"
    with caplog.at_level(logging.INFO):
        run(ask(LogServer(), b"ARTIQ logging\n" + entries))
    (record,) = caplog.records
    assert (record.levelno, record.name) == (logging.ERROR, "driver")
    assert (record.getMessage(), vars(record)["source"]) == ("first\nsecond", "lda")


async def ask(server: AsyncioServer, says: bytes) -> bytes:
    """Say something to a server and return everything it answers."""
    await server.start(HOST, 0)
    assert server.server is not None
    reader, writer = await asyncio.open_connection(*server.server.sockets[0].getsockname())
    writer.write(says)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    await server.stop()
    return answer


def connect(port: int, target: str, process: "subprocess.Popen[str]") -> Any:
    """Connect to a controller as soon as it listens."""
    while True:
        try:
            return Client(HOST, port, target)
        except ConnectionRefusedError:
            assert process.poll() is None, "the controller has ended"
