"""Java's names of producer and consumer settings in terms of librdkafka, which does the work here.

Most names are the same. Some are spelled differently, some mean a Java class, some size a buffer
that does not exist here: those are told on stderr, one line each, and nothing is dropped without a
word.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, Self

from ottla.cli.options import UsageError
from ottla.cli.run import Asked, Failed, tell_waiting
from ottla.cli.signals import ENDS, Listener, not_ignored
from ottla.client.dialing import HINT_REFUSED
from ottla.errors import OttlaError

SAME = frozenset(
    """
    acks allow.auto.create.topics auto.commit.interval.ms auto.offset.reset batch.size
    bootstrap.servers check.crcs client.dns.lookup client.id client.rack compression.type
    connections.max.idle.ms delivery.timeout.ms enable.auto.commit enable.idempotence
    enable.metrics.push fetch.max.bytes fetch.min.bytes group.id group.instance.id group.protocol
    group.remote.assignor heartbeat.interval.ms isolation.level linger.ms
    max.in.flight.requests.per.connection max.partition.fetch.bytes max.poll.interval.ms
    metadata.max.age.ms reconnect.backoff.max.ms reconnect.backoff.ms request.timeout.ms retries
    retry.backoff.max.ms retry.backoff.ms security.protocol session.timeout.ms
    transaction.timeout.ms transactional.id
    """.split()  # noqa: SIM905 (a list of strings would take a page)
)
RENAMED = {
    "fetch.max.wait.ms": "fetch.wait.max.ms",
    "max.request.size": "message.max.bytes",
    "receive.buffer.bytes": "socket.receive.buffer.bytes",
    "send.buffer.bytes": "socket.send.buffer.bytes",
    "socket.connection.setup.timeout.ms": "socket.connection.setup.timeout.ms",
}
ASSIGNORS = {
    "RangeAssignor": "range",
    "RoundRobinAssignor": "roundrobin",
    "CooperativeStickyAssignor": "cooperative-sticky",
}
CONSUMER_REQUEST_TIMEOUT = "socket.timeout.ms"

INT_MAX = 2**31 - 1
"""librdkafka's numbers wrap beyond it, without a word."""

SAY_WHAT_IS_WAITED_FOR_S = 0.5

FIRST_PATIENCE_S = 1.0
"""How long nobody may answer until that is said."""

NOT_HERE = {
    "max.poll.records": "records are handed over one by one",
    "max.block.ms": "use --max-block-ms",
    "key.serializer": "the console tools write bytes",
    "value.serializer": "the console tools write bytes",
    "key.deserializer": "use --key-deserializer",
    "value.deserializer": "use --value-deserializer",
}


def translate(
    settings: Mapping[str, str], *, consumer: bool, refuses: bool = False
) -> dict[str, str]:
    """Java's settings as librdkafka's; what has no counterpart is told, or refused.

    Raises:
        OttlaError: a setting that would be unsafe to ignore.
        UsageError: a number that is none, or that librdkafka can't hold.
    """
    from ottla.config.row import client_rows

    _require_plaintext(settings)
    rows = client_rows("consumer" if consumer else "producer")
    out: dict[str, str] = {}
    for key, value in settings.items():
        if key in rows and rows[key].type in ("INT", "LONG"):
            require_int(key, value, max=2**63 - 1 if key == "buffer.memory" else INT_MAX)
        if key == "partition.assignment.strategy":
            out[key] = _assignors(value)
        elif key == "auto.offset.reset":
            out[key] = _reset(value)
        elif key == "buffer.memory":
            out["queue.buffering.max.kbytes"] = str(kilobytes(int(value)))
        elif key == "request.timeout.ms" and consumer:
            # librdkafka's own request.timeout.ms is the producer's ack timeout.
            out[CONSUMER_REQUEST_TIMEOUT] = value
        elif key in SAME:
            out[key] = value
        elif key in RENAMED:
            out[RENAMED[key]] = value
        else:
            reason = NOT_HERE.get(key) or _unknown(key, consumer)
            if refuses:
                raise UsageError(f"{key} is not honoured: {reason}")
            print(f"WARN {key} has no effect on this command: {reason}", file=sys.stderr)
    return out


def _require_plaintext(settings: Mapping[str, str]) -> None:
    """Refuse what would be unsafe to ignore."""
    protocol = settings.get("security.protocol", "PLAINTEXT")
    if protocol.upper() != "PLAINTEXT":
        raise OttlaError(
            f"security.protocol={protocol} is not built yet for this command",
            hint="the admin commands have TLS and SASL; this one needs a PLAINTEXT listener",
        )


