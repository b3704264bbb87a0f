"""The lines of the verifiable tools: one JSON object each, with its time and name first."""

from __future__ import annotations

import json
import sys
import time

from ottla.cli.load_figures import double


def emit(name: str, **fields: object) -> None:
    """Print one event, at once: another thread may print one too. Fields come in their order."""
    row = {"timestamp": time.time_ns() // 1_000_000, "name": name, **fields}
    cells = (f"{json.dumps(key)}:{_json(value)}" for key, value in row.items())
    sys.stdout.write(f"{{{','.join(cells)}}}\n")


def tell_event(name: str, **fields: object) -> None:
    """Print one event that somebody may wait for."""
    emit(name, **fields)
    flush()


def flush() -> None:
    """What was printed is to be seen by whoever reads it."""
    sys.stdout.flush()


def _json(value: object) -> str:
    if isinstance(value, float):
        return double(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
