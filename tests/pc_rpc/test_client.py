"""What programs see of a server through a client, of either kind."""

import asyncio
import builtins
import gc
import inspect
import socket
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from sipyco._io.waiting import Waiter
from sipyco.pc_rpc import (
    AutoTarget,
    Client,
    ConnectionLost,
    GenericRemoteException,
    IncompatibleServer,
    MessageTooLargeError,
)
from tests.rpc_clients import Kind, every_client, every_kind
from tests.rpc_peers import (
    Peer,
    echoing,
    greeting,
    returned,
    scripted,
    unused_port,
)
from tests.serving import served


class LaserError(Exception):
    pass


class Laser:
    """A laser that is never on fire."""

    def echo(self, value: Any) -> Any:
        """Give the value back."""
        return value

    def arguments(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        return args, kwargs

    def describe(self, name: str, *, unit: str = "nm") -> str:
        return f"{name} in {unit}"

    def nothing(self) -> None: ...

    async def echo_later(self, value: Any) -> Any:
        await asyncio.sleep(0)
        return value

    def fail(self, kind: str, text: str) -> None:
        raise getattr(builtins, kind)(text)

    async def fail_later(self, kind: str, text: str) -> None:
        await asyncio.sleep(0)
        raise getattr(builtins, kind)(text)

    def burn(self) -> None:
        raise LaserError("smoke")

    def misread(self) -> None:
        b"\xff".decode()

    def fail_twice(self) -> None:
        raise ExceptionGroup("both", [ValueError("a"), OSError("b")])

    def cannot_be_told(self) -> Any:
        return {"frames": [1, 2, 3, object()]}


class Shutter:
    def open(self) -> str:
        return "opened"


@contextmanager
def lab(kind: Kind, **targets: Any) -> Iterator[int]:
    with served(
        targets or {"laser": Laser()}, loop_factory=kind.loop_factory, description="the lab"
    ) as port:
        yield port


VALUES = [
    None,
    True,
    -(1 << 80),
    1.5,
    1 - 2j,
    "µ\n\0",
    b"\x00\xff",
    (),
    [1, (2, [3])],
    {"a": {1: "b"}},
    {1, 2},
    set(),
    slice(1, None, 2),
    Fraction(3, 4),
    np.float64(0.1),
]


# Calls


@every_kind
def test_a_value_comes_back_as_it_was_sent(kind: Kind) -> None:
    with lab(kind) as port, kind.open(port) as client:
        for value in VALUES:
            for method in ("echo", "echo_later"):
                received = client.call(method, value)
                assert received == value
                assert type(received) is type(value)


@every_kind
def test_an_array_comes_back_as_it_was_sent(kind: Kind) -> None:
    image = np.arange(12, dtype=">u2").reshape(3, 4)
    with lab(kind) as port, kind.open(port) as client:
        received = client.call("echo", image)
        np.testing.assert_array_equal(received, image)
        assert received.dtype == image.dtype


@every_kind
def test_a_method_without_a_result_returns_none(kind: Kind) -> None:
    with lab(kind) as port, kind.open(port) as client:
        assert client.call("nothing") is None


@every_kind
def test_arguments_arrive_by_position_and_by_name(kind: Kind) -> None:
    with lab(kind) as port, kind.open(port) as client:
        assert client.call("describe", "780", unit="m") == "780 in m"
        assert client.call("describe", name="780") == "780 in nm"


@every_kind
def test_arguments_may_have_the_names_that_the_client_uses_itself(kind: Kind) -> None:
    names = {"self": 1, "name": 2, "func": 3, "args": 4, "kwargs": 5}
    # The method has a `self` as well, so this one is passed by a function without.
    with (
        served({"laser": Bare()}, loop_factory=kind.loop_factory) as port,
        kind.open(port) as client,
    ):
        assert client.call("arguments", 0, **names) == ((0,), names)


class Bare:
    @staticmethod
    def arguments(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        return args, kwargs


@every_kind
def test_a_large_value_goes_both_ways(kind: Kind) -> None:
    large = bytes(range(256)) * (5 << 12)  # 5 MiB, more than all buffers between the two hold
    with lab(kind) as port, kind.open(port) as client:
        assert client.call("echo", large) == large


@every_kind
def test_an_argument_is_copied(kind: Kind) -> None:
    values = [1]
    with lab(kind) as port, kind.open(port) as client:
        received = client.call("echo", values)
        assert received == values
        assert received is not values


@every_kind
def test_a_remote_method_can_be_kept_and_called_later(kind: Kind) -> None:
    with lab(kind) as port, kind.open(port) as client:
        echo = client.client.echo
        if kind.is_blocking:
            assert [echo(1), echo(2)] == [1, 2]
        assert inspect.iscoroutinefunction(echo) is not kind.is_blocking
        assert asyncio.iscoroutinefunction(echo) is not kind.is_blocking


# Targets


@every_kind
def test_the_only_target_is_selected_by_itself(kind: Kind) -> None:
    with lab(kind) as port, kind.open(port) as client:
        assert client.client.get_selected_target() == "laser"
        assert client.client.get_rpc_id() == (["laser"], "the lab")


@every_kind
def test_one_of_several_targets_is_selected_by_its_name(kind: Kind) -> None:
    with lab(kind, laser=Laser(), shutter=Shutter()) as port, kind.open(port, "shutter") as client:
        assert client.client.get_selected_target() == "shutter"
        assert client.call("open") == "opened"


@every_kind
def test_several_targets_are_no_single_one(kind: Kind) -> None:
    with (
        lab(kind, b=Laser(), a=Shutter()) as port,
        pytest.raises(ValueError, match=r"^Server has multiple targets: a b$"),
    ):
        kind.open(port)


@every_client
def test_no_targets_are_no_single_one_either(kind: Kind) -> None:
    def script(peer: Peer) -> None:
        peer.line()
        peer.say(b'{"targets": [], "description": null}\n')
        peer.until_it_leaves()

    with scripted(script) as port, pytest.raises(ValueError, match=r"^Server has no targets$"):
        kind.open(port)


@every_kind
def test_a_target_can_be_selected_after_a_look_at_what_there_is(kind: Kind) -> None:
    with lab(kind, laser=Laser(), shutter=Shutter()) as port, kind.open(port, None) as client:
        assert client.client.get_selected_target() is None
        assert client.client.get_rpc_id() == (["laser", "shutter"], "the lab")
        assert "open" not in dir(client.client)
        client.select("shutter")
        assert client.client.get_selected_target() == "shutter"
        assert client.call("open") == "opened"


@every_kind
def test_an_unknown_target_can_be_followed_by_a_known_one(kind: Kind) -> None:
    with lab(kind) as port, kind.open(port, None) as client:
        with pytest.raises(IncompatibleServer, match=r"no target 'lasr' .*'laser'"):
            client.select("lasr")
        assert client.client.get_selected_target() is None
        client.select(AutoTarget)
        assert client.call("echo", 1) == 1


@every_kind
def test_a_target_is_selected_once(kind: Kind) -> None:
    with lab(kind) as port, kind.open(port) as client:
        with pytest.raises(RuntimeError, match="cannot select a target"):
            client.select("laser")
        assert client.call("echo", 1) == 1


@every_client
def test_an_unknown_target_on_creation_leaves_nothing_open(kind: Kind) -> None:
    left = threading.Event()

    def script(peer: Peer) -> None:
        peer.line()
        peer.say(greeting(targets=["laser"]))
        peer.until_it_leaves()
        left.set()

    with scripted(script) as port:
        with pytest.raises(IncompatibleServer, match=f"no target 'x' on 127.0.0.1:{port}"):
            kind.open(port, "x")
        assert left.wait(10)


@every_kind
@pytest.mark.parametrize("name", ["Thorlabs PM100A", "thorcam sn:123", "µ laser"])
def test_the_name_of_a_target_may_have_spaces(kind: Kind, name: str) -> None:
    targets = {name: Laser(), name.split(maxsplit=1)[0]: Shutter()}
    with lab(kind, **targets) as port, kind.open(port, name) as client:
        assert client.client.get_selected_target() == name
        assert client.call("echo", 1) == 1


@every_client
def test_a_method_list_without_a_target_is_refused_here(kind: Kind) -> None:
    with (
        lab(kind) as port,
        kind.open(port, None) as client,
        pytest.raises(RuntimeError, match="cannot make a request"),
    ):
        client.method_list()


# What a client tells of its server


@every_kind
def test_the_method_list_tells_of_arguments_and_docstrings(kind: Kind) -> None:
    with lab(kind) as port, kind.open(port) as client:
        documentation = client.method_list()
    assert documentation["docstring"] == "A laser that is never on fire."
    arguments, docstring = documentation["methods"]["echo"]
    assert arguments["args"] == ["self", "value"]
    assert docstring == "Give the value back."
    arguments, docstring = documentation["methods"]["describe"]
    assert arguments["kwonlydefaults"] == {"unit": "nm"}
    assert docstring is None


@every_kind
def test_the_address_of_this_end_is_known(kind: Kind) -> None:
    with lab(kind) as port, kind.open(port) as client:
        assert client.client.get_local_host() == "127.0.0.1"


@every_kind
def test_ipv6_is_spoken(kind: Kind) -> None:
    if not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    with (
        served({"laser": Laser()}, host="::1", loop_factory=kind.loop_factory) as port,
        kind.open(port, host="::1") as client,
    ):
        assert client.client.get_local_host() == "::1"
        assert client.call("echo", 1) == 1


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@every_kind
def test_a_port_may_be_a_string(kind: Kind) -> None:
    with lab(kind) as port, kind.open(str(port)) as client:  # type: ignore[arg-type]
        assert client.call("echo", 1) == 1


# Remote exceptions


@every_kind
@pytest.mark.parametrize("method", ["fail", "fail_later"])
@pytest.mark.parametrize(
    "name",
    ["ValueError", "OSError", "ZeroDivisionError", "KeyError", "TimeoutError", "BlockingIOError"],
)
def test_a_builtin_exception_comes_back_as_itself(kind: Kind, method: str, name: str) -> None:
    with lab(kind) as port, kind.open(port) as client:
        with pytest.raises(getattr(builtins, name)) as caught:
            client.call(method, name, "because")
        assert type(caught.value) is getattr(builtins, name)
        assert caught.value.args == ("because",)
        assert client.call("echo", 1) == 1


@every_kind
def test_other_exceptions_come_back_with_their_name_and_text(kind: Kind) -> None:
    with lab(kind) as port, kind.open(port) as client:
        with pytest.raises(GenericRemoteException) as caught:
            client.call("burn")
        assert caught.value.args[0] == f"{LaserError.__module__}.LaserError: smoke"


@every_kind
@pytest.mark.parametrize(
    ("method", "start"),
    [("misread", "UnicodeDecodeError: 'utf-8' codec"), ("fail_twice", "ExceptionGroup: both")],
)
def test_exceptions_that_no_text_alone_can_build_come_back_as_generic_ones(
    kind: Kind, method: str, start: str
) -> None:
    with lab(kind) as port, kind.open(port) as client:
        with pytest.raises(GenericRemoteException) as caught:
            client.call(method)
        assert caught.value.args[0].startswith(start)


@every_kind
@pytest.mark.parametrize("name", ["GeneratorExit", "BaseException", "SystemExit"])
def test_no_remote_exception_ends_the_program_that_called(kind: Kind, name: str) -> None:
    with lab(kind) as port, kind.open(port) as client:
        with pytest.raises(GenericRemoteException) as caught:
            client.call("fail", name, "because")
        assert caught.value.args[0] == f"{name}: because"
        assert client.call("echo", 1) == 1


@every_kind
def test_stop_iteration_stops_a_blocking_caller_and_is_named_to_a_coroutine(kind: Kind) -> None:
    with lab(kind) as port, kind.open(port) as client:
        if kind.is_blocking:
            with pytest.raises(StopIteration) as stopped:
                client.call("fail", "StopIteration", "no more")
            assert stopped.value.args == ("no more",)
        else:
            with pytest.raises(GenericRemoteException, match="StopIteration: no more"):
                client.call("fail", "StopIteration", "no more")
        with pytest.raises(StopAsyncIteration):
            client.call("fail", "StopAsyncIteration", "no more")
        assert client.call("echo", 1) == 1


@every_kind
@pytest.mark.parametrize("method", ["fail", "fail_later"])
def test_the_remote_traceback_shows_the_method_and_nothing_of_the_server(
    kind: Kind, method: str
) -> None:
    with (
        lab(kind) as port,
        kind.open(port) as client,
        pytest.raises(ValueError, match="because") as caught,
    ):
        client.call(method, "ValueError", "because")
    trace = caught.value.parent_traceback  # type: ignore[attr-defined]
    assert isinstance(trace, list)
    assert all(type(line) is str for line in trace)
    (line,) = trace
    assert f"in {method}" in line
    assert "raise getattr(builtins, kind)(text)" in line
    assert any("Remote traceback" in note for note in caught.value.__notes__)


@every_kind
@pytest.mark.parametrize("name", ["ConnectionResetError", "BrokenPipeError", "EOFError"])
def test_a_connection_that_the_method_lost_is_not_the_connection_to_the_server(
    kind: Kind, name: str
) -> None:
    with lab(kind) as port, kind.open(port) as client:
        with pytest.raises(getattr(builtins, name)) as caught:
            client.call("fail", name, "the laser hung up")
        assert not isinstance(caught.value, ConnectionLost)
        assert client.call("echo", 1) == 1


# What cannot be encoded


@every_client
@pytest.mark.parametrize(
    ("args", "kwargs", "where"),
    [
        ([{"x": object()}], {}, r'args\[0\]\["x"\]'),
        ([1, [2, object()]], {}, r"args\[1\]\[1\]"),
        ([], {"mode": object()}, r'kwargs\["mode"\]'),
    ],
)
def test_an_argument_that_cannot_be_encoded_is_named_and_nothing_is_sent(
    kind: Kind, args: list[Any], kwargs: dict[str, Any], where: str
) -> None:
    heard: list[dict[str, Any]] = []

    def script(peer: Peer) -> None:
        peer.welcome()
        while request := peer.request():
            heard.append(request)
            peer.answer("answered")

    with scripted(script) as port, kind.open(port) as client:
        for _ in range(3):
            with pytest.raises(TypeError, match=where):
                client.call("echo", *args, **kwargs)
        assert client.call("other") == "answered"
    assert [request["name"] for request in heard] == ["other"]


@every_kind
def test_a_result_that_cannot_be_encoded_is_named(kind: Kind) -> None:
    with lab(kind) as port, kind.open(port) as client:
        with pytest.raises(TypeError, match=r'result\["frames"\]\[3\]'):
            client.call("cannot_be_told")
        assert client.call("echo", 1) == 1


# Limits


@every_kind
def test_an_answer_over_the_limit_is_refused_with_both_numbers(kind: Kind) -> None:
    with lab(kind) as port, kind.open(port, max_message_size=1000) as client:
        with pytest.raises(MessageTooLargeError) as caught:
            client.call("echo", "x" * 2000)
        assert caught.value.limit == 1000
        assert caught.value.size > 2000
        assert f"{caught.value.size} bytes" in str(caught.value)
        assert "1000 bytes (max_message_size)" in str(caught.value)
        assert client.call("echo", "y" * 900) == "y" * 900


# Servers of other makes


@every_client
def test_a_micro_server_is_understood(kind: Kind) -> None:
    def script(peer: Peer) -> None:
        peer.line()
        peer.say(b"{'targets': ['x'], 'description': 'an ESP32'}\n")
        assert peer.line() == b"x"
        peer.say(b"['on', 'off']\n")
        peer.syntax = "python"
        assert peer.request() == {"action": "call", "name": "on", "args": (1,), "kwargs": {}}
        peer.say(b"{'status': 'ok', 'ret': None}\n")
        peer.line()
        peer.say(b"{'status': 'failed', 'exception': 'no such channel'}\n")

    with scripted(script) as port, kind.open(port) as client:
        assert client.client.get_rpc_id() == (["x"], "an ESP32")
        assert {"on", "off"} <= set(dir(client.client))
        assert client.call("on", 1) is None
        with pytest.raises(GenericRemoteException, match=r"^no such channel$"):
            client.call("off")


@every_client
def test_the_best_spelling_that_both_sides_know_is_used(kind: Kind) -> None:
    selections: list[str] = []

    def script_of(syntax: Any) -> Any:
        def script(peer: Peer) -> None:
            selections.append(peer.welcome(syntax))
            peer.answer(peer.request()["args"])

        return script

    for syntax in ("python", "json"):
        with scripted(script_of(syntax)) as port, kind.open(port) as client:
            assert client.call("echo", (1, {2})) == ((1, {2}),)
    assert selections == ["dev", "dev pyon_v2"]


# Errors of connecting


@every_client
def test_a_refused_connection_says_where_and_what_to_do(kind: Kind) -> None:
    port = unused_port()
    with pytest.raises(
        ConnectionRefusedError,
        match=f"could not connect to 127.0.0.1:{port}: .*is the server running",
    ):
        kind.open(port)


@every_client
def test_a_refused_connection_by_any_of_several_addresses_is_one_refusal(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    port = unused_port()

    def two_addresses(*_: Any, **__: Any) -> list[Any]:
        tcp = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [
            (socket.AF_INET6, *tcp, ("::1", port, 0, 0)),
            (socket.AF_INET, *tcp, ("127.0.0.1", port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", two_addresses)
    with pytest.raises(ConnectionRefusedError, match=f"localhost:{port}: .*is the server running"):
        kind.open(port, host="localhost")


@every_client
def test_an_unknown_host_says_which_and_what_to_do(kind: Kind) -> None:
    with pytest.raises(
        socket.gaierror, match=r"could not connect to lab\.invalid:3249: .*spelled right"
    ):
        kind.open(3249, host="lab.invalid")


@pytest.mark.parametrize("port", [-1, 65536, "http", ""])
@every_client
def test_a_port_that_is_none_is_refused(kind: Kind, port: Any) -> None:
    with pytest.raises(ValueError, match="is no TCP port"):
        kind.open(port)


@every_client
def test_certificates_are_passed_one_way_or_the_other(kind: Kind) -> None:
    with pytest.raises(ValueError, match="all three"):
        kind.open(1, local_cert="a.pem")


# The blocking client only


def test_the_end_of_a_with_block_closes_the_connection() -> None:
    left = threading.Event()

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.until_it_leaves()
        left.set()

    with scripted(script) as port:
        with Client("127.0.0.1", port) as client:
            assert isinstance(client, Client)
        assert left.wait(10)
        with pytest.raises(ConnectionLost, match="closed by this side"):
            client.echo(1)
        client.close_rpc()


def test_close_rpc_from_another_thread_ends_a_call_that_waits() -> None:
    asked = threading.Event()

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.line()
        asked.set()
        peer.until_it_leaves()

    with (
        scripted(script) as port,
        Client("127.0.0.1", port) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        call = pool.submit(client.echo, 1)
        assert asked.wait(10)
        client.close_rpc()
        with pytest.raises(ConnectionLost, match="closed by this side"):
            call.result(10)


@every_kind
def test_answers_go_to_the_thread_that_asked(kind: Kind) -> None:
    if not kind.is_blocking:
        pytest.skip("an asyncio client belongs to one thread")
    with lab(kind) as port, Client("127.0.0.1", port) as client:
        start = threading.Barrier(8)

        def ask(thread: int) -> bool:
            start.wait()
            values = [(thread, number, "x" * number) for number in range(50)]
            return [client.echo(value) for value in values] == values

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(ask, range(8)))


def test_a_timeout_bounds_each_wait_and_not_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = returned("slow but sure")
    waited = threading.Semaphore(0)
    waits: list[float | None] = []

    def wait(waiter: Waiter, *, writing: bool, timeout: float | None) -> tuple[bool, bool]:
        waits.append(timeout)
        waited.release()
        return original(waiter, writing=writing, timeout=timeout)

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.line()
        for position in range(len(answer)):
            waited.acquire(timeout=10)
            peer.say(answer[position : position + 1])

    with scripted(script) as port, Client("127.0.0.1", port, timeout=5) as client:
        original = Waiter.wait
        monkeypatch.setattr(Waiter, "wait", wait)
        assert client.echo() == "slow but sure"
    # Each piece was given the whole time, whatever those before had used of it.
    assert len(waits) == len(answer)
    assert waits == pytest.approx([5] * len(answer), abs=0.5)


def test_a_timeout_of_zero_does_not_wait_for_the_connection_either() -> None:
    with scripted(echoing) as port, pytest.raises(BlockingIOError):
        Client("127.0.0.1", port, timeout=0)


def test_a_call_that_would_wait_with_a_timeout_of_zero_leaves_the_client_usable() -> None:
    go_on = threading.Event()

    def script(peer: Peer) -> None:
        peer.welcome()
        first = peer.request()
        go_on.wait(10)
        peer.answer(first["args"][0])
        peer.answer(peer.request()["args"][0])

    with scripted(script) as port, Client("127.0.0.1", port) as client:
        client._rpc_conversation.set_timeout(0)
        with pytest.raises(BlockingIOError):
            client.echo("first")
        client._rpc_conversation.set_timeout(None)
        go_on.set()
        assert client.echo("second") == "second"


def test_a_timeout_says_what_has_no_answer() -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        peer.until_it_leaves()

    with scripted(script) as port, Client("127.0.0.1", port, timeout=0.01) as client:
        with pytest.raises(TimeoutError, match=rf"echo\(\).*127.0.0.1:{port}.*0.01 s"):
            client.echo(1)
        with pytest.raises(TimeoutError, match="the list of methods"):
            client.get_rpc_method_list()


def test_a_deaf_server_on_creation_is_a_timeout_that_leaves_nothing_open() -> None:
    left = threading.Event()

    def script(peer: Peer) -> None:
        peer.until_it_leaves()
        left.set()

    with scripted(script) as port:
        with pytest.raises(TimeoutError):
            Client("127.0.0.1", port, timeout=0.01)
        assert left.wait(10)


def test_a_client_that_is_forgotten_warns_of_its_socket() -> None:
    with scripted(echoing) as port:
        client = Client("127.0.0.1", port)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del client
            gc.collect()
        assert [warning.category for warning in caught] == [ResourceWarning]


def test_methods_of_the_same_name_as_those_of_the_client_are_the_clients() -> None:
    def script(peer: Peer) -> None:
        peer.welcome(methods=["close_rpc", "get_rpc_id"])
        peer.until_it_leaves()

    with scripted(script) as port, Client("127.0.0.1", port) as client:
        assert client.get_rpc_id() == (["dev"], None)
