"""What cannot be is refused when the topology is made, by name, with a way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ottla.streams import (
    Processor,
    Streams,
    Topology,
    TopologyError,
    key_value,
    session,
    tumbling,
    versioned,
    window_store,
)
from streams.builder.described_words import NEAR, both, empty, latest, same, yes

Refused = Callable[[Streams], object]

SHORT = window_store("w", retention=5)


def by_key(app: Streams) -> Any:
    return app.stream("a").group_by_key()


def with_grace(app: Streams, rows: Any) -> object:
    return app.stream("a").join(rows, both, grace=100)


def elsewhere() -> Streams:
    return Streams("other", key=str, value=str)


#: What is done, and words of the error and of its hint.
REFUSALS: dict[str, tuple[Refused, str, str]] = {
    # an operator of another kind
    "count of a stream": (lambda app: app.stream("a").count(), "a stream has no", "group_by_key"),
    "windows of a stream": (
        lambda app: app.stream("a").windowed_by(tumbling(5)), "a stream has no", "group_by_key",
    ),
    "to of a table": (lambda app: app.table("a").to("b"), "a table has no", "to_stream"),
    "count of a table": (lambda app: app.table("a").count(), "a table has no", "group_by"),
    "filter of a group": (lambda app: by_key(app).filter(yes), "a grouped stream", "before"),
    "emit without windows": (lambda app: by_key(app).emit("x"), "a grouped", "windowed_by"),
    "filter of a global table": (
        lambda app: app.global_table("t").filter(yes), "a global table has no", "join",
    ),
    "Java's name": (lambda app: app.stream("a").mapValues(same), "mapValues", "map_values"),
    "a misspelt name": (lambda app: app.stream("a").fliter(yes), "fliter", "filter"),
    "a merge with a table": (
        lambda app: app.stream("a").merge(app.table("t")), "merge takes a KStream", "to_stream",
    ),
    "a table joined with a stream": (
        lambda app: app.table("t").join(app.stream("a"), both), "with a KStream", "to_table",
    ),
    "an outer join with a table": (
        lambda app: app.stream("a").join(5, both), "not with a int", "app.table",
    ),
    # two applications
    "two applications merged": (
        lambda app: app.stream("a").merge(elsewhere().stream("b")), "two applications", "same",
    ),
    "two applications joined": (
        lambda app: app.stream("a").join(elsewhere().global_table("b"), both, on=same),
        "two applications", "same",
    ),
    "tables of two applications": (
        lambda app: app.table("a").join(elsewhere().table("b"), both), "two applications", "same",
    ),
    # names
    "a name with a space": (lambda app: app.stream("a", name="x y"), "'x y'", "letters"),
    "a name that is a number": (lambda app: app.stream("a", name=5), "5 cannot", "letters"),
    "a long name": (lambda app: app.stream("a", name="x" * 2**20), "xxx", "249"),
    "a group's name": (lambda app: by_new_key(app, "x/y"), "'x/y'", "letters"),
    "a topic of dead letters": (
        lambda app: Streams("b", dead_letter_topic="a b"), "'a b' cannot be a topic", "letters",
    ),
    "no topic": (lambda app: app.stream(), "nothing", "app.stream("),
    "a topic with a space": (lambda app: app.stream("a b"), "'a b'", "topics"),
    "a sink without a name": (lambda app: app.stream("a").to(""), "''", "topics"),
    "partitions as a text": (
        lambda app: app.stream("a").repartition(partitions="3"), "'3' partitions", "number",
    ),
    # functions and processors
    "a predicate that is a text": (lambda app: app.stream("a").filter("x"), "filter", "lambda"),
    "too many parameters": (
        lambda app: app.stream("a").filter(lambda a, b, c: True), "takes 3", "(key, value)",
    ),
    "a processor that was made": (
        lambda app: app.stream("a").process(Processor()), "a class or a function", "class itself",
    ),
    "a spec in place of its name": (
        lambda app: app.stream("a").process(Processor, key_value("s")), "names of", "add_store",
    ),
    "sessions without a merger": (
        lambda app: by_key(app).windowed_by(session(5)).aggregate(empty, latest, value=str),
        "sessions grow", "merger",
    ),
    # stores
    "a global store without a spec": (
        lambda app: app.add_global_store(None, "t", Processor), "needs a name", "key_value",
    ),
    "a window store for no windows": (
        lambda app: by_key(app).count(store=window_store("w", retention=5)), "windows", "key_value",
    ),
    "too short a retention": (
        lambda app: by_key(app).windowed_by(tumbling(9)).count(store=SHORT),
        "for 5 ms", "at least",
    ),
    "grace without versions": (
        lambda app: with_grace(app, app.table("t", store="t")), "not versioned", "versioned(",
    ),
    "grace without versions above": (
        lambda app: with_grace(app, app.table("t").filter(yes)), "not versioned", "versioned(",
    ),
    "grace longer than history": (
        lambda app: with_grace(app, app.table("t", store=versioned("t", history=50))),
        "50 ms of history", "at least",
    ),
    "suppress of versions": (
        lambda app: app.table("t", store=versioned("t", history=50)).suppress(wait=5),
        "versioned", "not versioned",
    ),
    "two stores that are equal": (
        lambda app: (app.table("a", store="s"), app.table("b", store="s")), "two stores", "name",
    ),
    "a processor's store is an aggregate's": (
        lambda app: (app.add_store(key_value("s", timestamped=True)), by_key(app).count(store="s")),
        "two stores", "name",
    ),
    "a global store's name again": (
        lambda app: (app.global_table("t", store="s"), app.add_store("s")), "two stores", "name",
    ),
    # windows
    "final results of no windows": (
        lambda app: app.table("a").suppress(until="window_closes"), "windows", "windowed_by",
    ),
    "a stream joined without windows": (
        lambda app: app.stream("a").join(app.stream("b"), both), "how far apart", "join_within",
    ),
    # sources
    "a topic twice as a table": (
        lambda app: (app.table("a"), app.table("a")), "the topic a is read by", "once",
    ),
    "topics the same in part": (
        lambda app: (app.stream("a", "b"), app.stream("b")), "the same topics in part", "all",
    ),
    "two resets": (
        lambda app: (app.stream("a", reset="latest"), app.stream("a")), "different reset", "same",
    ),
}  # fmt: skip


def by_new_key(app: Streams, name: str) -> object:
    return app.stream("a").group_by(same, name=name).count()


@pytest.mark.parametrize("what", sorted(REFUSALS))
def test_refused(what: str) -> None:
    """It would be built, to fail or to give wrong results when records come, or to fail at once
    with a text that names neither the place nor the way out."""
    build, words, hint = REFUSALS[what]
    app = Streams("app", key=str, value=str)

    def built() -> None:
        build(app)
        app.build()

    with pytest.raises(TopologyError) as caught:
        built()
    assert words in str(caught.value)
    assert hint in (caught.value.hint or "")
    assert len(str(caught.value)) < 400


def test_unknown_operators_are_attribute_errors() -> None:
    """`hasattr`, and all that asks with it, would raise."""
    app = Streams("app", key=str, value=str)
    assert not hasattr(app.stream("a"), "to_stream")
    assert not hasattr(app.stream("b"), "_repr_html_")
    assert hasattr(app.table("c"), "to_stream")


def test_missing_serdes_are_told() -> None:
    """Records would fail at run time, as in Java, for want of a serde."""
    app = Streams("app")
    app.stream("a", key=str, value=str).map_values(len).to("out")
    with pytest.raises(TopologyError, match="how the values of map_values") as caught:
        app.build()
    assert "value=" in (caught.value.hint or "")


def test_what_is_refused_stays_refused() -> None:
    """A second try would give what the first had not written yet: half a topology."""
    app = Streams("app", key=str)
    app.stream("a", value=str).to("copy")
    app.stream("b").to("out")
    errors = []
    for _ in range(2):
        with pytest.raises(TopologyError) as caught:
            app.build()
        errors.append(str(caught.value))
    assert errors[0] == errors[1]


def test_what_was_built_does_not_grow() -> None:
    """An operator that came after `build` would be lost without a word."""
    app = Streams("app", key=str, value=str)
    stream = app.stream("a")
    stream.to("out")
    first = app.build()
    with pytest.raises(TopologyError, match="was built"):
        stream.filter(yes)
    assert app.build() is first


def test_equal_specs_of_processors_are_one_store() -> None:
    """Two processors that bring the same store could not share it."""

    class Counter(Processor):
        @staticmethod
        def stores() -> list[Any]:
            return [key_value("counts", key=str, value=int)]

    app = Streams("app", key=str, value=str)
    app.stream("a").process(Counter)
    app.stream("b").process(Counter)
    assert list(app.build().stores) == ["counts"]


@pytest.mark.parametrize("join", ["join", "left_join", "outer_join"])
def test_names_given_to_joins_are_checked(join: str) -> None:
    """A name that no topic may have would fail when the internal topic is made."""
    app = Streams("app", key=str, value=str)
    left, right = app.stream("a"), app.stream("b")
    for given in ({"name": "x y"}, {"store": "x y"}):
        with pytest.raises(TopologyError, match="cannot name"):
            getattr(left, join)(right, both, within=NEAR, **given)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"through": lambda branch: branch, "to": print}, "through one function and to another"),
        ({"through": lambda branch: 5}, "gave 5, which is no stream"),
    ],
)
def test_branches_that_lead_nowhere(more: dict[str, Any], told: str) -> None:
    """One of two functions would not be called, or a number stand where streams do."""
    app = Streams("app", key=str, value=str)
    with pytest.raises(TopologyError, match=told):
        app.stream("a").split().branch(yes, name="b", **more)


def test_a_branch_of_another_name_is_a_key_error_that_names_all() -> None:
    """Who forgot that `split(name=)` stands before each name would be told 'a' and nothing else."""
    app = Streams("app", key=str, value=str)
    split = app.stream("a").split(name="s-").branch(yes, name="a")
    undone: Any = split
    with pytest.raises(TopologyError, match="before it has all") as early:
        undone["s-a"]
    assert ".no_default()" in (early.value.hint or "")
    parts = split.default(name="b")
    assert (sorted(parts), parts.get("a")) == (["s-a", "s-b"], None)
    with pytest.raises(KeyError) as caught:
        parts["a"]
    assert str(caught.value) == "there is no branch 'a': there is s-a, s-b"


@pytest.mark.parametrize("kind", [Streams, Topology])
@pytest.mark.parametrize("name", ["run", "start"])
def test_running_is_not_here_yet(kind: type[Streams | Topology], name: str) -> None:
    """Who comes from the documentation of Kafka would look for the name of what is not there."""
    app = kind("app")
    with pytest.raises(AttributeError, match="against a broker is not here yet") as caught:
        getattr(app, name)
    assert "TopologyTest" in caught.value.__notes__[0]
    assert not hasattr(app, "runs")
