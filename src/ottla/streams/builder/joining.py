"""How a stream is joined, as users call it: what `join`, `left_join` and `outer_join` take."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Unpack, overload

from ottla.streams.builder.kinds import Kind
from ottla.streams.builder.signatures import (
    Joins,
    JoinsKeyed,
    JoinTold,
    OfRecord,
    OfValue,
    ResultTold,
    StreamJoinTold,
)
from ottla.streams.builder.specs import StoreSpec
from ottla.streams.durations import Duration
from ottla.streams.plan import operators as plan
from ottla.streams.plan.windows import JoinWindows
from ottla.streams.variables import KO, V2, VO, K, V

if TYPE_CHECKING:
    from ottla.streams.builder.stream import KStream
    from ottla.streams.builder.table import GlobalKTable, KTable


class Joining(Kind, Generic[K, V]):
    """The joins of a stream."""

    @abstractmethod
    def _join(self, kind: plan.JoinKind, given: dict[str, Any]) -> KStream[Any, Any]: ...

    @overload
    def join(
        self, other: KStream[K, VO] | KTable[K, VO], joiner: Joins[V, VO, V2],
        **told: Unpack[JoinTold[K, V, VO, V2]],
    ) -> KStream[K, V2]: ...  # fmt: skip

    @overload
    def join(
        self, other: KStream[K, VO] | KTable[K, VO], joiner: JoinsKeyed[K, V, VO, V2],
        **told: Unpack[JoinTold[K, V, VO, V2]],
    ) -> KStream[K, V2]: ...  # fmt: skip

    @overload
    def join(
        self, other: GlobalKTable[KO, VO], joiner: Joins[V, VO, V2], *,
        on: OfValue[V, KO], **told: Unpack[ResultTold[V2]],
    ) -> KStream[K, V2]: ...  # fmt: skip

    @overload
    def join(
        self, other: GlobalKTable[KO, VO], joiner: Joins[V, VO, V2], *,
        on: OfRecord[K, V, KO], **told: Unpack[ResultTold[V2]],
    ) -> KStream[K, V2]: ...  # fmt: skip

    @overload
    def join(
        self, other: GlobalKTable[KO, VO], joiner: JoinsKeyed[K, V, VO, V2], *,
        on: OfValue[V, KO], **told: Unpack[ResultTold[V2]],
    ) -> KStream[K, V2]: ...  # fmt: skip

    @overload
    def join(
        self, other: GlobalKTable[KO, VO], joiner: JoinsKeyed[K, V, VO, V2], *,
        on: OfRecord[K, V, KO], **told: Unpack[ResultTold[V2]],
    ) -> KStream[K, V2]: ...  # fmt: skip

    def join(
        self,
        other: KStream[K, Any] | KTable[K, Any] | GlobalKTable[Any, Any],
        joiner: Any,
        *,
        within: JoinWindows | None = None,
        on: Any = None,
        key: object = None,
        value: object = None,
        this_value: object = None,
        other_value: object = None,
        grace: Duration | None = None,
        store: str | None = None,
        this_store: StoreSpec | None = None,
        other_store: StoreSpec | None = None,
        logged: bool = True,
        configs: dict[str, str] | None = None,
        name: str | None = None,
    ) -> KStream[K, Any]:
        """Records that have a partner of the same key.

        With a stream: `within=join_within("5m")`; `store` names both window stores. With a table:
        the value that the key has then; `grace` waits for late changes of a versioned one. With a
        global table: `on=` gives the table's key.

        `key` and `value` are the serdes of the result; `this_value` and `other_value` those of the
        two sides, where they are kept in stores or go through topics and nothing says them yet.
        """
        return self._join("inner", locals())

    @overload
    def left_join(
        self, other: KStream[K, VO] | KTable[K, VO], joiner: Joins[V, VO | None, V2],
        **told: Unpack[JoinTold[K, V, VO, V2]],
    ) -> KStream[K, V2]: ...  # fmt: skip

    @overload
    def left_join(
        self, other: KStream[K, VO] | KTable[K, VO], joiner: JoinsKeyed[K, V, VO | None, V2],
        **told: Unpack[JoinTold[K, V, VO, V2]],
    ) -> KStream[K, V2]: ...  # fmt: skip

    @overload
    def left_join(
        self, other: GlobalKTable[KO, VO], joiner: Joins[V, VO | None, V2], *,
        on: OfValue[V, KO], **told: Unpack[ResultTold[V2]],
    ) -> KStream[K, V2]: ...  # fmt: skip

    @overload
    def left_join(
        self, other: GlobalKTable[KO, VO], joiner: Joins[V, VO | None, V2], *,
        on: OfRecord[K, V, KO], **told: Unpack[ResultTold[V2]],
    ) -> KStream[K, V2]: ...  # fmt: skip

    @overload
    def left_join(
        self, other: GlobalKTable[KO, VO], joiner: JoinsKeyed[K, V, VO | None, V2], *,
        on: OfValue[V, KO], **told: Unpack[ResultTold[V2]],
    ) -> KStream[K, V2]: ...  # fmt: skip

    @overload
    def left_join(
        self, other: GlobalKTable[KO, VO], joiner: JoinsKeyed[K, V, VO | None, V2], *,
        on: OfRecord[K, V, KO], **told: Unpack[ResultTold[V2]],
    ) -> KStream[K, V2]: ...  # fmt: skip

    def left_join(
        self,
        other: KStream[K, Any] | KTable[K, Any] | GlobalKTable[Any, Any],
        joiner: Any,
        *,
        within: JoinWindows | None = None,
        on: Any = None,
        key: object = None,
        value: object = None,
        this_value: object = None,
        other_value: object = None,
        grace: Duration | None = None,
        store: str | None = None,
        this_store: StoreSpec | None = None,
        other_store: StoreSpec | None = None,
        logged: bool = True,
        configs: dict[str, str] | None = None,
        name: str | None = None,
    ) -> KStream[K, Any]:
        """As `join`, and records without a partner too, with None for it.

        With a stream, such a record is told of when its window has closed (`emit_interval`).
        """
        return self._join("left", locals())

    @overload
    def outer_join(
        self, other: KStream[K, VO], joiner: Joins[V | None, VO | None, V2],
        **told: Unpack[StreamJoinTold[K, V, VO, V2]],
    ) -> KStream[K, V2]: ...  # fmt: skip

    @overload
    def outer_join(
        self, other: KStream[K, VO], joiner: JoinsKeyed[K, V | None, VO | None, V2],
        **told: Unpack[StreamJoinTold[K, V, VO, V2]],
    ) -> KStream[K, V2]: ...  # fmt: skip

    def outer_join(
        self,
        other: KStream[K, Any],
        joiner: Any,
        *,
        within: JoinWindows | None = None,
        key: object = None,
        value: object = None,
        this_value: object = None,
        other_value: object = None,
        store: str | None = None,
        this_store: StoreSpec | None = None,
        other_store: StoreSpec | None = None,
        logged: bool = True,
        configs: dict[str, str] | None = None,
        name: str | None = None,
    ) -> KStream[K, Any]:
        """Records of both streams, with or without a partner.

        One without is told of when its window has closed (`emit_interval`).
        """
        return self._join("outer", {**locals(), "on": None, "grace": None})
