"""The driver of a package that keeps the guidelines: lines of text go to a file, or to nowhere."""

import sys
from pathlib import Path
from typing import TextIO


class Hello:
    """A console that shows messages.

    Args:
        device: The file that messages are written to; None shows them on standard output.
    """

    def __init__(self, device: Path | None) -> None:
        self._console: TextIO = sys.stdout if device is None else device.open("w", encoding="utf-8")

    def message(self, msg: str) -> int:
        """Write a line to the console.

        Returns:
            The number of characters, without the line's end.
        """
        self._console.write(f"message: {msg}\n")
        self._console.flush()
        return len(msg)

    def ping(self) -> bool:
        """Tell whether the console can be written to."""
        return self._console.writable()

    def close(self) -> None:
        """Say goodbye to the console, and let go of it."""
        self._console.write("closed\n")
        self._console.flush()
        if self._console is not sys.stdout:
            self._console.close()
