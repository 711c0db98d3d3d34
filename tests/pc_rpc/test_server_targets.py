"""What can be given to a server, and what of it clients can call."""

import asyncio
import functools
import logging
from typing import Any

import pytest

from sipyco import pyon
from sipyco.pc_rpc import IncompatibleServer, Server
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_servers import BANNER, run, running


class Counter:
    """Says which of the objects made so far it is."""

    made = 0

    def __init__(self, start: int = 0) -> None:
        type(self).made += 1
        self.number = start + type(self).made

    def which(self) -> int:
        return self.number


class Factory:
    def make(self) -> Counter:
        return Counter()


def make_counter() -> Counter:
    return Counter()


@pytest.fixture(autouse=True)
def _nothing_made() -> None:
    Counter.made = 0


@pytest.mark.parametrize(
    "factory",
    [
        pytest.param(Counter, id="class"),
        pytest.param(make_counter, id="function"),
        pytest.param(lambda: Counter(0), id="lambda"),
        pytest.param(Factory().make, id="bound method"),
        pytest.param(functools.partial(Counter, 0), id="partial"),
    ],
)
@every_loop
def test_a_factory_is_called_once_for_each_connection(
    loop_factory: LoopFactory, factory: Any
) -> None:
    async def main() -> None:
        async with running(factory) as serving:
            assert Counter.made == 0
            first = await serving.client()
            assert [await first.which(), await first.which()] == [1, 1]
            second = await serving.client()
            assert [await second.which(), await first.which()] == [2, 1]
            assert Counter.made == 2

    run(main(), loop_factory)


def test_connections_that_choose_no_target_make_none() -> None:
    async def main() -> None:
        async with running(Counter) as serving:
            client = await serving.raw()
            client.say(BANNER)
            await client.hear()
            assert Counter.made == 0

    run(main())


def test_an_instance_that_can_be_called_is_a_target() -> None:
    class Callable:
        def __call__(self) -> Any:
            raise AssertionError("a target was called")

        def which(self) -> str:
            return "myself"

    async def main() -> None:
        async with running(Callable()) as serving:
            assert await (await serving.client()).which() == "myself"

    run(main())


def test_an_object_given_to_several_clients_is_the_same_for_all() -> None:
    async def main() -> None:
        async with running(Counter()) as serving:
            assert await (await serving.client()).which() == 1
            assert await (await serving.client()).which() == 1

    run(main())


