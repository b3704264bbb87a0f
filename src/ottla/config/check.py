"""Is this file one that we can honour? What stops the start, and what the log must say about the
rest.

Every key that the file sets is honoured, or named here once: as a warning where leaving it out does
no harm, as a fatal problem where it would be unsafe to ignore. Wrong values are fatal with Kafka's
words and our hint. Nothing is accepted and ignored in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from ottla.config.broker import PERIODS, BrokerConfig
from ottla.config.connections import OF_LISTENERS, of_listener
from ottla.config.refusal import ConfigException
from ottla.config.row import REFUSED, REQUIRED, Row, broker_rows
from ottla.config.values import parse_value, render


class Problem(NamedTuple):
    """One thing to say about the configuration: the key, what is wrong, and what to do about it."""

    key: str
    text: str
    hint: str | None = None


class Problems(NamedTuple):
    """All there is to say about a configuration."""

    fatal: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    def error(self) -> ConfigException | None:
        """All fatal problems as one exception; None if there are none."""
        if not self.fatal:
            return None
        hints = list(dict.fromkeys(p.hint for p in self.fatal if p.hint))
        text = "\n".join(p.text for p in self.fatal)
        return ConfigException(text, "\n".join(hints) or None)


REMOVED: Final = (
    "delegation.token.master.key",
    "inter.broker.protocol.version",
    "log.cleaner.min.cleanable.dirty.ratio",
    "log.message.downconversion.enable",
    "log.message.format.version",
    "log.message.timestamp.difference.max.ms",
    "offsets.commit.required.acks",
    "password.encoder.secret",
    "zookeeper.connect",
    "zookeeper.connection.timeout.ms",
    "zookeeper.session.timeout.ms",
)
"""Keys of older Apache Kafka releases that 4.3.1 has no more; many a file still sets them."""

AUTHORIZER_KEYS: Final = ("allow.everyone.if.no.acl.found", "super.users")
"""Keys that Kafka's own authorizer reads; they are in no table."""

ONE_PROCESS: Final = (
    "run one node: process.roles=broker,controller, with the listeners of both in listeners; "
    "controllers apart come with clusters"
)


def check(
    properties: Mapping[str, str], *, defaults: Mapping[str, str] = MappingProxyType({})
) -> Problems:
    """What is wrong with the properties of a file, and what of them is not honoured yet.

    `defaults` stand below them where no file does, and nobody is warned of them.
    """
    from ottla.config.rules import broken_rules

    whole = {**defaults, **properties}
    config = BrokerConfig(whole)
    fatal = list(_wrong_values(whole))
    if not fatal:
        fatal += [
            _with_example(Problem(broken.key, broken.text, broken.hint))
            for broken in broken_rules(config)
        ]
    if not fatal:
        fatal += _unsafe(config)
    once = {problem.text: problem for problem in reversed(fatal)}
    warnings = list(_warnings(properties))
    if not fatal:
        warnings += _short_periods(config)
        warnings += _more_replicas_than_brokers(config)
    return Problems(tuple(reversed(once.values())), tuple(warnings))


def _short_periods(config: BrokerConfig) -> Iterator[Problem]:
    for key in sorted(PERIODS & config.explicit.keys()):
        if config[key] != config.parsed(key):
            text = f"{key}={config.parsed(key)} would leave no time for anything else: "
            yield Problem(key, f"{text}{config[key]} is used, the shortest period")


def _more_replicas_than_brokers(config: BrokerConfig) -> Iterator[Problem]:
    """Factors that one broker can't reach. Kafka says nothing, and then no group ever works."""
    for key, what in _FACTORS.items():
        if config[key] > 1:
            text = f"{key} is {config[key]}, but there is one broker: {what} until {key}=1 is set"
            yield Problem(key, text)


_FACTORS: Final = {
    "offsets.topic.replication.factor": "consumer groups will not work",
    "transaction.state.log.replication.factor": "transactional producers will not work",
    "default.replication.factor": "topics that name no factor can't be created",
}


def _wrong_values(properties: Mapping[str, str]) -> Iterator[Problem]:
    rows = broker_rows()
    twins = {"node.id": "broker.id"}
    for name in properties:
        listener, key = of_listener(name)
        if listener and key in OF_LISTENERS:
            yield from _wrong_value(name, rows[key], properties[name])
    for name, row in rows.items():
        if name in properties:
            yield from _wrong_value(name, row, properties[name])
        elif row.default == REQUIRED and twins.get(name) not in properties:
            text = f'Missing required configuration "{name}" which has no default value.'
            yield Problem(name, text, f"add a line such as {name}={_EXAMPLES[name]}")


def _wrong_value(name: str, row: Row, value: str) -> Iterator[Problem]:
    try:
        parse_value(row, value)
    except ConfigException as refused:
        yield Problem(name, refused.text, refused.hint or _hint(row))


def _with_example(problem: Problem) -> Problem:
    """Whoever is told of a broken rule sees a right value, too."""
    if problem.hint is not None or problem.key not in _EXAMPLES:
        return problem
    return problem._replace(hint=f"such as {problem.key}={_EXAMPLES[problem.key]}")


