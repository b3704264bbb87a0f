"""What `ottla.Broker` may be given, what it says about the rest, and where clients then find it."""

from __future__ import annotations

import asyncio
import datetime
import multiprocessing
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from confluent_kafka import Producer

import ottla
from oracle import answers_api_versions


def write(broker: ottla.Broker) -> None:
    """One record, acknowledged."""
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    producer.produce("events", "written")
    assert producer.flush(10) == 0


def whole_life() -> None:
    """A broker from start to end; what a process started by a test does."""
    with ottla.Broker() as broker:
        write(broker)


@pytest.mark.parametrize(
    "listeners",
    [
        "PLAINTEXT://[::1]:0,CONTROLLER://[::1]:0",
        "PLAINTEXT://localhost:0,CONTROLLER://127.0.0.1:0",
        "CONTROLLER://127.0.0.1:0,PLAINTEXT://:0",
    ],
)
def test_clients_find_any_listener(listeners: str) -> None:
    """If this failed, bootstrap_servers would name an address where nobody listens."""
    with ottla.Broker(config={"listeners": listeners}) as broker:
        write(broker)


def test_values_may_be_numbers_and_flags() -> None:
    """If this failed, config={"num.partitions": 3} would end in a riddle."""
    config = {"num.partitions": 3, "auto.create.topics.enable": False}
    with ottla.Broker(config=config) as broker:
        assert answers_api_versions(broker.port)


def test_what_has_no_effect_is_told() -> None:
    """If this failed, a typing error in a key would be taken without a word."""
    broker = ottla.Broker(config={"num.partition": "3"})
    with pytest.warns(UserWarning, match=r"did you mean num\.partitions") as told:
        broker.start()
    broker.close()
    with pytest.warns(UserWarning, match=r"did you mean num\.partitions") as again, broker:
        pass
    assert [warning.filename for warning in (*told, *again)] == [__file__] * 2


def test_what_is_in_the_package_is_shown() -> None:
    """If this failed, whoever looks around in a notebook would not find Broker."""
    done = subprocess.run(
        [sys.executable, "-c", "import ottla; print(*dir(ottla))"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        capture_output=True,
        text=True,
    )
    shown = set(done.stdout.split())
    assert {"Broker", "OttlaError", "Record", "Line", "__version__"} <= shown, done.stderr
    assert not shown & {"TYPE_CHECKING", "annotations", "_HOMES"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"dir": "/proc/none"}, "can't be used"),
        ({"dir": __file__}, "can't be used"),
        ({"config": {"num.partitions": "x"}}, "num.partitions"),
        ({"port": "here"}, "here"),
        ({"port": -1}, "port=-1"),
        ({"port": 70000}, "port=70000"),
        ({"dir": ""}, "dir=''"),
        ({"dir": 5}, "dir=5"),
        ({"config": {"num.partitions": None}}, "num.partitions"),
        ({"config": ["num.partitions=3"]}, "mapping"),
        ({"config": {"listeners": "SASL_PLAINTEXT://127.0.0.1:0"}}, "listeners.*SASL_PLAINTEXT"),
        ({"config": {"listener.security.protocol.map": "PLAINTEXT:SSL"}}, "protocol.map.*SSL"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, object], said: str) -> None:
    """If this failed, a wrong argument would end in an error of somebody else's, without a hint."""
    with pytest.raises(ottla.OttlaError, match=said) as refused:
        ottla.Broker(**arguments).start()  # type: ignore[arg-type]
    assert refused.value.hint
    argument = next(iter(arguments))
    assert argument in f"{refused.value}{refused.value.hint}" or "num.partitions" in said


def test_listeners_are_the_clients() -> None:
    """If this failed, who sets listeners would have to know of the controller's."""
    with ottla.Broker(config={"listeners": "PLAINTEXT://127.0.0.1:0"}) as broker:
        assert broker.produce("t", "v") == 0


def test_a_port_in_use_is_named() -> None:
    """If this failed, a second broker on a port would not say what to do."""
    with ottla.Broker() as broker, pytest.raises(ottla.OttlaError, match=str(broker.port)) as no:
        ottla.Broker(port=broker.port).start()
    assert "another host or port" in str(no.value.hint)


def test_time_goes_forward() -> None:
    """If this failed, a negative step would be taken and do nothing."""
    with ottla.Broker() as broker, pytest.raises(ValueError, match="can't go back"):
        broker.advance(-1)


