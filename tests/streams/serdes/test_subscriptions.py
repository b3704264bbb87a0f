"""The bytes of a foreign-key join's internal topics and of its store's keys."""

from __future__ import annotations

import pytest

from ottla.streams.serdes import STRING, SerdeError
from ottla.streams.serdes.subscriptions import (
    Instruction,
    Subscription,
    SubscriptionAnswer,
    SubscriptionAnswerSerde,
    SubscriptionSerde,
    foreign_prefix,
    primary_key_of,
)

HASH = bytes(range(16))
SUBSCRIPTIONS = SubscriptionSerde(STRING)
ANSWERS = SubscriptionAnswerSerde(STRING)


@pytest.mark.parametrize(
    ("subscription", "data"),
    [
        (
            Subscription(HASH, Instruction.PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE, "pk", 7),
            b"\x01\x03" + HASH + b"pk\0\0\0\7",
        ),
        (
            Subscription(None, Instruction.DELETE_KEY_AND_PROPAGATE, "pk", 0),
            b"\x81\x01pk\0\0\0\0",
        ),
        (
            Subscription(HASH, Instruction.DELETE_KEY_NO_PROPAGATE, "pk", None, version=0),
            b"\x00\x00" + HASH + b"pk",
        ),
    ],
)
def test_a_subscription_is_written_as_kafka_writes_it(
    subscription: Subscription, data: bytes
) -> None:
    """If this failed, one side of a join could not read what the other one's task sent."""
    assert SUBSCRIPTIONS.serialize(subscription) == data
    assert SUBSCRIPTIONS.deserialize(data) == subscription


@pytest.mark.parametrize(
    ("answer", "data"),
    [
        (SubscriptionAnswer(HASH, "v"), b"\x00" + HASH + b"v"),
        (SubscriptionAnswer(None, None), b"\x80"),
    ],
)
def test_an_answer_is_written_as_kafka_writes_it(answer: SubscriptionAnswer, data: bytes) -> None:
    """If this failed, answers would be read as other values, or removals as empty ones."""
    assert ANSWERS.serialize(answer) == data
    assert ANSWERS.deserialize(data) == answer


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x02\x00", b"\x81\x04pk\0\0\0\0", b"\x01\x00abc"])
def test_what_is_no_subscription_is_refused(data: bytes) -> None:
    """If this failed, a broken record would stop a task with an error that names nothing."""
    with pytest.raises(SerdeError, match="no subscription"):
        SUBSCRIPTIONS.deserialize(data, "topic")


@pytest.mark.parametrize("data", [b"", b"\x00abc", b"\x81"])
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    """If this failed, a broken record would be taken for an answer."""
    with pytest.raises(SerdeError, match="no answer"):
        ANSWERS.deserialize(data, "topic")


def test_keys_of_subscriptions_begin_with_the_foreign_key() -> None:
    """If this failed, a change of the foreign table would answer the wrong primary keys."""
    stored = foreign_prefix(b"foreign") + b"primary"
    assert stored == b"\0\0\0\7foreignprimary"
    assert primary_key_of(stored) == b"primary"
