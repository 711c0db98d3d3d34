"""A recorded program sends its log to our server, and ours sends the same bytes."""

import ast
import asyncio
import json
import logging
from pathlib import Path

import pytest

from sipyco._wire.log_entries import BANNER, LogEntry, LogServerSession, encode_entry
from sipyco.logs import LogForwarder
from tests.event_loops import LoopFactory, every_loop
from tests.interop.transcripts import VERSIONS, halves
from tests.logs.support import PlainServer, collected, log_server, record

every_version = pytest.mark.parametrize("version", VERSIONS)


def sent_by_client(version: str) -> bytes:
    assert {side for side, _ in halves(version, "logging")} == {"client"}
    return "".join(text for _, text in halves(version, "logging")).encode()


def logged_by_server(version: str) -> list[tuple[str, str, str, str]]:
    """Return logger, level, message and source of what the recorded server logged."""
    path = Path(__file__).with_name(f"transcripts_{version}.json")
    found: list[tuple[str, str, str, str]] = ast.literal_eval(
        json.loads(path.read_text())["logging"]["result"]
    )
    return found


@every_version
def test_our_session_reads_the_recorded_client_alike_at_every_cut(version: str) -> None:
    stream = sent_by_client(version)
    for cut in range(len(stream) + 1):
        session = LogServerSession()
        entries: list[LogEntry] = []
        for data in (stream[:cut], stream[cut:]):
            received = session.receive(data)
            assert isinstance(received, list)
            entries += received
        assert session.receive_end() == []
        assert [
            (entry.name, logging.getLevelName(entry.level), entry.message, entry.source)
            for entry in entries
        ] == logged_by_server(version)
        assert BANNER + b"\n" + b"".join(map(encode_entry, entries)) == stream


@every_loop
@every_version
def test_our_server_logs_what_the_recorded_client_sent(
    version: str, loop_factory: LoopFactory
) -> None:
    async def main() -> None:
        with collected("dev.lg") as handler:
            async with log_server() as port:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(sent_by_client(version))
                writer.write_eof()
                # The recorded server closed when the client had, and so does ours.
                assert await reader.read() == b""
                writer.close()
        assert [
            (r.name, r.levelname, r.getMessage(), r.source)  # type: ignore[attr-defined]
            for r in handler.records
        ] == logged_by_server(version)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@every_loop
@every_version
def test_our_forwarder_sends_what_the_recorded_one_sent(
    version: str, loop_factory: LoopFactory
) -> None:
    async def main() -> None:
        server = PlainServer()
        await server.start()
        forwarder = LogForwarder("127.0.0.1", server.port)
        forwarder.start()
        for name, level, message, source in logged_by_server(version):
            number = logging.getLevelNamesMapping()[level]
            forwarder.emit(record(message, number, name=name, source=source))
        await forwarder.stop()
        await server.stop()
        assert server.connections == [sent_by_client(version)]

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
