"""Names of subjects and their contexts."""

from __future__ import annotations

import pytest

from ottla.registry.subjects import Subject, checked, context_of, parsed, qualified
from ottla.web.operation import Refusal


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("orders-value", Subject(".", "orders-value")),
        (":.:orders-value", Subject(".", "orders-value")),
        (":.x:orders-value", Subject(".x", "orders-value")),
        (":.x:", Subject(".x", "")),
        (":.x:a:b", Subject(".x", "a:b")),
        (":.x:.y", Subject(".x", ".y")),
        (":*:a", Subject("*", "a")),
        ("", Subject(".", "")),
        (":", Subject(".", ":")),
        (":a", Subject(".", ":a")),
        (":a:b", Subject(".", ":a:b")),
        (":.x", Subject(".", ":.x")),
        ("::", Subject(".", "::")),
        ("a:.x:b", Subject(".", "a:.x:b")),
    ],
)
def test_a_context_stands_before_the_name(text: str, subject: Subject) -> None:
    """A subject of one context would be taken for one of another."""
    assert parsed(text) == subject


@pytest.mark.parametrize("text", ["a", ":.x:a", ":.x:", ":*:a", ":a", "", ":.x:a:b"])
def test_a_name_is_written_as_it_was_read(text: str) -> None:
    """One subject would have two names, and two histories."""
    assert str(parsed(text)) == text
    assert str(parsed(str(parsed(f":.:{text}")))) == str(parsed(f":.:{text}"))


@pytest.mark.parametrize(
    "text",
    [":*:a", "a\n", "\x00", "a\x7f", "__GLOBAL", "__EMPTY", ":.x:__GLOBAL", ":.__EMPTY:a"],
)
def test_names_that_can_not_be_are_refused(text: str) -> None:
    """A schema would be put where no client finds it, or where settings stand."""
    with pytest.raises(Refusal) as refused:
        checked(text)
    assert refused.value.code == 42208


@pytest.mark.parametrize("text", ["a b", "ä/ö", "..", "a" * 5000, "%41", ":.x:a"])
def test_names_that_others_take_are_taken(text: str) -> None:
    """A topic whose name is odd could have no schema."""
    assert str(checked(text)) == text


@pytest.mark.parametrize(
    ("text", "context"),
    [(":.x:", ".x"), (":.x", ".x"), (".x", ".x"), ("", "."), (".", "."), (":.:", ".")],
)
def test_a_context_is_named_in_several_ways(text: str, context: str) -> None:
    """A client that writes a context as another one does would not find it."""
    assert context_of(text) == context


def test_a_reference_without_a_context_is_to_its_own() -> None:
    """A schema in a context would be read with parts of another."""
    assert qualified("a", ".x") == ":.x:a"
    assert qualified(":.y:a", ".x") == ":.y:a"
    assert qualified(":.:a", ".x") == "a"
    assert qualified("a", ".") == "a"
