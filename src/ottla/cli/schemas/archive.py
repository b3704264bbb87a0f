"""A registry as a folder: a file for each version, and an index of all that is said of them.

    index.jsonl                      a line for each version, config, mode and context
    schemas/orders-value/1.avsc      the text, byte for byte as the registry has it

The index is written last and at once, so that a folder without one is none of ours, and one with
an index is whole. Nothing in an index leads out of its folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from ottla.cli.schemas.files import SUFFIX_OF
from ottla.errors import OttlaError
from ottla.serdes.contract import Contract, Reference

Row = dict[str, Any]

INDEX, SCHEMAS = "index.jsonl", "schemas"
FORMAT = 1
NAME_MAX = 150
"""Of a folder, in bytes: file systems have 255, and some of them count otherwise."""
HINT = "`ottla schemas export DIR` writes such a folder"


class Copied(NamedTuple):
    """One version in an archive."""

    subject: str
    version: int
    id: int
    guid: str | None
    contract: Contract
    is_deleted: bool

    @property
    def place(self) -> tuple[str, int]:
        """Its subject and version."""
        return self.subject, self.version


class Setting(NamedTuple):
    """A config or a mode that was set for a subject, a context (`:.ctx:`) or everything (None)."""

    noun: str
    subject: str | None
    value: Any


class Archive(NamedTuple):
    """All that was exported."""

    versions: list[Copied]
    settings: list[Setting]
    contexts: list[str]


def file_of(subject: str, version: int, schema_type: str) -> str:
    """Where a version lies within the folder."""
    name = quote(subject, safe="", errors="surrogatepass")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > NAME_MAX:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        name = f"{name[: NAME_MAX - 20]}~{digest}"
    return f"{SCHEMAS}/{name or '%00'}/{version}{SUFFIX_OF.get(schema_type, '.txt')}"


def prepare(folder: Path) -> None:
    """Make a folder, or see that what is in it is an archive that may be replaced.

    Raises:
        OttlaError: something else is in it.
    """
    if (folder / INDEX).exists():
        for row in _rows(folder):
            if row.get("kind") == "schema":
                _within(folder, str(row.get("file"))).unlink(missing_ok=True)
        (folder / INDEX).unlink()
        return
    folder.mkdir(parents=True, exist_ok=True)
    there = [name for name in os.listdir(folder) if name not in (".git", SCHEMAS)]
    if there:
        raise OttlaError(
            f"{folder} is not empty, and no archive of schemas",
            hint="name a folder that is new, empty, or was exported before",
        )


def write_version(folder: Path, copied: Copied) -> None:
    """Write the text of one version."""
    path = folder / file_of(copied.subject, copied.version, copied.contract.type)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(copied.contract.text.encode("utf-8", "surrogatepass"))


def write_index(folder: Path, archive: Archive) -> None:
    """Write the index, by which the folder is whole."""
    rows: list[Row] = [{"kind": "registry", "format": FORMAT}]
    rows += [{"kind": "context", "context": name} for name in archive.contexts]
    rows += [
        {"kind": one.noun, "subject": one.subject, one.noun: one.value} for one in archive.settings
    ]
    rows += [_row(one) for one in archive.versions]
    made = folder / f"{INDEX}.part"
    with open(made, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    os.replace(made, folder / INDEX)


def read(folder: Path) -> Archive:
    """Read a folder, whole.

    Raises:
        OttlaError: it is none of ours, or a file or line of it is missing or makes no sense.
    """
    versions, settings, contexts = [], [], []
    for at, row in enumerate(_rows(folder), 1):
        try:
            match row["kind"]:
                case "registry":
                    _check_format(row)
                case "context":
                    contexts.append(str(row["context"]))
                case "config" | "mode":
                    settings.append(Setting(row["kind"], row["subject"], row[row["kind"]]))
                case "schema":
                    versions.append(_copied(folder, row))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise OttlaError(f"{folder / INDEX}:{at} makes no sense", hint=HINT) from None
    return Archive(versions, settings, contexts)


def _row(one: Copied) -> Row:
    contract = one.contract
    return {
        "kind": "schema",
        "subject": one.subject,
        "version": one.version,
        "id": one.id,
        "guid": one.guid,
        "type": contract.type,
        "file": file_of(one.subject, one.version, contract.type),
        "references": [reference._asdict() for reference in contract.references],
        "metadata": contract.metadata,
        "rules": contract.rule_set,
        "deleted": one.is_deleted,
    }


def _copied(folder: Path, row: Row) -> Copied:
    path = _within(folder, row["file"])
    try:
        text = path.read_bytes().decode("utf-8", "surrogatepass")
    except FileNotFoundError:
        raise OttlaError(
            f"{path} is missing, and {INDEX} names it", hint="export once more"
        ) from None
    references = tuple(
        Reference(str(one["name"]), str(one["subject"]), int(one["version"]))
        for one in row["references"]
    )
    contract = Contract(text, str(row["type"]), references, row["metadata"], row["rules"])
    return Copied(
        str(row["subject"]),
        int(row["version"]),
        int(row["id"]),
        row["guid"],
        contract,
        bool(row["deleted"]),
    )


def _check_format(row: Row) -> None:
    if row["format"] != FORMAT:
        raise OttlaError(
            f"the archive is of format {row['format']}, and this reads format {FORMAT}",
            hint="a newer ottla wrote it: pip install --upgrade ottla",
        )


def _rows(folder: Path) -> Iterator[Row]:
    path = folder / INDEX
    if not path.exists():
        raise OttlaError(f"{folder} is no archive of schemas: it has no {INDEX}", hint=HINT)
    with open(path, encoding="utf-8") as file:
        for at, line in enumerate(file, 1):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if not isinstance(row, dict):
                raise OttlaError(f"{path}:{at} makes no sense", hint=HINT)
            yield row


def _within(folder: Path, name: str) -> Path:
    """A file of the archive.

    Raises:
        OttlaError: the name leads elsewhere.
    """
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or path.parts[:1] != (SCHEMAS,):
        raise OttlaError(f"{folder / INDEX} names a file outside of its folder: {name!r}")
    return folder / path
