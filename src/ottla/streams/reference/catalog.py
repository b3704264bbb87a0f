"""Which class runs which row of the plan: operators, stores, views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.streams.plan import operators as plan
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.reference import (
    aggregations,
    sessions,
    sliding,
    stateless,
    suppress,
    tables,
    windows,
)
from ottla.streams.reference.context import Context
from ottla.streams.reference.joins import foreign_key, lookups
from ottla.streams.reference.joins import streams as stream_joins
from ottla.streams.reference.joins import tables as table_joins
from ottla.streams.reference.operator import Operator, Wiring
from ottla.streams.reference.processing import Process
from ottla.streams.reference.stores.grace_buffer import GraceBuffer
from ottla.streams.reference.stores.key_value import KeyValueStore, LruStore
from ottla.streams.reference.stores.outer_join import OuterJoinStore
from ottla.streams.reference.stores.session import SessionStore
from ottla.streams.reference.stores.store import StateStore
from ottla.streams.reference.stores.suppress_buffer import SuppressBuffer
from ottla.streams.reference.stores.versioned import VersionedStore
from ottla.streams.reference.stores.window import WindowStore
from ottla.streams.reference.transformers import TableTransformValues

OPERATORS: dict[type, Callable[[Any, Wiring], Operator]] = {
    plan.Filter: stateless.Filter,
    plan.Map: stateless.Map,
    plan.SelectKey: stateless.SelectKey,
    plan.MapValues: stateless.MapValues,
    plan.FlatMap: stateless.FlatMap,
    plan.FlatMapValues: stateless.FlatMapValues,
    plan.Branch: stateless.Branch,
    plan.Peek: stateless.Peek,
    plan.PassThrough: stateless.PassThrough,
    plan.Process: Process,
    plan.StreamAggregate: aggregations.StreamAggregate,
    plan.WindowAggregate: windows.WindowAggregate,
    plan.SlidingAggregate: sliding.SlidingAggregate,
    plan.SessionAggregate: sessions.SessionAggregate,
    plan.TableSource: tables.TableSource,
    plan.TableFilter: tables.TableFilter,
    plan.TableMapValues: tables.TableMapValues,
    plan.TableTransformValues: TableTransformValues,
    plan.TableToStream: tables.TableToStream,
    plan.TableRepartitionMap: tables.TableRepartitionMap,
    plan.TableAggregate: tables.TableAggregate,
    plan.TableReduce: tables.TableReduce,
    plan.Suppress: suppress.Suppress,
    plan.JoinWindow: stream_joins.JoinWindow,
    plan.StreamStreamJoin: stream_joins.StreamStreamJoin,
    plan.StreamSelfJoin: stream_joins.StreamSelfJoin,
    plan.StreamTableJoin: lookups.StreamTableJoin,
    plan.StreamGlobalJoin: lookups.StreamGlobalJoin,
    plan.TableTableJoin: table_joins.TableTableJoin,
    plan.TableTableMerge: table_joins.TableTableMerge,
    plan.SubscriptionSend: foreign_key.SubscriptionSend,
    plan.SubscriptionReceive: foreign_key.SubscriptionReceive,
    plan.SubscriptionJoin: foreign_key.SubscriptionJoin,
    plan.ForeignTableJoin: foreign_key.ForeignTableJoin,
    plan.ResponseJoin: foreign_key.ResponseJoin,
}

STORES: dict[StoreKind, Callable[[Store, Context, str | None], StateStore]] = {
    StoreKind.KEY_VALUE: KeyValueStore,
    StoreKind.LRU: LruStore,
    StoreKind.WINDOW: WindowStore,
    StoreKind.SESSION: SessionStore,
    StoreKind.VERSIONED: VersionedStore,
    StoreKind.SUPPRESS_BUFFER: SuppressBuffer,
    StoreKind.GRACE_BUFFER: GraceBuffer,
    StoreKind.OUTER_JOIN: OuterJoinStore,
    StoreKind.SUBSCRIPTION: KeyValueStore,
}
