"""The table of `--print-metrics`, and that its names are those that Apache's client has."""

from __future__ import annotations

import json
import re
from typing import Any

from ottla.cli.load_metrics import consumer_metrics, metrics_table, producer_metrics

STATISTICS: dict[str, Any] = {
    "rx_bytes": 1,
    "tx_bytes": 2,
    "tx": 3,
    "rx": 4,
    "txmsgs": 5,
    "rxmsgs": 6,
    "rxmsg_bytes": 7,
    "brokers": {
        "a:1/bootstrap": {"nodeid": -1, "rxbytes": 0, "txbytes": 0, "tx": 0, "rx": 0},
        "a:1/1": {"nodeid": 1, "rxbytes": 11, "txbytes": 12, "tx": 13, "rx": 14},
    },
    "topics": {
        "t": {
            "partitions": {
                "0": {"txmsgs": 5, "txbytes": 50, "rxmsgs": 6, "rxbytes": 60},
                "-1": {"txmsgs": 9, "txbytes": 9, "rxmsgs": 9, "rxbytes": 9},
            }
        }
    },
    "cgrp": {"assignment_size": 2, "rebalance_cnt": 3},
}
TRAFFIC = ("incoming-byte-total", "outgoing-byte-total", "request-total", "response-total")
OF_APACHES = {
    *(f"producer-{of}:{what}" for of in ("metrics", "node-metrics") for what in TRAFFIC),
    *(f"consumer-{of}:{what}" for of in ("metrics", "node-metrics") for what in TRAFFIC),
    "producer-metrics:record-send-total",
    "producer-topic-metrics:record-send-total",
    "producer-topic-metrics:byte-total",
    "consumer-coordinator-metrics:assigned-partitions",
    "consumer-coordinator-metrics:rebalance-total",
    "consumer-fetch-manager-metrics:bytes-consumed-total",
    "consumer-fetch-manager-metrics:records-consumed-total",
}
"""What 4.3.1 printed as well, among hundreds."""


def test_names_are_apaches() -> None:
    """If this failed, a script would look for a metric under a name that no Kafka has."""
    text = json.dumps(STATISTICS)
    rows = producer_metrics(text, "me") | consumer_metrics(text, "me")
    assert {re.sub(r":\{.*", "", name) for name in rows} == OF_APACHES
    assert rows["producer-topic-metrics:byte-total:{client-id=me, topic=t}"] == 50
    assert rows["consumer-node-metrics:request-total:{client-id=me, node-id=node-1}"] == 13


def test_the_table_is_apaches() -> None:
    """If this failed, who cuts the lines at their colon would cut elsewhere."""
    assert metrics_table({"group:longest:{a=b}": 2.0, "group:a:{}": 1}) == [
        "",
        "Metric Name           Value",
        "group:a:{}          : 1.000",
        "group:longest:{a=b} : 2.000",
    ]
