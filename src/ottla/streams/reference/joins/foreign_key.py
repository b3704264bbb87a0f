"""Joins of a table with another one over a foreign key, which a function finds in the left value.

    left table  -> SubscriptionSend -> topic -> SubscriptionReceive -> SubscriptionJoin -> topic
                                                  right table -> ForeignTableJoin       -> topic
    topic -> ResponseJoin -> the joined table

The left side sends its primary key to where its foreign key lives, with a hash of its value; there
the subscription is kept, and answered with the right table's value, now and at each change of it.
An answer joins with the left value of its hash: if that has changed since, another answer is on its
way.
"""

from __future__ import annotations

from typing import Any

from ottla.streams.execution import Headers
from ottla.streams.plan import operators as plan
from ottla.streams.reference.codec import reader, writer
from ottla.streams.reference.joins.streams import JOINED
from ottla.streams.reference.operator import Operator, Wiring, bind
from ottla.streams.reference.records import Change, Stamped
from ottla.streams.reference.stores.key_value import KeyValueStore
from ottla.streams.serdes.murmur3 import hash128
from ottla.streams.serdes.subscriptions import (
    Instruction,
    Subscription,
    SubscriptionAnswer,
    foreign_prefix,
    primary_key_of,
)

LATER_VERSION = "a later version of the key is known"
NULL_FOREIGN_KEY = "the foreign key is null"


class SubscriptionSend(Operator):
    """A change of the left table ends the old subscription and makes the new one.

    An inner join asks for an answer only where its result may change. A left join always does:
    without a foreign key it asks the key None, which nothing ever subscribes to.
    """

    def __init__(self, row: plan.SubscriptionSend, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.extractor = bind(row.extractor, ("key", "value"))
        self.write_foreign_key = writer(row.foreign_key, row.foreign_key_topic, is_key=True)
        self.write_value = writer(row.value, row.value_topic)
        self.left = row.kind == "left"
        self.versioned = row.versioned

    def process(self, key: Any, value: Change, timestamp: int, headers: Headers) -> None:
        if self.versioned and not value.is_latest:
            self.skip(LATER_VERSION)
            return
        new = None if value.new is None else self.extractor(key, value.new)
        old = None if value.old is None else self.extractor(key, value.old)
        if self.left:
            wishes = self.wishes_of_left_join(value, new, old)
        else:
            wishes = self.wishes_of_inner_join(value, new, old)
        hashed = None
        if wishes and value.new is not None:
            hashed = hash128(self.write_value(value.new) or b"")
        for foreign_key, instruction in wishes:
            subscription = Subscription(hashed, instruction, key, self.context.partition)
            self.forward(foreign_key, subscription, timestamp, headers)

    def wishes_of_left_join(
        self, value: Change, new: Any, old: Any
    ) -> list[tuple[Any, Instruction]]:
        if value.new is None and value.old is None:
            return []
        wishes = [(new, Instruction.PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE)]
        if old is not None and self.differs(new, old):
            wishes.insert(0, (old, Instruction.DELETE_KEY_NO_PROPAGATE))
        return wishes

    def wishes_of_inner_join(
        self, value: Change, new: Any, old: Any
    ) -> list[tuple[Any, Instruction]]:
        if new is None:
            if value.new is not None:
                self.skip(NULL_FOREIGN_KEY)
            return [] if old is None else [(old, Instruction.DELETE_KEY_AND_PROPAGATE)]
        if old is not None and self.differs(new, old):
            return [
                (old, Instruction.DELETE_KEY_NO_PROPAGATE),
                (new, Instruction.PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE),
            ]
        return [(new, Instruction.PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE)]

    def differs(self, new: Any, old: Any) -> bool:
        return self.write_foreign_key(new) != self.write_foreign_key(old)


class SubscriptionReceive(Operator):
    """Keeps a subscription under both keys, or ends it, and passes it on to be answered."""

    def __init__(self, row: plan.SubscriptionReceive, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.store: KeyValueStore = wiring.store(row.store)
        self.write_foreign_key = writer(row.foreign_key, row.foreign_key_topic, is_key=True)
        self.write_primary_key = writer(row.primary_key, row.primary_key_topic, is_key=True)

    def process(self, key: Any, value: Subscription, timestamp: int, headers: Headers) -> None:
        if key is not None:
            primary_key = self.write_primary_key(value.primary_key)
            place = foreign_prefix(self.write_foreign_key(key) or b"") + (primary_key or b"")
            ends = value.instruction <= Instruction.DELETE_KEY_AND_PROPAGATE
            self.store.put(place, None if ends else value, timestamp, headers)
        elif value.instruction is not Instruction.PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE:
            self.skip(NULL_FOREIGN_KEY)
            return
        self.forward(key, value, timestamp, headers)


class SubscriptionJoin(Operator):
    """Answers a subscription with what the right table holds, as its instruction says."""

    def __init__(self, row: plan.SubscriptionJoin, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.table = wiring.view(row.table)

    def process(self, key: Any, value: Subscription, timestamp: int, headers: Headers) -> None:
        instruction = value.instruction
        held: Stamped | None = None if key is None else self.table.get(key)
        if instruction is Instruction.DELETE_KEY_NO_PROPAGATE:
            return
        if instruction is Instruction.PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE and held is None:
            return
        time = timestamp if held is None else max(timestamp, held.timestamp)
        found = None if held is None else held.value
        if instruction is Instruction.DELETE_KEY_AND_PROPAGATE:
            found = None
        answer = SubscriptionAnswer(value.hash, found, value.partition)
        self.forward_at(value.primary_key, answer, time, headers)


class ForeignTableJoin(Operator):
    """A change of the right table answers all that subscribed to its key."""

    def __init__(self, row: plan.ForeignTableJoin, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.store: KeyValueStore = wiring.store(row.store)
        self.write_foreign_key = writer(row.foreign_key, row.foreign_key_topic, is_key=True)
        self.read_primary_key = reader(row.primary_key, row.primary_key_topic, is_key=True)
        self.versioned = row.versioned

    def process(self, key: Any, value: Change, timestamp: int, headers: Headers) -> None:
        if key is None:
            self.skip("the key is null")
            return
        if self.versioned and not value.is_latest:
            self.skip(LATER_VERSION)
            return
        prefix = foreign_prefix(self.write_foreign_key(key) or b"")
        for raw, entry in self.store.map.prefixed(prefix):
            subscription: Subscription = self.store.opened(entry).value
            answer = SubscriptionAnswer(subscription.hash, value.new, subscription.partition)
            primary_key = self.read_primary_key(primary_key_of(raw))
            self.forward(primary_key, answer, timestamp, headers)


class ResponseJoin(Operator):
    """An answer meets the left value that asked; without a right value it removes the result."""

    def __init__(self, row: plan.ResponseJoin, wiring: Wiring) -> None:
        super().__init__(wiring)
        self.table = wiring.view(row.table)
        self.write_value = writer(row.value, row.value_topic)
        self.joiner = bind(row.joiner, JOINED)
        self.left = row.kind == "left"

    def process(
        self, key: Any, value: SubscriptionAnswer, timestamp: int, headers: Headers
    ) -> None:
        held = self.table.get(key)
        hashed = None if held is None else hash128(self.write_value(held.value) or b"")
        if hashed != value.hash:
            self.skip("the value has changed since it asked")
            return
        result = None
        if value.foreign_value is not None or (held is not None and self.left):
            left = None if held is None else held.value
            result = self.joiner(key, left, value.foreign_value)
        self.forward(key, result, timestamp, headers)
