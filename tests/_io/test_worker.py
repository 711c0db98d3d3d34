"""One thread in which blocking functions run, one after the other."""

import asyncio
import contextvars
import gc
import subprocess
import sys
import threading
import weakref

import pytest

from sipyco._io.worker import Worker
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_servers import run, settle


@every_loop
def test_functions_run_one_after_the_other_in_one_thread_that_is_not_this_one(
    loop_factory: LoopFactory,
) -> None:
    steps: list[int] = []

    def work(number: int) -> int:
        steps.append(number)
        return threading.get_ident()

    async def main() -> None:
        worker = Worker("test worker")
        threads = await asyncio.gather(*(worker.run(work, number) for number in range(20)))
        await worker.stop(10)
        assert steps == list(range(20))
        assert len(set(threads)) == 1
        assert threads[0] != threading.get_ident()

    run(main(), loop_factory)


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(1), KeyboardInterrupt()])
def test_what_a_function_raises_is_raised_to_its_caller_and_the_thread_goes_on(
    error: BaseException,
) -> None:
    def fail() -> None:
        raise error

    async def main() -> None:
        worker = Worker("test worker")
        with pytest.raises(type(error)) as caught:
            await worker.run(fail)
        assert caught.value is error
        assert await worker.run(max, 1, 2) == 2
        await worker.stop(10)

    run(main())


def test_context_variables_are_those_of_the_caller() -> None:
    name = contextvars.ContextVar[str]("name")

    async def main() -> None:
        worker = Worker("test worker")
        name.set("caller")
        assert await worker.run(name.get) == "caller"
        await worker.stop(10)

    run(main())


def test_a_cancelled_caller_leaves_the_function_running_to_its_end() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        worker = Worker("test worker")
        began, release, ended = asyncio.Event(), threading.Event(), threading.Event()

        def work() -> None:
            loop.call_soon_threadsafe(began.set)
            assert release.wait(10)
            ended.set()

        call = loop.create_task(worker.run(work))
        await began.wait()
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()
        release.set()
        assert await worker.run(ended.is_set)
        await worker.stop(10)
        await settle()

    run(main())


def test_arguments_do_not_outlive_their_call() -> None:
    class Image:
        pass

    async def main() -> None:
        worker = Worker("test worker")
        image = Image()
        seen = weakref.ref(image)
        await worker.run(id, image)
        del image
        await worker.run(int)  # by now the thread has dropped the call before
        gc.collect()
        assert seen() is None
        await worker.stop(10)

    run(main())


def test_no_thread_is_made_before_the_first_call_and_none_is_left_after_stop() -> None:
    async def main() -> None:
        before = threading.active_count()
        worker = Worker("test worker")
        assert threading.active_count() == before
        thread = await worker.run(threading.current_thread)
        assert thread.name == "test worker"
        assert thread.daemon
        await worker.stop(10)
        await asyncio.to_thread(thread.join)
        assert not thread.is_alive()
        assert await worker.run(max, 1, 2) == 2
        await worker.stop(10)

    run(main())


def test_a_process_ends_although_a_function_hangs() -> None:
    program = """
import asyncio, threading
from sipyco._io.worker import Worker

async def main():
    began = asyncio.Event()
    loop = asyncio.get_running_loop()
    def hang():
        loop.call_soon_threadsafe(began.set)
        threading.Event().wait()
    task = asyncio.create_task(Worker("hanging").run(hang))
    await began.wait()

asyncio.run(main())
print("ended")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("ended\n", "", 0)
