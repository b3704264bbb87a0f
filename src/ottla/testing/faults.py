"""What goes wrong because a test says so: rules about requests, the disk, and the node's end.

A rule about requests says whom (`client_id`, `api`, `topic`), when (`nth`, `times`, `rate` under
`seed`) and what. The core carries it out where the request is handled, so it comes over real
clients of any language. Chance is drawn by the number of the request among those that the rule is
about, never by time: under the same seed the same requests fare the same, and `events` says the
same. Rules outlive a `kill` and the `start` after it, with what they have counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.node.disk_faults import Core, DiskFault
    from ottla.node.node import Node

LOOK_MS = 200
"""How often whoever waits for the end of a node looks whether there is still something to wait for;
the end itself it hears of at once.
"""

_WRITES = ("write", "allocate", "create")
"""What takes room; to cut a file gives some back, and never fails for want of it."""


class Rule(NamedTuple):
    """One rule about requests, as the core gets it."""

    deed: str
    number: int
    client_id: str | None
    api_key: int | None
    topic: str | None
    after: int
    times: int | None
    rate: float
    seed: int
    text: str
    """How it is told."""
    restarts: bool = False


class Faults:
    """`broker.faults`. Any method may be called from any thread.

    Each raises NotRunning if the broker has not been started, or has ended, and BadArgument if what
    it is given makes no sense. Rules are asked in the order in which they were made, and the first
    that comes over a request decides. What they have in common:

        client_id: only requests of this client, as its `client.id` says.
        api: only requests of this API, such as "Produce" or 0.
        topic: only requests that name this topic. It must be there; a Fetch names it when it begins
            to read it, and not again.
        nth: only the n-th of these requests, from 1.
        times: so many of these requests, and then no more; by default all.
        rate: how likely the rule comes over each, from 0 to 1.
        seed: what chance is drawn from.
    """

    def __init__(
        self, node: Callable[[], Node], kill: Callable[[], None], start: Callable[[], object]
    ) -> None:
        self._node, self._kill, self._start = node, kill, start
        self._lock = threading.RLock()
        self._core: Core | None = None
        """Where the rules are."""
        self._rules: dict[int, Rule] = {}
        """By the number that the core gave them."""
        self._disk: list[DiskFault] = []
        self._told: list[str] = []

    # ------------------------------------------------------------ requests

    def cut(self, **whom_and_when: Any) -> None:
        """Close the connection before the request is handled."""
        self._add("cut", 0, "cut", whom_and_when)

    def drop_reply(self, **whom_and_when: Any) -> None:
        """Handle the request, and close the connection instead of answering: the lost
        acknowledgement.
        """
        self._add("drop_reply", 0, "drop_reply", whom_and_when)

    def slow(self, ms: int, **whom_and_when: Any) -> None:
        """Handle the request so much later."""
        if ms < 0:
            raise _bad(f"slow({ms}) would be in the past")
        self._add("slow", int(ms), f"slow {int(ms)} ms", whom_and_when)

    def hold(self, **whom_and_when: Any) -> None:
        """Neither handle the request nor close its connection: a black hole, until the client
        gives up.
        """
        self._add("hold", 0, "hold", whom_and_when)

    def repeat(self, **whom_and_when: Any) -> None:
        """Handle the request twice and answer once: a retry that was none of the client's."""
        self._add("repeat", 0, "repeat", whom_and_when)

    def answer(
        self, api: str | int, error: str | int, times: int | None = None, **whom_and_when: Any
    ) -> None:
        """Answer the request with an error, such as "NOT_LEADER_OR_FOLLOWER" or 6, instead of
        handling it.
        """
        from ottla.wire.errors import ErrorCode

        code = next((one for one in ErrorCode.all() if error in (one.name, int(one))), None)
        if code is None:
            raise _bad(f"{error!r} is no error of Kafka's")
        given = {"api": api, "times": times, **whom_and_when}
        self._add("answer", int(code), f"answer {code.name}", given)

    # ------------------------------------------------------------ the node

    def kill(self, *, at_record: int, topic: str) -> None:
        """End the node as `Broker.kill` does when the topic has so many records; whoever wrote the
        last is not answered.
        """
        self._stop_at(at_record, topic, restarts=False)

    def restart(self, *, at_record: int, topic: str) -> None:
        """As `kill`, and start it again."""
        self._stop_at(at_record, topic, restarts=True)

    # ------------------------------------------------------------ the disk

    def fill_disk(self, topic: str | None = None) -> None:
        """No write finds room any more: of this topic's logs, or of anything."""
        path = "*" if topic is None else f"/{topic}-*"
        self._fail([(verb, path, "ENOSPC", {}) for verb in _WRITES], f"fill_disk {path}")

    def fail_disk(
        self, verb: str, path: str = "*", errno: str = "EIO", **when: int | bool | None
    ) -> None:
        """Let a call to the disk fail.

        Args:
            verb: which, such as "write", "read" or "sync".
            path: the end of the file's path, in which `*` stands for anything.
            errno: how, such as "EIO"; "" if it is only to be slow.
            when: `after` so many calls, for so many `times`, with `delay_ms`.
        """
        self._fail([(verb, path, errno, when)], f"fail_disk {verb} {path} {errno}")

    # ------------------------------------------------------------ all of it

    def clear(self) -> None:
        """No rule holds any more, and the disk is whole. A request that is held stays so."""
        with self._lock:
            core = self._at(self._node())
            core.clear_request_faults()
            core.set_disk_faults([])
            self._hear(core)
            self._rules.clear()
            self._disk.clear()

    @property
    def events(self) -> list[str]:
        """What was done so far, a line each, in order."""
        with self._lock:
            if self._core is not None:
                self._hear(self._core)
            return list(self._told)

    def follow(self, node: Node) -> None:
        """The broker has a new node: what holds is told to it. For the broker alone."""
        with self._lock:
            if self._rules or self._disk:
                self._at(node)

    # ------------------------------------------------------------ parts

    def _add(self, deed: str, number: int, text: str, given: dict[str, Any]) -> None:
        self._hold(_rule(deed, number, text, **given))

    def _hold(self, rule: Rule) -> Core:
        with self._lock:
            node = self._node()
            if rule.topic is not None and node.topic_id(rule.topic) is None:
                raise _bad(f"there is no topic {rule.topic!r}; create it before a rule about it")
            core = self._at(node)
            self._rules[_tell(node, core, rule)] = rule
            return core

    def _fail(self, rows: list[tuple[str, str, str, dict[str, Any]]], text: str) -> None:
        from ottla.node.disk_faults import CoreError, DiskFault

        made = [DiskFault(verb, path, errno, **when) for verb, path, errno, when in rows]
        with self._lock:
            core = self._at(self._node())
            try:
                core.set_disk_faults([*self._disk, *made])
            except CoreError as problem:
                raise _bad(problem.text) from None
            self._disk += made
            self._told.append(text)

    def _stop_at(self, at_record: int, topic: str, *, restarts: bool) -> None:
        if at_record < 1:
            raise _bad(f"at_record={at_record} is before the first record")
        text = f"{'restart' if restarts else 'kill'} at record {at_record} of {topic}"
        rule = _rule("stop", at_record, text, api="Produce", topic=topic)
        core = self._hold(rule._replace(restarts=restarts))
        # A thread that serves can't end what it is part of.
        waits = threading.Thread(
            target=self._end_when_told, args=(core,), name="ottla-faults", daemon=True
        )
        waits.start()

    def _end_when_told(self, core: Core) -> None:
        while core is self._core and any(one.deed == "stop" for one in list(self._rules.values())):
            try:
                number = core.stopped_by_fault(timeout_ms=LOOK_MS)
                if self._node().core is not core:
                    return
            except OttlaError:
                return  # it has ended otherwise
            if number is None:
                continue
            with self._lock:
                self._hear(core)
                rule = self._rules.pop(number, None)
            with suppress(OttlaError):
                self._kill()
                if rule is not None and rule.restarts:
                    self._start()
            return

    def _at(self, node: Node) -> Core:
        """The node's core, told of all rules that hold."""
        core, old = node.core, self._core
        if core is old:
            return core
        self._core = core
        counts: dict[int, tuple[int, int]] = {}
        if old is not None:
            self._hear(old)
            counts = {number: (seen, done) for number, seen, done in old.request_fault_counts()}
        rules, self._rules = self._rules, {}
        for number, rule in rules.items():
            self._rules[_tell(node, core, rule, *counts.get(number, (0, 0)))] = rule
        if self._disk:
            core.set_disk_faults(self._disk)
        return core

    def _hear(self, core: Core) -> None:
        """Take down what was done since the last time."""
        from ottla.wire import api as wire_api

        for number, nth, key, client_id in core.take_request_fault_lines():
            rule = self._rules.get(number)
            text = "a rule of before" if rule is None else rule.text
            if rule is not None and rule.deed == "stop":
                self._told.append(text)
                continue
            name = wire_api.api(key).name
            self._told.append(f"{text}: {name} {nth} of {client_id!r}")


