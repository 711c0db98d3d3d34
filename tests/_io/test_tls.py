"""TLS with real certificates: who is accepted, who refuses whom, and what is said about it."""

import asyncio
import contextlib
import functools
import gc
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sipyco import tools
from sipyco._io import tls
from sipyco._io.tls import SimpleSSLConfig, TLSError
from sipyco._wire import limits
from sipyco.pc_rpc import AsyncioClient, BestEffortClient, Client, ConnectionLost
from tests.certificates import Certificates
from tests.event_loops import LoopFactory, every_loop, uvloop_loop
from tests.rpc_servers import BANNER, RawClient, run, running
from tests.serving import served


class Device:
    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.calls = 0

    def echo(self, x: Any) -> Any:
        return x

    async def wait(self) -> str:
        self.calls += 1
        await self.release.wait()
        return "waited"

    def let_go(self) -> None:
        self.release.set()


PAIRS = [
    pytest.param("server", "client", id="made as in the manual"),
    pytest.param("bare_server", "bare_client", id="without any name"),
    pytest.param("signed_server", "signed_client", id="signed by somebody"),
]


@pytest.mark.parametrize(("server", "client"), PAIRS)
def test_every_client_calls_a_server_over_tls(
    certificates: Certificates, server: str, client: str
) -> None:
    server_config = certificates.config(server, client)
    client_config = certificates.config(client, server)

    async def call(port: int) -> Any:
        async with AsyncioClient() as asyncio_client:
            await asyncio_client.connect_rpc("127.0.0.1", port, ssl_config=client_config)
            return await asyncio_client.echo(3)

    with served({"dev": Device()}, server_config) as port:
        with Client("127.0.0.1", port, ssl_config=client_config) as blocking:
            assert blocking.echo(1) == 1
        with BestEffortClient("127.0.0.1", port, "dev", ssl_config=client_config) as best_effort:
            assert best_effort.echo(2) == 2
        assert run(call(port)) == 3


def test_the_three_files_may_be_passed_by_name(certificates: Certificates) -> None:
    def files(local: str, peer: str) -> dict[str, Any]:
        return {
            "local_cert": str(certificates.cert(local)),
            "local_key": str(certificates.key(local)),
            "peer_cert": str(certificates.cert(peer)),
        }

    async def main() -> None:
        from sipyco.pc_rpc import Server

        server = Server({"dev": Device()})
        await server.start("127.0.0.1", 0, **files("server", "client"))
        assert server.server
        port = server.server.sockets[0].getsockname()[1]
        client = AsyncioClient()
        await client.connect_rpc("127.0.0.1", port, **files("client", "server"))
        assert await client.echo(1) == 1
        await client.close_rpc()

        def blocking() -> Any:
            with Client("127.0.0.1", port, **files("client", "server")) as client:
                return client.echo(2)

        assert await asyncio.to_thread(blocking) == 2
        await server.stop()

    run(main())


def test_mixing_both_ways_or_giving_half_of_one_is_refused(certificates: Certificates) -> None:
    config, cert = certificates.client_config(), str(certificates.cert("client"))
    with pytest.raises(ValueError, match="not both"):
        tls.choose_config(config, cert, None, None)
    with pytest.raises(ValueError, match="all three of local_cert, local_key and peer_cert"):
        tls.choose_config(None, cert, None, cert)
    assert tls.choose_config(None, None, None, None) is None
    assert tls.choose_config(config, None, None, None) is config


@every_loop
def test_one_peer_file_may_hold_several_clients(
    certificates: Certificates, loop_factory: LoopFactory
) -> None:
    async def main() -> None:
        config = certificates.config("server", "client", "second_client", "signed_client")
        for name in ("client", "second_client", "signed_client"):
            client_config = certificates.config(name, "server")
            async with running(Device(), ssl_config=config, client_config=client_config) as serving:
                assert await (await serving.client()).echo(name) == name

    run(main(), loop_factory)


def connect_blocking(port: int, config: SimpleSSLConfig | None) -> None:
    Client("127.0.0.1", port, timeout=10, ssl_config=config).close_rpc()


def connect_asyncio(loop_factory: LoopFactory, port: int, config: SimpleSSLConfig | None) -> None:
    async def main() -> None:
        client = AsyncioClient()
        await client.connect_rpc("127.0.0.1", port, ssl_config=config)
        await client.close_rpc()

    run(main(), loop_factory)


