"""Configs shown, set and unset."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cli.commands import run
from cli.verb.test_topics import told
from ottla.cli.verb.config import plain
from ottla.errors import OttlaError
from servers import Server

Name = Callable[[], str]


@pytest.mark.parametrize(
    ("key", "value", "sent"),
    [
        ("retention.ms", "7d", "604800000"),
        ("retention.ms", "-1", "-1"),
        ("retention.ms", "", ""),
        ("segment.bytes", "64MiB", "67108864"),
        ("segment.bytes", "1.5 kb", "1500"),
        ("cleanup.policy", "compact", "compact"),
        ("min.cleanable.dirty.ratio", "0.5", "0.5"),
    ],
)
def test_units_stand_for_numbers(key: str, value: str, sent: str) -> None:
    """If this failed, `7d` would be kept for seven milliseconds, or refused far away."""
    assert plain(key, value) == sent


@pytest.mark.parametrize(("key", "value"), [("retention.ms", "soon"), ("segment.bytes", "7d")])
def test_a_unit_that_is_none_is_told(key: str, value: str) -> None:
    """If this failed, the cluster's `Invalid value` would be all that one hears."""
    with pytest.raises(OttlaError, match=f"{key} takes"):
        plain(key, value)


def test_a_config_from_set_to_unset(either: Server, name: Name) -> None:
    """If this failed, `ottla config` would not do what it says, here or on Apache Kafka."""
    topic, at = name(), ["--at", either.bootstrap]
    run(["ottla", "topics", "create", topic, "-r", "1", *at])
    rows = told(["ottla", "config", "set", topic, "retention.ms=1h"], either)
    assert rows == [{"key": "retention.ms", "was": "604800000", "value": "3600000"}]
    shown = told(["ottla", "config", topic, "--key", "retention.ms"], either)
    assert shown == [{"key": "retention.ms", "value": "3600000", "source": "topic"}]
    assert "retention.ms" in run(["ottla", "config", topic, *at]).stdout
    keys = {row["key"] for row in told(["ottla", "config", topic, "--all"], either)}
    assert {"retention.ms", "segment.bytes"} <= keys
    dry = ["ottla", "config", "set", topic, "retention.ms=2h", "--dry-run"]
    assert told(dry, either)[0]["value"] == "7200000"
    assert told(["ottla", "config", topic, "-k", "retention.ms"], either)[0]["value"] == "3600000"
    for how, value in (("--append", "delete,compact"), ("--subtract", "delete")):
        policy = ["ottla", "config", "set", topic, "cleanup.policy=compact", how]
        would = told([*policy, "--dry-run"], either)[0]["value"]
        assert would == told(policy, either)[0]["value"] == value
    rows = told(["ottla", "config", "unset", topic, "retention.ms"], either)
    assert rows == [{"key": "retention.ms", "was": "3600000", "value": "604800000"}]


def test_brokers_and_groups_have_configs(either: Server, name: Name) -> None:
    """If this failed, only topics could be configured."""
    at = ["--at", either.bootstrap]
    cluster = ["ottla", "config", "set", "--cluster", "log.cleaner.threads=1"]
    assert run([*cluster, *at]).exit_code == 0
    assert told(["ottla", "config", "--cluster", "-k", "log.cleaner.threads"], either) == [
        {"key": "log.cleaner.threads", "value": "1", "source": "cluster"}
    ]
    assert run(["ottla", "config", "unset", "--cluster", "log.cleaner.threads", *at]).exit_code == 0
    (row,) = told(["ottla", "config", "1", "--broker", "-k", "broker.id"], either)
    assert row["value"] == "1"


@pytest.mark.parametrize(
    ("words", "code", "said", "hint"),
    [
        ("set {topic} retention=1", 2, "there is no config retention", ""),
        ("set {topic} retention.mss=1", 2, "no config retention.mss", "mean retention.ms?"),
        ("set {topic} cleanup.policy=x", 1, "cleanup.policy", ""),
        ("set {topic}", 2, "KEY=VALUE is missing", "retention.ms=7d"),
        ("unset {topic}", 2, "KEY is missing", ""),
        ("show {topic} --key nosuch", 2, "there is no config nosuch", ""),
        ("show", 2, "NAME is missing", "--broker 1"),
        ("{topic}x", 1, "topic {topic}x does not exist", "did you mean {topic}?"),
        ("show 1 --broker --group", 2, "do not go together", ""),
        ("show x --cluster", 2, "'x' is a word too many", ""),
        ("set --cluster log.retention.mss=1", 2, "no config log.retention.mss", "retention.ms?"),
        ("set {topic} retention.ms=1 retention.ms=2", 2, "retention.ms is given twice", ""),
    ],
)
def test_a_slip_changes_nothing_and_is_told(
    words: str, code: int, said: str, hint: str, ottla_server: Server, name: Name
) -> None:
    """If this failed, a wrong key would be taken, or the right one not be named."""
    topic = name()
    at = ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, *at])
    done = run(["ottla", "config", *words.format(topic=topic).split(), *at])
    assert done.exit_code == code, done
    assert said.format(topic=topic) in done.stderr
    assert hint.format(topic=topic) in done.stderr.partition("hint: ")[2]
