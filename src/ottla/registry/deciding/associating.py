"""Associations: which subject holds the schemas of a resource's keys or values.

A resource (only topics, so far) has at most one association for its keys and one for its values.
WEAK: the subject lives for itself, and any number of resources may share it. STRONG: the subject
is that one resource's; no other may have an association with it, and it goes with the resource
when that is deleted with cascadeLifecycle. Frozen: a STRONG one whose subject keeps the one schema
that came with it, under the name that the resource gives it; it can't be changed, and goes only
with its subject. Associations of one resource are frozen all, or none.

While a subject has an association it can't be deleted, nor its last version; a frozen one takes no
new version. What other registries say in public of all this is little: what they are silent about
is decided here. A schema without a word about lifecycle makes an association STRONG; a resource
that was made anew (its name has another id) must first let go of what its name had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ottla.registry.contracts import Json
from ottla.registry.deciding.association_requests import STRONG, WEAK, Asked, Resource
from ottla.registry.deciding.decision import Decision
from ottla.registry.deciding.deleting import forget_subject
from ottla.registry.deciding.draft import Draft
from ottla.registry.deciding.registering import register
from ottla.registry.refusals import (
    ASSOCIATION_FROZEN,
    ASSOCIATION_NOT_FOUND,
    INVALID_ASSOCIATION,
    NO_ACTIVE_VERSION,
    RESOURCE_HAS_ASSOCIATION,
    SUBJECT_HAS_ASSOCIATION,
    SUBJECT_HAS_STRONG_ASSOCIATION,
    not_permitted,
    refusal,
)
from ottla.registry.settings import READONLY, READONLY_OVERRIDE, mode_of
from ottla.registry.stored import ASSOCIATION_FIELDS, TENANT, association_key
from ottla.registry.subjects import parsed
from ottla.web.operation import Refusal


class Clock(NamedTuple):
    """What deciding can't know by itself."""

    now_ms: int
    new_guid: Callable[[], str]


def associate(
    draft: Draft, resource: Resource, asked: Iterable[Asked], clock: Clock, *, create: bool
) -> Json:
    """Make or change associations of a resource, and register the schemas that come with them.

    Args:
        create: refuse what would change one that is there.

    Returns:
        The resource with its associations, as it is answered.

    Raises:
        Refusal: 40903, 40904, 40905, 40907 or 40908, it can't be beside what is there; 42205, the
            mode forbids it; 42212, it can't be at all; what registering raises.
    """
    infos = [_associate(draft, resource, each, clock, create=create) for each in asked]
    return {**resource.json(), "associations": infos}


def let_go(draft: Draft, rows: list[Json], *, cascade: bool, resource: str) -> None:
    """End associations; with `cascade`, subjects that live and die with their resource, too.

    Raises:
        Refusal: 40410, there are none; 40908, one is frozen; 42205 or 42206, its subject can't go.
    """
    if not rows:
        raise refusal(ASSOCIATION_NOT_FOUND, f"resource {resource!r} has no such association")
    for row in rows:
        if row.get("frozen") and not cascade:
            raise _frozen(row, "cascadeLifecycle=true deletes it with its subject")
        _check_mode(draft, row["subject"])
    subjects = dict.fromkeys(row["subject"] for row in rows if row.get("lifecycle") == STRONG)
    state = draft.state
    draft.take((association_key(row), None) for row in rows)
    for subject in subjects if cascade else ():
        draft.take(forget_subject(state, subject))


def delete(
    draft: Draft,
    resource_id: str,
    resource_type: str,
    kinds: Iterable[str],
    *,
    context: str | None = None,
    cascade: bool,
    dry: bool,
) -> Decision:
    """End the associations of a resource that are of these kinds; with no kinds, all of them.

    Args:
        context: those with subjects of this one alone.

    Raises:
        Refusal: as `let_go`.
    """
    wanted = tuple(kinds)
    rows = [
        row
        for row in draft.state.associations.of_resource(resource_id)
        if resource_type in ("", row["resourceType"])
        and (not wanted or row["associationType"] in wanted)
        and context in (None, parsed(row["subject"]).context)
    ]
    let_go(draft, rows, cascade=cascade, resource=resource_id)
    return Decision(() if dry else draft.entries, None, 204)


