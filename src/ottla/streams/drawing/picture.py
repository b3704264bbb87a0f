"""A topology as a drawing that a notebook shows, a page holds and a file keeps.

    draw(app.build()).save("app.svg")

What it shows is the plan: topics that are read and written, sub-topologies with their operators,
stores and the changelogs behind them. It is the same for the same topology, byte for byte, so it
may be kept under version control.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ottla.streams.drawing import svg
from ottla.streams.drawing.layers import Edge, Layout, Point, Size, layered
from ottla.streams.drawing.parts import Box, Group, Parts, parts_of
from ottla.streams.plan.topology import Topology

MARGIN = 12
STRIP = 26
"""Room for the title of a sub-topology, on its left: lines come and go above and below."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing as SVG. A notebook shows it where it is a cell's last value."""

    svg: str
    """The text of the SVG."""

    def _repr_svg_(self) -> str:
        """What a notebook asks for."""
        return self.svg

    def __str__(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Drawing of {len(self.svg)} characters of SVG; save it by .save('topology.svg')>"

    def save(self, path: str | Path) -> Path:
        """Write the SVG into a file; its path."""
        file = Path(path)
        file.write_text(self.svg, encoding="utf-8")
        return file


def draw(topology: Topology, title: str = "Topology") -> Drawing:
    """The drawing of a topology."""
    parts = parts_of(topology)
    inner = {group.key: _Inside(group) for group in parts.groups}
    sizes = {key: one.size for key, one in inner.items()}
    boxes = {key: svg.size_of(box) for key, box in parts.topics.items()}
    edges = [edge for group in parts.groups for edge in inner[group.key].outer_edges()]
    layout = layered({**boxes, **sizes}, edges)
    body: list[str] = []
    for group in parts.groups:
        body += svg.frame(_moved(layout.corners[group.key]), sizes[group.key], group.title)
    for edge, points in layout.ways.items():
        body += svg.way([_moved(point) for point in points], tip=edge.end in parts.topics)
    for group in parts.groups:
        body += inner[group.key].drawn(_moved(layout.corners[group.key]))
    for key, box in parts.topics.items():
        body += svg.shape(box, _moved(layout.corners[key]), boxes[key])
    whole = Size(layout.width + 2 * MARGIN, layout.height + 2 * MARGIN)
    return Drawing(svg.document(whole, title, _description(parts), body))


CORNER = Point(MARGIN, MARGIN)


def _moved(point: Point, by: Point = CORNER) -> Point:
    return Point(point.x + by.x, point.y + by.y)


class _Inside:
    """What is in a sub-topology, laid out by itself, with a port for each topic on its rim."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._sizes = {key: svg.size_of(box) for key, box in group.boxes.items()}
        reads = list(dict.fromkeys(topic for topic, _ in group.reads))
        writes = list(dict.fromkeys(topic for _, topic in group.writes))
        self._reads = {topic: f"read {topic}" for topic in reads}
        self._writes = {topic: f"written {topic}" for topic in writes}
        # A source whose records go straight to a sink passes by without a node.
        for node, _ in group.writes:
            if node not in group.boxes:
                self._reads.setdefault(node, f"read {node}")
        ports = dict.fromkeys([*self._reads.values(), *self._writes.values()], Size(0, 0))
        self._layout = self._laid_out(ports)
        title = len(group.title) * svg.WORD_CELL + 2 * MARGIN
        height = self._layout.height + 2 * MARGIN
        self.size = Size(round(self._layout.width + STRIP + MARGIN, 1), max(title, height))

    def _laid_out(self, ports: dict[str, Size]) -> Layout:
        group = self._group
        edges = [Edge(self._reads[topic], node) for topic, node in group.reads]
        edges += [Edge(start, end) for start, end in group.edges]
        self._of_stores = {Edge(node, store) for node, store in group.stores}
        edges += [Edge(node, store) for node, store in group.stores]
        edges += [
            Edge(self._reads.get(node, node), self._writes[topic]) for node, topic in group.writes
        ]
        reads = {name: ports[name] for name in self._reads.values()}
        writes = {name: ports[name] for name in self._writes.values()}
        unique = list(dict.fromkeys(edges))
        last = frozenset(self._writes.values())
        return layered({**reads, **self._sizes, **writes}, unique, last)

    def outer_edges(self) -> list[Edge]:
        """From topics to ports at the top, from ports at the bottom to topics."""
        corners = self._layout.corners
        key = self._group.key
        into = [
            Edge(topic, key, None, corners[port].x + STRIP) for topic, port in self._reads.items()
        ]
        out = [
            Edge(key, topic, corners[port].x + STRIP, None) for topic, port in self._writes.items()
        ]
        return into + out

    def drawn(self, corner: Point) -> list[str]:
        by = Point(corner.x + STRIP, corner.y + MARGIN)
        ends = {*self._writes.values()}
        body: list[str] = []
        for edge, points in self._layout.ways.items():
            moved = [_moved(point, by) for point in points]
            if edge.start not in self._sizes:
                moved.insert(0, Point(moved[0].x, corner.y))
            if edge.end in ends:
                moved[-1] = Point(moved[-1].x, corner.y + self.size.height)
            stored = edge in self._of_stores
            body += svg.way(moved, dashed=stored, tip=not stored and edge.end not in ends)
        for key, box in self._group.boxes.items():
            body += svg.shape(box, _moved(self._layout.corners[key], by), self._sizes[key])
        return body


def _description(parts: Parts) -> str:
    """The drawing in words, for who does not see it."""
    said: list[str] = []
    for group in parts.groups:
        said.append(f"{group.title}:")
        boxes: dict[str, Box] = {**parts.topics, **group.boxes}
        for start, end in [*group.reads, *group.edges, *group.writes]:
            said.append(f"{_named(boxes[start])} leads to {_named(boxes[end])};")
        for node, store in group.stores:
            said.append(f"{_named(boxes[node])} keeps its state in {_named(boxes[store])};")
    return "\n".join(said) or "no topics"


def _named(box: Box) -> str:
    return " ".join(box.lines[:2])
