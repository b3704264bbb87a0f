"""The hash of foreign-key joins, against values that Apache Kafka 4.3.1 gave."""

from __future__ import annotations

import pytest

from ottla.streams.serdes.murmur3 import hash128


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "9d2764a018e329428c3cf3b035938518"),
        ("a", "3361634e7e0f5188e9c7dda24eae326b"),
        ("12345678", "ddec8f9026074d665e35523e4a34fe8c"),
        ("123456789", "5a3e531c14a5f700faf8cf22625f37e7"),
        ("0123456789abcdef", "1a6e941ec6a76967d7d82808f505d6b1"),
        ("0123456789abcdefghijklmnopqrstuvwxyzé", "aaa8de4d7d999b09ead2f133b2aecc10"),
    ],
)
def test_the_hash_is_that_of_kafka(text: str, wanted: str) -> None:
    """If this failed, Java's and our tasks of one application would drop each other's answers."""
    assert hash128(text.encode()).hex() == wanted
