"""A schema registry for tests of the commands that ask one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ottla
from cli.commands import run
from cli.script import Ran

Schemas = Callable[..., Ran]


@pytest.fixture(scope="module")
def registry_broker() -> Iterator[ottla.Broker]:
    """A node with a registry, of one file of tests; subjects are not used by two tests."""
    with ottla.Broker(registry=True) as broker:
        yield broker


@pytest.fixture
def schemas(
    registry_broker: ottla.Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Schemas:
    """`ottla schemas ...` at that registry, in an empty folder."""
    monkeypatch.setenv("OTTLA_REGISTRY", registry_broker.schema_registry_url)
    monkeypatch.chdir(tmp_path)

    def ask(*words: Any, stdin: str = "") -> Ran:
        return run(["ottla", "schemas", *map(str, words)], stdin)

    return ask
