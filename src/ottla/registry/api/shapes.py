"""A version as operations answer it, by the switches of the request."""

from __future__ import annotations

from ottla.registry.contracts import Json
from ottla.registry.deciding.looking import schema_json, tags_json
from ottla.registry.instance import Instance
from ottla.registry.refusals import INVALID_SCHEMA, refusal
from ottla.registry.stored import Version
from ottla.registry.subjects import parsed, qualified
from ottla.web.operation import Request

QUALIFIED = "qualified"
ANY_TAG = "*"


def schema_answer(instance: Instance, request: Request, version: Version) -> Json:
    """A version in the form that was asked for, with the tags that were asked for."""
    query = request.query
    answer = schema_json(instance.reading, version, query["format"])
    form = query.get("referenceFormat", "")
    if form.lower() == QUALIFIED:
        context = parsed(version.subject).context
        for reference in answer.get("references", ()):
            reference["subject"] = qualified(reference["subject"], context)
    elif form:
        raise refusal(INVALID_SCHEMA, f"there is no referenceFormat {form!r}; there is {QUALIFIED}")
    if wanted := set(query.get("findTags", ())):
        answer["schemaTags"] = [
            row
            for row in tags_json(instance.reading, version)
            if ANY_TAG in wanted or wanted & set(row["tags"])
        ]
    return answer
