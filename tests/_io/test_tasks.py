import asyncio
import gc
import subprocess
import sys
import weakref

import pytest

from sipyco._io.tasks import BackgroundTaskPool, Condition, TaskObject, atexit_register_coroutine
from tests.event_loops import LoopFactory, every_loop


class Waiting(TaskObject):
    def __init__(self) -> None:
        self.steps: list[str] = []
        self.begun = asyncio.Event()

    async def _do(self) -> None:
        self.steps.append("begun")
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.steps.append("cleaned up")


class Failing(TaskObject):
    async def _do(self) -> None:
        raise OSError("unplugged")


@every_loop
def test_a_task_object_runs_until_it_is_stopped_and_can_run_again(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        waiting = Waiting()
        for _ in range(2):
            waiting.begun.clear()
            waiting.start()
            await waiting.begun.wait()
            await waiting.stop()
            assert waiting.task.done()
        assert waiting.steps == ["begun", "cleaned up"] * 2

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@every_loop
def test_a_task_object_starts_on_a_loop_that_does_not_run_yet(loop_factory: LoopFactory) -> None:
    loop = loop_factory()
    waiting = Waiting()
    waiting.start(loop=loop)
    loop.run_until_complete(waiting.begun.wait())
    loop.run_until_complete(waiting.stop())
    loop.close()


def test_stopping_what_was_never_started_does_nothing() -> None:
    asyncio.run(Waiting().stop())


def test_starting_twice_is_refused_and_the_first_task_goes_on() -> None:
    async def main() -> None:
        waiting = Waiting()
        waiting.start()
        first = waiting.task
        with pytest.raises(RuntimeError, match="runs already"):
            waiting.start()
        assert waiting.task is first
        await waiting.stop()

    asyncio.run(main())


def test_the_failure_of_the_work_is_raised_by_stop() -> None:
    async def main() -> None:
        failing = Failing()
        failing.start()
        await asyncio.wait([failing.task])
        with pytest.raises(OSError, match="unplugged"):
            await failing.stop()

    asyncio.run(main())


def test_cancelling_stop_is_not_taken_for_the_end_of_the_task() -> None:
    async def main() -> None:
        cleaning = asyncio.Event()
        release = asyncio.Event()

        class Stubborn(Waiting):
            async def _do(self) -> None:
                try:
                    await super()._do()
                finally:
                    cleaning.set()
                    await release.wait()

        stubborn = Stubborn()
        stubborn.start()
        await stubborn.begun.wait()
        stopping = asyncio.create_task(stubborn.stop())
        await cleaning.wait()
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
        assert not stubborn.task.done()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await stubborn.task

    asyncio.run(main())


def test_a_task_object_without_work_says_what_to_define() -> None:
    async def main() -> None:
        idle = TaskObject()
        idle.start()
        await asyncio.wait([idle.task])
        with pytest.raises(TypeError, match="define `async def _do"):
            await idle.stop()

    asyncio.run(main())


@every_loop
def test_notify_wakes_every_waiter_and_only_those_who_wait(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        condition = Condition()
        condition.notify()
        waiters = [asyncio.create_task(condition.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        waiters[0].cancel()
        condition.notify()
        condition.notify()
        late = asyncio.create_task(condition.wait())
        await asyncio.wait(waiters)
        assert [waiter.cancelled() for waiter in waiters] == [True, False, False]
        assert not late.done()
        condition.notify()
        await late

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@every_loop
def test_a_pool_keeps_its_tasks_alive_and_lets_them_go_when_done(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        pool = BackgroundTaskPool()
        release = asyncio.get_running_loop().create_future()

        async def work() -> int:
            return int(await release)

        alive = weakref.ref(pool.create(work()))
        await asyncio.sleep(0)
        gc.collect()
        task = alive()
        assert task is not None
        release.set_result(7)
        assert await task == 7
        await asyncio.sleep(0)
        assert not pool._tasks

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


def test_a_pool_logs_the_exception_of_a_task_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async def broken_work() -> None:
            raise ValueError("no such channel")

        pool = BackgroundTaskPool(asyncio.get_running_loop())
        await asyncio.wait([pool.create(broken_work())])
        cancelled = pool.create(broken_work())
        cancelled.cancel()
        await asyncio.wait([cancelled])
        await asyncio.sleep(0)

    asyncio.run(main())
    (record,) = caplog.records
    assert "ValueError: no such channel" in caplog.text
    assert "in broken_work" in caplog.text
    assert record.name == "sipyco._io.tasks"


AT_EXIT = """
import asyncio
from sipyco._io.tasks import atexit_register_coroutine

async def goodbye():
    await asyncio.sleep(0)
    print("goodbye")

loop = asyncio.new_event_loop()
"""


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        ("atexit_register_coroutine(goodbye, loop=loop)", "goodbye"),
        ("atexit_register_coroutine(goodbye, loop=loop); loop.close()", ""),
        (
            "async def main(): atexit_register_coroutine(goodbye)\nloop.run_until_complete(main())",
            "goodbye",
        ),
    ],
)
def test_a_coroutine_runs_at_exit_unless_its_loop_is_closed(program: str, printed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_EXIT + program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == printed
    assert done.stderr == ""


def test_a_coroutine_at_exit_needs_a_loop() -> None:
    async def goodbye() -> None: ...

    with pytest.raises(RuntimeError, match="pass loop="):
        atexit_register_coroutine(goodbye)
