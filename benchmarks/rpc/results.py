"""What was measured, and how it compares."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.rpc.columns import Column
from benchmarks.rpc.rows import Goal, Row


@dataclass(frozen=True)
class Verdict:
    """A goal, and what a column has reached: a figure in the terms of the goal."""

    goal: Goal
    column: Column
    figure: float
    met: bool


@dataclass
class Results:
    """Figures in SI units, by the name of the row and the title of the column."""

    columns: Sequence[Column]
    samples: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Titles of columns, and what went wrong. Such a column may lack further rows."""
    objections: dict[str, str] = field(default_factory=dict)
    """Why a goal is missed whatever its figure says, by the name of the row."""

    def add(self, row: str, column: Column, figure: float) -> None:
        self.samples.setdefault((row, column.title), []).append(figure)

    def median(self, row: str, column: Column) -> float | None:
        figures = self.samples.get((row, column.title))
        return None if figures is None else statistics.median(figures)

    def ratio(self, row: Row, column: Column) -> float | None:
        """Compare with the floor of the row: the first bare column that has it, or a number."""
        return _divide(self.median(row.name, column), self._floor(row))

    def verdicts(self, row: Row) -> list[Verdict]:
        """Judge each goal of the row."""
        verdicts = []
        for goal in row.goals:
            for column in self._judged(goal):
                figure = self._reached(row, goal, column)
                if figure is not None:
                    met = figure >= goal.limit if goal.at_least else figure <= goal.limit
                    met = met and row.name not in self.objections
                    verdicts.append(Verdict(goal, column, figure, met))
        return verdicts

    def _judged(self, goal: Goal) -> list[Column]:
        """Choose our default event loop, or each loop for what is said about the same loop."""
        ours = [column for column in self.columns if column.kind == "sipyco"]
        wire = ours[-1].wire if goal.wire is None else goal.wire
        ours = [column for column in ours if column.wire == wire]
        return ours if goal.relative_to == "same loop" else ours[:1]

    def _reached(self, row: Row, goal: Goal, column: Column) -> float | None:
        mine = self.median(row.name, column)
        if goal.relative_to == "floor":
            return _divide(mine, self._floor(row))
        if goal.relative_to == "nothing":
            return None if mine is None else mine * row.unit.scale
        if goal.relative_to == "same loop":
            bare = next(c for c in self.columns if c.kind == "bare" and c.loop == column.loop)
            return _divide(mine, self.median(row.name, bare))
        return _divide(mine, self.median(goal.relative_to, column))

    def _floor(self, row: Row) -> float | None:
        if row.floor is not None:
            return row.floor
        medians = (self.median(row.name, c) for c in self.columns if c.kind in {"floor", "bare"})
        return next((median for median in medians if median is not None), None)


def _divide(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one / other
