"""What a tool waits for before it begins, that the cluster answers and knows the topic; and which
records no waiting helps.
"""

from __future__ import annotations

import sys

from ottla.cli.options import UsageError
from ottla.cli.run import Failed
from ottla.client.client import Client
from ottla.client.errors import BrokerError, TimedOut, Unreachable
from ottla.client.producing.producer import Producer, RecordTooLarge
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode

FIRST_PATIENCE_MS = 1000
SAYS_SO_FROM_MS = 5000
"""Who waits for longer is told that it is the topic that is waited for."""
_PASSING = (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.LEADER_NOT_AVAILABLE)
_MAKE_IT = "the cluster makes no topics by itself: `ottla topics create NAME` makes one"


def require_topic_name(topic: str, what: str = "--topic") -> None:
    """Refuse a name that no cluster can have; `what` said it.

    Raises:
        UsageError: there is no name.
        Failed: it is none of a topic.
    """
    from ottla.metadata.topic_names import topic_name_problem

    if not topic:
        raise UsageError(f"{what} is empty")
    problem = topic_name_problem(topic)
    if problem is not None:
        raise Failed(f"Invalid topics: [{topic}]", hint=problem)


def wait_for_cluster(client: Client, patience_ms: int) -> None:
    """Until a node answers a client that waits so long for one.

    Raises:
        Failed: not in time.
    """
    try:
        client.connection()
    except Unreachable as error:
        raise Failed(f"nobody answers after {patience_ms} ms: {error}", hint=error.hint) from None


def wait_for_topic(client: Client, producer: Producer, topic: str, patience_ms: int) -> None:
    """Until the cluster knows the topic; asking makes it where nodes may.

    Raises:
        Failed: not in time, or it can't be written to.
    """
    first_ms = min(patience_ms, FIRST_PATIENCE_MS)
    error = _unknown(producer, topic, first_ms)
    if error is not None and patience_ms > first_ms:
        if isinstance(error, BrokerError) and patience_ms > SAYS_SO_FROM_MS:
            print(f"WARN topic {topic} does not exist; still trying", file=sys.stderr, flush=True)
        error = _unknown(producer, topic, patience_ms - first_ms)
    if error is None:
        return
    if isinstance(error, BrokerError):
        hint: str | None = _MAKE_IT
        why: OttlaError | str = error.code.text
    else:
        why = client.network.last_failure() or error
        hint = why.hint
    raise Failed(f"topic {topic} is not known after {patience_ms} ms: {why}", hint=hint)


def is_too_large(error: BaseException) -> bool:
    """Whether a record was larger than the producer, or the topic, takes."""
    by_node = isinstance(error, BrokerError) and error.code == ErrorCode.MESSAGE_TOO_LARGE
    return by_node or isinstance(error, RecordTooLarge)


def _unknown(producer: Producer, topic: str, patience_ms: int) -> BrokerError | TimedOut | None:
    """Why the topic is not known, if that may pass."""
    try:
        producer.partitions_for(topic, patience_ms / 1000)
    except TimedOut as error:
        return error
    except BrokerError as error:
        if error.code not in _PASSING:
            raise Failed(f"topic {topic}: {error.code.text}") from None
        return error
    return None
