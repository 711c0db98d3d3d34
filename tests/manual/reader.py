"""Whoever follows a guide: a directory, a shell and terminals, and a port that is free here."""

import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

from tests.manual.listings import Listing
from tests.manual.terminal import Terminal
from tests.processes import PATIENCE, TOP, free_port

__all__ = ["HOST", "Reader", "answers"]


def _local_host() -> str:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return "127.0.0.1"
    return "::1"


HOST = _local_host()
"""The address that the guide uses, or its like where there is no IPv6."""


class Reader:
    """Does what a guide says.

    Args:
        directory: Where files are saved and commands run; ``/abs/path/to/`` of the guide.

    Attributes:
        directory: The same.
        port: The port that stands for the guide's 3249.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        programs = Path(sys.executable).parent
        self.environment = os.environ | {
            "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
            # For programs that are modules of this repository; others lie in the directory.
            "PYTHONPATH": str(TOP),
        }
        self.environment.pop("SIPYCO_SYNTAX", None)
        self.environment.pop("PYTHONUNBUFFERED", None)

    def here(self, text: str) -> str:
        """Put the address, the port and the directory that exist here into what the guide says."""
        local = text.replace("::1", HOST).replace("3249", str(self.port))
        return local.replace("/abs/path/to/", f"{self.directory}/")

    def saves(self, listing: Listing, name: str) -> Path:
        """Save a repaired listing as a file."""
        path = self.directory / name
        path.write_text(self.here(listing.repaired()), "utf-8")
        return path

    def runs(self, command: Listing | str) -> subprocess.CompletedProcess[str]:
        """Run a command, which ends by itself, in a shell."""
        text = self.here(command.repaired() if isinstance(command, Listing) else command)
        return subprocess.run(
            text,
            shell=True,
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def starts(self, command: Listing | str) -> Terminal:
        """Start a command in a terminal of its own; use it with ``with``."""
        text = command.repaired() if isinstance(command, Listing) else command
        words = shlex.split(self.here(text))
        return Terminal(*words, directory=self.directory, environment=self.environment)


def answers(host: str, port: int) -> bool:
    """Tell whether anybody listens."""
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except ConnectionRefusedError:
        return False
    return True
