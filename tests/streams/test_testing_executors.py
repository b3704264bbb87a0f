"""The executors of a test, by the names that type checkers know."""

from __future__ import annotations

from typing import get_args

import pytest

from ottla.streams import Streams
from ottla.streams.testing import ExecutorName, TopologyTest


@pytest.mark.parametrize("executor", get_args(ExecutorName))
def test_both_executors(executor: ExecutorName) -> None:
    """A name that the type allows would be no executor, or an executor would have no name."""
    app = Streams("app", key=str, value=str)
    app.stream("in").to("out")
    with TopologyTest(app, executor=executor) as test:
        test.input("in").send("k", "v", at=1)
        assert test.output("out").read().value == "v"
    assert set(get_args(ExecutorName)) == {"rust", "python"}
