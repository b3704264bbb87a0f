"""From the JSON of an Avro schema to its tree.

It takes what Java's Avro 1.12 takes: names may be used before they are defined, a type may be
defined again if it is told alike, properties of no meaning are kept, and a `doc` that is no string
is passed over. Stricter than Java are only: no key twice in an object, no default that needs itself
to be filled, and the limits of depth and length. What stays true: a fault names the value that is
wrong by the steps that lead to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from ottla.schemas.avro.defaults import Defaulted, check_defaults
from ottla.schemas.avro.fault import Fault, Where, shown, shown_value
from ottla.schemas.avro.likeness import alike
from ottla.schemas.avro.tree import (
    NO_DEFAULT,
    PRIMITIVES,
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
    Reference,
    Type,
    Union,
    branch_name,
    definite,
)
from ottla.schemas.language import DEPTH_MAX

NAME_LENGTH_MAX = 1024
"""How many characters a full name may have. Types inherit namespaces: a text of 1 MiB whose one
namespace fills half of it could otherwise name types for gigabytes."""

FIXED_SIZE_MAX = 2**31 - 9
"""The most bytes that Java's Avro lets a fixed type have."""

_SCHEMA_WORDS = frozenset(
    ("doc", "fields", "items", "name", "namespace", "size", "symbols", "values", "type", "aliases")
)
_ENUM_WORDS = _SCHEMA_WORDS | {"default"}
_FIELD_WORDS = frozenset(("default", "doc", "name", "order", "type", "aliases"))
_ORDERS = {"ASCENDING": "ascending", "DESCENDING": "descending", "IGNORE": "ignore"}
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*+")
_JAVA_DOUBLE = re.compile(
    r"[+-]?+(?:NaN|Infinity|(?P<decimal>(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+)"
    r"[fFdD]?+|(?P<hex>0[xX](?:[0-9a-fA-F]++\.?+[0-9a-fA-F]*+|\.[0-9a-fA-F]++)[pP][+-]?+[0-9]++)"
    r"[fFdD]?+)"
)
_PLAIN = {kind: Primitive(kind, {}) for kind in PRIMITIVES}
"""The primitives without properties: one object each, for all schemas."""


class Parsed(NamedTuple):
    """What a text was read into."""

    root: Type
    own: tuple[Named, ...]
    """The named types that the text itself defines, in the order in which they are complete."""
    is_forward: bool
    """Whether a name was used before its type began, so that the text has them in other order."""


