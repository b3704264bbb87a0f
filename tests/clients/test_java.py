"""The Java clients and tools of Apache Kafka 4.3.1, as black boxes, all in one JVM."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from javatools import JavaTools, Ran
from servers import Server

pytestmark = pytest.mark.jvm
Run = Callable[..., Ran]


@pytest.fixture
def run(server: Server, java_tools: JavaTools) -> Run:
    """Runs a tool against the server."""

    def tool(name: str, *args: str, stdin: str = "") -> Ran:
        return java_tools.run(name, "--bootstrap-server", server.bootstrap, *args, stdin=stdin)

    return tool


def test_topics(run: Run, name: Callable[[], str]) -> None:
    """If this failed, kafka-topics could not create, list, describe, grow or delete."""
    topic = name()
    out = run("kafka-topics", "--create", "--topic", topic, "--partitions", "2").checked()
    assert f"Created topic {topic}." in out
    assert topic in run("kafka-topics", "--list").checked().split()
    again = run("kafka-topics", "--create", "--topic", topic)
    assert again.status == 1
    assert "already exists" in again.out + again.err
    run("kafka-topics", "--alter", "--topic", topic, "--partitions", "3").checked()
    described = run("kafka-topics", "--describe", "--topic", topic).checked()
    assert "PartitionCount: 3" in described
    assert len(re.findall(r"Leader: \d+\tReplicas: \d+\tIsr: \d+", described)) == 3
    run("kafka-topics", "--delete", "--topic", topic).checked()
    assert topic not in run("kafka-topics", "--list").checked().split()


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_console_producer_and_consumer(run: Run, name: Callable[[], str], codec: str) -> None:
    """If this failed, the console tools would not write or read back what was typed."""
    topic = name()
    lines = "".join(f"k{i}:value {i}\n" for i in range(50))
    run("kafka-topics", "--create", "--topic", topic).checked()
    properties = ("--property", "parse.key=true", "--property", "key.separator=:")
    options = ("--compression-codec", codec)
    run("kafka-console-producer", "--topic", topic, *options, *properties, stdin=lines).checked()
    out = run(
        "kafka-console-consumer",
        *("--topic", topic, "--from-beginning", "--max-messages", "50", "--timeout-ms", "15000"),
        *("--formatter-property", "print.key=true", "--formatter-property", "key.separator=:"),
    ).checked()
    assert out == lines


def test_console_consumer_from_an_offset(run: Run, name: Callable[[], str]) -> None:
    """If this failed, --partition and --offset would start elsewhere."""
    topic = name()
    run("kafka-topics", "--create", "--topic", topic).checked()
    run("kafka-console-producer", "--topic", topic, stdin="a\nb\nc\n").checked()
    where = ("--topic", topic, "--partition", "0", "--offset", "1", "--max-messages", "2")
    assert run("kafka-console-consumer", *where, "--timeout-ms", "15000").checked() == "b\nc\n"


def test_get_offsets(run: Run, name: Callable[[], str]) -> None:
    """If this failed, kafka-get-offsets would not find the ends of the log."""
    topic = name()
    run("kafka-topics", "--create", "--topic", topic, "--partitions", "2").checked()
    run("kafka-console-producer", "--topic", topic, stdin="a\nb\nc\n").checked()
    rows = run("kafka-get-offsets", "--topic", topic).checked().split()
    assert sum(int(row.split(":")[2]) for row in rows) == 3
    early = run("kafka-get-offsets", "--topic", topic, "--time", "earliest").checked()
    assert early.split() == [f"{topic}:0:0", f"{topic}:1:0"]


def test_consumer_groups(run: Run, name: Callable[[], str]) -> None:
    """If this failed, groups could not be listed, described, reset or deleted from the shell."""
    topic, group = name(), name()
    run("kafka-topics", "--create", "--topic", topic).checked()
    run("kafka-console-producer", "--topic", topic, stdin="a\nb\nc\nd\n").checked()
    options = ("--from-beginning", "--max-messages", "3", "--timeout-ms", "15000")
    run("kafka-console-consumer", "--topic", topic, "--group", group, *options).checked()
    assert group in run("kafka-consumer-groups", "--list").checked().split()
    described = run("kafka-consumer-groups", "--describe", "--group", group).checked()
    row = next(line.split() for line in described.splitlines() if line.startswith(group))
    assert row[1:6] == [topic, "0", "3", "4", "1"]
    reset = ("--reset-offsets", "--group", group, "--topic", topic, "--execute")
    out = run("kafka-consumer-groups", *reset, "--to-earliest").checked()
    assert re.search(rf"{topic}\s+0\s+0", out)
    run("kafka-consumer-groups", "--delete-offsets", "--group", group, "--topic", topic).checked()
    run("kafka-consumer-groups", *reset, "--to-offset", "2").checked()
    run("kafka-consumer-groups", "--delete", "--group", group).checked()
    assert group not in run("kafka-consumer-groups", "--list").checked().split()


def test_configs(run: Run, name: Callable[[], str]) -> None:
    """If this failed, kafka-configs could not describe or alter configs of topics and brokers."""
    topic = name()
    run("kafka-topics", "--create", "--topic", topic, "--config", "retention.ms=1000").checked()
    entity = ("--entity-type", "topics", "--entity-name", topic)
    assert "retention.ms=1000" in run("kafka-configs", "--describe", *entity).checked()
    run("kafka-configs", "--alter", *entity, "--add-config", "segment.bytes=2000000").checked()
    run("kafka-configs", "--alter", *entity, "--delete-config", "retention.ms").checked()
    described = run("kafka-configs", "--describe", *entity).checked()
    assert "segment.bytes=2000000" in described
    assert "retention.ms=1000" not in described
    broker = ("--entity-type", "brokers", "--entity-name", "1", "--all")
    assert "log.segment.bytes=1073741824" in run("kafka-configs", "--describe", *broker).checked()


def test_perf_tools(
    run: Run, server: Server, java_tools: JavaTools, name: Callable[[], str]
) -> None:
    """If this failed, the perf tools would not write or read a few thousand records."""
    topic = name()
    run("kafka-topics", "--create", "--topic", topic).checked()
    out = java_tools.run(
        "kafka-producer-perf-test",
        *("--topic", topic, "--num-records", "5000", "--record-size", "200"),
        *("--throughput", "-1", "--bootstrap-server", server.bootstrap),
    ).checked()
    assert "5000 records sent" in out
    options = ("--topic", topic, "--messages", "5000", "--timeout", "15000")
    rows = run("kafka-consumer-perf-test", *options).checked().splitlines()
    assert int(rows[-1].split(", ")[4]) >= 5000


def test_delete_records(run: Run, name: Callable[[], str], tmp_path: object) -> None:
    """If this failed, kafka-delete-records would not move the log's start."""
    topic = name()
    run("kafka-topics", "--create", "--topic", topic).checked()
    run("kafka-console-producer", "--topic", topic, stdin="a\nb\nc\n").checked()
    wanted = {"partitions": [{"topic": topic, "partition": 0, "offset": 2}], "version": 1}
    file = f"{tmp_path}/offsets.json"
    with open(file, "w") as f:
        json.dump(wanted, f)
    out = run("kafka-delete-records", "--offset-json-file", file).checked()
    assert "low_watermark: 2" in out
    early = run("kafka-get-offsets", "--topic", topic, "--time", "earliest").checked()
    assert early.split() == [f"{topic}:0:2"]


