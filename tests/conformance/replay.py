"""The recorded answers of Apache Kafka 4.3.1: how they are made and where they lie.

`python tests/conformance/replay.py` (with `src` and `tests` on PYTHONPATH) asks a fresh 4.3.1 every
conversation and rewrites `tests/data/conformance/**/*.jsonl`, one conversation a line; a person
reads the diff. A suite is what is asked of one kind of node, and is recorded alone if it is named:
`replay.py transactions`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from conformance import (
    cases_basic,
    cases_configs,
    cases_features,
    cases_groups,
    cases_log_dirs,
    cases_recompression,
    cases_records,
    cases_telemetry,
    cases_transaction_ends,
    cases_transaction_epochs,
    cases_transaction_listings,
    cases_transaction_offsets,
    cases_transactional_records,
    cases_transactions,
)
from conformance.talk import Talk
from oracle import Oracle, compiled

DATA = Path(__file__).parents[1] / "data" / "conformance"
Case = Callable[[Talk], None]


class Suite(NamedTuple):
    """Conversations, and the node that they are held with."""

    folder: Path
    modules: tuple[ModuleType, ...]
    config: Mapping[str, str] = {}
    features: Mapping[str, int] = {}
    java: tuple[str, ...] = ()
    """Classes of `tests/java/tools` that Apache Kafka needs besides its own."""
    log_dirs: int = 1

    def config_in(self, folder: Path) -> dict[str, str]:
        """What the node is configured with whose first log dir this folder is."""
        if self.log_dirs == 1:
            return dict(self.config)
        more = [folder.with_name(f"{folder.name}-{n}") for n in range(2, self.log_dirs + 1)]
        return {**self.config, "log.dirs": ",".join(map(str, [folder, *more]))}


TRANSACTIONS = (
    cases_transactions,
    cases_transactional_records,
    cases_transaction_offsets,
    cases_transaction_listings,
    cases_transaction_ends,
    cases_transaction_epochs,
)
LONG = (cases_transaction_epochs,)
"""Modules that only `make test-long` asks."""
QUICK = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": "100"}
"""Time-outs are seen soon."""
OFTEN = {"broker.heartbeat.interval.ms": "100"}
"""The controller hears of cordoned log dirs soon."""
SUITES = {
    "plain": Suite(
        DATA, (cases_basic, cases_records, cases_recompression, cases_groups, cases_configs)
    ),
    "features": Suite(DATA / "features", (cases_features,), QUICK),
    "telemetry": Suite(
        DATA / "telemetry",
        (cases_telemetry,),
        {"telemetry.max.bytes": "4096"},
        java=("TelemetryReceiver",),
    ),
    "log-dirs": Suite(DATA / "log-dirs", (cases_log_dirs,), OFTEN, log_dirs=3),
    "transactions": Suite(DATA / "transactions", TRANSACTIONS, QUICK),
    "transactions-older": Suite(
        DATA / "transactions-older",
        TRANSACTIONS,
        QUICK,
        {"transaction.version": 0},
    ),
}
"""By name. The older way of transactions is that of clusters whose feature was not raised: the same
questions, other answers.
"""


def cases(suite: Suite) -> Iterator[tuple[ModuleType, str, Case]]:
    """All conversations of a suite: module, name, function."""
    for module in suite.modules:
        for name, function in vars(module).items():
            if name.startswith("case_") and function.__module__ == module.__name__:
                yield module, name.removeprefix("case_"), function


def answers_of(port: int, name: str, case: Case) -> list[Any]:
    """Hold one conversation with a server and return what it answered, as plain JSON."""
    talk = Talk(port, name.replace("_", "-"))
    try:
        case(talk)
    finally:
        talk.hang_up()
    found: list[Any] = json.loads(json.dumps(talk.answers))
    return found


def recorded(folder: Path) -> dict[str, list[Any]]:
    """What 4.3.1 answered a suite, by conversation."""
    found: dict[str, list[Any]] = {}
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            found[row["case"]] = row["answers"]
    return found


def record(suite: Suite, port: int) -> None:
    """Ask a running 4.3.1 everything and write its answers down."""
    files: dict[str, list[str]] = {}
    for module, name, case in cases(suite):
        row = {"case": name, "answers": answers_of(port, name, case)}
        stem = module.__name__.rpartition("cases_")[2]
        files.setdefault(stem, []).append(json.dumps(row, separators=(",", ":")))
        print(f"{name}: {len(row['answers'])} answers", file=sys.stderr)
    suite.folder.mkdir(parents=True, exist_ok=True)
    for stem, lines in files.items():
        (suite.folder / f"{stem}.jsonl").write_text("\n".join(lines) + "\n")


def oracle_of(suite: Suite, folder: Path) -> Oracle:
    """A 4.3.1 that a suite may be asked of, not started."""
    data = folder / "data"
    config = suite.config_in(data)
    classes = compiled(suite.java, folder / "classes") if suite.java else None
    if suite.java:
        config["metric.reporters"] = ",".join(suite.java)
    return Oracle(
        folder,
        config,
        log_dir=data,
        quorum="dynamic",
        features=suite.features,
        classes=classes,
    )


if __name__ == "__main__":
    for chosen in sys.argv[1:] or SUITES:
        with tempfile.TemporaryDirectory() as made, oracle_of(SUITES[chosen], Path(made)) as node:
            record(SUITES[chosen], node.port)
