"""The controller in its node: replies wait for the offset that they were decided at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ottla.controller.controller import _DECIDERS
from ottla.controller.refusals import refuse
from ottla.controller.state import Replayed
from ottla.decide import Ask, Decision, Now, Record, Reply, Timer
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import EMPTY_IMAGE
from ottla.node.cluster import Cluster
from ottla.raft.metadata_log import DiskUnwilling
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.broker_heartbeat import BrokerHeartbeatRequest
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.delete_topics import DeletableTopicResult, DeleteTopicsResponse
from ottla.wire.schema import encode
from ottla.wire.stored.metadata import NoOpRecord


class Controller:
    """Decides what the test says; it is the controller whenever this node leads."""

    def __init__(self) -> None:
        self.decision = Decision()
        self.applied: list[Any] = []
        self.replayed: Replayed | None = None
        """What it was made of."""
        self.heard: list[int] = []
        """The offsets of the images that it was told of."""

    def decide(self, ask: Ask, now: Now) -> Decision:
        return self.decision

    def apply(self, records: Any, now: Now) -> None:
        self.applied.append(records)

    def on_image(self, delta: MetadataDelta, now: Now) -> Decision:
        self.heard.append(delta.image.offset)
        return Decision()

    def mark(self) -> Any:
        return len(self.applied)

    def back_to(self, mark: Any) -> None:
        del self.applied[mark:]

    def loaded(self, image: Any, now: Now) -> Decision:
        assert self.replayed is not None
        assert image is self.replayed.image
        return Decision(notes=["the controller begins"])


class Quorum:
    """Appends at once; the high watermark moves only where the test says so."""

    leads: int | None = None
    kraft_version = 1
    open_transaction = None

    def __init__(self) -> None:
        self.next_offset = 10
        self.high_watermark = 10
        self.image = EMPTY_IMAGE._replace(offset=9)

    @property
    def has_pending(self) -> bool:
        return self.image.offset < self.high_watermark - 1

    def append(self, records: list[Any], now_ms: int) -> int:
        self.next_offset += len(records)
        return self.next_offset - 1

    def commit(self, now_ms: int) -> MetadataDelta:
        delta = MetadataDelta.of(self.image, [NoOpRecord()], offset=self.high_watermark - 1)
        self.image = delta.image
        return delta


class World:
    """A cluster whose controller, quorum and clients are the test's."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, Any]] = []
        self.lines: list[str] = []
        self.timers: dict[Any, int | None] = {}
        self.quorum: Any = Quorum()
        self.controller: Any = Controller()
        core: Any = SimpleNamespace(now_ms=lambda: 0, steady_ms=lambda: 0, wake=lambda: None)
        desk: Any = SimpleNamespace(
            reply=lambda token, message: self.heard.append((token, message))
        )
        logs: Any = SimpleNamespace(error=self.lines.append, info=self.lines.append)

        def set_timer(key: Any, at_ms: int | None, action: Any, *, real: bool = False) -> None:
            if real:
                self.timers[key[1]] = at_ms

        alarms: Any = SimpleNamespace(real_ms=lambda: 0, set_timer=set_timer)
        self.cluster = Cluster(
            self.quorum, self.make, core, desk, logs, alarms, lambda: ["bootstrap"]
        )

    def make(self, replayed: Replayed) -> Any:
        self.controller.replayed = replayed
        return self.controller

    def lead(self, epoch: int | None) -> None:
        """Raft says so."""
        self.quorum.leads = epoch
        self.turn()

    def submit(self, token: int, body: Any, decision: Decision, *, as_decided: bool = True) -> None:
        """A client asks, and this is decided."""
        self.controller.decision = decision
        version = 0 if body is None else body.max_version
        ask = Ask(token, body, version, "User:alice", as_decided=as_decided)
        self.cluster._decide(ask)

    def turn(self, unapplied: int | None = None) -> list[int]:
        """The end of a turn; whose requests are answered by then."""
        self.cluster.commit()
        self.cluster.answer(lambda first, end: unapplied is None or not first <= unapplied < end)
        return [token for token, _ in self.heard]


RECORD = Record(None, NoOpRecord(), 0)


def test_replies_wait_for_what_they_depend_on() -> None:
    """If this failed, a client could be told of a change that the next leader does not have, or of
    partitions that are not there yet.
    """
    world = World()
    world.quorum.leads = 1
    world.turn()
    for token, count in ((1, 0), (2, 2), (3, 0), (4, 1)):
        decision = Decision(records=[RECORD] * count, replies=[Reply(token, "done")])
        world.submit(token, None, decision)
    assert world.turn() == [1]
    world.quorum.high_watermark = 11
    assert world.turn() == [1], "half of a batch is not enough"
    world.quorum.high_watermark = 12
    assert world.turn() == [1, 2, 3]
    world.quorum.high_watermark = 13
    own = Decision(records=[RECORD], replies=[Reply(5, "the broker's own")])
    world.submit(5, None, own, as_decided=False)
    world.quorum.high_watermark = 15
    world.submit(6, None, Decision(records=[RECORD], replies=[Reply(6, "write")]))
    world.submit(7, None, Decision(replies=[Reply(7, "read")]))
    assert world.turn(12) == [1, 2, 3, 5, 6, 7], "who asked for partitions waits, and no other"
    assert world.turn() == [1, 2, 3, 5, 6, 7, 4]
    assert world.controller.heard == [10, 11, 14]


