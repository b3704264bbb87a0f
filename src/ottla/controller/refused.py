"""What the controller refused of topics, features and configs, in lines for the operator.

What it took is told by each node that learns of it (node/changes.py), and not here: it may still be
lost. Clients ask on and on for what is refused to them, so the same line comes once a minute at
most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from ottla.metadata.resources import resource_text
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.alter_configs import AlterConfigsResponse
from ottla.wire.messages.create_partitions import CreatePartitionsResponse
from ottla.wire.messages.create_topics import CreateTopicsResponse
from ottla.wire.messages.delete_topics import DeleteTopicsResponse
from ottla.wire.messages.incremental_alter_configs import IncrementalAlterConfigsResponse
from ottla.wire.messages.update_features import UpdateFeaturesResponse

AGAIN_MS: Final = 60_000
"""How long the same line is not told again."""
_LINES_MAX: Final = 1000
"""So many are remembered; names are the clients' choice, so the oldest are forgotten."""


class Refusals:
    """Which lines were told lately."""

    __slots__ = ("_told_ms",)

    def __init__(self) -> None:
        self._told_ms: dict[str, int] = {}

    def new(self, response: Any, now_ms: int) -> list[str]:
        """What this answer refuses, without what was told less than a minute ago."""
        lines = []
        for line in refused(response):
            before_ms = self._told_ms.get(line)
            if before_ms is not None and 0 <= now_ms - before_ms < AGAIN_MS:
                continue
            self._told_ms.pop(line, None)  # the order is that of the times
            self._told_ms[line] = now_ms
            if len(self._told_ms) > _LINES_MAX:
                del self._told_ms[next(iter(self._told_ms))]
            lines.append(line)
        return lines


def refused(response: Any) -> Sequence[str]:
    """A line for each topic or resource that this answer refuses."""
    rows_of = _ROWS.get(type(response))
    if rows_of is None:
        return ()
    return [
        f"{what} is refused: {ErrorCode(row.error_code).name}"
        + (f": {row.error_message}" if row.error_message else "")
        for what, row in rows_of(response)
        if row.error_code
    ]


def _created(response: CreateTopicsResponse) -> Iterator[tuple[str, Any]]:
    return ((f"the creation of topic {row.name!r}", row) for row in response.topics)


def _deleted(response: DeleteTopicsResponse) -> Iterator[tuple[str, Any]]:
    for row in response.responses:
        name = repr(row.name) if row.name is not None else f"with id {row.topic_id.hex()}"
        yield f"the deletion of topic {name}", row


def _grown(response: CreatePartitionsResponse) -> Iterator[tuple[str, Any]]:
    return ((f"more partitions for topic {row.name!r}", row) for row in response.results)


def _configured(response: Any) -> Iterator[tuple[str, Any]]:
    for row in response.responses:
        whose = resource_text(row.resource_type, row.resource_name)
        yield f"a change of the configs of {whose}", row


def _levels(response: UpdateFeaturesResponse) -> Iterator[tuple[str, Any]]:
    yield "a change of feature levels", response


_ROWS: Final[dict[type, Callable[[Any], Iterator[tuple[str, Any]]]]] = {
    CreateTopicsResponse: _created,
    DeleteTopicsResponse: _deleted,
    CreatePartitionsResponse: _grown,
    AlterConfigsResponse: _configured,
    IncrementalAlterConfigsResponse: _configured,
    UpdateFeaturesResponse: _levels,
}
