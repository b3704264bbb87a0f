"""Client instances: what each is asked for, when it may push, and how long it is remembered.

A client asks once what to push (GetTelemetrySubscriptions) and pushes at that interval; whoever
comes too early is told to wait. When a subscription changes, its question changes, and with the id
that it knows its push is refused: it asks again. Instances are soft state, at most `INSTANCES_MAX`
of them; one goes that was not heard for three intervals, or whose connection is gone, and with it
the series that it pushed. The rules are those of Apache Kafka 4.3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ottla.broker.telemetry.otlp import points
from ottla.broker.telemetry.series import Series
from ottla.broker.telemetry.subscriptions import Question, question
from ottla.config.client_metrics import Wanted, wanted
from ottla.config.refusal import ConfigException
from ottla.metadata.image import CLIENT_METRICS_RESOURCE
from ottla.wire.compression import CODECS, unpacked
from ottla.wire.errors import ErrorCode
from ottla.wire.types import uuid_text

if TYPE_CHECKING:
    from ottla.broker.settings import Settings
    from ottla.decide import Entropy

INSTANCES_MAX: Final = 16_384
ACCEPTED: Final = tuple(CODECS.index(codec) for codec in ("zstd", "lz4", "gzip", "snappy"))
"""What clients are told to pack with, the best first; the order is Kafka's."""
EXPIRY_MS_MIN: Final = 60_000
SWEEP_MS: Final = 5_000
"""How often it is looked who is gone, while there is anybody."""
RESERVED: Final = frozenset((bytes(16), bytes(15) + b"\x01"))
"""Ids that no client has."""
_FORGIVEN: Final = (ErrorCode.UNKNOWN_SUBSCRIPTION_ID, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE)
"""After these a client has to ask again at once."""


class Client(NamedTuple):
    """Who asks."""

    client_id: str | None
    connection: int
    software: tuple[str, str] | None
    address: str
    port: int


class Push(NamedTuple):
    """What is pushed."""

    instance_id: bytes
    subscription_id: int
    terminating: bool
    compression_type: int
    metrics: bytes


class Instance:
    """One client's."""

    __slots__ = (
        "connection",
        "expires_ms",
        "known",
        "last_error",
        "last_get_ms",
        "last_push_ms",
        "question",
        "terminating",
        "version",
    )

    def __init__(self, known: Mapping[str, str | None], asked: Question, version: int) -> None:
        self.known = known
        """By selector of subscriptions."""
        self.question = asked
        self.version = version
        """Of the subscriptions that the question is made of."""
        self.connection = -1
        self.expires_ms = 0
        self.last_get_ms = 0
        self.last_push_ms = 0
        self.last_error = ErrorCode.NONE
        self.terminating = False

    def may_get(self, now_ms: int) -> bool:
        """Whether it is time to ask; noted if so."""
        last_ms = max(self.last_get_ms, self.last_push_ms)
        if now_ms - last_ms < self.question.interval_ms:
            return False
        self.last_get_ms = now_ms
        return True

    def may_push(self, now_ms: int) -> bool:
        """Whether it is time to push; noted if so."""
        due = now_ms - self.last_push_ms >= self.question.interval_ms
        if not due and self.last_get_ms <= self.last_push_ms:
            return False
        self.last_push_ms = now_ms
        return True


