"""Operations that tell of the registry itself, and of where its leader is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ottla.registry.api.ways import Ways
from ottla.registry.instance import Instance
from ottla.web.operation import Answer, Operation, Request, answer_json

SERVES = "8.0.0"
"""The version of Confluent's API that clients may take for served; some look at it."""


def operations(ways: Ways) -> list[Operation]:
    """The rows."""
    now = ways.now
    return [
        Operation("GET", "/", "get", "Nothing: a registry answers", now(_nothing), gives="Object"),
        Operation(
            "POST", "/", "post", "Nothing: what is sent is thrown away", now(_nothing),
            takes="Object", gives="Object",
        ),
        Operation(
            "GET", "/v1/metadata/id", "getClusterId", "Which cluster and group it is of",
            now(_id), gives="ServerClusterId",
        ),
        Operation(
            "GET", "/v1/metadata/version", "getSchemaRegistryVersion", "Its version",
            now(_version), gives="SchemaRegistryServerVersion",
        ),
        Operation(
            "GET", "/v1/metadata/deployment", "getSchemaRegistryDeployment", "What it can do",
            now(_deployment), gives="SchemaRegistryDeployment",
        ),
        Operation("GET", "/livez", "getLife", "That it answers", now(_nothing), gives="Object"),
        Operation(
            "GET", "/healthz", "getHealth", "Whether it can answer, and who leads",
            now(_health), gives="Health",
        ),
    ]  # fmt: skip


def _nothing(_: Instance, __: Request) -> dict[str, str]:
    return {}


def _id(instance: Instance, _: Request) -> dict[str, Any]:
    cluster = instance.client.cluster_id if instance.client is not None else None
    scope = {"kafka-cluster": cluster or "", "schema-registry-cluster": instance.group}
    return {"scope": {"path": [], "clusters": scope}, "id": ""}


def _version(_: Instance, __: Request) -> dict[str, str]:
    try:
        ours = version("ottla")
    except PackageNotFoundError:
        ours = "unknown"
    return {"version": SERVES, "commitId": f"ottla-{ours}"}


def _deployment(_: Instance, __: Request) -> dict[str, list[str]]:
    return {"attributes": []}


def _health(instance: Instance, _: Request) -> Answer:
    leadership, trouble = instance.leadership, instance.trouble
    told = {
        "leader": leadership.leader.url if leadership.leader else None,
        "isLeader": leadership.is_mine,
        "applied": instance.topic.applied,
        "unread": instance.state.unread,
        "trouble": trouble,
    }
    return answer_json(told, 503 if trouble else 200)
