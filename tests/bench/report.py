"""What a row shows: a table of medians, and its goals with their verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio or a figure, and the bound that it should keep."""

    label: str
    value: float
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "x"

    @property
    def passed(self) -> bool:
        """Tell whether the bound is kept."""
        above = self.at_least is None or self.value >= self.at_least
        return above and (self.at_most is None or self.value <= self.at_most)

    def __str__(self) -> str:
        bounds = [
            f"{sign} {bound:g}" for sign, bound in (("≥", self.at_least), ("≤", self.at_most)) if bound is not None
        ]
        verdict = "pass" if self.passed else "MISS"
        return f"{verdict}  {self.label}: {self.value:.2f} {self.unit} (goal {' and '.join(bounds)})"


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one row."""

    title: str
    columns: Sequence[str]
    lines: Sequence[Sequence[str]]
    goals: Sequence[Goal] = ()
    notes: Sequence[str] = field(default_factory=tuple)

    def __str__(self) -> str:
        parts = [f"## {self.title}", "", *_table(self.columns, self.lines), ""]
        parts += [f"  {goal}" for goal in self.goals]
        parts += [f"  note: {note}" for note in self.notes]
        return "\n".join(parts)


def summary(reports: Sequence[Report]) -> str:
    """Return every goal of a run, the missed ones marked, and how many were kept."""
    goals = [goal for report in reports for goal in report.goals]
    parts = ["## Summary", ""]
    for report in reports:
        parts += [f"{report.title}", *(f"  {goal}" for goal in report.goals)]
    kept = sum(goal.passed for goal in goals)
    return "\n".join([*parts, "", f"{kept} of {len(goals)} goals kept"])


def _table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows of a table in Markdown, the first column to the left, the others to the right."""
    widths = [max(map(len, cells)) for cells in zip(columns, *lines, strict=True)]
    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    return [f"| {' | '.join(_aligned(cells, widths))} |" for cells in (columns, rule, *lines)]


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = zip(cells, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
