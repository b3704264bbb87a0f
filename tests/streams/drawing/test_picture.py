"""Drawings of topologies: whole, legible, the same each time."""

from __future__ import annotations

import doctest
import re
import runpy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from ottla.streams.drawing import draw
from ottla.streams.drawing.layers import Edge, Size, layered
from ottla.streams.drawing.words import ROWS, STORES, duration
from ottla.streams.errors import TopologyError
from ottla.streams.plan import operators as row
from ottla.streams.plan.functions import Function
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.plan.topology import InternalTopic, Node, Sink, Source, Topology
from ottla.streams.plan.views import Stored
from ottla.streams.plan.windows import TimeWindows
from ottla.streams.serdes import STRING
from streams.drawing import drawn
from streams.topologies import TOPOLOGIES, application

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
EXAMPLES: dict[str, Any] = runpy.run_path(str(REFERENCE / "streams_examples.py"))
ANY = Function.of(lambda value: value, ("key", "value"), what="a test")
REPARTITION = "by-city-repartition"


def source(name: str, topics: list[str], *children: str, is_global: bool = False) -> Source:
    return Source(name, tuple(topics), None, STRING, STRING, children, is_global=is_global)


def sink(name: str, topic: str | None) -> Sink:
    return Sink(name, topic, None if topic else ANY, STRING, STRING)


def topology(
    sources: list[Source],
    nodes: list[Node],
    sinks: list[Sink],
    stores: list[Store] = [],  # noqa: B006 - it is read only
    internal: tuple[str, ...] = (),
) -> Topology:
    return Topology(
        {one.name: one for one in sources},
        {one.name: one for one in nodes},
        {one.name: one for one in sinks},
        {one.name: one for one in stores},
        {name: InternalTopic(name) for name in internal},
    )


def several() -> Topology:
    """Two sub-topologies and a repartition topic, a global table, a topic read and written."""
    hour = TimeWindows(3_600_000, 3_600_000, 0)
    counted = row.WindowAggregate("counts", hour, row.Count())
    return topology(
        [
            source("S0", ["flights", "more"], "filter"),
            source("S1", [REPARTITION], "count"),
            source("S2", ["planes"], "planes"),
            source("S3", ["cities"], "cities", is_global=True),
        ],
        [
            Node("filter", row.Filter(ANY), ("key", "back")),
            Node("key", row.SelectKey(ANY), ("repartitioned",)),
            Node("count", counted, ("stream",), ("counts",)),
            Node("stream", row.TableToStream(), ("join",)),
            Node("planes", row.TableSource("planes-store"), (), ("planes-store",)),
            Node(
                "join",
                row.StreamTableJoin("left", ANY, Stored("planes-store")),
                ("global-join",),
                ("planes-store",),
            ),
            Node(
                "global-join",
                row.StreamGlobalJoin("inner", ANY, ANY, Stored("cities-store")),
                ("out", "chosen"),
            ),
            Node("cities", row.TableSource("cities-store"), (), ("cities-store",)),
        ],
        [
            sink("repartitioned", REPARTITION),
            sink("back", "flights"),
            sink("out", "delays"),
            sink("chosen", None),
        ],
        [
            Store("counts", StoreKind.WINDOW, STRING, STRING),
            Store("planes-store", StoreKind.KEY_VALUE, STRING, STRING, changelog_topic="planes"),
            Store("cities-store", StoreKind.KEY_VALUE, STRING, STRING, is_global=True),
        ],
        (REPARTITION,),
    )


def test_a_drawing_has_all_of_a_topology() -> None:
    """If this failed, a node, a topic, a store or a sub-topology would not be in its drawing."""
    found = draw(several())
    assert drawn.faults(found) == []
    names = [line for box in drawn.boxes(found) for line in box.lines]
    topics = {"flights", "more", "planes", "cities", REPARTITION, "delays"}
    assert topics | set(several().nodes) | set(several().stores) <= set(names)
    assert names.count("flights") == 2, "it is read above and written below"
    assert {"→ counts-changelog", "→ planes", "filled from its topic"} <= set(names)
    assert "count, tumbling 1 h" in names
    assert found.svg.count("sub-topology 2, global</text>") == 1


def test_the_ways_between_boxes() -> None:
    """If this failed, a line would lead from or to another box than the plan says."""
    found = draw(
        topology(
            [source("s", ["in"], "one")],
            [Node("one", row.PassThrough(), ("t",))],
            [sink("t", "out")],
        )
    )
    read, one, written = (
        next(box for box in drawn.boxes(found) if name in box.lines)
        for name in ("in", "one", "out")
    )
    assert read.bottom < one.top
    assert one.bottom < written.top
    ends = {(points[0][1], points[-1][1]) for points in drawn.lines(found)}
    assert {start for start, _ in ends} >= {read.bottom, one.bottom}
    assert {end for _, end in ends} >= {one.top, written.top}


def test_a_drawing_is_the_same_each_time() -> None:
    """If this failed, a drawing under version control would change with nothing changed."""
    assert draw(several()).svg == draw(several()).svg


