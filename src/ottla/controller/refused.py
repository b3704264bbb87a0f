"""What the controller refused of topics and configs, in lines for the operator.

What it took is told by each node that learns of it (node/changes.py), and not here: it may still be
lost.
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


_ROWS: Final[dict[type, Callable[[Any], Iterator[tuple[str, Any]]]]] = {
    CreateTopicsResponse: _created,
    DeleteTopicsResponse: _deleted,
    CreatePartitionsResponse: _grown,
    AlterConfigsResponse: _configured,
    IncrementalAlterConfigsResponse: _configured,
}
