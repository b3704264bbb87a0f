"""How a table is joined, as users call it: what `join`, `left_join` and `outer_join` take.

Two tables join by the key that both have; with `on=` by a foreign key, which is the other table's.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Unpack, overload

from ottla.streams.builder.kinds import Kind
from ottla.streams.builder.signatures import (
    ForeignTold,
    Joins,
    JoinsKeyed,
    OfRecord,
    OfValue,
    TableJoinTold,
)
from ottla.streams.errors import TopologyError
from ottla.streams.plan import operators as plan
from ottla.streams.variables import KO, V2, VO, K, V

if TYPE_CHECKING:
    from ottla.streams.builder.table import KTable


class TableJoining(Kind, Generic[K, V]):
    """The joins of a table."""

    @abstractmethod
    def _join(
        self,
        kind: plan.JoinKind,
        other: KTable[Any, Any],
        joiner: Any,
        store: object,
        value: object,
        name: str | None,
    ) -> KTable[K, Any]: ...

    @abstractmethod
    def _join_foreign(self, kind: plan.JoinKind, given: dict[str, Any]) -> KTable[K, Any]: ...

    @overload
    def join(
        self, other: KTable[K, VO], joiner: Joins[V, VO, V2],
        **told: Unpack[TableJoinTold[V2]],
    ) -> KTable[K, V2]: ...  # fmt: skip

    @overload
    def join(
        self, other: KTable[K, VO], joiner: JoinsKeyed[K, V, VO, V2],
        **told: Unpack[TableJoinTold[V2]],
    ) -> KTable[K, V2]: ...  # fmt: skip

    @overload
    def join(
        self, other: KTable[KO, VO], joiner: Joins[V, VO, V2], *,
        on: OfValue[V, KO], **told: Unpack[ForeignTold[V2]],
    ) -> KTable[K, V2]: ...  # fmt: skip

    @overload
    def join(
        self, other: KTable[KO, VO], joiner: Joins[V, VO, V2], *,
        on: OfRecord[K, V, KO], **told: Unpack[ForeignTold[V2]],
    ) -> KTable[K, V2]: ...  # fmt: skip

    @overload
    def join(
        self, other: KTable[KO, VO], joiner: JoinsKeyed[K, V, VO, V2], *,
        on: OfValue[V, KO], **told: Unpack[ForeignTold[V2]],
    ) -> KTable[K, V2]: ...  # fmt: skip

    @overload
    def join(
        self, other: KTable[KO, VO], joiner: JoinsKeyed[K, V, VO, V2], *,
        on: OfRecord[K, V, KO], **told: Unpack[ForeignTold[V2]],
    ) -> KTable[K, V2]: ...  # fmt: skip

    def join(
        self,
        other: KTable[Any, Any],
        joiner: Any,
        *,
        on: Any = None,
        store: object = None,
        value: object = None,
        partitioner: Any = None,
        other_partitioner: Any = None,
        name: str | None = None,
    ) -> KTable[K, Any]:
        """Rows of both tables with the same key; or with `on=`, by a foreign key in the value.

        >>> orders.join(customers, lambda order, customer: {...}, on=lambda o: o["customer"])
        """
        if on is not None:
            return self._join_foreign("inner", locals())
        _check_partitioners(partitioner, other_partitioner)
        return self._join("inner", other, joiner, store, value, name)

    @overload
    def left_join(
        self, other: KTable[K, VO], joiner: Joins[V, VO | None, V2],
        **told: Unpack[TableJoinTold[V2]],
    ) -> KTable[K, V2]: ...  # fmt: skip

    @overload
    def left_join(
        self, other: KTable[K, VO], joiner: JoinsKeyed[K, V, VO | None, V2],
        **told: Unpack[TableJoinTold[V2]],
    ) -> KTable[K, V2]: ...  # fmt: skip

    @overload
    def left_join(
        self, other: KTable[KO, VO], joiner: Joins[V, VO | None, V2], *,
        on: OfValue[V, KO], **told: Unpack[ForeignTold[V2]],
    ) -> KTable[K, V2]: ...  # fmt: skip

    @overload
    def left_join(
        self, other: KTable[KO, VO], joiner: Joins[V, VO | None, V2], *,
        on: OfRecord[K, V, KO], **told: Unpack[ForeignTold[V2]],
    ) -> KTable[K, V2]: ...  # fmt: skip

    @overload
    def left_join(
        self, other: KTable[KO, VO], joiner: JoinsKeyed[K, V, VO | None, V2], *,
        on: OfValue[V, KO], **told: Unpack[ForeignTold[V2]],
    ) -> KTable[K, V2]: ...  # fmt: skip

    @overload
    def left_join(
        self, other: KTable[KO, VO], joiner: JoinsKeyed[K, V, VO | None, V2], *,
        on: OfRecord[K, V, KO], **told: Unpack[ForeignTold[V2]],
    ) -> KTable[K, V2]: ...  # fmt: skip

    def left_join(
        self,
        other: KTable[Any, Any],
        joiner: Any,
        *,
        on: Any = None,
        store: object = None,
        value: object = None,
        partitioner: Any = None,
        other_partitioner: Any = None,
        name: str | None = None,
    ) -> KTable[K, Any]:
        """As `join`, and rows of this table that find nothing, with None for the other."""
        if on is not None:
            return self._join_foreign("left", locals())
        _check_partitioners(partitioner, other_partitioner)
        return self._join("left", other, joiner, store, value, name)

    @overload
    def outer_join(
        self, other: KTable[K, VO], joiner: Joins[V | None, VO | None, V2],
        **told: Unpack[TableJoinTold[V2]],
    ) -> KTable[K, V2]: ...  # fmt: skip

    @overload
    def outer_join(
        self, other: KTable[K, VO], joiner: JoinsKeyed[K, V | None, VO | None, V2],
        **told: Unpack[TableJoinTold[V2]],
    ) -> KTable[K, V2]: ...  # fmt: skip

    def outer_join(
        self,
        other: KTable[K, Any],
        joiner: Any,
        *,
        store: object = None,
        value: object = None,
        name: str | None = None,
    ) -> KTable[K, Any]:
        """Rows of both tables, with None for what is missing."""
        return self._join("outer", other, joiner, store, value, name)


def _check_partitioners(*given: object) -> None:
    if given != (None, None):
        raise TopologyError(
            "a join of tables by their keys writes through no topic, so it takes no partitioner",
            hint="leave partitioner= and other_partitioner= out; they are for a join with on=",
        )
