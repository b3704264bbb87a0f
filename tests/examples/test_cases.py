"""The five cases of Kafka's own introduction add up, and their programs bear to be killed.

What each prints is held here, and what lies in its topics; so is what its own checks can't see: a
program killed at its worst moment, a trail that somebody forged in the cluster itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

from running import EXAMPLES, begin, environment, printed

import ottla
from ottla.client import connect
from ottla.client.admin import offsets
from servers import eventually


def test_payments_are_decided_once(kafka_per_test: ottla.Broker) -> None:
    """If this failed, a judge that is killed would decide a payment twice, never, or wrongly."""
    lines = printed("payments", servers=kafka_per_test.bootstrap_servers)
    assert [line.split(" when ")[0] for line in lines[:2]] == [
        "judge-1 was killed",
        "judge-2 was killed",
    ]
    assert lines[-2] == "payments: 900, decisions: 900"
    sums = Counter[str]()
    for topic in ("payments", "payments.approved", "payments.declined"):
        sums[topic] += sum(
            json.loads(record.value or b"")["cents"] for record in kafka_per_test.records(topic)
        )
    assert sums["payments"] == sums["payments.approved"] + sums["payments.declined"]
    assert all(record.headers for record in kafka_per_test.records("payments.declined"))
    assert kafka_per_test.wait_for("judges") == 0


def test_a_judge_is_killed_inside_of_a_transaction(kafka_per_test: ottla.Broker) -> None:
    """If this failed, what a judge had written and not committed would count, or hold up readers
    after it is started again.
    """
    broker = kafka_per_test
    for topic in ("payments", "payments.approved", "payments.declined"):
        broker.create_topic(topic)
    for number in range(50):
        payment = {"id": str(number), "cents": 100, "country": "no"}
        broker.produce("payments", json.dumps(payment), key=f"card {number}")
    broker.faults.hold(api="EndTxn", client_id="judge-1", nth=2)
    words = (broker.bootstrap_servers, "judge-1")
    with begin("payments/judge.py", *words):
        eventually(lambda: broker.faults.events, "the judge is about to commit")
    assert broker.transactions() == {"judge-1": "Ongoing"}
    committed = len(broker.records("payments.approved"))
    assert 0 < committed < 50
    with begin("payments/judge.py", *words):
        broker.wait_for("judges", timeout=30)
    ids = [json.loads(r.value or b"")["id"] for r in broker.records("payments.approved")]
    assert sorted(ids, key=int) == [str(number) for number in range(50)]


def test_stock_is_the_same_for_all(kafka_per_test: ottla.Broker) -> None:
    """If this failed, a lamp would be sold twice, or a level not say what happened."""
    lines = printed("stock_in_sync", servers=kafka_per_test.bootstrap_servers)
    assert lines == [
        "the first keeper decided on 163 events",
        "the second keeper decided on 149 events",
        "the third keeper decided on 12 events",
        "sold: 273, refused: 27, corrected: -3",
        "in stock: 12 of 288 that were delivered",
    ]
    levels = {
        record.key: int(record.value or b"") for record in kafka_per_test.records("stock.levels")
    }
    assert len(levels) == 12
    assert sum(levels.values()) == 12
    sales = Counter(
        json.loads(record.value or b"")["sale"]
        for record in kafka_per_test.records("stock.answers")
    )
    assert set(sales.values()) == {1}
    assert len(sales) == 300


def test_the_edge_keeps_what_the_link_cannot_carry() -> None:
    """If this failed, readings would be lost, doubled or out of order when the centre was down."""
    assert printed("machine_sensors") == [
        "the centre is down",
        "at the edge: 1200 readings",
        "the centre is back",
        "at the centre: 1800 readings",
        "alarms: [('machine 0', 5.0), ('machine 2', 95.0), ('machine 4', 88.0)]",
    ]


def test_alerts_are_raised_at_the_centre(kafka_per_test: ottla.Broker) -> None:
    """If this failed, the sensors' example would do nothing on somebody's own cluster."""
    broker = kafka_per_test
    assert printed("machine_sensors", servers=broker.bootstrap_servers)
    alarms = {(record.key, record.value) for record in broker.records("alarms")}
    assert alarms == {(b"machine 0", b"5.00"), (b"machine 2", b"95.00"), (b"machine 4", b"88.00")}
    positions = {
        record.key: int(record.value or b"") for record in broker.records("edge.positions")
    }
    assert sum(positions.values()) == len(broker.records("readings")) == 1800


def test_the_audit_shows_every_forgery(kafka_per_test: ottla.Broker) -> None:
    """If this failed, an entry could be removed from the cluster, or added to it, unseen."""
    broker = kafka_per_test
    lines = printed("patient_alerts", servers=broker.bootstrap_servers)
    assert lines[0] == "alerts: 15, acknowledged: 12, escalated: 2, open: 1"
    assert lines[1].startswith("the audit holds: 29 entries, sealed by ")
    assert len(broker.records("audit")) == 29
    told = Counter(record.value for record in broker.records("alerts"))
    assert told == {b"raised": 15, b"escalated": 2}
    seal = lines[1].split()[-1]
    assert _verify(broker, seal) == (0, "")
    trail = [record.value or b"" for record in broker.records("audit")]
    forged = json.loads(trail[-1]) | {"number": 29, "step": "acknowledged"}
    broker.produce("audit", json.dumps(forged))
    assert _verify(broker, seal) == (1, "entry 29 does not follow from the one before it\n")
    with connect(broker.bootstrap_servers) as client:
        offsets.delete_records(client, {("audit", 0): 1})
    assert _verify(broker, seal) == (1, "entry 0 does not follow from the one before it\n")


def _verify(broker: ottla.Broker, seal: str) -> tuple[int, str]:
    words = [
        sys.executable,
        str(EXAMPLES / "patient_alerts/audit.py"),
        broker.bootstrap_servers,
        seal,
    ]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def test_claims_go_their_way(kafka_per_test: ottla.Broker) -> None:
    """If this failed, a claim would be paid twice or never, or a bad form hold up the others."""
    broker = kafka_per_test
    lines = printed("claims", servers=broker.bootstrap_servers)
    assert lines[:3] == [
        "payer was killed, and started again",
        "intake was killed, and started again",
        "claims: 108, paid: 97, rejected: 11",
    ]
    payments = Counter(record.key for record in broker.records("claims.payments"))
    assert len(payments) == 97
    assert set(payments.values()) == {1}
    reasons = Counter(dict(record.headers)["reason"] for record in broker.records("claims.dlq"))
    assert reasons.total() == 12
    assert reasons[b"BadClaim: no amount: -5"] == 2
    assert reasons[b"BadClaim: claim 0 came before"] == 1
    claim = lines[3].split(":")[0]
    history = printed("claims/states.py", broker.bootstrap_servers, claim)
    assert [json.loads(line.replace("'", '"'))["event"] for line in history] == (
        lines[3].split(": ")[1].split(" > ")
    )
