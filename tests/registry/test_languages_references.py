"""References followed from the state: each once, in bounds, and a name for one schema alone."""

from __future__ import annotations

import pytest

from ottla.registry.languages import DEPTH_MAX
from ottla.web.operation import Refusal
from registry.world import World, record


def fixed(name: str) -> str:
    """A type that says nothing but its name."""
    return f'{{"type":"fixed","name":"{name}","size":4}}'


def to(name: str, subject: str, version: int = 1) -> dict[str, object]:
    """A reference."""
    return {"name": name, "subject": subject, "version": version}


def test_a_name_stands_for_one_schema() -> None:
    """One of two schemas would be taken and the other be left out, and nobody be told."""
    world = World()
    world.register("one", fixed("T"))
    world.register("other", fixed("U"))
    with pytest.raises(Refusal, match="two references are named 'T': one to one 1, one to other 1"):
        world.register("s", '"T"', references=[to("T", "one"), to("T", "other")])
    world.register("s", '"T"', references=[to("T", "one"), to("T", ":.:one")])
    assert world.state.latest("s") is not None


def test_two_schemas_may_each_have_the_name() -> None:
    """A schema would be refused for what those that it refers to are free to do."""
    world = World()
    world.register("t", fixed("T"))
    for name in ("A", "B"):
        text = record("x=", name=name).replace('"int","default":0', '"T"')
        world.register(name, text, references=[to("T", "t")])
    world.register("s", '["A","B"]', references=[to("A", "A"), to("B", "B"), to("T", "t")])
    assert world.state.latest("s") is not None


def test_a_chain_that_is_too_long_is_told_as_one() -> None:
    """Who has a hundred and one references in a row would be told of a thousand."""
    world = World()
    world.register("s0", fixed("T0"))
    for number in range(1, DEPTH_MAX + 1):
        text = record("x=", name=f"T{number}").replace('"int","default":0', f'"T{number - 1}"')
        before = f"s{number - 1}"
        world.register(f"s{number}", text, references=[to(f"T{number - 1}", before)])
    with pytest.raises(Refusal, match=f"more than {DEPTH_MAX} references lead from one") as refused:
        world.register("last", f'"T{DEPTH_MAX}"', references=[to("T", f"s{DEPTH_MAX}")])
    assert refused.value.code == 42201
