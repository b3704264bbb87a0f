"""Why a group does not get on: nobody reads, it can't settle, what it is to read is gone, or it
stands still.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ottla.cli import places
from ottla.cli.diagnosis.cause import Cause
from ottla.cli.group_places import Place, total_lag, where_it_is
from ottla.client.admin import groups
from ottla.client.errors import BrokerError

if TYPE_CHECKING:
    from ottla.client.client import Client

LOOK_AGAIN_S = 0.25


def one_group(client: Client, name: str, watch_s: float, topic: str | None = None) -> Iterator[str]:
    """One group, watched for some seconds where that is what tells.

    Raises:
        Cause: what is wrong with it.
    """
    group = _found(client, name)
    if group.state in groups.REBALANCING:
        group = _settled(client, group, watch_s)
    found = [one for one in where_it_is(client, group) if topic in (None, one.topic)]
    if topic is not None and not found:
        raise Cause(
            "not-subscribed",
            f"group {name} neither reads topic {topic} nor ever committed an offset in it",
            hint="check the topic's name, and the group's, in the consumer",
        )
    _require_there(client, name, found)
    lag = total_lag(found)
    if not group.members and lag == 0:
        yield f"group {name} has no members now, and has read all there is"
        return
    behind = f"{lag} record(s) behind" if lag is not None else "it has committed nothing"
    if not group.members:
        raise Cause(
            "no-members",
            f"group {name} has no members: nobody reads ({behind})",
            hint="start its consumers; if they run, their logs say why they left: "
            "max.poll.interval.ms, session.timeout.ms",
        )
    yield f"group {name} is {group.state}, with {len(group.members)} member(s)"
    _require_moving(client, name, found, watch_s)
    yield f"group {name} lags by {lag}" if lag else f"group {name} has read all there is"


def _found(client: Client, name: str) -> groups.Described:
    from ottla.cli.options import nearest

    try:
        group = groups.describe(client, name)
    except BrokerError as error:
        if error.code != groups.GROUP_ID_NOT_FOUND:
            hint = error.hint or "the coordinator's log says why"
            raise Cause("coordinator", f"group {name}: {error}", hint=hint) from None
    else:
        if group.state != "Dead":
            return group
    close = nearest(name, [row.group for row in groups.list_groups(client)])
    raise Cause(
        "unknown-group",
        f"group {name} does not exist: none of its members has ever come to this cluster",
        hint=close or "ottla groups shows those that there are; check group.id of the consumer",
    )


def _settled(client: Client, group: groups.Described, watch_s: float) -> groups.Described:
    """What it is when it has settled.

    Raises:
        Cause: it does not.
    """
    began = time.monotonic()
    while time.monotonic() - began < watch_s:
        time.sleep(LOOK_AGAIN_S)
        again = groups.describe(client, group.group)
        if again.state not in groups.REBALANCING:
            return again
    raise Cause(
        "rebalancing",
        f"group {group.group} has been rebalancing ({group.state}) for {watch_s:g} s: "
        f"{len(group.members)} member(s) are known, and one has not come back yet",
        hint="a member that is busy between two polls is waited for until its "
        f"max.poll.interval.ms is over: ottla groups describe {group.group} shows its members",
    )


def _require_there(client: Client, name: str, found: list[Place]) -> None:
    """That what it is to read next is in the log."""
    committed = {(one.topic, one.partition): one.offset for one in found if one.offset is not None}
    first, last = places.log_ends(client, committed)
    for place, offset in committed.items():
        where = f"{place[0]}-{place[1]}"
        if offset < first[place]:
            raise Cause(
                "retention",
                f"group {name} is at offset {offset} of {where}, which begins at {first[place]}: "
                f"{first[place] - offset} record(s) were deleted before it read them",
                hint="it goes on where auto.offset.reset says; to keep records longer: "
                f"ottla config set {place[0]} retention.ms=14d",
            )
        if offset > last[place]:
            raise Cause(
                "beyond-end",
                f"group {name} is at offset {offset} of {where}, which ends at {last[place]}: the "
                "topic was made anew, or data was lost",
                hint=f"ottla groups reset {name} --to beginning --topic {place[0]}",
            )


def _require_moving(client: Client, name: str, found: list[Place], watch_s: float) -> None:
    """That its offsets move where it lags, in every partition."""
    behind = {(one.topic, one.partition): one.offset for one in found if one.lag or one.is_unknown}
    still = set(behind)

    def all_moved() -> bool:
        now = groups.committed(client, name, list(still))
        still.difference_update(
            place for place in list(still) if place in now and now[place].offset != behind[place]
        )
        return not still

    if not behind or _within(watch_s, all_moved):
        return
    topic, number = min(still)
    busy = "busy with a record, paused, or committing rarely (auto.commit.interval.ms is 5 s)"
    if len(still) == len(behind):
        raise Cause(
            "standing-still",
            f"group {name} lags by {total_lag(found) or 'some'} record(s) and has committed "
            f"nothing for {watch_s:g} s",
            hint=f"its consumers are there and do not get on: {busy}: --watch 30 looks for longer",
        )
    raise Cause(
        "partition-standing-still",
        f"group {name} has committed nothing in {topic}-{number} for {watch_s:g} s, where it lags, "
        f"while it goes on in {len(behind) - len(still)} other partition(s)",
        hint=f"is there a record that its consumer can't get past? or it is {busy}: --watch 30 "
        "looks for longer",
    )


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began >= seconds:
            return False
        time.sleep(LOOK_AGAIN_S)
    return True
