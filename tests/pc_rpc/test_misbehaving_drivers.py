"""Whatever a driver does, its caller gets an answer, and the right one."""

import asyncio
import threading
from typing import Any

import pytest

from sipyco._io.worker import Worker
from sipyco.pc_rpc import GenericRemoteException
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_servers import run, running


class HalfCharacters(Exception):
    """Its text holds two halves of a character in a row, which JSON cannot tell from the whole."""

    def __str__(self) -> str:
        return "\ud83d\ude00"


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise SystemExit


class Driver:
    def __init__(self) -> None:
        self.shared: list[int] = []

    def raise_halves(self) -> None:
        raise HalfCharacters

    async def raise_halves_later(self) -> None:
        raise HalfCharacters

    def raise_unspeakable(self) -> None:
        raise Unspeakable

    async def no_more_frames(self) -> None:
        try:
            next(iter(()))
        except StopIteration as exc:
            raise RuntimeError("no more frames") from exc

    def configure(self, *, function: str, self_test: bool = False) -> str:
        return function

    def share(self) -> list[int]:
        self.shared = [1, 2, 3]
        return self.shared

    def echo(self, value: Any) -> Any:
        return value


@every_loop
@pytest.mark.parametrize("threads", [False, True])
def test_an_exception_that_cannot_be_spelled_is_still_an_answer(
    threads: bool, loop_factory: LoopFactory
) -> None:
    async def main() -> None:
        async with running(Driver(), threads=threads) as serving:
            client = await serving.client()
            for name in ("raise_halves", "raise_halves_later", "raise_unspeakable"):
                with pytest.raises(GenericRemoteException, match=r"HalfCharacters|Unspeakable"):
                    await getattr(client, name)()
            assert await client.echo(1) == 1

    run(main(), loop_factory)


@pytest.mark.parametrize("threads", [False, True])
def test_an_error_caused_by_the_end_of_an_iterator_arrives_as_itself(threads: bool) -> None:
    async def main() -> None:
        async with running(Driver(), threads=threads) as serving:
            client = await serving.client()
            with pytest.raises(RuntimeError, match="no more frames"):
                await client.no_more_frames()

    run(main())


@pytest.mark.parametrize("threads", [False, True])
def test_arguments_may_have_any_name(threads: bool) -> None:
    async def main() -> None:
        async with running(Driver(), threads=threads) as serving:
            client = await serving.client()
            assert await client.configure(function="SQU", self_test=True) == "SQU"

    run(main())


def test_a_value_is_what_it_was_when_the_method_returned_in_its_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = Driver()
    run_in_thread = Worker.run

    async def run_and_change(self: Worker, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        outcome = await run_in_thread(self, function, *args, **kwargs)
        driver.shared.append(4)  # what a thread of the driver's may do before the loop goes on
        return outcome

    async def main() -> None:
        monkeypatch.setattr(Worker, "run", run_and_change)
        async with running(driver, threads=True) as serving:
            client = await serving.client()
            assert await client.share() == [1, 2, 3]

    run(main())


def test_a_worker_that_was_stopped_in_the_middle_of_a_call_works_again() -> None:
    async def main() -> None:
        worker = Worker("test")
        began, release = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def hang() -> None:
            loop.call_soon_threadsafe(began.set)
            release.wait(10)

        hanging = asyncio.ensure_future(worker.run(hang))
        await began.wait()
        assert not await worker.stop(0.01)
        assert await worker.run(lambda: "again") == "again"
        release.set()
        await hanging
        assert await worker.stop(10)

    run(main())
