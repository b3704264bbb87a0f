"""The cluster image: every kind of record, epochs, sharing, and what a delta names."""

from __future__ import annotations

import copy
import tarfile
from pathlib import Path
from typing import Any

import pytest

from attack.extremes import extremes
from ottla.metadata.delta import MetadataDelta, MetadataError
from ottla.metadata.image import EMPTY_IMAGE, MetadataImage
from ottla.metadata.loader import CommittedBatch, MetadataLoader
from ottla.metadata.snapshot import snapshot_records
from ottla.raft.snapshots import decode_snapshot, encode_snapshot
from ottla.wire.records import read_batches
from ottla.wire.stored import metadata as m
from ottla.wire.stored.frame import decode_metadata_record, encode_metadata_record

APACHE_FOLDER = Path(__file__).parents[1] / "data" / "apache-4.3.1-folder.tar.xz"
TOPIC_ID = b"t" * 16
DIRECTORY = b"d" * 16


def applied(*records: Any, to: MetadataImage = EMPTY_IMAGE) -> MetadataImage:
    return MetadataDelta.of(to, records).image


def partition(index: int, **fields: Any) -> m.PartitionRecord:
    known = {
        "replicas": [1],
        "isr": [1],
        "leader": 1,
        "leader_epoch": 0,
        "partition_epoch": 0,
        "directories": [DIRECTORY],
    }
    return m.PartitionRecord(partition_id=index, topic_id=TOPIC_ID, **{**known, **fields})


def broker(broker_id: int = 1, epoch: int = 5, **fields: Any) -> m.RegisterBrokerRecord:
    return m.RegisterBrokerRecord(
        broker_id=broker_id,
        broker_epoch=epoch,
        incarnation_id=b"i" * 16,
        log_dirs=[DIRECTORY],
        end_points=[m.BrokerEndpoint(name="PLAINTEXT", host="h", port=9092, security_protocol=0)],
        features=[m.BrokerFeature(name="metadata.version", max_supported_version=30)],
        rack=None,
        **fields,
    )


TOPIC = m.TopicRecord(name="topic", topic_id=TOPIC_ID)

EVERY_KIND: tuple[Any, ...] = (
    m.FeatureLevelRecord(name="metadata.version", feature_level=30),
    m.FeatureLevelRecord(name="group.version", feature_level=1),
    m.RegisterControllerRecord(
        controller_id=1,
        incarnation_id=b"c" * 16,
        end_points=[m.ControllerEndpoint(name="C", host="h", port=1, security_protocol=0)],
        features=[m.ControllerFeature(name="kraft.version", max_supported_version=1)],
    ),
    broker(),
    m.UnfenceBrokerRecord(id=1, epoch=5),
    m.FenceBrokerRecord(id=1, epoch=5),
    m.BrokerRegistrationChangeRecord(broker_id=1, broker_epoch=5, fenced=-1, cordoned_log_dirs=[]),
    broker(2, 6),
    m.UnregisterBrokerRecord(broker_id=2, broker_epoch=6),
    TOPIC,
    partition(0, eligible_leader_replicas=[1], last_known_elr=[1]),
    m.PartitionChangeRecord(partition_id=0, topic_id=TOPIC_ID, leader=-1, isr=[]),
    m.ClearElrRecord(topic_name="topic"),
    m.TopicRecord(name="gone", topic_id=b"g" * 16),
    m.RemoveTopicRecord(topic_id=b"g" * 16),
    m.ConfigRecord(resource_type=2, resource_name="topic", name="retention.ms", value="1"),
    m.ClientQuotaRecord(
        entity=[m.EntityData(entity_type="user", entity_name=None)], key="rate", value=1.5
    ),
    m.ProducerIdsRecord(broker_id=1, broker_epoch=5, next_producer_id=1000),
    m.AccessControlEntryRecord(id=b"a" * 16, resource_name="topic", principal="User:x", host="*"),
    m.AccessControlEntryRecord(id=b"b" * 16, resource_name="topic", principal="User:y", host="*"),
    m.RemoveAccessControlEntryRecord(id=b"b" * 16),
    m.UserScramCredentialRecord(
        name="u", mechanism=1, salt=b"s", stored_key=b"k", server_key=b"v", iterations=4096
    ),
    m.UserScramCredentialRecord(
        name="w", mechanism=1, salt=b"s", stored_key=b"k", server_key=b"v", iterations=4096
    ),
    m.RemoveUserScramCredentialRecord(name="w", mechanism=1),
    m.DelegationTokenRecord(owner="User:x", requester="User:x", token_id="token"),
    m.DelegationTokenRecord(owner="User:x", requester="User:x", token_id="other"),
    m.RemoveDelegationTokenRecord(token_id="other"),
    m.ZkMigrationStateRecord(zk_migration_state=0),
    m.NoOpRecord(),
    m.BeginTransactionRecord(name="t"),
    m.EndTransactionRecord(),
    m.AbortTransactionRecord(reason="r"),
)


