"""Principals as they are written in ACLs and configs."""

from __future__ import annotations

import pytest

from ottla.security.principal import ANONYMOUS, Principal


@pytest.mark.parametrize("text", ["User:alice", "User:CN=a,OU=b:c", "Group:x"])
def test_a_principal_is_written_as_it_was_read(text: str) -> None:
    """A rule for one name would hold for another."""
    assert str(Principal.parse(text)) == text


def test_nobody_has_a_name() -> None:
    """ACLs of a PLAINTEXT listener name User:ANONYMOUS."""
    assert str(ANONYMOUS) == "User:ANONYMOUS"
    assert Principal.parse("User:ANONYMOUS") == ANONYMOUS
