"""Plans by hand give what Apache's driver gave, whatever the builder makes of such topologies."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from streams import generated, recordings
from streams.reference import plans
from streams.reference.recorded import BUILDS, SETTINGS_OF


def differences(name: str, seeds: Iterable[int]) -> list[str]:
    """What is other than Kafka's, over all recorded parameters."""
    found = recordings.read(name)
    pairs = (each.partition("=") for each in found.params.split())
    usual = {key: int(text) for key, _, text in pairs if text}
    wrong = []
    for each in found.sets:
        for seed in seeds:
            plan = plans.Plan()
            BUILDS[name](plan, {**usual, **each.params})
            got = plans.run(plan.topology(), found.inputs(seed), SETTINGS_OF[name])
            wrong += recordings.differences(each, seed, got)
    return wrong


@pytest.mark.parametrize("name", sorted(BUILDS))
def test_the_executor_is_kafka(name: str) -> None:
    """If this failed, an operator would give other records, times, headers or stores than Kafka's,
    or stop at another input.
    """
    assert differences(name, generated.SEEDS[:2]) == []


@pytest.mark.long
@pytest.mark.seconds(300)
def test_the_executor_is_kafka_for_all_seeds() -> None:
    """If this failed, what two seeds do not come upon would differ."""
    wrong = {name: differences(name, generated.SEEDS) for name in BUILDS}
    assert {name: found for name, found in wrong.items() if found} == {}
