"""The text that Prometheus reads: Kafka's names, lawful syntax, nothing made up."""

from __future__ import annotations

import re
from pathlib import Path

from left_out import LEFT_OUT

from ottla.metrics import exposition
from ottla.metrics.rows import SERIES, rows

TOPICS_APPEAR = {
    f"kafka_server_brokertopicmetrics_{name}_total"
    for name in (
        "bytesrejected",
        "failedfetchrequests",
        "failedproducerequests",
        "producemessageconversions",
    )
}
"""Of these a 4.3.1 has a series for a topic as soon as it happened there."""

SAMPLE = re.compile(
    r'[a-z_]+(\{[a-zA-Z]+="(\\.|[^"\\\n])*"(,[a-zA-Z]+="(\\.|[^"\\\n])*")*\})? '
    r"(-?\d+(\.\d+)?(e-?\d+)?|NaN|[+-]Inf)"
)


def recorded(data_dir: Path) -> dict[str, tuple[str, list[set[str]]]]:
    """What a 4.3.1 shows: kind and labels of each name."""
    found = {}
    for line in (data_dir / "metrics-4.3.1.tsv").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            name, kind, labels = line.split("\t")
            found[name] = (kind, [set(one.split(",")) - {"-"} for one in labels.split(" ")])
    return found


def test_each_of_kafkas_metrics_is_here_or_says_why_not(data_dir: Path) -> None:
    """If this failed, a metric of Apache Kafka's would be missing and nobody had decided that."""
    theirs = recorded(data_dir)
    ours = {row.name for row in rows()}
    used = set()
    for name in theirs:
        reasons = {pattern for pattern in LEFT_OUT if re.fullmatch(pattern, name)}
        assert (name in ours) != bool(reasons), name
        used |= reasons
    assert used == set(LEFT_OUT), "a reason for nothing"
    assert all(LEFT_OUT.values())


def test_names_and_kinds_are_those_of_the_public_rules(data_dir: Path) -> None:
    """If this failed, a dashboard made for Apache Kafka would show nothing for Ottla."""
    theirs = {(name, kind) for name, (kind, _) in recorded(data_dir).items()}
    ours = {(row.name, row.kind) for row in rows() if row.name.startswith("kafka_")}
    assert len(ours) >= 150
    assert not ours - theirs


def test_labels_are_those_of_the_public_rules(data_dir: Path) -> None:
    """If this failed, a dashboard's filter by topic, API or state would find nothing."""
    theirs = recorded(data_dir)
    for row in rows():
        if not row.name.startswith("kafka_"):
            continue
        labels = theirs[row.name][1]
        if row.name in TOPICS_APPEAR:
            labels = [*labels, {"topic"}]
        assert set(row.labels) in labels, row.name
        assert set() in labels if row.summed else True, row.name


def test_topics_are_summed_and_named() -> None:
    """If this failed, totals of all topics that there were (one more is gone) or the figures
    of one would be missing or wrong.
    """
    counts = {"topic.messages_in.a.b": 2.0, "topic.messages_in.c": 3.0, "topics.messages_in": 9.0}
    text = exposition(counts)
    assert text == (
        "# HELP kafka_server_brokertopicmetrics_messagesin_total Records that producers wrote.\n"
        "# TYPE kafka_server_brokertopicmetrics_messagesin_total counter\n"
        "kafka_server_brokertopicmetrics_messagesin_total 9\n"
        'kafka_server_brokertopicmetrics_messagesin_total{topic="a.b"} 2\n'
        'kafka_server_brokertopicmetrics_messagesin_total{topic="c"} 3\n'
    )


def test_requests_have_kafkas_names() -> None:
    """If this failed, a query by request="Produce" would find nothing."""
    numbers = {"request.count.0/13": 1.0, "request.count.1/4": 2.5, "raft.state.leader": 1}
    text = exposition({**numbers, "request.error.3/0": 7, "request.size.3/0.50": 5})
    requests = "kafka_network_requestmetrics_requests_total"
    assert f'{requests}{{request="Produce",version="13"}} 1\n' in text
    assert f'{requests}{{request="FetchConsumer",version="4"}} 2.5\n' in text
    assert 'requestmetrics_errors_total{request="Metadata",error="NONE"} 7\n' in text
    assert 'requestmetrics_requestbytes{request="Metadata",quantile="0.50"} 5\n' in text
    assert 'kafka_server_raft_metrics_current_state_info{state="leader"} 1\n' in text


def test_every_line_is_lawful() -> None:
    """If this failed, one odd value or label would make Prometheus drop the whole page."""
    snapshot: dict[str, float] = {}
    for row in rows():
        odd = "/".join('a"\\\n' for _ in row.labels)
        bound = "/+Inf" if row.kind == "histogram" else ""
        snapshot[row.source + odd + bound] = 1e-7
    snapshot["connection.count"] = float("nan")
    snapshot["memory.used_bytes"] = float("inf")
    sample = '{topic="t",partition="0"} 5\n'
    series = {row.name: row.name + sample for row in rows() if row.source.startswith(SERIES)}
    text = exposition(snapshot, series=series)
    assert text.endswith("\n")
    for line in text.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or SAMPLE.fullmatch(line), line
    assert text.count("# TYPE") == len(rows())
    assert exposition({}) == "\n"


def test_histograms_are_whole_and_in_order() -> None:
    """If this failed, Prometheus would compute quantiles of requests that are too small or large,
    or refuse the page.
    """
    buckets = {"0.5": 3, "0.000128": 1, "+Inf": 4}
    numbers = {f"request.duration.0/{bound}": float(count) for bound, count in buckets.items()}
    text = exposition({**numbers, "request.duration_sum.0": 7.5})
    name = "ottla_request_duration_seconds"
    assert text.splitlines()[1:] == [
        f"# TYPE {name} histogram",
        f'{name}_bucket{{request="Produce",le="0.000128"}} 1',
        f'{name}_bucket{{request="Produce",le="0.5"}} 3',
        f'{name}_bucket{{request="Produce",le="+Inf"}} 4',
        f'{name}_sum{{request="Produce"}} 7.5',
        f'{name}_count{{request="Produce"}} 4',
    ]


def test_rows_are_told_apart() -> None:
    """If this failed, two metrics would share a name and Prometheus would drop the page."""
    names = [row.name for row in rows()]
    assert len(set(names)) == len(names)
    for row in rows():
        assert row.name.endswith("_total") <= (row.kind == "counter"), row.name
