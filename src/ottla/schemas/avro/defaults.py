"""Whether the defaults of fields fit their types, as Java's Avro judges.

A default fits a union when it fits any branch, a string fits an enum whether it is a symbol or not
and a fixed type at any length: these are what Java lets pass, and schemas with them exist. A field
that a record's default leaves out is filled from its own default, which is checked for itself; a
default that would need itself to be filled is refused. What stays true: a pair of type and value is
looked at once, so that nested unions cost no more than their product.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ottla.schemas.avro.fault import Fault, Where, shown, shown_value
from ottla.schemas.avro.tree import (
    NO_DEFAULT,
    Array,
    Definite,
    Field,
    Map,
    Record,
    Type,
    Union,
    branch_name,
    definite,
)

LOOKS_MAX = 1_000_000
"""How often a type may be held against a part of a default, in one schema."""


class Defaulted(NamedTuple):
    """A field with a default, and where the default stands."""

    field: Field
    record: Record
    where: Where


def check_defaults(told: Sequence[Defaulted]) -> None:
    """Look at all defaults of a text.

    Raises:
        Fault: one does not fit, needs itself, or all together take too long to compare.
    """
    looks = 0
    needs: dict[int, list[Field]] = {}
    for each in told:
        check = _Check(LOOKS_MAX - looks)
        fits = check.fits(each.field.type, each.field.default)
        looks += check.looks
        if looks >= LOOKS_MAX:
            raise Fault("the defaults are too entangled to be checked", each.where)
        if not fits:
            raise _misfit(each)
        if check.filled:
            needs[id(each.field)] = check.filled
    if needs:
        _check_ends(told, needs)


def _misfit(each: Defaulted) -> Fault:
    """Says what in the default does not fit, as deep inside as only one thing can be meant."""
    check = _Check(LOOKS_MAX)
    field = f"the field '{each.field.name}' of '{each.record.name.full}'"
    found, value, where = definite(each.field.type), each.field.default, each.where
    while (inner := check.wrong_inside(found, value)) is not None:
        step, told, value = inner
        if value is NO_DEFAULT:
            text = f"the default of {field} lacks '{step}', which has no default of its own"
            return Fault(text, where, "add it to the default, or give it one")
        found, where = definite(told), Where(where, step)
    if isinstance(found, Union):
        names = ", ".join(branch_name(definite(branch)) for branch in found.branches)
        what = f"fits no branch of the union ({shown(names)})"
    else:
        what = f"is no {found.kind}"
    if where is each.where:
        text = f"the default {shown_value(value)} of {field} {what}"
    else:
        text = f"in the default of {field}, {shown_value(value)} {what}"
    hint = "change the default or the type"
    if value is None:
        hint = 'let the type be a union with "null", or take the default away'
    return Fault(text, where, hint)


class _Check:
    """Holds one default against its type.

    Attributes:
        looks: how many pairs of a type and a value were looked at.
        filled: the fields that are filled from their own defaults.
    """

    def __init__(self, looks_max: int) -> None:
        self.looks = 0
        self.filled: list[Field] = []
        self._looks_max = looks_max
        self._seen: dict[tuple[int, int], bool] = {}

    def fits(self, told: Type, value: Any) -> bool:
        """Whether the value, or some branch for it, fits; recursion goes with the value's depth."""
        found = definite(told)
        if isinstance(found, Union):
            for branch in found.branches:
                mark = len(self.filled)
                if self.fits(branch, value):
                    return True
                del self.filled[mark:]
            return False
        if isinstance(value, list | dict):
            key = id(found), id(value)
            if key not in self._seen:
                self._seen[key] = self._fits_inside(found, value)
            return self._seen[key]
        return self._fits_scalar(found.kind, value)

    def wrong_inside(self, found: Definite, value: Any) -> tuple[str | int, Type, Any] | None:
        """The first value inside of a value that is wrong for a type which it is like.

        It comes with the step to it and its own type, as `NO_DEFAULT` where it is missing; None
        stands for a value that is wrong as a whole.
        """
        inner: Iterable[tuple[str | int, Type, Any]] = ()
        if isinstance(found, Array) and isinstance(value, list):
            inner = ((index, found.items, each) for index, each in enumerate(value))
        elif isinstance(found, Map) and isinstance(value, dict):
            inner = ((key, found.values, each) for key, each in value.items())
        elif isinstance(found, Record) and isinstance(value, dict):
            inner = (
                (field.name, field.type, value.get(field.name, NO_DEFAULT))
                for field in found.fields
                if field.name in value or not field.has_default
            )
        for step, told, each in inner:
            if each is NO_DEFAULT or not self.fits(told, each):
                return step, told, each
        return None

    def _fits_scalar(self, kind: str, value: Any) -> bool:
        self.looks += 1
        if isinstance(value, bool):
            return kind == "boolean"
        if value is None:
            return kind == "null"
        if isinstance(value, str):
            return kind in ("string", "bytes", "enum", "fixed")
        if kind in ("float", "double"):
            return True
        bits = {"int": 31, "long": 63}.get(kind)
        return bits is not None and isinstance(value, int) and -(2**bits) <= value < 2**bits

    def _fits_inside(self, found: Definite, value: Any) -> bool:
        self.looks += 1
        if self.looks >= self._looks_max:
            return False
        if isinstance(found, Array):
            return isinstance(value, list) and all(self.fits(found.items, v) for v in value)
        if not isinstance(value, dict):
            return False
        if isinstance(found, Map):
            return all(self.fits(found.values, v) for v in value.values())
        return isinstance(found, Record) and all(self._fits_field(f, value) for f in found.fields)

    def _fits_field(self, field: Field, value: dict[str, Any]) -> bool:
        if field.name in value:
            return self.fits(field.type, value[field.name])
        self.looks += 1
        self.filled.append(field)
        return field.has_default


def _check_ends(told: Sequence[Defaulted], needs: dict[int, list[Field]]) -> None:
    """Refuse a default that is filled from itself, over any number of others."""
    done: set[int] = set()
    for start in told:
        open_: dict[int, list[Field]] = {}
        way = [id(start.field)]
        while way:
            here = way[-1]
            if here not in open_:
                open_[here] = list(needs.get(here, ())) if here not in done else []
            if not open_[here]:
                done.add(here)
                del open_[here]
                way.pop()
                continue
            after = id(open_[here].pop())
            if after in open_:
                raise Fault(
                    f"the default of the field '{start.field.name}' never ends:"
                    " to be filled, it needs itself",
                    start.where,
                    "let a field on the way be a union with null",
                )
            if after not in done:
                way.append(after)
