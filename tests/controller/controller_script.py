"""Scripts of the controller's rules on a cluster of several brokers: who leads, who is in sync.

Every command is a line; the trace holds the records that were decided (`+`) and the answer (`<-`).

    PYTHONPATH=src:tests python tests/controller/controller_script.py --rewrite

    cluster [level=30] [elr=0] [KEY=VALUE]       a new one; must come first
    broker N... [fenced=1]                       registered, and heard of
    topic NAME replicas=1,2,3 [isr=] [leader=] [elr=] [last-elr=] [recovery=1] [KEY=VALUE]
    alter NAME by=N isr=1,2 [epoch=] [partition-epoch=] [broker-epoch=] [broker-epochs=N:E]
          [recovery=1] [v=3] [index=0]           AlterPartition
    heartbeat N [fence=1] [down=1] [offset=] [epoch=]
    register N [clean=0]                         the broker came back, cleanly or not
    lose N                                       its session ended
    show NAME
"""

from __future__ import annotations

from collections.abc import Sequence

import scripted
from coordinators.trace import fields
from ottla.config.broker import BrokerConfig
from ottla.controller import brokers, isr
from ottla.controller.state import Outcome, Replayed, Session, State, Versioned
from ottla.decide import Ask
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import EMPTY_IMAGE, TOPIC_RESOURCE
from ottla.wire.messages import alter_partition as alter
from ottla.wire.messages.broker_heartbeat import BrokerHeartbeatRequest
from ottla.wire.messages.broker_registration import BrokerRegistrationRequest, Feature
from ottla.wire.stored import metadata as stored

ROOM = "controller"
ALICE = "User:alice"
FEATURES = {
    "metadata.version": 30,
    "kraft.version": 1,
    "eligible.leader.replicas.version": 1,
}
SETTINGS = ("replicas", "isr", "leader", "elr", "last-elr", "recovery")


class NoEntropy:
    """Nothing here draws anything."""

    def uuid(self) -> bytes:
        raise AssertionError("nothing to draw")

    def below(self, bound: int) -> int:
        raise AssertionError(f"nothing to draw below {bound}")


