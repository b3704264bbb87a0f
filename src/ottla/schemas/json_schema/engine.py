"""What jsonschema-rs does for us: the meta-schemas, the judging of documents, and of whole schemas.

The engine is asked with one draft, 2020-12, and about graphs that hold all they refer to
(`linking.py`); it never fetches. Whether one schema covers another is a question that can take any
time, so it is asked only about graphs below the limits here; "unknown" is an answer like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from types import ModuleType
from typing import Any

from ottla.errors import OttlaError
from ottla.schemas.json_schema import drafts
from ottla.schemas.json_schema.drafts import Draft
from ottla.schemas.json_schema.linking import NAMES, Node
from ottla.schemas.json_schema.parsing import place, pointer, shown
from ottla.schemas.language import InvalidSchema

NODES_MAX = 300
"""Schemas within a schema, for the engine to be asked about it."""

CASES_MAX = 32
"""Ways through anyOf, oneOf and if that the engine may have to multiply out."""

PATTERNS_LENGTH_MAX = 500
"""Characters of all regular expressions together."""

ERRORS_MAX = 100
"""Of one document."""

MESSAGE_LENGTH_MAX = 300

VALUES_MAX = 500
"""Listed values, and names of properties."""


class EngineMissing(OttlaError):
    """jsonschema-rs is not installed."""


@cache
def engine() -> ModuleType:
    """jsonschema-rs, which is imported when the first schema comes.

    Raises:
        EngineMissing
    """
    try:
        import jsonschema_rs
    except ImportError:
        raise EngineMissing(
            "JSON Schema needs the package jsonschema-rs, which is not installed",
            hint="pip install 'ottla[registry]'",
        ) from None
    return jsonschema_rs


def check(value: Any, draft: Draft, text: str, document: str = "") -> None:
    """Hold a schema against the meta-schema of its draft; regular expressions must be valid too.

    Raises:
        InvalidSchema: with the place in `text`, unless `document` names another.
    """
    if isinstance(value, bool):
        return
    if not isinstance(value, dict):
        raise InvalidSchema(
            f"a JSON Schema is an object or a boolean, and not {shown(value)}",
            line=1,
            column=1,
            hint=None if document else 'begin with {"type": "object"}',
        )
    rs = engine()
    try:
        rs.meta.validate({**value, "$schema": draft.uri})
    except rs.ValidationError as error:
        raise _invalid(error, draft, text, document) from None
    except ValueError as error:
        raise InvalidSchema(f"the schema can't be judged: {str(error)[:200]}") from None


def _invalid(error: Any, draft: Draft, text: str, document: str) -> InvalidSchema:
    tokens = list(error.instance_path)
    line, column = place(text, tokens) if text else (0, 0)
    what = _reason(error)
    where = f"#{pointer(tokens)}" + (f" of the reference {document}" if document else "")
    if line and not document:
        where += f" (line {line}, column {column})"
    else:
        line = column = 0
    return InvalidSchema(
        f"the schema is invalid at {where}: {what}",
        line=line,
        column=column,
        path="" if document else pointer(tokens),
        hint=f"it is read as {draft.uri.rstrip('#')}; $schema can name another draft",
    )


def _reason(error: Any) -> str:
    """What is wrong with a keyword's value, in the engine's words, cut short."""
    keyword = error.instance_path[-1] if error.instance_path else ""
    if error.kind.name == "format":
        return f"{shown(error.instance)} is no valid {error.kind.format}"
    if keyword == "type" and error.kind.name == "anyOf":
        return (
            f"{shown(error.instance)} is none of the types array, boolean, integer, null, number,"
            " object and string, nor a list of them"
        )
    return _cut(error.message)


def exported(root: Node) -> Node:
    """A graph as one JSON value: what a `$ref` leads to stands under `$defs`, by its number."""
    if isinstance(root, bool):
        return root
    targets: dict[int, tuple[str, dict[str, Any]]] = {}
    seen: set[int] = set()
    stack: list[dict[str, Any]] = [root]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        target = node.get("$ref")
        if isinstance(target, dict) and id(target) not in targets:
            targets[id(target)] = (str(len(targets)), target)
        stack += within(node)

    def rewritten(node: Any, *, top: bool = False) -> Any:
        if not isinstance(node, dict):
            return node
        if not top and id(node) in targets:
            return {"$ref": f"#/$defs/{targets[id(node)][0]}"}
        out: dict[str, Any] = {}
        for keyword, held in node.items():
            if keyword in (NAMES, "default"):
                continue
            if keyword == "$ref":
                out.update(rewritten(held))
            elif keyword in drafts.ONE:
                out[keyword] = rewritten(held)
            elif keyword in drafts.MANY:
                if held:  # places of which there are none say nothing, and may not be told
                    out[keyword] = [rewritten(schema) for schema in held]
            elif keyword in drafts.NAMED:
                out[keyword] = {name: rewritten(schema) for name, schema in held.items()}
            else:
                out[keyword] = held
        return out

    whole = rewritten(root)
    assert isinstance(whole, dict)
    definitions = {name: rewritten(node, top=True) for name, node in targets.values()}
    schema: dict[str, Any] = {"$schema": drafts.DRAFTS[-1].uri, **whole}
    return {**schema, "$defs": definitions} if definitions else schema


def within(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes right within a node, what it refers to among them."""
    found: list[Any] = [node.get("$ref")]
    for keyword, held in node.items():
        if isinstance(held, list) and keyword in drafts.MANY:
            found += held
        elif keyword in drafts.ONE:
            found.append(held)
        elif isinstance(held, dict) and keyword in drafts.NAMED:
            found += held.values()
    return [schema for schema in found if isinstance(schema, dict)]


