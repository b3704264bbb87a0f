"""What texts are, as rules may ask."""

from __future__ import annotations

import pytest
from confluent_kafka.schema_registry.rules.cel.extra_func import EXTRA_FUNCS

from ottla.serdes.rules.cel_functions import FUNCTIONS

TEXTS = [
    ("isEmail", "alice@example.org", True),
    ("isEmail", "alice", False),
    ("isEmail", "a b@example.org", False),
    ("isEmail", "alice@-x", False),
    ("isHostname", "example.org", True),
    ("isHostname", "exa_mple.org", False),
    ("isHostname", "", False),
    ("isHostname", "a" * 64, False),
    ("isIpv4", "127.0.0.1", True),
    ("isIpv4", "127.0.0.256", False),
    ("isIpv4", "::1", False),
    ("isIpv6", "::1", True),
    ("isIpv6", "127.0.0.1", False),
    ("isUri", "https://example.org/a?b=c#d", True),
    ("isUri", "example.org", False),
    ("isUri", "http://a b", False),
    ("isUriRef", "/a/b", True),
    ("isUriRef", "/a b", False),
    ("isUuid", "0123abcd-0123-abcd-0123-abcdef012345", True),
    ("isUuid", "0123", False),
]


@pytest.mark.parametrize(("name", "text", "expected"), TEXTS)
def test_what_a_text_is(name: str, text: str, expected: bool) -> None:
    """If this failed, a rule would let in what it is to keep out."""
    assert FUNCTIONS[name](text) is expected


def test_all_that_others_have_is_there() -> None:
    """If this failed, a rule that runs elsewhere would ask what nobody here knows."""
    assert {name for name in EXTRA_FUNCS if name.startswith("is")} == set(FUNCTIONS)
