"""What a run of metadata records changes: applied to one image, it gives the next, and says what
differs.

A map of the previous image is copied when the first record touches it. What was touched is kept as
keys, and created, changed and deleted are read off the two images, so a topic that came and went
within the delta is in none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ottla.errors import OttlaError
from ottla.metadata.image import (
    EMPTY_IMAGE,
    TOPIC_RESOURCE,
    Broker,
    Controller,
    Endpoint,
    MetadataImage,
    Partition,
    ProducerIds,
    Topic,
    Topics,
)
from ottla.wire.stored import metadata as stored

NO_LEADER_CHANGE = -2
HOLE_MAX = 1 << 20
"""How far a partition's number may be ahead of those before it, which its records may follow."""


class MetadataError(OttlaError):
    """A metadata record contradicts what the log said before."""


class PartitionChange:
    """One partition that a delta created (`old` is None) or changed."""

    __slots__ = ("index", "new", "old", "topic")

    def __init__(self, topic: Topic, index: int, old: Partition | None, new: Partition) -> None:
        self.topic = topic
        self.index = index
        self.old = old
        self.new = new


class MetadataDelta:
    """Feed it records with `replay`, close it with `finish`, then read it. Never reopened."""

    __slots__ = (
        "_acls",
        "_brokers",
        "_by_id",
        "_by_name",
        "_client_quotas",
        "_configs",
        "_controllers",
        "_features",
        "_open",
        "_producer_ids",
        "_scram",
        "_tokens",
        "_touched_topics",
        "acls_changed",
        "brokers_changed",
        "client_quotas_changed",
        "configs_changed",
        "controllers_changed",
        "delegation_tokens_changed",
        "features_changed",
        "image",
        "previous",
        "scram_changed",
    )

    def __init__(self, previous: MetadataImage) -> None:
        self.previous = previous
        self.image = previous
        self._features: dict[str, int] | None = None
        self._brokers: dict[int, Broker] | None = None
        self._controllers: dict[int, Controller] | None = None
        self._by_name: dict[str, Topic] | None = None
        self._by_id: dict[bytes, Topic] | None = None
        self._configs: dict[tuple[int, str], dict[str, str]] | None = None
        self._client_quotas: dict[Any, dict[str, float]] | None = None
        self._producer_ids: ProducerIds | None = None
        self._acls: dict[bytes, Any] | None = None
        self._scram: dict[tuple[int, str], Any] | None = None
        self._tokens: dict[str, Any] | None = None
        # Topics whose partitions are being written: id -> partitions, None for a hole not filled
        # yet.
        self._open: dict[bytes, list[Partition | None]] = {}
        self._touched_topics: dict[bytes, None] = {}
        self.features_changed: set[str] = set()
        self.brokers_changed: set[int] = set()
        self.controllers_changed: set[int] = set()
        self.configs_changed: set[tuple[int, str]] = set()
        self.client_quotas_changed: set[Any] = set()
        self.acls_changed: set[bytes] = set()
        self.scram_changed: set[tuple[int, str]] = set()
        self.delegation_tokens_changed: set[str] = set()

    @classmethod
    def whole(cls, image: MetadataImage) -> MetadataDelta:
        """The delta from nothing to an image."""
        delta = cls(EMPTY_IMAGE)
        delta.image = image
        delta._touched_topics = dict.fromkeys(image.topics.by_id)
        delta.features_changed = set(image.features)
        delta.brokers_changed = set(image.brokers)
        delta.controllers_changed = set(image.controllers)
        delta.configs_changed = set(image.configs)
        delta.client_quotas_changed = set(image.client_quotas)
        delta.acls_changed = set(image.acls)
        delta.scram_changed = set(image.scram)
        delta.delegation_tokens_changed = set(image.delegation_tokens)
        return delta

    @classmethod
    def of(
        cls,
        previous: MetadataImage,
        records: Iterable[Any],
        *,
        offset: int | None = None,
        epoch: int | None = None,
        timestamp_ms: int | None = None,
    ) -> MetadataDelta:
        """The delta that these metadata records make; `.image` of it is the next image.

        `offset`, `epoch` and `timestamp_ms` are those of the last record; what is left out stays as
        it is.

        Raises:
            MetadataError: a record contradicts the image (an unknown topic, broker or partition),
                which means that the log or its reader is broken.
        """
        delta = cls(previous)
        for record in records:
            delta.replay(record)
        delta.finish(offset=offset, epoch=epoch, timestamp_ms=timestamp_ms)
        return delta

    # ------------------------------------------------------------------ what it says
    def topics_created(self) -> list[Topic]:
        """Topics that the next image has and the previous had not, in the order of their
        records."""
        old, new = self.previous.topics.by_id, self.image.topics.by_id
        return [new[i] for i in self._touched_topics if i in new and i not in old]

    def topics_deleted(self) -> list[Topic]:
        """Topics that are gone, as they were; a name may have come back under another id."""
        old, new = self.previous.topics.by_id, self.image.topics.by_id
        return [old[i] for i in self._touched_topics if i in old and i not in new]

    def topics_changed(self) -> list[tuple[Topic, Topic]]:
        """(old, new) of topics whose partitions changed or grew in number."""
        old, new = self.previous.topics.by_id, self.image.topics.by_id
        both = ((old[i], new[i]) for i in self._touched_topics if i in old and i in new)
        return [(before, after) for before, after in both if before is not after]

    def partitions_changed(self) -> Iterator[PartitionChange]:
        """Every partition that was created or changed, those of new topics included."""
        for topic in self.topics_created():
            for index, partition in enumerate(topic.partitions):
                yield PartitionChange(topic, index, None, partition)
        for before, after in self.topics_changed():
            for index, partition in enumerate(after.partitions):
                old = before.partitions[index] if index < len(before.partitions) else None
                if partition is not old and partition != old:
                    yield PartitionChange(after, index, old, partition)

    # ------------------------------------------------------------------ how it is fed
    def replay(self, record: Any) -> None:
        """Take one record, of any of the 26 kinds.

        Raises:
            MetadataError: the record contradicts the image.
        """
        apply = _APPLY.get(type(record))
        if apply is None:
            raise MetadataError(f"{type(record).__name__} is no metadata record")
        apply(self, record)

    def finish(
        self,
        *,
        offset: int | None = None,
        epoch: int | None = None,
        timestamp_ms: int | None = None,
    ) -> MetadataImage:
        """Close the delta; the next image is returned and stays in `.image`."""
        previous = self.previous
        for topic_id in list(self._open):
            self._close(topic_id)
        topics = previous.topics
        if self._by_id is not None and self._by_name is not None:
            topics = Topics(self._by_name, self._by_id)
        self.image = MetadataImage(
            offset=previous.offset if offset is None else offset,
            epoch=previous.epoch if epoch is None else epoch,
            timestamp_ms=previous.timestamp_ms if timestamp_ms is None else timestamp_ms,
            features=previous.features if self._features is None else self._features,
            brokers=previous.brokers if self._brokers is None else self._brokers,
            controllers=previous.controllers if self._controllers is None else self._controllers,
            topics=topics,
            configs=previous.configs if self._configs is None else self._configs,
            client_quotas=(
                previous.client_quotas if self._client_quotas is None else self._client_quotas
            ),
            producer_ids=self._producer_ids or previous.producer_ids,
            acls=previous.acls if self._acls is None else self._acls,
            scram=previous.scram if self._scram is None else self._scram,
            delegation_tokens=previous.delegation_tokens if self._tokens is None else self._tokens,
        )
        return self.image

    # ------------------------------------------------------------------ topics
    def _topics(self) -> tuple[dict[str, Topic], dict[bytes, Topic]]:
        if self._by_name is None or self._by_id is None:
            self._by_name = dict(self.previous.topics.by_name)
            self._by_id = dict(self.previous.topics.by_id)
        return self._by_name, self._by_id

    def _topic(self, topic_id: bytes, record: Any) -> Topic:
        topic = self._topics()[1].get(topic_id)
        if topic is None:
            raise MetadataError(f"no topic with id {topic_id.hex()}: {record!r}")
        return topic

    def _partitions(self, topic_id: bytes, record: Any) -> list[Partition | None]:
        opened = self._open.get(topic_id)
        if opened is None:
            opened = self._open[topic_id] = list(self._topic(topic_id, record).partitions)
            self._touched_topics[topic_id] = None
        return opened

    def _close(self, topic_id: bytes) -> Topic:
        by_name, by_id = self._topics()
        topic = by_id[topic_id]
        opened = self._open.pop(topic_id, None)
        if opened is None:
            return topic
        partitions = tuple(p for p in opened if p is not None)
        if len(partitions) != len(opened):
            hole = opened.index(None)
            raise MetadataError(f"topic {topic.name} has no partition {hole} but has later ones")
        topic = Topic(topic_id, topic.name, partitions)
        by_name[topic.name] = by_id[topic_id] = topic
        return topic

    def _topic_record(self, record: Any) -> None:
        by_name, by_id = self._topics()
        if record.name in by_name:
            raise MetadataError(f"topic {record.name} exists already: {record!r}")
        topic = Topic(record.topic_id, record.name, ())
        by_name[record.name] = by_id[record.topic_id] = topic
        self._touched_topics[record.topic_id] = None

    def _partition_record(self, record: Any) -> None:
        opened = self._partitions(record.topic_id, record)
        index = record.partition_id
        if not 0 <= index < len(opened) + HOLE_MAX:
            raise MetadataError(f"no partition can have this number: {record!r}")
        if index >= len(opened):
            opened.extend([None] * (index + 1 - len(opened)))
        replicas = tuple(record.replicas)
        opened[index] = Partition(
            replicas,
            tuple(record.directories) or (bytes(16),) * len(replicas),
            tuple(record.isr),
            tuple(record.removing_replicas),
            tuple(record.adding_replicas),
            tuple(record.eligible_leader_replicas or ()),
            tuple(record.last_known_elr or ()),
            record.leader,
            record.leader_recovery_state,
            record.leader_epoch,
            record.partition_epoch,
        )

    def _partition_change_record(self, record: Any) -> None:
        opened = self._partitions(record.topic_id, record)
        index = record.partition_id
        old = opened[index] if 0 <= index < len(opened) else None
        if old is None:
            raise MetadataError(f"no such partition: {record!r}")
        opened[index] = merged(old, record)

    def _remove_topic_record(self, record: Any) -> None:
        topic = self._topic(record.topic_id, record)
        by_name, by_id = self._topics()
        self._open.pop(record.topic_id, None)
        del by_id[record.topic_id], by_name[topic.name]
        self._touched_topics[record.topic_id] = None
        key = (TOPIC_RESOURCE, topic.name)
        if key in (self.previous.configs if self._configs is None else self._configs):
            del self._config_map()[key]
            self.configs_changed.add(key)

    def _clear_elr_record(self, record: Any) -> None:
        by_name, _ = self._topics()
        if record.topic_name:
            if record.topic_name not in by_name:
                raise MetadataError(f"no such topic: {record!r}")
            names = [record.topic_name]
        else:
            names = list(by_name)
        for name in names:
            topic = self._close(by_name[name].id)
            for index, old in enumerate(topic.partitions):
                if old.eligible_leader_replicas or old.last_known_elr:
                    self._partitions(topic.id, record)[index] = old._replace(
                        eligible_leader_replicas=(),
                        last_known_elr=(),
                        partition_epoch=old.partition_epoch + 1,
                    )

    # ------------------------------------------------------------------ brokers and controllers
    def _broker_map(self) -> dict[int, Broker]:
        if self._brokers is None:
            self._brokers = dict(self.previous.brokers)
        return self._brokers

    def _broker(self, broker_id: int, epoch: int, record: Any) -> Broker:
        broker = self._broker_map().get(broker_id)
        if broker is None:
            raise MetadataError(f"no registered broker {broker_id}: {record!r}")
        if broker.epoch != epoch:
            raise MetadataError(f"broker {broker_id} has epoch {broker.epoch}: {record!r}")
        self.brokers_changed.add(broker_id)
        return broker

    def _register_broker_record(self, record: Any) -> None:
        cordoned = record.cordoned_log_dirs
        self._broker_map()[record.broker_id] = Broker(
            id=record.broker_id,
            epoch=record.broker_epoch,
            incarnation_id=record.incarnation_id,
            endpoints=_endpoints(record.end_points),
            features=_features(record.features),
            rack=record.rack,
            fenced=record.fenced,
            in_controlled_shutdown=record.in_controlled_shutdown,
            log_dirs=tuple(record.log_dirs or ()),
            cordoned_log_dirs=None if cordoned is None else tuple(cordoned),
            is_migrating_zk_broker=record.is_migrating_zk_broker,
        )
        self.brokers_changed.add(record.broker_id)

    def _unregister_broker_record(self, record: Any) -> None:
        self._broker(record.broker_id, record.broker_epoch, record)
        del self._broker_map()[record.broker_id]

    def _fence_broker_record(self, record: Any) -> None:
        broker = self._broker(record.id, record.epoch, record)
        self._broker_map()[record.id] = broker._replace(fenced=True)

    def _unfence_broker_record(self, record: Any) -> None:
        broker = self._broker(record.id, record.epoch, record)
        self._broker_map()[record.id] = broker._replace(fenced=False)

    def _broker_registration_change_record(self, record: Any) -> None:
        broker = self._broker(record.broker_id, record.broker_epoch, record)
        if record.fenced not in (-1, 0, 1) or record.in_controlled_shutdown not in (0, 1):
            raise MetadataError(f"unknown value for fenced or in_controlled_shutdown: {record!r}")
        if record.fenced:
            broker = broker._replace(fenced=record.fenced > 0)
        if record.in_controlled_shutdown:
            broker = broker._replace(in_controlled_shutdown=True)
        if record.log_dirs:
            broker = broker._replace(log_dirs=tuple(record.log_dirs))
        if record.cordoned_log_dirs is not None:
            broker = broker._replace(cordoned_log_dirs=tuple(record.cordoned_log_dirs))
        self._broker_map()[record.broker_id] = broker

    def _register_controller_record(self, record: Any) -> None:
        if self._controllers is None:
            self._controllers = dict(self.previous.controllers)
        self._controllers[record.controller_id] = Controller(
            id=record.controller_id,
            incarnation_id=record.incarnation_id,
            zk_migration_ready=record.zk_migration_ready,
            endpoints=_endpoints(record.end_points),
            features=_features(record.features),
        )
        self.controllers_changed.add(record.controller_id)

    # ------------------------------------------------------------------ all that is a map of values
    def _feature_level_record(self, record: Any) -> None:
        if self._features is None:
            self._features = dict(self.previous.features)
        if record.feature_level == 0:
            self._features.pop(record.name, None)
        else:
            self._features[record.name] = record.feature_level
        self.features_changed.add(record.name)

    def _config_map(self) -> dict[tuple[int, str], dict[str, str]]:
        if self._configs is None:
            # The inner maps are shared until one is written, and then replaced, never changed.
            self._configs = dict(self.previous.configs)  # type: ignore[arg-type]
        return self._configs

    def _config_record(self, record: Any) -> None:
        configs = self._config_map()
        key = (record.resource_type, record.resource_name)
        values = dict(configs.get(key, ()))
        if record.value is None:
            values.pop(record.name, None)
        else:
            values[record.name] = record.value
        if values:
            configs[key] = values
        else:
            configs.pop(key, None)
        self.configs_changed.add(key)

    def _client_quota_record(self, record: Any) -> None:
        if self._client_quotas is None:
            self._client_quotas = dict(self.previous.client_quotas)  # type: ignore[arg-type]
        entity = tuple(sorted((part.entity_type, part.entity_name) for part in record.entity))
        values = dict(self._client_quotas.get(entity, ()))
        if record.remove:
            values.pop(record.key, None)
        else:
            values[record.key] = record.value
        if values:
            self._client_quotas[entity] = values
        else:
            self._client_quotas.pop(entity, None)
        self.client_quotas_changed.add(entity)

    def _producer_ids_record(self, record: Any) -> None:
        self._producer_ids = ProducerIds(
            record.next_producer_id, record.broker_id, record.broker_epoch
        )

    def _access_control_entry_record(self, record: Any) -> None:
        if self._acls is None:
            self._acls = dict(self.previous.acls)
        self._acls[record.id] = record
        self.acls_changed.add(record.id)

    def _remove_access_control_entry_record(self, record: Any) -> None:
        if self._acls is None:
            self._acls = dict(self.previous.acls)
        if self._acls.pop(record.id, None) is None:
            raise MetadataError(f"no such ACL: {record!r}")
        self.acls_changed.add(record.id)

    def _user_scram_credential_record(self, record: Any) -> None:
        if self._scram is None:
            self._scram = dict(self.previous.scram)
        self._scram[record.mechanism, record.name] = record
        self.scram_changed.add((record.mechanism, record.name))

    def _remove_user_scram_credential_record(self, record: Any) -> None:
        if self._scram is None:
            self._scram = dict(self.previous.scram)
        self._scram.pop((record.mechanism, record.name), None)
        self.scram_changed.add((record.mechanism, record.name))

    def _delegation_token_record(self, record: Any) -> None:
        if self._tokens is None:
            self._tokens = dict(self.previous.delegation_tokens)
        self._tokens[record.token_id] = record
        self.delegation_tokens_changed.add(record.token_id)

    def _remove_delegation_token_record(self, record: Any) -> None:
        if self._tokens is None:
            self._tokens = dict(self.previous.delegation_tokens)
        self._tokens.pop(record.token_id, None)
        self.delegation_tokens_changed.add(record.token_id)

    def _nothing(self, record: Any) -> None:
        """NoOp moves the offset only; transactions are the loader's; ZooKeeper is history."""


