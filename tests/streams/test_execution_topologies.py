"""The users' API gives what Apache Kafka gave: descriptions, records, changelogs, stores, errors.

This is what holds builder and executors together against Java.
"""

from __future__ import annotations

import pytest

from ottla.errors import OttlaError
from ottla.streams.fast.task import FastTask
from ottla.streams.testing import executor_of
from streams import generated, recordings
from streams.topologies import TOPOLOGIES, application
from streams.topologies.running import differences, twins

EXECUTORS = ("python", "rust")
#: The last is more than a seed has; `fast/test_task_sizes.py` has runs of thousands.
BATCHES = (1, 7, 60, 1000)
#: Seeds, and how many records at once: each executor sees all seeds, the fast one at all sizes.
GIVEN = {
    "python": [(seed, 1) for seed in generated.SEEDS],
    "rust": [(seed, BATCHES[seed % len(BATCHES)]) for seed in generated.SEEDS],
}


def test_every_recorded_topology_has_its_twin() -> None:
    """If this failed, a topology that Java runs could not be asked of our executors."""
    assert sorted(TOPOLOGIES) == recordings.names()


def test_parameters_are_known() -> None:
    """If this failed, a misspelt parameter would be taken for the default."""
    with pytest.raises(ValueError, match="window-count has no parameter sise"):
        application("window-count", {"sise": 1})


@pytest.mark.parametrize("name", sorted(TOPOLOGIES))
def test_a_topology_is_described_and_run_as_in_kafka(name: str) -> None:
    """If this failed, names of nodes, stores or internal topics would be other than in Java, or an
    application would give other bytes than its twin.
    """
    for each in twins(name):
        assert each.app.describe() == each.recorded.describe
    wrong = {executor: differences(executor, name, given) for executor, given in GIVEN.items()}
    assert wrong == {"python": [], "rust": []}


def test_the_fast_executor_runs_every_topology() -> None:
    """If this failed, the Rust executor would refuse the plan of a topology, or another one would
    stand in for it. What it makes of their records is another test's.
    """
    refused = {}
    for name in recordings.names():
        app = application(name)
        try:
            task = executor_of("rust", app.build(), app.settings())
        except OttlaError as error:
            refused[name] = str(error)
        else:
            assert type(task) is FastTask, name
            task.close()
    assert refused == {}


@pytest.mark.long
@pytest.mark.seconds(1800)
@pytest.mark.parametrize("executor", EXECUTORS)
def test_an_executor_gives_what_kafka_gives_at_any_batch(executor: str) -> None:
    """If this failed, results would depend on how records are cut into batches."""
    given = [(seed, batch) for seed in generated.SEEDS for batch in BATCHES]
    wrong = {name: differences(executor, name, given) for name in TOPOLOGIES}
    assert {name: found for name, found in wrong.items() if found} == {}
