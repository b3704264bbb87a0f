"""The controller in its node: replies wait for the offset that they were decided at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ottla.controller.controller import _DECIDERS
from ottla.controller.refusals import refuse
from ottla.decide import Ask, Decision, Now, Record, Reply, Timer
from ottla.node.cluster import Cluster, ControllerDriver
from ottla.wire.api import apis, request_class
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.broker_heartbeat import BrokerHeartbeatRequest
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.schema import encode
from ottla.wire.stored.metadata import NoOpRecord


class Controller:
    """Decides what the test says."""

    decision = Decision()

    def decide(self, ask: Ask, now: Now) -> Decision:
        return self.decision

    def apply(self, records: Any, now: Now) -> None:
        pass


class Quorum:
    """Appends at once; the high watermark moves only where the test says so."""

    def __init__(self) -> None:
        self.next_offset = 10
        self.high_watermark = 10

    def append(self, records: list[Any], now_ms: int) -> int:
        self.next_offset += len(records)
        return self.next_offset - 1

    def commit(self, now_ms: int) -> None:
        return None


def test_replies_wait_for_what_they_depend_on() -> None:
    """If this failed, a client could be told of a change that the next leader does not have."""
    sent: list[int] = []
    core: Any = SimpleNamespace(now_ms=lambda: 0, steady_ms=lambda: 0, wake=lambda: None)
    desk: Any = SimpleNamespace(reply=lambda token, message: sent.append(token))
    nothing: Any = None
    cluster = Cluster(nothing, nothing, core, desk, nothing, nothing)
    quorum: Any = Quorum()
    cluster._quorum = quorum
    controller: Any = Controller()
    cluster._controller = ControllerDriver(controller, quorum, core, nothing, desk, nothing)
    broker: Any = SimpleNamespace(unapplied_from=None)
    cluster._broker = broker
    record = Record(None, NoOpRecord(), 0)

    def submit(token: int, *records: Record) -> None:
        controller.decision = Decision(records=records, replies=[Reply(token, "done")])
        cluster._controller.ask(Ask(token, None, 0), Now(0, 0, 0))

    submit(1)
    submit(2, record, record)
    submit(3)
    submit(4, record)
    cluster.commit()
    assert sent == [1]
    quorum.high_watermark = 11
    cluster.commit()
    assert sent == [1], "half of a batch is not enough"
    quorum.high_watermark = 12
    cluster.commit()
    assert sent == [1, 2, 3]
    quorum.high_watermark = 13
    broker.unapplied_from = 12
    submit(5)
    cluster._own.add(5)
    cluster.commit()
    assert sent == [1, 2, 3, 5], "a client finds the partitions that it was told of"
    broker.unapplied_from = None
    cluster.commit()
    assert sent == [1, 2, 3, 5, 4]


def test_a_controller_that_resigns_answers_all_who_wait() -> None:
    """If this failed, who asked the controller of before would wait until their time is over, or
    hear that something is done which the next controller has never seen.
    """
    heard: list[tuple[int, Any]] = []
    core: Any = SimpleNamespace(now_ms=lambda: 0, steady_ms=lambda: 0, wake=lambda: None)
    desk: Any = SimpleNamespace(reply=lambda token, message: heard.append((token, message)))
    nothing: Any = None
    cluster = Cluster(nothing, nothing, core, desk, nothing, nothing)
    quorum: Any = Quorum()
    cluster._quorum = quorum
    controller: Any = Controller()
    timers: dict[Any, int | None] = {}

    class Timers:
        def set(self, timer: Timer, fire: Any) -> None:
            timers[timer.key] = timer.at_ms

    anything: Any = Timers()
    cluster._controller = ControllerDriver(controller, quorum, core, nothing, desk, anything)
    create = CreateTopicsRequest(topics=[CreatableTopic(name="t")])
    controller.decision = Decision(
        records=[Record(None, NoOpRecord(), 0)],
        replies=[Reply(1, "created")],
        timers=[Timer("sessions", 5, real=True)],
    )
    cluster._controller.ask(Ask(1, create, 7), Now(0, 0, 0))
    controller.decision = Decision()
    cluster._controller.ask(Ask(2, BrokerHeartbeatRequest(), 1), Now(0, 0, 0))
    cluster.resign()
    assert [token for token, _ in heard] == [1, 2]
    assert heard[0][1].topics[0].name == "t"
    assert heard[0][1].topics[0].error_code == ErrorCode.NOT_CONTROLLER
    assert heard[1][1].error_code == ErrorCode.NOT_CONTROLLER
    assert list(timers.values()) == [None], "a timer of the one that resigned is left"
    quorum.high_watermark = quorum.next_offset
    cluster.commit()
    assert len(heard) == 2, "a request was answered twice"


def test_every_request_to_the_controller_can_be_refused() -> None:
    """If this failed, a request would end its connection where it should name the error."""
    for name in _DECIDERS:
        kinds = (request_class(api.key) for api in apis())
        kind = next(one for one in kinds if one.__name__ == name)
        version = kind.max_version
        response = refuse(Ask(1, kind(), version), ErrorCode.NOT_CONTROLLER)
        assert encode(response, version)
