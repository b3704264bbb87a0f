"""Claims about schemas that are made of schemas: anyOf, oneOf, not, if, unevaluated….

What allOf and `$ref` add is no claim of its own: it holds for the same value, and is gone through
with it (`claims.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ottla.schemas.json_schema import unevaluated
from ottla.schemas.json_schema.claims import Claims, Found, Writer
from ottla.schemas.json_schema.linking import Node
from ottla.schemas.json_schema.objects import property_of, told
from ottla.schemas.language import Difference

OVERLAP = "ONE_OF_OVERLAP"
"""What the field lets pass: schemas of a oneOf of which two may accept what one accepted before."""


def check_sums(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterable[Difference]:
    """Each case of what the writer writes has a schema in the reader's anyOf or oneOf."""
    for keyword in ("anyOf", "oneOf"):
        if keyword in part:
            yield from _check_sum(claims, writer, part[keyword], keyword, at)


def _check_sum(
    claims: Claims, writer: Writer, branches: list[Node], keyword: str, at: str
) -> Iterator[Difference]:
    path = f"{at}/{keyword}"
    worst: tuple[list[Writer], Found] | None = None
    for cases in _ways(claims, writer):
        homes: dict[int, int] = {}
        homeless: list[Writer] = []
        closest: Found = ()
        for number, case in enumerate(cases):
            home, misses = _home(claims, case, branches, number, path)
            if home is None:
                homeless.append(case)
                closest = closest or misses
            else:
                homes[number] = home
        if not homeless:
            if keyword == "oneOf" and not _exclusive(claims, writer, cases, homes, branches):
                claims.lax.add(OVERLAP)
            return
        if worst is None or len(cases) > 1:
            worst = (homeless, closest)
    homeless, closest = worst or ([writer], ())
    most = max((len(held) for k in ("anyOf", "oneOf") for held in writer.all(k)), default=0)
    if len(branches) == 1 >= most:
        yield from claims.unread(writer, branches[0], f"{path}/0")
        return
    if most:
        kind = "SUM_TYPE_NARROWED" if len(branches) < most else "COMBINED_TYPE_SUBSCHEMAS_CHANGED"
    else:
        some = any(
            not claims.unread(claims.narrowed(writer, claims.of_type(kind)), branch, path)
            for kind in sorted(writer.types)
            for branch in branches
        )
        kind = "SUM_TYPE_NARROWED" if some else "COMBINED_TYPE_CHANGED"
    why = f" (the closest: {closest[0].message.partition(';')[0]})" if closest else ""
    missing = ", ".join(dict.fromkeys(map(str, homeless)))
    yield from claims.found(kind, path, missing=missing, old=missing, why=why)


def _ways(claims: Claims, writer: Writer) -> Iterator[list[Writer]]:
    """The ways to tell apart what a writer writes: not at all, by its own schemas, by types."""
    yield [writer]
    for keyword in ("anyOf", "oneOf"):
        for branches in writer.all(keyword):
            yield [claims.narrowed(writer, branch) for branch in branches]
    types = sorted(writer.types)
    if {"integer", "fraction"} <= writer.types:
        types.remove("integer")
    if len(types) > 1:
        yield [claims.narrowed(writer, claims.of_type(kind)) for kind in types]
    for keyword in ("anyOf", "oneOf"):
        for branches in writer.all(keyword):
            yield [
                claims.narrowed(writer, branch, claims.of_type(kind))
                for branch in branches
                for kind in types
            ]


def _home(
    claims: Claims, case: Writer, branches: list[Node], number: int, path: str
) -> tuple[int | None, Found]:
    """Which of the reader's schemas accepts a case; else what the closest lacks."""
    order = sorted(range(len(branches)), key=lambda place: place != number)
    closest: Found = ()
    for place in order:
        found = claims.unread(case, branches[place], f"{path}/{place}")
        if not found:
            return place, ()
        if not closest or len(found) < len(closest):
            closest = found
    return None, closest


def _exclusive(
    claims: Claims,
    writer: Writer,
    cases: list[Writer],
    homes: dict[int, int],
    branches: list[Node],
) -> bool:
    """Whether no case is accepted by a second schema of the reader's oneOf, for all that is known.

    It isn't where the reader's schemas are each within one of the writer's oneOf, for a value is in
    only one of those; nor where the schemas have nothing in common.
    """
    for theirs in writer.all("oneOf"):
        if len(branches) <= len(theirs) and all(
            not claims.unread(claims.writer(branch), theirs[place], "#")
            for place, branch in enumerate(branches)
        ):
            return True
    return all(
        place == homes[number] or disjoint(claims, case, claims.writer(branch))
        for number, case in enumerate(cases)
        for place, branch in enumerate(branches)
    )


def disjoint(claims: Claims, one: Writer, other: Writer, depth: int = 3) -> bool:
    """Whether two writers are known to write nothing in common."""
    if not one.types & other.types:
        return True
    for values, node in ((one, other), (other, one)):
        if values.values is not None and len(values.values) <= 20 and not node.impossible:
            parts: list[Node] = list(node.parts)
            if all(any(not claims.accepts(p, value) for p in parts) for value in values.values):
                return True
    if one.types & other.types != {"object"} or depth == 0:
        return False
    names = sorted(one.required & other.required)
    return any(
        disjoint(claims, property_of(claims, one, n), property_of(claims, other, n), depth - 1)
        for n in names[:20]
    ) or any(
        property_of(claims, closed, name).impossible
        for open_, closed in ((one, other), (other, one))
        for name in sorted(open_.required)[:20]
    )


def check_not(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterable[Difference]:
    """Nothing that the writer writes is what the reader excludes."""
    if "not" not in part:
        return
    path, excluded = f"{at}/not", claims.writer(part["not"])
    if disjoint(claims, writer, excluded):
        return
    for theirs in writer.all("not"):
        if not claims.unread(excluded, theirs, path):
            return
    yield from claims.found("NOT_TYPE_EXTENDED", path, new=told(claims, part["not"]))


def check_condition(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterable[Difference]:
    """What the reader's `if` leads to holds for the writer too."""
    if "if" not in part:
        return
    condition, yes, no = part["if"], part.get("then", True), part.get("else", True)
    same = [
        theirs
        for theirs in writer.parts
        if "if" in theirs
        and not claims.unread(claims.writer(condition), theirs["if"], at)
        and not claims.unread(claims.writer(theirs["if"]), condition, at)
    ]
    held = [theirs.get("then", True) for theirs in same]
    found = list(claims.unread(claims.narrowed(writer, condition, *held), yes, f"{at}/then"))
    if no is not True and claims.unread(writer, condition, at):
        held = [theirs.get("else", True) for theirs in same]
        found += claims.unread(claims.narrowed(writer, *held), no, f"{at}/else")
    if found and not same:
        yield from claims.found("CONDITION_CHANGED", f"{at}/if")
    yield from found


def check_unevaluated(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterable[Difference]:
    """What is left of `unevaluated…`, and not told by `properties` and `items`, is not compared."""
    for keyword, kind in (("unevaluatedProperties", "object"), ("unevaluatedItems", "array")):
        if part.get(keyword, True) is True or kind not in writer.types:
            continue
        if unevaluated.told(part, keyword) is not None:
            continue
        yield from claims.found(
            "UNEVALUATED_NARROWED", f"{at}/{keyword}", new=told(claims, part[keyword])
        )
