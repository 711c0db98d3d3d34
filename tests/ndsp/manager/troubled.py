"""A controller that can be brought into any trouble: ``python -m ...troubled PORT [WHAT ...]``."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import BinaryIO

from ndsp.controller import run_controller


class Troubled:
    """Does what it is told, however bad."""

    def pid(self) -> int:
        """Tell the number of this process."""
        return os.getpid()

    def variable(self, name: str) -> str | None:
        """Tell an environment variable."""
        return os.environ.get(name)

    def work(self, seconds: float) -> None:
        """Be busy, in the worker thread."""
        time.sleep(seconds)

    async def hang(self) -> None:
        """Hold up the event loop."""
        time.sleep(60)  # noqa: ASYNC251 - that is the trouble

    def flood(self, size: int) -> int:
        """Print more than anybody wants to read, so many bytes."""
        line = "x" * 1023 + "\n"
        for _ in range(size // len(line)):
            sys.stdout.write(line)
        print("that was all", flush=True)
        return size

    def log(self, text: str) -> None:
        """Print something."""
        print(text, flush=True)

    def spawn(self, *, hides: bool = False) -> int:
        """Start a process that would stay, also in a group of its own."""
        return subprocess.Popen(["sleep", "60"], start_new_session=hides).pid


class SlowClose(Troubled):
    """Takes its time to close."""

    def __init__(self) -> None:
        print("open", flush=True)

    def close(self) -> None:
        """Bring the device into a safe state, which takes half a second."""
        print("closing", flush=True)
        time.sleep(0.5)
        print("closed", flush=True)


def old(port: int) -> None:
    """Serve one client as servers of 1.9 do, one request after the other."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as stream:
                _old_conversation(stream)


def _old_conversation(stream: BinaryIO | io.BufferedRWPair) -> None:
    def say(text: str) -> None:
        stream.write(text.encode() + b"\n")
        stream.flush()

    stream.readline()
    say(json.dumps({"targets": ["old"], "description": None}))
    stream.readline()
    say('{"ping", "work", "pid", "terminate"}')
    for line in stream:
        if b'"work"' in line:
            time.sleep(60)
        say(f'{{"status": "ok", "ret": {os.getpid() if b"pid" in line else "True"}}}')
        if b'"terminate"' in line:
            sys.exit()


def main() -> int:
    """Serve, after what the words say was done."""
    port, *words = sys.argv[1:]
    options = words if "--ssl" in words else []
    for word in words:
        match word:
            case "old":
                old(int(port))
            case "background":
                if os.fork():
                    sys.exit()
                os.setsid()
            case "slow_close":
                return run_controller(SlowClose, name="slow", port=0, argv=["-p", port])
            case "crash":
                print("looking for the device", flush=True)
                raise SystemExit("no device found on USB bus 3")
            case "stubborn":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                signal.signal(signal.SIGABRT, signal.SIG_IGN)
                print("will not end", flush=True)
                while True:
                    time.sleep(60)
    where = ["-p", port, "--no-localhost-bind", "--bind", "127.0.0.1"]
    return run_controller(Troubled, name="troubled", port=0, argv=[*where, *options])


if __name__ == "__main__":
    sys.exit(main())
