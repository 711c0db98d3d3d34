"""How long it takes to import the library, in processes that do nothing else."""

import os
import subprocess
import sys

PLAIN = "asyncio, json"
OURS = "sipyco.pc_rpc"

PROGRAM = """\
import sys, time
begun = time.perf_counter()
import {}
print(time.perf_counter() - begun, "numpy" in sys.modules)
"""


# An installed library is compiled; with this variable set, each process would compile the sources.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def seconds(modules: str) -> tuple[float, bool]:
    """Import in a new process; return the time, and whether numpy was imported too."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(modules)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
    )
    figure, with_numpy = done.stdout.split()
    return float(figure), with_numpy == "True"
