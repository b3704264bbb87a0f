"""What a test lets go wrong in a node, and in the next one on its folder.

The test makes one, and gives it to each node that it starts (`Node.suffer`). Rules about requests
lie in the core, which counts what they are about; rules about the disk are told to each node anew,
less what they have done. Nothing here makes sure of what it is given: the core refuses what it
does not know, and the words for it are the test's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ottla._core import CoreError, DiskFault, RequestFaults
from ottla.wire import api as wire_api
from ottla.wire.schema import plan_of
from ottla.wire.topic_paths import topic_paths

if TYPE_CHECKING:
    from ottla._core import Node as Core
    from ottla._core import _Deed

    Deed: TypeAlias = _Deed

__all__ = ["DiskRow", "NodeFaults", "RequestDone", "asks_of_topics"]


class DiskRow(NamedTuple):
    """A call to the disk, and what happens there; see `_core.DiskFault`."""

    verb: str
    path: str
    errno: str
    delay_ms: int | None = 0
    after: int = 0
    times: int | None = None


class RequestDone(NamedTuple):
    """A request that a rule came over."""

    rule: int
    nth: int
    """Of those that the rule is about."""
    api: str
    client_id: str


class NodeFaults:
    """Faults of one broker of a test. Any method but `begin` and `fail_disk` may be called from any
    thread at any time.
    """

    def __init__(self, *, spared: str | None = None) -> None:
        """Rules about requests are not about the client `spared` unless they name it."""
        self._requests = RequestFaults(spared=spared)
        self._disk: list[DiskRow] = []
        self._core: Core | None = None

    def begin(self, core: Core) -> None:
        """All of it holds in this node from now on."""
        if core is self._core:
            return
        self._disk = self._left()
        self._core = core
        core.set_request_faults(self._requests)
        if self._disk:
            core.set_disk_faults([DiskFault(**row._asdict()) for row in self._disk])

    def add(self, deed: Deed, *, topic: tuple[str, bytes] | None = None, **rule: Any) -> int:
        """One more rule about requests, as `_core.RequestFaults.add` takes it; its number."""
        if topic is None:
            return self._requests.add(deed, **rule)
        key = rule.get("api_key")
        keys = [row.key for row in wire_api.apis()] if key is None else [key]
        named = [(key, plan_of(wire_api.request_class(key)), asks_of_topics(key)) for key in keys]
        name, topic_id = topic
        return self._requests.add(
            deed, topic=name, topic_id=topic_id, named=[one for one in named if one[2]], **rule
        )

    def fail_disk(self, rows: list[DiskRow]) -> None:
        """These rows hold as well.

        Raises:
            ValueError: there is no such verb or errno.
        """
        assert self._core is not None, "a node comes first"
        disk = [*self._left(), *rows]
        try:
            self._core.set_disk_faults([DiskFault(**row._asdict()) for row in disk])
        except CoreError as problem:
            raise ValueError(problem.text) from None
        self._disk = disk

    def clear(self) -> None:
        """None of it holds any more."""
        self._requests.clear()
        self.mend_disk()

    def mend_disk(self) -> None:
        """The disk is whole."""
        self._disk = []
        if self._core is not None:
            self._core.set_disk_faults([])

    def take_done(self) -> tuple[list[RequestDone], int]:
        """What was done since this was asked last, and how many before that were lost."""
        done, lost = self._requests.take_done()
        return [
            RequestDone(one.rule, one.nth, wire_api.api(one.api_key).name, one.client_id)
            for one in done
        ], lost

    def stopped(self, timeout_ms: int) -> int | None:
        """A rule whose end of the node has come, each once; None at the timeout."""
        return self._requests.stopped(timeout_ms=timeout_ms)

    def _left(self) -> list[DiskRow]:
        """What the rows about the disk have still to do."""
        if self._core is None or not self._disk:
            return self._disk
        left = []
        for row, fired in zip(self._disk, self._core.disk_faults_fired(), strict=True):
            if fired:
                times = None if row.times is None else row.times - fired
                left.append(row._replace(after=0, times=times))
            else:
                left.append(row)
        return left


def asks_of_topics(api_key: int) -> list[str]:
    """Where requests of this API name topics."""
    return topic_paths(wire_api.request_class(api_key))
