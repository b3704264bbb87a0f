"""What holds for coordinators now, out of the broker's config, of what their topics take, and of
what administrators have set. It is asked several times a request, so it is made anew only when
somebody has configured something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ottla.config.group import effective_group_config, group_defaults
from ottla.metadata.image import GROUP_RESOURCE
from ottla.wire.stored.frame import CONSUMER_OFFSETS, TRANSACTION_STATE

if TYPE_CHECKING:
    from ottla.broker.settings import Settings
    from ottla.config.broker import BrokerConfig
    from ottla.coordinators.group.config import GroupConfig
    from ottla.coordinators.transaction.config import TransactionConfig

_MINUTE_MS: Final = 60_000


class GroupConfigs:
    """What holds for each group now (a `ConfigOf`): the broker's config, what the internal topic
    takes, and on top of it what the administrator set for the group. Most set nothing, and share
    one.
    """

    __slots__ = ("_all", "_config", "_configs", "_of", "_settings")

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._take_over()

    def __call__(self, group_id: str) -> GroupConfig:
        settings = self._settings
        if settings.config is not self._config or settings.image.configs is not self._configs:
            self._take_over()
        found = self._of.get(group_id)
        if found is None:
            own = self._configs.get((GROUP_RESOURCE, group_id))
            if own is None:
                return self._all
            found = self._all._replace(group=effective_group_config(self._config, own))
            self._of[group_id] = found
        return found

    def _take_over(self) -> None:
        self._config, self._configs = self._settings.config, self._settings.image.configs
        topic = self._settings.topic(CONSUMER_OFFSETS)
        self._all = group_config(self._config, topic["max.message.bytes"])
        self._of: dict[str, GroupConfig] = {}


def group_config(config: BrokerConfig, batch_bytes_max: int) -> GroupConfig:
    """The group coordinator's settings out of the broker's, and of what its topic takes."""
    from ottla.coordinators.group.config import GroupConfig

    return GroupConfig(
        initial_rebalance_delay_ms=config["group.initial.rebalance.delay.ms"],
        session_timeout_ms_min=config["group.min.session.timeout.ms"],
        session_timeout_ms_max=config["group.max.session.timeout.ms"],
        size_max=config["group.max.size"],
        offset_metadata_bytes_max=config["offset.metadata.max.bytes"],
        offsets_retention_ms=config["offsets.retention.minutes"] * _MINUTE_MS,
        offsets_retention_check_interval_ms=config["offsets.retention.check.interval.ms"],
        producer_id_expiration_ms=config["producer.id.expiration.ms"],
        partition_verification=config["transaction.partition.verification.enable"],
        batch_bytes_max=batch_bytes_max,
        group=group_defaults(config),
    )


class TransactionConfigs:
    """What holds for all transactions now (a `ConfigOf`)."""

    __slots__ = ("_config", "_configs", "_made", "_settings")

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._take_over()

    def __call__(self) -> TransactionConfig:
        settings = self._settings
        if settings.config is not self._config or settings.image.configs is not self._configs:
            self._take_over()
        return self._made

    def _take_over(self) -> None:
        settings = self._settings
        self._config, self._configs = settings.config, settings.image.configs
        self._made = transaction_config(settings)


def transaction_config(settings: Settings) -> TransactionConfig:
    """The coordinator's settings out of the broker's, and of what its topic takes."""
    from ottla.coordinators.transaction.config import TransactionConfig

    config = settings.config
    return TransactionConfig(
        timeout_ms_max=config["transaction.max.timeout.ms"],
        abort_check_interval_ms=config[
            "transaction.abort.timed.out.transaction.cleanup.interval.ms"
        ],
        expiration_ms=config["transactional.id.expiration.ms"],
        expiration_check_interval_ms=config[
            "transaction.remove.expired.transaction.cleanup.interval.ms"
        ],
        two_phase_commit=config["transaction.two.phase.commit.enable"],
        record_bytes_max=settings.topic(TRANSACTION_STATE)["max.message.bytes"],
        patience_ms=min(
            config["add.partitions.to.txn.retry.backoff.max.ms"], config["request.timeout.ms"]
        ),
    )