def test_every_kind_of_record_is_applied() -> None:
    """A kind that raises would make a folder of Apache Kafka unreadable."""
    assert {record.api_key for record in EVERY_KIND} == {
        kind.api_key for kind in vars(m).values() if getattr(kind, "api_key", -1) >= 0
    }
    image = applied(*EVERY_KIND)
    assert set(image.topics.by_name) == {"topic"}
    assert set(image.brokers) == {1}
    assert image.brokers[1].fenced is False
    assert list(image.scram) == [(1, "u")]
    assert list(image.delegation_tokens) == ["token"]
    assert list(image.acls) == [b"a" * 16]


@pytest.mark.parametrize(
    "place", range(len(EVERY_KIND)), ids=lambda n: type(EVERY_KIND[n]).__name__
)
def test_every_field_of_every_record_at_its_extremes(place: int) -> None:
    """If this failed, a number in a stored record could end a start without a name, or fill the
    memory: each is applied, or contradicts the image.
    """
    before = applied(*EVERY_KIND[:place])
    kind = type(EVERY_KIND[place])
    for extreme in extremes(lambda: copy.deepcopy(EVERY_KIND[place]), kind.max_version):
        try:
            image = applied(extreme.message, to=before)
        except MetadataError:
            continue
        assert len(image.topics.by_name) <= 3, extreme
        assert all(len(topic.partitions) <= 2 for topic in image.topics.by_name.values()), extreme
        list(snapshot_records(image))


def test_a_snapshot_of_an_image_rebuilds_it() -> None:
    """What a snapshot leaves out is lost when the log before it is deleted, served or not."""
    image = applied(*EVERY_KIND)
    data = encode_snapshot(
        snapshot_records(image), epoch=1, now_ms=2, last_contained_log_timestamp=3
    )
    again = applied(*decode_snapshot(data, "test").records)
    # Which broker took the last block of producer ids is forgotten, in Apache's snapshots too.
    producer_ids = image.producer_ids._replace(broker_id=-1, broker_epoch=-1)
    assert again == image._replace(producer_ids=producer_ids)


@pytest.mark.parametrize("level", range(7, 31))
def test_a_snapshot_is_written_in_the_versions_of_its_metadata_version(level: int) -> None:
    """Brokers that a cluster of an older level still has could not read newer records."""
    image = applied(
        m.FeatureLevelRecord(name="metadata.version", feature_level=level),
        broker(),
        TOPIC,
        partition(0, eligible_leader_replicas=[1] if level >= 23 else None),
    )
    for record, version in snapshot_records(image):
        assert decode_metadata_record(encode_metadata_record(record, version))[1] == version


def test_leader_and_partition_epochs_follow_kafkas_rule() -> None:
    """A leader epoch that does not rise lets a deposed leader's records stand."""
    image = applied(TOPIC, partition(0))
    steps = [
        (m.PartitionChangeRecord(partition_id=0, topic_id=TOPIC_ID, isr=[1]), (0, 1)),
        (m.PartitionChangeRecord(partition_id=0, topic_id=TOPIC_ID, leader=1), (1, 2)),
        (m.PartitionChangeRecord(partition_id=0, topic_id=TOPIC_ID, leader=-1, isr=[]), (2, 3)),
        (
            m.PartitionChangeRecord(partition_id=0, topic_id=TOPIC_ID, leader_recovery_state=1),
            (2, 4),
        ),
    ]
    for record, epochs in steps:
        image = applied(record, to=image)
        found = image.topics.by_name["topic"].partitions[0]
        assert (found.leader_epoch, found.partition_epoch) == epochs


def test_an_image_does_not_change_and_shares_what_stays() -> None:
    """A handler that holds an image must not see it move under its hands."""
    before = applied(TOPIC, partition(0), broker())
    after = applied(
        m.ConfigRecord(resource_type=2, resource_name="topic", name="a", value="b"), to=before
    )
    assert before.configs == {}
    assert after.configs == {(2, "topic"): {"a": "b"}}
    assert after.topics is before.topics
    assert after.brokers is before.brokers


