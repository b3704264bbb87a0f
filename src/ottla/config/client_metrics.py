"""What a client metrics subscription may set, and which clients it is for (KIP-714).

`match` is a list of `selector=pattern`: a client is meant if each of the patterns is the whole of
what the selector is of it. They are regular expressions of Java; one that can't be matched here is
refused by name, in Kafka's words for one that is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ottla.config.refusal import ConfigException
from ottla.config.row import client_metrics_rows
from ottla.config.values import default_value, parse_value
from ottla.regex.java_pattern import BadPattern, JavaPattern, NotHonoured

INTERVAL_MS: Final = "interval.ms"
MATCH: Final = "match"
METRICS: Final = "metrics"
INTERVAL_MS_MIN: Final = 100
INTERVAL_MS_MAX: Final = 3_600_000
ALL: Final = "*"
"""Among the prefixes of metrics: every metric."""

SELECTORS: Final = (
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
)


class BadRequest(ConfigException):
    """What Kafka answers with INVALID_REQUEST, and not as other refused configs."""


class Wanted(NamedTuple):
    """A subscription: which metrics, how often, of which clients."""

    metrics: tuple[str, ...]
    """Prefixes of names."""
    interval_ms: int
    match: Mapping[str, JavaPattern]

    def is_for(self, client: Mapping[str, str | None]) -> bool:
        """Whether a client is meant, of which this is known by selector."""
        for selector, pattern in self.match.items():
            text = client.get(selector)
            if text is None or not pattern.matches(text):
                return False
        return True


def wanted(configs: Mapping[str, str]) -> Wanted:
    """What a subscription with these configs asks for.

    Raises:
        ConfigException: they make none.
    """
    values = _values(configs)
    return Wanted(values[METRICS], values[INTERVAL_MS], _patterns(values[MATCH]))


def validate_client_metrics(name: str, configs: Mapping[str, str]) -> None:
    """Check the whole set of configs that a subscription would have.

    Raises:
        BadRequest: Kafka would answer INVALID_REQUEST with this text.
        ConfigException: Kafka would answer INVALID_CONFIG with this text.
    """
    if not name:
        raise BadRequest("Subscription name can't be empty")
    for key in configs:
        if key not in client_metrics_rows():
            raise BadRequest(f"Unknown client metrics configuration: {key}")
    interval_ms = _values(configs)[INTERVAL_MS]
    if not INTERVAL_MS_MIN <= interval_ms <= INTERVAL_MS_MAX:
        raise BadRequest(
            f"Invalid value {interval_ms} for {INTERVAL_MS}, interval must be between "
            f"{INTERVAL_MS_MIN} and {INTERVAL_MS_MAX} (1 hour)"
        )
    wanted(configs)


def _values(configs: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: parse_value(row, configs[name]) if name in configs else default_value(row)
        for name, row in client_metrics_rows().items()
    }


def _patterns(texts: tuple[str, ...]) -> dict[str, JavaPattern]:
    found = {}
    for text in texts:
        illegal = f"Illegal client matching pattern: {text}"
        parts = text.split("=")
        while parts and not parts[-1]:  # as Java splits
            parts.pop()
        if len(parts) != 2 or parts[0].strip() not in SELECTORS:
            raise ConfigException(illegal)
        try:
            found[parts[0].strip()] = JavaPattern(parts[1].strip())
        except NotHonoured as problem:
            raise ConfigException(f"{illegal} ({problem})") from None
        except BadPattern:
            raise ConfigException(illegal) from None
    return found
