"""A schema as a request tells it: checked and read, not yet anything's version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ottla.registry import contracts
from ottla.registry.contracts import Hash, Json, Reference, hash_of
from ottla.registry.languages import Reading, text_digest
from ottla.registry.refusals import INVALID_SCHEMA, INVALID_VERSION, refusal
from ottla.registry.state import State
from ottla.registry.stored import Version
from ottla.registry.subjects import parsed, qualified
from ottla.schemas.language import AVRO, InvalidSchema, Schema, Tagging

FIELDS = (
    "version",
    "id",
    "schemaType",
    "references",
    "metadata",
    "ruleSet",
    "schema",
    "schemaTagsToAdd",
    "schemaTagsToRemove",
    "propagateSchemaTags",
)
IGNORED = ("subject", "guid", "deleted", "ts", "schemaTags")
"""What an answer has besides: a client may send one back."""
ENTITIES = ("sr_record", "sr_field")


class Proposal(NamedTuple):
    """A schema that was read, and what came with it."""

    schema: Schema
    schema_type: str
    references: tuple[Reference, ...]
    metadata: Json | None
    rule_set: Json | None
    text: str
    """As it would be kept."""
    id: int
    """-1: none was asked for."""
    version: int
    """0 or -1: none was asked for."""
    propagates_tags: bool = False
    normalized: bool = False
    """Whether `text` is the normal form."""

    @property
    def hash(self) -> Hash:
        """Of all that makes it what it is."""
        return hash_of(self.text, self.references, self.metadata, self.rule_set)

    def is_told_by(self, version: Version) -> bool:
        """Whether a version is this schema; metadata and rules count where they were told."""
        return (
            version.schema_type == self.schema_type
            and version.text == self.text
            and version.references == self.references
            and (self.metadata is None or version.metadata == self.metadata)
            and (self.rule_set is None or version.rule_set == self.rule_set)
        )

    def found_in(self, versions: Sequence[Version], reading: Reading) -> Version | None:
        """The last of these versions that is this schema, also where another registry, or another
        wish for normal forms, has kept its text in another way.
        """
        for version in versions[::-1]:
            if self.is_told_by(version):
                return version
        mine = text_digest(self.text)
        for version in versions[::-1]:
            if (
                version.schema_type == self.schema_type
                and reading.digest(version, normalized=self.normalized) == mine
                and self.is_told_by(version._replace(text=self.text))
            ):
                return version
        return None


def proposed(
    state: State, reading: Reading, subject: str, told: Any, *, normalize: bool = False
) -> Proposal:
    """Read a request's body.

    Raises:
        Refusal: 42201 or 42210, what is wrong with it.
    """
    if not isinstance(told, dict):
        raise refusal(INVALID_SCHEMA, "a schema is told as a JSON object")
    for name in told:
        if name not in FIELDS and name not in IGNORED:
            raise refusal(
                INVALID_SCHEMA, f"there is no field {name!r}", hint=f"there is {', '.join(FIELDS)}"
            )
    text = told.get("schema")
    if not isinstance(text, str) or not text.strip():
        raise refusal(INVALID_SCHEMA, "the schema is missing: it is the text `schema`")
    schema_type = told.get("schemaType") or AVRO
    if not isinstance(schema_type, str):
        raise refusal(INVALID_SCHEMA, "schemaType is a text")
    context = parsed(subject).context
    references = _resolved(state, reading, contracts.references_of(told.get("references")), context)
    schema = reading.read(schema_type, text, references, context)
    schema = _tagged(schema, told)
    return Proposal(
        schema=schema,
        schema_type=schema_type,
        references=references,
        metadata=contracts.metadata_of(told.get("metadata")),
        rule_set=contracts.rule_set_of(told.get("ruleSet")),
        text=schema.normalized() if normalize else schema.text,
        normalized=normalize,
        id=_number(told, "id"),
        version=_number(told, "version"),
        propagates_tags=told.get("propagateSchemaTags") is True,
    )


def taggings_of(told: Any, name: str) -> list[Tagging]:
    """Tags as a request has them: [{"schemaEntity": {"entityPath", "entityType"}, "tags": []}].

    Raises:
        Refusal: 42201.
    """
    taggings = []
    if told is not None and not isinstance(told, list):
        raise refusal(INVALID_SCHEMA, f"{name} is a list")
    for row in told or ():
        entity = row.get("schemaEntity") if isinstance(row, dict) else None
        tags = row.get("tags") if isinstance(row, dict) else None
        entity = entity if isinstance(entity, dict) else {}
        kind, path = entity.get("entityType"), entity.get("entityPath")
        if kind not in ENTITIES or not isinstance(path, str) or not path:
            raise refusal(
                INVALID_SCHEMA,
                f"{name}: a schemaEntity has an entityPath, and an entityType that is "
                f"{' or '.join(ENTITIES)}",
            )
        if not isinstance(tags, list) or not all(isinstance(tag, str) and tag for tag in tags):
            raise refusal(INVALID_SCHEMA, f"{name}: the tags of {path} are a list of texts")
        taggings.append(Tagging(kind, path, tuple(tags)))
    return taggings


def _tagged(schema: Schema, told: Json) -> Schema:
    add = taggings_of(told.get("schemaTagsToAdd"), "schemaTagsToAdd")
    remove = taggings_of(told.get("schemaTagsToRemove"), "schemaTagsToRemove")
    if not add and not remove:
        return schema
    try:
        return schema.with_tags(add, remove)
    except InvalidSchema as error:
        raise refusal(INVALID_SCHEMA, f"tags can't be put there: {error}") from None


def _resolved(
    state: State, reading: Reading, references: tuple[Reference, ...], context: str
) -> tuple[Reference, ...]:
    """References with their versions: -1 is the last one of today.

    Raises:
        Refusal: 42201, one is to what was deleted, or to nothing.
    """
    resolved = []
    for reference in references:
        version = reading.referred(reference, context)
        known = state.version(qualified(reference.subject, context), version.version)
        if known is not None and known.deleted:
            raise refusal(
                INVALID_SCHEMA,
                f"the reference {reference.name!r} is to version {version.version} of subject "
                f"{reference.subject!r}, which was deleted",
            )
        resolved.append(reference._replace(version=version.version))
    return tuple(resolved)


def _number(told: Json, name: str) -> int:
    number = told.get(name)
    if number is None:
        return -1
    if type(number) is not int or number < -1 or number >= 1 << 31:
        code = INVALID_VERSION if name == "version" else INVALID_SCHEMA
        raise refusal(code, f"{name} is a number from 1 to 2147483647, not {number!r}")
    return number
