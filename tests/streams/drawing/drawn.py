"""What a drawing shows, read off its SVG: boxes, their texts, the lines between."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from xml.etree import ElementTree as ET

from ottla.streams.drawing import Drawing
from ottla.streams.drawing.parts import cells

SVG = "{http://www.w3.org/2000/svg}"
WIDTHS = {"name": 6.33, "topic": 6.93, "word": 7.6}
"""Of a character, in pixels: Dejavu's fixed width, and its mean for words in bold."""


@dataclass(frozen=True)
class Shown:
    """A box: its rim, its lines, how wide the widest of them is."""

    left: float
    top: float
    right: float
    bottom: float
    lines: tuple[str, ...]
    width: float

    def meets(self, other: Shown) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def numbers(text: str) -> list[float]:
    return [float(one) for one in re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)]


def boxes(drawing: Drawing) -> list[Shown]:
    """Every box with text in it; sub-topologies are none."""
    found = []
    for group in ET.fromstring(drawing.svg).iter(f"{SVG}g"):
        if group.find(f"{SVG}title") is None:
            continue
        texts = group.findall(f"{SVG}text")
        lines = tuple(text.text or "" for text in texts)
        width = max(cells(t.text or "") * WIDTHS[t.attrib["class"]] for t in texts)
        rect = group.find(f"{SVG}rect")
        if rect is not None:
            x, y, w, h = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
        else:
            x, y, w, h = _rim(group.find(f"{SVG}path").attrib["d"])  # type: ignore[union-attr]
        found.append(Shown(x, y, x + w, y + h, lines, width))
    return found


def _rim(path: str) -> tuple[float, float, float, float]:
    """Of a drum or a pipe, whose arcs bulge beyond their ends."""
    xs: list[float] = []
    ys: list[float] = []
    bulge_x = bulge_y = 0.0
    for kind, rest in re.findall(r"([MHVAz])([^MHVAz]*)", path):
        given = numbers(rest)
        if kind == "A":
            rx, ry, *_, x, y = given
            bulge_x, bulge_y = (rx, 0.0) if xs[-1] == x else (0.0, ry)
            xs.append(x)
            ys.append(y)
        elif kind == "M":
            xs.append(given[0])
            ys.append(given[1])
        elif kind == "H":
            xs.append(given[0])
        elif kind == "V":
            ys.append(given[0])
    left, top = min(xs) - bulge_x, min(ys) - bulge_y
    return left, top, max(xs) + bulge_x - left, max(ys) + bulge_y - top


def lines(drawing: Drawing) -> list[list[tuple[float, float]]]:
    """Every line between boxes, by its points."""
    found = []
    for path in ET.fromstring(drawing.svg).iter(f"{SVG}path"):
        d = path.attrib["d"]
        if path.attrib.get("fill") != "none" or "A" in d:
            continue
        points: list[tuple[float, float]] = []
        for kind, rest in re.findall(r"([MVC])([^MVC]*)", d):
            given = numbers(rest)
            points.append((points[-1][0], given[0]) if kind == "V" else (given[-2], given[-1]))
        found.append(points)
    return found


def size(drawing: Drawing) -> tuple[float, float]:
    root = ET.fromstring(drawing.svg)
    return float(root.attrib["width"]), float(root.attrib["height"])


def faults(drawing: Drawing) -> list[str]:
    """What is wrong with a drawing: boxes that meet, text out of its box, lines through boxes."""
    shown = boxes(drawing)
    width, height = size(drawing)
    found = []
    for at, one in enumerate(shown):
        if one.left < 0 or one.top < 0 or one.right > width or one.bottom > height:
            found.append(f"{one.lines} is outside of the drawing")
        if one.width > one.right - one.left:
            found.append(f"{one.lines} is wider than its box")
        found += [f"{one.lines} meets {two.lines}" for two in shown[:at] if one.meets(two)]
    for points in lines(drawing):
        for (x, y), (to_x, to_y) in pairwise(points):
            if x != to_x:
                continue  # a curve lies between two layers
            for one in shown:
                if one.left < x < one.right and y < one.bottom - 1 and one.top + 1 < to_y:
                    found.append(f"a line runs through {one.lines}")
    return found
