"""The scripts of classic groups, spoken to a running Apache Kafka 4.3.1: it gives the same replies.

What is spoken: every command that a real broker can be given and whose groups are there as they are
here. A command that needs a clock that moves, a log that fails or records of somebody else is not,
and silences the groups that are there until a new world begins; others go on. `state` is asked as a
DescribeGroups there and here. How much of all was spoken is printed, and has a floor.

Ids are compared by who they are: each gets a name when it is told first, and it must be told where
its namesake is. Order is compared but where 4.3.1 has none (`ordered`): it keeps members, committed
offsets and groups in hash maps, and answers several connections in one go.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coordinators.remote import IN_ORDER, Remote
from coordinators.script import FOLDER, SEPARATOR, Script
from coordinators.world import Asker
from oracle import Oracle
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.describe_groups import DescribeGroupsRequest
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from servers import eventually

DELAY_MS = 1500
"""The oracle's initial rebalance delay: a script's members join within it, before its `wait`."""
METADATA_BYTES_MAX = 5
CONFIG = {
    **IN_ORDER,
    "group.initial.rebalance.delay.ms": str(DELAY_MS),
    "offset.metadata.max.bytes": str(METADATA_BYTES_MAX),
}
SPOKEN = {"join", "sync", "heartbeat", "leave", "commit", "fetch", "describe", "list", "delete"}
SPOKEN |= {"delete-offsets", "wait", "state", "config", "restart"}
MUTE = {"timers"}
"""They change nothing, and there is nothing to ask there."""
ON_PURPOSE = {"unlike_apache"}
OF_OTHERS = "transactional_commits"
"""Scripts whose names begin so speak for a coordinator of transactions too, and no words can be put
into a real one's mouth: what clients hear of it is recorded (`tests/conformance`).
"""
UNLIKE = {("protocols", 3)}
"""The replies to these commands (of what is spoken of a script, the nth) are others on purpose: a
join that is refused leaves a group behind there.
"""
SETTLED = {"offsets_retention_ms", "offsets_retention_check_interval_ms"}
"""Configs that nothing comes of before the clock moves."""
FLOOR = 0.45
"""What part of all commands is spoken at least."""
_REMOTE_ID = re.compile(r"-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
_LOCAL_ID = re.compile(r"#(\d+)")


class Names:
    """The ids of one side, named in the order in which they are told."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern
        self.ids: dict[str, int] = {}

    def named(self, line: str) -> str:
        """The line with the names of its ids."""
        return self._pattern.sub(
            lambda found: f"~{self.ids.setdefault(found[1], len(self.ids) + 1)}", line
        )


def ordered(response: Any) -> Any:
    """A response whose lists have an order where 4.3.1 has none."""
    name = type(response).__name__
    if name == "JoinGroupResponse":
        response.members.sort(key=member)
    elif name == "DescribeGroupsResponse":
        for group in response.groups:
            group.members.sort(key=member)
    elif name == "OffsetFetchResponseGroup":
        for topic in response.topics:
            topic.partitions.sort(key=lambda one: one.partition_index)
        response.topics.sort(key=lambda one: (one.name, one.partitions[0].partition_index))
    elif name == "ListGroupsResponse":
        response.groups.sort(key=lambda one: one.group_id)
    elif name == "DeleteGroupsResponse":
        response.results.sort(key=lambda one: one.group_id)
    return response


def member(one: Any) -> tuple[str, str]:
    """Members by who they are to people, as far as that tells them apart."""
    return one.member_id[:-36], one.group_instance_id or ""


