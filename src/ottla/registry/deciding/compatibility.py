"""Whether a schema may come after others: the seven levels, and one sentence for each reason not.

BACKWARD: the new schema reads what the last one wrote; FORWARD: the last one reads what the new one
writes; FULL: both; with _TRANSITIVE all earlier versions count. With a compatibilityGroup (the name
of a metadata property) only versions count that have the same value of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ottla.registry.contracts import Json
from ottla.registry.languages import Reading
from ottla.registry.stored import Version
from ottla.schemas.language import UNDECIDED, Difference, Schema
from ottla.web.operation import Refusal

REASONS_MAX = 100
"""So many are told; a schema of a megabyte has more than anybody reads."""


def reasons(
    reading: Reading,
    schema: Schema,
    schema_type: str,
    metadata: Json | None,
    versions: Sequence[Version],
    config: Json,
) -> list[str]:
    """Why a schema may not come after these versions, the last of them first; empty if it may."""
    level: str = config["compatibilityLevel"]
    if level == "NONE":
        return []
    lenient = config.get("compatibilityPolicy") == "LENIENT"
    compared = list(_of_group(versions, metadata, config.get("compatibilityGroup")))[::-1]
    if not level.endswith("_TRANSITIVE"):
        compared = compared[:1]
    told: list[str] = []
    for version in compared:
        told += _against(reading, schema, schema_type, version, level, lenient)
        if any(reason.startswith(UNDECIDED) for reason in told):
            return told  # what was too much for one version would be so for each
        if len(told) >= REASONS_MAX:
            return [*told[:REASONS_MAX], f"and more: the first {REASONS_MAX} are told"]
    return told


def _of_group(
    versions: Iterable[Version], metadata: Json | None, group: str | None
) -> Iterable[Version]:
    if group is None:
        return versions
    mine = _property(metadata, group)
    return (version for version in versions if _property(version.metadata, group) == mine)


def _property(metadata: Json | None, name: str) -> str | None:
    found: str | None = (metadata or {}).get("properties", {}).get(name)
    return found


def _against(
    reading: Reading, schema: Schema, schema_type: str, version: Version, level: str, lenient: bool
) -> list[str]:
    if version.schema_type != schema_type:
        return [f"version {version.version} is {version.schema_type}, and this is {schema_type}"]
    try:
        other = reading.of(version)
    except Refusal as refusal:
        return [f"version {version.version} can't be read to compare with: {refusal}"]
    told: list[str] = []
    if level.startswith(("BACKWARD", "FULL")):
        found = schema.unreadable(other, lenient=lenient)
        told += _told(found, f"this schema can't read data of version {version.version}")
    if level.startswith(("FORWARD", "FULL")):
        found = other.unreadable(schema, lenient=lenient)
        told += _told(found, f"version {version.version} can't read data of this schema")
    return told


def _told(differences: Iterable[Difference], whole: str) -> list[str]:
    return [f"{kind} at {path or '/'}: {text} ({whole})" for kind, path, text in differences]
