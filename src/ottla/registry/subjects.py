"""Names of subjects: a name, in a context. `:.staging:orders-value` is orders-value in .staging.

The default context is "." and is not written: `orders-value` and `:.:orders-value` are one. Within
a context ids count for themselves. `:*:` before a prefix means every context, and `:.__GLOBAL:`
is where settings stand that count in all of them.
"""

from __future__ import annotations

from typing import NamedTuple

from ottla.registry.refusals import INVALID_SUBJECT, refusal

DEFAULT_CONTEXT = "."
GLOBAL_CONTEXT = ".__GLOBAL"
EVERY_CONTEXT = "*"
GLOBAL = f":{GLOBAL_CONTEXT}:"


class Subject(NamedTuple):
    """A subject's name in its context; an empty name means the context itself."""

    context: str
    name: str

    def __str__(self) -> str:
        if self.context == DEFAULT_CONTEXT:
            return self.name
        return f":{self.context}:{self.name}"


def parsed(text: str) -> Subject:
    """Where a name begins with a colon, its context stands before the next one."""
    if text.startswith(":"):
        context, colon, name = text[1:].partition(":")
        if colon and (context.startswith(".") or context == EVERY_CONTEXT):
            return Subject(context, name)
    return Subject(DEFAULT_CONTEXT, text)


def checked(text: str) -> Subject:
    """A subject that a schema may be put under or settings made for.

    Raises:
        Refusal: 42208.
    """
    subject = parsed(text)
    if subject.context == EVERY_CONTEXT:
        raise refusal(INVALID_SUBJECT, f"{text!r} means every context: name one")
    if any(ord(character) < 32 or character == "\x7f" for character in text):
        raise refusal(INVALID_SUBJECT, f"the subject {text!r} has control characters in it")
    if subject.name in ("__GLOBAL", "__EMPTY") or subject.context == ".__EMPTY":
        raise refusal(INVALID_SUBJECT, f"{text!r} is a name that registries keep for themselves")
    return subject


def context_of(text: str) -> str:
    """The context that `:.ctx:` or `.ctx` names."""
    if text.startswith(":"):
        return parsed(text if text.endswith(":") else f"{text}:").context
    return text or DEFAULT_CONTEXT


def qualified(subject: str, context: str) -> str:
    """A subject as it is meant in a context: one without a context is in the same."""
    found = parsed(subject)
    if found.context == DEFAULT_CONTEXT and not subject.startswith(":"):
        return str(Subject(context, found.name))
    return str(found)