class Speech:
    """Which commands of a script can be spoken."""

    def __init__(self) -> None:
        self.all_silent = False
        self.silent: set[str] = set()
        self.there: set[str] = set()

    def is_silent(self, group: str) -> bool:
        """Whether a group is not there as it is here."""
        return self.all_silent or group in self.silent

    def can_speak(self, command: str, known: dict[str, int]) -> bool:
        """Whether it is spoken; if not, so are none of its groups from here on."""
        word, *words = command.split()
        args = dict(one.split("=", 1) for one in words if "=" in one)
        names = [one for one in words if "=" not in one]
        if word == "config":
            self.__init__()  # type: ignore[misc]
            self.all_silent = not _is_alike(args)
            return not self.all_silent
        if word in MUTE:
            return False
        if word in ("wait", "list", "restart"):
            groups = set(self.there)
        elif word in ("describe", "delete"):
            groups = set(names)
        else:
            groups = {args.get("group", "g")}
        able = word in SPOKEN and "id" not in args and _is_known(words, known)
        # Where time goes on, a timeout of nothing is over at once.
        able = able and int(args.get("rebalance", "1")) > 0 and not (word == "restart" and args)
        if not able and word not in ("join", "sync", "commit", "leave", "heartbeat", "fetch"):
            groups |= self.there
        self.there |= groups
        if word == "wait":
            return not self.all_silent and bool(groups - self.silent)
        if not able or self.all_silent or groups & self.silent:
            if word not in ("list", "fetch", "describe", "state"):
                self.silent |= groups
            return False
        return True


class LocalScript(Script):
    """A script that asks for a group's state as a client can, and tells of what is spoken."""

    def __init__(self, speech: Speech) -> None:
        self.speech = speech
        self.asking = ("", False)
        """The group of the command, and whether it is spoken."""
        super().__init__()

    def replies(self, command: str, *, spoken: bool) -> list[str]:
        """What is answered to spoken requests now, by client: what is answered in one go has no
        order.
        """
        group = next((one[6:] for one in command.split() if one.startswith("group=")), "g")
        self.asking = (group, spoken)
        return sorted((line for line in self.run(command) if "<-" in line), key=client)

    def _answer(self, name: str) -> Callable[[Any], bool]:
        hear = super()._answer(name)
        group, spoken = self.asking

        def done(response: Any) -> bool:
            before = list(self.lines)
            hear(ordered(response))
            if not spoken or self.speech.is_silent(group):
                self.lines = before
                return False
            return True

        return done

    def _do_state(self, _names: list[str], args: dict[str, str]) -> None:
        self._do_describe([args.get("group", "g")], {})


class RemoteScript(LocalScript):
    """A script that is spoken to a node."""

    def __init__(self, node: Oracle, stem: str, ours: Names, speech: Speech) -> None:
        self.node = node
        self.remote = Remote(node.port)
        self.stem = stem
        self.worlds = 0
        self.ours = ours
        self.names = Names(_REMOTE_ID)
        self.awaited = 0
        super().__init__(speech)

    def _begin(self, config: dict[str, int]) -> None:
        super()._begin(config)
        self.worlds += 1
        self.remote.close()
        self.remote.prefix = f"{self.stem}-{self.worlds}-"
        self.world.groups = self.remote  # type: ignore[assignment]

    def run(self, command: str) -> list[str]:
        super().run(command)
        self.remote.hear(self.awaited)
        return self.lines

    def _answer(self, name: str) -> Callable[[Any], bool]:
        hear = super()._answer(name)

        def done(response: Any) -> bool:
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
            return hear(response)

        return done

    def _member(self, text: str) -> str:
        name, sign, number = text.partition("#")
        if not sign or text.startswith("@"):
            return super()._member(text)
        theirs = {at: one for one, at in self.names.ids.items()}
        return f"{name}-{theirs[self.ours.ids[number]]}"

    def _do_restart(self, _names: list[str], args: dict[str, str]) -> None:
        self.remote.close()
        self.node.restart()
        wait_for_groups(self.remote)


def _is_alike(config: dict[str, str]) -> bool:
    return all(
        key in SETTLED or (key == "offset_metadata_bytes_max" and int(value) == METADATA_BYTES_MAX)
        for key, value in config.items()
    )


def _is_known(words: list[str], known: dict[str, int]) -> bool:
    """Whether ids that are written out were told."""
    return all(number in known for word in words for number in _LOCAL_ID.findall(word))


def commands_of(path: Path) -> Iterator[str]:
    """The commands of a script."""
    is_command = True
    for line in path.read_text(encoding="utf-8").splitlines():
        is_command = (is_command or not line) and line != SEPARATOR
        if is_command and line and not line.startswith("#"):
            yield line


