"""Publishers and subscribers in frames, beside others in lines."""

import threading
from functools import partial
from typing import Any

import numpy as np
import pytest

from sipyco import pyon
from sipyco._wire import subscription, subscription_client
from sipyco._wire.subscription import SYNC_STRUCT, Form
from sipyco._wire.subscription_client import SubscriberSession
from sipyco.sync_struct import Notifier, Publisher
from tests.certificates import make_certificates
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_servers import run, settle
from tests.subscriptions import Copy, FakeTransport, copies, fake_connection, followers, listening
from tests.sync_struct.test_publisher import follower_of

LINES = b"ARTIQ sync_struct\ndata\n"
ASKING = LINES + b"frames_v1\n"


def image() -> Any:
    return np.arange(1 << 20, dtype=np.uint16).reshape(1024, -1)


def values(transport: FakeTransport) -> list[Any]:
    """Read what was written, in whatever forms."""
    return list(SubscriberSession(SYNC_STRUCT, "data", "it").receive(transport.written))


@pytest.fixture
def of_older_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let subscribers ask for lines only."""
    monkeypatch.setattr(subscription_client, "ASKS_FOR_FRAMES", False)


@every_loop
def test_our_subscribers_are_in_frames_from_the_first_value_on(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        notifier = Notifier({"image": image()})
        publisher = Publisher({"data": notifier})
        async with copies(publisher) as (one,):
            assert follower_of(publisher).form is Form.FRAMES
            assert publisher.forms_of("data") == {Form.FRAMES}
            notifier["image"][0] = 7
            notifier["t"] = (1, {2: None})
            await one.until_told(3)
            assert pyon.encode(one.target) == pyon.encode(notifier.raw_view)
            assert one.target["image"].flags.owndata
            assert one.target["image"].flags.writeable

    run(main(), loop_factory)


def test_nothing_is_written_as_text_for_those_who_can_do_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        notifier = Notifier({"n": 0})
        publisher = Publisher({"data": notifier})
        monkeypatch.setattr(subscription, "encode_line", None)
        async with listening(publisher):
            transport = fake_connection(publisher, ASKING)
            notifier["n"] = 1
            await settle()
            assert [mod["action"] for mod in values(transport)] == ["init", "setitem"]

    run(main())


def is_dark(copy: Copy) -> bool:
    return not copy.target["image"][0].any()


@every_loop
def test_both_forms_side_by_side(loop_factory: LoopFactory, of_older_version: None) -> None:
    async def main() -> None:
        notifier = Notifier({"n": 0, "image": image()})
        publisher = Publisher({"data": notifier})
        async with copies(publisher, 2) as (old, other):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(subscription_client, "ASKS_FOR_FRAMES", True)
                port = old.subscriber.writer.get_extra_info("peername")[1]
                new = await Copy().connect(port)
            await new.until_told(1)
            assert publisher.forms_of("data") == set(Form)
            for number in range(1, 20):
                notifier["n"] = number
            notifier["image"][0] = 0
            for copy in (old, other, new):
                await copy.until(partial(is_dark, copy))
                assert pyon.encode(copy.target) == pyon.encode(notifier.raw_view)
            await new.close()
            await followers(publisher, 2)
            assert publisher.forms_of("data") == {Form.LINE}
            notifier["n"] = 20
            await old.until(lambda: old.target["n"] == 20)

    run(main(), loop_factory)


@pytest.mark.parametrize("cut", range(len(LINES), len(ASKING)))
def test_a_wish_that_comes_late_is_heeded_from_then_on(cut: int) -> None:
    async def main() -> None:
        notifier = Notifier({"n": 0})
        publisher = Publisher({"data": notifier})
        async with listening(publisher):
            transport = fake_connection(publisher, ASKING[:cut])
            notifier["n"] = 1
            transport._protocol.data_received(ASKING[cut:])
            notifier["n"] = 2
            await settle()
            assert transport.written.count(b"\n") == 2
            assert [mod.get("value") for mod in values(transport)] == [None, 1, 2]

    run(main())


def test_what_threads_have_told_before_a_late_wish_is_sent_before() -> None:
    async def main() -> None:
        notifier = Notifier({"n": 0})
        publisher = Publisher({"data": notifier})
        async with listening(publisher):
            transport = fake_connection(publisher, LINES)
            thread = threading.Thread(target=notifier.__setitem__, args=("n", 1))
            thread.start()
            thread.join()
            transport._protocol.data_received(b"frames_v1\n")
            notifier["n"] = 2
            await settle()
            assert [mod.get("value") for mod in values(transport)] == [None, 1, 2]

    run(main())


def test_threads_publish_while_subscribers_of_both_forms_come_and_go() -> None:
    async def main() -> None:
        notifier = Notifier({"n": 0})
        publisher = Publisher({"data": notifier})
        stop = threading.Event()

        def count() -> None:
            while not stop.is_set():
                with notifier.lock:
                    notifier["n"] = notifier.raw_view["n"] + 1

        threads = [threading.Thread(target=count) for _ in range(2)]
        async with listening(publisher):
            for thread in threads:
                thread.start()
            try:
                for turn in range(60):
                    transport = fake_connection(publisher, (LINES, ASKING)[turn % 2])
                    await settle()
                    transport._protocol.data_received(b"frames_v1\n")
                    await settle()
                    init, *mods = values(transport)
                    first = init["struct"]["n"]
                    assert [mod["value"] for mod in mods] == list(
                        range(first + 1, first + 1 + len(mods))
                    )
                    transport.close()
            finally:
                stop.set()
                for thread in threads:
                    thread.join()

    run(main())


def test_who_is_behind_gets_the_structure_in_its_form() -> None:
    async def main() -> None:
        notifier = Notifier({"n": 0, "value": ""})
        publisher = Publisher({"data": notifier}, max_backlog=1000)
        async with listening(publisher):
            transport = fake_connection(publisher, ASKING)
            await settle()
            transport.full_after = 0
            for number in range(1, 101):
                notifier["n"] = number
                await settle()
                assert follower_of(publisher).backlog <= 1000
            assert publisher.missed == 1
            transport.empty()
            await settle()
            assert [mod["action"] for mod in values(transport)] == ["init", "setitem", "init"]
            assert values(transport)[-1]["struct"] == {"n": 100, "value": ""}

    run(main())


def test_a_change_that_cannot_be_spelled_changes_nothing_in_either_form() -> None:
    async def main() -> None:
        for said in ([], [LINES], [ASKING], [LINES, ASKING]):
            notifier = Notifier({"n": 0})
            publisher = Publisher({"data": notifier})
            async with listening(publisher):
                transports = [fake_connection(publisher, hello) for hello in said]
                with pytest.raises(TypeError, match="object"):
                    notifier["n"] = [object()]
                assert notifier.raw_view == {"n": 0}
                await settle()
                assert [len(values(transport)) for transport in transports] == [1] * len(said)

    run(main())


def test_frames_travel_in_tls(tmp_path: Any) -> None:
    server, files = make_certificates(tmp_path)

    async def main() -> None:
        notifier = Notifier({"image": image()})
        publisher = Publisher({"data": notifier})
        async with listening(publisher, server) as port:
            one = await Copy().connect(port, ssl_config=files)
            await one.until_told(1)
            notifier["image"][0] = 5
            await one.until_told(2)
            assert follower_of(publisher).form is Form.FRAMES
            assert np.array_equal(one.target["image"], notifier.raw_view["image"])
            await one.close()

    run(main())


def test_a_message_over_the_limit_of_the_subscriber_ends_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        notifier = Notifier({"value": ""})
        publisher = Publisher({"data": notifier})
        async with copies(publisher, max_message_size=1000) as (one,):
            notifier["value"] = np.zeros(10_000, np.uint8)
            await one.until_disconnected(1)

    run(main())
    assert "1000" in caplog.text
