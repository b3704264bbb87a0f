"""What is said where nothing tells a serde: the call of the user's, its keyword, and where."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ottla.streams import (
    KStream,
    Streams,
    TopologyError,
    join_within,
    versioned,
)


def text(app: Streams) -> KStream[str, str]:
    return app.stream("in", key=str, value=str)


@pytest.mark.parametrize(
    ("build", "said", "hint"),
    [
        (
            lambda app: text(app).map(lambda k, v: (k, v), key=str).to("one"),
            r"the values of map\(\) that go to the topic one", 'value= to to("one", …)',
        ),
        (
            lambda app: text(app).select_key(len).to(lambda v: v, value=str),
            r"the keys of select_key\(\) that go to topics that a function", "key= to to(…)",
        ),
        (
            lambda app: text(app).join(app.table("t", key=str, value=str), max).to("one"),
            r"the values of join\(\) that go to the topic one", 'value= to to("one", …)',
        ),
        (
            lambda app: text(app).map(lambda k, v: (k, v)).group_by_key().count(),
            "the keys that go through the topic .*-repartition", "this_value=",
        ),
        (
            lambda app: app.stream("in", value=str).to("one"),
            "the keys of the topic in are read", 'key= to what reads there: app.stream("in", …)',
        ),
        (
            lambda app: text(app).group_by_key().aggregate(list, lambda v, all: all, store="s"),
            "the values in the store s ", "value= to the operator that keeps it",
        ),
        (
            lambda app: text(app).map_values(len).join(
                app.stream("b", key=str, value=str), max, within=join_within("1m"), value=int
            ),
            "the values in the store KSTREAM-JOINTHIS-.*-store", "this_value= (other_value= of",
        ),
        (
            lambda app: text(app).map_values(len).join(
                app.table("t", key=str, store=versioned("t", history="1h", value=str)), max,
                grace="1s", value=int,
            ),
            "the values in the store .*-Buffer", "this_value= to the join",
        ),
        (
            lambda app: app.table("t", key=str, value=str).map_values(len).suppress(wait="1m"),
            "the values in the store KTABLE-SUPPRESS-", "value= to what is before suppress()",
        ),
    ],
)  # fmt: skip
def test_no_serde(build: Callable[[Streams], object], said: str, hint: str) -> None:
    """The error would name a node that the user never wrote, and send them to no call of theirs."""
    app = Streams("app")
    build(app)
    with pytest.raises(TopologyError, match=f"nothing says how {said}") as raised:
        app.build()
    assert raised.value.hint is not None
    assert hint in raised.value.hint
