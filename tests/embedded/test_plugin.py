"""The pytest plugin, in runs of pytest as a user's project has them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"


def pytest_on(folder: Path, *args: str, **files: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with the plugin on files of these names, in a folder."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    plugin = ["-p", "ottla.testing.pytest_plugin", "-p", "no:cacheprovider", "-W", "error"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, *args],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=90,
    )


def test_what_the_fixtures_give(tmp_path: Path) -> None:
    """If this failed, the guide's first test would not run."""
    shown = """
import asyncio
seen = set()

def test_one(kafka, topic):
    kafka.produce(topic, "one")
    kafka.expect(topic, ["one"])
    seen.update((kafka.port, topic))

def test_the_same_broker_and_another_topic(kafka, topic):
    assert kafka.port in seen and topic not in seen
    assert topic.startswith("test-the-same-broker-and-another-topic-")
    kafka.create_topic(topic)
    assert len(kafka.records(topic)) == 0 == len(kafka.log) - len(list(kafka.log))

def test_its_own(kafka_per_test, kafka):
    assert kafka_per_test.port != kafka.port
    assert kafka_per_test.topics() == []
    kafka_per_test.kill()

def test_several(new_kafka, tmp_path):
    one, two = new_kafka(), new_kafka(dir=tmp_path / "two", config={"num.partitions": 3})
    two.produce("t", "v", partition=2)
    assert (one.topics(), two.topics()) == ([], ["t"])

def test_asyncio(kafka, topic):
    async def talk():
        await kafka.aio.produce(topic, "one")
        await kafka.aio.expect(topic, ["one"])
    asyncio.run(talk())
"""
    done = pytest_on(tmp_path, test_shown=shown)
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_a_failure_shows_the_difference_and_the_log(tmp_path: Path) -> None:
    """If this failed, a red test would say neither what was in the topic nor what the node said."""
    shown = """
import pytest, ottla

@pytest.fixture
def mine():
    with ottla.Broker() as broker:
        yield broker

def test_red(kafka, topic):
    kafka.produce(topic, "two")
    kafka._node.logs.warn("said to red")
    kafka.expect(topic, ["one"], timeout=0)

def test_own_fixture(mine, new_kafka):
    new_kafka()._node.logs.warn("said to another")
    mine._node.logs.warn("said to mine")
    assert 0

def test_green(kafka):
    kafka._node.logs.warn("said to green")

def test_none():
    assert 0
"""
    done = pytest_on(tmp_path, test_shown=shown)
    assert done.returncode == 1
    red, own = re.findall(r"(?s)____ test_\w+ ____.*?(?=____ test_)", done.stdout)
    assert "- b'one'" in red
    assert "+ b'two'   (partition 0, offset 0)" in red
    assert "talk.py" not in red, "the line that is shown is the test's"
    assert red.count("said to red") == 3, "in its own line, in what pytest caught, and in the log"
    assert "said to mine" in own.partition("the log of")[2]
    assert "said to another" in own.partition("the log of")[2]
    assert "said to red" not in own
    assert done.stdout.count("said to green") == 0
    assert done.stdout.count("the log of <ottla.Broker 127.0.0.1:") == 3


def test_config_is_the_projects(tmp_path: Path) -> None:
    """If this failed, a project could not set what its brokers are."""
    conftest = """
import pytest

@pytest.fixture(scope="session")
def kafka_config():
    return {"num.partitions": 3}
"""
    shown = """
def test_three(kafka, new_kafka):
    for broker in (kafka, new_kafka(), new_kafka(config={"auto.create.topics.enable": True})):
        broker.produce("t", "v", partition=2)
"""
    done = pytest_on(tmp_path, conftest=conftest, test_shown=shown)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("first", ["a", "z"])
