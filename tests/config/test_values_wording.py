"""What 4.3.1 says to wrong configuration, we say, from its own answers kept in tests/data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ottla.config import BrokerConfig, ConfigException, check, parse_properties
from ottla.config.alteration import validate_broker_change
from ottla.config.group import validate_group_configs
from ottla.config.topic import validate_topic_configs

NODE = """
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
controller.listener.names=CONTROLLER
controller.quorum.voters=1@localhost:9093
log.dirs=/tmp/none
"""

OURS_ALONE = {
    # What Apache accepts, and we refuse because it would be unsafe or can't be true.
    "authorizer.class.name=foo": "there is no authorizer yet",
    "listeners=PLAINTEXT://:99999,CONTROLLER://:9093": "has a port outside 0 to 65535",
    "listeners=PLAINTEXT://:-1,CONTROLLER://:9093": "has a port outside 0 to 65535",
    "advertised.listeners=PLAINTEXT://host:70000": "has a port outside 0 to 65535",
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PLAINTEXT:SSL,CONTROLLER:PLAINTEXT": "SSL",
    "listener.security.protocol.map=PLAINTEXT:SSL,CONTROLLER:PLAINTEXT": "speaks SSL",
    "controller.quorum.voters=1@localhost:9093,2@b:9093": "names several controllers",
    "remote.log.storage.system.enable=true": "tiered storage is not there yet",
    "process.roles=broker": "process.roles=broker is not there yet",
    "process.roles=controller": "process.roles=controller is not there yet",
    # What Apache refuses because it can't load a Java class; we say that we do not read the key.
    "principal.builder.class=foo": "",
    "group.consumer.assignors=foo": "",
    "create.topic.policy.class.name=x.Y": "can't be honoured",
    # Clients get the address that they came in on, so 0.0.0.0 needs no advertised.listeners.
    "listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://0.0.0.0:9093": "",
    # Apache fills broker.id from node.id and then names the wrong key.
    "node.id=abc": "Invalid value abc for configuration node.id: Not a number of type INT",
    "node.id=": "Invalid value  for configuration node.id: Not a number of type INT",
    # Apache's text ends in what Java's substring() said.
    "listener.security.protocol.map=PLAINTEXT": "Error parsing configuration property 'listener",
}
"""Lines of a broker's file where we differ on purpose, and what we say."""


def cases(kind: str) -> list[Any]:
    """4.3.1's recorded answers of one kind, as test parameters named by their last line."""
    path = Path(__file__).parent.parent / "data" / "config-cases.jsonl"
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        pytest.param(case, id=f"{n}-{case['text'][-40:].strip()!r}")
        for n, case in enumerate(found)
        if case["kind"] == kind
    ]


def apaches(case: dict[str, Any]) -> str:
    """What Apache said, without the prefix that Scala's require() puts before it."""
    return str(case["said"]).removeprefix("requirement failed: ")


@pytest.mark.parametrize("case", cases("properties"))
def test_properties_read_as_java_reads_them(case: dict[str, Any]) -> None:
    """If this failed, a properties file would mean something else to us than to Apache Kafka."""
    assert parse_properties(case["text"]) == json.loads(case["said"])


@pytest.mark.parametrize("case", cases("broker"))
def test_wrong_files_stop_the_start_with_kafkas_words(case: dict[str, Any]) -> None:
    """If this failed, we would take a file that 4.3.1 refuses, or refuse what it takes."""
    said = [problem.text for problem in check(parse_properties(case["text"])).fatal]
    lines = case["text"].splitlines()
    ours = next((text for line, text in OURS_ALONE.items() if line in lines), None)
    if apaches(case) in said or (not apaches(case) and not said):
        return
    assert ours is not None, f"Apache: {apaches(case)!r}\nours:   {said}"
    assert ours in "\n".join(said), said
    assert bool(ours) == bool(said)


SETS = [
    param
    for param in cases("resource")
    # The names of resources are judged by the controller, not here.
    if param.values[0]["resource"] != "broker"
    and param.values[0]["name"]
    and "name is invalid" not in param.values[0]["said"]
]


@pytest.mark.parametrize("case", SETS)
def test_wrong_changes_of_topics_and_groups(case: dict[str, Any]) -> None:
    """If this failed, CreateTopics or IncrementalAlterConfigs would answer in other words."""
    validate = {"topic": validate_topic_configs, "group": validate_group_configs}
    said = ""
    try:
        validate[case["resource"]](
            parse_properties(case["text"]), BrokerConfig(parse_properties(NODE))
        )
    except ConfigException as refused:
        said = refused.text
    assert said == case["said"]


NOT_YET = ("can't be set", "can't be changed while", "Unknown broker config name")


@pytest.mark.parametrize("case", cases("dynamic"))
def test_changes_of_a_running_broker(case: dict[str, Any]) -> None:
    """If this failed, kafka-configs on a broker would be refused with other words, or wrongly
    accepted.
    """
    said = ""
    try:
        config = BrokerConfig(parse_properties(NODE))
        wanted = parse_properties(case["text"])
        validate_broker_change(config, wanted, per_broker=case["per_broker"])
    except ConfigException as refused:
        said = refused.text
    if case.get("raised") == "ArithmeticException":
        assert said  # where Kafka stumbles we refuse, in words
    elif not any(ours in said for ours in NOT_YET) and "could not be found" not in case["said"]:
        assert said == case["said"]


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        ("/a,/b/,/a/", "Duplicate log directory found: /a, /a/"),
        ("/a,/a/b", "log.dirs: /a/b is within /a, which may hold partitions alone"),
        ("/a,/ab", ""),
    ],
)
def test_folders_that_are_one_are_named(folders: str, said: str) -> None:
    """If this failed, a node would tell that its own folder is in use by another one, or take a
    folder of its own for a partition's.
    """
    problems = check({**parse_properties(NODE), "log.dirs": folders}).fatal
    assert [problem.text for problem in problems] == ([said] if said else [])
