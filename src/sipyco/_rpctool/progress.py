"""How far a call is, drawn on a terminal."""

import shutil
from typing import TextIO

from sipyco._rpctool.presentation import visible

__all__ = ["ProgressBar"]

BAR_WIDTH = 30


class ProgressBar:
    """One line that is drawn again and again, and gone at the end.

    Args:
        file: Where to draw. Nothing is drawn where that is no terminal.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._is_terminal = file.isatty()
        self._width = 0

    def show(self, fraction: float | None, text: str) -> None:
        """Draw what a method tells of its progress."""
        if self._is_terminal:
            self._draw(self._line(fraction, text))

    def clear(self) -> None:
        """Remove the line, before something else is printed."""
        if self._width:
            self._draw("")

    def _line(self, fraction: float | None, text: str) -> str:
        columns = shutil.get_terminal_size().columns
        if fraction is None:
            return visible(text)[: columns - 1]
        done = min(fraction, 1.0) if fraction > 0 else 0.0
        bar = "#" * round(done * BAR_WIDTH)
        return f"[{bar:<{BAR_WIDTH}}] {done:4.0%} {visible(text)}"[: columns - 1].rstrip()

    def _draw(self, line: str) -> None:
        # Blanks rather than a command that erases: every terminal knows them.
        self._file.write(f"\r{line:<{self._width}}" + ("" if line else "\r"))
        self._file.flush()
        self._width = len(line)
