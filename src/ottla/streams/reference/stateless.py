"""Operators on streams that keep nothing: filters, maps, branches, peeks."""

from __future__ import annotations

from typing import Any

from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Headers
from ottla.streams.plan import operators as plan
from ottla.streams.reference.operator import RECORD, Operator, Wiring, bind


class Filter(Operator):
    def __init__(self, row: plan.Filter, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.predicate = bind(row.predicate, RECORD)
        self.wanted = not row.negate
        self.by_key = row.by_key

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        if bool(self.predicate(key, value, timestamp, headers)) is self.wanted:
            self.forward(key, value, timestamp, headers)
        elif self.by_key:
            self.skip("the key is null")


class Map(Operator):
    def __init__(self, row: plan.Map, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.mapper = bind(row.mapper, RECORD)

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        new_key, new_value = pair(self.mapper(key, value, timestamp, headers))
        self.forward(new_key, new_value, timestamp, headers)


class SelectKey(Operator):
    def __init__(self, row: plan.SelectKey, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.mapper = bind(row.mapper, RECORD)

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        self.forward(self.mapper(key, value, timestamp, headers), value, timestamp, headers)


class MapValues(Operator):
    def __init__(self, row: plan.MapValues, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.mapper = bind(row.mapper, RECORD)

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        self.forward(key, self.mapper(key, value, timestamp, headers), timestamp, headers)


class FlatMap(Operator):
    def __init__(self, row: plan.FlatMap, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.mapper = bind(row.mapper, RECORD)

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        for given in several(self.mapper(key, value, timestamp, headers)):
            new_key, new_value = pair(given)
            self.forward(new_key, new_value, timestamp, headers)


class FlatMapValues(Operator):
    def __init__(self, row: plan.FlatMapValues, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.mapper = bind(row.mapper, RECORD)

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        for new_value in several(self.mapper(key, value, timestamp, headers)):
            self.forward(key, new_value, timestamp, headers)


class Branch(Operator):
    """To the child of the first predicate that holds; one child more is the default's."""

    def __init__(self, row: plan.Branch, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.predicates = [bind(predicate, RECORD) for predicate in row.predicates]

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        for place, predicate in enumerate(self.predicates):
            if predicate(key, value, timestamp, headers):
                self.children[place](key, value, timestamp, headers)
                return
        if len(self.children) > len(self.predicates):
            self.children[-1](key, value, timestamp, headers)


class Peek(Operator):
    def __init__(self, row: plan.Peek, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.action = bind(row.action, RECORD)

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        self.action(key, value, timestamp, headers)
        self.forward(key, value, timestamp, headers)


class PassThrough(Operator):
    def __init__(self, row: plan.PassThrough, wiring: Wiring) -> None:
        super().__init__(wiring)

    def process(self, key: Any, value: Any, timestamp: int, headers: Headers) -> None:
        self.forward(key, value, timestamp, headers)


def pair(given: Any) -> tuple[Any, Any]:
    """A new (key, value) that a user's function gave.

    Raises:
        ProcessingError: it is not two things.
    """
    if isinstance(given, (tuple, list)) and len(given) == 2:
        return given[0], given[1]
    raise ProcessingError(
        f"a function that gives a new key and value gave {type(given).__name__} instead",
        hint="return (key, value)",
    )


def several(given: Any) -> Any:
    """What a flat map gave; an empty list is nothing, None is an error.

    Raises:
        ProcessingError: it is None.
    """
    if given is None:
        raise ProcessingError(
            "a function of a flat map gave None", hint="return a list; an empty one for nothing"
        )
    return given
