"""What jsonschema-rs does for us: the meta-schemas, the judging of documents, and of whole schemas.

The engine is asked with one draft, 2020-12, and about graphs that hold all they refer to
(`linking.py`); it never fetches. Whether one schema covers another is a question that can take any
time, so it is asked only about graphs below the limits here; "unknown" is an answer like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

from ottla.errors import OttlaError
from ottla.schemas.json_schema import drafts
from ottla.schemas.json_schema.drafts import Draft
from ottla.schemas.json_schema.linking import NAMES, Node
from ottla.schemas.json_schema.parsing import escaped, place, pointer, shown
from ottla.schemas.language import InvalidSchema

NODES_MAX = 300
"""Schemas within a schema, for the engine to be asked about it."""

CASES_MAX = 64
"""Ways through anyOf, oneOf and if that the engine may have to multiply out."""

PATTERN_LENGTH_MAX = 200


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
    kind = type(error.kind).__name__.rpartition("_")[2]
    what = _reason(error)
    where = f"#{pointer(tokens)}" + (f" of the reference {document}" if document else "")
    if line and not document:
        where += f" (line {line}, column {column})"
    else:
        line = column = 0
    return InvalidSchema(
        f"at {where} {what}",
        line=line,
        column=column,
        path="" if document else pointer(tokens),
        hint=f"it is read as {draft.uri.rstrip('#')}"
        + ("" if kind else ", for $schema names no other"),
    )


def _reason(error: Any) -> str:
    """What is wrong with a keyword's value, in the engine's words, cut short."""
    keyword = error.instance_path[-1] if error.instance_path else ""
    if error.kind.name == "format":
        return f"stands {shown(error.instance)}, which is no valid {error.kind.format}"
    if keyword == "type" and error.kind.name == "anyOf":
        return (
            f"stands {shown(error.instance)}, which is none of the types array, boolean, integer,"
            " null, number, object and string, nor a list of them"
        )
    return f"stands what no schema has there: {error.message[:200]}"


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
    validator = engine().Draft202012Validator(exported(root), validate_formats=False)

    def errors(document: Any) -> list[str]:
        found = (
            f"#{''.join(f'/{escaped(str(token))}' for token in error.instance_path)}:"
            f" {error.message}"
            for error in validator.iter_errors(document)
        )
        return list(found)

    return errors


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


def _small(root: Node) -> bool:
    """Whether a graph is small enough for a question that may take time of many times its size."""
    if isinstance(root, bool):
        return True
    cases = 1
    seen: dict[int, dict[str, Any]] = {id(root): root}
    stack = [root]
    while stack:
        node = stack.pop()
        cases *= max(1, len(node.get("anyOf", ()))) * max(1, len(node.get("oneOf", ())))
        cases *= 2 ** (("if" in node) + len(node.get("dependentSchemas", ())))
        lengths = map(len, [node.get("pattern", ""), *node.get("patternProperties", ())])
        if cases > CASES_MAX or max(lengths) > PATTERN_LENGTH_MAX or len(seen) > NODES_MAX:
            return False
        for below in within(node):
            if id(below) not in seen:
                seen[id(below)] = below
                stack.append(below)
    return True