def merged(old: Partition, record: Any) -> Partition:
    """`old` after a PartitionChangeRecord, by Kafka's rule of epochs.

    A leader that is present in the record starts a new leader epoch, even if it is the same broker
    or none (-1); the partition epoch grows with every record.
    """
    replicas = old.replicas if record.replicas is None else tuple(record.replicas)
    if record.directories is not None:
        directories = tuple(record.directories) or (bytes(16),) * len(replicas)
    elif record.replicas is not None:
        known = dict(zip(old.replicas, old.directories, strict=True))
        directories = tuple(known.get(replica, bytes(16)) for replica in replicas)
    else:
        directories = old.directories
    elected = record.leader != NO_LEADER_CHANGE
    recovery = record.leader_recovery_state
    removing, adding = record.removing_replicas, record.adding_replicas
    eligible, last_known = record.eligible_leader_replicas, record.last_known_elr
    # A start passes here twice for each partition: so without a function for each field.
    return Partition(
        replicas,
        directories,
        old.isr if record.isr is None else tuple(record.isr),
        old.removing_replicas if removing is None else tuple(removing),
        old.adding_replicas if adding is None else tuple(adding),
        old.eligible_leader_replicas if eligible is None else tuple(eligible),
        old.last_known_elr if last_known is None else tuple(last_known),
        record.leader if elected else old.leader,
        old.leader_recovery_state if recovery == -1 else recovery,
        old.leader_epoch + 1 if elected else old.leader_epoch,
        old.partition_epoch + 1,
    )


