"""``ndsp logs``: what controllers have logged, and what they log."""

import argparse
import json
import time
from typing import Any

from ndsp.manager._remote import TIMEOUT, Failed, add_manager_arguments, connected, report

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "show what controllers have logged"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        help="name in the device database, or ctlmgr (default: all of them)",
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on as entries come")
    parser.add_argument(
        "-n",
        "--count",
        type=int,
        default=50,
        help="number of entries, 0 to 1000 (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print each entry as a JSON object")
    add_manager_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print entries; with ``--follow``, until Ctrl-C."""
    try:
        # It may be a while until the next entry.
        with connected(args, None if args.follow else TIMEOUT) as manager:
            ask = manager.follow_logs if args.follow else manager.logs
            entries = ask(args.name, args.count)
            for entry in entries:
                print(json.dumps(entry) if args.json else _line(entry), flush=args.follow)
    except Failed as failure:
        return report("logs", failure)
    return 0


def _line(entry: dict[str, Any]) -> str:
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry["time"]))
    return f"{clock} {entry['level']}:{entry['source']}:{entry['message']}"
