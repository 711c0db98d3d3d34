"""``ndsp control``: start, stop and restart controllers."""

import argparse

from ndsp.manager._remote import Failed, add_manager_arguments, connected, report

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "start, stop or restart controllers of a running manager"

ACTIONS = ("start", "stop", "restart", "retry_now")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument(
        "action",
        choices=ACTIONS,
        help="start or retry_now: at once, also after failures; stop: until it is started again; "
        "restart: when the calls that run have ended",
    )
    parser.add_argument("names", metavar="NAME", nargs="+", help="name in the device database")
    add_manager_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Ask for it; does not wait until it is done."""
    try:
        with connected(args) as manager:
            for name in args.names:
                getattr(manager, args.action)(name)
    except Failed as failure:
        return report("control", failure)
    return 0
