"""What the client's guide shows, beyond that it runs: types, and what comes after a failure."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ottla
from ottla.client import Consumer, MustAbort, Producer

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/guides/client.md").read_text(), re.DOTALL)


@pytest.mark.seconds(120)
def test_a_type_checker_takes_every_program(tmp_path: Path) -> None:
    """If this failed, who copies from the guide would be told by mypy that it is wrong."""
    for number, block in enumerate(BLOCKS):
        (tmp_path / f"shown_{number}.py").write_text(block)
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\nstrict = True\n[mypy-ottla.*]\nfollow_imports = silent\n")
    words = ["-m", "mypy", "--config-file", str(config), "--cache-dir", str(ROOT / ".mypy_cache")]
    done = subprocess.run(
        [sys.executable, *words, *sorted(map(str, tmp_path.glob("shown_*.py")))],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def shown(name: str) -> Any:
    """A function that the guide shows."""
    for block in BLOCKS:
        for node in ast.parse(block).body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                found: dict[str, Any] = {"Consumer": Consumer}
                exec(ast.unparse(node), found)
                return found[name]
    raise AssertionError(f"the guide shows no {name}")


def test_a_transaction_that_failed_is_done_again() -> None:
    """If this failed, who does as the guide says would lose or repeat records."""
    with ottla.Broker() as broker:
        at = broker.bootstrap_servers
        broker.create_topic("orders", partitions=2)
        broker.create_topic("small", config={"max.message.bytes": 1000})
        for number in range(8):
            broker.produce("orders", str(number), partition=number % 2)
        own = {"group_id": "g", "auto_offset_reset": "earliest", "enable_auto_commit": False}
        with (
            Producer(at, transactional_id="t") as producer,
            Consumer(at, max_poll_records=3, **own) as consumer,
        ):
            producer.init_transactions()
            consumer.subscribe(["orders"])
            done: list[bytes | None] = []
            failures = 0
            while len(done) < 8:
                records = consumer.poll(10)
                producer.begin_transaction()
                try:
                    if failures % 2 == 0:
                        failures += 1
                        producer.send("small", b"x" * 2000)
                    ends = {(r.topic, r.partition): r.offset + 1 for r in records}
                    producer.send_offsets_to_transaction(ends, consumer.group_metadata())
                    producer.commit_transaction()
                    failures += 1
                    done += [r.value for r in records]
                except MustAbort:
                    producer.abort_transaction()
                    shown("step_back")(consumer)
            assert sorted(done) == [str(n).encode() for n in range(8)]
            assert failures > 3
