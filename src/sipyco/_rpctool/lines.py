"""Where the lines of an interactive session come from: an editor, a terminal, a pipe."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

LineReader = Callable[[], str]
"""Gives the next line; raises EOFError at the end and KeyboardInterrupt to drop a line."""


def line_reader(prompt: str, signatures: Mapping[str, str]) -> LineReader:
    """Choose the best reader that there is for this terminal and this installation.

    Args:
        prompt: Shown before each line, if somebody is there to see it.
        signatures: Of the methods, by name: what is completed, and what is shown beside it.
    """
    if not sys.stdin.isatty():
        return _piped
    if not sys.stdout.isatty():
        return lambda: _plain(prompt)
    try:
        from sipyco._rpctool.editor import editor  # noqa: PLC0415 - only where it is installed
    except ImportError:
        return _with_readline(prompt, signatures)
    return editor(prompt, signatures, history_file("rpctool.history"))


def history_file(name: str) -> Path | None:
    """Make a private file for lines typed earlier, where the platform keeps such things.

    Returns:
        None where none can be written: the session then remembers only its own lines.
    """
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    path = base / "sipyco" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with path.open("ab"):
            return path
    except OSError:
        return None


def _piped() -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def _plain(prompt: str) -> str:
    # Standard output may be a file: the prompt is not one of the results.
    print(prompt, end="", file=sys.stderr, flush=True)
    return input()


def _with_readline(prompt: str, signatures: Mapping[str, str]) -> LineReader:
    try:
        import readline  # noqa: PLC0415 - missing on Windows and in some builds of Python
    except ImportError:
        return lambda: _plain(prompt)

    def complete(text: str, state: int) -> str | None:
        found = [name for name in sorted(signatures) if name.startswith(text)]
        return f"{found[state]}(" if state < len(found) else None

    # A file of its own: the editor keeps its lines in another form.
    path = history_file("rpctool.readline-history")
    if path is not None:
        # libedit, which stands in for it on macOS, refuses an empty file.
        try:
            readline.read_history_file(path)
        except OSError:
            readline.clear_history()
    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n()[]{},=+-*/")
    libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")

    def read() -> str:
        line = input(prompt)
        if path is not None and line.strip():
            readline.set_history_length(1000)
            readline.write_history_file(path)
        return line

    return read
