"""What Kafka Streams members of classic groups put into their subscription's user data.

The version is also the first field.
"""

from __future__ import annotations

from ottla.wire.schema import Message, Struct
from ottla.wire.types import array, binary, int8, int32, int64, string, uuid


class TaskId(Struct):
    topic_group_id: int = int32("1-6")
    partition: int = int32("1-6")


class PartitionToOffsetSum(Struct):
    partition: int = int32("7-9")
    offset_sum: int = int64("7-9")


class TaskOffsetSum(Struct):
    topic_group_id: int = int32("7+")
    partition: int = int32("10+")
    offset_sum: int = int64("10+")
    named_topology: str | None = string("10+", nullable="10+")
    partition_to_offset_sum: list[PartitionToOffsetSum] = array(PartitionToOffsetSum, "7-9")


class ClientTag(Struct):
    key: bytes = binary("11+")
    value: bytes = binary("11+")


class SubscriptionInfoData(Message, versions="1-11"):
    version: int = int32("1+")
    latest_supported_version: int = int32("3+", default=-1)
    process_id: bytes = uuid("1+")
    prev_tasks: list[TaskId] = array(TaskId, "1-6")
    standby_tasks: list[TaskId] = array(TaskId, "1-6")
    user_end_point: bytes = binary("2+")
    task_offset_sums: list[TaskOffsetSum] = array(TaskOffsetSum, "7+")
    unique_field: int = int8("8+")
    error_code: int = int32("9+")
    client_tags: list[ClientTag] = array(ClientTag, "11+")
