"""Declared messages as JSON; that it is Apache's, all of it, is held in test_kafka_dump_log.py."""

from __future__ import annotations

import pytest

from ottla.cli.message_json import as_json, text_of
from ottla.wire.stored.metadata import RegisterBrokerRecord
from ottla.wire.stored.raft import KRaftVersionRecord


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.5, "1.5"),
        (1e6, "1000000.0"),
        (1e7, "1.0E7"),
        (12345678.25, "1.234567825E7"),
        (-123456789.0, "-1.23456789E8"),
        (0.001, "0.001"),
        (0.00012, "1.2E-4"),
        (1e300, "1.0E300"),
        (float("nan"), '"NaN"'),
        (float("-inf"), '"-Infinity"'),
        ('"\\/\x1f\x7f\n', '"\\"\\\\/\\u001F\x7f\\n"'),
        ([None, True, 5, {}], "[null,true,5,{}]"),
    ],
)
def test_values_as_java_writes_them(value: object, text: str) -> None:
    """If this failed, quotas and odd names would be printed in Python's way."""
    assert text_of(value) == text


def test_tagged_fields_are_there_where_they_are_set() -> None:
    """If this failed, an empty list that nobody wrote would be printed as if it had been."""
    assert "logDirs" not in as_json(RegisterBrokerRecord(), 4)
    assert as_json(RegisterBrokerRecord(cordoned_log_dirs=[]), 4)["cordonedLogDirs"] == []
    assert as_json(KRaftVersionRecord(kraft_version=1), 0) == {"version": 0, "kRaftVersion": 1}
