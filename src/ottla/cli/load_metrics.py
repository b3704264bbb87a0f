"""What `--print-metrics` shows: those of Java's client metrics that librdkafka counts as well."""

from __future__ import annotations

from typing import Any

Rows = dict[str, float]

_TRAFFIC = (
    ("incoming-byte-total", "rx_bytes"),
    ("outgoing-byte-total", "tx_bytes"),
    ("request-total", "tx"),
    ("response-total", "rx"),
)


def producer_metrics(statistics: str, client_id: str) -> Rows:
    """Java's names and values from librdkafka's statistics, which are JSON."""
    found = _read(statistics)
    rows = _of_nodes(found, "producer", client_id)
    sent = f"{{client-id={client_id}}}"
    rows[f"producer-metrics:record-send-total:{sent}"] = found["txmsgs"]
    for topic, row in found["topics"].items():
        partitions = [one for number, one in row["partitions"].items() if number != "-1"]
        tags = f"{{client-id={client_id}, topic={topic}}}"
        for name, key in (("record-send-total", "txmsgs"), ("byte-total", "txbytes")):
            rows[f"producer-topic-metrics:{name}:{tags}"] = sum(one[key] for one in partitions)
    return rows


def consumer_metrics(statistics: str, client_id: str) -> Rows:
    """Java's names and values from librdkafka's statistics, which are JSON."""
    found = _read(statistics)
    rows = _of_nodes(found, "consumer", client_id)
    tags = f"{{client-id={client_id}}}"
    group = found.get("cgrp", {})
    rows |= {
        f"consumer-coordinator-metrics:assigned-partitions:{tags}": group.get("assignment_size", 0),
        f"consumer-coordinator-metrics:rebalance-total:{tags}": group.get("rebalance_cnt", 0),
        f"consumer-fetch-manager-metrics:bytes-consumed-total:{tags}": found["rxmsg_bytes"],
        f"consumer-fetch-manager-metrics:records-consumed-total:{tags}": found["rxmsgs"],
    }
    for topic, row in found["topics"].items():
        partitions = [one for number, one in row["partitions"].items() if number != "-1"]
        of_topic = f"{{client-id={client_id}, topic={topic}}}"
        for name, key in (
            ("bytes-consumed-total", "rxbytes"),
            ("records-consumed-total", "rxmsgs"),
        ):
            value = sum(one[key] for one in partitions)
            rows[f"consumer-fetch-manager-metrics:{name}:{of_topic}"] = value
    return rows


def _of_nodes(found: dict[str, Any], kind: str, client_id: str) -> Rows:
    rows: Rows = {}
    for name, key in _TRAFFIC:
        rows[f"{kind}-metrics:{name}:{{client-id={client_id}}}"] = found[key]
        for node in found["brokers"].values():
            number = node["nodeid"]
            at = f"{{client-id={client_id}, node-id=node-{number}}}"
            if number >= 0:
                rows[f"{kind}-node-metrics:{name}:{at}"] = node[key.replace("_", "")]
    return rows


def metrics_table(rows: Rows) -> list[str]:
    """An empty line, a head, and the rows by their names."""
    width = max(map(len, rows), default=0)
    head = f"{'Metric Name':<{width}}   Value"
    return ["", head, *(f"{name:<{width}} : {value:.3f}" for name, value in sorted(rows.items()))]


def _read(statistics: str) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads(statistics)
    return found
