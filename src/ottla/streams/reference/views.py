"""Where an operator reads a table: a store, and what stands between the store and the reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.streams.plan import views as plan
from ottla.streams.reference.context import UNKNOWN, Context
from ottla.streams.reference.joins.tables import joined_view
from ottla.streams.reference.operator import Getter, Wiring, bind
from ottla.streams.reference.owning import of_its_own
from ottla.streams.reference.records import Stamped
from ottla.streams.reference.suppress import buffered_view
from ottla.streams.reference.transformers import TableTransformValues


class FilteredView:
    def __init__(self, source: Getter, predicate: Callable[..., Any], wanted: bool) -> None:
        self.source, self.predicate, self.wanted = source, predicate, wanted

    def get(self, key: Any, as_of: int | None = None) -> Stamped | None:
        held = self.source.get(key, as_of)
        if held is None or bool(self.predicate(key, held.value)) is not self.wanted:
            return None
        return held


class MappedView:
    def __init__(self, source: Getter, mapper: Callable[..., Any]) -> None:
        self.source, self.mapper = source, mapper

    def get(self, key: Any, as_of: int | None = None) -> Stamped | None:
        held = self.source.get(key, as_of)
        if held is None:
            return None
        value = self.mapper(key, held.value)
        return None if value is None else Stamped(value, held.timestamp, held.headers)


class TransformedView:
    """Asks the node's transformer, with the time and headers of the value that it is given."""

    def __init__(self, source: Getter, context: Context, node: TableTransformValues) -> None:
        self.source, self.context, self.node = source, context, node

    def get(self, key: Any, as_of: int | None = None) -> Stamped | None:
        held = self.source.get(key, as_of)
        context = self.context
        before = context.record()
        headers = () if held is None else held.headers
        timestamp = UNKNOWN if held is None else held.timestamp
        context.set_record((timestamp, headers, None, UNKNOWN, UNKNOWN, None, None))
        try:
            value = self.node.view_transformer().transform(
                of_its_own(key), None if held is None else of_its_own(held.value)
            )
        finally:
            context.set_record(before)
        if value is None:
            return None
        return Stamped(value, timestamp, context.headers if held is None else headers)


def make_view(view: plan.View, wiring: Wiring) -> Getter:
    """The getter of a view of the plan."""
    match view:
        case plan.Stored():
            store: Getter = wiring.store(view.store)
            return store
        case plan.Filtered():
            predicate = bind(view.predicate, ("key", "value"))
            return FilteredView(wiring.view(view.source), predicate, not view.negate)
        case plan.Mapped():
            return MappedView(wiring.view(view.source), bind(view.mapper, ("key", "value")))
        case plan.Transformed():
            node = wiring.operators[view.node]
            assert isinstance(node, TableTransformValues)
            return TransformedView(wiring.view(view.source), wiring.context, node)
        case plan.JoinedView():
            return joined_view(view, wiring)
        case plan.Buffered():
            return buffered_view(view, wiring)
