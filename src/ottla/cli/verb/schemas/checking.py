"""`ottla schemas check`: whether a file may be the next version; with a registry, or with the files
that came before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ottla.cli.options import WrongWords
from ottla.cli.registry_reach import RegistryAt
from ottla.cli.schemas.files import SchemaFile, read_file
from ottla.cli.schemas.levels import DEFAULT, LEVELS
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.schemas.asking import (
    asks,
    complete_subject,
    near_subject,
    not_empty,
    version_of,
)
from ottla.cli.verb.schemas.registering import (
    INVALID_SCHEMA,
    check_order,
    contract_of,
    normalize_option,
    reference_option,
    refused_text,
    type_option,
    warn_of_slips,
)
from ottla.cli.verb.shown import Row, json_option, note, print_json

if TYPE_CHECKING:
    from ottla.serdes.registry_client import SchemaRegistry


@verb(
    "check",
    "whether a file may be the next version, and if not, why",
    ("against a subject, by its level", "ottla schemas check orders-value o.avsc"),
    ("against one version of it", "ottla schemas check orders-value o.avsc --version 3"),
    ("two files, without a registry", "ottla schemas check --against old.avsc new.avsc"),
    ("several, the oldest first",
     "ottla schemas check --against 1.avsc --against 2.avsc 3.avsc --level FULL_TRANSITIVE"),
    exit_codes=(
        (0, "it may"),
        (1, "it may not; or it is no schema; the reasons are printed"),
        (2, "the command line is wrong"),
    ),
)  # fmt: skip
@click.argument(
    "words",
    metavar="[SUBJECT] FILE",
    nargs=-1,
    required=True,
    callback=not_empty,
    shell_complete=complete_subject,
)
@click.option("--version", metavar="VERSION", help="Compare with this version alone, or latest.")
@click.option(
    "--against",
    metavar="FILE",
    multiple=True,
    help="Ask no registry: compare with this file. Repeatable, the oldest first.",
)
@click.option(
    "--level",
    type=click.Choice(LEVELS, case_sensitive=False),
    metavar="LEVEL",
    help=f"With --against: what has to hold, one of {', '.join(LEVELS)}; {DEFAULT} if left out.",
)
@type_option
@reference_option
@normalize_option
@asks
@json_option
def CHECK(
    *,
    at: RegistryAt,
    words: tuple[str, ...],
    version: str | None,
    against: tuple[str, ...],
    level: str | None,
    schema_type: str | None,
    references: tuple[str, ...],
    normalize: bool,
    as_json: bool,
) -> int:
    """Compare, and tell every reason."""
    if against:
        _only_files(words, version)
        new = read_file(words[0], schema_type)
        warn_of_slips(new)
        old = [read_file(path, schema_type) for path in against]
        return _check_files(new, old, level or DEFAULT, references, as_json)
    if level is not None:
        raise WrongWords(
            "--level goes with --against: a subject has its own",
            hint="ottla schemas level SUBJECT shows and sets it",
        )
    if len(words) != 2:
        raise WrongWords(
            "SUBJECT and FILE are to be told",
            hint="ottla schemas check orders-value o.avsc; without a registry "
            "ottla schemas check --against old.avsc new.avsc",
        )
    subject, path = words
    asked = None if version is None else version_of(version)
    check_order("check", subject, path)
    schema = read_file(path, schema_type)
    warn_of_slips(schema)
    with at.client() as registry:
        return _check_subject(registry, subject, schema, asked, references, normalize, as_json)


def _only_files(words: tuple[str, ...], version: str | None) -> None:
    if len(words) != 1:
        raise WrongWords(
            "with --against one FILE is to be told, and no subject",
            hint="ottla schemas check --against old.avsc new.avsc",
        )
    if version is not None:
        raise WrongWords("--version is of a subject, and --against asks no registry")


def _check_files(
    new: SchemaFile,
    old: list[SchemaFile],
    level: str,
    references: tuple[str, ...],
    as_json: bool,
) -> int:
    from ottla.cli.schemas import levels
    from ottla.cli.schemas.references import of_files

    rows = levels.check(new, old, level, of_files(references))
    return _tell(rows, new.name, ", ".join(one.name for one in old), level, as_json)


def _check_subject(
    registry: SchemaRegistry,
    subject: str,
    schema: SchemaFile,
    version: int | str | None,
    references: tuple[str, ...],
    normalize: bool,
    as_json: bool,
) -> int:
    from ottla.cli.schemas import catalogue, reasons
    from ottla.serdes.errors import RegistryError

    numbers = catalogue.found_or_none(lambda: registry.versions(subject))
    if not numbers and version is None:
        note(
            f"there is no subject {subject} yet, so that anything may come first; "
            + near_subject(subject, registry.subjects())
        )
    contract = contract_of(registry, schema, references)
    level = catalogue.level_of(registry, subject)
    try:
        checked = registry.check(subject, contract, version, normalize=normalize)
    except RegistryError as error:
        if error.code == INVALID_SCHEMA:
            raise refused_text(registry, schema, contract, error) from None
        raise
    rows = reasons.rows_of(checked.messages)
    if not checked.is_compatible and not rows:
        rows = reasons.rows_of(["the registry says no more than that"])
    after = subject if version is None else f"{subject} {version}"
    return _tell([] if checked.is_compatible else rows, schema.name, after, level, as_json)


def _tell(rows: list[Row], name: str, after: str, level: str, as_json: bool) -> int:
    from ottla.cli.run import LINES, printable
    from ottla.cli.schemas import reasons

    if as_json:
        print_json({"compatible": not rows, "level": level, "reasons": rows})
    elif not rows:
        print(printable(f"{name} may come after {after} (level {level})"))
    else:
        told = "\n".join(reasons.lines(rows))
        text = f"{name} may not come after {after} (level {level}):\n{told}"
        print(printable(text, keep=LINES))
    return 1 if rows else 0
