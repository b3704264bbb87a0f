"""The scripts of classic groups, spoken to a running Apache Kafka 4.3.1: it gives the same replies.

Only replies are compared. Blocks that need a clock that moves, a log that fails or member ids that
are known before are left out. The oracle's initial rebalance delay gives a script's members time to
join before its `wait`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coordinators.remote import Remote
from coordinators.script import FOLDER, SEPARATOR, Script
from coordinators.world import Asker
from oracle import Oracle
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.describe_groups import DescribeGroupsRequest
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest

pytestmark = [pytest.mark.jvm, pytest.mark.long]

DELAY_MS = 800
COMPARED = [
    "first_rebalance",
    "protocols",
    "leaving",
    "static_members",
    "administration",
    "offsets",
]
SPOKEN = {"join", "sync", "heartbeat", "leave", "commit", "fetch", "describe", "list", "delete"}
SPOKEN |= {"delete-offsets", "wait", "state", "config"}
_ID = re.compile(r"-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")


class RemoteScript(Script):
    """A script that is spoken to a node; `state` says nothing there."""

    def __init__(self, port: int, stem: str) -> None:
        self.remote = Remote(port)
        self.stem = stem
        self.worlds = 0
        super().__init__()

    def _begin(self, config: dict[str, int]) -> None:
        super()._begin(config)
        self.worlds += 1
        self.remote.prefix = f"{self.stem}-{self.worlds}-"
        self.world.groups = self.remote  # type: ignore[assignment]

    def run(self, command: str) -> list[str]:
        lines = super().run(command)
        wait = command.split()[0] == "wait"
        if wait:
            time.sleep(DELAY_MS / 1000)
        self.remote.hear(2 * DELAY_MS / 1000 if wait else 0.15)
        return lines

    def _answer(self, name: str) -> Callable[[Any], None]:
        hear = super()._answer(name)

        def done(response: Any) -> None:
            if name == "list":
                response.groups = [
                    one for one in response.groups if one.group_id.startswith(self.remote.prefix)
                ]
            for one in (*getattr(response, "groups", ()), *getattr(response, "results", ())):
                one.group_id = one.group_id.removeprefix(self.remote.prefix)
                if getattr(one, "error_message", None):
                    one.error_message = one.error_message.replace(self.remote.prefix, "")
            if hasattr(response, "group_id"):
                response.group_id = response.group_id.removeprefix(self.remote.prefix)
            hear(response)

        return done

    def _do_state(self, _names: list[str], _args: dict[str, str]) -> None:
        pass


def blocks(path: Path) -> Iterator[list[str]]:
    """The commands of each block that can be spoken, from the last new world on."""
    commands: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line == SEPARATOR:
            yield commands
            commands = []
        elif line.strip() and not line.startswith("#") and line.split()[0] in KNOWN:
            commands.append(line)


KNOWN = {name[4:].replace("_", "-") for name in dir(Script) if name.startswith("_do_")}


def compared(script: Script, commands: list[str]) -> list[str]:
    """The replies to commands, as far as they can be compared."""
    lines = [line for command in commands for line in script.run(command) if "<-" in line]
    return sorted(comparable(line) for line in lines)


def comparable(line: str) -> str:
    """A reply without what differs from run to run: parts of ids, orders of maps, texts, times."""
    line = _ID.sub("#", line)
    line = re.sub(r"#\d+", "#", line)
    return " ".join(sorted(re.split(r"[ ,\[\]{}]+", line)))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    config = {"group.initial.rebalance.delay.ms": str(DELAY_MS)}
    with Oracle(tmp_path_factory.mktemp("groups"), config) as oracle:
        remote = Remote(oracle.port)
        topics = [
            CreatableTopic(name=name, num_partitions=3, replication_factor=1) for name in "tuvw"
        ]
        remote.ask(CreateTopicsRequest(topics=topics), Asker(7, "", ""), lambda _: None)
        remote.hear(5)
        found: list[Any] = []
        deadline = time.monotonic() + 30
        while not found or found[-1].coordinators[0].error_code:
            assert time.monotonic() < deadline
            request = FindCoordinatorRequest(coordinator_keys=["g"])
            remote.ask(request, Asker(6, "", ""), found.append)
            remote.hear(5)
        told = [ErrorCode.NOT_COORDINATOR]
        while set(told) != {ErrorCode.GROUP_ID_NOT_FOUND}:
            assert time.monotonic() < deadline
            described: list[Any] = []
            everywhere = DescribeGroupsRequest(groups=[f"x{number}" for number in range(20)])
            remote.ask(everywhere, Asker(6, "", ""), described.append)
            remote.hear(5)
            told = [group.error_code for group in described[0].groups]
        yield oracle


@pytest.mark.parametrize("stem", COMPARED)
def test_apache_gives_the_same_replies(node: Oracle, stem: str) -> None:
    """A rule of groups differs from Apache Kafka's: clients would be told something else there."""
    ours, theirs = Script(), RemoteScript(node.port, stem)
    speaking = True
    for commands in blocks(FOLDER / f"{stem}.txt"):
        new_world = commands[0] == "config"
        words = {command.split()[0] for command in commands}
        able = words <= SPOKEN and not any(
            "#" in command or " id=" in command or command.startswith("config ")
            for command in commands
        )
        speaking = able and (speaking or new_world)
        expected = compared(ours, commands)
        if speaking:
            assert compared(theirs, commands) == expected, "\n".join(commands)
    theirs.remote.close()
