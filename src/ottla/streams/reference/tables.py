"""Operators on tables: what takes a stream in, filters, maps, regroups, aggregates, and gives one
back.

A table's record is a `Change`. Old values travel only where an operator below asked for them
(`send_old`): one that is materialized reads them in its store, another one computes them anew.
"""

from __future__ import annotations

from typing import Any

from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Headers
from ottla.streams.plan import operators as plan
from ottla.streams.reference.operator import Operator, Wiring, bind
from ottla.streams.reference.records import Change
from ottla.streams.reference.stateless import pair


class TableOperator(Operator):
    """The end of most table operators: keep the new value where materialized, then tell the
    children."""

    def __init__(self, store: str | None, send_old: bool, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.store = None if store is None else wiring.store(store)
        self.send_old = send_old

    def stored(self, key: Any) -> Any:
        """The value that the operator's own store holds."""
        found = self.store.get(key)  # type: ignore[union-attr]  # asked only where materialized
        return None if found is None else found.value

    def keep_and_forward(
        self, key: Any, new: Any, old: Any, is_latest: bool, timestamp: int, headers: Headers
    ) -> None:
        if self.store is not None:
            kept = self.store.put(key, new, timestamp)
            if kept is None:  # a versioned store has forgotten that time
                return
            is_latest = kept
        change = Change(new, old if self.send_old else None, is_latest)
        self.forward_at(key, change, timestamp, headers)


class TableSource(TableOperator):
    """A record is the new value of its key; None removes the key."""

    def __init__(self, row: plan.TableSource, wiring: Wiring) -> None:
        super().__init__(row.store, row.send_old, wiring)

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        if key is None:
            self.skip("the key is null")
            return
        old = None if self.store is None else self.stored(key)
        self.keep_and_forward(key, value, old, True, timestamp, headers)


class TableFilter(TableOperator):
    """What does not hold is removed; of a key that was not there and is not, nothing is said."""

    def __init__(self, row: plan.TableFilter, wiring: Wiring) -> None:
        super().__init__(row.store, row.send_old, wiring)
        self.predicate = bind(row.predicate, ("key", "value"))
        self.wanted = not row.negate
        self.versioned = row.versioned

    def process(self, key: Any, value: Change, timestamp: int, headers: Headers) -> None:
        new = self.passed(key, value.new)
        old = None
        if self.send_old:
            old = self.stored(key) if self.store is not None else self.passed(key, value.old)
            if old is None and new is None and not self.versioned:
                return
        self.keep_and_forward(key, new, old, value.is_latest, timestamp, headers)

    def passed(self, key: Any, value: Any) -> Any:
        if value is None or bool(self.predicate(key, value)) is not self.wanted:
            return None
        return value


class TableMapValues(TableOperator):
    def __init__(self, row: plan.TableMapValues, wiring: Wiring) -> None:
        super().__init__(row.store, row.send_old, wiring)
        self.mapper = bind(row.mapper, ("key", "value"))

    def process(self, key: Any, value: Change, timestamp: int, headers: Headers) -> None:
        new = self.mapped(key, value.new)
        old = None
        if self.send_old:
            old = self.stored(key) if self.store is not None else self.mapped(key, value.old)
        self.keep_and_forward(key, new, old, value.is_latest, timestamp, headers)

    def mapped(self, key: Any, value: Any) -> Any:
        return None if value is None else self.mapper(key, value)


class TableToStream(Operator):
    def __init__(self, row: plan.TableToStream, wiring: Wiring) -> None:
        super().__init__(wiring)

    def process(self, key: Any, value: Change, timestamp: int, headers: Headers) -> None:
        self.forward(key, value.new, timestamp, headers)


class TableRepartitionMap(Operator):
    """A change under a new key: the old pair is taken away, the new one added, in this order.

    Where both have one key it stays one change. Pairs with a null key or value count as none.
    """

    def __init__(self, row: plan.TableRepartitionMap, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.mapper = bind(row.mapper, ("key", "value"))
        self.versioned = row.versioned

    def process(self, key: Any, value: Change, timestamp: int, headers: Headers) -> None:
        if key is None:
            raise ProcessingError("a table that is grouped anew has a record without a key")
        latest = value.is_latest
        if self.versioned and not latest:
            return
        new, old = self.mapped(key, value.new), self.mapped(key, value.old)
        if old is not None and new is not None and same_key(old[0], new[0]):
            self.forward(old[0], Change(new[1], old[1], latest), timestamp, headers)
            return
        if old is not None:
            self.forward(old[0], Change(None, old[1], latest), timestamp, headers)
        if new is not None:
            self.forward(new[0], Change(new[1], None, latest), timestamp, headers)

    def mapped(self, key: Any, value: Any) -> tuple[Any, Any] | None:
        if value is None:
            return None
        given = self.mapper(key, value)
        if given is None:
            return None
        new_key, new_value = pair(given)
        return None if new_key is None or new_value is None else (new_key, new_value)


def same_key(one: Any, other: Any) -> bool:
    """Equal, and of one type: 1, 1.0 and True are three keys."""
    return type(one) is type(other) and bool(one == other)


class TableAggregate(TableOperator):
    """Takes the old value away, then adds the new one, each where there is one."""

    def __init__(self, row: plan.TableAggregate, wiring: Wiring) -> None:
        super().__init__(row.store, row.send_old, wiring)
        self.initializer = bind(row.initializer, ())
        self.adder = bind(row.adder, ("key", "value", "aggregate"))
        self.subtractor = bind(row.subtractor, ("key", "value", "aggregate"))

    def process(self, key: Any, value: Change, timestamp: int, headers: Headers) -> None:
        if key is None:
            raise ProcessingError("an aggregation of a table has a record without a key")
        held = self.store.get(key)  # type: ignore[union-attr]
        old = None if held is None else held.value
        new, time = old, timestamp
        if value.old is not None and old is not None:
            new = self.subtractor(key, value.old, old)
            time = max(timestamp, held.timestamp)
        if value.new is not None:
            new = self.adder(key, value.new, self.initializer() if new is None else new)
            if held is not None:
                time = max(timestamp, held.timestamp)
        self.keep_and_forward(key, new, old, True, time, headers)


class TableReduce(TableOperator):
    """As `TableAggregate`; the first value stands as it is."""

    def __init__(self, row: plan.TableReduce, wiring: Wiring) -> None:
        super().__init__(row.store, row.send_old, wiring)
        self.adder = bind(row.adder, ("aggregate", "value"))
        self.subtractor = bind(row.subtractor, ("aggregate", "value"))

    def process(self, key: Any, value: Change, timestamp: int, headers: Headers) -> None:
        if key is None:
            raise ProcessingError("a reduction of a table has a record without a key")
        held = self.store.get(key)  # type: ignore[union-attr]
        old = None if held is None else held.value
        new, time = old, timestamp
        if value.old is not None and old is not None:
            new = self.subtractor(old, value.old)
            time = max(timestamp, held.timestamp)
        if value.new is not None:
            if new is None:
                new = value.new
            else:
                new = self.adder(new, value.new)
                time = max(timestamp, held.timestamp)
        self.keep_and_forward(key, new, old, True, time, headers)
