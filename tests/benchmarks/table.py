"""Figures as a Markdown table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """What is kept of many measurements of one thing."""

    median: float
    p99: float
    count: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread:
        """Median and 99th percentile (the nearest sample from above)."""
        ordered = sorted(samples)
        place = math.ceil(0.99 * len(ordered)) - 1
        return cls(statistics.median(ordered), ordered[place], len(ordered))


@dataclass(frozen=True, slots=True)
class Table:
    """A title, columns, rows of ready texts, and sentences below."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """The table with its columns aligned: the first to the left, figures to the right."""
        lines = (self.columns, *self.rows)
        widths = [max(len(line[n]) for line in lines) for n in range(len(self.columns))]
        rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        body = [_row(self.columns, widths), _row(rule, widths)]
        body += [_row(row, widths) for row in self.rows]
        notes = [f"- {note}" for note in self.notes]
        return "\n".join([f"### {self.title}", "", *body, *([""] if notes else []), *notes, ""])


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = cells
    padded = [first.ljust(widths[0])]
    padded += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
    return f"| {' | '.join(padded)} |"
