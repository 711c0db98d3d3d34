"""``ndsp logs``: what controllers have logged, and what they log."""

import argparse
import json
import sys
import time
from typing import Any

from ndsp.manager._remote import (
    AGAIN,
    Away,
    Failed,
    add_manager_arguments,
    connected,
    report,
)

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
        if not args.follow:
            with connected(args) as manager:
                for entry in manager.logs(args.name, args.count):
                    _show(entry, args)
            return 0
        _follow(args, args.count)
    except Failed as failure:
        return report("logs", failure)
    return 0


def _follow(args: argparse.Namespace, count: int) -> None:
    is_known = False
    while True:
        try:
            # Without a timeout: it may be a while until the next entry.
            with connected(args, None) as manager:
                is_known = True
                for entry in manager.follow_logs(args.name, count):
                    _show(entry, args)
        except Away as failure:
            if not is_known:
                raise
            if count:
                print(f"ndsp logs: {failure}; waiting for it", file=sys.stderr)
            count = 0
        time.sleep(AGAIN)


def _show(entry: dict[str, Any], args: argparse.Namespace) -> None:
    print(json.dumps(entry) if args.json else _line(entry), flush=args.follow)


def _line(entry: dict[str, Any]) -> str:
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry["time"]))
    return f"{clock} {entry['level']}:{entry['source']}:{entry['message']}"
