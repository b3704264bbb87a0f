"""Fields that an expression reads, and that the values cannot have: told when it is given.

A field that is not there is null, so a misspelt one would make a filter let nothing through and a
sum stay null, without a word. Where the serde of the values is that of a class, its fields are
known; text, numbers and bytes have none. Of JSON documents and of serdes of the user's own nothing
is known, and nothing is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from ottla.streams.errors import TopologyError
from ottla.streams.expressions import Expression
from ottla.streams.expressions.fields import children
from ottla.streams.serdes import ObjectSerde, Serde
from ottla.streams.serdes.kafka import SINGLE


def check_fields(expression: Expression, values: Serde | None, what: str) -> None:
    """The fields that an expression of the operator `what` reads of values of this serde.

    Raises:
        TopologyError: it reads one that none of these values has.
    """
    if isinstance(values, ObjectSerde):
        known = fields_of(values.kind)
        for name in names_read(expression):
            if known is not None and name not in known:
                near = get_close_matches(name[:100], known, 1)
                raise TopologyError(
                    f"{what} reads the field {name}, which {values.kind.__qualname__} does not "
                    f"have: {expression!r}",
                    hint=f"it has {near[0] if near else ', '.join(sorted(known)) or 'none'}",
                )
    elif type(values) in SINGLE:
        for name in names_read(expression):
            raise TopologyError(
                f"{what} reads the field {name}, and values of the serde {values!r} have no "
                f"fields: {expression!r}",
                hint="value() is the whole value; documents are read with value=dict, or a class",
            )


def fields_of(kind: type) -> set[str] | None:
    """The fields of a class and of its subclasses, as expressions call them; None if not known."""
    found: set[str] = set()
    waiting, seen = [kind], {kind}
    while waiting:
        each: Any = waiting.pop()
        config = getattr(each, "__struct_config__", None)
        if config is not None:
            if config.array_like:
                return None
            found.update(each.__struct_encode_fields__)
            found.add(config.tag_field)
        elif dataclasses.is_dataclass(each):
            found.update(row.name for row in dataclasses.fields(each))
        new = [below for below in each.__subclasses__() if below not in seen]
        seen.update(new)
        waiting += new
    return {name for name in found if name is not None}


def names_read(expression: Expression) -> Iterator[str]:
    """The fields of the value that it reads, from left to right."""
    rest = [expression.rows()]
    while rest:
        rows = rest.pop()
        if rows[0] == "col" and rows[1] and isinstance(rows[1][0], str):
            yield rows[1][0]
        rest += reversed(children(rows))
