"""Rules of CEL, over a whole value (`message`) or over one field after another.

An expression may have a guard before it, parted by a semicolon: where the guard does not hold, the
rule has nothing to say. Over a field there are `value`, `name`, `fullName`, `typeName`, `tags`, and
`message`, which is what has the field. `now` is the time.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from importlib import import_module
from threading import Lock
from typing import Any

from ottla.serdes.codec import Field
from ottla.serdes.errors import MissingExtra
from ottla.serdes.memory import Memory
from ottla.serdes.rules.cel_functions import FUNCTIONS
from ottla.serdes.rules.cel_values import CelValues
from ottla.serdes.rules.rule import CONDITION, Call

EXPRESSIONS_MAX = 1000
SIMPLE = ("INT", "LONG", "FLOAT", "DOUBLE", "BOOLEAN", "NULL", "STRING", "BYTES")
"""The kinds of fields that expressions over a field see."""


class Cel:
    """Runs rules of the type CEL."""

    def __init__(self, _: object = None) -> None:
        try:
            celpy: Any = import_module("celpy")
            self.values = CelValues(import_module("celpy.celtypes"))
        except ImportError:
            raise MissingExtra("cel-python", "rules") from None
        self._environment = celpy.Environment()
        self._functions = {name: self._function(function) for name, function in FUNCTIONS.items()}
        self._known = Memory(EXPRESSIONS_MAX)
        self._lock = Lock()

    def run(self, call: Call, value: Any) -> Any:
        """Whether the expression holds, or what it makes of a value.

        Raises:
            Exception: celpy's own, of an expression that is none, or fails.
        """
        result = self.evaluate(call, value, {"message": self.values.told(value)})
        if call.rule.kind == CONDITION or result is value:
            return result
        return self.values.plain(result, like=value)

    def evaluate(self, call: Call, value: Any, names: dict[str, Any]) -> Any:
        """The result as celpy has it; the value itself where a guard does not hold."""
        guard, semicolon, expression = call.rule.expr.partition(";")
        if not semicolon:
            guard, expression = "", call.rule.expr
        if guard.strip() and not self._evaluate(guard, names):
            return True if call.rule.kind == CONDITION else value
        return self._evaluate(expression, names)

    def _evaluate(self, expression: str, names: Mapping[str, Any]) -> Any:
        program = self._known.get(expression, lambda: self._program(expression))
        if "now" in expression:
            now = self.values.told(datetime.datetime.now(datetime.UTC))
            names = {"now": now, **names}
        return program.evaluate(dict(names))

    def _program(self, expression: str) -> Any:
        with self._lock:  # the parser keeps its state in itself
            tree = self._environment.compile(expression)
            return self._environment.program(tree, functions=self._functions)

    def _function(self, function: Any) -> Any:
        return lambda *given: self.values.told(function(*given))


class CelField:
    """Runs rules of the type CEL_FIELD."""

    def __init__(self, rules: object = None) -> None:
        self._cel = Cel(rules)

    def run(self, call: Call, value: Any) -> Any:
        """A value with its fields changed; or, of a condition, whether it holds of all of them."""
        values = self._cel.values
        fails: list[str] = []

        def change(field: Field, of: Any) -> Any:
            if field.kind not in SIMPLE:
                return of
            names = {
                "value": values.told(of),
                "name": values.told(field.name),
                "fullName": values.told(field.full_name),
                "typeName": values.told(field.kind),
                "tags": values.told(sorted(field.tags)),
                "message": values.told(field.container),
            }
            result = self._cel.evaluate(call, of, names)
            if call.rule.kind == CONDITION:
                if not result:
                    fails.append(field.full_name)
                return of
            return of if result is of else values.plain(result, like=of)

        changed = call.change_fields(value, change)
        if call.rule.kind != CONDITION:
            return changed
        if fails:
            told = call.rule.doc or f"says no: {call.rule.expr}"
            raise call.rule.failed(f"{told} (field {', '.join(dict.fromkeys(fails))})")
        return True
