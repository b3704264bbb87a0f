"""The declared classes as Python objects, and what the codec refuses to write."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ottla import _core
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.describe_topic_partitions import Cursor, DescribeTopicPartitionsRequest
from ottla.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic, ReplicaState
from ottla.wire.messages.header import RequestHeader
from ottla.wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from ottla.wire.schema import EncodeError, ProtocolError, decode, decode_prefix, encode
from ottla.wire.stored.groups import ClassicMemberMetadata, ConsumerGroupMemberMetadataValue


def test_fields_have_kafkas_defaults() -> None:
    """A message that says nothing must say what Kafka would assume."""
    request = CreateTopicsRequest()
    assert (request.topics, request.timeout_ms, request.validate_only) == ([], 60000, False)
    assert FetchRequest().replica_state == ReplicaState(replica_id=-1, replica_epoch=-1)


def test_defaults_are_not_shared() -> None:
    """Else filling one message's list would fill the next one's."""
    first, second = CreateTopicsRequest(), CreateTopicsRequest()
    first.topics.append(CreatableTopic(name="a"))
    assert second.topics == []
    one = FetchRequest()
    one.replica_state.replica_id = 5
    assert FetchRequest().replica_state.replica_id == -1


def test_unknown_fields_are_refused() -> None:
    """A typing error must not vanish."""
    with pytest.raises(TypeError, match=r"CreateTopicsRequest has no field topic"):
        CreateTopicsRequest(topic=[])
    with pytest.raises(AttributeError):
        CreateTopicsRequest().topic = []


def test_equality_and_repr() -> None:
    """Tests compare messages, and people read them."""
    topic = CreatableTopic(name="a", num_partitions=3)
    assert topic == CreatableTopic(name="a", num_partitions=3)
    assert topic != CreatableTopic(name="b", num_partitions=3)
    assert topic != "a"
    assert repr(Cursor(topic_name="a")) == "Cursor(topic_name='a', partition_index=0)"
    with pytest.raises(TypeError, match="unhashable"):
        hash(topic)


def test_bytes_by_hand() -> None:
    """The classic and compact forms, against bytes worked out from the protocol's guide."""
    request = MetadataRequest(topics=[MetadataRequestTopic(name="ab")])
    assert encode(request, 1) == bytes.fromhex("00000001 0002 6162")
    flexible = bytes.fromhex("02 03 6162 00 01 00 00 00".replace(" ", ""))
    assert encode(request, 9) == flexible
    assert encode(MetadataRequest(topics=None), 1) == b"\xff\xff\xff\xff"
    header = RequestHeader(
        request_api_key=3, request_api_version=9, correlation_id=1, client_id=None
    )
    assert encode(header, 2) == bytes.fromhex("0003 0009 00000001 ffff 00")


def test_tags_are_left_out_at_their_default() -> None:
    """Older peers read such messages; and Apache writes them so."""
    plain = encode(FetchRequest(), 15)
    tagged = encode(FetchRequest(replica_state=ReplicaState(replica_id=1, replica_epoch=2)), 15)
    assert plain.endswith(b"\x00")
    assert tagged == plain[:-1] + bytes.fromhex("01 01 0d 00000001 0000000000000002 00")


def test_nullable_struct() -> None:
    """A struct that may be null has a byte before it."""
    absent = DescribeTopicPartitionsRequest(cursor=None)
    present = DescribeTopicPartitionsRequest(cursor=Cursor(topic_name="a", partition_index=1))
    assert encode(absent, 0)[-2:] == b"\xff\x00"
    assert encode(present, 0)[-9:] == bytes.fromhex("01 0261 00000001 00 00")
    for request in (absent, present):
        assert decode(DescribeTopicPartitionsRequest, encode(request, 0), 0) == request


def test_a_tagged_struct_that_is_null() -> None:
    """Apache writes so every member of a consumer group; it could not be read, nor read ours."""
    written = bytes.fromhex("00 00 02 63 02 68 01 00 00 00 00 05 00 01 00 01 00")
    member = ConsumerGroupMemberMetadataValue(
        instance_id=None,
        rack_id=None,
        client_id="c",
        client_host="h",
        subscribed_topic_regex=None,
        rebalance_timeout_ms=5,
        server_assignor=None,
        classic_member_metadata=None,
    )
    assert encode(member, 0) == written
    assert decode(ConsumerGroupMemberMetadataValue, written, 0) == member
    member.classic_member_metadata = ClassicMemberMetadata(session_timeout_ms=9)
    assert encode(member, 0) == written[:-4] + bytes.fromhex("01 00 07 01 00000009 01 00")
    assert decode(ConsumerGroupMemberMetadataValue, encode(member, 0), 0) == member


