"""The small examples do what they say: what they print, and what then lies in the topics.

Each is run as its first lines say, on a broker of the test's own; that they run on one of their
own as well is test_examples_alone.py's.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx
import nbclient
import nbformat
import pytest
from running import EXAMPLES, begin, environment, printed

import ottla
from ottla.client import Consumer
from servers import eventually


def test_the_first_job_bills_once_whoever_is_killed(kafka_per_test: ottla.Broker) -> None:
    """If this failed, the first thing that somebody copies would bill twice, or not at all."""
    broker = kafka_per_test
    broker.create_topic("bills")
    for number in range(50):
        broker.produce("orders-to-bill", f"order {number}")
    for until in (1, 100):
        with begin("first_job.py", "serve", servers=broker.bootstrap_servers) as job:
            eventually(lambda until=until: len(_committed(broker, "bills")) >= until, "bills")
            job.kill()
            job.communicate()
        if until == 1:
            broker.advance(60)  # the session of who was killed is over
            for number in range(50, 100):
                broker.produce("orders-to-bill", f"order {number}")
    assert sorted(_committed(broker, "bills")) == sorted(
        f"bill for order {number}" for number in range(100)
    )


def _committed(broker: ottla.Broker, topic: str) -> list[str]:
    """The values of a topic that readers of committed records see."""
    settings = {**broker.client_config("ottla"), "isolation.level": "read_committed"}
    with Consumer(settings) as consumer:
        places = [(topic, number) for number in consumer.partitions_for(topic)]
        consumer.assign([(*place, 0) for place in places])
        ends = consumer.end_offsets(places)
        found: list[str] = []
        while any(consumer.position(place) < ends[place] for place in places):
            found += [(record.value or b"").decode() for record in consumer.poll(0.1)]
        return found


def test_the_asyncio_service_serves_all(kafka_per_test: ottla.Broker) -> None:
    """If this failed, who copies the service would lose orders, or not be able to stop it."""
    broker = kafka_per_test
    lines = printed("asyncio_service.py", servers=broker.bootstrap_servers)
    assert lines[-1] == "100 invoices for 100 orders"
    assert len({record.value for record in broker.records("invoices")}) == 100
    assert broker.wait_for("invoicing") == 0


def test_sigterm_ends_the_asyncio_service_between_batches(kafka_per_test: ottla.Broker) -> None:
    """If this failed, a clean stop in the middle would repeat orders, or leave some out."""
    broker = kafka_per_test
    orders = [f"order {number}" for number in range(200)]
    for topic in ("orders", "invoices"):
        broker.create_topic(topic)
    for order in orders:
        broker.produce("orders", order)
    for lag in (100, 0):
        with begin("asyncio_service.py", "serve", servers=broker.bootstrap_servers) as service:
            broker.wait_for("invoicing", lag=lag, timeout=30)
            service.send_signal(signal.SIGTERM)
            output, log = service.communicate(timeout=20)
        assert service.returncode == 0, output + log
        assert "stopped; orders served: " in output
    assert sorted(_values(broker, "invoices")) == sorted(
        f"{order}: {100 + len(order)} EUR" for order in orders
    )


def test_the_fastapi_app_writes_and_tells(kafka_per_test: ottla.Broker) -> None:
    """If this failed, who posts an order would not read it, or a restart would forget."""
    lines = printed("fastapi_app.py", servers=kafka_per_test.bootstrap_servers)
    assert lines[0].endswith(" 6 bells were ordered")
    assert lines[1].endswith(" 12 bells were ordered")
    assert [json.loads(value)["count"] for value in _values(kafka_per_test, "shop-orders")] == [
        1, 2, 3, 1, 2, 3,
    ]  # fmt: skip


def test_the_fastapi_app_bears_what_is_no_order(
    kafka: ottla.Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, one bad record would end the view, or a test of an app by ASGI not work."""
    monkeypatch.syspath_prepend(EXAMPLES)
    create_app = importlib.import_module("fastapi_app").create_app
    kafka.produce("shop-orders", "no order")

    async def ask() -> tuple[int, str]:
        app = create_app(kafka.bootstrap_servers)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://shop") as http,
        ):
            await http.post("/orders", json={"item": "lamp", "count": 4})
            where = (await http.post("/orders", json={"item": "lamp", "count": 3})).json()
            answer = await http.get("/totals/lamp", params=where)
            return answer.status_code, answer.text

    assert asyncio.run(ask()) == (200, "7")


