"""Brokers register, send heartbeats, are fenced and let in again (KIP-631).

A broker epoch is the offset at which the records of its registration begin. A broker is let in when
it has applied the log up to its own registration; it is fenced when its session ends without a
heartbeat, or when it shuts down and leads nothing any more.
"""

from __future__ import annotations

from ottla.controller.elections import leader_and_isr_changes
from ottla.controller.state import Outcome, Session, State, Versioned
from ottla.decide import Ask, Timer
from ottla.metadata.features import (
    KRAFT_VERSION,
    METADATA_VERSION,
    directory_assignment_supported,
    register_broker_record_version,
)
from ottla.metadata.image import Broker
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.broker_heartbeat import BrokerHeartbeatRequest, BrokerHeartbeatResponse
from ottla.wire.messages.broker_registration import (
    BrokerRegistrationRequest,
    BrokerRegistrationResponse,
)
from ottla.wire.stored.metadata import (
    BrokerEndpoint,
    BrokerFeature,
    BrokerRegistrationChangeRecord,
    RegisterBrokerRecord,
)

SESSIONS = "controller-sessions"
"""Key of the timer that looks for brokers which are not heard of any more; runs on real time."""

FENCED = 1
UNFENCED = -1

CORDONED_DIRS_METADATA_VERSION = 30

_RESERVED_DIRECTORIES = frozenset(bytes(15) + bytes((number,)) for number in range(100))


# ---------------------------------------------------------------------- registration
def register(state: State, ask: Ask, now_ms: int) -> Outcome:
    """Take a broker in, fenced; another incarnation of a broker that is alive is refused."""
    request: BrokerRegistrationRequest = ask.body
    error = _registration_error(state, request, now_ms)
    if error is not ErrorCode.NONE:
        return Outcome(BrokerRegistrationResponse(error_code=error))
    known = state.image.brokers.get(request.broker_id)
    record = _registration_record(state, request)
    records: list[Versioned] = []
    if known is not None and known.incarnation_id == request.incarnation_id:
        record.broker_epoch = known.epoch
        record.fenced = known.fenced
        record.in_controlled_shutdown = known.in_controlled_shutdown
    else:
        record.broker_epoch = state.next_offset
        if known is not None:
            unclean = request.previous_broker_epoch != known.epoch
            records.extend(_records_for_shutdown(state, request.broker_id, unclean))
        state.sessions.pop(request.broker_id, None)
    records.append((record, register_broker_record_version(state.image.metadata_version)))
    response = BrokerRegistrationResponse(broker_epoch=record.broker_epoch)
    return Outcome(response, records, (session_timer(state),))


def _registration_error(state: State, request: BrokerRegistrationRequest, now_ms: int) -> ErrorCode:
    if request.cluster_id != state.cluster_id:
        return ErrorCode.INCONSISTENT_CLUSTER_ID
    known = state.image.brokers.get(request.broker_id)
    if (
        known is not None
        and known.incarnation_id != request.incarnation_id
        and state.has_valid_session(known.id, known.epoch, now_ms)
    ):
        return ErrorCode.DUPLICATE_BROKER_REGISTRATION
    if request.is_migrating_zk_broker:
        return ErrorCode.BROKER_ID_NOT_REGISTERED
    if directory_assignment_supported(state.image.metadata_version):
        dirs = request.log_dirs
        others = {
            directory
            for broker in state.image.brokers.values()
            if broker.id != request.broker_id
            for directory in broker.log_dirs
        }
        if (
            not dirs
            or len(set(dirs)) != len(dirs)
            or not _RESERVED_DIRECTORIES.isdisjoint(dirs)
            or not others.isdisjoint(dirs)
        ):
            return ErrorCode.INVALID_REGISTRATION
    return _features_error(state, request)


def _features_error(state: State, request: BrokerRegistrationRequest) -> ErrorCode:
    offered = {f.name: f for f in request.features}
    if METADATA_VERSION not in offered:
        return ErrorCode.INVALID_REGISTRATION
    finalized = {**state.image.features, KRAFT_VERSION: state.kraft_version}
    for name, level in finalized.items():
        feature = offered.get(name)
        low, high = (
            (0, 0)
            if feature is None
            else (feature.min_supported_version, feature.max_supported_version)
        )
        if not low <= level <= high:
            return ErrorCode.UNSUPPORTED_VERSION
    return ErrorCode.NONE


