"""Finding what is registered: subjects, versions, schemas by text, by id and by GUID."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from ottla.registry.contracts import Json
from ottla.registry.deciding.proposal import proposed
from ottla.registry.languages import Reading
from ottla.registry.refusals import (
    INVALID_SCHEMA,
    INVALID_VERSION,
    no_schema,
    no_subject,
    no_version,
    refusal,
)
from ottla.registry.settings import config_of
from ottla.registry.state import State
from ottla.registry.stored import Version
from ottla.registry.subjects import EVERY_CONTEXT, parsed
from ottla.schemas.language import AVRO, BadFormat

LATEST = "latest"
VERSION_MAX = (1 << 31) - 1


def number_of(text: str) -> int:
    """A version as it is asked for: a number from 1, or "latest" (or -1), which is -1.

    Raises:
        Refusal: 42202.
    """
    if text in (LATEST, "-1"):
        return -1
    if text.isascii() and text.isdigit() and 1 <= int(text[:11]) <= VERSION_MAX:
        return int(text)
    raise refusal(
        INVALID_VERSION,
        f"{text[:50]!r} is no version",
        hint=f"a version is a number from 1 to {VERSION_MAX}, or {LATEST}",
    )


def version_of(state: State, subject: str, asked: str, *, deleted: bool = False) -> Version:
    """The version that is asked for.

    Raises:
        Refusal: 40401 or 40402, there is none; 42202.
    """
    number = number_of(asked)
    versions = state.versions(subject, deleted=deleted)
    if not versions:
        raise no_subject(subject)
    if number == -1:
        return versions[-1]
    found = next((version for version in versions if version.version == number), None)
    if found is None:
        raise no_version(number)
    return found


def versions_of(
    state: State, subject: str, *, deleted: bool = False, deleted_only: bool = False
) -> list[Version]:
    """The versions of a subject.

    Raises:
        Refusal: 40401, it has none such.
    """
    found = state.versions(subject, deleted=deleted or deleted_only)
    if deleted_only:
        found = [version for version in found if version.deleted]
    if not found:
        raise no_subject(subject)
    return found


def subjects(
    state: State, prefix: str, *, deleted: bool = False, deleted_only: bool = False
) -> list[str]:
    """Subjects that begin so; `:*:` before it means every context."""
    found = []
    for subject in state.subjects():
        if is_meant(prefix, subject):
            lives = state.latest(subject) is not None
            if (not lives) if deleted_only else (lives or deleted):
                found.append(subject)
    return found


def is_meant(prefix: str, subject: str) -> bool:
    """Whether a subject begins with a prefix, in the context that it names."""
    wanted, has = parsed(prefix), parsed(subject)
    if wanted.context not in (EVERY_CONTEXT, has.context):
        return False
    return has.name.startswith(wanted.name)


def look_up(
    state: State,
    reading: Reading,
    subject: str,
    told: Any,
    *,
    normalize: bool = False,
    deleted: bool = False,
) -> Version:
    """The version of a subject that is the schema of a request.

    Raises:
        Refusal: 40401 or 40403, there is none; 42201, it is no schema.
    """
    versions = state.versions(subject, deleted=deleted)
    if not versions:
        raise no_subject(subject)
    normalize = normalize or config_of(state, subject).get("normalize") is True
    proposal = proposed(state, reading, subject, told, normalize=normalize)
    found = proposal.found_in(versions, reading)
    if found is not None:
        return found
    raise no_schema(f"like this under subject {subject!r}")


def with_metadata(
    state: State, subject: str, wanted: Mapping[str, str], *, deleted: bool = False
) -> Version:
    """The last version whose metadata has all these properties.

    Raises:
        Refusal: 40401, 40403.
    """
    versions = state.versions(subject, deleted=deleted)
    if not versions:
        raise no_subject(subject)
    for version in versions[::-1]:
        properties = (version.metadata or {}).get("properties", {})
        if all(properties.get(key) == value for key, value in wanted.items()):
            return version
    raise no_schema(f"with these properties under subject {subject!r}")


def with_id(state: State, schema_id: int, subject: str | None) -> Version:
    """A version that has an id: of the subject's context, or of the context that knows it.

    Without a subject the default context goes before others. With a subject that has the id, its
    version is the answer.

    Raises:
        Refusal: 40403.
    """
    context = parsed(subject).context if subject else "."
    found = state.with_id(context, schema_id)
    if subject is not None and parsed(subject).name:
        mine = [version for version in found if version.subject == subject]
        found = mine or found
    if not found and not subject:
        for other in state.contexts():
            found = found or state.with_id(other, schema_id)
    if not found:
        raise no_schema(f"with the id {schema_id}")
    return found[-1]


def with_guid(state: State, guid: str) -> Version:
    """A version that has a GUID.

    Raises:
        Refusal: 40403.
    """
    for context, schema_id in ids_of(state, guid):
        for version in state.with_id(context, schema_id)[::-1]:
            if version.hash.guid == guid.lower():
                return version
    raise no_schema(f"with the GUID {guid}")


def ids_of(state: State, guid: str) -> list[tuple[str, int]]:
    """The contexts that a GUID is known in, and its id in each.

    Raises:
        Refusal: 40403, in none; also where it is no GUID.
    """
    try:
        digest = UUID(guid).bytes
    except ValueError:
        raise no_schema(f"with the GUID {guid[:50]!r}: that is none") from None
    found = [(context, state.id_of(context, digest)) for context in state.contexts_of(digest)]
    ids = [(context, schema_id) for context, schema_id in found if schema_id is not None]
    if not ids:
        raise no_schema(f"with the GUID {guid}")
    return ids


def text_of(reading: Reading, version: Version, form: str) -> str:
    """The text of a version in one of its language's forms.

    Raises:
        Refusal: 42201, the language has no such form.
    """
    if not form:
        return version.text
    try:
        return reading.of(version).formatted(form)
    except BadFormat as error:
        raise refusal(INVALID_SCHEMA, str(error), hint=error.hint) from None


def schema_json(reading: Reading, version: Version, form: str = "", tags: bool = False) -> Json:
    """A version as it is answered where versions are asked for."""
    answer: Json = {
        "subject": version.subject,
        "version": version.version,
        "id": version.id,
        "guid": version.hash.guid,
        "schemaType": None if version.schema_type == AVRO else version.schema_type,
        "references": [reference.json() for reference in version.references] or None,
        "metadata": version.metadata,
        "ruleSet": version.rule_set,
        "schema": text_of(reading, version, form),
        "schemaTags": tags_json(reading, version) if tags else None,
        "ts": version.ts if version.ts >= 0 else None,
        "deleted": version.deleted or None,
    }
    return {name: value for name, value in answer.items() if value is not None}


def tags_json(reading: Reading, version: Version) -> list[Json]:
    """The tags within a schema, as they are answered."""
    return [
        {"schemaEntity": {"entityPath": path, "entityType": kind}, "tags": list(tags)}
        for kind, path, tags in reading.of(version).tags()
    ]


def page(rows: Iterable[Any], offset: int, limit: int, most: int | None = None) -> list[Any]:
    """A part of a list: from an offset, at most so many; a limit below 1 means all that is given
    at once.
    """
    found = list(rows)[max(offset, 0) :]
    if limit > 0:
        found = found[:limit]
    return found if most is None else found[:most]
