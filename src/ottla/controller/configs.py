"""IncrementalAlterConfigs: set, delete, append and subtract configs of topics, brokers, groups and
client metrics.

Each resource succeeds or fails whole and for itself. What a resource would have after the change is
judged, not the change alone. With eligible leader replicas on, min.insync.replicas is one number
for the cluster and for each topic, never for one broker, as all brokers must agree on it (KIP-966).
"""

from __future__ import annotations

from collections.abc import Mapping

from ottla.config.alteration import (
    APPEND,
    DELETE,
    SET,
    SUBTRACT,
    altered,
    validate_broker_change,
)
from ottla.config.group import effective_group_config, validate_group_configs
from ottla.config.refusal import ConfigException, RequirementFailed
from ottla.config.row import broker_rows, client_metrics_rows, group_rows, topic_rows
from ottla.config.topic import effective_topic_config, validate_topic_configs
from ottla.config.whole_number import whole_number
from ottla.controller.state import Outcome, State, Versioned
from ottla.controller.topics import TopicError, repeated
from ottla.decide import Ask
from ottla.metadata.image import (
    BROKER_LOGGER_RESOURCE,
    BROKER_RESOURCE,
    CLIENT_METRICS_RESOURCE,
    GROUP_RESOURCE,
    TOPIC_RESOURCE,
)
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.incremental_alter_configs import (
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)
from ottla.wire.stored.metadata import ClearElrRecord, ConfigRecord

MIN_ISR = "min.insync.replicas"
CONFIG_VALUE_LENGTH_MAX = 32767


def alter(state: State, ask: Ask, now_ms: int) -> Outcome:
    """Change the configs of each resource, or only say what would come of it."""
    request: IncrementalAlterConfigsRequest = ask.body
    responses = []
    records: list[Versioned] = []
    keys = [(resource.resource_type, resource.resource_name) for resource in request.resources]
    twice = repeated(keys)
    for resource, key in zip(request.resources, keys, strict=True):
        code, text = ErrorCode.NONE, None
        try:
            if key in twice:
                raise TopicError(
                    ErrorCode.INVALID_REQUEST, "Each resource must appear at most once."
                )
            records.extend(_alter(state, resource))
        except TopicError as error:
            code, text = error.code, error.text
        responses.append(
            AlterConfigsResourceResponse(
                error_code=code,
                error_message=text,
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
            )
        )
    response = IncrementalAlterConfigsResponse(responses=responses)
    return Outcome(response, () if request.validate_only else records)


def _alter(state: State, resource: AlterConfigsResource) -> list[Versioned]:
    check_form(resource)
    kind, name = resource.resource_type, resource.resource_name
    _check_exists(state, kind, name)
    current = state.image.configs.get((kind, name), {})
    operations = [(c.config_operation, c.name, c.value) for c in resource.configs]
    try:
        if kind == TOPIC_RESOURCE:
            inherited = effective_topic_config(state.broker_config(), current)
            wanted = altered(topic_rows(), current, operations, inherited=inherited)
            validate_topic_configs(wanted, state.broker_config())
        elif kind == BROKER_RESOURCE:
            config = state.broker_config()
            inherited_broker = {row: config.get(row) for row in _list_keys(resource)}
            wanted = altered(
                broker_rows(), current, operations, inherited=inherited_broker, broker=True
            )
        elif kind == GROUP_RESOURCE:
            inherited = effective_group_config(state.broker_config(), current)
            wanted = altered(group_rows(), current, operations, inherited=inherited)
            validate_group_configs(wanted, state.broker_config())
        else:
            wanted = _client_metrics(current, operations)
    except ConfigException as error:
        raise TopicError(
            ErrorCode.INVALID_REQUEST if kind == BROKER_RESOURCE else ErrorCode.INVALID_CONFIG,
            str(error),
        ) from None
    if kind == BROKER_RESOURCE:
        _check_broker(state, name, current, wanted)
    return _records(state, kind, name, current, wanted)


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


def _check_exists(state: State, kind: int, name: str) -> None:
    if kind == TOPIC_RESOURCE:
        if not name:
            raise TopicError(ErrorCode.INVALID_REQUEST, "Default topic resources are not allowed.")
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
    elif kind == BROKER_LOGGER_RESOURCE:
        raise TopicError(
            ErrorCode.INVALID_REQUEST,
            "Log levels can't be changed while the broker runs yet: BROKER_LOGGER is not served.",
        )
    elif kind != CLIENT_METRICS_RESOURCE:
        raise TopicError(ErrorCode.INVALID_REQUEST, f"Unknown resource type {kind}")


def _client_metrics(
    current: Mapping[str, str], operations: list[tuple[int, str, str | None]]
) -> dict[str, str]:
    rows = client_metrics_rows()
    for _, name, _ in operations:
        if name not in rows:
            raise ConfigException(f"Unknown client metrics configuration: {name}")
    raise ConfigException(
        "Client metrics subscriptions are not served yet; nothing would read this one."
    )


def _check_broker(
    state: State, name: str, current: Mapping[str, str], wanted: Mapping[str, str]
) -> None:
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
    try:
        validate_broker_change(state.broker_config(), wanted, per_broker=bool(name))
    except RequirementFailed as error:
        raise TopicError(ErrorCode.INVALID_REQUEST, error.on_the_wire) from None
    except ConfigException as error:
        raise TopicError(ErrorCode.INVALID_REQUEST, str(error)) from None


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