def require_int(name: str, value: str | int, *, min: int = -1 - INT_MAX, max: int = INT_MAX) -> int:
    """A whole number in a range; librdkafka would make another one of what it can't hold.

    Raises:
        UsageError: it is none, or out of the range.
    """
    try:
        number = int(value)
    except ValueError:
        raise UsageError(f"{name} takes a whole number, not '{value}'") from None
    if not min <= number <= max:
        raise UsageError(f"{name} takes {min} to {max}, not {value}")
    return number


def kilobytes(size_bytes: int) -> int:
    """How librdkafka wants to be told of a memory's size."""
    return min(INT_MAX, max(1, size_bytes // 1024))


def _unknown(key: str, consumer: bool) -> str:
    from ottla.config.nearest import nearest
    from ottla.config.row import client_rows

    known = client_rows("consumer" if consumer else "producer")
    if key in known:
        return "only Apache's Java client knows it"
    close = nearest(key, known)
    return f"no such setting; did you mean {close}?" if close else "no such setting"


def _reset(value: str) -> str:
    if value.lower().startswith("by_duration:"):
        raise OttlaError(
            f"auto.offset.reset={value} is not for this command, but earliest, latest and none are",
            hint="kafka-consumer-groups.sh --reset-offsets --by-duration moves a group",
        )
    return "error" if value.lower() == "none" else value


def _assignors(value: str) -> str:
    names = []
    for part in value.split(","):
        short = part.strip().rpartition(".")[2]
        if short not in ASSIGNORS and short not in ASSIGNORS.values():
            raise OttlaError(
                f"partition.assignment.strategy: {part.strip()} is a class that only Java can load",
                hint=f"there are {', '.join(ASSIGNORS)}",
            )
        names.append(ASSIGNORS.get(short, short))
    return ",".join(names)


def require_topic_name(topic: str) -> None:
    """Refuse a name that no cluster can have; librdkafka would call such a topic unknown.

    Raises:
        UsageError: there is no name.
        Failed: it is none of a topic.
    """
    from ottla.metadata.topic_names import topic_name_problem

    if not topic:
        raise UsageError("--topic is empty")
    problem = topic_name_problem(topic)
    if problem is not None:
        raise Failed(f"Invalid topics: [{topic}]", hint=problem)


class Interrupts:
    """Signals that ask for the end while librdkafka works: raised as `Asked` as soon as it is done.

    Raised at once, it would come out of a callback of ours, where it gets lost and leaves nonsense.
    After the first one the command puts in order what it has; if that takes long it is said, and
    the second one ends the process wherever it is. A terminal that closes says so twice, so a
    second SIGHUP is none.
    """

    def __init__(self, waits_for: str) -> None:
        self._waits_for = waits_for
        self._asked = self._heard = self._holds = False
        self._held: BaseException | None = None
        self._listener: Listener | None = None

    def __enter__(self) -> Self:
        # A shell's background jobs ignore Ctrl-C.
        self._listener = Listener(
            not_ignored(ENDS), self._hear, handler=self._take, quiet_s=SAY_WHAT_IS_WAITED_FOR_S
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._listener is not None:
            self._listener.close()

    def call(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Let librdkafka work, or do what must not end half way; what was held back meanwhile is
        raised then. If the work itself fails, that is raised, and the signal by the next call.
        """
        if self._holds:
            return work(*arguments)
        self._holds = True
        try:
            done = work(*arguments)
        finally:
            self._holds = False
        held, self._held = self._held, None
        if held is not None:
            raise held
        return done

    def _take(self, number: int, _frame: object) -> None:
        if self._asked:
            return
        self._asked = True
        if not self._holds:
            raise Asked(number)
        self._held = Asked(number)

    def _hear(self, number: int) -> None:
        """In the listener's thread: the first is `_take`'s."""
        if number == 0:
            text = f"waiting for {self._waits_for}; Ctrl-C again to give up"
            print(text, file=sys.stderr, flush=True)
        elif not self._heard:
            self._heard = True
        elif number != signal.SIGHUP:
            os._exit(128 + number)


def wait_for_cluster(
    client: Any,
    interrupts: Interrupts,
    patience_ms: int,
    topic: str | None = None,
    *,
    ends: bool = True,
) -> None:
    """Until a node answers librdkafka's client, and knows the topic; asking makes it where nodes
    may. A signal ends the process at once, or, if it is not to, is heard within a second.

    Raises:
        Failed: not in time.
    """
    from confluent_kafka import KafkaError, KafkaException

    deadline = time.monotonic() + patience_ms / 1000
    patience_s, said, error = FIRST_PATIENCE_S, False, None
    while True:
        left_s = max(0.001, deadline - time.monotonic())
        try:
            with signals_end_it() if ends else nullcontext():
                found = interrupts.call(_list_topics, client, topic, min(patience_s, left_s))
            error = found.topics[topic].error if topic in found.topics else None
            if error is None:
                return
            passing = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.LEADER_NOT_AVAILABLE)
            if error.code() not in passing:
                raise Failed(f"topic {topic}: {error.str()}")
        except KafkaException as problem:
            # A last ask that had no time says less than what was heard before.
            if error is None or time.monotonic() < deadline:
                error = problem.args[0]
            patience_s *= 2 if ends else 1
        if time.monotonic() >= deadline:
            what = f"topic {topic} is not known" if topic else "nobody answers"
            why = in_our_words(error)
            raise Failed(f"{what} after {patience_ms} ms: {why}", hint=_advice(error))
        if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART and patience_ms > 5000 and not said:
            said = True
            print(f"WARN topic {topic} does not exist; still trying", file=sys.stderr, flush=True)
        interrupts.call(client.poll, 0.1)  # here librdkafka says what keeps it waiting


def _list_topics(client: Any, topic: str | None, timeout_s: float) -> Any:
    return client.list_topics(topic or "", timeout=timeout_s)


def _advice(error: Any) -> str:
    from confluent_kafka import KafkaError

    if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return "the cluster makes no topics by itself: `ottla topics create NAME` makes one"
    return HINT_REFUSED


@contextmanager
def signals_end_it() -> Iterator[None]:
    """While librdkafka waits, no handler of Python's runs: as long as there is nothing to be put in
    order, a signal then ends the process itself.
    """
    former = {number: signal.getsignal(number) for number in ENDS}
    own = {n: f for n, f in former.items() if f not in (signal.SIG_IGN, signal.SIG_DFL, None)}
    for number in own:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in own.items():
            signal.signal(number, handler)


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """What librdkafka raises inside, as an error of ours that opens with `what`.

    Raises:
        Failed: it raised.
    """
    from confluent_kafka import KafkaException

    try:
        yield
    except KafkaException as problem:
        raise Failed(f"{what}: {problem.args[0].str()}") from None


class Complaints:
    """What librdkafka reports while it works, each text once, on stderr; that nobody answers once
    each time.
    """

    def __init__(self) -> None:
        self._said: set[str] = set()

    @property
    def are_down(self) -> bool:
        """Whether nobody answered when something was last heard."""
        return "down" in self._said

    def __call__(self, error: Any) -> None:
        """librdkafka's error callback."""
        from confluent_kafka import KafkaError

        if speaks_something_else(error):
            self.say(in_our_words(error))
        elif error.code() in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
            # Of many texts for one fact the first says most: which address, and why.
            if self._is_new("down"):
                reason = error.str().partition(" (after ")[0]
                tell_waiting(OttlaError(reason, hint=HINT_REFUSED))
        else:
            self.say(error.str())

    def answered(self) -> None:
        """The cluster did something for us: if it was said to be away, it is back."""
        if self.are_down:
            self._said.discard("down")
            print("the cluster answers again", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """Print a text that was not printed before."""
        if self._is_new(text.partition(" (after ")[0]):
            print(f"WARN {text}; still trying", file=sys.stderr, flush=True)

    def _is_new(self, key: str) -> bool:
        if key in self._said:
            return False
        self._said.add(key)
        return True


def speaks_something_else(error: Any) -> bool:
    """Whether what came was no answer of Kafka's; librdkafka would have its buffer enlarged."""
    return "receive.message.max.bytes" in error.str()


def in_our_words(error: Any) -> str:
    """An error's text, or what it means if librdkafka takes it for something else, or what it
    mostly means where librdkafka keeps the broker's sentence to itself.
    """
    from confluent_kafka import KafkaError

    text: str = error.str()
    if error.code() == KafkaError.INVALID_RECORD:
        return f"{text} (a compacted topic takes none without a key)"
    if not speaks_something_else(error):
        return text
    return f"{text.partition('/')[0].rpartition(' ')[2]} does not speak Kafka's protocol"
