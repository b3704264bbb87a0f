"""What a producer or consumer is given: Java's names, librdkafka's, and Python's, as values.

`linger.ms`, `queue.buffering.max.ms` and `linger_ms` are one setting. Types, defaults and limits
are the rows' (`ottla.config`). A name that nobody knows is refused, and so is one that would be
unsafe to leave out; what changes nothing that a program could notice is named once in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ottla.client.backoff import Backoff
from ottla.client.errors import BadSetting
from ottla.config.nearest import nearest
from ottla.config.refusal import ConfigException
from ottla.config.row import Row, client_rows
from ottla.config.values import default_value, parse_value

if TYPE_CHECKING:
    from ottla.client.client import Client
    from ottla.client.connecting.reach import Reach

OTHER_NAMES = {
    "metadata.broker.list": "bootstrap.servers",
    "request.required.acks": "acks",
    "queue.buffering.max.ms": "linger.ms",
    "compression.codec": "compression.type",
    "message.max.bytes": "max.request.size",
    "message.send.max.retries": "retries",
    "max.in.flight": "max.in.flight.requests.per.connection",
    "message.timeout.ms": "delivery.timeout.ms",
    "fetch.wait.max.ms": "fetch.max.wait.ms",
    "fetch.message.max.bytes": "max.partition.fetch.bytes",
    "topic.metadata.refresh.interval.ms": "metadata.max.age.ms",
    "socket.timeout.ms": "request.timeout.ms",
}
"""librdkafka's names of what Java calls otherwise."""

_OWN_DEFAULTS = {"batch.size": 1_000_000}
"""Where ours is another than Java's: docs/design/client.md says why."""

_BOTH = """
    bootstrap.servers client.id metadata.max.age.ms request.timeout.ms retry.backoff.ms
    retry.backoff.max.ms
"""
HONOURED = {
    "producer": frozenset(
        f"""{_BOTH} acks batch.size buffer.memory compression.type compression.gzip.level
        compression.lz4.level compression.zstd.level delivery.timeout.ms enable.idempotence
        linger.ms max.block.ms max.in.flight.requests.per.connection max.request.size retries
        transactional.id transaction.timeout.ms""".split()
    ),
    "consumer": frozenset(
        f"""{_BOTH} allow.auto.create.topics auto.commit.interval.ms auto.offset.reset check.crcs
        client.rack default.api.timeout.ms enable.auto.commit fetch.max.bytes fetch.max.wait.ms
        fetch.min.bytes group.id group.instance.id group.protocol group.remote.assignor
        heartbeat.interval.ms isolation.level max.partition.fetch.bytes max.poll.interval.ms
        max.poll.records partition.assignment.strategy session.timeout.ms""".split()
    ),
}
"""What is done as it says."""

WITHOUT_EFFECT = frozenset(
    """
    client.dns.lookup connections.max.idle.ms enable.metrics.push exclude.internal.topics
    key.deserializer key.serializer log_level metadata.max.idle.ms
    metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy metric.reporters
    metrics.num.samples metrics.recording.level metrics.sample.window.ms
    partitioner.adaptive.partitioning.enable partitioner.availability.timeout.ms
    receive.buffer.bytes reconnect.backoff.max.ms reconnect.backoff.ms send.buffer.bytes
    socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms value.deserializer
    value.serializer
    """.split()  # noqa: SIM905 (a list of strings would take a page)
)
"""Sizes and paces that are ours to choose, and classes that only Java can load."""

OF_CLIENT = ("bootstrap.servers", "client.id", "metadata.max.age.ms")
"""What all who share a client have from it."""

REACH = ("security.", "ssl.", "sasl.", "enable.ssl.")
"""How names begin that say how the cluster is reached."""
_told: set[str] = set()