def test_the_faststream_app_bills_each_order(kafka_per_test: ottla.Broker) -> None:
    """If this failed, FastStream's users would not be served, or their example be wrong."""
    lines = printed("faststream_app.py", servers=kafka_per_test.bootstrap_servers)
    assert lines == ["10 bills, 180.00 EUR"]
    bills = [json.loads(value) for value in _values(kafka_per_test, "stream-bills")]
    assert bills == [{"order": number, "cents": number * 400} for number in range(10)]


def test_the_outbox_loses_nothing(kafka_per_test: ottla.Broker) -> None:
    """If this failed, a relay that is killed would lose an event, or one that comes twice could not
    be known by its id.
    """
    lines = printed("outbox.py", servers=kafka_per_test.bootstrap_servers)
    assert lines == [
        "sent and not marked: 10; the relay is killed",
        "orders: 120, events: 130, twice, by their id: 10",
    ]
    records = kafka_per_test.records("order-events")
    times = Counter(dict(record.headers)["event-id"] for record in records)
    assert sorted(times.values()) == [1] * 110 + [2] * 10
    assert len({(dict(record.headers)["event-id"], record.value) for record in records}) == 120


def test_a_relay_marks_only_what_is_acknowledged(
    kafka_per_test: ottla.Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, an event that never reached the cluster would count as sent."""
    monkeypatch.syspath_prepend(EXAMPLES)
    outbox = importlib.import_module("outbox")
    broker = kafka_per_test
    broker.create_topic("order-events")
    broker.faults.hold(api="Produce", times=1)
    path = str(tmp_path / "shop.db")
    relay = ("relay", broker.bootstrap_servers, path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(outbox.TABLES)
        for number in range(20):
            outbox.place_order(db, "ann", f"order {number}")
        with begin("outbox.py", *relay):
            eventually(lambda: broker.faults.events, "the relay waits for an answer")
        assert db.execute("SELECT count(*) FROM outbox WHERE is_sent").fetchone() == (0,)
        with begin("outbox.py", *relay):
            broker.expect("order-events", [f"order {number}" for number in range(20)], timeout=20)


def test_retries_come_late_and_the_dead_say_why(kafka_per_test: ottla.Broker) -> None:
    """If this failed, a record that fails would be lost, hold up others, or say nothing."""
    lines = printed("retries.py", servers=kafka_per_test.bootstrap_servers)
    assert lines[:4] == [
        "charged: 1 fine, attempt 1",
        "charged: 4 fine, attempt 1",
        "charged: 6 fine, attempt 1",
        "charged: 2 busy, attempt 3",
    ]
    dead = {record.value: dict(record.headers) for record in kafka_per_test.records("charges.dlq")}
    assert dead[b"3 stolen"]["reason"] == b"NoSuchCard: the card is not known"
    assert dead[b"5 closed"]["attempts"] == b"3"
    assert dead[b"5 closed"]["from"] == b"charges.retry-0 at 3"
    waits = [
        int(dict(record.headers)["due-ms"] or b"0") - record.timestamp_ms
        for record in kafka_per_test.records("charges.retry")
    ]
    assert len(waits) == 4
    assert all(0 < wait <= 300 for wait in waits)
    assert kafka_per_test.wait_for("charging") == 0


def test_the_idempotent_consumer_books_once(kafka_per_test: ottla.Broker) -> None:
    """If this failed, a kill inside of a transaction would book a deposit twice, or not at all."""
    lines = printed("idempotent_consumer.py", servers=kafka_per_test.bootstrap_servers)
    assert lines[0] == "the worker was killed inside of a transaction; booked: 300"
    total = sum(map(int, _values(kafka_per_test, "deposits")))
    assert lines[1] == f"deposits: 600, {total} cents; on the accounts: {total} cents"


def test_replay_reads_again_and_switches(kafka_per_test: ottla.Broker) -> None:
    """If this failed, a replay would disturb the old group, or show half-made state."""
    lines = printed("replay.py", servers=kafka_per_test.bootstrap_servers)
    wrong, right = (dict.fromkeys(["oslo", "lima", "pune"], one) for one in (3800, 3400))
    assert lines == [
        "billing has read 120 sales",
        "sales of the last three hours: 30",
        "an audit, a new group, has read 120 sales",
        "billing still stands at 120",
        f"with the mistake: {wrong}",
        f"rebuilt, not switched: {wrong}",
        f"switched: {right}",
    ]
    assert _values(kafka_per_test, "views") == ["turnovers.v1", "turnovers.v2"]


def test_compacted_state_is_there_again(kafka_per_test: ottla.Broker) -> None:
    """If this failed, a restart would not have the state, or compaction lose some of it."""
    broker = kafka_per_test
    lines = printed("compacted_state.py", servers=broker.bootstrap_servers)
    table = {user: {"font": 19, "dark": False} for user in ("ann", "cid")}
    assert lines == [f"before: {table}", f"after a restart: {table}, of 31 records"]
    broker.clock.advance(hours=2)
    left = {record.key: record.value for record in broker.records("settings")}
    assert left.pop(b"bob") is None
    assert {key.decode(): json.loads(value) for key, value in left.items() if key and value} == (
        table
    )


def test_a_contract_changes_and_nobody_is_broken(kafka_per_test: ottla.Broker) -> None:
    """If this failed, who copies it would break readers, or not be let change anything."""
    lines = printed("data_contract.py", servers=kafka_per_test.bootstrap_servers)
    aside = "put aside: b'a tandem, please' at offset 3"
    assert lines == [
        "by version 1: [{'what': 'bicycle', 'count': 2}, {'what': 'bell', 'count': 1}]",
        "refused: READER_FIELD_MISSING_DEFAULT_VALUE at /fields/2",
        "readers first: ['unknown', 'unknown']",
        aside,
        "then writers: ['unknown', 'unknown', 'bob']",
        aside,
        "by version 1 still: 4",
    ]
    values = [record.value or b"" for record in kafka_per_test.records("orders-by-contract")]
    assert [value[:5] for value in values[:3]] == [b"\0\0\0\0\1", b"\0\0\0\0\1", b"\0\0\0\0\2"]


def test_batches_become_a_table(kafka_per_test: ottla.Broker, tmp_path: Path) -> None:
    """If this failed, a topic would not come whole into Arrow, or into the file."""
    import pyarrow.parquet

    file = tmp_path / "readings.parquet"
    lines = printed("batch_to_arrow.py", str(file), servers=kafka_per_test.bootstrap_servers)
    assert lines[0].startswith("50000 rows: topic, partition, offset")
    assert lines[-1] == "sensor 4: 24.50 °C"
    written = pyarrow.parquet.read_table(file)
    assert written.column_names == ["sensor", "timestamp", "celsius"]
    assert written.num_rows == 50_000


def test_the_pytest_suite_passes() -> None:
    """If this failed, who copies the suite would begin with a red one."""
    plugin = ["-p", "ottla.testing.pytest_plugin", "-p", "no:cacheprovider"]
    words = [sys.executable, "-m", "pytest", *plugin, "-v", "examples/pytest_suite"]
    done = subprocess.run(
        words, cwd=EXAMPLES.parent, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout
    assert "10 passed" in done.stdout


@pytest.mark.filterwarnings("default")  # what Jupyter's own packages say of each other
def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, who opens the notebook would see an error, or another's outputs."""
    notebook = nbformat.read(EXAMPLES / "notebook.ipynb", 4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells)
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    said = "".join(out.get("text", "") for cell in cells for out in cell.outputs)
    assert "together 200\n" in said
    assert said.endswith("0 rides are left\n")


def _values(broker: ottla.Broker, topic: str) -> list[str]:
    return [(record.value or b"").decode() for record in broker.records(topic)]