def test_a_notebook_and_a_file_get_it(tmp_path: Path) -> None:
    """If this failed, a notebook would show nothing, or a file would be no SVG."""
    found = draw(several(), "flights")
    assert found._repr_svg_() == found.svg == str(found)
    assert found.save(tmp_path / "it.svg").read_text(encoding="utf-8") == found.svg
    assert len(repr(found)) < 100
    root = ET.fromstring(found.svg)
    assert root.attrib["role"] == "img"
    assert root.findtext(f"{drawn.SVG}title") == "flights"
    said = root.findtext(f"{drawn.SVG}desc") or ""
    assert "filter filter leads to select_key key" in said
    assert "keeps its state in window store counts" in said
    assert not re.search(r'\bid="', found.svg), "two drawings in a page would share it"


@pytest.mark.parametrize("name", sorted(TOPOLOGIES))
def test_recorded_topologies_are_drawn_well(name: str) -> None:
    """If this failed, boxes would meet, text leave its box, or lines run through boxes."""
    made = application(name).build()
    found = draw(made)
    assert drawn.faults(found) == []
    names = {line for box in drawn.boxes(found) for line in box.lines}
    assert set(made.nodes) | set(made.stores) <= names


@pytest.mark.parametrize("name", sorted(EXAMPLES["EXAMPLES"]))
def test_topologies_of_the_reference_are_drawn_well(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, what the builder makes would not be drawn well."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(EXAMPLES["BEFORE"], names)
    names["run"] = lambda app, *records: []
    for each in doctest.DocTestParser().get_examples(EXAMPLES["EXAMPLES"][name]):
        if "TopologyTest" not in each.source:
            exec(each.source, names)
    assert drawn.faults(names["app"].draw()) == []


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_it_can_be_read_on_any_ground() -> None:
    """If this failed, text or lines would be lost on light or on dark ground (WCAG: 4.5 and 3)."""
    from ottla.streams.drawing.svg import FILLS, INK, STYLE

    assert min(contrast(INK, fill) for fill in FILLS.values()) > 7
    light, dark = re.findall(r"color:(#\w{6})", STYLE)
    for ground in ("#ffffff", "#131416"):
        assert contrast(light, ground) > 3.5
    assert contrast(dark, "#131416") > 4.5
    assert contrast(dark, "#ffffff") > 2.5


@pytest.mark.parametrize(
    "name",
    [
        "<&\"'>",
        "x" * 249,
        "航班" * 100,
        "a\0b\x1b[31m\n",
        "\N{RIGHT-TO-LEFT OVERRIDE}x",
        "y" * 1_000_000,
    ],
    ids=["markup", "long", "wide", "control", "direction", "huge"],
)
def test_odd_names(name: str) -> None:
    """If this failed, a name could end the drawing, leave its box, or make it huge."""
    found = draw(
        topology(
            [source("s", [name], name)], [Node(name, row.Filter(ANY), ("t",))], [sink("t", name)]
        )
    )
    assert drawn.faults(found) == []
    assert len(found.svg) < 40_000


def test_no_topics() -> None:
    """If this failed, an application that has nothing yet would be an error in a notebook."""
    assert drawn.boxes(draw(topology([], [], []))) == []


def test_a_source_that_goes_straight_to_a_sink() -> None:
    """If this failed, a copy of a topic would be drawn as two topics without a line."""
    found = draw(topology([source("s", ["in"], "t")], [], [sink("t", "out")]))
    assert drawn.faults(found) == []
    assert [box.lines[0] for box in drawn.boxes(found)] == ["in", "out"]
    assert len(drawn.lines(found)) == 3


def test_a_cycle_is_told() -> None:
    """If this failed, a plan with a cycle would be drawn for ever."""
    around = [Node("a", row.PassThrough(), ("b",)), Node("b", row.PassThrough(), ("a",))]
    with pytest.raises(TopologyError, match="cycle through"):
        draw(topology([source("s", ["in"], "a")], around, []))


def test_a_large_topology() -> None:
    """If this failed, a drawing would end in RecursionError, or overlap where there is much."""
    chain = [Node(f"n{at}", row.PassThrough(), (f"n{at + 1}",)) for at in range(1100)]
    wide = [Node(f"w{at}", row.Filter(ANY), (f"t{at}",)) for at in range(40)]
    end = Node("n1100", row.Branch((ANY,)), tuple(node.name for node in wide))
    sinks = [sink(f"t{at}", f"topic-{at}") for at in range(40)]
    found = draw(topology([source("s", ["in"], "n0")], [*chain, end, *wide], sinks))
    assert drawn.faults(found) == []


def test_every_operator_and_store_has_a_word() -> None:
    """If this failed, an operator would be drawn by the name of its class."""
    assert set(ROWS) == set(row.Operator.__args__)
    assert set(STORES) == set(StoreKind)


def test_lengths_are_said_as_people_do() -> None:
    """If this failed, a window of an hour would be said in milliseconds."""
    lengths = (0, 1, 1500, 90_000, 300_000, 3_600_000, 86_400_000)
    said = ["0 ms", "1 ms", "1500 ms", "90 s", "5 min", "1 h", "1 d"]
    assert [duration(one) for one in lengths] == said


def test_layers_cross_as_little_as_they_can() -> None:
    """If this failed, lines that need not cross would."""
    sizes = {name: Size(50, 20) for name in "abcdef"}
    edges = [Edge("a", "f"), Edge("b", "e"), Edge("c", "d")]
    layout = layered(sizes, edges)
    order = sorted("abc", key=lambda name: layout.corners[name].x)
    below = sorted("def", key=lambda name: layout.corners[name].x)
    assert [dict(zip("abc", "fed", strict=True))[name] for name in order] == below
    for edge, points in layout.ways.items():
        assert points[0].x == points[-1].x, edge