class Settings(Mapping[str, Any]):
    """Values by Java's names; defaults for what was not given."""

    def __init__(self, kind: str, given: Mapping[str, Any]) -> None:
        """Raises BadSetting."""
        self._kind = kind
        self._rows = client_rows(kind)
        self._values: dict[str, Any] = {}
        self._reach: dict[str, Any] = {}
        for name, value in given.items():
            self._take(kind, name, value)

    def _take(self, kind: str, name: str, value: Any) -> None:
        dotted = name if "." in name or name in self._rows else name.replace("_", ".")
        if dotted.startswith(REACH):
            self._reach[dotted] = value
            return
        known = OTHER_NAMES.get(dotted, dotted)
        row = self._rows.get(known)
        if row is None and known not in WITHOUT_EFFECT and name not in WITHOUT_EFFECT:
            near = nearest(dotted, [*self._rows, *OTHER_NAMES])
            hint = f"did you mean {near}?" if near else f"a {kind} has other settings"
            raise BadSetting(name, f"there is no setting {name!r}", hint=hint)
        if row is None or known not in HONOURED[kind]:
            self._leave_out(name, known)
        else:
            self._values[known] = _parsed(row, value)

    def _leave_out(self, name: str, known: str) -> None:
        if known not in WITHOUT_EFFECT and name not in WITHOUT_EFFECT:
            raise BadSetting(name, f"{name} is not honoured yet", hint="leave it out")
        if name not in _told:
            _told.add(name)
            import logging

            logging.getLogger("ottla.client").warning("%s has no effect here", name)

    @property
    def reach(self) -> Reach | None:
        """How to reach the cluster, by TLS and as whom; None if nothing is said of that.

        Raises:
            BadSetting: what is said of it makes no sense.
        """
        if not self._reach:
            return None
        from ottla.client.connecting.reach_settings import reach_of

        return reach_of(self._reach)

    def client(self, **how: Any) -> Client:
        """A client for who has these settings; `how` is of `Client`, beside what they say.

        Raises:
            BadSetting: how the cluster is reached makes no sense.
            BadAddress: the addresses make no sense.
        """
        from ottla.client.client import Client

        is_producer = self._kind == "producer"
        how.setdefault("client_id", self["client.id"] or f"ottla-{self._kind}")
        return Client(
            ",".join(self["bootstrap.servers"] or ()),
            request_timeout_ms=self["request.timeout.ms"],
            metadata_max_age_ms=self["metadata.max.age.ms"],
            timeout_ms=self["max.block.ms" if is_producer else "default.api.timeout.ms"],
            reach=self.reach,
            **how,
        )

    def new_backoff(self, chance: Callable[[], float]) -> Backoff:
        """How long to wait between attempts."""
        return Backoff(self["retry.backoff.ms"], self["retry.backoff.max.ms"], chance)

    def given(self, name: str) -> bool:
        """Whether it was given, and not only has its default."""
        return name in self._values

    def __getitem__(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        if name in _OWN_DEFAULTS:
            return _OWN_DEFAULTS[name]
        return default_value(self._rows[name])

    def __iter__(self) -> Any:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def text(value: Any) -> str | None:
    """A value as a properties file has it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(map(str, value))
    return str(value)


def _parsed(row: Row, value: Any) -> Any:
    try:
        return parse_value(row, text(value))
    except ConfigException as error:
        raise BadSetting(row.name, str(error)) from None


def merged(
    first: Mapping[str, Any] | str | None,
    settings: Mapping[str, Any],
    client: object | None = None,
) -> dict[str, Any]:
    """A mapping of settings, or addresses, with those by keyword.

    Raises:
        BadSetting: neither a mapping nor a text; or what is the client's to have, beside one.
    """
    if first is None:
        found = dict(settings)
    elif isinstance(first, str):
        found = {"bootstrap.servers": first, **settings}
    elif isinstance(first, Mapping):
        found = {**first, **settings}
    else:
        raise BadSetting(
            "settings",
            f"settings are a mapping, or the addresses as text, not {type(first).__name__}",
            hint='such as Producer("localhost:9092", linger_ms=5)',
        )
    if client is None:
        return found
    # To give these again would change nothing.
    own = [name for name in found if _dotted(name).startswith(REACH) or _dotted(name) in OF_CLIENT]
    if own:
        text = f"{', '.join(own)}: the client that is shared has its own"
        raise BadSetting(own[0], text, hint="give it to the Client, or leave `client` out")
    return found


def _dotted(name: str) -> str:
    dotted = name if "." in name else name.replace("_", ".")
    return OTHER_NAMES.get(dotted, dotted)
