"""The users' API gives what Apache Kafka gave: descriptions, records, changelogs, stores, errors.

This is what holds builder and executor together against Java; `streams.reference` holds the
executor alone against it, with plans by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from ottla.streams.testing import executor_of
from streams import generated, recordings
from streams.dumps import store_lines
from streams.reference import plans
from streams.topologies import TOPOLOGIES, application


def answer(executor: str, name: str, want: recordings.Recorded, seed: int) -> recordings.Answer:
    """What an executor makes of a topology and a seed's inputs, one at a time."""
    app = application(name, want.params)
    task = executor_of(executor, app.build(), app.settings())
    try:
        found = plans.answer(task, recordings.read(name).inputs(seed))
        return found if found.error else replace(found, stores=[*store_lines(task, app.build())])
    finally:
        task.close()


def differences(executor: str, name: str, seeds: Iterable[int]) -> list[str]:
    """What is other than Kafka's, over all recorded parameters."""
    return [
        f"{dict(each.params)} {said}"
        for each in recordings.read(name).sets
        for seed in seeds
        for said in recordings.differences(each, seed, answer(executor, name, each, seed))
    ]


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


@pytest.mark.parametrize("name", sorted(TOPOLOGIES))
def test_python_gives_what_kafka_gives(name: str) -> None:
    """If this failed, an application in Python would give other bytes than its twin in Java."""
    assert differences("python", name, generated.SEEDS[:1]) == []


@pytest.mark.long
@pytest.mark.seconds(600)
def test_python_gives_what_kafka_gives_for_all_seeds() -> None:
    """If this failed, what one seed does not come upon would differ."""
    wrong = {name: differences("python", name, generated.SEEDS) for name in TOPOLOGIES}
    assert {name: found for name, found in wrong.items() if found} == {}