def _endpoints(end_points: Any) -> dict[str, Endpoint]:
    return {e.name: Endpoint(e.name, e.host, e.port, e.security_protocol) for e in end_points}


def _features(features: Any) -> dict[str, tuple[int, int]]:
    return {f.name: (f.min_supported_version, f.max_supported_version) for f in features}


_APPLY: dict[type, Callable[[MetadataDelta, Any], None]] = {
    stored.RegisterBrokerRecord: MetadataDelta._register_broker_record,
    stored.UnregisterBrokerRecord: MetadataDelta._unregister_broker_record,
    stored.TopicRecord: MetadataDelta._topic_record,
    stored.PartitionRecord: MetadataDelta._partition_record,
    stored.ConfigRecord: MetadataDelta._config_record,
    stored.PartitionChangeRecord: MetadataDelta._partition_change_record,
    stored.FenceBrokerRecord: MetadataDelta._fence_broker_record,
    stored.UnfenceBrokerRecord: MetadataDelta._unfence_broker_record,
    stored.RemoveTopicRecord: MetadataDelta._remove_topic_record,
    stored.DelegationTokenRecord: MetadataDelta._delegation_token_record,
    stored.UserScramCredentialRecord: MetadataDelta._user_scram_credential_record,
    stored.FeatureLevelRecord: MetadataDelta._feature_level_record,
    stored.ClientQuotaRecord: MetadataDelta._client_quota_record,
    stored.ProducerIdsRecord: MetadataDelta._producer_ids_record,
    stored.BrokerRegistrationChangeRecord: MetadataDelta._broker_registration_change_record,
    stored.AccessControlEntryRecord: MetadataDelta._access_control_entry_record,
    stored.RemoveAccessControlEntryRecord: MetadataDelta._remove_access_control_entry_record,
    stored.NoOpRecord: MetadataDelta._nothing,
    stored.ZkMigrationStateRecord: MetadataDelta._nothing,
    stored.RemoveUserScramCredentialRecord: MetadataDelta._remove_user_scram_credential_record,
    stored.BeginTransactionRecord: MetadataDelta._nothing,
    stored.EndTransactionRecord: MetadataDelta._nothing,
    stored.AbortTransactionRecord: MetadataDelta._nothing,
    stored.RemoveDelegationTokenRecord: MetadataDelta._remove_delegation_token_record,
    stored.RegisterControllerRecord: MetadataDelta._register_controller_record,
    stored.ClearElrRecord: MetadataDelta._clear_elr_record,
}
