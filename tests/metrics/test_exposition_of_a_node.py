"""The page of metrics of a running node: each of Kafka's rows has a value, and the right one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from apache import traffic
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

import ottla
from ottla.metrics import exposition
from ottla.metrics.rows import rows
from servers import eventually


@pytest.fixture
def broker() -> Iterator[ottla.Broker]:
    """One that clients have worked with, and have told of themselves."""
    with ottla.Broker(config={"ottla.http.listen": "127.0.0.1:0"}) as running:
        traffic(running.bootstrap_servers)
        yield running


def page(broker: ottla.Broker) -> dict[str, float]:
    """Its metrics: each series with its labels, and its value."""
    node = broker._running()
    text = exposition(node.measures(), node.client_metrics(), node.series())
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    found = {series: float(value) for series, _, value in lines}
    assert len(found) == len(lines), "a series is there twice"
    return found


def test_each_row_has_a_value(broker: ottla.Broker) -> None:
    """If this failed, a metric would be documented that no node shows."""
    names = {re.split(r"[{ ]", series)[0] for series in page(broker)}
    wanted = {row.name + ("_bucket" if row.kind == "histogram" else "") for row in rows()}
    assert not wanted - names


def test_values_are_what_clients_did(broker: ottla.Broker) -> None:
    """If this failed, numbers would be made up, or counted in the wrong place."""
    found = page(broker)
    requests = "kafka_network_requestmetrics"
    assert found["kafka_server_brokertopicmetrics_messagesin_total"] == 6
    produced = found[f'{requests}_errors_total{{request="Produce",error="NONE"}}']
    assert produced == found[f'{requests}_requestbytes_count{{request="Produce"}}'] == 6
    for time in ("totaltimems", "localtimems", "remotetimems", "requestqueuetimems"):
        assert found[f'{requests}_{time}_count{{request="Produce"}}'] == 6
        quantiles = [
            found[f'{requests}_{time}{{request="EndTxn",quantile="{part}"}}']
            for part in ("0.50", "0.75", "0.95", "0.98", "0.99", "0.999")
        ]
        assert quantiles == sorted(quantiles)
    assert found[f'{requests}_totaltimems{{request="EndTxn",quantile="0.50"}}'] > 0
    assert found["ottla_transaction_commits_total"] == 2
    assert found["ottla_transaction_aborts_total"] == 1
    assert found["ottla_transactions_ongoing"] == found["ottla_transaction_timeouts_total"] == 0
    assert found["kafka_server_group_coordinator_metrics_offset_commit_count"] >= 1
    assert found["kafka_server_group_coordinator_metrics_group_completed_rebalance_count"] >= 1
    partition = '{topic="compacted",partition="0"}'
    assert found[f"kafka_log_log_logendoffset{partition}"] == 6, "three records, three markers"
    assert found[f"kafka_log_log_numlogsegments{partition}"] == 1
    assert found[f"kafka_cluster_partition_replicascount{partition}"] == 1


def test_groups_are_seen_and_how_far_behind_they_are(broker: ottla.Broker) -> None:
    """If this failed, an alert on lag would look at nothing, or at a number that is made up."""
    odd = 'o"d/d\\'
    quiet = {"bootstrap.servers": broker.bootstrap_servers, "log_level": 0}
    reader = Consumer({**quiet, "group.id": odd})
    reader.commit(offsets=[TopicPartition("compacted", 0, 4)], asynchronous=False)
    reader.close()
    found = page(broker)
    name = 'group="o\\"d/d\\\\"'
    position = f'{name},topic="compacted",partition="0"'
    assert found[f"ottla_consumer_group_committed_offset{{{position}}}"] == 4
    assert found[f"ottla_consumer_group_lag{{{position}}}"] == 2, "of six records and markers"
    assert found[f"ottla_consumer_group_members{{{name}}}"] == 0
    assert found[f'ottla_consumer_group_state{{{name},state="Empty"}}'] == 1
    of_metrics = [value for series, value in found.items() if 'lag{group="metrics"' in series]
    assert of_metrics
    assert max(of_metrics) <= 1, "a marker at most"
    admin = AdminClient(quiet)
    admin.delete_consumer_groups([odd])[odd].result()
    assert not [series for series in page(broker) if name in series]


def test_members_are_counted_and_a_topic_that_goes_takes_its_lag(broker: ottla.Broker) -> None:
    """If this failed, a dashboard would show members that left, or lag of what nobody can read."""
    quiet = {"bootstrap.servers": broker.bootstrap_servers, "log_level": 0}
    reader = Consumer({**quiet, "group.id": "metrics", "auto.offset.reset": "earliest"})
    reader.subscribe(["plain"])
    members = 'ottla_consumer_group_members{group="metrics"}'

    def is_in() -> bool:
        reader.poll(0.01)
        return page(broker)[members] == 1

    eventually(is_in, "the member is counted")
    reader.close()
    assert page(broker)[members] == 0
    admin = AdminClient(quiet)
    admin.delete_topics(["plain"])["plain"].result()
    eventually(
        lambda: not [series for series in page(broker) if "lag{group=" in series],
        "what was committed to the topic is gone",
    )


def test_durations_are_counted_in_buckets(broker: ottla.Broker) -> None:
    """If this failed, the latency of a cluster, which is made of all nodes' buckets, would be
    wrong.
    """
    found = page(broker)
    name = "ottla_request_duration_seconds"
    prefix = f'{name}_bucket{{request="Fetch",le="'
    buckets = [value for series, value in found.items() if series.startswith(prefix)]
    assert len(buckets) == 20
    assert buckets == sorted(buckets)
    count = found[f'{name}_count{{request="Fetch"}}']
    assert count == buckets[-1] > 0
    assert count == found['kafka_network_requestmetrics_totaltimems_count{request="Fetch"}']
    assert found[f'{name}_sum{{request="Fetch"}}'] > 0
    assert found[f'{prefix}0.016384"}}'] < count, "one waited in vain"


def test_room_of_a_log_directory_is_its_volumes(broker: ottla.Broker) -> None:
    """If this failed, an alert on a full disk would come late or never."""
    found = page(broker)
    (total,) = (found[series] for series in found if series.startswith("ottla_log_dir_total"))
    (usable,) = (found[series] for series in found if series.startswith("ottla_log_dir_usable"))
    assert 0 < usable <= total


def test_refusals_are_counted_by_what_was_wrong(broker: ottla.Broker) -> None:
    """If this failed, nobody would see that producers are refused, nor why."""
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    producer.produce("compacted", b"no key")
    producer.flush()
    found = page(broker)
    assert found["kafka_server_brokertopicmetrics_nokeycompactedtopicrecords_total"] == 1
    failed = "kafka_server_brokertopicmetrics_failedproducerequests_total"
    assert found[failed] == found[f'{failed}{{topic="compacted"}}'] == 1
    errors = "kafka_network_requestmetrics_errors_total"
    assert found[f'{errors}{{request="Produce",error="INVALID_RECORD"}}'] == 1


def test_a_topic_that_is_gone_takes_its_series_and_leaves_the_sums(broker: ottla.Broker) -> None:
    """If this failed, series of old topics would pile up, or counters fall when a topic goes."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    admin.delete_topics(["compacted"])["compacted"].result()
    found = page(broker)
    assert not [series for series in found if '"compacted"' in series]
    assert found["kafka_server_brokertopicmetrics_messagesin_total"] == 6


def test_open_and_late_transactions_are_seen(broker: ottla.Broker) -> None:
    """If this failed, nobody would see that readers wait for a producer that died."""
    ids = {"bootstrap.servers": broker.bootstrap_servers, "transactional.id": "open"}
    producer = Producer({**ids, "log_level": 0, "transaction.timeout.ms": 5000})
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce("plain", b"value", partition=0)
    producer.flush()
    found = page(broker)
    lag = 'kafka_cluster_partition_laststableoffsetlag{topic="plain",partition="0"}'
    assert found["ottla_transactions_ongoing"] == 1
    assert found[lag] == 1
    broker.clock.advance(60, members="silent")
    found = page(broker)
    assert found["ottla_transaction_timeouts_total"] == 1
    assert found["ottla_transactions_ongoing"] == found[lag] == 0
