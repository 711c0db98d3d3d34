"""Fills the table: starts the processes of each group of rows, and has them take turns."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager

from benchmarks.rpc import imports
from benchmarks.rpc.columns import Column
from benchmarks.rpc.processes import BenchmarkFailed, Pair
from benchmarks.rpc.results import Results
from benchmarks.rpc.rows import BESIDE, CALLS, IDLE, IMPORT, PEAKS, SUBSCRIBERS, TASKS, Row

ROUNDS = 7
FEWEST_ROUNDS = 3

PATIENCE = 3.0
"""Seconds after which a row of one column has enough figures, if it has the fewest."""

MODULES = "benchmarks.rpc."


def measure(results: Results, wanted: AbstractSet[str]) -> None:
    """Measure all rows whose names are wanted, with all columns that have them."""
    columns = results.columns
    ours_and_bare = [column for column in columns if column.kind in {"sipyco", "bare"}]
    _with_pairs(results, wanted, CALLS, {column: _calls(column) for column in columns})
    ours = [column for column in columns if column.kind == "sipyco"]
    beside = {column: (f"{MODULES}beside", column.options) for column in ours}
    _with_pairs(results, wanted, BESIDE, beside)
    for group, rows in (("tasks", TASKS), ("subscribers", SUBSCRIBERS)):
        specific = {c: (f"{MODULES}{group}_{c.kind}", c.options) for c in ours_and_bare}
        _with_pairs(results, wanted, rows, specific)
    if IMPORT.name in wanted:
        _imports(results)
    if sys.platform == "win32":
        return  # which does not tell what memory costs
    if wanted & {row.name for row in PEAKS}:
        _peaks(results, ours)
    if IDLE.name in wanted:
        _idle(results, ours_and_bare)


def _calls(column: Column, module: str = "calls") -> tuple[str, Mapping[str, str]]:
    return f"{MODULES}{module}", {"peer": column.peer, **column.options}


def _with_pairs(
    results: Results,
    wanted: AbstractSet[str],
    rows: Sequence[Row],
    modules: Mapping[Column, tuple[str, Mapping[str, str]]],
) -> None:
    rows = [row for row in rows if row.name in wanted]
    if not rows:
        return
    with ExitStack() as stack:
        pairs = {}
        for column, (module, options) in modules.items():
            with _noting_failure(results, column, "start"):
                pairs[column] = stack.enter_context(Pair(module, options))
        for row in rows:
            _say(row)
            _take_turns(results, row, {c: pair for c, pair in pairs.items() if row.name in pair})


def _take_turns(results: Results, row: Row, pairs: dict[Column, Pair]) -> None:
    """Measure in rounds, so that all see the same load of the machine."""
    spent = dict.fromkeys(pairs, 0.0)
    for done in range(ROUNDS):
        for column, pair in list(pairs.items()):
            if done >= FEWEST_ROUNDS and spent[column] > PATIENCE:
                continue
            begun = time.monotonic()
            with _noting_failure(results, column, row.name):
                results.add(row.name, column, pair.figure(row.name))
            if pair.is_closed:
                del pairs[column]
            spent[column] += time.monotonic() - begun


def _imports(results: Results) -> None:
    _say(IMPORT)
    bare = next(column for column in results.columns if column.kind == "bare")
    # The wires make no difference: it stands where the goal is judged, with the newest one.
    sipyco = [column for column in results.columns if column.kind == "sipyco"]
    ours = next(column for column in sipyco if column.wire == sipyco[-1].wire)
    for _ in range(ROUNDS):
        seconds, _ = imports.seconds(imports.PLAIN)
        results.add(IMPORT.name, bare, seconds)
        seconds, with_numpy = imports.seconds(imports.OURS)
        results.add(IMPORT.name, ours, seconds)
        if with_numpy:
            results.objections[IMPORT.name] = "numpy imported"


def _peaks(results: Results, columns: Sequence[Column]) -> None:
    server, client = PEAKS
    _say(server, client)
    for column in columns:
        with _noting_failure(results, column, server.name), Pair(*_calls(column, "memory")) as pair:
            before = pair.server_memory()
            grown = pair.figure("both-ways")
            results.add(client.name, column, grown)
            results.add(server.name, column, pair.server_memory().peak - before.peak)


def _idle(results: Results, columns: Sequence[Column]) -> None:
    _say(IDLE)
    for column in columns:
        with _noting_failure(results, column, IDLE.name), Pair(*_calls(column, "memory")) as pair:
            pair.figure("few")
            before = pair.server_memory().resident
            count = pair.figure("many")
            after = pair.server_memory().resident
            if before is not None and after is not None:
                results.add(IDLE.name, column, (after - before) / count)


@contextmanager
def _noting_failure(results: Results, column: Column, what: str) -> Iterator[None]:
    """Go on with the others. The one that has failed is not used again."""
    try:
        yield
    except BenchmarkFailed as exc:
        results.failures.append((column.title, f"{what}: {exc}"))


def _say(*rows: Row) -> None:
    print("measuring:", ", ".join(row.title for row in rows), file=sys.stderr, flush=True)
