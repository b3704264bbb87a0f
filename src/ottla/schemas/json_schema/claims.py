"""Claims that all that one schema accepts is accepted by another, and what they rest on.

A claim has a writer (several nodes that a value satisfies at once) and a reader (one node). It is
held by walking down both: every keyword of the reader has to follow from some keyword of the
writer. Where nothing is found, that is a proof; where something is found, the keyword did not
follow in a way that is known here, which is what messages are made of.

A claim that comes up again while it is being held counts as held: that is right for schemas that
are part of themselves, since each turn goes into a property or an item, and documents end. What was
proven on the word of a claim that then fell is forgotten. Time is bounded: work is paid for from a
purse that grows with the size of the two schemas, and when it is empty nothing is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import cached_property
from typing import Any, Protocol, TypeAlias

from ottla.schemas.json_schema import engine, unevaluated
from ottla.schemas.json_schema.kinds import LENIENT, difference
from ottla.schemas.json_schema.linking import Node
from ottla.schemas.json_schema.parsing import printed, shown
from ottla.schemas.language import Difference

Found: TypeAlias = "tuple[Difference, ...]"

WORK_MIN = 5_000
WORK_PER_NODE = 2
"""What a comparison may cost: a claim costs 1, and so do about ten looks at a writer's nodes."""

DEPTH_MAX = 110
FOUND_MAX = 50
"""Differences that one comparison tells; nobody reads more."""
JUDGED_NODES_MAX = 1_000
"""Of a reader that the engine holds listed values against."""
VALUES_MAX = 2_000

EVERY_TYPE = frozenset({"null", "boolean", "integer", "fraction", "string", "array", "object"})
"""Types that no value has two of: a "number" is an integer or a fraction."""


class TooMuch(Exception):
    """More to compare than the purse or DEPTH_MAX lets."""


class Check(Protocol):
    """One keyword's part of a claim."""

    def __call__(
        self, claims: Claims, writer: Writer, part: dict[str, Any], at: str, /
    ) -> Iterable[Difference]: ...


def types_of(node: dict[str, Any]) -> frozenset[str]:
    """The types that a node's own `type` lets pass."""
    if "type" not in node:
        return EVERY_TYPE
    types = set(node["type"])
    if "number" in types:
        types |= {"integer", "fraction"}
    return frozenset(types & EVERY_TYPE)


def type_of(value: Any) -> str:
    """The type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
    return "integer" if value == int(value) else "fraction"


def identity(value: Any) -> str:
    """A text that two values share when JSON Schema holds them for equal."""
    return printed(_plain(value), sort=True)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else value.normalize()
    return value


class Writer:
    """What a value is known to satisfy: the nodes that hold for it, and what follows of them.

    Nodes that are empty are left out; a writer with none may write anything.
    """

    def __init__(
        self,
        parts: tuple[dict[str, Any], ...],
        *,
        impossible: bool,
        possible: dict[int, frozenset[str]] | None = None,
    ) -> None:
        self.parts = parts
        self.impossible = impossible
        self.key = (impossible, *sorted(map(id, parts)))
        self._possible = {} if possible is None else possible
        self._limits: dict[str, Any] = {}

    @cached_property
    def _by_keyword(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for part in self.parts:
            for keyword, value in part.items():
                found.setdefault(keyword, []).append(value)
        return found

    @cached_property
    def ids(self) -> frozenset[int]:
        return frozenset(map(id, self.parts))

    @cached_property
    def types(self) -> frozenset[str]:
        """The types that a value can have; none if there is no such value."""
        types = EVERY_TYPE if not self.impossible else frozenset()
        for part in self.parts:
            types &= _possible(part, self._possible)
        if self.values is not None:
            types &= {type_of(value) for value in self.values}
        return types

    @cached_property
    def values(self) -> list[Any] | None:
        """All values that there can be, if they are listed; more than are possible, perhaps."""
        types = EVERY_TYPE
        listed: dict[str, Any] | None = None
        for part in self.parts:
            types &= types_of(part)
            if "const" in part:
                here = {identity(part["const"]): part["const"]}
            elif "enum" in part:
                here = {identity(value): value for value in part["enum"]}
            else:
                continue
            listed = here if listed is None else {k: v for k, v in listed.items() if k in here}
        if listed is None and types <= {"null", "boolean"}:
            spelled: dict[str, list[Any]] = {"null": [None], "boolean": [False, True]}
            return [value for kind in sorted(types) for value in spelled[kind]]
        if listed is None or len(listed) > VALUES_MAX:
            return None
        return [value for value in listed.values() if type_of(value) in types]

    def least(self, keyword: str) -> Any:
        """The strictest of a keyword's values of which the least counts; None if there is none."""
        if keyword not in self._limits:
            self._limits[keyword] = min(self.all(keyword), default=None)
        return self._limits[keyword]

    def most(self, keyword: str) -> Any:
        """The strictest of a keyword's values of which the greatest counts."""
        if keyword not in self._limits:
            self._limits[keyword] = max(self.all(keyword), default=None)
        return self._limits[keyword]

    def all(self, keyword: str) -> list[Any]:
        """A keyword's value in each part that has it."""
        return self._by_keyword.get(keyword, [])

    @cached_property
    def required(self) -> frozenset[str]:
        """The properties that every object has."""
        return frozenset(name for names in self.all("required") for name in names)

    def declares(self, name: str) -> bool:
        return any(name in names for names in self.all("properties"))

    def __str__(self) -> str:
        """The writer's values as they are called in a message."""
        if self.values is not None:
            return shown(self.values)
        return words(self.types)


