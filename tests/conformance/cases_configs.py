"""Conversations about changing configs while a node runs: AlterConfigs, dynamic broker configs, and
the levels of loggers.

They come last in their suite, and leave nothing set.
"""

from __future__ import annotations

from collections.abc import Iterable

from conformance.cases_basic import BROKER, GROUP, TOPIC, create, describe, settle
from conformance.talk import Talk
from ottla.wire.messages import alter_configs as whole
from ottla.wire.messages import incremental_alter_configs as by_key

LOGGER, CLIENT_METRICS = 8, 16
SET, DELETE, APPEND, SUBTRACT = range(4)
Change = tuple[str, int, str | None]


def replace(
    talk: Talk,
    kind: int,
    name: str,
    *configs: tuple[str, str | None],
    version: int = 2,
    validate_only: bool = False,
) -> None:
    """Note what AlterConfigs answers."""
    rows = [whole.AlterableConfig(name=key, value=value) for key, value in configs]
    resource = whole.AlterConfigsResource(resource_type=kind, resource_name=name, configs=rows)
    request = whole.AlterConfigsRequest(resources=[resource], validate_only=validate_only)
    talk.ask(request, version)


def alter(talk: Talk, kind: int, name: str, *changes: Change, validate_only: bool = False) -> None:
    """Note what IncrementalAlterConfigs answers: the change, the error, the words."""
    rows = [
        by_key.AlterableConfig(name=key, config_operation=operation, value=value)
        for key, operation, value in changes
    ]
    resource = by_key.AlterConfigsResource(resource_type=kind, resource_name=name, configs=rows)
    request = by_key.IncrementalAlterConfigsRequest(
        resources=[resource], validate_only=validate_only
    )
    talk.note([kind, name, *changes])
    talk.ask(request, 1)


def case_alter_configs_of_a_topic(talk: Talk) -> None:
    """A topic sets what is named and nothing else; and each way to be refused."""
    topic = talk.topic()
    create(talk, topic, retention_ms="1234", segment_ms="5678")
    keys = ["retention.ms", "segment.ms", "cleanup.policy"]
    for version in range(3):
        replace(talk, TOPIC, topic, ("retention.ms", f"{version + 5}000"), version=version)
        settle(talk, f"v{version}")
        describe(talk, TOPIC, topic, keys)
    replace(talk, TOPIC, topic, ("cleanup.policy", "compact"), validate_only=True)
    replace(talk, TOPIC, topic, ("cleanup.policy", "compact,delete"), ("segment.ms", "9999"))
    settle(talk, "two")
    describe(talk, TOPIC, topic, keys)
    refused: list[tuple[tuple[str, str | None], ...]] = [
        (("no.such", "1"),),
        (("retention.ms", "x"),),
        (("retention.ms", None),),
        (("retention.ms", "1"), ("retention.ms", "2")),
        (("segment.ms", "1"), ("retention.ms", "x")),
    ]
    for configs in refused:
        replace(talk, TOPIC, topic, *configs)
        replace(talk, TOPIC, topic, *configs, validate_only=True)
    settle(talk, "refused")
    describe(talk, TOPIC, topic, keys)
    replace(talk, TOPIC, topic)
    settle(talk, "none")
    describe(talk, TOPIC, topic, keys)
    for name in ("", talk.topic("missing"), "bad/name"):
        replace(talk, TOPIC, name, ("retention.ms", "1"))


