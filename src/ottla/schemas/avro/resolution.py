"""Whether a reader's schema can read what a writer's has written: Avro's schema resolution.

The rules, kinds and paths are those by which Java's `SchemaCompatibility` judges, and so registries
do: names count without their namespace, logical types do not count. Each pair of a reader's and a
writer's type becomes a node that knows what it needs of other pairs; recursive schemas make
circles of nodes. Whatever can't be read for itself makes those unreadable that need it, until
nothing changes: what is left can be read. So a pair is looked at once, however often it is met, and
a circle is readable unless something on it is not. (Java, which walks depth first and remembers
answers that it only supposed, can call a union readable for such a supposition.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from ottla.schemas.avro.fault import Where, pointer, steps
from ottla.schemas.avro.mismatch import Mismatch, described
from ottla.schemas.avro.tree import (
    PRIMITIVES,
    Array,
    Definite,
    Enum,
    Field,
    Fixed,
    Map,
    Name,
    Named,
    Record,
    Type,
    Union,
    definite,
)
from ottla.schemas.language import Difference

DIFFERENCES_MAX = 100
"""How many differences are told; where there are more, nobody reads them one by one."""

STEPS_MIN = 100_000
"""How many fields, branches and pairs may always be compared, and more for longer texts: unions of
thousands of records that share their last names could ask for each with each."""

_READ_BY = {
    "int": ("int", "long", "float", "double"),
    "long": ("long", "float", "double"),
    "float": ("float", "double"),
    "string": ("string", "bytes"),
    "bytes": ("bytes", "string"),
}
"""Which primitives read what was written as a primitive; one that is not here only itself."""


_Key: TypeAlias = tuple[str, str | Name]
"""A kind, and the last name or an alias of a type; the name is empty where types have none."""


class _Needed(NamedTuple):
    """A pair that has to be readable: its faults are the faults of the pair that needs it."""

    way: tuple[str | int, ...]
    pair: int


class _Branch(NamedTuple):
    """A branch of the writer's union, for which some branch of the reader's has to be found."""

    way: tuple[str | int, ...]
    pair: int
    mismatch: Mismatch


class _AnyOf(NamedTuple):
    """Branches of the reader's union, one of which has to be readable."""

    pairs: tuple[int, ...]
    mismatch: Mismatch
    way: tuple[str | int, ...] = ()


class _Wrong(NamedTuple):
    """What can't be read whatever else is."""

    way: tuple[str | int, ...]
    mismatch: Mismatch


_Need: TypeAlias = _Needed | _Branch | _AnyOf | _Wrong


class _Telling(NamedTuple):
    """A pair whose faults are being told: those still to come, and where it stands."""

    pair: int
    rest: Iterator[_Need]
    where: Where | None


class _TooMuch(Exception):
    """More steps than two texts of their lengths can need without being meant to."""


