"""What a producer or consumer has counted (`counted.py`), by the names of Java's clients.

A rate is for whoever reads a total twice; averages are over the client's life.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ottla.client.connecting.traffic import Traffic
from ottla.client.counted import Counted

if TYPE_CHECKING:
    from ottla.client.network import Network

Tags = tuple[tuple[str, str], ...]


class MetricName(NamedTuple):
    """A metric's group, its name, and what it is of."""

    group: str
    name: str
    tags: Tags


Metrics = dict[MetricName, float]


def producer_metrics(network: Network, counted: Counted) -> Metrics:
    """A producer's."""
    who: Tags = (("client-id", network.client_id),)
    group = "producer-metrics"
    found = _traffic(network, "producer", who)
    for name, value in (
        ("batch-size-avg", _average(counted.bytes, counted.batches)),
        ("record-error-total", counted.errors),
        ("record-retry-total", counted.retries),
        ("record-send-total", counted.records),
        ("records-per-request-avg", _average(counted.records, counted.requests)),
        ("request-latency-avg", _average(counted.latency_ms, counted.requests)),
    ):
        found[MetricName(group, name, who)] = value
    for topic, row in counted.topics.items():
        tags = (*who, ("topic", topic))
        found[MetricName("producer-topic-metrics", "record-send-total", tags)] = row.records
        found[MetricName("producer-topic-metrics", "byte-total", tags)] = row.bytes
    return found


def consumer_metrics(
    network: Network, counted: Counted, *, assigned: int, rebalances: int
) -> Metrics:
    """A consumer's. Bytes are those of batches as they came, compressed if they are."""
    who: Tags = (("client-id", network.client_id),)
    found = _traffic(network, "consumer", who)
    of_group, of_fetches = "consumer-coordinator-metrics", "consumer-fetch-manager-metrics"
    for group, name, value in (
        (of_group, "assigned-partitions", assigned),
        (of_group, "rebalance-total", rebalances),
        (of_fetches, "bytes-consumed-total", counted.bytes),
        (of_fetches, "fetch-latency-avg", _average(counted.latency_ms, counted.requests)),
        (of_fetches, "fetch-size-avg", _average(counted.bytes, counted.requests)),
        (of_fetches, "fetch-total", counted.requests),
        (of_fetches, "records-consumed-total", counted.records),
        (of_fetches, "records-per-request-avg", _average(counted.records, counted.requests)),
    ):
        found[MetricName(group, name, who)] = value
    for topic, row in counted.topics.items():
        tags = (*who, ("topic", topic))
        found[MetricName(of_fetches, "bytes-consumed-total", tags)] = row.bytes
        found[MetricName(of_fetches, "records-consumed-total", tags)] = row.records
    return found


def _traffic(network: Network, kind: str, who: Tags) -> Metrics:
    whole = Traffic()
    by_node: dict[int, Traffic] = {}
    places = {(node.host, node.port): node.id for node in network.nodes.values()}
    for connection in network.all():
        whole.add(connection.traffic)
        node_id = places.get((connection.host, connection.port))
        if node_id is not None:
            by_node.setdefault(node_id, Traffic()).add(connection.traffic)
    found = _by_name(whole, f"{kind}-metrics", who)
    for node_id, traffic in by_node.items():
        tags = (*who, ("node-id", f"node-{node_id}"))
        found |= _by_name(traffic, f"{kind}-node-metrics", tags)
    return found


def _by_name(traffic: Traffic, group: str, tags: Tags) -> Metrics:
    return {
        MetricName(group, "incoming-byte-total", tags): traffic.incoming_bytes,
        MetricName(group, "outgoing-byte-total", tags): traffic.outgoing_bytes,
        MetricName(group, "request-total", tags): traffic.requests,
        MetricName(group, "response-total", tags): traffic.responses,
    }


def _average(total: int, count: int) -> float:
    return total / count if count else float("nan")
