"""Operations of associations: which subject has the schemas of a topic's keys or values."""

from __future__ import annotations

import time
import uuid

from ottla.registry.api.ways import CASCADE_LIFECYCLE, DRY_RUN, LIMIT, OFFSET, Ways
from ottla.registry.contracts import Json
from ottla.registry.deciding import associating, association_batches, looking
from ottla.registry.deciding.associating import Clock
from ottla.registry.deciding.association_requests import (
    ANY_NAMESPACE,
    asked_of,
    lifecycle_of,
    resource_of,
    rows_of,
)
from ottla.registry.deciding.decision import Decision
from ottla.registry.deciding.draft import Draft
from ottla.registry.instance import Instance
from ottla.registry.subjects import context_of, parsed
from ottla.web.operation import (
    BOOLEAN,
    STRING,
    STRINGS,
    Answer,
    Operation,
    Request,
    Switch,
    answer_json,
)

RESOURCE_TYPE = Switch("resourceType", STRING, "", "of resources of this type alone")
KINDS = Switch("associationType", STRINGS, (), "those of the key, or of the value, alone")
LIFECYCLE = Switch("lifecycle", STRING, "", "STRONG or WEAK ones alone")
CONTEXT = Switch("context", STRING, "", "the context of subjects that name none")
IN_CONTEXT = Switch("context", STRING, "", "those with subjects of this context alone")
ASYNC = Switch("async", BOOLEAN, False, "taken, and not needed: all is done when it is answered")
INCLUDE_SCHEMAS = Switch("includeSchemas", BOOLEAN, False, "with each subject's last schema")

_RESOURCE = "/associations/resources/{resourceId}"
_FILTERS = (RESOURCE_TYPE, KINDS, LIFECYCLE, IN_CONTEXT, OFFSET, LIMIT)
_REFUSED = (40901, 40902, 40903, 40904, 40905, 40907, 40908, 42201, 42205, 42210, 42212)


def operations(ways: Ways) -> list[Operation]:
    """The rows."""
    listed, now, written = ways.listed, ways.now, ways.written
    return [
        Operation(
            "POST", "/associations", "createAssociation", "Make associations of a resource",
            written(_create), (CONTEXT, DRY_RUN), takes="AssociationCreateOrUpdateRequest",
            gives="AssociationResponse", refuses=_REFUSED,
        ),
        Operation(
            "GET", _RESOURCE, "getAssociationsByResourceId", "Those of a resource, by its id",
            listed(_of_id), _FILTERS, gives="Associations", refuses=(42212,),
        ),
        Operation(
            "PUT", _RESOURCE, "createOrUpdateAssociation",
            "Make or change associations of a resource", written(_upsert), (CONTEXT, DRY_RUN),
            takes="AssociationCreateOrUpdateRequest", gives="AssociationResponse",
            refuses=_REFUSED,
        ),
        Operation(
            "DELETE", _RESOURCE, "deleteAssociations", "End associations of a resource",
            written(_delete),
            (RESOURCE_TYPE, KINDS, IN_CONTEXT, CASCADE_LIFECYCLE, DRY_RUN, ASYNC),
            refuses=(40410, 40908, 42205, 42206), status=204,
        ),
        Operation(
            "GET", "/associations/resources/{resourceNamespace}/{resourceName}",
            "getAssociationsByResourceName", "Those of a resource, by its name", listed(_of_name),
            _FILTERS, gives="Associations", refuses=(42212,),
        ),
        Operation(
            "GET", "/associations/subjects/{subject}", "getAssociationsBySubject",
            "Those of a subject", listed(_of_subject), _FILTERS, gives="Associations",
            refuses=(42212,),
        ),
        *(
            Operation(
                "POST", f"/associations:{path}", name,
                "Make, change and end associations of several resources", written(_batch),
                (CONTEXT, DRY_RUN), takes="AssociationBatchRequest",
                gives="AssociationBatchResponse", refuses=(40902, 42212), status=207,
            )
            for path, name in (
                ("batch", "mutateAssociations"),
                ("batchMutate", "mutateAssociationsInBatch"),
            )
        ),
        Operation(
            "POST", "/associations:batchGet", "getAssociationsInBatch",
            "The associations of several resources", now(_batch_get), (IN_CONTEXT, INCLUDE_SCHEMAS),
            takes="AssociationBatchGetRequest", gives="AssociationBatchResponse",
            refuses=(40902, 42212), status=207,
        ),
    ]  # fmt: skip


def clock() -> Clock:
    """The clock of this machine."""
    return Clock(int(time.time() * 1000), lambda: str(uuid.uuid4()))


def _create(instance: Instance, request: Request) -> Decision:
    return _associated(instance, request, create=True)


def _upsert(instance: Instance, request: Request) -> Decision:
    return _associated(instance, request, create=False)


def _associated(instance: Instance, request: Request, *, create: bool) -> Decision:
    told, dry = request.json(), request.query["dryRun"]
    rows = rows_of(told, "associations", "a resource")
    resource = resource_of(told, needs_id=not dry, path_id=request.path.get("resourceId"))
    asked = asked_of(rows, resource, _context(request))
    draft = Draft(instance.state, instance.reading)
    answer = associating.associate(draft, resource, asked, clock(), create=create)
    return Decision(() if dry else draft.entries, answer)


def _delete(instance: Instance, request: Request) -> Decision:
    query = request.query
    return associating.delete(
        Draft(instance.state, instance.reading),
        request.path["resourceId"],
        query["resourceType"],
        query["associationType"],
        context=_context(request),
        cascade=query["cascadeLifecycle"],
        dry=query["dryRun"],
    )


def _batch(instance: Instance, request: Request) -> Decision:
    return association_batches.mutate(
        Draft(instance.state, instance.reading),
        request.json(),
        clock(),
        context=_context(request),
        dry=request.query["dryRun"],
    )


def _batch_get(instance: Instance, request: Request) -> Answer:
    results = association_batches.get(
        instance.state,
        instance.reading,
        request.json(),
        context=_context(request),
        with_schemas=request.query["includeSchemas"],
    )
    return answer_json(results, association_batches.MULTI_STATUS)


def _of_id(instance: Instance, request: Request) -> list[Json]:
    found = instance.state.associations.of_resource(request.path["resourceId"])
    return _page(found, request)


def _of_name(instance: Instance, request: Request) -> list[Json]:
    namespace = request.path["resourceNamespace"]
    wanted = None if namespace == ANY_NAMESPACE else namespace
    found = instance.state.associations.named(request.path["resourceName"], wanted)
    return _page(found, request)


def _of_subject(instance: Instance, request: Request) -> list[Json]:
    found = instance.state.associations.of_subject(str(parsed(request.path["subject"])))
    return _page(found, request)


def _page(rows: list[Json], request: Request) -> list[Json]:
    query = request.query
    lifecycle, context = lifecycle_of(query["lifecycle"]), _context(request)
    found = [
        associating.shown(row)
        for row in rows
        if query["resourceType"] in ("", row["resourceType"])
        and (not query["associationType"] or row["associationType"] in query["associationType"])
        and lifecycle in (None, row.get("lifecycle"))
        and context in (None, parsed(row["subject"]).context)
    ]
    return looking.page(found, query["offset"], query["limit"])


def _context(request: Request) -> str | None:
    told = request.query["context"]
    return context_of(told) if told else None
