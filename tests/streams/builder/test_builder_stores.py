"""The rows of stores that operators make: what Kafka's stores of the same settings keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ottla.streams import (
    Streams,
    TopologyError,
    hopping,
    key_value,
    lru,
    session,
    session_store,
    sliding,
    tumbling,
    unlimited,
    versioned,
    window_store,
)
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.serdes.serde import INT_MAX
from streams.builder.described_words import NEAR, both, same

MINUTE = 60_000


def grouped(app: Streams) -> Any:
    return app.stream("a").group_by_key()


def row_of(build: Callable[[Streams], object], name: str = "s", **more: Any) -> Store:
    app = Streams("app", key=str, value=str, **more)
    build(app)
    return app.build().stores[name]


@pytest.mark.parametrize(
    ("windows", "size", "retention"),
    [
        (tumbling(1000, grace=500), 1000, 1500),
        (hopping("5m", every="1m", grace="10s"), 300_000, 310_000),
        (sliding(100, grace=50), 100, 250),
        (unlimited(), INT_MAX, INT_MAX),
    ],
)
def test_windows(windows: Any, size: int, retention: int) -> None:
    """Windows would be gone before their grace is over, or keys would have another end."""
    row = row_of(lambda app: grouped(app).windowed_by(windows).count(store="s"))
    assert (row.kind, row.timestamped, row.retain_duplicates) == (StoreKind.WINDOW, True, False)
    assert (row.window_size_ms, row.retention_ms) == (size, retention)
    assert row.segment_interval_ms == max(retention // 2, MINUTE)


def test_sessions() -> None:
    """A session would be gone while records may still make it grow."""
    row = row_of(lambda app: grouped(app).windowed_by(session(100, grace=20)).count(store="s"))
    assert (row.kind, row.timestamped, row.retention_ms) == (StoreKind.SESSION, False, 120)


def test_retention_of_ones_own() -> None:
    """What the user wants kept longer would be gone."""
    day = window_store("s", retention="1d")
    row = row_of(lambda app: grouped(app).windowed_by(tumbling("1m")).count(store=day))
    assert (row.retention_ms, row.window_size_ms) == (86_400_000, MINUTE)
    day = session_store("s", retention="1d")
    row = row_of(lambda app: grouped(app).windowed_by(session("1m")).count(store=day))
    assert row.retention_ms == 86_400_000


def test_joined_streams() -> None:
    """A record would be gone before its partner may come."""
    row = row_of(
        lambda app: app.stream("a").join(app.stream("b"), both, within=NEAR, store="s"),
        "s-this-join-store",
    )
    assert (row.retention_ms, row.window_size_ms, row.retain_duplicates) == (800, 600, True)


#: Settings of an application, and what its stores of an aggregate and of a join keep: (times,
#: headers). In memory, the format does not count.
KEPT = {
    "on disk": ({}, (True, False), (False, False)),
    "on disk with headers": ({"store_format": "headers"}, (True, True), (True, True)),
    "in memory": ({"in_memory": True}, (True, False), (True, True)),
    "in memory with headers": (
        {"in_memory": True, "store_format": "headers"}, (True, False), (True, True),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", KEPT)
def test_times_and_headers(what: str) -> None:
    """Changelogs would have headers that Kafka's have not, or none where Kafka's have some."""
    settings, aggregate, join = KEPT[what]
    counted = row_of(lambda app: grouped(app).count(store="s"), **settings)
    assert (counted.timestamped, counted.with_headers) == aggregate
    windowed = row_of(
        lambda app: grouped(app).windowed_by(tumbling(5)).count(store="s"), **settings
    )
    assert (windowed.timestamped, windowed.with_headers) == aggregate
    joined = row_of(
        lambda app: app.stream("a").join(app.stream("b"), both, within=NEAR, store="s"),
        "s-other-join-store", **settings,
    )  # fmt: skip
    assert (joined.timestamped, joined.with_headers) == join


@pytest.mark.parametrize(
    ("spec", "lost", "persistent"),
    [
        (key_value("s", plain=True), True, True),
        (key_value("s", plain=True, in_memory=True), False, False),
        (key_value("s"), False, True),
        (lru("s", 5), False, False),
    ],
)
def test_plain_stores_lose_times_on_disk(spec: Any, lost: bool, persistent: bool) -> None:
    """A result would have its record's time where Kafka gives the latest one, or the reverse."""
    row = row_of(lambda app: grouped(app).count(store=spec))
    assert (row.timestamped, row.times_lost, row.persistent) == (True, lost, persistent)


