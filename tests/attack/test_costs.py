"""What a request makes the node do is in proportion to the request.

Every list of every API is sent with n, 4n and 16n entries, all equal and all different. The steps
that the decision thread takes for it must grow as the list does, and the answer must not be much
longer than what was asked.
"""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Iterator

import pytest

from attack.costs import Handlers, List, lists, steps
from attack.line import Closed, Line
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from ottla.wire.messages.describe_topic_partitions import (
    Cursor,
    DescribeTopicPartitionsRequest,
    TopicRequest,
)
from ottla.wire.schema import encode

FEW = 20
SLACK_STEPS = 1000
"""What a list costs once, however long it is."""
EQUAL_RATIO_MAX = 20
DIFFERENT_RATIO_MAX = 200
"""How many bytes of an answer a byte of a list may bring. What exists is named in few bytes and
described in many, once; a coordinator's address is told for each key.
"""


@pytest.fixture(scope="module")
def handlers() -> Iterator[Handlers]:
    """One node for all."""
    handlers = Handlers()
    yield handlers
    handlers.close()


@pytest.mark.parametrize("which", lists(), ids=str)
def test_work_and_answer_are_in_proportion(handlers: Handlers, which: List) -> None:
    """If this failed, one request of some hundred KiB could hold up everybody for seconds."""
    steps(handlers, which, FEW)  # what is imported or made at first use
    for _ in range(3):  # the node may have loaded or flushed something of its own meanwhile
        small, middle, large = (steps(handlers, which, FEW * factor) for factor in (1, 4, 16))
        # Four times as many entries more; with squares it would be sixteen times the steps.
        most = middle.steps + 7 * (middle.steps - small.steps) + SLACK_STEPS
        if large.steps <= most:
            break
    assert large.steps <= most, (small.steps, middle.steps, large.steps)
    ratio = DIFFERENT_RATIO_MAX if which.distinct else EQUAL_RATIO_MAX
    asked = large.asked_bytes - small.asked_bytes
    answered = large.answered_bytes - small.answered_bytes
    assert answered <= ratio * asked, f"{answered} bytes for {asked} bytes"


def test_an_answer_has_a_limit(handlers: Handlers) -> None:
    """If this failed, made-up names of groups could bring gigabytes of documentation."""
    kind, limit = 32, 25 * 1024 * 1024
    resources = [
        DescribeConfigsResource(
            resource_type=kind, resource_name=f"{at:x}", configuration_keys=None
        )
        for at in range(60_000)
    ]
    asked = DescribeConfigsRequest(
        resources=resources, include_synonyms=True, include_documentation=True
    )
    reply = handlers.ask(asked, 4)
    assert len(encode(reply, 4)) < limit + 200 * len(resources)  # a refusal has its words
    refused = [result for result in reply.results if result.error_code]
    assert 0 < len(refused) < len(resources)
    assert {result.error_code for result in refused} == {ErrorCode.INVALID_REQUEST}
    assert f"{limit} bytes, a quarter of socket.request.max.bytes" in refused[0].error_message


@pytest.mark.parametrize("entry", ["00", "0161"], ids=["empty", "short"])
def test_tiny_entries_are_not_worth_their_memory(handlers: Handlers, entry: str) -> None:
    """If this failed, 20 MB of a request could become a gigabyte of objects."""
    count = 4_000_000
    body = struct.pack(">hhih", 3, 0, 1, -1) + struct.pack(">i", count)
    body += bytes.fromhex("00" + entry) * count
    line = Line(handlers.broker.port)
    tracemalloc.start()
    with pytest.raises(Closed):
        line.exchange(body)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < len(body) + 40 * 1024 * 1024
    assert line.ask(ApiVersionsRequest(), 0).error_code == 0
    line.close()


def test_a_page_does_not_begin_before_its_topic(handlers: Handlers) -> None:
    """If this failed, a cursor of -5 would name partitions that do not exist."""
    asked = DescribeTopicPartitionsRequest(
        topics=[TopicRequest(name="t")], cursor=Cursor(topic_name="t", partition_index=-5)
    )
    (topic,) = handlers.ask(asked, 0).topics
    assert (topic.error_code, topic.partitions) == (ErrorCode.INVALID_REQUEST, [])
