"""What an operator is told of what the controller refused."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.controller.refused import AGAIN_MS, Refusals, refused
from ottla.wire.messages import (
    alter_configs,
    create_partitions,
    create_topics,
    delete_topics,
    heartbeat,
    incremental_alter_configs,
)

EXISTS, UNKNOWN, UNKNOWN_ID, PARTITIONS, CONFIG, NO_CODE = 36, 3, 100, 37, 40, 0
TOPIC, BROKER = 2, 4
UID = bytes(range(16))


@pytest.mark.parametrize(
    ("response", "lines"),
    [
        (
            create_topics.CreateTopicsResponse(
                topics=[
                    create_topics.CreatableTopicResult(name="fine", error_code=NO_CODE),
                    create_topics.CreatableTopicResult(
                        name="t\n", error_code=EXISTS, error_message="it is there"
                    ),
                ]
            ),
            [r"the creation of topic 't\n' is refused: TOPIC_ALREADY_EXISTS: it is there"],
        ),
        (
            delete_topics.DeleteTopicsResponse(
                responses=[
                    delete_topics.DeletableTopicResult(name="t", error_code=UNKNOWN),
                    delete_topics.DeletableTopicResult(
                        name=None, topic_id=UID, error_code=UNKNOWN_ID
                    ),
                ]
            ),
            [
                "the deletion of topic 't' is refused: UNKNOWN_TOPIC_OR_PARTITION",
                f"the deletion of topic with id {UID.hex()} is refused: UNKNOWN_TOPIC_ID",
            ],
        ),
        (
            create_partitions.CreatePartitionsResponse(
                results=[
                    create_partitions.CreatePartitionsTopicResult(
                        name="t", error_code=PARTITIONS, error_message="fewer"
                    )
                ]
            ),
            ["more partitions for topic 't' is refused: INVALID_PARTITIONS: fewer"],
        ),
        (
            alter_configs.AlterConfigsResponse(
                responses=[
                    alter_configs.AlterConfigsResourceResponse(
                        resource_type=TOPIC, resource_name="t\n", error_code=CONFIG
                    )
                ]
            ),
            [r"a change of the configs of topic 't\n' is refused: INVALID_CONFIG"],
        ),
        (
            incremental_alter_configs.IncrementalAlterConfigsResponse(
                responses=[
                    incremental_alter_configs.AlterConfigsResourceResponse(
                        resource_type=BROKER, resource_name="", error_code=CONFIG
                    )
                ]
            ),
            ["a change of the configs of all brokers is refused: INVALID_CONFIG"],
        ),
        (heartbeat.HeartbeatResponse(error_code=CONFIG), []),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list) else "",
)
def test_what_was_refused_is_a_line(response: Any, lines: list[str]) -> None:
    """If this failed, nobody would know from the log why a topic is not there, or a name with a
    line's end could forge a line.
    """
    assert list(refused(response)) == lines


def creation(name: str) -> create_topics.CreateTopicsResponse:
    """One that is refused."""
    row = create_topics.CreatableTopicResult(name=name, error_code=EXISTS)
    return create_topics.CreateTopicsResponse(topics=[row])


def test_what_is_asked_on_and_on_is_told_once_a_minute() -> None:
    """If this failed, clients that can't get a coordinator would fill the log with one line; or it
    would be in none that is looked at later.
    """
    refusals = Refusals()
    told = [len(refusals.new(creation("t"), ms)) for ms in range(0, 2 * AGAIN_MS + 1, 1000)]
    assert sum(told) == 3
    assert (told[0], told[60], told[120]) == (1, 1, 1)
    assert refusals.new(creation("u"), 2 * AGAIN_MS + 1), "another line"
    assert refusals.new(creation("t"), 5), "a clock that went back"
    for number in range(1001):
        refusals.new(creation(f"t-{number}"), 6)
    assert refusals.new(creation("t"), 6), "it was forgotten"
    assert not refusals.new(creation("t-1000"), 6)
