"""Replies whose messages quote too much."""

from __future__ import annotations

import pytest

from ottla.wire.clip import encode_reply
from ottla.wire.messages.create_topics import CreatableTopicResult, CreateTopicsResponse
from ottla.wire.schema import EncodeError, decode


def test_a_message_that_is_too_long_is_cut() -> None:
    """A client that names a topic with 32,767 letters would be hung up on without a word."""
    name = "ß" * 16383
    topic = CreatableTopicResult(name=name, error_code=17, error_message=f"Topic {name!r} is no.")
    body = encode_reply(CreateTopicsResponse(topics=[topic]), 5)
    (found,) = decode(CreateTopicsResponse, body, 5).topics
    assert found.name == name
    assert found.error_code == 17
    assert found.error_message is not None
    assert found.error_message.startswith("Topic 'ßßß")
    assert found.error_message.endswith("ß…")


def test_nothing_but_messages_is_cut() -> None:
    """A name that is cut would be another name."""
    topic = CreatableTopicResult(name="x" * 40000)
    with pytest.raises(EncodeError):
        encode_reply(CreateTopicsResponse(topics=[topic]), 5)
