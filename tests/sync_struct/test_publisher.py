import asyncio
import gc
import logging
import os
import socket
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from sipyco import pyon
from sipyco._io.fanout import Follower
from sipyco._wire import limits, subscription
from sipyco.pyon._codec import encode_line
from sipyco.sync_struct import Notifier, Publisher, Subscriber, process_mod
from tests.certificates import make_certificates
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_servers import run, settle
from tests.subscriptions import (
    HOST,
    Copy,
    FakeTransport,
    RawFollower,
    copies,
    fake_connection,
    followers,
    listening,
)

HELLO = b"ARTIQ sync_struct\ndata\n"
MEGABYTE = "x" * 1_000_000


def values(transport: FakeTransport) -> list[Any]:
    return [pyon.decode(line) for line in transport.written.splitlines()]


def follower_of(publisher: Publisher, name: str = "data") -> Follower:
    (follower,) = publisher.followers[name]
    return follower


class CountedEncoder:
    """Stands before `encode_line` and counts what is encoded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.actions: list[str] = []
        self._encode = encode_line
        monkeypatch.setattr(subscription, "encode_line", self)

    def __call__(self, value: Any, syntax: pyon.Syntax | None) -> list[bytes]:
        self.actions.append(value["action"])
        return self._encode(value, syntax)


@every_loop
def test_copies_follow_every_change(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        notifier = Notifier({"l": [1], "arr": np.zeros(4)})
        async with copies(Publisher({"data": notifier}), 3) as made:
            notifier["l"].append(2)
            notifier["l"].insert(0, 0)
            notifier["l"].pop()
            notifier["arr"][1:3] = 5
            notifier["n"] = {"a": (1, 2), 5: None}
            del notifier["n"]["a"]
            for one in made:
                await one.until_told(7)
                assert pyon.encode(one.target) == pyon.encode(notifier.raw_view)
                assert one.mods[0]["action"] == "init"

    run(main(), loop_factory)


def test_later_changes_of_a_published_object_do_not_falsify_the_mod() -> None:
    async def main() -> None:
        notifier = Notifier({})
        async with copies(Publisher({"data": notifier})) as (one,):
            array = np.zeros(3)
            value = {"a": [1]}
            notifier["array"] = array
            notifier["value"] = value
            array[:] = 7
            value["a"].append(2)
            await one.until(lambda: len(one.mods) == 3)
            assert one.target["array"].tolist() == [0, 0, 0]
            assert one.target["value"] == {"a": [1]}

    run(main())


def test_mods_of_one_turn_of_the_loop_go_out_in_one_write_per_subscriber(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        notifier = Notifier({"n": 0})
        publisher = Publisher({"data": notifier})
        async with listening(publisher):
            transports = [fake_connection(publisher, HELLO) for _ in range(3)]
            await settle()
            encoder = CountedEncoder(monkeypatch)
            for number in range(100):
                notifier["n"] = number
            assert encoder.actions == ["setitem"] * 100
            await settle()
            for transport in transports:
                assert len(transport.writes) == 2
                assert len(values(transport)) == 101

    run(main())


def test_the_structure_is_encoded_once_per_state_however_many_connect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        notifier = Notifier({"n": 0})
        publisher = Publisher({"data": notifier})
        async with listening(publisher):
            encoder = CountedEncoder(monkeypatch)
            transports = [fake_connection(publisher, HELLO) for _ in range(10)]
            assert encoder.actions == ["init"]
            notifier["n"] = 1
            notifier["n"] = 2
            transports += [fake_connection(publisher, HELLO) for _ in range(10)]
            assert encoder.actions == ["init", "setitem", "setitem", "init"]
            await settle()
            assert values(transports[0])[0]["struct"] == {"n": 0}
            assert values(transports[-1]) == [{"action": "init", "struct": {"n": 2}}]

    run(main())


def test_changes_made_while_publish_was_taken_away_are_in_the_next_structure() -> None:
    async def main() -> None:
        notifier = Notifier({"n": 0})
        publisher = Publisher({"data": notifier})
        async with listening(publisher):
            fake_connection(publisher, HELLO)
            notifier.publish, kept = None, notifier.publish
            notifier["n"] = 1
            notifier.publish = kept
            transport = fake_connection(publisher, HELLO)
            await settle()
            assert values(transport) == [{"action": "init", "struct": {"n": 1}}]

    run(main())


def test_publish_can_be_wrapped_by_the_program() -> None:
    async def main() -> None:
        notifier = Notifier({"n": 0})
        async with copies(Publisher({"data": notifier})) as (one,):
            seen: list[Any] = []
            inner = notifier.publish
            assert inner is not None

            def publish(mod: dict[str, Any]) -> None:
                seen.append(mod)
                inner(mod)

            notifier.publish = publish
            notifier["n"] = 1
            await one.until_equal({"n": 1})
            assert len(seen) == 1

    run(main())


@every_loop
def test_a_stalled_subscriber_costs_no_more_than_the_limit_and_converges(
    loop_factory: LoopFactory, caplog: pytest.LogCaptureFixture
) -> None:
    count = 300

    async def main() -> None:
        notifier = Notifier({"number": -1, "value": ""})
        publisher = Publisher({"data": notifier})
        async with copies(publisher) as (healthy,):
            stalled = await RawFollower.connect(
                healthy.subscriber.writer.get_extra_info("peername")[1]
            )
            await followers(publisher, 2)
            (follower,) = [
                one
                for one in publisher.followers["data"]
                if one.peer.endswith(str(stalled.sock.getsockname()[1]))
            ]
            healthy.mods.clear()
            gc.collect()
            tracemalloc.start()
            largest = 0
            for number in range(count):
                notifier["value"] = MEGABYTE
                notifier["number"] = number
                await healthy.until_told(2)
                healthy.mods.clear()
                largest = max(largest, tracemalloc.get_traced_memory()[0])
                assert follower.backlog <= limits.MAX_BACKLOG_SIZE
            tracemalloc.stop()
            # What the loop over mods itself holds in the moment: values, copies of them, buffers.
            assert largest < limits.MAX_BACKLOG_SIZE + 10_000_000
            assert publisher.missed == 1
            assert healthy.target == notifier.raw_view
            while True:
                mod = pyon.decode(await stalled.line())
                if mod["action"] == "init" and mod["struct"]["number"] == count - 1:
                    break
            notifier["number"] = count
            assert pyon.decode(await stalled.line())["value"] == count
            stalled.close()
            await followers(publisher, 1)
        assert publisher.missed == 1

    with caplog.at_level(logging.WARNING):
        run(main(), loop_factory)
    (record,) = caplog.records
    assert "does not keep up with 'data'" in record.getMessage()


def test_a_subscriber_that_was_behind_gets_the_structure_instead_of_what_it_missed() -> None:
    async def main() -> None:
        notifier = Notifier({"n": 0, "value": ""})
        publisher = Publisher({"data": notifier}, max_backlog=1000)
        async with listening(publisher):
            transport = fake_connection(publisher, HELLO)
            await settle()
            transport.full_after = 0
            for number in range(1, 101):
                notifier["n"] = number
                await settle()
                assert follower_of(publisher).backlog <= 1000
            assert publisher.missed == 1
            notifier["value"] = "while it is behind"
            transport.empty()
            await settle()
            assert [mod["action"] for mod in values(transport)] == ["init", "setitem", "init"]
            assert values(transport)[-1]["struct"] == notifier.raw_view
            notifier["n"] = 0
            await settle()
            assert values(transport)[-1]["value"] == 0
            assert publisher.missed == 1

    run(main())


def test_a_line_that_was_begun_is_sent_to_its_end() -> None:
    async def main() -> None:
        notifier = Notifier({"value": ""})
        publisher = Publisher({"data": notifier}, max_backlog=2_000_000)
        async with listening(publisher):
            transport = fake_connection(publisher, HELLO)
            await settle()
            transport.full_after = 0
            for number in range(5):
                notifier["value"] = str(number) * 1_000_000
                await settle()
            assert follower_of(publisher).is_behind
            transport.empty()
            await settle()
            init, begun, fresh = values(transport)
            assert (init["action"], begun["value"], fresh["struct"]) == (
                "init",
                "0" * 1_000_000,
                {"value": "4" * 1_000_000},
            )

    run(main())


def test_a_mod_over_the_limit_is_sent_to_who_waits_for_nothing() -> None:
    async def main() -> None:
        notifier = Notifier({"value": ""})
        publisher = Publisher({"data": notifier}, max_backlog=1000)
        async with copies(publisher) as (one,):
            notifier["value"] = MEGABYTE
            await one.until_equal({"value": MEGABYTE})
            assert publisher.missed == 0
            assert one.count("init") == 1

    run(main())


def test_a_large_structure_does_not_count_against_the_limit() -> None:
    async def main() -> None:
        notifier = Notifier({"value": MEGABYTE, "n": 0})
        publisher = Publisher({"data": notifier}, max_backlog=1000)
        async with listening(publisher):
            transport = fake_connection(publisher, HELLO)
            transport.full_after = 1
            await settle()
            notifier["n"] = 1
            await settle()
            assert publisher.missed == 0
            transport.empty()
            await settle()
            assert [mod["action"] for mod in values(transport)] == ["init", "setitem"]

    run(main())


def test_a_long_turn_of_the_loop_does_not_make_a_good_reader_miss_anything() -> None:
    async def main() -> None:
        notifier = Notifier({"value": ""})
        publisher = Publisher({"data": notifier}, max_backlog=10_000)
        async with listening(publisher):
            transport = fake_connection(publisher, HELLO)
            await settle()
            for number in range(100):
                notifier["value"] = str(number) * 1000
            await settle()
            assert publisher.missed == 0
            assert len(values(transport)) == 101

    run(main())


def test_a_structure_of_100_megabytes_is_published() -> None:
    async def main() -> None:
        data = np.random.default_rng(1).integers(0, 256, 75_000_000, np.uint8)
        notifier = Notifier({"data": data, "n": 0})
        async with copies(Publisher({"data": notifier})) as (one,):
            notifier["n"] = 1
            await one.until(lambda: one.target["n"] == 1)
            assert np.array_equal(one.target["data"], data)

    run(main())


@every_loop
def test_changes_from_many_threads_converge_while_subscribers_come_and_go(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        notifier = Notifier({"list": [], "count": 0, "mine": {}})
        publisher = Publisher({"data": notifier}, max_backlog=20_000)
        somebody_came = threading.Event()

        def change(me: int) -> None:
            for number in range(250):
                if number == 125:
                    somebody_came.wait(30)
                notifier["count"] += 1
                notifier["list"].append((me, number))
                notifier["mine"][me] = number
                if number % 50 == 49:
                    notifier["list"] = []

        async with listening(publisher) as port:
            stay = [await Copy().connect(port) for _ in range(2)]
            threads = [threading.Thread(target=change, args=(me,)) for me in range(4)]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                guest = await Copy().connect(port)
                await guest.until_told(1)
                assert not guest.disconnections
                await guest.close()
                somebody_came.set()
            for thread in threads:
                thread.join()
            notifier["end"] = True
            late = await Copy().connect(port)
            for one in (*stay, late):
                await one.until_equal(notifier.raw_view)
                assert one.target == notifier.raw_view
                assert one.target["count"] == 1000
                await one.close()

    run(main(), loop_factory)


def test_a_subscriber_that_comes_between_a_change_and_its_delivery_is_told_once() -> None:
    async def main() -> None:
        notifier = Notifier([])
        publisher = Publisher({"data": notifier})
        async with listening(publisher):
            first = fake_connection(publisher, HELLO)
            thread = threading.Thread(target=notifier.append, args=(1,))
            thread.start()
            thread.join()  # the loop has not come round
            second = fake_connection(publisher, HELLO)
            notifier.append(2)
            await settle()
            for transport, actions in (
                (first, ["init", "append", "append"]),
                (second, ["init", "append"]),
            ):
                init, *mods = values(transport)
                assert [mod["action"] for mod in (init, *mods)] == actions
                for mod in mods:
                    process_mod(init["struct"], mod)
                assert init["struct"] == [1, 2]

    run(main())


def test_a_loop_that_is_busy_keeps_no_more_changes_than_the_limit() -> None:
    async def main() -> None:
        notifier = Notifier({"n": 0})
        publisher = Publisher({"data": notifier}, max_backlog=1000)
        async with listening(publisher):
            transport = fake_connection(publisher, HELLO)
            await settle()

            def change() -> None:
                for number in range(1000):
                    notifier["n"] = number

            thread = threading.Thread(target=change)
            thread.start()
            thread.join()
            assert publisher._channels["data"].inbox._size <= 1000
            await settle()
            assert publisher.missed == 1
            assert values(transport)[-1] == {"action": "init", "struct": {"n": 999}}

    run(main())


def test_changes_after_the_loop_has_ended_only_change_the_structure() -> None:
    notifier = Notifier({"n": 0})
    publisher = Publisher({"data": notifier})

    async def forgets_to_stop() -> None:
        await publisher.start(HOST, 0)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(forgets_to_stop())
    notifier["n"] = 1  # the loop does not run, but may again
    server = publisher.server
    assert server is not None
    server.close()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    notifier["n"] = 2
    assert notifier.raw_view == {"n": 2}


def test_a_publisher_starts_again_on_another_loop() -> None:
    notifier = Notifier({"n": 0})
    publisher = Publisher({"data": notifier})

    async def main() -> None:
        async with copies(publisher) as (one,):
            before = notifier["n"].raw_view
            thread = threading.Thread(target=notifier.__setitem__, args=("n", before + 1))
            thread.start()
            await one.until_equal({"n": before + 1})
            thread.join()

    run(main())
    notifier["n"] = 5
    run(main())
    assert notifier.raw_view == {"n": 6}


@every_loop
@pytest.mark.parametrize(
    "says",
    [
        b"X\n",
        b"ARTIQ sync_struct\nnothing\n",
        b"ARTIQ sync_struct\n\xff\xfe\n",
        b"ARTIQ broadcast\ndata\n",
        b"x" * 200_000,
    ],
)
def test_who_breaks_the_rules_is_closed_without_a_word(
    says: bytes, loop_factory: LoopFactory, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with listening(Publisher({"data": Notifier({})})) as port:
            client = await RawFollower.connect(port, says)
            assert await client.line() == b""
            client.close()

    run(main(), loop_factory)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "closed the connection from 127.0.0.1" in record.getMessage()


@every_loop
def test_what_a_subscriber_sends_after_the_name_is_ignored(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        notifier = Notifier({})
        async with listening(Publisher({"data": notifier})) as port:
            client = await RawFollower.connect(port, HELLO + b"more\n\xff")
            assert pyon.decode(await client.line()) == {"action": "init", "struct": {}}
            await asyncio.get_running_loop().sock_sendall(client.sock, b"x\n" * 50_000)
            notifier["a"] = 1
            assert pyon.decode(await client.line())["value"] == 1
            client.close()

    run(main(), loop_factory)


def test_a_structure_that_cannot_be_encoded_closes_the_connection_and_says_why_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        notifier = Notifier({"bad": object()})
        publisher = Publisher({"data": notifier})
        async with listening(publisher) as port:
            client = await RawFollower.connect(port)
            assert await client.line() == b""
            client.close()
            del notifier["bad"]
            client = await RawFollower.connect(port)
            assert pyon.decode(await client.line())["struct"] == {}
            client.close()

    run(main())
    (record,) = caplog.records
    assert "the structure 'data' could not be sent" in record.getMessage()
    assert record.exc_info


def test_notifiers_are_added_and_removed_at_run_time() -> None:
    async def main() -> None:
        publisher = Publisher({})
        async with listening(publisher) as port:
            first = Notifier({"n": 1})
            publisher.add_notifier("data", first)
            with pytest.raises(ValueError, match="already"):
                publisher.add_notifier("data", Notifier({}))
            one = await Copy().connect(port)
            await one.until_equal({"n": 1})
            first["n"] = 2  # on its way when the notifier is removed
            publisher.remove_notifier("data")
            await one.until(lambda: one.disconnections)
            assert one.target == {"n": 2}
            assert first.publish is None
            first["n"] = 3
            with pytest.raises(KeyError):
                publisher.remove_notifier("data")
            publisher.add_notifier("data", Notifier({"m": 1}))
            await one.connect(port)
            await one.until_equal({"m": 1})
            await one.close()

    run(main())


def test_a_part_of_a_structure_is_not_published_alone() -> None:
    with pytest.raises(ValueError, match="part of a structure"):
        Publisher({"data": Notifier({"a": []})["a"]})


def test_removing_a_notifier_leaves_a_publish_of_the_program_alone() -> None:
    notifier = Notifier({})
    publisher = Publisher({"data": notifier})
    notifier.publish = print
    publisher.remove_notifier("data")
    assert notifier.publish is print


def test_a_subscriber_that_does_not_read_is_disconnected_when_its_notifier_is_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "FLUSH_TIMEOUT", 0.01)

    async def main() -> None:
        notifier = Notifier({"n": 0})
        publisher = Publisher({"data": notifier})
        async with listening(publisher):
            transport = fake_connection(publisher, HELLO)
            transport.full_after = 0
            await settle()
            notifier["n"] = 1
            follower = follower_of(publisher)
            publisher.remove_notifier("data")
            await follower.closed
            assert transport.closed

    run(main())


@every_loop
def test_what_was_published_before_the_stop_arrives(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        notifier = Notifier({"n": 0, "value": ""})
        publisher = Publisher({"data": notifier})
        async with copies(publisher) as (one,):
            notifier["value"] = MEGABYTE * 3
            notifier["n"] = 1
            await publisher.stop()
            await one.until(lambda: one.disconnections)
            assert one.target == notifier.raw_view
            assert one.states == ["connected", "disconnected"]
            assert one.subscriber.receive_task.done()

    run(main(), loop_factory)


def test_names_that_nobody_follows_any_more_are_forgotten() -> None:
    async def main() -> None:
        publisher = Publisher({"data": Notifier({})})
        async with copies(publisher) as (one,):
            assert set(publisher.followers) == {"data"}
            await one.close()
            await followers(publisher, 0)
            assert not publisher.followers

    run(main())


@pytest.mark.parametrize(
    ("syntax", "expected"),
    [
        (None, b'{"action": "init", "struct": {"t": (1, )}}'),
        ("python", b'{"action": "init", "struct": {"t": (1, )}}'),
        ("json", b'{"action":"init","struct":{"t":{"__jsonclass__":["tuple",[[1]]]}}}'),
    ],
)
def test_the_spelling_can_be_chosen_and_is_read(
    syntax: pyon.Syntax | None, expected: bytes
) -> None:
    async def main() -> None:
        notifier = Notifier({"t": (1,)})
        async with listening(Publisher({"data": notifier}, syntax=syntax)) as port:
            client = await RawFollower.connect(port)
            assert await client.line() == expected
            client.close()
            one = await Copy().connect(port)
            notifier["u"] = (2,)
            await one.until_equal({"t": (1,), "u": (2,)})
            await one.close()

    run(main())


def test_the_environment_sets_the_spelling_of_a_whole_process() -> None:
    program = """
