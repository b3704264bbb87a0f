"""Which answers and failures end a membership, and what the user can do about each."""

from __future__ import annotations

from typing import Any

from ottla.client.errors import BrokerError, ConnectionFailed, TimedOut, Unreachable
from ottla.client.places import COORDINATOR_ERRORS
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode

HINTS = {
    ErrorCode.FENCED_INSTANCE_ID: (
        "another process runs with the same group.instance.id; give each its own"
    ),
    ErrorCode.UNRELEASED_INSTANCE_ID: (
        "another live member holds this group.instance.id; give each its own, or stop the other"
    ),
    ErrorCode.GROUP_AUTHORIZATION_FAILED: "the user needs READ on the group: kafka-acls --add",
    ErrorCode.TOPIC_AUTHORIZATION_FAILED: (
        "the user needs DESCRIBE on every topic that it subscribes to: kafka-acls --add"
    ),
    ErrorCode.INCONSISTENT_GROUP_PROTOCOL: (
        "the group's members are of another kind or share no assignor with this one; use another "
        "group.id, or give all members one assignor in common (partition.assignment.strategy)"
    ),
    ErrorCode.INVALID_SESSION_TIMEOUT: (
        "set session.timeout.ms between the broker's group.min.session.timeout.ms and "
        "group.max.session.timeout.ms"
    ),
    ErrorCode.GROUP_MAX_SIZE_REACHED: (
        "stop other members of the group, or raise the broker's group.max.size"
    ),
    ErrorCode.INVALID_GROUP_ID: "set group.id to a name that is not empty",
    ErrorCode.UNSUPPORTED_VERSION: (
        "the brokers do not serve this; for group.protocol=consumer, use group.protocol=classic"
    ),
    ErrorCode.UNSUPPORTED_ASSIGNOR: (
        "set group.remote.assignor to one of the broker's group.consumer.assignors"
    ),
    ErrorCode.INVALID_REGULAR_EXPRESSION: "the pattern must be of RE2's syntax",
}


def error_of(code: int, text: str | None = None) -> BrokerError:
    """An answer's error code as what the user sees, with a hint where there is one."""
    return BrokerError(code, text, hint=HINTS.get(ErrorCode(code)))


def code_of(outcome: Any | OttlaError) -> ErrorCode | None:
    """The error code of a request's end; None if nobody answered."""
    if isinstance(outcome, BrokerError):
        return outcome.code
    if isinstance(outcome, OttlaError):
        return None
    return ErrorCode(outcome.error_code)


def is_lost(outcome: Any | OttlaError) -> bool:
    """Whether the way to the coordinator is broken, or it is not where it was asked."""
    code = code_of(outcome)
    if code is None:
        return isinstance(outcome, ConnectionFailed | TimedOut | Unreachable)
    return code in COORDINATOR_ERRORS


def passes(outcome: Any | OttlaError) -> bool:
    """Whether the same request may succeed a little later."""
    code = code_of(outcome)
    return is_lost(outcome) or (code is not None and code.retriable)


def failure_of(outcome: Any | OttlaError) -> OttlaError:
    """The error that a request ended with, as what the user sees."""
    if isinstance(outcome, BrokerError):
        return error_of(outcome.code, str(outcome))
    if isinstance(outcome, OttlaError):
        return outcome
    return error_of(outcome.error_code, getattr(outcome, "error_message", None))