def judge(root: Node) -> Callable[[Any], bool]:
    """Whether a document is valid under a graph."""
    validator = engine().Draft202012Validator(exported(root), validate_formats=False)
    return lambda document: bool(validator.is_valid(document))


def explain(root: Node) -> Callable[[Any], list[str]]:
    """What is wrong with a document, each error with the JSON pointer of its place."""
    rs = engine()
    validator = rs.Draft202012Validator(exported(root), validate_formats=False)

    def errors(document: Any) -> list[str]:
        try:
            found = list(islice(validator.iter_errors(document), ERRORS_MAX))
        except ValueError as error:  # A type that JSON has not, or half a surrogate pair.
            return [f"#: the document is no JSON: {str(error)[:MESSAGE_LENGTH_MAX]}"]
        return [f"#{pointer(e.instance_path)}: {_cut(e.message)}" for e in found]

    return errors


def _cut(message: str) -> str:
    """A message without the middle of the value that it quotes at its beginning."""
    if len(message) <= MESSAGE_LENGTH_MAX:
        return message
    half = MESSAGE_LENGTH_MAX // 2
    return f"{message[:half]} … {message[-half:]}"


def check_patterns(root: Node) -> str | None:
    """The first regular expression of a graph that the engine can't take, for its size perhaps."""
    rs = engine()
    patterns: set[str] = set()
    for node in _nodes(root):
        patterns.update(node.get("patternProperties", ()))
        if "pattern" in node:
            patterns.add(node["pattern"])
    for pattern in patterns:
        try:
            rs.Draft202012Validator({"pattern": pattern})
        except ValueError:
            return pattern
    return None


def covers(reader: Node, writer: Node) -> bool:
    """Whether the engine proves that all that is valid under `writer` is valid under `reader`.

    False says nothing: the engine may not know, or was not asked because the question is too big.
    """
    if not (_small(reader) and _small(writer)):
        return False
    rs = engine()
    try:
        ours, theirs = (
            rs.canonicalize(exported(node), draft=rs.Draft202012, validate_formats=False)
            for node in (reader, writer)
        )
        return bool(ours.covers(theirs) == rs.canonical.Containment.YES)
    except (ValueError, rs.ReferencingError):  # What it can't bring into its form.
        return False


def count(root: Node, enough: int | None = None) -> int:
    """How many nodes a graph has; no more are counted than one over `enough`."""
    return sum(1 for _ in _nodes(root, enough))


def _nodes(root: Node, enough: int | None = None) -> Iterator[dict[str, Any]]:
    seen = {id(root)}
    stack = [root] if isinstance(root, dict) else []
    while stack:
        node = stack.pop()
        yield node
        for below in within(node):
            if id(below) not in seen:
                seen.add(id(below))
                stack.append(below)
        if enough is not None and len(seen) > enough + len(stack):
            return


_LISTING = ("enum", "required", "properties", "dependentRequired", "dependentSchemas")


def _small(root: Node) -> bool:
    """Whether a graph is small enough for a question that may take time of many times its size."""
    cases, words, values = 1, 0, 0
    for number, node in enumerate(_nodes(root)):
        cases *= max(1, len(node.get("anyOf", ()))) * max(1, len(node.get("oneOf", ())))
        cases *= 2 ** min(8, ("if" in node) + len(node.get("dependentSchemas", ())))
        words += len(node.get("pattern", "")) + sum(map(len, node.get("patternProperties", ())))
        values += sum(len(node.get(keyword, ())) for keyword in _LISTING)
        if number > NODES_MAX or cases > CASES_MAX:
            return False
        if words > PATTERNS_LENGTH_MAX or values > VALUES_MAX:
            return False
    return True
