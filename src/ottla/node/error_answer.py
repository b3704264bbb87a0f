"""The answer to a request of any API that says one error, made from what its messages declare.

For a test that wants one. The error stands for each thing that was asked for (each partition of a
Produce, each key of a FindCoordinator) where the answer has a place for that, and else for the
whole. Arrays of the answer are paired with those of the request by what names their elements.
Nothing here knows an API by name, but that a Produce may want no answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.wire.api import response_class

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ottla.wire.schema import Request, Response
    from ottla.wire.types import Field

_NAMES = (
    ("name", "topic", "topic_name", "topic_id"),
    ("index", "partition", "partition_index", "partition_id"),
    ("key", "coordinator_keys"),
    ("group_id", "groups", "groups_names"),
    ("resource_name",),
    ("member_id",),
)
"""Fields that name the same thing in a request and in its answer, whatever each calls it."""

_ERROR = "error_code"


def error_answer(request: Request, version: int, error: int) -> Response | None:
    """The answer with this error; None if there is no place for one, or no answer is wanted."""
    if getattr(request, "acks", None) == 0:
        return None
    response = response_class(request.api_key)()
    return response if _fill(response, request, version, error) else None


def _fill(answer: Any, asked: Any, version: int, error: int) -> bool:
    """Put the error as deep as it goes; whether it has a place."""
    inside = False
    for name, field in _arrays(answer, version):
        rows = []
        for one in _asked_for(asked, field, version):
            row = field.nested()
            _name(row, one, version)
            if not _fill(row, one, version, error):
                break
            rows.append(row)
        if rows:
            setattr(answer, name, rows)
            inside = True
    if not inside and _has(answer, _ERROR, version):
        setattr(answer, _ERROR, error)
        return True
    return inside


def _asked_for(asked: Any, field: Field, version: int) -> list[Any]:
    """Those of the request's arrays whose elements are named as the answer's are."""
    ours = _names_in(field.nested.__fields__, version)
    for name in _fields(asked):
        value = getattr(asked, name)
        kind = asked.__fields__[name]
        if not isinstance(value, list) or not _carries(kind, version):
            continue
        theirs = _names_in({name: kind} if kind.nested is None else kind.nested.__fields__, version)
        if kind.nested is None and not theirs & ours and "partition" in name:
            theirs = {1}
        if theirs & ours:
            return value
    return []


def _name(row: Any, one: Any, version: int) -> None:
    """Let the row of the answer name what was asked for."""
    for names in _NAMES:
        own = [name for name in names if _has(row, name, version)]
        for name in own:
            if not _fields(one):
                if type(one) is type(getattr(row, name)):
                    setattr(row, name, one)
                continue
            same = name if _has(one, name, version) else None
            alike = (n for n in names if _has(one, n, version) and _same_kind(row, name, one, n))
            found = same or next(alike, None)
            if found is not None:
                setattr(row, name, getattr(one, found))


def _same_kind(row: Any, name: str, one: Any, other: str) -> bool:
    return bool(row.__fields__[name].kind == one.__fields__[other].kind)


def _arrays(answer: Any, version: int) -> Iterator[tuple[str, Field]]:
    for name, field in answer.__fields__.items():
        if field.kind == "[]struct" and _carries(field, version):
            yield name, field


def _names_in(fields: Mapping[str, Field], version: int) -> set[int]:
    """Which of `_NAMES` these fields say."""
    return {
        at
        for at, names in enumerate(_NAMES)
        if any(name in fields and _carries(fields[name], version) for name in names)
    }


def _fields(one: Any) -> Mapping[str, Field]:
    found: Mapping[str, Field] = getattr(one, "__fields__", {})
    return found


def _has(one: Any, name: str, version: int) -> bool:
    field = _fields(one).get(name)
    return field is not None and _carries(field, version)


def _carries(field: Field, version: int) -> bool:
    first, last = field.versions
    return first <= version <= last