def _registration_record(state: State, request: BrokerRegistrationRequest) -> RegisterBrokerRecord:
    record = RegisterBrokerRecord(
        broker_id=request.broker_id,
        incarnation_id=request.incarnation_id,
        end_points=[
            BrokerEndpoint(
                name=listener.name,
                host=listener.host,
                port=listener.port,
                security_protocol=listener.security_protocol,
            )
            for listener in request.listeners
        ],
        features=[
            BrokerFeature(
                name=feature.name,
                min_supported_version=feature.min_supported_version,
                max_supported_version=feature.max_supported_version,
            )
            for feature in request.features
        ],
        rack=request.rack,
        fenced=True,
    )
    if directory_assignment_supported(state.image.metadata_version):
        record.log_dirs = request.log_dirs
    return record


def _records_for_shutdown(state: State, broker_id: int, unclean: bool) -> list[Versioned]:
    """What its partitions become when a broker turns out to have gone: it is in no ISR any more.

    After an unclean shutdown it may have lost its tail, so it is no eligible leader either.
    """
    touched = [
        found
        for found in state.partitions()
        if broker_id in found[2].isr or (unclean and broker_id in found[2].eligible_leader_replicas)
    ]
    if unclean and state.elr_enabled:
        return leader_and_isr_changes(state, touched, without=broker_id, lost=broker_id)
    return leader_and_isr_changes(state, touched, without=broker_id)


# ---------------------------------------------------------------------- heartbeats
def heartbeat(state: State, ask: Ask, now_ms: int) -> Outcome:
    """Hear from a broker; fence it, let it in, or see it out, as it wants and may."""
    request: BrokerHeartbeatRequest = ask.body
    broker = state.image.brokers.get(request.broker_id)
    if broker is None:
        return Outcome(BrokerHeartbeatResponse(error_code=ErrorCode.BROKER_ID_NOT_REGISTERED))
    if broker.epoch != request.broker_epoch:
        return Outcome(BrokerHeartbeatResponse(error_code=ErrorCode.STALE_BROKER_EPOCH))
    before = _standing(broker)
    after = _next_standing(state, broker, request)
    records: list[Versioned] = []
    leaving: int | None = None
    if before != after:
        if after in ("fenced", "gone"):
            records.extend(fence(state, broker))
        elif after == "active":
            records.extend(_unfence(state, broker))
        else:
            records.extend(_begin_controlled_shutdown(state, broker))
    session = state.sessions.get(broker.id)
    if after == "leaving":
        began = session.controlled_shutdown_offset if session is not None else None
        leaving = began if began is not None else state.next_offset + len(records) - 1
    state.sessions[broker.id] = Session(
        broker.epoch, now_ms, request.current_metadata_offset, leaving
    )
    records.extend(_directory_changes(state, broker, request))
    response = BrokerHeartbeatResponse(
        is_caught_up=request.current_metadata_offset >= broker.epoch,
        is_fenced=after in ("fenced", "gone"),
        should_shut_down=after == "gone",
    )
    return Outcome(response, records, (session_timer(state),))


def _standing(broker: Broker) -> str:
    if broker.fenced:
        return "fenced"
    return "leaving" if broker.in_controlled_shutdown else "active"


def _next_standing(state: State, broker: Broker, request: BrokerHeartbeatRequest) -> str:
    standing = _standing(broker)
    if standing == "fenced":
        if request.want_shut_down:
            return "gone"
        if not request.want_fence and request.current_metadata_offset >= broker.epoch:
            return "active"
        return "fenced"
    if standing == "active":
        if request.want_fence:
            return "gone" if request.want_shut_down else "fenced"
        if request.want_shut_down:
            return "leaving" if state.has_leaderships(broker.id) else "gone"
        return "active"
    if state.has_leaderships(broker.id):
        return "leaving"
    session = state.sessions.get(broker.id)
    began = session.controlled_shutdown_offset if session is not None else None
    return "gone" if began is None or began <= _lowest_active_offset(state, request) else "leaving"


def _lowest_active_offset(state: State, request: BrokerHeartbeatRequest) -> int:
    """How far the slowest broker that is alive has applied the log; the one that asks counts as it
    says now."""
    offsets = [
        session.metadata_offset
        for broker_id, session in state.sessions.items()
        if broker_id != request.broker_id and state.is_active(broker_id)
    ]
    return min(offsets, default=request.current_metadata_offset)


