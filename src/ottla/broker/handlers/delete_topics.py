"""DeleteTopics: by name, and by id from version 6 on.

Needs DELETE on the cluster, or on each topic; who may not describe a topic either is not told that
it exists, nor what an id stands for. The controller decides; the brokers' logs go when they learn
of it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ottla.security.resources import CLUSTER, Operation, ResourceType
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.delete_topics import (
    DeletableTopicResult,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DeleteTopicState,
)
from ottla.wire.types import ZERO_UUID

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

ID_VERSION = 6
UNKNOWN_ID = "This server does not host this topic ID."
UNKNOWN_NAME = "This server does not host this topic-partition."


def handle(context: Context, asked: Asked[DeleteTopicsRequest]) -> None:
    """Hand on what the client may delete; the controller answers."""
    body = asked.body
    if not context.config["delete.topic.enable"] or context.authorize(
        asked, Operation.DELETE, CLUSTER, quiet=True
    ):
        context.controller.submit(asked)
        return
    by_id = asked.version >= ID_VERSION
    states = body.topics if by_id else [DeleteTopicState(name=name) for name in body.topic_names]
    refusals = _Refusals(context, asked, states)
    allowed: list[DeleteTopicState] = []
    refused: list[DeletableTopicResult] = []
    for state in states:
        refusal = refusals.of(state)
        if refusal is None:
            allowed.append(state)
        else:
            refused.append(refusal)
    if not refused:
        context.controller.submit(asked)
        return

    def finished(response: DeleteTopicsResponse) -> DeleteTopicsResponse:
        response.responses += refused
        return response

    request = DeleteTopicsRequest(
        topics=allowed if by_id else [],
        topic_names=[] if by_id else [state.name or "" for state in allowed],
        timeout_ms=body.timeout_ms,
    )
    context.controller.submit(asked, request, finished)


class _Refusals:
    """Whom to refuse what, of one request.

    What is malformed or named twice goes on to the controller, which deletes nothing of it. What
    cannot be deleted never goes on, and neither does an id without a name here: the controller may
    know it already, and nobody has asked yet who may delete that topic.
    """

    def __init__(
        self,
        context: Context,
        asked: Asked[DeleteTopicsRequest],
        states: list[DeleteTopicState],
    ) -> None:
        self._topics = context.image.topics
        self._times = Counter((state.name, state.topic_id) for state in states)
        names = set(map(self._name, states)) - {None}
        kind = ResourceType.TOPIC
        known = [name for name in names if name is not None]
        self._describable = context.allowed_names(asked, Operation.DESCRIBE, kind, known)
        self._deletable = context.allowed_names(asked, Operation.DELETE, kind, known)

    def _is_malformed(self, state: DeleteTopicState) -> bool:
        is_named = state.name is not None
        return (
            is_named == (state.topic_id != ZERO_UUID) or self._times[state.name, state.topic_id] > 1
        )

    def _name(self, state: DeleteTopicState) -> str | None:
        """The topic that is meant; None if there is none to ask about."""
        if self._is_malformed(state):
            return None
        if state.name is not None:
            return state.name
        found = self._topics.by_id.get(state.topic_id)
        return None if found is None else found.name

    def of(self, state: DeleteTopicState) -> DeletableTopicResult | None:
        """What refuses it; None if it goes on."""
        if self._is_malformed(state):
            return None
        name = self._name(state)
        denied = ErrorCode.TOPIC_AUTHORIZATION_FAILED
        if name is None:
            return _result(None, state.topic_id, ErrorCode.UNKNOWN_TOPIC_ID, UNKNOWN_ID)
        if state.name is None:
            if name in self._deletable:
                return None
            shown = name if name in self._describable else None
            return _result(shown, state.topic_id, denied, denied.text)
        if name not in self._describable:
            return _result(name, ZERO_UUID, denied, denied.text)
        if name in self._deletable:
            return None
        if name not in self._topics.by_name:
            unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            return _result(name, ZERO_UUID, unknown, UNKNOWN_NAME)
        return _result(name, ZERO_UUID, denied, denied.text)


def _result(name: str | None, topic_id: bytes, code: ErrorCode, text: str) -> DeletableTopicResult:
    return DeletableTopicResult(name=name, topic_id=topic_id, error_code=code, error_message=text)
