"""The command line ``ndsp``: one subcommand per task, each in a module of its own."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from sipyco import __version__

__all__ = ["get_argparser", "main"]

INTERRUPTED = 130
"""Exit status after Ctrl-C, as a shell gives it to a program that ends by this signal."""

SUBCOMMANDS: dict[str, str] = {
    "new": "ndsp.scaffold._command",
    "ctlmgr": "ndsp.manager._command_ctlmgr",
    "status": "ndsp.manager._command_status",
    "logs": "ndsp.manager._command_logs",
    "control": "ndsp.manager._command_control",
    "certs": "ndsp.certificates._command",
    "ports": "ndsp.ports._command",
}
"""Names, and the modules that do what they say."""

EXTRA = {"cryptography", "psutil", "pyvisa", "rich", "watchfiles"}
"""What these need, and the library alone does not."""

EPILOG = """\
for example:
  %(prog)s new my_laser                        write a package for an instrument
  %(prog)s ctlmgr --device-db device_db.py     run the controllers of a database
  %(prog)s status --watch                      see how they are

exit status: 0 done; 1 it failed; 2 wrong usage
"""


class Subcommand(Protocol):
    """What such a module has."""

    SUMMARY: str

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Describe its options."""

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """Do it, and give the exit status."""


def get_argparser() -> argparse.ArgumentParser:
    """Make the parser of the command line, which the documentation is made from, too."""
    parser = argparse.ArgumentParser(
        prog="ndsp",
        description="turn drivers into network devices, run them, and look after them",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"sipyco {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands", required=True)
    for name, module in SUBCOMMANDS.items():
        subcommand = cast("Subcommand", importlib.import_module(module))
        summary = subcommand.SUMMARY
        command = commands.add_parser(name, help=summary, description=summary)
        subcommand.add_arguments(command)
        command.set_defaults(run=subcommand.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and give its exit status; wrong usage ends as argparse does, with 2."""
    try:
        args = get_argparser().parse_args(argv)
        status: int = args.run(args)
        if sys.stdout is not None:  # as of a service without any
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough. Python would complain once more at its exit,
        # when it flushes what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in EXTRA:
            raise
        needed = f"ndsp needs {library}, which is not installed"
        print(f"{needed}; install it with: pip install 'sipyco[ndsp]'", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