def _possible(node: Node, memo: dict[int, frozenset[str]]) -> frozenset[str]:
    """The types of values that a node accepts, or more."""
    if isinstance(node, bool):
        return EVERY_TYPE if node else frozenset()
    found = memo.get(id(node))
    if found is None:
        found = types_of(node)
        for below in (*node.get("allOf", ()), node.get("$ref", True)):
            found &= _possible(below, memo)
        for keyword in ("anyOf", "oneOf"):
            if keyword in node:
                branches = (_possible(branch, memo) for branch in node[keyword])
                found &= frozenset().union(*branches)
        memo[id(node)] = found
    return found


def words(types: Iterable[str]) -> str:
    """Types as they are called in a message."""
    found = set(types)
    if found >= EVERY_TYPE:
        return "anything"
    if {"integer", "fraction"} <= found:
        found -= {"integer", "fraction"}
        found.add("number")
    return " or ".join(sorted(found)) or "nothing"


def expanded(
    nodes: Iterable[Node], virtual: Callable[[dict[str, Any]], Iterable[dict[str, Any]]]
) -> tuple[tuple[dict[str, Any], ...], bool]:
    """All nodes that hold for a value that satisfies some, and whether none can."""
    parts: dict[int, dict[str, Any]] = {}
    stack = list(nodes)
    impossible = False
    while stack:
        node = stack.pop()
        if isinstance(node, bool):
            impossible = impossible or not node
        elif node and id(node) not in parts:
            parts[id(node)] = node
            stack += node.get("allOf", ())
            stack.append(node.get("$ref", True))
            stack += virtual(node)
    return tuple(parts.values()), impossible