every_client = pytest.mark.parametrize(
    "connect",
    [
        pytest.param(connect_blocking, id="blocking"),
        pytest.param(functools.partial(connect_asyncio, asyncio.new_event_loop), id="asyncio"),
        pytest.param(functools.partial(connect_asyncio, uvloop_loop), id="uvloop"),
    ],
)

Connect = Callable[[int, SimpleSSLConfig | None], None]


@every_client
def test_a_server_refuses_a_client_that_it_does_not_know_and_both_are_told(
    certificates: Certificates, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = certificates.config("stranger", "server")
    with served({"dev": Device()}, certificates.server_config()) as port:
        with pytest.raises(TLSError) as caught:
            connect(port, stranger)
        connect(port, certificates.client_config())
    text = str(caught.value)
    assert f"server 127.0.0.1:{port}" in text
    assert "refuses" in text
    assert "this client" in text
    assert "put this side's local_cert into the peer_cert file of the" in text
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("this server refuses client 127.0.0.1:")
    assert "put the certificate that it shows into the peer_cert file" in record.getMessage()


@every_client
def test_a_client_refuses_a_server_that_it_does_not_know_and_says_so(
    certificates: Certificates, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with served({"dev": Device()}, certificates.server_config()) as port:
        with pytest.raises(TLSError) as caught:
            connect(port, certificates.config("client", "stranger"))
        connect(port, certificates.client_config())
    refusal = f"this client refuses server 127.0.0.1:{port}: its certificate is not accepted"
    assert refusal in str(caught.value)
    assert "into the peer_cert file of this client" in str(caught.value)
    assert len(caplog.records) == 1
    assert "127.0.0.1:" in caplog.text


def explained(code: int, alert: str = "") -> str:
    error: ssl.SSLError = ssl.SSLError(1, "refused")
    if code:
        error = ssl.SSLCertVerificationError(1, "refused")
        error.verify_code, error.verify_message = code, "in the words of OpenSSL"
    error.reason = alert
    return str(tls.explain(error, local="this server", peer="client 10.0.0.7:1"))


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (9, "compare the clocks"),
        (10, "has expired; who shows it needs a new one"),
        (18, "put the certificate that it shows into the peer_cert file of this server"),
        (20, "put the certificate that it shows into the peer_cert file of this server"),
        (26, "it is for another use"),
        (47, "it is revoked by, or not in the list of, the peer_cert file of this server"),
        (48, "it is revoked by, or not in the list of, the peer_cert file of this server"),
        (66, "compare it with the peer_cert file of this server"),
    ],
)
def test_the_advice_depends_on_why_a_certificate_is_refused(code: int, advice: str) -> None:
    text = explained(code)
    assert text.count("in the words of OpenSSL") == 1
    assert advice in text
    assert ("put the certificate" in text) == (code in {18, 20})


