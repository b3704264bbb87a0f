"""A schema and all that it refers to, as one graph that every draft's schema comes to.

A node of the graph is True, False or a dict of 2020-12's keywords: what an older draft writes in
another way (`items` as a list, `exclusiveMaximum` as a flag, `dependencies`) is told in the new
one, annotations are gone, and `$ref` holds the node itself that it leads to. So whoever compares,
validates or bundles knows one draft and no URI.

What stays true: nothing is fetched from anywhere. A reference leads into the schema, into a
dependency that was handed in, or to the meta-schema of a draft (which stands for any schema); one
that leads nowhere is an error, and so is a schema that refers to itself without going into a
property or an item, for no document could ever be judged by it.

Formats are annotations here, and so is the encoding of contents: 2019-09 and later say so, the
field's comparisons have no word for them, and the Python clients of the field do not check them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import unquote, urldefrag, urljoin

from ottla.schemas.json_schema import drafts
from ottla.schemas.json_schema.drafts import Draft
from ottla.schemas.json_schema.parsing import pointer, shown
from ottla.schemas.language import DEPTH_MAX, InvalidSchema

Node: TypeAlias = "dict[str, Any] | bool"

NAMES = "$names"
"""Of a node: what its author called a keyword, by what 2020-12 calls it, where they differ."""

IN_PLACE_MAX = 2 * DEPTH_MAX
"""How many schemas may judge one and the same value, one within the other."""

_ANY_SCHEMA: Any = {"type": ["object", "boolean"]}
"""What stands for a meta-schema: no more is checked of a schema that is a document's part."""

_Tokens: TypeAlias = "tuple[str | int, ...]"


class Linked(NamedTuple):
    """A graph, and whether some reference depends on the way that led to it.

    Such a `$dynamicRef` is followed to where it leads at first, which is not all that it can mean.
    """

    root: Node
    dynamic: bool
    used: frozenset[str]
    """The names of the dependencies that are referred to."""


class _Spot(NamedTuple):
    """A schema within a document."""

    value: Any
    document: str
    """"" for the schema itself, else the name of a dependency."""
    draft: Draft
    uri: str
    tokens: _Tokens


def link(
    value: Any,
    draft: Draft,
    dependencies: Sequence[tuple[str, Any]],
    check: Callable[[Any, Draft], None],
) -> Linked:
    """Make the graph of a schema, given what its references need by name.

    All of these are known to be schemas; `check` is asked about what a reference finds elsewhere
    in them, under a keyword that no draft knows.

    Raises:
        InvalidSchema: a reference leads nowhere or in a circle; with the path of the `$ref`.
    """
    root = _Spot(value, "", draft, "", ())
    others = (_Spot(held, name, drafts.draft_of(held), name, ()) for name, held in dependencies)
    linker = _Linker([root, *others], check)
    node = linker.built(root)
    linker.finish()
    if linker.references:
        _check_circles(linker)
    return Linked(node, linker.dynamic, frozenset(linker.used))


