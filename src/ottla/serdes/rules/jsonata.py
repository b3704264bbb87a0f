"""Rules of JSONata: an expression that makes one version's value of another's."""

from __future__ import annotations

from importlib import import_module
from threading import Lock
from typing import Any

from ottla.serdes.errors import MissingExtra
from ottla.serdes.memory import Memory
from ottla.serdes.rules.rule import Call

EXPRESSIONS_MAX = 1000
TIME_MAX_MS = 2_000
DEPTH_MAX = 200


class Jsonata:
    """Runs rules of the type JSONATA."""

    def __init__(self, _: object = None) -> None:
        try:
            self._jsonata: Any = import_module("jsonata")
        except ImportError:
            raise MissingExtra("jsonata-python", "rules") from None
        self._known = Memory(EXPRESSIONS_MAX)
        self._lock = Lock()

    def run(self, call: Call, value: Any) -> Any:
        """What the expression makes of a value, in bounded time and depth.

        Raises:
            Exception: jsonata's own, of an expression that is none, or fails.
        """
        expression = call.rule.expr
        # An expression keeps its state in itself while it is evaluated.
        with self._lock:
            made = self._known.get(expression, lambda: self._jsonata.Jsonata(expression))
            frame = made.create_frame()
            frame.set_runtime_bounds(TIME_MAX_MS, DEPTH_MAX)
            return _plain(made.evaluate(value, frame))


def _plain(value: Any) -> Any:
    """Lists and dicts as Python's own: jsonata has lists with more in them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
