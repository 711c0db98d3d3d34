"""Addresses, keepalive, connecting and waiting."""

import asyncio
import contextlib
import errno
import os
import re
import select
import socket
import struct
import sys
from typing import Any

import numpy as np
import pytest

from sipyco import keepalive
from sipyco._io import sockets
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_peers import unused_port

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the names of these differ")


def settings(sock: socket.socket) -> tuple[bool, int, int, int]:
    tcp = socket.IPPROTO_TCP
    return (
        bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)),
        sock.getsockopt(tcp, socket.TCP_KEEPIDLE),
        sock.getsockopt(tcp, socket.TCP_KEEPINTVL),
        sock.getsockopt(tcp, socket.TCP_KEEPCNT),
    )


@pytest.mark.parametrize(
    ("port", "number"), [(0, 0), (3249, 3249), ("3249", 3249), (65535, 65535), (" 80 ", 80)]
)
def test_a_port_is_a_number_or_its_digits(port: int | str, number: int) -> None:
    assert sockets.parse_port(port) == number


@pytest.mark.parametrize("kind", [np.int64, np.uint16])
def test_a_port_may_be_a_number_of_numpy(kind: type[np.integer[Any]]) -> None:
    number = sockets.parse_port(kind(3249))  # type: ignore[arg-type]  # for who calls unchecked
    assert (number, type(number)) == (3249, int)


@pytest.mark.parametrize(
    "port",
    [
        *(-1, 65536, "", "http", "80.0", "0x50", "1_000", "+80", "-1", "٣", "9" * 5000),
        *(3249.0, 3249.7, True, None, b"80"),
    ],
)
def test_anything_else_is_no_port(port: Any) -> None:
    with pytest.raises(
        ValueError, match=rf"^{re.escape(repr(port))} is no TCP port; .* from 0 to 65535$"
    ):
        sockets.parse_port(port)


def test_a_peer_is_named_as_people_write_it() -> None:
    assert sockets.peer_name("localhost", 3249) == "localhost:3249"
    assert sockets.peer_name("10.0.0.7", "3249") == "10.0.0.7:3249"
    assert sockets.peer_name("::1", 3249) == "[::1]:3249"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
            "lab:1: connection refused; is the server running, and on this port?",
        ),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "lab:1: name or service not known; is the host's name spelled right?",
        ),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "lab:1: no route to host"),
        (TimeoutError("timed out"), "lab:1: timed out"),
    ],
)
def test_an_error_keeps_its_class_and_number_and_names_the_peer(error: OSError, text: str) -> None:
    named = sockets.with_peer(error, "lab:1")
    assert type(named) is type(error)
    assert named.errno == error.errno
    assert f"could not connect to {text}" in str(named)


@needs_linux
def test_keepalive_is_on_with_its_defaults() -> None:
    with socket.socket() as sock:
        keepalive.set_keepalive(sock)
        assert settings(sock) == (True, 10, 10, 3)


@needs_linux
def test_keepalive_takes_whole_seconds_of_at_least_one() -> None:
    with socket.socket() as sock:
        keepalive.set_keepalive(sock, 0.2, 2.6, 0)
        assert settings(sock) == (True, 1, 3, 1)
        keepalive.set_keepalive(sock, after_idle=20, interval=5, max_fails=7)
        assert settings(sock) == (True, 20, 5, 7)


@needs_linux
def test_create_connection_turns_keepalive_on_and_passes_the_rest() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with keepalive.create_connection(
            "127.0.0.1", str(port), 7.5, after_idle=4, interval=5, max_fails=6
        ) as sock:
            assert settings(sock) == (True, 4, 5, 6)
            assert sock.gettimeout() == 7.5
        with keepalive.create_connection("127.0.0.1", port, timeout=8.5) as sock:
            assert sock.gettimeout() == 8.5