class _Linker:
    """What of the graph is there, and what is still to be done."""

    def __init__(self, documents: list[_Spot], check: Callable[[Any, Draft], None]) -> None:
        self._documents = documents
        self._check = check
        self._schemas: set[int] = set()
        self._resources: dict[str, _Spot] = {}
        self._anchors: dict[tuple[str, str], _Spot] = {}
        self._dynamic: dict[str, int] = {}
        self._uses_dynamic: set[str] = set()
        self.used: set[str] = set()
        self._nodes: dict[int, dict[str, Any]] = {}
        self._waiting: deque[tuple[_Spot, dict[str, Any]]] = deque()
        self.references: dict[int, tuple[_Spot, str]] = {}

    @property
    def dynamic(self) -> bool:
        return any(self._dynamic.get(name, 0) > 1 for name in self._uses_dynamic)

    def nodes(self) -> list[dict[str, Any]]:
        return list(self._nodes.values())

    def _index(self, root: _Spot) -> None:
        """Note every schema, URI and anchor of a document; nobody asks but for a reference."""
        name = urldefrag(root.uri)[0]
        self._resources.setdefault(name, root)
        self._resources.setdefault(_joined("", name, root), root)
        stack = [root]
        while stack:
            spot = stack.pop()
            if not isinstance(spot.value, dict):
                continue
            self._schemas.add(id(spot.value))
            spot = self._named(spot)
            for keyword, child in _children(spot.value, spot.draft):
                stack.append(spot._replace(value=child, tokens=(*spot.tokens, *keyword)))

    def _named(self, spot: _Spot) -> _Spot:
        """The spot with the URI that it gives itself, which is noted."""
        value = spot.value
        uri, fragment = _identified(spot)
        if fragment and spot.draft.number < 2019:
            self._anchors.setdefault((uri, fragment), spot)
        if uri != spot.uri:
            spot = spot._replace(uri=uri)
            self._resources.setdefault(uri, spot)
        if spot.draft.number >= 2019:
            for keyword in ("$anchor", "$dynamicAnchor"):
                if isinstance(name := value.get(keyword), str):
                    self._anchors.setdefault((spot.uri, name), spot)
                    if keyword == "$dynamicAnchor":
                        self._dynamic[name] = self._dynamic.get(name, 0) + 1
            if value.get("$recursiveAnchor") is True:
                self._dynamic[""] = self._dynamic.get("", 0) + 1
        return spot

    def built(self, spot: _Spot) -> Node:
        """The node of a spot, which is filled later."""
        if isinstance(spot.value, bool):
            return spot.value
        if not isinstance(spot.value, dict):
            what = f"{_where(spot)} stands {shown(spot.value)}, which is no schema"
            raise InvalidSchema(f"at {what}", path=pointer(spot.tokens))
        node = self._nodes.get(id(spot.value))
        if node is None:
            node = self._nodes[id(spot.value)] = {}
            self._waiting.append((spot, node))
        return node

    def finish(self) -> None:
        """Fill all nodes, those of definitions that nothing refers to among them."""
        while self._waiting:
            spot, node = self._waiting.popleft()
            self._fill(spot, node)

    def _fill(self, spot: _Spot, node: dict[str, Any]) -> None:
        value, draft = spot.value, spot.draft
        alone = _alone(value, draft)
        spot = spot._replace(uri=_identified(spot)[0])
        for keyword in ("$ref", "$recursiveRef", "$dynamicRef"):
            if keyword in value and (keyword == "$ref" or draft.number >= 2019):
                target = self.built(self._resolved(value[keyword], keyword, spot))
                self.references[id(node)] = (spot, keyword)
                if "$ref" in node or isinstance(target, bool):
                    node.setdefault("allOf", []).append(target)
                else:
                    node["$ref"] = target

        def child(schema: Any, *tokens: str | int) -> Node:
            return self.built(spot._replace(value=schema, tokens=(*spot.tokens, *tokens)))

        for name in ("$defs", "definitions"):
            definitions = value.get(name) if drafts.knows(draft, name) else None
            if spot.document == "" and isinstance(definitions, dict):
                for key, schema in definitions.items():
                    if isinstance(schema, dict):
                        child(schema, name, key)
        if not alone:
            _translate(value, draft, node, child)

    def _resolved(self, reference: Any, keyword: str, spot: _Spot) -> _Spot:
        while self._documents:
            self._index(self._documents.pop(0))
        if not isinstance(reference, str):
            raise _unresolved(shown(reference), keyword, spot, "is no URI")
        if keyword == "$recursiveRef":
            self._uses_dynamic.add("")
        uri, fragment = urldefrag(_joined(spot.uri, reference, spot))
        if keyword == "$dynamicRef":
            self._uses_dynamic.add(fragment)
        if not reference.startswith("#") and uri not in self._resources:
            # A registry's references go by the very words of the $ref, whatever its base.
            uri = urldefrag(reference)[0]
        resource = self._resources.get(uri)
        if resource is None:
            if drafts.known(uri) is not None:
                return spot._replace(value=_ANY_SCHEMA, tokens=())
            raise _unresolved(reference, keyword, spot, "is not among the references")
        self.used.add(resource.document)
        fragment = unquote(fragment)
        if not fragment:
            return resource
        if not fragment.startswith("/"):
            found = self._anchors.get((uri, fragment))
        else:
            found = _followed(resource, fragment)
        if found is None:
            raise _unresolved(reference, keyword, spot, "leads to nothing")
        if id(found.value) not in self._schemas:
            self._check(found.value, found.draft)
        return found


