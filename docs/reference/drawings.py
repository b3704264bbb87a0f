"""Drawings of what `transactions.py`, `groups.py` and others found: SVG by hand, small, readable on
light and dark ground.

Where a box stands is chosen here; which there are, and what leads from one to another, is not: a
state without a place, or an edge without a bend, ends the generation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from math import atan2, cos, hypot, sin
from typing import Any, Final, NamedTuple

STYLE: Final = (
    "<style>svg{color:#4b545e}.ground{stroke:#fff;stroke-width:6;paint-order:stroke}"
    "@media (prefers-color-scheme:dark){svg{color:#b4bdc6}.ground{stroke:#131416}}</style>"
)
"""Its ink, by the ground that the reader has; what lies on lines has some ground around it."""
INK: Final = "currentColor"
LINES: Final = f'<g fill="none" stroke="{INK}">'
TEXT: Final = f'<g fill="{INK}" font-family="sans-serif" font-size="12">'
BOX: Final = (142, 34)


class Chart(NamedTuple):
    """Where the states of something stand, and how far the middle of each edge between them is
    moved to its left, in pixels.
    """

    title: str
    places: dict[str, tuple[int, int]]
    bends: dict[tuple[str, str], int]
    width: int
    height: int
    """Of the boxes; below it is told what the edges are."""


TRANSACTION: Final = Chart(
    "The states of a transactional id",
    {
        "no such id": (80, 240),
        "Empty": (270, 240),
        "Ongoing": (470, 240),
        "PrepareCommit": (670, 110),
        "PrepareAbort": (670, 370),
        "CompleteCommit": (870, 110),
        "CompleteAbort": (870, 370),
    },
    {
        ("no such id", "Empty"): 0,
        ("Empty", "no such id"): 46,
        ("Empty", "Empty"): 0,
        ("Empty", "Ongoing"): 0,
        ("Empty", "CompleteAbort"): -135,
        ("Ongoing", "PrepareCommit"): 0,
        ("Ongoing", "PrepareAbort"): 0,
        ("PrepareCommit", "CompleteCommit"): 0,
        ("PrepareAbort", "CompleteAbort"): 0,
        ("PrepareCommit", "PrepareCommit"): 0,
        ("PrepareAbort", "PrepareAbort"): 0,
        ("CompleteCommit", "Ongoing"): -20,
        ("CompleteAbort", "Ongoing"): 20,
        ("CompleteCommit", "Empty"): -100,
        ("CompleteAbort", "Empty"): 95,
        ("CompleteCommit", "no such id"): -150,
        ("CompleteAbort", "no such id"): 190,
        ("CompleteCommit", "CompleteAbort"): 0,
        ("CompleteAbort", "CompleteAbort"): 0,
    },
    960,
    540,
)
GROUP: Final = Chart(
    "The states of a classic group",
    {
        "no such group": (90, 260),
        "Empty": (300, 260),
        "PreparingRebalance": (400, 70),
        "CompletingRebalance": (720, 70),
        "Stable": (860, 260),
    },
    {
        ("no such group", "PreparingRebalance"): -10,
        ("Empty", "no such group"): 0,
        ("Empty", "PreparingRebalance"): -16,
        ("PreparingRebalance", "Empty"): -16,
        ("PreparingRebalance", "CompletingRebalance"): -16,
        ("CompletingRebalance", "PreparingRebalance"): -16,
        ("CompletingRebalance", "Empty"): 0,
        ("CompletingRebalance", "Stable"): -16,
        ("Stable", "CompletingRebalance"): -16,
        ("Stable", "PreparingRebalance"): 0,
        ("Stable", "Empty"): 0,
    },
    960,
    330,
)


def states(chart: Chart, steps: Iterable[Any]) -> str:
    """The states of something, and what leads from one to the next; edges have the number of the
    line below that tells what it is.
    """
    edges: dict[tuple[str, str], list[str]] = {}
    for one in steps:
        if one.written or one.asks or one.before != one.after:
            edges.setdefault((one.before, one.after), []).append(_line(one))
    kinds = list(dict.fromkeys(line for lines in edges.values() for line in lines))
    body = [part for name in chart.places for part in _box(chart, name)]
    for edge, lines in edges.items():
        numbers = sorted({kinds.index(line) + 1 for line in lines})
        body += _edge(chart, *edge, " ".join(map(str, numbers)))
    top = chart.height
    body += [
        f'<text x="24" y="{top + 18 * row}">{row + 1}  {escape(line)}</text>'
        for row, line in enumerate(kinds)
    ]
    return _svg(chart.width, top + 18 * len(kinds), body, chart.title)


def _line(step: Any) -> str:
    what = f"{step.what}: {', '.join(step.written) or 'nothing'} is written"
    told = f", {step.error} is answered" if step.error else ""
    return what + told + (f", {step.asks} are asked for" if step.asks else "")


def _box(chart: Chart, name: str) -> list[str]:
    x, y = chart.places[name]
    left, top = x - BOX[0] // 2, y - BOX[1] // 2
    return [
        f'<rect x="{left}" y="{top}" width="{BOX[0]}" height="{BOX[1]}" rx="6"/>',
        f'<text x="{x}" y="{y + 5}" text-anchor="middle" font-weight="bold">{name}</text>',
    ]


def _edge(chart: Chart, before: str, after: str, label: str) -> list[str]:
    (x1, y1), (x2, y2) = chart.places[before], chart.places[after]
    bend = chart.bends[before, after]
    if before == after:
        up = -1 if y1 < 300 else 1
        y = y1 + up * BOX[1] // 2
        cx, cy, end = x1 + 30, y + up * 34, (x1 + 20, y)
        d = f"M{x1 - 20} {y}C{x1 - 30} {y + up * 34} {x1 + 30} {y + up * 34} {x1 + 20} {y}"
        mark = (x1, y + up * 36)
    else:
        length = hypot(x2 - x1, y2 - y1)
        # The middle, moved at a right angle to the edge.
        mx = (x1 + x2) / 2 - (y1 - y2) / length * bend
        my = (y1 + y2) / 2 - (x2 - x1) / length * bend
        cx, cy = 2 * mx - (x1 + x2) / 2, 2 * my - (y1 + y2) / 2
        start, end = _rim((x1, y1), (cx, cy)), _rim((x2, y2), (cx, cy))
        d = f"M{start[0]:.0f} {start[1]:.0f}Q{cx:.0f} {cy:.0f} {end[0]:.0f} {end[1]:.0f}"
        mark = (mx, my - 6)
    return [
        f'<path d="{d}"/>',
        _head((cx, cy), end),
        f'<text x="{mark[0]:.0f}" y="{mark[1]:.0f}" text-anchor="middle" font-weight="bold">'
        f"{label}</text>",
    ]


def _head(come: tuple[float, float], end: tuple[float, float]) -> str:
    """The tip of an arrow."""
    angle = atan2(end[1] - come[1], end[0] - come[0])
    wings = [
        f"{end[0] - 9 * cos(angle + turn):.0f} {end[1] - 9 * sin(angle + turn):.0f}"
        for turn in (-0.4, 0.4)
    ]
    return f'<path d="M{wings[0]}L{end[0]:.0f} {end[1]:.0f} {wings[1]}z" fill="{INK}"/>'


def _rim(centre: tuple[int, int], towards: tuple[float, float]) -> tuple[float, float]:
    """Where the line from the centre of a box leaves it."""
    dx, dy = towards[0] - centre[0], towards[1] - centre[1]
    reach = min(
        BOX[0] / 2 / abs(dx) if dx else float("inf"), BOX[1] / 2 / abs(dy) if dy else float("inf")
    )
    return centre[0] + dx * reach, centre[1] + dy * reach


COLUMN: Final = 190
ROW: Final = 30


def way(said: Sequence[Any], actors: Sequence[str], title: str) -> str:
    """Who says what to whom, from above to below; what one says to itself is what it does, and what
    nobody says is how time goes by.
    """
    width, height = COLUMN * len(actors), 60 + ROW * len(said)
    at = {name: 90 + COLUMN * number for number, name in enumerate(actors)}
    body = []
    for name, x in at.items():
        body += [
            f'<text x="{x}" y="24" text-anchor="middle" font-weight="bold">{escape(name)}</text>',
            f'<line x1="{x}" y1="34" x2="{x}" y2="{height - 10}" stroke-dasharray="2 4"/>',
        ]
    for row, one in enumerate(said):
        y = 64 + ROW * row
        if not one.by:
            body += [
                f'<text x="{width // 2}" y="{y + 4}" text-anchor="middle" font-style="italic" '
                f'class="ground">{escape(one.what)}</text>',
            ]
        elif one.by == one.to:
            body += [
                f'<text x="{at[one.by]}" y="{y + 4}" text-anchor="middle" font-weight="bold" '
                f'class="ground">{escape(one.what)}</text>',
            ]
        else:
            body += _arrow(at[one.by], at[one.to], y, one.what)
    return _svg(width, height, body, title)


def _arrow(x1: int, x2: int, y: int, what: str) -> list[str]:
    near = x1 + (COLUMN / 2 if x2 > x1 else -COLUMN / 2)
    return [
        f'<line x1="{x1}" y1="{y}" x2="{x2}" y2="{y}"/>',
        _head((x1, y), (x2, y)),
        f'<text x="{near:.0f}" y="{y - 5}" text-anchor="middle">{escape(what)}</text>',
    ]


LINE: Final = 24


def layout(rows: Sequence[Any], record: Sequence[str], covered: str) -> str:
    """The bytes of a batch, field by field from above, with what the leader has changed; then a
    record's parts.
    """
    columns = (24, 70, 210, 250, 380)
    head = zip(columns, ("at", "field", "bytes", "example", "what it says"), strict=True)
    body = [f'<text x="{x}" y="24" font-weight="bold">{words}</text>' for x, words in head]
    y = 34
    begun = None
    for row in rows:
        if row.covered and begun is None:
            begun = y
        value = row.stored if row.sent == row.stored else f"{row.sent} → {row.stored}"
        weight = "" if row.sent == row.stored else ' font-weight="bold"'
        cells = (row.at, row.field.name, row.field.bytes, value, row.field.says)
        body.append(f'<rect x="16" y="{y}" width="680" height="{LINE}"/>')
        body += [
            f'<text x="{x}" y="{y + 16}"{weight}>{escape(str(cell))}</text>'
            for x, cell in zip(columns, cells, strict=True)
        ]
        y += LINE
    end = rows[-1].at + rows[-1].field.bytes
    body += [
        f'<rect x="16" y="{y}" width="680" height="{LINE * len(record)}"/>',
        f'<text x="24" y="{y + 16}">{end}</text>',
    ]
    for words in record:
        body.append(f'<text x="70" y="{y + 16}">{escape(words)}</text>')
        y += LINE
    middle = ((begun or 0) + y) // 2
    body += [
        f'<path d="M704 {begun}h10v{y - (begun or 0)}h-10"/>',
        f'<text x="722" y="{middle}">{escape(covered)}</text>',
    ]
    return _svg(840, y + 12, body, "The bytes of a record batch")


def spans(
    rows: Sequence[tuple[str, Sequence[tuple[int, int, str]]]], marks: Sequence[int], title: str
) -> str:
    """Spans of time by row, each with what is in it, below marks at points of time; in seconds."""
    left, unit, end = 224, 10, 70
    body = [f'<text x="16" y="28" font-weight="bold">{escape("records")}</text>']
    y = 24
    for at in marks:
        x = left + unit * at
        body += [
            f'<circle cx="{x}" cy="{y}" r="5" fill="{INK}"/>',
            f'<text x="{x}" y="{y - 9}" text-anchor="middle" font-size="10">{at} s</text>',
        ]
    y += 22
    for name, found in rows:
        body.append(f'<text x="16" y="{y + 16}" font-weight="bold">{escape(name)}</text>')
        free: list[int] = []
        for start, stop, what in sorted(found):
            lane = next((at for at, taken in enumerate(free) if taken <= start), len(free))
            free[lane : lane + 1] = [stop]
            x, top = left + unit * start, y + 24 * lane
            width = max(unit * (stop - start), 12)
            body += [
                f'<rect x="{x}" y="{top}" width="{width}" height="20" rx="4"/>',
                f'<text x="{x + width / 2:g}" y="{top + 14}" text-anchor="middle">{what}</text>',
            ]
        y += 24 * len(free) + 14
    for at in marks:
        x = left + unit * at
        body.append(
            f'<line x1="{x}" y1="30" x2="{x}" y2="{y - 10}" stroke-dasharray="1 4" opacity="0.6"/>'
        )
    return _svg(left + unit * end + 16, y, body, title)


def _svg(width: int, height: int, body: Iterable[str], title: str) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img"><title>{title}</title>'
    )
    written = STYLE + "\n<!-- Written by `make docs` from what the code does; do not edit. -->"
    lines = [one for one in body if not one.startswith("<text")]
    texts = [one for one in body if one.startswith("<text")]
    whole = [head, written, LINES, *lines, "</g>", TEXT, *texts, "</g>", "</svg>", ""]
    return "\n".join(whole)
