"""Convert a PYON file between its two spellings: ``python -m sipyco.pyon FILE``."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from sipyco.pyon._codec import Syntax, decode, encode
from sipyco.pyon._files import replace_file
from sipyco.pyon._json import is_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert one file.

    Returns:
        The exit status: 0 done, also if there was nothing to do; 1 not done, the file is as it
        was; 2 (by argparse) the arguments are wrong.
    """
    options = get_argparser().parse_args(arguments)
    try:
        print(convert(options.file, options.to), file=sys.stderr)  # noqa: T201 - this is a tool
    except (OSError, ValueError, TypeError) as error:
        print(f"{options.file}: {_one_line(error)}", file=sys.stderr)  # noqa: T201 - as above
        return 1
    return 0


def get_argparser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sipyco.pyon",
        description="Convert a PYON file from Python syntax to JSON or back. The file is "
        "replaced at once; its old content is kept beside it, with .bak added to its name.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the file to convert")
    parser.add_argument(
        "--to",
        choices=get_args(Syntax),
        help="the spelling to write (default: the one that the file is not in)",
    )
    return parser


def convert(file: Path, to: Syntax | None) -> str:
    """Rewrite a file, leaving a backup.

    Returns:
        What was done, for people.

    Raises:
        DecodeError: The file is not PYON.
        FileExistsError: There is a backup already; nothing was changed.
        OSError: The file cannot be read or written; it is as it was.
    """
    target = Path(os.path.realpath(file))
    text = target.read_bytes().decode("utf-8-sig")
    current: Syntax = "json" if is_json(text) else "python"
    wanted: Syntax = to or ("json" if current == "python" else "python")
    if wanted == current:
        return f"{file}: is in {wanted} syntax already"
    value = decode(text, syntax=current)
    text = encode(value, True, syntax=wanted) + "\n"
    backup = target.with_name(target.name + ".bak")
    _keep(target, backup)
    replace_file(target, text.encode("utf-8"))
    return f"{file}: now in {wanted} syntax; as it was before: {backup}"


def _keep(target: Path, backup: Path) -> None:
    # A second name for the same file: replacing the first does not touch it. It fails if the
    # name is taken, and where a file system has no links, which leaves a copy.
    try:
        backup.hardlink_to(target)
    except FileExistsError:
        raise FileExistsError(f"the backup {backup} exists; move it away first") from None
    except OSError:
        with backup.open("xb") as file:
            file.write(target.read_bytes())


def _one_line(error: Exception) -> str:
    # Errors of the system would repeat the name of the file.
    text = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())
