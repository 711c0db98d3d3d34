"""From the command of an entry to the words of a command line."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path, PurePath

from ndsp.device_db import Controller

__all__ = ["CommandError", "find_program", "words"]


class CommandError(Exception):
    """A command cannot be run; the text says why, and what to do."""


def words(controller: Controller, environment: Mapping[str, str]) -> list[str]:
    """Give the words of the command of a controller, with everything filled in.

    Places in braces are filled first, from the keys of the entry, with ``{name}``, the name of the
    entry, ``{bind}``, its host, and ``{ARTIQ_SSL_DIR}``. What results is split as a shell does it;
    no shell runs it.

    Raises:
        CommandError: The entry does not have a key that the command names, or quotes are not
            closed, or nothing is left.
    """
    command = controller.command or ""
    values = {**controller.raw, "name": controller.name, "bind": controller.host}
    if "ARTIQ_SSL_DIR" in environment:
        # A shell would take backslashes out.
        values["ARTIQ_SSL_DIR"] = PurePath(environment["ARTIQ_SSL_DIR"]).as_posix()
    try:
        filled = command.format(**values)
    except KeyError as error:
        what = f"names {{{error.args[0]}}}, which is no key of the entry"
        if error.args[0] == "ARTIQ_SSL_DIR":
            what = "names {ARTIQ_SSL_DIR}, and this environment variable is not set"
        raise CommandError(f"its command {command!r} {what}") from error
    except (ValueError, IndexError, AttributeError, TypeError) as error:
        raise CommandError(
            f"the places in its command {command!r} cannot be filled: {error}; "
            "write braces that are not meant as such twice"
        ) from error
    try:
        found = shlex.split(filled)
    except ValueError as error:
        raise CommandError(f"its command {filled!r} cannot be split: {error}") from error
    if not found:
        raise CommandError("its command is empty")
    return found


def find_program(program: str, environment: Mapping[str, str]) -> str:
    """Find the program that a command begins with.

    Where PATH does not have it, it is looked for beside the manager's own interpreter, so that
    controllers that are installed with it are found also where its environment is not activated.

    Raises:
        CommandError: There is no such program.
    """
    path = environment.get("PATH", os.defpath)
    found = shutil.which(program, path=f"{path}{os.pathsep}{Path(sys.executable).parent}")
    if found is None:
        where = f"in {Path.cwd()}" if os.path.dirname(program) else "on the PATH of the manager"  # noqa: PTH120
        raise CommandError(f"there is no program {program!r} {where}")
    return found
