"""Bootstrap addresses as people write them."""

from __future__ import annotations

import pytest

from ottla.client.connecting.addresses import parse_bootstrap
from ottla.client.errors import BadAddress, address_text


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("localhost:9092", [("localhost", 9092)]),
        (" a:1 , b:2,", [("a", 1), ("b", 2)]),
        ("[::1]:9092", [("::1", 9092)]),
        ("PLAINTEXT://host:9092", [("host", 9092)]),
    ],
)
def test_addresses_are_read(text: str, parsed: list[tuple[str, int]]) -> None:
    """If this failed, an address that Apache's clients take would be refused or misread."""
    assert parse_bootstrap(text) == parsed


@pytest.mark.parametrize(
    "text", ["", " , ", "localhost", "localhost:", ":9092", "::1:9092", "a:0", "a:65536", "a:x"]
)
def test_nonsense_is_refused_with_a_hint(text: str) -> None:
    """If this failed, a typing error would end in a late and obscure failure."""
    with pytest.raises(BadAddress) as caught:
        parse_bootstrap(text)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["client.properties", "/etc/kafka/client", "a.CONF"])
def test_a_file_of_settings_is_told_how_to_be_read(text: str) -> None:
    """If this failed, who gives the path of a file would hear of a port."""
    with pytest.raises(BadAddress) as caught:
        parse_bootstrap(text)
    assert f'ottla.client.read_properties("{text}")' in (caught.value.hint or "")


def test_tls_is_refused_by_name() -> None:
    """If this failed, somebody who asks for TLS would talk in the clear."""
    with pytest.raises(BadAddress, match="SSL"):
        parse_bootstrap("SSL://host:9093")


def test_ipv6_is_shown_in_brackets() -> None:
    """If this failed, an IPv6 address in an error could not be read or pasted."""
    assert address_text("::1", 9092) == "[::1]:9092"
