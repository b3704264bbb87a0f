"""The users' API gives what Apache Kafka gave: descriptions, records, changelogs, stores, errors.

This is what holds builder and executor together against Java; `streams.reference` holds the
executor alone against it, with plans by hand.
"""

from __future__ import annotations

import pytest

from streams import generated, recordings
from streams.topologies import TOPOLOGIES, application
from streams.topologies.running import differences

EXECUTORS = ("python", "rust")
BATCHES = (1, 7, 1000, 100_000)


def test_every_recorded_topology_has_its_twin() -> None:
    """If this failed, a topology that Java runs could not be asked of our executors."""
    assert sorted(TOPOLOGIES) == recordings.names()


def test_parameters_are_known() -> None:
    """If this failed, a misspelt parameter would be taken for the default."""
    with pytest.raises(ValueError, match="window-count has no parameter sise"):
        application("window-count", {"sise": 1})


@pytest.mark.parametrize("name", sorted(TOPOLOGIES))
def test_described_as_kafka_does(name: str) -> None:
    """If this failed, names of nodes, stores or internal topics would be other than in Java."""
    for each in recordings.read(name).sets:
        assert application(name, each.params).describe() == each.describe


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", sorted(TOPOLOGIES))
def test_an_executor_gives_what_kafka_gives(name: str, executor: str) -> None:
    """If this failed, an application would give other bytes than its twin in Java."""
    assert differences(executor, name, generated.SEEDS[:1]) == []


@pytest.mark.long
@pytest.mark.seconds(1800)
@pytest.mark.parametrize("executor", EXECUTORS)
def test_an_executor_gives_what_kafka_gives_at_any_batch(executor: str) -> None:
    """If this failed, results would depend on the seed, or on how records are cut into batches."""
    wrong = {name: differences(executor, name, generated.SEEDS, BATCHES) for name in TOPOLOGIES}
    assert {name: found for name, found in wrong.items() if found} == {}
