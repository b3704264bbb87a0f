"""Paths within a context, and subjects that are aliases."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ottla.registry.api.ways import subject_of, within_context
from ottla.registry.deciding.setting import set_config
from ottla.registry.instance import Instance
from ottla.registry.stored import encoded
from ottla.web.operation import Request


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("/subjects", "/subjects"),
        ("/contexts", "/contexts"),
        ("/contexts/.c", "/contexts/.c"),
        ("/contexts//subjects", "/contexts//subjects"),
        ("/contexts/./subjects/s/versions", "/subjects/s/versions"),
        ("/contexts/:.:/subjects/s/versions", "/subjects/s/versions"),
        ("/contexts/.c/subjects/s/versions", "/subjects/%3A.c%3As/versions"),
        ("/contexts/:.c:/subjects/s/versions", "/subjects/%3A.c%3As/versions"),
        ("/contexts/.c/subjects/:.d:s/versions", "/subjects/:.d:s/versions"),
        ("/contexts/.c/subjects/%3a.d%3as", "/subjects/%3a.d%3as"),
        ("/contexts/.c/subjects/a%2Fb", "/subjects/%3A.c%3Aa%2Fb"),
        ("/contexts/.c/config/s", "/config/%3A.c%3As"),
        ("/contexts/.c/config", "/config/%3A.c%3A"),
        ("/contexts/.c/mode", "/mode/%3A.c%3A"),
        (
            "/contexts/.c/compatibility/subjects/s/versions/latest",
            "/compatibility/subjects/%3A.c%3As/versions/latest",
        ),
        ("/contexts/.c/subjects", "/subjects?subjectPrefix=%3A.c%3A"),
        ("/contexts/.c/subjects?subjectPrefix=s", "/subjects?subjectPrefix=%3A.c%3As"),
        ("/contexts/.c/subjects?subjectPrefix=:*:", "/subjects?subjectPrefix=:*:"),
        (
            "/contexts/.c/schemas?deleted=true",
            "/schemas?deleted=true&subjectPrefix=%3A.c%3A",
        ),
        ("/contexts/.c/schemas/ids/1", "/schemas/ids/1?subject=%3A.c%3A"),
        ("/contexts/.c/schemas/ids/1?subject=s", "/schemas/ids/1?subject=%3A.c%3As"),
        ("/contexts/.c/schemas/types", "/schemas/types"),
        (
            "/contexts/.c/associations/subjects/s",
            "/associations/subjects/%3A.c%3As?context=%3A.c%3A",
        ),
        ("/contexts/.c/associations:batch", "/associations:batch?context=%3A.c%3A"),
        ("/contexts/.c/healthz", "/healthz"),
    ],
)
def test_a_path_within_a_context_names_it_in_the_subject(asked: str, meant: str) -> None:
    """If this failed, a client whose URL has a context in it would read and write in another."""
    path, _, query = asked.partition("?")
    found, placed = within_context(path, query)
    assert "?".join(part for part in (found, placed) if part) == meant


def asking(subject: str) -> Request:
    """A request with a subject in its path, as far as that is looked at."""
    told: Any = SimpleNamespace(path={"subject": subject})
    return cast(Request, told)


def test_an_alias_is_the_subject_that_it_stands_for() -> None:
    """If this failed, who asks for an alias would find nothing, or write beside what is meant."""
    instance = Instance({})
    for subject, alias in (("a", "real"), (":.c:a", ":.c:real")):
        decision = set_config(instance.state, subject, {"alias": alias})
        for key, value in decision.entries:
            assert instance.state.apply(encoded(key), cast(bytes, encoded(value)), 1)
    found = {name: subject_of(instance, asking(name)) for name in ("a", ":.:a", ":.c:a", "b")}
    assert found == {"a": "real", ":.:a": "real", ":.c:a": ":.c:real", "b": "b"}