from sipyco._wire.subscription import Form
from sipyco.broadcast import Broadcaster
from sipyco.sync_struct import Notifier, Publisher
notifier = Notifier({"t": (1,)})
Publisher({"data": notifier})
print(notifier.publish.whole_structure(Form.LINE))
Broadcaster()
"""
    for syntax, expected in (("json", b"__jsonclass__"), ("python", b"(1, )"), ("yaml", b"")):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "SIPYCO_SYNTAX": syntax},
            capture_output=True,
            check=False,
        )
        assert expected in done.stdout
        assert (b"SIPYCO_SYNTAX is 'yaml'" in done.stderr) == (syntax == "yaml")


def test_a_spelling_that_does_not_exist_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="'python' or 'json'"):
        Publisher({}, syntax=cast("Any", "yaml"))


@every_loop
def test_structures_are_followed_through_tls(tmp_path: Path, loop_factory: LoopFactory) -> None:
    async def main() -> None:
        notifier = Notifier({"value": ""})
        publisher = Publisher({"data": notifier})
        server, files = make_certificates(tmp_path)
        async with listening(publisher, server) as port:
            one = await Copy().connect(port, ssl_config=files)
            other = await Copy().connect(
                port,
                local_cert=files.local_cert,
                local_key=files.local_key,
                peer_cert=files.peer_cert,
            )
            await one.until(lambda: one.mods)
            for letter in "abc":
                notifier["value"] = letter * 3_000_000
            for copy in (one, other):
                await copy.until_equal({"value": "c" * 3_000_000})
            assert publisher.missed == 0
            await one.close()
            await other.close()

    run(main(), loop_factory)


def test_a_client_without_tls_hears_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with listening(
            Publisher({"data": Notifier({})}), make_certificates(tmp_path)[0]
        ) as port:
            client = await RawFollower.connect(port)
            assert await client.line() == b""
            client.close()

    run(main())
    assert any("does not speak TLS" in record.getMessage() for record in caplog.records)


def test_a_publisher_that_does_not_listen_still_checks_what_is_set() -> None:
    notifier = Notifier({})
    Publisher({"data": notifier})
    with pytest.raises(TypeError):
        notifier["a"] = socket.SHUT_RD.__class__
    notifier["a"] = 1
    assert notifier.raw_view == {"a": 1}


def test_the_module_is_where_the_manual_has_it() -> None:
    assert {cls.__module__ for cls in (Notifier, Publisher, Subscriber)} == {"sipyco.sync_struct"}


def test_nothing_is_logged_while_the_notifier_is_locked() -> None:
    async def main() -> None:
        notifier = Notifier({"n": ""})
        publisher = Publisher({"data": notifier}, max_backlog=1000)
        free: list[bool] = []

        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                def try_lock() -> None:
                    free.append(notifier.lock.acquire(timeout=5))
                    if free[-1]:
                        notifier.lock.release()

                thread = threading.Thread(target=try_lock)
                thread.start()
                thread.join()

        handler = Handler()
        logger = logging.getLogger("sipyco.sync_struct")
        logger.addHandler(handler)
        try:
            async with listening(publisher):
                transport = fake_connection(publisher, HELLO)
                transport.full_after = 1
                await settle()
                for _ in range(5):
                    notifier["n"] = "x" * 500
                await settle()
        finally:
            logger.removeHandler(handler)
        assert free == [True]

    run(main())


def test_one_notifier_has_one_name() -> None:
    notifier = Notifier({})
    with pytest.raises(ValueError, match="is published as 'a'"):
        Publisher({"a": notifier, "b": notifier})


def test_a_structure_without_a_name_is_followed_like_others() -> None:
    async def main() -> None:
        notifier = Notifier({"n": ""})
        publisher = Publisher({"": notifier}, max_backlog=1000)
        async with listening(publisher):
            transport = fake_connection(publisher, b"ARTIQ sync_struct\n\n")
            transport.full_after = 1
            await settle()
            for number in range(9):
                notifier["n"] = f"{number}" * 500
            await settle()
            transport.empty()
            await settle()
            assert values(transport)[-1] == {"action": "init", "struct": {"n": "8" * 500}}

    run(main())


@every_loop
def test_a_client_that_has_said_all_it_will_say_gets_the_structure(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        structure = {"text": "x" * 5_000_000}
        async with listening(Publisher({"data": Notifier(structure)})) as port:
            reader, writer = await asyncio.open_connection(HOST, port, limit=1 << 24)
            writer.write(HELLO)
            writer.write_eof()
            assert pyon.decode(await reader.read()) == {"action": "init", "struct": structure}
            writer.close()

    run(main(), loop_factory)


@pytest.mark.parametrize(
    ("notifiers", "reason"),
    [
        (Notifier({}), "give a dict of names and Notifiers"),
        ({"data": {}}, "wrap it in a Notifier"),
    ],
)
def test_what_is_no_notifier_is_refused_with_what_to_do(notifiers: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        Publisher(notifiers)
