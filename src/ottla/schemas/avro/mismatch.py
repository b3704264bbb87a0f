"""Two types that do not fit, and the sentence that says so and what to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ottla.schemas.avro.fault import shown
from ottla.schemas.avro.printer import alias_text
from ottla.schemas.avro.tree import (
    PRIMITIVES,
    Definite,
    Enum,
    Field,
    Fixed,
    Record,
    Union,
    definite,
)

LISTED_MAX = 10
"""How many symbols or branches a sentence lists."""


class Mismatch(NamedTuple):
    """What a reader can't read; `field` and `sources` where a field of it is at fault."""

    kind: str
    reader: Definite
    writer: Definite
    field: Field | None = None
    sources: list[Field] | None = None


def described(mismatch: Mismatch, path: str) -> str:
    """One sentence that names the path, what is there, and what to change."""
    what, change = _SENTENCES[mismatch.kind](mismatch)
    return f"At {path} {what}: {change}."


def _names(it: Mismatch) -> tuple[str, str]:
    if it.field is not None and it.sources is not None:
        names = _listed([source.name for source in it.sources])
        return (
            f"the reader's field '{it.field.name}' and its aliases name several fields of the"
            f" writer, {names}",
            f"take aliases away from field '{it.field.name}' until one is left",
        )
    assert isinstance(it.reader, Record | Enum | Fixed)
    assert isinstance(it.writer, Record | Enum | Fixed)
    alias = alias_text(it.writer.name, it.reader.name.space)
    return (
        f"the reader has {_called(it.reader)} where the writer has {_called(it.writer)}",
        f"keep the name, or give the reader's the alias '{shown(alias)}'",
    )


def _sizes(it: Mismatch) -> tuple[str, str]:
    assert isinstance(it.reader, Fixed)
    assert isinstance(it.writer, Fixed)
    return (
        f"{_called(it.reader)} has {it.reader.size} bytes and the writer's {it.writer.size}",
        "keep the size, or define a type of another name for the new one",
    )


def _symbols(it: Mismatch) -> tuple[str, str]:
    assert isinstance(it.reader, Enum)
    assert isinstance(it.writer, Enum)
    lacking = sorted(set(it.writer.symbols) - set(it.reader.symbols))
    return (
        f"{_called(it.reader)} lacks symbols of the writer, {_listed(lacking)}",
        "add them, or give the reader's enum a default",
    )


def _fields(it: Mismatch) -> tuple[str, str]:
    assert it.field is not None
    return (
        f"the reader has a field '{it.field.name}' that {_called(it.writer)} of the writer has not",
        f"give field '{it.field.name}' a default, or an alias if the writer calls it otherwise",
    )


def _types(it: Mismatch) -> tuple[str, str]:
    return (
        f"the reader has {_called(it.reader)}, which can't read the writer's {_called(it.writer)}",
        f"keep {_called(it.writer)}, or let the reader have a union of both",
    )


def _branches(it: Mismatch) -> tuple[str, str]:
    assert isinstance(it.reader, Union)
    names = [_called(definite(branch)) for branch in it.reader.branches[: LISTED_MAX + 1]]
    what = f"no branch of the reader's union ({_listed(names)}) reads the writer's"
    change = f"add {_called(it.writer)} to the reader's union"
    if it.writer.kind not in PRIMITIVES and any(
        definite(branch).kind == it.writer.kind for branch in it.reader.branches
    ):
        change = f"let a branch of it read {_called(it.writer)}, or add that as another"
    return f"{what} {_called(it.writer)}", change


_SENTENCES: dict[str, Callable[[Mismatch], tuple[str, str]]] = {
    "NAME_MISMATCH": _names,
    "FIXED_SIZE_MISMATCH": _sizes,
    "MISSING_ENUM_SYMBOLS": _symbols,
    "READER_FIELD_MISSING_DEFAULT_VALUE": _fields,
    "TYPE_MISMATCH": _types,
    "MISSING_UNION_BRANCH": _branches,
}


def _name(found: Definite) -> str:
    return shown(found.name.full) if isinstance(found, Record | Enum | Fixed) else ""


def _called(found: Definite) -> str:
    name = _name(found)
    return f"{found.kind} '{name}'" if name else found.kind


def _listed(names: list[str]) -> str:
    text = ", ".join(map(shown, names[:LISTED_MAX]))
    return text if len(names) <= LISTED_MAX else f"{text}, …"
