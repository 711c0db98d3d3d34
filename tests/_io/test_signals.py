import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading

import pytest

from sipyco._io.signals import TERMINATING, SignalHandler
from tests.event_loops import LoopFactory, every_loop

if sys.platform == "win32":
    pytest.skip("Windows processes do not send each other signals", allow_module_level=True)


@every_loop
@pytest.mark.parametrize("number", TERMINATING)
def test_each_terminating_signal_ends_the_wait(
    loop_factory: LoopFactory, number: signal.Signals
) -> None:
    async def main() -> None:
        handler = SignalHandler()
        handler.setup()
        try:
            waiting = asyncio.create_task(handler.wait_terminate())
            await asyncio.sleep(0)
            assert not waiting.done()
            os.kill(os.getpid(), number)
            await waiting
        finally:
            handler.teardown()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@every_loop
def test_a_signal_before_the_wait_is_remembered(loop_factory: LoopFactory) -> None:
    handler = SignalHandler()
    handler.setup()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(handler.wait_terminate())
            runner.run(handler.wait_terminate())
    finally:
        handler.teardown()


@every_loop
def test_a_blocked_loop_is_woken_by_a_signal_from_another_process(
    loop_factory: LoopFactory,
) -> None:
    """The loop waits without any timer, as a server without clients does."""

    async def main() -> None:
        handler = SignalHandler()
        handler.setup()
        try:
            # The child outlives this statement: it is the only thing that ends the wait.
            with subprocess.Popen(["sh", "-c", f"kill -TERM {os.getpid()}"]):  # noqa: ASYNC220
                await handler.wait_terminate()
        finally:
            handler.teardown()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


SERVER = """
import asyncio, sys
from sipyco._io.signals import SignalHandler

async def main():
    handler = SignalHandler()
    handler.setup()
    print("ready", flush=True)
    await handler.wait_terminate()
    handler.teardown()
    print("cleaned up")

factory = asyncio.new_event_loop
if sys.argv[1] == "uvloop":
    import uvloop
    factory = uvloop.new_event_loop
with asyncio.Runner(loop_factory=factory) as runner:
    runner.run(main())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("number", TERMINATING)
def test_a_process_cleans_up_when_it_is_asked_to_end(loop: str, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, loop], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.read() == "cleaned up\n"
    assert process.returncode == 0


def test_a_process_under_nohup_survives_the_end_of_its_terminal() -> None:
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    handler = SignalHandler()
    try:
        handler.setup()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) == handler._on_signal
    finally:
        handler.teardown()
        signal.signal(signal.SIGHUP, previous)


def test_teardown_restores_the_handlers_that_were_there() -> None:
    def own(_number: int, _frame: object) -> None: ...

    original = signal.signal(signal.SIGTERM, own)
    before = [signal.getsignal(number) for number in TERMINATING]
    try:
        handler = SignalHandler()
        handler.setup()
        handler.setup()
        assert signal.getsignal(signal.SIGTERM) is not own
        handler.teardown()
        handler.teardown()
        assert [signal.getsignal(number) for number in TERMINATING] == before
    finally:
        signal.signal(signal.SIGTERM, original)


def test_outside_the_main_thread_signals_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "sipyco")
    before = [signal.getsignal(number) for number in TERMINATING]

    def setup() -> None:
        handler = SignalHandler()
        handler.setup()
        handler.teardown()

    thread = threading.Thread(target=setup)
    thread.start()
    thread.join()
    assert "signals will not end this server" in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
    assert [signal.getsignal(number) for number in TERMINATING] == before
