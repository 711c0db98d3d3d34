"""The whole story: a manager, four controllers, an experiment, a crash; every command is shown.

The exit status is 0 if everything went as it should. Nothing is left running, whatever happens.
"""

import argparse
import asyncio
import contextlib
import os
import pprint
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from ndsp.device_db import read_device_db
from sipyco.sync_struct import Subscriber

DATABASE = Path(__file__).with_name("device_db.py")
EXPERIMENT = Path(__file__).with_name("experiment.py")

PATIENCE = 60.0
"""Seconds until something must have happened. It takes a few."""

MANAGER_PORTS = {"control": 3249, "publish": 3247}

States = Mapping[str, Mapping[str, Any]]


class DemoFailed(Exception):
    """Something did not go as it should; the text says what and what to do."""


class Demonstration:
    """One run of it.

    Args:
        database: The file with the device database.
        ports: Of the manager.
        directory: For the log of the manager.
    """

    def __init__(self, database: Path, ports: Mapping[str, int], directory: Path) -> None:
        self._database = database
        self._ports = ports
        self._log = directory / "ctlmgr.log"
        self._children: list[psutil.Process] = []
        # So that commands of the database find the Python that runs this, activated or not.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self._environment = {**os.environ, "PATH": path}

    def run(self) -> None:
        """Do everything, and raise DemoFailed at the first thing that is not as it should be."""
        database = self._database.name
        self._refuse_occupied()
        with self._manager(f"ndsp ctlmgr --device-db {database} &") as manager:
            names = ("hello", "lda", "psu", "camera")
            states = self._until(lambda s: all(runs(s, name) for name in names))
            self._children = psutil.Process(manager.pid).children(recursive=True)
            self._ndsp("status")
            self._run(f"python experiment.py {database}", EXPERIMENT, self._database)
            show("ndsp logs hello")
            log = self._ndsp_output("logs", "hello", "-n", "2")
            print(log, end="")
            expect("message: The experiment is over." in log, "its last message is not in the log")

            pid = states["lda"]["pid"]
            show(f"kill -9 {pid}   # the controller lda")
            psutil.Process(pid).kill()
            self._until(lambda s: runs(s, "lda") and s["lda"]["restarts"] == 1)
            self._ndsp("status")
            self._ndsp("logs", "lda", "-n", "3")
            self._children += psutil.Process(manager.pid).children(recursive=True)
            self._end(manager)
        left = [process.pid for process in self._children if process.is_running()]
        expect(not left, f"processes {left} are still running")
        print("All controllers have ended, nothing is left running.")

    def _refuse_occupied(self) -> None:
        """Say what to do about a port that somebody has, before anything is started."""
        needed = [controller.port for controller in read_device_db(self._database).controllers()]
        for connection in psutil.net_connections("tcp"):
            address = connection.laddr
            if (
                connection.status == psutil.CONN_LISTEN
                and address
                and address.port
                in {
                    *needed,
                    *self._ports.values(),
                }
            ):
                who = f"process {connection.pid}" if connection.pid else "somebody"
                reason = f"port {address.port} is taken by {who}"
                raise DemoFailed(
                    f"{reason}; end that, or use other ports: make demo ARGS=--free-ports"
                )

    @contextlib.contextmanager
    def _manager(self, shown: str) -> Iterator[subprocess.Popen[bytes]]:
        show(shown)
        ports = [f"--port-{name}={port}" for name, port in self._ports.items()]
        with self._log.open("wb") as log:
            manager = subprocess.Popen(
                [*self._command("ctlmgr"), "--device-db", str(self._database), *ports],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until_it_listens(manager)
            yield manager
        except BaseException:
            print(self._log.read_text("utf-8", "replace"), file=sys.stderr)
            raise
        finally:
            if manager.poll() is None:
                # It ends its controllers first, and is not waited for without limit.
                manager.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    manager.wait(PATIENCE)
                manager.kill()

    def _wait_until_it_listens(self, manager: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE
        while manager.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("localhost", self._ports["publish"]), 1.0).close()
            except OSError:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    manager.wait(0.02)
            else:
                return
        raise DemoFailed("the manager has not started; its log is above")

    def _until(self, holds: Callable[[States], bool]) -> States:
        return asyncio.run(self._follow(holds))

    async def _follow(self, holds: Callable[[States], bool]) -> States:
        """Follow what the manager publishes, until something holds."""
        states: States = {}
        changed = asyncio.Event()

        def build(structure: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
            nonlocal states
            states = structure
            return structure

        subscriber = Subscriber("controllers", build, lambda _mod: changed.set())
        await subscriber.connect("localhost", self._ports["publish"])
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds(states):
                    await changed.wait()
                    changed.clear()
        except TimeoutError:
            reasons = {name: f"{s['state']}: {s['reason']}" for name, s in states.items()}
            raise DemoFailed(f"the controllers are not as they should be: {reasons}") from None
        finally:
            await subscriber.close()
        return states

    def _command(self, name: str) -> list[str]:
        return [sys.executable, "-m", "ndsp", name]

    def _ndsp(self, *words: str) -> None:
        show(f"ndsp {' '.join(words)}")
        name, *others = words
        self._checked([*self._command(name), *others, f"--port-control={self._ports['control']}"])

    def _ndsp_output(self, name: str, *others: str) -> str:
        command = [*self._command(name), *others, f"--port-control={self._ports['control']}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
        return done.stdout

    def _run(self, shown: str, script: Path, *arguments: Path) -> None:
        show(shown)
        self._checked([sys.executable, str(script), *map(str, arguments)])

    def _checked(self, command: list[str]) -> None:
        # Directly to where this writes to, so that a terminal shows progress.
        sys.stdout.flush()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)
        expect(done.returncode == 0, f"this command ended with status {done.returncode}")

    def _end(self, manager: subprocess.Popen[bytes]) -> None:
        if sys.platform == "win32":
            show("sipyco_rpctool localhost 3249 call terminate")
            where = ["localhost", str(self._ports["control"])]
            self._checked(
                [sys.executable, "-m", "sipyco.sipyco_rpctool", *where, "call", "terminate"]
            )
        else:
            show(f"kill -INT {manager.pid}   # or Ctrl-C, where it runs")
            manager.send_signal(signal.SIGINT)
        status = manager.wait(PATIENCE)
        expect(status == 0, f"the manager ended with status {status}")


def runs(states: States, name: str) -> bool:
    """Tell whether a controller runs; the manager may not have read of it yet."""
    return name in states and states[name]["state"] == "running"


def show(command: str) -> None:
    """Print a command as it would be typed."""
    print(f"\n$ {command}", flush=True)


def expect(holds: bool, complaint: str) -> None:
    """Go no further if something is not as it should be."""
    if not holds:
        raise DemoFailed(complaint)


def free_port() -> int:
    """Give a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def with_free_ports(database: Path, directory: Path) -> Path:
    """Write a copy of a database whose controllers have ports that are free now."""
    entries = read_device_db(database).as_dict()
    for entry in entries.values():
        if isinstance(entry, dict) and "port" in entry:
            entry["port"] = free_port()
    copy = directory / database.name
    copy.write_text(f"device_db = {pprint.pformat(entries, sort_dicts=False)}\n", "utf-8")
    return copy


def main() -> int:
    """Run the demonstration and give its exit status."""
    parser = argparse.ArgumentParser(
        description="run four simulated devices, an experiment with them, and a crash"
    )
    parser.add_argument(
        "--free-ports",
        action="store_true",
        help="use ports that are free now, instead of those of demo/device_db.py",
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        database, ports = DATABASE, MANAGER_PORTS
        if args.free_ports:
            database = with_free_ports(DATABASE, directory)
            ports = {name: free_port() for name in MANAGER_PORTS}
        try:
            Demonstration(database, ports, directory).run()
        except DemoFailed as error:
            print(f"\nThe demonstration failed: {error}", file=sys.stderr)
            return 1
    print("\nThe demonstration is complete.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
