"""Methods that give their items one by one, where both ends speak in frames."""

import gc
from contextlib import closing
from typing import Any

import pytest

from sipyco.pc_rpc import Client
from tests.event_loops import LoopFactory, every_loop
from tests.pc_rpc.frames_device import Device, collect, device_of
from tests.rpc_clients import Kind, every_kind
from tests.rpc_servers import run, running, until
from tests.serving import served


@every_kind
@pytest.mark.parametrize("name", ["count", "acount"])
@pytest.mark.parametrize("options", [{}, {"threads": True}, {"allow_parallel": True}])
def test_the_items_of_a_generator_come_in_their_order(
    kind: Kind, name: str, options: dict[str, Any]
) -> None:
    device, serving = device_of(kind, **options)
    with serving as port, kind.open(port) as client:
        for end in (0, 1, 4, 5, 100):
            assert collect(client, name, end) == list(range(end))
        assert collect(client, "count", 3) == [0, 1, 2]
    assert device.inside == 0


@every_kind
def test_what_a_generator_raises_is_raised_where_its_next_item_would_be(kind: Kind) -> None:
    _, serving = device_of(kind)
    with serving as port, kind.open(port) as client:
        with pytest.raises(LookupError, match="no more film"):
            collect(client, "breaks")
        with pytest.raises(TypeError, match=r"cannot encode result: .*object"):
            collect(client, "odd_item")
        assert client.call("echo", 1) == 1


def test_a_generator_begins_with_the_first_item_and_is_never_far_ahead() -> None:
    device = Device()
    with served({"device": device}) as port, Client("127.0.0.1", port) as client:
        items = client.count(1000)
        assert client.echo(1) == 1
        assert device.steps == []
        assert next(items) == 0
        for _ in range(20):
            # In between, others have their turn, and nobody is made to wait for the consumer.
            client.echo(1)
        assert device.steps[-1] in {"made 3", "made 4", "made 5"}
        items.close()
        assert device.steps[-1] == "count closed"
        assert list(items) == []


def test_leaving_a_loop_closes_the_generator() -> None:
    device = Device()
    with served({"device": device}) as port, Client("127.0.0.1", port) as client:
        for item in client.count(1000):
            if item == 2:
                break
        del item
        gc.collect()
        assert device.ended.wait(10)
        with closing(client.count(10)) as items:
            assert next(items) == 0
        assert device.steps[-1] == "count closed"
        with client.count(10) as items:
            pass
        assert list(items) == []


@every_loop
def test_leaving_an_asynchronous_loop_closes_the_generator(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        device = Device()
        async with running(device) as serving:
            client = await serving.client()
            async for item in client.acount(1000):
                if item == 2:
                    break
            gc.collect()
            await until(lambda: device.steps == ["acount closed"])
            async with client.acount(1000) as items:
                assert await anext(items) == 0
            assert device.steps == ["acount closed"] * 2
            begun = await client.acount(3)
            assert [item async for item in begun] == [0, 1, 2]

    run(main(), loop_factory)


@every_loop
def test_a_generator_that_was_not_announced_is_awaited_first(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with running(Device()) as serving:
            client = await serving.client()
            assert [item async for item in await client.hidden_generator()] == [0, 1, 4]

    run(main(), loop_factory)


@every_kind
def test_a_client_that_leaves_closes_its_generators(kind: Kind) -> None:
    device, serving = device_of(kind)
    with serving as port:
        other = Client("127.0.0.1", port)
        items = other.count(1000)
        assert next(items) == 0
        other.close_rpc()
        assert device.ended.wait(10)
        with pytest.raises(ConnectionError):
            list(items)  # a few had come
        with kind.open(port) as client:
            assert client.call("echo", 1) == 1


def test_a_stream_has_a_deadline_as_a_whole() -> None:
    device = Device()
    with served({"device": device}) as port, Client("127.0.0.1", port) as client:
        items = client.rpc_options(timeout=0.05).count(10**9)
        with pytest.raises(TimeoutError, match=r"^count\(\) did not end within 0\.05 s[;,] "):
            for _ in items:
                pass
        assert device.ended.wait(10)
        assert client.echo(1) == 1


@every_loop
def test_a_peer_that_cannot_take_items_is_told_so(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        device = Device()
        async with running(device) as serving:
            old = await serving.ready()
            kind, text = await old.call("count", 3)
            assert kind == "TypeError"
            assert "count() gives items one by one" in text
            assert await old.call("echo", 1) == 1

    run(main(), loop_factory)
