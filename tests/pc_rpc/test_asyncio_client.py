"""The client for programs on an event loop: what it does beyond what all clients do."""

import asyncio
import collections.abc
import gc
import threading
from typing import Any

import pytest

from sipyco._io import asyncio_
from sipyco.pc_rpc import AsyncioClient, ConnectionLost, IncompatibleServer
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_peers import Peer, echoing, greeting, scripted, taking_turns
from tests.rpc_servers import run, settle
from tests.serving import served


class Echo:
    def echo(self, value: Any) -> Any:
        return value


def silent(peer: Peer) -> None:
    peer.welcome()
    peer.until_it_leaves()


def hanging_up(peer: Peer) -> None:
    peer.welcome()


async def connected(port: int) -> AsyncioClient:
    client = AsyncioClient()
    await client.connect_rpc("127.0.0.1", port)
    return client


# Closing


@every_loop
def test_the_end_of_an_async_with_block_closes_the_connection(loop_factory: LoopFactory) -> None:
    left = threading.Event()

    def script(peer: Peer) -> None:
        silent(peer)
        left.set()

    async def main(port: int) -> None:
        async with AsyncioClient() as client:
            await client.connect_rpc("127.0.0.1", port)
        with pytest.raises(ConnectionLost, match="closed by this side"):
            await client.echo(1)

    with scripted(script) as port:
        run(main(port), loop_factory)
        assert left.wait(10)


@every_loop
def test_close_rpc_may_be_awaited_called_bare_or_made_a_task_as_often_as_one_likes(
    loop_factory: LoopFactory,
) -> None:
    async def main(port: int) -> None:
        client = await connected(port)
        await client.close_rpc()
        await client.close_rpc()

        client = await connected(port)
        _ = client.close_rpc()
        _ = client.close_rpc()
        with pytest.raises(ConnectionLost):
            await client.echo(1)

        client = await connected(port)
        closing = client.close_rpc()
        assert isinstance(closing, collections.abc.Coroutine)
        await asyncio.create_task(closing)
        await asyncio.gather(client.close_rpc(), asyncio.wait_for(client.close_rpc(), 10))

        client = await connected(port)
        task = asyncio.ensure_future(client.close_rpc())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        client.close_rpc().close()
        await settle()

    with scripted(silent) as port:
        run(main(port), loop_factory)
        gc.collect()


@every_loop
def test_close_rpc_may_be_run_when_the_loop_stands_still(loop_factory: LoopFactory) -> None:
    loop = loop_factory()
    with scripted(silent) as port:
        client = loop.run_until_complete(connected(port))
        loop.run_until_complete(client.close_rpc())
        loop.run_until_complete(client.close_rpc())
    loop.close()


def test_close_rpc_of_a_client_that_was_never_connected_does_nothing() -> None:
    async def main() -> None:
        client = AsyncioClient()
        _ = client.close_rpc()
        await client.close_rpc()

    run(main())


@every_loop
def test_close_rpc_ends_the_calls_that_wait(loop_factory: LoopFactory) -> None:
    async def main(port: int) -> None:
        client = await connected(port)
        calls = [asyncio.create_task(client.echo(number)) for number in range(3)]
        await settle()
        await client.close_rpc()
        for result in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(result, ConnectionLost)

    with scripted(silent) as port:
        run(main(port), loop_factory)


@every_loop
def test_a_server_that_does_not_read_does_not_delay_closing(loop_factory: LoopFactory) -> None:
    end = threading.Event()

    def script(peer: Peer) -> None:
        peer.welcome()
        end.wait(10)

    async def main(port: int) -> None:
        client = await connected(port)
        call = asyncio.create_task(client.echo("x" * (8 << 20)))
        await settle()
        async with asyncio.timeout(5):
            await client.close_rpc()
        with pytest.raises(ConnectionLost):
            await call

    with scripted(script, receive_buffer=1 << 16) as port:
        run(main(port), loop_factory)
        end.set()


# Connecting


@every_loop
def test_a_client_is_connected_again_after_it_was_closed(loop_factory: LoopFactory) -> None:
    async def main(port: int) -> None:
        client = await connected(port)
        for number in range(5):
            assert await client.echo(number) == number
            # Neither what is awaited nor what is not may disturb the next connection.
            closing = client.close_rpc()
            if number % 2:
                await closing
            await client.connect_rpc("127.0.0.1", port)
        await client.close_rpc()

    with served({"dev": Echo()}, loop_factory=loop_factory) as port:
        run(main(port), loop_factory)


