"""What to do about a node's refusal, by its error code, where whoever asked knows nothing better.

Only codes that a person can do something about have a row; names of commands and settings are those
that serve any Kafka.
"""

from __future__ import annotations

from typing import Final

from ottla.wire.errors import ErrorCode

_IN_SYNC: Final = (
    "brokers are down or behind: kafka-topics.sh --describe --under-min-isr-partitions shows where;"
    " min.insync.replicas says how many there must be"
)
_OWN_ID: Final = "another producer has the same transactional.id: give each its own"

HINTS: Final[dict[ErrorCode, str]] = {
    ErrorCode.CLUSTER_AUTHORIZATION_FAILED: (
        "the user needs the right for it on the cluster: kafka-acls.sh --add --cluster"
    ),
    ErrorCode.GROUP_AUTHORIZATION_FAILED: (
        "the user needs READ on the group (DESCRIBE to look at it): kafka-acls.sh --add --group"
    ),
    ErrorCode.GROUP_ID_NOT_FOUND: "kafka-consumer-groups.sh --list shows the groups",
    ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC: "stop the members that read the topic first",
    ErrorCode.INVALID_CONFIG: (
        "kafka-configs.sh --describe --all shows what there is, with its values"
    ),
    ErrorCode.INVALID_PARTITIONS: "at least 1; and a topic's number of partitions can only grow",
    ErrorCode.INVALID_PRODUCER_EPOCH: _OWN_ID,
    ErrorCode.INVALID_RECORD: "a compacted topic takes only records with a key",
    ErrorCode.INVALID_REPLICATION_FACTOR: (
        "it is 1 to the number of brokers; -1 takes the cluster's default"
    ),
    ErrorCode.INVALID_TIMESTAMP: (
        "the topic's message.timestamp.before.max.ms and message.timestamp.after.max.ms say how "
        "far from now a record's may be"
    ),
    ErrorCode.INVALID_TOPIC_EXCEPTION: (
        "a name has 1 to 249 of the letters a-z, A-Z, 0-9, '.', '_' and '-', and is neither '.' "
        "nor '..'"
    ),
    ErrorCode.INVALID_TRANSACTION_TIMEOUT: (
        "lower transaction.timeout.ms, or raise the brokers' transaction.max.timeout.ms"
    ),
    ErrorCode.LEADER_NOT_AVAILABLE: (
        "kafka-topics.sh --describe --unavailable-partitions shows which brokers are missing"
    ),
    ErrorCode.MESSAGE_TOO_LARGE: (
        "raise the topic's max.message.bytes, or send less at once: batch.size, compression.type"
    ),
    ErrorCode.NON_EMPTY_GROUP: (
        "stop its members first: kafka-consumer-groups.sh --describe --members shows them"
    ),
    ErrorCode.NOT_ENOUGH_REPLICAS: _IN_SYNC,
    ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND: _IN_SYNC,
    ErrorCode.OFFSET_METADATA_TOO_LARGE: "the brokers' offset.metadata.max.bytes says how long",
    ErrorCode.OFFSET_OUT_OF_RANGE: "kafka-get-offsets.sh shows where the log begins and ends",
    ErrorCode.PRODUCER_FENCED: _OWN_ID,
    ErrorCode.REASSIGNMENT_IN_PROGRESS: (
        "wait for it, or cancel it: kafka-reassign-partitions.sh --list shows it"
    ),
    ErrorCode.RECORD_LIST_TOO_LARGE: (
        "raise the topic's segment.bytes, or send less at once: batch.size, compression.type"
    ),
    ErrorCode.TOPIC_ALREADY_EXISTS: "use it as it is, or choose another name",
    ErrorCode.TOPIC_AUTHORIZATION_FAILED: (
        "the user needs READ, WRITE or DESCRIBE on the topic: kafka-acls.sh --add --topic"
    ),
    ErrorCode.TOPIC_DELETION_DISABLED: "the controllers' delete.topic.enable says so",
    ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: (
        "the user needs WRITE on the transactional id: kafka-acls.sh --add --transactional-id"
    ),
    ErrorCode.TRANSACTIONAL_ID_NOT_FOUND: "kafka-transactions.sh list shows those that are known",
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: (
        "kafka-topics.sh --list shows the topics, and --describe the partitions of one"
    ),
    ErrorCode.UNSUPPORTED_VERSION: "the brokers are older than what was asked of them",
}
