"""Where requests name topics, as their declarations say."""

from __future__ import annotations

from ottla.wire import api as wire_api
from ottla.wire.topic_paths import topic_paths

NAMED = {
    "Produce": ["topic_data.name", "topic_data.topic_id"],
    "Fetch": ["topics.topic", "topics.topic_id"],
    "ListOffsets": ["topics.name"],
    "Metadata": ["topics.topic_id", "topics.name"],
    "OffsetCommit": ["topics.name", "topics.topic_id"],
    "OffsetFetch": ["topics.name", "groups.topics.name", "groups.topics.topic_id"],
}
"""What clients ask every day; a test of all others would say the declarations once more."""


def test_what_clients_ask_every_day() -> None:
    """If this failed, a rule about a topic would miss it, or be about something else."""
    found = {row.name: topic_paths(wire_api.request_class(row.key)) for row in wire_api.apis()}
    assert {name: found[name] for name in NAMED} == NAMED


def test_paths_end_in_what_names_topics() -> None:
    """If this failed, a group, a config or a pattern of that name would pass for a topic."""
    last, nobody = set(), set()
    for row in wire_api.apis():
        paths = topic_paths(wire_api.request_class(row.key))
        last |= {path.rpartition(".")[2] for path in paths}
        nobody |= set() if paths else {row.name}
        assert not any("configs" in path or "forgotten" in path for path in paths), row.name
    assert last == {
        "name", "repartition_sink_topics", "source_topics", "subscribed_topic_names", "topic",
        "topic_id", "topic_name", "topic_names",
    }  # fmt: skip
    assert {"Heartbeat", "JoinGroup", "DescribeConfigs", "FindCoordinator"} <= nobody
