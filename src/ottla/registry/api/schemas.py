"""Operations of schemas by id and GUID, and of all schemas."""

from __future__ import annotations

from typing import Any

from ottla.registry.api.shapes import schema_answer
from ottla.registry.api.ways import (
    DELETED,
    FIND_TAGS,
    FORMAT,
    LIMIT,
    OFFSET,
    REFERENCE_FORMAT,
    SUBJECT,
    Ways,
)
from ottla.registry.contracts import RULE_LISTS, Json
from ottla.registry.deciding import associating, looking
from ottla.registry.instance import Instance
from ottla.registry.languages import LANGUAGES
from ottla.registry.refusals import no_schema
from ottla.registry.stored import Version
from ottla.registry.subjects import parsed
from ottla.web.operation import BOOLEAN, STRING, STRINGS, Answer, Operation, Request, Switch

SCHEMAS_MAX = 1000
"""So many are told at once at most; offset asks for the next."""
ID_MAX = (1 << 31) - 1

PREFIX = Switch("subjectPrefix", STRING, ":*:", 'what subjects begin with; ":*:" in any context')
ALIASES = Switch("aliases", BOOLEAN, False, "tell the subjects that are aliases of each")
LATEST_ONLY = Switch("latestOnly", BOOLEAN, False, "of each subject the last version alone")
RULE_TYPE = Switch("ruleType", STRING, "", "those that have a rule of this type alone")
RESOURCE_TYPE = Switch("resourceType", STRING, "", "those associated with such a resource alone")
ASSOCIATION_TYPE = Switch("associationType", STRINGS, (), "those so associated alone")
LIFECYCLE = Switch("lifecycle", STRING, "", "those with such an association alone")
FETCH_MAX_ID = Switch("fetchMaxId", BOOLEAN, False, "tell the highest id, too")

_ID = "/schemas/ids/{id}"
_GUID = "/schemas/guids/{guid}"


def operations(ways: Ways) -> list[Operation]:
    """The rows."""
    now, at_once, worked = ways.now, ways.at_once, ways.worked
    return [
        Operation(
            "GET", "/schemas", "getSchemas", "All schemas", worked(_schemas),
            (PREFIX, ALIASES, DELETED, LATEST_ONLY, RULE_TYPE, RESOURCE_TYPE, ASSOCIATION_TYPE,
             LIFECYCLE, OFFSET, LIMIT),
            gives="Schemas",
        ),
        Operation(
            "GET", "/schemas/types", "getSchemaTypes", "The languages", now(_types), gives="Names"
        ),
        Operation(
            "GET", _ID, "getSchema", "The schema of an id", at_once(_by_id),
            (SUBJECT, FORMAT, REFERENCE_FORMAT, FIND_TAGS, FETCH_MAX_ID), gives="SchemaString",
            refuses=(40403, 42201),
        ),
        Operation(
            "GET", f"{_ID}/schema", "getSchemaOnlyById", "The text of an id's schema alone",
            at_once(_text_by_id), (SUBJECT, FORMAT), gives="Text", refuses=(40403, 42201),
        ),
        Operation(
            "GET", f"{_ID}/subjects", "getSubjects", "The subjects that have an id",
            now(_subjects_of), (SUBJECT, DELETED, OFFSET, LIMIT), gives="Names", refuses=(40403,),
        ),
        Operation(
            "GET", f"{_ID}/versions", "getVersions", "The versions that have an id",
            now(_versions_of), (SUBJECT, DELETED, OFFSET, LIMIT), gives="SubjectVersions",
            refuses=(40403,),
        ),
        Operation(
            "GET", _GUID, "getSchemaByGuid", "The schema of a GUID", at_once(_by_guid), (FORMAT,),
            gives="SchemaString", refuses=(40403, 42201),
        ),
        Operation(
            "GET", f"{_GUID}/ids", "getIdsByGuid", "A GUID's id in each context", now(_ids_of),
            gives="ContextIds", refuses=(40403,),
        ),
    ]  # fmt: skip


def _types(_: Instance, __: Request) -> list[str]:
    return list(LANGUAGES)


