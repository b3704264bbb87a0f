"""Messages as Apache's generated classes read them; most is held in test_kafka_dump_log.py."""

from __future__ import annotations

from ottla.cli.java_reading import read
from ottla.wire.stored.groups import ConsumerGroupMemberMetadataValue

MEMBER = "00 00 02 63 02 68 01 00 00 00 00 05 00"


def test_a_tagged_struct_that_is_null() -> None:
    """If this failed, members of consumer groups that a broker wrote could not be printed."""
    data = bytes.fromhex(MEMBER) + b"\x01\x00\x01\x00"
    value, end = read(ConsumerGroupMemberMetadataValue, data, 0)
    assert end == len(data)
    assert value.classic_member_metadata is None
    assert value.client_id == "c"