def test_versions() -> None:
    """The past could not be asked, or not as far back."""
    row = row_of(lambda app: app.table("a", store=versioned("s", history="1m")))
    assert (row.kind, row.history_retention_ms) == (StoreKind.VERSIONED, MINUTE)


@pytest.mark.parametrize("optimization", ["none", "reuse.ktable.source.topics", "all"])
def test_a_topic_as_its_changelog(optimization: str) -> None:
    """The table would be written to Kafka twice, or not at all."""
    row = row_of(lambda app: app.table("a", store="s"), optimization=optimization)
    reused = optimization != "none"
    assert (row.logged, row.changelog_topic) == (not reused, "a" if reused else None)


def test_settings_of_the_changelog() -> None:
    """What the user set for the topic would be lost."""
    spec = key_value("s", configs={"retention.ms": "5"})
    assert row_of(lambda app: grouped(app).count(store=spec)).topic_configs == {"retention.ms": "5"}
    assert not row_of(lambda app: grouped(app).count(store=key_value("s", logged=False))).logged


def test_only_what_is_read_is_kept() -> None:
    """Tables would cost memory and a topic though nobody reads them, or be missing for a join."""
    app = Streams("app", key=str, value=str)
    app.table("a").map_values(same, value=str).to_stream().to("out")
    assert not app.build().stores
    app = Streams("app", key=str, value=str)
    app.stream("b").join(app.table("a").map_values(same, value=str), both)
    assert list(app.build().stores) == ["a-STATE-STORE-0000000001"]


def test_partitions_that_must_agree() -> None:
    """Joined topics of different numbers of partitions would lose pairs without a word."""
    app = Streams("app", key=str, value=str)
    left = app.stream("a").select_key(same)
    left.join(app.stream("b"), both, within=NEAR, name="j")
    assert app.build().copartitioned == (frozenset({"j-left-repartition", "b"}),)


@pytest.mark.parametrize(
    ("windows", "given", "needed"),
    [
        (tumbling("1m"), key_value("w"), "no store of windows"),
        (session("1m"), key_value("w"), "no store of sessions"),
        (session("1m"), window_store("w", retention="1d"), "no store of sessions"),
        (tumbling("1m"), session_store("w", retention="1d"), "no store of windows"),
    ],
)
def test_stores_of_another_kind(windows: Any, given: Any, needed: str) -> None:
    """A store would quietly be of another kind than the one that was asked for."""
    windowed = grouped(Streams("app", key=str, value=str)).windowed_by(windows)
    with pytest.raises(TopologyError, match=f"the store w is {needed}"):
        windowed.count(store=given)


@pytest.mark.parametrize("spec", [window_store("w"), session_store("w")])
def test_windows_of_no_length(spec: Any) -> None:
    """A processor's store would forget every window at once; an operator's keeps what it must."""
    with pytest.raises(TopologyError, match="how long the store w keeps its windows"):
        Streams("app", key=str, value=str).add_store(spec)


def test_windows_of_many_records() -> None:
    """An aggregation would keep one record of many, by numbers that nobody counts."""
    windowed = grouped(Streams("app", key=str, value=str)).windowed_by(tumbling("1m"))
    with pytest.raises(TopologyError, match="the store w keeps every record of a window"):
        windowed.count(store=window_store("w", duplicates=True))


def test_one_serde_and_another() -> None:
    """One of two serdes would win, and the other be ignored without a word."""
    app = Streams("app", key=str, value=str)
    kept = key_value("s", value=int)
    with pytest.raises(TopologyError, match="the store s would keep its values as LONG") as told:
        grouped(app).aggregate(lambda: 0, both, value=str, store=kept)
    assert told.value.hint == "say value= once"
    app.table("t", key=str, value=str, store=key_value("t", value=dict))  # read so, kept so
    grouped(app).reduce(both, store=kept)
    grouped(app).aggregate(lambda: 0, both, value=int, store=key_value("u", value=int))


def test_windows_of_another_size() -> None:
    """A store would be said to hold windows of one length, and hold those of another."""
    windowed = grouped(Streams("app", key=str, value=str)).windowed_by(tumbling("1m"))
    with pytest.raises(TopologyError, match="of 300000 ms, and its operator's are of 60000 ms"):
        windowed.count(store=window_store("w", size="5m"))
    windowed.count(store=window_store("v", size="1m"))


def test_keys_of_a_table_that_stay() -> None:
    """A serde of keys that `to_stream` does not make would be dropped without a word."""
    with pytest.raises(TopologyError, match="keeps the table's keys"):
        Streams("app", key=str, value=str).table("t").to_stream(key=int)  # type: ignore[call-overload]
