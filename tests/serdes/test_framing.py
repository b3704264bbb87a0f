"""Frames: what is written is read, and what is none is one clear error."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka.schema_registry.serde import SchemaId
from hypothesis import strategies as st

from chance import by_chance
from ottla.serdes import framing
from ottla.serdes.errors import BadData

IDS = st.integers(0, (1 << 32) - 1)
GUIDS = st.uuids().map(str)
INDEXES = st.lists(st.integers(0, 1 << 31), min_size=1, max_size=5).map(tuple)
HEADERS = st.lists(st.tuples(st.text(max_size=3), st.binary(max_size=3)), max_size=3)


@by_chance(IDS, INDEXES, st.binary(max_size=40), HEADERS, st.booleans(), few=100, many=5000)
def test_ids_before_the_data(
    schema_id: int,
    indexes: tuple[int, ...],
    data: bytes,
    headers: list[tuple[str, bytes]],
    is_key: bool,
) -> None:
    """If this failed, a record would be read by another schema, or another of its messages."""
    framed = framing.prefix_of_id(schema_id, indexes) + data
    read = framing.read(framed, headers, is_key=is_key, has_indexes=True)
    assert read == (schema_id, indexes, data)
    plain = framing.read(framing.prefix_of_id(schema_id) + data, headers, is_key=is_key)
    assert plain == (schema_id, (0,), data)


@by_chance(GUIDS, INDEXES, st.binary(max_size=40), st.booleans(), st.booleans(), few=100, many=5000)
def test_guids_in_headers_and_before_the_data(
    guid: str, indexes: tuple[int, ...], data: bytes, is_key: bool, as_dict: bool
) -> None:
    """If this failed, a record whose header names the schema would not be read."""
    prefix = framing.prefix_of_guid(guid, indexes)
    headers: object = {} if as_dict else []
    framing.put_header(headers, is_key, prefix)
    framing.put_header(headers, is_key, prefix)
    assert len(headers) == 1  # type: ignore[arg-type]
    read = framing.read(data, headers, is_key=is_key, has_indexes=True)  # type: ignore[arg-type]
    assert read == (guid, indexes, data)
    assert framing.read(prefix + data, is_key=is_key, has_indexes=True) == (guid, indexes, data)
    other = framing.read(prefix + data, headers, is_key=not is_key, has_indexes=True)  # type: ignore[arg-type]
    assert other.payload == data


@by_chance(IDS, GUIDS, INDEXES, few=100, many=5000)
def test_frames_are_those_of_others(schema_id: int, guid: str, indexes: tuple[int, ...]) -> None:
    """If this failed, no other client could read what ours writes."""
    theirs = SchemaId("PROTOBUF", schema_id, guid, list(indexes))
    assert framing.prefix_of_id(schema_id, indexes) == theirs.id_to_bytes()
    assert framing.prefix_of_guid(guid, indexes) == theirs.guid_to_bytes()


def test_both_ways_to_tell_the_first_message_are_read() -> None:
    """If this failed, records of clients that write [0] in full would be lost."""
    for told in (b"\0", b"\x02\0"):
        read = framing.read(b"\0\0\0\0\7" + told + b"x", is_key=False, has_indexes=True)
        assert read == (7, (0,), b"x")


@by_chance(st.binary(max_size=30), st.booleans(), few=100, many=20_000)
def test_whatever_comes_is_a_frame_or_one_error(data: bytes, has_indexes: bool) -> None:
    """If this failed, a poison record would raise what no consumer expects."""
    try:
        read = framing.read(data, is_key=False, has_indexes=has_indexes)
    except framing.Cut:
        return
    if isinstance(read.schema, int):
        assert data[0] == 0
    else:
        assert uuid.UUID(read.schema).bytes == data[1:17]


CUT = [
    (b"", "nothing"),
    (b"\0\0\0\0", "within the id"),
    (b"\1" + bytes(15), "within the GUID"),
    (b'{"a":1}', "begins with byte 123"),
    (b"\0\0\0\0\1", "within the indexes"),
    (b"\0\0\0\0\1\x02", "within the indexes"),
    (b"\0\0\0\0\1" + b"\xff" * 20, "within the indexes"),
    (b"\0\0\0\0\1\x90\x4e", "5000 indexes"),
    (b"\0\0\0\0\1\x02\x01", "the index -1"),
]


@pytest.mark.parametrize(("data", "told"), CUT)
def test_what_is_no_frame_says_why(data: bytes, told: str) -> None:
    """If this failed, nobody would know what kind of record stands in the topic."""
    with pytest.raises(framing.Cut, match=told):
        framing.read(data, is_key=False, has_indexes=True)


def test_headers_that_can_not_be_added_to_are_told() -> None:
    """If this failed, a record would be sent without the name of its schema."""
    for headers in (None, (), (("a", b"b"),)):
        with pytest.raises(BadData, match="no headers"):
            framing.put_header(headers, False, b"x")


def test_a_record_that_is_sent_on_names_its_own_schema() -> None:
    """If this failed, a record that was read with a GUID in its headers and written with an id
    would be read by the schema of before.
    """
    name = framing.header_name(False)
    rows = [("trace", b"1"), (name, b"old")]
    framing.drop_header(rows, False)
    assert rows == [("trace", b"1")]
    mapped = {"trace": b"1", name: b"old"}
    framing.drop_header(mapped, False)
    assert mapped == {"trace": b"1"}
    framing.drop_header(None, False)
    framing.drop_header((("trace", b"1"),), False)
    with pytest.raises(BadData):
        framing.drop_header(((name, b"old"),), False)
