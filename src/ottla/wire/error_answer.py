"""The answer to a request of any API that says one error, made from what its messages declare.

For a test that wants one. The error stands for each thing that was asked for (each partition of a
Produce, each key of a FindCoordinator) where the answer has a place for that, and else for the
whole. An array of the answer in which there is a place for errors has a row for each element of
the request's array beside it: that is the first at the same depth, but for the few APIs that
`_PAIRS` names. A row says what it is about by fields that both sides have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.wire.api import response_class

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ottla.wire.schema import Request, Response
    from ottla.wire.types import Field

_ERRORS = ("error_code", "partition_error_code")

_PAIRS: dict[tuple[str, str], tuple[str, ...]] = {
    # Its results are of log directories, which nobody asks for.
    ("DescribeLogDirsResponse", "results"): (),
    ("AlterReplicaLogDirsResponse", "results"): ("dirs.topics",),
    ("AlterUserScramCredentialsResponse", "results"): ("deletions", "upsertions"),
}
"""By the answer's class and its array: which arrays of the request it has rows for, all in one."""

_NAMES = (
    ("name", "topic", "topic_name", "user"),
    ("partition", "partition_index", "index"),
    ("topic_id",),
    ("group_id",),
    ("member_id",),
    ("group_instance_id",),
    ("transactional_id",),
    ("producer_id",),
    ("resource_type",),
    ("resource_name",),
    ("feature",),
    ("id",),
    ("entity",),
    ("entity_type",),
    ("entity_name",),
)
"""Fields that say what a row is about; those of one line say the same."""


def error_answer(request: Request, version: int, error: int) -> Response | None:
    """The answer with this error; None if there is no place for one, or no answer is wanted."""
    if getattr(request, "acks", None) == 0:
        return None
    response = response_class(request.api_key)()
    return response if _fill(response, request, version, error) else None


def _fill(answer: Any, asked: Any, version: int, error: int) -> bool:
    """Put the error as deep as it goes; whether it has a place."""
    inside = False
    for array, field in _carried(answer, version):
        if field.kind != "[]struct" or not _takes_error(field.nested, version):
            continue
        rows = []
        for one in _asked_for(answer, array, asked, version):
            row = field.nested()
            _name(row, one, version)
            if _fill(row, one, version, error):
                rows.append(row)
        setattr(answer, array, rows)
        inside = inside or bool(rows)
    if inside:
        return True
    places = [name for name, _ in _carried(answer, version) if name in _ERRORS]
    for name in places:
        setattr(answer, name, error)
    if places or type(answer).__name__ != "DescribeLogDirsResponse":
        return bool(places)
    # Before it had a place for the whole, a directory without a name said it.
    answer.results = [answer.__fields__["results"].nested(error_code=error)]
    return True


def _takes_error(kind: Any, version: int) -> bool:
    """Whether an error has a place in it, or in what is in it."""
    return any(
        name in _ERRORS or (field.kind == "[]struct" and _takes_error(field.nested, version))
        for name, field in _carried(kind, version)
    )


def _asked_for(answer: Any, array: str, asked: Any, version: int) -> Sequence[Any]:
    """What the array of the answer has rows for."""
    paths = _PAIRS.get((type(answer).__name__, array))
    if paths is None:
        paths = tuple(n for n, field in _carried(asked, version) if field.kind[:2] == "[]")[:1]
    found: list[Any] = []
    for path in paths:
        level = [asked]
        for name in path.split("."):
            level = [one for outer in level for one in getattr(outer, name) or ()]
        found += level
    return found


def _name(row: Any, one: Any, version: int) -> None:
    """Let the row say what was asked for."""
    own = dict(_carried(row, version))
    theirs = dict(_carried(one, version))
    if not theirs:  # no struct: a topic's name, a partition's number
        first = (n for n in own if n not in (*_ERRORS, "error_message"))
        setattr(row, next(n for n in first if type(getattr(row, n)) is type(one)), one)
        return
    for names in _NAMES:
        said = next((name for name in names if name in theirs), None)
        for name in names:
            if said is None or name not in own or own[name].kind != theirs[said].kind:
                continue
            setattr(row, name, _copied(getattr(one, said), own[name], version))


def _copied(value: Any, field: Field, version: int) -> Any:
    """What names something may be made of parts."""
    if field.kind != "[]struct":
        return value
    rows = []
    for one in value or ():
        rows.append(field.nested())
        _name(rows[-1], one, version)
    return rows


def _carried(one: Any, version: int) -> Iterator[tuple[str, Field]]:
    """The fields of a struct or class in this version; none of what is no struct."""
    fields: Mapping[str, Field] = getattr(one, "__fields__", {})
    for name, field in fields.items():
        first, last = field.versions
        if first <= version <= last:
            yield name, field
