"""Transactional producers: they write to several partitions, commit offsets for a group, and end
each transaction; what was not answered they send again, with the same sequences, as real ones do.

Two kinds. Of version 2 of transactions (KIP-890) the leader of a partition enters it into the
transaction, and each end gives the producer a new epoch; one of version 1 enters partitions itself,
and asks for a new epoch after whatever may still be on its way could count for a later transaction.

Several clients may have one transactional id: whoever begins fences the others. Some go silent in
the middle, until their time is up, and some begin anew though they never heard how their last
transaction ended. A client lets the model know what may be: see `Fate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.sim.clients.client import Client, Surroundings
from ottla.sim.clients.keyed import chosen_key, send_keyed
from ottla.sim.clients.member import TOPIC
from ottla.sim.clients.producer import CODECS, RECORDS_MAX, Bunch
from ottla.sim.invariants.watch import Identity
from ottla.sim.model import Fate, Partition, Sending, Transaction, Wrote
from ottla.wire.coordinator_types import GROUP, TRANSACTION
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import add_partitions_to_txn as adding
from ottla.wire.messages import offset_fetch
from ottla.wire.messages import txn_offset_commit as committing
from ottla.wire.messages.add_offsets_to_txn import AddOffsetsToTxnRequest
from ottla.wire.messages.end_txn import EndTxnRequest
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from ottla.wire.records import build_batch

if TYPE_CHECKING:
    from ottla.sim.line import Sent

PRODUCE_TIMEOUT_MS = 1500
TIMEOUTS_MS = (1500, 6000, 20_000)
BUNCHES_MAX = 2
SILENT_STEPS = 150
FENCED_STEPS = 60
NO_PRODUCER = -1

NOT_HERE = frozenset((ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR))
GONE = frozenset((ErrorCode.UNKNOWN_TOPIC_ID, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))


class Versions(NamedTuple):
    """Of the requests that tell the two kinds apart."""

    produce: int
    offsets: int
    end: int


OLD, NEW = Versions(11, 4, 4), Versions(13, 5, 5)


@dataclass(slots=True, eq=False)
class Share:
    """What one partition has of a transaction."""

    partition: Partition
    left: int
    """So many bunches are still to be acknowledged."""
    is_in: bool
    """It was entered into the transaction, or the leader will see to that."""
    bunch: Bunch | None = None
    """What was sent, and not acknowledged."""
    is_flying: bool = False
    sending: Sending | None = None
    """The same as it was sent, if the partition is compacted."""


class Plan(NamedTuple):
    """How a client goes about its transactions."""

    commits: float = 0.65
    """How many of them it wants to commit."""
    offsets: float = 0.4
    silence: float = 0.06
    rebirth: float = 0.2
    """How often it begins anew when it was not told how a transaction ended."""
    change_of_mind: float = 0.03
    timeouts_ms: tuple[int, ...] = TIMEOUTS_MS
    ends: tuple[bool, ...] = ()
    """If not empty: these transactions and no more, committed or not; each writes to two partitions
    once.
    """


class Transactor(Client):
    """One transaction after the other."""

    kind = "transactor"
    in_flight_max = 2

    def __init__(
        self, name: str, around: Surroundings, transactional_id: str, *, new: bool, plan: Plan
    ) -> None:
        super().__init__(name, around)
        self.transactional_id = transactional_id
        self.group = f"of-{transactional_id}"
        self.has_looked = self._looks = False
        self.done = 0
        """How many transactions it has ended, and was told so."""
        self._versions = NEW if new else OLD
        self._is_new = new
        self._plan = plan
        self._stage = "find"
        self._then = "init"
        """The stage that follows when the coordinator is found."""
        self._key_type = TRANSACTION
        """Whose coordinator it looks for."""
        self._instances = 0
        self._producer_id = self._epoch = NO_PRODUCER
        self._sequences: dict[int, int] = {}
        self._rests_until = 0
        self._strays = False
        """Something of this epoch was not answered, and may arrive whenever it likes."""
        self._begin_a_life()

    # ------------------------------------------------------------------ whose turn it is
    @property
    def may_act(self) -> bool:
        """Only Produce goes out while something else waits."""
        if self.around.at < self._rests_until or (self.is_through and not self._looks):
            return False
        waiting = self.line is not None and bool(self.line.waiting)
        return super().may_act and (not waiting or (self._stage == "open" and self._can_produce))

    @property
    def is_through(self) -> bool:
        """Whether it has ended all that it planned, or went."""
        return self._stage == "gone" or (
            bool(self._plan.ends) and self.done >= len(self._plan.ends)
        )

    @property
    def _can_produce(self) -> bool:
        flying = any(share.is_flying for share in self._shares)
        return flying and bool(self._ready()) and not self._must_abort

    def _ready(self) -> list[Share]:
        """What may be written to next."""
        return [one for one in self._shares if one.is_in and one.left and not one.is_flying]

    def act(self) -> None:
        """The next thing of a producer's life."""
        match self._stage:
            case "find":
                keys = [self.group if self._key_type == GROUP else self.transactional_id]
                self.send(FindCoordinatorRequest(key_type=self._key_type, coordinator_keys=keys), 4)
            case "init":
                self._init()
            case "idle":
                self._begin_or_look()
            case "open":
                self._go_on()
            case "end":
                self._end()
            case _:
                self._look()

    # ------------------------------------------------------------------ one life
    def _begin_a_life(self) -> None:
        """A process begins: it knows nothing of the one before."""
        self._instances += 1
        self._producer_id = self._epoch = NO_PRODUCER
        self._leave_transaction()
        self._strays = False
        self._stage = "init" if self._instances > 1 else "find"

    def _leave_transaction(self) -> None:
        self._transaction: Transaction | None = None
        self._shares: list[Share] = []
        self._touched = self._must_abort = self._wants_offsets = self._offsets_are_in = False
        self._ends_sent = 0
        self._wants_to_commit = False

    @property
    def _is_reborn(self) -> bool:
        return self.around.random.random() < self._plan.rebirth

    @property
    def _who(self) -> Identity:
        instance = f"{self.name}#{self._instances}"
        return Identity(self.transactional_id, instance, self._producer_id, self._epoch)

    def _init(self) -> None:
        request = InitProducerIdRequest(
            transactional_id=self.transactional_id,
            transaction_timeout_ms=self.around.random.choice(self._plan.timeouts_ms),
            producer_id=self._producer_id,
            producer_epoch=self._epoch,
        )
        self.send(request, 5 if self._is_new else 4)

    def _become(self, producer_id: int, epoch: int, asked_at: int) -> None:
        if (producer_id, epoch) != (self._producer_id, self._epoch):
            self._sequences.clear()
            self._strays = False
        self._producer_id, self._epoch = producer_id, epoch
        self.around.invariants.identified(self._who, asked_at)

    # ------------------------------------------------------------------ one transaction
    def _begin_or_look(self) -> None:
        random, model = self.around.random, self.around.model
        kept = [p for p in model.partitions() if p.topic == TOPIC]
        if kept and random.random() < 0.15:
            self._look()
            return
        # An older Produce names topics, of which there may be another one by then; not of this one.
        targets = model.every_partition() if self._is_new else kept
        if model.durable:
            targets = [one for one in targets if one.flushes]
        if not targets:
            return
        plan, self._transaction = self._plan, self._new_transaction()
        few = bool(plan.ends)
        count = 2 if few else random.randint(1, 3)
        self._shares = [
            Share(one, 1 if few else random.randint(1, BUNCHES_MAX), self._is_new)
            for one in random.sample(targets, min(count, len(targets)))
        ]
        self._wants_offsets = bool(kept) and random.random() < plan.offsets
        self._wants_to_commit = plan.ends[self.done] if few else random.random() < plan.commits
        self._stage = "open"
        self._go_on()

    def _look(self) -> None:
        """Ask for the offset that the group goes on from."""
        topic = offset_fetch.OffsetFetchRequestTopics(name=TOPIC, partition_indexes=[0])
        group = offset_fetch.OffsetFetchRequestGroup(group_id=self.group, topics=[topic])
        self.send(offset_fetch.OffsetFetchRequest(groups=[group], require_stable=True), 9)

    def go(self) -> None:
        """The process is gone, with all that it knows."""
        self.cut(reset=True)
        self._stage = "gone"

    def look_last(self) -> None:
        """From now on look once, and do nothing else."""
        self._stage, self._rests_until, self.has_looked, self._looks = "look", 0, False, True

    def _new_transaction(self) -> Transaction:
        model = self.around.model
        one = Transaction(self.transactional_id, next(model.numbers))
        model.transactions[one.name] = one
        self._numbers = 0
        return one

    def _go_on(self) -> None:
        """The next request of the open transaction."""
        random, flying = self.around.random, any(one.is_flying for one in self._shares)
        ready = self._ready()
        outside = [one for one in self._shares if not one.is_in]
        if self._must_abort or (not flying and random.random() < self._plan.change_of_mind):
            self._must_abort = True
            if not flying:
                self._end()
        elif flying:
            self._produce(ready)
        elif random.random() < self._plan.silence:
            self._rests_until = self.around.at + random.randint(1, SILENT_STEPS)
        elif outside:
            self._add(outside)
        elif self._wants_offsets and (not ready or random.random() < 0.3):
            self._send_offsets()
        elif ready:
            self._produce(ready)
        else:
            self._end()

    def _add(self, outside: list[Share]) -> None:
        self._touched = True
        indexes = [one.partition.index for one in outside]
        topic = adding.AddPartitionsToTxnTopic(name=TOPIC, partitions=indexes)
        request = adding.AddPartitionsToTxnRequest(
            v3_and_below_transactional_id=self.transactional_id,
            v3_and_below_producer_id=self._producer_id,
            v3_and_below_producer_epoch=self._epoch,
            v3_and_below_topics=[topic],
        )
        self.send(request, 3, outside)

    def _produce(self, ready: list[Share]) -> None:
        """Write to one or several of these."""
        self._touched = True
        chosen = self.around.random.sample(ready, self.around.random.randint(1, len(ready)))
        topics: dict[tuple[str, bytes], TopicProduceData] = {}
        for share in chosen:
            one = share.partition
            share.is_flying = True
            share.bunch = share.bunch or self._next_bunch(one)
            if one.table is not None:
                share.sending = send_keyed(self.around, one, share.bunch)
            topic = topics.setdefault(
                (one.topic, one.topic_id),
                TopicProduceData(name=one.topic, topic_id=one.topic_id, partition_data=[]),
            )
            data = self._batch(share.bunch)
            topic.partition_data.append(PartitionProduceData(index=one.index, records=data))
        request = ProduceRequest(
            transactional_id=self.transactional_id,
            acks=-1,
            timeout_ms=PRODUCE_TIMEOUT_MS,
            topic_data=list(topics.values()),
        )
        self.send(request, self._versions.produce, chosen)

    def _next_bunch(self, partition: Partition) -> Bunch:
        assert self._transaction is not None
        random, is_keyed = self.around.random, partition.table is not None
        records: list[tuple[bytes | None, bytes | None]] = []
        for _ in range(random.randint(1, RECORDS_MAX)):
            self._numbers += 1
            value = Wrote(self._transaction.name, self._numbers).value()
            records.append((chosen_key(random) if is_keyed else None, value))
        sequence = self._sequences.get(id(partition), 0)
        self._sequences[id(partition)] = sequence + len(records)
        return Bunch(records, sequence, random.choice(CODECS))

    def _batch(self, bunch: Bunch) -> bytes:
        return build_batch(
            bunch.built(self.around.machine.now_ms()),
            codec=bunch.codec,
            producer_id=self._producer_id,
            producer_epoch=self._epoch,
            base_sequence=bunch.sequence,
            transactional=True,
        )

    def _send_offsets(self) -> None:
        """Have the group's offset committed in this transaction; version 1 enters it before."""
        one = self._transaction
        assert one is not None
        self._touched = True
        if not self._is_new and not self._offsets_are_in:
            entering = AddOffsetsToTxnRequest(
                transactional_id=self.transactional_id,
                producer_id=self._producer_id,
                producer_epoch=self._epoch,
                group_id=self.group,
            )
            self.send(entering, 3)
            return
        if one.offset is None:
            one.offset = next(self.around.model.numbers)
        row = committing.TxnOffsetCommitRequestPartition(
            partition_index=0, committed_offset=one.offset, committed_metadata=""
        )
        request = committing.TxnOffsetCommitRequest(
            transactional_id=self.transactional_id,
            group_id=self.group,
            producer_id=self._producer_id,
            producer_epoch=self._epoch,
            topics=[committing.TxnOffsetCommitRequestTopic(name=TOPIC, partitions=[row])],
        )
        self.send(request, self._versions.offsets)

    def _end(self) -> None:
        """Commit or abort; what was begun so is not changed any more."""
        one = self._transaction
        assert one is not None
        self._stage = "end"
        if not self._touched:
            self._ended()
            return
        commits = self._wants_to_commit and not self._must_abort
        if commits and one.fate is Fate.OPEN:
            one.fate = Fate.UNSURE
        self._ends_sent += 1
        request = EndTxnRequest(
            transactional_id=self.transactional_id,
            producer_id=self._producer_id,
            producer_epoch=self._epoch,
            committed=commits,
        )
        self.send(request, self._versions.end, commits)

    # ------------------------------------------------------------------ answers
    def answered(self, sent: Sent, response: Any) -> None:
        """Go on from what was answered."""
        match sent.request:
            case FindCoordinatorRequest():
                if response.coordinators[0].error_code == 0:
                    self._stage = self._then
            case InitProducerIdRequest():
                self._initialised(sent, response)
            case adding.AddPartitionsToTxnRequest():
                rows = response.results_by_topic_v3_and_below[0].results_by_partition
                code = max(row.partition_error_code for row in rows)
                if self._goes_on(code):
                    for share in sent.note:
                        share.is_in = True
            case ProduceRequest():
                self._produced(sent, response)
            case AddOffsetsToTxnRequest():
                self._offsets_are_in = self._goes_on(response.error_code)
            case committing.TxnOffsetCommitRequest():
                if self._goes_on(response.topics[0].partitions[0].error_code, GROUP):
                    self._wants_offsets = False
            case EndTxnRequest():
                self._told_of_the_end(sent, response)
            case offset_fetch.OffsetFetchRequest():
                self._looked(sent, response.groups[0])

    def _initialised(self, sent: Sent, response: Any) -> None:
        code = response.error_code
        if code == 0:
            self._become(response.producer_id, response.producer_epoch, sent.at)
            self._strays = False
            self._stage = "idle"
        elif code in NOT_HERE:
            self._find_again()
        elif not ErrorCode(code).retriable:
            self._is_fenced()

    def _find_again(self, key_type: int = TRANSACTION) -> None:
        if self._stage != "find":
            self._stage, self._then, self._key_type = "find", self._stage, key_type

    def _goes_on(self, code: int, key_type: int = TRANSACTION) -> bool:
        """Whether it was done; if it never will be, the transaction can only be aborted."""
        if code in NOT_HERE:
            self._find_again(key_type)
        elif code in GONE or (code and not ErrorCode(code).retriable):
            self._must_abort = True
        return code == 0

    def _looked(self, sent: Sent, group: Any) -> None:
        if group.error_code in NOT_HERE:
            self._find_again(GROUP)
        elif not group.error_code and not group.topics[0].partitions[0].error_code:
            self.has_looked = True
            value = group.topics[0].partitions[0].committed_offset
            self.around.invariants.offset_read(self.transactional_id, value, sent.at)

    def _produced(self, sent: Sent, response: Any) -> None:
        by_id = self._versions.produce >= NEW.produce
        codes = {
            (topic.topic_id if by_id else topic.name, row.index): row
            for topic in response.responses
            for row in topic.partition_responses
        }
        for share in sent.note:
            one = share.partition
            row = codes[one.topic_id if by_id else one.topic, one.index]
            share.is_flying = False
            if self._goes_on(row.error_code):
                # If it were lossy, who had this epoch before might have had this sequence too.
                if share.sending is not None and not self.around.model.lossy:
                    invariants = self.around.invariants
                    invariants.keyed_acknowledged(one, row.base_offset, share.sending)
                elif not self.around.model.lossy:
                    self.around.invariants.acknowledged(one, row.base_offset, share.bunch.values)
                share.bunch = None
                share.left -= 1

    def _told_of_the_end(self, sent: Sent, response: Any) -> None:
        one, code = self._transaction, response.error_code
        assert one is not None
        if code == 0:
            self.around.invariants.transaction_ended(one, self._who, sent.at, sent.note)
            if self._is_new and response.producer_id >= 0:
                self._become(response.producer_id, response.producer_epoch, sent.at)
            self._ended()
        elif code in NOT_HERE:
            self._find_again()
        elif not ErrorCode(code).retriable:
            if sent.note and self._ends_sent == 1:
                self.around.invariants.transaction_refused(one)
            self._is_fenced()

    def _ended(self) -> None:
        """On to the next one, by way of another epoch if something of this one may still come."""
        is_clean = self._is_new or not (self._strays or any(one.bunch for one in self._shares))
        self.done += 1
        self._leave_transaction()
        self._stage = "idle" if is_clean else "init"

    def _is_fenced(self) -> None:
        """After a while somebody starts it again."""
        self._rests_until = self.around.at + self.around.random.randint(1, FENCED_STEPS)
        self._begin_a_life()

    def unanswered(self, sent: Sent) -> None:
        """It may have been done, or may be yet: it is sent again, or nobody ever asks."""
        self._strays = True
        if isinstance(sent.request, ProduceRequest):
            for share in sent.note:
                share.is_flying = False
        elif isinstance(sent.request, EndTxnRequest) and self._is_reborn:
            self._begin_a_life()


TRANSACTORS = (("id0", True), ("id0", True), ("id1", False), ("id1", False))
"""Of each run: whose name it writes in, and whether it speaks version 2 of transactions."""
