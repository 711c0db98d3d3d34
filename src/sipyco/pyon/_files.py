"""Values in files: read whole, replaced whole. And what else pyon takes from the world.

Whoever reads the file, whenever the machine stops, finds the old content or the new one.
"""

import os
import stat
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from sipyco.pyon._codec import Syntax, decode, encode, set_default_syntax
from sipyco.pyon._registry import set_lock

if TYPE_CHECKING:
    from pathlib import Path

_Filename: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

# For programs that cannot be edited: publishers among them choose the spelling of their peers
# by it. Read once, so that one process does not mix spellings.
set_default_syntax(os.environ.get("SIPYCO_SYNTAX") or "python")
set_lock(threading.Lock())


def load_file(filename: _Filename, **json_options: Any) -> Any:
    """Read a value from a file in either spelling, also one written by hand.

    Args:
        filename: The file: UTF-8, with or without a byte order mark.
        **json_options: As for `decode`.

    Raises:
        OSError: The file cannot be read.
        DecodeError: It is not PYON; a note on the exception names the file.
    """
    from pathlib import Path  # noqa: PLC0415 - few programs have values in files

    try:
        return decode(Path(os.fsdecode(filename)).read_bytes(), **json_options)
    except ValueError as error:
        error.add_note(f"while reading {os.fsdecode(filename)!r}")
        raise


def store_file(
    filename: _Filename,
    x: Any,
    *,
    pretty: bool = True,
    syntax: Syntax | None = None,
    **json_options: Any,
) -> None:
    """Write a value to a file, replacing what was there at once or not at all.

    The permissions of an existing file are kept, and a symbolic link keeps pointing to it. The
    new content is on the disk when this returns.

    Args:
        filename: The file.
        x: The value.
        pretty: As for `encode`.
        syntax: As for `encode`.
        **json_options: As for `encode`.

    Raises:
        EncodeError: The value has no spelling (see `encode` for others). Nothing was written.
        OSError: The file cannot be written. It is as it was, unless the last step failed, which
            is to make sure that the disk knows the new name: then it is new.
    """
    from pathlib import Path  # noqa: PLC0415 - likewise

    text = encode(x, pretty, syntax=syntax, **json_options) + "\n"
    name = os.fsdecode(filename)
    try:
        replace_file(Path(os.path.realpath(name)), text.encode("utf-8"))
    except OSError as error:
        # The system names the temporary file, of which the caller knows nothing.
        error.filename = name
        del error.filename2
        raise


def replace_file(target: "Path", content: bytes) -> None:
    """Replace a file, which is no link, by a new one; see `store_file`."""
    import secrets  # noqa: PLC0415 - likewise

    try:
        mode = stat.S_IMODE(target.stat().st_mode)
        exists = True
    except FileNotFoundError:
        mode, exists = 0o666, False
    fresh = target.with_name(f".sipyco-{secrets.token_hex(8)}.tmp")
    # The system takes the umask off the mode: right for a new file, and never too permissive
    # for one that replaces another.
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode)
    try:
        # The order matters: a file that has its name but not yet its content would be lost.
        with os.fdopen(handle, "wb") as file:
            if exists:
                fresh.chmod(mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise
    _sync_directory(target.parent)


_BINARY: int = getattr(os, "O_BINARY", 0)
"""Only Windows has it, and would otherwise write other line ends."""


def _sync_directory(directory: "Path") -> None:
    if os.name != "posix":
        return  # Windows opens no directories; NTFS keeps a journal of names.
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