def unreadable(reader: Type, writer: Type, length: int) -> Sequence[Difference]:
    """Why not, in the order of the reader's text; nothing when it can.

    `length` is that of both texts together, in characters; it bounds the time.
    """
    comparison = _Comparison(STEPS_MIN + length // 4)
    try:
        comparison.expand(definite(reader), definite(writer))
    except _TooMuch:
        what = "the unions of the two schemas meet in too many combinations to be compared"
        return [Difference("TYPE_MISMATCH", "/", f"At / {what}: give their records other names.")]
    comparison.spread()
    found = []
    for where, mismatch in comparison.faults():
        path = pointer(steps(where)) or "/"
        found.append(Difference(mismatch.kind, path, described(mismatch, path)))
        if len(found) == DIFFERENCES_MAX:
            break
    return found


class _Comparison:
    """All pairs that are met on the way from the two roots; the pair 0 is that of the roots."""

    def __init__(self, steps_max: int) -> None:
        self._steps_left = steps_max
        self._numbers: dict[tuple[int, int], int] = {}
        self._pairs: list[tuple[Definite, Definite]] = []
        self._needs: list[list[_Need]] = []
        self._needed_by: list[list[int]] = []
        self._bad: set[int] = set()
        self._telling: dict[int, set[int]] = {}  # readers by writers
        self._branch_ids: dict[int, frozenset[int]] = {}
        self._branches: dict[int, dict[_Key, list[Definite]]] = {}
        self._fields: dict[int, dict[str, Field]] = {}
        self._aliases: dict[int, frozenset[Name]] = {}
        self._symbols: dict[int, frozenset[str]] = {}

    def expand(self, reader: Definite, writer: Definite) -> None:
        """Meet all pairs, from the roots on."""
        self._pair(reader, writer)
        while len(self._needs) < len(self._pairs):
            number = len(self._needs)
            found = list(self._compare(*self._pairs[number]))
            self._needs.append(found)
            self._step(len(found))
            for each in found:
                for other in (
                    each.pairs
                    if isinstance(each, _AnyOf)
                    else (() if isinstance(each, _Wrong) else (each.pair,))
                ):
                    self._needed_by[other].append(number)

    def spread(self) -> None:
        """Find all pairs that can't be read."""
        left = {
            number: len(found[0].pairs)
            for number, found in enumerate(self._needs)
            if found and isinstance(found[0], _AnyOf)
        }
        todo = [
            number
            for number, found in enumerate(self._needs)
            if any(isinstance(each, _Wrong) for each in found)
        ]
        self._bad.update(todo)
        while todo:
            for number in self._needed_by[todo.pop()]:
                if number in left:
                    left[number] -= 1
                if left.get(number, 0) == 0 and number not in self._bad:
                    self._bad.add(number)
                    todo.append(number)

    def faults(self) -> Iterator[tuple[Where | None, Mismatch]]:
        """What is wrong, depth first, each pair once.

        A branch that would be readable but for a pair that is being told is no fault of its own.
        """
        if 0 not in self._bad:
            return
        told = {0}
        way = [_Telling(0, iter(self._needs[0]), None)]
        self._open(0)
        while way:
            pair, rest, where = way[-1]
            each = next(rest, None)
            if each is None:
                way.pop()
                self._close(pair)
            elif isinstance(each, _AnyOf | _Wrong | _Branch):
                is_wrong = not isinstance(each, _Branch) or each.pair in self._bad
                if is_wrong and not self._is_told(each.mismatch):
                    yield _along(where, each.way), each.mismatch
            elif each.pair in self._bad and each.pair not in told:
                told.add(each.pair)
                self._open(each.pair)
                inner = iter(self._needs[each.pair])
                way.append(_Telling(each.pair, inner, _along(where, each.way)))

    def _open(self, number: int) -> None:
        reader, writer = self._pairs[number]
        self._telling.setdefault(id(writer), set()).add(id(reader))

    def _close(self, number: int) -> None:
        reader, writer = self._pairs[number]
        self._telling[id(writer)].discard(id(reader))

    def _is_told(self, mismatch: Mismatch) -> bool:
        """Whether the faults of some branch of a union are being told, at a place above."""
        if not isinstance(mismatch.reader, Union):
            return False
        telling = self._telling.get(id(mismatch.writer), set())
        branches = mismatch.reader.branches
        if len(telling) < len(branches):
            known = self._branch_ids.get(id(mismatch.reader))
            if known is None:
                known = frozenset(id(definite(each)) for each in branches)
                self._branch_ids[id(mismatch.reader)] = known
            return not known.isdisjoint(telling)
        return any(id(definite(each)) in telling for each in branches)

    def _step(self, count: int = 1) -> None:
        self._steps_left -= count
        if self._steps_left < 0:
            raise _TooMuch

    def _pair(self, reader: Type, writer: Type) -> int:
        """The number of a pair, which is met now or was before."""
        one, other = definite(reader), definite(writer)
        number = self._numbers.setdefault((id(one), id(other)), len(self._pairs))
        if number == len(self._pairs):
            self._step()
            self._pairs.append((one, other))
            self._needed_by.append([])
        return number

    def _compare(self, reader: Definite, writer: Definite) -> Iterator[_Need]:
        match reader, writer:
            case (Array(), Array()):
                yield _Needed(("items",), self._pair(reader.items, writer.items))
            case (Map(), Map()):
                yield _Needed(("values",), self._pair(reader.values, writer.values))
            case (Fixed(), Fixed()):
                yield from self._names(reader, writer)
                if reader.size != writer.size:
                    yield _Wrong(("size",), Mismatch("FIXED_SIZE_MISMATCH", reader, writer))
            case (Enum(), Enum()):
                yield from self._names(reader, writer)
                if reader.default is None and not self._has_symbols(reader, writer):
                    yield _Wrong(("symbols",), Mismatch("MISSING_ENUM_SYMBOLS", reader, writer))
            case (Record(), Record()):
                yield from self._names(reader, writer)
                yield from self._record(reader, writer)
            case (Union(), Union()):
                yield from self._all_branches(reader, writer)
            case (_, Union()):
                for index, branch in enumerate(writer.branches):
                    yield _Needed((index,), self._pair(reader, branch))
            case (Union(), _):
                yield from self._any_branch(reader, writer)
            case _ if not _reads(reader, writer):
                yield _Wrong((), Mismatch("TYPE_MISMATCH", reader, writer))

    def _names(self, reader: Named, writer: Named) -> Iterator[_Wrong]:
        if reader.name.simple == writer.name.simple:
            return
        aliases = self._aliases.get(id(reader))
        if aliases is None:
            aliases = self._aliases[id(reader)] = frozenset(reader.aliases)
        if writer.name not in aliases:
            yield _Wrong(("name",), Mismatch("NAME_MISMATCH", reader, writer))

    def _has_symbols(self, reader: Enum, writer: Enum) -> bool:
        """Whether the reader knows all symbols of the writer."""
        self._step(len(writer.symbols))
        known = self._symbols.get(id(reader))
        if known is None:
            known = self._symbols[id(reader)] = frozenset(reader.symbols)
        return len(writer.symbols) <= len(known) and known.issuperset(writer.symbols)

    def _record(self, reader: Record, writer: Record) -> Iterator[_Needed | _Wrong]:
        written = self._fields.get(id(writer))
        if written is None:
            written = self._fields[id(writer)] = {field.name: field for field in writer.fields}
        self._step(len(reader.fields))
        for index, field in enumerate(reader.fields):
            self._step(len(field.aliases))
            names = dict.fromkeys((field.name, *field.aliases))
            sources = [written[name] for name in names if name in written]
            if len(sources) > 1:
                yield _Wrong(
                    ("fields", index), Mismatch("NAME_MISMATCH", reader, writer, field, sources)
                )
            elif sources:
                one, other = definite(field.type), definite(sources[0].type)
                if not _reads(one, other):
                    yield _Needed(("fields", index, "type"), self._pair(one, other))
            elif not field.has_default:
                kind = "READER_FIELD_MISSING_DEFAULT_VALUE"
                yield _Wrong(("fields", index), Mismatch(kind, reader, writer, field))

    def _all_branches(self, reader: Union, writer: Union) -> Iterator[_Branch | _Wrong]:
        self._step(len(writer.branches))
        for index, branch in enumerate(map(definite, writer.branches)):
            mismatch = Mismatch("MISSING_UNION_BRANCH", reader, branch)
            if branch.kind not in PRIMITIVES:
                yield _Branch((index,), self._pair(reader, branch), mismatch)
            elif not self._has_primitive(reader, branch.kind):
                yield _Wrong((index,), mismatch)

    def _any_branch(self, reader: Union, writer: Definite) -> Iterator[_AnyOf | _Wrong]:
        """Only the branches that could fit are tried: of thousands, no more than a few."""
        mismatch = Mismatch("MISSING_UNION_BRANCH", reader, writer)
        if writer.kind in PRIMITIVES:
            if not self._has_primitive(reader, writer.kind):
                yield _Wrong((), mismatch)
            return
        known = self._by_name(reader)
        found: dict[int, None] = {}
        for key in _keys(writer):
            found.update((self._pair(branch, writer), None) for branch in known.get(key, ()))
        yield _AnyOf(tuple(found), mismatch) if found else _Wrong((), mismatch)

    def _has_primitive(self, reader: Union, kind: str) -> bool:
        """Whether a branch of the reader's union reads a primitive."""
        known = self._by_name(reader)
        return any((each, "") in known for each in _readers(kind))

    def _by_name(self, reader: Union) -> dict[_Key, list[Definite]]:
        known = self._branches.get(id(reader))
        if known is None:
            known = self._branches[id(reader)] = _indexed(reader)
            self._step(len(reader.branches))
        return known


def _along(where: Where | None, way: tuple[str | int, ...]) -> Where | None:
    for step in way:
        where = Where(where, step)
    return where


def _readers(kind: str) -> tuple[str, ...]:
    return _READ_BY.get(kind, (kind,))


def _reads(reader: Definite, writer: Definite) -> bool:
    """Whether two types that stand alone are both primitive, and the one reads the other."""
    return writer.kind in PRIMITIVES and reader.kind in _readers(writer.kind)


def _keys(writer: Definite) -> tuple[_Key, ...]:
    """Under what the reader's branches that may read a type are found."""
    if isinstance(writer, Record | Enum | Fixed):
        return (writer.kind, writer.name.simple), (writer.kind, writer.name)
    return ((writer.kind, ""),)


def _indexed(union: Union) -> dict[_Key, list[Definite]]:
    """Branches by their last names and their aliases, and those that have no name by their kind."""
    found: dict[_Key, list[Definite]] = {}
    for each in map(definite, union.branches):
        names: list[str | Name] = [""]
        if isinstance(each, Record | Enum | Fixed):
            names = [each.name.simple, *each.aliases]
        for name in names:
            found.setdefault((each.kind, name), []).append(each)
    return found
