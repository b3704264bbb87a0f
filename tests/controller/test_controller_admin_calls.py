"""The controller's answers and records beside those that were taken down from Apache Kafka 4.3.1.

The recorded node's life is lived again by our controller: first start, every admin call, clean stop
and start, kill and start. Each step must give the same response and the same records: kinds, order,
versions, every field, and the offsets that broker epochs are made of. What may differ is named in
`ours` below.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from admin_calls import CALLS
from plain_records import Plain, identifier

from ottla.config.broker import BrokerConfig
from ottla.controller.brokers import SESSIONS
from ottla.controller.controller import Controller
from ottla.controller.state import Replayed
from ottla.decide import Ask, Decision, Now
from ottla.metadata.image import EMPTY_IMAGE
from ottla.node.format import bootstrap_records
from ottla.wire.messages import broker_registration, controller_registration
from ottla.wire.messages.allocate_producer_ids import AllocateProducerIdsRequest
from ottla.wire.messages.broker_heartbeat import BrokerHeartbeatRequest
from ottla.wire.schema import decode, encode

RECORDED = json.loads((Path(__file__).parent / "admin-calls-4.3.1.json").read_text())
STEPS = {step["step"]: step for step in RECORDED}
CLUSTER_ID = "4L6g3nShT-eMCtK--X86sw"
HOUR_MS = 3_600_000
UNORDERED = ("features", "configs")


class GivenIds:
    """Entropy that gives the identifiers which the recorded node drew."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []

    def uuid(self) -> bytes:
        return self.waiting.pop(0)

    def below(self, bound: int) -> int:
        return 0


class Life:
    """Our controller, led through the recorded life."""

    def __init__(self) -> None:
        self.entropy = GivenIds()
        self._config = {
            "node.id": "1",
            "process.roles": "broker,controller",
            "listeners": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": "1@127.0.0.1:9093",
            "metadata.max.idle.interval.ms": "0",
        }
        self.now_ms = 0
        self.image, self.next_offset = EMPTY_IMAGE, 0
        self.controller: Controller
        self.plain = Plain(numbered=True)
        self.batches: list[list[Any]] = []

    def take(self, decision: Decision) -> Any:
        if decision.records:
            self.controller.apply(decision.records, self.now)
            state = self.controller.state
            self.image, self.next_offset = state.image, state.next_offset
            written = [self.plain.record(one.value, one.version) for one in decision.records]
            self.batches.append(written)
        return decision.replies[0].message if decision.replies else None

    def ask(self, body: Any, version: int) -> Any:
        state = self.controller.state
        durable = state.image, state.next_offset
        decision = self.controller.decide(Ask(1, body, version, "User:alice"), self.now)
        assert (state.image, state.next_offset) == durable, "changed without a record"
        return self.take(decision)

    def activate(self) -> None:
        # The leader's LeaderChange takes an offset of its own.
        replayed = Replayed(self.image, self.next_offset + 1, 0, None, bootstrap_records())
        config = BrokerConfig(self._config)
        self.controller = Controller(
            replayed, node_id=1, cluster_id=CLUSTER_ID, config=config, entropy=self.entropy
        )
        self.next_offset += 1
        self.take(self.controller.loaded(self.image, self.now))

    @property
    def now(self) -> Now:
        return Now(0, 0, self.now_ms)

    def register_controller(self, step: str) -> None:
        said = _fields(step, "RegisterControllerRecord")
        request = controller_registration.ControllerRegistrationRequest(
            controller_id=1,
            incarnation_id=identifier(said["incarnation_id"]),
            listeners=[controller_registration.Listener(**e) for e in said["end_points"]],
            features=[controller_registration.Feature(**f) for f in said["features"]],
        )
        self.ask(request, 0)

    def register_broker(self, step: str, previous_epoch: int) -> None:
        said = _fields(step, "RegisterBrokerRecord")
        request = broker_registration.BrokerRegistrationRequest(
            broker_id=1,
            cluster_id=CLUSTER_ID,
            incarnation_id=identifier(said["incarnation_id"]),
            listeners=[broker_registration.Listener(**e) for e in said["end_points"]],
            features=[broker_registration.Feature(**f) for f in said["features"]],
            rack=said["rack"],
            log_dirs=[identifier(text) for text in said["log_dirs"]],
            previous_broker_epoch=previous_epoch,
        )
        self.ask(request, 4)

    @property
    def epoch(self) -> int:
        return self.controller.state.image.brokers[1].epoch

    def heartbeat(self, cordoned: list[bytes] | None = None, *, shut_down: bool = False) -> Any:
        request = BrokerHeartbeatRequest(
            broker_id=1,
            broker_epoch=self.epoch,
            current_metadata_offset=self.controller.state.image.offset,
            want_shut_down=shut_down,
            cordoned_log_dirs=cordoned,
        )
        return self.ask(request, 2)

    def records(self) -> list[list[Any]]:
        batches, self.batches = self.batches, []
        return batches


def _fields(step: str, kind: str) -> Any:
    return next(
        fields for batch in STEPS[step]["records"] for name, _, fields in batch if name == kind
    )


