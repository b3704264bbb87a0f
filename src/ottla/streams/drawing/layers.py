"""Boxes in layers, and the ways of the edges between them.

A box stands one layer below the lowest box that leads to it. An edge over several layers has a
place of its own in each layer that it passes, so no edge runs behind a box. Order within a layer is
by barycentre, left and right by what a box is connected to; both are the same for the same input,
to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from ottla.streams.errors import TopologyError

GAP_X = 26
"""Between two boxes of a layer, in pixels."""
GAP_Y = 40
"""Between two layers."""
SWEEPS = 8
"""How often the order is improved, down and up; more changes no drawing that people read."""


class Point(NamedTuple):
    x: float
    y: float


class Size(NamedTuple):
    width: float
    height: float


class Edge(NamedTuple):
    """From the bottom of one box to the top of another, at a distance from the left of each; None
    is the middle.
    """

    start: str
    end: str
    start_x: float | None = None
    end_x: float | None = None


@dataclass
class Layout:
    """Left upper corners by box, the ways by edge (points that alternate: down, then across), and
    how much room all of it takes.
    """

    corners: dict[str, Point]
    ways: dict[Edge, list[Point]]
    width: float
    height: float


@dataclass
class _Place:
    """A box in its layer, or where an edge passes through one."""

    width: float
    height: float
    above: list[tuple[int, float, float]] = field(default_factory=list)
    """(place, where the edge leaves it, where it enters here), from the left of each."""
    below: list[tuple[int, float, float]] = field(default_factory=list)
    x: float = 0.0


def layered(
    sizes: Mapping[str, Size], edges: Sequence[Edge], last: frozenset[str] = frozenset()
) -> Layout:
    """The layout of boxes and the edges between them; boxes in `last` stand in the lowest layer.

    Raises:
        TopologyError: the edges have a cycle.
    """
    layer_of = depths(sizes, edges, last)
    names = list(sizes)
    number = {name: place for place, name in enumerate(names)}
    places = [_Place(*sizes[name]) for name in names]
    layers: list[list[int]] = [[] for _ in range(max(layer_of.values(), default=-1) + 1)]
    for name in names:
        layers[layer_of[name]].append(number[name])
    passes: dict[Edge, list[int]] = {}
    for edge in edges:
        passes[edge] = _thread(edge, number, layer_of, places, layers)
    _order(places, layers)
    _across(places, layers)
    return _placed(names, places, layers, passes)


def depths(
    sizes: Iterable[str], edges: Sequence[Edge], last: frozenset[str] = frozenset()
) -> dict[str, int]:
    """The layer of each box, from 0; those in `last` share the lowest.

    Raises:
        TopologyError: the edges have a cycle.
    """
    waits = dict.fromkeys(sizes, 0)
    leads: dict[str, list[str]] = {name: [] for name in waits}
    for edge in edges:
        waits[edge.end] += 1
        leads[edge.start].append(edge.end)
    found = dict.fromkeys(waits, 0)
    ready = [name for name in waits if not waits[name]]
    for name in ready:  # it grows while it is walked
        for after in leads[name]:
            found[after] = max(found[after], found[name] + 1)
            waits[after] -= 1
            if not waits[after]:
                ready.append(after)
    if len(ready) < len(waits):
        caught = next(name for name in waits if waits[name])
        raise TopologyError(
            f"the topology has a cycle through {caught}",
            hint="write to a topic and read it again instead",
        )
    if last:
        lowest = max([*(found[name] for name in found if name not in last), -1]) + 1
        lowest = max([lowest, *(found[name] for name in last)])
        found.update(dict.fromkeys(last, lowest))
    return found


def _thread(
    edge: Edge,
    number: Mapping[str, int],
    layer_of: Mapping[str, int],
    places: list[_Place],
    layers: list[list[int]],
) -> list[int]:
    """Give an edge its places in the layers between its ends; all places on its way."""
    start, end = number[edge.start], number[edge.end]
    way = [start]
    for layer in range(layer_of[edge.start] + 1, layer_of[edge.end]):
        places.append(_Place(0, 0))
        layers[layer].append(len(places) - 1)
        way.append(len(places) - 1)
    way.append(end)
    for upper, lower in pairwise(way):
        leave = places[upper].width / 2 if upper != start or edge.start_x is None else edge.start_x
        enter = places[lower].width / 2 if lower != end or edge.end_x is None else edge.end_x
        places[upper].below.append((lower, leave, enter))
        places[lower].above.append((upper, leave, enter))
    return way


def _order(places: list[_Place], layers: list[list[int]]) -> None:
    """Fewer crossings: each layer in the order of the middles of what it is connected to."""
    best = [list(layer) for layer in layers]
    fewest = _crossings(places, best)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for layer in layers[1:] if down else layers[-2::-1]:
            _by_barycentre(places, layers, layer, down=down)
        crossings = _crossings(places, layers)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    layers[:] = best


def _by_barycentre(
    places: list[_Place], layers: list[list[int]], layer: list[int], *, down: bool
) -> None:
    rank = _ranks(layers)
    own = {place: at for at, place in enumerate(layer)}

    def middle(place: int) -> tuple[float, int]:
        ends = places[place].above if down else places[place].below
        if not ends:
            return (own[place], own[place])
        mean = sum(
            rank[other] + (leave if down else enter) / 10_000 for other, leave, enter in ends
        )
        return (mean / len(ends), own[place])

    layer.sort(key=middle)


def _ranks(layers: list[list[int]]) -> dict[int, int]:
    return {place: at for layer in layers for at, place in enumerate(layer)}


def _crossings(places: list[_Place], layers: list[list[int]]) -> int:
    """How many edges cross, counted by inversions."""
    rank = _ranks(layers)
    count = 0
    for layer in layers:
        ends: list[tuple[float, float]] = []
        for upper in layer:
            ends += [
                (rank[upper] + leave / 10_000, rank[lower] + enter / 10_000)
                for lower, leave, enter in places[upper].below
            ]
        ends.sort()
        seen: list[float] = []
        for _, lower_at in ends:
            at = _bisect_right(seen, lower_at)
            count += len(seen) - at
            seen.insert(at, lower_at)
    return count


def _bisect_right(values: list[float], value: float) -> int:
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if value < values[middle] else (middle + 1, high)
    return low


def _across(places: list[_Place], layers: list[list[int]]) -> None:
    """How far from the left: as near as may be to what a box is connected to, in this order."""
    for layer in layers:
        x = 0.0
        for place in layer:
            places[place].x = x
            x += places[place].width + GAP_X
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            _settle(places, layer, [_wish(places, place, down=down) for place in layer])
    left = min((place.x for place in places), default=0.0)
    for each in places:
        each.x -= left


def _wish(places: list[_Place], place: int, *, down: bool) -> float:
    one = places[place]
    ends = (one.above or one.below) if down else (one.below or one.above)
    if not ends:
        return one.x
    if ends is one.above:
        wishes = [places[other].x + leave - enter for other, leave, enter in ends]
    else:
        wishes = [places[other].x + enter - leave for other, leave, enter in ends]
    return sum(wishes) / len(wishes)


def _settle(places: list[_Place], layer: list[int], wishes: list[float]) -> None:
    """Where nothing overlaps and the sum of squares of what is missed is least: neighbours that
    would overlap become one block, at the mean of their wishes.
    """
    offsets = [0.0]
    for place in layer:
        offsets.append(offsets[-1] + places[place].width + GAP_X)
    blocks: list[tuple[float, int]] = []  # mean, members
    for wish, offset in zip(wishes, offsets, strict=False):
        mean, members = wish - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, count = blocks.pop()
            mean = (before * count + mean * members) / (count + members)
            members += count
        blocks.append((mean, members))
    at = 0
    for mean, members in blocks:
        for _ in range(members):
            places[layer[at]].x = mean + offsets[at]
            at += 1


def _placed(
    names: list[str],
    places: list[_Place],
    layers: list[list[int]],
    passes: Mapping[Edge, list[int]],
) -> Layout:
    tops: dict[int, float] = {}
    bottoms: dict[int, float] = {}
    y = 0.0
    for layer in layers:
        height = max(places[place].height for place in layer)
        for place in layer:
            tops[place], bottoms[place] = y, y + height
        y += height + GAP_Y
    corners = {name: Point(round(places[at].x, 1), tops[at]) for at, name in enumerate(names)}
    ways: dict[Edge, list[Point]] = {}
    for edge, way in passes.items():
        points: list[Point] = []
        for at in way:
            one = places[at]
            port = edge.start_x if at == way[0] else edge.end_x if at == way[-1] else None
            x = round(one.x + (one.width / 2 if port is None else port), 1)
            if at == way[0]:
                points.append(Point(x, tops[at] + one.height))
            else:
                points.append(Point(x, tops[at]))
            if at != way[-1]:
                points.append(Point(x, bottoms[at]))
        ways[edge] = points
    width = max((place.x + place.width for place in places), default=0.0)
    return Layout(corners, ways, round(width, 1), max(y - GAP_Y, 0.0))
