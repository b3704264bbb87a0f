"""Fixtures for all tests that need a running node.

`server` is one node a session and kind: Ottla in `make test`, and Apache Kafka 4.3.1 as well under
`make test-long` (its parameter carries the marks `long` and `jvm`). `oracle` is that same real
node, for tests that compare. Topics and groups are never reused between tests: `name()` gives a
fresh one.
"""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from javatools import JavaTools
from oracle import Oracle
from servers import OttlaServer, Server

_numbers = itertools.count(1)


TEST_SECONDS_MAX = 150
LONG_TEST_SECONDS_MAX = 600


@pytest.fixture(autouse=True)
def _deadline(request: pytest.FixtureRequest) -> Iterator[None]:
    """End a test that waits for what never comes, instead of the whole run's time."""
    own = request.node.get_closest_marker("seconds")
    long = request.node.get_closest_marker("long") is not None
    seconds = own.args[0] if own else LONG_TEST_SECONDS_MAX if long else TEST_SECONDS_MAX

    def late(*_: object) -> None:
        raise TimeoutError(f"{request.node.name} took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session", autouse=True)
def _temporary_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever a test, or a process that it starts or kills, leaves in the folder for temporary
    files goes away with pytest's own.
    """
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("tmp")
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", None)
        yield


@pytest.fixture
def name(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Fresh names for topics and groups, each telling which test it belongs to."""
    stem = "".join(c if c.isalnum() else "-" for c in request.node.originalname)[:40]
    return lambda: f"{stem}-{os.getpid()}-{next(_numbers)}"


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """One running Apache Kafka 4.3.1, shared by all tests that ask for it."""
    with Oracle(tmp_path_factory.mktemp("oracle"), quorum="dynamic") as node:
        yield node


@pytest.fixture(scope="session")
def ottla_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OttlaServer]:
    """One running Ottla node in this process, shared by all tests that ask for it."""
    node = OttlaServer(tmp_path_factory.mktemp("ottla") / "data")
    node.start()
    yield node
    node.stop()


@pytest.fixture(
    scope="session",
    params=["ottla", pytest.param("kafka", marks=[pytest.mark.long, pytest.mark.jvm])],
)
def server(request: pytest.FixtureRequest) -> Server:
    """The node that black-box tests run against."""
    found: Server = request.getfixturevalue(
        "oracle" if request.param == "kafka" else "ottla_server"
    )
    return found


@pytest.fixture(scope="session", params=["ottla", pytest.param("kafka", marks=pytest.mark.jvm)])
def either(request: pytest.FixtureRequest) -> Server:
    """The node that tests of our own client run against, each time Apache Kafka 4.3.1 too."""
    found: Server = request.getfixturevalue(
        "oracle" if request.param == "kafka" else "ottla_server"
    )
    return found


@pytest.fixture(scope="session")
def java_tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JavaTools]:
    """One JVM that runs Apache Kafka's own tools."""
    tools = JavaTools(tmp_path_factory.mktemp("java-tools"))
    yield tools
    tools.close()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Recorded answers and folders of Apache Kafka 4.3.1."""
    return Path(__file__).parent / "data"
