"""TxnOffsetCommit: keep how far a group has read, if the producer's transaction commits.

Needs WRITE on the transactional id, and READ on the group and the topics. Versions 0 to 5: leader
epochs from 2, who commits (member, generation, instance) from 3; from 5 on the coordinator of
groups enters its partition into the transaction, which clients of older versions have done by
AddOffsetsToTxn. Topics that do not exist, or that the client may not read, fail one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ottla.broker.asker import as_ask
from ottla.broker.commits import Rows, joined, sort_out
from ottla.coordinators.group.transactional_commits import refuse_commit
from ottla.security.resources import Operation, group, transactional_id
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

LOADING_VERSION: Final = 2
"""Clients of older versions may break when they hear that a coordinator loads."""
_ROWS: Final = Rows(TxnOffsetCommitResponseTopic, TxnOffsetCommitResponsePartition)


def handle(
    context: Context, asked: Asked[TxnOffsetCommitRequest]
) -> TxnOffsetCommitResponse | None:
    """Sort out what cannot be committed, hand on the rest, and join both answers."""
    request = asked.body
    if not context.authorize(asked, Operation.WRITE, transactional_id(request.transactional_id)):
        return refuse_commit(request, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    if not context.authorize(asked, Operation.READ, group(request.group_id)):
        return refuse_commit(request, ErrorCode.GROUP_AUTHORIZATION_FAILED)
    known, refused = sort_out(context, asked, request.topics, _ROWS, by_id=False)
    known = [topic for topic in known if topic.partitions]
    if not known:
        return TxnOffsetCommitResponse(topics=refused)

    def committed(response: TxnOffsetCommitResponse) -> TxnOffsetCommitResponse:
        if asked.version < LOADING_VERSION:
            for topic in response.topics:
                for one in topic.partitions:
                    if one.error_code == ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
                        one.error_code = ErrorCode.COORDINATOR_NOT_AVAILABLE
        return TxnOffsetCommitResponse(topics=joined(refused, response.topics))

    request.topics = known
    context.groups.submit(as_ask(asked, finish=committed))
    return None
