"""Formatters of the coordinators' topics against what Apache Kafka 4.3.1's printed of the same
records (recorded in tests/data/formatters.jsonl: keys and values in hex, and its output).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ottla.cli.formatters import FORMATTERS, CoordinatorFormatter
from ottla.cli.record_lines import Printed
from ottla.cli.run import Failed


def rows(data_dir: Path) -> list[dict[str, Any]]:
    """One row a partition and formatter."""
    lines = (data_dir / "formatters.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def printed(key: bytes | None, value: bytes | None) -> Printed:
    """A record with nothing but a key and a value."""
    return Printed(None, -1, 0, 7, [], key, value)


@pytest.mark.parametrize("name", FORMATTERS)
def test_records_are_printed_as_apaches(data_dir: Path, name: str) -> None:
    """If this failed, who reads committed offsets or transactions would read other things."""
    lines = 0
    for row in rows(data_dir):
        if row["formatter"] != name:
            continue
        formatter = CoordinatorFormatter(name)
        ours = b"".join(
            formatter.line(
                printed(*(None if text is None else bytes.fromhex(text) for text in record))
            )
            for record in row["records"]
        )
        assert ours.decode().splitlines() == row["lines"]
        lines += len(row["lines"])
    assert lines


def test_what_is_no_such_record() -> None:
    """If this failed, one record of a newer broker would stop the reading, or damage be hidden."""
    formatter = CoordinatorFormatter("org.apache.kafka.tools.consumer.OffsetsMessageFormatter")
    assert formatter.line(printed(None, b"x")) == b""
    assert formatter.line(printed(b"\x7f\x00rest", b"x")) == b""
    with pytest.raises(Failed, match="offset 7"):
        formatter.line(printed(b"\x00\x01\x00", b"x"))


OFFSETS = "org.apache.kafka.tools.consumer.OffsetsMessageFormatter"
GROUPS = "org.apache.kafka.tools.consumer.GroupMetadataMessageFormatter"


@pytest.mark.parametrize(
    ("group", "behind", "shown"),
    [(b"gr\xffup", b"", "gr\ufffdup"), (b"group", b"more", "group"), (b"\xff", b"!", "\ufffd")],
)
def test_a_damaged_key_does_not_end_the_reading(group: bytes, behind: bytes, shown: str) -> None:
    """If this failed, one key that Java takes would end the consumer, whatever it looks for."""
    text = len(group).to_bytes(2, "big") + group
    record = printed(b"\x00\x01" + text + b"\x00\x01t" + b"\x00\x00\x00\x07" + behind, None)
    assert CoordinatorFormatter(GROUPS).line(record) == b""
    line = json.loads(CoordinatorFormatter(OFFSETS).line(record))
    assert line["key"]["data"] == {"group": shown, "topic": "t", "partition": 7}


@pytest.mark.parametrize("key", [b"\x00\x01\x00\x09gr", b"\x00\x01\xff\xffgr", b"\x00\x01\x00"])
def test_a_key_that_is_cut_short_does(key: bytes) -> None:
    """If this failed, damage would be hidden where Apache's ends as well."""
    with pytest.raises(Failed, match="offset 7"):
        CoordinatorFormatter(OFFSETS).line(printed(key, None))
