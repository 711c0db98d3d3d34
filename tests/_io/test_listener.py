"""Listening: addresses, ports, and what is said when nothing or too much listens."""

import asyncio
import errno
import gc
import logging
import socket
from typing import cast

import pytest

from sipyco._io import addresses
from sipyco._io.addresses import Hosts
from sipyco._io.listener import Listener
from sipyco._io.tls import SimpleSSLConfig
from tests.certificates import Certificates
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_servers import run


class Greeting(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast("asyncio.Transport", transport)
        stream.write(b"hello\n")
        stream.close()


async def listening(
    host: Hosts, port: int | str = 0, ssl_config: SimpleSSLConfig | None = None
) -> Listener:
    listener = Listener(Greeting)
    await listener.start(host, port, ssl_config)
    return listener


def names(listener: Listener) -> list[tuple[str, int]]:
    return [sock.getsockname()[:2] for sock in listener.server.sockets] if listener.server else []


async def greeting(host: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


@every_loop
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", {"127.0.0.1"}),
        ("::1", {"::1"}),
        (["127.0.0.1", "::1"], {"127.0.0.1", "::1"}),
        (["127.0.0.1", "127.0.0.1"], {"127.0.0.1"}),
        (None, {"0.0.0.0", "::"}),
        ("*", {"0.0.0.0", "::"}),
        ("", {"0.0.0.0", "::"}),
    ],
)
def test_it_listens_on_every_address_on_one_port(
    loop_factory: LoopFactory, host: Hosts, expected: set[str]
) -> None:
    async def main() -> None:
        listener = await listening(host)
        assert {name for name, _ in names(listener)} == expected
        assert len({port for _, port in names(listener)}) == 1
        for name, port in names(listener):
            target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)
            assert await greeting(target, port) == b"hello\n"
        await listener.stop()
        assert names(listener) == []

    run(main(), loop_factory)


@every_loop
def test_localhost_is_listened_on_with_one_port(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        listener = await listening("localhost")
        assert len({port for _, port in names(listener)}) == 1
        assert await greeting("localhost", names(listener)[0][1]) == b"hello\n"
        await listener.stop()

    run(main(), loop_factory)


def test_a_port_may_be_digits() -> None:
    async def main() -> None:
        port = addresses.free_port(["127.0.0.1"])
        listener = await listening("127.0.0.1", str(port))
        assert names(listener) == [("127.0.0.1", port)]
        await listener.stop()

    run(main())


def test_what_is_no_port_is_refused_before_anything_listens() -> None:
    async def main() -> None:
        for port in ("http", 65536, -1):
            with pytest.raises(ValueError, match="is no TCP port"):
                await listening("127.0.0.1", port)

    run(main())


@every_loop
def test_a_port_for_several_addresses_is_tried_again_until_it_is_free_on_all(
    loop_factory: LoopFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            ports = iter([taken.getsockname()[1]] * 3 + [addresses.free_port(["127.0.0.1"])])
            monkeypatch.setattr(addresses, "free_port", lambda hosts: next(ports))
            listener = await listening(["::1", "127.0.0.1"])
            assert next(ports, None) is None
            await listener.stop()

    run(main(), loop_factory)


@every_loop
@pytest.mark.parametrize("host", ["127.0.0.1", ["::1", "127.0.0.1"]])
def test_an_occupied_port_is_an_error_that_names_it_and_nothing_is_left_open(
    loop_factory: LoopFactory, host: Hosts
) -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(OSError, match=rf"127\.0\.0\.1:{port}: address already") as caught:
                await listening(host, port)
            assert caught.value.errno == errno.EADDRINUSE
            assert "is another copy of this program running?" in str(caught.value)
        # The other address was not kept.
        listener = await listening(host, port)
        await listener.stop()
        gc.collect()

    run(main(), loop_factory)


@every_loop
def test_an_address_of_another_machine_is_an_error_that_names_it(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        for host in ("192.0.2.1", ["127.0.0.1", "192.0.2.1"]):
            with pytest.raises(OSError, match=r"cannot listen on .*192\.0\.2\.1:0: .*this machine"):
                await listening(host)

    run(main(), loop_factory)


@every_loop
def test_a_machine_without_ipv6_serves_the_other_address(
    loop_factory: LoopFactory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(addresses, "_exists", lambda host: host != "::1")

    async def main() -> None:
        listener = await listening(["127.0.0.1", "::1"])
        ((name, port),) = names(listener)
        assert await greeting(name, port) == b"hello\n"
        await listener.stop()

    run(main(), loop_factory)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "does not have the address ::1" in caplog.text


def test_an_address_beside_a_wildcard_that_includes_it_is_an_error_and_nothing_is_left_open() -> (
    None
):
    # uvloop does not report this: it listens on one of them.
    async def main() -> None:
        port = addresses.free_port(["127.0.0.1"])
        with pytest.raises(OSError, match=rf"127\.0\.0\.1:{port}, 0\.0\.0\.0:{port}: address al"):
            await listening(["127.0.0.1", "0.0.0.0"], port)
        gc.collect()
        await (await listening("127.0.0.1", port)).stop()

    run(main())


def test_an_empty_list_of_addresses_is_said_loudly(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        listener = await listening([], 3249)
        assert listener.server is None
        await listener.stop()

    run(main())
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "nothing listens on port 3249" in record.getMessage()


@pytest.mark.parametrize("host", [None, "*", "0.0.0.0", "::", ["127.0.0.1", "::"]])
def test_an_open_door_is_warned_of_once(host: Hosts, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        await (await listening(host)).stop()

    run(main())
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "accepts anyone who can reach it, unencrypted" in record.getMessage()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", ["127.0.0.1", "::1"]])
def test_on_loopback_nothing_is_said(host: Hosts, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        await (await listening(host)).stop()

    run(main())
    assert caplog.records == []


def test_with_tls_nothing_is_said(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        await (await listening("*", 0, certificates.server_config())).stop()

    run(main())
    assert caplog.records == []