def test_a_controller_that_resigns_answers_all_who_wait() -> None:
    """If this failed, who asked the controller of before would wait until their time is over, or
    hear that something is done which the next controller has never seen.
    """
    world = World()
    world.quorum.leads = 1
    world.turn()
    create = CreateTopicsRequest(topics=[CreatableTopic(name="t")])
    timer = Timer("sessions", 5, real=True)
    decision = Decision(records=[RECORD], replies=[Reply(1, "created")], timers=[timer])
    world.submit(1, create, decision)
    world.submit(2, BrokerHeartbeatRequest(), Decision())
    world.lead(None)
    (first, created), (second, beaten) = world.heard
    assert (first, second) == (1, 2)
    assert created.topics[0].name == "t"
    assert created.topics[0].error_code == ErrorCode.NOT_CONTROLLER
    assert beaten.error_code == ErrorCode.NOT_CONTROLLER
    assert world.timers == {"sessions": None}, "a timer of the one that resigned is left"
    world.quorum.high_watermark = world.quorum.next_offset
    assert world.turn() == [1, 2], "a request was answered twice"


def test_the_controller_begins_when_raft_says_that_this_node_leads() -> None:
    """With other voters nobody knows in advance who wins, nor when: two controllers would decide,
    or none.
    """
    world = World()
    world.turn()
    assert world.controller.replayed is None
    world.lead(4)
    assert world.lines == ["the controller begins"]
    assert world.controller.replayed == Replayed(world.quorum.image, 10, 1, None, ["bootstrap"])
    world.turn()
    assert len(world.lines) == 1
    world.submit(1, BrokerHeartbeatRequest(), Decision())
    world.lead(6)
    assert len(world.lines) == 2, "won again: what was decided before may not have been committed"
    assert world.heard[0][1].error_code == ErrorCode.NOT_CONTROLLER


def test_nobody_is_answered_by_a_controller_that_is_not_here() -> None:
    """If this failed, a node that does not lead would decide: two controllers, or one that has
    seen no log.
    """
    world = World()
    world.submit(1, BrokerHeartbeatRequest(), Decision(replies=[Reply(1, "decided")]))
    world.lead(1)
    world.lead(None)
    decided = Decision(records=[RECORD], replies=[Reply(2, "decided")])
    world.submit(2, BrokerHeartbeatRequest(), decided)
    world.turn()
    codes = [(token, answer.error_code) for token, answer in world.heard]
    assert codes == [(1, ErrorCode.NOT_CONTROLLER), (2, ErrorCode.NOT_CONTROLLER)]
    assert not world.controller.applied
    assert world.cluster.unwilling is None


def test_what_the_disk_does_not_take_never_was() -> None:
    """A client would be told of a topic that no restart finds, or of an error where there was one
    already; or what nobody asked for would never be tried again.
    """
    world = World()
    world.lead(1)
    world.lines.clear()
    taken, world.quorum.append = world.quorum.append, _unwilling
    answer = DeleteTopicsResponse(
        responses=[DeletableTopicResult(name="a"), DeletableTopicResult(name="b", error_code=3)]
    )
    for token in (1, 2):
        world.timers.clear()
        timer = Timer("t", 5, real=True)
        decision = Decision(records=[RECORD], replies=[Reply(token, answer)], timers=[timer])
        world.submit(token, None, decision)
        assert world.timers == {"t": 5}
    assert world.turn() == [1, 2]
    assert [row.error_code for row in world.heard[0][1].responses] == [56, 3]
    assert world.controller.applied == []
    assert len(world.lines) == 1, "it is said once"
    world.quorum.append = taken
    world.submit(3, None, Decision(records=[RECORD], replies=[Reply(3, None)]))
    assert world.cluster.unwilling is None
    assert len(world.controller.applied) == 1
    assert len(world.lines) == 2


def _unwilling(records: list[Any], now_ms: int) -> int:
    raise DiskUnwilling("no space")


def test_every_request_to_the_controller_can_be_refused() -> None:
    """If this failed, a request would end its connection where it should name the error."""
    for kind in _DECIDERS:
        version = kind.max_version
        response = refuse(Ask(1, kind(), version, "User:alice"), ErrorCode.NOT_CONTROLLER)
        assert encode(response, version)
