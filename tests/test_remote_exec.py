import asyncio
import gc
import linecache
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sipyco.pc_rpc import Client, GenericRemoteException
from sipyco.remote_exec import RemoteExecServer, connect_global_rpc, simple_rexec_server_loop
from sipyco.remote_exec._server_loop import _rexec_factory
from sipyco.remote_exec._sources import MAX_SOURCES
from tests.certificates import Configs, make_certificates
from tests.serving import ANNOUNCING, served


class Camera:
    def image(self) -> Any:
        return np.arange(12.0).reshape(3, 4)


class Datasets:
    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def set(self, key: str, value: Any) -> None:
        self.values[key] = value

    def get(self, key: str) -> Any:
        return self.values[key]


@contextmanager
def controller(target: Any, configs: Configs = (None, None), **options: Any) -> Iterator[Any]:
    """Offer remote execution; yields a function that connects to it."""
    targets = {"camera": target, "camera_rexec": _rexec_factory(target)}
    clients = []
    with served(targets, configs[0], **options) as port:

        def connect(target_name: str = "camera_rexec") -> Client:
            clients.append(Client("127.0.0.1", port, target_name, ssl_config=configs[1]))
            return clients[-1]

        try:
            yield connect
        finally:
            for client in clients:
                client.close_rpc()


def code(text: str) -> str:
    return textwrap.dedent(text)


def remembered_sources() -> list[str]:
    gc.collect()
    return [name for name in linecache.cache if name.startswith("<remote code")]


# The namespace


def test_a_function_that_was_sent_is_called() -> None:
    server = RemoteExecServer({})
    assert server.add_code("def f(a, b=1): return a + b") is None  # type: ignore[func-returns-value]
    assert server.call("f", 2, b=3) == 5


def test_the_namespace_begins_with_what_the_server_gives() -> None:
    initial: dict[str, Any] = {"controller_driver": "driver", "x": 1}
    server = RemoteExecServer(initial)
    server.add_code("def all(): return controller_driver, x, controller_initial_namespace")
    assert server.call("all") == ("driver", 1, initial)
    assert server.call("all")[2] is initial


def test_what_one_connection_defines_the_others_do_not_see() -> None:
    initial: dict[str, Any] = {}
    first, second = RemoteExecServer(initial), RemoteExecServer(initial)
    first.add_code("x = 1\ndef f(): return x")
    with pytest.raises(NameError, match=r"no function 'f'; define it with add_code\(\) first"):
        second.call("f")
    assert initial == {}


def test_what_is_put_into_the_initial_namespace_later_connections_find() -> None:
    initial: dict[str, Any] = {}
    RemoteExecServer(initial).add_code("controller_initial_namespace['x'] = 1")
    later = RemoteExecServer(initial)
    later.add_code("def f(): return x")
    assert later.call("f") == 1


def test_the_code_has_no_future_of_this_library() -> None:
    server = RemoteExecServer({})
    server.add_code("def f(x: int): pass\ndef g(): return f.__annotations__['x'].__name__")
    assert server.call("g") == "int"


def test_code_that_is_no_python_is_refused_with_its_line() -> None:
    server = RemoteExecServer({})
    with pytest.raises(SyntaxError, match=r"line 2\): 'y = = 2'"):
        server.add_code("x = 1\ny = = 2")


# Tracebacks


def test_the_client_sees_the_line_of_its_own_code_that_failed(configs: Configs) -> None:
    with controller(Camera(), configs) as connect:
        rexec = connect()
        rexec.add_code(
            code("""
            def scale(divisor):
                image = controller_driver.image()
                return image.sum() / check(divisor)

            def check(number):
                if number == 0:
                    raise ValueError("zero")  # the line that failed
                return number
            """)
        )
        assert rexec.call("scale", 2) == 33.0
        with pytest.raises(ValueError, match="zero") as caught:
            rexec.call("scale", 0)
    trace = "".join(caught.value.parent_traceback)  # type: ignore[attr-defined]
    assert 'raise ValueError("zero")  # the line that failed' in trace
    assert "return image.sum() / check(divisor)" in trace


def test_lines_are_counted_as_python_counts_them() -> None:
    server = RemoteExecServer({})
    server.add_code("a = '\x0c\u2028'\r\ndef f():\r\n    return 1 / 0  # here\r\n")
    with pytest.raises(ZeroDivisionError) as caught:
        server.call("f")
    assert caught.traceback[-1].lineno == 2
    name = caught.traceback[-1].frame.code.raw.co_filename
    assert linecache.getline(name, 3) == "    return 1 / 0  # here\n"


def test_an_exception_class_of_the_code_arrives_with_its_name() -> None:
    with controller(Camera()) as connect:
        rexec = connect()
        rexec.add_code("class Dark(Exception): pass\ndef f(): raise Dark('no light')")
        with pytest.raises(GenericRemoteException, match=r"^remote_code\.Dark: no light"):
            rexec.call("f")


def test_the_same_code_again_takes_no_further_room() -> None:
    server = RemoteExecServer({})
    server.add_code("x = 1")
    before = remembered_sources()
    server.add_code("x = 1")
    assert remembered_sources() == before


