"""One partition of `__transaction_state`: its transactional ids, and which rule decides which
request.

It is a decider: what the log tells changes by `apply` alone, so a replay is the same as a life, and
a coordinator that is killed between any two records goes on from the last one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ottla.coordinators.questions import AddPartitions
from ottla.coordinators.transaction import end, identity, looking, markers, partitions, records
from ottla.coordinators.transaction.state import Look, ShardState, ShardTurn
from ottla.coordinators.transaction.transaction import IDLE, State
from ottla.decide import NOTHING, Ask, Decider, Decision, Now, Record
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_transactions import DescribeTransactionsRequest
from ottla.wire.messages.end_txn import EndTxnRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.messages.list_transactions import ListTransactionsRequest
from ottla.wire.stored.frame import TRANSACTION_STATE

if TYPE_CHECKING:
    from ottla.coordinators.transaction.config import ConfigOf, TransactionConfig
    from ottla.metadata.delta import MetadataDelta
    from ottla.metadata.image import MetadataImage


EXPIRED_AT_ONCE_MAX: Final = 1000
"""How many ids one turn forgets: others wait for it."""


class Rule(NamedTuple):
    """What becomes of one type of request."""

    decide: Callable[[ShardTurn, Ask], None]
    refuse: Callable[[Any, ErrorCode], Any]
    door: Callable[[Any, TransactionConfig], ErrorCode] | None = None
    """Why it goes no further, wherever the id lives."""


def _has_id(asked: Any, _config: TransactionConfig) -> ErrorCode:
    return ErrorCode.NONE if asked.transactional_id else ErrorCode.INVALID_REQUEST


RULES: Final[Mapping[type[Any], Rule]] = {
    InitProducerIdRequest: Rule(identity.begin, identity.refuse, identity.door),
    AddPartitions: Rule(partitions.add, partitions.refuse, _has_id),
    EndTxnRequest: Rule(end.end, end.refuse, _has_id),
    DescribeTransactionsRequest: Rule(looking.describe, looking.refuse_describe),
    ListTransactionsRequest: Rule(looking.list_all, looking.refuse_list),
}
ANSWERS: Final[Mapping[type[Any], Callable[[ShardTurn, Any, Any], None]]] = {
    identity.IdentityKey: identity.go_on,
    end.NextIdKey: end.go_on,
    markers.MarkersKey: markers.written,
}
"""What is done with an answer, by the question's key."""


def refuse(ask: Ask, error: ErrorCode) -> Any:
    """The response that carries an error, to a request that no shard has decided."""
    return RULES[type(ask.body)].refuse(ask.body, error)


class TransactionShard(Decider):
    """The transactional ids of one partition (a `Decider`)."""

    __slots__ = ("state",)

    def __init__(self, partition: int, config_of: ConfigOf) -> None:
        self.state = ShardState(partition, config_of)

    def loaded(self, image: MetadataImage, now: Now) -> Decision:
        """Have the markers written of what was decided, and begin to wait for what is open."""
        state = self.state
        self._show(image)
        turn = ShardTurn(state, now)
        for transactional_id, transaction in state.transactions.items():
            if transaction.state == State.ONGOING:
                turn.begins(transactional_id, transaction)
        markers.resume(turn)
        turn.keep_looking()
        return turn.decision()

    def decide(self, ask: Ask, now: Now) -> Decision:
        """Decide one request.

        Raises:
            KeyError: no rule is here for such a request.
        """
        turn = ShardTurn(self.state, now)
        RULES[type(ask.body)].decide(turn, ask)
        return turn.decision()

    def answered(self, key: Hashable, response: Any, now: Now) -> Decision:
        """A producer id is there, or markers are written."""
        turn = ShardTurn(self.state, now)
        ANSWERS[type(key)](turn, key, response)
        return turn.decision()

    def fire(self, key: Hashable, now: Now) -> Decision:
        """Markers are to be tried again, somebody has waited for long enough, or it is time to look
        for what took too long, or is not used any more.
        """
        turn = ShardTurn(self.state, now, fired=True)
        if isinstance(key, markers.MarkersKey):
            markers.go_on(turn, key)
        elif isinstance(key, partitions.PatienceKey):
            partitions.give_up(turn, key)
        elif key is Look.UNUSED:
            self._expire(turn)
        else:
            end.abort_timed_out(turn)
        return turn.decision()

    def on_image(self, delta: MetadataDelta, now: Now) -> Decision:
        """Topics that are gone are seen when their markers are asked for again."""
        self._show(delta.image)
        return NOTHING

    def on_leap(self, by_ms: int, connected: frozenset[int], now: Now) -> Decision:
        """A producer that is connected is waited for so much longer."""
        state = self.state
        turn = ShardTurn(state, now)
        for transactional_id, at_ms in state.deadlines.items():
            if state.connections.get(transactional_id) not in connected:
                continue
            state.deadlines[transactional_id] = at_ms + by_ms
            if at_ms < now.steady_ms + by_ms:
                turn.note_once(
                    transactional_id,
                    "would be over; its producer is connected and is waited for: "
                    'members="silent" ends it',
                )
        return turn.decision()

    def apply(self, written: Sequence[Record], now: Now) -> None:
        """Take records in.

        Raises:
            ProtocolError: one can't be understood, and it has changed nothing.
        """
        for record in written:
            if record.marker is not None:
                continue  # somebody's who ends transactions where none can be
            if record.made is not None:
                transactional_id, transaction = record.made
                self.state.transactions[transactional_id] = transaction
                continue
            transactional_id = records.read_key(record.key or b"")
            if record.value is None:
                self._forget(transactional_id)
            else:
                self.state.transactions[transactional_id] = records.read_state(record.value)

    def _forget(self, transactional_id: str) -> None:
        state = self.state
        state.transactions.pop(transactional_id, None)
        state.last_epochs.pop(transactional_id, None)
        state.connections.pop(transactional_id, None)

    def _show(self, image: MetadataImage) -> None:
        self.state.image = image
        topic = image.topics.by_name.get(TRANSACTION_STATE)
        if topic is not None and self.state.partition < len(topic.partitions):
            self.state.coordinator_epoch = topic.partitions[self.state.partition].leader_epoch

    def _expire(self, turn: ShardTurn) -> None:
        """Forget ids that nobody has used for long."""
        state = self.state
        before_ms = turn.now.wall_ms - state.config_of().expiration_ms

        def is_unused(transactional_id: str) -> bool:
            one = state.transactions.get(transactional_id)
            if one is None or one.state not in IDLE or transactional_id in state.awaits_id:
                return False
            return one.updated_ms <= before_ms

        def unused() -> list[str]:
            return [one for one in state.transactions if is_unused(one)]

        for transactional_id in turn.some_of(Look.UNUSED, EXPIRED_AT_ONCE_MAX, unused):
            if is_unused(transactional_id):  # still: somebody may have come since it was found
                turn.write(records.tombstone(transactional_id))
        state.looks = bool(state.found[Look.UNUSED])
        turn.keep_looking()
