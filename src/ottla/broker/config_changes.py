"""What is alike in both ways to change configs: who may, what is answered here, what the controller
decides, and the order of the answers.

What makes no sense is refused before anybody asks who may, as in Apache Kafka: so it goes on to the
controller, which says why. Each resource succeeds or fails on its own, and the answer names them in
the order of the request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.broker.config_resources import DENIALS, config_resource
from ottla.controller.topics import TopicError
from ottla.metadata.image import BROKER_LOGGER_RESOURCE, BROKER_RESOURCE
from ottla.security.resources import Operation
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


class Messages(NamedTuple):
    """The messages of one way to change configs."""

    request: Callable[..., Any]
    response: Callable[..., Any]
    row: Callable[..., Any]


Own = Callable[["Context", Any, bool], tuple[int, str | None]]
"""Changes a resource that is this node's own business, or with True only looks whether it may be;
the error and its text.
"""


def change(
    context: Context,
    asked: Asked[Any],
    messages: Messages,
    check_form: Callable[[Any], None],
    own: Own | None = None,
) -> Any:
    """The response, if all is answered here; else None, and the controller answers.

    `check_form` raises a TopicError for what makes no sense. `own` has the loggers of this node,
    which the controller knows nothing of.
    """
    body = asked.body
    times = Counter((one.resource_type, one.resource_name) for one in body.resources)
    left: list[Any] = []
    rows: list[Any] = []
    for resource in body.resources:
        kind, name = resource.resource_type, resource.resource_name
        once = times[kind, name] == 1
        error: int = ErrorCode.NONE
        text: str | None = None
        if once and _makes_sense(context, resource, check_form):
            denial = _denial(context, asked, kind, name)
            error, text = denial, denial.text if denial else None
        if not error and once and kind == BROKER_LOGGER_RESOURCE and own is not None:
            error, text = _answered_here(context, resource, check_form, own, body.validate_only)
        elif not error:
            left.append(resource)
            continue
        rows.append(
            messages.row(
                error_code=error, error_message=text, resource_type=kind, resource_name=name
            )
        )
    if rows and not left:
        return messages.response(responses=rows)
    if not rows:
        context.controller.submit(asked)
        return None
    places = {(one.resource_type, one.resource_name): at for at, one in enumerate(body.resources)}

    def finished(response: Any) -> Any:
        response.responses += rows
        response.responses.sort(key=lambda row: places[row.resource_type, row.resource_name])
        return response

    request = messages.request(resources=left, validate_only=body.validate_only)
    context.controller.submit(asked, request, finished)
    return None


def _answered_here(
    context: Context,
    resource: Any,
    check_form: Callable[[Any], None],
    own: Own,
    validate_only: bool,
) -> tuple[int, str | None]:
    try:
        check_form(resource)
        return own(context, resource, validate_only)
    except TopicError as refused:
        return refused.code, refused.text


def _makes_sense(context: Context, resource: Any, check_form: Callable[[Any], None]) -> bool:
    """Whether it would not be refused whoever asks."""
    try:
        check_form(resource)
    except TopicError:
        return False
    return resource.resource_type != BROKER_RESOURCE or resource.resource_name in (
        "",
        str(context.node_id),
    )


def _denial(context: Context, asked: Asked[Any], kind: int, name: str) -> ErrorCode:
    resource = config_resource(kind, name)
    if resource is None:
        return ErrorCode.NONE  # no kind that there is: the controller says so
    operation = Operation.ALTER_CONFIGS
    if kind == BROKER_LOGGER_RESOURCE and asked.controller:
        operation = Operation.CLUSTER_ACTION
    if context.authorize(asked, operation, resource):
        return ErrorCode.NONE
    return DENIALS[resource.type]