class Parser:
    """Reads one text's JSON after another, each with the names of those before it.

    Attributes:
        known: the complete named types, by their full names.
    """

    def __init__(self) -> None:
        self.known: dict[str, Named] = {}
        self._own: list[Named] = []
        self._is_forward = False
        self._unfinished: dict[str, Where | None] = {}
        self._spaces = {""}  # those whose parts were looked at
        self._pending: list[tuple[Reference, Where | None]] = []
        self._unions: list[tuple[Union, Where | None]] = []
        self._defaults: list[Defaulted] = []
        self._again: list[tuple[Named, Named, Where | None]] = []

    def parse(self, value: Any) -> Parsed:
        """The schema that a JSON value tells.

        Raises:
            Fault: it tells none.
        """
        self._own, self._pending, self._unions, self._defaults, self._again = [], [], [], [], []
        self._is_forward = False
        root = self._type(value, "", None, 1)
        self._resolve()
        seen: set[tuple[int, int]] = set()
        for first, second, where in self._again:
            if not alike(first, second, seen):
                _fail(
                    f"the name '{first.name.full}' is defined twice, differently",
                    where,
                    hint="rename one, or use the first by its name",
                )
        for union, where in self._unions:
            _check_branches(union, where)
        check_defaults(self._defaults)
        return Parsed(root, tuple(self._own), self._is_forward)

    def _resolve(self) -> None:
        """Give a target to each reference that was met before its type was complete."""
        for reference, where in self._pending:
            target = self.known.get(reference.full)
            if target is None:
                _fail(
                    f"no type has the name '{shown(reference.full)}'",
                    where,
                    hint="define it in this schema, or refer to the schema that does",
                )
            reference.target = target

    def _type(self, value: Any, space: str, where: Where | None, depth: int) -> Type:
        if isinstance(value, str):
            return self._named(value, space, where)
        if depth > DEPTH_MAX:
            _fail(f"types are nested more than {DEPTH_MAX} deep", where)
        if isinstance(value, list):
            return self._union(value, space, where, depth)
        if not isinstance(value, dict):
            _fail(f"{shown_value(value)} is no schema", where, hint='write a name, as "string"')
        kind = value.get("type")
        if not isinstance(kind, str):
            _fail(
                "a schema without a 'type'" if kind is None else "the 'type' is no string here",
                where if kind is None else Where(where, "type"),
                hint="an object that has another schema as its type is that schema: write it alone",
            )
        if kind in _PLAIN:
            return Primitive(kind, _props(value, _SCHEMA_WORDS, where))
        if kind in ("array", "map"):
            return self._container(kind, value, space, where, depth)
        if kind not in ("record", "error", "enum", "fixed"):
            _fail(
                f"'{shown(kind)}' is no kind of schema",
                Where(where, "type"),
                hint="a type that has a name is used by its name alone, without an object around",
            )
        return self._definition(kind, value, space, where, depth)

    def _named(self, text: str, space: str, where: Where | None) -> Type:
        """What a name stands for: a primitive, or a type known here or later."""
        if text in _PLAIN:
            return _PLAIN[text]
        full = f"{space}.{text}" if space and "." not in text else text
        found = self.known.get(full)
        if found is None and full not in self._unfinished:
            found = self.known.get(text)
        if found is not None:
            return Reference(found.name.full, found)
        reference = Reference(full)
        self._pending.append((reference, where))
        self._is_forward |= full not in self._unfinished
        return reference

    def _union(self, value: list[Any], space: str, where: Where | None, depth: int) -> Union:
        branches = []
        for index, each in enumerate(value):
            here = Where(where, index)
            if isinstance(each, list):
                _fail("a union stands in a union", here, hint="write its branches one level up")
            branches.append(self._type(each, space, here, depth + 1))
        union = Union(tuple(branches))
        self._unions.append((union, where))
        return union

    def _container(
        self, kind: str, value: dict[str, Any], space: str, where: Where | None, depth: int
    ) -> Type:
        key = "items" if kind == "array" else "values"
        if key not in value:
            _fail(f"this {kind} has no '{key}'", where, hint=f"say what is in it by '{key}'")
        inner = self._type(value[key], space, Where(where, key), depth + 1)
        props = _props(value, _SCHEMA_WORDS, where)
        return Array(inner, props) if kind == "array" else Map(inner, props)

    def _definition(
        self, kind: str, value: dict[str, Any], space: str, where: Where | None, depth: int
    ) -> Type:
        """A record, an enum or a fixed type."""
        name = self._name(value, space, where)
        doc = _doc(value)
        words = _ENUM_WORDS if kind == "enum" else _SCHEMA_WORDS
        props = _props(value, words, where)
        aliases = _type_aliases(value, name, where)
        found: Named
        if kind == "enum":
            symbols, default = _symbols(value, where)
            found = Enum(name, doc, aliases, props, symbols, default)
        elif kind == "fixed":
            found = Fixed(name, doc, aliases, props, _size(value, where))
        else:
            found = Record(name, doc, aliases, props, kind == "error")
            self._fill(found, value, where, depth)
        self._define(found, where)
        return found

    def _define(self, found: Named, where: Where | None) -> None:
        first = self.known.setdefault(found.name.full, found)
        if first is found:
            self._own.append(found)
        else:
            self._again.append((first, found, Where(where, "name")))

    def _fill(self, record: Record, value: dict[str, Any], where: Where | None, depth: int) -> None:
        """Read the record's fields."""
        told = value.get("fields")
        if not isinstance(told, list):
            _fail(
                f"the record '{record.name.full}' has no array 'fields'",
                Where(where, "fields") if "fields" in value else where,
                hint='a record without fields says "fields": []',
            )
        full = record.name.full
        if full in self._unfinished:
            _fail(
                f"the name '{full}' is defined again inside of itself",
                Where(where, "name"),
                hint="use the outer one by its name",
            )
        self._unfinished[full] = where
        fields: dict[str, Field] = {}
        for index, each in enumerate(told):
            here = Where(Where(where, "fields"), index)
            found = self._field(each, record, here, depth)
            if found.name in fields:
                _fail(
                    f"the record '{full}' has two fields '{found.name}'",
                    Where(here, "name"),
                    hint="rename one, or take it away",
                )
            fields[found.name] = found
        del self._unfinished[full]
        record.fields = tuple(fields.values())

    def _field(self, value: Any, record: Record, where: Where, depth: int) -> Field:
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            _fail(f"a field of the record '{record.name.full}' has no name", where)
        name = value["name"]
        _check_name(name, "field", Where(where, "name"))
        if "type" not in value:
            _fail(f"the field '{name}' has no type", where)
        found = self._type(value["type"], record.name.space, Where(where, "type"), depth + 1)
        order = value.get("order", "ascending")
        if not isinstance(order, str) or order.upper() not in _ORDERS:
            _fail(
                f"the order of the field '{name}' is {shown_value(order)}",
                Where(where, "order"),
                hint="write ascending, descending or ignore",
            )
        default = value.get("default", NO_DEFAULT)
        if default is not NO_DEFAULT:
            at = Where(where, "default")
            _check_depth(default, at)
            if isinstance(default, str) and _kind(found) in ("float", "double"):
                default = _double(default, at)
        props = _props(value, _FIELD_WORDS, where)
        aliases = tuple(dict.fromkeys(_aliases(value, where)))
        field = Field(name, found, _doc(value), default, _ORDERS[order.upper()], aliases, props)
        if default is not NO_DEFAULT:
            self._defaults.append(Defaulted(field, record, Where(where, "default")))
        return field

    def _name(self, value: dict[str, Any], space: str, where: Where | None) -> Name:
        told = value.get("name")
        if not isinstance(told, str):
            _fail(f"this {value['type']} has no name", where, hint="give it a 'name'")
        own_space = value.get("namespace")
        name = _split(told, own_space if isinstance(own_space, str) else space)
        at = Where(where, "name")
        if len(name.space) + len(name.simple) >= NAME_LENGTH_MAX:
            _fail(f"the name '{shown(name.full)}' has {NAME_LENGTH_MAX} characters or more", at)
        _check_name(name.simple, value["type"], at)
        if name.space not in self._spaces:
            for part in name.space.split("."):
                _check_name(part, "namespace", at if "." in told else Where(where, "namespace"))
            self._spaces.add(name.space)
        if not name.space and name.simple in _PLAIN:
            _fail(f"'{name.simple}' is a primitive type: nothing else has its name", at)
        return name


