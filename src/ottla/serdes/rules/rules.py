"""Runs the rules that a schema carries, in order, with what is to be done after each.

On the way to a topic rules run as they stand, on the way back in reverse. A condition that does not
hold and a transformation that fails end as the rule says: with an error (which is what counts where
it says nothing), with the record in a topic for dead letters and an error, or with nothing. A type
of rules that nobody here knows is always an error, for it may be one that encrypts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from threading import Lock
from typing import Any, NamedTuple, Protocol

from ottla.serdes.codec import Misfit
from ottla.serdes.contract import Contract
from ottla.serdes.errors import BadData, MissingExtra, RuleFailed
from ottla.serdes.registry_client import SchemaRegistry
from ottla.serdes.rules import dead_letters
from ottla.serdes.rules.kms import Kms
from ottla.serdes.rules.place import Place
from ottla.serdes.rules.rule import (
    CONDITION,
    DOMAIN,
    DOWNGRADE,
    ENCODING,
    MIGRATION,
    READ,
    WRITE,
    Call,
    Fields,
    Rule,
    rule_of,
)

__all__ = ["DOMAIN", "ENCODING", "MIGRATION", "READ", "WRITE", "RuleRunner", "Rules"]

CLIENT_ENVIRONMENTS = ("", "ALL", "CLIENT")

EXECUTORS = {
    "CEL": ("ottla.serdes.rules.cel", "Cel"),
    "CEL_FIELD": ("ottla.serdes.rules.cel", "CelField"),
    "ENCRYPT": ("ottla.serdes.rules.encryption", "EncryptFields"),
    "ENCRYPT_PAYLOAD": ("ottla.serdes.rules.encryption", "EncryptPayload"),
    "JSONATA": ("ottla.serdes.rules.jsonata", "Jsonata"),
}
"""Where the executors of each type are; each is loaded when a rule of it is met."""


class Executor(Protocol):
    """Runs rules of one type, from any thread."""

    def run(self, call: Call, value: Any) -> Any:
        """Whether a condition holds, or what a value becomes.

        Raises:
            Exception: whatever it fails with.
        """


class Rules(NamedTuple):
    """How rules are run, where they need more than the schema says.

    Args:
        secret: of the key management `local-kms`; else the environment's LOCAL_SECRET.
        kms: key management services by the types that keys name, as {"aws-kms": mine}.
        producer: what sends dead letters: a Producer of `ottla.client`.
        dead_letter_topic: where to, if the rule's parameter dlq.topic does not say.
        types: executors of further types of rules, by their names, or of ones known here.
        is_ignored: says of a type whether its rules are left out, whatever the schema says.
    """

    secret: str | None = None
    kms: Mapping[str, Kms] = {}
    producer: Any = None
    dead_letter_topic: str | None = None
    types: Mapping[str, Executor] = {}
    is_ignored: Callable[[str], bool] = lambda _: False


class RuleRunner:
    """Runs rules for one serializer or deserializer."""

    def __init__(self, registry: SchemaRegistry, rules: Rules | None) -> None:
        self._registry = registry
        self._rules = rules or Rules()
        self._executors: dict[str, Executor] = dict(self._rules.types)
        self._lock = Lock()

    def run(
        self,
        phase: str,
        mode: str,
        place: Place,
        target: Contract,
        value: Any,
        fields: Fields | None = None,
        *,
        source: Contract | None = None,
    ) -> Any:
        """What a value becomes by the rules of a phase.

        Raises:
            RuleFailed: a rule says so, or can't be run.
        """
        # The way down undoes what the version that is left added.
        told = source if mode == DOWNGRADE and source is not None else target
        rule_set = told.rule_set or {}
        if str(rule_set.get("enableAt") or "").upper() not in CLIENT_ENVIRONMENTS:
            return value
        rules = tuple(rule_of(row) for row in rule_set.get(phase) or ())
        if mode in (READ, DOWNGRADE):
            rules = rules[::-1]
        for index, rule in enumerate(rules):
            if self._is_left_out(rule, mode, place):
                continue
            value = self._run(
                Call(rule, rules, index, mode, place, source, target, fields, self._registry),
                value,
            )
        return value

    def _is_left_out(self, rule: Rule, mode: str, place: Place) -> bool:
        return (
            rule.disabled
            or not rule.runs_in(mode)
            or self._rules.is_ignored(rule.type)
            or dead_letters.failed_before(place.headers) == rule.name
        )

    def _run(self, call: Call, value: Any) -> Any:
        rule = call.rule
        executor = self._executor(rule)
        try:
            result = executor.run(call, value)
        except MissingExtra:
            raise
        except Misfit as error:
            return self._after_failure(call, value, f"failed: {error.text}", error)
        except RuleFailed as error:
            if not error.rule:  # of what a rule stands on, which does not know it
                named = rule.failed(f"failed: {error}", hint=error.hint)
                named.__cause__ = error.__cause__
                error = named
            return self._after_failure(call, value, "", error)
        except RecursionError as error:
            return self._after_failure(call, value, "failed: it nests too deep", error)
        except Exception as error:
            return self._after_failure(call, value, f"failed: {_text(error)}", error)
        if rule.kind == CONDITION:
            if not result:
                why = rule.doc or f"says no: {rule.expr}" if rule.expr or rule.doc else "says no"
                return self._after_failure(call, value, why, None)
        elif result is None:
            return self._after_failure(call, value, "left nothing of the value", None)
        else:
            value = result
        if (action := rule.action(True, call.mode)) != "NONE":
            self._act(action, call, rule.failed("asks for this after its success"))
        return value

    def _after_failure(self, call: Call, value: Any, why: str, cause: BaseException | None) -> Any:
        """The value as it was, where the rule says that its failure means nothing."""
        action = call.rule.action(False, call.mode)
        if action == "NONE":
            return value
        error = cause if isinstance(cause, RuleFailed) else call.rule.failed(why)
        error.hint = error.hint or "the schema's rule set says what was expected"
        try:
            self._act(action, call, error)
        except RuleFailed as failed:
            raise failed from (None if cause is failed else cause)

    def _act(self, action: str, call: Call, error: RuleFailed) -> None:
        if action == "DLQ":
            rules = self._rules
            dead_letters.send(rules.producer, rules.dead_letter_topic, call, error)
        elif action != "ERROR":
            raise call.rule.failed(
                f"asks for the action {action!r}, which nobody here knows",
                hint="there are NONE, ERROR and DLQ",
            )
        raise error

    def _executor(self, rule: Rule) -> Executor:
        with self._lock:
            found = self._executors.get(rule.type)
            if found is None:
                home = EXECUTORS.get(rule.type)
                if home is None:
                    raise rule.failed(
                        f"is of the type {rule.type!r}, which nobody here knows",
                        hint=f"there are {', '.join(EXECUTORS)}; Rules(types={{…}}) adds others",
                    )
                found = getattr(import_module(home[0]), home[1])(self._rules)
                self._executors[rule.type] = found
            return found


def _text(error: BaseException) -> str:
    told = error.args[0] if isinstance(error, BadData) else str(error)
    told = told or type(error).__name__
    return told if len(told) <= 300 else f"{told[:300]}…"
