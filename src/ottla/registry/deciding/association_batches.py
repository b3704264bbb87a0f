"""Associations of several resources in one request: each resource's as a whole, or not at all.

What one resource can't have is told in its place among the results; the others go on, and see what
those before them came to.
"""

from __future__ import annotations

from typing import Any

from ottla.registry.contracts import Json
from ottla.registry.deciding import associating
from ottla.registry.deciding.associating import Clock
from ottla.registry.deciding.association_requests import (
    ASKED_FIELDS,
    CREATE,
    DELETE,
    DELETE_FIELDS,
    RESOURCE_FIELDS,
    UPSERT,
    Resource,
    asked_of,
    check_fields,
    flag,
    kind_of,
    lifecycle_of,
    resource_of,
    rows_of,
)
from ottla.registry.deciding.decision import Decision
from ottla.registry.deciding.draft import Draft
from ottla.registry.deciding.looking import schema_json
from ottla.registry.languages import Reading
from ottla.registry.refusals import INVALID_ASSOCIATION, refusal
from ottla.registry.state import State
from ottla.registry.subjects import parsed
from ottla.web.operation import Refusal

MULTI_STATUS = 207


def mutate(draft: Draft, told: Any, clock: Clock, *, context: str | None, dry: bool) -> Decision:
    """Make, change and end associations, resource after resource.

    Raises:
        Refusal: 42212, the body as a whole can't be read; 40902, it tells of too many.
    """
    results = []
    for row in rows_of(told, "requests", "a batch"):
        mark = draft.mark
        try:
            results.append({"result": _mutated(draft, row, clock, context, dry)})
        except Refusal as why:
            draft.back_to(mark)
            results.append({"error": _error(why)})
    entries = () if dry else draft.entries
    return Decision(entries, {"results": results}, MULTI_STATUS)


def get(
    state: State, reading: Reading, told: Any, *, context: str | None, with_schemas: bool
) -> Json:
    """The associations of several resources.

    Raises:
        Refusal: 42212, the body as a whole can't be read; 40902, it tells of too many.
    """
    results: list[Json] = []
    for row in rows_of(told, "requests", "a batch"):
        try:
            results.append({"result": _got(state, reading, row, context, with_schemas)})
        except Refusal as why:
            results.append({"error": _error(why)})
    return {"results": results}


def _error(why: Refusal) -> Json:
    return {"error_code": why.code, "message": f"{why}; {why.hint}" if why.hint else str(why)}


def _mutated(draft: Draft, told: Json, clock: Clock, context: str | None, dry: bool) -> Json:
    operations = rows_of(told, "associations", "a resource")
    resource = resource_of(told, needs_id=not dry)
    infos: list[Json] = []
    plain = [_plain(row) for row in operations if row.get("opType") != DELETE]
    asked = iter(asked_of(plain, resource, context))
    for row in operations:
        match row.get("opType"):
            case "CREATE" | "UPSERT" as wish:
                done = associating.associate(
                    draft, resource, [next(asked)], clock, create=wish == CREATE
                )
                infos += done["associations"]
            case "DELETE":
                _delete(draft, resource, row)
            case other:
                raise refusal(
                    INVALID_ASSOCIATION,
                    f"opType is {CREATE}, {UPSERT} or {DELETE}, not {other!r}",
                )
    return {**resource.json(), "associations": infos}


def _plain(row: Json) -> Json:
    check_fields(row, ("opType", *ASKED_FIELDS), "an association")
    return {name: value for name, value in row.items() if name != "opType"}


def _delete(draft: Draft, resource: Resource, row: Json) -> None:
    check_fields(row, ("opType", *DELETE_FIELDS), "an association to delete")
    kind = kind_of(row)
    known = draft.state.associations
    rows = (
        known.of_resource(resource.id)
        if resource.id
        else known.named(resource.name, resource.namespace)
    )
    associating.let_go(
        draft,
        [found for found in rows if found["associationType"] == kind],
        cascade=flag(row, "cascadeLifecycle") is True,
        resource=resource.id or resource.name,
    )


def _got(
    state: State, reading: Reading, told: Json, context: str | None, with_schemas: bool
) -> Json:
    check_fields(told, (*RESOURCE_FIELDS, "associationTypes", "lifecycle"), "a resource")
    if told.get("resourceId"):
        rows = state.associations.of_resource(str(told["resourceId"]))
        named = {name: told[name] for name in RESOURCE_FIELDS if told.get(name)}
    else:
        resource = resource_of(
            {name: told[name] for name in RESOURCE_FIELDS if name in told}, needs_id=False
        )
        rows, named = state.associations.named(resource.name, resource.namespace), resource.json()
    kinds, lifecycle = told.get("associationTypes") or (), lifecycle_of(told.get("lifecycle"))
    if not isinstance(kinds, list | tuple):
        raise refusal(INVALID_ASSOCIATION, "associationTypes is a list")
    infos = []
    for row in rows:
        named |= {name: row[name] for name in RESOURCE_FIELDS if row.get(name)}
        if (
            (not kinds or row["associationType"] in kinds)
            and lifecycle in (None, row.get("lifecycle"))
            and context in (None, parsed(row["subject"]).context)
        ):
            info = associating.info(row)
            latest = state.latest(row["subject"]) if with_schemas else None
            infos.append({**info, "schema": schema_json(reading, latest)} if latest else info)
    return {**named, "associations": infos}
