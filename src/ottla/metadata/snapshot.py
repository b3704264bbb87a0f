"""An image as the records that rebuild it: what a metadata snapshot holds.

The order of kinds is Apache Kafka's: features (metadata.version first, as all else is read by it),
brokers, controllers, topics with their partitions, configs, quotas, producer ids, ACLs, SCRAM
credentials, delegation tokens. Loading the records into an empty image gives an equal image.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ottla.metadata.features import (
    METADATA_VERSION,
    controller_registration_supported,
    partition_record_version,
    register_broker_record_version,
)
from ottla.metadata.image import Broker, Controller, MetadataImage, Partition, Topic
from ottla.wire.stored import metadata as stored

Versioned = tuple[Any, int]
"""A metadata record and the version that it is written in."""


def snapshot_records(image: MetadataImage) -> Iterator[Versioned]:
    """All records of the image, each with its version."""
    level = image.metadata_version
    yield from _features(image)
    for broker in image.brokers.values():
        yield broker_record(broker, level)
    if controller_registration_supported(level):
        for controller in image.controllers.values():
            yield controller_record(controller), 0
    for topic in image.topics.by_name.values():
        yield stored.TopicRecord(name=topic.name, topic_id=topic.id), 0
        for index in range(len(topic.partitions)):
            yield partition_record(topic, index, level)
    for (resource_type, resource_name), values in image.configs.items():
        for name, value in values.items():
            yield (
                stored.ConfigRecord(
                    resource_type=resource_type,
                    resource_name=resource_name,
                    name=name,
                    value=value,
                ),
                0,
            )
    yield from _quotas(image)
    if image.producer_ids.next_producer_id >= 0:
        producer_ids = image.producer_ids
        yield (
            stored.ProducerIdsRecord(
                broker_id=-1, broker_epoch=-1, next_producer_id=producer_ids.next_producer_id
            ),
            0,
        )
    for kind in (image.acls, image.scram, image.delegation_tokens):
        for record in kind.values():
            yield record, 0


def _features(image: MetadataImage) -> Iterator[Versioned]:
    names = sorted(image.features, key=lambda name: (name != METADATA_VERSION, name))
    for name in names:
        yield stored.FeatureLevelRecord(name=name, feature_level=image.features[name]), 0


def _quotas(image: MetadataImage) -> Iterator[Versioned]:
    for entity, values in image.client_quotas.items():
        for key, value in values.items():
            parts = [stored.EntityData(entity_type=kind, entity_name=name) for kind, name in entity]
            yield stored.ClientQuotaRecord(entity=parts, key=key, value=value, remove=False), 0


def broker_record(broker: Broker, metadata_version: int) -> Versioned:
    """The RegisterBrokerRecord of a broker, in the version that this metadata.version writes."""
    version = register_broker_record_version(metadata_version)
    record = stored.RegisterBrokerRecord(
        broker_id=broker.id,
        incarnation_id=broker.incarnation_id,
        broker_epoch=broker.epoch,
        end_points=[
            stored.BrokerEndpoint(
                name=e.name, host=e.host, port=e.port, security_protocol=e.security_protocol
            )
            for e in broker.endpoints.values()
        ],
        features=[
            stored.BrokerFeature(name=name, min_supported_version=low, max_supported_version=high)
            for name, (low, high) in broker.features.items()
        ],
        rack=broker.rack,
        fenced=broker.fenced,
        in_controlled_shutdown=broker.in_controlled_shutdown,
    )
    if version >= 2:
        record.is_migrating_zk_broker = broker.is_migrating_zk_broker
    if version >= 3:
        record.log_dirs = list(broker.log_dirs)
    if version >= 4 and broker.cordoned_log_dirs is not None:
        record.cordoned_log_dirs = list(broker.cordoned_log_dirs)
    return record, version


def controller_record(controller: Controller) -> Any:
    """The RegisterControllerRecord of a controller."""
    return stored.RegisterControllerRecord(
        controller_id=controller.id,
        incarnation_id=controller.incarnation_id,
        zk_migration_ready=controller.zk_migration_ready,
        end_points=[
            stored.ControllerEndpoint(
                name=e.name, host=e.host, port=e.port, security_protocol=e.security_protocol
            )
            for e in controller.endpoints.values()
        ],
        features=[
            stored.ControllerFeature(
                name=name, min_supported_version=low, max_supported_version=high
            )
            for name, (low, high) in controller.features.items()
        ],
    )


def partition_record(topic: Topic, index: int, metadata_version: int) -> Versioned:
    """The PartitionRecord of a partition, in the version that this metadata.version writes."""
    return new_partition_record(topic.id, index, topic.partitions[index], metadata_version)


def new_partition_record(
    topic_id: bytes, index: int, partition: Partition, metadata_version: int
) -> Versioned:
    """The PartitionRecord of a partition that need not be in a topic yet."""
    version = partition_record_version(metadata_version)
    record = stored.PartitionRecord(
        partition_id=index,
        topic_id=topic_id,
        replicas=list(partition.replicas),
        isr=list(partition.isr),
        removing_replicas=list(partition.removing_replicas),
        adding_replicas=list(partition.adding_replicas),
        leader=partition.leader,
        leader_recovery_state=partition.leader_recovery_state,
        leader_epoch=partition.leader_epoch,
        partition_epoch=partition.partition_epoch,
    )
    if version >= 1:
        record.directories = list(partition.directories)
    if version >= 2:
        if partition.eligible_leader_replicas:
            record.eligible_leader_replicas = list(partition.eligible_leader_replicas)
        if partition.last_known_elr:
            record.last_known_elr = list(partition.last_known_elr)
    return record, version
