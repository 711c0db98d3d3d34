import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from sipyco import pipe_ipc
from sipyco._io import pipes, pipes_windows
from sipyco.pc_rpc import MessageTooLargeError
from sipyco.pipe_ipc import AsyncioChildComm, AsyncioParentComm, ChildComm
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_servers import run, settle

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="descriptors are not inherited")

BLOCKING_ECHO = """
import sys
from sipyco.pipe_ipc import ChildComm
comm = ChildComm(sys.argv[1])
while line := comm.readline():
    comm.write(line)
comm.close()
"""

ASYNCIO_ECHO = """
import asyncio, sys
from sipyco.pipe_ipc import AsyncioChildComm

async def main():
    comm = AsyncioChildComm(sys.argv[1])
    await comm.connect()
    while line := await comm.readline():
        comm.write(line)
        await comm.drain()
    comm.close()

asyncio.run(main())
"""


def open_descriptors() -> set[Path]:
    return set(Path("/dev/fd").iterdir())


def communicate(
    loop_factory: LoopFactory,
    program: str,
    talk: Callable[[AsyncioParentComm], Coroutine[Any, Any, None]],
    **options: Any,
) -> None:
    """Start a child, talk with it, wait for its end, and make sure that nothing is left open."""

    async def main() -> None:
        comm = AsyncioParentComm()
        await comm.create_subprocess(
            *(sys.executable, "-W", "error", "-c", program, comm.get_address()), **options
        )
        try:
            await talk(comm)
        except BaseException:
            comm.process.kill()
            raise
        finally:
            comm.close()
            status = await comm.process.wait()
        assert status == 0

    # What a loop keeps for the whole process is there then.
    run(asyncio.sleep(0), loop_factory)
    before = open_descriptors() if sys.platform != "win32" else None
    run(main(), loop_factory)
    if sys.platform != "win32":
        assert open_descriptors() == before


@pytest.mark.parametrize("program", [BLOCKING_ECHO, ASYNCIO_ECHO], ids=["blocking", "asyncio"])
@every_loop
def test_a_parent_and_its_child_exchange_lines(loop_factory: LoopFactory, program: str) -> None:
    async def talk(comm: AsyncioParentComm) -> None:
        for line in (b"one\n", b"\n", b"\x00\xff\r\n"):
            comm.write(line)
            assert await comm.readline() == line
        comm.write(b"several\nin one\n")
        assert [await comm.readline() for _ in range(2)] == [b"several\n", b"in one\n"]

    communicate(loop_factory, program, talk)


@pytest.mark.parametrize("program", [BLOCKING_ECHO, ASYNCIO_ECHO], ids=["blocking", "asyncio"])
@every_loop
def test_big_messages_arrive_whole(loop_factory: LoopFactory, program: str) -> None:
    message = os.urandom(4 << 20).replace(b"\n", b" ") + b"\n"

    async def talk(comm: AsyncioParentComm) -> None:
        for _ in range(2):
            comm.write(message)
            await comm.drain()
            assert await comm.readline() == message

    communicate(loop_factory, program, talk)


@every_loop
def test_the_standard_streams_remain_those_of_the_child(loop_factory: LoopFactory) -> None:
    async def talk(comm: AsyncioParentComm) -> None:
        assert comm.process.stdout
        comm.write(b"to the pipe\n")
        assert await comm.process.stdout.readline() == b"to the pipe\n"

    program = """if True:
        import sys
        from sipyco.pipe_ipc import ChildComm
        comm = ChildComm(sys.argv[1])
        sys.stdout.buffer.write(comm.readline())
        comm.close()
    """
    communicate(loop_factory, program, talk, stdout=asyncio.subprocess.PIPE)


async def write_without_end(comm: AsyncioParentComm) -> None:
    while True:
        comm.write(b"nobody reads this" * 10000)
        await comm.drain()


@every_loop
def test_the_end_of_the_child_is_the_end_of_the_stream(loop_factory: LoopFactory) -> None:
    async def talk(comm: AsyncioParentComm) -> None:
        assert await comm.readline() == b"first\n"
        assert await comm.readline() == b"unfinished"
        assert await comm.readline() == b""
        assert await comm.read() == b""
        await comm.process.wait()
        with pytest.raises(ConnectionError):
            await write_without_end(comm)

    program = """if True:
        import sys
        from sipyco.pipe_ipc import ChildComm
        comm = ChildComm(sys.argv[1])
        comm.write(b"first\\nunfinished")
        comm.close()
    """
    communicate(loop_factory, program, talk)


