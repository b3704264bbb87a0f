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
    Definite,
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

    type: Definite
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
        todo: list[Iterator[_Part]] = [iter((self._part(root, ""),))]
        while todo:
            part = next(todo[-1], None)
            if part is None:
                todo.pop()
            elif isinstance(part, str):
                yield part
            else:
                todo.append(self._inside(part))

    def _part(self, told: Type, space: str) -> _Part:
        """The whole text of a type that has no other types inside, or is known by its name."""
        found = definite(told)
        if isinstance(found, Primitive):
            if not found.props:
                return f'"{found.kind}"'
            return f'{{"type":"{found.kind}"{self._props(found.props)}}}'
        if isinstance(found, Record | Enum | Fixed):
            if found.name.full in self._known:
                return quoted(_qualified(found.name, space))
            self._known.add(found.name.full)
        return _Inner(found, space)

    def _inside(self, here: _Inner) -> Iterator[_Part]:
        """The text of a type, with its inner types still to be printed."""
        found, space = here
        match found:
            case Array():
                yield '{"type":"array","items":'
                yield self._part(found.items, space)
                yield f"{self._props(found.props)}}}"
            case Map():
                yield '{"type":"map","values":'
                yield self._part(found.values, space)
                yield f"{self._props(found.props)}}}"
            case Union():
                yield "["
                for index, branch in enumerate(found.branches):
                    if index:
                        yield ","
                    yield self._part(branch, space)
                yield "]"
            case Record():
                yield f'{self._head(found, space)},"fields":['
                for index, field in enumerate(found.fields):
                    comma = "," if index else ""
                    yield f'{comma}{{"name":{quoted(field.name)},"type":'
                    yield self._part(field.type, found.name.space)
                    yield f"{self._field_rest(field)}}}"
                yield f"]{self._rest(found)}}}"
            case Enum():
                yield f'{self._head(found, space)},"symbols":[{_listed(found.symbols)}]'
                if found.default is not None:
                    yield f',"default":{quoted(found.default)}'
                yield f"{self._rest(found)}}}"
            case Fixed():
                yield f'{self._head(found, space)},"size":{found.size}{self._rest(found)}}}'

    def _head(self, found: Named, space: str) -> str:
        """A definition as far as its doc."""
        kind = "error" if isinstance(found, Record) and found.is_error else found.kind
        text = f'{{"type":"{kind}","name":{quoted(found.name.simple)}'
        if found.name.space != space:
            text += f',"namespace":{quoted(found.name.space)}'
        return text if found.doc is None else f'{text},"doc":{quoted(found.doc)}'

    def _rest(self, found: Named) -> str:
        """What ends a definition."""
        props = self._props(found.props)
        if not found.aliases:
            return props
        names = [alias_text(alias, found.name.space) for alias in found.aliases]
        return f'{props},"aliases":[{_listed(names)}]'

    def _field_rest(self, field: Field) -> str:
        """A field from behind its type."""
        text = "" if field.doc is None else f',"doc":{quoted(field.doc)}'
        if field.has_default:
            text += f',"default":{value_text(field.default, is_sorted=self._is_sorted)}'
        if field.order != "ascending":
            text += f',"order":"{field.order}"'
        if field.aliases:
            text += f',"aliases":[{_listed(field.aliases)}]'
        return f"{text}{self._props(field.props)}" if field.props else text

    def _props(self, props: Props) -> str:
        return "".join(
            f",{quoted(key)}:{value_text(props[key], is_sorted=self._is_sorted)}"
            for key in (sorted(props) if self._is_sorted else props)
        )


def _listed(names: Iterable[str]) -> str:
    return ",".join(map(quoted, names))


def _qualified(name: Name, space: str) -> str:
    """The name as it is used inside a namespace."""
    return name.simple if name.space == space and name.simple not in TYPE_WORDS else name.full


def alias_text(alias: Name, space: str) -> str:
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
