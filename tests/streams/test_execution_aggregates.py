"""What native aggregates take in, and what they refuse: alike in both executors."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.streams import Streams, first_of, last_of, max_of, min_of, sum_of, value
from ottla.streams.builder.columns import ColumnSpec
from ottla.streams.serdes import JSON
from ottla.streams.testing import ExecutorName, TopologyTest

LAST_INT = 2**63 - 1


@pytest.mark.parametrize("executor", ["python", "rust"])
@pytest.mark.parametrize(
    ("column", "given", "kept", "refusal"),
    [
        (sum_of, [1, 2.5], 3.5, None),
        (sum_of, [LAST_INT, 1], LAST_INT, "cannot add numbers beyond 64 bits"),
        (sum_of, [1, -LAST_INT, -3], 1 - LAST_INT, "cannot add numbers beyond 64 bits"),
        (sum_of, ["a"], None, "cannot add str"),
        (sum_of, [1, True], 1, "cannot add bool"),
        (sum_of, [[1]], None, "cannot add list"),
        (sum_of, [{"a": 1}], None, "cannot add dict"),
        (max_of, [1, 2.5, 2], 2.5, None),
        (max_of, ["a", "b"], "b", None),
        (max_of, ["a", 1], "a", "cannot compare int and str"),
        (min_of, [1, "a"], 1, "cannot compare str and int"),
        (min_of, [[1]], None, "cannot compare list"),
        (max_of, [{"a": 1}], None, "cannot compare dict"),
        (first_of, [[1], 2], [1], None),
        (last_of, [1, {"a": 1}], {"a": 1}, None),
    ],
)
def test_what_an_aggregate_takes(
    executor: ExecutorName, column: Any, given: list[Any], kept: Any, refusal: str | None
) -> None:
    """If this failed, one executor would put together what the other refuses, or add up texts."""
    app = Streams("a", key=str, value=JSON, processing_handler="continue")
    spec: ColumnSpec = column(value())
    totals = app.stream("in").group_by_key().aggregate(total=spec, store="totals")
    totals.to_stream().to("out")
    with TopologyTest(app, executor=executor) as test:
        for one in given:
            test.input("in").send("k", one)
        held = test.store("totals").get("k")
        assert (held.value["total"] if held else None) == kept
        assert bool(test.skipped()) == bool(refusal)
    if refusal:
        strict = Streams("a", key=str, value=JSON)
        strict.stream("in").group_by_key().aggregate(total=column(value())).to_stream().to("out")
        with TopologyTest(strict, executor=executor) as test:
            for one in given[:-1]:
                test.input("in").send("k", one)
            with pytest.raises(Exception, match=refusal):
                test.input("in").send("k", given[-1])
