"""What a shard knows of producers, held against what the core's log does: a batch that the log
refuses costs the shard, so nothing of the kind may be decided; and what it would take is not
refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ottla._core import CoreError, Node, PartitionState, TopicConfig
from ottla.coordinators.batches import Written, batch_of
from ottla.coordinators.group.producers import Producers
from ottla.decide import Marker, Record
from ottla.wire.errors import ErrorCode

TOPIC = "__consumer_offsets"
WALL_MS = 1_700_000_000_000
_IDS = itertools.count(1)


class Commit(NamedTuple):
    """A batch of a producer's transaction."""

    epoch: int


class End(NamedTuple):
    """A marker."""

    epoch: int
    coordinator_epoch: int
    version: int


EPOCHS = st.sampled_from([0, 1, 1, 2, 3, 32767])
STEPS = st.lists(
    st.one_of(
        st.builds(Commit, EPOCHS),
        st.builds(End, EPOCHS, st.integers(0, 2), st.integers(0, 2)),
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    log_dir: Path = tmp_path_factory.mktemp("producers")
    node = Node(node_id=1, log_dirs=[str(log_dir)])
    state = PartitionState(
        topic=TOPIC,
        topic_id=bytes(15) + b"\1",
        partition=0,
        leader=1,
        leader_epoch=0,
        partition_epoch=0,
        replicas=[1],
        isr=[1],
        log_dir=0,
        config=TopicConfig({"cleanup.policy": "compact"}),
    )
    node.place([state])
    assert node.await_wanted(timeout_ms=20_000)
    yield node
    node.kill()


def appended(core: Node, record: Record, version: int = 0) -> ErrorCode:
    """What the core's log says to it."""
    batch = batch_of([Written(record, WALL_MS)], "none")
    try:
        core.append(TOPIC, 0, batch, transaction_version=version)
    except CoreError as refused:
        return ErrorCode(refused.error_code)
    return ErrorCode.NONE


@given(steps=STEPS)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_producers_are_known_as_by_the_log(core: Node, steps: list[Commit | End]) -> None:
    """A late marker, or a commit of a producer that was fenced, would cost a shard all that waits
    in it; or transactions that the log would end stay open for ever.
    """
    producers, producer_id = Producers(), next(_IDS)
    for step in steps:
        known = producers.get(producer_id)
        if isinstance(step, Commit):
            record = Record(b"k", b"v", -1, producer_id, step.epoch)
            is_over = step.epoch < known.epoch
            error = ErrorCode.INVALID_PRODUCER_EPOCH if is_over else ErrorCode.NONE
            assert appended(core, record) == error
            if not error:
                producers.wrote(producer_id, step.epoch, WALL_MS)
        else:
            marker = Marker(True, step.coordinator_epoch, step.version)
            record = Record(None, None, -1, producer_id, step.epoch, marker)
            error = known.marker_error(*step)
            assert appended(core, record, step.version) == error
            if not error:
                producers.ended(producer_id, step.epoch, step.coordinator_epoch, WALL_MS)
