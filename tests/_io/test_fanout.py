from typing import Any

import pytest

from sipyco._io.fanout import CHUNK_SIZE, FanoutServer, Follower
from sipyco._wire import limits
from tests.rpc_servers import run, settle
from tests.subscriptions import FakeTransport, fake_connection, listening

BANNER = b"ARTIQ test"
HELLO = b"ARTIQ test\nname\n"


def connect(server: FanoutServer) -> tuple[FakeTransport, Follower]:
    before = set(server.followers.get("name", ()))
    transport = fake_connection(server, HELLO)
    (follower,) = server.followers["name"] - before
    return transport, follower


def test_lines_wait_for_the_next_turn_of_the_loop_and_leave_together() -> None:
    async def main() -> None:
        server = FanoutServer(BANNER)
        async with listening(server):
            transport, follower = connect(server)
            follower.put(b"a\n")
            follower.put(b"b\n")
            assert transport.writes == []
            assert follower.backlog == 4
            await settle()
            assert transport.writes == [b"a\nb\n"]
            assert follower.backlog == 0

    run(main())


def test_large_lines_are_handed_over_in_pieces_while_there_is_room() -> None:
    async def main() -> None:
        server = FanoutServer(BANNER)
        async with listening(server):
            transport, follower = connect(server)
            line = bytes(range(256)) * 4096 + b"\n"
            transport.full_after = 2
            follower.put(line)
            await settle()
            assert list(map(len, transport.writes)) == [CHUNK_SIZE] * 2
            assert follower.backlog == len(line) - 2 * CHUNK_SIZE
            transport.empty()
            await settle()
            assert transport.written == line

    run(main())


def test_what_is_dropped_is_never_a_line_that_was_begun() -> None:
    async def main() -> None:
        server = FanoutServer(BANNER)
        async with listening(server):
            transport, follower = connect(server)
            transport.full_after = 1
            begun = b"x" * CHUNK_SIZE * 2
            for line in (begun, b"1", b"2", b"3"):
                follower.put(line)
            await settle()
            assert follower.waiting_messages == 3
            follower.drop_oldest()
            assert follower.backlog == CHUNK_SIZE + 2
            follower.drop_waiting()
            assert follower.backlog == CHUNK_SIZE
            transport.empty()
            await settle()
            assert transport.written == begun

    run(main())


def test_a_follower_that_is_closed_gets_what_waits_and_no_more() -> None:
    async def main() -> None:
        server = FanoutServer(BANNER)
        async with listening(server):
            transport, follower = connect(server)
            transport.full_after = 1
            follower.put(b"x" * CHUNK_SIZE)
            follower.put(b"last")
            follower.close()
            assert "name" not in server.followers
            assert not transport.closed
            transport.empty()
            await settle()
            assert transport.written.endswith(b"xlast")
            assert transport.closed
            await follower.closed

    run(main())


def test_a_follower_that_does_not_read_is_cut_off_when_it_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "FLUSH_TIMEOUT", 0.01)

    async def main() -> None:
        server = FanoutServer(BANNER)
        async with listening(server):
            transport, follower = connect(server)
            transport.full_after = 1
            follower.put(b"x" * 2 * CHUNK_SIZE)
            await settle()
            follower.close()
            await follower.closed
            assert len(transport.writes) == 1

    run(main())


def test_who_is_behind_is_welcomed_again_only_when_there_is_room() -> None:
    welcomed: list[Any] = []

    class Server(FanoutServer):
        def welcome(self, follower: Follower) -> None:
            super().welcome(follower)
            welcomed.append(follower)

    async def main() -> None:
        server = Server(BANNER)
        async with listening(server):
            transport, follower = connect(server)
            assert welcomed == [follower]
            transport.full_after = 1
            follower.put(b"a")
            await settle()
            follower.is_behind = True
            follower.send_soon()
            await settle()
            assert welcomed == [follower]
            transport.empty()
            await settle()
            assert welcomed == [follower] * 2

    run(main())