@every_loop
def test_a_client_is_connected_again_after_the_connection_was_lost(
    loop_factory: LoopFactory,
) -> None:
    async def main(port: int) -> None:
        client = await connected(port)
        with pytest.raises(ConnectionLost):
            await client.echo(1)
        await client.close_rpc()
        await client.connect_rpc("127.0.0.1", port)
        assert await client.echo(2) == 2
        await client.close_rpc()

    with scripted(taking_turns(hanging_up, echoing)) as port:
        run(main(port), loop_factory)


def test_connecting_twice_is_refused_and_the_connection_goes_on() -> None:
    async def main(port: int) -> None:
        client = await connected(port)
        with pytest.raises(RuntimeError, match="already connected"):
            await client.connect_rpc("127.0.0.1", port)
        assert await client.echo(1) == 1
        await client.close_rpc()

    with scripted(echoing) as port:
        run(main(port))


def test_two_tasks_that_connect_at_once_do_not_share_a_connection() -> None:
    async def main(port: int) -> None:
        client = AsyncioClient()
        results = await asyncio.gather(
            client.connect_rpc("127.0.0.1", port),
            client.connect_rpc("127.0.0.1", port),
            return_exceptions=True,
        )
        assert sorted(map(type, results), key=repr) == [type(None), RuntimeError]
        assert await client.echo(1) == 1
        await client.close_rpc()

    with scripted(echoing) as port:
        run(main(port))


@every_loop
def test_connecting_can_be_tried_again_after_an_error(loop_factory: LoopFactory) -> None:
    def deaf(peer: Peer) -> None:
        peer.until_it_leaves()

    def closing(peer: Peer) -> None:
        peer.line()

    def without_target(peer: Peer) -> None:
        peer.line()
        peer.say(greeting(targets=["other"]))
        peer.until_it_leaves()

    def of_another_kind(peer: Peer) -> None:
        peer.line()
        peer.say(b"220 mail.lab\r\n")
        peer.until_it_leaves()

    async def main(port: int) -> None:
        client = AsyncioClient()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await client.connect_rpc("127.0.0.1", port, "dev")
        with pytest.raises(ConnectionLost):
            await client.connect_rpc("127.0.0.1", port, "dev")
        with pytest.raises(IncompatibleServer, match="no target"):
            await client.connect_rpc("127.0.0.1", port, "dev")
        with pytest.raises(IncompatibleServer, match=r"220 mail\.lab"):
            await client.connect_rpc("127.0.0.1", port, "dev")
        await client.connect_rpc("127.0.0.1", port, "dev")
        assert await client.echo(1) == 1
        await client.close_rpc()

    script = taking_turns(deaf, closing, without_target, of_another_kind, echoing)
    with scripted(script) as port:
        run(main(port), loop_factory)


