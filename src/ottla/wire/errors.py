"""Every error code of the protocol: one row each, in our own words; where clients are told the text
of a refused right, in Apache Kafka's.

Replies carry the number; `ErrorCode` is an int, so it goes into a message as it is. `retriable`
is what Apache's clients believe: the same request may succeed later without anybody changing
anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Row:
    """Turns itself into the class's member when the class is made, and so learns its name."""

    __slots__ = ("code", "retriable", "text")

    def __init__(self, code: int, retriable: bool, text: str) -> None:
        self.code = code
        self.retriable = retriable
        self.text = text

    def __set_name__(self, owner: type[ErrorCode], name: str) -> None:
        member = int.__new__(owner, self.code)
        member.name = name
        member.retriable = self.retriable
        member.text = self.text
        owner.by_code[self.code] = member
        setattr(owner, name, member)


def _fatal(code: int, text: str) -> ErrorCode:
    return cast("ErrorCode", _Row(code, False, text))


def _retry(code: int, text: str) -> ErrorCode:
    return cast("ErrorCode", _Row(code, True, text))


class ErrorCode(int):
    """An error code that knows its name, whether it is worth a retry, and what it means.

    `ErrorCode(41)` is `ErrorCode.NOT_CONTROLLER`; a number that 4.3.1 does not know is
    `ErrorCode.UNKNOWN_SERVER_ERROR`, as it is for Apache's clients.
    """

    name: str
    retriable: bool
    text: str
    by_code: dict[int, ErrorCode] = {}  # noqa: RUF012

    def __new__(cls, code: int) -> ErrorCode:
        member = cls.by_code.get(code)
        return cls.by_code[-1] if member is None else member

    def __repr__(self) -> str:
        return f"ErrorCode.{self.name}"

    @classmethod
    def all(cls) -> Iterator[ErrorCode]:
        return iter(cls.by_code.values())

    UNKNOWN_SERVER_ERROR = _fatal(-1, "The server failed in a way that it did not expect.")
    NONE = _fatal(0, "No error.")
    OFFSET_OUT_OF_RANGE = _fatal(1, "The offset lies outside of what the log holds.")
    CORRUPT_MESSAGE = _retry(
        2, "The bytes of the records do not match their checksum, or are not records at all."
    )
    UNKNOWN_TOPIC_OR_PARTITION = _retry(3, "This server hosts no such topic or partition.")
    INVALID_FETCH_SIZE = _fatal(4, "The number of bytes asked for makes no sense.")
    LEADER_NOT_AVAILABLE = _retry(
        5, "An election is under way; the partition has no leader right now."
    )
    NOT_LEADER_OR_FOLLOWER = _retry(
        6, "This server does not lead the partition, or hosts no replica of it."
    )
    REQUEST_TIMED_OUT = _retry(7, "The time ran out before the request was done.")
    BROKER_NOT_AVAILABLE = _fatal(8, "The broker is not there.")
    REPLICA_NOT_AVAILABLE = _retry(9, "The replica is not there.")
    MESSAGE_TOO_LARGE = _fatal(10, "The batch is larger than the topic allows.")
    STALE_CONTROLLER_EPOCH = _fatal(11, "The controller's epoch is older than one already seen.")
    OFFSET_METADATA_TOO_LARGE = _fatal(12, "The metadata beside the offset is longer than allowed.")
    NETWORK_EXCEPTION = _retry(13, "The connection broke before an answer came.")
    COORDINATOR_LOAD_IN_PROGRESS = _retry(14, "The coordinator is still reading its log.")
    COORDINATOR_NOT_AVAILABLE = _retry(15, "There is no coordinator right now.")
    NOT_COORDINATOR = _retry(16, "Another broker coordinates this.")
    INVALID_TOPIC_EXCEPTION = _fatal(
        17, "The topic's name is not allowed, or clients may not write to it."
    )
    RECORD_LIST_TOO_LARGE = _fatal(18, "The batch is larger than a segment may be.")
    NOT_ENOUGH_REPLICAS = _retry(
        19, "Fewer replicas are in sync than min.insync.replicas asks for; nothing was written."
    )
    NOT_ENOUGH_REPLICAS_AFTER_APPEND = _retry(
        20,
        "Written, but fewer replicas are in sync than min.insync.replicas asks for.",
    )
    INVALID_REQUIRED_ACKS = _fatal(21, "acks must be -1, 0 or 1.")
    ILLEGAL_GENERATION = _fatal(22, "The generation is not the group's current one.")
    INCONSISTENT_GROUP_PROTOCOL = _fatal(
        23, "The member's protocol type or protocols do not fit those of the group."
    )
    INVALID_GROUP_ID = _fatal(24, "The group id is not allowed.")
    UNKNOWN_MEMBER_ID = _fatal(25, "The group has no such member.")
    INVALID_SESSION_TIMEOUT = _fatal(
        26, "The session timeout lies outside of what the broker allows."
    )
    REBALANCE_IN_PROGRESS = _fatal(27, "The group rebalances; join it again.")
    INVALID_COMMIT_OFFSET_SIZE = _fatal(28, "The offset with its metadata is too large to be kept.")
    TOPIC_AUTHORIZATION_FAILED = _fatal(29, "Topic authorization failed.")
    GROUP_AUTHORIZATION_FAILED = _fatal(30, "Group authorization failed.")
    CLUSTER_AUTHORIZATION_FAILED = _fatal(31, "Cluster authorization failed.")
    INVALID_TIMESTAMP = _fatal(32, "The records' timestamp lies outside of what the topic allows.")
    UNSUPPORTED_SASL_MECHANISM = _fatal(33, "The server does not offer this SASL mechanism.")
    ILLEGAL_SASL_STATE = _fatal(34, "This request does not belong to this step of SASL.")
    UNSUPPORTED_VERSION = _fatal(35, "The server does not serve this version of the request.")
    TOPIC_ALREADY_EXISTS = _fatal(36, "A topic of this name exists.")
    INVALID_PARTITIONS = _fatal(37, "The number of partitions is not allowed.")
    INVALID_REPLICATION_FACTOR = _fatal(
        38, "The replication factor is below 1, or above the number of usable brokers."
    )
    INVALID_REPLICA_ASSIGNMENT = _fatal(39, "The assignment of replicas is not possible.")
    INVALID_CONFIG = _fatal(40, "The config, or its value, is not allowed.")
    NOT_CONTROLLER = _retry(41, "This server is not the active controller.")
    INVALID_REQUEST = _fatal(
        42, "The request contradicts itself, or does not fit the state that it meets."
    )
    UNSUPPORTED_FOR_MESSAGE_FORMAT = _fatal(43, "The log's message format cannot do this.")
    POLICY_VIOLATION = _fatal(44, "The cluster's policy forbids it.")
    OUT_OF_ORDER_SEQUENCE_NUMBER = _fatal(45, "The producer's sequence number is not the next one.")
    DUPLICATE_SEQUENCE_NUMBER = _fatal(46, "The producer's sequence number was there before.")
    INVALID_PRODUCER_EPOCH = _fatal(47, "The producer's epoch is older than the newest one.")
    INVALID_TXN_STATE = _fatal(48, "The transaction's state does not allow it.")
    INVALID_PRODUCER_ID_MAPPING = _fatal(
        49, "The producer id is not the one that belongs to the transactional id."
    )
    INVALID_TRANSACTION_TIMEOUT = _fatal(
        50, "The transaction timeout is above transaction.max.timeout.ms."
    )
    CONCURRENT_TRANSACTIONS = _retry(
        51, "Another change of the same transaction is still under way."
    )
    TRANSACTION_COORDINATOR_FENCED = _fatal(
        52, "The transaction coordinator was replaced by a newer one."
    )
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = _fatal(53, "Transactional Id authorization failed.")
    SECURITY_DISABLED = _fatal(54, "The cluster has no authorizer; security is off.")
    OPERATION_NOT_ATTEMPTED = _fatal(
        55, "Another part of the request failed, so this part was not tried."
    )
    KAFKA_STORAGE_ERROR = _retry(56, "The disk failed.")
    LOG_DIR_NOT_FOUND = _fatal(57, "The broker has no such log directory.")
    SASL_AUTHENTICATION_FAILED = _fatal(58, "SASL authentication failed.")
    UNKNOWN_PRODUCER_ID = _fatal(59, "The broker knows nothing of this producer id any more.")
    REASSIGNMENT_IN_PROGRESS = _fatal(60, "The partition is being reassigned.")
    DELEGATION_TOKEN_AUTH_DISABLED = _fatal(61, "Delegation tokens are off.")
    DELEGATION_TOKEN_NOT_FOUND = _fatal(62, "There is no such delegation token.")
    DELEGATION_TOKEN_OWNER_MISMATCH = _fatal(63, "The token belongs to somebody else.")
    DELEGATION_TOKEN_REQUEST_NOT_ALLOWED = _fatal(
        64, "A connection of this kind may not ask for delegation tokens."
    )
    DELEGATION_TOKEN_AUTHORIZATION_FAILED = _fatal(65, "Delegation Token authorization failed.")
    DELEGATION_TOKEN_EXPIRED = _fatal(66, "The delegation token has expired.")
    INVALID_PRINCIPAL_TYPE = _fatal(67, "The principal's type is not supported.")
    NON_EMPTY_GROUP = _fatal(68, "The group still has members.")
    GROUP_ID_NOT_FOUND = _fatal(69, "There is no such group.")
    FETCH_SESSION_ID_NOT_FOUND = _retry(70, "The fetch session is gone; begin a new one.")
    INVALID_FETCH_SESSION_EPOCH = _retry(71, "The fetch session's epoch is not the next one.")
    LISTENER_NOT_FOUND = _retry(
        72, "The leader has no listener of the name that the request came in on."
    )
    TOPIC_DELETION_DISABLED = _fatal(73, "delete.topic.enable is off.")
    FENCED_LEADER_EPOCH = _retry(74, "The leader epoch is older than the current one.")
    UNKNOWN_LEADER_EPOCH = _retry(75, "The leader epoch is newer than what this server knows.")
    UNSUPPORTED_COMPRESSION_TYPE = _fatal(
        76, "The version of the request cannot carry this compression."
    )
    STALE_BROKER_EPOCH = _fatal(77, "The broker's epoch is not its current one.")
    OFFSET_NOT_AVAILABLE = _retry(78, "The new leader's high watermark has not caught up yet.")
    MEMBER_ID_REQUIRED = _fatal(79, "Join again, with the member id that came with this error.")
    PREFERRED_LEADER_NOT_AVAILABLE = _retry(80, "The preferred leader is not there.")
    GROUP_MAX_SIZE_REACHED = _fatal(81, "The group has as many members as it may have.")
    FENCED_INSTANCE_ID = _fatal(82, "Another member took over this group.instance.id.")
    ELIGIBLE_LEADERS_NOT_AVAILABLE = _retry(83, "No eligible replica can lead.")
    ELECTION_NOT_NEEDED = _retry(84, "The partition is led as asked for already.")
    NO_REASSIGNMENT_IN_PROGRESS = _fatal(85, "No reassignment of the partition is under way.")
    GROUP_SUBSCRIBED_TO_TOPIC = _fatal(86, "The group is subscribed to the topic.")
    INVALID_RECORD = _fatal(87, "The broker refused a record.")
    UNSTABLE_OFFSET_COMMIT = _retry(
        88, "There are offsets of a transaction that is not decided yet."
    )
    THROTTLING_QUOTA_EXCEEDED = _retry(89, "The quota is used up for now.")
    PRODUCER_FENCED = _fatal(90, "A newer producer with the same transactional id is at work.")
    RESOURCE_NOT_FOUND = _fatal(91, "There is no such resource.")
    DUPLICATE_RESOURCE = _fatal(
        92, "There is such a resource already, or the request names it twice."
    )
    UNACCEPTABLE_CREDENTIAL = _fatal(93, "The credential does not meet the requirements.")
    INCONSISTENT_VOTER_SET = _fatal(94, "The sender is no voter, or its set of voters differs.")
    INVALID_UPDATE_VERSION = _fatal(95, "The version to update to is not allowed.")
    FEATURE_UPDATE_FAILED = _fatal(96, "The feature could not be updated.")
    PRINCIPAL_DESERIALIZATION_FAILURE = _fatal(
        97, "The principal inside the envelope cannot be read."
    )
    SNAPSHOT_NOT_FOUND = _fatal(98, "There is no such snapshot.")
    POSITION_OUT_OF_RANGE = _fatal(99, "The position lies outside of the snapshot.")
    UNKNOWN_TOPIC_ID = _retry(100, "This server knows no topic with this id.")
    DUPLICATE_BROKER_REGISTRATION = _fatal(
        101, "Another broker is registered with this id and still lives."
    )
    BROKER_ID_NOT_REGISTERED = _fatal(102, "The broker id is not registered.")
    INCONSISTENT_TOPIC_ID = _retry(103, "The topic id is not the one that the log holds.")
    INCONSISTENT_CLUSTER_ID = _fatal(104, "The cluster id is not this cluster's.")
    TRANSACTIONAL_ID_NOT_FOUND = _fatal(105, "There is no such transactional id.")
    FETCH_SESSION_TOPIC_ID_ERROR = _retry(
        106, "The fetch session and the request differ in whether they use topic ids."
    )
    INELIGIBLE_REPLICA = _fatal(107, "The replica may not enter the ISR.")
    NEW_LEADER_ELECTED = _fatal(108, "The change made another replica the leader.")
    OFFSET_MOVED_TO_TIERED_STORAGE = _fatal(109, "The offset lies in tiered storage.")
    FENCED_MEMBER_EPOCH = _fatal(110, "The member epoch is not the coordinator's; rejoin.")
    UNRELEASED_INSTANCE_ID = _fatal(111, "Another live member holds this instance id.")
    UNSUPPORTED_ASSIGNOR = _fatal(112, "The group supports none of these assignors.")
    STALE_MEMBER_EPOCH = _fatal(113, "The member epoch is old; take the new one and ask again.")
    MISMATCHED_ENDPOINT_TYPE = _fatal(
        114, "Brokers and controllers do not answer each other's kind of question."
    )
    UNSUPPORTED_ENDPOINT_TYPE = _fatal(115, "This kind of endpoint is not supported.")
    UNKNOWN_CONTROLLER_ID = _fatal(116, "There is no such controller.")
    UNKNOWN_SUBSCRIPTION_ID = _fatal(117, "The telemetry subscription is not the current one.")
    TELEMETRY_TOO_LARGE = _fatal(118, "The telemetry is larger than the broker takes.")
    INVALID_REGISTRATION = _fatal(119, "The controller does not accept this registration.")
    TRANSACTION_ABORTABLE = _fatal(120, "The transaction has to be aborted.")
    INVALID_RECORD_STATE = _fatal(121, "The record is not in a state that allows it.")
    SHARE_SESSION_NOT_FOUND = _retry(122, "There is no such share session.")
    INVALID_SHARE_SESSION_EPOCH = _retry(123, "The share session's epoch is not the next one.")
    FENCED_STATE_EPOCH = _fatal(124, "The share group's state epoch is older than the current one.")
    INVALID_VOTER_KEY = _fatal(125, "The voter's id and directory id are not the receiver's.")
    DUPLICATE_VOTER = _fatal(126, "The voter is in the set already.")
    VOTER_NOT_FOUND = _fatal(127, "The voter is not in the set.")
    INVALID_REGULAR_EXPRESSION = _fatal(128, "The regular expression is not valid.")
    REBOOTSTRAP_REQUIRED = _fatal(129, "The client should begin again from its bootstrap servers.")
    STREAMS_INVALID_TOPOLOGY = _fatal(130, "The topology is not valid.")
    STREAMS_INVALID_TOPOLOGY_EPOCH = _fatal(131, "The topology epoch is not valid.")
    STREAMS_TOPOLOGY_FENCED = _fatal(132, "The topology epoch is older than the group's.")
    SHARE_SESSION_LIMIT_REACHED = _retry(
        133, "The broker has as many share sessions as it may have."
    )