def test_cluster_tools(run: Run, name: Callable[[], str]) -> None:
    """If this failed, tools that look at the whole node would fail: versions, log dirs, quorum."""
    topic = name()
    run("kafka-topics", "--create", "--topic", topic).checked()
    versions = run("kafka-broker-api-versions").checked()
    assert "Produce(0): 0 to 13 [usable: 13]" in versions
    served = re.findall(r"(\w+)\(\d+\): .*\[usable: \d+\]", versions)
    assert {"Fetch", "Metadata", "CreateTopics", "JoinGroup", "DescribeConfigs"} <= set(served)
    dirs = json.loads(run("kafka-log-dirs", "--describe").checked().splitlines()[-1])
    found = {p["partition"] for p in dirs["brokers"][0]["logDirs"][0]["partitions"]}
    assert f"{topic}-0" in found
    status = run("kafka-metadata-quorum", "describe", "--status").checked()
    assert re.search(r"LeaderId:\s+1", status)
    assert "Lag" in run("kafka-metadata-quorum", "describe", "--replication").checked()


def test_admin_client(server: Server, java_tools: JavaTools, name: Callable[[], str]) -> None:
    """If this failed, a call of Java's Admin client would answer otherwise than Apache Kafka."""
    seen = java_tools.run("AdminProgram", server.bootstrap, name()).json()
    assert seen == {
        "acls": "SecurityDisabledException",
        "after offset delete": 0,
        "bad config": "InvalidConfigurationException",
        "cleanup default": "delete DEFAULT_CONFIG",
        "cleanup deleted": "delete",
        "cluster id length": 22,
        "committed": "7 Optional[0] why",
        "config resources": True,
        "create again": "TopicExistsException",
        "created partitions": 2,
        "created retention": "-1",
        "delete group again": "GroupIdNotFoundException",
        "delete too much": "OffsetOutOfRangeException",
        "describe deleted": "UnknownTopicOrPartitionException",
        "earliest after": 4,
        "features": [
            "eligible.leader.replicas.version",
            "group.version",
            "kraft.version",
            "metadata.version",
            "share.version",
            "streams.version",
            "transaction.version",
        ],
        "group listed": True,
        "group state": "Empty 0",
        "internal": False,
        "listed": True,
        "log dir replicas": 3,
        "low watermark": 4,
        "message.max.bytes": "1048588 DEFAULT_CONFIG false",
        "nodes": 1,
        "offsets": {
            "a time": 5,
            "a time too late": -1,
            "earliest": 0,
            "earliest local": 0,
            "latest": 10,
            "latest tiered": -1,
            "max timestamp": 9,
        },
        "partitions": 3,
        "quorum voters": 1,
        "reassignments": 0,
        "segment.bytes": "2097152 DYNAMIC_TOPIC_CONFIG",
        "shrink": "InvalidPartitionsException",
    }


ASSIGNORS = "org.apache.kafka.clients.consumer."


@pytest.mark.parametrize(
    ("assignor", "kind"),
    [
        ("RangeAssignor", "dynamic"),
        ("CooperativeStickyAssignor", "dynamic"),
        ("RangeAssignor", "static"),
    ],
)
def test_group_that_rebalances(
    server: Server,
    java_tools: JavaTools,
    run: Run,
    name: Callable[[], str],
    assignor: str,
    kind: str,
) -> None:
    """If this failed, Java members would not share, or lose records, commits or static places."""
    topic = name()
    run("kafka-topics", "--create", "--topic", topic, "--partitions", "4").checked()
    args = (server.bootstrap, topic, name(), ASSIGNORS + assignor, kind)
    seen = java_tools.run("GroupProgram", *args).json()
    left = {"after leave": 4} if kind == "dynamic" else {"static member keeps its partitions": True}
    common = {"first alone": 4, "shared": "2+2", "records": 40}
    assert seen == {**common, **left, "committed": 40 if kind == "dynamic" else 20}
