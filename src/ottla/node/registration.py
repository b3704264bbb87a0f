"""What a node tells the controller of itself: the messages of its registration and its
heartbeats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.metadata.features import METADATA_VERSION, METADATA_VERSION_MAX, supported_features
from ottla.node.host_name import host_name
from ottla.wire.messages import assign_replicas_to_dirs as directory_messages
from ottla.wire.messages import broker_registration as broker_messages
from ottla.wire.messages import controller_registration as controller_messages
from ottla.wire.messages.broker_heartbeat import BrokerHeartbeatRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ottla.broker.directories import Assignment
    from ottla.config.broker import BrokerConfig
    from ottla.config.listeners import Endpoint
    from ottla.node.cluster import Identity
    from ottla.raft.voters import Endpoints

_SECURITY_PROTOCOLS = {"PLAINTEXT": 0, "SSL": 1, "SASL_PLAINTEXT": 2, "SASL_SSL": 3}
_WILDCARDS = ("", "0.0.0.0", "::")


def register_controller(
    identity: Identity, config: BrokerConfig, incarnation_id: bytes
) -> controller_messages.ControllerRegistrationRequest:
    """This controller, its listeners, and every feature that it supports."""
    return controller_messages.ControllerRegistrationRequest(
        controller_id=identity.node_id,
        incarnation_id=incarnation_id,
        listeners=[
            controller_messages.Listener(
                name=name, host=host, port=port, security_protocol=protocol
            )
            for name, host, port, protocol in _listeners(identity, config, controller=True)
        ],
        features=[
            controller_messages.Feature(
                name=name, min_supported_version=low, max_supported_version=high
            )
            for name, (low, high) in _supported(config).items()
        ],
    )


def _supported(config: BrokerConfig) -> dict[str, tuple[int, int]]:
    return supported_features(unstable=config.unstable_features)


def beyond_stable(level: int) -> str | None:
    """What to do on a cluster whose metadata.version only some nodes support; None on others."""
    if level <= METADATA_VERSION_MAX:
        return None
    return (
        f"the cluster is at {METADATA_VERSION} {level}, which is not yet stable: a node of it "
        "needs unstable.feature.versions.enable=true"
    )


def controller_endpoints(identity: Identity, config: BrokerConfig) -> Endpoints:
    """This controller's listeners as other nodes may dial them."""
    listeners = _listeners(identity, config, controller=True)
    return tuple((name, host, port) for name, host, port, _ in listeners)


def register_broker(
    identity: Identity, config: BrokerConfig, incarnation_id: bytes, previous_epoch: int
) -> broker_messages.BrokerRegistrationRequest:
    """This broker, its listeners, folders, and every feature that it supports."""
    return broker_messages.BrokerRegistrationRequest(
        broker_id=identity.node_id,
        cluster_id=identity.cluster_id,
        incarnation_id=incarnation_id,
        listeners=[
            broker_messages.Listener(name=name, host=host, port=port, security_protocol=protocol)
            for name, host, port, protocol in _listeners(identity, config, controller=False)
        ],
        features=[
            broker_messages.Feature(
                name=name, min_supported_version=low, max_supported_version=high
            )
            for name, (low, high) in _supported(config).items()
        ],
        rack=config["broker.rack"],
        log_dirs=list(identity.directory_ids),
        previous_broker_epoch=previous_epoch,
    )


def heartbeat(
    identity: Identity,
    broker_epoch: int,
    *,
    metadata_offset: int,
    want_shut_down: bool,
    offline_log_dirs: Iterable[bytes] = (),
    cordoned_log_dirs: Iterable[bytes] = (),
) -> BrokerHeartbeatRequest:
    """This broker lives and has applied the metadata log up to an offset; these of its folders are
    lost, and those take no new replicas.
    """
    return BrokerHeartbeatRequest(
        broker_id=identity.node_id,
        broker_epoch=broker_epoch,
        current_metadata_offset=metadata_offset,
        want_shut_down=want_shut_down,
        offline_log_dirs=list(offline_log_dirs),
        # None would say that this broker knows no such thing.
        cordoned_log_dirs=list(cordoned_log_dirs),
    )


def assign_replicas(
    identity: Identity, broker_epoch: int, places: Iterable[Assignment]
) -> directory_messages.AssignReplicasToDirsRequest:
    """This broker keeps these replicas in these of its folders."""
    grouped: dict[bytes, dict[bytes, list[int]]] = {}
    for topic_id, index, directory_id in places:
        grouped.setdefault(directory_id, {}).setdefault(topic_id, []).append(index)
    partition = directory_messages.AssignReplicasToDirsRequestPartitionData
    return directory_messages.AssignReplicasToDirsRequest(
        broker_id=identity.node_id,
        broker_epoch=broker_epoch,
        directories=[
            directory_messages.AssignReplicasToDirsRequestDirectoryData(
                id=directory_id,
                topics=[
                    directory_messages.AssignReplicasToDirsRequestTopicData(
                        topic_id=topic_id,
                        partitions=[partition(partition_index=index) for index in indexes],
                    )
                    for topic_id, indexes in topics.items()
                ],
            )
            for directory_id, topics in grouped.items()
        ],
    )


def _listeners(
    identity: Identity, config: BrokerConfig, *, controller: bool
) -> Iterator[tuple[str, str, int, int]]:
    """(listener, host, port, security protocol) as other nodes may dial them."""
    advertised = {endpoint.listener: endpoint for endpoint in config.advertised_listeners or ()}
    for bound in config.listeners:
        if (bound.listener in config.controller_listener_names) is not controller:
            continue
        told: Endpoint = advertised.get(bound.listener, bound)
        host = host_name() if told.host in _WILDCARDS else told.host
        port = told.port or identity.ports[bound.listener]
        yield bound.listener, host, port, _SECURITY_PROTOCOLS[bound.protocol]
