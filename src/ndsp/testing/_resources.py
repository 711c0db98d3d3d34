"""What a process holds and must give back: threads, child processes, sockets."""

import contextlib
import socket
import sys
import threading
import time
import traceback
from collections.abc import Collection, Hashable
from types import FrameType
from typing import Any

import psutil

__all__ = [
    "alive_after",
    "children",
    "connections",
    "describe_process",
    "describe_thread",
    "is_alive",
    "kill",
    "place",
    "sockets",
    "threads",
]

PAUSE = 0.01
"""Seconds between two looks at processes that are to end."""

KILLING = 5.0
"""Seconds that the system has for it. One that waits for a disk takes longer."""

CLOSE = "close it where the driver closes"


def threads() -> set[threading.Thread]:
    """Give the threads of this process that somebody has to end."""
    frames = _frames()
    return {
        thread
        for thread in threading.enumerate()
        if thread is not threading.current_thread()
        # Foreign threads that once called Python are listed for ever, whether they run or not.
        and type(thread).__name__ != "_DummyThread"
        and not getattr(thread, "is_pydev_daemon_thread", False)
        and not _is_idle_worker_of_asyncio(thread, frames.get(thread.ident or 0))
    }


def _is_idle_worker_of_asyncio(thread: threading.Thread, frame: FrameType | None) -> bool:
    # Ends with its event loop, which often belongs to a fixture that is closed later. A loop that
    # nobody closes warns when it is collected.
    is_idle = frame is not None and frame.f_code.co_name == "_worker"
    return is_idle and thread.name.startswith(("asyncio_", "uvloop_"))


def describe_thread(thread: threading.Thread) -> str:
    """Say in one line which thread it is, where it is, and what to do about it."""
    return f"{place(thread)}; end and join it where the driver closes"


def place(thread: threading.Thread) -> str:
    """Say which thread it is and where it is."""
    where = "has not begun"
    frame = _frames().get(thread.ident or 0)
    # That a lock is waited for says less than who does so.
    standard = threading.__file__.removesuffix("threading.py")
    for inner, line in traceback.walk_stack(frame):
        code = inner.f_code
        if not code.co_filename.startswith((standard, "<frozen")):
            where = f"is in {code.co_name} ({code.co_filename}:{line})"
            break
        where = "runs"
    return f"thread {thread.name!r} {where}"


def _frames() -> dict[int, FrameType]:
    return sys._current_frames()


def children(process: psutil.Process) -> set[psutil.Process]:
    """Give the processes that this one has started, and those that these have."""
    try:
        return {child for child in process.children(recursive=True) if is_alive(child)}
    except psutil.Error:
        return set()


def is_alive(process: psutil.Process) -> bool:
    """Tell whether it runs; one that has ended and that nobody has waited for does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def alive_after(seconds: float, processes: Collection[psutil.Process]) -> list[psutil.Process]:
    """Wait until processes have ended, at most so long, and give those that have not."""
    deadline = time.monotonic() + seconds
    while left := [process for process in processes if is_alive(process)]:
        if time.monotonic() >= deadline:
            break
        time.sleep(PAUSE)
    return left


def kill(processes: Collection[psutil.Process]) -> None:
    """Kill processes, and wait until they have ended."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    alive_after(KILLING, processes)


def describe_process(process: psutil.Process) -> str:
    """Say in one line which process it is, and what to do about it."""
    try:
        command = " ".join(process.cmdline()) or process.name()
    except psutil.Error:
        command = "?"
    return f"process {process.pid} still runs: {command[:200]}; end it where the driver closes"


def connections(process: psutil.Process) -> list[Any]:
    """Give the sockets of a process as psutil describes them; none if it has ended."""
    try:
        found: list[Any] = process.net_connections("all")
    except psutil.Error:
        return []
    return found


def sockets() -> dict[Hashable, str]:
    """Give the sockets of this process: what identifies each, and one line about it.

    Those without a name, which lead back into this process, are left out: event loops have them to
    wake up, and are closed like what is said about their threads.
    """
    found = connections(psutil.Process())
    return {_identity(one): _describe_socket(one) for one in found if one.laddr or one.raddr}


def _identity(found: Any) -> Hashable:
    # Not the addresses: a socket that was there before may be connected meanwhile. Windows has no
    # numbers for sockets, psutil gives -1.
    return (found.fd, found.family, found.type, (found.laddr, found.raddr) * (found.fd == -1))


def _describe_socket(found: Any) -> str:
    if found.family not in {socket.AF_INET, socket.AF_INET6}:
        path = found.laddr or found.raddr
        return f"local socket {path!r} (fd {found.fd}) is still open; {CLOSE}"
    here, there = (
        f"{end.ip}:{end.port}" if end else "nowhere" for end in (found.laddr, found.raddr)
    )
    kind = "UDP" if found.type == socket.SOCK_DGRAM else "TCP"
    what = f"listener {here}" if found.status == psutil.CONN_LISTEN else f"socket {here} to {there}"
    return f"{kind} {what} (fd {found.fd}) is still open; {CLOSE}"