class ClientMetrics:
    """All client instances of this broker; used on the decision thread only, but for `series`."""

    __slots__ = (
        "_configs",
        "_connections",
        "_entropy",
        "_instances",
        "_later",
        "_now_ms",
        "_settings",
        "_subscriptions",
        "_sweeps",
        "_version",
        "pushes",
        "refused",
        "series",
        "unknown",
    )

    def __init__(
        self,
        settings: Settings,
        *,
        now_ms: Callable[[], int],
        entropy: Entropy,
        connections: Callable[[], Collection[int]],
        later: Callable[[int, Callable[[], None]], None],
    ) -> None:
        self._settings = settings
        self._now_ms = now_ms
        self._entropy = entropy
        self._connections = connections
        """Those that are open."""
        self._later = later
        """Calls back in so many milliseconds."""
        self._instances: dict[bytes, Instance] = {}
        """The one that was used longest ago first."""
        self._configs: Any = None
        self._subscriptions: dict[str, Wanted] = {}
        self._version = 0
        self._sweeps = False
        self.series = Series()
        self.pushes = 0
        """Payloads that were taken in."""
        self.refused = 0
        """Pushes that were not."""
        self.unknown = 0
        """Those of them that knew other subscriptions than there are."""

    @property
    def count(self) -> int:
        """Instances that are remembered."""
        return len(self._instances)

    @property
    def bytes_max(self) -> int:
        """How large a payload may be."""
        found: int = self._settings.config["telemetry.max.bytes"]
        return found

    # ------------------------------------------------------------------ the two requests
    def get(self, client: Client, instance_id: bytes) -> tuple[ErrorCode, bytes, Question | None]:
        """What a client is asked for: an error, its id, and the question if there is no error."""
        if instance_id == bytes(16):
            instance_id = self._entropy.uuid()
        now_ms = self._now_ms()
        instance = self._instance(client, instance_id, now_ms)
        if not instance.may_get(now_ms) and instance.last_error not in _FORGIVEN:
            return ErrorCode.THROTTLING_QUOTA_EXCEEDED, instance_id, None
        instance.last_error = ErrorCode.NONE
        return ErrorCode.NONE, instance_id, instance.question

    def push(self, client: Client, pushed: Push) -> ErrorCode:
        """Take in what a client pushes, or say why not."""
        error = ErrorCode.INVALID_REQUEST
        if pushed.instance_id not in RESERVED:
            now_ms = self._now_ms()
            instance = self._instance(client, pushed.instance_id, now_ms)
            error = self._refusal(instance, pushed, now_ms)
            instance.terminating = pushed.terminating
            if not error and pushed.metrics:
                error = self._take(client, pushed)
            instance.last_error = error
            if pushed.terminating:
                self.series.forget(uuid_text(pushed.instance_id))
        self.refused += bool(error)
        self.unknown += error == ErrorCode.UNKNOWN_SUBSCRIPTION_ID
        return error

    def _refusal(self, instance: Instance, pushed: Push, now_ms: int) -> ErrorCode:
        if instance.terminating:
            return ErrorCode.INVALID_REQUEST
        if not instance.may_push(now_ms) and not pushed.terminating:
            return ErrorCode.THROTTLING_QUOTA_EXCEEDED
        if pushed.subscription_id != instance.question.subscription_id:
            return ErrorCode.UNKNOWN_SUBSCRIPTION_ID
        if not 0 <= pushed.compression_type < len(CODECS):
            return ErrorCode.UNSUPPORTED_COMPRESSION_TYPE
        if len(pushed.metrics) > self.bytes_max:
            return ErrorCode.TELEMETRY_TOO_LARGE
        return ErrorCode.NONE

    def _take(self, client: Client, pushed: Push) -> ErrorCode:
        try:
            payload = unpacked(pushed.compression_type, pushed.metrics, self.bytes_max)
            found = list(points(payload))
        except ValueError:
            return ErrorCode.INVALID_RECORD
        self.series.push(uuid_text(pushed.instance_id), client.client_id or "", found)
        self.pushes += 1
        return ErrorCode.NONE

    # ------------------------------------------------------------------ who there is
    def _instance(self, client: Client, instance_id: bytes, now_ms: int) -> Instance:
        self._follow()
        instance = self._instances.pop(instance_id, None)
        if instance is not None and self._is_over(instance, client, now_ms):
            self.series.forget(uuid_text(instance_id))
            instance = None
        if instance is None:
            instance = self._made(instance_id, _known(client, instance_id), client.connection)
        elif instance.version != self._version:
            instance = self._made(instance_id, instance.known, client.connection)
        instance.connection = client.connection
        expiry_ms = max(EXPIRY_MS_MIN, 3 * instance.question.interval_ms)
        instance.expires_ms = now_ms + expiry_ms
        self._instances[instance_id] = instance
        if len(self._instances) > INSTANCES_MAX:
            self._forget(next(iter(self._instances)))
        if not self._sweeps:
            self._sweeps = True
            self._later(SWEEP_MS, self._sweep)
        return instance

    def _is_over(self, instance: Instance, client: Client, now_ms: int) -> bool:
        if now_ms >= instance.expires_ms:
            return True
        moved = instance.connection != client.connection
        return moved and instance.connection not in self._connections()

    def _made(
        self, instance_id: bytes, known: Mapping[str, str | None], connection: int
    ) -> Instance:
        asked = question(instance_id, known, self._subscriptions)
        instance = Instance(known, asked, self._version)
        instance.connection = connection
        return instance

    def _forget(self, instance_id: bytes) -> None:
        del self._instances[instance_id]
        self.series.forget(uuid_text(instance_id))

    def _sweep(self) -> None:
        """Forget who is gone."""
        now_ms, open_now = self._now_ms(), set(self._connections())
        gone = [
            instance_id
            for instance_id, instance in self._instances.items()
            if now_ms >= instance.expires_ms or instance.connection not in open_now
        ]
        for instance_id in gone:
            self._forget(instance_id)
        self._sweeps = bool(self._instances)
        if self._sweeps:
            self._later(SWEEP_MS, self._sweep)

    def _follow(self) -> None:
        """Go by the subscriptions of now."""
        configs = self._settings.image.configs
        if configs is self._configs:
            return
        self._configs = configs
        found: dict[str, Wanted] = {}
        for (kind, name), values in configs.items():
            if kind == CLIENT_METRICS_RESOURCE:
                try:
                    found[name] = wanted(values)
                except ConfigException:
                    continue  # from a broker that took what can't be matched here: of nobody
        if self._wants(found) != self._wants(self._subscriptions):
            self._version += 1
        self._subscriptions = found

    @staticmethod
    def _wants(subscriptions: Mapping[str, Wanted]) -> dict[str, Any]:
        return {
            name: (one.metrics, one.interval_ms, {k: p.text for k, p in one.match.items()})
            for name, one in subscriptions.items()
        }


def _known(client: Client, instance_id: bytes) -> dict[str, str | None]:
    name, version = client.software or (None, None)
    return {
        "client_instance_id": uuid_text(instance_id),
        "client_id": client.client_id,
        "client_software_name": name,
        "client_software_version": version,
        "client_source_address": client.address,
        "client_source_port": str(client.port),
    }
