"""`ottla schemas delete`: a subject or a version goes, after a look at who refers to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ottla.cli.registry_reach import RegistryAt
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.schemas.asking import (
    LATEST,
    asks,
    complete_subject,
    guessing,
    not_empty,
    tell_where,
    version_of,
)
from ottla.cli.verb.shown import Row, confirm, done, joined, json_option, yes_option
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.serdes.registry_client import SchemaRegistry

REFERRERS_SHOWN = 5


@verb(
    "delete",
    "delete a subject, or one version of it",
    ("a subject, after a question; its ids can still be read",
     "ottla schemas delete orders-value"),
    ("one version", "ottla schemas delete orders-value 2"),
    ("for good", "ottla schemas delete orders-value --permanent"),
    ("without a question", "ottla schemas delete orders-value --yes"),
    too_many="one subject at a time",
)  # fmt: skip
@click.argument("subject", metavar="SUBJECT", callback=not_empty, shell_complete=complete_subject)
@click.argument("version", metavar="[VERSION]", required=False)
@click.option(
    "--permanent",
    is_flag=True,
    help="For good: data that was written with it can't be read any more.",
)
@yes_option
@asks
@json_option
def DELETE(
    at: RegistryAt, subject: str, version: str | None, permanent: bool, yes: bool, as_json: bool
) -> None:
    """Look, ask, and delete."""
    with at.client() as registry, guessing(registry, subject):
        found = _meant(registry, subject, version, permanent)
        _check_referrers(registry, subject, found, permanent)
        numbers = joined(found)
        how = "for good" if permanent else "so that only its id can still be read"
        noun = "version" if len(found) == 1 else "versions"
        confirm(f"delete {noun} {numbers} of {subject} {how} at {at.shown}", yes=yes)
        if version is None:
            _delete_subject(registry, subject, permanent)
        else:
            _delete_version(registry, subject, found[0], permanent)
    facts: Row = {"subject": subject, "versions": found, "permanent": permanent}
    end = " for good" if permanent else ""
    done(f"deleted {noun} {numbers} of {subject}{end}", facts, as_json=as_json)
    tell_where(at)


def _meant(
    registry: SchemaRegistry, subject: str, version: str | None, permanent: bool
) -> list[int]:
    """The versions that go. For good also those go that were deleted before."""
    if version is None:
        return registry.versions(subject, deleted=permanent)
    asked = version_of(version)
    if asked == LATEST:
        asked = registry.versions(subject, deleted=permanent)[-1]
    return [registry.version(subject, asked, deleted=permanent).version or int(asked)]


def _check_referrers(
    registry: SchemaRegistry, subject: str, versions: list[int], permanent: bool
) -> None:
    """For good, what was deleted and refers to it keeps it, too."""
    from ottla.cli.schemas import catalogue

    for version in versions:
        found = catalogue.referrers(registry, subject, version, deleted=permanent)
        others = [(other, number) for other, number, _ in found if other != subject]
        if others:
            names = ", ".join(f"{other} {number}" for other, number in others[:REFERRERS_SHOWN])
            more = f" and {len(others) - REFERRERS_SHOWN} more" if others[REFERRERS_SHOWN:] else ""
            how = " for good" if permanent else ""
            raise OttlaError(
                f"{subject} {version} is referred to by {names}{more}",
                hint=f"delete those first{how}, or keep it",
            )


def _delete_subject(registry: SchemaRegistry, subject: str, permanent: bool) -> None:
    from ottla.cli.schemas import catalogue

    living = catalogue.found_or_none(lambda: registry.versions(subject))
    if living:
        registry.delete_subject(subject)
    if permanent:
        registry.delete_subject(subject, permanent=True)


def _delete_version(registry: SchemaRegistry, subject: str, version: int, permanent: bool) -> None:
    from ottla.cli.schemas import catalogue

    if version in (catalogue.found_or_none(lambda: registry.versions(subject)) or ()):
        registry.delete_version(subject, version)
    if permanent:
        registry.delete_version(subject, version, permanent=True)
