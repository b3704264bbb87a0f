"""What an embedded broker's node says, and where it can be read."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ottla
from conformance.talk import Talk
from ottla.testing.broker_log import BrokerLog, Kept
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest

SOURCE = Path(__file__).parents[2] / "src"


@pytest.mark.filterwarnings("ignore:.*consumer groups will not work:UserWarning")
def test_the_log_is_kept_through_restarts() -> None:
    """If this failed, nobody could see why a broker does what it does."""
    # What is wrong here is the user's; of what is not honoured of our own defaults nothing is said.
    config = {"offsets.topic.replication.factor": 3}
    with ottla.Broker(config=config) as broker:
        assert not [line for line in broker.log if "transaction" in line.text]
        said = len(broker.log)
        assert said > 0
        broker.kill()
        broker.start()
        assert len(broker.log) > said
        line = broker.log[0]
        assert (line.level in ("INFO", "WARN"), bool(line.text), line.time > 1e9) == (True,) * 3
        assert str(line) in str(broker.log)
    assert len(broker.log) > said, "what it said at its end is of interest too"


def test_the_log_is_bounded() -> None:
    """If this failed, a broker of a long run would grow with every line."""
    log = BrokerLog(lines_max=3)
    logs = Kept(log, "b")
    for number in range(10):
        logs.info("line", number=number)
    assert [line.text for line in log] == ["line number=7", "line number=8", "line number=9"]


def test_logging_hears_it(caplog: pytest.LogCaptureFixture) -> None:
    """If this failed, who configures logging would not see the broker in it."""
    with caplog.at_level(logging.DEBUG, "ottla.broker"), ottla.Broker() as broker:
        said = [line.text for line in broker.log]
    heard = [r.getMessage() for r in caplog.records if r.name == "ottla.broker"]
    assert [text.partition(": ")[2] for text in heard[: len(said)]] == said


def test_a_handler_that_fails_is_nothing_to_the_node() -> None:
    """If this failed, a wrong handler would end the broker."""

    class Fails(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError

    handler = Fails()
    logger = logging.getLogger("ottla.broker")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        with ottla.Broker() as broker:
            assert broker.produce("t", "v") == 0
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def test_nothing_is_printed_and_nothing_configured() -> None:
    """If this failed, a broker would write into somebody's output, or set up their logging."""
    program = """if True:
        import logging, ottla
        with ottla.Broker() as broker:
            broker._node.logs.warn("hear, hear")
            assert broker.log[-1].text == "hear, hear"
        assert not logging.getLogger().handlers
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_coroutines_have_the_same_calls() -> None:
    """If this failed, a test with asyncio would have to wrap every call itself."""

    async def use() -> None:
        async with ottla.Broker() as broker:
            await broker.aio.create_topic("t", partitions=2)
            assert await broker.aio.produce("t", "one", partition=1) == 0
            _, offset = await asyncio.gather(
                broker.aio.expect("t", ["one", "two"]), broker.aio.produce("t", "two", partition=1)
            )
            assert offset == 1
            assert await broker.aio.topics() == ["t"]
            assert len(await broker.aio.records("t")) == 2
            await broker.aio.kill()
            await broker.aio.start()
            await broker.aio.advance(1)
        with pytest.raises(ottla.OttlaError, match="not running"):
            await broker.aio.topics()

    asyncio.run(use())


@pytest.mark.filterwarnings("ignore:.*transaction.state.log:UserWarning")
def test_a_topic_that_clients_ask_for_on_and_on_is_refused_in_one_line() -> None:
    """If this failed, a factor that one server can't have would fill its log, a line a second and
    client, and push out what else it says.
    """
    with ottla.Broker(config={"transaction.state.log.replication.factor": 3}) as broker:
        talk = Talk(broker.port, "asks")
        for number in range(5):
            request = FindCoordinatorRequest(key_type=1, coordinator_keys=[f"id-{number}"])
            (row,) = talk.ask(request, 4, note=False).coordinators
            assert row.error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE
        talk.hang_up()
        refused = "the creation of topic '__transaction_state' is refused"
        assert len([line for line in broker.log if refused in line.text]) == 1
