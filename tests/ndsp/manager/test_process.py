"""One controller as a process, with all that it starts."""

import asyncio
import os
import sys

import pytest

from ndsp.manager._facts import Strength
from ndsp.manager._process import ManagedProcess
from tests.ndsp.manager.laboratory import gone
from tests.processes import TOP, free_port

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="by signals of POSIX")

TROUBLED = f"{sys.executable} -m tests.ndsp.manager.troubled"


async def start(command: str) -> ManagedProcess:
    environment = {**os.environ, "PYTHONPATH": str(TOP), "PYTHONUNBUFFERED": "1"}
    return await ManagedProcess.start("a", "bash", ["bash", "-c", command], environment)


async def until_it_prints(process: ManagedProcess, text: str) -> None:
    while text not in process.output.tail:  # noqa: ASYNC110 - nobody else is told of its output
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("command", "how"),
    [("exit 3", "with status 3"), ("true", "with status 0"), ("kill -9 $$", "by SIGKILL")],
)
def test_it_tells_how_it_ended(command: str, how: str) -> None:
    async def run() -> str:
        return await (await start(command)).wait()

    assert asyncio.run(run()) == how


def test_what_is_behind_a_shell_is_given_time_to_end() -> None:
    async def run() -> list[str]:
        process = await start(f"{TROUBLED} {free_port()} slow_close; true")
        await until_it_prints(process, "open")
        process.signal(Strength.TERMINATE)
        await process.wait()
        return list(process.output.tail)

    assert asyncio.run(run()) == ["open", "closing", "closed"]


def test_what_it_leaves_behind_when_it_ends_by_itself_is_killed() -> None:
    async def run() -> str:
        process = await start("sleep 60 & echo $!")
        await process.wait()
        return process.output.tail[0]

    gone(int(asyncio.run(run())))


def test_output_is_read_to_its_end_although_others_keep_it_open() -> None:
    async def run() -> list[str]:
        process = await start("setsid sleep 3 & printf 'one\ntwo'")
        await process.wait()
        return list(process.output.tail)

    assert asyncio.run(run()) == ["one", "two"]


def test_a_program_that_does_not_exist_is_an_os_error() -> None:
    async def run() -> None:
        await ManagedProcess.start("a", "/nowhere/x", ["x"], {})

    with pytest.raises(OSError, match="nowhere"):
        asyncio.run(run())
