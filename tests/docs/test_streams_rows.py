"""Every row of the guides to Streams builds as it is written: each is typed, and its topology made.

A row stands for what is typed on a stream of documents, a table, a group, windows, in a processor,
in a test: the heading above it says on which. What has `...` in it is a shape, not a program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import ottla.streams
from ottla.streams import (
    KGroupedStream,
    KGroupedTable,
    KStream,
    KTable,
    Processor,
    Streams,
    ValueTransformer,
    WindowedKStream,
    key_value,
    serdes,
    session,
    tumbling,
)
from ottla.streams.testing import TopologyTest

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
PAGES = ("streams-from-java", "streams-from-faust-and-quix")
BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
SHAPES = ("f(", "(key", "adder(", "stores()", "configs={", "self.")
"""How begins what says of which form a function or a class of the reader's is."""


@dataclass
class Order:
    city: str
    price: int


class Passed(Processor[Any, Any, Any, Any]):
    """A processor of the reader's."""

    def process(self, record: Any) -> None:
        self.context.forward(record)


class Kept(ValueTransformer[Any, Any, Any]):
    def transform(self, key: Any, value: Any) -> Any:
        return value


def written() -> Iterator[tuple[str, str]]:
    """The heading above a row, and each program in what is here."""
    for page in PAGES:
        heading = ""
        for line in BLOCK.sub("", (GUIDES / f"{page}.md").read_text(encoding="utf-8")).splitlines():
            heading = line.strip("# ") if line.startswith("#") else heading
            cells = re.split(r"(?<!\\)\|", line)
            if len(cells) != 4 or set(line) <= set("|- "):
                continue
            for span in re.findall(r"`([^`]+)`", cells[2]):
                is_call = "(" in span or span.startswith(("context.", "record."))
                if is_call and "..." not in span and not span.startswith(SHAPES):
                    yield heading, span.removeprefix("with ").removesuffix(" as test")


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "reduce": lambda aggregate, value: value,
    "cogroup": lambda value, aggregate: aggregate,
    "to_stream": lambda key, value: key,
}
"""What a row calls `f`, where its parameters are not those of a value alone."""

KNOWN: dict[str, Any] = {
    **{name: getattr(serdes, name) for name in serdes.__all__},
    **{name: getattr(ottla.streams, name) for name in ottla.streams.__all__},
    "TopologyTest": TopologyTest,
    "Order": Order,
    "Keep": Passed,
    "Total": Passed,
    "Named": Kept,
    "UTC": UTC,
    "datetime": datetime,
    "re": re,
    "add": lambda order, all: [*all, order],
    "adder": lambda value, all: all,
    "foreign_key": lambda value: "x",
    "initializer": dict,
    "joiner": lambda left, right: {},
    "merger": lambda key, left, right: left,
    "p": lambda value: True,
    "selector": lambda value: "x",
    "subtractor": lambda value, all: all,
}
"""What a reader has by its name, imported or of the reader's own."""


class Desk:
    """What stands above each row: topics read in every way, and what operators make of them."""

    def __init__(self) -> None:
        self.app = app = Streams("shop")
        app.add_store(key_value("totals", key=str, value=int))
        orders, stream, right = (
            app.stream(topic, key=str, value=dict) for topic in ("orders", "stream", "right")
        )
        table, other = (app.table(topic, key=str, value=dict) for topic in ("table", "other"))
        group = orders.group_by_key()
        windows = group.windowed_by(tumbling("1m"))
        pairs = table.group_by(lambda key, value: (key, value), key=str, value=dict)
        self.names = {
            **KNOWN,
            "app": app,
            "orders": orders,
            "stream": stream,
            "left": orders,
            "right": right,
            "table": table,
            "other": other,
            "global_table": app.global_table("lands", key=str, value=str),
            "grouped": group,
        }
        self.places: dict[str, list[Any]] = {
            "Faust": [orders, group, windows],
            "Quix Streams": [orders, group, windows],
            "Streams (KStream)": [orders, orders.split()],
            "Groups and windows": [group, windows],
            "Tables (KTable)": [table, pairs],
            "merger": [group.windowed_by(session("1m"))],
            "window_closes": [windows.count()],
        }

    def typed(self, heading: str, span: str) -> Any:
        """What it gives: after the first place that has its operator, or alone."""
        span = re.sub(r"^\w+ = ", "", span)
        first = re.match(r"\.?(\w+)", span)
        assert first is not None, span
        names = self.names | {"f": FUNCTIONS.get(first[1], lambda value: value)}
        needed = [
            place
            for word in ("merger", "window_closes")
            if word in span
            for place in self.places[word]
        ]
        for place in [*needed, *self.places.get(heading, ())]:
            if hasattr(place, first[1]):
                return eval("place." + span.removeprefix("."), names | {"place": place})
        return eval(span, names)


