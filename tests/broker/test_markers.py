"""Markers: what becomes of each partition, whoever answers when."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from broker.test_handlers_of_transactions import asked
from coordinators.transaction_world import TransactionWorld
from ottla.broker.handlers import write_txn_markers
from ottla.broker.internal_topics import CoordinatorNotLoaded
from ottla.coordinators.questions import MarkersWritten, WriteMarkers
from ottla.decide import Ask
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerTopic,
    WriteTxnMarkersRequest,
)
from ottla.wire.stored.frame import CONSUMER_OFFSETS

Place = tuple[str, int]


class Node:
    """One that leads t-0 to t-2 and all of __consumer_offsets, whose logs and groups answer when
    they are told to.
    """

    node_id = 1
    offline: frozenset[Place] = frozenset()

    def __init__(self, *, loads: bool = True) -> None:
        world = TransactionWorld(topics="t")
        world.lead(CONSUMER_OFFSETS, 0)
        self.image = world.image
        self.told: list[Any] = []
        self.questions: list[tuple[str, int, dict[str, Any]]] = []
        self.of_groups: list[Ask] = []
        self._loads = loads
        self._then: list[Callable[[Any], None]] = []
        self._logs: list[Callable[[Sequence[Any]], None]] = []
        self.logs = SimpleNamespace(
            end_transaction=lambda topic, index, **of: (topic, index, of), ask=self._ask
        )

    @property
    def groups(self) -> Any:
        if not self._loads:
            raise CoordinatorNotLoaded("no descriptor is left", hint="ask again later")
        return SimpleNamespace(submit=self.of_groups.append)

    def authorize(self, *_: Any, **__: Any) -> bool:
        return True

    def internal(self, then: Callable[[Any], None]) -> int:
        self._then.append(then)
        return -len(self._then)

    def reply(self, token: int, response: Any) -> None:
        if token < 0:
            self._then[-token - 1](response)
        else:
            self.told.append(response)

    def _ask(self, token: int, questions: Sequence[Any], respond: Any) -> None:
        self.questions += questions
        self._logs.append(lambda answers: self.reply(token, respond(answers)))

    def logs_answer(self, *codes: int) -> None:
        """What is asked of logs is answered, in order."""
        self._logs.pop(0)([SimpleNamespace(error_code=code) for code in codes])

    def groups_answer(self, code: int) -> None:
        """The same of the coordinator of groups, all alike."""
        ask = self.of_groups.pop(0)
        assert isinstance(ask.body, WriteMarkers)
        self.reply(ask.token, MarkersWritten(dict.fromkeys(ask.body.partitions, code)))


def marker(producer_id: int, *topics: tuple[str, list[int]]) -> WritableTxnMarker:
    """The commit of a producer's transaction."""
    return WritableTxnMarker(
        producer_id=producer_id,
        producer_epoch=7,
        transaction_result=True,
        coordinator_epoch=5,
        topics=[WritableTxnMarkerTopic(name=name, partition_indexes=of) for name, of in topics],
    )


def write(node: Node, *markers: WritableTxnMarker) -> None:
    """WriteTxnMarkers, as a handler gets it."""
    body = WriteTxnMarkersRequest(markers=list(markers))
    response = write_txn_markers.handle(node, asked(body, 1))  # type: ignore[arg-type]
    if response is not None:
        node.told.append(response)


def rows(response: Any) -> list[tuple[int, str, list[tuple[int, int]]]]:
    """What is said of each partition."""
    return [
        (row.producer_id, topic.name, [(p.partition_index, p.error_code) for p in topic.partitions])
        for row in response.markers
        for topic in row.topics
    ]


def test_all_is_told_when_the_last_has_answered() -> None:
    """A marker would count as written while a log or a group has not taken it, or the answer would
    never come; or one partition would be told what came of another.
    """
    node = Node()
    write(
        node,
        marker(1, ("t", [1, 0, 1, 9]), (CONSUMER_OFFSETS, [2])),
        marker(2, ("t", [0])),
        marker(3, ("u", [0]), ("t", [])),
        marker(4),
    )
    assert [(topic, index, of["producer_id"]) for topic, index, of in node.questions] == [
        ("t", 1, 1),
        ("t", 0, 1),
        ("t", 0, 2),
    ]
    assert not node.told
    node.logs_answer(0, ErrorCode.INVALID_PRODUCER_EPOCH, 0)
    assert not node.told
    node.groups_answer(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    (response,) = node.told
    assert rows(response) == [
        (1, "t", [(1, 0), (0, ErrorCode.INVALID_PRODUCER_EPOCH), (1, 0), (9, unknown)]),
        (1, CONSUMER_OFFSETS, [(2, ErrorCode.NOT_LEADER_OR_FOLLOWER)]),
        (2, "t", [(0, 0)]),
        (3, "u", [(0, unknown)]),
    ]


def test_nothing_to_write_is_answered_at_once() -> None:
    """Who sends a request without markers, or without partitions, would wait for ever."""
    node = Node()
    write(node)
    write(node, marker(1), marker(2, ("t", [])))
    assert [rows(one) for one in node.told] == [[], []]
    assert not node.questions


def test_a_marker_of_nobody_is_not_written() -> None:
    """It would lie in the log as the end of a transaction that no producer has."""
    node = Node()
    write(node, marker(-1, ("t", [0]), (CONSUMER_OFFSETS, [0])))
    (response,) = node.told
    refused = ErrorCode.UNKNOWN_SERVER_ERROR
    assert rows(response) == [(-1, "t", [(0, refused)]), (-1, CONSUMER_OFFSETS, [(0, refused)])]
    assert not node.questions
    assert not node.of_groups


def test_groups_that_can_not_be_loaded_are_asked_again() -> None:
    """The coordinator of transactions would take it for an end, or for a fault, where it only has
    to come again; and what lies in other logs would wait for that.
    """
    node = Node(loads=False)
    write(node, marker(1, ("t", [0]), (CONSUMER_OFFSETS, [0])))
    node.logs_answer(0)
    (response,) = node.told
    elsewhere = ErrorCode.NOT_LEADER_OR_FOLLOWER
    assert rows(response) == [(1, "t", [(0, 0)]), (1, CONSUMER_OFFSETS, [(0, elsewhere)])]


def test_work_is_in_proportion_to_the_markers() -> None:
    """Whoever may send many would keep the thread that decides for minutes."""

    def calls(count: int) -> int:
        seen = 0

        def see(_frame: Any, event: str, _arg: Any) -> None:
            nonlocal seen
            seen += event == "call"

        node = Node()
        markers = [marker(-1, ("t", [0])) for _ in range(count)]
        sys.setprofile(see)
        try:
            write(node, *markers)
        finally:
            sys.setprofile(None)
        assert len(node.told) == 1
        return seen

    assert calls(400) < 3 * calls(200)
