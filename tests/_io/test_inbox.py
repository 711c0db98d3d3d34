import asyncio
import threading
from types import SimpleNamespace
from typing import Any, cast

from sipyco._io.inbox import Inbox
from sipyco._wire.subscription import Published
from tests.rpc_servers import run, settle


class Serving:
    """A server that only knows its loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        listening = SimpleNamespace(get_loop=lambda: loop)
        self.server = cast("asyncio.Server", listening) if loop else None


def make(loop: asyncio.AbstractEventLoop | None, **limits: float) -> tuple[Inbox, list[Any]]:
    delivered: list[Any] = []

    def deliver(message: Published) -> None:
        delivered.append(message.line)

    inbox = Inbox(Serving(loop), threading.RLock(), deliver, delivered.append, **limits)
    return inbox, delivered


def message(line: bytes) -> Published:
    return Published(line, None)


def in_thread(inbox: Inbox, *lines: bytes) -> None:
    def put() -> None:
        for line in lines:
            inbox.put(message(line))

    thread = threading.Thread(target=put)
    thread.start()
    thread.join()


def test_messages_of_all_threads_are_delivered_in_their_order() -> None:
    async def main() -> None:
        inbox, delivered = make(asyncio.get_running_loop())
        inbox.put(message(b"1"))
        assert delivered == [b"1"]
        in_thread(inbox, b"2", b"3")
        assert delivered == [b"1"]
        inbox.put(message(b"4"))
        assert delivered == [b"1", b"2", b"3", b"4"]
        in_thread(inbox, b"5")
        await settle()
        assert delivered[-1] == b"5"

    run(main())


def test_the_oldest_give_way_and_are_counted() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        for limits in ({"max_messages": 2}, {"max_size": 2}):
            inbox, delivered = make(loop, **limits)
            in_thread(inbox, b"1", b"2", b"3", b"4")
            await settle()
            assert delivered == [2, b"3", b"4"]

    run(main())


def test_a_single_message_may_be_larger_than_the_limit() -> None:
    async def main() -> None:
        inbox, delivered = make(asyncio.get_running_loop(), max_size=2)
        in_thread(inbox, b"12345")
        await settle()
        assert delivered == [b"12345"]

    run(main())


def test_while_nothing_listens_messages_go_nowhere() -> None:
    inbox, delivered = make(None)
    inbox.put(message(b"1"))
    inbox.drain()
    assert delivered == []


def test_a_loop_that_has_been_closed_takes_nothing() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    inbox, delivered = make(loop)
    inbox.put(message(b"1"))
    inbox.drain()
    assert delivered == []


def test_a_loop_that_ended_before_it_came_round_is_not_relied_on() -> None:
    first = asyncio.new_event_loop()
    inbox, delivered = make(first)
    inbox.put(message(b"1"))  # the loop is asked, but never runs
    first.close()

    async def main() -> None:
        inbox._serving = Serving(asyncio.get_running_loop())
        in_thread(inbox, b"2")
        await settle()
        assert delivered[-1] == b"2"

    run(main())
