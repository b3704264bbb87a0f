"""The transactions of Apache's Java clients, by the newer flow: each end raises the epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from javatools import JavaTools

pytestmark = pytest.mark.jvm


def test_transactions(transactional: Any, java_tools: JavaTools, name: Callable[[], str]) -> None:
    """If this failed, a Java producer's commit, abort, offsets or fencing would come out wrong."""
    source, sink = transactional.create(name()), transactional.create(name())
    group, fenced = name(), name()
    args = (transactional.bootstrap, source, sink, group, fenced)
    seen = java_tools.run("TransactionsProgram", *args).json()
    assert seen == {
        "after abort of offsets": 2,
        "after commit of offsets": 2,
        "commit without begin": "IllegalStateException",
        "fenced again": "ProducerFencedException",
        "fenced commit": "ProducerFencedException",
        "offsets of a dead member": "CommitFailedException",
        "read_committed": ["a", "c", "second"],
        "read_uncommitted": ["a", "b", "c", "dead member", "first", "second"],
    }
    transactional.group_at(group, source, 2)


def test_fenced_by_another_process(
    transactional: Any, java_tools: JavaTools, name: Callable[[], str]
) -> None:
    """If this failed, a Java producer and one of another kind could both commit under one id."""
    topic, transactional_id = transactional.create(name()), name()
    open_one = (transactional.bootstrap, topic, transactional_id, "open")
    assert java_tools.run("FencedProgram", *open_one).checked().strip() == "open"
    transactional.take_over(transactional_id, topic)
    outcome = java_tools.run("FencedProgram", *open_one[:3], "commit").checked().strip()
    assert outcome == "ProducerFencedException"
    transactional.seen(topic, ["of another process"], ["of the first", "of another process"])
