"""The ends of transactions, written to the partitions that this broker leads.

Asked by coordinators of transactions, of this node and others, and by whoever ends a transaction
that hangs. What was committed to groups is ended by their coordinator, who keeps what is pending.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ottla.broker.internal_topics import CoordinatorNotLoaded
from ottla.broker.partitions import leadership_error
from ottla.coordinators.questions import MarkersWritten, TopicPartition, WriteMarkers
from ottla.decide import Ask
from ottla.security.principal import NODE
from ottla.wire.errors import ErrorCode
from ottla.wire.stored.frame import CONSUMER_OFFSETS

if TYPE_CHECKING:
    from ottla.broker.context import Context
    from ottla.broker.partition_logs import Answer

Then = Callable[[int, MarkersWritten], None]
"""Gets a marker's place, and what came of it in some of its partitions; each is told once."""


def write(context: Context, markers: Sequence[WriteMarkers], then: Then) -> None:
    """Write them; `then` hears of each partition when it is safe there, or refused."""
    of_logs: list[tuple[int, TopicPartition]] = []
    for place, marker in enumerate(markers):
        refused: dict[TopicPartition, int] = {}
        of_groups: list[TopicPartition] = []
        for one in marker.partitions:
            error = _refusal(context, marker, one)
            if error:
                refused[one] = error
            elif one[0] == CONSUMER_OFFSETS:
                of_groups.append(one)
            else:
                of_logs.append((place, one))
        if refused:
            then(place, MarkersWritten(refused))
        if of_groups:
            to_groups = marker._replace(partitions=tuple(of_groups))
            _ask_groups(context, to_groups, partial(then, place))
    if of_logs:
        _ask_logs(context, markers, of_logs, then)


def _refusal(context: Context, marker: WriteMarkers, one: TopicPartition) -> ErrorCode:
    if marker.producer_id < 0 or marker.producer_epoch < 0:
        return ErrorCode.UNKNOWN_SERVER_ERROR  # a marker is somebody's, or is none
    return leadership_error(context, *one)


def _ask_groups(
    context: Context, marker: WriteMarkers, then: Callable[[MarkersWritten], None]
) -> None:
    """Who asks comes again if the coordinator of groups can't be loaded now."""
    try:
        groups = context.groups
    except CoordinatorNotLoaded:
        then(MarkersWritten(dict.fromkeys(marker.partitions, ErrorCode.NOT_LEADER_OR_FOLLOWER)))
        return
    groups.submit(Ask(context.internal(then), marker, 0, str(NODE)))


def _ask_logs(
    context: Context,
    markers: Sequence[WriteMarkers],
    ends: list[tuple[int, TopicPartition]],
    then: Then,
) -> None:
    """One question for all, whose answers come together."""
    logs = context.logs
    questions = [
        logs.end_transaction(
            topic,
            index,
            producer_id=markers[place].producer_id,
            producer_epoch=markers[place].producer_epoch,
            coordinator_epoch=markers[place].coordinator_epoch,
            committed=markers[place].committed,
            transaction_version=markers[place].transaction_version,
        )
        for place, (topic, index) in ends
    ]

    def written(answers: Sequence[Answer]) -> None:
        errors: dict[int, dict[TopicPartition, int]] = {}
        for (place, one), answer in zip(ends, answers, strict=True):
            errors.setdefault(place, {})[one] = answer.error_code
        for place, of in errors.items():
            then(place, MarkersWritten(of))

    token = context.internal(written)
    answers = logs.ask(token, questions, lambda answers: answers)
    if answers is not None:
        context.reply(token, answers)
