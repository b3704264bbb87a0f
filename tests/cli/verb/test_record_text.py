"""Records as text and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ottla.cli.verb import record_text
from ottla.client.records import ConsumerRecord
from ottla.errors import OttlaError

RECORD = ConsumerRecord(
    "t",
    3,
    42,
    timestamp_ms=1_700_000_000_000,
    key=b"k",
    value=b"v\xff",
    headers=[("a", b"1"), ("b", None)],
)
BYTES = st.none() | st.binary(max_size=20) | st.text(max_size=20).map(str.encode)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (r"%t %p %o %k %T\n", b"t 3 42 k 1700000000000\n"),
        ("%s", b"v\xff"),
        ("%K:%S", b"1:2"),
        ("%h", b"a=1,b=NULL"),
        (r"100%%\t\x41\0\\", b"100%\tA\0\\"),
        ("é", "é".encode()),
        (r"\q", rb"\q"),
    ],
)
def test_a_format_as_kcats(form: str, text: bytes) -> None:
    """If this failed, a line that works with kcat would print something else."""
    assert record_text.of_format(form)(RECORD) == text


def test_lengths_of_nothing_are_less_than_0() -> None:
    """If this failed, an absent key would look like an empty one."""
    assert record_text.of_format("%K %S %k%s")(ConsumerRecord("t", 0, 0)) == b"-1 -1 "


@pytest.mark.parametrize("form", ["%q", "%", r"\xZZ"])
def test_a_token_that_there_is_not(form: str) -> None:
    """If this failed, `%z` would be printed for every record."""
    with pytest.raises(OttlaError, match="--format"):
        record_text.of_format(form)


@given(
    value=BYTES,
    key=BYTES,
    headers=st.lists(st.tuples(st.text(max_size=5), BYTES), max_size=3),
    partition=st.integers(0, 9),
    timestamp_ms=st.integers(0, 2**62),
)
def test_json_keeps_all_of_a_record(
    value: bytes | None,
    key: bytes | None,
    headers: list[tuple[str, bytes | None]],
    partition: int,
    timestamp_ms: int,
) -> None:
    """If this failed, `consume --json | produce --json` would not copy."""
    record = ConsumerRecord(
        "t", partition, 1, timestamp_ms=timestamp_ms, key=key, value=value, headers=headers
    )
    line = record_text.json_line(record)
    assert line.count(b"\n") == 1
    found = record_text.from_json(line)
    assert found == (value, key, headers, partition, timestamp_ms)


def test_json_of_ones_own() -> None:
    """If this failed, only what consume printed could be produced."""
    found = record_text.from_json(b'{"value": {"n": [1, "\xc3\xa9"]}, "headers": {"h": "x"}}')
    assert found.value == '{"n":[1,"é"]}'.encode()
    assert (found.key, found.headers, found.partition) == (None, [("h", b"x")], -1)
    assert record_text.from_json(b'{"value": 5}').value == b"5"
    assert record_text.from_json(b"{}").value is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"hello", "no JSON"),
        (b"[1]", "no JSON object"),
        (b'{"vlaue": 1}', "no 'vlaue'"),
        (b'{"partition": "x"}', "partition is a whole number"),
        (b'{"timestamp_ms": true}', "timestamp_ms is a whole number"),
        (b'{"value_base64": "*"}', "neither text nor base64"),
        (b'{"headers": [1]}', "headers are"),
        (b'{"headers": [["a", 1]]}', "neither text nor base64"),
        (b'{"headers": [[1, "a"]]}', "a header's name is text"),
        (b"\xff", "no JSON"),
    ],
)
def test_json_that_is_no_record(line: bytes, said: str) -> None:
    """If this failed, a misspelled field would be lost, or a line end in a traceback."""
    with pytest.raises(OttlaError, match=said):
        record_text.from_json(line)


def test_what_is_printed_is_one_document_a_line() -> None:
    """If this failed, jq would not read it."""
    assert json.loads(record_text.json_line(RECORD)) == {
        "topic": "t",
        "partition": 3,
        "offset": 42,
        "timestamp_ms": 1_700_000_000_000,
        "key": "k",
        "value_base64": "dv8=",
        "headers": [["a", "1"], ["b", None]],
    }
    assert record_text.value_line(ConsumerRecord("t", 0, 0)) == b"null\n"
    assert record_text.key_value_line(RECORD) == b"k\tv\xff\n"