def _followed(spot: _Spot, fragment: str) -> _Spot | None:
    """What a JSON pointer leads to."""
    for token in fragment[1:].split("/"):
        token = token.replace("~1", "/").replace("~0", "~")
        value = spot.value
        key: str | int
        if isinstance(value, dict) and token in value:
            key = token
        elif isinstance(value, list) and token.isdecimal() and int(token[:9]) < len(value):
            key = int(token[:9])
        else:
            return None
        spot = spot._replace(value=value[key], tokens=(*spot.tokens, key))
        if isinstance(spot.value, dict):
            spot = spot._replace(uri=_identified(spot)[0])
    return spot


def _identified(spot: _Spot) -> tuple[str, str]:
    """The URI of what a schema is part of, itself perhaps, and the fragment that it names."""
    identifier = spot.value.get(spot.draft.identifier)
    if not isinstance(identifier, str) or (spot.tokens and _alone(spot.value, spot.draft)):
        return spot.uri, ""
    uri, fragment = urldefrag(_joined(spot.uri, identifier, spot))
    return uri, fragment


def _alone(value: dict[str, Any], draft: Draft) -> bool:
    """Whether a `$ref` makes everything beside it mean nothing, as it does up to draft 7."""
    return "$ref" in value and draft.number <= 7


def _joined(base: str, reference: str, spot: _Spot) -> str:
    if not base or not reference:
        base, reference = "", base or reference
    try:
        return urljoin(base, reference)
    except ValueError:
        what = f"{_where(spot)} stands {shown(reference)}, which is no URI"
        raise InvalidSchema(f"at {what}", path=pointer(spot.tokens)) from None


def _where(spot: _Spot) -> str:
    where = f"#{pointer(spot.tokens)}"
    return f"{where} of the reference {spot.document}" if spot.document else where


def _unresolved(reference: str, keyword: str, spot: _Spot, why: str) -> InvalidSchema:
    return InvalidSchema(
        f"{keyword} {shown(reference)} at {_where(spot)} {why}",
        path="" if spot.document else pointer((*spot.tokens, keyword)),
        hint="nothing is fetched: define it under $defs or definitions, or register its schema and"
        f" name {reference.partition('#')[0] or 'it'} among the references",
    )


def _children(value: dict[str, Any], draft: Draft) -> list[tuple[tuple[str | int, ...], Any]]:
    """The schemas right within a schema, by the tokens that lead to them."""
    found: list[tuple[tuple[str | int, ...], Any]] = []
    for keyword, held in value.items():
        if not drafts.knows(draft, keyword):
            continue
        if isinstance(held, list) and keyword in drafts.MANY:
            found += (((keyword, number), schema) for number, schema in enumerate(held))
        elif keyword in drafts.ONE and isinstance(held, dict):
            found.append(((keyword,), held))
        elif keyword in drafts.NAMED and isinstance(held, dict):
            found += (((keyword, name), schema) for name, schema in held.items())
    return found


_SINGLE = drafts.ONE - {"items", "additionalItems"}
_BRANCHES = frozenset({"allOf", "anyOf", "oneOf"})
_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas"})


def _translate(
    value: dict[str, Any], draft: Draft, node: dict[str, Any], child: Callable[..., Node]
) -> None:
    """Tell what a schema says in 2020-12's keywords."""
    names: dict[str, str] = {}
    for keyword, held in value.items():
        if not drafts.knows(draft, keyword):
            continue
        if keyword in drafts.PLAIN:
            node[keyword] = _plain(keyword, held)
        elif keyword in _SINGLE:
            node[keyword] = child(held, keyword)
        elif keyword in _BRANCHES:
            schemas = [child(schema, keyword, number) for number, schema in enumerate(held)]
            node[keyword] = schemas + node.get(keyword, [])
        elif keyword in _NAMED:
            node[keyword] = {name: child(schema, keyword, name) for name, schema in held.items()}
        elif keyword == "default":
            node["default"] = held
    for side in ("aximum", "inimum"):
        exclusive = node.get(f"exclusiveM{side}")
        if isinstance(exclusive, bool):  # Draft 4.
            del node[f"exclusiveM{side}"]
            if exclusive and f"m{side}" in node:
                node[f"exclusiveM{side}"] = node.pop(f"m{side}")
                names[f"exclusiveM{side}"] = f"m{side}"
    for name, held in value.get("dependencies", {}).items():
        if isinstance(held, list):
            required = node.setdefault("dependentRequired", {})
            required[name] = list(dict.fromkeys([*required.get(name, ()), *held]))
            names["dependentRequired"] = "dependencies"
        else:
            schemas = node.setdefault("dependentSchemas", {})
            schema = child(held, "dependencies", name)
            schemas[name] = {"allOf": [schemas[name], schema]} if name in schemas else schema
            names["dependentSchemas"] = "dependencies"
    _translate_items(value, draft, node, child, names)
    _drop_idle(node, names)
    if names:
        node[NAMES] = names


