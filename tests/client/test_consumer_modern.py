"""Our own consumer in groups of KIP-848, which Apache Kafka 4.3.1 serves; Ottla does not yet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from client.test_consumer import filled, take, values
from ottla.client import Consumer
from servers import Server, eventually

Name = Callable[[], str]


@pytest.mark.jvm
def test_members_of_a_modern_group_share_and_go_on(oracle: Server, name: Name) -> None:
    """If this failed, group.protocol=consumer would lose records, or share nothing out."""
    topic, group = filled(oracle, name(), 40, 4), name()
    shared = {"group_id": group, "auto_offset_reset": "earliest", "group_protocol": "consumer"}
    with Consumer(oracle.bootstrap, **shared) as first:
        first.subscribe([topic])
        assert sorted(values(take(first, 40))) == list(range(40))
        first.commit()
        with Consumer(oracle.bootstrap, **shared) as second:
            second.subscribe([topic])

            def settled() -> bool:
                first.poll(0.05)
                second.poll(0.05)
                return len(first.assignment) == len(second.assignment) == 2

            eventually(settled, "both have two", timeout_s=40)
            assert not set(first.assignment) & set(second.assignment)
        eventually(
            lambda: first.poll(0.05) == [] and len(first.assignment) == 4, "all", timeout_s=40
        )
    with Consumer(oracle.bootstrap, **shared) as third:
        found = third.committed([(topic, n) for n in range(4)])
        assert [at.offset for at in found.values()] == [10] * 4
