"""Why a topic can't be written to or read: it is not there, nobody leads it, it is empty, or an
open transaction holds readers back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ottla.cli import places
from ottla.cli.diagnosis.cause import Cause
from ottla.client.admin import configs, offsets, topics
from ottla.client.errors import BrokerError
from ottla.wire.errors import ErrorCode
from ottla.wire.stored.frame import CONSUMER_OFFSETS

if TYPE_CHECKING:
    from ottla.client.client import Client


def every_topic(client: Client) -> Iterator[str]:
    """Whether all partitions of the cluster are led.

    Raises:
        Cause: some are not.
    """
    described = topics.describe(client, topics.names(client))
    _require_led(described)
    yield f"all partitions of {len(described)} topic(s) have a leader"


def require_coordinators(client: Client) -> None:
    """Whether what groups keep their offsets in is led, if it is there yet.

    Raises:
        Cause: it is not, so no group of some gets on.
    """
    if CONSUMER_OFFSETS in topics.names(client):
        _require_led(topics.describe(client, [CONSUMER_OFFSETS]))


def one_topic(client: Client, name: str) -> Iterator[str]:
    """One topic.

    Raises:
        Cause: what is wrong with it.
    """
    topic = require_there(client, name)
    _require_led([topic])
    _require_in_sync(client, topic)
    yield f"topic {name} has {len(topic.partitions)} partition(s), each with a leader"
    all_of_it = [(name, row.number) for row in topic.partitions]
    first, last = places.log_ends(client, all_of_it)
    stable = offsets.offsets_or_raise(
        client, dict.fromkeys(all_of_it, offsets.LATEST), read_committed=True
    )
    records = sum(last[place] - first[place] for place in all_of_it)
    if not records:
        _tell_empty(client, name, sum(last.values()))
    for place in all_of_it:
        at = stable[place]
        if at is not None and at < last[place]:
            raise Cause(
                "open-transaction",
                f"an open transaction in {name}-{place[1]} holds read_committed consumers at "
                f"offset {at} of {last[place]}",
                hint="ottla transactions shows whose it is; ottla transactions hanging, whether "
                "nobody will end it",
            )
    yield f"topic {name} holds {records} offset(s) that can be read"


def require_there(client: Client, name: str) -> topics.Topic:
    """The topic.

    Raises:
        Cause: there is none of that name, or it may not be seen.
    """
    from ottla.cli.options import nearest

    try:
        return topics.describe(client, [name])[0]
    except BrokerError as error:
        if error.code == ErrorCode.TOPIC_AUTHORIZATION_FAILED:
            hint = error.hint or "ask for the right to DESCRIBE it"
            raise Cause("authorization", f"topic {name}: {error}", hint=hint) from None
        if error.code != ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            raise
    close = nearest(name, topics.names(client))
    raise Cause(
        "unknown-topic",
        f"topic {name} does not exist",
        hint=close or f"ottla topics shows those that do; ottla topics create {name} makes it",
    )


def _require_led(described: list[topics.Topic]) -> None:
    offline = [(t.name, p) for t in described for p in t.partitions if p.leader < 0]
    if not offline:
        return
    name, row = offline[0]
    brokers = ", ".join(map(str, row.replicas))
    raise Cause(
        "offline",
        f"{len(offline)} partition(s) have no leader, the first is {name}-{row.number}, which "
        f"lies on broker(s) {brokers}",
        hint=f"start broker(s) {brokers}; if they run, look for a failed disk: ottla disks",
    )


def _require_in_sync(client: Client, topic: topics.Topic) -> None:
    values = configs.describe(client, configs.TOPIC, [topic.name])[topic.name]
    least = int({row.name: row.value for row in values}.get("min.insync.replicas") or 1)
    for row in topic.partitions:
        if len(row.isr) < least:
            raise Cause(
                "not-in-sync",
                f"{topic.name}-{row.number} has {len(row.isr)} replica(s) in sync, and producers "
                f"with acks=all need {least} (min.insync.replicas)",
                hint="start the brokers that are down, or: ottla config set "
                f"{topic.name} min.insync.replicas={len(row.isr)}",
            )


def _tell_empty(client: Client, name: str, were: int) -> None:
    if not were:
        raise Cause(
            "empty",
            f"nobody has written to topic {name} yet",
            hint=f"echo hello | ottla produce {name}",
        )
    rows = configs.describe(client, configs.TOPIC, [name])[name]
    values = {row.name: row.value for row in rows}
    kept = f"retention.ms={values.get('retention.ms')}"
    if (values.get("retention.bytes") or "-1") != "-1":
        kept += f", retention.bytes={values['retention.bytes']}"
    raise Cause(
        "retention",
        f"topic {name} is empty: its {were} record(s) are deleted already ({kept}, or "
        "delete-records)",
        hint=f"ottla config set {name} retention.ms=30d keeps longer what comes from now on",
    )