@every_loop
def test_a_client_that_is_not_connected_says_what_to_do(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        client = AsyncioClient()
        with pytest.raises(ConnectionLost, match=r"call connect_rpc\(\) first"):
            await client.get_rpc_method_list()
        with pytest.raises(ConnectionLost, match=r"call connect_rpc\(\) first"):
            await client.select_rpc_target("dev")
        with pytest.raises(ConnectionLost, match=r"call connect_rpc\(\) first"):
            client.get_local_host()
        assert client.get_selected_target() is None
        assert client.get_rpc_id() == ([], None)

    run(main(), loop_factory)


# Cancelling


@every_loop
def test_a_connection_attempt_may_be_cancelled_at_any_step_and_made_again_at_once(
    loop_factory: LoopFactory,
) -> None:
    async def main(port: int) -> None:
        client = AsyncioClient()
        for steps in range(60):
            attempt = asyncio.create_task(client.connect_rpc("127.0.0.1", port))
            for _ in range(steps):
                await asyncio.sleep(0)
            attempt.cancel()
            await asyncio.wait([attempt])
            if attempt.cancelled():
                await client.connect_rpc("127.0.0.1", port)
            assert await client.echo(steps) == steps
            _ = client.close_rpc()
        await settle()

    with served({"dev": Echo()}, loop_factory=loop_factory) as port:
        run(main(port), loop_factory)


def test_what_is_left_of_an_attempt_that_was_given_up_does_not_disturb_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left_over: list[Any] = []
    connect = asyncio_.connect

    async def give_up(*args: Any) -> Any:
        left_over.extend(args[-2:])
        raise TimeoutError

    async def main(port: int) -> None:
        client = AsyncioClient()
        monkeypatch.setattr(asyncio_, "connect", give_up)
        with pytest.raises(TimeoutError):
            await client.connect_rpc("127.0.0.1", port)
        monkeypatch.setattr(asyncio_, "connect", connect)
        await client.connect_rpc("127.0.0.1", port)
        channel, lost = left_over
        said = greeting(targets=["other"])
        channel.buffer()[: len(said)] = said
        channel.received(len(said))
        lost(ConnectionLost("noticed only now"))
        assert await client.echo(1) == 1
        await client.close_rpc()

    with scripted(echoing) as port:
        run(main(port))


@every_loop
def test_a_call_may_be_cancelled_at_any_step_and_disturbs_no_other(
    loop_factory: LoopFactory,
) -> None:
    async def main(port: int) -> None:
        client = await connected(port)
        cancelled = 0
        for steps in range(100):
            call = asyncio.create_task(client.echo("cancelled"))
            for _ in range(steps):
                await asyncio.sleep(0)
            call.cancel()
            # While the cancelled one still cleans up, too.
            assert await client.echo(steps) == steps
            await asyncio.wait([call])
            cancelled += call.cancelled()
            assert await client.echo((steps,)) == (steps,)
        assert cancelled > 1
        await client.close_rpc()

    with served({"dev": Echo()}, loop_factory=loop_factory) as port:
        run(main(port), loop_factory)


@every_loop
def test_a_call_that_waits_for_its_turn_can_be_cancelled(loop_factory: LoopFactory) -> None:
    requests: list[Any] = []
    go_on = threading.Event()

    def script(peer: Peer) -> None:
        peer.welcome()
        while request := peer.request():
            go_on.wait(10)
            requests.extend(request["args"])
            peer.answer(request["args"][0])

    async def main(port: int) -> None:
        client = await connected(port)
        first, second, third = (asyncio.create_task(client.echo(number)) for number in range(3))
        await settle()
        second.cancel()
        go_on.set()
        assert await first == 0
        assert await third == 2
        with pytest.raises(asyncio.CancelledError):
            await second
        await client.close_rpc()

    with scripted(script) as port:
        run(main(port), loop_factory)
    assert requests == [0, 2]


@every_loop
def test_answers_go_to_the_task_that_asked(loop_factory: LoopFactory) -> None:
    async def main(port: int) -> None:
        client = await connected(port)
        values = [("x" * number, number) for number in range(200)]
        assert await asyncio.gather(*map(client.echo, values)) == values

        async def impatient(number: int) -> bool:
            try:
                async with asyncio.timeout(0.0001 * (number % 7)):
                    answer = await client.echo(number)
            except TimeoutError:
                return True
            return bool(answer == number)

        assert all(await asyncio.gather(*map(impatient, range(300))))
        assert await client.echo("last") == "last"
        await client.close_rpc()

    with served({"dev": Echo()}, loop_factory=loop_factory) as port:
        run(main(port), loop_factory)


@every_loop
def test_the_event_loop_goes_on_while_a_call_waits(loop_factory: LoopFactory) -> None:
    go_on = threading.Event()

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.line()
        go_on.wait(10)
        peer.answer("at last")

    async def main(port: int) -> None:
        client = await connected(port)
        call = asyncio.create_task(client.echo())
        await settle()
        assert not call.done()
        go_on.set()
        assert await call == "at last"
        await client.close_rpc()

    with scripted(script) as port:
        run(main(port), loop_factory)


@every_loop
def test_a_failed_encoding_does_not_keep_others_waiting(loop_factory: LoopFactory) -> None:
    async def main(port: int) -> None:
        client = await connected(port)
        calls = (client.echo(object()), client.echo(1))
        outcomes: tuple[Any, ...] = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(outcomes[0], TypeError)
        assert outcomes[1] == 1
        await client.close_rpc()

    with scripted(echoing) as port:
        run(main(port), loop_factory)
