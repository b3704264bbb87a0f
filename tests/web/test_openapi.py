"""The description that rows are written as."""

from __future__ import annotations

from typing import Any

from ottla.web.openapi import EVERYWHERE, described
from ottla.web.operation import Operation
from web.asking import SWITCHES, TYPES
from web.asking import told as answers

ROWS = [
    Operation("GET", "/things", "list", "All", answers, SWITCHES, gives="Things"),
    Operation(
        "POST", "/things/{thing}", "put", "Set", answers, takes="Thing", gives="Thing",
        refuses=(40401, 40402, 42201),
    ),
    Operation("DELETE", "/things/{thing}", "delete", "Delete", answers, status=204),
]  # fmt: skip
SHAPES: dict[str, Any] = {"Thing": {"type": "object"}, "Things": {"type": "array"}}


def description() -> Any:
    """That of the rows."""
    return described(
        ROWS, SHAPES, title="Things", version="1", types=TYPES, takes=("application/octet-stream",)
    )


def test_operations_are_under_their_paths() -> None:
    """If this failed, the description would leave something out that is served."""
    paths = description()["paths"]
    assert {path: sorted(methods) for path, methods in paths.items()} == {
        "/things": ["get"],
        "/things/{thing}": ["delete", "post"],
    }
    assert paths["/things/{thing}"]["post"]["operationId"] == "put"


def test_switches_are_parameters_with_their_defaults() -> None:
    """If this failed, a client made from the description would ask for what is not meant."""
    parameters = description()["paths"]["/things"]["get"]["parameters"]
    told = [(p["name"], p["in"], p["schema"]["type"], p["schema"]["default"]) for p in parameters]
    assert told == [
        ("deletedOnly", "query", "boolean", False),
        ("limit", "query", "integer", -1),
        ("prefix", "query", "string", ""),
        ("key", "query", "array", []),
    ]
    (path,) = description()["paths"]["/things/{thing}"]["delete"]["parameters"]
    assert (path["name"], path["in"], path["required"]) == ("thing", "path", True)


def test_bodies_and_answers_have_their_shapes_in_each_type() -> None:
    """If this failed, the description would promise another body than the one that is read."""
    put = description()["paths"]["/things/{thing}"]["post"]
    shape = {"schema": {"$ref": "#/components/schemas/Thing"}}
    assert put["requestBody"]["content"] == dict.fromkeys(
        (*TYPES, "application/octet-stream"), shape
    )
    assert put["responses"]["200"]["content"] == dict.fromkeys(TYPES, shape)
    delete = description()["paths"]["/things/{thing}"]["delete"]
    assert "content" not in delete["responses"]["204"]
    assert "requestBody" not in delete


def test_refusals_are_told_by_their_status() -> None:
    """If this failed, a client would not know which errors to expect."""
    responses = description()["paths"]["/things/{thing}"]["post"]["responses"]
    assert responses["404"]["description"] == "refused, with 40401 or 40402"
    assert responses["422"]["description"] == "refused, with 42201"
    assert {str(status) for status in EVERYWHERE} <= set(responses)
    error = responses["500"]["content"][TYPES[0]]["schema"]["$ref"]
    assert error == "#/components/schemas/ErrorMessage"
    assert set(description()["components"]["schemas"]) == {"Thing", "Things", "ErrorMessage"}
