"""Fixtures for pytest: a Kafka per session or per test, and topics of one's own.

pytest imports this in every run where Ottla is installed, so nothing of a node is loaded before a
fixture is used. With pytest-xdist each worker has a session, and so a broker, of its own. A test
that fails and has brokers among its fixtures, these or the user's own, shows in its report what
their nodes said since it began.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ottla.testing.broker import Broker
    from ottla.testing.shared import SharedBrokers

TOPIC_SIZE_MAX = 100
LINES_MAX = 50

_began = pytest.StashKey[float]()
_shared: pytest.StashKey[SharedBrokers] = pytest.StashKey()
_made: pytest.StashKey[tuple[Any, Any, Any]] = pytest.StashKey()
"""The fixture `kafka` as it was set up last: its definition, its request, and whose config."""


@pytest.fixture(scope="session")
def kafka_config() -> dict[str, str | int | float | bool]:
    """Broker properties for `kafka`, `kafka_per_test` and `new_kafka`; a conftest.py may have its
    own.
    """
    return {}


@pytest.fixture(scope="session")
def _shared_brokers(request: pytest.FixtureRequest) -> Iterator[SharedBrokers]:
    from ottla.testing.shared import SharedBrokers

    brokers = SharedBrokers()
    request.session.stash[_shared] = brokers
    try:
        yield brokers
    finally:
        del request.session.stash[_shared]
        brokers.close()


@pytest.fixture(scope="session")
def kafka(kafka_config: dict[str, Any], _shared_brokers: SharedBrokers) -> Broker:
    """An `ottla.Broker` for all tests of the session that have this `kafka_config`; `topic` keeps
    them apart, and faults, a clock that was moved and a broker that was ended stay with their test.
    """
    return _shared_brokers.of(kafka_config)


@pytest.fixture(scope="session")
def schema_registry_url(kafka: Broker) -> Iterator[str]:
    """Where a schema registry is served whose Kafka is `kafka`; it is the session's, and subjects
    are kept apart by the names of topics.
    """
    from ottla.testing.beside import Beside

    registry = Beside()
    registry.start(kafka.bootstrap_servers)
    try:
        yield registry.url
    finally:
        registry.stop()


@pytest.fixture
def kafka_per_test(kafka_config: dict[str, Any]) -> Iterator[Broker]:
    """An `ottla.Broker` for this test alone, to be killed or to have its clock moved."""
    from ottla.testing.broker import Broker

    with Broker(config=kafka_config) as broker:
        yield broker


@pytest.fixture
def new_kafka(kafka_config: dict[str, Any]) -> Iterator[NewKafka]:
    """Call it for a running `ottla.Broker`, as often as clusters are wanted; all end with the
    test.
    """
    made = NewKafka(kafka_config)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """A name for a topic that nobody else has, and that tells which test it belongs to."""
    stem = "".join(c if c.isascii() and c.isalnum() else "-" for c in request.node.name)
    return f"{stem.strip('-')[:TOPIC_SIZE_MAX]}-{uuid.uuid4().hex[:8]}"


class NewKafka:
    """What makes brokers for one test."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self.brokers: list[Broker] = []

    def __call__(self, **arguments: Any) -> Broker:
        """A running broker; the arguments are `ottla.Broker`'s."""
        from ottla.testing.broker import Broker

        config = {**self._config, **arguments.pop("config", {})}
        broker = Broker(config=config, **arguments)
        self.brokers.append(broker)
        return broker.start()

    def close(self) -> None:
        """End them all, the last one first."""
        from contextlib import ExitStack

        with ExitStack() as ends:
            for broker in self.brokers:
                ends.callback(broker.close)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """From here on a node's lines belong to this test."""
    item.stash[_began] = time.time()
    brokers = item.session.stash.get(_shared, None)
    made = item.session.stash.get(_made, None)
    if brokers is None or made is None or "kafka" not in getattr(item, "fixturenames", ()):
        return
    brokers.mend()
    fixture, request, config = made
    if brokers.any_spent() or config is not _config_of(item):
        # It and what was built on it are set up anew, as with another parameter.
        fixture.finish(request)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: Any, request: pytest.FixtureRequest) -> None:
    """Remember for whose configuration `kafka` was made."""
    if fixturedef.argname == "kafka" and fixturedef.func.__module__ == __name__:
        item = request._pyfuncitem
        request.session.stash[_made] = (fixturedef, request, _config_of(item))


def _config_of(item: Any) -> object:
    """The `kafka_config` that a test sees: each file and folder may have its own."""
    found = item._fixtureinfo.name2fixturedefs.get("kafka_config")
    return found[-1] if found else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    """Undo what the test did to the brokers that it shares, before its clients say farewell."""
    brokers = item.session.stash.get(_shared, None)
    ended = brokers is not None and brokers.mend()
    result = yield
    if ended:
        item.warn(
            pytest.PytestWarning(
                f"{item.name} ended the shared broker, which was started again for the next test; "
                "use kafka_per_test"
            )
        )
    return result


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Attach what the brokers of a failed test said."""
    outcome = yield
    loaded = sys.modules.get("ottla.testing.broker")
    if loaded is None:
        return
    report: pytest.TestReport = outcome.get_result()
    if not report.failed:
        return
    for broker in _brokers(item, loaded.Broker):
        report.sections.append((f"the log of {broker!r}", _said(broker, item.stash[_began])))


def _brokers(item: pytest.Item, kind: type[Broker]) -> list[Broker]:
    found: list[Broker] = []
    for value in getattr(item, "funcargs", {}).values():
        made = value.brokers if isinstance(value, NewKafka) else [value]
        found += [one for one in made if isinstance(one, kind) and one not in found]
    return found


def _said(broker: Broker, since: float) -> str:
    lines = [str(line) for line in broker.log if line.time >= since]
    return "\n".join(lines[-LINES_MAX:]) or "(nothing since the test began)"
