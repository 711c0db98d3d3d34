import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sipyco import pyon
from sipyco._wire import subscription
from sipyco._wire.subscription import BROADCAST
from sipyco._wire.subscription_client import SubscriberSession
from sipyco.broadcast import Broadcaster, Receiver
from sipyco.pyon._codec import encode_line
from sipyco.sync_struct import Publisher
from tests.certificates import make_certificates
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_servers import run, settle
from tests.subscriptions import (
    HOST,
    FakeTransport,
    RawFollower,
    Watch,
    fake_connection,
    followers,
    listening,
)

HELLO = b"ARTIQ broadcast\nchannel\n"


class Ear(Watch):
    """A receiver that remembers what it heard."""

    def __init__(self, name: str = "channel", **options: Any) -> None:
        super().__init__()
        self.heard: list[Any] = []
        self.states: list[str] = []
        self.disconnections = 0
        self.receiver = Receiver(
            name, self._hear, self._disconnected, state_cb=self._state, **options
        )

    async def until_heard(self, count: int) -> None:
        await self.until(lambda: len(self.heard) >= count)

    def _hear(self, value: Any) -> None:
        self.heard.append(value)
        self.change()

    def _disconnected(self) -> None:
        self.disconnections += 1
        self.change()

    def _state(self, state: str) -> None:
        self.states.append(state)
        self.change()


@asynccontextmanager
async def heard(broadcaster: Broadcaster, name: str = "channel") -> AsyncIterator[Ear]:
    """Listen with one receiver until the end of the block."""
    async with listening(broadcaster) as port:
        ear = Ear(name)
        await ear.receiver.connect(HOST, port)
        await followers(broadcaster, 1, name)
        yield ear
        await ear.receiver.close()


def values(transport: FakeTransport) -> list[Any]:
    return [pyon.decode(line) for line in transport.written.splitlines()]


