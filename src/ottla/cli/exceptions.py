"""Errors of a cluster by the names of Apache's Java exceptions, as its tools print them.

Most names are the error code's own words; `_OTHERS` has those that are not.
"""

from __future__ import annotations

from ottla.client.errors import BrokerError

PACKAGE = "org.apache.kafka.common.errors."

_OTHERS = {
    "UNKNOWN_SERVER_ERROR": "UnknownServer",
    "CORRUPT_MESSAGE": "CorruptRecord",
    "MESSAGE_TOO_LARGE": "RecordTooLarge",
    "REQUEST_TIMED_OUT": "Timeout",
    "RECORD_LIST_TOO_LARGE": "RecordBatchTooLarge",
    "TOPIC_ALREADY_EXISTS": "TopicExists",
    "INVALID_CONFIG": "InvalidConfiguration",
    "OUT_OF_ORDER_SEQUENCE_NUMBER": "OutOfOrderSequence",
    "DUPLICATE_SEQUENCE_NUMBER": "DuplicateSequence",
    "KAFKA_STORAGE_ERROR": "KafkaStorage",
    "NON_EMPTY_GROUP": "GroupNotEmpty",
}


def exception_name(error: BrokerError) -> str:
    """The exception's full class name."""
    name = error.code.name
    short = _OTHERS.get(name)
    if short is None:
        words = name.removesuffix("_EXCEPTION").replace("AUTHORIZATION_FAILED", "AUTHORIZATION")
        short = "".join(word.capitalize() for word in words.split("_"))
    return f"{PACKAGE}{short}Exception"


def exception_text(error: BrokerError) -> str:
    """`org.apache.kafka.common.errors.SomeException: what happened`."""
    return f"{exception_name(error)}: {error}"
