"""Compare calls of this library with bare sockets and with other libraries.

One table: workloads down, and across a bare blocking socket (the floor), bare servers on event
loops, this library, and others that are installed. Each cell is a median of several rounds and, in
brackets, its ratio to the first bare column that has the row. Takes about two minutes.
"""

import argparse
import signal
import sys
from collections.abc import Sequence

from benchmarks.rpc import machine
from benchmarks.rpc.columns import Column, all_columns
from benchmarks.rpc.measure import measure
from benchmarks.rpc.results import Results
from benchmarks.rpc.rows import ROWS
from benchmarks.rpc.table import as_json, table
from benchmarks.rpc.wires import WIRES


def main() -> int:
    """Measure, print, and return the exit status."""
    args = parser().parse_args()
    # What was started is ended too when somebody loses patience.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    wanted = set(args.only or [row.name for row in ROWS])
    installed, left_out = choose_columns(args.wire or list(WIRES))
    results = Results(installed)
    facts = machine.facts()
    before = machine.load()
    measure(results, wanted)
    if before is not None:
        facts["load"] = f"{before} before, {machine.load()} after, of which 1 to 2 is this program"
    if args.json:
        print(as_json(results, wanted, facts, left_out))
    else:
        print(*(f"{name}: {value}" for name, value in facts.items()), sep="\n")
        if left_out:
            print(f"not installed and left out: {', '.join(left_out)}; see the extra [bench]")
        print(f"\n{table(results, wanted)}")
    for title, failure in results.failures:
        print(f"failed: {title}, {failure}", file=sys.stderr)
    missed = [row.name for row in ROWS for verdict in results.verdicts(row) if not verdict.met]
    if results.failures:
        return 1
    return 3 if args.strict and missed else 0


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    described = argparse.ArgumentParser(
        prog="python -m benchmarks.rpc",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="workloads:\n"
        + "\n".join(f"  {row.name:18}{row.title}" for row in ROWS)
        + "\n\nexit status: 0 everything was measured, 1 something failed, 2 wrong arguments,"
        "\n3 a goal is missed (with --strict)",
    )
    described.add_argument(
        "--only",
        action="append",
        choices=[row.name for row in ROWS],
        metavar="WORKLOAD",
        help="measure only this one; may be given several times",
    )
    described.add_argument(
        "--wire",
        action="append",
        choices=list(WIRES),
        help="measure this library with only this form of its messages (default: with each)",
    )
    described.add_argument(
        "--json", action="store_true", help="print JSON with all samples, in SI units, no table"
    )
    described.add_argument(
        "--strict", action="store_true", help="exit with status 3 if a goal is missed"
    )
    return described


def choose_columns(wires: Sequence[str]) -> tuple[list[Column], list[str]]:
    """Return the columns that can be measured, and the titles of the others."""
    columns = all_columns(wires)
    installed = [column for column in columns if column.is_installed()]
    return installed, [column.title for column in columns if column not in installed]


if __name__ == "__main__":
    sys.exit(main())
