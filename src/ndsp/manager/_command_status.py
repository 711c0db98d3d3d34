"""``ndsp status``: how the controllers are."""

import argparse
import json
import time
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ndsp.manager._remote import (
    AGAIN,
    Away,
    Failed,
    add_manager_arguments,
    connected,
    report,
)

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "show how the controllers of a running manager are"

INTERVAL = 1.0
"""Seconds between two looks with ``--watch``."""

ANY_WIDTH = 10_000
"""Columns that no table needs."""

GAP = 2
"""Columns between two columns of the table."""

COLOURS = {
    "running": "green",
    "starting": "yellow",
    "waiting": "yellow",
    "draining": "yellow",
    "stopping": "yellow",
    "retrying": "red",
    "failed": "bold red",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument("--watch", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    add_manager_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print a table, once or until Ctrl-C."""
    try:
        with connected(args) as manager:
            states = manager.status()
        if args.json:
            print(json.dumps(states))
        elif args.watch:
            _watch(args)
        else:
            _print(states)
    except Failed as failure:
        return report("status", failure)
    return 0


def _watch(args: argparse.Namespace) -> None:
    console = Console()
    with Live(console=console, auto_refresh=False) as live:
        while True:
            # A table on the wall is there again when the manager is.
            try:
                with connected(args) as manager:
                    while True:
                        live.update(_table(manager.status(), console.width), refresh=True)
                        time.sleep(INTERVAL)
            except Away as failure:
                live.update(Text(str(failure)), refresh=True)
                time.sleep(AGAIN)


def _print(states: dict[str, dict[str, Any]]) -> None:
    console = Console()
    if console.is_terminal:
        console.print(_table(states, console.width))
        return
    # Nothing is cut for a program or a file.
    table = _table(states, ANY_WIDTH)
    Console(width=Console(width=ANY_WIDTH).measure(table).maximum).print(table)


def _table(states: dict[str, dict[str, Any]], width: int) -> Table | Text:
    if not states:
        return Text("The device database has no controllers.")
    headings = ("name", "state", "since", "restarts", "busy with", "reason or last log line")
    rows = [
        (
            name,
            str(state["state"]),
            _since(state["since"]),
            str(state["restarts"]),
            state["busy_with"] or "",
            state["reason"] or state["last_log"],
        )
        for name, state in states.items()
    ]
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    used = 0
    for number, heading in enumerate(headings[:-1]):
        longest = max(len(row[number]) for row in (headings, *rows))
        table.add_column(heading, no_wrap=True, width=longest)
        used += longest + GAP
    # What is too long for the terminal is cut in the last column, and nowhere else.
    table.add_column(headings[-1], no_wrap=True, max_width=max(len(headings[-1]), width - used))
    for row in rows:
        name, state, *others = row
        table.add_row(
            Text(name), Text(state, COLOURS.get(state, "dim")), *(Text(text) for text in others)
        )
    return table


def _since(since: float | None) -> str:
    if since is None:
        return ""
    seconds = max(0, int(time.time() - since))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