@needs_linux
@every_loop
def test_async_open_connection_turns_keepalive_on_and_passes_the_rest(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            reader, writer = await keepalive.async_open_connection(
                "127.0.0.1", port, limit=1234, after_idle=4, interval=5, max_fails=6
            )
            shown = writer.get_extra_info("socket")
            with socket.socket(fileno=os.dup(shown.fileno())) as sock:
                assert settings(sock) == (True, 4, 5, 6)
            assert reader._limit == 1234  # type: ignore[attr-defined]
            writer.close()
            await writer.wait_closed()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@every_loop
def test_a_refused_connection_names_the_peer_and_leaves_nothing_open(
    loop_factory: LoopFactory,
) -> None:
    port = unused_port()
    with pytest.raises(ConnectionRefusedError, match=f"127.0.0.1:{port}"):
        keepalive.create_connection("127.0.0.1", port)

    async def main() -> None:
        with pytest.raises(ConnectionRefusedError, match=f"127.0.0.1:{port}"):
            await keepalive.async_open_connection("127.0.0.1", port)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


BAD_SETTINGS: list[dict[str, Any]] = [
    {"after_idle": "x"},
    {"after_idle": 1e99},
    {"after_idle": float("nan")},
    {"interval": float("inf")},
    {"interval": 32768},
    {"max_fails": 128},
    {"max_fails": "3"},
]


@pytest.mark.parametrize("setting", BAD_SETTINGS)
def test_settings_that_are_none_are_refused_before_anything_is_connected(
    setting: dict[str, Any],
) -> None:
    [(name, value)] = setting.items()
    message = re.escape(f"{name} of keepalive is {value!r}; give a number up to ")
    port = unused_port()
    with pytest.raises(ValueError, match=message):
        keepalive.create_connection("127.0.0.1", port, **setting)
    with pytest.raises(ValueError, match=message):
        asyncio.run(keepalive.async_open_connection("127.0.0.1", port, **setting))
    with socket.socket() as sock:
        with pytest.raises(ValueError, match=message):
            keepalive.set_keepalive(sock, **setting)
        assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


@every_loop
def test_a_socket_that_refuses_keepalive_is_closed(
    loop_factory: LoopFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "refused")

    monkeypatch.setattr(sockets, "_set_keepalive", refuse)

    async def connect(port: int) -> None:
        with pytest.raises(OSError, match="refused"):
            await keepalive.async_open_connection("127.0.0.1", port)

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(OSError, match="refused"):
            keepalive.create_connection("127.0.0.1", port)
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(connect(port))
        for _ in range(2):
            accepted, _address = server.accept()
            with accepted:
                accepted.settimeout(10)
                with contextlib.suppress(ConnectionResetError):
                    assert accepted.recv(1) == b""


# Waiting


def wait(sock: socket.socket, **options: Any) -> tuple[bool, bool]:
    return sockets.wait_ready(sock, **{"reading": True, "writing": False, "timeout": 0, **options})


@pytest.fixture(params=["poll", "select"])
def waiting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait in both of the ways that systems offer."""
    if request.param == "select":
        monkeypatch.delattr(select, "poll", raising=False)


@pytest.mark.usefixtures("waiting")
def test_a_socket_can_be_read_when_there_is_something_to_read() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert wait(one) == (False, False)
        assert wait(one, timeout=0.001) == (False, False)
        other.send(b"x")
        assert wait(one, timeout=None) == (True, False)
        assert wait(one, reading=False, writing=True) == (False, True)
        assert wait(one, writing=True) == (True, True)


@pytest.mark.usefixtures("waiting")
def test_a_socket_can_be_written_when_there_is_room() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        while wait(one, writing=True) == (False, True):
            one.send(b"x" * (1 << 20))
        while wait(other) == (True, False):
            other.recv(1 << 20)
        assert wait(one, writing=True) == (False, True)


@pytest.mark.usefixtures("waiting")
def test_the_end_and_a_reset_count_as_something_to_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        for is_reset in (False, True):
            with socket.create_connection(server.getsockname()) as one:
                accepted, _ = server.accept()
                if is_reset:
                    linger = struct.pack("ii", 1, 0)
                    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                accepted.close()
                assert wait(one, timeout=10)[0]
                assert wait(one, writing=True, timeout=10)[0]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_socket_with_a_large_descriptor_can_be_waited_for() -> None:
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit <= 2000:
        pytest.skip("this process may not have descriptors that large")
    import fcntl

    one, other = socket.socketpair()
    with one, other:
        large = fcntl.fcntl(one.fileno(), fcntl.F_DUPFD, 1500)
        with socket.socket(fileno=large) as duplicate:
            other.send(b"x")
            assert wait(duplicate) == (True, False)
