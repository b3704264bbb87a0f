"""Batches of `__consumer_offsets` as anybody may have written them: whole records, broken ones, and
markers of transactions, with numbers at their extremes.
"""

from __future__ import annotations

from hypothesis import strategies as st

from ottla.wire.records import Record, build_batch, control_batch
from ottla.wire.stored.frame import encode_coordinator
from ottla.wire.stored.groups import (
    ConsumerGroupMemberMetadataKey,
    ConsumerGroupMetadataKey,
    GroupMetadataKey,
    GroupMetadataValue,
    MemberMetadata,
)
from ottla.wire.stored.offsets import (
    LegacyOffsetCommitKey,
    LegacyOffsetCommitValue,
    OffsetCommitKey,
    OffsetCommitValue,
)
from ottla.wire.stored.share import ShareGroupMemberMetadataKey
from ottla.wire.stored.streams import StreamsGroupTopologyKey

INT32 = st.sampled_from([-(1 << 31), -1, 0, 1, 300, 6000, (1 << 31) - 1])
INT64 = st.sampled_from([-(1 << 63), -1, 0, 1, 1_000_000, (1 << 63) - 1])
NAMES = st.sampled_from(["", "g", "h", "good", "m", "n", "x" * 300, "ü", "\0"])
GROUPS = st.sampled_from(["g", "g", "h", "h", "good", "", "ü"])
MAYBE = st.one_of(st.none(), NAMES)
SUBSCRIPTIONS = st.one_of(
    st.binary(max_size=12),
    st.just(b"\0\0\0\0\0\1\0\1t\xff\xff\xff\xff"),
    st.just(b"\0\0\x7f\xff\xff\xff"),
    st.just(b"\xff\xff\0\0\0\0"),
)
MEMBERS = st.lists(
    st.builds(
        MemberMetadata,
        member_id=NAMES,
        group_instance_id=MAYBE,
        client_id=NAMES,
        client_host=NAMES,
        rebalance_timeout=INT32,
        session_timeout=INT32,
        subscription=SUBSCRIPTIONS,
        assignment=st.binary(max_size=4),
    ),
    max_size=3,
)
GROUP_VALUES = st.builds(
    encode_coordinator,
    st.builds(
        GroupMetadataValue,
        protocol_type=st.sampled_from(["", "consumer", "connect"]),
        generation=INT32,
        protocol=st.sampled_from([None, "", "range"]),
        leader=MAYBE,
        current_state_timestamp=INT64,
        members=MEMBERS,
    ),
    st.sampled_from([3, 4]),
)
OFFSET_VALUES = st.builds(
    encode_coordinator,
    st.builds(
        OffsetCommitValue,
        offset=INT64,
        leader_epoch=INT32,
        metadata=NAMES,
        commit_timestamp=INT64,
        topic_id=st.sampled_from([bytes(16), b"\1" * 16]),
    ),
    st.sampled_from([3, 4]),
)
EXPIRING_VALUES = st.builds(
    encode_coordinator,
    st.builds(OffsetCommitValue, offset=INT64, commit_timestamp=INT64, expire_timestamp=INT64),
    st.just(1),
)
LEGACY_VALUES = st.builds(
    encode_coordinator,
    st.builds(LegacyOffsetCommitValue, offset=INT64, metadata=NAMES, commit_timestamp=INT64),
)
KEYS = st.one_of(
    st.builds(GroupMetadataKey, group=NAMES),
    st.builds(OffsetCommitKey, group=NAMES, topic=NAMES, partition=INT32),
    st.builds(LegacyOffsetCommitKey, group=NAMES, topic=NAMES, partition=INT32),
    st.builds(ConsumerGroupMetadataKey, group_id=NAMES),
    st.builds(ConsumerGroupMemberMetadataKey, group_id=NAMES, member_id=NAMES),
    st.builds(ShareGroupMemberMetadataKey, group_id=NAMES, member_id=NAMES),
    st.builds(StreamsGroupTopologyKey, group_id=NAMES),
).map(encode_coordinator)


def _mutated(data: bytes, edits: list[tuple[int, int]]) -> bytes:
    """Some bytes of it are others; an edit past the end cuts it there or makes it longer."""
    changed = bytearray(data)
    for at, byte in edits:
        if at < len(changed):
            changed[at] = byte
        elif byte < 128:
            del changed[byte:]
        else:
            changed.append(byte)
    return bytes(changed)


EDITS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=3)
VALUES = st.one_of(GROUP_VALUES, OFFSET_VALUES, EXPIRING_VALUES, LEGACY_VALUES)
MATCHED = st.one_of(
    st.tuples(st.builds(GroupMetadataKey, group=GROUPS).map(encode_coordinator), GROUP_VALUES),
    st.tuples(
        st.builds(OffsetCommitKey, group=GROUPS, topic=NAMES, partition=INT32).map(
            encode_coordinator
        ),
        st.one_of(OFFSET_VALUES, EXPIRING_VALUES),
    ),
)
PAIRS = st.one_of(
    MATCHED,
    MATCHED,
    st.tuples(KEYS, st.one_of(st.none(), VALUES)),
    st.tuples(
        st.builds(_mutated, KEYS, EDITS), st.one_of(st.none(), st.builds(_mutated, VALUES, EDITS))
    ),
    st.tuples(st.one_of(st.none(), st.binary(max_size=12)), st.one_of(st.none(), st.binary())),
)


def _batch(pairs: list[tuple[bytes | None, bytes | None]], producer_id: int) -> bytes:
    return build_batch(
        [Record(key, value) for key, value in pairs],
        producer_id=producer_id,
        producer_epoch=-1 if producer_id < 0 else 0,
        transactional=producer_id >= 0,
    )


BATCHES = st.one_of(
    st.builds(_batch, st.lists(PAIRS, min_size=1, max_size=4), st.sampled_from([-1, -1, -1, 5, 6])),
    st.builds(
        lambda kind, producer_id: control_batch(
            kind,
            bytes(6),
            timestamp_ms=0,
            producer_id=producer_id,
            producer_epoch=0,
            transactional=True,
        ),
        st.sampled_from([0, 1, 1, 9]),
        st.sampled_from([5, 6, 7]),
    ),
)