def test_time_is_a_number_of_seconds() -> None:
    """If this failed, "1d" would end in a riddle about `<`."""
    with ottla.Broker() as broker:
        for wrong in ("1d", None, datetime.date(2026, 1, 1)):
            with pytest.raises(TypeError, match="number of seconds") as refused:
                broker.advance(wrong)  # type: ignore[arg-type]
            assert isinstance(refused.value, ottla.OttlaError)
            assert "24 * 3600" in str(refused.value.hint)
        broker.advance(Decimal("0.5"))  # type: ignore[arg-type]
        before = broker.clock.now()
        broker.advance(datetime.timedelta(days=1))
        broker.clock.advance(datetime.timedelta(days=1), hours=1)
        broker.clock.advance(3600)
        # The machine's own clock may be set by a little meanwhile, also back.
        assert round((broker.clock.now() - before).total_seconds() / 3600) == 50


def test_the_clock_stays_in_the_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a broker that was advanced too often could not say what its clock shows."""
    with ottla.Broker() as broker:
        assert str(broker.clock.now().year) in repr(broker.clock)
        last = round(broker.clock.now().timestamp() + 2 * 24 * 3600) * 1000
        monkeypatch.setattr("ottla.testing.clock.LAST_MS", last)
        broker.clock.advance(days=1)
        with pytest.raises(ottla.BadArgument, match="calendar"):
            broker.clock.advance(days=1, hours=1)
        broker.clock.advance(hours=1)
    assert "not running" in repr(broker.clock)


def test_the_folder_is_where_the_logs_are(tmp_path: Path) -> None:
    """If this failed, `dir` would name an empty folder where the configuration names another."""
    first, other = tmp_path / "first", tmp_path / "other"
    both = f"{first},{tmp_path / 'second'}"
    for key, value, there in (("log.dirs", both, first), ("log.dir", other, other)):
        with ottla.Broker(config={key: str(value)}) as broker:
            broker.produce("t", "v")
            assert broker.dir == str(there)
        assert (there / "meta.properties").exists(), "it is its owner's"


def test_what_happened_in_the_block_is_what_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a test's own failure would hide behind that of its broker's end."""

    def fails(self: ottla.Broker) -> None:
        close(self)
        raise ottla.OttlaError("the disk is full")

    close = ottla.Broker.close
    monkeypatch.setattr(ottla.Broker, "close", fails)
    with pytest.raises(ZeroDivisionError) as raised, ottla.Broker():
        _ = 1 // 0
    assert raised.value.__notes__ == ["closing the broker failed as well: the disk is full"]
    with pytest.raises(ottla.OttlaError, match="the disk is full"), ottla.Broker():
        pass


def test_what_is_not_running_says_so() -> None:
    """If this failed, using a broker too early or too late would end in an AttributeError."""
    broker = ottla.Broker()
    with pytest.raises(ottla.OttlaError, match="not running") as refused:
        _ = broker.port
    assert "start()" in str(refused.value.hint)
    assert "not running" in repr(broker)
    with broker:
        assert broker.bootstrap_servers in repr(broker)
    broker.close()


def test_under_asyncio() -> None:
    """If this failed, a broker could not be used from a coroutine, or would leave a loop behind."""

    async def use() -> None:
        with ottla.Broker() as broker:
            await asyncio.to_thread(write, broker)

    asyncio.run(use())


def test_in_processes_at_once() -> None:
    """If this failed, parallel test workers would get in each other's way."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=whole_life) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]


def test_what_is_documented_can_be_imported(tmp_path: Path) -> None:
    """If this failed, a type checker would take names that are not there."""
    for name in ottla.__all__:
        assert getattr(ottla, name) is not None
    program = tmp_path / "uses.py"
    names = ", ".join(ottla.__all__)
    program.write_text(f"from ottla import {names}\nfrom ottla import NoSuchThing\n")
    cache = ["--cache-dir", str(tmp_path / "cache"), "--follow-imports", "silent"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "", *cache, str(program)],
        env={**os.environ, "MYPYPATH": str(Path(ottla.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    errors = [line for line in done.stdout.splitlines() if "error:" in line]
    assert len(errors) == 1, done.stdout + done.stderr
    assert "NoSuchThing" in errors[0]


def test_importing_ottla_costs_nothing() -> None:
    """If this failed, every program that imports ottla would pay for a node."""
    program = "import sys; before = set(sys.modules); import ottla; print(*set(sys.modules)-before)"
    source = str(Path(ottla.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) <= {"ottla", "__future__"}
    assert (Path(ottla.__file__).parent / "py.typed").exists()
