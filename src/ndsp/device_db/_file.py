"""Reads a database from a file that defines it, by executing this file as ARTIQ does."""

import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any

from ndsp._spelling import did_you_mean
from ndsp.device_db._check import DeviceDBError, Problem
from ndsp.device_db._database import DeviceDB
from ndsp.device_db._parse import parse_device_db

__all__ = ["read_device_db"]

NAME = "device_db"
"""What the file has to define."""

_imported: dict[Path, set[str]] = {}
"""Modules that the last reading of a file has imported from its directory."""


def read_device_db(path: str | PathLike[str], *, strict: bool = True) -> DeviceDB:
    """Execute a ``device_db.py`` and read the database that it defines.

    It may import modules that lie beside it; reading it again imports these again, too. Do not
    read databases in several threads at once: the path of imports is changed meanwhile.

    Args:
        path: The file.
        strict: Raise if any entry is in error. Otherwise such entries are left out, and told of
            in the ``problems`` of the result.

    Raises:
        DeviceDBError: The file cannot be read or executed, or defines no ``device_db``; or an
            entry is in error, and ``strict`` is set.
    """
    source = os.fspath(path)
    namespace = _execute(Path(path), source)
    if NAME not in namespace:
        own = (name for name in namespace if not name.startswith("__"))
        text = f"defines no {NAME!r}; write `device_db = {{...}}`{did_you_mean(NAME, own)}"
        raise DeviceDBError([Problem(source, None, None, text)])
    database = parse_device_db(namespace[NAME], source)
    errors = [problem for problem in database.problems if problem.is_error]
    # Without any entry there is nothing to go on with.
    if errors and (strict or not isinstance(namespace[NAME], dict)):
        raise DeviceDBError(errors)
    return database


def _execute(path: Path, source: str) -> dict[str, Any]:
    try:
        text = path.read_bytes()
    except OSError as exc:
        problem = Problem(source, None, None, f"cannot read this file: {exc.strerror or exc}")
        raise DeviceDBError([problem]) from exc
    namespace: dict[str, Any] = {"__name__": NAME, "__file__": str(path.absolute())}
    try:
        with _imports_from(path.absolute().parent):
            exec(compile(text, source, "exec"), namespace)  # noqa: S102 - what the file is for
    except (Exception, SystemExit) as exc:
        problem = Problem(source, None, None, _what_happened(exc, source))
        raise DeviceDBError([problem]) from exc
    return namespace


def _what_happened(error: BaseException, source: str) -> str:
    lines = [
        line
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == source
    ]
    # For an error of syntax there is no frame; that of a module beside it has another file name.
    line = lines[-1] if lines else getattr(error, "lineno", None)
    reason = traceback.format_exception_only(error)[-1].strip().replace("\n", " ")
    return f"cannot execute this file{f', line {line}' if line else ''}: {reason}"


@contextmanager
def _imports_from(directory: Path) -> Iterator[None]:
    """Let modules of a directory be imported, anew if an earlier reading has imported them.

    They stay imported until then: the database may hold objects of their classes, which are to
    be those that the rest of the program gets when it imports the module.
    """
    for name in _imported.pop(directory, ()):
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    before = set(sys.modules)
    sys.path.insert(0, str(directory))
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(str(directory))
        _imported[directory] = {
            name for name in set(sys.modules) - before if _lies_in(directory, name)
        }


def _lies_in(directory: Path, name: str) -> bool:
    """Tell whether a module is beside the file; a virtual environment below it does not count."""
    file = getattr(sys.modules[name], "__file__", None)
    top = name.partition(".")[0]
    return file is not None and (
        Path(file) == directory / f"{top}.py" or Path(file).is_relative_to(directory / top)
    )
