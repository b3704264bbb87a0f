"""What is said of a classic group's requests before the group is looked for: what could be written
of no group, or be said in no version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.coordinators.group.kinds import has_name
from ottla.coordinators.group.records import TEXT_BYTES_MAX, is_too_long
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.leave_group import LeaveGroupResponse

if TYPE_CHECKING:
    from ottla.coordinators.group.config import ConfigOf
    from ottla.decide import Ask
    from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupResponse
    from ottla.wire.messages.sync_group import SyncGroupRequest

NULL_PROTOCOL_VERSION = 7
PROTOCOL_VERSION = 5
MEMBERS_VERSION = 3


def join(ask: Ask, config_of: ConfigOf) -> tuple[Ask, ErrorCode | None]:
    """A JoinGroup whose texts have room in a record, and whose session is as the group allows."""
    request: JoinGroupRequest = ask.body
    version = ask.version

    def finish(response: JoinGroupResponse) -> JoinGroupResponse:
        if response.error_code:
            response.protocol_name = None
        if response.protocol_name is None and version < NULL_PROTOCOL_VERSION:
            response.protocol_name = ""
        return response

    # A member id is made of the client id, and has to fit into a record.
    ask = ask._replace(client_id=ask.client_id[: TEXT_BYTES_MAX // 4]).finished_by(finish)
    timeout_ms = request.session_timeout_ms
    config = config_of(request.group_id)
    names = [protocol.name for protocol in request.protocols]
    error = None
    if not request.group_id or is_too_long(request.group_id):
        error = ErrorCode.INVALID_GROUP_ID
    elif is_too_long(request.group_instance_id, request.protocol_type, *names):
        error = ErrorCode.INVALID_REQUEST
    elif not config.session_timeout_ms_min <= timeout_ms <= config.session_timeout_ms_max:
        error = ErrorCode.INVALID_SESSION_TIMEOUT
    return ask, error


def sync(ask: Ask, config_of: ConfigOf) -> tuple[Ask, ErrorCode | None]:
    """A SyncGroup that says what it means to sync, from the version on that can."""
    request: SyncGroupRequest = ask.body
    if ask.version >= PROTOCOL_VERSION and None in (request.protocol_type, request.protocol_name):
        return ask, ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    return has_name(ask, config_of)


def leave(ask: Ask, config_of: ConfigOf) -> tuple[Ask, ErrorCode | None]:
    """A LeaveGroup, whose error is its one member's in versions that have no more."""

    def finish(response: LeaveGroupResponse) -> LeaveGroupResponse:
        if response.members:
            return LeaveGroupResponse(error_code=response.members[0].error_code)
        return response

    if ask.version < MEMBERS_VERSION:
        ask = ask.finished_by(finish)
    return has_name(ask, config_of)
