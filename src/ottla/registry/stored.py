"""The language of `_schemas`: keys and values as JSON, byte for byte as the field's registries do.

Keys are compacted by their bytes, so the order of their properties matters: it is the rows' here.
In values empty fields are left out, and false is not empty. A key or value that nobody can read
(a foreign kind, half a record) is None: whoever reads the topic goes on, and says so.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ottla.registry.contracts import RULE_LISTS, Hash, Json, Reference, hash_of
from ottla.schemas.language import AVRO

SCHEMA, CONFIG, MODE = "SCHEMA", "CONFIG", "MODE"
CLEAR_SUBJECT, DELETE_SUBJECT = "CLEAR_SUBJECT", "DELETE_SUBJECT"
NOOP, ASSOC, CONTEXT = "NOOP", "ASSOC", "CONTEXT"

TENANT = "default"
"""What stands where a hosted registry tells its tenants apart."""

_SUBJECT_KEY = ("keytype", "subject", "magic")
KEYS: dict[str, tuple[tuple[str, ...], int | None]] = {
    SCHEMA: (("keytype", "subject", "version", "magic"), 1),
    CONFIG: (_SUBJECT_KEY, 0),
    MODE: (_SUBJECT_KEY, 0),
    CLEAR_SUBJECT: (_SUBJECT_KEY, 0),
    DELETE_SUBJECT: (_SUBJECT_KEY, 0),
    NOOP: (("keytype", "magic"), 0),
    ASSOC: (
        (
            "keytype",
            "tenant",
            "resourceName",
            "resourceNamespace",
            "resourceType",
            "associationType",
            "subject",
            "magic",
        ),
        0,
    ),
    CONTEXT: (("keytype", "tenant", "context", "magic"), 0),
}
"""Each kind of key: its properties in order, and its magic byte. A CONFIG or MODE without a subject
counts for all of the default context.
"""
_NULLABLE = (CONFIG, MODE)
_NEEDED = ("subject", "context")
NUMBER_MAX = (1 << 31) - 1

CONFIG_FIELDS = (
    "alias",
    "aliasForDeks",
    "normalize",
    "validateFields",
    "validateNewSchemas",
    "validateRules",
    "compatibilityLevel",
    "compatibilityPolicy",
    "compatibilityGroup",
    "defaultMetadata",
    "overrideMetadata",
    "defaultRuleSet",
    "overrideRuleSet",
)
CONFIG_FLAGS = ("normalize", "validateFields", "validateNewSchemas", "validateRules")
_PARTS = {
    "tags": dict,
    "properties": dict,
    "sensitive": list,
    "enableAt": str,
    **dict.fromkeys(RULE_LISTS, list),
}
ASSOCIATION_FIELDS = (
    "guid",
    "tenant",
    "resourceName",
    "resourceNamespace",
    "resourceId",
    "resourceType",
    "associationType",
    "subject",
    "lifecycle",
    "frozen",
    "createTs",
    "updateTs",
)
KEYED_FIELDS = ("resourceName", "resourceNamespace", "resourceType", "associationType", "subject")
"""What tells one association from another: the part of its fields that is in its key."""


class Version(NamedTuple):
    """A schema under a subject: what a SCHEMA record says."""

    subject: str
    version: int
    id: int
    schema_type: str
    references: tuple[Reference, ...]
    metadata: Json | None
    rule_set: Json | None
    text: str
    deleted: bool
    hash: Hash
    ts: int = -1
    """When it was written, in milliseconds; -1 where no record has said."""

    def value(self) -> Json:
        """The value of its record."""
        return without_empty(
            {
                "subject": self.subject,
                "version": self.version,
                "id": self.id,
                "md5": self.hash.stored,
                "schemaType": None if self.schema_type == AVRO else self.schema_type,
                "references": [reference.json() for reference in self.references],
                "metadata": self.metadata,
                "ruleSet": self.rule_set,
                "schema": self.text,
                "deleted": self.deleted,
            }
        )

    def key(self) -> Json:
        """The key of its record."""
        return schema_key(self.subject, self.version)


Entry = tuple[Json, Json | None]
"""A record to be written: its key, and its value or None for a tombstone."""


def schema_key(subject: str, version: int) -> Json:
    """The key of one version."""
    return {"keytype": SCHEMA, "subject": subject, "version": version, "magic": 1}


def subject_key(keytype: str, subject: str | None) -> Json:
    """The key of what is said of a subject; None: of the default context."""
    told = {} if subject is None else {"subject": subject}
    return {"keytype": keytype, **told, "magic": KEYS[keytype][1]}


def association_key(row: Json) -> Json:
    """The key of an association."""
    told = {name: row[name] for name in KEYED_FIELDS}
    return {"keytype": ASSOC, "tenant": TENANT, **told, "magic": 0}


def encoded(value: Json | None) -> bytes | None:
    """A key or value as it lies in the log."""
    if value is None:
        return None
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


def read_key(data: bytes | None) -> Json | None:
    """A key, its properties in the order of its kind; None where it can't be read."""
    told = _object(data)
    keytype = told.get("keytype") if told else None
    if told is None or not isinstance(keytype, str) or keytype not in KEYS:
        return None
    names = [name for name in KEYS[keytype][0] if name not in ("keytype", "magic")]
    for name in names:
        value = told.get(name)
        if name == "version":
            if type(value) is not int or not 1 <= value <= NUMBER_MAX:
                return None
        elif not isinstance(value, str) and (
            value is not None or (name in _NEEDED and keytype not in _NULLABLE)
        ):
            return None
    return {name: told.get(name) for name in KEYS[keytype][0]}


