"""The example controllers as processes, and how they are asked to end."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from sipyco.pc_rpc import Client
from tests.processes import PATIENCE, free_port, listens, program


@contextlib.contextmanager
def simulated(name: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a controller with its simulation; gives the process and the port that it listens on."""
    port = free_port()
    module = f"ndsp.controllers.{name}"
    with program("-m", module, "--simulation", "-p", str(port), *arguments) as process:
        listens(process, port)
        yield process, port


def output_at_its_end(process: subprocess.Popen[str], port: int, target: str) -> str:
    """Ask a controller to end, as an operating system does; what it wrote if it ended well."""
    if sys.platform == "win32":  # without a signal that asks
        with Client("127.0.0.1", port, target) as client:
            client.terminate()
    else:
        process.terminate()
    out, err = process.communicate(timeout=PATIENCE)
    assert err == ""
    assert process.returncode == 0
    return out