class Script:
    """Runs commands on one cluster."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._state: State

    def run(self, command: str) -> list[str]:
        """The trace of one command."""
        self._lines = []
        name, words, args = scripted.words_of(command)
        getattr(self, "_do_" + name)(words, args)
        return self._lines

    # ------------------------------------------------------------ the cluster
    def _do_cluster(self, _words: list[str], args: dict[str, str]) -> None:
        level, elr = int(args.pop("level", "30")), int(args.pop("elr", "0"))
        config = BrokerConfig({"node.id": "1", "process.roles": "broker,controller", **args})
        nothing = Replayed(EMPTY_IMAGE, 0, 1, None, ())
        self._state = State(nothing, node_id=1, cluster_id="c", config=config, entropy=NoEntropy())
        levels = {"metadata.version": level, "eligible.leader.replicas.version": elr}
        self._apply(
            [
                (stored.FeatureLevelRecord(name=name, feature_level=at), 0)
                for name, at in levels.items()
            ]
        )

    def _do_broker(self, words: list[str], args: dict[str, str]) -> None:
        for word in words:
            epoch = self._state.next_offset
            record = stored.RegisterBrokerRecord(
                broker_id=int(word),
                broker_epoch=epoch,
                incarnation_id=_uuid(int(word)),
                fenced=args.get("fenced") == "1",
                log_dirs=[_uuid(int(word), 100)],
            )
            self._apply([(record, 3)])
            self._state.sessions[int(word)] = Session(epoch, 0, epoch, None)

    def _do_topic(self, words: list[str], args: dict[str, str]) -> None:
        (name,) = words
        replicas = _numbers(args["replicas"])
        topic_id = _uuid(len(self._state.image.topics.by_name), 200)
        partition = stored.PartitionRecord(
            topic_id=topic_id,
            partition_id=0,
            replicas=replicas,
            isr=_numbers(args.get("isr", args["replicas"])),
            leader=int(args.get("leader", replicas[0])),
            eligible_leader_replicas=_numbers(args.get("elr", "")) or None,
            last_known_elr=_numbers(args.get("last-elr", "")) or None,
            leader_recovery_state=int(args.get("recovery", "0")),
            leader_epoch=5,
            partition_epoch=5,
        )
        configs = [
            (_config(name, key, value), 0) for key, value in args.items() if key not in SETTINGS
        ]
        topic = stored.TopicRecord(name=name, topic_id=topic_id)
        self._apply([(topic, 0), (partition, 2), *configs])

    # ------------------------------------------------------------ what is asked
    def _do_alter(self, words: list[str], args: dict[str, str]) -> None:
        topic = self._state.image.topics.by_name.get(words[0])
        index = int(args.get("index", "0"))
        known = topic.partitions[index] if topic and 0 <= index < len(topic.partitions) else None
        by, version = int(args["by"]), int(args.get("v", "3"))
        isr_of = _numbers(args["isr"])
        epochs = dict(map(_pair, args.get("broker-epochs", "").split(",")))
        broker = self._state.image.brokers.get(by)
        asked = alter.AlterPartitionRequestPartitionData(
            partition_index=index,
            leader_epoch=int(args.get("epoch", known.leader_epoch if known else 0)),
            new_isr=isr_of,
            new_isr_with_epochs=[
                alter.BrokerState(broker_id=one, broker_epoch=epochs.get(one, -1)) for one in isr_of
            ],
            leader_recovery_state=int(args.get("recovery", "0")),
            partition_epoch=int(args.get("partition-epoch", known.partition_epoch if known else 0)),
        )
        of_topic = alter.AlterPartitionRequestTopicData(
            topic_id=topic.id if topic else b"?" * 16, partitions=[asked]
        )
        request = alter.AlterPartitionRequest(
            broker_id=by,
            broker_epoch=int(args.get("broker-epoch", broker.epoch if broker else 0)),
            topics=[of_topic],
        )
        outcome = isr.alter(self._state, Ask(1, request, version, ALICE), 0)
        self._decided(outcome.records)
        rows = [row for found in outcome.response.topics for row in found.partitions]
        self._lines += [f"<- {fields(row)}" for row in rows or [outcome.response]]

    def _do_heartbeat(self, words: list[str], args: dict[str, str]) -> None:
        broker = self._state.image.brokers.get(int(words[0]))
        request = BrokerHeartbeatRequest(
            broker_id=int(words[0]),
            broker_epoch=int(args.get("epoch", broker.epoch if broker else -1)),
            current_metadata_offset=int(args.get("offset", self._state.next_offset)),
            want_fence=args.get("fence") == "1",
            want_shut_down=args.get("down") == "1",
        )
        self._come_to(brokers.heartbeat(self._state, Ask(1, request, 2, ALICE), 0))

    def _do_register(self, words: list[str], args: dict[str, str]) -> None:
        number = int(words[0])
        broker = self._state.image.brokers[number]
        self._state.sessions.pop(number, None)
        request = BrokerRegistrationRequest(
            broker_id=number,
            cluster_id="c",
            incarnation_id=_uuid(number, 50),
            features=[
                Feature(name=name, max_supported_version=level) for name, level in FEATURES.items()
            ],
            log_dirs=list(broker.log_dirs),
            previous_broker_epoch=broker.epoch if args.get("clean", "1") == "1" else -1,
        )
        self._come_to(brokers.register(self._state, Ask(1, request, 4, ALICE), 0))

    def _do_lose(self, words: list[str], _args: dict[str, str]) -> None:
        self._decided(brokers.fence(self._state, self._state.image.brokers[int(words[0])]))
        self._state.sessions.pop(int(words[0]), None)

    def _do_show(self, words: list[str], _args: dict[str, str]) -> None:
        for partition in self._state.image.topics.by_name[words[0]].partitions:
            elr = [list(partition.eligible_leader_replicas), list(partition.last_known_elr)]
            self._lines.append(
                f"leader={partition.leader} epoch={partition.leader_epoch} "
                f"partition-epoch={partition.partition_epoch} isr={list(partition.isr)} "
                f"elr={elr[0]} last={elr[1]} recovery={partition.leader_recovery_state}"
            )

    # ------------------------------------------------------------ what comes of it
    def _come_to(self, outcome: Outcome) -> None:
        self._decided(outcome.records)
        self._lines.append(f"<- {fields(outcome.response)}".rstrip())

    def _decided(self, records: Sequence[Versioned]) -> None:
        self._lines += [told(record) for record in records]
        self._apply(records)

    def _apply(self, records: Sequence[Versioned]) -> None:
        state = self._state
        last = state.next_offset + len(records) - 1
        state.image = MetadataDelta.of(
            state.image, (record for record, _ in records), offset=last
        ).image
        state.next_offset += len(records)


def told(versioned: Versioned) -> str:
    """A record on one line."""
    record, version = versioned
    return f"+ {type(record).__name__.removesuffix('Record')} v{version} {fields(record)}"


def _config(topic: str, key: str, value: str) -> stored.ConfigRecord:
    return stored.ConfigRecord(
        resource_type=TOPIC_RESOURCE, resource_name=topic, name=key, value=value
    )


def _numbers(text: str) -> list[int]:
    return [int(one) for one in text.split(",") if one]


def _pair(text: str) -> tuple[int, int]:
    left, _, right = text.partition(":")
    return (int(left), int(right)) if left else (-1, -1)


def _uuid(number: int, kind: int = 0) -> bytes:
    return bytes([*b"uuid" * 3, 0, kind, 0, number])


if __name__ == "__main__":
    scripted.main(ROOM, lambda: Script().run)
