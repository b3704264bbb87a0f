"""A table's values made anew by a user's transformer, which may reach stores and the context."""

from __future__ import annotations

from typing import Any

from ottla.streams.execution import Headers
from ottla.streams.plan import operators as plan
from ottla.streams.reference.operator import Wiring
from ottla.streams.reference.owning import of_its_own
from ottla.streams.reference.processing import NodeContext
from ottla.streams.reference.records import Change
from ottla.streams.reference.tables import TableOperator


class TableTransformValues(TableOperator):
    """Unlike a map of values, the transformer is asked about None too."""

    def __init__(self, row: plan.TableTransformValues, wiring: Wiring) -> None:
        super().__init__(row.store, row.send_old, wiring)
        self.row = row
        self.transformer: Any = None
        self._for_views: Any = None

    def start(self) -> None:
        self.transformer = self.row.supplier()
        self.transformer.init(NodeContext(self, may_forward=False))

    def view_transformer(self) -> Any:
        """What views ask: a transformer of their own, as they read between records of this one."""
        if self._for_views is None:
            self._for_views = self.row.supplier()
            self._for_views.init(NodeContext(self, may_forward=False))
        return self._for_views

    def process(self, key: Any, value: Change, timestamp: int, headers: Headers) -> None:
        new = self.transformer.transform(of_its_own(key), of_its_own(value.new))
        old = None
        if self.send_old and self.store is not None:
            old = self.stored(key)
        elif self.send_old:
            old = self.transformer.transform(of_its_own(key), of_its_own(value.old))
        self.keep_and_forward(key, new, old, value.is_latest, timestamp, headers)

    def close(self) -> None:
        try:
            self.transformer.close()
        finally:
            if self._for_views is not None:
                self._for_views.close()
