"""`ottla schemas list`: which subjects there are, in one or two requests for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ottla.cli.registry_reach import RegistryAt
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.schemas.asking import asks, complete_subject, not_empty
from ottla.cli.verb.shown import Column, Row, joined, json_option, number, progress, show

if TYPE_CHECKING:
    from ottla.serdes.contract import Registered
    from ottla.serdes.registry_client import SchemaRegistry

_SUBJECTS = (
    Column("SUBJECT", "subject"),
    Column("TYPE", "type"),
    number("LATEST", "version"),
    number("ID", "id"),
)
_LONG = (
    Column("SUBJECT", "subject"),
    Column("TYPE", "type"),
    Column("VERSIONS", "versions", joined),
    number("ID", "id"),
    Column("LEVEL", "level"),
    Column("MODE", "mode"),
)
_DELETED = Column("DELETED", "deleted", lambda value: "deleted" if value else "")
_CONTEXTS = (Column("CONTEXT", "context"),)


@verb(
    "list",
    "which subjects are there",
    ("which subjects are there", "ottla schemas"),
    ("those that begin so", "ottla schemas list orders"),
    ("with all versions, compatibility level and mode", "ottla schemas list --long"),
    ("of another registry", "ottla schemas list --registry http://registry:8081"),
    too_many="one prefix is enough, and none means all",
)
@click.argument(
    "prefix",
    metavar="[PREFIX]",
    required=False,
    callback=not_empty,
    shell_complete=complete_subject,
)
@click.option("-l", "--long", "is_long", is_flag=True, help="Versions, levels and modes, too.")
@click.option("--names", "names_only", is_flag=True, help="Names alone, one a line.")
@click.option("--deleted", is_flag=True, help="Those that were deleted, but not for good, as well.")
@click.option("--contexts", is_flag=True, help="Contexts instead of subjects.")
@asks
@json_option
def LIST(
    at: RegistryAt,
    prefix: str | None,
    is_long: bool,
    names_only: bool,
    deleted: bool,
    contexts: bool,
    as_json: bool,
) -> None:
    """Ask for all, and show them."""
    with at.client() as registry:
        if contexts:
            found = [{"context": name} for name in registry.contexts()]
            show(_CONTEXTS, found, as_json=as_json)
            return
        if names_only and not as_json:
            names = registry.subjects(scope(prefix), deleted=deleted)
            print("".join(f"{name}\n" for name in names), end="")
            return
        rows = _rows(registry, scope(prefix), is_long, deleted)
    columns = _LONG if is_long else _SUBJECTS
    none = "no subjects; `ottla schemas register SUBJECT FILE` makes one"
    if prefix:
        none = f"no subject begins with {prefix}"
    show((*columns, _DELETED) if deleted else columns, rows, as_json=as_json, none=none)


def scope(prefix: str | None) -> str:
    """A prefix as registries take it: in every context where none is named."""
    from ottla.cli.schemas.catalogue import EVERY_CONTEXT

    return prefix if prefix and prefix.startswith(":") else f"{EVERY_CONTEXT}{prefix or ''}"


def _rows(registry: SchemaRegistry, prefix: str, is_long: bool, deleted: bool) -> list[Row]:
    from ottla.cli.schemas import catalogue

    with progress("schemas") as advance:
        found = catalogue.versions(
            registry, prefix, latest_only=not is_long, deleted=deleted, advance=advance
        )
    living = set(registry.subjects(prefix)) if deleted else {one.subject for one in found}
    by_subject: dict[str, list[Registered]] = {}
    for one in found:
        by_subject.setdefault(one.subject or "", []).append(one)
    rows = [_row(subject, versions, subject in living) for subject, versions in by_subject.items()]
    if is_long:
        _add_settings(registry, rows, by_subject)
    return rows


def _row(subject: str, versions: list[Registered], is_living: bool) -> Row:
    last = max(versions, key=lambda one: one.version or 0)
    return {
        "subject": subject,
        "type": last.contract.type,
        "version": last.version,
        "id": last.id,
        "deleted": not is_living,
    }


def _add_settings(
    registry: SchemaRegistry, rows: list[Row], by_subject: dict[str, list[Registered]]
) -> None:
    """What takes a request or two for each subject."""
    from ottla.cli.schemas import catalogue

    def settings(subject: str) -> tuple[str, str]:
        return catalogue.level_of(registry, subject), registry.mode(subject)

    asked = catalogue.at_once(settings, list(by_subject))
    with progress("levels and modes", len(rows)) as advance:
        for row, (level, mode) in zip(rows, asked, strict=True):
            row["versions"] = sorted(one.version or 0 for one in by_subject[row["subject"]])
            row["level"], row["mode"] = level, mode
            advance(1)