def case_alter_configs_of_a_broker(talk: Talk) -> None:
    """A broker and all brokers set what is named, and nothing else; and what is refused."""
    keys = ["log.retention.ms", "log.roll.ms", "log.segment.bytes", "min.insync.replicas"]
    rows: list[tuple[str, tuple[tuple[str, str | None], ...]]] = [
        ("1", (("log.retention.ms", "400000"), ("log.roll.ms", "9000"))),
        ("1", (("log.roll.ms", "8000"),)),
        ("1", (("num.partitions", "3"),)),
        ("1", (("log.segment.bytes", "x"),)),
        ("1", (("log.roll.ms", None),)),
        ("1", (("min.insync.replicas", "1"),)),
        ("", (("log.retention.ms", "500000"), ("min.insync.replicas", "1"))),
        ("", (("log.retention.ms", "600000"),)),
        ("", ()),
        ("", (("ssl.cipher.suites", "a"), ("min.insync.replicas", "1"))),
        ("2", (("log.roll.ms", "1"),)),
        ("x", (("log.roll.ms", "1"),)),
        ("1", (("no.such", "secret"),)),
    ]
    for number, (broker, configs) in enumerate(rows):
        replace(talk, BROKER, broker, *configs)
        settle(talk, str(number))
        describe(talk, BROKER, "1", keys)
    describe(talk, BROKER, "", keys)
    replace(talk, BROKER, "1")
    replace(talk, BROKER, "", ("min.insync.replicas", "1"))
    settle(talk, "none")
    describe(talk, BROKER, "1", keys)
    describe(talk, BROKER, "", keys)


def case_alter_configs_of_other_resources(talk: Talk) -> None:
    """Groups, what can't be altered so, and several at once, answered in their order."""
    replace(talk, GROUP, "g", ("consumer.session.timeout.ms", "50000"))
    settle(talk, "set")
    describe(talk, GROUP, "g", ["consumer.session.timeout.ms"])
    replace(talk, GROUP, "g", ("consumer.session.timeout.ms", "1"))
    replace(talk, GROUP, "g", ("no.such", "1"))
    replace(talk, GROUP, "")
    replace(talk, GROUP, "g")
    settle(talk, "unset")
    describe(talk, GROUP, "g", ["consumer.session.timeout.ms"])
    for kind, name in ((LOGGER, "1"), (LOGGER, ""), (CLIENT_METRICS, ""), (64, "x"), (0, "x")):
        replace(talk, kind, name)
    replace(talk, LOGGER, "1", ("root", "DEBUG"))
    replace(talk, CLIENT_METRICS, "m", ("no.such", "1"))
    topic = talk.topic()
    create(talk, topic)
    for module in (whole, by_key):
        rows = [(LOGGER, "7"), (TOPIC, topic), (BROKER, "7"), (TOPIC, talk.topic("missing"))]
        resources = [
            module.AlterConfigsResource(resource_type=kind, resource_name=name, configs=[])
            for kind, name in rows
        ]
        if module is whole:
            talk.ask(whole.AlterConfigsRequest(resources=resources), 2)
        else:
            talk.ask(by_key.IncrementalAlterConfigsRequest(resources=resources), 1)


def case_levels_of_loggers(talk: Talk) -> None:
    """The root's level is described, set and kept from being deleted; and what is refused."""
    alter(talk, LOGGER, "1", ("root", SET, "ERROR"))
    describe(talk, LOGGER, "1", ["root", "no.such"])
    alter(talk, LOGGER, "1", ("root", SET, "DEBUG"), validate_only=True)
    describe(talk, LOGGER, "1", ["root"])
    for level in ("TRACE", "DEBUG", "INFO", "WARN", "FATAL"):
        alter(talk, LOGGER, "1", ("root", SET, level))
        describe(talk, LOGGER, "1", ["root"])
    refused: Iterable[tuple[Change, ...]] = (
        (("root", SET, "debug"),),
        (("root", SET, "OFF"),),
        (("root", SET, ""),),
        (("root", SET, None),),
        (("root", APPEND, "INFO"),),
        (("root", SUBTRACT, "INFO"),),
        (("root", DELETE, None),),
        (("no.such", SET, "INFO"),),
        (("no.such", DELETE, None),),
        (("no.such", APPEND, "INFO"),),
        (("ROOT", SET, "INFO"),),
        (("root", SET, "INFO"), ("root", SET, "WARN")),
        (("root", SET, "TRACE"), ("no.such", SET, "INFO")),
        (),
    )
    for changes in refused:
        alter(talk, LOGGER, "1", *changes)
    describe(talk, LOGGER, "1", ["root"])
    for name in ("", "9", "x"):
        describe(talk, LOGGER, name, None)
        alter(talk, LOGGER, name, ("root", SET, "INFO"))
    alter(talk, LOGGER, "1", ("root", SET, "ERROR"))


