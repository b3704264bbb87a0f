"""What a running Apache Kafka 4.3.1 answered and wrote, said to our coordinator of transactions.

`tests/data/transactions-4.3.1` holds, for each level of transaction.version, what raw requests were
answered (`requests-*.txt`: the second, the request, the answer) and what stood in
`__transaction_state` afterwards (`records-*.txt`: by transactional id, as its dump tool told). Each
request is said here at its second. Leaders are slow wherever that was seen: markers are held back
until a request is answered as by a transaction that has ended.

What belongs to others than the coordinator is left out: offsets in logs, and what a group's
coordinator says. A batch is the question that its partition's leader asks of the coordinator.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coordinators.transaction_script import pair
from coordinators.transaction_world import TransactionWorld
from ottla.coordinators.questions import AddPartitions, TopicPartition
from ottla.coordinators.transaction import records
from ottla.coordinators.transaction.config import TransactionConfig
from ottla.coordinators.transaction.transaction import State, Transaction
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_transactions import DescribeTransactionsRequest
from ottla.wire.messages.end_txn import EndTxnRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.records import Record, build_batch, read_batches
from ottla.wire.stored.frame import TRANSACTION_STATE

DATA = Path(__file__).parents[1] / "data" / "transactions-4.3.1"
NOT_YET = {ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.NOT_COORDINATOR}
"""What was heard while the topic was made there."""
TIMEOUTS = {"timeout": 1000, "timeout-older": 1000, "x-timeout": 2000}
"""In milliseconds, of the first producers of these ids; all others have a minute."""
CONFIG = TransactionConfig(
    abort_check_interval_ms=100, expiration_ms=25_000, expiration_check_interval_ms=100
)
CONSUMER_OFFSETS = ("__consumer_offsets", 3)


class Replay:
    """Says what was said, and holds the answers against those that were given."""

    def __init__(self, level: int) -> None:
        self.level = level
        self.world = TransactionWorld(CONFIG, level=level)
        self.world.lead(CONSUMER_OFFSETS[0], 0, partitions=CONSUMER_OFFSETS[1] + 1)
        self.world.tell_image()
        self.world.markers_wait = True
        self.transactional_id = ""
        self.speaker = (-1, -1)
        """The producer of this scenario: as it spoke last there, or as it was told since by us. The
        recording does not tell by whom partitions and offsets were added.
        """
        self.producers: dict[str, tuple[int, int]] = {}
        """What each transactional id was given, by us or in the preparations."""
        self.said = 0

    def line(self, line: str) -> None:
        """One line of the recording."""
        at, _, what = line.strip().partition(" ")
        self.world.advance(max(0, round(float(at) * 1000) - self.world.now_ms))
        what = what.strip()
        for pattern, say in SAID:
            found = re.fullmatch(pattern, what)
            if found is not None:
                say(self, *found.groups())
                return
        assert what.startswith("##"), f"not understood: {line}"

    def goes_on(self, name: str) -> None:
        """What follows is about this id, whose epochs were raised."""
        self.transactional_id = name
        self.speaker = self.producers[name]

    def ask(self, body: Any, version: int, busy: bool) -> Any:
        """The one answer to a request; unless it was a busy one, the markers are written first."""
        if not busy:
            self.let_markers()
        found: list[Any] = []
        if isinstance(body, DescribeTransactionsRequest):
            self.world.coordinator.describe(self.world.ask(body, version, found.append))
        else:
            self.world.submit(body, version, found.append)
        self.world.settle()
        (answer,) = found
        self.said += 1
        return answer

    def let_markers(self) -> None:
        self.world.markers_wait = False
        self.world.answer_waiting()
        self.world.markers_wait = True

    # ------------------------------------------------------------ requests

    def init(self, version: str, name: str, given: str, error: str, told: str, epoch: str) -> None:
        if int(error) in NOT_YET:
            return
        self.transactional_id = name
        producer = pair(given)
        timeout_ms = 60_000 if name in self.producers else TIMEOUTS.get(name, 60_000)
        if given != "-1,-1" and self.level != 0 and name.startswith("timeout"):
            timeout_ms = TIMEOUTS[name]
        request = InitProducerIdRequest(
            transactional_id=name,
            transaction_timeout_ms=timeout_ms,
            producer_id=producer[0],
            producer_epoch=producer[1],
        )
        answer = self.ask(request, int(version), int(error) == ErrorCode.CONCURRENT_TRANSACTIONS)
        expected = (int(error), int(told), int(epoch))
        assert (answer.error_code, answer.producer_id, answer.producer_epoch) == expected
        self.told(answer)

    def told(self, answer: Any) -> None:
        """A producer goes on as the coordinator says."""
        if not answer.error_code:
            self.speaker = (answer.producer_id, answer.producer_epoch)
            self.producers[self.transactional_id] = self.speaker

    def end(self, version: str, by: str, how: str, error: str, told: str, epoch: str) -> None:
        self.speaker = pair(by)
        request = EndTxnRequest(
            transactional_id=self.transactional_id,
            producer_id=self.speaker[0],
            producer_epoch=self.speaker[1],
            committed=how == "commit",
        )
        busy = int(error) == ErrorCode.CONCURRENT_TRANSACTIONS
        answer = self.ask(request, int(version), busy)
        if int(version) < 5:
            assert answer.error_code == int(error)
            return
        expected = (int(error), int(told), int(epoch))
        if busy and not self.world.waiting:
            # What has no partition is complete at once here: so it was, a moment later, there.
            expected = (ErrorCode.INVALID_TXN_STATE, -1, -1)
        assert (answer.error_code, answer.producer_id, answer.producer_epoch) == expected
        self.told(answer)

    def produce(self, version: str, place: str, by: str, error: str) -> None:
        topic, index = place.split("-")
        adds = int(version) >= 12
        self.speaker = pair(by)
        error_code = self.enter((topic, int(index)), adds=adds, verify=not adds)
        if error_code == ErrorCode.PRODUCER_FENCED:
            error_code = ErrorCode.INVALID_PRODUCER_EPOCH
        assert error_code == int(error)

    def add_partitions(self, topic: str, index: str, error: str) -> None:
        busy = int(error) == ErrorCode.CONCURRENT_TRANSACTIONS
        assert self.enter((topic, int(index)), busy=busy) == int(error)

    def add_offsets(self, error: str) -> None:
        assert self.enter(CONSUMER_OFFSETS) == int(error)

    def commit_offsets(self, version: str, error: str) -> None:
        if int(error):
            return  # the group's coordinator was not there yet
        adds = int(version) >= 5
        assert self.enter(CONSUMER_OFFSETS, adds=adds, verify=not adds) == 0

    def enter(
        self,
        place: TopicPartition,
        *,
        adds: bool = False,
        verify: bool = False,
        busy: bool = False,
    ) -> int:
        question = AddPartitions(
            self.transactional_id,
            *self.speaker,
            partitions=(place,),
            transaction_version=2 if adds else 0,
            verify_only=verify,
        )
        (error_code,) = self.ask(question, 0, busy).errors
        return int(error_code)

    def describe(
        self, title: str, producer_id: str, epoch: str, timeout_ms: str, topics: str
    ) -> None:
        request = DescribeTransactionsRequest(transactional_ids=[self.transactional_id])
        (row,) = self.ask(request, 0, title.startswith("Prepare")).transaction_states
        told = [(topic.topic, topic.partitions) for topic in row.topics]
        found = (row.transaction_state, row.producer_id, row.producer_epoch)
        assert (*found, str(told)) == (title, int(producer_id), int(epoch), topics)
        assert row.transaction_timeout_ms == int(timeout_ms)

    def gone(self, error: str) -> None:
        self.transactional_id = "expire"
        self.missing(error)

    def missing(self, error: str) -> None:
        request = DescribeTransactionsRequest(transactional_ids=[self.transactional_id])
        (row,) = self.ask(request, 0, False).transaction_states
        assert row.error_code == int(error)

    def gone_too(self, name: str, error: str) -> None:
        self.transactional_id = name
        self.missing(error)

    def raised(self, told: str) -> None:
        """Ids whose epochs were used up there, one InitProducerId each; here they are found so."""
        self.let_markers()
        raised: dict[str, tuple[int, int]] = {
            name: (int(producer_id), int(epoch))
            for name, producer_id, epoch in re.findall(r"'([\w-]+)': \((\d+), (\d+)\)", told)
        }
        for name, (producer_id, epoch) in raised.items():
            self.producers[name] = (producer_id, epoch)
            transaction = Transaction(
                producer_id=producer_id,
                producer_epoch=epoch,
                timeout_ms=TIMEOUTS.get(name, 60_000),
                updated_ms=self.world.now_ms,
                previous_producer_id=producer_id,
            )
            record = records.state_of(name, transaction, self.level)
            batch = build_batch([Record(record.key, record.value)])
            self.world.log.append(TRANSACTION_STATE, 0, batch)
        assert self.world.next_id == min(producer_id for producer_id, _ in raised.values())
        self.world.next_id = max(producer_id for producer_id, _ in raised.values()) + 1
        self.world.boot()

    # ------------------------------------------------------------ what is kept

    def written(self) -> dict[str, list[str]]:
        """The records of each id, as the recording tells them, without their times."""
        found: dict[str, list[str]] = {}
        for batch in read_batches(self.world.log.data[0]):
            for record in batch.records:
                lines = found.setdefault(records.read_key(record.key or b""), [])
                lines.append("tombstone" if record.value is None else told_value(record.value))
        return found


def told_value(value: bytes) -> str:
    """A value as the recording tells it."""
    one = records.read_state(value)
    version = int.from_bytes(value[:2], "big")
    topics: dict[str, list[int]] = {}
    for topic, index in sorted(one.partitions):
        topics.setdefault(topic, []).append(index)
    parts = " ".join(f"{topic}:{indexes}" for topic, indexes in topics.items())
    previous = str(one.previous_producer_id) if version else "-"
    shown = [
        f"v{version} {one.state.value} {one.state.title} pid={one.producer_id} prev={previous}",
        f"epoch={one.producer_epoch} timeout={one.timeout_ms}",
        "parts=null" if one.state == State.EMPTY else f"parts=[{parts}]",
        "start=-1" if one.start_ms == -1 else "start",
    ]
    if one.next_producer_id != -1:
        shown.append(f"nextProducerId={one.next_producer_id}")
    if one.client_version:
        shown.append(f"clientTransactionVersion={one.client_version}")
    return " ".join(shown)


def recorded(level: int) -> dict[str, list[str]]:
    """The records of each id there; what was raised begins with its last epoch."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in (DATA / f"records-{level}.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            lines = found[line.partition(":")[0]] = []
        elif "more Empty records" in line:
            lines.clear()
        elif "epoch=32765" not in line:
            text = re.sub(r" update=\S+", "", " ".join(line.split()))
            text = re.sub(r"start=now\S*", "start", text)
            lines.append("tombstone" if text.startswith("tombstone") else text)
    return found


