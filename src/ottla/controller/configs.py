"""IncrementalAlterConfigs and AlterConfigs: change configs of topics, brokers, groups and client
metrics, key by key (set, delete, append, subtract) or all of a resource at once.

Each resource succeeds or fails whole and for itself. What a resource would have after the change is
judged, not the change alone. With eligible leader replicas on, min.insync.replicas is one number
for the cluster and for each topic, never for one broker, as all brokers must agree on it (KIP-966).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ottla.config.alteration import (
    APPEND,
    DELETE,
    SET,
    SUBTRACT,
    altered,
    validate_broker_change,
)
from ottla.config.group import effective_group_config, validate_group_configs
from ottla.config.refusal import ConfigException
from ottla.config.row import broker_rows, group_rows, topic_rows
from ottla.config.topic import effective_topic_config, validate_topic_configs
from ottla.config.whole_number import whole_number
from ottla.controller.state import Outcome, State, Versioned
from ottla.controller.topics import TopicError, repeated
from ottla.decide import Ask
from ottla.metadata.image import (
    BROKER_RESOURCE,
    CLIENT_METRICS_RESOURCE,
    GROUP_RESOURCE,
    TOPIC_RESOURCE,
)
from ottla.metadata.topic_names import topic_name_problem
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import alter_configs as whole
from ottla.wire.messages.incremental_alter_configs import (
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)
from ottla.wire.stored.metadata import ClearElrRecord, ConfigRecord

MIN_ISR = "min.insync.replicas"
CONFIG_VALUE_LENGTH_MAX = 32767


Wanted = Callable[[Mapping[str, str]], dict[str, str]]
"""What a resource would set after a change, given what it sets now."""


def alter(state: State, ask: Ask, now_ms: int) -> Outcome:
    """Change the configs of each resource, or only say what would come of it."""
    request: IncrementalAlterConfigsRequest = ask.body
    rows, records = _each(request.resources, lambda resource: _alter(state, resource))
    response = IncrementalAlterConfigsResponse(
        responses=[AlterConfigsResourceResponse(**row) for row in rows]
    )
    return Outcome(response, () if request.validate_only else records)


def replace(state: State, ask: Ask, now_ms: int) -> Outcome:
    """Let each resource set what is named and nothing else, or only say what would come of it."""
    request: whole.AlterConfigsRequest = ask.body
    rows, records = _each(request.resources, lambda resource: _replace(state, resource))
    response = whole.AlterConfigsResponse(
        responses=[whole.AlterConfigsResourceResponse(**row) for row in rows]
    )
    return Outcome(response, () if request.validate_only else records)


def _each(
    resources: Sequence[Any], change: Callable[[Any], list[Versioned]]
) -> tuple[list[dict[str, Any]], list[Versioned]]:
    """What each resource is answered, and the records of those that are changed."""
    rows: list[dict[str, Any]] = []
    records: list[Versioned] = []
    keys = [(resource.resource_type, resource.resource_name) for resource in resources]
    twice = repeated(keys)
    for resource, key in zip(resources, keys, strict=True):
        code, text = ErrorCode.NONE, None
        try:
            if key in twice:
                raise TopicError(
                    ErrorCode.INVALID_REQUEST, "Each resource must appear at most once."
                )
            records.extend(change(resource))
        except TopicError as error:
            code, text = error.code, error.text
        rows.append(
            {
                "error_code": code,
                "error_message": text,
                "resource_type": resource.resource_type,
                "resource_name": resource.resource_name,
            }
        )
    return rows, records


def _alter(state: State, resource: AlterConfigsResource) -> list[Versioned]:
    check_form(resource)
    kind, name = resource.resource_type, resource.resource_name
    _check_exists(state, kind, name)
    operations = [(c.config_operation, c.name, c.value) for c in resource.configs]

    def wanted(current: Mapping[str, str]) -> dict[str, str]:
        config = state.broker_config()
        if kind == TOPIC_RESOURCE:
            inherited = effective_topic_config(config, current)
            return altered(topic_rows(), current, operations, inherited=inherited)
        if kind == BROKER_RESOURCE:
            inherited = {row: config.get(row) for row in _list_keys(resource)}
            return altered(broker_rows(), current, operations, inherited=inherited, broker=True)
        if kind == GROUP_RESOURCE:
            inherited = effective_group_config(config, current)
            return altered(group_rows(), current, operations, inherited=inherited)
        # No key of theirs is a list to those who append.
        return altered({}, current, operations, inherited={})

    return _changed(state, kind, name, wanted)


def _replace(state: State, resource: whole.AlterConfigsResource) -> list[Versioned]:
    check_form_of_all(resource)
    kind, name = resource.resource_type, resource.resource_name
    _check_exists(state, kind, name)
    all_of_it = {config.name: config.value or "" for config in resource.configs}
    return _changed(state, kind, name, lambda _: all_of_it)


def _changed(state: State, kind: int, name: str, wanted: Wanted) -> list[Versioned]:
    """The records of a change, if what the resource would set then may be."""
    current = state.image.configs.get((kind, name), {})
    try:
        after = wanted(current)
        if kind == TOPIC_RESOURCE:
            validate_topic_configs(after, state.broker_config())
        elif kind == GROUP_RESOURCE:
            validate_group_configs(after, state.broker_config())
        elif kind == CLIENT_METRICS_RESOURCE:
            _check_client_metrics(name, after)
    except ConfigException as error:
        code = ErrorCode.INVALID_REQUEST if kind == BROKER_RESOURCE else ErrorCode.INVALID_CONFIG
        raise TopicError(code, str(error)) from None
    if kind == BROKER_RESOURCE:
        _check_broker(state, name, current, after)
    return _records(state, kind, name, current, after)


def _list_keys(resource: AlterConfigsResource) -> list[str]:
    rows = broker_rows()
    return [
        c.name
        for c in resource.configs
        if c.config_operation in (APPEND, SUBTRACT) and c.name in rows
    ]


def check_form(resource: AlterConfigsResource) -> None:
    """Refuse what makes no sense, whoever asks and whatever there is.

    Raises:
        TopicError: it makes none.
    """
    names = [config.name for config in resource.configs]
    if len(set(names)) < len(names):
        raise TopicError(ErrorCode.INVALID_REQUEST, "Error due to duplicate config keys")
    without = [c.name for c in resource.configs if c.value is None and c.config_operation != DELETE]
    if without:
        raise TopicError(
            ErrorCode.INVALID_REQUEST, f"Null value not supported for : {', '.join(without)}"
        )
    for config in resource.configs:
        if config.config_operation not in (SET, DELETE, APPEND, SUBTRACT):
            raise TopicError(
                ErrorCode.INVALID_REQUEST, f"Unknown operations type {config.config_operation}"
            )


def check_form_of_all(resource: whole.AlterConfigsResource) -> None:
    """As `check_form`, of a request that names all that the resource will set.

    Raises:
        TopicError: it makes no sense.
    """
    names = [config.name for config in resource.configs]
    if len(set(names)) < len(names):
        raise TopicError(ErrorCode.INVALID_REQUEST, "Error due to duplicate config keys")
    without = [config.name for config in resource.configs if config.value is None]
    if without:
        raise TopicError(
            ErrorCode.INVALID_REQUEST, f"Null value not supported for : {', '.join(without)}"
        )


def _check_exists(state: State, kind: int, name: str) -> None:
    if kind == TOPIC_RESOURCE:
        if not name:
            raise TopicError(ErrorCode.INVALID_REQUEST, "Default topic resources are not allowed.")
        if problem := topic_name_problem(name):
            raise TopicError(ErrorCode.INVALID_TOPIC_EXCEPTION, f"Topic name is invalid: {problem}")
        if name not in state.image.topics.by_name:
            raise TopicError(
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"The topic '{name}' does not exist."
            )
    elif kind == BROKER_RESOURCE:
        node_id = whole_number(name)
        if name and (node_id is None or not name.isdigit()):
            raise TopicError(
                ErrorCode.INVALID_REQUEST, f"Node id must be an integer, but it is: {name}"
            )
        if name and node_id != state.node_id:
            raise TopicError(
                ErrorCode.INVALID_REQUEST,
                f"Unexpected broker id, expected {state.node_id}, but received {name}",
            )
    elif kind == GROUP_RESOURCE:
        if not name:
            raise TopicError(ErrorCode.INVALID_REQUEST, "Default group resources are not allowed.")
    elif kind == CLIENT_METRICS_RESOURCE:
        if not name:
            raise TopicError(ErrorCode.INVALID_REQUEST, "Subscription name can't be empty")
    else:
        raise TopicError(ErrorCode.INVALID_REQUEST, f"Unknown resource type {kind}")


def _check_client_metrics(name: str, wanted: Mapping[str, str]) -> None:
    # Loaded on first use: it brings a matcher of regular expressions.
    from ottla.config.client_metrics import BadRequest, validate_client_metrics

    try:
        validate_client_metrics(name, wanted)
    except BadRequest as error:
        raise TopicError(ErrorCode.INVALID_REQUEST, str(error)) from None


def _check_broker(
    state: State, name: str, current: Mapping[str, str], wanted: Mapping[str, str]
) -> None:
    try:
        config = state.broker_config()
        validate_broker_change(config, wanted, per_broker=bool(name), current=current)
    except ConfigException as error:
        raise TopicError(ErrorCode.INVALID_REQUEST, str(error)) from None
    if state.elr_enabled:
        if name and wanted.get(MIN_ISR) != current.get(MIN_ISR):
            raise TopicError(
                ErrorCode.INVALID_CONFIG,
                "Broker-level min.insync.replicas cannot be altered while ELR is enabled.",
            )
        if not name and MIN_ISR in current and MIN_ISR not in wanted:
            raise TopicError(
                ErrorCode.INVALID_CONFIG,
                "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.",
            )


def _records(
    state: State, kind: int, resource: str, current: Mapping[str, str], wanted: Mapping[str, str]
) -> list[Versioned]:
    """A record for every key that changes; a null value takes the key away."""
    changed = sorted(name for name in {*current, *wanted} if current.get(name) != wanted.get(name))
    records: list[Versioned] = []
    for name in changed:
        value = wanted.get(name)
        if value is not None and len(value) > CONFIG_VALUE_LENGTH_MAX:
            raise TopicError(
                ErrorCode.INVALID_CONFIG,
                "The configuration value cannot be added because it exceeds the maximum value size "
                f"of {CONFIG_VALUE_LENGTH_MAX} bytes.",
            )
        record = ConfigRecord(resource_type=kind, resource_name=resource, name=name, value=value)
        records.append((record, 0))
    if MIN_ISR in changed and state.elr_enabled:
        # Eligible leaders were chosen by the old number; they are found anew.
        records.append((ClearElrRecord(topic_name=resource if kind == TOPIC_RESOURCE else ""), 0))
    return records