def _in_order(records: list[Any]) -> list[Any]:
    """Partition changes of one batch by topic and partition: Java's hash maps know no order."""

    def place(indexed: tuple[int, Any]) -> tuple[int, str, int]:
        index, (kind, _, fields) = indexed
        if kind != "PartitionChangeRecord":
            return index, "", 0
        first = next(i for i, record in enumerate(records) if record[0] == kind)
        return first, fields["topic_id"], fields["partition_id"]

    return [record for _, record in sorted(enumerate(records), key=place)]


def _normal(value: Any) -> Any:
    """Sets that are written as lists, sorted."""
    if isinstance(value, dict):
        return {
            key: sorted(map(_normal, item), key=repr)
            if key in UNORDERED and isinstance(item, list)
            else _normal(item)
            for key, item in value.items()
        }
    return [_normal(item) for item in value] if isinstance(value, list) else value


def batches(recorded: list[list[Any]]) -> list[list[Any]]:
    return [_normal(_in_order(batch)) for batch in recorded]


def flat(recorded: list[list[Any]]) -> list[Any]:
    """The records without the bounds of batches, where heartbeats came by chance of time."""
    return [record for batch in batches(recorded) for record in batch]


@pytest.fixture(scope="module")
def compared() -> dict[str, tuple[Any, Any]]:
    """Step by step (theirs, ours): what both must be equal in."""
    life, found = Life(), {}
    life.activate()
    life.register_controller("start")
    life.register_broker("start", -1)
    _let_in(life, "start")
    found["start"] = flat(STEPS["start"]["records"]), flat(life.records())
    for name, request, version in CALLS:
        step = STEPS[name]
        topics = step["response"].get("topics") or []
        life.entropy.waiting = [
            identifier(topic["topic_id"])
            for topic in topics
            if topic.get("topic_id", "<no id>") != "<no id>" or not topic.get("error_code", 1)
        ]
        if version < 7:
            life.entropy.waiting = [identifier(f["topic_id"]) for f in _created(step)]
        ids = {t.name: t.id for t in life.controller.state.image.topics.by_name.values()}
        response = life.ask(request(ids) if callable(request) else request, version)
        response = decode(type(response), encode(response, version), version)
        theirs = _normal(_answer(step["response"])), batches(step["records"])
        ours = _normal(_answer(life.plain.of(response))), batches(life.records())
        found[name] = theirs, ours
    life.ask(AllocateProducerIdsRequest(broker_id=1, broker_epoch=life.epoch), 0)
    found["producer id"] = flat(STEPS["producer id"]["records"]), flat(life.records())
    assert not life.heartbeat(shut_down=True).should_shut_down
    assert life.heartbeat(shut_down=True).should_shut_down
    found["stop"] = flat(STEPS["stop"]["records"]), flat(life.records())
    again = "start after a clean stop"
    _restart(life, again, previous_epoch=life.epoch)
    found[again] = flat(STEPS[again]["records"]), flat(life.records())
    killed = "start after a kill"
    life.now_ms += HOUR_MS
    life.activate()
    life.register_controller(killed)
    life.take(life.controller.fire(SESSIONS, life.now))
    life.now_ms += HOUR_MS
    life.take(life.controller.fire(SESSIONS, life.now))
    life.register_broker(killed, -1)
    _let_in(life, killed)
    found[killed] = flat(STEPS[killed]["records"]), flat(life.records())
    return found


def _created(step: Any) -> list[Any]:
    return [f for batch in step["records"] for name, _, f in batch if name == "TopicRecord"]


def _answer(response: Any) -> Any:
    """A response with its results by name: Java's hash maps know no order."""
    for field in ("topics", "responses", "results"):
        if response.get(field):
            response[field] = sorted(response[field], key=lambda r: repr(sorted(r.items())))
    return response


def _cordoned_first(step: str) -> bool:
    kinds = [
        fields["fenced"]
        for batch in STEPS[step]["records"]
        for name, _, fields in batch
        if name == "BrokerRegistrationChangeRecord" and fields["fenced"] != 1
    ]
    return kinds[0] == 0


def _let_in(life: Life, step: str) -> None:
    """The heartbeats that let the broker in; whether its directories come with the first is
    chance.
    """
    if _cordoned_first(step):
        request = BrokerHeartbeatRequest(
            broker_id=1,
            broker_epoch=life.epoch,
            current_metadata_offset=-1,
            cordoned_log_dirs=[],
        )
        life.ask(request, 2)
    life.heartbeat(cordoned=[])


def _restart(life: Life, step: str, *, previous_epoch: int) -> None:
    life.now_ms += HOUR_MS
    life.activate()
    life.register_controller(step)
    life.register_broker(step, previous_epoch)
    _let_in(life, step)


STEPS_COMPARED = [step["step"] for step in RECORDED if step["step"] != "kill"]


@pytest.mark.parametrize("step", STEPS_COMPARED)
def test_as_apache_kafka(compared: dict[str, tuple[Any, Any]], step: str) -> None:
    """A record that differs is a cluster that an Apache Kafka controller would have built
    otherwise.
    """
    theirs, ours = compared[step]
    assert ours == theirs
