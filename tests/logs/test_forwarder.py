import asyncio
import contextlib
import inspect
import logging
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sipyco._wire import limits
from sipyco.broadcast import Broadcaster
from sipyco.logs import LogForwarder, MultilineFormatter, Server, SourceFilter, _link
from sipyco.logs._outbox import RESEND_SIZE, Outbox
from sipyco.tools import SimpleSSLConfig, TaskObject
from tests.certificates import Configs, make_certificates
from tests.event_loops import LoopFactory, every_loop
from tests.logs.support import PlainServer, collected, log_server, record
from tests.serving import free_port

HOST = "127.0.0.1"
OWN = "sipyco.logs"


@contextlib.asynccontextmanager
async def plain_server(*, is_deaf: bool = False) -> AsyncIterator[PlainServer]:
    server = PlainServer(is_deaf=is_deaf)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def forwarding(
    port: int, *, config: SimpleSSLConfig | None = None, queue_size: int = 1000
) -> AsyncIterator[LogForwarder]:
    forwarder = LogForwarder(HOST, port, 0.01, queue_size, config)
    forwarder.start()
    try:
        yield forwarder
    finally:
        await forwarder.stop()


def test_it_is_a_handler_and_a_task() -> None:
    forwarder = LogForwarder("::1", "1068", level=logging.ERROR)
    assert isinstance(forwarder, logging.Handler)
    assert isinstance(forwarder, TaskObject)
    assert forwarder.level == logging.ERROR
    assert list(inspect.signature(LogForwarder).parameters)[:5] == [
        "host",
        "port",
        "reconnect_timer",
        "queue_size",
        "ssl_config",
    ]


def test_wrong_arguments_are_noticed_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no TCP port"):
        LogForwarder("::1", "http")
    with pytest.raises(ValueError, match="all three"):
        LogForwarder("::1", 1, local_cert=tmp_path)


