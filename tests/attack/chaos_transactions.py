"""A producer of transactions in the middle of the chaos: each has one record in either of two
partitions and a group's offset, and all of that counts, or nothing.

What EndTxn acknowledged is committed, or aborted; if its answer was lost nobody knows which, but
it is one of them. What it was never asked to commit does not count. Whatever goes wrong, the
producer begins anew, which ends what it left.
"""

from __future__ import annotations

from attack.chaos import Other, patiently
from attack.chaos_world import World
from attack.line import Gone
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import create_topics
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from transacting import Producer, Transacting, batch_of

TOPIC = "transacted"
TIMEOUT_MS = 900_000
ABORTED_PART = 0.2


class Transactor(Other):
    """Runs one transaction after the other."""

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, number)
        self.key = f"chaos-{number}"
        self.topic = f"{TOPIC}-{number}"
        self.committed: set[int] = set()
        self.aborted: set[int] = set()
        self.unknown: set[int] = set()
        self._node = Transacting(world.port)
        self._node.line = self.line
        self._who: Producer | None = None
        self._made = False
        self._attempted = 0

    def work(self) -> None:
        """One transaction, or the producer's begin."""
        try:
            if not self._made:
                self._make()
            elif self._who is None:
                self._begin()
            else:
                self._transact(self._who)
        except Gone:
            self._who = None
            raise

    def _make(self) -> None:
        new = create_topics.CreatableTopic(name=self.topic, num_partitions=2, replication_factor=1)
        (made,) = self.line.ask(create_topics.CreateTopicsRequest(topics=[new]), 5).topics
        self._made = made.error_code in (ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS)
        if not self._made:
            self.refused(made.error_code)

    def _begin(self) -> None:
        for kind in (0, 1):
            find = FindCoordinatorRequest(key_type=kind, coordinator_keys=[self.key])
            (found,) = self.line.ask(find, 4).coordinators
            if found.error_code:
                self.refused(found.error_code)
                return
        answer = self._node.init(self.key, timeout_ms=TIMEOUT_MS)
        if answer.error_code:
            self.refused(answer.error_code)
            return
        self._who = Producer(self.key, answer.producer_id, answer.producer_epoch)

    def _transact(self, who: Producer) -> None:
        value, self._attempted = self._attempted, self._attempted + 1
        self.aborted.add(value)  # until its commit is asked for
        code = self._write(who, value)
        if code:
            self._who = None
            self.refused(code)
            return
        commit = self.dice.random() >= ABORTED_PART
        if commit:
            self.aborted.discard(value)
            self.unknown.add(value)
        code, after = self._node.end(who, commit=commit)
        self._who = None if code else after
        if code:
            self.refused(code)
        elif commit:
            self.unknown.discard(value)
            self.committed.add(value)
            self.world.counts["transactions"] += 1

    def _write(self, who: Producer, value: int) -> int:
        """The first error of its records and its offset."""
        batches = {index: batch_of(who, 0, b"%d" % value) for index in range(2)}
        while True:  # while the one before ends
            codes = {
                row.error_code for row in self._node.produce(who, self.topic, batches).values()
            }
            if ErrorCode.CONCURRENT_TRANSACTIONS not in codes or self.world.over.wait(0.005):
                break
        code = next(filter(None, codes), 0)
        return code or self._node.offset_committed(who, self.key, self.topic, value)

    def audit(self, deadline: float) -> list[str]:
        """What is there against what was said."""
        node = Transacting(self.world.port)
        if not self._made:
            return []
        node.ready(self.key)
        patiently(deadline, lambda: (1,) if not node.init(self.key).error_code else None)
        for index in range(2):
            patiently(deadline, lambda index=index: _whole(node, self.topic, index))  # type: ignore[misc]
        seen = [[int(value) for value in node.values(self.topic, index)] for index in range(2)]
        offset = node.group_offset(self.key, self.topic)
        node.close()
        visible = set(seen[0])
        problems = []
        if seen[0] != seen[1]:
            odd = sorted(visible ^ set(seen[1]))
            problems.append(f"transactions are half there, or in another order: {odd[:10]}")
        if seen[0] != sorted(visible):
            problems.append("records are twice or out of order")
        if lost := self.committed - visible:
            problems.append(f"committed and lost: {sorted(lost)[:10]}")
        if shown := visible & self.aborted:
            problems.append(f"aborted and shown: {sorted(shown)[:10]}")
        if offset != max(visible, default=-1):
            problems.append(
                f"the offset is {offset}, the last record is {max(visible, default=-1)}"
            )
        return [f"{self.key}: {problem}" for problem in problems]


def _whole(node: Transacting, topic: str, index: int) -> tuple[int] | None:
    """Where a partition ends, if it can be read to there."""
    end = node.end_offset(topic, index)
    return (end,) if node.end_offset(topic, index, committed=True) == end else None


def transactors(world: World) -> list[Other]:
    """Two of them."""
    return [Transactor(world, number) for number in range(2)]
