"""A broker's way into its cluster and out of it, with answers that take as long as they take."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from coordinators.world import Counter
from ottla.config.broker import BrokerConfig
from ottla.node.cluster import Identity
from ottla.node.membership import ClusterError, Membership
from ottla.raft.metadata_log import DiskUnwilling
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.assign_replicas_to_dirs import AssignReplicasToDirsResponse
from ottla.wire.messages.broker_heartbeat import BrokerHeartbeatResponse
from ottla.wire.messages.broker_registration import BrokerRegistrationResponse
from ottla.wire.messages.controller_registration import ControllerRegistrationResponse

EPOCH = 41
PLACE = (b"topic".ljust(16), 0, b"directory".ljust(16))


class Far:
    """A controller in another node: each request is answered when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Any, Callable[[Any], None]]] = []
        self.unwilling: DiskUnwilling | None = None
        self.image = SimpleNamespace(offset=EPOCH, metadata_version=30)
        self.timers: dict[str, Callable[[], None]] = {}
        alarms: Any = SimpleNamespace(every=self._every)
        cluster: Any = self
        config = BrokerConfig(
            {
                "node.id": "1",
                "process.roles": "broker,controller",
                "controller.listener.names": "CONTROLLER",
            }
        )
        identity = Identity(1, "cluster", (PLACE[2],), {})
        self.membership = Membership(identity, config, cluster, alarms, Counter())

    def _every(self, key: str, period_ms: int, action: Callable[[], None], *, real: bool) -> None:
        self.timers[key] = action

    def ask_own(self, message: Any, version: int, then: Callable[[Any], None]) -> None:
        self.waiting.append((message, then))

    def answer(self, response: Any) -> Any:
        """Answer what was asked first; the request."""
        message, then = self.waiting.pop(0)
        then(response)
        return message

    def asked(self) -> list[str]:
        return [type(message).__name__ for message, _ in self.waiting]

    def let_in(self) -> None:
        """All of a registration."""
        self.membership.join(-1)
        self.answer(ControllerRegistrationResponse())
        self.answer(BrokerRegistrationResponse(broker_epoch=EPOCH))
        self.answer(BrokerHeartbeatResponse(is_fenced=False))
        assert self.membership.joined


def test_a_broker_joins_one_answer_after_the_other() -> None:
    """With the controller in another node a start would fail at the first request."""
    far = Far()
    membership = far.membership
    membership.join(7)
    assert far.asked() == ["ControllerRegistrationRequest"]
    far.answer(ControllerRegistrationResponse())
    assert far.asked() == ["BrokerRegistrationRequest"]
    request = far.answer(BrokerRegistrationResponse(broker_epoch=EPOCH))
    assert request.previous_broker_epoch == 7
    far.answer(BrokerHeartbeatResponse(is_fenced=True))
    assert not membership.joined, "it is fenced: nobody would be served"
    far.timers["broker-heartbeat"]()
    beat = far.answer(BrokerHeartbeatResponse(is_fenced=False))
    assert (beat.broker_epoch, beat.want_fence) == (EPOCH, False)
    assert membership.joined
    assert not far.waiting


def test_a_refusal_is_raised_in_the_turn_that_brings_it() -> None:
    """A start would wait until its time is over, and not say what is wrong."""
    far = Far()
    far.membership.join(-1)
    far.answer(ControllerRegistrationResponse())
    with pytest.raises(
        ClusterError, match=r"BrokerRegistrationRequest of node 1.*DUPLICATE_BROKER"
    ):
        far.answer(BrokerRegistrationResponse(error_code=ErrorCode.DUPLICATE_BROKER_REGISTRATION))


def test_heartbeats_do_not_pile_up_before_a_controller_that_is_slow() -> None:
    """It would be told the same many times once it can hear again; and what is new never."""
    far = Far()
    far.let_in()
    for _ in range(3):
        far.timers["broker-heartbeat"]()
    far.membership.directory_lost(PLACE[2])
    assert far.asked() == ["BrokerHeartbeatRequest"]
    assert far.answer(BrokerHeartbeatResponse()).offline_log_dirs == []
    assert far.answer(BrokerHeartbeatResponse()).offline_log_dirs == [PLACE[2]]
    assert not far.waiting


def test_what_could_not_be_told_is_told_with_a_later_heartbeat() -> None:
    """The controller would take a partition to be where it is not, for ever."""
    far = Far()
    far.membership.assign([PLACE])
    assert not far.waiting, "nobody would know who asks"
    far.let_in()
    assert far.asked() == ["AssignReplicasToDirsRequest"]
    far.unwilling = DiskUnwilling("no space")
    far.answer(AssignReplicasToDirsResponse(error_code=ErrorCode.KAFKA_STORAGE_ERROR))
    far.timers["broker-heartbeat"]()
    far.answer(BrokerHeartbeatResponse(error_code=ErrorCode.KAFKA_STORAGE_ERROR))
    assert not far.waiting
    far.timers["broker-heartbeat"]()
    far.answer(BrokerHeartbeatResponse())
    assert far.asked() == ["AssignReplicasToDirsRequest"]


def test_a_broker_leaves_when_the_controller_says_so_or_was_told_twice() -> None:
    """An end would never come, or leave clients with a leader that is gone."""
    far = Far()
    far.let_in()
    far.timers["broker-heartbeat"]()
    far.membership.leave()
    assert not far.answer(BrokerHeartbeatResponse()).want_shut_down, "it was sent before"
    assert far.answer(BrokerHeartbeatResponse()).want_shut_down
    assert not far.membership.left
    far.answer(BrokerHeartbeatResponse())
    assert far.membership.left
    assert not far.waiting
