"""The bytes of records that wait in a buffer."""

from __future__ import annotations

import pytest

from ottla.streams.errors import ProcessingError
from ottla.streams.reference.stores.buffered import Buffered, read_buffered

PLACE = (1000, (("h", b"yy"), ("n", None)), "topic", 3, 42, None, None)


@pytest.mark.parametrize(
    "record",
    [
        Buffered(b"prior", b"old", b"new", PLACE),
        Buffered(b"same", b"same", None, PLACE),
        Buffered(None, None, b"", PLACE),
        Buffered(None, b"old", b"new", (5, (), "t", 0, 0, None, None)),
    ],
)
def test_what_is_written_is_read_again(record: Buffered) -> None:
    """If this failed, a record would come out of a buffer as another one, or from another place."""
    assert read_buffered(record.written()) == record


def test_an_old_value_that_is_the_prior_one_is_written_once() -> None:
    """If this failed, changelogs would differ from Kafka's, and buffers be counted as larger."""
    place = (1, (), "t", 0, 0, None, None)
    same, other = Buffered(b"v", b"v", None, place), Buffered(b"v", b"w", None, place)
    assert same.written().endswith(b"\0\0\0\1v\xff\xff\xff\xfe\xff\xff\xff\xff")
    assert other.written().endswith(b"\0\0\0\1v\0\0\0\1w\xff\xff\xff\xff")
    assert (same.size(), other.size()) == (1 + 20 + 1, 2 + 20 + 1)


def test_names_count_as_java_counts_them() -> None:
    """If this failed, a bound in bytes would be reached at another record than in Kafka, where a
    character beyond 16 bits counts as two.
    """
    named = Buffered(None, None, None, (1, (("é\U0001f600", b"1"),), "t", 0, 0, None, None))
    assert named.size() == 20 + 1 + 3 + 1


def test_what_no_record_caused_cannot_wait() -> None:
    """If this failed, a punctuation's record would fail where nobody can tell why."""
    with pytest.raises(ProcessingError, match="punctuation"):
        Buffered(None, None, b"v", (1, (), None, -1, -1, None, None)).written()
