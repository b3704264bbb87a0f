"""Several changes, each seen by those after it."""

from __future__ import annotations

from ottla.registry.deciding.registering import register
from registry.world import World, record


def test_steps_see_those_before_and_the_state_does_not() -> None:
    """Two schemas of one request would get one id, or a refused one be there."""
    world = World()
    world.register("a", record("x"))
    draft = world.draft()
    assert draft.state is world.state
    assert draft.reading is world.reading
    ids = []
    for number in range(3):
        told = {"schema": record(f"f{number}")}
        decision = register(draft.state, draft.reading, f"s{number}", told, normalize=False)
        draft.take(decision.entries)
        ids.append(decision.answer["id"])
    assert ids == [2, 3, 4]
    assert world.state.subjects() == ["a"]
    assert draft.state.subjects() == ["a", "s0", "s1", "s2"]
    assert draft.reading.of(draft.state.versions("s1")[0]) is not None
    world.apply(draft.entries)
    assert world.state.subjects() == ["a", "s0", "s1", "s2"]


def test_what_is_taken_back_was_never_there() -> None:
    """Half of what one resource of a batch asked for would be written."""
    world = World()
    draft = world.draft()

    def take(subject: str) -> None:
        told = {"schema": record("x")}
        decision = register(draft.state, draft.reading, subject, told, normalize=False)
        draft.take(decision.entries)

    take("a")
    mark = draft.mark
    take("b")
    assert draft.state.subjects() == ["a", "b"]
    draft.back_to(mark)
    assert draft.state.subjects() == ["a"]
    take("c")
    draft.back_to(mark)  # before anybody looked
    assert draft.state.subjects() == ["a"]
    draft.back_to(0)
    assert draft.state is world.state
    take("d")
    assert draft.state.subjects() == ["d"]
    assert len(draft.entries) == 1