def _plain(keyword: str, held: Any) -> Any:
    if keyword == "type":
        return [held] if isinstance(held, str) else held
    if keyword == "dependentRequired":
        return dict(held)
    if keyword.startswith(("max", "min")) and keyword not in ("maximum", "minimum"):
        return int(held)
    return held


def _translate_items(
    value: dict[str, Any],
    draft: Draft,
    node: dict[str, Any],
    child: Callable[..., Node],
    names: dict[str, str],
) -> None:
    items = value.get("items", True)
    if draft.number >= 2020:
        if "prefixItems" in value:
            schemas = enumerate(value["prefixItems"])
            node["prefixItems"] = [child(schema, "prefixItems", n) for n, schema in schemas]
    elif isinstance(items, list):
        node["prefixItems"] = [child(schema, "items", n) for n, schema in enumerate(items)]
        names["prefixItems"] = "items"
        if "additionalItems" in value:
            node["items"] = child(value["additionalItems"], "additionalItems")
            names["items"] = "additionalItems"
        return
    if "items" in value:
        node["items"] = child(items, "items")


def _drop_idle(node: dict[str, Any], names: dict[str, str]) -> None:
    """Leave out what says nothing, and tell `unevaluated…` plainly where nothing else evaluates."""
    if "if" not in node:
        node.pop("then", None)
        node.pop("else", None)
    if "contains" not in node:
        node.pop("minContains", None)
        node.pop("maxContains", None)
    if node.get("uniqueItems") is False:
        del node["uniqueItems"]
    besides = {"$ref", "allOf", "anyOf", "oneOf", "if", "dependentSchemas"} & node.keys()
    for plain, unevaluated in (
        ("additionalProperties", "unevaluatedProperties"),
        ("items", "unevaluatedItems"),
    ):
        if unevaluated not in node:
            continue
        within = plain == "items" and "contains" in node
        if plain in node:
            del node[unevaluated]
        elif not besides and not within:
            node[plain] = node.pop(unevaluated)
            names[plain] = unevaluated


_IN_PLACE = frozenset(
    {"$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"}
)
"""Keywords whose schemas judge the same value as the schema that they stand in."""


def in_place(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The schemas within a node that judge the same value as it does."""
    found: list[Any] = []
    for keyword in _IN_PLACE.intersection(node):
        held = node[keyword]
        if isinstance(held, list):
            found += held
        elif keyword == "dependentSchemas":
            found += held.values()
        else:
            found.append(held)
    return [schema for schema in found if isinstance(schema, dict)]


def _check_circles(linker: _Linker) -> None:
    """Walk down from each node through what judges the same value, and never come back."""
    depth: dict[int, int] = {}  # 0 while a node is on the way.
    for start in linker.nodes():
        stack = [] if id(start) in depth else [(start, in_place(start))]
        depth.setdefault(id(start), 0)
        while stack:
            node, left = stack[-1]
            if left:
                below = left.pop()
                if id(below) not in depth:
                    depth[id(below)] = 0
                    stack.append((below, in_place(below)))
                elif depth[id(below)] == 0:
                    raise _circle(linker, [n for n, _ in stack])
                continue
            stack.pop()
            deepest = max((depth[id(below)] for below in in_place(node)), default=0)
            depth[id(node)] = deepest + 1
            if deepest + 1 > IN_PLACE_MAX:
                raise InvalidSchema(
                    f"one value is judged by more than {IN_PLACE_MAX} schemas, one within another",
                    hint="let fewer $ref, allOf, anyOf and oneOf lead from one to the next",
                )


def _circle(linker: _Linker, way: list[dict[str, Any]]) -> InvalidSchema:
    """The error for a circle, at the last reference on the way into it."""
    spots = (linker.references[id(n)] for n in reversed(way) if id(n) in linker.references)
    spot, keyword = next(spots)
    return InvalidSchema(
        f"{keyword} {shown(spot.value[keyword])} at {_where(spot)} leads back to itself without"
        " going into a property or an item",
        path="" if spot.document else pointer((*spot.tokens, keyword)),
        hint="a schema may be part of itself, but not the whole of itself",
    )