def _fail(text: str, where: Where | None, hint: str | None = None) -> NoReturn:
    raise Fault(text, where, hint)


def _kind(found: Type) -> str:
    """The kind, before references have targets."""
    return "" if isinstance(found, Reference) else found.kind


def _split(name: str, space: str) -> Name:
    """A name with what goes before its last dot, or else with a namespace."""
    before, dot, simple = name.rpartition(".")
    return Name(before if dot else space, simple)


def _check_name(name: str, what: str, where: Where) -> None:
    if _PLAIN_NAME.fullmatch(name) or (name and not name.isascii() and _is_java_name(name)):
        return
    _fail(
        f"'{shown(name)}' is no valid {what} name",
        where,
        hint="names begin with a letter or an underscore and go on with these and digits",
    )


def _is_java_name(name: str) -> bool:
    """Whether Java's Avro takes it: letters and digits of any script, in the basic plane."""
    return all(
        c <= "\uffff" and (c.isalpha() or c == "_" or (at > 0 and c.isdecimal()))
        for at, c in enumerate(name)
    )


def _doc(value: dict[str, Any]) -> str | None:
    doc = value.get("doc")
    return doc if isinstance(doc, str) else None


def _props(value: dict[str, Any], words: frozenset[str], where: Where | None) -> Props:
    props = {key: each for key, each in value.items() if key not in words}
    for key, each in props.items():
        if isinstance(each, list | dict):
            _check_depth(each, Where(where, key))
    return props


