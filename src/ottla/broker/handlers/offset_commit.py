"""OffsetCommit: keep how far a group has read.

Needs READ on the group and the topics. Versions 2 to 10: a retention of its own in 2 to 4, leader
epochs from 6, static members from 7, topic ids instead of names from 10. Topics that do not exist,
or that the client may not read, fail one by one; the others go to the coordinator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ottla.broker.asker import as_ask
from ottla.broker.commits import Rows, joined, sort_out
from ottla.coordinators.group.offsets import refuse_commit
from ottla.security.resources import Operation, group
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

TOPIC_ID_VERSION = 10
_ROWS: Final = Rows(OffsetCommitResponseTopic, OffsetCommitResponsePartition)


def handle(context: Context, asked: Asked[OffsetCommitRequest]) -> OffsetCommitResponse | None:
    """Sort out what cannot be committed, hand on the rest, and join both answers."""
    request = asked.body
    if not context.authorize(asked, Operation.READ, group(request.group_id)):
        return refuse_commit(request, ErrorCode.GROUP_AUTHORIZATION_FAILED)
    by_id = asked.version >= TOPIC_ID_VERSION
    known, refused = sort_out(context, asked, request.topics, _ROWS, by_id=by_id)
    if not known:
        return OffsetCommitResponse(topics=refused)

    def committed(response: OffsetCommitResponse) -> OffsetCommitResponse:
        return OffsetCommitResponse(topics=joined(refused, response.topics))

    request.topics = known
    context.groups.submit(as_ask(asked, finish=committed if refused else None))
    return None