def test_of_much_code_only_the_newest_is_remembered() -> None:
    before = len(remembered_sources())
    server = RemoteExecServer({})
    for number in range(MAX_SOURCES + 10):
        server.add_code(f"def f{number}(): return 1 / 0")
    assert len(remembered_sources()) == before + MAX_SOURCES
    with pytest.raises(ZeroDivisionError) as caught:
        server.call(f"f{MAX_SOURCES + 9}")
    assert "return 1 / 0" in str(caught.traceback[-1].statement)


def test_code_too_long_for_people_is_executed_but_not_remembered() -> None:
    before = remembered_sources()
    server = RemoteExecServer({})
    server.add_code("#" * (1 << 20) + "\ndef f(): return 1")
    assert server.call("f") == 1
    assert remembered_sources() == before


@pytest.mark.parametrize("threads", [False, True])
def test_code_is_forgotten_when_its_connection_ends(configs: Configs, *, threads: bool) -> None:
    before = remembered_sources()
    with controller(Camera(), configs, threads=threads) as connect:
        connect().add_code("def f(): return f")
        assert len(remembered_sources()) == len(before) + 1
    assert remembered_sources() == before


# On a server


def test_large_data_stays_on_the_server(configs: Configs) -> None:
    with controller(Camera(), configs) as connect:
        rexec = connect()
        rexec.add_code("def peak(): return float(controller_driver.image().max())")
        assert rexec.call("peak") == 11.0
        np.testing.assert_array_equal(connect("camera").image(), Camera().image())


def test_only_the_two_methods_can_be_called() -> None:
    with controller(Camera()) as connect:
        assert set(connect().get_rpc_method_list()["methods"]) == {"add_code", "call"}


@pytest.mark.parametrize("threads", [False, True])
def test_a_coroutine_of_the_code_is_awaited(*, threads: bool) -> None:
    with controller(Camera(), threads=threads) as connect:
        rexec = connect()
        rexec.add_code("import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 5")
        assert rexec.call("f") == 5


def test_each_connection_has_a_driver_of_its_own_where_a_factory_makes_them() -> None:
    with controller(Camera) as connect:
        ids = []
        for _ in range(2):
            rexec = connect()
            rexec.add_code(
                "def f(): return type(controller_driver).__name__, id(controller_driver)"
            )
            ids.append(rexec.call("f"))
    assert [name for name, _ in ids] == ["Camera", "Camera"]
    assert ids[0] != ids[1]


PROGRAM = """
import asyncio, sys
from sipyco.remote_exec import simple_rexec_server_loop

class Camera:
    def name(self):
        return "a camera"

loop = asyncio.new_event_loop()
names = ("local_cert", "local_key", "peer_cert")
files = dict(zip(names, sys.argv[1:]))
simple_rexec_server_loop("camera", Camera(), "127.0.0.1", "0", "a demo", loop=loop, **files)
loop.close()
"""


