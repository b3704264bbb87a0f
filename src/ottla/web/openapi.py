"""Writes rows of operations as an OpenAPI 3.1 description: what is served is what is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ottla.web.operation import BOOLEAN, INTEGER, STRINGS, Operation, Switch
from ottla.web.routes import names_in

Json = dict[str, Any]

ERROR = "ErrorMessage"
EVERYWHERE = (400, 401, 404, 405, 406, 408, 413, 415, 500)
"""What any operation may be answered with, whatever its row says."""

_KINDS: dict[str, Json] = {
    BOOLEAN: {"type": "boolean"},
    INTEGER: {"type": "integer", "format": "int32"},
    STRINGS: {"type": "array", "items": {"type": "string"}},
}


def described(
    operations: Iterable[Operation],
    shapes: Mapping[str, Json],
    *,
    title: str,
    version: str,
    types: tuple[str, ...],
    takes: tuple[str, ...] = (),
) -> Json:
    """The description of a service.

    Args:
        shapes: JSON Schemas by the names that rows have for bodies and answers.
    """
    paths: dict[str, Json] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(
            operation, types, (*types, *takes)
        )
    error = {
        "type": "object",
        "properties": {"error_code": {"type": "integer"}, "message": {"type": "string"}},
        "required": ["error_code", "message"],
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {"schemas": {**shapes, ERROR: error}},
    }


def _operation(operation: Operation, types: tuple[str, ...], takes: tuple[str, ...]) -> Json:
    told: Json = {
        "operationId": operation.name,
        "summary": operation.says,
        "parameters": [
            *(_in_path(name) for name in names_in(operation.path)),
            *(_in_query(switch) for switch in operation.switches),
        ],
        "responses": _responses(operation, types),
    }
    if operation.takes is not None:
        told["requestBody"] = {"required": True, "content": _content(operation.takes, takes)}
    return told


def _in_path(name: str) -> Json:
    kind = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": kind}


def _in_query(switch: Switch) -> Json:
    kind = _KINDS.get(switch.kind, {"type": "string"})
    default = list(switch.default) if switch.kind == STRINGS else switch.default
    return {
        "name": switch.name,
        "in": "query",
        "description": switch.says,
        "schema": {**kind, "default": default},
    }


def _responses(operation: Operation, types: tuple[str, ...]) -> Json:
    done: Json = {"description": "done"}
    if operation.gives is not None:
        done["content"] = _content(operation.gives, types)
    responses: dict[str, Json] = {str(operation.status): done}
    by_status: dict[int, list[int]] = {}
    for code in operation.refuses:
        by_status.setdefault(int(str(code)[:3]), []).append(code)
    for status in EVERYWHERE:
        by_status.setdefault(status, [])
    for status, codes in sorted(by_status.items()):
        text = f"refused, with {' or '.join(map(str, codes))}" if codes else "refused"
        responses[str(status)] = {"description": text, "content": _content(ERROR, types)}
    return responses


def _content(shape: str, types: tuple[str, ...]) -> Json:
    return {kind: {"schema": {"$ref": f"#/components/schemas/{shape}"}} for kind in types}