_EXAMPLES: Final = {
    "node.id": "1",
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.voters": "1@localhost:9093, where 1 is the node.id",
    "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
    "advertised.listeners": "PLAINTEXT://broker.example:9092",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": "/var/lib/kafka",
}

_TYPE_HINTS: Final = {
    "BOOLEAN": "write true or false",
    "DOUBLE": "write a number such as 0.5",
    "INT": "write a whole number from -2147483648 to 2147483647, digits only",
    "LONG": "write a whole number, digits only",
    "SHORT": "write a whole number from -32768 to 32767, digits only",
}


def _hint(row: Row) -> str:
    if row.name in _EXAMPLES:
        return f"such as {row.name}={_EXAMPLES[row.name]}"
    words = _TYPE_HINTS.get(row.type, "")
    if row.validator.startswith("["):
        words = f"allowed is {row.validator}"
    if row.default in (None, "", REQUIRED):
        return words or f"leave the line {row.name}=… out if you do not need it"
    return f"{words}{'; ' if words else ''}without the line {row.name} is {row.default}"


def _unsafe(config: BrokerConfig) -> Iterator[Problem]:
    """What the file asks for rightly, and what this node must refuse because it can't do it yet."""
    if set(config.process_roles) != {"broker", "controller"}:
        shown = ",".join(config.process_roles)
        text = f"process.roles={shown} is not there yet: a node is broker and controller at once"
        yield Problem("process.roles", text, ONE_PROCESS)
    for endpoint in config.listeners:
        if endpoint.protocol != "PLAINTEXT":
            text = (
                f"listener {endpoint.listener} speaks {endpoint.protocol}, which is not there yet"
            )
            yield Problem("listeners", text, "only PLAINTEXT listeners can be served today")
        if not 0 <= endpoint.port < 65536:
            text = f"listener {endpoint.url} has a port outside 0 to 65535"
            yield _with_example(Problem("listeners", text))
    for endpoint in config.advertised_listeners or ():
        if not 0 <= endpoint.port < 65536:
            key = "advertised.listeners"
            text = f"{endpoint.url} in {key} has a port outside 0 to 65535"
            yield _with_example(Problem(key, text))
    if len(config.voters) > 1 or len(config.bootstrap_servers) > 1:
        key = "controller.quorum.voters" if config.voters else "controller.quorum.bootstrap.servers"
        text = f"{key} names several controllers; a quorum of several voters is not there yet"
        yield Problem(key, text, "name this node alone")
    yield from _refused_rows(config)


def _refused_rows(config: BrokerConfig) -> Iterator[Problem]:
    for name, value in config.explicit.items():
        row = broker_rows().get(name)
        if row is None:
            continue
        harmless = render(parse_value(row, value)) in ("", row.default)
        if name == "authorizer.class.name" and not harmless:
            allowed = config.explicit.get("allow.everyone.if.no.acl.found", "").strip().lower()
            if allowed != "true":
                text = (
                    f"authorizer.class.name={value}: there is no authorizer yet, and without one "
                    "everybody may do everything"
                )
                hint = "if that is what you want, set allow.everyone.if.no.acl.found=true"
                yield Problem(name, text, hint)
        elif row.stance.startswith(REFUSED) and not harmless:
            text = f"{name}={value} can't be honoured: {row.stance.removeprefix(REFUSED)}"
            yield Problem(name, text, f"remove the line {name}=… from the file")


def _warnings(properties: Mapping[str, str]) -> Iterator[Problem]:
    """One line for all keys that share a reason, so that a common file does not fill the log."""
    rows = broker_rows()
    by_reason: dict[str, list[str]] = {}
    for name in properties:
        row = rows.get(name)
        if row is None:
            yield from _unknown(name)
        elif not row.honoured and not row.stance.startswith(REFUSED):
            by_reason.setdefault(row.stance, []).append(name)
    for reason, names in by_reason.items():
        verb = "is" if len(names) == 1 else "are"
        yield Problem(names[0], f"{', '.join(names)} {verb} not honoured: {reason}")


def _unknown(name: str) -> Iterator[Problem]:
    if name in AUTHORIZER_KEYS:
        yield Problem(name, f"{name} is not honoured: there is no authorizer yet")
        return
    if name in REMOVED or name.startswith("zookeeper."):
        yield Problem(name, f"{name} is not honoured: Apache Kafka removed it before 4.3.1")
        return
    if name.startswith("listener.name."):
        if of_listener(name)[1] not in OF_LISTENERS:
            yield Problem(
                name, f"{name} is not honoured: no listener has such a key of its own yet"
            )
        return
    if name.startswith(("rlmm.config.", "rsm.config.")):
        yield Problem(name, f"{name} is not honoured: tiered storage is not there yet")
        return
    from ottla.config.nearest import nearest

    found = nearest(name, broker_rows())
    question = f"; did you mean {found}?" if found else ""
    yield Problem(name, f"{name} is not a broker configuration and nothing reads it{question}")
