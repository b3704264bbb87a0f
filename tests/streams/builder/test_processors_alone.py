"""`Topology`: sources, processors, stores and sinks, each by its name."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from ottla.streams import Processor, Topology, TopologyError, key_value
from ottla.streams.testing import TopologyTest


class Upper(Processor):
    def process(self, record):  # type: ignore[no-untyped-def]
        self.context.forward(record.with_value(record.value.upper()))


def begun() -> Topology:
    app = Topology("app", key=str, value=str)
    app.add_source("lines", "in")
    app.add_processor("upper", Upper, "lines")
    return app


@pytest.mark.parametrize("executor", ["python", "rust"])
def test_records_go_through(executor: str) -> None:
    """If this failed, an application of processors alone would not run."""
    app = begun()
    app.add_sink("out", "out", "upper")
    app.add_sink("by-key", lambda key, value, context: f"out-{key}", "upper")
    with TopologyTest(app, executor=executor) as test:
        test.input("in").send("k", "a")
        assert [record.value for record in test.output("out").read_all()] == ["A"]
        assert [record.value for record in test.output("out-k", key=str, value=str).read_all()] == [
            "A"
        ]


REFUSED: dict[str, tuple[Callable[[Topology], object], str]] = {
    "two nodes of one name": (lambda app: app.add_source("upper", "b"), "two nodes are called"),
    "a parent that is not there": (
        lambda app: app.add_sink("out", "out", "nobody"),
        "names the parent nobody, and there is lines, upper",
    ),
    "a circle": (lambda app: app.add_processor("round", Upper, "round"), "names the parent round"),
    "a sink as a parent": (
        lambda app: [app.add_sink("out", "out", "upper"), app.add_processor("p", Upper, "out")],
        "names the parent out",
    ),
    "no parent": (lambda app: app.add_sink("out", "out"), "has no parent"),
    "a topic and a pattern": (
        lambda app: app.add_source("s", "b", re.compile("c.*")),
        "reads topics or one pattern",
    ),
    "no topic": (lambda app: app.add_source("s"), "reads topics or one pattern"),
    "a topic that is read already": (lambda app: app.add_source("s", "in"), "is read by lines"),
    "no class of processors": (
        lambda app: app.add_processor("p", Upper(), "lines"),
        "needs a class or a function",
    ),
    "a store for nobody": (
        lambda app: app.add_store(key_value("side"), "nobody"),
        "there is no processor nobody",
    ),
    "a store that nobody added": (
        lambda app: app.connect("side", "upper"),
        "which nobody added",
    ),
    "two stores of one name": (
        lambda app: [app.add_store(key_value("side")), app.add_store(key_value("side"))],
        "side",
    ),
    "after it was built": (
        lambda app: [app.build(), app.add_source("s", "b")],
        "the topology is built",
    ),
    "something that no application is told": (
        lambda app: Topology("app", hander="fail"),  # type: ignore[call-arg]
        "is not told hander",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused(name: str) -> None:
    """If this failed, a mistake in a topology would come to light with its records."""
    build, text = REFUSED[name]
    with pytest.raises(TopologyError, match=text):
        build(begun())


def test_nothing_is_no_topology() -> None:
    """If this failed, an application that reads nothing would start and wait for ever."""
    with pytest.raises(TopologyError, match="reads no topic"):
        Topology("app").build()
