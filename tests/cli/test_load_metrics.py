"""The table of `--print-metrics`, and that its names are those that Apache's client has."""

from __future__ import annotations

from ottla.cli.load_metrics import metrics_table
from ottla.client.connecting.waiting import Waiting
from ottla.client.counted import Counted
from ottla.client.metrics import MetricName, consumer_metrics, producer_metrics
from ottla.client.network import ClusterNode, Network

TRAFFIC = ("incoming-byte-total", "outgoing-byte-total", "request-total", "response-total")
OF_APACHES = {
    *((f"producer-{of}", what) for of in ("metrics", "node-metrics") for what in TRAFFIC),
    *((f"consumer-{of}", what) for of in ("metrics", "node-metrics") for what in TRAFFIC),
    ("producer-metrics", "batch-size-avg"),
    ("producer-metrics", "record-error-total"),
    ("producer-metrics", "record-retry-total"),
    ("producer-metrics", "record-send-total"),
    ("producer-metrics", "records-per-request-avg"),
    ("producer-metrics", "request-latency-avg"),
    ("producer-topic-metrics", "record-send-total"),
    ("producer-topic-metrics", "byte-total"),
    ("consumer-coordinator-metrics", "assigned-partitions"),
    ("consumer-coordinator-metrics", "rebalance-total"),
    ("consumer-fetch-manager-metrics", "bytes-consumed-total"),
    ("consumer-fetch-manager-metrics", "fetch-latency-avg"),
    ("consumer-fetch-manager-metrics", "fetch-size-avg"),
    ("consumer-fetch-manager-metrics", "fetch-total"),
    ("consumer-fetch-manager-metrics", "records-consumed-total"),
    ("consumer-fetch-manager-metrics", "records-per-request-avg"),
}
"""What 4.3.1 printed as well, among hundreds."""


def test_names_are_apaches() -> None:
    """If this failed, a script would look for a metric under a name that no Kafka has."""
    network = Network("a:1", "me", Waiting(), None, lambda: None)
    network.nodes[1] = ClusterNode(1, "a", 1, None)
    network.to_address("a", 1).traffic.requests = 13
    network.to_address("b", 1).traffic.requests = 2
    counted = Counted()
    counted.add("t", records=5, size=50)
    counted.answered(4)
    counted.answered(8)
    sent = producer_metrics(network, counted)
    read = consumer_metrics(network, counted, assigned=2, rebalances=3)
    assert {(name.group, name.name) for name in sent | read} == OF_APACHES
    who, topic = ("client-id", "me"), ("topic", "t")
    assert sent[MetricName("producer-topic-metrics", "byte-total", (who, topic))] == 50
    assert sent[MetricName("producer-metrics", "request-latency-avg", (who,))] == 6
    assert sent[MetricName("producer-metrics", "request-total", (who,))] == 15
    node = (who, ("node-id", "node-1"))
    assert read[MetricName("consumer-node-metrics", "request-total", node)] == 13


def test_the_table_is_apaches() -> None:
    """If this failed, who cuts the lines at their colon would cut elsewhere."""
    metrics = {
        MetricName("group", "longest", (("a", "b"), ("c", "d"))): 2.0,
        MetricName("group", "a", ()): 1,
    }
    assert metrics_table(metrics) == [
        "",
        "Metric Name                Value",
        "group:a:{}               : 1.000",
        "group:longest:{a=b, c=d} : 2.000",
    ]
