"""DescribeConfigs: what is set for topics, brokers, groups and client metrics, and where each
value comes from.

Needs DESCRIBE_CONFIGS on the topic or group, and on the cluster for all other resources. A broker
answers for itself and, under the empty name, for the defaults of all; of loggers for its own.

A few bytes ask for hundreds of rows. So a resource that is named twice is answered once (Apache's
client cannot even read two answers for one), resources that set the same share their rows, and
what would make the answer larger than a quarter of what a request may be is refused: that much
holds the topics of a large cluster, and is written in less than a second.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from ottla.broker.config_resources import DENIALS, config_resource
from ottla.config.describe import (
    Entry,
    describe_broker,
    describe_client_metrics,
    describe_cluster_default,
    describe_group,
    describe_loggers,
    describe_topic,
)
from ottla.config.whole_number import whole_number
from ottla.metadata.image import (
    BROKER_LOGGER_RESOURCE,
    BROKER_RESOURCE,
    CLIENT_METRICS_RESOURCE,
    GROUP_RESOURCE,
    TOPIC_RESOURCE,
)
from ottla.metadata.topic_names import topic_name_problem
from ottla.security.resources import Operation
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
    DescribeConfigsResult,
    DescribeConfigsSynonym,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


class _Refused(Exception):
    """Why one resource can't be described: a code and its text."""

    def __init__(self, code: ErrorCode, text: str | None = None) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


def handle(context: Context, asked: Asked[DescribeConfigsRequest]) -> DescribeConfigsResponse:
    """Describe every resource; each has its own error."""
    rows = _Rows(context, asked)
    return DescribeConfigsResponse(
        results=[rows.result(resource) for resource in _once(asked.body.resources)]
    )


def _once(resources: list[DescribeConfigsResource]) -> list[DescribeConfigsResource]:
    found = {
        (
            resource.resource_type,
            resource.resource_name,
            frozenset(resource.configuration_keys or ()),
        ): resource
        for resource in resources
    }
    return list(found.values())


class _Rows:
    """The rows of one answer: made once for all resources that set the same, and counted."""

    __slots__ = ("_asked", "_body", "_bytes", "_bytes_max", "_context", "_known")

    def __init__(self, context: Context, asked: Asked[DescribeConfigsRequest]) -> None:
        self._context = context
        self._asked = asked
        self._body = asked.body
        self._known: dict[Hashable, tuple[list[DescribeConfigsResourceResult], int]] = {}
        self._bytes = 0
        self._bytes_max: int = context.config["socket.request.max.bytes"] // 4

    def result(self, resource: DescribeConfigsResource) -> DescribeConfigsResult:
        """The answer for one resource."""
        result = DescribeConfigsResult(
            resource_type=resource.resource_type, resource_name=resource.resource_name
        )
        try:
            result.configs = self._of(resource)
        except _Refused as refused:
            result.error_code = refused.code
            result.error_message = refused.text
        return result

    def _of(self, resource: DescribeConfigsResource) -> list[DescribeConfigsResourceResult]:
        kind, name = resource.resource_type, resource.resource_name
        subject = config_resource(kind, name)
        if subject is not None and not self._context.authorize(
            self._asked, Operation.DESCRIBE_CONFIGS, subject
        ):
            denied = DENIALS[subject.type]
            raise _Refused(denied, denied.text)
        _check(self._context, kind, name)
        wanted = frozenset(resource.configuration_keys or ())
        own = self._context.image.configs.get((kind, name), {})
        same: Hashable = (kind, frozenset(own.items()), wanted)
        if kind == BROKER_RESOURCE:
            same = (kind, bool(name), wanted)
        if same not in self._known:
            entries = _entries(self._context, kind, name, wanted, self._body.include_documentation)
            rows = [_copied(entry, self._body.include_synonyms) for entry in entries]
            self._known[same] = rows, sum(map(_size, rows))
        rows, size = self._known[same]
        if self._bytes + size > self._bytes_max:
            raise _Refused(
                ErrorCode.INVALID_REQUEST,
                f"The answer would be larger than {self._bytes_max} bytes, a quarter of "
                "socket.request.max.bytes: ask for fewer resources or keys at once.",
            )
        self._bytes += size
        return rows


