"""The options that say which registry: `--registry`, `--at`, `--token`, `--ca`; and how a subject
that is not there is answered, and completed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ottla.cli.options import WrongWords, nearest
from ottla.cli.registry_reach import AT, RegistryAt, registry_at
from ottla.cli.verb.reach import COMPLETION_PATIENCE_MS, HARMLESS
from ottla.cli.verb.shown import note

if TYPE_CHECKING:
    from ottla.serdes.registry_client import SchemaRegistry

LATEST = "latest"
NO_SUBJECT, NO_VERSION = 40401, 40402


def asks(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give an action the options that say which registry; it is called with `at`."""

    @functools.wraps(function)
    def called(
        *, registry: str | None, node: str | None, token: str | None, ca: str | None, **more: Any
    ) -> Any:
        return function(at=registry_at(registry, token, ca, node), **more)

    for option in reversed(
        (
            click.option(
                "-r",
                "--registry",
                metavar="URL",
                help="The schema registry; if left out OTTLA_REGISTRY of the environment, the one "
                f"of the node here, or {AT}. http://NAME:PASSWORD@HOST:PORT names who asks.",
            ),
            click.option(
                "-b",
                "--at",
                "--bootstrap-server",
                "node",
                metavar="HOST:PORT",
                help="Of several nodes here the one whose registry is meant; OTTLA_AT of the "
                "environment if left out.",
            ),
            click.option(
                "--token",
                metavar="TOKEN",
                help="Who asks, by a bearer token; OTTLA_REGISTRY_TOKEN of the environment if left "
                "out.",
            ),
            click.option(
                "--ca", metavar="FILE", help="The CA (PEM) of a registry that is served over TLS."
            ),
        )
    ):
        called = option(called)
    return called


def tell_where(at: RegistryAt) -> None:
    """Say which registry was changed: not beside the result, which a script may read."""
    note(f"at {at.shown}")


def not_empty(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """A subject, or words that one may be among: `$NAME` of a script that has none is no subject.

    Raises:
        WrongWords: one is empty.
    """
    words = value if isinstance(value, tuple) else (value,)
    if "" in words and not ctx.resilient_parsing:
        raise WrongWords("SUBJECT is empty")
    return value


def version_of(word: str) -> int | str:
    """A version as it is typed.

    Raises:
        WrongWords: it is none.
    """
    if word in (LATEST, "-1"):
        return LATEST
    if word.isascii() and word.isdigit() and 0 < int(word[:11]) < 1 << 31:
        return int(word)
    raise WrongWords(f"'{word}' is no version", hint="a version is a number from 1, or latest")


@contextmanager
def guessing(registry: SchemaRegistry, subject: str) -> Iterator[None]:
    """Where a subject or version is not there, say which there are.

    Raises:
        OttlaError: what was raised within.
    """
    from ottla.serdes.errors import RegistryError

    try:
        yield
    except RegistryError as error:
        if error.hint is None:
            error.hint = _guess(registry, subject, error.code)
        raise


def _guess(registry: SchemaRegistry, subject: str, code: int) -> str | None:
    from ottla.errors import OttlaError

    try:
        if code == NO_SUBJECT:
            return near_subject(subject, registry.subjects())
        if code == NO_VERSION:
            numbers = ", ".join(map(str, registry.versions(subject)))
            return f"{subject} has {numbers}"
        return None
    except OttlaError:
        return None


def near_subject(subject: str, known: Sequence[str]) -> str:
    """The subject that somebody may have meant."""
    for one in (f"{subject}-value", f"{subject}-key"):
        if one in set(known):
            return f"did you mean {one}?"
    longer = [one for one in known if subject and subject in one]
    if longer:
        return f"did you mean {longer[0]}?"
    return nearest(subject, known) or "ottla schemas list shows all"


def complete_subject(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Subjects that begin so, and whose names no shell would read as more than a name."""
    try:
        names = ("registry", "token", "ca", "node")
        at = registry_at(*(ctx.params.get(name) for name in names))
        patience_s = COMPLETION_PATIENCE_MS / 1000
        with at.client(timeout_seconds=patience_s, retries=0) as registry:
            found = registry.subjects()
    except Exception:  # a shell shows whatever goes wrong here in the middle of its line
        return []
    return [one for one in found if one.startswith(incomplete) and HARMLESS.fullmatch(one)]
