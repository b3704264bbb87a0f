"""What goes wrong because a test says so: rules about requests, the disk, and the node's end.

A rule about requests says whom (`client_id`, `api`, `topic`), when (`nth`, `times`, `rate` under
`seed`) and what. The core carries it out where the request is handled, so it comes over real
clients of any language. Chance is drawn by the number of the request among those that the rule is
about, never by time: under the same seed the same requests fare the same, and `events` says the
same. Rules outlive a `kill` and the `start` after it, with what they have counted.

A thread waits for ends of the node while one is to come. It holds neither the broker nor this,
so a broker that is dropped ends all the same.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ottla.errors import OttlaError
from ottla.metadata.topic_names import is_internal
from ottla.testing import fault_arguments
from ottla.testing.errors import BadArgument, NotRunning
from ottla.testing.texts import CLIENT_ID

if TYPE_CHECKING:
    from ottla.node.faults import Deed, NodeFaults
    from ottla.node.node import Node

LOOK_MS = 200
"""How often whoever waits for ends looks whether there is still one to wait for; the end itself it
hears of at once.
"""

_WRITES = ("write", "allocate", "create")
"""What takes room; to cut a file gives some back, and never fails for want of it."""


class _Ends(Protocol):
    """`Broker`'s own way to end, and to start again, with nobody's `start` or `close` between."""

    def __call__(self, told: Callable[[], None], *, restart: bool) -> None: ...


class _End(NamedTuple):
    """An end of the node that is to come."""

    text: str
    restart: bool


class Faults:
    """`broker.faults`. Any method may be called from any thread.

    Each raises NotRunning if the broker has not been started, or has ended, and BadArgument or
    BadType if what it is given makes no sense. Rules are asked in the order in which they were
    made, and the first that comes over a request decides. What they have in common:

        client_id: only requests of this client, as its `client.id` says. What the broker's own
            calls ask (`produce`, `expect`, ...: "ottla-test") is spared unless it is named.
        api: only requests of this API, such as "Produce" or 0. They are those of clients: what the
            node asks itself, such as to write a transaction's markers, is no request.
        topic: only requests that name this topic. It must be there, and may be made anew; a Fetch
            names it when it begins to read it, and not again.
        nth: only the n-th of these requests, from 1, or none if another rule comes over that one.
        times: so many of these requests, and then no more; by default all.
        rate: how likely the rule comes over each, from 0 to 1.
        seed: what chance is drawn from.
    """

    def __init__(
        self, node: weakref.WeakMethod[Callable[[], Node]], ends: weakref.WeakMethod[_Ends]
    ) -> None:
        self._node_of, self._ends_of = node, ends
        self._lock = threading.RLock()
        """Never held while the broker starts or ends, which tells us of it under its own lock."""
        self._held: NodeFaults | None = None
        """All rules, once there was one."""
        self._texts: dict[int, str] = {}
        """How each rule is told, by its number."""
        self._ends: dict[int, _End] = {}
        self._waiter: threading.Thread | None = None
        self._told: list[str] = []

    # ------------------------------------------------------------ requests

    def cut(
        self,
        *,
        client_id: str | None = None,
        api: str | int | None = None,
        topic: str | None = None,
        nth: int | None = None,
        times: int | None = None,
        rate: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Close the connection before the request is handled."""
        rule = fault_arguments.rule("cut", client_id, api, nth, times, rate, seed)
        self._add("cut", "cut", topic, rule)

    def drop_reply(
        self,
        *,
        client_id: str | None = None,
        api: str | int | None = None,
        topic: str | None = None,
        nth: int | None = None,
        times: int | None = None,
        rate: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Handle the request, and close the connection instead of answering: the lost
        acknowledgement.
        """
        rule = fault_arguments.rule("drop_reply", client_id, api, nth, times, rate, seed)
        self._add("drop_reply", "drop_reply", topic, rule)

    def slow(
        self,
        ms: int,
        *,
        client_id: str | None = None,
        api: str | int | None = None,
        topic: str | None = None,
        nth: int | None = None,
        times: int | None = None,
        rate: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Handle the request so much later."""
        rule = fault_arguments.rule("slow", client_id, api, nth, times, rate, seed)
        rule["delay_ms"] = fault_arguments.whole("slow", "ms", ms, 0)
        self._add("slow", f"slow {ms} ms", topic, rule)

    def hold(
        self,
        *,
        client_id: str | None = None,
        api: str | int | None = None,
        topic: str | None = None,
        nth: int | None = None,
        times: int | None = None,
        rate: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Neither handle the request nor close its connection: a black hole, until the client
        gives up.
        """
        rule = fault_arguments.rule("hold", client_id, api, nth, times, rate, seed)
        self._add("hold", "hold", topic, rule)

    def repeat(
        self,
        *,
        client_id: str | None = None,
        api: str | int | None = None,
        topic: str | None = None,
        nth: int | None = None,
        times: int | None = None,
        rate: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Handle the request twice and answer once: a retry that was none of the client's."""
        rule = fault_arguments.rule("repeat", client_id, api, nth, times, rate, seed)
        self._add("repeat", "repeat", topic, rule)

    def answer(
        self,
        api: str | int,
        error: str | int,
        times: int | None = None,
        *,
        client_id: str | None = None,
        topic: str | None = None,
        nth: int | None = None,
        rate: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Answer the request with an error, such as "NOT_LEADER_OR_FOLLOWER" or 6, instead of
        handling it: for each thing that it asks for, where the answer has a place for that. Where
        it has none at all (Metadata of every topic), the connection is closed.
        """
        fault_arguments.api_key("answer", api)  # any at all is none
        rule = fault_arguments.rule("answer", client_id, api, nth, times, rate, seed)
        code = fault_arguments.error_code("answer", error)
        rule["error"] = int(code)
        self._add("answer", f"answer {code.name}", topic, rule)

    # ------------------------------------------------------------ the node

    def kill(self, *, at_record: int, topic: str) -> None:
        """End the node as `Broker.kill` does when the topic's logs end at that offset, those of its
        partitions together: when so many records were ever written, those that are gone and the
        marks of transactions among them. Whoever wrote the last is not answered. Not of topics that
        the node writes itself.
        """
        self._stop_at("kill", at_record, topic)

    def restart(self, *, at_record: int, topic: str) -> None:
        """As `kill`, and start it again."""
        self._stop_at("restart", at_record, topic)

    # ------------------------------------------------------------ the disk

    def fill_disk(self, topic: str | None = None) -> None:
        """No write finds room any more: of this topic's logs, or of anything."""
        paths, said = ["*"], "fill_disk"
        if topic is not None:
            fault_arguments.text("fill_disk", "topic", topic)
            self._id_of(self._node(), "fill_disk", topic)
            # Its partitions' folders: none of another topic whose name begins so.
            paths, said = [f"/{topic}-#", f"/{topic}-#/*"], f"fill_disk {topic}"
        self._fail("fill_disk", [(v, path, "ENOSPC") for v in _WRITES for path in paths], said)

    def fail_disk(
        self,
        verb: str,
        path: str = "*",
        errno: str = "EIO",
        *,
        after: int = 0,
        times: int | None = None,
        delay_ms: int | None = 0,
    ) -> None:
        """Let a call to the disk fail.

        Args:
            verb: which, such as "write", "read" or "sync".
            path: the end of the file's path, in which `*` stands for anything, and `#` for a
                number.
            errno: how, such as "EIO"; "" if it is only to be slow.
            after: so many such calls pass first.
            times: so many fail; by default all.
            delay_ms: how much later; None: not before `clear`, or other faults of the disk.
        """
        for name, value in (("verb", verb), ("path", path), ("errno", errno)):
            fault_arguments.text("fail_disk", name, value)
        when = {"after": fault_arguments.whole("fail_disk", "after", after, 0)}
        if times is not None:
            when["times"] = fault_arguments.whole("fail_disk", "times", times, 1)
        delay = (
            None
            if delay_ms is None
            else fault_arguments.whole("fail_disk", "delay_ms", delay_ms, 0)
        )
        said = f"fail_disk {verb} {path} {errno}".rstrip()
        self._fail("fail_disk", [(verb, path, errno)], said, delay_ms=delay, **when)

    # ------------------------------------------------------------ all of it

    def clear(self) -> None:
        """No rule holds any more, and the disk is whole. A request that is held stays so."""
        node = self._node()
        with self._lock:
            self._in(node).clear()
            self._ends.clear()

    @property
    def events(self) -> list[str]:
        """What was done so far, a line each, in order."""
        with self._lock:
            self._hear()
            return list(self._told)

    def mend_disk(self) -> None:
        """A node is to end whose folder goes with it: it need not fail at that. For the broker
        alone.
        """
        with self._lock:
            if self._held is not None:
                self._held.mend_disk()

    def follow(self, node: Node) -> None:
        """The broker has a new node: what holds goes on there. For the broker alone."""
        with self._lock:
            if self._held is not None:
                node.suffer(self._held)

    def __repr__(self) -> str:
        with self._lock:
            self._hear()
            ends = f", {len(self._ends)} ends of the node to come" if self._ends else ""
            return f"<the broker's faults, {len(self._told)} events{ends}>"

    # ------------------------------------------------------------ parts

    def _node(self) -> Node:
        """The node, perhaps after a restart, which takes the lock: never ask with that held."""
        node = self._node_of()
        if node is None:
            raise NotRunning("this broker was dropped, and has ended")
        return node()

    def _in(self, node: Node) -> NodeFaults:
        """The rules, of which the node knows."""
        if self._held is None:
            from ottla.node.faults import NodeFaults

            held = NodeFaults(spared=CLIENT_ID)
            node.suffer(held)
            # Nodes to come are told by `follow`; this one may be over by now.
            self._held = held
        return self._held

    def _add(
        self, deed: Deed, said: str, topic: str | None, rule: dict[str, Any], method: str = ""
    ) -> None:
        """Make a rule about requests, for this method of ours."""
        method = method or deed
        if topic is not None:
            fault_arguments.text(method, "topic", topic)
        node = self._node()
        with self._lock:
            named = None if topic is None else self._named(node, method, topic, rule["api_key"])
            number = self._in(node).add(deed, topic=named, **rule)
            self._texts[number] = said
            if deed == "stop":
                self._ends[number] = _End(said, restart=method == "restart")
                self._wait_for_ends()

    def _named(self, node: Node, method: str, topic: str, api_key: int | None) -> tuple[str, bytes]:
        from ottla.node.faults import asks_of_topics

        if api_key is not None and not asks_of_topics(api_key):
            raise BadArgument(
                f"faults.{method}: no topic={topic!r} is named by requests of this API, or not so "
                "that a rule can tell"
            )
        return topic, self._id_of(node, method, topic)

    @staticmethod
    def _id_of(node: Node, method: str, topic: str) -> bytes:
        found = node.topic_id(topic)
        if found is None:
            raise BadArgument(
                f"faults.{method}: there is no topic={topic!r}",
                hint="create it before a rule about it is made",
            )
        return found

    def _fail(
        self, method: str, calls: list[tuple[str, str, str]], said: str, **when: int | None
    ) -> None:
        from ottla.node.faults import DiskRow

        rows = [DiskRow(*call, **when) for call in calls]  # type: ignore[arg-type]
        node = self._node()
        with self._lock:
            try:
                self._in(node).fail_disk(rows)
            except ValueError as problem:
                raise BadArgument(f"faults.{method}: {problem}") from None
            self._told.append(said)

    def _stop_at(self, method: str, at_record: int, topic: str) -> None:
        most = fault_arguments.RECORDS_MAX
        rule = fault_arguments.rule(method, api="Produce")
        rule["log_end"] = fault_arguments.whole(method, "at_record", at_record, 1, most)
        fault_arguments.text(method, "topic", topic)
        if is_internal(topic):
            raise BadArgument(
                f"faults.{method}: topic={topic!r} is written by the node itself, and such records "
                "end no node",
                hint='drop_reply(api="EndTxn", times=1) loses the answer to what is written there',
            )
        said = f"{method} at record {at_record} of {topic}"
        self._add("stop", said, topic, rule, method)

    def _wait_for_ends(self) -> None:
        if self._waiter is None:
            # A thread that serves can't end what it is part of.
            self._waiter = threading.Thread(
                target=_wait, args=(self._held, weakref.ref(self)), name="ottla-faults"
            )
            self._waiter.daemon = True
            self._waiter.start()

    def _end(self, number: int) -> None:
        """The node's end has come. It is told when it has been, and before the next node begins."""
        with self._lock:
            end = self._ends.pop(number, None)
        ends = self._ends_of()
        if end is None or ends is None:
            return

        def told() -> None:
            with self._lock:
                self._hear()
                self._told.append(end.text)

        try:
            ends(told, restart=end.restart)
        except NotRunning:
            return  # somebody else ended it in the same moment
        except OttlaError as problem:
            with self._lock:
                self._told.append(f"{end.text}: it did not start again: {problem}")

    def _waits(self) -> bool:
        """Whether an end is to come; if not, the thread that waits for it goes."""
        with self._lock:
            if self._ends and self._node_of() is not None:
                return True
            self._waiter = None
            return False

    def _hear(self) -> None:
        """Take down what was done since the last time."""
        if self._held is None:
            return
        done, lost = self._held.take_done()
        if lost:
            self._told.append(f"{lost} lines were lost")
        self._told += [
            f"{self._texts[one.rule]}: {one.api} {one.nth} of {one.client_id!r}" for one in done
        ]


def _wait(held: NodeFaults, whose: weakref.ref[Faults]) -> None:
    """Carry out ends of the node, until none is to come."""
    while True:
        number = held.stopped(LOOK_MS)
        faults = whose()
        if faults is None:
            return
        if number is not None:
            faults._end(number)
        if not faults._waits():
            return
        del faults