def read_value(data: bytes | None) -> Json | None:
    """A value; None where it can't be read. Whether there is one at all, its bytes say."""
    return _object(data)


def read_version(key: Json, value: Json, ts: int) -> Version | None:
    """The version that a SCHEMA record tells of; None where it makes no sense."""
    schema_id, text = value.get("id"), value.get("schema")
    schema_type = value.get("schemaType") or AVRO
    if type(schema_id) is not int or not 0 <= schema_id <= NUMBER_MAX:
        return None
    if not isinstance(text, str) or not isinstance(schema_type, str):
        return None
    try:
        references = tuple(
            Reference(str(row["name"]), str(row["subject"]), int(row["version"]))
            for row in value.get("references") or ()
        )
        metadata, rule_set = _sound(value.get("metadata")), _sound(value.get("ruleSet"))
        known = hash_of(text, references, metadata, rule_set)
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
        return None
    return Version(
        subject=key["subject"],
        version=key["version"],
        id=schema_id,
        schema_type=schema_type,
        references=references,
        metadata=metadata,
        rule_set=rule_set,
        text=text,
        deleted=value.get("deleted") is True,
        hash=known,
        ts=ts,
    )


def read_config(value: Json) -> Json | None:
    """The config that a CONFIG record tells of; None where it makes no sense."""
    config: Json = {}
    try:
        for name in CONFIG_FIELDS:
            field = value.get(name)
            if field is None:
                continue
            if name.endswith(("Metadata", "RuleSet")):
                config[name] = _sound(field)
            elif type(field) is (bool if name in CONFIG_FLAGS else str):
                config[name] = field
            else:
                return None
    except (TypeError, AttributeError):
        return None
    return config


def _sound(told: Any) -> Json | None:
    """Metadata or rules whose parts are what everybody takes them for; nulls are left out.

    Raises:
        TypeError: they are not.
        AttributeError: they are not.
    """
    if told is None:
        return None
    kept = {name: part for name, part in told.items() if part is not None}
    for name, part in kept.items():
        kind = _PARTS.get(name)
        if kind is not None and type(part) is not kind:
            raise TypeError(name)
        if name in RULE_LISTS and not all(isinstance(rule.get("name"), str) for rule in part):
            raise TypeError(name)
        if name == "tags" and not all(isinstance(tags, list) for tags in part.values()):
            raise TypeError(name)
        if name == "properties" and not all(isinstance(text, str) for text in part.values()):
            raise TypeError(name)
    return kept


def without_empty(value: Json) -> Json:
    """An object without the fields that say nothing; false and 0 say something."""
    return {
        name: field
        for name, field in value.items()
        if field is not None and field not in ("", [], {})
    }


def _object(data: bytes | None) -> Json | None:
    if data is None:
        return None
    try:
        told: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