@every_loop
def test_what_a_logger_is_given_is_sent_byte_for_byte(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        logger = logging.getLogger("dev.bytes")
        logger.setLevel(1)
        async with plain_server() as server:
            async with forwarding(server.port) as forwarder:
                forwarder.addFilter(SourceFilter(logging.DEBUG, "C:\\dev"))
                logger.addHandler(forwarder)
                logger.info("a: %s", "\u269b")
                logger.log(5, "below the level of the filter")
                try:
                    int("b")
                except ValueError:
                    logger.exception("two\nlines")
                logger.removeHandler(forwarder)
            data = server.connections[0]
        start = "ARTIQ logging\nC\\x3a\\dev:INFO:dev.bytes:a: \u269b\n".encode()
        # Since Python 3.13 a traceback has a line more, which points at the call.
        total = data.count(b"\n") - 2
        start += b"C\\x3a\\dev:ERROR<%d>:dev.bytes:two\nlines\nTraceback (most recent" % total
        assert data.startswith(start)
        assert data.endswith(b"\nValueError: invalid literal for int() with base 10: 'b'\n")
        assert total >= 6

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@every_loop
def test_entries_reach_a_server_of_ours(loop_factory: LoopFactory, configs: Configs) -> None:
    ours, theirs = configs

    async def main() -> None:
        with collected("dev.lg") as handler:
            async with log_server(theirs) as port:
                async with forwarding(port, config=ours) as forwarder:
                    for number in range(1000):
                        forwarder.emit(record(f"{number}\nsecond line"))
                # That is: stop() returned when the server had read everything; with TLS, when its
                # machine had received it.
                if ours:
                    await handler.wait_for(1000)
                assert handler.messages() == [f"{number}\nsecond line" for number in range(1000)]

    with collected(OWN) as told, asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert told.messages() == []


def test_certificates_can_be_passed_one_by_one(tmp_path: Path) -> None:
    ours, theirs = make_certificates(tmp_path)

    async def main() -> None:
        async with log_server(theirs) as port:
            forwarder = LogForwarder(
                HOST,
                port,
                local_cert=ours.local_cert,
                local_key=ours.local_key,
                peer_cert=ours.peer_cert,
            )
            forwarder.start()
            with collected("dev.lg") as handler:
                forwarder.emit(record())
                await forwarder.stop()
            assert handler.messages() == ["hello"]

    asyncio.run(main())


@every_loop
def test_records_from_many_threads_all_arrive_and_none_is_torn(loop_factory: LoopFactory) -> None:
    def emit(forwarder: LogForwarder, thread: int) -> None:
        for number in range(500):
            forwarder.handle(record(f"{thread}/{number}"))

    async def main() -> None:
        async with plain_server() as server:
            async with forwarding(server.port, queue_size=0) as forwarder:
                await asyncio.gather(
                    *(asyncio.to_thread(emit, forwarder, thread) for thread in range(8))
                )
            entries = server.entries()
        expected = {f"src:INFO:dev.lg:{t}/{n}" for t in range(8) for n in range(500)}
        assert len(entries) == 4000
        assert set(entries) == expected
        for thread in range(8):
            prefix = f"src:INFO:dev.lg:{thread}/"
            mine = [entry for entry in entries if entry.startswith(prefix)]
            assert mine == [f"{prefix}{number}" for number in range(500)]

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@every_loop
@pytest.mark.parametrize("reset", [False, True])
def test_no_entry_is_lost_when_the_server_restarts_in_the_middle_of_a_flood(
    loop_factory: LoopFactory, reset: bool
) -> None:
    def flood(forwarder: LogForwarder, may_go_on: threading.Semaphore) -> None:
        for number in range(5000):
            if number % 500 == 0:
                may_go_on.acquire()
            forwarder.emit(record(f"{number} {'x' * 50}"))

    async def main() -> None:
        server = PlainServer()
        await server.start()
        may_go_on = threading.Semaphore(1)
        async with forwarding(server.port, queue_size=0) as forwarder:
            flooding = asyncio.create_task(asyncio.to_thread(flood, forwarder, may_go_on))
            for restart in range(10):
                # Every other time with a connection, else while there is none.
                if restart % 2:
                    server.has_connected.clear()
                    await server.has_connected.wait()
                may_go_on.release()
                await asyncio.sleep(0)
                await server.stop(reset=reset)
                await server.start()
            await flooding
        await server.stop()
        seen = dict.fromkeys(server.entries())
        numbers = [
            int(entry.split(":")[3].split()[0]) for entry in seen if entry.endswith("x" * 50)
        ]
        assert set(numbers) == set(range(5000))

    with collected(OWN), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@every_loop
def test_entries_wait_for_a_server_that_comes_later(
    loop_factory: LoopFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_link, "SETTLE_TIME", 0.01)

    async def main() -> None:
        server = PlainServer()
        server.port = free_port()
        with collected(OWN) as told:
            async with forwarding(server.port) as forwarder:
                forwarder.emit(record("early"))
                await told.wait_for(3)
                await server.start()
                await server.wait_until(lambda: bool(server.entries()))
                forwarder.emit(record("late"))
                await told.wait_until(lambda: told.records[-1].levelno == logging.INFO)
            assert server.entries() == ["src:INFO:dev.lg:early", "src:INFO:dev.lg:late"]
            await server.stop()
        first, *others, last = told.records
        assert first.levelno == logging.WARNING
        assert "is the server running" in first.getMessage()
        assert "trying again every 0.01 s" in first.getMessage()
        # Once per outage is enough.
        assert {other.levelno for other in others} == {logging.DEBUG}
        assert last.getMessage() == f"forwarding the log to {HOST}:{server.port}"

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


def test_what_it_logs_itself_is_not_forwarded() -> None:
    async def main() -> None:
        logger = logging.getLogger(OWN)
        server = PlainServer()
        server.port = free_port()
        with collected(OWN) as told:
            async with forwarding(server.port) as forwarder:
                forwarder.addFilter(SourceFilter(0, "here"))
                logger.addHandler(forwarder)
                await told.wait_for(3)
                # But a line of the same name that another program has sent to this one is.
                logger.warning("relayed", extra={"source": "there"})
                await server.start()
                await server.wait_until(lambda: bool(server.entries()))
                logger.removeHandler(forwarder)
            await server.stop()
        assert server.entries() == ["there:WARNING:sipyco.logs:relayed"]

    asyncio.run(main())


@every_loop
def test_what_does_not_fit_is_dropped_counted_and_told(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with plain_server() as server:
            forwarder = LogForwarder(HOST, server.port, queue_size=10, default_source="here")
            for number in range(25):
                forwarder.emit(record(str(number)))
            forwarder.start()
            await forwarder.stop()
            entries = server.entries()
        assert entries[:10] == [f"src:INFO:dev.lg:{number}" for number in range(10)]
        (notice,) = entries[10:]
        assert notice.startswith("here:WARNING:sipyco.logs:15 log entries were dropped")

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@every_loop
def test_stopping_does_not_wait_for_ever_for_a_deaf_server(
    loop_factory: LoopFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FLUSH_TIMEOUT", 0.05)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with plain_server(is_deaf=True) as server:
            with collected(OWN) as told:
                async with forwarding(server.port) as forwarder:
                    for _ in range(500):
                        forwarder.emit(record("x" * 50_000))
                    await server.wait_until(lambda: bool(server.connections))
                    begin = loop.time()
                assert loop.time() - begin < 5
        (last,) = told.messages()
        assert "stopped to forward the log" in last
        assert forwarder.task.done()
        # More than megabytes are in no buffer: the rest was counted.
        assert int(last.split(";")[1].split()[0]) > 200

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@every_loop
def test_stopping_tries_an_absent_server_once_more_and_no_longer(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        server = PlainServer()
        server.port = free_port()
        forwarder = LogForwarder(HOST, server.port, reconnect_timer=1e6)
        with collected(OWN) as told:
            forwarder.start()
            forwarder.emit(record("kept"))
            await told.wait_for(1)
            await forwarder.stop()
            assert "1 entries may not have arrived" in told.messages()[-1]
            # Started again, it has what was left; stopped, it does not wait for the timer.
            forwarder.start()
            await told.wait_for(3)
            await server.start()
            await forwarder.stop()
        assert server.entries() == ["src:INFO:dev.lg:kept"]
        await server.stop()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


def test_stopping_is_possible_at_any_time() -> None:
    async def main() -> None:
        await LogForwarder(HOST, 1).stop()
        async with plain_server() as server:
            forwarder = LogForwarder(HOST, server.port)
            forwarder.start()
            await forwarder.stop()
            await forwarder.stop()
            assert server.connections == []
            forwarder.start()
            await server.wait_until(lambda: bool(server.connections))
            with pytest.raises(RuntimeError, match="runs already"):
                forwarder.start()
            await forwarder.stop()

    asyncio.run(main())


@every_loop
def test_what_has_settled_is_not_sent_again(
    loop_factory: LoopFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_link, "SETTLE_TIME", 0.01)

    async def main() -> None:
        server = PlainServer()
        await server.start()
        with collected(OWN):
            async with forwarding(server.port) as forwarder:
                forwarder.emit(record("old"))
                await server.wait_until(lambda: bool(server.entries()))
                while len(forwarder._outbox):  # noqa: ASYNC110  time itself is awaited
                    await asyncio.sleep(0)
                await server.stop()
                await server.start()
                forwarder.emit(record("new"))
                await server.wait_until(lambda: len(server.entries()) > 1)
        assert server.entries() == ["src:INFO:dev.lg:old", "src:INFO:dev.lg:new"]
        await server.stop()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@every_loop
def test_a_certificate_that_is_refused_is_explained_and_entries_are_kept(
    loop_factory: LoopFactory, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    _, theirs = make_certificates(tmp_path / "a")
    stranger, _ = make_certificates(tmp_path / "b")
    known_server = SimpleSSLConfig(stranger.local_cert, stranger.local_key, theirs.peer_cert)

    async def main(config: SimpleSSLConfig | None, words: str) -> None:
        with collected(OWN) as told, collected("sipyco._io"):
            async with log_server(theirs) as port, forwarding(port, config=config) as forwarder:
                forwarder.emit(record())
                await told.wait_for(1)
            assert words in told.messages()[0]
            # A server that wants TLS closes a plain connection as a log server does at its end.
            assert config is None or "1 entries may not have arrived" in told.messages()[-1]

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main(stranger, "certificate"))
        runner.run(main(known_server, "certificate"))
        runner.run(main(None, "TLS"))


def test_a_record_that_cannot_be_formatted_does_not_disturb_the_program(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Hostile:
        def __str__(self) -> str:
            raise KeyError("no text")

    async def main() -> None:
        async with plain_server() as server:
            async with forwarding(server.port) as forwarder:
                forwarder.emit(record("%d", args=("x",)))
                forwarder.emit(record("%s", args=(Hostile(),)))
                forwarder.emit(record("good"))
            assert server.entries() == ["src:INFO:dev.lg:good"]

    asyncio.run(main())
    assert capsys.readouterr().err.count("--- Logging error ---") == 2


def test_a_formatter_shapes_the_message_and_ours_adds_nothing() -> None:
    async def main() -> None:
        async with plain_server() as server:
            async with forwarding(server.port) as forwarder:
                forwarder.setFormatter(logging.Formatter("<%(message)s>"))
                forwarder.emit(record())
                forwarder.setFormatter(MultilineFormatter())
                forwarder.emit(record())
            assert server.entries() == ["src:INFO:dev.lg:<hello>", "src:INFO:dev.lg:hello"]

    asyncio.run(main())


def test_records_without_a_source_get_the_name_of_the_machine() -> None:
    async def main() -> None:
        async with plain_server() as server:
            async with forwarding(server.port) as forwarder:
                own = record()
                del own.source  # type: ignore[attr-defined]
                forwarder.emit(own)
            assert server.entries() == [f"{socket.gethostname()}:INFO:dev.lg:hello"]

    asyncio.run(main())


def test_logging_goes_on_when_the_loop_has_gone() -> None:
    loop = asyncio.new_event_loop()
    forwarder = LogForwarder(HOST, free_port(), reconnect_timer=1e6)
    with collected(OWN) as told:

        async def begin() -> None:
            forwarder.start()
            await told.wait_for(1)

        loop.run_until_complete(begin())
        forwarder.task.cancel()
        loop.run_until_complete(asyncio.wait([forwarder.task]))
    loop.close()
    forwarder._loop = loop  # as when the loop was closed while the task ran
    forwarder.emit(record())
    forwarder.emit(record())
    assert len(forwarder._outbox) == 2


def test_a_signal_handler_that_logs_while_lines_are_taken_waits_for_nobody() -> None:
    forwarder = LogForwarder(HOST, 1)
    logger = logging.getLogger("dev.signal")
    logger.setLevel(logging.INFO)
    logger.addHandler(forwarder)
    # Where the loop is taking lines when the signal comes.
    with forwarder._outbox._lock:
        thread = threading.Thread(target=logger.info, args=("from a thread",))
        thread.start()
        logger.info("from the signal handler")
    thread.join()
    logger.removeHandler(forwarder)
    assert len(forwarder._outbox) == 2


@every_loop
@pytest.mark.parametrize("kind", ["another server", "one that wants TLS"])
def test_what_the_wrong_server_has_read_has_not_arrived(
    kind: str, loop_factory: LoopFactory, tmp_path: Path
) -> None:
    async def main() -> None:
        server: Broadcaster | Server
        server, config = Broadcaster(), None
        if kind == "one that wants TLS":
            server, config = Server(), make_certificates(tmp_path)[0]
        await server.start(HOST, 0, config)
        assert server.server
        forwarder = LogForwarder(HOST, server.server.sockets[0].getsockname()[1])
        forwarder.start()
        forwarder.emit(record("precious"))
        await forwarder.stop()
        assert len(forwarder._outbox) == 1
        await server.stop()

    with collected(OWN) as told, asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert "1 entries may not have arrived" in told.messages()[-1]


def test_below_tls_a_large_write_may_still_be_on_the_way() -> None:
    class Transport(asyncio.Transport):
        def write(self, data: Any) -> None:
            """Keep it where nobody can see it."""

        def is_closing(self) -> bool:
            return False

        def get_write_buffer_size(self) -> int:
            return 0

    async def main() -> None:
        outbox = Outbox(0, lambda _: b"")
        link = _link.LogLink(outbox, lambda: None)
        with socket.socket() as sock:
            # uvloop and asyncio differ in what they say here; both have a context.
            transport = Transport({"socket": sock, "sslcontext": object()})
            link.connection_made(transport)
            outbox.put(b"small\n")
            outbox.put(b"x" * (3 * RESEND_SIZE))
            link.send()
        assert len(outbox) == 2
        link.connection_lost(None)

    asyncio.run(main())


def test_a_program_that_logs_without_end_is_told_so() -> None:
    logger = logging.getLogger("dev.endless")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(LogForwarder(HOST, 1))

    class Device:
        def __str__(self) -> str:
            logger.info("%s", self)
            return "device"

    with pytest.raises(RecursionError):
        logger.info("%s", Device())
    logger.handlers.clear()


def test_after_its_loop_was_closed_it_goes_on_in_another() -> None:
    async def main() -> None:
        async with plain_server() as server:
            forwarder.port = server.port
            forwarder.start()
            await forwarder.stop()
            assert server.entries() == ["src:INFO:dev.lg:kept"]

    forwarder = LogForwarder(HOST, free_port(), reconnect_timer=1e6)
    loop = asyncio.new_event_loop()
    forwarder.start(loop=loop)
    with collected(OWN):
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        asyncio.run(forwarder.stop())
        forwarder.emit(record("kept"))
        asyncio.run(main())
