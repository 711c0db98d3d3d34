"""Recorded subscribers and receivers talk to our servers, and ours to recorded servers."""

import asyncio
from typing import Any

import numpy as np
import pytest

from sipyco import pyon
from sipyco._wire.mods import process_mod
from sipyco._wire.subscription import BROADCAST, SYNC_STRUCT
from sipyco._wire.subscription_client import SubscriberSession
from sipyco.broadcast import Broadcaster, Receiver
from sipyco.sync_struct import Notifier, Publisher
from tests.interop.transcripts import VERSIONS, lines_of
from tests.rpc_servers import run, settle
from tests.subscriptions import (
    HOST,
    Copy,
    FakeTransport,
    Watch,
    fake_connection,
    listening,
    pieces,
)

SYNTAX: dict[str, pyon.Syntax] = {"1.9": "python", "1.10": "json"}
BROADCAST_VALUES = [{"k": (1, 2), "a": np.array([0, 1], "<i8")}, "s"]
FINAL = {"a": {"b": [7, 8]}, "arr": np.array([5.0, 0.0]), "x": 1, 5: {"k": 1}}


def recorded_structure() -> dict[Any, Any]:
    return {"a": {"b": [1, 2]}, "arr": np.zeros(2)}


def recorded_changes(notifier: Notifier) -> None:
    """Change what was changed in the recording, in the ways in which programs write it."""
    notifier["x"] = 1
    notifier["a"]["b"].append(3)
    notifier["a"]["b"].insert(0, 0)
    notifier["a"]["b"].pop()
    notifier["a"]["b"].pop(0)
    notifier["a"]["c"] = (1, 2)
    del notifier["a"]["c"]
    notifier["arr"][0] = 5.0
    notifier[5] = {"k": 1}
    notifier["a"]["b"][0] = 9
    notifier["a"]["b"][:] = [7, 8]


def bytes_of(version: str, name: str, side: Any) -> bytes:
    return "".join(lines_of(version, name, side)).encode()


def talk(server: Publisher | Broadcaster, said: bytes, cut: int) -> FakeTransport:
    first, *rest = pieces(said, cut)
    transport = fake_connection(server, first)
    for piece in rest:
        transport._protocol.data_received(piece)
    return transport


@pytest.mark.parametrize("version", VERSIONS)
def test_our_publisher_says_to_the_byte_what_was_recorded(version: str) -> None:
    said = bytes_of(version, "sync_struct", "client")

    async def main() -> None:
        for cut in range(len(said)):
            notifier = Notifier(recorded_structure())
            publisher = Publisher({"data": notifier}, syntax=SYNTAX[version])
            async with listening(publisher):
                transport = talk(publisher, said, cut)
                recorded_changes(notifier)
                await settle()
                assert transport.written == bytes_of(version, "sync_struct", "server")

    run(main())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["sync_struct_unknown_notifier", "sync_struct_bad_banner"])
def test_our_publisher_closes_without_a_word_where_it_was_recorded(version: str, name: str) -> None:
    said = bytes_of(version, name, "client")

    async def main() -> None:
        publisher = Publisher({"data": Notifier({})})
        async with listening(publisher):
            for cut in range(len(said)):
                transport = talk(publisher, said, cut)
                assert transport.closed
                assert transport.writes == []
            await settle()

    run(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_our_broadcaster_says_to_the_byte_what_was_recorded(version: str) -> None:
    said = bytes_of(version, "broadcast", "client")

    async def main() -> None:
        broadcaster = Broadcaster(syntax=SYNTAX[version])
        async with listening(broadcaster):
            for cut in range(len(said)):
                transport = talk(broadcaster, said, cut)
                for value in BROADCAST_VALUES:
                    broadcaster.broadcast("chan", value)
                await settle()
                assert transport.written == bytes_of(version, "broadcast", "server")
                transport.close()
                await settle()

    run(main())


def heard_in_pieces(banner: bytes, name: str, stream: bytes, cut: int) -> list[Any]:
    session = SubscriberSession(banner, name, "recorded:1")
    return [value for piece in pieces(stream, cut) for value in session.receive(piece)]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_recorded_publisher_is_followed_at_every_cut(version: str) -> None:
    stream = bytes_of(version, "sync_struct", "server")
    for cut in range(len(stream)):
        init, *mods = heard_in_pieces(SYNC_STRUCT, "data", stream, cut)
        structure = init["struct"]
        for mod in mods:
            process_mod(structure, mod)
        assert pyon.encode(structure) == pyon.encode(FINAL)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_recorded_broadcaster_is_heard_at_every_cut(version: str) -> None:
    stream = bytes_of(version, "broadcast", "server")
    for cut in range(len(stream)):
        heard = heard_in_pieces(BROADCAST, "chan", stream, cut)
        assert pyon.encode(heard) == pyon.encode(BROADCAST_VALUES)


class RecordedServer:
    """Waits for what was recorded of the client, and answers what was recorded of the server."""

    def __init__(self, version: str, name: str) -> None:
        self.expected = bytes_of(version, name, "client")
        self.answer = bytes_of(version, name, "server")

    async def __aenter__(self) -> int:
        self.listener = await asyncio.start_server(self._talk, HOST, 0)
        return int(self.listener.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self.listener.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(len(self.expected)) == self.expected
        writer.write(self.answer)
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("version", VERSIONS)
def test_our_subscriber_talks_to_a_recorded_publisher(version: str) -> None:
    async def main() -> None:
        async with RecordedServer(version, "sync_struct") as port:
            one = await Copy().connect(port)
            await one.subscriber.receive_task
        assert pyon.encode(one.target) == pyon.encode(FINAL)
        assert len(one.mods) == 12
        assert one.disconnections == 1

    run(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_our_receiver_talks_to_a_recorded_broadcaster(version: str) -> None:
    async def main() -> None:
        heard: list[Any] = []
        gone = Watch()
        async with RecordedServer(version, "broadcast") as port:
            receiver = Receiver("chan", heard.append, gone.change)
            await receiver.connect(HOST, port)
            await receiver.receive_task
        assert pyon.encode(heard) == pyon.encode(BROADCAST_VALUES)

    run(main())
