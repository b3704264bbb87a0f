"""Who may ask."""

from __future__ import annotations

import base64
import hashlib

import pytest

from ottla.web.access import Access, BadAccess


def basic(told: str) -> str:
    """The header of a name and password."""
    return "Basic " + base64.b64encode(told.encode()).decode()


@pytest.fixture
def access() -> Access:
    """Two people and a token."""
    found = Access()
    digest = hashlib.sha256(b"pa:ss").hexdigest()
    found.add_people(["# people", "", "alice:secret", f"  böb:sha256:{digest}  "])
    found.add_tokens(["# tokens", "t0k3n carol of the crew", ""])
    return found


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (basic("alice:secret"), "alice"),
        (basic("böb:pa:ss"), "böb"),
        (basic("alice:secret").replace("Basic", "bASIC"), "alice"),
        ("Bearer t0k3n", "carol of the crew"),
        ("bearer  t0k3n ", "carol of the crew"),
        (None, None),
        ("", None),
        ("Basic", None),
        ("Basic !!!", None),
        ("Basic \xe4\xf6\xfc", None),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), None),
        (basic("alice"), None),
        (basic("alice:"), None),
        (basic("alice:wrong"), None),
        (basic("mallory:secret"), None),
        (basic(":secret"), None),
        (basic("mallory:\0"), None),
        ("Bearer wrong", None),
        ("Bearer \xe4", None),
        ("Bearer", None),
        ("Digest t0k3n", None),
        ("x" * 100_000, None),
    ],
)
def test_who_is_told_by_a_header(access: Access, header: str | None, name: str | None) -> None:
    """If this failed, somebody would be kept out who may ask, or let in who may not, or a header
    that makes no sense would end in a fault.
    """
    assert access.who(header) == name


def test_nobody_means_everybody() -> None:
    """If this failed, a service without a list would ask for names, or one with a list
    would not.
    """
    assert not Access()
    for add in (Access.add_people, Access.add_tokens):
        some = Access()
        add(some, ["# nobody yet"])
        assert not some
        add(some, ["a:b c"])
        assert some


def test_challenges_are_those_of_the_lists(access: Access) -> None:
    """If this failed, a client would not know how to say who it is."""
    assert access.challenges() == ['Basic realm="ottla"', "Bearer"]
    people = Access()
    people.add_people(["a:b"])
    assert people.challenges() == ['Basic realm="ottla"']


@pytest.mark.parametrize(
    "line", ["alice", "alice:", ":secret", "alice:sha256:zz", "alice:sha256:abcd"]
)
def test_a_bad_line_of_people_is_told_by_its_number(line: str) -> None:
    """If this failed, a typing error would keep somebody out, or a secret would be in the log."""
    with pytest.raises(BadAccess, match="line 3") as told:
        Access().add_people(["a:b", "", line])
    assert line not in str(told.value)


def test_a_token_is_somebodys() -> None:
    """If this failed, nobody could say whose token did something."""
    with pytest.raises(BadAccess, match="line 1") as told:
        Access().add_tokens(["t0k3n"])
    assert "t0k3n" not in str(told.value)
