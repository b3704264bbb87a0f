"""Transactions in a simulated cluster: whatever happens, each counts as a whole, once, or not at
all, and every call ends in its time.
"""

from __future__ import annotations

import itertools

import pytest

from client.simulated.cluster import TOPIC
from client.simulated.transactions import TRANSACTIONAL_ID, Transactions
from client.simulated.world import NODES, World, client_in
from ottla.client import Closed, MustAbort, Producer, TimedOut

PARTITIONS = 3
TRANSACTIONS = 40
CALL_S = 3
SLACK_MS = 50
CALM_S = 30


class Job:
    """A program that moves records in transactions."""

    def __init__(self, world: World, cluster: Transactions, producer: Producer) -> None:
        self._world, self._cluster, self._producer = world, cluster, producer
        self._numbers = itertools.count()
        self.committed: set[bytes] = set()

    def initialize(self, timeout_s: float) -> None:
        """Until it is done, which may take several calls."""
        self._until("init_transactions", timeout_s)

    def _until(self, call: str, timeout_s: float) -> None:
        until_ms = self._world.now_ms + int(timeout_s * 1000)
        while True:
            began_ms = self._world.now_ms
            try:
                getattr(self._producer, call)(CALL_S)
                return
            except TimedOut:
                assert self._world.now_ms - began_ms <= CALL_S * 1000 + SLACK_MS
                assert self._world.now_ms < until_ms, f"{call} does not end"

    def transaction(self, *, commits: bool) -> bool:
        """One of some records; whether it was committed."""
        producer, values = self._producer, set()
        producer.begin_transaction()
        try:
            for _ in range(self._world.random.randrange(6)):
                value = b"%d" % next(self._numbers)
                values.add(value)
                producer.send(TOPIC, value, partition=self._world.random.randrange(PARTITIONS))
                if self._world.random.random() < 0.3:
                    producer.flush(CALL_S)
        except (MustAbort, TimedOut):
            commits = False
        if commits:
            try:
                self._until("commit_transaction", CALM_S * 4)
            except MustAbort:
                pass
            else:
                self.committed |= values
                return True
        self._until("abort_transaction", CALM_S * 4)
        return False

    def check(self) -> None:
        """What was committed is there once, in order; nothing else is, and nothing is open."""
        there: list[bytes | None] = []
        for values in self._cluster.committed:
            numbers = [int(value or b"") for value in values]
            assert numbers == sorted(set(numbers)), "doubled, or out of order"
            there += values
        assert set(there) == self.committed
        assert not any(self._cluster.open)


@pytest.mark.parametrize("of_today", [True, False])
@pytest.mark.parametrize("seed", range(40))
def test_each_counts_as_a_whole_or_not_at_all(
    seed: int, of_today: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, some fault would lose or double what was committed, let something count that
    was aborted, leave a transaction open, or hang a program.
    """
    cluster = Transactions(PARTITIONS, NODES, of_today=of_today)
    world = World(seed, cluster)
    client = client_in(world, monkeypatch)
    producer = Producer(
        client=client,
        transactional_id=TRANSACTIONAL_ID,
        delivery_timeout_ms=6_000,
        request_timeout_ms=1_000,
        max_block_ms=3_000,
        linger_ms=seed % 2 * 5,
    )
    job = Job(world, cluster, producer)
    world.chance_of_trouble = world.random.choice((0.02, 0.1, 0.3))
    world.later(world.random.choice((0, 100, 1000)), world.rage)
    world.later(300_000, world.calm)
    job.initialize(CALM_S * 20)
    for _ in range(TRANSACTIONS):
        job.transaction(commits=world.random.random() < 0.8)
    world.calm()
    for _ in range(3):
        job.transaction(commits=False)
    assert job.transaction(commits=True)
    job.check()
    producer.close()
    client.close()
    world.close()
    with pytest.raises(Closed):
        producer.begin_transaction()


@pytest.mark.long
@pytest.mark.parametrize("of_today", [True, False])
@pytest.mark.parametrize("hundred", range(10))
def test_each_counts_as_a_whole_or_not_at_all_at_length(
    hundred: int, of_today: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, what is so for some seeds would not be so for many."""
    for seed in range(100 * hundred + 40, 100 * hundred + 140):
        with monkeypatch.context() as patch:
            test_each_counts_as_a_whole_or_not_at_all(seed, of_today, patch)