def written_out(app: Streams, made: Any) -> None:
    """Let what a row made end in a topic."""
    if isinstance(made, dict):
        for number, branch in enumerate(made.values()):
            branch.to(f"out-{number}")
    elif isinstance(made, KTable):
        made.to_stream().to("out")
    elif isinstance(made, KStream):
        made.to("out")
    elif isinstance(made, KGroupedStream | KGroupedTable | WindowedKStream):
        made.count().to_stream().to("out")


BUILT = sorted({row for row in written() if row[0] not in ("Processors", "Tests")})
ASKED = sorted({span for heading, span in written() if span.startswith(("context.", "record."))})
ASKED += [span for heading, span in written() if span == "cancel()"]
TESTED = sorted({span for heading, span in written() if heading == "Tests"})


def test_rows_are_found() -> None:
    """If this failed, the tests below would type nothing, and pass."""
    assert len(BUILT) > 80
    assert len(ASKED) > 10
    assert len(TESTED) > 12


@pytest.mark.parametrize(
    ("heading", "span"), [row for row in BUILT if not row[1].startswith("context.")]
)
def test_a_row_builds(heading: str, span: str) -> None:
    """If this failed, who types a row would get an error in place of a topology."""
    desk = Desk()
    written_out(desk.app, desk.typed(heading, span))
    assert desk.app.build().nodes


@pytest.mark.parametrize("span", ASKED)
def test_a_row_runs_in_a_processor(span: str) -> None:
    """If this failed, who types a row in a processor would get an error."""

    class Typed(Processor[Any, Any, Any, Any]):
        def process(self, record: Any) -> None:
            names = {"context": self.context, "record": record, "v": {}, "f": print, "p": print}
            done.append(eval(span.replace("cancel()", cancelled), names))

    done: list[Any] = []
    cancelled = "context.schedule(1, 'wall_clock', f).cancel()"
    app = Streams("shop", key=str, value=dict)
    app.add_store(key_value("totals", key=str, value=int))
    made = app.stream("orders").process(Typed, "totals", key=str, value=dict)
    made.filter(lambda value: True, name="child").to("out")
    with TopologyTest(app) as test:
        test.input("orders").send("ann", {}, at=0)
    assert len(done) == 1


@pytest.mark.parametrize("span", TESTED)
def test_a_row_runs_in_a_test(span: str) -> None:
    """If this failed, who types a row in a test would get an error."""
    app = Streams("shop", key=str, value=dict)
    counts = app.stream("a").group_by_key().count(store="c")
    counts.to_stream().to("out")
    names = {"app": app, "TopologyTest": TopologyTest, "Streams": Streams, "time": 5}
    names |= {"datetime": datetime, "UTC": UTC, "key": "ann", "value": {}, "len": len}
    with TopologyTest(app) as test:
        test.input("a").send("ann", {}, at=0)
        place = "test.input('a')" if span.startswith(".send") else "test.output('out')"
        typed = place + span if span.startswith(".") else span
        eval(typed, names | {"test": test})
        assert test.topology is app.build()
