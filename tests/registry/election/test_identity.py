"""Who an instance says it is, written and read."""

from __future__ import annotations

import json

import pytest
from hypothesis import strategies as st

from chance import by_chance
from ottla.registry.election.identity import BYTES_MAX, BadIdentity, Identity, identity_of

CAPTURED = b'{"host":"sr-node-1","port":8081,"master_eligibility":true,"scheme":"http","version":1}'
"""What an instance of Confluent's 7.4 joins with."""


def test_it_is_written_as_confluents() -> None:
    """If this failed, Confluent's could not read who an instance of ours is."""
    assert Identity("sr-node-1", 8081).encoded() == CAPTURED
    leading = json.loads(Identity("sr-node-1", 8081, is_leader=True).encoded())
    assert leading == {**json.loads(CAPTURED), "leader": True}


@pytest.mark.parametrize(
    ("data", "identity"),
    [
        (CAPTURED, Identity("sr-node-1", 8081)),
        (
            b'{"version":2,"karapace_version":"4.1","host":"127.0.0.1","port":8081,'
            b'"scheme":"https","master_eligibility":false}',
            Identity("127.0.0.1", 8081, "https", is_eligible=False),
        ),
        (
            b'{"version":1,"host":"::1","port":65535,"leader_eligibility":true,"scheme":"http",'
            b'"leader":true,"colour":{"of":["the","year"]}}',
            Identity("::1", 65535, is_leader=True),
        ),
        (b'{"port":1,"host":"a"}', Identity("a", 1, is_eligible=False)),
        (b'{"port":1,"host":"a","master_eligibility":"yes"}', Identity("a", 1, is_eligible=False)),
    ],
)
def test_it_is_read_loosely(data: bytes, identity: Identity) -> None:
    """If this failed, another registry's way to say the same would leave its instance out."""
    assert identity_of(data) == identity


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"null", "no JSON object"),
        (b"[]", "no JSON object"),
        (b"[" * BYTES_MAX, "no JSON"),
        (b'{"port":' + b"9" * 5000 + b"}", "no JSON"),
        (b" " * (BYTES_MAX + 1), "more than"),
        (b'{"port":1}', "host can't be None"),
        (b'{"host":"","port":1}', "host"),
        (b'{"host":"a/b","port":1}', "host"),
        (b'{"host":"user@a","port":1}', "host"),
        (b'{"host":"a\\r\\nb","port":1}', "host"),
        ('{"host":"kå","port":1}'.encode(), "host"),
        (b'{"host":"a","port":"1"}', "port can't be '1'"),
        (b'{"host":"a","port":true}', "port"),
        (b'{"host":"a","port":0}', "port"),
        (b'{"host":"a","port":65536}', "port"),
        (b'{"host":"a","port":1e9}', "port"),
        (b'{"host":"a","port":1,"scheme":"file"}', "scheme"),
        (b'{"host":"a","port":1,"scheme":[]}', "scheme"),
    ],
)
def test_what_is_none_is_refused(data: bytes, says: str) -> None:
    """If this failed, requests would be sent to what a broken member, or a wicked one, has said."""
    with pytest.raises(BadIdentity, match=says) as refused:
        identity_of(data)
    assert len(str(refused.value)) < 200


LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20)
KEYS = st.sampled_from(["host", "port", "scheme", "leader", "master_eligibility", "version"])
SOUND = st.fixed_dictionaries({"host": st.just("a") | LEAVES, "port": st.integers() | LEAVES})
JSON = (st.dictionaries(KEYS, LEAVES) | SOUND | LEAVES).map(lambda one: json.dumps(one).encode())


@by_chance(st.binary(max_size=50) | JSON, few=100, many=20_000)
def test_nothing_else_is_raised(data: bytes) -> None:
    """If this failed, bytes of another member could end an instance's part in its group."""
    try:
        found = identity_of(data)
    except BadIdentity:
        return
    assert identity_of(found.encoded()) == found


def test_a_url_has_brackets_where_it_must() -> None:
    """If this failed, an instance at an IPv6 address could not be reached."""
    assert Identity("::1", 1).url == Identity("[::1]", 1).url == "http://[::1]:1"
    assert Identity("a", 1, "https").url == "https://a:1"
