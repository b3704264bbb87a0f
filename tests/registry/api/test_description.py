"""The registry's description of itself, asked at random: what it says is what it does.

schemathesis makes requests of it, those that it allows and those that it forbids. A schema's text
can't be described by a schema, so that one that is allowed may still be refused: in many of those
that bring one, an example of the description stands in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS

import ottla
from ottla.registry.contracts import KINDS, RULE_LISTS
from ottla.registry.instance import Instance
from ottla.registry.service import operations

EXAMPLES = 8
EXAMPLES_LONG = 300
CHECKED = [check for check in CHECKS.get_all() if check.__name__ != "positive_data_acceptance"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where a registry is."""
    with ottla.Broker(registry=True) as broker:
        yield broker.schema_registry_url


@pytest.fixture(scope="module")
def described(url: str) -> Any:
    """What it says of itself."""
    return schemathesis.openapi.from_url(f"{url}/openapi.json")


def put(example: dict[str, Any], body: Any) -> None:
    """Give a schema that is told anywhere in a body the text and the type of an example."""
    for each in body.values() if isinstance(body, dict) else body if isinstance(body, list) else ():
        put(example, each)
    if isinstance(body, dict) and isinstance(body.get("schema"), str):
        body.update(example)


def ask(described: Any, method: str, path: str, examples: int) -> None:
    """Make so many requests of an operation, the same ones each time, and look at the answers."""

    shapes = described.raw_schema["components"]["schemas"]
    examples_told = [None, *shapes["RegisterSchemaRequest"]["examples"]]

    @given(case=described[path][method].as_strategy(), example=st.sampled_from(examples_told))
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def made(case: Any, example: dict[str, Any] | None) -> None:
        if example is not None and case.meta.generation.mode.is_positive:
            put(example, case.body)
        case.call_and_validate(checks=CHECKED, timeout=60)

    made()


ROWS = [(row.method, row.path) for row in operations(Instance({}))]
OTHER_NAMES = [("POST", "/associations:batchMutate")]
"""What is another name of an operation before it, answered by the same function."""


@pytest.mark.parametrize(("method", "path"), [row for row in ROWS[:-1] if row not in OTHER_NAMES])
def test_the_registry_does_as_it_says(described: Any, method: str, path: str) -> None:
    """If this failed, clients made from the description would meet a fault of the registry, or an
    answer that they can't read.
    """
    ask(described, method, path, EXAMPLES)


@pytest.mark.long
@pytest.mark.parametrize(("method", "path"), ROWS[:-1])
def test_the_registry_does_as_it_says_for_long(described: Any, method: str, path: str) -> None:
    """If this failed, the same, of what is asked more rarely."""
    ask(described, method, path, EXAMPLES_LONG)


def test_the_examples_are_taken(url: str, described: Any) -> None:
    """If this failed, who learns from the description would send what is refused."""
    examples = described.raw_schema["components"]["schemas"]["RegisterSchemaRequest"]["examples"]
    assert {each["schemaType"] for each in examples} == {"AVRO", "JSON", "PROTOBUF"}
    for each in examples:
        subject = f"example-{each['schemaType']}"
        got = httpx.post(f"{url}/subjects/{subject}/versions", json=each, timeout=60)
        assert got.status_code == 200, got.text


def test_every_operation_is_described(described: Any) -> None:
    """If this failed, something would be served that nobody can know of."""
    told = {(each.ok().method.upper(), each.ok().path) for each in described.get_all_operations()}
    assert told == set(ROWS[:-1])
    assert set(OTHER_NAMES) < told
    assert ROWS[-1] == ("GET", "/openapi.json")
    shapes = described.raw_schema["components"]["schemas"]
    rule = {"$ref": "#/components/schemas/MigrationRule"}
    assert shapes["RuleSet"]["properties"]["migrationRules"]["items"] == rule
    assert set(RULE_LISTS) < set(shapes["RuleSet"]["properties"])
    assert shapes["DomainRule"]["properties"]["kind"]["enum"] == list(KINDS)
