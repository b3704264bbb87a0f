"""`ottla schemas diff`: what changed between two schemas, in words and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ottla.cli.options import WrongWords
from ottla.cli.registry_reach import RegistryAt
from ottla.cli.schemas.files import is_schema_name, read_file
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.schemas.asking import (
    LATEST,
    asks,
    complete_subject,
    guessing,
    not_empty,
    version_of,
)
from ottla.cli.verb.schemas.registering import type_option
from ottla.cli.verb.shown import is_terminal, json_option, print_json
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ottla.cli.schemas.sides import Compared, Side
    from ottla.schemas.language import Dependency
    from ottla.serdes.registry_client import SchemaRegistry


@verb(
    "diff",
    "what changed between two schemas, in words and as text",
    ("the last two versions", "ottla schemas diff orders-value"),
    ("two versions", "ottla schemas diff orders-value 1 3"),
    ("the latest version and a file", "ottla schemas diff orders-value o.avsc"),
    ("two files, without a registry", "ottla schemas diff old.avsc new.avsc"),
)
@click.argument(
    "words",
    metavar="SUBJECT|FILE [VERSION|FILE]...",
    nargs=-1,
    required=True,
    callback=not_empty,
    shell_complete=complete_subject,
)
@type_option
@click.option(
    "--reference",
    "references",
    metavar="NAME=FILE",
    multiple=True,
    help="What a file refers to; repeatable, those first that others need.",
)
@asks
@json_option
def DIFF(
    *,
    at: RegistryAt,
    words: tuple[str, ...],
    schema_type: str | None,
    references: tuple[str, ...],
    as_json: bool,
) -> None:
    """Read both, compare, and tell."""
    from ottla.cli.schemas.references import of_files
    from ottla.cli.schemas.sides import compare

    if len(words) > 3:
        raise WrongWords("two schemas are compared", hint="ottla schemas diff SUBJECT 1 2")
    if len(words) == 2 and is_schema_name(words[0]) and is_schema_name(words[1]):
        needed = of_files(references)
        old, new = (_of_file(path, schema_type, needed) for path in words)
    elif len(words) == 1 and is_schema_name(words[0]):
        raise WrongWords("one file alone has no other", hint="ottla schemas diff SUBJECT FILE")
    else:
        with at.client() as registry, guessing(registry, words[0]):
            old, new = _of_subject(registry, words[0], words[1:], schema_type, references)
    found = compare(old, new)
    if as_json:
        print_json({**found._asdict(), "level": found.level})
    else:
        _print(found)


def _of_file(path: str, schema_type: str | None, needed: Sequence[Dependency]) -> Side:
    from ottla.cli.schemas.faults import read_schema
    from ottla.cli.schemas.sides import Side

    file = read_file(path, schema_type)
    return Side(file.name, file.type, read_schema(file, needed))


def _of_subject(
    registry: SchemaRegistry,
    subject: str,
    words: tuple[str, ...],
    schema_type: str | None,
    references: tuple[str, ...],
) -> tuple[Side, Side]:
    """Two versions, or one and a file."""
    from ottla.cli.schemas.faults import read_schema
    from ottla.cli.schemas.references import dependencies, of_files
    from ottla.cli.schemas.sides import Side

    if not words:
        numbers = registry.versions(subject)
        if len(numbers) < 2:
            raise OttlaError(
                f"{subject} has one version alone",
                hint=f"ottla schemas diff {subject} FILE compares it with a file",
            )
        words = (str(numbers[-2]), str(numbers[-1]))
    if is_schema_name(words[-1]):
        old = _of_version(registry, subject, words[0] if len(words) > 1 else LATEST)
        file, last = read_file(words[-1], schema_type), registry.version(subject, LATEST)
        needed = [*of_files(references), *dependencies(registry, last.contract.references)]
        needed = list({one.name: one for one in reversed(needed)}.values())[::-1]
        return old, Side(file.name, file.type, read_schema(file, needed))
    first, second = words[0], words[1] if len(words) > 1 else LATEST
    return _of_version(registry, subject, first), _of_version(registry, subject, second)


def _of_version(registry: SchemaRegistry, subject: str, word: str) -> Side:
    from ottla.cli.schemas.faults import read_schema
    from ottla.cli.schemas.files import SchemaFile
    from ottla.cli.schemas.references import dependencies
    from ottla.cli.schemas.sides import Side

    found = registry.version(subject, version_of(word))
    name, kind = f"{subject} {found.version}", found.contract.type
    needed = dependencies(registry, found.contract.references)
    return Side(name, kind, read_schema(SchemaFile(name, found.text, kind), needed))


def _print(found: Compared) -> None:
    from ottla.cli.run import LINES, printable
    from ottla.cli.schemas import reasons

    for reader, writer, rows in (
        (found.new, found.old, found.new_reads_old),
        (found.old, found.new, found.old_reads_new),
    ):
        told = "\n".join(["can't read", *reasons.lines(rows)]) if rows else "reads"
        first, _, rest = told.partition("\n")
        print(printable(f"{reader} {first} what {writer} wrote{':' if rest else ''}"))
        if rest:
            print(printable(rest, keep=LINES))
    print(_may_come(found))
    if found.text:
        print()
    for line in found.text:
        colour = _COLOURS.get(line[:1]) if is_terminal() else None
        print(click.style(printable(line), fg=colour) if colour else printable(line))


_COLOURS = {"-": "red", "+": "green", "@": "cyan"}


def _may_come(found: Compared) -> str:
    if not found.text:
        return "the texts are equal"
    if found.level == "NONE":
        return f"{found.new} may come after {found.old} only under level NONE"
    return f"{found.new} may come after {found.old} under level {found.level}"
