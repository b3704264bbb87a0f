"""The builder's topologies against the texts that Apache Kafka printed for their twins."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.streams import Streams, TopologyError
from streams import recordings
from streams.builder import described_streams, described_tables

ROWS = {**described_streams.ROWS, **described_tables.ROWS}
ENDS = ("-all", "-merge", "-reuse", "-single", "-two")
#: Java refuses nothing here: a topology that reads no topic cannot be run, and says so only then.
STRICTER = {"describe-nothing"}


def twin(name: str) -> str:
    """The row that builds a recorded topology: its own, or the one that it is with switches on."""
    own = name.removeprefix("describe-")
    if own in ROWS:
        return own
    end = next(end for end in ENDS if own.endswith(end))
    return own.removesuffix(end)


def arguments(config: Any) -> dict[str, Any]:
    known = {
        "topology.optimization": "optimization",
        "ensure.explicit.internal.resource.naming": "explicit_names",
    }
    return {known[name]: value == "true" or value for name, value in config.items()}


@pytest.mark.parametrize("name", sorted(recordings.described()))
def test_described(name: str) -> None:
    """Internal topics, stores or sub-topologies would have other names than in Java, so that an
    application could not take over its state, or what Java refuses would be built."""
    want = recordings.described()[name]

    def built() -> str:
        app = Streams("app", key=str, value=str, **arguments(want.config))
        ROWS[twin(name)](app)
        return app.describe()

    if want.describe is None or name in STRICTER:
        with pytest.raises(TopologyError):
            built()
    else:
        assert built() == want.describe


def test_all_have_recordings() -> None:
    """A twin without a recording would be held against nothing."""
    assert {twin(name) for name in recordings.described()} == ROWS.keys()