def _size(row: DescribeConfigsResourceResult) -> int:
    """About what a row takes on the wire."""
    texts = [row.name, row.value, row.documentation]
    for synonym in row.synonyms:
        texts += (synonym.name, synonym.value)
    return 16 + sum(len(text or "") + 2 for text in texts)


def _check(context: Context, kind: int, name: str) -> None:
    """Refuse what is no resource that can be described here."""
    if kind == TOPIC_RESOURCE:
        problem = topic_name_problem(name)
        if problem:
            raise _Refused(ErrorCode.INVALID_TOPIC_EXCEPTION, f"Topic name is invalid: {problem}")
        if name not in context.image.topics.by_name:
            raise _Refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "")
    elif kind == BROKER_RESOURCE:
        if name:
            _check_broker_id(context, name)
    elif kind == GROUP_RESOURCE:
        if not name:
            raise _Refused(ErrorCode.INVALID_REQUEST, "Group name must not be empty")
    elif kind == CLIENT_METRICS_RESOURCE:
        if not name:
            raise _Refused(
                ErrorCode.INVALID_REQUEST, "Client metrics subscription name must not be empty"
            )
    elif kind == BROKER_LOGGER_RESOURCE:
        _check_owner_of_loggers(context, name)
    else:
        raise _Refused(ErrorCode.INVALID_REQUEST, f"Unsupported resource type: {kind}")


def _entries(
    context: Context, kind: int, name: str, wanted: frozenset[str], told: bool
) -> list[Entry]:
    config, image = context.config, context.image
    names = wanted or None
    configs = image.configs.get((kind, name), {})
    if kind == TOPIC_RESOURCE:
        return describe_topic(config, image.topic_config(name), names=names, documentation=told)
    if kind == GROUP_RESOURCE:
        return describe_group(config, configs, names=names, documentation=told)
    if kind == CLIENT_METRICS_RESOURCE:
        return describe_client_metrics(configs, names=names, documentation=told)
    if kind == BROKER_LOGGER_RESOURCE:
        return describe_loggers(context.loggers.in_force(), names=names)
    if not name:
        return describe_cluster_default(config, names=names, documentation=told)
    return describe_broker(config, names=names, documentation=told)


def _check_broker_id(context: Context, name: str) -> None:
    if _broker_id(name) != context.node_id:
        raise _Refused(
            ErrorCode.INVALID_REQUEST,
            f"Unexpected broker id, expected {context.node_id} or empty string, but received "
            f"{name}",
        )


def _check_owner_of_loggers(context: Context, name: str) -> None:
    if not name:
        raise _Refused(ErrorCode.INVALID_REQUEST, "Broker id must not be empty")
    if _broker_id(name) != context.node_id:
        raise _Refused(
            ErrorCode.INVALID_REQUEST,
            f"Unexpected broker id, expected {context.node_id} but received {name}",
        )


def _broker_id(name: str) -> int:
    broker_id = whole_number(name)
    if broker_id is None:
        raise _Refused(
            ErrorCode.INVALID_REQUEST, f"Broker id must be an integer, but it is: {name}"
        )
    return broker_id


def _copied(entry: Entry, with_synonyms: bool) -> DescribeConfigsResourceResult:
    return DescribeConfigsResourceResult(
        name=entry.name,
        value=entry.value,
        read_only=entry.read_only,
        config_source=entry.source,
        is_sensitive=entry.sensitive,
        synonyms=[
            DescribeConfigsSynonym(name=synonym.name, value=synonym.value, source=synonym.source)
            for synonym in entry.synonyms
        ]
        if with_synonyms
        else [],
        config_type=entry.type,
        documentation=entry.documentation,
    )
