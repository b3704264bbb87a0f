"""Which API is served where, and by whom: one row an API.

A row names the handler's file under handlers/ or says that the core answers it (Produce and
Fetch). What has no row is not announced, and a client that asks for it anyway is hung up on, as
Apache Kafka does. Handlers are imported on first use: a node that nobody asks for groups never
loads them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from ottla.wire import api as wire_api

Handler = Callable[[Any, Any], Any]


class Route(NamedTuple):
    """One API: its key, its handler's module (None: the core), and the listeners that serve it."""

    key: int
    handler: str | None
    broker: bool = True
    controller: bool = False


ROUTES: tuple[Route, ...] = (
    Route(0, None),
    Route(1, None),
    Route(2, "list_offsets"),
    Route(3, "metadata"),
    Route(8, "offset_commit"),
    Route(9, "offset_fetch"),
    Route(10, "find_coordinator"),
    Route(11, "join_group"),
    Route(12, "heartbeat"),
    Route(13, "leave_group"),
    Route(14, "sync_group"),
    Route(15, "describe_groups"),
    Route(16, "list_groups"),
    Route(18, "api_versions", controller=True),
    Route(19, "create_topics", controller=True),
    Route(20, "delete_topics", controller=True),
    Route(21, "delete_records"),
    Route(22, "init_producer_id"),
    Route(23, "offset_for_leader_epoch"),
    Route(24, "add_partitions_to_txn"),
    Route(25, "add_offsets_to_txn"),
    Route(26, "end_txn"),
    Route(27, "write_txn_markers"),
    Route(28, "txn_offset_commit"),
    Route(29, "describe_acls", controller=True),
    Route(32, "describe_configs", controller=True),
    Route(33, "alter_configs", controller=True),
    Route(34, "alter_replica_log_dirs"),
    Route(35, "describe_log_dirs"),
    Route(37, "create_partitions", controller=True),
    Route(42, "delete_groups"),
    Route(44, "incremental_alter_configs", controller=True),
    Route(46, "list_partition_reassignments", controller=True),
    Route(47, "offset_delete"),
    Route(55, "describe_quorum", controller=True),
    Route(57, "update_features", controller=True),
    Route(60, "describe_cluster", controller=True),
    Route(61, "describe_producers"),
    Route(65, "describe_transactions"),
    Route(66, "list_transactions"),
    Route(68, "consumer_group_heartbeat"),
    Route(71, "get_telemetry_subscriptions"),
    Route(72, "push_telemetry"),
    Route(73, "assign_replicas_to_dirs", broker=False, controller=True),
    Route(74, "list_config_resources"),
    Route(75, "describe_topic_partitions"),
)


class Router:
    """Finds the handler of a request and knows what each kind of listener announces."""

    __slots__ = ("_apis", "_handlers", "_routes")

    def __init__(self, routes: tuple[Route, ...] = ROUTES) -> None:
        self._routes = {route.key: route for route in routes}
        self._apis = tuple(api for api in wire_api.apis() if api.key in self._routes)
        self._handlers: dict[int, Handler] = {}

    def handler(self, key: int) -> Handler:
        """The handle() of the API's file; loaded on first use."""
        found = self._handlers.get(key)
        if found is None:
            module = import_module(f"ottla.broker.handlers.{self._routes[key].handler}")
            found = self._handlers[key] = module.handle
        return found

    def announced(self, *, controller: bool) -> list[wire_api.Api]:
        """The APIs that one kind of listener serves, in the order of their keys."""
        return [api for api in self._apis if self._serves(api.key, controller)]

    def _serves(self, key: int, controller: bool) -> bool:
        route = self._routes[key]
        return route.controller if controller else route.broker