OVERRIDES = "max.connections.per.ip.overrides"


def case_dynamic_configs_that_are_refused(talk: Talk) -> None:
    """Values, scopes and keys that a running broker does not take, per broker and for all."""
    changes = [
        ("num.partitions", "3"),
        ("auto.create.topics.enable", "false"),
        ("advertised.listeners", "PLAINTEXT://localhost:9092"),
        ("log.dirs", "/tmp/x"),
        ("log.retention.minutes", "5"),
        ("log.roll.hours", "5"),
        ("num.io.threads", "0"),
        ("num.io.threads", "x"),
        ("max.connections", "-1"),
        ("max.connections.per.ip", "0"),
        ("max.connection.creation.rate", "-1"),
        ("listener.name.plaintext.max.connections", "x"),
        ("listener.name.plaintext.max.connections", "-1"),
        ("listener.name.plaintext.max.connection.creation.rate", "-1"),
        ("log.retention.ms", "0"),
        ("log.segment.bytes", "10"),
        ("log.message.timestamp.type", "x"),
        ("compression.type", "nope"),
        ("log.cleanup.policy", "nope"),
        ("unclean.leader.election.enable", "maybe"),
        ("min.insync.replicas", "0"),
        ("producer.id.expiration.ms", "0"),
        ("transaction.partition.verification.enable", "perhaps"),
        ("group.consumer.assignment.interval.ms", "700000"),
        ("log.cleaner.backoff.ms", "-1"),
        ("log.cleaner.dedupe.buffer.size", "1000"),
        ("ssl.key.password", "p"),
        ("ssl.keystore.location", "/x"),
        ("ssl.truststore.type", "x"),
        ("leader.replication.throttled.rate", "-1"),
        ("follower.replication.throttled.rate", "x"),
    ]
    for key, value in changes:
        alter(talk, BROKER, "1", (key, SET, value))
        alter(talk, BROKER, "", (key, SET, value))
    for key, value in (
        ("listeners", "PLAINTEXT://:1"),
        ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT"),
        ("cordoned.log.dirs", ""),
        ("ssl.cipher.suites", "a"),
        ("sasl.jaas.config", "x"),
        ("listener.name.plaintext.ssl.keystore.location", "/x"),
        ("listener.name.plaintext.max.connections.per.ip", "4"),
    ):
        alter(talk, BROKER, "", (key, SET, value))


def case_connection_limits(talk: Talk) -> None:
    """Limits on connections change while the node runs, per listener too."""
    keys = [
        "max.connections",
        "max.connections.per.ip",
        OVERRIDES,
        "max.connection.creation.rate",
        "listener.name.plaintext.max.connections",
        "listener.name.plaintext.max.connection.creation.rate",
    ]
    values = ["10000", "5000", "10.0.0.1:40,10.0.0.2:0", "100000", "9000", "90000"]
    for broker in ("1", ""):
        alter(talk, BROKER, broker, *((k, SET, v) for k, v in zip(keys, values, strict=True)))
        settle(talk, f"set-{broker}")
        describe(talk, BROKER, "1", keys)
        describe(talk, BROKER, "", keys)
    for broker in ("1", ""):
        alter(talk, BROKER, broker, *((key, DELETE, None) for key in keys))
    settle(talk, "deleted")
    describe(talk, BROKER, "1", keys)
    for overrides in ("nonsense", "10.0.0.1:x", "no such host:3"):
        alter(talk, BROKER, "1", (OVERRIDES, SET, overrides))


def case_a_key_that_no_file_can_set(talk: Talk) -> None:
    """How fast partitions move is shown, though no file of a broker may say it."""
    key = "replica.alter.log.dirs.io.max.bytes.per.second"
    for broker in ("1", ""):
        alter(talk, BROKER, broker, (key, SET, "50000000"))
        settle(talk, f"set-{broker}")
        describe(talk, BROKER, "1", [key])
        describe(talk, BROKER, "", [key])
    for broker in ("1", ""):
        alter(talk, BROKER, broker, (key, DELETE, None))
