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
    from ottla.client.connecting.paces import Paces
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
    "socket.receive.buffer.bytes": "receive.buffer.bytes",
    "socket.send.buffer.bytes": "send.buffer.bytes",
}
"""librdkafka's names of what Java calls otherwise."""

OTHER_VALUES = {
    "auto.offset.reset": {
        "smallest": "earliest",
        "beginning": "earliest",
        "largest": "latest",
        "end": "latest",
        "error": "none",
    },
}
"""librdkafka's values of what Java calls otherwise."""

_OWN_DEFAULTS = {
    "batch.size": 1_000_000,
    "receive.buffer.bytes": -1,
    "reconnect.backoff.ms": 100,
    "send.buffer.bytes": -1,
    "socket.connection.setup.timeout.ms": None,
}
"""Where ours is another than Java's: docs/design/client.md says why. None: as long as the request
may take.
"""

_BOTH = """
    bootstrap.servers client.id metadata.max.age.ms request.timeout.ms retry.backoff.ms
    retry.backoff.max.ms reconnect.backoff.ms reconnect.backoff.max.ms receive.buffer.bytes
    send.buffer.bytes socket.connection.setup.timeout.ms socket.connection.setup.timeout.max.ms
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
    metadata.max.idle.ms metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy
    metric.reporters metrics.num.samples metrics.recording.level metrics.sample.window.ms
    partitioner.adaptive.partitioning.enable partitioner.availability.timeout.ms
    """.split()  # noqa: SIM905 (a list of strings would take a page)
)
"""Java's sizes and paces that are ours to choose; other clients' are in `foreign_settings.py`."""

RECONNECT_MS_MIN = 10
"""With less a processor would be busy for as long as nobody listens."""
OF_CONNECTIONS = (
    "receive.buffer.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "send.buffer.bytes",
    "socket.connection.setup.timeout.max.ms",
    "socket.connection.setup.timeout.ms",
)
OF_CLIENT = ("bootstrap.servers", "client.id", "metadata.max.age.ms", *OF_CONNECTIONS)
"""What all who share a client have from it."""

REACH = ("security.", "ssl.", "sasl.", "enable.ssl.", "enable.sasl.", "https.", "oauth_cb")
"""How names begin that say how the cluster is reached."""
LEVEL = "compression.level"
"""librdkafka's, of whatever codec there is."""
_told: set[str] = set()


class Settings(Mapping[str, Any]):
    """Values by Java's names; defaults for what was not given."""

    def __init__(self, kind: str, given: Mapping[str, Any]) -> None:
        """Raises BadSetting."""
        self._kind = kind
        self._rows = client_rows(kind)
        self._values: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        self._reach: dict[str, Any] = {}
        for name, value in given.items():
            self._take(name, value)
        if LEVEL in self._names:
            self._spread_level()

    def _take(self, name: str, value: Any) -> None:
        dotted = _dotted(name)
        known = OTHER_NAMES.get(dotted, dotted)
        if dotted.startswith(REACH):
            self._reach[dotted] = value
        elif known in HONOURED[self._kind]:
            self._names[known] = name
            self._values[known] = (
                _assignors(self._rows[known], name, value)
                if known == "partition.assignment.strategy"
                else _parsed(self._rows[known], name, value)
            )
        elif known == LEVEL and self._kind == "producer":
            self._names[known], self._values[known] = name, value
        else:
            self._leave_out(name, known, value)

    def _leave_out(self, name: str, known: str, value: Any) -> None:
        from ottla.client.foreign_settings import instead_of, why_idle

        why = "" if known in WITHOUT_EFFECT else why_idle(known, text(value))
        if why is None:
            raise self._refusal(name, known, instead_of(known))
        if name not in _told and (why or known in WITHOUT_EFFECT):
            _told.add(name)
            import logging

            reason = f": {why}" if why else ""
            logging.getLogger("ottla.client").warning("%s has no effect here%s", name, reason)

    def _refusal(self, name: str, known: str, instead: str | None) -> BadSetting:
        if instead is not None:
            return BadSetting(name, f"{name} is not honoured here", hint=instead)
        other = "consumer" if self._kind == "producer" else "producer"
        if known in client_rows(other) or known == LEVEL:
            text = f"{name} is a {other}'s setting, and this is a {self._kind}"
            return BadSetting(name, text, hint=f"leave it out of the {self._kind}'s settings")
        if known in self._rows:
            return BadSetting(name, f"{name} is not honoured yet", hint="leave it out")
        own = HONOURED[self._kind]
        near = nearest(_dotted(name), [*own, *(n for n, to in OTHER_NAMES.items() if to in own)])
        page = f"docs/reference/client-settings.md lists those of a {self._kind}"
        hint = f"did you mean {near}?" if near else page
        return BadSetting(name, f"there is no setting {name!r}", hint=hint)

    def _spread_level(self) -> None:
        """librdkafka has one level for whatever codec there is, and -1 for the codec's own."""
        name, level = self._names.pop(LEVEL), self._values.pop(LEVEL)
        codec: str = self["compression.type"]
        if text(level) in (None, "-1"):
            return
        row = self._rows.get(f"compression.{codec}.level")
        if row is None:
            raise BadSetting(
                name,
                f"{name}={level}, but compression.type={codec} has no levels",
                hint="gzip, lz4 and zstd have some; or leave it out",
            )
        if row.name not in self._values:
            self._names[row.name] = name
            self._values[row.name] = _parsed(row, name, level)

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
            BadSetting: how the cluster is reached makes no sense, or is not said.
            BadAddress: the addresses make no sense.
        """
        from ottla.client.client import Client

        if not self.given("bootstrap.servers"):
            hint = f'say where the cluster is: {self._kind.title()}("localhost:9092")'
            raise BadSetting("bootstrap.servers", "bootstrap.servers is missing", hint=hint)
        is_producer = self._kind == "producer"
        how.setdefault("client_id", self["client.id"] or f"ottla-{self._kind}")
        return Client(
            ",".join(self["bootstrap.servers"] or ()),
            request_timeout_ms=self["request.timeout.ms"],
            metadata_max_age_ms=self["metadata.max.age.ms"],
            timeout_ms=self["max.block.ms" if is_producer else "default.api.timeout.ms"],
            reach=self.reach,
            paces=self.paces,
            **how,
        )

    @property
    def paces(self) -> Paces:
        """How eagerly connections are made, and how large their buffers are."""
        from ottla.client.connecting.paces import Paces

        return Paces(
            backoff_ms=max(self["reconnect.backoff.ms"], RECONNECT_MS_MIN),
            backoff_ms_max=max(self["reconnect.backoff.max.ms"], self["reconnect.backoff.ms"]),
            setup_ms=self["socket.connection.setup.timeout.ms"],
            setup_ms_max=self["socket.connection.setup.timeout.max.ms"],
            receive_buffer_bytes=self["receive.buffer.bytes"],
            send_buffer_bytes=self["send.buffer.bytes"],
        )

    def new_backoff(self, chance: Callable[[], float]) -> Backoff:
        """How long to wait between attempts."""
        return Backoff(self["retry.backoff.ms"], self["retry.backoff.max.ms"], chance)

    def given(self, name: str) -> bool:
        """Whether it was given, and not only has its default."""
        return name in self._values

    def shown(self, name: str) -> str:
        """The setting as it was given, or by Java's name, with its value."""
        return f"{self._names.get(name, name)}={text(self[name])}"

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