def shown(row: Json) -> Json:
    """An association as it is answered where associations are asked for."""
    first = {"subject": row["subject"], "guid": row.get("guid")}
    rest = {name: row.get(name) for name in ASSOCIATION_FIELDS if name not in ("guid", "tenant")}
    told = {**first, **rest, "frozen": row.get("frozen") is True}
    return {name: value for name, value in told.items() if value is not None}


def info(row: Json) -> Json:
    """An association as it is answered beside its resource."""
    return {
        "subject": row["subject"],
        "associationType": row["associationType"],
        "lifecycle": row.get("lifecycle", WEAK),
        "frozen": row.get("frozen") is True,
    }


# ---------------------------------------------------------------- one association


def _associate(
    draft: Draft, resource: Resource, asked: Asked, clock: Clock, *, create: bool
) -> Json:
    state = draft.state
    _check_mode(draft, asked.subject)
    held = _held(draft, resource, asked)
    if asked.schema is None and state.latest(asked.subject) is None:
        raise refusal(
            NO_ACTIVE_VERSION,
            f"subject {asked.subject!r} has no schema",
            hint="send one along, or register it first",
        )
    if held is None:
        _check_new(draft, asked)
    else:
        _check_change(held, resource, asked, create=create)
    lifecycle = asked.lifecycle_after(held)
    _check_lifecycle(draft, asked, held, lifecycle)
    frozen = held.get("frozen") is True if asked.frozen is None and held else asked.frozen is True
    _check_frozen_alike(draft, resource, held, frozen)
    row = _row(resource, asked, held, lifecycle, frozen, clock)
    registered = _registered(draft, resource, asked, held, create=create)
    if row != held:
        value = {name: row[name] for name in ASSOCIATION_FIELDS if name in row}
        draft.take([(association_key(row), value)])
    return {**info(row), **registered}


def _held(draft: Draft, resource: Resource, asked: Asked) -> Json | None:
    """The association that the resource has for the same."""
    found = draft.state.associations.named(resource.name, resource.namespace)
    if resource.id:
        found = [*draft.state.associations.of_resource(resource.id), *found]
    for row in found:
        if (row["resourceType"], row["associationType"]) != (resource.type, asked.kind):
            continue
        if resource.id and row["resourceId"] != resource.id:
            raise refusal(
                RESOURCE_HAS_ASSOCIATION,
                f"{resource.type} {resource.name!r} has an association for its {asked.kind} under "
                f"another id, {row['resourceId']!r}",
                hint="delete the associations of that id first",
            )
        return row
    return None


def _check_new(draft: Draft, asked: Asked) -> None:
    if not asked.frozen:
        return
    if asked.schema is None:
        raise refusal(INVALID_ASSOCIATION, "a frozen association comes with its schema")
    if draft.state.versions(asked.subject):
        raise refusal(
            INVALID_ASSOCIATION,
            f"subject {asked.subject!r} has schemas already: a frozen association brings its own",
        )


def _check_change(held: Json, resource: Resource, asked: Asked, *, create: bool) -> None:
    if (held["resourceName"], held["resourceNamespace"]) != (resource.name, resource.namespace):
        raise refusal(
            INVALID_ASSOCIATION,
            f"the resource {resource.id!r} is named {held['resourceName']!r} in "
            f"{held['resourceNamespace']!r}, and not {resource.name!r} in {resource.namespace!r}",
        )
    differs = (
        held["subject"] != asked.subject
        or asked.lifecycle not in (None, held.get("lifecycle"))
        or asked.frozen not in (None, held.get("frozen") is True)
    )
    if create and differs:
        raise _there_already(held)
    if held["subject"] != asked.subject:
        raise refusal(
            INVALID_ASSOCIATION,
            f"the association is with subject {held['subject']!r}, and its subject can't change",
            hint="delete it, and make another",
        )
    if asked.frozen not in (None, held.get("frozen") is True):
        raise refusal(INVALID_ASSOCIATION, "an association is made frozen, and does not become so")
    if differs and held.get("frozen"):
        raise _frozen(held)


