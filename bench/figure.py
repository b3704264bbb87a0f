"""What is measured, as rows: every figure has a name, a unit, and what it has to reach.

All figures are costs: less is better, and the ratio is Apache Kafka's cost divided by Ottla's.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """One row of the table."""

    key: str
    title: str
    unit: str
    must_ratio: float | None = None
    """Apache Kafka's figure over Ottla's has to reach this."""
    must_most: float | None = None
    """Ottla's figure may be this at most."""
    digits: int = 2


class Result(NamedTuple):
    """A figure's values, one a round."""

    figure: Figure
    ottla: Sequence[float]
    kafka: Sequence[float]

    @property
    def ratio(self) -> float | None:
        """Apache Kafka's median over Ottla's."""
        if not self.ottla or not self.kafka:
            return None
        return statistics.median(self.kafka) / max(statistics.median(self.ottla), 1e-9)

    @property
    def reached(self) -> bool | None:
        """Whether what has to be reached is; None if there is nothing to reach or to compare."""
        if not self.ottla:
            return None
        if self.figure.must_most is not None:
            return statistics.median(self.ottla) <= self.figure.must_most
        if self.figure.must_ratio is not None and self.ratio is not None:
            return self.ratio >= self.figure.must_ratio
        return None


HEADINGS = ("figure", "unit", "Apache Kafka", "Ottla", "best", "ratio", "must", "")


def table(results: Sequence[Result]) -> str:
    """The results as a table in Markdown."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---|---|---|---|---|---|---|---|"]
    for result in results:
        figure = result.figure

        def shown(values: Sequence[float], digits: int = figure.digits) -> str:
            return f"{statistics.median(values):.{digits}f}" if values else "-"

        must = "-"
        if figure.must_most is not None:
            must = f"≤ {figure.must_most:g}"
        elif figure.must_ratio is not None:
            must = f"{figure.must_ratio:g}x"
        best = f"{min(result.ottla):.{figure.digits}f}" if result.ottla else "-"
        ratio = f"{result.ratio:.1f}x" if result.ratio is not None else "-"
        verdict = {True: "reached", False: "not reached", None: ""}[result.reached]
        cells = (
            figure.title,
            figure.unit,
            shown(result.kafka),
            shown(result.ottla),
            best,
            ratio,
            must,
            verdict,
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