def wait_for_groups(remote: Remote) -> None:
    """Until the node coordinates groups."""
    heard: list[Any] = []

    def asked(request: Any, version: int) -> Any:
        heard.clear()
        remote.ask(request, Asker(version, "", ""), heard.append)
        remote.hear(1)
        return heard[0]

    eventually(
        lambda: (
            not asked(FindCoordinatorRequest(coordinator_keys=["g"]), 6).coordinators[0].error_code
        ),
        "groups have a coordinator",
        timeout_s=60,
    )
    eventually(
        lambda: (
            asked(DescribeGroupsRequest(groups=["x"]), 6).groups[0].error_code
            == ErrorCode.GROUP_ID_NOT_FOUND
        ),
        "groups are loaded",
        timeout_s=60,
    )


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    with Oracle(tmp_path_factory.mktemp("groups"), CONFIG) as oracle:
        remote = Remote(oracle.port)
        topics = [
            CreatableTopic(name=name, num_partitions=3, replication_factor=1) for name in "tuvw"
        ]
        remote.ask(CreateTopicsRequest(topics=topics), Asker(7, "", ""), lambda _: None)
        remote.hear(1)
        wait_for_groups(remote)
        remote.close()
        yield oracle


EVERY = sorted(one for one in FOLDER.glob("*.txt") if not one.stem.startswith(OF_OTHERS))
SCRIPTS = [path for path in EVERY if path.stem not in ON_PURPOSE]


@pytest.mark.jvm
@pytest.mark.long
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_apache_gives_the_same_replies(node: Oracle, path: Path) -> None:
    """A rule of groups differs from Apache Kafka's: clients would be told something else there."""
    ours, speech = Names(_LOCAL_ID), Speech()
    local, remote = LocalScript(speech), RemoteScript(node, path.stem, ours, speech)
    said: list[str] = []
    try:
        for command in commands_of(path):
            if command.split()[0] == "config":
                ours.ids.clear()
                remote.names.ids.clear()
            spoken = speech.can_speak(command, ours.ids)
            expected = local.replies(command, spoken=spoken)
            if not spoken:
                continue
            said.append(command)
            remote.awaited = len(expected)
            heard = remote.replies(command, spoken=True)
            told = [remote.names.named(line) for line in heard], list(map(ours.named, expected))
            if (path.stem, len(said)) not in UNLIKE:
                assert told[0] == told[1], "\n".join(said)
    finally:
        remote.remote.close()


def client(line: str) -> list[str]:
    """Who is answered, and to what."""
    return line.split(maxsplit=3)[:3]


def test_so_much_is_spoken() -> None:
    """The oracle would be asked for less and less, and nobody notice."""
    spoken = total = 0
    for path in EVERY:
        ours, speech = Names(_LOCAL_ID), Speech()
        local = LocalScript(speech)
        every = list(commands_of(path))
        said = 0
        for command in every:
            if command.split()[0] == "config":
                ours.ids.clear()
            speaks = path.stem not in ON_PURPOSE and speech.can_speak(command, ours.ids)
            said += speaks
            for line in local.replies(command, spoken=speaks):
                ours.named(line)
        print(f"{path.stem}: {said} of {len(every)}")
        spoken, total = spoken + said, total + len(every)
    print(f"all: {spoken} of {total}")
    assert spoken >= FLOOR * total


def test_ids_are_compared_by_who_they_are() -> None:
    """A wrong leader, or another's member id, would pass for the right one."""

    def told(leader: str, first: str, second: str, pattern: re.Pattern[str]) -> list[str]:
        names = Names(pattern)
        lines = [f"a <- member_id=a{first}", f"b <- member_id=b{second} leader=a{leader}"]
        return [names.named(line) for line in lines]

    ours = told("#4", "#4", "#9", _LOCAL_ID)
    one, other = f"-{uuid.UUID(int=5)}", f"-{uuid.UUID(int=3)}"
    assert told(one, one, other, _REMOTE_ID) == ours
    assert told(other, one, other, _REMOTE_ID) != ours
    assert told(one, one, one, _REMOTE_ID) != ours