def fence(state: State, broker: Broker) -> list[Versioned]:
    """Take the broker out: its leaderships first, then the broker."""
    records = leader_and_isr_changes(state, state.partitions_with_isr(broker.id), without=broker.id)
    records.append((_change(broker, fenced=FENCED), 0))
    return records


def _unfence(state: State, broker: Broker) -> list[Versioned]:
    records: list[Versioned] = [(_change(broker, fenced=UNFENCED), 0)]
    leaderless = (found for found in state.partitions() if found[2].leader < 0)
    records.extend(leader_and_isr_changes(state, leaderless, joined=broker.id))
    return records


def _begin_controlled_shutdown(state: State, broker: Broker) -> list[Versioned]:
    record = BrokerRegistrationChangeRecord(
        broker_id=broker.id, broker_epoch=broker.epoch, in_controlled_shutdown=1
    )
    records: list[Versioned] = [(record, 1)]
    partitions = state.partitions_with_isr(broker.id)
    records.extend(leader_and_isr_changes(state, partitions, without=broker.id))
    return records


def _change(broker: Broker, *, fenced: int) -> BrokerRegistrationChangeRecord:
    return BrokerRegistrationChangeRecord(
        broker_id=broker.id, broker_epoch=broker.epoch, fenced=fenced
    )


def _directory_changes(
    state: State, broker: Broker, request: BrokerHeartbeatRequest
) -> list[Versioned]:
    """Directories that the broker lost (KIP-858), and those that take no new replicas
    (KIP-1066)."""
    records: list[Versioned] = []
    level = state.image.metadata_version
    lost = [d for d in request.offline_log_dirs if d in broker.log_dirs]
    if lost and directory_assignment_supported(level):
        gone = frozenset(lost)
        record = BrokerRegistrationChangeRecord(
            broker_id=broker.id,
            broker_epoch=broker.epoch,
            log_dirs=[d for d in broker.log_dirs if d not in gone],
        )
        records.append((record, 2))
        affected = [
            found
            for found in state.partitions_with_isr(broker.id)
            if found[2].directory_of(broker.id) in gone
        ]
        records.extend(leader_and_isr_changes(state, affected, without=broker.id))
    cordoned = request.cordoned_log_dirs
    if cordoned is not None and level >= CORDONED_DIRS_METADATA_VERSION:
        current = broker.cordoned_log_dirs
        if current is None or set(current) != set(cordoned):
            record = BrokerRegistrationChangeRecord(
                broker_id=broker.id, broker_epoch=broker.epoch, cordoned_log_dirs=cordoned
            )
            records.append((record, 3))
    return records


# ---------------------------------------------------------------------- sessions
def expired(state: State, now_ms: int) -> list[Broker]:
    """Brokers that are not fenced and whose session has ended; one not heard of yet gets a session
    now."""
    timeout_ms: int = state.config["broker.session.timeout.ms"]
    for broker_id, session in list(state.sessions.items()):
        known = state.image.brokers.get(broker_id)
        if (known is None or known.fenced) and now_ms - session.heard_ms >= timeout_ms:
            del state.sessions[broker_id]
    late = []
    for broker in state.image.brokers.values():
        if broker.fenced:
            continue
        if state.sessions.get(broker.id) is None:
            state.sessions[broker.id] = Session(broker.epoch, now_ms, -1, None)
        elif not state.has_valid_session(broker.id, broker.epoch, now_ms):
            late.append(broker)
    return late


def session_timer(state: State) -> Timer:
    """When to look for ended sessions again."""
    timeout_ms: int = state.config["broker.session.timeout.ms"]
    # Sessions of fenced brokers count too: what lets them in is not applied yet when this is asked.
    heard = [session.heard_ms for session in state.sessions.values()]
    return Timer(SESSIONS, min(heard) + timeout_ms if heard else None, real=True)


def broker_epoch_error(state: State, broker_id: int, broker_epoch: int) -> ErrorCode:
    """What a request that carries a broker's epoch is answered when it is not the current one."""
    broker = state.image.brokers.get(broker_id)
    if broker is None or broker.epoch != broker_epoch:
        return ErrorCode.STALE_BROKER_EPOCH
    return ErrorCode.NONE