@every_loop
def test_a_child_that_never_connects_ends_the_stream(loop_factory: LoopFactory) -> None:
    async def talk(comm: AsyncioParentComm) -> None:
        assert await comm.readline() == b""

    communicate(loop_factory, "pass", talk)


@posix_only
@every_loop
def test_pieces_are_read_as_they_come(loop_factory: LoopFactory) -> None:
    async def talk(comm: AsyncioParentComm) -> None:
        comm.write(b"abc")
        assert await comm.read(0) == b""
        assert await comm.read(2) == b"ab"
        comm.write(b"def\nthe rest")
        assert comm._writer
        comm._writer.close()
        assert await comm.readline() == b"cdef\n"
        assert await comm.read() == b"the rest"

    program = """if True:
        import sys
        from sipyco.pipe_ipc import ChildComm
        comm = ChildComm(sys.argv[1])
        comm.write(comm.read(3))
        comm.write(comm.read())
        comm.close()
    """
    communicate(loop_factory, program, talk)


@every_loop
def test_a_cancelled_readline_loses_nothing(loop_factory: LoopFactory) -> None:
    async def talk(comm: AsyncioParentComm) -> None:
        assert comm.process.stdout
        waiting = asyncio.ensure_future(comm.readline())
        await comm.process.stdout.readline()
        await settle()
        assert comm._buffer == b"half "
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        comm.write(b"go on\n")
        assert await comm.readline() == b"half whole\n"

    program = """if True:
        import sys
        from sipyco.pipe_ipc import ChildComm
        comm = ChildComm(sys.argv[1])
        comm.write(b"half ")
        print("written", flush=True)
        comm.readline()
        comm.write(b"whole\\n")
        comm.close()
    """
    communicate(loop_factory, program, talk, stdout=asyncio.subprocess.PIPE)


@every_loop
def test_closing_gives_readers_the_end(loop_factory: LoopFactory) -> None:
    async def talk(comm: AsyncioParentComm) -> None:
        waiting = asyncio.ensure_future(comm.readline())
        await settle()
        comm.close()
        assert await waiting == b""

    communicate(loop_factory, BLOCKING_ECHO, talk)


def test_a_line_without_end_is_not_collected_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "MAX_MESSAGE_SIZE", 1000)

    async def main() -> None:
        streams = pipes.PipeStreams()
        streams._reader = asyncio.StreamReader()
        streams._reader.feed_data(b"x" * 2000)
        with pytest.raises(MessageTooLargeError, match="a line of 2000 bytes"):
            await streams.readline()
        streams._reader.feed_eof()
        assert await streams.read() == b"x" * 2000

    run(main())


@posix_only
@every_loop
def test_descriptors_passed_by_the_program_are_passed_too(loop_factory: LoopFactory) -> None:
    incoming, outgoing = os.pipe()

    async def talk(comm: AsyncioParentComm) -> None:
        assert await comm.readline() == b"ready\n"

    program = f"""if True:
        import os, sys
        from sipyco.pipe_ipc import ChildComm
        comm = ChildComm(sys.argv[1])
        os.write({outgoing}, b"from the child")
        comm.write(b"ready\\n")
        comm.close()
    """
    try:
        communicate(loop_factory, program, talk, pass_fds=(outgoing,), close_fds=False)
        assert os.read(incoming, 100) == b"from the child"
    finally:
        os.close(incoming)
        os.close(outgoing)


@posix_only
@every_loop
def test_children_of_the_child_do_not_keep_the_pipes_open(loop_factory: LoopFactory) -> None:
    async def talk(comm: AsyncioParentComm) -> None:
        assert await comm.readline() == b"started\n"
        assert await comm.readline() == b""
        assert comm.process.stdin
        comm.process.stdin.close()  # for which the grandchild waits

    program = """if True:
        import subprocess, sys
        from sipyco.pipe_ipc import ChildComm
        comm = ChildComm(sys.argv[1])
        grandchild = subprocess.Popen(["cat"], close_fds=False)
        comm.write(b"started\\n")
        comm.close()
        grandchild.wait()
    """
    communicate(loop_factory, program, talk, stdin=asyncio.subprocess.PIPE)


