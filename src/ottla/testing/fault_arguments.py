"""What the methods of `broker.faults` are given, made sure of before it reaches a node.

Each check says which argument of which method is wrong: BadType for a thing of another kind,
BadArgument for one that makes no sense.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.testing.errors import BadArgument, BadType

if TYPE_CHECKING:
    from ottla.wire.errors import ErrorCode

NUMBER_MAX = 10**9
"""More requests or milliseconds than a test has; below what the core counts with."""
RECORDS_MAX = 2**62
_OF_BROKERS = (
    "WriteTxnMarkers",
    "InitializeShareGroupState",
    "ReadShareGroupState",
    "WriteShareGroupState",
    "DeleteShareGroupState",
    "ReadShareGroupStateSummary",
)
"""What brokers ask each other, and of clients at most an admin that mends something; one node asks
itself without a request."""


def whole(method: str, name: str, value: Any, least: int, most: int = NUMBER_MAX) -> int:
    """A whole number between these two."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadType(f"faults.{method}: {name}={value!r} is no whole number")
    if not least <= value <= most:
        raise BadArgument(f"faults.{method}: {name}={value} is not from {least} to {most}")
    return value


def text(method: str, name: str, value: Any) -> str:
    """A str."""
    if not isinstance(value, str):
        raise BadType(f"faults.{method}: {name}={value!r} is no str")
    return value


def api_key(method: str, api: Any) -> int:
    """The key of an API, by its name or key."""
    from ottla.wire import api as wire_api

    if isinstance(api, bool) or not isinstance(api, str | int):
        raise BadType(f"faults.{method}: api={api!r} is neither the name of an API nor its key")
    wanted = api.lower() if isinstance(api, str) else api
    for one in wire_api.apis():
        if wanted not in (one.key, one.name.lower()):
            continue
        if one.listeners == wire_api.CONTROLLER:
            raise BadArgument(f"faults.{method}: api={api!r} is no API that clients ask a broker")
        return one.key
    raise BadArgument(
        f"faults.{method}: api={api!r} is no API of Kafka's",
        hint='its name is such as "Produce", "OffsetCommit" or "Metadata"',
    )


def error_code(method: str, error: Any) -> ErrorCode:
    """An error of Kafka's, by its name or code."""
    from ottla.wire.errors import ErrorCode

    if isinstance(error, bool) or not isinstance(error, str | int):
        raise BadType(f"faults.{method}: error={error!r} is neither an error's name nor its code")
    for one in ErrorCode.all():
        if one != ErrorCode.NONE and error in (one.name, int(one)):
            return one
    raise BadArgument(
        f"faults.{method}: error={error!r} is no error of Kafka's",
        hint='its name is such as "NOT_LEADER_OR_FOLLOWER"',
    )


def rule(
    method: str,
    client_id: Any = None,
    api: Any = None,
    nth: Any = None,
    times: Any = None,
    rate: Any = 1.0,
    seed: Any = 0,
) -> dict[str, Any]:
    """Whom a rule is about, but for the topic, and when, as the core takes it."""
    if nth is not None:
        whole(method, "nth", nth, 1)
    if times is not None:
        whole(method, "times", times, 1)
    if nth is not None and times is not None:
        raise BadArgument(
            f"faults.{method}: nth={nth} is one request, and times={times} so many of all",
            hint="give one of them; a rule for each request that is meant can be made, too",
        )
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        raise BadType(f"faults.{method}: rate={rate!r} is no number")
    if not 0 <= rate <= 1:
        raise BadArgument(f"faults.{method}: rate={rate} is not from 0 to 1")
    key = None if api is None else api_key(method, api)
    if key is not None and client_id is None:
        _asked_by_clients(method, key)
    return {
        "client_id": None if client_id is None else text(method, "client_id", client_id),
        "api_key": key,
        "nth": nth,
        "times": times,
        "rate": float(rate),
        "seed": whole(method, "seed", seed, 0, 2**64 - 1),
    }


def _asked_by_clients(method: str, key: int) -> None:
    from ottla.wire import api as wire_api

    name = wire_api.api(key).name
    if name in _OF_BROKERS:
        raise BadArgument(
            f"faults.{method}: api={name!r} is what brokers ask each other, and one node asks "
            "itself without a request, so such a rule would never come over any",
            hint='drop_reply(api="EndTxn", times=1) loses the answer to the end of a transaction; '
            "an admin client that asks this is named by client_id",
        )
