"""What a producer or consumer counts of itself, by the names that Java's clients have for it.

Nothing is counted record by record: batches, requests and answers are, where they pass by. A rate
is for whoever reads a total twice; averages are over the client's life.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ottla.client.network import Network

Tags = tuple[tuple[str, str], ...]


class MetricName(NamedTuple):
    """A metric's group, its name, and what it is of."""

    group: str
    name: str
    tags: Tags


Metrics = dict[MetricName, float]


class Traffic:
    """What went over one connection, or over several."""

    __slots__ = ("incoming_bytes", "outgoing_bytes", "requests", "responses")

    def __init__(self) -> None:
        self.requests = self.responses = self.incoming_bytes = self.outgoing_bytes = 0

    def add(self, other: Traffic) -> None:
        """Count also what another has counted."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def metrics(self, group: str, tags: Tags) -> Metrics:
        """By Java's names."""
        return {
            MetricName(group, "incoming-byte-total", tags): self.incoming_bytes,
            MetricName(group, "outgoing-byte-total", tags): self.outgoing_bytes,
            MetricName(group, "request-total", tags): self.requests,
            MetricName(group, "response-total", tags): self.responses,
        }


class ByTopic:
    """Records and bytes of one topic."""

    __slots__ = ("bytes", "records")

    def __init__(self) -> None:
        self.records = self.bytes = 0


class Counted:
    """What a producer sent, or a consumer fetched: requests, and what was in them."""

    def __init__(self) -> None:
        self.topics: dict[str, ByTopic] = {}
        self.batches = self.requests = self.latency_ms = self.retries = self.errors = 0

    def add(self, topic: str, *, records: int = 0, size: int = 0) -> None:
        """So many records, or bytes, of a topic passed by."""
        found = self.topics.get(topic)
        if found is None:
            found = self.topics[topic] = ByTopic()
        found.records += records
        found.bytes += size

    def answered(self, latency_ms: int) -> None:
        """A request was answered."""
        self.requests += 1
        self.latency_ms += latency_ms

    @property
    def records(self) -> int:
        """Of all topics."""
        return sum(topic.records for topic in self.topics.values())

    @property
    def bytes(self) -> int:
        """Of all topics."""
        return sum(topic.bytes for topic in self.topics.values())


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
    found = whole.metrics(f"{kind}-metrics", who)
    for node_id, traffic in by_node.items():
        tags = (*who, ("node-id", f"node-{node_id}"))
        found |= traffic.metrics(f"{kind}-node-metrics", tags)
    return found


def _average(total: int, count: int) -> float:
    return total / count if count else float("nan")
