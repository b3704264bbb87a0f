"""What every application is told, however it is built: its id, serdes, handlers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from ottla.streams.builder.specs import checked_id, checked_topic
from ottla.streams.durations import Duration, ms
from ottla.streams.errors import TopologyError
from ottla.streams.execution import Answer, Failure, Handler, Settings
from ottla.streams.plan.callables import check_plain
from ottla.streams.plan.topology import Topology as Plan
from ottla.streams.serdes import serde_for

if TYPE_CHECKING:
    from ottla.streams.drawing import Drawing

RESETS = ("earliest", "latest", "none")


def continue_after(failure: Failure) -> Answer:
    """A handler that goes on without the record."""
    return Answer.RESUME


def fail_after(failure: Failure) -> Answer:
    """A handler that stops."""
    return Answer.FAIL


HANDLERS: dict[str, Handler] = {"continue": continue_after, "fail": fail_after}


class NoRunning(TopologyError, AttributeError):
    """An application is to run against a broker, which it cannot yet."""


class Told(TypedDict, total=False):
    """What is said by keyword: handlers, the topic of dead letters, configs for processors."""

    deserialization_handler: str | Handler | None
    processing_handler: str | Handler | None
    production_handler: str | Handler | None
    handles_global_failures: bool
    dead_letter_topic: str | None
    configs: Mapping[str, Any] | None


class Application(ABC):
    """An application: what it is told, and the topology that it makes.

    `key` and `value` are the serdes where none is given. Handlers say what becomes of a record that
    fails: "fail", "continue", or a function that is told and answers; with
    `handles_global_failures` that of processing is asked about processors of global stores too
    (`processing.exception.handler.global.enabled`). With `dead_letter_topic` what failed is written
    there (`errors.dead.letter.queue.topic.name`). `configs` are handed to processors.
    """

    def __init__(
        self,
        app_id: str,
        *,
        key: object = None,
        value: object = None,
        emit_interval: Duration = 1000,
        **told: Unpack[Told],
    ) -> None:
        unknown = sorted(told.keys() - Told.__annotations__.keys())
        if unknown:
            raise TopologyError(
                f"an application is not told {unknown[0]}",
                hint=f"there is {', '.join(Told.__annotations__)}",
            )
        self.app_id = checked_id(app_id)
        self._key = None if key is None else serde_for(key)
        self._value = None if value is None else serde_for(value)
        dead_letter_topic = told.get("dead_letter_topic")
        if dead_letter_topic is not None:
            checked_topic(dead_letter_topic)
        self._settings = Settings(
            self.app_id,
            deserialization_handler=_handler(told, "deserialization_handler"),
            processing_handler=_handler(told, "processing_handler"),
            production_handler=_handler(told, "production_handler"),
            handles_global_failures=told.get("handles_global_failures", False),
            dead_letter_topic=dead_letter_topic,
            emit_interval_ms=ms(emit_interval, what="emit_interval"),
            configs=dict(told.get("configs") or {}),
        )
        self._topology: Plan | None = None
        self._refused: TopologyError | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.app_id}>"

    if not TYPE_CHECKING:  # type checkers know what there is

        def __getattr__(self, name: str) -> Any:
            if name in ("run", "start"):
                raise NoRunning(
                    f"{self!r} has no {name}(): running against a broker is not here yet",
                    hint="a TopologyTest runs it in this process, without a broker: "
                    "with TopologyTest(app) as test: test.input(…).send(…)",
                )
            text = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(text, name=name, obj=self)

    @abstractmethod
    def _built(self) -> Plan:
        """The topology, made once."""

    def build(self) -> Plan:
        """The topology, checked and optimised; from then on no operator can be added.

        Raises:
            TopologyError: it cannot be built; the text says which node and why.
        """
        if self._refused is not None:
            raise self._refused  # half of it is written: a second try would build the other half
        if self._topology is None:
            try:
                self._topology = self._built()
            except TopologyError as refused:
                self._refused = refused
                raise
        return self._topology

    def settings(self) -> Settings:
        """What an executor is told beside the topology."""
        return self._settings

    def describe(self) -> str:
        """The topology as a text, as Apache Kafka's `Topology.describe()` prints its twin."""
        from ottla.streams.plan.description import describe

        return describe(self.build())

    def draw(self) -> Drawing:
        """The topology as a drawing, which a notebook shows; `.svg` is its text."""
        from ottla.streams.drawing import draw

        return draw(self.build(), self.app_id)


def _handler(told: Told, what: str) -> Handler | None:
    given: str | Handler | None = told.get(what)  # type: ignore[assignment]
    if given is None or callable(given):
        check_plain(given, f"{what}=")
        return given
    if given in HANDLERS:
        return HANDLERS[given]
    raise TopologyError(
        f"{what} cannot be {given!r}", hint='"fail", "continue", or a function of a Failure'
    )


def checked_reset(given: str | None) -> str | None:
    if given is not None and given not in RESETS:
        raise TopologyError(
            f"there is no reset policy {given!r}", hint=f"take one of {', '.join(RESETS)}"
        )
    return given