@every_loop
def test_values_are_heard_by_those_who_listen_to_the_channel(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        broadcaster = Broadcaster()
        async with heard(broadcaster) as ear:
            broadcaster.broadcast("channel", {"k": (1, 2), "a": np.arange(2)})
            broadcaster.broadcast("another", "not this")
            broadcaster.broadcast("channel", "s")
            await ear.until_heard(2)
            assert pyon.encode(ear.heard[0]) == pyon.encode({"k": (1, 2), "a": np.arange(2)})
            assert ear.heard[1:] == ["s"]

    run(main(), loop_factory)


def test_nothing_is_kept_for_later() -> None:
    async def main() -> None:
        broadcaster = Broadcaster()
        broadcaster.broadcast("channel", "before it listens")
        async with listening(broadcaster):
            broadcaster.broadcast("channel", "before anybody listens")
            transport = fake_connection(broadcaster, HELLO)
            broadcaster.broadcast("channel", "now")
            await settle()
            assert values(transport) == ["now"]
        broadcaster.broadcast("channel", "after the end")

    run(main())


def test_values_of_one_turn_of_the_loop_go_out_in_one_write_and_are_encoded_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        broadcaster = Broadcaster()
        encoded: list[Any] = []
        encode = encode_line
        async with listening(broadcaster):
            transports = [fake_connection(broadcaster, HELLO) for _ in range(3)]

            def count(value: Any, syntax: pyon.Syntax | None) -> list[bytes]:
                encoded.append(value)
                return encode(value, syntax)

            monkeypatch.setattr(subscription, "encode_line", count)
            for number in range(50):
                broadcaster.broadcast("channel", number)
            await settle()
            assert encoded == list(range(50))
            for transport in transports:
                assert len(transport.writes) == 1
                assert values(transport) == list(range(50))

    run(main())


def test_a_value_is_what_it_was_when_it_was_broadcast() -> None:
    async def main() -> None:
        broadcaster = Broadcaster()
        async with listening(broadcaster):
            transport = fake_connection(broadcaster, HELLO)
            value = [1]
            broadcaster.broadcast("channel", value)
            value.append(2)
            await settle()
            assert values(transport) == [[1]]

    run(main())


def test_a_value_that_cannot_be_encoded_raises_and_sends_nothing() -> None:
    async def main() -> None:
        broadcaster = Broadcaster()
        async with listening(broadcaster):
            transport = fake_connection(broadcaster, HELLO)
            with pytest.raises(TypeError):
                broadcaster.broadcast("channel", [1, object()])
            await settle()
            assert transport.writes == []

    run(main())


def test_a_full_queue_drops_the_oldest_for_that_receiver_only() -> None:
    async def main() -> None:
        broadcaster = Broadcaster(queue_limit=3)
        async with listening(broadcaster):
            deaf, good = (fake_connection(broadcaster, HELLO) for _ in range(2))
            other = fake_connection(broadcaster, b"ARTIQ broadcast\nother\n")
            deaf.full_after = 0
            for number in range(10):
                broadcaster.broadcast("channel", number)
                broadcaster.broadcast("other", number)
                await settle()
            assert values(good) == values(other) == list(range(10))
            assert values(deaf) == [0]
            deaf.empty()
            await settle()
            assert values(deaf) == [0, 7, 8, 9]
            assert broadcaster.dropped == 6

    run(main())


def test_a_value_that_was_begun_is_sent_to_its_end() -> None:
    async def main() -> None:
        broadcaster = Broadcaster(queue_limit=1)
        async with listening(broadcaster):
            transport = fake_connection(broadcaster, HELLO)
            transport.full_after = 0
            for letter in "abc":
                broadcaster.broadcast("channel", letter * 1_000_000)
                await settle()
            transport.empty()
            await settle()
            assert [value[0] for value in values(transport)] == ["a", "c"]
            assert broadcaster.dropped == 1

    run(main())


def test_a_long_turn_of_the_loop_does_not_make_a_good_receiver_miss_anything() -> None:
    async def main() -> None:
        broadcaster = Broadcaster(queue_limit=10)
        async with listening(broadcaster):
            transport = fake_connection(broadcaster, HELLO)
            for number in range(1000):
                broadcaster.broadcast("channel", number)
            await settle()
            assert values(transport) == list(range(1000))
            assert broadcaster.dropped == 0

    run(main())


def test_a_loop_that_is_busy_keeps_no_more_than_the_limit_of_each_channel() -> None:
    async def main() -> None:
        broadcaster = Broadcaster(queue_limit=10)
        async with listening(broadcaster):
            noisy = [fake_connection(broadcaster, HELLO) for _ in range(2)]
            quiet = fake_connection(broadcaster, b"ARTIQ broadcast\nquiet\n")

            def flood() -> None:
                broadcaster.broadcast("quiet", "heard")
                for number in range(100):
                    broadcaster.broadcast("channel", number)

            thread = threading.Thread(target=flood)
            thread.start()
            thread.join()
            broadcaster.broadcast("channel", "last")
            await settle()
            for transport in noisy:
                assert values(transport) == [*range(90, 100), "last"]
            assert values(quiet) == ["heard"]
            assert broadcaster.dropped == 2 * 90

    run(main())


@every_loop
def test_every_thread_may_broadcast(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        broadcaster = Broadcaster(queue_limit=10_000)
        async with heard(broadcaster) as ear:

            def speak(me: int) -> None:
                for number in range(500):
                    broadcaster.broadcast("channel", (me, number))

            threads = [threading.Thread(target=speak, args=(me,)) for me in range(4)]
            for thread in threads:
                thread.start()
            await ear.until_heard(2000)
            for thread in threads:
                thread.join()
            assert broadcaster.dropped == 0
            for me in range(4):
                assert [n for who, n in ear.heard if who == me] == list(range(500))

    run(main(), loop_factory)


def test_broadcast_never_logs_so_that_it_can_carry_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Handler(logging.Handler):
        def __init__(self, broadcaster: Broadcaster) -> None:
            super().__init__()
            self.broadcaster = broadcaster
            self.depth = 0

        def emit(self, record: logging.LogRecord) -> None:
            self.depth += 1
            assert self.depth == 1, "broadcast has logged"
            self.broadcaster.broadcast("channel", record.getMessage())
            self.depth -= 1

    async def main() -> None:
        asyncio.get_running_loop().set_debug(True)
        broadcaster = Broadcaster(queue_limit=2)
        handler = Handler(broadcaster)
        root = logging.getLogger()
        root.addHandler(handler)
        try:
            async with listening(broadcaster):
                deaf, good = (fake_connection(broadcaster, HELLO) for _ in range(2))
                deaf.full_after = 0
                fake_connection(broadcaster, b"nonsense\n")  # the server logs that
                for number in range(20):
                    logging.getLogger("program").warning("%d", number)
                await settle()
                assert broadcaster.dropped > 0
                assert values(good)[-1] == "19"
                deaf.empty()
                asyncio.get_running_loop().set_debug(False)
        finally:
            root.removeHandler(handler)

    with caplog.at_level(logging.DEBUG):
        run(main())
    programs = [record for record in caplog.records if record.name == "program"]
    assert len(programs) == 20


def test_broadcast_after_the_loop_has_ended_does_nothing() -> None:
    broadcaster = Broadcaster()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(broadcaster.start(HOST, 0))
    server = broadcaster.server
    assert server is not None
    server.close()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    broadcaster.broadcast("channel", 1)


@every_loop
def test_receivers_reconnect(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        broadcaster = Broadcaster()
        ear = Ear(reconnect=0.01)
        async with listening(broadcaster) as port:
            await ear.receiver.connect(HOST, port)
            await followers(broadcaster, 1, "channel")
            broadcaster.broadcast("channel", 1)  # sent before the end, although it stops at once
        await ear.until(lambda: ear.disconnections == 1)
        async with listening(broadcaster, port=port):
            await ear.until(lambda: len(ear.states) == 3)
            await followers(broadcaster, 1, "channel")
            broadcaster.broadcast("channel", 2)
            await ear.until_heard(2)
            await ear.receiver.close()
        assert ear.heard == [1, 2]
        assert ear.states == ["connected", "disconnected", "connected"]
        assert ear.disconnections == 1

    run(main(), loop_factory)


def test_all_callbacks_are_called_in_order_and_coroutines_awaited() -> None:
    async def main() -> None:
        calls: list[Any] = []
        watch = Watch()

        async def slow(value: Any) -> None:
            await asyncio.sleep(0)
            calls.append(("slow", value))

        def fast(value: Any) -> None:
            calls.append(("fast", value))
            watch.change()

        broadcaster = Broadcaster()
        async with listening(broadcaster) as port:
            receiver = Receiver("channel", [slow])
            receiver.notify_cbs.append(fast)
            await receiver.connect(HOST, port)
            await followers(broadcaster, 1, "channel")
            broadcaster.broadcast("channel", 1)
            broadcaster.broadcast("channel", 2)
            await watch.until(lambda: len(calls) == 4)
            await receiver.close()
            assert receiver.receive_task.done()
        assert calls == [("slow", 1), ("fast", 1), ("slow", 2), ("fast", 2)]

    run(main())


def test_a_callback_that_raises_is_logged_and_ends_the_reception(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        broadcaster = Broadcaster()
        async with heard(broadcaster) as ear:
            ear.receiver.notify_cbs.append(lambda value: value.nothing)
            broadcaster.broadcast("channel", 1)
            await ear.receiver.receive_task
            assert ear.disconnections == 1

    run(main())
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize(
    ("syntax", "expected"), [(None, b"(1, )"), ("json", b'{"__jsonclass__":["tuple",[[1]]]}')]
)
def test_the_spelling_can_be_chosen_and_is_read(
    syntax: pyon.Syntax | None, expected: bytes
) -> None:
    async def main() -> None:
        broadcaster = Broadcaster(syntax=syntax)
        async with heard(broadcaster) as ear:
            transport = fake_connection(broadcaster, HELLO)
            broadcaster.broadcast("channel", (1,))
            await ear.until_heard(1)
            assert transport.written == expected + b"\n"
            assert ear.heard == [(1,)]

    run(main())


@every_loop
def test_channels_are_followed_through_tls(tmp_path: Path, loop_factory: LoopFactory) -> None:
    async def main() -> None:
        server_config, client_config = make_certificates(tmp_path)
        broadcaster = Broadcaster()
        async with listening(broadcaster, server_config) as port:
            ear = Ear()
            await ear.receiver.connect(HOST, port, client_config)
            await followers(broadcaster, 1, "channel")
            broadcaster.broadcast("channel", "x" * 1_000_000)
            await ear.until_heard(1)
            await ear.receiver.close()

    run(main(), loop_factory)


def test_a_wrong_banner_is_closed_without_a_word() -> None:
    async def main() -> None:
        async with listening(Broadcaster()) as port:
            client = await RawFollower.connect(port, b"ARTIQ sync_struct\nchannel\n")
            assert await client.line() == b""
            client.close()

    run(main())


def test_at_least_one_value_has_to_wait() -> None:
    with pytest.raises(ValueError, match="queue_limit"):
        Broadcaster(0)


def test_a_receiver_that_is_refused_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with listening(Publisher({})) as port:
            ear = Ear()
            await ear.receiver.connect(HOST, port)
            await ear.until(lambda: ear.disconnections)

    with caplog.at_level(logging.WARNING, "sipyco._io.subscriber"):
        run(main())
    assert "subscription to 'channel' was lost" in caplog.text


def test_a_receiver_hears_nothing_that_was_said_before_it_came() -> None:
    async def main() -> None:
        broadcaster = Broadcaster()
        async with listening(broadcaster):
            first = fake_connection(broadcaster, HELLO)
            # The loop is busy meanwhile: what other threads say waits for it.
            thread = threading.Thread(target=broadcaster.broadcast, args=("channel", "before"))
            thread.start()
            thread.join()
            second = fake_connection(broadcaster, HELLO)
            await settle()
            broadcaster.broadcast("channel", "after")
            await settle()
            assert (values(first), values(second)) == (["before", "after"], ["after"])

    run(main())


def in_both_forms(transport: FakeTransport) -> list[Any]:
    return list(SubscriberSession(BROADCAST, "channel", "it").receive(transport.written))


def test_receivers_of_both_forms_hear_the_same() -> None:
    async def main() -> None:
        broadcaster = Broadcaster()
        async with listening(broadcaster):
            old = fake_connection(broadcaster, HELLO)
            new = fake_connection(broadcaster, HELLO + b"frames_v1\n")
            late = fake_connection(broadcaster, HELLO)
            broadcaster.broadcast("channel", (1, np.arange(2)))
            late._protocol.data_received(b"frames_v1\n")
            broadcaster.broadcast("channel", {2: None})
            await settle()
            for transport in (old, new, late):
                assert pyon.encode(in_both_forms(transport)) == pyon.encode(
                    [(1, np.arange(2)), {2: None}]
                )
            assert old.written.count(b"\n") == 2
            assert new.written[0] == 1
            assert late.written.startswith(old.written.splitlines()[0] + b"\n\1")

    run(main())


def test_threads_broadcast_while_receivers_of_both_forms_come_and_go() -> None:
    async def main() -> None:
        broadcaster = Broadcaster(queue_limit=100_000)
        stop = threading.Event()

        def count() -> None:
            number = 0
            while not stop.is_set():
                broadcaster.broadcast("channel", number)
                number += 1

        thread = threading.Thread(target=count)
        async with listening(broadcaster):
            thread.start()
            try:
                for turn in range(20):
                    transport = fake_connection(broadcaster, HELLO + b"frames_v1\n" * (turn % 2))
                    await settle()
                    transport._protocol.data_received(b"frames_v1\n")
                    await settle()
                    numbers = in_both_forms(transport)
                    first = numbers[0] if numbers else 0
                    assert numbers == list(range(first, first + len(numbers)))
                    transport.close()
            finally:
                stop.set()
                thread.join()

    run(main())
