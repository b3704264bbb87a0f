"""Chains of operators on the core: each takes of the stack until the record is through."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ottla.streams import Processor, Record, Streams
from ottla.streams.errors import TopologyError
from ottla.streams.execution import Input
from ottla.streams.fast.stack import (
    DEEP_BYTES,
    SHALLOW_BYTES,
    STACK_BYTES_MAX,
    SUPPRESS_BYTES,
)
from ottla.streams.fast.task import FastTask
from ottla.streams.reference.task import DEPTH_MAX, ReferenceTask

SMALL_STACK_BYTES = 512 << 10


class Through(Processor):
    def init(self, context: Any) -> None:
        self.context = context

    def process(self, record: Record) -> None:
        self.context.forward(record)


def flat_maps(count: int) -> Streams:
    app = Streams("deep", key=str, value=str)
    stream = app.stream("in")
    for _ in range(count):
        stream = stream.flat_map(lambda key, value: [(key, value)])
    stream.to("out")
    return app


def processors(count: int) -> Streams:
    app = Streams("deep", key=str, value=str)
    stream = app.stream("in")
    for _ in range(count):
        stream = stream.process(Through)
    stream.to("out")
    return app


def suppressed(count: int) -> Streams:
    app = Streams("deep", key=str, value=str)
    table = app.table("in")
    for _ in range(count):
        table = table.suppress(wait="0ms", records_max=1, when_full="emit")
    table.to_stream().to("out")
    return app


@pytest.fixture
def small_stacks() -> Iterator[None]:
    before = threading.stack_size(SMALL_STACK_BYTES)
    yield
    threading.stack_size(before)


def outputs(app: Streams) -> int:
    """How many records come out for one, in a thread of its own."""
    found: list[int] = []

    def run() -> None:
        task = FastTask(app.build(), app.settings())
        found.append(len(task.process([Input("in", b"k", b"v", 0)], 0)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.usefixtures("small_stacks")
def test_what_is_allowed_fits_into_a_small_stack() -> None:
    """If this failed, one record would end the whole process by a signal."""
    assert outputs(flat_maps(STACK_BYTES_MAX // SHALLOW_BYTES)) == 1
    assert outputs(processors(STACK_BYTES_MAX // DEEP_BYTES)) == 1
    assert outputs(suppressed(STACK_BYTES_MAX // SUPPRESS_BYTES - 2)) > 0


@pytest.mark.parametrize("chain", [flat_maps, processors, suppressed])
def test_what_is_too_deep_is_refused_when_it_is_compiled(chain: Any) -> None:
    """If this failed, the first record would end the process, or say nothing but RecursionError."""
    app = chain(2_000)
    with pytest.raises(TopologyError, match="operators deep, which a thread's stack may not hold"):
        FastTask(app.build(), app.settings())


def test_the_reference_is_right_to_name_the_fast_executor() -> None:
    """If this failed, who follows the reference's hint would be refused again."""
    app = processors(DEPTH_MAX + 1)
    with pytest.raises(TopologyError) as refused:
        ReferenceTask(app.build(), app.settings())
    assert "take the fast executor" in str(refused.value.hint)
    FastTask(app.build(), app.settings())
