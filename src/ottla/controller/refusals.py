"""How a request to the controller is refused as a whole: one row a type, because what has an error
of its own for each thing that it names carries it there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ottla.decide import Ask
from ottla.wire.api import response_class
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import alter_configs as whole
from ottla.wire.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopicResult,
)
from ottla.wire.messages.create_topics import (
    CreatableTopicResult,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from ottla.wire.messages.delete_topics import (
    DeletableTopicResult,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
)
from ottla.wire.messages.incremental_alter_configs import (
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)


def refuse(ask: Ask, error: ErrorCode) -> Any:
    """The response that carries an error."""
    row = _EACH.get(type(ask.body))
    if row is not None:
        return row(ask.body, error)
    response: Any = response_class(ask.body.api_key)()
    response.error_code = error
    return response


def _create_topics(request: CreateTopicsRequest, error: ErrorCode) -> CreateTopicsResponse:
    return CreateTopicsResponse(
        topics=[CreatableTopicResult(name=one.name, error_code=error) for one in request.topics]
    )


def _create_partitions(
    request: CreatePartitionsRequest, error: ErrorCode
) -> CreatePartitionsResponse:
    return CreatePartitionsResponse(
        results=[
            CreatePartitionsTopicResult(name=one.name, error_code=error) for one in request.topics
        ]
    )


def _delete_topics(request: DeleteTopicsRequest, error: ErrorCode) -> DeleteTopicsResponse:
    by_name = [DeletableTopicResult(name=one, error_code=error) for one in request.topic_names]
    return DeleteTopicsResponse(
        responses=by_name
        + [
            DeletableTopicResult(name=one.name, topic_id=one.topic_id, error_code=error)
            for one in request.topics
        ]
    )


def _replace_configs(
    request: whole.AlterConfigsRequest, error: ErrorCode
) -> whole.AlterConfigsResponse:
    return whole.AlterConfigsResponse(
        responses=[
            whole.AlterConfigsResourceResponse(
                resource_type=one.resource_type,
                resource_name=one.resource_name,
                error_code=error,
            )
            for one in request.resources
        ]
    )


def _alter_configs(
    request: IncrementalAlterConfigsRequest, error: ErrorCode
) -> IncrementalAlterConfigsResponse:
    return IncrementalAlterConfigsResponse(
        responses=[
            AlterConfigsResourceResponse(
                resource_type=one.resource_type,
                resource_name=one.resource_name,
                error_code=error,
            )
            for one in request.resources
        ]
    )


_EACH: Final[Mapping[type[Any], Callable[[Any, ErrorCode], Any]]] = {
    CreateTopicsRequest: _create_topics,
    CreatePartitionsRequest: _create_partitions,
    DeleteTopicsRequest: _delete_topics,
    whole.AlterConfigsRequest: _replace_configs,
    IncrementalAlterConfigsRequest: _alter_configs,
}