PRODUCER = r"\((-?\d+,-?\d+)\)"
TOLD = r"err (-?\d+) pid (-?\d+) epoch (-?\d+)"
SAID: list[tuple[str, Callable[..., None]]] = [
    (rf"init v(\d) (\S+) (?:older )?given={PRODUCER} -> {TOLD}", Replay.init),
    (rf"end v(\d) {PRODUCER} (commit|abort) -> {TOLD}", Replay.end),
    (rf"produce v(\d+) (\S+) {PRODUCER} seq \d+ -> err (\d+) None offset -?\d+", Replay.produce),
    (r"addPartitions v3 (\w)\[(\d)\] -> \[(\d+)\]", Replay.add_partitions),
    (r"addOffsets (\d+)", Replay.add_offsets),
    (r"txnOffsetCommit v(\d) -> (\d+)", Replay.commit_offsets),
    (
        r"describe -> \(0, '(\w+)', (\d+), (\d+)\) timeout (\d+) start True topics (.*)",
        Replay.describe,
    ),
    (r"(x-\w+)", Replay.goes_on),
    (r"raised (\{.*\}) in \S+", Replay.raised),
    (r"gone after \S+, describe -> (\d+)", Replay.gone),
    (r"describe (\w+) (\d+) \d+", Replay.gone_too),
]


@pytest.mark.parametrize("level", [0, 1, 2])
def test_answers_and_records_are_those_of_4_3_1(level: int) -> None:
    """If this failed, a client would be told something else than by 4.3.1 in the same situation, or
    4.3.1 would find other records in a folder of ours.
    """
    replay = Replay(level)
    for line in (DATA / f"requests-{level}.txt").read_text(encoding="utf-8").splitlines():
        try:
            replay.line(line)
        except AssertionError as problem:
            raise AssertionError(f"at {line!r}: {problem}") from problem
    replay.let_markers()
    assert replay.said >= 75
    written, expected = replay.written(), recorded(level)
    assert written.keys() == expected.keys()
    for name, lines in expected.items():
        assert written[name] == lines, name
