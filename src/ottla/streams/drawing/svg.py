"""Shapes of a drawing as SVG: text that fits its box, readable on light ground and on dark.

Boxes have pale fills and dark text, so it does not matter what is behind them; lines and titles
between them have a grey that stands out from white and from black. Nothing has an id: several
drawings may stand in one page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from typing import Final

from ottla.streams.drawing.layers import Point, Size
from ottla.streams.drawing.parts import Box, cells

NAME_CELL: Final = 6.4
"""Width of a character of a name (11 pixels, fixed width)."""
WORD_CELL: Final = 8.0
"""At most the mean width of a character of a word (13 pixels, bold)."""
TOPIC_CELL: Final = 7.0
"""Width of a character of a topic's name (11.5 pixels, bold, fixed width)."""
LINE: Final = 17
PADDING: Final = 12
RIM: Final = 7
"""How high the lid of a drum is."""

FILLS: Final = {
    "topic": "#d6e8fa",
    "internal": "#fae3c6",
    "store": "#e5dcf5",
    "stream": "#eef1f4",
    "table": "#d9f0e1",
    "state": "#cfeaec",
    "join": "#f7d9e3",
    "code": "#fdf3bf",
}
INK: Final = "#1d242b"
STYLE: Final = (
    "<style>.ottla-streams{color:#6b7682}"
    "@media (prefers-color-scheme:dark){.ottla-streams{color:#8b97a4}}</style>"
)


def first_line(box: Box) -> bool:
    """Whether the first line is a name: topics are known by theirs."""
    return box.kind in ("topic", "internal")


def size_of(box: Box) -> Size:
    """How large a box has to be for its text."""
    first = TOPIC_CELL if first_line(box) else WORD_CELL
    widths = [cells(line) * (NAME_CELL if at else first) for at, line in enumerate(box.lines)]
    lid = 2 * RIM if box.kind == "store" else 0
    side = 12 if first_line(box) else 0
    return Size(
        round(max(*widths, 70) + 2 * (PADDING + side)), LINE * len(box.lines) + PADDING + lid
    )


def shape(box: Box, corner: Point, size: Size) -> list[str]:
    """A box with its text."""
    x, y = corner
    width, height = size
    fill = FILLS[box.kind]
    if box.kind == "store":
        drawn = _drum(x, y, width, height, fill)
    elif first_line(box):
        drawn = _pipe(x, y, width, height, fill)
    else:
        drawn = [_rect(x, y, width, height, fill)]
    top = y + (2 * RIM if box.kind == "store" else 0) + PADDING / 2
    middle = x + width / 2
    first = TOPIC if first_line(box) else WORD
    lines = []
    for at, line in enumerate(box.lines):
        kind = NAME if at else first
        lines.append(
            f'<text x="{_n(middle)}" y="{_n(top + LINE * at + 13)}" {kind}>{escape(line)}</text>'
        )
    return [f"<g><title>{_text(box.told)}</title>", *drawn, *lines, "</g>"]


FIXED: Final = 'font-family="ui-monospace,Menlo,Consolas,monospace"'
WORD: Final = 'class="word" font-size="13" font-weight="bold"'
TOPIC: Final = f'class="topic" font-size="11.5" font-weight="bold" {FIXED}'
NAME: Final = f'class="name" font-size="10.5" {FIXED}'
EDGE: Final = 'stroke="currentColor"'


def _rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    return (
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="6" '
        f'fill="{fill}" {EDGE}/>'
    )


def _drum(x: float, y: float, width: float, height: float, fill: str) -> list[str]:
    half, right = width / 2, x + width
    curve = f"A{_n(half)} {RIM} 0 0"
    body = (
        f"M{_n(x)} {_n(y + RIM)}{curve} 1 {_n(right)} {_n(y + RIM)}V{_n(y + height - RIM)}"
        f"{curve} 1 {_n(x)} {_n(y + height - RIM)}z"
    )
    lid = f"M{_n(x)} {_n(y + RIM)}{curve} 0 {_n(right)} {_n(y + RIM)}"
    return [f'<path d="{body}" fill="{fill}" {EDGE}/>', f'<path d="{lid}" fill="none" {EDGE}/>']


def _pipe(x: float, y: float, width: float, height: float, fill: str) -> list[str]:
    """A topic: a pipe that lies, its open end to the right."""
    left, right = x + RIM, x + width - RIM
    curve = f"A{RIM} {_n(height / 2)} 0 0"
    body = (
        f"M{_n(left)} {_n(y)}H{_n(right)}{curve} 1 {_n(right)} {_n(y + height)}H{_n(left)}"
        f"{curve} 1 {_n(left)} {_n(y)}z"
    )
    end = f"M{_n(right)} {_n(y)}{curve} 0 {_n(right)} {_n(y + height)}"
    return [f'<path d="{body}" fill="{fill}" {EDGE}/>', f'<path d="{end}" fill="none" {EDGE}/>']


def way(points: Sequence[Point], *, dashed: bool = False, tip: bool = True) -> list[str]:
    """A line through points: straight down where x stays, a curve where it does not."""
    d = f"M{_n(points[0].x)} {_n(points[0].y)}"
    for before, after in pairwise(points):
        if before.x == after.x:
            d += f"V{_n(after.y)}"
        else:
            middle = (before.y + after.y) / 2
            end = f"{_n(after.x)} {_n(after.y)}"
            d += f"C{_n(before.x)} {_n(middle)} {_n(after.x)} {_n(middle)} {end}"
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    drawn = [f'<path d="{d}" fill="none" {EDGE}{dash}/>']
    if tip:
        x, y = points[-1]
        drawn.append(
            f'<path d="M{_n(x - 4)} {_n(y - 8)}L{_n(x)} {_n(y)} {_n(x + 4)} {_n(y - 8)}z" '
            'fill="currentColor"/>'
        )
    return drawn


def frame(corner: Point, size: Size, title: str) -> list[str]:
    """The ground of a sub-topology, with its title along its left side."""
    x, y = corner
    middle = y + size.height / 2
    return [
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(size.width)}" height="{_n(size.height)}" '
        f'rx="10" fill="currentColor" fill-opacity="0.08" {EDGE} stroke-opacity="0.4"/>',
        f'<text x="{_n(x + 17)}" y="{_n(middle)}" class="group" font-size="12" '
        f'fill="currentColor" transform="rotate(-90 {_n(x + 17)} {_n(middle)})">'
        f"{escape(title)}</text>",
    ]


def document(size: Size, title: str, description: str, body: Iterable[str]) -> str:
    """The whole SVG."""
    width, height = _n(size.width), _n(size.height)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="ottla-streams" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" role="img" style="max-width:100%">'
    )
    text = f'<g font-family="sans-serif" text-anchor="middle" fill="{INK}">'
    return "\n".join(
        [
            head,
            f"<title>{_text(title)}</title>",
            f"<desc>{_text(description)}</desc>",
            STYLE,
            text,
            *body,
            "</g>",
            "</svg>",
            "",
        ]
    )


def _text(text: str) -> str:
    """Text that XML takes: what it has no place for becomes the sign for that."""
    kept = (
        one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}"
        for one in text[:4000]
    )
    return escape("".join(kept))


def _n(number: float) -> str:
    """A number as short as it can be said, to a tenth of a pixel."""
    return f"{round(number, 1):g}" if abs(number) < 100_000 else f"{number:.0f}"
