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
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.assign_replicas_to_dirs import AssignReplicasToDirsResponse
from ottla.wire.messages.broker_heartbeat import BrokerHeartbeatResponse
from ottla.wire.messages.broker_registration import BrokerRegistrationResponse
from ottla.wire.messages.controller_registration import ControllerRegistrationResponse

EPOCH = 41
PLACE = (b"topic".ljust(16), 0, b"directory".ljust(16))


REFUSALS = [
    ErrorCode.NOT_CONTROLLER,
    ErrorCode.KAFKA_STORAGE_ERROR,
    ErrorCode.STALE_BROKER_EPOCH,
    ErrorCode.UNKNOWN_SERVER_ERROR,
]


class Far:
    """A controller in another node: each request is answered when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Any, Callable[[Any], None]]] = []
        self.image = SimpleNamespace(offset=EPOCH, metadata_version=30)
        self.timers: dict[str, Callable[[], None]] = {}
        alarms: Any = SimpleNamespace(every=self._every)
        cluster: Any = self
        self.lines: list[str] = []
        logs: Any = SimpleNamespace(warn=self.lines.append)
        config = BrokerConfig(
            {
                "node.id": "1",
                "process.roles": "broker,controller",
                "controller.listener.names": "CONTROLLER",
            }
        )
        identity = Identity(1, "cluster", (PLACE[2],), {})
        self.membership = Membership(identity, config, cluster, alarms, Counter(), logs)

    def _every(self, key: str, period_ms: int, action: Callable[[], None], *, real: bool) -> None:
        self.timers[key] = action

    def ask(self, message: Any, version: int, then: Callable[[Any], None]) -> None:
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
        ClusterError, match=r"BrokerRegistrationRequest of node 1.*INCONSISTENT_CLUSTER_ID"
    ):
        far.answer(BrokerRegistrationResponse(error_code=ErrorCode.INCONSISTENT_CLUSTER_ID))


@pytest.mark.parametrize(
    "error", [ErrorCode.NOT_CONTROLLER, ErrorCode.DUPLICATE_BROKER_REGISTRATION]
)
def test_a_start_waits_for_what_time_mends(error: ErrorCode) -> None:
    """A start would fail while a controller is elected, or while the session of the broker that was
    killed a moment ago has not ended.
    """
    far = Far()
    far.membership.join(7)
    beat = far.timers["broker-heartbeat"]
    far.answer(ControllerRegistrationResponse(error_code=error))
    assert not far.waiting, "it is not asked without a pause"
    beat()
    far.answer(ControllerRegistrationResponse())
    first = far.answer(BrokerRegistrationResponse(error_code=error))
    beat()
    again = far.answer(BrokerRegistrationResponse(broker_epoch=EPOCH))
    assert again == first, "the same life of the same broker"
    far.answer(BrokerHeartbeatResponse(error_code=error))
    beat()
    far.answer(BrokerHeartbeatResponse(is_fenced=False))
    assert far.membership.joined
    assert len(far.lines) == 3


@pytest.mark.parametrize("error", [one for one in REFUSALS if one != ErrorCode.STALE_BROKER_EPOCH])
def test_a_refused_heartbeat_is_sent_again(error: ErrorCode) -> None:
    """An election of a controller would end the brokers that it finds waiting."""
    far = Far()
    far.let_in()
    far.membership.directory_lost(PLACE[2])
    for _ in range(3):
        assert far.answer(BrokerHeartbeatResponse(error_code=error)).offline_log_dirs
        assert not far.waiting, "it is not asked without a pause"
        far.timers["broker-heartbeat"]()
    assert far.answer(BrokerHeartbeatResponse()).broker_epoch == EPOCH
    assert len(far.lines) == 1, "it is said once"


@pytest.mark.parametrize(
    "error", [ErrorCode.STALE_BROKER_EPOCH, ErrorCode.BROKER_ID_NOT_REGISTERED]
)
def test_who_is_not_known_any_more_registers_anew(error: ErrorCode) -> None:
    """A broker would stay out for ever, or end, when its registration was taken away."""
    far = Far()
    far.membership.join(7)
    far.answer(ControllerRegistrationResponse())
    life = far.answer(BrokerRegistrationResponse(broker_epoch=EPOCH)).incarnation_id
    far.answer(BrokerHeartbeatResponse(is_fenced=False))
    far.timers["broker-heartbeat"]()
    far.answer(BrokerHeartbeatResponse(error_code=error))
    far.membership.assign([PLACE])
    far.answer(AssignReplicasToDirsResponse(error_code=ErrorCode.STALE_BROKER_EPOCH))
    for answer in (ErrorCode.DUPLICATE_BROKER_REGISTRATION, ErrorCode.NONE):
        far.timers["broker-heartbeat"]()
        request = far.answer(
            BrokerRegistrationResponse(error_code=answer, broker_epoch=0 if answer else 99)
        )
        assert (request.incarnation_id, request.previous_broker_epoch) == (life, EPOCH)
    assert far.answer(BrokerHeartbeatResponse(is_fenced=False)).broker_epoch == 99
    assert far.answer(AssignReplicasToDirsResponse()).broker_epoch == 99
    assert not far.waiting


def test_an_end_waits_for_another_controller_and_for_nothing_else() -> None:
    """A stop would say that it went well, or never come back."""
    far = Far()
    far.let_in()
    far.membership.leave()
    far.answer(BrokerHeartbeatResponse(error_code=ErrorCode.NOT_CONTROLLER))
    assert not far.membership.left
    far.timers["broker-heartbeat"]()
    assert far.waiting[0][0].want_shut_down
    with pytest.raises(ClusterError, match="KAFKA_STORAGE_ERROR"):
        far.answer(BrokerHeartbeatResponse(error_code=ErrorCode.KAFKA_STORAGE_ERROR))
    far.timers["broker-heartbeat"]()
    far.answer(BrokerHeartbeatResponse(error_code=ErrorCode.STALE_BROKER_EPOCH))
    assert far.membership.left, "it is out already"


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


@pytest.mark.parametrize("error", REFUSALS)
def test_what_could_not_be_told_is_told_with_a_later_heartbeat(error: ErrorCode) -> None:
    """The controller would take a partition to be where it is not, for ever."""
    far = Far()
    far.membership.assign([PLACE])
    assert not far.waiting, "nobody would know who asks"
    far.let_in()
    assert far.asked() == ["AssignReplicasToDirsRequest"]
    far.answer(AssignReplicasToDirsResponse(error_code=error))
    far.timers["broker-heartbeat"]()
    far.answer(BrokerHeartbeatResponse(error_code=ErrorCode.NOT_CONTROLLER))
    assert not far.waiting
    far.timers["broker-heartbeat"]()
    far.answer(BrokerHeartbeatResponse())
    assert far.asked() == ["AssignReplicasToDirsRequest"]
    (directory,) = far.answer(AssignReplicasToDirsResponse()).directories
    assert (directory.id, directory.topics[0].topic_id) == (PLACE[2], PLACE[0])
    far.timers["broker-heartbeat"]()
    far.answer(BrokerHeartbeatResponse())
    assert not far.waiting, "it was told"


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


@pytest.mark.parametrize(
    ("before", "after", "asked"),
    [
        (7, 30, ["ControllerRegistrationRequest", "BrokerRegistrationRequest"]),
        (15, 17, ["BrokerRegistrationRequest"]),
        (17, 30, []),
        (29, 23, []),
    ],
)
def test_a_new_metadata_version_is_told_what_it_has_a_place_for(
    before: int, after: int, asked: list[str]
) -> None:
    """A cluster that was raised would not know this broker's folders, nor where its controller is,
    until the next start.
    """
    far = Far()
    far.let_in()
    far.membership.on_metadata_version(before, after)
    for name in asked:
        assert far.asked() == [name]
        kind = ControllerRegistrationResponse
        if name.startswith("Broker"):
            assert far.waiting[0][0].log_dirs == [PLACE[2]]
            kind = BrokerRegistrationResponse
        far.answer(kind())
    assert far.asked() in ([], ["BrokerHeartbeatRequest"])


def test_places_are_told_once_there_is_a_place_for_them() -> None:
    """If this failed, a cluster that was raised would not know which disk its partitions lie on,
    and what goes with one that fails.
    """
    far = Far()
    far.let_in()
    far.image.metadata_version = 16
    far.membership.assign([PLACE])
    assert not far.waiting
    far.image.metadata_version = 30
    far.timers["broker-heartbeat"]()
    far.answer(BrokerHeartbeatResponse())
    assert far.asked() == ["AssignReplicasToDirsRequest"]


def test_an_old_cluster_has_no_place_for_controllers() -> None:
    """A controller of 3.3 could not read the log after this node had registered its own."""
    far = Far()
    far.image.metadata_version = 14
    far.membership.join(-1)
    assert far.asked() == ["BrokerRegistrationRequest"]