class Claims:
    """All claims of one comparison.

    `lax` has what was let pass though a document of the writer may be invalid for the reader: by
    the policy LENIENT, or because the field's registries let it pass (`comparing.py` says why).
    """

    def __init__(self, checks: Iterable[Check], *, lenient: bool, nodes: int) -> None:
        self.lax: set[str] = set()
        self._purse = WORK_MIN + WORK_PER_NODE * nodes
        self._checks = tuple(checks)
        self._lenient = lenient
        self._depth = 0
        self._tenth = 0
        self._possible: dict[int, frozenset[str]] = {}
        self._held: dict[tuple[Any, int], Found] = {}
        self._writers: dict[Any, Writer] = {}
        self._proven: list[tuple[Any, int]] = []
        self._judges: dict[int, Callable[[Any], bool]] = {}
        self._patterns: dict[str, Callable[[Any], bool]] = {}
        self._virtual: dict[int, list[dict[str, Any]]] = {}
        self._of_type: dict[str, dict[str, Any]] = {}

    def writer(self, *nodes: Node) -> Writer:
        """Whoever writes values that satisfy all these nodes."""
        parts, impossible = expanded(nodes, self.virtual)
        self.pay(len(parts) // 10)
        writer = Writer(parts, impossible=impossible, possible=self._possible)
        return self._writers.setdefault(writer.key, writer)

    def narrowed(self, writer: Writer, *nodes: Node) -> Writer:
        """A writer whose values satisfy more."""
        return self.writer(*writer.parts, *nodes) if not writer.impossible else writer

    def of_type(self, kind: str) -> dict[str, Any]:
        """A node for a single type, one and the same each time."""
        if kind == "fraction":
            return self._of_type.setdefault(kind, {"type": ["number"]})
        return self._of_type.setdefault(kind, {"type": [kind]})

    def unread(self, writer: Writer, reader: Node, at: str) -> Found:
        """What of the writer's the reader does not read; nothing if the claim holds.

        Raises:
            TooMuch
        """
        if reader is True or writer.impossible or not writer.types:
            return ()
        if reader is False:
            told = difference("TYPE_NARROWED", at, new="nothing", old=str(writer), missing="it")
            return (told,)
        if id(reader) in writer.ids:
            return ()
        key = (writer.key, id(reader))
        known = self._held.get(key)
        if known is not None:
            return known
        self.pay(1)
        if self._depth > DEPTH_MAX:
            raise TooMuch
        self._held[key] = ()
        before = len(self._proven)
        self._proven.append(key)
        self._depth += 1
        found = () if self._judged(writer, reader) else self._differences(writer, reader, at)
        self._depth -= 1
        if found:
            for other in self._proven[before:]:
                del self._held[other]
            del self._proven[before:]
            self._held[key] = found
        return found

    def _judged(self, writer: Writer, reader: dict[str, Any]) -> bool:
        """Whether all that can be written is listed, and each of it valid for the reader."""
        if writer.values is None or (judge := self._judge(reader)) is None:
            return False
        self.pay(len(writer.values) // 10)
        refused = [value for value in writer.values if not judge(value)]
        return not refused or not self.written(writer, refused)

    def _judge(self, node: dict[str, Any]) -> Callable[[Any], bool] | None:
        judge = self._judges.get(id(node))
        if judge is None:
            nodes = engine.count(node, JUDGED_NODES_MAX)
            if nodes > JUDGED_NODES_MAX:
                return None
            self.pay(1 + nodes // 5)
            judge = self._judges[id(node)] = engine.judge(node)
        return judge

    def written(self, writer: Writer, values: list[Any]) -> list[Any]:
        """Those of some listed values that nothing keeps the writer from writing."""
        for part in writer.parts:
            if values and part.keys() - {"enum", "const", "type"}:
                judge = self._judge(part)
                self.pay(len(values) // 10)
                values = values if judge is None else [one for one in values if judge(one)]
        return values

    def accepts(self, reader: Node, value: Any) -> bool:
        """Whether one value is valid under a node; False where too many have been asked for."""
        if isinstance(reader, bool):
            return reader
        node = self.writer()
        listed = Writer(({"const": value},), impossible=node.impossible)
        return self._judged(listed, reader)

    def _differences(self, writer: Writer, reader: dict[str, Any], at: str) -> Found:
        found: dict[Difference, None] = {}
        for part, where, product in self._reader_parts(reader, writer, at):
            here: dict[Difference, None] = {}
            self._tenth += 1
            self.pay(self._tenth % 10 == 0)
            for check in self._checks:
                here.update(dict.fromkeys(check(self, writer, part, where)))
            if here and product:
                found[difference("PRODUCT_TYPE_EXTENDED", where)] = None
            found.update(here)
            if len(found) > FOUND_MAX:
                break
        return tuple(found)[:FOUND_MAX]

    def _reader_parts(
        self, reader: dict[str, Any], writer: Writer, at: str
    ) -> Iterator[tuple[dict[str, Any], str, bool]]:
        """Each node that the reader holds a value to, its path, and if it is one more in allOf."""
        most = max((len(branches) for branches in writer.all("allOf")), default=0)
        seen: set[int] = set()
        stack: list[tuple[Node, str, bool]] = [(reader, at, False)]
        while stack:
            node, where, product = stack.pop()
            if node is False:
                stack.append(({"not": {}}, where, product))
            elif isinstance(node, dict) and id(node) not in seen and id(node) not in writer.ids:
                seen.add(id(node))
                yield node, where, product
                for virtual in self.virtual(node):
                    yield virtual, where, product
                branches = node.get("allOf", [])
                more = len(branches) > most
                stack += (
                    (branch, f"{where}/allOf/{number}", more)
                    for number, branch in reversed(list(enumerate(branches)))
                )
                stack.append((node.get("$ref", True), where, product))

    def virtual(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        """What says the same as a node's `unevaluated…`; the same nodes each time."""
        found = self._virtual.get(id(node))
        if found is None:
            found = []
            for keyword in ("unevaluatedProperties", "unevaluatedItems"):
                if keyword in node:
                    found += unevaluated.told(node, keyword) or ()
            if found:
                self._virtual[id(node)] = found
        return found

    def matches(self, pattern: str, name: str) -> bool:
        """Whether a name matches a regular expression, as the engine reads it."""
        judge = self._patterns.get(pattern)
        if judge is None:
            self.pay(1 + len(pattern) // 100)
            judge = self._patterns[pattern] = engine.judge({"pattern": pattern})
        self._tenth += 1
        self.pay(self._tenth % 10 == 0)
        return judge(name)

    def pay(self, work: int) -> None:
        """Pay for work that is about to be done.

        Raises:
            TooMuch: the purse is empty.
        """
        self._purse -= work
        if self._purse < 0:
            raise TooMuch

    def found(self, kind: str, at: str, **values: str) -> Iterator[Difference]:
        """A difference, unless the policy lets it pass."""
        if self._lenient and kind in LENIENT:
            self.lax.add(kind)
        else:
            yield difference(kind, at, **values)
