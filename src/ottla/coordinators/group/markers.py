"""Markers: the end of a transaction in which offsets were committed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.coordinators.questions import MarkersWritten
from ottla.decide import Marker, Record
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla.coordinators.group.state import ShardTurn
    from ottla.coordinators.questions import WriteMarkers
    from ottla.decide import Ask


def end(turn: ShardTurn, ask: Ask) -> None:
    """End a transaction: the marker is written if the log takes it, and else refused."""
    asked: WriteMarkers = ask.body
    state, producer_id, epoch = turn.state, asked.producer_id, asked.producer_epoch
    marker = Marker(asked.committed, asked.coordinator_epoch, asked.transaction_version)
    error = state.producers.get(producer_id).marker_error(
        epoch, marker.coordinator_epoch, marker.transaction_version
    )
    if error == ErrorCode.NONE:
        turn.write(Record(None, None, -1, producer_id, epoch, marker))
        state.questions.ended(producer_id, epoch, marker.transaction_version)
    turn.reply(ask.token, MarkersWritten(dict.fromkeys(asked.partitions, error)))
