"""What every operator is: a row of the plan made ready to take records, and linked to its children.

An operator is made with its row and its `Wiring`, linked once to its children, started before the
first record, and closed at the end. Children are called in order, depth first, before `forward`
returns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from ottla.streams.execution import Headers
from ottla.streams.plan.functions import Function
from ottla.streams.plan.views import View
from ottla.streams.reference.context import Context
from ottla.streams.reference.owning import with_its_own
from ottla.streams.reference.records import Stamped

T = TypeVar("T")

#: Takes a record: key, value (or `Change`), timestamp, headers.
Forward = Callable[[Any, Any, int, Headers], None]

#: The order in which operators of streams offer a record to a user's function.
RECORD = ("key", "value", "timestamp", "headers")


class Getter(Protocol):
    """A table's present value of a key, wherever it stands. `as_of` only where the store is
    versioned."""

    def get(self, key: Any, as_of: int | None = None) -> Stamped | None: ...


class TaskParts(Protocol):
    """What wirings share: the parts of one task."""

    context: Context
    stores: dict[str, Any]
    operators: dict[str, Operator]
    shared: dict[str, Any]

    def make_view(self, view: View, wiring: Wiring) -> Getter: ...

    def schedule(
        self,
        node: str,
        interval_ms: int,
        clock: str,
        callback: Callable[[int], None],
        start_ms: int | None,
    ) -> Any: ...


class Wiring:
    """What an operator of one node may reach: the context, stores, views, what siblings share."""

    __slots__ = ("_task", "connected", "context", "in_global", "node", "operators", "stores")

    def __init__(
        self, node: str, task: TaskParts, connected: Sequence[str], in_global: bool
    ) -> None:
        self.node = node
        self._task = task
        self.context = task.context
        self.stores = task.stores
        #: Operators made so far, by node: those above this one are.
        self.operators = task.operators
        #: The stores that the node may reach, and whether it follows a global topic.
        self.connected = connected
        self.in_global = in_global

    def store(self, name: str) -> Any:
        return self.stores[name]

    def view(self, view: View) -> Getter:
        return self._task.make_view(view, self)

    def shared(self, name: str, make: Callable[[], T]) -> T:
        """One object for all operators that ask for the name; the first asks for it to be made."""
        shared = self._task.shared
        if name not in shared:
            shared[name] = make()
        found: T = shared[name]
        return found

    def schedule(
        self, interval_ms: int, clock: str, callback: Callable[[int], None], start_ms: int | None
    ) -> Any:
        """Call `callback(time in ms)` every interval by a clock; gives what cancels it."""
        return self._task.schedule(self.node, interval_ms, clock, callback, start_ms)

    def skip(self, reason: str) -> None:
        self.context.skip(self.node, reason)


class Operator:
    """The base of all operators. Subclasses take `(row, wiring)` and write `process`."""

    #: Takes a record: what the operator is.
    process: Forward

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self.context = wiring.context
        self.skip = wiring.skip
        self.children: tuple[Forward, ...] = ()
        self.named_children: dict[str, Forward] = {}
        self.forward: Forward = nowhere

    def link(self, children: dict[str, Forward]) -> None:
        """Called once, with the children in order."""
        self.children = tuple(children.values())
        self.named_children = children
        self.forward = fan_out(self.children)

    def start(self) -> None:
        """Called once, in the topology's order, when all operators are linked."""

    def close(self) -> None:
        """Called once, in the topology's order."""

    def forward_at(
        self, key: Any, value: Any, timestamp: int, headers: Headers, child: Forward | None = None
    ) -> None:
        """Forward with a time or headers that may differ from those of the record at hand."""
        forward = self.forward if child is None else child
        context = self.context
        if timestamp == context.timestamp and headers is context.headers:
            forward(key, value, timestamp, headers)
            return
        before = context.timestamp, context.headers
        context.timestamp, context.headers = timestamp, headers
        try:
            forward(key, value, timestamp, headers)
        finally:
            context.timestamp, context.headers = before


def nowhere(key: Any, value: Any, timestamp: int, headers: Headers) -> None:
    """An operator without children forwards to nobody."""


def fan_out(children: Sequence[Forward]) -> Forward:
    if not children:
        return nowhere
    if len(children) == 1:
        return children[0]

    def to_all(key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        for child in children:
            child(key, value, timestamp, headers)

    return to_all


def bind(function: Function, offered: Sequence[str]) -> Callable[..., Any]:
    """The user's function as one that takes exactly what the operator offers, in that order."""
    wanted, call = function.arguments, function.call
    if wanted and function.expression is None:
        call = with_its_own(call)
    if wanted == tuple(offered):
        return call
    if tuple(offered) == RECORD:
        if wanted == ("value",):
            return lambda key, value, timestamp, headers: call(value)
        if wanted == ("key", "value"):
            return lambda key, value, timestamp, headers: call(key, value)
    if len(wanted) == len(offered) - 1 and wanted == tuple(offered[1:]):
        return lambda _, *rest: call(*rest)
    places = [offered.index(name) if name in offered else -1 for name in wanted]
    return lambda *given: call(*[given[place] if place >= 0 else None for place in places])
