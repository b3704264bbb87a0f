"""Joins of two tables by their key, and reading a joined table that is not materialized.

A change of one side meets the other's present value; each side runs `TableTableJoin`, and both give
to one `TableTableMerge`. Which side must be there depends on the kind: an inner join needs both, a
left join the left one, an outer join either. The result has the later of both times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.streams.execution import Headers
from ottla.streams.plan import operators as plan
from ottla.streams.plan.views import JoinedView as JoinedRow
from ottla.streams.reference.context import UNKNOWN
from ottla.streams.reference.joins.streams import JOINED
from ottla.streams.reference.operator import Getter, Operator, Wiring, bind
from ottla.streams.reference.records import Change, Stamped
from ottla.streams.reference.tables import TableOperator


class TableTableJoin(Operator):
    def __init__(self, row: plan.TableTableJoin, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.is_left = row.side == "left"
        #: Whether this side's value must be there, and whether the other's.
        self.needs_this = row.kind == "inner" or (row.kind == "left" and self.is_left)
        self.needs_other = row.kind == "inner" or (row.kind == "left" and not self.is_left)
        self.joiner = bind(row.joiner, JOINED)
        self.other = wiring.view(row.other)
        self.send_old = row.send_old
        self.versioned = row.versioned

    def process(self, key: Any, value: Change, timestamp: int, headers: Headers) -> None:
        if key is None:
            self.skip("the key is null")
            return
        if self.versioned and not value.is_latest:
            self.skip("a later version of the key is known")
            return
        held = self.other.get(key)
        other = None if held is None else held.value
        if other is None and (self.needs_other or (value.new is None and value.old is None)):
            return
        time = timestamp if held is None or other is None else max(timestamp, held.timestamp)
        new = self.join(key, value.new, other)
        old = self.join(key, value.old, other) if self.send_old else None
        self.forward_at(key, Change(new, old, value.is_latest), time, headers)

    def join(self, key: Any, this: Any, other: Any) -> Any:
        if this is None and (self.needs_this or other is None):
            return None
        return self.joiner(key, this, other) if self.is_left else self.joiner(key, other, this)


class TableTableMerge(TableOperator):
    """Both sides' results are one table."""

    def __init__(self, row: plan.TableTableMerge, wiring: Wiring) -> None:
        super().__init__(row.store, row.send_old, wiring)

    def process(self, key: Any, value: Change, timestamp: int, headers: Headers) -> None:
        self.keep_and_forward(key, value.new, value.old, value.is_latest, timestamp, headers)


class JoinedView:
    """The join of what both tables hold now."""

    def __init__(self, kind: str, left: Getter, right: Getter, joiner: Callable[..., Any]) -> None:
        self.kind, self.left, self.right, self.joiner = kind, left, right, joiner

    def get(self, key: Any, as_of: int | None = None) -> Stamped | None:
        left = self.left.get(key)
        if left is None and self.kind != "outer":
            return None
        right = self.right.get(key)
        if right is None and (self.kind == "inner" or left is None):
            return None
        value = self.joiner(
            key, None if left is None else left.value, None if right is None else right.value
        )
        if value is None:
            return None
        times = [held.timestamp for held in (left, right) if held is not None]
        return Stamped(value, max(times, default=UNKNOWN))


def joined_view(row: JoinedRow, wiring: Wiring) -> JoinedView:
    left, right = wiring.view(row.left), wiring.view(row.right)
    return JoinedView(row.kind, left, right, bind(row.joiner, JOINED))
