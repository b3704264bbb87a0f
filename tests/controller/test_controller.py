"""The controller as a decider: what it is made of, what changes it, and the timers that it sets."""

from __future__ import annotations

from typing import Any

from ottla.config.broker import BrokerConfig
from ottla.controller.brokers import SESSIONS
from ottla.controller.controller import NO_OP, Controller
from ottla.controller.state import Replayed
from ottla.decide import Ask, Decision, Now, Revocable
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import EMPTY_IMAGE, MetadataImage
from ottla.wire.messages.broker_heartbeat import BrokerHeartbeatRequest
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.stored.metadata import (
    AbortTransactionRecord,
    BrokerRegistrationChangeRecord,
    FeatureLevelRecord,
    NoOpRecord,
    RegisterBrokerRecord,
)

BROKER, EPOCH, DIRECTORY = 7, 1, b"d" * 16
TIMEOUT_MS = 9_000


class Entropy:
    """Always the same."""

    def uuid(self) -> bytes:
        return b"u" * 16

    def below(self, bound: int) -> int:
        return 0


def at(real_ms: int) -> Now:
    return Now(0, 0, real_ms)


def log(*, fenced: bool) -> MetadataImage:
    """A cluster of one broker."""
    records = [
        FeatureLevelRecord(name="metadata.version", feature_level=29),
        RegisterBrokerRecord(
            broker_id=BROKER, broker_epoch=EPOCH, fenced=fenced, log_dirs=[DIRECTORY]
        ),
    ]
    return MetadataDelta.of(EMPTY_IMAGE, records, offset=1).image


def made(image: MetadataImage, **changes: Any) -> Controller:
    """The controller of a node that begins to lead a log which comes to this."""
    replayed = Replayed(image, 5, 1, None, ())._replace(**changes)
    config = BrokerConfig({"node.id": "1", "process.roles": "broker,controller"})
    return Controller(replayed, node_id=1, cluster_id="c", config=config, entropy=Entropy())


def timers(decision: Decision) -> dict[Any, int | None]:
    assert all(timer.real for timer in decision.timers)
    return {timer.key: timer.at_ms for timer in decision.timers}


def heartbeat(**fields: Any) -> Ask:
    return Ask(
        1, BrokerHeartbeatRequest(broker_id=BROKER, broker_epoch=EPOCH, **fields), 1, "User:alice"
    )


def kinds(decision: Decision) -> list[type[Any]]:
    return [type(record.value) for record in decision.records]


def test_it_is_whole_when_it_is_made_and_only_apply_changes_what_the_log_tells() -> None:
    """A replay would come to another cluster than the life that it replays."""
    image = log(fenced=True)
    controller: Revocable = made(image, open_transaction=3)
    state = controller.state  # type: ignore[attr-defined]
    assert (state.image, state.next_offset, state.kraft_version) == (image, 5, 1)
    begun = controller.loaded(image, at(0))
    assert kinds(begun) == [AbortTransactionRecord]
    create = CreateTopicsRequest(
        topics=[CreatableTopic(name="t", num_partitions=1, replication_factor=1)]
    )
    for decided in (
        controller.decide(Ask(1, create, 7, "User:alice"), at(1)),
        controller.decide(heartbeat(current_metadata_offset=5), at(2)),
        controller.fire(SESSIONS, at(3)),
        controller.fire(NO_OP, at(4_000)),
        controller.on_image(MetadataDelta(image), at(5)),
    ):
        assert state.image is image, decided
        assert state.next_offset == 5
    before = controller.mark()
    controller.apply(begun.records, at(6))
    assert state.next_offset == 6
    controller.back_to(before)
    assert controller.mark() == before


def test_who_is_heard_of_moves_the_timer_that_fences_the_silent() -> None:
    """A broker that died would lead its partitions for ever, or one that lives would be fenced."""
    controller = made(log(fenced=True))
    assert timers(controller.loaded(controller.state.image, at(0)))[SESSIONS] is None
    decided = controller.decide(heartbeat(current_metadata_offset=EPOCH), at(100))
    assert timers(decided) == {SESSIONS: 100 + TIMEOUT_MS}
    controller.apply(decided.records, at(100))
    decided = controller.decide(heartbeat(current_metadata_offset=EPOCH), at(2_000))
    assert timers(decided) == {SESSIONS: 2_000 + TIMEOUT_MS}
    early = controller.fire(SESSIONS, at(100 + TIMEOUT_MS))
    assert (kinds(early), timers(early)) == ([], {SESSIONS: 2_000 + TIMEOUT_MS})
    late = controller.fire(SESSIONS, at(2_000 + TIMEOUT_MS))
    assert kinds(late) == [BrokerRegistrationChangeRecord]


def test_a_log_that_would_be_idle_gets_a_record_and_no_other_does() -> None:
    """Who waits for the high watermark to move would wait for the next topic; or a record be
    written for nothing each half second.
    """
    controller = made(log(fenced=False))
    first = timers(controller.loaded(controller.state.image, at(0)))[NO_OP]
    assert first == 500
    idle = controller.fire(NO_OP, at(first))
    assert (kinds(idle), timers(idle)) == ([NoOpRecord], {NO_OP: 1_000})
    controller.apply(idle.records, at(first))
    controller.apply(controller.decide(heartbeat(want_fence=True), at(900)).records, at(900))
    busy = controller.fire(NO_OP, at(1_000))
    assert (kinds(busy), timers(busy)) == ([], {NO_OP: 1_400})