def _bad(text: str) -> OttlaError:
    from ottla.testing.errors import BadArgument

    return BadArgument(text)


def _rule(
    deed: str,
    number: int,
    text: str,
    *,
    client_id: str | None = None,
    api: str | int | None = None,
    topic: str | None = None,
    nth: int | None = None,
    times: int | None = None,
    rate: float = 1.0,
    seed: int = 0,
) -> Rule:
    if nth is not None and nth < 1:
        raise _bad(f"nth={nth}: the first request is the 1st")
    if times is not None and times < 1:
        raise _bad(f"times={times}: a rule comes over one request or more")
    if not 0 <= rate <= 1:
        raise _bad(f"rate={rate} is not between 0 and 1")
    after = 0 if nth is None else nth - 1
    if nth is not None and times is None:
        times = 1
    key = None if api is None else _api_key(api)
    seed &= 2**64 - 1
    return Rule(deed, number, client_id, key, topic, after, times, rate, seed, text)


def _api_key(api: str | int) -> int:
    from ottla.wire import api as wire_api

    for one in wire_api.apis():
        if api == one.key or (isinstance(api, str) and api.lower() == one.name.lower()):
            return one.key
    raise _bad(f"{api!r} is no API of Kafka's")


def _tell(node: Node, core: Core, rule: Rule, seen: int = 0, done: int = 0) -> int:
    forms = () if rule.topic is None else _forms(rule.topic, node.topic_id(rule.topic))
    return core.add_request_fault(
        rule.deed,
        rule.number,
        rule.topic or "",
        (rule.client_id, rule.api_key, forms),
        (rule.after, rule.times, rule.rate, rule.seed),
        (seen, done),
    )


def _forms(topic: str, topic_id: bytes | None) -> list[bytes]:
    """How a request may say it: with its length in two bytes, or plus one in a varint, or by id."""
    name = topic.encode()
    length = len(name) + 1
    compact = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
    forms = [len(name).to_bytes(2, "big") + name, compact + name]
    return forms if topic_id is None else [*forms, topic_id]
