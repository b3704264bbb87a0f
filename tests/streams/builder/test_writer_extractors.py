"""A timestamp extractor is looked at when the topology is built, not at the first record."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.streams import Streams, TopologyError, col


@pytest.mark.parametrize(
    ("extractor", "said"),
    [
        (col("at"), "timestamp= of .* takes a function, not col"),
        (lambda value: value["at"], r"takes 1 parameters"),
        ("at", "takes a function, not 'at'"),
    ],
)
def test_what_extracts_no_time_is_refused(extractor: Any, said: str) -> None:
    """If this failed, the first record would stop the application with a word about Python."""
    app = Streams("times")
    app.stream("in", key=str, value=dict, timestamp=extractor).to("out")
    with pytest.raises(TopologyError, match=said):
        app.build()


def test_who_takes_all_takes_these() -> None:
    """If this failed, a function that passes its arguments on could not extract."""
    app = Streams("times")
    app.stream("in", key=str, value=dict, timestamp=lambda *given: given[3]).to("out")
    assert app.build().sources
