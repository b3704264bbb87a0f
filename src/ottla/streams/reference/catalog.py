"""Which class runs which row of the plan: operators, stores, views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.streams.plan import operators as plan
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.reference import aggregations, sessions, sliding, stateless, tables, windows
from ottla.streams.reference.context import Context
from ottla.streams.reference.operator import Operator, Wiring
from ottla.streams.reference.processing import Process
from ottla.streams.reference.stores.key_value import KeyValueStore, LruStore
from ottla.streams.reference.stores.session import SessionStore
from ottla.streams.reference.stores.store import StateStore
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
}

STORES: dict[StoreKind, Callable[[Store, Context, str | None], StateStore]] = {
    StoreKind.KEY_VALUE: KeyValueStore,
    StoreKind.LRU: LruStore,
    StoreKind.WINDOW: WindowStore,
    StoreKind.SESSION: SessionStore,
}
