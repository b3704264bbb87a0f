"""`ottla schemas level` and `mode`: what may come after what, and what may be done at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ottla.cli.options import WrongWords, nearest
from ottla.cli.registry_reach import RegistryAt
from ottla.cli.schemas.levels import LEVELS
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.schemas.asking import asks, complete_subject, not_empty, tell_where
from ottla.cli.verb.shown import Row, done, json_option, note

if TYPE_CHECKING:
    from ottla.serdes.registry_client import SchemaRegistry

MODES = ("READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT", "FORWARD")
HAS_SCHEMAS = 42205

unset_option = click.option("--unset", is_flag=True, help="Take back what was set.")
all_option = click.option(
    "--all", "is_all", is_flag=True, help="Of the whole registry, instead of a subject."
)


@verb(
    "level",
    "show or set the compatibility level of a subject, or of the registry",
    ("of a subject", "ottla schemas level orders-value"),
    ("readers and writers, old and new, understand each other",
     "ottla schemas level orders-value FULL"),
    ("as the registry's again", "ottla schemas level orders-value --unset"),
    ("of the whole registry", "ottla schemas level --all BACKWARD_TRANSITIVE"),
    too_many="one subject, and one level",
)  # fmt: skip
@click.argument(
    "words",
    metavar="[SUBJECT] [LEVEL]",
    nargs=-1,
    callback=not_empty,
    shell_complete=complete_subject,
)
@all_option
@unset_option
@asks
@json_option
def LEVEL(at: RegistryAt, words: tuple[str, ...], is_all: bool, unset: bool, as_json: bool) -> None:
    """Show it, or set it."""
    subject, level = _meant(words, LEVELS, "level", is_all, unset)
    with at.client() as registry:
        if level is not None:
            registry.set_config({"compatibility": level}, subject)
        elif unset:
            registry.delete_config(subject)
        _tell(registry, subject, "level", as_json)
        if level is not None or unset:
            _warn_of_absence(registry, subject)
            tell_where(at)


@verb(
    "mode",
    "show or set what may be done with a subject, or with the registry",
    ("of a subject", "ottla schemas mode orders-value"),
    ("nothing can be registered or deleted", "ottla schemas mode orders-value READONLY"),
    ("as the registry's again", "ottla schemas mode orders-value --unset"),
    ("of the whole registry", "ottla schemas mode --all READONLY"),
    too_many="one subject, and one mode",
)
@click.argument(
    "words",
    metavar="[SUBJECT] [MODE]",
    nargs=-1,
    callback=not_empty,
    shell_complete=complete_subject,
)
@all_option
@unset_option
@click.option("--force", is_flag=True, help="IMPORT also where schemas are there already.")
@asks
@json_option
def MODE(
    at: RegistryAt,
    words: tuple[str, ...],
    is_all: bool,
    unset: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Show it, or set it."""
    from ottla.serdes.errors import RegistryError

    subject, mode = _meant(words, MODES, "mode", is_all, unset)
    with at.client() as registry:
        try:
            if mode is not None:
                registry.set_mode(mode, subject, force=force)
            elif unset:
                registry.delete_mode(subject)
        except RegistryError as error:
            if error.code == HAS_SCHEMAS and mode == "IMPORT":
                error.hint = "--force sets it all the same"
            raise
        _tell(registry, subject, "mode", as_json)
        if mode is not None or unset:
            _warn_of_absence(registry, subject)
            tell_where(at)


def _meant(
    words: tuple[str, ...], values: tuple[str, ...], noun: str, is_all: bool, unset: bool
) -> tuple[str | None, str | None]:
    """The subject (None: the registry) and the value (None: none).

    Raises:
        WrongWords: the words make no sense together.
    """
    most = 1 if is_all else 2
    if len(words) > most or (unset and len(words) == most):
        raise WrongWords(f"'{words[-1]}' is a word too many")
    subject = None if is_all or not words else words[0]
    rest = words if is_all else words[1:]
    if not words and unset and not is_all:
        raise WrongWords(f"--unset takes back the {noun} of a subject, or of --all")
    if not rest:
        if subject is not None and subject.upper() in values:
            raise WrongWords(
                f"whose {noun} is to be {subject.upper()}?",
                hint=f"ottla schemas {noun} SUBJECT {subject.upper()}, or --all",
            )
        return subject, None
    value = rest[0].upper()
    if value not in values:
        close = nearest(value, values) or f"there are {', '.join(values)}"
        raise WrongWords(f"there is no {noun} '{rest[0]}'", hint=close)
    return subject, value


def _tell(registry: SchemaRegistry, subject: str | None, noun: str, as_json: bool) -> None:
    """What counts now, and where that was set."""
    from ottla.cli.schemas import catalogue

    if noun == "level":
        value = catalogue.level_of(registry, subject)
        own = catalogue.found_or_none(lambda: registry.config(subject, default_to_global=False))
        has_own = own is not None and "compatibilityLevel" in own
    else:
        value = registry.mode(subject)
        own = catalogue.found_or_none(lambda: registry.mode(subject, default_to_global=False))
        has_own = own is not None
    facts: Row = {"subject": subject, noun: value, "own": subject is None or has_own}
    whose = "" if facts["own"] else ", which is the registry's"
    done(f"{called(subject)}: {noun} {value}{whose}", facts, as_json=as_json)


def called(subject: str | None) -> str:
    """What a setting is of, as a person says it."""
    if subject is None:
        return "the registry"
    is_context = subject.startswith(":.") and subject.endswith(":")
    return f"context {subject[1:-1]}" if is_context else subject


def _warn_of_absence(registry: SchemaRegistry, subject: str | None) -> None:
    """A setting may be there before its subject; a slip of the pen would be, too."""
    from ottla.cli.schemas import catalogue

    if subject is None or subject.endswith(":"):
        return
    if catalogue.found_or_none(lambda: registry.versions(subject, deleted=True)) is None:
        note(f"there is no subject {subject} yet: this counts when there is one")
