"""Where a task takes a record to: both executors answer alike."""

from __future__ import annotations

import re

import pytest

from ottla.streams import Streams
from ottla.streams.testing import ExecutorName, TopologyTest


@pytest.mark.parametrize("executor", ["rust", "python"])
def test_a_global_topic_that_a_pattern_matches(executor: ExecutorName) -> None:
    """One of the two would miss the records, and which one would depend on the executor."""
    app = Streams("app", key=str, value=str)
    app.global_table("names", store="kept")
    app.stream(re.compile("n.*")).to("out")
    app.stream("in").to("names")
    with TopologyTest(app, executor=executor) as test:
        test.input("names").send("k", "sent", at=1)
        assert test.output("out").read_values() == [("k", "sent")]
        assert test.store("kept").get("k").value == "sent"
        test.input("in").send("k", "written", at=2)
        assert test.output("out").read_values() == [("k", "written")]
        assert test.store("kept").get("k").value == "written"
