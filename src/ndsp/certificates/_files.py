"""Several files, written together or not at all; secret ones are secret from their first byte."""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["NewFile", "write_together"]

_SECRET = 0o600
_PUBLIC = 0o666
# Less what the umask of the process takes away.


@dataclass(frozen=True)
class NewFile:
    """A file to be written.

    Args:
        path: Where.
        data: What.
        secret: Whether only its owner may read it.
    """

    path: Path
    data: bytes
    secret: bool = False


def write_together(files: Sequence[NewFile]) -> None:
    """Write files in the given order, replacing each at once.

    Whoever reads one of them meanwhile finds the old content or the new one. They are on the disk
    when this returns.

    Raises:
        OSError: One cannot be written. All are as they were, and nothing else is left behind; the
            same holds for a KeyboardInterrupt.
    """
    before = {file.path: _content(file.path) for file in files}
    prepared = [(file, _beside(file.path)) for file in files]
    begun: list[NewFile] = []
    try:
        for file, temporary in prepared:
            with _blaming(file.path):
                _write(temporary, file.data, secret=file.secret)
        for file, temporary in prepared:
            # Before it is done, so that an interrupt just after cannot hide that it was.
            begun.append(file)
            with _blaming(file.path):
                temporary.replace(file.path)
        for directory in dict.fromkeys(file.path.parent for file in files):
            _sync_directory(directory)
    except BaseException:
        for file in reversed(begun):
            _restore(file, before[file.path])
        raise
    finally:
        for _, temporary in prepared:
            temporary.unlink(missing_ok=True)


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # The system names the temporary file, of which the caller knows nothing.
        error.filename = str(path)
        del error.filename2
        raise


def _restore(file: NewFile, content: bytes | None) -> None:
    if content is None:
        file.path.unlink(missing_ok=True)
        return
    temporary = _beside(file.path)
    try:
        _write(temporary, content, secret=file.secret)
        temporary.replace(file.path)
    finally:
        temporary.unlink(missing_ok=True)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def _write(path: Path, data: bytes, *, secret: bool) -> None:
    binary: int = getattr(os, "O_BINARY", 0)
    # On Windows, where the permissions have no meaning, it inherits those of its directory.
    descriptor = os.open(
        path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | binary, _SECRET if secret else _PUBLIC
    )
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
