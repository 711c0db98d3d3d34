"""Start three controllers and talk to them, as the tutorial does; every command is shown.

Each controller and each command is a process of its own. The exit status is 0 if everything
went as it should.
"""

import argparse
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from sipyco.common_args import tcp_port

TOP = Path(__file__).resolve().parents[1]

START_TIME = 30.0
"""Seconds until a controller must accept connections. It takes a fraction of one."""


class DemoFailed(Exception):
    """Something did not go as it should; the text says what and what to do."""


class Controller:
    """A controller in a process of its own; use it in a ``with`` statement.

    Args:
        host: Where clients find it.
        port: Its TCP port.
        module: What to run.
        options: Further options of its command line.
    """

    def __init__(self, host: str, port: int, module: str, *options: str) -> None:
        self.name = module
        self._port = port
        show(f"python -m {module} -p {port} {' '.join(options)}".rstrip() + " &")
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, "-p", str(port), *options],
            cwd=TOP,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self._wait_until_it_listens(host)
        except BaseException:
            self._kill()
            raise

    def __enter__(self) -> Self:
        """Return the controller, which runs."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Make sure that nothing is left running, whatever has happened."""
        self._kill()

    def ended_well(self) -> None:
        """Wait for the end of the process, which somebody has asked for."""
        try:
            status = self.process.wait(START_TIME)
        except subprocess.TimeoutExpired:
            msg = f"{self.name} was asked to end and still runs after {START_TIME:g} s"
            raise DemoFailed(msg) from None
        if status != 0:
            msg = f"{self.name} ended with status {status} instead of 0; see its output above"
            raise DemoFailed(msg)
        print(f"{self.name} ended with status 0")

    def console_line(self) -> str:
        """Give the next line that the controller has printed."""
        assert self.process.stdout
        return self.process.stdout.readline().rstrip("\n")

    def _wait_until_it_listens(self, host: str) -> None:
        deadline = time.monotonic() + START_TIME
        while time.monotonic() < deadline:
            try:
                socket.create_connection((host, self._port), 1.0).close()
            except OSError:
                # Not yet: the next attempt follows after 20 ms, or an early end is noticed.
                try:
                    status = self.process.wait(0.02)
                except subprocess.TimeoutExpired:
                    continue
                msg = f"{self.name} ended with status {status} at its start; see its output above"
                raise DemoFailed(msg) from None
            return
        msg = f"{self.name} does not listen on {host} port {self._port} after {START_TIME:g} s"
        raise DemoFailed(msg)

    def _kill(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def show(command: str) -> None:
    """Print a command as it would be typed."""
    print(f"\n$ {command}", flush=True)


def run(shown: str, command: Sequence[str], status: int = 0) -> str:
    """Show a command, run it, print its output, and give what it wrote to standard output."""
    show(shown)
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=TOP,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_TIME,
        check=False,
    )
    print(done.stdout + done.stderr, end="", flush=True)
    if done.returncode != status:
        msg = f"this command ended with status {done.returncode} instead of {status}"
        raise DemoFailed(msg)
    return done.stdout


def rpctool(host: str, port: int, *arguments: str, status: int = 0) -> str:
    """Run the command-line tool."""
    words = [host, str(port), *arguments]
    shown = f"sipyco_rpctool {shlex.join(words)}"
    return run(shown, ["sipyco.sipyco_rpctool", *words], status)


def expect(what: str, found: str, expected: str) -> None:
    """Compare a text with what it should be."""
    if found != expected:
        msg = f"{what} is {found!r}; it should be {expected!r}"
        raise DemoFailed(msg)


def local_addresses() -> list[str]:
    """Give the local addresses of this machine, IPv6 first where it exists."""
    found = []
    for family, address in ((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1")):
        try:
            with socket.socket(family) as probe:
                probe.bind((address, 0))
        except OSError:
            continue
        found.append(address)
    return found


def refuse_occupied(addresses: Sequence[str], option: str, port: int) -> None:
    """Look whether a controller could listen on a port, and say what to do if not."""
    for address in addresses:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            # As servers do it: a port that was in use a moment ago is free. On Windows this would
            # mean that a port in use is free, too.
            if sys.platform != "win32":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                reason = f"cannot use port {port} on {address}: {error.strerror}"
                msg = f"{reason}; end the program that has it, or choose another with {option}"
                raise DemoFailed(msg) from error


def session(hello_port: int, lda_port: int, camera_port: int) -> None:
    """Do everything, and raise DemoFailed at the first thing that is not as it should be."""
    addresses = local_addresses()
    if not addresses:
        raise DemoFailed("this machine has no local address; configure its loopback interface")
    host = addresses[0]
    refuse_occupied(addresses, "--port-hello", hello_port)
    refuse_occupied(addresses, "--port-lda", lda_port)
    refuse_occupied(addresses, "--port-camera", camera_port)
    with ExitStack() as stack:
        hello = stack.enter_context(Controller(host, hello_port, "demo.hello"))
        lda = stack.enter_context(Controller(host, lda_port, "demo.lda.controller", "--simulation"))
        camera = stack.enter_context(Controller(host, camera_port, "demo.camera"))

        targets = rpctool(host, hello_port, "list-targets")
        expect("the list of targets", targets, "Target(s):   hello\n")
        rpctool(host, hello_port, "list-methods")
        rpctool(host, hello_port, "call", "message", '"Hello World!"')
        line = hello.console_line()
        print(f"and on the console of the controller:\n{line}")
        expect("that line", line, "message: Hello World!")

        rpctool(host, lda_port, "list-methods")
        rpctool(host, lda_port, "call", "-t", "lda", "set_attenuation", "5")
        expect("the attenuation", rpctool(host, lda_port, "call", "get_attenuation"), "5.0\n")
        rpctool(host, lda_port, "call", "set_attenuation", "99", status=1)
        rpctool(host, lda_port, "call", "set_atenuation", "5", status=2)
        rpctool(host, lda_port, "--json", "call", "get_attenuation")

        client = ["demo.client", "-s", host, "-p", str(camera_port)]
        run(f"python -m {shlex.join(client)}", client)

        rpctool(host, hello_port, "call", "terminate")
        hello.ended_well()
        rpctool(host, camera_port, "call", "terminate")
        camera.ended_well()
        if sys.platform == "win32":
            rpctool(host, lda_port, "call", "terminate")
        else:
            show(f"kill -TERM {lda.process.pid}")
            lda.process.terminate()
        lda.ended_well()


def get_argparser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    parser = argparse.ArgumentParser(description="start three controllers and talk to them")
    for name, port in (("hello", 3249), ("lda", 3253), ("camera", 3260)):
        description = f"TCP port of the {name} controller (default: {port})"
        parser.add_argument(f"--port-{name}", type=tcp_port, default=port, help=description)
    return parser


def main() -> int:
    """Run the demonstration and give its exit status."""
    args = get_argparser().parse_args()
    try:
        session(args.port_hello, args.port_lda, args.port_camera)
    except DemoFailed as error:
        print(f"\nThe demonstration failed: {error}", file=sys.stderr)
        return 1
    print("\nThe demonstration is complete.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