def test_a_delta_names_what_was_created_changed_and_deleted() -> None:
    """The core opens, moves and deletes partitions by these names alone."""
    image = applied(TOPIC, partition(0), m.TopicRecord(name="old", topic_id=b"o" * 16))
    other = b"n" * 16
    delta = MetadataDelta.of(
        image,
        [
            m.PartitionChangeRecord(partition_id=0, topic_id=TOPIC_ID, leader=-1, isr=[]),
            partition(1),
            m.RemoveTopicRecord(topic_id=b"o" * 16),
            m.TopicRecord(name="old", topic_id=other),
            m.TopicRecord(name="brief", topic_id=b"x" * 16),
            m.RemoveTopicRecord(topic_id=b"x" * 16),
        ],
    )
    assert [(t.name, t.id) for t in delta.topics_created()] == [("old", other)]
    assert [(t.name, t.id) for t in delta.topics_deleted()] == [("old", b"o" * 16)]
    assert [new.name for _, new in delta.topics_changed()] == ["topic"]
    changes = [(c.topic.name, c.index, c.old is None) for c in delta.partitions_changed()]
    assert changes == [("topic", 0, False), ("topic", 1, True)]


def test_deleting_a_topic_takes_its_configs() -> None:
    """A topic of the same name made later must not inherit them."""
    config = m.ConfigRecord(resource_type=2, resource_name="topic", name="a", value="b")
    image = applied(TOPIC, config)
    delta = MetadataDelta.of(image, [m.RemoveTopicRecord(topic_id=TOPIC_ID)])
    assert delta.image.configs == {}
    assert delta.configs_changed == {(2, "topic")}


@pytest.mark.parametrize(
    "record",
    [
        partition(0),
        m.PartitionChangeRecord(partition_id=0, topic_id=TOPIC_ID, leader=1),
        m.RemoveTopicRecord(topic_id=TOPIC_ID),
        m.ClearElrRecord(topic_name="nowhere"),
        m.FenceBrokerRecord(id=1, epoch=5),
        m.UnregisterBrokerRecord(broker_id=1, broker_epoch=5),
        m.RemoveAccessControlEntryRecord(id=b"z" * 16),
    ],
    ids=lambda record: type(record).__name__,
)
def test_a_record_that_contradicts_the_image_is_refused(record: Any) -> None:
    """Going on after a broken log would write the damage into the next snapshot."""
    with pytest.raises(MetadataError):
        applied(record)


def test_a_broker_epoch_that_is_not_current_is_refused() -> None:
    """A late record for an earlier life of a broker must not fence the present one."""
    with pytest.raises(MetadataError, match="epoch 5"):
        applied(broker(), m.FenceBrokerRecord(id=1, epoch=4))


def test_a_hole_in_the_partitions_of_a_topic_is_refused() -> None:
    """Partitions are found by their place; a hole would shift them."""
    with pytest.raises(MetadataError, match="partition 0"):
        applied(TOPIC, partition(1))


def test_a_transaction_appears_at_its_end_or_never() -> None:
    """Nobody may see half of what a controller decided as one."""
    loader = MetadataLoader()

    def load(offset: int, *records: Any) -> list[str]:
        batch = CommittedBatch(offset, offset + len(records) - 1, 1, 1, 10, records)
        return [topic.name for topic in loader.load([batch]).topics_created()]

    assert load(0, m.BeginTransactionRecord(), TOPIC) == []
    assert (loader.transaction_start, loader.image.offset) == (0, -1)
    assert load(2, partition(0), m.EndTransactionRecord()) == ["topic"]
    assert (loader.transaction_start, loader.image.offset) == (None, 3)
    aborted = m.TopicRecord(name="aborted", topic_id=b"q" * 16)
    assert load(4, m.BeginTransactionRecord(), aborted, m.AbortTransactionRecord()) == []
    assert set(loader.image.topics.by_name) == {"topic"}


def test_a_folder_of_apache_kafka_loads_and_is_snapshotted_without_loss(tmp_path: Path) -> None:
    """Growing in place begins with reading the metadata that 4.3.1 wrote, all of it."""
    with tarfile.open(APACHE_FOLDER) as archive:
        archive.extractall(tmp_path, filter="data")
    log = (tmp_path / "data" / "__cluster_metadata-0" / f"{0:020d}.log").read_bytes()
    loader = MetadataLoader()
    for batch in read_batches(log):
        pairs = [
            decode_metadata_record(record.value or b"")
            for record in batch.records
            if not batch.is_control
        ]
        for pair, record in zip(pairs, batch.records, strict=not batch.is_control):
            assert encode_metadata_record(*pair) == record.value
        loader.load(
            [
                CommittedBatch(
                    batch.base_offset,
                    batch.last_offset,
                    batch.leader_epoch,
                    batch.max_timestamp_ms,
                    batch.size_bytes,
                    [record for record, _ in pairs],
                )
            ]
        )
    image = loader.image
    assert {"plain", "codecs"} <= set(image.topics.by_name)
    assert image.metadata_version == 30
    assert loader.transaction_start is None
    again = applied(*(record for record, _ in snapshot_records(image)))
    assert again.topics == image.topics
    assert again.brokers == image.brokers
    assert again.configs == image.configs
    assert again.features == image.features