@every_loop
def test_a_command_that_does_not_exist_leaves_nothing_open(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        comm = AsyncioParentComm()
        with pytest.raises(FileNotFoundError):
            await comm.create_subprocess("/nonexistent/program", comm.get_address())
        assert not hasattr(comm, "process")

    run(asyncio.sleep(0), loop_factory)
    before = open_descriptors()
    run(main(), loop_factory)
    assert open_descriptors() == before


@posix_only
def test_a_parent_that_never_had_a_child_leaves_nothing_open() -> None:
    before = open_descriptors()
    comm = AsyncioParentComm()
    assert len(open_descriptors()) == len(before) + 4
    comm.close()
    assert open_descriptors() == before


def test_nothing_can_be_said_before_there_is_a_child() -> None:
    async def main() -> None:
        comm = AsyncioParentComm()
        with pytest.raises(RuntimeError, match="create_subprocess"):
            comm.write(b"")
        with pytest.raises(RuntimeError, match="create_subprocess"):
            await comm.readline()
        with pytest.raises(RuntimeError, match="create_subprocess"):
            await comm.drain()
        comm.close()

    run(main())


@every_loop
def test_one_parent_has_one_child(loop_factory: LoopFactory) -> None:
    async def talk(comm: AsyncioParentComm) -> None:
        with pytest.raises(RuntimeError, match="make another"):
            await comm.create_subprocess(sys.executable, "-c", "pass")
        comm.write(b"still there\n")
        assert await comm.readline() == b"still there\n"

    communicate(loop_factory, BLOCKING_ECHO, talk)


@posix_only
@pytest.mark.parametrize("address", ["", "1", "1,2,3", "a,b", "-1,2", r"\\.\pipe\name"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="what get_address"):
        ChildComm(address)
    with pytest.raises(ValueError, match="what get_address"):
        run(AsyncioChildComm(address).connect())


@posix_only
def test_a_process_without_such_a_parent_is_told_so() -> None:
    with pytest.raises(OSError, match="descriptor"):
        ChildComm("1000000,1000001")


@posix_only
def test_a_child_whose_descriptors_are_no_pipes_closes_them(tmp_path: Path) -> None:
    ends = [os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT) for _ in range(2)]
    with pytest.raises(ValueError, match=r"[Pp]ipe"):
        run(AsyncioChildComm(f"{ends[0]},{ends[1]}").connect())
    for end in ends:
        with pytest.raises(OSError, match="descriptor"):
            os.fstat(end)


def test_the_classes_name_the_public_module_as_their_home() -> None:
    for name in pipe_ipc.__all__:
        assert getattr(pipe_ipc, name).__module__ == "sipyco.pipe_ipc"
        assert getattr(pipes_windows, name).__module__ == "sipyco.pipe_ipc"


# Windows, as far as it can be played elsewhere: its named pipes are sockets with names here.

LOOP_WITH_NAMED_PIPES = """
import asyncio

def path(address):
    import os, tempfile
    return os.path.join(tempfile.gettempdir(), address.replace(chr(92), ""))

class LoopWithNamedPipes(asyncio.SelectorEventLoop):
    async def start_serving_pipe(self, factory, address):
        return [await self.create_unix_server(factory, path(address))]

    async def create_pipe_connection(self, factory, address):
        return await self.create_unix_connection(factory, path(address))
"""

NAMED_PIPE_ECHO = """
import sys
from sipyco._io.pipes_windows import AsyncioChildComm

async def main():
    comm = AsyncioChildComm(sys.argv[1])
    await comm.connect()
    while line := await comm.readline():
        comm.write(line)
        await comm.drain()
    comm.close()

asyncio.Runner(loop_factory=LoopWithNamedPipes).run(main())
"""


def loop_with_named_pipes() -> asyncio.AbstractEventLoop:
    namespace: dict[str, Any] = {}
    exec(LOOP_WITH_NAMED_PIPES, namespace)
    loop: asyncio.AbstractEventLoop = namespace["LoopWithNamedPipes"]()
    return loop


@pytest.fixture
def _named_pipes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # The names of sockets have to be short, so that tmp_path will not do.
    with tempfile.TemporaryDirectory() as directory:
        monkeypatch.setenv("TMPDIR", directory)
        monkeypatch.setattr(tempfile, "tempdir", directory)
        yield


@posix_only
@pytest.mark.usefixtures("_named_pipes")
def test_on_windows_a_parent_and_its_child_exchange_lines() -> None:
    message = os.urandom(4 << 20).replace(b"\n", b" ") + b"\n"

    async def main() -> None:
        comm = pipes_windows.AsyncioParentComm()
        with pytest.raises(RuntimeError, match="create_subprocess"):
            comm.write(b"")
        program = LOOP_WITH_NAMED_PIPES + NAMED_PIPE_ECHO
        await comm.create_subprocess(sys.executable, "-c", program, comm.get_address())
        with pytest.raises(RuntimeError, match="make another"):
            await comm.create_subprocess(sys.executable, "-c", "pass")
        for line in (b"one\n", message):
            comm.write(line)
            await comm.drain()
            assert await comm.readline() == line
        comm.close()
        assert await comm.process.wait() == 0

    assert pipes_windows.AsyncioParentComm().get_address().startswith("\\\\.\\pipe\\sipyco-")
    before = open_descriptors()
    run(main(), loop_with_named_pipes)
    assert open_descriptors() == before


@posix_only
@pytest.mark.usefixtures("_named_pipes")
def test_on_windows_a_child_that_never_connects_ends_the_stream() -> None:
    async def main() -> None:
        comm = pipes_windows.AsyncioParentComm()
        await comm.create_subprocess(sys.executable, "-c", "pass")
        assert await comm.readline() == b""
        comm.write(b"nobody reads this")
        with pytest.raises(ConnectionResetError):
            await comm.drain()
        comm.close()

    run(main(), loop_with_named_pipes)


@posix_only
@pytest.mark.usefixtures("_named_pipes")
def test_on_windows_a_command_that_does_not_exist_leaves_nothing_open() -> None:
    async def main() -> None:
        comm = pipes_windows.AsyncioParentComm()
        with pytest.raises(FileNotFoundError):
            await comm.create_subprocess("/nonexistent/program")
        comm.close()

    before = open_descriptors()
    run(main(), loop_with_named_pipes)
    assert open_descriptors() == before


@posix_only
def test_on_windows_the_blocking_child_uses_one_pipe_for_both_directions() -> None:
    import tty

    parent, child = os.openpty()  # the only thing here that is opened by name and works both ways
    tty.setraw(child)
    comm = pipes_windows.ChildComm(os.ttyname(child))
    os.write(parent, b"one\ntwo\nabc")
    assert [comm.readline(), comm.readline(), comm.read(3)] == [b"one\n", b"two\n", b"abc"]
    comm.write(b"answer")
    assert os.read(parent, 6) == b"answer"
    comm.close()
    os.close(child)
    os.close(parent)


@posix_only
@every_loop
def test_a_start_that_is_cancelled_leaves_nothing_open(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        for turns in range(4):
            comm = AsyncioParentComm()
            starting = asyncio.ensure_future(comm.create_subprocess(sys.executable, "-c", "pass"))
            for _ in range(turns):
                await asyncio.sleep(0)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
            comm.close()

    run(main(), loop_factory)


@every_loop
def test_what_is_no_bytes_is_refused(loop_factory: LoopFactory) -> None:
    async def talk(comm: AsyncioParentComm) -> None:
        with pytest.raises(TypeError, match="bytes-like"):
            comm.write("text")  # type: ignore[arg-type]
        comm.write(b"bytes\n")
        assert await comm.readline() == b"bytes\n"

    communicate(loop_factory, BLOCKING_ECHO, talk)


@posix_only
@every_loop
def test_what_is_written_after_the_end_of_the_child_is_dropped(loop_factory: LoopFactory) -> None:
    async def talk(comm: AsyncioParentComm) -> None:
        assert await comm.readline() == b""
        for _ in range(50):
            comm.write(b"late\n")
            await settle()

    program = """if True:
        import sys
        from sipyco.pipe_ipc import ChildComm
        ChildComm(sys.argv[1]).close()
    """
    communicate(loop_factory, program, talk)


@posix_only
@every_loop
def test_who_waits_for_room_is_told_of_the_end_of_the_child(loop_factory: LoopFactory) -> None:
    async def talk(comm: AsyncioParentComm) -> None:
        assert await comm.readline() == b"ready\n"
        comm.write(bytes(5_000_000))
        waiting = asyncio.ensure_future(comm.drain())
        await settle()
        comm.write(b"end\n")
        with pytest.raises(ConnectionResetError):
            await waiting

    program = """if True:
        import sys
        from sipyco.pipe_ipc import ChildComm
        comm = ChildComm(sys.argv[1])
        comm.write(b"ready\\n")
        comm.read(1000)
    """
    communicate(loop_factory, program, talk)