def _check_depth(value: Any, where: Where) -> None:
    """Refuse a value that nests deeper than a schema may."""
    layer = [value]
    for _ in range(DEPTH_MAX):
        layer = [
            inner
            for each in layer
            if isinstance(each, list | dict)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not layer:
            return
    _fail(f"a value is nested more than {DEPTH_MAX} deep", where)


def _aliases(value: dict[str, Any], where: Where | None) -> Sequence[str]:
    told = value.get("aliases", [])
    if not isinstance(told, list) or not all(isinstance(each, str) for each in told):
        _fail("'aliases' is no array of strings", Where(where, "aliases"))
    return told


def _type_aliases(value: dict[str, Any], name: Name, where: Where | None) -> tuple[Name, ...]:
    found: dict[Name, None] = {}
    for index, each in enumerate(_aliases(value, where)):
        alias = _split(each, name.space)
        _check_name(alias.simple, "alias", Where(Where(where, "aliases"), index))
        found[alias] = None
    return tuple(found)


def _symbols(value: dict[str, Any], where: Where | None) -> tuple[tuple[str, ...], str | None]:
    """The symbols and the default of an enum."""
    told = value.get("symbols")
    if not isinstance(told, list):
        _fail("this enum has no array 'symbols'", where, hint='write "symbols": ["A", "B"]')
    seen: set[str] = set()
    for index, each in enumerate(told):
        here = Where(Where(where, "symbols"), index)
        if not isinstance(each, str):
            _fail(f"the symbol {shown_value(each)} is no string", here)
        _check_name(each, "symbol", here)
        if each in seen:
            _fail(f"the symbol '{shown(each)}' stands twice in one enum", here)
        seen.add(each)
    default = value.get("default")
    if not isinstance(default, str):
        return tuple(told), None
    if default not in seen:
        _fail(
            f"the default '{shown(default)}' is no symbol of its enum",
            Where(where, "default"),
            hint="add it to the symbols, or choose one of them",
        )
    return tuple(told), default


def _size(value: dict[str, Any], where: Where | None) -> int:
    size = value.get("size")
    if isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= FIXED_SIZE_MAX:
        return size
    return _fail(
        "this fixed type has no 'size'" if size is None else f"{shown_value(size)} is no size",
        where if size is None else Where(where, "size"),
        hint=f"a size is a whole number of bytes, up to {FIXED_SIZE_MAX}",
    )


def _double(text: str, where: Where) -> float:
    """A default that is told as a string, read as Java reads doubles."""
    match = _JAVA_DOUBLE.fullmatch(text.strip("".join(map(chr, range(33)))))
    if match is None:
        _fail(
            f"the default {shown_value(text)} is no number", where, hint="write it without quotes"
        )
    if match["hex"] is not None:
        number = float.fromhex(match["hex"])
    else:
        number = float(match["decimal"] or match[0].lstrip("+-"))
    return -number if match[0].startswith("-") else number


def _check_branches(union: Union, where: Where | None) -> None:
    seen: set[str] = set()
    for index, each in enumerate(union.branches):
        found: Definite = definite(each)
        name = branch_name(found)
        if name in seen:
            _fail(
                f"the union has two branches '{shown(name)}'",
                Where(where, index),
                hint="only types with different names may stand beside their like",
            )
        seen.add(name)
