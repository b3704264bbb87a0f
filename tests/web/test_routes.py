"""Paths and what is asked of them."""

from __future__ import annotations

import pytest

from ottla.web.operation import Operation
from ottla.web.routes import Routes, names_in
from web.asking import told


def routes(*rows: str) -> Routes:
    """Routes of "GET /path" rows, named so."""
    return Routes(Operation(*row.split(" "), row, "", told) for row in rows)


ROUTES = routes(
    "GET /",
    "GET /schemas",
    "GET /schemas/types",
    "GET /schemas/{id}",
    "DELETE /schemas/{id}",
    "GET /schemas/{id}/versions",
    "GET /schemas/types/{type}/all",
)


@pytest.mark.parametrize(
    ("path", "rows", "values"),
    [
        ("/", {"GET": "GET /"}, []),
        ("//", {"GET": "GET /"}, []),
        ("/schemas", {"GET": "GET /schemas"}, []),
        ("/schemas/", {"GET": "GET /schemas"}, []),
        ("/schemas/types", {"GET": "GET /schemas/types"}, []),
        ("/schemas/7", {"GET": "GET /schemas/{id}", "DELETE": "DELETE /schemas/{id}"}, ["7"]),
        ("/schemas/types/versions", {"GET": "GET /schemas/{id}/versions"}, ["types"]),
        ("/schemas/types/x/all", {"GET": "GET /schemas/types/{type}/all"}, ["x"]),
        ("/schemas/a%2Fb/versions", {"GET": "GET /schemas/{id}/versions"}, ["a/b"]),
        (
            "/schemas/%3A.x%3Aa%20%C3%A4/versions",
            {"GET": "GET /schemas/{id}/versions"},
            [":.x:a ä"],
        ),
    ],
)
def test_paths_are_found(path: str, rows: dict[str, str], values: list[str]) -> None:
    """If this failed, an operation would not be reached, or with another name than was meant."""
    found = ROUTES.find(path)
    assert found is not None
    assert {method: row.name for method, row in found.operations.items()} == rows
    assert found.values == values


@pytest.mark.parametrize(
    "path",
    ["", "/x", "/schemas//versions", "/schemas/1/2", "/schemas/types/x", "/s" * 100_000],
)
def test_other_paths_are_not(path: str) -> None:
    """If this failed, a path that nobody serves would be taken for one that somebody does."""
    assert ROUTES.find(path) is None


def test_two_rows_for_one_thing_are_a_mistake() -> None:
    """If this failed, one of two operations would never be reached, and nobody would know."""
    with pytest.raises(ValueError, match="two operations"):
        routes("GET /a/{b}", "GET /a/{c}")


def test_names_are_those_in_braces() -> None:
    """If this failed, the values of a path would get wrong names."""
    assert names_in("/a/{b}/c/{d}") == ["b", "d"]