def test_a_controller_of_the_manual_serves_both_targets_until_it_is_terminated(
    configs: Configs,
) -> None:
    ours, theirs = configs
    files = [ours.local_cert, ours.local_key, ours.peer_cert] if ours else []
    command = [sys.executable, "-W", "error", "-c", ANNOUNCING + PROGRAM, *map(str, files)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = process.stdout.readline()
        with Client("127.0.0.1", port, "camera", ssl_config=theirs) as client:
            assert client.get_rpc_id() == (["camera", "camera_rexec"], "a demo")
            assert client.name() == "a camera"
        with Client("127.0.0.1", port, "camera_rexec", ssl_config=theirs) as rexec:
            rexec.add_code("def f(): return controller_driver.name()")
            assert rexec.call("f") == "a camera"
            rexec.terminate()
        assert process.wait() == 0


@pytest.mark.parametrize("host", [None, "*", "0.0.0.0", ["127.0.0.1", "192.0.2.1"]])
def test_remote_execution_for_everybody_is_refused_before_anything_listens(host: Any) -> None:
    class Loop(asyncio.SelectorEventLoop):
        def run_until_complete(self, future: Any) -> Any:
            raise AssertionError("the server was started")

    loop = Loop()
    try:
        with pytest.raises(ValueError, match=r"'camera_rexec' .* execute the code of anyone"):
            simple_rexec_server_loop("camera", Camera(), host, 0, loop=loop)
    finally:
        loop.close()


@pytest.mark.parametrize("how", ["insecure", "ssl_config"])
def test_remote_execution_beyond_this_machine_needs_tls_or_a_clear_word(
    how: str, tmp_path: Path
) -> None:
    started = []

    class Loop(asyncio.SelectorEventLoop):
        def run_until_complete(self, future: Any) -> Any:
            future.close()
            started.append(future)

    option: Any = {"insecure": True}
    if how == "ssl_config":
        option = {"ssl_config": make_certificates(tmp_path)[0]}
    loop = Loop()
    try:
        simple_rexec_server_loop("camera", Camera(), "*", 0, loop=loop, **option)
    finally:
        loop.close()
    assert started


# A client for all connections


STORE = "def store(value): dataset_db.set('key', value)"


@pytest.mark.parametrize("name", ["master_dataset_db", "dataset_db"])
def test_code_reaches_the_datasets_of_the_master_that_sent_it(configs: Configs, name: str) -> None:
    datasets = Datasets()
    with (
        served({name: datasets, "other": object()}) as port,
        controller(Camera(), configs) as connect,
    ):
        rexec = connect()
        connect_global_rpc(rexec, port=port)
        rexec.add_code(STORE)
        rexec.call("store", 5)
        assert datasets.values == {"key": 5}
        release(rexec)


def release(rexec: Client, name: str = "dataset_db") -> None:
    """Close the connection that the server would keep for later."""
    rexec.add_code(f"controller_initial_namespace.pop({name!r}).close_rpc()")


def test_all_connections_share_the_client() -> None:
    with served({"dataset_db": Datasets()}) as port, controller(Camera()) as connect:
        earlier, rexec = connect(), connect()
        connect_global_rpc(rexec, "127.0.0.1", port)
        connect_global_rpc(earlier, "127.0.0.1", port)
        later = connect()
        ids = []
        for client in (earlier, rexec, later):
            client.add_code("def f(): return id(dataset_db)")
            ids.append(client.call("f"))
        assert ids == [ids[0]] * 3
        release(rexec)


def test_a_global_of_that_name_is_left_as_it_is() -> None:
    with controller(Camera()) as connect:
        rexec = connect()
        rexec.add_code("controller_initial_namespace['dataset_db'] = 'other'")
        connect_global_rpc(rexec, port=1)
        rexec.add_code("def f(): return dataset_db")
        assert rexec.call("f") == "other"
        rexec.add_code("dataset_db = 'own'")
        connect_global_rpc(rexec, port=1)
        assert rexec.call("f") == "own"


def test_a_client_that_lost_its_connection_is_replaced() -> None:
    with controller(Camera()) as connect:
        rexec = connect()
        with served({"dataset_db": Datasets()}) as port:
            connect_global_rpc(rexec, port=port)
            rexec.add_code(STORE)
        datasets = Datasets()
        with served({"dataset_db": datasets}) as port:
            connect_global_rpc(rexec, port=port)
            rexec.call("store", 6)
            assert datasets.values == {"key": 6}
            release(rexec)


def test_a_client_that_another_connection_has_had_replaced_is_replaced_here_too() -> None:
    with controller(Camera()) as connect:
        both = connect(), connect()
        with served({"dataset_db": Datasets()}) as port:
            for rexec in both:
                connect_global_rpc(rexec, port=port)
                rexec.add_code(STORE)
        datasets = Datasets()
        with served({"dataset_db": datasets}) as port:
            for number, rexec in enumerate(both):
                connect_global_rpc(rexec, port=port)
                rexec.call("store", number)
                assert datasets.values == {"key": number}
            release(both[0])


def test_another_target_has_no_second_name() -> None:
    with served({"dataset_db": Datasets()}) as port, controller(Camera()) as connect:
        rexec = connect()
        with pytest.raises(GenericRemoteException, match=r"IncompatibleServer: .*'mine'"):
            connect_global_rpc(rexec, port=port, target="mine")
        connect_global_rpc(rexec, port=port, target="dataset_db", name="mine")
        rexec.add_code("def f(): mine.set('x', 1); return mine.get('x')")
        assert rexec.call("f") == 1
        release(rexec, "mine")


def test_a_missing_server_is_told_and_can_be_tried_again() -> None:
    with served({"dataset_db": Datasets()}) as port:
        pass
    with controller(Camera()) as connect:
        rexec = connect()
        for _ in range(2):
            with pytest.raises(OSError, match="could not connect"):
                connect_global_rpc(rexec, port=port)


@pytest.mark.parametrize("name", ["globals", "isinstance", "None", "with"])
def test_a_name_that_python_uses_is_refused(name: str) -> None:
    with controller(Camera()) as connect, pytest.raises(ValueError, match="is no name"):
        connect_global_rpc(connect(), name=name)


@pytest.mark.parametrize("text", ["'); boom('", 'a"b', "x\ny", "\\", "{0}"])
def test_no_name_becomes_part_of_the_code(text: str) -> None:
    sent: list[str] = []
    arguments: list[tuple[Any, ...]] = []

    class Recorder:
        def add_code(self, code: str) -> None:
            sent.append(code)

        def call(self, *args: Any) -> None:
            arguments.append(args[1:])

    connect_global_rpc(Recorder(), text, 1, text, "mine")
    with pytest.raises(ValueError, match="is no name for a global"):
        connect_global_rpc(Recorder(), text, 1, text, text)
    connect_global_rpc(Recorder(), "host")
    assert sent[0] == sent[1]
    targets = ["master_dataset_db", "dataset_db"]
    assert arguments == [(text, 1, [text], "mine"), ("host", 3251, targets, "dataset_db")]
