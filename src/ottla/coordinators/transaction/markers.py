"""Markers: how every partition of a transaction hears how it ended.

Once it is safe how a transaction ends, the leaders of its partitions are asked to write its marker,
each again and again until it has; then it is complete, and whoever waited for that goes on. Each
answers for itself, so that no leader waits for another. A topic that was deleted meanwhile has
nothing to hear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ottla.coordinators.questions import WriteMarkers
from ottla.coordinators.transaction import partitions
from ottla.coordinators.transaction.state import Ending
from ottla.coordinators.transaction.transaction import PREPARED, State
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla.coordinators.questions import MarkersWritten, TopicPartition
    from ottla.coordinators.transaction.state import ShardState, ShardTurn
    from ottla.coordinators.transaction.transaction import Transaction

RETRY_MS: Final = 100
"""After how long a partition that could not take its marker is asked again."""
TOLD_AT_ATTEMPT: Final = 50
"""When the operator hears that a transaction can't end: in a few seconds."""

_FENCED: Final = ErrorCode.TRANSACTION_COORDINATOR_FENCED
_DONE: Final = frozenset(
    {
        ErrorCode.NONE,
        # A producer that came later writes there: nothing of this epoch can be open.
        ErrorCode.INVALID_PRODUCER_EPOCH,
        ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT,
        ErrorCode.UNSUPPORTED_VERSION,
    }
)


class MarkersKey(NamedTuple):
    """Names the question, and the timer of the next one."""

    transactional_id: str
    ending: int
    """Which of this shard's endings it is."""


def begin(turn: ShardTurn, transactional_id: str, transaction: Transaction) -> None:
    """It is decided how it ends: have it written."""
    _ask(turn, transactional_id, transaction, Ending(turn.number(), transaction.partitions))


def _ask(turn: ShardTurn, transactional_id: str, transaction: Transaction, ending: Ending) -> None:
    """Ask the leaders of all partitions that have no marker yet and are not being asked; complete
    it if none has to have one any more.
    """
    state, missing = turn.state, ending.missing
    gone = [one for one in missing if not _exists(state, one)]
    if gone:
        missing = missing.difference(gone)
    if not missing:
        _complete(turn, transactional_id, transaction)
        return
    attempt = ending.attempt + 1
    state.endings[transactional_id] = Ending(ending.number, missing, missing, attempt)
    if attempt == TOLD_AT_ATTEMPT:
        turn.note(
            f"the transaction of {transactional_id} can't end: its marker could not be written to "
            f"{_named(missing)}; it is tried on"
        )
    now_asked = missing - ending.asked
    if now_asked:
        key = MarkersKey(transactional_id, ending.number)
        turn.send(key, _question(state, transaction, now_asked))


def written(turn: ShardTurn, key: MarkersKey, answer: MarkersWritten) -> None:
    """What became of some of the partitions."""
    transactional_id = key.transactional_id
    ending = _find(turn, key)
    if ending is None:
        return
    errors = answer.errors
    fenced = [place for place, code in errors.items() if code == _FENCED]
    ending = turn.state.endings[transactional_id] = Ending(
        ending.number,
        ending.missing.difference([one for one, code in errors.items() if code in _DONE]),
        ending.asked.difference(errors),
        ending.attempt,
        is_left=bool(fenced),
    )
    if fenced:
        # Somebody wrote there as a later coordinator: to go on would be to fight it.
        turn.note(
            f"the transaction of {transactional_id} is not ended here: another coordinator, of a "
            f"later epoch than {turn.state.coordinator_epoch}, has written to {_named(fenced)}"
        )
    elif not ending.missing:
        go_on(turn, key)
    elif ending.missing > ending.asked:
        turn.wake_in(RETRY_MS, key, real=True)


def go_on(turn: ShardTurn, key: MarkersKey) -> None:
    """Some leaders could not take theirs a while ago, or none is left that has to."""
    ending, transaction = _find(turn, key), turn.find(key.transactional_id)
    if ending is not None and transaction is not None:
        _ask(turn, key.transactional_id, transaction, ending)


def resume(turn: ShardTurn) -> None:
    """After a load: what was decided before is ended now."""
    for transactional_id, transaction in turn.state.transactions.items():
        if transaction.state in PREPARED:
            begin(turn, transactional_id, transaction)


def _find(turn: ShardTurn, key: MarkersKey) -> Ending | None:
    found = turn.state.endings.get(key.transactional_id)
    if found is None or found.is_left or found.number != key.ending:
        return None
    return found


def _complete(turn: ShardTurn, transactional_id: str, transaction: Transaction) -> None:
    turn.state.endings.pop(transactional_id, None)
    turn.put(transactional_id, transaction.completed(turn.now.wall_ms))
    partitions.go_on(turn, transactional_id)


def _exists(state: ShardState, place: TopicPartition) -> bool:
    topic, index = place
    found = state.image.topics.by_name.get(topic)
    return found is not None and 0 <= index < len(found.partitions)


def _question(
    state: ShardState, transaction: Transaction, asked: frozenset[TopicPartition]
) -> WriteMarkers:
    return WriteMarkers(
        transaction.producer_id,
        transaction.producer_epoch,
        committed=transaction.state == State.PREPARE_COMMIT,
        coordinator_epoch=state.coordinator_epoch,
        transaction_version=transaction.client_version,
        partitions=tuple(sorted(asked)),
    )


def _named(places: Any) -> str:
    shown = [f"{topic}-{index}" for topic, index in sorted(places)]
    more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    return ", ".join(shown[:5]) + more