def _schemas(instance: Instance, request: Request) -> list[Json]:
    query, state = request.query, instance.state
    found: list[Version] = []
    for subject in looking.subjects(state, query["subjectPrefix"], deleted=query["deleted"]):
        versions = state.versions(subject, deleted=query["deleted"])
        versions = versions[-1:] if query["latestOnly"] else versions
        found += [version for version in versions if _has_rule(version, query["ruleType"])]
    associations = _associations(instance, request)
    if associations is not None:
        found = [version for version in found if version.subject in associations]
    rows = []
    for version in looking.page(found, query["offset"], query["limit"], SCHEMAS_MAX):
        row = looking.schema_json(instance.reading, version)
        if query["aliases"]:
            row["aliases"] = _aliases(instance, version.subject)
        if associations is not None:
            row["associations"] = associations[version.subject]
        rows.append(row)
    return rows


def _has_rule(version: Version, rule_type: str) -> bool:
    rules = [rule for group in RULE_LISTS for rule in (version.rule_set or {}).get(group, ())]
    return not rule_type or any(rule.get("type") == rule_type for rule in rules)


def _aliases(instance: Instance, subject: str) -> list[str]:
    configs = instance.state.configs().items()
    return sorted(name for name, config in configs if name and config.get("alias") == subject)


def _associations(instance: Instance, request: Request) -> dict[str, list[Json]] | None:
    """By subject, those that the request asks for; None where it asks for none."""
    query = request.query
    kinds = query["associationType"]
    if not (query["resourceType"] or kinds or query["lifecycle"]):
        return None
    found: dict[str, list[Json]] = {}
    for row in instance.state.associations.every():
        if (
            query["resourceType"] in ("", row.get("resourceType"))
            and (
                not query["associationType"]
                or row.get("associationType") in query["associationType"]
            )
            and query["lifecycle"].upper() in ("", row.get("lifecycle"))
        ):
            found.setdefault(row["subject"], []).append(associating.shown(row))
    return found


def _id(request: Request) -> int:
    text = request.path["id"]
    if not (text.isascii() and text.isdigit() and int(text[:11]) <= ID_MAX):
        raise no_schema(f"with the id {text[:50]!r}: an id is a number")
    return int(text)


def _of_id(instance: Instance, request: Request) -> Version:
    return looking.with_id(instance.state, _id(request), request.query["subject"] or None)


def _by_id(instance: Instance, request: Request) -> Json:
    version = _of_id(instance, request)
    answer = _string_of(schema_answer(instance, request, version))
    if request.query["fetchMaxId"]:
        answer["maxId"] = instance.state.id_max(parsed(version.subject).context)
    return answer


def _string_of(answer: Json) -> Json:
    """A schema of its own: the id was asked for, and other versions may have it, too."""
    return {name: value for name, value in answer.items() if name != "id"}


def _text_by_id(instance: Instance, request: Request) -> Answer:
    text = looking.text_of(instance.reading, _of_id(instance, request), request.query["format"])
    return Answer(200, text.encode(errors="replace"))


def _holders(instance: Instance, request: Request) -> list[Version]:
    version = _of_id(instance, request)
    wanted = parsed(request.query["subject"]).name if request.query["subject"] else ""
    holders = instance.state.with_id(parsed(version.subject).context, version.id)
    return [
        holder
        for holder in holders
        if (request.query["deleted"] or not holder.deleted)
        and (not wanted or holder.subject == request.query["subject"])
    ]


def _subjects_of(instance: Instance, request: Request) -> list[str]:
    found = sorted({holder.subject for holder in _holders(instance, request)})
    return looking.page(found, request.query["offset"], request.query["limit"])


def _versions_of(instance: Instance, request: Request) -> list[Json]:
    found = sorted((holder.subject, holder.version) for holder in _holders(instance, request))
    rows = [{"subject": subject, "version": version} for subject, version in found]
    return looking.page(rows, request.query["offset"], request.query["limit"])


def _by_guid(instance: Instance, request: Request) -> Json:
    version = looking.with_guid(instance.state, request.path["guid"])
    return _string_of(schema_answer(instance, request, version))


def _ids_of(instance: Instance, request: Request) -> list[Any]:
    found = looking.ids_of(instance.state, request.path["guid"])
    return [{"context": context, "id": schema_id} for context, schema_id in found]
