"""`ottla schemas show`: the text of one schema, and what there is to say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ottla.cli.options import WrongWords
from ottla.cli.registry_reach import RegistryAt
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.schemas.asking import (
    LATEST,
    asks,
    complete_subject,
    guessing,
    not_empty,
    version_of,
)
from ottla.cli.verb.shown import (
    Column,
    Row,
    is_terminal,
    json_option,
    note,
    number,
    print_json,
    show,
)

if TYPE_CHECKING:
    from ottla.serdes.contract import Registered
    from ottla.serdes.registry_client import SchemaRegistry

_REFERENCES = (
    Column("REFERENCE", "way"),
    Column("NAME", "name"),
    Column("SUBJECT", "subject"),
    number("VERSION", "version"),
    number("ID", "id"),
)
_VERSIONS = (
    number("VERSION", "version"),
    number("ID", "id"),
    Column("TYPE", "type"),
    Column("GUID", "guid"),
    Column("DELETED", "deleted", lambda value: "deleted" if value else ""),
)


@verb(
    "show",
    "the text of a schema",
    ("the latest version", "ottla schemas show orders-value"),
    ("the first one, into a file", "ottla schemas show orders-value 1 > orders.avsc"),
    ("that of an id that stands in a record", "ottla schemas show --id 7"),
    ("what it refers to, and who refers to it", "ottla schemas show orders-value --references"),
    too_many="one schema at a time",
)
@click.argument(
    "subject",
    metavar="[SUBJECT]",
    required=False,
    callback=not_empty,
    shell_complete=complete_subject,
)
@click.argument("version", metavar="[VERSION]", required=False)
@click.option("--id", "schema_id", type=click.IntRange(0), metavar="N", help="The schema of an id.")
@click.option("--guid", metavar="GUID", help="The schema of a GUID.")
@click.option("--references", is_flag=True, help="What it refers to, and who refers to it.")
@click.option("--versions", "all_versions", is_flag=True, help="All versions, without their text.")
@click.option("--deleted", is_flag=True, help="Also where it was deleted, but not for good.")
@click.option(
    "--format", "form", metavar="FORMAT", help="A form of the text: resolved, serialized, ..."
)
@asks
@json_option
def SHOW(
    *,
    at: RegistryAt,
    subject: str | None,
    version: str | None,
    schema_id: int | None,
    guid: str | None,
    references: bool,
    all_versions: bool,
    deleted: bool,
    form: str | None,
    as_json: bool,
) -> None:
    """Ask for it, and print it."""
    if sum(one is not None for one in (version, schema_id, guid)) > 1:
        raise WrongWords("one of VERSION, --id and --guid says which schema is meant")
    if guid is not None and subject is not None:
        raise WrongWords("a GUID is the same under every subject: leave SUBJECT out")
    if subject is None and schema_id is None and guid is None:
        raise WrongWords(
            "SUBJECT is missing", hint="ottla schemas list shows all; --id N shows one by its id"
        )
    with at.client() as registry, guessing(registry, subject or ""):
        if all_versions and subject is not None:
            rows = [facts(row) for row in _all(registry, subject, deleted)]
            show(_VERSIONS, rows, as_json=as_json)
            return
        if guid is not None:
            found = registry.by_guid(guid, form=form)
        elif schema_id is not None:
            found = registry.by_id(schema_id, subject, form=form)
        else:
            asked = version_of(version or LATEST)
            found = registry.version(subject or "", asked, deleted=deleted, form=form)
        if references:
            show(_REFERENCES, _references(registry, found), as_json=as_json, none="no references")
            return
    if as_json:
        print_json(facts(found))
    else:
        _print(found, is_text=form is None)


def facts(found: Registered) -> Row:
    """All that is known of a schema, by names for JSON."""
    contract = found.contract
    return {
        "subject": found.subject,
        "version": found.version,
        "id": found.id,
        "guid": found.guid,
        "type": contract.type,
        "references": [one._asdict() for one in contract.references],
        "metadata": contract.metadata,
        "rules": contract.rule_set,
        "registered_ms": found.ts_ms,
        "deleted": found.is_deleted,
        "schema": contract.text,
    }


def _print(found: Registered, *, is_text: bool) -> None:
    """For who looks, with what it is above it; for a pipe the text as it is kept."""
    from ottla.cli.run import LINES, printable
    from ottla.cli.schemas.sides import pretty

    if not is_terminal():
        print(found.text, end="" if found.text.endswith("\n") else "\n")
        return
    named = [f"{found.subject} {found.version}" if found.version else found.subject]
    named += [f"id {found.id}" if found.id is not None else None, found.contract.type]
    named += ["deleted" if found.is_deleted else None]
    note(", ".join(one for one in named if one))
    text = pretty(found.text, found.contract.type) if is_text else found.text
    print(printable(text, keep=LINES))


def _all(registry: SchemaRegistry, subject: str, deleted: bool) -> list[Registered]:
    numbers = registry.versions(subject, deleted=deleted)
    return [registry.version(subject, one, deleted=deleted) for one in numbers]


def _references(registry: SchemaRegistry, found: Registered) -> list[Row]:
    from ottla.cli.schemas.catalogue import referrers

    rows: list[Row] = []
    for name, subject, version in found.contract.references:
        row = registry.version(subject, version, deleted=True)
        rows.append(
            {"way": "to", "name": name, "subject": subject, "version": version, "id": row.id}
        )
    if found.subject is not None and found.version is not None:
        for subject, version, schema_id in referrers(registry, found.subject, found.version):
            rows.append(
                {
                    "way": "from",
                    "name": None,
                    "subject": subject,
                    "version": version,
                    "id": schema_id,
                }
            )
    return rows
