"""Drawings of what `transactions.py` found: SVG by hand, small, readable on light and dark ground.

Where a box stands is chosen here; which there are, and what leads from one to another, is not: a
state without a place, or an edge without a bend, ends the generation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from math import hypot
from typing import Any, Final

INK: Final = "#6b7280"
"""It has a contrast of 4.5 to white and to black alike."""
STYLE: Final = (
    "<style>text{font:13px sans-serif;fill:#6b7280}.b{font-weight:bold}.s{font-size:12px}"
    "rect,circle{fill:none;stroke:#6b7280}path,line{fill:none;stroke:#6b7280}"
    "@media(prefers-color-scheme:dark){text{fill:#c9d1d9}"
    "rect,circle,path,line{stroke:#8b949e}}</style>"
)
ARROW: Final = (
    '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
    f'orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" style="fill:{INK};stroke:none"/>'
    "</marker></defs>"
)
BOX: Final = (120, 34)
PLACES: Final = {
    "no such id": (80, 190),
    "Empty": (270, 190),
    "Ongoing": (470, 190),
    "PrepareCommit": (670, 60),
    "PrepareAbort": (670, 320),
    "CompleteCommit": (870, 60),
    "CompleteAbort": (870, 320),
}
BENDS: Final = {
    ("no such id", "Empty"): 0,
    ("Empty", "no such id"): 46,
    ("Empty", "Empty"): 0,
    ("Empty", "Ongoing"): 0,
    ("Empty", "CompleteAbort"): -110,
    ("Ongoing", "PrepareCommit"): 0,
    ("Ongoing", "PrepareAbort"): 0,
    ("PrepareCommit", "CompleteCommit"): 0,
    ("PrepareAbort", "CompleteAbort"): 0,
    ("PrepareCommit", "PrepareCommit"): 0,
    ("PrepareAbort", "PrepareAbort"): 0,
    ("CompleteCommit", "Ongoing"): -20,
    ("CompleteAbort", "Ongoing"): 20,
    ("CompleteCommit", "Empty"): 130,
    ("CompleteAbort", "Empty"): -160,
    ("CompleteCommit", "no such id"): 200,
    ("CompleteAbort", "no such id"): -250,
    ("CompleteCommit", "CompleteAbort"): 0,
    ("CompleteAbort", "CompleteAbort"): 0,
}
"""How far the middle of an edge is moved to its left, in pixels."""


def states(steps: Iterable[Any]) -> str:
    """The states of a transactional id, and what leads from one to the next; edges have the number
    of the line below that tells what it is.
    """
    edges: dict[tuple[str, str], list[str]] = {}
    for one in steps:
        if one.written or one.asks:
            edges.setdefault((one.before, one.after), []).append(_line(one))
    kinds = list(dict.fromkeys(line for lines in edges.values() for line in lines))
    body = [_box(name) for name in PLACES if any(name in edge for edge in edges)]
    for edge, lines in edges.items():
        body += _edge(*edge, " ".join(str(kinds.index(line) + 1) for line in lines))
    top = 440
    body += [
        f'<text x="24" y="{top + 18 * row}" class="s">{row + 1}  {escape(line)}</text>'
        for row, line in enumerate(kinds)
    ]
    return _svg(960, top + 18 * len(kinds), body, "The states of a transactional id")


def _line(step: Any) -> str:
    what = f"{step.what}: {', '.join(step.written) or 'nothing'} is written"
    told = f"; who asks is told {step.error}" if step.error else ""
    return what + told + (f"; leaders are asked for {step.asks}" if step.asks else "")


def _box(name: str) -> str:
    x, y = PLACES[name]
    return (
        f'<rect x="{x - BOX[0] // 2}" y="{y - BOX[1] // 2}" width="{BOX[0]}" height="{BOX[1]}" '
        f'rx="6"/><text x="{x}" y="{y + 5}" text-anchor="middle" class="b">{name}</text>'
    )


def _edge(before: str, after: str, label: str) -> list[str]:
    (x1, y1), (x2, y2) = PLACES[before], PLACES[after]
    bend = BENDS[before, after]
    if before == after:
        up = -1 if y1 < 200 else 1
        y = y1 + up * BOX[1] // 2
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
        f'<path d="{d}" marker-end="url(#a)"/>',
        f'<text x="{mark[0]:.0f}" y="{mark[1]:.0f}" text-anchor="middle" class="s b">'
        f"{label}</text>",
    ]


def _rim(centre: tuple[int, int], towards: tuple[float, float]) -> tuple[float, float]:
    """Where the line from the centre of a box leaves it."""
    dx, dy = towards[0] - centre[0], towards[1] - centre[1]
    reach = min(
        BOX[0] / 2 / abs(dx) if dx else float("inf"), BOX[1] / 2 / abs(dy) if dy else float("inf")
    )
    return centre[0] + dx * reach, centre[1] + dy * reach


COLUMN: Final = 190
ROW: Final = 30


def way(said: Sequence[Any], actors: Sequence[str]) -> str:
    """Who says what to whom, from above to below."""
    height = 60 + ROW * len(said)
    at = {name: 90 + COLUMN * number for number, name in enumerate(actors)}
    body = []
    for name, x in at.items():
        body += [
            f'<text x="{x}" y="24" text-anchor="middle" class="b">{escape(name)}</text>',
            f'<line x1="{x}" y1="34" x2="{x}" y2="{height - 10}" stroke-dasharray="2 4"/>',
        ]
    for row, one in enumerate(said):
        y, x1, x2 = 64 + ROW * row, at[one.by], at[one.to]
        near = x1 + (COLUMN / 2 if x2 > x1 else -COLUMN / 2)
        body += [
            f'<line x1="{x1}" y1="{y}" x2="{x2}" y2="{y}" marker-end="url(#a)"/>',
            f'<text x="{near:.0f}" y="{y - 5}" text-anchor="middle" class="s">'
            f"{escape(one.what)}</text>",
        ]
    return _svg(COLUMN * len(actors), height, body, "The way of a transaction")


def _svg(width: int, height: int, body: Iterable[str], title: str) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img"><title>{title}</title>'
    )
    written = "<!-- Written by `make docs` from what the code does; do not edit. -->"
    return "\n".join([head, written, STYLE, ARROW, *body, "</svg>", ""])
