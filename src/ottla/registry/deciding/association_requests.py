"""Associations as a request asks for them: read and checked, before what is there is looked at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ottla.registry.contracts import Json
from ottla.registry.refusals import INVALID_ASSOCIATION, TOO_MANY_ASSOCIATIONS, refusal
from ottla.registry.subjects import Subject, checked, qualified
from ottla.web.operation import Refusal

TOPIC = "topic"
KEY, VALUE = "key", "value"
STRONG, WEAK = "STRONG", "WEAK"
LIFECYCLES = (STRONG, WEAK)
ANY_NAMESPACE = "-"
"""Where a resource is asked for by its name: in whichever namespace."""
CREATE, UPSERT, DELETE = "CREATE", "UPSERT", "DELETE"
NAME_CHARACTERS_MAX = 1000
REQUESTS_MAX = 100
"""So many resources are told of in one batch at most."""

RESOURCE_FIELDS = ("resourceName", "resourceNamespace", "resourceId", "resourceType")
ASKED_FIELDS = ("subject", "associationType", "lifecycle", "frozen", "schema", "normalize")
DELETE_FIELDS = ("associationType", "cascadeLifecycle", "async")


class Resource(NamedTuple):
    """What has schemas: a topic, of a cluster that its namespace names."""

    name: str
    namespace: str
    id: str
    """Empty where a request is only tried, and tells none."""
    type: str

    def json(self) -> Json:
        """As it is answered and kept."""
        told = dict(zip(RESOURCE_FIELDS, self, strict=True))
        return {name: value for name, value in told.items() if value}


class Asked(NamedTuple):
    """One association that is wished for."""

    subject: str
    kind: str
    lifecycle: str | None
    frozen: bool | None
    schema: Any
    normalize: bool

    def lifecycle_after(self, held: Json | None) -> str:
        """What its lifecycle is, beside the association that is there."""
        if self.lifecycle is not None:
            return self.lifecycle
        if held is not None:
            return str(held.get("lifecycle", WEAK))
        return STRONG if self.schema is not None or self.frozen else WEAK


def rows_of(told: Any, name: str, what: str) -> list[Json]:
    """The objects that a body has in a list of this name.

    Raises:
        Refusal: 42212, there are none; 40902, there are more than a request may have.
    """
    rows = told.get(name) if isinstance(told, dict) else None
    if not isinstance(rows, list) or not rows:
        raise refusal(INVALID_ASSOCIATION, f"{what} is a JSON object with a list of {name}")
    if len(rows) > REQUESTS_MAX:
        raise refusal(
            TOO_MANY_ASSOCIATIONS,
            f"{len(rows)} {name} in one request: there may be {REQUESTS_MAX}",
        )
    if not all(isinstance(row, dict) for row in rows):
        raise refusal(INVALID_ASSOCIATION, f"each of the {name} is a JSON object")
    return rows


def resource_of(told: Json, *, needs_id: bool, path_id: str | None = None) -> Resource:
    """The resource that a request is about.

    Args:
        path_id: its id, where that stands in the path.

    Raises:
        Refusal: 42212.
    """
    check_fields(told, (*RESOURCE_FIELDS, "associations"), "a resource")
    name, namespace = (_name(told, field) for field in RESOURCE_FIELDS[:2])
    if ":" in namespace or namespace == ANY_NAMESPACE:
        raise refusal(INVALID_ASSOCIATION, f"no resourceNamespace is named {namespace!r}")
    found = told.get("resourceId")
    if path_id is not None and found not in (None, "", path_id):
        raise refusal(INVALID_ASSOCIATION, f"the path is of {path_id!r}, the body of {found!r}")
    found = path_id or found
    if found in (None, "") and not needs_id:
        found = ""
    elif not _is_name(found):
        raise refusal(INVALID_ASSOCIATION, "resourceId is missing: it is a text")
    kind = told.get("resourceType") or TOPIC
    if kind != TOPIC:
        raise refusal(INVALID_ASSOCIATION, f"resourceType is {TOPIC!r}, and not {kind!r}")
    return Resource(name, namespace, str(found), TOPIC)


def asked_of(rows: Iterable[Json], resource: Resource, context: str | None) -> list[Asked]:
    """The associations that a request asks for.

    Args:
        context: in which subjects are meant that name none.

    Raises:
        Refusal: 42212.
    """
    asked = [_asked(row, resource, context) for row in rows]
    kinds = [each.kind for each in asked]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise refusal(INVALID_ASSOCIATION, f"two associations of the {kind} in one request")
    if {each.frozen for each in asked} >= {True, False}:
        raise refusal(
            INVALID_ASSOCIATION, "the associations of one resource are frozen all, or none"
        )
    return asked


def kind_of(told: Json) -> str:
    """Whether an association is that of keys or of values.

    Raises:
        Refusal: 42212.
    """
    kind = told.get("associationType") or VALUE
    if kind not in (KEY, VALUE):
        raise refusal(INVALID_ASSOCIATION, f"associationType is {KEY} or {VALUE}, not {kind!r}")
    return str(kind)


def lifecycle_of(told: Any) -> str | None:
    """A lifecycle, or None where none is told.

    Raises:
        Refusal: 42212.
    """
    if told in (None, ""):
        return None
    if not isinstance(told, str) or told.upper() not in LIFECYCLES:
        raise refusal(INVALID_ASSOCIATION, f"lifecycle is {STRONG} or {WEAK}, not {told!r}")
    return told.upper()


def flag(told: Json, name: str) -> bool | None:
    """What is true, false or not told.

    Raises:
        Refusal: 42212.
    """
    value = told.get(name)
    if value is not None and type(value) is not bool:
        raise refusal(INVALID_ASSOCIATION, f"{name} is true or false, not {value!r}")
    return value


def check_fields(told: Json, fields: Iterable[str], what: str) -> None:
    """Refuse what a request tells, and nobody would read.

    Raises:
        Refusal: 42212.
    """
    known = tuple(fields)
    for name in told:
        if name not in known:
            raise refusal(
                INVALID_ASSOCIATION,
                f"{what} has no field {name[:50]!r}",
                hint=f"it has {', '.join(known)}",
            )


def _asked(told: Json, resource: Resource, context: str | None) -> Asked:
    check_fields(told, ASKED_FIELDS, "an association")
    kind = kind_of(told)
    lifecycle, frozen = lifecycle_of(told.get("lifecycle")), flag(told, "frozen")
    own = str(Subject(context or f".{resource.namespace}", f"{resource.name}-{kind}"))
    subject = told.get("subject") or own
    if not isinstance(subject, str):
        raise refusal(INVALID_ASSOCIATION, f"the subject is a text, not {subject!r}")
    try:
        subject = str(checked(qualified(subject, context) if context else subject))
    except Refusal as why:
        raise refusal(INVALID_ASSOCIATION, str(why)) from None
    if frozen and subject != own:
        raise refusal(
            INVALID_ASSOCIATION,
            f"the subject of a frozen association is {own!r}, and not {subject!r}",
        )
    return Asked(
        subject, kind, lifecycle, frozen, told.get("schema"), flag(told, "normalize") is True
    )


def _name(told: Json, field: str) -> str:
    value = told.get(field)
    if not _is_name(value):
        raise refusal(
            INVALID_ASSOCIATION,
            f"{field} is missing: it is a text of up to {NAME_CHARACTERS_MAX} characters",
        )
    return str(value)


def _is_name(value: Any) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value) <= NAME_CHARACTERS_MAX
        and not any(ord(character) < 32 or character == "\x7f" for character in value)
    )
