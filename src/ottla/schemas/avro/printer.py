"""An Avro schema as JSON text, as Java's `Schema.toString()` prints it.

Each named type is written out where it is first met and by its name from then on; types that a
reader of the text knows already are names from the start. Numbers and escapes are Java's: 1.0E-5,
\\u001F. Nothing here recurses into types, as a chain of references may be thousands long.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from ottla.schemas.avro.tree import (
    TYPE_WORDS,
    Array,
    Enum,
    Field,
    Fixed,
    Map,
    Name,
    Named,
    Primitive,
    Props,
    Record,
    Type,
    Union,
    definite,
)

_ESCAPES = {i: f"\\u{i:04X}" for i in range(32)} | {
    ord("\b"): "\\b",
    ord("\t"): "\\t",
    ord("\n"): "\\n",
    ord("\f"): "\\f",
    ord("\r"): "\\r",
    ord('"'): '\\"',
    ord("\\"): "\\\\",
}


class _Inner(NamedTuple):
    """A type that is still to be printed, in the namespace of the type around it."""

    type: Type
    space: str


_Part: TypeAlias = str | _Inner


def printed(root: Type, known: Iterable[str] = (), *, is_sorted: bool = False) -> str:
    """The text of a schema.

    `known` are the full names of the types that are printed as names only. `is_sorted` puts the
    keys without a meaning in Avro, and those inside of values, into the order of their characters.
    """
    return "".join(_Printing(set(known), is_sorted).parts(root))


class _Printing:
    def __init__(self, known: set[str], is_sorted: bool) -> None:
        self._known = known
        self._is_sorted = is_sorted

    def parts(self, root: Type) -> Iterator[str]:
        """The text, piece by piece."""
        todo: list[Iterator[_Part]] = [self._type(_Inner(root, ""))]
        while todo:
            part = next(todo[-1], None)
            if part is None:
                todo.pop()
            elif isinstance(part, str):
                yield part
            else:
                todo.append(self._type(part))

    def _type(self, here: _Inner) -> Iterator[_Part]:
        found = definite(here.type)
        match found:
            case Primitive():
                if not found.props:
                    yield f'"{found.kind}"'
                    return
                yield f'{{"type":"{found.kind}"'
                yield from self._props(found.props)
            case Array() | Map():
                is_array = isinstance(found, Array)
                yield '{"type":"array","items":' if is_array else '{"type":"map","values":'
                yield _Inner(found.items if isinstance(found, Array) else found.values, here.space)
                yield from self._props(found.props)
            case Union():
                yield from self._union(found, here.space)
                return
            case Record() | Enum() | Fixed():
                if found.name.full in self._known:
                    yield quoted(_qualified(found.name, here.space))
                    return
                self._known.add(found.name.full)
                yield from self._named(found, here.space)
        yield "}"

    def _union(self, union: Union, space: str) -> Iterator[_Part]:
        yield "["
        for index, branch in enumerate(union.branches):
            if index:
                yield ","
            yield _Inner(branch, space)
        yield "]"

    def _named(self, found: Named, space: str) -> Iterator[_Part]:
        """A definition, but for its closing bracket."""
        kind = "error" if isinstance(found, Record) and found.is_error else found.kind
        yield f'{{"type":"{kind}","name":{quoted(found.name.simple)}'
        if found.name.space != space:
            yield f',"namespace":{quoted(found.name.space)}'
        if found.doc is not None:
            yield f',"doc":{quoted(found.doc)}'
        match found:
            case Record():
                yield ',"fields":['
                for index, field in enumerate(found.fields):
                    if index:
                        yield ","
                    yield from self._field(field, found.name.space)
                yield "]"
            case Enum():
                yield f',"symbols":[{",".join(map(quoted, found.symbols))}]'
                if found.default is not None:
                    yield f',"default":{quoted(found.default)}'
            case Fixed():
                yield f',"size":{found.size}'
        yield from self._props(found.props)
        if found.aliases:
            names = (_alias(alias, found.name.space) for alias in found.aliases)
            yield f',"aliases":[{",".join(map(quoted, names))}]'

    def _field(self, field: Field, space: str) -> Iterator[_Part]:
        yield f'{{"name":{quoted(field.name)},"type":'
        yield _Inner(field.type, space)
        if field.doc is not None:
            yield f',"doc":{quoted(field.doc)}'
        if field.has_default:
            yield f',"default":{value_text(field.default, is_sorted=self._is_sorted)}'
        if field.order != "ascending":
            yield f',"order":"{field.order}"'
        if field.aliases:
            yield f',"aliases":[{",".join(map(quoted, field.aliases))}]'
        yield from self._props(field.props)
        yield "}"

    def _props(self, props: Props) -> Iterator[str]:
        for key in sorted(props) if self._is_sorted else props:
            yield f",{quoted(key)}:{value_text(props[key], is_sorted=self._is_sorted)}"


def _qualified(name: Name, space: str) -> str:
    """The name as it is used inside a namespace."""
    return name.simple if name.space == space and name.simple not in TYPE_WORDS else name.full


def _alias(alias: Name, space: str) -> str:
    """An alias of a type in a namespace.

    Java prints one outside all namespaces without its dot, and reads it back as another name.
    """
    return f".{alias.simple}" if space and not alias.space else _qualified(alias, space)


def quoted(text: str) -> str:
    """A JSON string with Java's escapes."""
    return f'"{text.translate(_ESCAPES)}"'


def value_text(value: Any, *, is_sorted: bool = False) -> str:
    """Any JSON value as Java prints it; values nest no deeper than schemas do."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, float):
        return _double(value)
    if isinstance(value, list):
        return f"[{','.join(value_text(v, is_sorted=is_sorted) for v in value)}]"
    if isinstance(value, dict):
        keys = sorted(value) if is_sorted else value
        pairs = (f"{quoted(k)}:{value_text(value[k], is_sorted=is_sorted)}" for k in keys)
        return f"{{{','.join(pairs)}}}"
    return json.dumps(value)


def _double(value: float) -> str:
    """As Java's Double.toString: a point always, an exponent below 0.001 and from ten million."""
    if not math.isfinite(value):
        return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'
    size = abs(value)
    if size == 0 or 1e-3 <= size < 1e7:
        return repr(value)
    mantissa, _, exponent = repr(value).partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    power = int(exponent or 0) + len(whole) - 1
    if whole == "0":  # 0.00012, told without an exponent
        power = -(len(fraction) - len(fraction.lstrip("0")) + 1)
    digits = digits.rstrip("0")
    if len(digits) == 1:  # Java takes the best of two digits: 4.9E-324, which 5.0E-324 is too
        digits = f"{size:.1e}"[:3].replace(".", "")
    return f"{sign}{digits[0]}.{digits[1:]}E{power}"
