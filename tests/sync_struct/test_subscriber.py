import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sipyco.sync_struct import Notifier, Publisher, Subscriber
from sipyco.tools import TLSError
from tests.certificates import Configs, make_certificates
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_servers import run, settle
from tests.serving import free_port
from tests.subscriptions import HOST, Copy, Watch, copies, listening, port_of


@asynccontextmanager
async def scripted(answer: bytes) -> AsyncIterator[int]:
    """A publisher that says always the same, and waits for the subscriber to leave."""
    talks: list[asyncio.Task[Any] | None] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        writer.write(answer)
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(handle, HOST, 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await asyncio.gather(*filter(None, talks))


@every_loop
def test_the_example_of_the_manual_works_between_two_sides(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        seen: list[dict[str, Any]] = []
        built: list[Any] = []
        begun, end = asyncio.Event(), asyncio.Event()

        def build(struct: Any) -> Any:
            built.append(struct)
            return struct

        def notify(mod: dict[str, Any]) -> None:
            seen.append(mod)
            (begun if mod["action"] == "init" else end).set()

        n = Notifier({"data": {"counts": [[]]}})
        publisher = Publisher({"example": n})
        await publisher.start(HOST, 0)
        subscriber = Subscriber("example", build, notify)
        await subscriber.connect(HOST, str(port_of(publisher)))
        await begun.wait()
        n["data"]["counts"][0].append(42)
        await end.wait()
        assert seen[-1] == {"action": "append", "path": ["data", "counts", 0], "x": 42}
        assert built == [{"data": {"counts": [[42]]}}]
        await subscriber.close()
        await publisher.stop()

    run(main(), loop_factory)


@every_loop
def test_callbacks_are_called_in_turn_after_the_mod_and_coroutines_awaited(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        calls: list[Any] = []
        done = Watch()

        async def slow(mod: dict[str, Any]) -> None:
            calls.append(("slow begins", mod["action"]))
            await asyncio.sleep(0)
            calls.append(("slow ends", mod["action"]))

        def fast(mod: dict[str, Any]) -> None:
            calls.append(("fast", mod["action"]))
            done.change()

        notifier = Notifier({"n": 0})
        async with listening(Publisher({"data": notifier})) as port:
            subscriber = Subscriber("data", lambda struct: struct, [slow, fast])
            await subscriber.connect(HOST, port)
            await done.until(lambda: len(calls) == 3)
            notifier["n"] = 1
            await done.until(lambda: len(calls) == 6)
            await subscriber.close()
        assert calls == [
            (what, action)
            for action in ("init", "setitem")
            for what in ("slow begins", "slow ends", "fast")
        ]

    run(main(), loop_factory)


def test_callbacks_are_added_and_replaced_while_it_runs() -> None:
    async def main() -> None:
        notifier = Notifier({"n": 0})
        publisher = Publisher({"data": notifier})
        async with copies(publisher) as (one,):
            added: list[Any] = []
            disconnected: list[str] = []
            one.subscriber.notify_cbs.insert(0, added.append)
            one.subscriber.disconnect_cb = lambda: disconnected.append("new")
            notifier["n"] = 1
            await one.until_told(2)
            assert added == one.mods[1:]
            await publisher.stop()
            await one.until(lambda: one.states[-1] == "disconnected")
            await one.subscriber.receive_task
            assert disconnected == ["new"]
            assert one.disconnections == 0

    run(main())


class Model:
    """Any object with the methods of items and lists."""

    def __init__(self, content: dict[str, Any], log: list[Any]) -> None:
        self.content = content
        self.log = log

    def __getitem__(self, key: str) -> "Model":
        return Model(self.content[key], self.log)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.log.append(("set", key, value))

    def __delitem__(self, key: Any) -> None:
        self.log.append(("delete", key))

    def append(self, x: Any) -> None:
        self.log.append(("append", x))

    def insert(self, i: int, x: Any) -> None:
        self.log.append(("insert", i, x))

    def pop(self, i: int = -1) -> None:
        self.log.append(("pop", i))


def test_the_target_may_be_any_object_with_the_methods_of_lists_and_dicts() -> None:
    async def main() -> None:
        log: list[Any] = []
        built: list[Model] = []
        watch = Watch()

        def build(struct: Any) -> Model:
            built.append(Model(struct, log))
            return built[0]

        notifier = Notifier({"l": [1]})
        async with listening(Publisher({"data": notifier})) as port:
            subscriber = Subscriber("data", build, lambda _: watch.change())
            await subscriber.connect(HOST, port)
            await watch.until(lambda: built)
            notifier["l"].append(2)
            notifier["l"].insert(0, 0)
            notifier["l"].pop()
            notifier["n"] = 1
            del notifier["n"]
            await watch.until(lambda: len(log) == 5)
            await subscriber.close()
        assert log == [
            ("append", 2),
            ("insert", 0, 0),
            ("pop", -1),
            ("set", "n", 1),
            ("delete", "n"),
        ]

    run(main())


@every_loop
def test_before_anything_comes_the_socket_can_be_asked_for_its_name(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        found: list[Any] = []
        one = Copy()

        async def look() -> None:
            sock = one.subscriber.writer.get_extra_info("socket")
            found.append((sock.getsockname()[0], list(one.mods)))

        async with listening(Publisher({"data": Notifier({})})) as port:
            await one.connect(port, look)
            await one.until_told(1)
            await one.close()
        assert found == [(HOST, [])]

    run(main(), loop_factory)


def test_a_failing_before_receive_leaves_nothing_connected() -> None:
    async def main() -> None:
        def fail() -> None:
            raise RuntimeError("before")

        async with listening(Publisher({"data": Notifier({})})) as port:
            one = Copy()
            with pytest.raises(RuntimeError, match="before"):
                await one.connect(port, fail)
            await one.close()
            assert not hasattr(one.subscriber, "receive_task")
            assert one.mods == []

    run(main())


@every_loop
def test_close_calls_no_callback_and_may_come_twice(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with copies(Publisher({"data": Notifier({})})) as (one,):
            await one.close()
            await one.close()
            assert one.disconnections == 0
            assert one.states == ["connected"]
            assert one.subscriber.receive_task.done()

    run(main(), loop_factory)


def test_close_before_connect_does_nothing() -> None:
    async def main() -> None:
        await Copy().close()

    run(main())


@every_loop
def test_close_from_a_callback_ends_the_subscription_at_once(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        one = Copy()

        async def close_early(mod: dict[str, Any]) -> None:
            if one.count("append") == 2:
                await one.close()

        one.subscriber.notify_cbs.append(close_early)
        mod = b'{"action": "append", "path": [], "x": 1}\n'
        async with scripted(b'{"action": "init", "struct": []}\n' + 9 * mod) as port:
            await one.connect(port)
            await one.subscriber.receive_task
        assert len(one.mods) == 3
        assert one.disconnections == 0

    run(main(), loop_factory)


@every_loop
@pytest.mark.parametrize("with_close", [True, False])
def test_a_subscriber_connects_again_after_a_disconnection(
    with_close: bool, loop_factory: LoopFactory
) -> None:
    async def main() -> None:
        publisher = Publisher({"data": Notifier({"n": 1})})
        one = Copy()
        for round_ in (1, 2, 3):
            async with listening(publisher) as port:
                await one.connect(port)
                await one.until_told(round_)
                with pytest.raises(RuntimeError, match="connected already"):
                    await one.connect(port)
            await one.subscriber.receive_task
            assert one.disconnections == round_
            if with_close:
                await one.close()
        await one.close()
        assert [mod["action"] for mod in one.mods] == ["init"] * 3

    run(main(), loop_factory)


def test_disconnect_cb_may_connect_again_itself() -> None:
    async def main() -> None:
        publisher = Publisher({"data": Notifier({"n": 1})})
        other = Publisher({"data": Notifier({"n": 2})})
        one = Copy()
        async with listening(other) as second_port:
            async with listening(publisher) as port:

                async def connect_again() -> None:
                    await one.connect(second_port)

                one.subscriber.disconnect_cb = connect_again
                await one.connect(port)
                await one.until_told(1)
            await one.until_equal({"n": 2})
            one.subscriber.disconnect_cb = None
            assert one.states == ["connected", "disconnected", "connected"]
            await one.close()

    run(main())


def fails(*args: Any) -> None:
    raise ConnectionResetError("of the callback's own")


async def fails_later(*args: Any) -> None:
    await asyncio.sleep(0)
    raise ConnectionResetError("of the callback's own")


@pytest.mark.parametrize("failing", [fails, fails_later])
@pytest.mark.parametrize("reconnect", [None, 0.01])
def test_a_callback_that_raises_is_logged_and_ends_the_subscription(
    failing: Callable[..., Any], reconnect: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        notifier = Notifier({"n": 0})
        async with copies(Publisher({"data": notifier}), reconnect=reconnect) as (one,):
            one.subscriber.notify_cbs.append(failing)
            notifier["n"] = 1
            await one.subscriber.receive_task
            assert one.disconnections == 1
            assert one.states == ["connected", "disconnected"]

    run(main())
    (record,) = caplog.records
    assert "subscription to 'data' ends" in record.getMessage()
    assert record.exc_info
    assert record.levelname == "ERROR"


def test_a_target_builder_that_raises_is_logged_and_ends_the_subscription(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with listening(Publisher({"data": Notifier({})})) as port:
            gone: list[bool] = []
            subscriber = Subscriber("data", fails, disconnect_cb=lambda: gone.append(True))
            await subscriber.connect(HOST, port)
            await subscriber.receive_task
            assert gone == [True]

    run(main())
    (record,) = caplog.records
    assert record.exc_info


@pytest.mark.parametrize("attribute", ["disconnect_cb", "_state_cb"])
def test_a_failing_callback_of_the_connection_is_logged_too(
    attribute: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        publisher = Publisher({"data": Notifier({})})
        async with copies(publisher) as (one,):
            setattr(one.subscriber, attribute, fails)
            await publisher.stop()
            await one.subscriber.receive_task

    run(main())
    assert [bool(record.exc_info) for record in caplog.records] == [True]


def test_a_publisher_that_closes_without_a_word_is_told_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with listening(Publisher({"data": Notifier({})})) as port:
            one = await Copy("dada").connect(port)
            await one.subscriber.receive_task
            assert one.disconnections == 1

    run(main())
    assert "does it offer 'dada'?" in caplog.text


def test_a_publisher_that_speaks_nonsense_ends_the_subscription(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with scripted(b'{"action": "init", "struct": {}}\n]\n') as port:
            one = await Copy(reconnect=0.01).connect(port)
            await one.subscriber.receive_task
        assert one.count("init") == 1
        assert one.disconnections == 1

    run(main())
    assert "cannot be read" in caplog.text


def test_a_message_over_the_limit_ends_the_subscription(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        publisher = Publisher({"data": Notifier({"a": "x" * 2000})})
        async with listening(publisher) as port:
            one = await Copy(max_message_size=1000).connect(port)
            await one.subscriber.receive_task

    run(main())
    assert "max_message_size" in caplog.text


def test_a_connection_that_cannot_be_made_is_an_error() -> None:
    async def main() -> None:
        port = free_port()
        with pytest.raises(ConnectionRefusedError, match=f"127.0.0.1:{port}"):
            await Copy().connect(port)

    run(main())


@every_loop
def test_reconnect_survives_publishers_that_come_late_and_go_and_come_back(
    configs: Configs, loop_factory: LoopFactory
) -> None:
    server_config, client_config = configs

    async def main() -> None:
        port = free_port()
        one = Copy(reconnect=0.01)
        await one.connect(port, ssl_config=client_config)  # nobody is there
        assert one.states == []
        for number in (1, 2, 3):
            notifier = Notifier({"number": number})
            async with listening(Publisher({"data": notifier}), server_config, port=port):
                await one.until_equal({"number": number})
                notifier["change"] = True
                await one.until_equal({"number": number, "change": True})
            await one.until_disconnected(number)
        assert one.states == ["connected", "disconnected"] * 3
        assert one.count("init") == 3
        assert not one.subscriber.receive_task.done()
        await one.close()
        assert one.subscriber.receive_task.done()
        assert one.disconnections == 3

    run(main(), loop_factory)


def test_close_ends_the_attempts_to_reconnect() -> None:
    async def main() -> None:
        one = await Copy(reconnect=30).connect(free_port())
        await settle()
        await one.close()
        assert one.subscriber.receive_task.done()

    run(main())


def test_the_time_between_attempts_doubles_up_to_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    real_sleep = asyncio.sleep

    async def main() -> None:
        one = Copy(reconnect=1.0)
        enough = asyncio.Event()

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 9:
                enough.set()
            await real_sleep(0)

        monkeypatch.setattr(asyncio, "sleep", sleep)
        await one.connect(free_port())
        await enough.wait()
        await one.close()

    run(main())
    assert waits[:9] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_publisher_that_closes_at_once_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    real_sleep = asyncio.sleep

    async def main() -> None:
        enough = asyncio.Event()

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 4:
                enough.set()
            await real_sleep(0)

        async with listening(Publisher({})) as port:
            monkeypatch.setattr(asyncio, "sleep", sleep)
            one = await Copy(reconnect=1.0).connect(port)
            await enough.wait()
            await one.close()
            monkeypatch.undo()

    run(main())
    assert waits[:4] == [2, 4, 8, 16]


def test_a_certificate_file_that_is_missing_is_an_error_also_with_reconnect(tmp_path: Path) -> None:
    async def main() -> None:
        nowhere = str(tmp_path / "nowhere.pem")
        with pytest.raises(FileNotFoundError):
            await Copy(reconnect=1).connect(
                1, local_cert=nowhere, local_key=nowhere, peer_cert=nowhere
            )

    run(main())


def test_a_refused_certificate_is_told_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        (tmp_path / "other").mkdir()
        server, client = make_certificates(tmp_path)
        stranger, _ = make_certificates(tmp_path / "other")
        config = type(client)(stranger.local_cert, stranger.local_key, client.peer_cert)
        async with listening(Publisher({"data": Notifier({})}), server) as port:
            one = Copy()
            try:
                await one.connect(port, ssl_config=config)
            except OSError as exc:
                assert "certificate" in str(exc)  # noqa: PT017  either here or in the log
            else:
                await one.subscriber.receive_task
                assert one.disconnections == 1

    with caplog.at_level(logging.INFO):
        run(main())
    assert "certificate" in caplog.text


def test_a_target_builder_may_be_a_coroutine_function() -> None:
    async def main() -> None:
        notifier = Notifier({"n": 0})
        built: list[Any] = []
        watch = Watch()

        async def build(struct: Any) -> Any:
            await asyncio.sleep(0)
            built.append(struct)
            return struct

        async with listening(Publisher({"data": notifier})) as port:
            subscriber = Subscriber("data", build, lambda _: watch.change())
            await subscriber.connect(HOST, port)
            await watch.until(lambda: built)
            notifier["n"] = 1
            await watch.until(lambda: built[0]["n"] == 1)
            await subscriber.close()

    run(main())


@every_loop
def test_connecting_twice_at_once_is_refused(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with listening(Publisher({"data": Notifier({})})) as port:
            one = Copy()
            results = await asyncio.gather(
                one.connect(port), one.connect(port), return_exceptions=True
            )
            assert [type(result) for result in results] == [Copy, RuntimeError]
            await one.close()

    run(main(), loop_factory)


@every_loop
def test_close_while_it_connects_leaves_nothing_open(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        publisher = Publisher({"data": Notifier({})})
        async with listening(publisher) as port:
            one = Copy()
            connecting = asyncio.ensure_future(one.connect(port))
            await asyncio.sleep(0)
            await one.close()
            with pytest.raises(ConnectionAbortedError):
                await connecting
            while publisher.connections:  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0)

    run(main(), loop_factory)


def test_a_callback_that_lets_a_cancellation_out_has_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async def notify(_: Any) -> None:
            never = asyncio.get_running_loop().create_future()
            never.cancel()
            await never

        async with listening(Publisher({"data": Notifier({})})) as port:
            one = Copy()
            one.subscriber.notify_cbs.append(notify)
            await one.connect(port)
            await one.until_disconnected(1)
            await one.close()

    run(main())
    assert "a callback failed" in caplog.text


def test_a_publisher_that_nests_without_end_is_told_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with scripted(b"[" * 100_000 + b"\n") as port:
            one = await Copy().connect(port)
            await one.until_disconnected(1)
            await one.close()

    run(main())
    assert "cannot be read" in caplog.text


def test_what_is_no_change_is_blamed_on_the_publisher(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        for line in (b"5\n", b"{}\n", b'{"action": "explode", "path": []}\n'):
            async with scripted(line) as port:
                one = await Copy().connect(port)
                await one.until_disconnected(1)
                await one.close()

    run(main())
    assert caplog.text.count("the publisher sent something that is no change") == 3
    assert "callback" not in caplog.text


@every_loop
def test_with_tls_who_is_absent_and_who_is_refused_is_told_apart(
    loop_factory: LoopFactory, tmp_path: Path
) -> None:
    async def main() -> None:
        server, client = make_certificates(tmp_path)
        _, stranger = make_certificates(tmp_path / "other")
        with pytest.raises(ConnectionRefusedError):
            await Copy().connect(free_port(), ssl_config=client)
        async with listening(Publisher({"data": Notifier({})}), server) as port:
            with pytest.raises(TLSError, match="this client refuses server"):
                await Copy().connect(port, ssl_config=stranger)

    (tmp_path / "other").mkdir()
    run(main(), loop_factory)


@pytest.mark.parametrize("reconnect", [-1.0, float("nan")])
def test_a_time_that_is_none_is_refused(reconnect: float) -> None:
    with pytest.raises(ValueError, match="reconnect is"):
        Copy(reconnect=reconnect)


@every_loop
@pytest.mark.parametrize("callback", ["state_cb", "disconnect_cb"])
def test_close_when_the_connection_was_lost_ends_the_attempts(
    callback: str, loop_factory: LoopFactory
) -> None:
    async def main() -> None:
        told: list[Any] = []
        publisher = Publisher({"data": Notifier({})})

        async def close(*state: str) -> None:
            if state != ("connected",):
                await subscriber.close()

        options: dict[str, Any] = {callback: close}
        subscriber = Subscriber("data", told.append, reconnect=0, **options)
        if callback == "state_cb":
            subscriber.disconnect_cb = lambda: told.append("after close")
        async with listening(publisher) as port:
            await subscriber.connect(HOST, port)
            while not told:  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0)
            for connection in list(publisher.connections):
                connection.abort()
            await asyncio.wait([subscriber.receive_task])
            await settle()
            assert not publisher.connections
        assert told == [{}]

    run(main(), loop_factory)


@every_loop
def test_a_callback_after_which_nothing_is_wanted_ends_it_all(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        later: list[Any] = []

        async def close(_: Any) -> None:
            await subscriber.close()

        subscriber = Subscriber("data", lambda struct: struct, [close, later.append])
        async with listening(Publisher({"data": Notifier({})})) as port:
            await subscriber.connect(HOST, port)
            await asyncio.wait([subscriber.receive_task])
        assert later == []

    run(main(), loop_factory)
