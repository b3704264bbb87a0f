"""What stands behind each table: how it is read, what it keeps, whether it sends old values.

All of it may change until the topology is built: a join further down asks for the values, and the
table is kept in a store from then on.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from ottla.streams.errors import TopologyError
from ottla.streams.plan import operators as plan
from ottla.streams.plan.functions import Function
from ottla.streams.plan.operators import Operator
from ottla.streams.plan.stores import Store
from ottla.streams.plan.views import (
    Buffered,
    Filtered,
    JoinedView,
    Mapped,
    Stored,
    Transformed,
    View,
)

#: Through how many operators a table may be read that is not kept itself.
READ_MAX = 200


class TableOperator:
    """How a table comes about. `kept` is the row of its own store, made when it is needed."""

    #: How many operators a reader goes through, each as often as there are ways to it.
    reads = 1

    def __init__(self, kept: Callable[[], Store] | None = None, *, is_kept: bool = True) -> None:
        self._kept = kept
        self.is_kept = kept is not None and is_kept
        self.send_old = False
        self.versioned = False

    def store(self) -> Store | None:
        return self._kept() if self._kept is not None and self.is_kept else None

    def stores(self) -> Iterable[Store]:
        store = self.store()
        return () if store is None else (store,)

    @property
    def store_name(self) -> str | None:
        store = self.store()
        return None if store is None else store.name

    @abstractmethod
    def view(self) -> View:
        """How its present value is read; a source is kept from now on."""

    @abstractmethod
    def store_names(self) -> tuple[str, ...]:
        """The stores that a reader must reach."""

    @abstractmethod
    def operator(self) -> Operator: ...

    def ask_old(self, force: bool) -> bool:
        """Ask for old values; whether they will come. `force` keeps a table for it if need be."""
        self.send_old = True
        return True

    def mark_versioned(self, parent: str) -> None:
        self.versioned = True


class Kept(TableOperator):
    """Any table that is always kept: aggregations."""

    def __init__(self, kept: Callable[[], Store], make: Callable[[str, bool], Operator]) -> None:
        super().__init__(kept)
        self._make = make

    def view(self) -> View:
        return Stored(self._name())

    def store_names(self) -> tuple[str, ...]:
        return (self._name(),)

    def _name(self) -> str:
        name = self.store_name
        assert name is not None
        return name

    def operator(self) -> Operator:
        return self._make(self._name(), self.send_old)


class SourceTable(TableOperator):
    """A topic or a stream as a table; kept when somebody wants to read it."""

    def view(self) -> View:
        self.is_kept = True
        name = self.store_name
        assert name is not None
        return Stored(name)

    def store_names(self) -> tuple[str, ...]:
        self.is_kept = True
        name = self.store_name
        assert name is not None
        return (name,)

    def ask_old(self, force: bool) -> bool:
        if not self.send_old:
            if not force and not self.is_kept:
                return False
            self.send_old = self.is_kept = True
        return True

    def operator(self) -> Operator:
        return plan.TableSource(self.store_name, self.send_old)


class Derived(TableOperator):
    """A table made of one other; read through that one where it is not kept itself."""

    def __init__(self, source: TableOperator, kept: Callable[[], Store] | None) -> None:
        super().__init__(kept)
        self.source = source
        if not self.is_kept:
            self.reads = source.reads + 1

    def view(self) -> View:
        name = self.store_name
        return self.through() if name is None else Stored(name)

    @abstractmethod
    def through(self) -> View: ...

    def store_names(self) -> tuple[str, ...]:
        name = self.store_name
        return self.source.store_names() if name is None else (name,)

    def ask_old(self, force: bool) -> bool:
        asked: list[Derived] = []
        table: TableOperator = self
        while isinstance(table, Derived) and not table.send_old:  # a loop: there may be thousands
            asked.append(table)
            if table.is_kept:
                break
            table = table.source
        sends = isinstance(table, Derived) or table.ask_old(force)
        for each in asked:
            each.send_old = each.send_old or sends
        return sends


class FilterTable(Derived):
    def __init__(
        self, source: TableOperator, predicate: Function, negate: bool,
        kept: Callable[[], Store] | None,
    ) -> None:  # fmt: skip
        super().__init__(source, kept)
        self.predicate = predicate
        self.negate = negate
        # Where old values are there anyway, needless tombstones are not sent.
        self.send_old = source.ask_old(False)

    def through(self) -> View:
        return Filtered(self.source.view(), self.predicate, self.negate)

    def operator(self) -> Operator:
        return plan.TableFilter(
            self.predicate, self.negate, self.store_name, self.send_old, self.versioned
        )


class MapTable(Derived):
    def __init__(
        self, source: TableOperator, mapper: Function, kept: Callable[[], Store] | None
    ) -> None:
        super().__init__(source, kept)
        self.mapper = mapper

    def through(self) -> View:
        return Mapped(self.source.view(), self.mapper)

    def operator(self) -> Operator:
        return plan.TableMapValues(self.mapper, self.store_name, self.send_old)


class TransformTable(Derived):
    def __init__(
        self, source: TableOperator, node: str, supplier: Callable[[], Any],
        kept: Callable[[], Store] | None,
    ) -> None:  # fmt: skip
        super().__init__(source, kept)
        self.node = node
        self.supplier = supplier

    def through(self) -> View:
        return Transformed(self.source.view(), self.node)

    def operator(self) -> Operator:
        return plan.TableTransformValues(self.supplier, self.store_name, None, self.send_old)


class SuppressTable(Derived):
    """What a buffer holds back; read from the buffer, else from above it."""

    def __init__(
        self, source: TableOperator, buffer: Store, make: Callable[[View | None], Operator]
    ) -> None:
        super().__init__(source, None)
        self.buffer = buffer
        self._make = make

    def through(self) -> View:
        return Buffered(self.source.view(), self.buffer.name)

    def store_names(self) -> tuple[str, ...]:
        return (self.buffer.name, *self.source.store_names())

    def stores(self) -> Iterable[Store]:
        return (self.buffer,)

    def operator(self) -> Operator:
        return self._make(None)


class JoinSide(TableOperator):
    """One side of a join of two tables: takes this side's changes, reads the other's values."""

    def __init__(
        self, side: str, kind: plan.JoinKind, this: TableOperator, other: TableOperator,
        joiner: Function,
    ) -> None:  # fmt: skip
        super().__init__()
        self.side = side
        self.kind = kind
        self.this = this
        self.other = other
        self.joiner = joiner
        self.reads = this.reads + other.reads + 1

    def view(self) -> View:
        left, right = (self.this, self.other) if self.side == "left" else (self.other, self.this)
        return JoinedView(self.kind, left.view(), right.view(), self.joiner)

    def store_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.this.store_names(), *self.other.store_names())))

    def ask_old(self, force: bool) -> bool:
        if not self.send_old:
            self.send_old = True
            self.this.ask_old(True)
            self.other.ask_old(True)
        return True

    def operator(self) -> Operator:
        side: Any = self.side
        return plan.TableTableJoin(
            side, self.kind, self.joiner, self.other.view(), self.send_old, self.versioned
        )


class MergeTable(TableOperator):
    """Both sides of a join of two tables."""

    def __init__(self, left: JoinSide, right: JoinSide, kept: Callable[[], Store] | None) -> None:
        super().__init__(kept)
        self.left = left
        self.right = right
        if not self.is_kept:
            self.reads = left.reads + 1

    def view(self) -> View:
        name = self.store_name
        return self.left.view() if name is None else Stored(name)

    def store_names(self) -> tuple[str, ...]:
        name = self.store_name
        if name is not None:
            return (name,)
        return tuple(dict.fromkeys((*self.left.store_names(), *self.right.store_names())))

    def ask_old(self, force: bool) -> bool:
        if not self.send_old:
            self.send_old = True
            self.left.ask_old(True)
            self.right.ask_old(True)
        return True

    def operator(self) -> Operator:
        return plan.TableTableMerge(self.store_name, self.send_old)


def check_reads(table: TableOperator, name: str) -> None:
    """Refuse what would ask too many operators for each value, or run out of Python's stack.

    Raises:
        TopologyError: no table between is kept.
    """
    if table.reads > READ_MAX:
        raise TopologyError(
            f"{name} reads a table through {min(table.reads, 10**9)} operators, none of which "
            "keeps it",
            hint=f'give store="name" to a table between; at most {READ_MAX} may be without',
        )


class CogroupTable(TableOperator):
    """The merge of several aggregations that share a store."""

    def __init__(self, store: Callable[[], Store], parents: list[TableOperator]) -> None:
        super().__init__()
        self._shared = store
        self._parents = parents

    def view(self) -> View:
        return Stored(self._shared().name)

    def store_names(self) -> tuple[str, ...]:
        return (self._shared().name,)

    def ask_old(self, force: bool) -> bool:
        for parent in self._parents:
            parent.ask_old(True)
        return True

    def operator(self) -> Operator:
        return plan.PassThrough()