def test_each_config_has_its_broker(tmp_path: Path, first: str) -> None:
    """If this failed, a file's `kafka_config` would decide for the others, by their order."""
    own = """
import pytest

@pytest.fixture(scope="session")
def kafka_config():
    return {"num.partitions": 3}

def test_three(kafka, topic):
    kafka.produce(topic, "v", partition=2)
"""
    others = """
def test_one(kafka, topic):
    kafka.produce(topic, "v")
    assert {record.partition for record in kafka.records(topic)} == {0}
    try:
        kafka.produce(topic, "v", partition=2)
    except Exception:
        return
    raise AssertionError("there is one partition")
"""
    done = pytest_on(tmp_path, **{f"test_{first}": own, "test_m": others})
    assert done.returncode == 0, done.stdout


def test_what_a_test_did_to_the_shared_broker_ends_with_it(tmp_path: Path) -> None:
    """If this failed, one test's faults, clock or crash would be every later one's."""
    shown = """
import datetime, warnings

def test_faults(kafka):
    kafka.faults.answer("Produce", "NOT_LEADER_OR_FOLLOWER", times=100)

def test_after_faults(kafka, topic):
    kafka.produce(topic, "v")

def test_clock(kafka):
    kafka.clock.advance(days=30)
    kafka.clock.freeze()

def test_after_clock(kafka):
    off = kafka.clock.now() - datetime.datetime.now(datetime.UTC)
    assert abs(off.total_seconds()) < 60

def test_kill(kafka):
    kafka.kill()

def test_after_kill(kafka, topic):
    kafka.produce(topic, "v")
"""
    done = pytest_on(tmp_path, "-W", "default::pytest.PytestWarning", test_shown=shown)
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout
    assert "test_kill ended the shared broker" in done.stdout


def test_who_does_not_use_it_pays_nothing(tmp_path: Path) -> None:
    """If this failed, every run of pytest in an environment with Ottla would load a node."""
    shown = """
import sys
import tomllib

def test_nothing_is_loaded():
    loaded = {name for name in sys.modules if name.partition(".")[0] == "ottla"}
    assert loaded == {"ottla", "ottla.testing", "ottla.testing.pytest_plugin"}

def test_red():
    assert 0
"""
    done = pytest_on(tmp_path, test_shown=shown)
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "the log of" not in done.stdout


def test_workers_have_their_own(tmp_path: Path) -> None:
    """If this failed, workers would wait for one broker, or each test have its own."""
    shown = """
import pathlib, pytest

@pytest.mark.parametrize("number", range(6))
def test_one(kafka, worker_id, number):
    (pathlib.Path(__file__).parent / f"{worker_id} {kafka.port}").touch()
"""
    done = pytest_on(tmp_path, "-p", "xdist", "-n", "2", test_shown=shown)
    assert done.returncode == 0, done.stdout
    seen = [path.name.split() for path in tmp_path.glob("gw*")]
    assert len({worker for worker, _ in seen}) == len({port for _, port in seen}) == len(seen)


@pytest.mark.parametrize("named", [[], ["-p", "ottla"]])
def test_pytest_finds_it(tmp_path: Path, named: list[str]) -> None:
    """If this failed, the fixtures would be there for those alone who name the plugin."""
    told = tomllib.loads((SOURCE.parent / "pyproject.toml").read_text())
    ((name, home),) = told["project"]["entry-points"]["pytest11"].items()
    about = tmp_path / "site" / "ottla-0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ottla\nVersion: 0\n")
    (about / "entry_points.txt").write_text(f"[pytest11]\n{name} = {home}\n")
    (tmp_path / "test_shown.py").write_text("def test_one(kafka, topic): assert kafka.port")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", *named],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{about.parent}{os.pathsep}{SOURCE}"},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_checkout_has_it(tmp_path: Path) -> None:
    """If this failed, the README's test would not find its fixture after `make build`."""
    import checkout

    checkout.main(tmp_path)
    (tmp_path / "test_shown.py").write_text("def test_one(kafka, topic): assert kafka.port")
    own = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
    program = (
        f"import site, sys; here = {str(tmp_path)!r};"
        "sys.path.insert(0, here); site.addsitedir(here);"
        "import pytest; sys.exit(pytest.main(['-p', 'no:cacheprovider', '-W', 'error']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=own,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stdout + done.stderr
