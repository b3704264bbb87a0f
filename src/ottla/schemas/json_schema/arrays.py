"""Claims about arrays: items by their place, the items after them, and what they contain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ottla.schemas.json_schema.claims import Claims, Writer, types_of
from ottla.schemas.json_schema.linking import Node
from ottla.schemas.json_schema.objects import told
from ottla.schemas.json_schema.scalars import limits, named
from ottla.schemas.language import Difference


def check_arrays(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterable[Difference]:
    """All of the reader's keywords about arrays."""
    if "array" not in writer.types & types_of(part):
        return
    yield from limits(claims, writer, part, at, "maxItems", "MAX_ITEMS")
    yield from limits(claims, writer, part, at, "minItems", "MIN_ITEMS")
    longest = writer.least("maxItems")
    unique = any(writer.all("uniqueItems")) or (longest is not None and longest <= 1)
    if part.get("uniqueItems") and not unique:
        yield from claims.found("UNIQUE_ITEMS_ADDED", f"{at}/uniqueItems")
    if {"prefixItems", "items"} & part.keys():
        yield from _check_places(claims, writer, part, at)
        yield from _check_further(claims, writer, part, at)
    if "contains" in part:
        yield from _check_contains(claims, writer, part, at)


def item_of(claims: Claims, writer: Writer, place: int | None) -> Writer:
    """Whoever writes the item at a place, or after all places that have a schema of their own."""
    nodes: list[Node] = []
    for part in writer.parts:
        prefix = part.get("prefixItems", ())
        if place is not None and place < len(prefix):
            nodes.append(prefix[place])
        else:
            nodes.append(part.get("items", True))
    return claims.writer(*nodes)


def _places(writer: Writer) -> int:
    return max((len(prefix) for prefix in writer.all("prefixItems")), default=0)


def _check_places(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterator[Difference]:
    prefix, rest = part.get("prefixItems", []), part.get("items", True)
    theirs_count, longest = _places(writer), writer.least("maxItems")
    for place in range(max(len(prefix), theirs_count)):
        theirs = item_of(claims, writer, place)
        if theirs.impossible or not theirs.types or (longest is not None and place >= longest):
            return  # No array of the writer's goes on from here.
        path = f"{named(part, 'prefixItems', at)}/{place}"
        if place >= len(prefix):
            if rest is False:
                yield from claims.found("ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL", path)
            elif claims.unread(theirs, rest, path):
                kind = "ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
                yield from claims.found(kind, path, old=str(theirs), new=told(claims, rest))
        elif place < theirs_count:
            yield from claims.unread(theirs, prefix[place], path)
        elif claims.unread(theirs, prefix[place], path):
            kind = "ITEM_ADDED_TO_OPEN_CONTENT_MODEL"
            if theirs.parts:
                kind = "ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
            yield from claims.found(kind, path, old=str(theirs), new=told(claims, prefix[place]))


def _check_further(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterator[Difference]:
    rest = part.get("items", True)
    count = max(_places(writer), len(part.get("prefixItems", ())))
    longest = writer.least("maxItems")
    theirs = item_of(claims, writer, None)
    if rest is True or theirs.impossible or not theirs.types:
        return
    if longest is not None and longest <= count:
        return
    path = named(part, "items", at)
    if rest is False:
        yield from claims.found("ADDITIONAL_ITEMS_REMOVED", path)
    elif theirs.parts:
        yield from claims.unread(theirs, rest, path)
    elif claims.unread(theirs, rest, path):
        kind = "ADDITIONAL_ITEMS_NARROWED" if count else "SCHEMA_ADDED"
        yield from claims.found(kind, path, new=told(claims, rest))


def _check_contains(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterator[Difference]:
    wanted, path = part["contains"], f"{at}/contains"
    least, most = part.get("minContains", 1), part.get("maxContains")
    enough, few = least == 0, most is None
    longest = writer.least("maxItems")
    few = few or (longest is not None and longest <= most)
    for theirs in writer.parts:
        if "contains" not in theirs:
            continue
        held = theirs["contains"]
        if theirs.get("minContains", 1) >= least:
            enough = enough or not claims.unread(claims.writer(held), wanted, path)
        limit = theirs.get("maxContains")
        if limit is not None and most is not None and limit <= most:
            few = few or not claims.unread(claims.writer(wanted), held, path)
    if not enough and (writer.most("minItems") or 0) >= least:
        enough = all(
            not claims.unread(item_of(claims, writer, place), wanted, path)
            for place in (None, *range(_places(writer)))
        )
    if not (enough and few):
        yield from claims.found("CONTAINS_NARROWED", path, new=told(claims, wanted))