def _check_lifecycle(draft: Draft, asked: Asked, held: Json | None, lifecycle: str) -> None:
    if lifecycle == WEAK and (asked.schema is not None or asked.frozen):
        what = "brings a schema" if asked.schema is not None else "is frozen"
        raise refusal(INVALID_ASSOCIATION, f"an association that {what} is STRONG, and not WEAK")
    of_subject = draft.state.associations.of_subject(asked.subject)
    others = [row for row in of_subject if row is not held and row != held]
    if not others:
        return
    other = others[0]
    if lifecycle == STRONG:
        raise refusal(
            SUBJECT_HAS_ASSOCIATION,
            f"subject {asked.subject!r} is associated with {_whose(other)}: it can't be STRONG "
            "with another",
        )
    if any(row.get("lifecycle") == STRONG for row in others):
        raise refusal(
            SUBJECT_HAS_STRONG_ASSOCIATION,
            f"subject {asked.subject!r} has a STRONG association with {_whose(other)}, and no "
            "other beside it",
        )


def _check_frozen_alike(draft: Draft, resource: Resource, held: Json | None, frozen: bool) -> None:
    named = draft.state.associations.named(resource.name, resource.namespace)
    for other in named:
        if other != held and (other.get("frozen") is True) != frozen:
            raise refusal(
                INVALID_ASSOCIATION,
                f"the associations of {resource.type} {resource.name!r} are frozen all, or none; "
                f"that of its {other['associationType']} is{'' if other.get('frozen') else ' not'}",
            )


def _registered(
    draft: Draft, resource: Resource, asked: Asked, held: Json | None, *, create: bool
) -> Json:
    """Register the schema that came along; what is answered of it."""
    if asked.schema is None:
        return {}
    decision = register(
        draft.state, draft.reading, asked.subject, asked.schema, normalize=asked.normalize
    )
    if decision.entries and held is not None and create:
        raise _there_already(held)
    held_already = draft.state.version(asked.subject, decision.answer["version"])
    kept = held_already.value() if held_already else decision.entries[0][1] or {}
    draft.take(decision.entries)
    told = {"subject": asked.subject, **decision.answer, "schema": kept["schema"]}
    return {"schema": told}


def _row(
    resource: Resource,
    asked: Asked,
    held: Json | None,
    lifecycle: str,
    frozen: bool,
    clock: Clock,
) -> Json:
    told = {"subject": asked.subject, "lifecycle": lifecycle, "frozen": frozen}
    if held is not None:
        same = held.get("lifecycle") == lifecycle
        return held if same else {**held, "lifecycle": lifecycle, "updateTs": clock.now_ms}
    return {
        "guid": clock.new_guid(),
        "tenant": TENANT,
        **resource.json(),
        "associationType": asked.kind,
        **told,
        "createTs": clock.now_ms,
        "updateTs": clock.now_ms,
    }


def _check_mode(draft: Draft, subject: str) -> None:
    mode = mode_of(draft.state, subject)
    if mode in (READONLY, READONLY_OVERRIDE):
        raise not_permitted(f"the mode of subject {subject!r} is {mode}: nothing can be associated")


def _there_already(held: Json) -> Refusal:
    return refusal(
        RESOURCE_HAS_ASSOCIATION,
        f"{_whose(held)} has an association already, with subject {held['subject']!r}",
        hint="PUT /associations/resources/{resourceId} changes it",
    )


def _frozen(row: Json, hint: str | None = None) -> Refusal:
    text = f"the association of {_whose(row)} with subject {row['subject']!r} is frozen"
    return refusal(ASSOCIATION_FROZEN, text, hint=hint)


def _whose(row: Json) -> str:
    return f"the {row['associationType']} of {row['resourceType']} {row['resourceName']!r}"
