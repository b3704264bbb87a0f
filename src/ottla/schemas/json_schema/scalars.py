"""Claims about types, listed values, text and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import ceil, floor
from typing import Any

from ottla.schemas.json_schema.claims import Claims, Writer, identity, types_of, words
from ottla.schemas.json_schema.linking import NAMES
from ottla.schemas.json_schema.parsing import shown
from ottla.schemas.language import Difference


def named(part: dict[str, Any], keyword: str, at: str) -> str:
    """A keyword's path, by the name that its author gave it."""
    return f"{at}/{part.get(NAMES, {}).get(keyword, keyword)}"


def check_type(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterable[Difference]:
    """The reader's `type` has all types that the writer's values can have."""
    missing = writer.types - types_of(part)
    if not missing:
        return ()
    kind = "TYPE_NARROWED" if writer.types & types_of(part) else "TYPE_CHANGED"
    told = {"new": words(types_of(part)), "old": words(writer.types), "missing": words(missing)}
    return claims.found(kind, f"{at}/type", **told)


def check_values(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterable[Difference]:
    """The reader's `enum` or `const` has all values that the writer lists."""
    for keyword in ("enum", "const"):
        if keyword not in part:
            continue
        values = part["enum"] if keyword == "enum" else [part["const"]]
        here = set(map(identity, values))
        written = claims.written(writer, writer.values or [])
        theirs = {identity(value): value for value in written}
        missing = [value for key, value in theirs.items() if key not in here]
        if writer.values is None:
            missing = ["…"]
        elif not missing:
            continue
        fewer = writer.values is None or here <= theirs.keys()
        kind = "ENUM_ARRAY_NARROWED" if fewer else "ENUM_ARRAY_CHANGED"
        told = words(writer.types) if writer.values is None else shown(list(theirs.values()))
        wanted = "what the writer may write" if writer.values is None else shown(missing)
        yield from claims.found(
            kind, f"{at}/{keyword}", new=shown(values), old=told, missing=wanted
        )


def check_text(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterable[Difference]:
    """The reader's text is as long as the writer's, and matches what the writer's matches."""
    if "string" not in writer.types & types_of(part):
        return
    yield from limits(claims, writer, part, at, "maxLength", "MAX_LENGTH")
    yield from limits(claims, writer, part, at, "minLength", "MIN_LENGTH")
    pattern = part.get("pattern")
    theirs = list(writer.all("pattern"))
    if pattern is not None and pattern not in theirs:
        kind = "PATTERN_CHANGED" if theirs else "PATTERN_ADDED"
        old = shown(theirs[0]) if theirs else "anything"
        yield from claims.found(kind, f"{at}/pattern", new=shown(pattern), old=old)


def limits(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str, keyword: str, word: str
) -> Iterator[Difference]:
    """A count's limit, which is the writer's or wider; keywords are min… and max…."""
    limit = part.get(keyword)
    if keyword.startswith("max"):
        theirs = writer.least(keyword)
        if limit is None or (theirs is not None and theirs <= limit):
            return
        change = "DECREASED"
    else:
        theirs = writer.most(keyword)
        if not limit or (theirs or 0) >= limit:
            return
        theirs, change = theirs or None, "INCREASED"
    kind = f"{word}_{'ADDED' if theirs is None else change}"
    yield from claims.found(kind, f"{at}/{keyword}", new=str(limit), old=str(theirs))


def check_numbers(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str
) -> Iterable[Difference]:
    """The reader's numbers reach as far as the writer's, and are divided by no more."""
    relevant = writer.types & types_of(part) & {"integer", "fraction"}
    if not relevant:
        return
    whole = "fraction" not in relevant
    for sign, side in ((1, "maximum"), (-1, "minimum")):
        for keyword in (side, f"exclusiveM{side[1:]}"):
            if keyword not in part:
                continue
            exclusive = keyword != side
            ours = _bound(part[keyword], exclusive, sign, whole)
            theirs = _outermost(writer, side, sign, whole)
            if theirs is not None and theirs <= ours:
                continue
            word = f"{'EXCLUSIVE_' if exclusive else ''}{side.upper()}"
            change = "DECREASED" if sign > 0 else "INCREASED"
            old = "" if theirs is None else shown(_written(writer, side, sign))
            kind = f"{word}_{'ADDED' if theirs is None else change}"
            path = named(part, keyword, at)
            yield from claims.found(kind, path, new=shown(part[keyword]), old=old)
    yield from _check_multiple(claims, writer, part, at, whole)


def _bound(limit: Any, exclusive: bool, sign: int, whole: bool) -> tuple[Fraction, int]:
    """A limit, so that the smaller of two is the stricter, whichever side it is of."""
    value = Fraction(limit)
    if whole:
        if exclusive:
            value = Fraction(ceil(value) - 1 if sign > 0 else floor(value) + 1)
        else:
            value = Fraction(floor(value) if sign > 0 else ceil(value))
        exclusive = False
    return (value * sign, -1 if exclusive else 0)


def _outermost(writer: Writer, side: str, sign: int, whole: bool) -> tuple[Fraction, int] | None:
    """The writer's strictest limit on a side."""
    keywords = ((side, False), (f"exclusiveM{side[1:]}", True))
    return min(
        (
            _bound(limit, exclusive, sign, whole)
            for keyword, exclusive in keywords
            for limit in writer.all(keyword)
        ),
        default=None,
    )


def _written(writer: Writer, side: str, sign: int) -> Any:
    """That limit as it was written."""
    limits = [*writer.all(side), *writer.all(f"exclusiveM{side[1:]}")]
    return min(limits) if sign > 0 else max(limits)


def _check_multiple(
    claims: Claims, writer: Writer, part: dict[str, Any], at: str, whole: bool
) -> Iterator[Difference]:
    if "multipleOf" not in part:
        return
    ours = Fraction(part["multipleOf"])
    theirs = list(writer.all("multipleOf"))
    for other in [*theirs, *([1] if whole else [])]:
        if Fraction(other) % ours == 0:
            return
    kind = "MULTIPLE_OF_ADDED"
    if theirs:
        expanded = ours % Fraction(theirs[0]) == 0
        kind = "MULTIPLE_OF_EXPANDED" if expanded else "MULTIPLE_OF_CHANGED"
    old = shown(theirs[0]) if theirs else ""
    yield from claims.found(kind, f"{at}/multipleOf", new=shown(part["multipleOf"]), old=old)