def test_a_field_that_the_version_lacks() -> None:
    """What cannot be carried is left out only where Kafka says that this is harmless."""
    with pytest.raises(EncodeError, match=r"MetadataRequest v3: allow_auto_topic_creation: is set"):
        encode(MetadataRequest(topics=[], allow_auto_topic_creation=False), 3)
    ignorable = FetchRequest(topics=[FetchTopic(partitions=[FetchPartition(log_start_offset=9)])])
    assert encode(ignorable, 4) == encode(
        FetchRequest(topics=[FetchTopic(partitions=[FetchPartition()])]), 4
    )


@pytest.mark.parametrize(
    ("request_", "version", "error", "text"),
    [
        (MetadataRequest(topics=None), 0, EncodeError, "topics: is null, which version 0"),
        (MetadataRequest(), 99, EncodeError, "has no version 99, only 0 to 13"),
        (CreateTopicsRequest(timeout_ms=2**31), 7, EncodeError, "timeout_ms: is 2147483648"),
        (CreateTopicsRequest(timeout_ms=2**99), 7, TypeError, "an int of at most 64 bits"),
        (CreateTopicsRequest(timeout_ms="1"), 7, TypeError, "an int of at most 64 bits"),
        (CreateTopicsRequest(validate_only=1), 7, TypeError, "a bool"),
        (CreateTopicsRequest(topics=[1]), 7, TypeError, "CreatableTopic"),
        (CreateTopicsRequest(topics={}), 7, TypeError, "a list or tuple"),
        (
            CreateTopicsRequest(topics=[CreatableTopic(name="x" * 32768)]),
            7,
            EncodeError,
            r"topics\.name: is too long: 32768",
        ),
        (
            FetchRequest(topics=[FetchTopic(topic_id=b"short")]),
            13,
            EncodeError,
            r"topics\.topic_id: is a uuid and holds 5 bytes",
        ),
    ],
)
def test_what_cannot_be_written(
    request_: CreateTopicsRequest, version: int, error: type[Exception], text: str
) -> None:
    """Our own mistakes are named with the field, and never go out as other bytes."""
    with pytest.raises(error, match=text):
        encode(request_, version)


def test_a_message_may_be_followed_by_more_only_if_asked() -> None:
    """Bytes after the end mean that the peer wrote another message than we read."""
    data = encode(MetadataRequest(topics=[]), 8)
    with pytest.raises(ProtocolError, match="1 bytes follow its end"):
        decode(MetadataRequest, data + b"\0", 8)
    message, end = decode_prefix(MetadataRequest, b"??" + data + b"\0", 8, 2)
    assert message == MetadataRequest(topics=[])
    assert end == 2 + len(data)


def test_one_api_loads_alone() -> None:
    """Start-up pays for the messages that it uses and for no others."""
    program = (
        "import sys; from ottla.wire import api; api.apis();"
        "assert not [m for m in sys.modules if m.startswith('ottla.wire.messages.')];"
        "api.request_class(3);"
        "print([m for m in sys.modules if m.startswith('ottla.wire.messages.')])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert ran.stdout == "['ottla.wire.messages.metadata']\n"


def test_plans_take_slotted_classes_alone() -> None:
    """The core writes into slots directly; another class would be memory of another kind."""
    number = ("x", "int8", None, ((0, 1), (0, -1), (0, -1)), (0, False, False), 0)

    class Other:
        x = property(lambda self: 1)

    class Slotted:
        __slots__ = ("x",)

    with pytest.raises(TypeError, match="makes its own objects"):
        _core.Plan(int, "int", [], (0, 1), (0, -1))
    with pytest.raises(TypeError, match="x is no slot"):
        _core.Plan(Other, "Other", [number], (0, 1), (0, -1))
    plan = _core.Plan(Slotted, "Slotted", [number], (0, 1), (0, -1))
    with pytest.raises(TypeError, match="doesn't apply"):
        plan.fill(3, {})
    with pytest.raises(TypeError, match="needs Slotted"):
        plan.encode(3, 0)
    with pytest.raises(AttributeError):
        plan.encode(Slotted(), 0)
