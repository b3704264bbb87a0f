"""Rows under their heads, as the newer ones of Apache's tools print them: each cell is padded to
its column's width, and a tab follows, the last one too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print the heads and the rows, which are as long."""
    lines = [heads, *rows]
    widths = [max(len(cells[at]) for cells in lines) for at in range(len(heads))]
    for cells in lines:
        print("".join(f"{cell:{width}}\t" for cell, width in zip(cells, widths, strict=True)))
