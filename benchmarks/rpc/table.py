"""How results are shown: as a table, which is Markdown too, or as JSON."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from benchmarks.rpc.columns import Column
from benchmarks.rpc.results import Results
from benchmarks.rpc.rows import CALLS, ROWS, Goal, Row


def table(results: Results, wanted: Collection[str]) -> str:
    """One line for each row that was measured; each cell is the median and its ratio."""
    head = ["", *(column.title for column in results.columns), "goal", "reached"]
    lines = [head]
    for row in ROWS:
        if row.name in wanted:
            cells = [_cell(results, row, column) for column in results.columns]
            goals = [_goals(results, row), _reached(results, row)]
            lines.append([f"{row.title}, {row.unit.symbol}", *cells, *goals])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    ruler = ["-" * width for width in widths]
    return "\n".join(_line(line, widths) for line in [head, ruler, *lines[1:]])


def as_json(
    results: Results, wanted: Collection[str], facts: Mapping[str, str], left_out: Sequence[str]
) -> str:
    """The same and all samples, in SI units."""
    rows = {row.name: _row(results, row) for row in ROWS if row.name in wanted}
    document = {**facts, "left out": left_out, "failures": results.failures, "rows": rows}
    return json.dumps(document, indent=2)


def _row(results: Results, row: Row) -> dict[str, Any]:
    cells = {
        column.title: {
            "median": results.median(row.name, column),
            "ratio": results.ratio(row, column),
            "samples": results.samples[row.name, column.title],
        }
        for column in results.columns
        if (row.name, column.title) in results.samples
    }
    goals = [
        {
            "goal": _text(verdict.goal, row),
            "column": verdict.column.title,
            "reached": verdict.figure,
            "met": verdict.met,
        }
        for verdict in results.verdicts(row)
    ]
    return {"title": row.title, "columns": cells, "goals": goals}


def _cell(results: Results, row: Row, column: Column) -> str:
    median, ratio = results.median(row.name, column), results.ratio(row, column)
    if median is None:
        if any(column.title == title for title, _ in results.failures):
            return "failed"
        return "N/A" if row in CALLS else ""
    shown = _number(median * row.unit.scale)
    return shown if ratio is None else f"{shown} ({_number(ratio)}x)"


def _goals(results: Results, row: Row) -> str:
    # A goal that is judged twice is shown once.
    texts = dict.fromkeys(_text(verdict.goal, row) for verdict in results.verdicts(row))
    return "; ".join(texts)


def _text(goal: Goal, row: Row) -> str:
    sign = ">=" if goal.at_least else "<="
    wire = "" if goal.wire is None else f"{goal.wire}: "
    if goal.relative_to == "nothing":
        return f"{wire}{sign} {goal.limit:g} {row.unit.symbol}"
    if goal.relative_to == "same loop":
        return f"{wire}{sign} {goal.limit:g}x bare, same loop"
    if goal.relative_to == "floor":
        return f"{wire}{sign} {goal.limit:g}x"
    other = next(row.title for row in ROWS if row.name == goal.relative_to)
    return f"{wire}{sign} {goal.limit:g}x {other}"


def _reached(results: Results, row: Row) -> str:
    words = []
    for verdict in results.verdicts(row):
        goal = verdict.goal
        multiple = "" if goal.relative_to == "nothing" else "x"
        loop = f" {verdict.column.loop}" if goal.relative_to == "same loop" else ""
        word = "yes" if verdict.met else results.objections.get(row.name, "NO")
        words.append(f"{word}:{loop} {_number(verdict.figure)}{multiple}")
    return "; ".join(words)


def _number(figure: float) -> str:
    """Three digits, or all that stand before the point."""
    digits = 0 if abs(figure) >= 100 else 1 if abs(figure) >= 10 else 2
    return f"{figure:.{digits}f}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return "| " + " | ".join(padded) + " |"
