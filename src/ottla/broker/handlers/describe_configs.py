"""DescribeConfigs: what is set for topics, brokers, groups and client metrics, and where each
value comes from.

Needs DESCRIBE_CONFIGS on the resource. A broker answers for itself and, under the empty name, for
the defaults of all. Loggers have no levels of their own here, so that kind of resource is refused
by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.config.describe import (
    Entry,
    describe_broker,
    describe_client_metrics,
    describe_cluster_default,
    describe_group,
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
    return DescribeConfigsResponse(
        results=[_result(context, asked.body, resource) for resource in asked.body.resources]
    )


def _result(
    context: Context, body: DescribeConfigsRequest, resource: DescribeConfigsResource
) -> DescribeConfigsResult:
    result = DescribeConfigsResult(
        resource_type=resource.resource_type, resource_name=resource.resource_name
    )
    try:
        entries = _entries(context, body, resource)
    except _Refused as refused:
        result.error_code = refused.code
        result.error_message = refused.text
    else:
        result.configs = [_copied(entry, body.include_synonyms) for entry in entries]
    return result


def _entries(
    context: Context, body: DescribeConfigsRequest, resource: DescribeConfigsResource
) -> list[Entry]:
    kind, name = resource.resource_type, resource.resource_name
    names = set(resource.configuration_keys or ()) or None
    config, image = context.config, context.image
    told = body.include_documentation
    if kind == TOPIC_RESOURCE:
        problem = topic_name_problem(name)
        if problem:
            raise _Refused(ErrorCode.INVALID_TOPIC_EXCEPTION, f"Topic name is invalid: {problem}")
        if name not in image.topics.by_name:
            raise _Refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "")
        return describe_topic(config, image.topic_config(name), names=names, documentation=told)
    if kind == BROKER_RESOURCE:
        if not name:
            return describe_cluster_default(config, names=names, documentation=told)
        _check_broker_id(context, name)
        return describe_broker(config, names=names, documentation=told)
    configs = image.configs.get((kind, name), {})
    if kind == GROUP_RESOURCE:
        if not name:
            raise _Refused(ErrorCode.INVALID_REQUEST, "Group name must not be empty")
        return describe_group(config, configs, names=names, documentation=told)
    if kind == CLIENT_METRICS_RESOURCE:
        if not name:
            raise _Refused(
                ErrorCode.INVALID_REQUEST, "Client metrics subscription name must not be empty"
            )
        return describe_client_metrics(configs, names=names)
    if kind == BROKER_LOGGER_RESOURCE:
        raise _Refused(
            ErrorCode.INVALID_REQUEST,
            "Ottla has no logger levels: one log, its level is set by ottla.log.level",
        )
    raise _Refused(ErrorCode.INVALID_REQUEST, f"Unsupported resource type: {kind}")


def _check_broker_id(context: Context, name: str) -> None:
    broker_id = whole_number(name)
    if broker_id is None:
        raise _Refused(
            ErrorCode.INVALID_REQUEST, f"Broker id must be an integer, but it is: {name}"
        )
    if broker_id != context.node_id:
        raise _Refused(
            ErrorCode.INVALID_REQUEST,
            f"Unexpected broker id, expected {context.node_id} or empty string, but received "
            f"{name}",
        )


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
