"""A schema as a registry takes and gives it: a text with what it refers to and what is said of it.

Metadata and rules stay the JSON that they are, for a registry may know more of them than we do;
`ottla.serdes.rules` reads the rules that it runs. Nothing here reads a schema's text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ottla.schemas.language import AVRO
from ottla.serdes.errors import BadRegistrySetting

Json = dict[str, Any]
FILES = (".avsc", ".proto", ".json")
"""How the names of files with schemas end."""
_TEXT = frozenset('{};"\n')
"""What every text that is a schema has one of; a name of a file has none."""


class Reference(NamedTuple):
    """A schema that another refers to: under which name, and where it is registered.

    Version -1 is the latest.
    """

    name: str
    subject: str
    version: int

    def json(self) -> Json:
        """As it is stored, asked and answered."""
        return {"name": self.name, "subject": self.subject, "version": self.version}


class Contract(NamedTuple):
    """A schema to register or to look for; `type` is "AVRO", "PROTOBUF" or "JSON"."""

    text: str
    type: str = AVRO
    references: Sequence[Reference] = ()
    metadata: Mapping[str, Any] | None = None
    rule_set: Mapping[str, Any] | None = None

    def json(self) -> Json:
        """As the registry's API has it; what is empty is left out."""
        told: Json = {"schema": self.text}
        if self.type != AVRO:
            told["schemaType"] = self.type
        if self.references:
            told["references"] = [reference.json() for reference in self.references]
        if self.metadata is not None:
            told["metadata"] = self.metadata
        if self.rule_set is not None:
            told["ruleSet"] = self.rule_set
        return told

    def identity(self) -> str:
        """A text that is equal for equal contracts, for caches to hash."""
        return json.dumps(self.json(), sort_keys=True)


class Registered(NamedTuple):
    """A schema that a registry has, with whatever of its place the answer told.

    `id` counts within a context; the GUID is the same in all. `ts_ms` is when it was registered.
    """

    contract: Contract
    subject: str | None = None
    version: int | None = None
    id: int | None = None
    guid: str | None = None
    ts_ms: int | None = None
    is_deleted: bool = False

    @property
    def text(self) -> str:
        """The schema's text."""
        return self.contract.text


class Checked(NamedTuple):
    """Whether a schema may come next, and if not, why."""

    is_compatible: bool
    messages: tuple[str, ...]


def text_of(schema: str | os.PathLike[str] | Mapping[str, Any] | Sequence[Any]) -> str:
    """The text of a schema that is given as a text, a file or its name, or as JSON's own values.

    Raises:
        BadRegistrySetting: a file that can't be read, or nothing of that.
    """
    is_named = isinstance(schema, str) and schema.endswith(FILES) and _TEXT.isdisjoint(schema)
    if isinstance(schema, os.PathLike) or is_named:
        file = Path(schema)  # type: ignore[arg-type]  # a name, or what has one
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise BadRegistrySetting(
                f"the schema's file can't be read: {error}",
                hint=f"a file is given as Path({str(file)!r}); its name counts from the "
                "folder that the program was started in",
            ) from error
    if isinstance(schema, str):
        return schema
    if not isinstance(schema, Mapping | list | tuple):
        raise BadRegistrySetting(
            f"a schema is a text, a Path, a dict or a Contract, and no {type(schema).__name__}"
        )
    try:
        return json.dumps(schema)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRegistrySetting(f"the schema is no JSON: {error}") from error


def registered(answer: Json, asked: Contract | None = None) -> Registered:
    """A schema out of an answer; what older registries leave out is as it was asked for."""
    known = asked or Contract("")
    references = [
        Reference(row["name"], row["subject"], row["version"])
        for row in answer.get("references") or ()
    ]
    contract = Contract(
        text=answer.get("schema", known.text),
        type=answer.get("schemaType") or (known.type if "schema" not in answer else AVRO),
        references=tuple(references) or tuple(known.references),
        metadata=answer.get("metadata", known.metadata),
        rule_set=answer.get("ruleSet", known.rule_set),
    )
    return Registered(
        contract,
        subject=answer.get("subject"),
        version=answer.get("version"),
        id=answer.get("id"),
        guid=answer.get("guid"),
        ts_ms=answer.get("ts"),
        is_deleted=bool(answer.get("deleted")),
    )