@pytest.mark.parametrize(
    ("alert", "advice"),
    [
        ("TLSV1_ALERT_UNKNOWN_CA", "put this side's local_cert into the peer_cert file of the"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "this side needs a new one"),
        ("SSLV3_ALERT_CERTIFICATE_UNKNOWN", "most likely it is revoked by, or not in the list of"),
        ("SSLV3_ALERT_CERTIFICATE_REVOKED", "it is revoked by, or not in the list of"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", "compare the clocks"),
        ("SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", "it is for another use"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "the log of the other side tells why"),
    ],
)
def test_the_advice_depends_on_what_the_other_side_says(alert: str, advice: str) -> None:
    text = explained(0, alert)
    assert "client 10.0.0.7:1 refuses this server" in text
    assert advice in text


@every_client
def test_a_client_without_tls_learns_that_the_server_wants_it(
    certificates: Certificates, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with served({"dev": Device()}, certificates.server_config()) as port:
        with pytest.raises(ConnectionLost, match=r"does it want TLS \(ssl_config\)\?"):
            connect(port, None)
        connect(port, certificates.client_config())
    (record,) = caplog.records
    assert "does not speak TLS" in record.getMessage()


@every_client
def test_a_client_with_tls_learns_that_the_server_does_not_use_it(
    certificates: Certificates, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with served({"dev": Device()}) as port:
        with pytest.raises(TLSError, match=rf"{port} .*(uses no|does not use|does not speak) TLS"):
            connect(port, certificates.client_config())
        connect(port, None)
    (record,) = caplog.records
    assert "it wants TLS, which this server was not told to use" in record.getMessage()


def test_a_client_that_shows_no_certificate_is_refused(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(certificates.cert("server"))
    with (
        served({"dev": Device()}, certificates.server_config()) as port,
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain) as sock,
        contextlib.suppress(OSError),  # an alert, or the end if that is faster
    ):
        assert sock.recv(1) == b""
    assert "it shows no certificate; it needs local_cert and local_key" in caplog.text


@every_client
def test_the_name_of_the_server_is_checked_on_request(
    certificates: Certificates, connect: Connect
) -> None:
    with served({"dev": Device()}, certificates.config("server", "client")) as port:
        connect(port, certificates.config("client", "server", check_hostname=True))
    with served({"dev": Device()}, certificates.config("bare_server", "client")) as port:
        connect(port, certificates.config("client", "bare_server"))
        with pytest.raises(TLSError, match="this client refuses server"):
            connect(port, certificates.config("client", "bare_server", check_hostname=True))


CLIENT_CONTEXT = SimpleSSLConfig.create_client_context
SERVER_CONTEXT = SimpleSSLConfig.create_server_context


@pytest.mark.parametrize("create", [CLIENT_CONTEXT, SERVER_CONTEXT])
@pytest.mark.parametrize("which", ["local_cert", "local_key", "peer_cert"])
@pytest.mark.parametrize("how", ["missing", "garbage", "empty", "directory", "other"])
def test_files_that_are_wrong_are_named_with_what_they_should_hold(
    certificates: Certificates,
    create: Callable[[SimpleSSLConfig], ssl.SSLContext],
    which: str,
    how: str,
    tmp_path: Path,
) -> None:
    files = {
        "local_cert": certificates.cert("server"),
        "local_key": certificates.key("server"),
        "peer_cert": certificates.cert("client"),
    }
    other = {
        "local_cert": certificates.cert("client"),
        "local_key": certificates.key("client"),
        "peer_cert": certificates.key("client"),
    }
    bad = tmp_path / "bad.pem"
    if how == "garbage":
        bad.write_text("not a certificate")
    elif how == "empty":
        bad.touch()
    elif how == "directory":
        bad.mkdir()
    elif how == "other":
        bad = other[which]
    files[which] = bad
    with pytest.raises(OSError, match=r"cannot use ") as caught:
        create(SimpleSSLConfig(files["local_cert"], files["local_key"], files["peer_cert"]))
    assert f"{which} {str(bad)!r}" in str(caught.value)
    assert "; expected " in str(caught.value)
    assert "PEM certificate" in str(caught.value)
    if how == "missing":
        assert isinstance(caught.value, FileNotFoundError)


@every_loop
def test_wrong_files_keep_a_server_from_starting_and_nothing_listens(
    loop_factory: LoopFactory, certificates: Certificates
) -> None:
    async def main() -> None:
        from sipyco.pc_rpc import Server

        server = Server({"dev": Device()})
        key = certificates.key("client")
        config = SimpleSSLConfig(certificates.cert("server"), key, certificates.cert("client"))
        with pytest.raises(TLSError, match="cannot use local_cert"):
            await server.start("127.0.0.1", 0, config)
        assert server.server is None
        await server.stop()

    run(main(), loop_factory)


@every_loop
def test_who_connects_and_says_nothing_blocks_neither_others_nor_the_stop(
    loop_factory: LoopFactory, certificates: Certificates
) -> None:
    async def main() -> None:
        async with running(
            Device(),
            ssl_config=certificates.server_config(),
            client_config=certificates.client_config(),
        ) as serving:
            silent = [await serving.raw() for _ in range(3)]
            silent[1].writer.write(b"\x16\x03\x01")  # begins, and goes no further
            assert await (await serving.client()).echo(1) == 1
            await serving.server.stop()
            for client in silent:
                assert await client.hear() == b""
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main(), loop_factory)


@every_loop
def test_clients_that_arrive_while_the_server_stops_are_not_left_behind(
    loop_factory: LoopFactory, certificates: Certificates
) -> None:
    async def main(steps: int) -> None:
        loop = asyncio.get_running_loop()
        async with running(Device(), ssl_config=certificates.server_config()) as serving:
            with socket.socket() as sock:
                sock.setblocking(False)
                await loop.sock_connect(sock, (serving.host, serving.port))
                for _ in range(steps):
                    await asyncio.sleep(0)
                await serving.server.stop()
                with contextlib.suppress(ConnectionError):
                    assert await loop.sock_recv(sock, 1) == b""

    for steps in range(8):
        run(main(steps), loop_factory)
    gc.collect()


@every_loop
def test_a_handshake_that_takes_too_long_is_given_up(
    loop_factory: LoopFactory,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(limits, "TLS_HANDSHAKE_TIMEOUT", 0.01)

    async def main() -> None:
        async with running(Device(), ssl_config=certificates.server_config()) as serving:
            client = await serving.raw()
            assert await client.hear() == b""

    run(main(), loop_factory)
    assert "did not finish the TLS handshake" in caplog.text


@every_loop
def test_the_first_words_may_come_together_with_the_end_of_the_handshake(
    loop_factory: LoopFactory, certificates: Certificates
) -> None:
    context = certificates.client_config().create_client_context()

    async def main() -> None:
        async with running(Device(), ssl_config=certificates.server_config()) as serving:
            for _ in range(5):
                raw = await serving.raw()
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                tls_end = context.wrap_bio(incoming, outgoing)
                while True:
                    try:
                        tls_end.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        raw.writer.write(outgoing.read())
                        incoming.write(await raw.reader.read(1 << 16))
                tls_end.write(BANNER + b"\n")
                raw.writer.write(outgoing.read())
                heard = b""
                while not heard.endswith(b"\n"):
                    incoming.write(await raw.reader.read(1 << 16))
                    try:
                        heard += tls_end.read()
                    except ssl.SSLWantReadError:
                        continue
                assert b"targets" in heard

    run(main(), loop_factory)


def test_big_arrays_go_both_ways(certificates: Certificates) -> None:
    image = np.arange(3 << 20, dtype=np.uint16)
    with (
        served({"dev": Device()}, certificates.server_config()) as port,
        Client("127.0.0.1", port, ssl_config=certificates.client_config()) as client,
    ):
        assert np.array_equal(client.echo(image), image)


@every_loop
def test_big_arrays_go_both_ways_on_an_event_loop(
    loop_factory: LoopFactory, certificates: Certificates
) -> None:
    image = np.arange(3 << 20, dtype=np.uint16)

    async def main() -> None:
        async with running(
            Device(),
            ssl_config=certificates.server_config(),
            client_config=certificates.client_config(),
        ) as serving:
            assert np.array_equal(await (await serving.client()).echo(image), image)

    run(main(), loop_factory)


def test_a_late_answer_over_tls_is_dropped_by_the_blocking_client(
    certificates: Certificates,
) -> None:
    with served({"dev": Device()}, certificates.server_config(), allow_parallel=True) as port:
        config = certificates.client_config()
        with (
            Client("127.0.0.1", port, timeout=0.05, ssl_config=config) as client,
            Client("127.0.0.1", port, ssl_config=config) as other,
        ):
            with pytest.raises(TimeoutError, match="no answer yet"):
                client.wait()
            other.let_go()
            client._rpc_conversation.set_timeout(10)
            assert client.echo("next") == "next"


@every_loop
def test_a_late_answer_over_tls_is_dropped_by_the_asyncio_client(
    loop_factory: LoopFactory, certificates: Certificates
) -> None:
    async def main() -> None:
        device = Device()
        async with running(
            device,
            ssl_config=certificates.server_config(),
            client_config=certificates.client_config(),
        ) as serving:
            client = await serving.client()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.wait()
            device.let_go()
            assert await client.echo("next") == "next"

    run(main(), loop_factory)


@pytest.mark.parametrize("timeout", [0.05, None])
def test_a_server_that_never_does_its_handshake_is_waited_for_as_long_as_allowed(
    certificates: Certificates, timeout: float | None
) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        config = certificates.client_config()
        if timeout is not None:
            with pytest.raises(TimeoutError, match="did not answer the TLS handshake in time"):
                Client("127.0.0.1", port, timeout=timeout, ssl_config=config)
            return
        failed = threading.Event()

        def wait() -> None:
            try:
                Client("127.0.0.1", port, ssl_config=config)
            except OSError:
                failed.set()

        thread = threading.Thread(target=wait)
        thread.start()
        accepted, _ = listening.accept()
        accepted.close()
        thread.join()
        assert failed.is_set()


def test_the_error_can_be_imported_where_its_configuration_is() -> None:
    assert tools.TLSError is TLSError
    assert "TLSError" in tools.__all__
    assert issubclass(TLSError, ssl.SSLError)
    assert issubclass(TLSError, OSError)


def test_raw_clients_may_use_a_context_of_the_configuration(certificates: Certificates) -> None:
    async def main() -> None:
        async with running(Device(), ssl_config=certificates.server_config()) as serving:
            client: RawClient = await serving.raw(
                certificates.client_config().create_client_context()
            )
            client.say(BANNER)
            assert b"targets" in await client.hear()

    run(main())
