"""The text that Prometheus reads: Kafka's names, lawful syntax, nothing made up."""

from __future__ import annotations

import re
from pathlib import Path

from ottla.metrics import exposition
from ottla.metrics.rows import rows

SAMPLE = re.compile(
    r'[a-z_]+(\{[a-zA-Z]+="(\\.|[^"\\\n])*"\})? (-?\d+(\.\d+)?(e-?\d+)?|NaN|[+-]Inf)'
)


def test_names_and_kinds_are_those_of_the_public_rules(data_dir: Path) -> None:
    """If this failed, a dashboard made for Apache Kafka would show nothing for Ottla."""
    lines = (data_dir / "jmx-names.tsv").read_text(encoding="utf-8").splitlines()
    theirs = {tuple(line.split("\t")[:2]) for line in lines if not line.startswith("#")}
    ours = {(row.name, row.kind) for row in rows() if row.name.startswith("kafka_")}
    assert len(ours) >= 20
    assert not ours - theirs


def test_labels_are_those_of_the_public_rules(data_dir: Path) -> None:
    """If this failed, a dashboard's filter by topic, API or state would find nothing."""
    lines = (data_dir / "jmx-names.tsv").read_text(encoding="utf-8").splitlines()
    theirs: dict[str, set[str]] = {}
    for line in lines[1:]:
        name, _, labels = line.split("\t")
        theirs.setdefault(name, set()).update(labels.split(","))
    for row in rows():
        if row.name.startswith("kafka_") and row.label not in ("", "topic"):
            assert row.label in theirs[row.name], row.name


def test_topics_are_summed_and_named() -> None:
    """If this failed, totals over all topics or the figures of one would be missing or wrong."""
    text = exposition({"topic.messages_in.a.b": 2.0, "topic.messages_in.c": 3.0})
    assert text == (
        "# HELP kafka_server_brokertopicmetrics_messagesin_total Records that producers wrote.\n"
        "# TYPE kafka_server_brokertopicmetrics_messagesin_total counter\n"
        "kafka_server_brokertopicmetrics_messagesin_total 5\n"
        'kafka_server_brokertopicmetrics_messagesin_total{topic="a.b"} 2\n'
        'kafka_server_brokertopicmetrics_messagesin_total{topic="c"} 3\n'
    )


def test_requests_have_kafkas_names() -> None:
    """If this failed, a query by request="Produce" would find nothing."""
    text = exposition({"request.count.0": 1.0, "request.count.1": 2.5, "raft.state.leader": 1})
    assert 'kafka_network_requestmetrics_requests_total{request="Produce"} 1\n' in text
    assert 'kafka_network_requestmetrics_requests_total{request="FetchConsumer"} 2.5\n' in text
    assert 'kafka_server_raft_metrics_current_state_info{state="leader"} 1\n' in text


def test_every_line_is_lawful() -> None:
    """If this failed, one odd value or label would make Prometheus drop the whole page."""
    snapshot: dict[str, float] = {}
    for row in rows():
        snapshot[f'{row.source}a"\\\n' if row.label else row.source] = 1e-7
    snapshot["connection.count"] = float("nan")
    snapshot["memory.used_bytes"] = float("inf")
    text = exposition(snapshot)
    assert text.endswith("\n")
    for line in text.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or SAMPLE.fullmatch(line), line
    assert text.count("# TYPE") == len(rows())
    assert exposition({}) == "\n"


def test_rows_are_told_apart() -> None:
    """If this failed, two metrics would share a name and Prometheus would drop the page."""
    names = [row.name for row in rows()]
    assert len(set(names)) == len(names)
    for row in rows():
        assert row.name.endswith("_total") <= (row.kind == "counter"), row.name