def connect(settings: Mapping[str, Any] | str | None = None, **more: Any) -> Client:
    """A client for admin calls, by the settings of a consumer: addresses, TLS and SASL, time-outs.

    Raises:
        BadSetting: a setting that is unknown, wrong or not honoured.
        BadAddress: the addresses make no sense.
    """
    found = Settings("consumer", merged(settings, more))
    return found.client(client_id=found["client.id"] or "ottla")


def text(value: Any) -> str | None:
    """A value as a properties file has it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(map(str, value))
    return str(value)


def _parsed(row: Row, name: str, value: Any) -> Any:
    shown = text(value)
    word = shown
    if shown is not None:
        low = shown.strip().lower()
        word = OTHER_VALUES.get(row.name, {}).get(low, shown)
        if row.validator.startswith(("in:", "offset-reset")) and not low.startswith("by_duration:"):
            word = OTHER_VALUES.get(row.name, {}).get(low, low)
    try:
        return parse_value(row, word)
    except ConfigException as error:
        # Kafka's words, which people look for, with the name that stands in the program.
        said = str(error).replace(row.name, name)
        if row.validator.startswith("offset-reset"):
            said = f"Invalid value {shown} for configuration {name}"
        raise BadSetting(row.name, said, hint=f"{name} takes {_takes(row)}") from None


def _assignors(row: Row, name: str, value: Any) -> Any:
    """Names, objects of the program's own, or both in a list."""
    many = value if isinstance(value, list | tuple) else [value]
    if all(one is None or isinstance(one, str) for one in many):
        return _parsed(row, name, value)
    return many


def _takes(row: Row) -> str:
    """What values a setting has, in words."""
    kind, _, choices = row.validator.partition(":")
    if kind in ("in", "in-any-case"):
        return " or ".join(choices.lower().split("|"))
    if kind.startswith("offset-reset"):
        return "earliest, latest, none, or how long ago, as by_duration:PT1H"
    if row.type == "BOOLEAN":
        return "true or false"
    if kind == "gzip-level":
        return "1 to 9, or -1 for the usual one"
    if row.type in ("INT", "LONG", "SHORT"):
        unit = {"ms": " of milliseconds", "bytes": " of bytes"}.get(row.name.rpartition(".")[2], "")
        low, _, high = row.validator[1:-1].partition(",...")
        high = high.lstrip(",")
        bounds = f", {low} to {high}" if low and high else f", {low} or more" if low else ""
        return f"a whole number{unit}{bounds}"
    return "one or several words with commas between" if row.type == "LIST" else "some text"


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
    own = [name for name in found if _is_of_client(_dotted(name))]
    if own:
        text = f"{', '.join(own)}: the client that is shared has its own"
        raise BadSetting(own[0], text, hint="give it to the Client, or leave `client` out")
    return found


def _dotted(name: str) -> str:
    """As Java and librdkafka write it; but what they write with an underscore stays."""
    return name if "." in name or name == "oauth_cb" else name.replace("_", ".")


def _is_of_client(dotted: str) -> bool:
    return dotted.startswith(REACH) or OTHER_NAMES.get(dotted, dotted) in OF_CLIENT
