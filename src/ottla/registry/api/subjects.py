"""Operations of subjects and their versions."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from ottla.registry.api.shapes import schema_answer
from ottla.registry.api.ways import (
    DELETED,
    DELETED_ONLY,
    FIND_TAGS,
    FORMAT,
    LIMIT,
    NORMALIZE,
    OFFSET,
    PERMANENT,
    REFERENCE_FORMAT,
    Ways,
    subject_of,
)
from ottla.registry.deciding import deleting, looking, registering, tagging
from ottla.registry.deciding.decision import Decision
from ottla.registry.instance import Instance
from ottla.registry.refusals import INVALID_SCHEMA, refusal
from ottla.web.operation import STRING, STRINGS, Answer, Operation, Refusal, Request, Switch

PREFIX = Switch("subjectPrefix", STRING, ":*:", 'what it begins with; ":*:" in any context')
KEY = Switch("key", STRINGS, (), "a property of the metadata")
VALUE = Switch("value", STRINGS, (), "the value of the property in the same place")

_SUBJECT = "/subjects/{subject}"
_VERSION = "/subjects/{subject}/versions/{version}"


def operations(ways: Ways) -> list[Operation]:
    """The rows."""
    now, at_once, worked, written = ways.now, ways.at_once, ways.worked, ways.written
    return [
        Operation(
            "GET", "/subjects", "list", "The subjects", worked(_subjects),
            (PREFIX, DELETED, DELETED_ONLY, OFFSET, LIMIT), gives="Names",
        ),
        Operation(
            "POST", _SUBJECT, "lookUpSchemaUnderSubject", "Which version a schema is",
            worked(_look_up), (NORMALIZE, FORMAT, DELETED), takes="RegisterSchemaRequest",
            gives="Schema", refuses=(40401, 40403, 42201),
        ),
        Operation(
            "DELETE", _SUBJECT, "deleteSubject", "Delete a subject with its versions",
            written(_delete_subject), (PERMANENT,), gives="Numbers",
            refuses=(40401, 40404, 40405, 40904, 42205, 42206),
        ),
        Operation(
            "GET", f"{_SUBJECT}/metadata", "getLatestWithMetadata",
            "The last version whose metadata has these properties", worked(_with_metadata),
            (KEY, VALUE, FORMAT, DELETED), gives="Schema", refuses=(40401, 40403, 42201),
        ),
        Operation(
            "GET", f"{_SUBJECT}/versions", "listVersions", "The versions of a subject",
            now(_versions), (DELETED, DELETED_ONLY, OFFSET, LIMIT), gives="Numbers",
            refuses=(40401,),
        ),
        Operation(
            "POST", f"{_SUBJECT}/versions", "register", "Register a schema as the next version",
            written(_register), (NORMALIZE, FORMAT), takes="RegisterSchemaRequest",
            gives="RegisterSchemaResponse",
            refuses=(40901, 40908, 42201, 42202, 42205, 42207, 42208, 42209, 42210),
        ),
        Operation(
            "GET", _VERSION, "getSchemaByVersion", "One version", at_once(_version),
            (FORMAT, REFERENCE_FORMAT, DELETED, FIND_TAGS), gives="Schema",
            refuses=(40401, 40402, 42201, 42202),
        ),
        Operation(
            "DELETE", _VERSION, "deleteSchemaVersion", "Delete one version",
            written(_delete_version), (PERMANENT,), gives="Number",
            refuses=(40401, 40402, 40406, 40407, 40904, 42202, 42205, 42206),
        ),
        Operation(
            "GET", f"{_VERSION}/schema", "getSchemaOnly", "The text of one version alone",
            at_once(_text), (FORMAT, DELETED), gives="Text", refuses=(40401, 40402, 42201, 42202),
        ),
        Operation(
            "GET", f"{_VERSION}/referencedby", "getReferencedBy", "The ids of what refers to it",
            now(_referenced_by), (DELETED, OFFSET, LIMIT), gives="Numbers",
            refuses=(40401, 40402, 42202),
        ),
        Operation(
            "POST", f"{_VERSION}/tags", "modifyTags",
            "Register a version anew with other tags, metadata or rules", written(_tag),
            takes="TagSchemaRequest", gives="RegisterSchemaResponse",
            refuses=(40401, 40402, 40901, 42201, 42202, 42205, 42210),
        ),
    ]  # fmt: skip


def _subjects(instance: Instance, request: Request) -> list[str]:
    query = request.query
    found = looking.subjects(
        instance.state,
        query["subjectPrefix"],
        deleted=query["deleted"],
        deleted_only=query["deletedOnly"],
    )
    return looking.page(found, query["offset"], query["limit"])


def _look_up(instance: Instance, request: Request) -> Any:
    query = request.query
    version = looking.look_up(
        instance.state,
        instance.reading,
        subject_of(instance, request),
        request.json(),
        normalize=query["normalize"],
        deleted=query["deleted"],
    )
    return schema_answer(instance, request, version)


def _with_metadata(instance: Instance, request: Request) -> Any:
    keys, values = request.query["key"], request.query["value"]
    if len(keys) != len(values) or not keys:
        raise refusal(INVALID_SCHEMA, "each key comes with a value, and there is at least one")
    subject, deleted = subject_of(instance, request), request.query["deleted"]
    wanted = dict(zip(keys, values, strict=True))
    try:
        version = looking.with_metadata(instance.state, subject, wanted, deleted=deleted)
    except Refusal:
        # confluent-kafka quotes them twice.
        twice = {unquote(key): unquote(value) for key, value in wanted.items()}
        if twice == wanted:
            raise
        version = looking.with_metadata(instance.state, subject, twice, deleted=deleted)
    return schema_answer(instance, request, version)


def _versions(instance: Instance, request: Request) -> list[int]:
    query = request.query
    found = looking.versions_of(
        instance.state,
        subject_of(instance, request),
        deleted=query["deleted"],
        deleted_only=query["deletedOnly"],
    )
    numbers = [version.version for version in found]
    return looking.page(numbers, query["offset"], query["limit"])


def _register(instance: Instance, request: Request) -> Decision:
    return registering.register(
        instance.state,
        instance.reading,
        subject_of(instance, request),
        request.json(),
        normalize=request.query["normalize"],
        form=request.query["format"],
    )


def _found(instance: Instance, request: Request, *, deleted: bool) -> Any:
    subject = subject_of(instance, request)
    return looking.version_of(instance.state, subject, request.path["version"], deleted=deleted)


def _version(instance: Instance, request: Request) -> Any:
    version = _found(instance, request, deleted=request.query["deleted"])
    return schema_answer(instance, request, version)


def _text(instance: Instance, request: Request) -> Answer:
    version = _found(instance, request, deleted=request.query["deleted"])
    text = looking.text_of(instance.reading, version, request.query["format"])
    return Answer(200, text.encode(errors="replace"))


def _referenced_by(instance: Instance, request: Request) -> list[int]:
    deleted = request.query["deleted"]
    version = _found(instance, request, deleted=deleted)
    found = instance.state.referrers(version.subject, version.version, deleted=deleted)
    ids = sorted({each.id for each in found})
    return looking.page(ids, request.query["offset"], request.query["limit"])


def _delete_subject(instance: Instance, request: Request) -> Decision:
    subject = subject_of(instance, request)
    return deleting.delete_subject(instance.state, subject, permanent=request.query["permanent"])


def _delete_version(instance: Instance, request: Request) -> Decision:
    return deleting.delete_version(
        instance.state,
        subject_of(instance, request),
        request.path["version"],
        permanent=request.query["permanent"],
    )


def _tag(instance: Instance, request: Request) -> Decision:
    return tagging.tag(
        instance.state,
        instance.reading,
        subject_of(instance, request),
        request.path["version"],
        request.json(),
    )
