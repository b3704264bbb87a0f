"""The reference executor gives what Apache's driver gave, for every recorded topology."""

from __future__ import annotations

import pytest

from streams import generated, recordings
from streams.reference import plans

topologies = pytest.importorskip("streams.topologies")


@pytest.mark.parametrize("name", recordings.names())
def test_the_reference_executor_is_kafka(name: str) -> None:
    """If this failed, an operator would give other records, times, headers or stores than Kafka's,
    or stop at another input.
    """
    found = recordings.read(name)
    wrong = []
    for each in found.sets:
        for seed in generated.SEEDS:
            app = topologies.application(name, dict(each.params))
            got = plans.run(app.build(), found.inputs(seed), app.settings())
            wrong += recordings.differences(each, seed, got)
    assert wrong == []


def test_every_recorded_topology_is_there() -> None:
    """If this failed, topologies that Kafka's driver ran would not be built by ours."""
    assert set(recordings.names()) <= set(topologies.TOPOLOGIES)