@every_loop
def test_a_factory_that_raises_closes_the_connection_and_the_log_says_why(
    loop_factory: LoopFactory, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise OSError("the device is not plugged in")

    async def main() -> None:
        async with running({"broken": broken, "dev": Counter}) as serving:
            client = await serving.raw()
            client.say(BANNER, b"broken pyon_v2")
            assert await client.hear()
            assert await client.hear() == b""
            assert await (await serving.client()).which() == 1

    run(main(), loop_factory)
    (record,) = caplog.records
    assert record.name == "sipyco.pc_rpc"
    assert "target 'broken' could not be made for 127.0.0.1:" in record.getMessage()
    assert "the device is not plugged in" in caplog.text


def test_a_factory_that_asks_to_exit_is_no_way_to_end_the_program(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A driver that calls sys.exit() when its device is missing, for one."""

    def leaving() -> None:
        raise SystemExit("no device")

    async def main() -> None:
        async with running({"leaving": leaving, "dev": Counter}) as serving:
            client = await serving.raw()
            client.say(BANNER, b"leaving pyon_v2")
            assert await client.hear()
            assert await client.hear() == b""
            assert await (await serving.client()).which() == 1

    run(main())
    assert "no device" in caplog.text


@pytest.mark.parametrize(("target", "name"), [(Counter(), "counter"), (Counter, "counter")])
def test_a_single_object_is_one_target_named_after_its_class(target: object, name: str) -> None:
    assert set(Server(target).targets) == {name}


@pytest.mark.parametrize(
    ("targets", "description", "kind", "message"),
    [
        ({"a\nb": 0}, None, ValueError, r"'a\\nb' is no target name; .* no line breaks"),
        ({"a\r": 0}, None, ValueError, "no line breaks"),
        ({"": 0}, None, ValueError, "'' is no target name; it needs a character"),
        ({1: 0, "x": 0}, None, TypeError, "the target name 1 is of type 'int'; give a str"),
        ({"\ud800": 0}, None, ValueError, r"'\\ud800' cannot be sent: it is not UTF-8"),
        ({"x" * (64 << 10): 0}, None, ValueError, "makes a line of 65546 bytes .* 65536 bytes"),
        ({"x": 0}, object(), TypeError, "the description is of type 'object'; give a str or None"),
        ({"x": 0}, "\ud83d\ude00", ValueError, "clients cannot be greeted: .*two halves"),
        ({"x": 0}, "x" * (1 << 20), ValueError, "take 10486.. bytes; clients read 1048576"),
    ],
)
def test_what_clients_cannot_be_told_keeps_the_server_from_starting(
    targets: dict[Any, Any], description: Any, kind: type[Exception], message: str
) -> None:
    async def main() -> None:
        server = Server(targets, description)
        with pytest.raises(kind, match=message):
            await server.start("127.0.0.1", 0)
        assert server.server is None

    run(main())


def test_the_longest_name_and_a_long_description_can_be_used() -> None:
    name = "é" * ((64 << 9) - len("frames_v1") // 2 - 1)

    async def main() -> None:
        async with running({name: Counter}, description="x" * (700 << 10)) as serving:
            assert await (await serving.client(target=name)).which() == 1

    run(main())


def test_a_server_without_targets_can_be_started() -> None:
    async def main() -> None:
        async with running({}) as serving:
            client = await serving.raw()
            client.say(BANNER)
            assert pyon.decode(await client.hear())["targets"] == []

    run(main())


@pytest.mark.parametrize(
    ("targets", "options", "message"),
    [
        (None, {}, "targets is None; give a dict of names and objects, or one object"),
        ({}, {"busy_ping_after": "5"}, "busy_ping_after is '5'; give seconds, or None"),
        ({}, {"max_message_size": None}, "max_message_size is None; give bytes, an int"),
        ({}, {"max_message_size": 1e6}, "max_message_size is 1000000.0; give bytes, an int"),
    ],
)
def test_arguments_of_a_wrong_type_are_refused(
    targets: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        Server(targets, **options)


def test_a_factory_that_asks_to_exit_ends_a_server_that_can_be_ended() -> None:
    def leaving() -> None:
        raise SystemExit("no device")

    async def main() -> None:
        async with running(leaving, builtin_terminate=True) as serving:
            client = await serving.raw()
            client.say(BANNER, b"dev pyon_v2")
            await serving.server.wait_terminate()

    run(main())


def test_a_single_object_is_served_under_its_name() -> None:
    async def main() -> None:
        server = Server(Counter())
        await server.start("127.0.0.1", 0)
        assert server.server
        reader, writer = await asyncio.open_connection(*server.server.sockets[0].getsockname())
        writer.write(BANNER + b"\ncounter\n")
        greeting = pyon.decode(await reader.readline())
        assert greeting["targets"] == ["counter"]
        assert pyon.decode(await reader.readline()) == {"which"}
        writer.close()
        await writer.wait_closed()
        await server.stop()

    run(main())


def test_the_greeting_names_the_targets_and_describes_the_server() -> None:
    async def main() -> None:
        async with running({"b": Counter, "a": Counter}, description="two counters") as serving:
            client = await serving.client(target="a")
            assert client.get_rpc_id() == (["a", "b"], "two counters")
            with pytest.raises(IncompatibleServer, match=r"no target 'c' on .* it offers 'a', 'b'"):
                await serving.client(target="c")

    run(main())


def test_targets_added_while_it_runs_are_there_for_the_next_connection() -> None:
    async def main() -> None:
        targets: dict[str, Any] = {"dev": Counter}
        async with running(targets) as serving:
            first = await serving.client()
            targets["late"] = Counter
            assert first.get_rpc_id() == (["dev"], None)
            assert await (await serving.client("late")).which() == 2

    run(main())


class Guarded:
    """What must not be called remotely, and what must not be looked at."""

    looked_at: list[str]

    def __init__(self) -> None:
        self.looked_at = []
        self.limit = 5

    def public(self) -> str:
        return "public"

    def _private(self) -> str:
        return "private"

    def __very_private(self) -> str:
        raise AssertionError

    def __len__(self) -> int:
        raise AssertionError("a special method was called remotely")

    @property
    def voltage(self) -> float:
        self.looked_at.append("voltage")
        return 1.5

    @property
    def broken(self) -> float:
        self.looked_at.append("broken")
        raise RuntimeError("evaluated")

    @functools.cached_property
    def costly(self) -> float:
        self.looked_at.append("costly")
        return 1.5

    @property
    def method_in_disguise(self) -> Any:
        self.looked_at.append("method_in_disguise")
        return self.public


@pytest.mark.parametrize("name", ["__len__", "__init__", "__class__", "__reduce__", "__missing"])
@pytest.mark.parametrize("allow_private", [False, True])
def test_special_names_are_refused_whatever_the_server_allows(
    name: str, allow_private: bool
) -> None:
    async def main() -> None:
        async with running(Guarded(), allow_private=allow_private) as serving:
            client = await serving.ready()
            kind, message = await client.call(name)
            assert kind == "AttributeError"
            assert f"{name!r} is private and cannot be called remotely" in message
            assert "give it a public name" in message
            assert "allow_private" not in message
            assert await client.call("public") == "public"

    run(main())


def test_private_names_are_refused_with_the_way_out() -> None:
    async def main() -> None:
        async with running(Guarded()) as serving:
            kind, message = await (await serving.ready()).call("_private")
            assert kind == "AttributeError"
            assert "give it a public name or start the server with allow_private=True" in message

    run(main())


def test_private_names_can_be_allowed() -> None:
    async def main() -> None:
        async with running(Guarded(), allow_private=True) as serving:
            client = await serving.client()
            assert await client._private() == "private"
            # The documentation is that of the public methods: what people are meant to use.
            assert set((await client.get_rpc_method_list())["methods"]) == {"public"}

    run(main())


@pytest.mark.parametrize("threads", [False, True])
@pytest.mark.parametrize("name", ["voltage", "broken", "costly", "method_in_disguise"])
def test_properties_are_never_evaluated(name: str, threads: bool) -> None:
    guarded = Guarded()

    async def main() -> None:
        async with running(guarded, threads=threads) as serving:
            client = await serving.raw()
            client.say(BANNER, b"dev pyon_v2")
            await client.hear()
            assert pyon.decode(await client.hear(), syntax="json") == {"public"}
            client.say(b'{"action": "get_rpc_method_list"}')
            assert set((await client.answer())["ret"]["methods"]) == {"public"}
            kind, message = await client.call(name)
            assert kind == "AttributeError"
            assert f"{name!r} is a property; only methods can be called remotely" in message

    run(main())
    assert guarded.looked_at == []


def test_plain_attributes_are_refused_with_their_type() -> None:
    async def main() -> None:
        async with running(Guarded()) as serving:
            assert await (await serving.ready()).call("limit") == (
                "AttributeError",
                "'limit' is not a method but of type 'int'",
            )

    run(main())


def test_a_method_that_does_not_exist_is_an_attribute_error() -> None:
    async def main() -> None:
        async with running(Guarded()) as serving:
            client = await serving.ready()
            kind, message = await client.call("missing")
            assert kind == "AttributeError"
            assert "missing" in message

    run(main())


def test_methods_that_appear_later_can_be_called() -> None:
    async def main() -> None:
        guarded = Guarded()
        async with running(guarded) as serving:
            client = await serving.ready()
            guarded.added = lambda x: x + 1  # type: ignore[attr-defined]
            assert await client.call("added", 1) == 2

    run(main())


def test_expected_failures_are_logged_for_those_who_ask_for_it_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "sipyco")

    async def main() -> None:
        async with running(Guarded()) as serving:
            await (await serving.ready()).call("missing")

    run(main())
    assert {record.levelno for record in caplog.records} == {logging.INFO}


@every_loop
def test_withheld_methods_are_neither_offered_nor_called(loop_factory: LoopFactory) -> None:
    class Device:
        def close(self) -> None:
            raise AssertionError("a client has called it")

        def work(self) -> str:
            return "done"

    async def main() -> None:
        async with running(Device(), withheld=["close"]) as serving:
            client = await serving.client()
            assert set((await client.get_rpc_method_list())["methods"]) == {"work"}
            assert await client.work() == "done"
            with pytest.raises(AttributeError, match="close"):
                await client.close()
            raw = await serving.ready()
            raw.ask("close")
            assert b"'close' is not for clients: this server calls it itself" in await raw.hear()

    run(main(), loop_factory)


def test_withheld_is_not_a_single_name() -> None:
    with pytest.raises(TypeError, match="give a list of names"):
        Server({}, withheld="close")
