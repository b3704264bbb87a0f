"""What records of the topic of keys come to."""

from __future__ import annotations

import pytest

from ottla.registry.keys.records import Dek, Kek
from ottla.registry.keys.ring import Ring
from ottla.registry.stored import encoded

KEK = Kek("k", "aws-kms", "arn:1", (("a", "b"),), "doc", 5, False)
DEK = Dek("k", "s-value", "AES256_GCM", 1, "YWJj", 6, False)
LINE = ("k", "s-value", "AES256_GCM")

KEK_KEY = b'{"keytype":"KEK","tenant":"default","name":"k","magic":0}'
KEK_VALUE = (
    b'{"name":"k","kmsType":"aws-kms","kmsKeyId":"arn:1","kmsProps":{"a":"b"},"doc":"doc",'
    b'"shared":false,"ts":5,"deleted":false}'
)
DEK_KEY = (
    b'{"keytype":"DEK","tenant":"default","kekName":"k","subject":"s-value",'
    b'"algorithm":"AES256_GCM","version":1,"magic":0}'
)
DEK_VALUE = (
    b'{"kekName":"k","subject":"s-value","version":1,"algorithm":"AES256_GCM",'
    b'"encryptedKeyMaterial":"YWJj","ts":6,"deleted":false}'
)


def test_records_have_the_bytes_that_they_always_had() -> None:
    """A registry of a later version would not find the keys that this one wrote."""
    assert (encoded(KEK.key()), encoded(KEK.value())) == (KEK_KEY, KEK_VALUE)
    assert (encoded(DEK.key()), encoded(DEK.value())) == (DEK_KEY, DEK_VALUE)


def test_what_was_written_is_read() -> None:
    """Keys would be gone after a restart."""
    ring = Ring()
    assert ring.apply(DEK_KEY, DEK_VALUE, 99)  # also before its KEK
    assert ring.apply(KEK_KEY, KEK_VALUE, 99)
    assert (ring.kek("k"), ring.dek(LINE, 1), len(ring)) == (KEK, DEK, 2)
    assert ring.holds(KEK.key(), KEK.value())
    assert ring.holds(DEK.key(), DEK.value())
    assert not ring.holds(DEK.key(), DEK._replace(encrypted="ZGVm").value())
    assert not ring.holds(KEK.key(), None)
    assert ring.why_unsafe() is None


def test_tombstones_take_keys_away() -> None:
    """What was deleted for good would come back."""
    ring = Ring()
    for key, value in ((KEK_KEY, KEK_VALUE), (DEK_KEY, DEK_VALUE), (DEK_KEY, DEK_VALUE)):
        ring.apply(key, value, 0)
    for key in (DEK_KEY, KEK_KEY, DEK_KEY, KEK_KEY):
        assert ring.apply(key, None, 0)
    assert (ring.keks(deleted=True), ring.deks("k", deleted=True), len(ring)) == ([], [], 0)
    assert ring.holds(DEK.key(), None)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, KEK_VALUE),
        (b"", KEK_VALUE),
        (b"{", KEK_VALUE),
        (b"[]", KEK_VALUE),
        (b'{"keytype":"LOCK","name":"k"}', KEK_VALUE),
        (b'{"keytype":["KEK"],"name":"k"}', KEK_VALUE),
        (b'{"keytype":"KEK","name":1}', KEK_VALUE),
        (KEK_KEY, b"{"),
        (KEK_KEY, b"{}"),
        (KEK_KEY, KEK_VALUE.replace(b'"shared":false', b'"shared":true')),
        (KEK_KEY, KEK_VALUE.replace(b'{"a":"b"}', b'{"a":1}')),
        (KEK_KEY, KEK_VALUE.replace(b'"doc":"doc"', b'"doc":{}')),
        (DEK_KEY.replace(b'"version":1', b'"version":true'), DEK_VALUE),
        (DEK_KEY.replace(b'"version":1', b'"version":0'), DEK_VALUE),
        (DEK_KEY.replace(b"AES256_GCM", b"ROT13"), DEK_VALUE),
        (DEK_KEY, DEK_VALUE.replace(b'"YWJj"', b"null")),
        (KEK_KEY, b"[" * 100_000),
    ],
)
def test_a_record_that_makes_no_sense_changes_nothing_and_stops_writing(
    key: bytes | None, value: bytes
) -> None:
    """Half a record would break the registry, or it would write among another one's keys."""
    ring = Ring()
    assert not ring.apply(key, value, 0)
    assert (len(ring), ring.unread) == (0, 1)
    assert "another registry" in str(ring.why_unsafe())


def test_a_record_without_a_time_has_that_of_the_log() -> None:
    """A key would be answered with a time that nobody told."""
    ring = Ring()
    ring.apply(KEK_KEY, KEK_VALUE.replace(b'"ts":5,', b""), 99)
    kek = ring.kek("k")
    assert kek is not None
    assert kek.ts == 99
