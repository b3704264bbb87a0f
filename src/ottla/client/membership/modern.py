"""A consumer in a group of KIP-848 (`group.protocol=consumer`): the coordinator assigns, and says
so by ConsumerGroupHeartbeat, the one request that there is.

Its owner sees the same as of `consumer_member`: `events.ConsumerMembership`. A member names itself,
joins at epoch 0, and from then on says in each heartbeat only what has changed. A target that comes
with an answer is reconciled by the thread that polls: let go of what is not in it, take what is
new, then acknowledge, by telling at once what the member has now. What stays true:

- One heartbeat is under way at a time (and besides, the farewell of who leaves); the interval
  between them is the coordinator's.
- After a heartbeat that got no good answer the next one says everything, for nobody knows what of
  it was heard.
- Who is fenced, or unknown, has lost all that it had: it joins again, at epoch 0 and by the same
  name, once its owner has confirmed that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ottla.client.backoff import Backoff
from ottla.client.machine import Ask, Coordinator, Destination
from ottla.client.membership.events import (
    Assigned,
    Event,
    Failed,
    GroupGeneration,
    KnownTopics,
    Lost,
    Revoke,
)
from ottla.client.membership.refusals import code_of, failure_of, is_lost, passes
from ottla.client.places import TopicPartition
from ottla.errors import OttlaError
from ottla.wire.coordinator_types import GROUP
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    TopicPartitions,
)

IDLE, JOINING, MEMBER, OUT, ENDED = "IDLE", "JOINING", "MEMBER", "OUT", "ENDED"
"""OUT: not in the group any more, and the owner has yet to confirm what was lost by that."""
JOIN_EPOCH = 0
LEAVE_EPOCH = -1
LEAVE_EPOCH_STATIC = -2
"""A static member that comes back: its partitions are kept for it until its session ends."""
FENCED = (ErrorCode.FENCED_MEMBER_EPOCH, ErrorCode.UNKNOWN_MEMBER_ID)

TopicIdPartition = tuple[bytes, int]


class ModernSettings(NamedTuple):
    """What does not change of a member."""

    group_id: str
    member_id: str
    """A name that nobody else has: a random UUID, as Kafka writes them."""
    instance_id: str | None = None
    rack_id: str | None = None
    server_assignor: str | None = None
    """group.remote.assignor; the group's own choice with None."""
    poll_interval_ms_max: int = 300_000
    request_timeout_ms: int = 30_000
    retry_backoff_ms: int = 100
    retry_backoff_ms_max: int = 1_000


class ModernMember:
    """One consumer; it joins once it has subscribed and its owner polls.

    Args:
        chance: numbers from 0 to 1, for retries not to come all at once.
    """

    def __init__(self, settings: ModernSettings, chance: Callable[[], float] | None = None) -> None:
        self._settings = settings
        self._coordinator = Coordinator(GROUP, settings.group_id)
        self.state = IDLE
        self.epoch = JOIN_EPOCH
        self._life = 0
        """Counts how often the member came into the group or fell out of it: an answer to what it
        said in a life before changes nothing.
        """
        self._topics: frozenset[str] = frozenset()
        self._pattern: str | None = None
        self._owned: dict[TopicIdPartition, TopicPartition] = {}
        self._target: frozenset[TopicIdPartition] | None = None
        self._known = KnownTopics({})
        self._told: dict[str, Any] = {}
        """The fields that the coordinator has heard; empty when it is to hear all of them."""
        self._reconciling = False
        self._failed: Failed | None = None
        self._out: Callable[[int], None] | None = None
        self._letting_go = False
        self._closed = False
        self._leave_epoch: int | None = None
        """What a heartbeat says that is to leave the group."""
        self._doubts: list[Destination] = []
        self._flying: dict[int, tuple[int, dict[str, Any]]] = {}
        """By token: the life that it is of, and the fields told."""
        self._last_token = 0
        self._now_ms = 0
        self._beat_at_ms = 0
        self._interval_ms = 0
        self._backoff = Backoff(settings.retry_backoff_ms, settings.retry_backoff_ms_max, chance)
        self._polled_at_ms: int | None = None

    # ------------------------------------------------------------ the owner's side

    @property
    def generation(self) -> GroupGeneration | None:
        """What to commit with, while the coordinator takes it for a member."""
        if self.state != MEMBER:
            return None
        one = self._settings
        return GroupGeneration(one.group_id, one.member_id, one.instance_id, self.epoch)

    @property
    def owned(self) -> frozenset[TopicPartition]:
        """What the member has now."""
        return frozenset(self._owned.values())

    @property
    def topics(self) -> frozenset[str]:
        """What is subscribed to."""
        return self._topics

    @property
    def wanted_topics(self) -> frozenset[str]:
        """What to keep metadata of."""
        return self._topics

    @property
    def awaited_topics(self) -> frozenset[str]:
        """None: the coordinator assigns."""
        return frozenset()

    @property
    def awaited_topic_ids(self) -> frozenset[bytes]:
        """Ids in the assignment whose topics' names are not known: to be looked up at once."""
        target = self._target or frozenset()
        return frozenset(uid for uid, _ in target if uid not in self._known.names)

    @property
    def has_event(self) -> bool:
        """Whether `event` is worth a call."""
        waits = self.state == OUT or self._failed is not None or self._letting_go
        waits = waits or (self.state == ENDED and bool(self._owned))
        return self._out is None and (waits or (self.state == MEMBER and self._reconciling))

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to do."""
        if self._failed is not None or self._out is not None or self._letting_go:
            return False
        if self.state == ENDED:
            return True
        return self._closed and self.state == IDLE and self._leave_is_told

    @property
    def _leave_is_told(self) -> bool:
        return self._leave_epoch is None and not self._flying

    def subscribe(self, topics: frozenset[str], now_ms: int) -> None:
        """Want these topics from now on; none means to leave the group."""
        self._subscribe(topics, None)

    def subscribe_pattern(self, pattern: str, now_ms: int) -> None:
        """Want all topics whose whole name is of this RE2 expression; the coordinator sees which
        there are.
        """
        self._subscribe(frozenset(), pattern)

    def _subscribe(self, topics: frozenset[str], pattern: str | None) -> None:
        if self._closed:
            return
        self._topics, self._pattern = topics, pattern
        self._letting_go = not topics and pattern is None
        if self.state == MEMBER:
            self._beat_at_ms = self._now_ms

    def metadata_changed(self, known: KnownTopics, now_ms: int) -> None:
        """All that is known of topics, their names by id above all."""
        self._known = known
        if self._target is not None and self._resolved().keys() != self._owned.keys():
            self._reconciling = True

    def polled(self, now_ms: int) -> None:
        """The user's thread is alive."""
        self._now_ms = self._polled_at_ms = now_ms
        wants = self._topics or self._pattern is not None
        if self.state == IDLE and wants and not self._letting_go and not self._closed:
            self._begin()

    def event(self, now_ms: int) -> Event | None:
        """The next event; none while one is not confirmed."""
        self._now_ms = now_ms
        if self._out is not None:
            return None
        if self.state in (OUT, ENDED):
            return self._tell_lost()
        if self._letting_go:
            return self._let_all_go(now_ms)
        if self.state == MEMBER and self._reconciling and self._target is not None:
            return self._reconcile()
        return None

    def confirmed(self, now_ms: int) -> None:
        """The owner is done with the last event."""
        self._now_ms = now_ms
        then, self._out = self._out, None
        if then is not None:
            then(now_ms)

    def commit_refused(self, code: ErrorCode, by: GroupGeneration, now_ms: int) -> None:
        """A commit was refused: a heartbeat will hear the same, and acts on it."""
        if by == self.generation:
            self._beat_at_ms = now_ms

    def close(self, now_ms: int) -> None:
        """Let go of everything and leave."""
        if not self._closed:
            self._closed = True
            self._letting_go = self.state != ENDED

    # ------------------------------------------------------------ events

    def _tell_lost(self) -> Event | None:
        if self._owned:
            self._out = self._forget_lost
            return Lost(tuple(sorted(self._owned.values())))
        if self._failed is not None:
            failed, self._failed = self._failed, None
            self._out = _nothing
            return failed
        if self.state == OUT:
            self._forget_lost(self._now_ms)
        return None

    def _forget_lost(self, now_ms: int) -> None:
        self._owned.clear()
        if self.state == OUT:
            self.state = IDLE
            self.polled(now_ms)  # Whoever takes events is polling.

    def _let_all_go(self, now_ms: int) -> Event | None:
        if not self._owned:
            self._leave(now_ms)
            return None
        self._out = self._leave
        gone = tuple(sorted(self._owned.values()))
        return Revoke(gone) if self.state == MEMBER else Lost(gone)

    def _leave(self, now_ms: int) -> None:
        self._owned.clear()
        if not self._letting_go:
            self._reconciling = self._target is not None  # It has subscribed again meanwhile.
            return
        self._letting_go = False
        if self.state in (JOINING, MEMBER):
            self._say_farewell()
            self._fall_out(IDLE)

    def _resolved(self) -> dict[TopicIdPartition, TopicPartition]:
        """The target, as far as its topics' names are known."""
        names = {uid: name for (uid, _), (name, _) in self._owned.items()}
        names.update(self._known.names)
        target = self._target or frozenset()
        return {(uid, p): (names[uid], p) for uid, p in target if uid in names}

    def _reconcile(self) -> Event:
        """The next step from what the member has to what it is to have."""
        target = self._target or frozenset()
        leaving = {key: place for key, place in self._owned.items() if key not in target}
        life = self._life
        if leaving:

            def gone(now_ms: int) -> None:
                for key in leaving:
                    self._owned.pop(key, None)

            self._out = gone
            return Revoke(tuple(sorted(leaving.values())))
        resolved = self._resolved()
        added = tuple(sorted(resolved[key] for key in resolved.keys() - self._owned.keys()))
        self._owned = resolved
        self._reconciling = False

        def taken(now_ms: int) -> None:
            if life == self._life and self.state == MEMBER:
                # The acknowledgement, which is due even if the member has again what it told last.
                self._told.pop("topic_partitions", None)
                self._beat_at_ms = now_ms

        self._out = taken
        return Assigned(added, tuple(sorted(resolved.values())))

    # ------------------------------------------------------------ the driver's side

    def asks(self, now_ms: int) -> list[Ask]:
        """What is to be sent now."""
        self._now_ms = now_ms
        self._watch_poll(now_ms)
        if self._leave_epoch is not None:
            epoch, self._leave_epoch = self._leave_epoch, None
            return [self._ask({}, epoch)]
        due_ms = self._beat_due_ms
        if due_ms is None or due_ms > now_ms:
            return []
        fields = self._fields()
        changed = {
            name: value for name, value in fields.items() if self._told.get(name, _UNTOLD) != value
        }
        self._beat_at_ms = now_ms + self._interval_ms
        return [self._ask(changed, self.epoch)]

    def doubts(self) -> list[Destination]:
        """The coordinator, if it is to be looked for again."""
        found, self._doubts = self._doubts, []
        return found

    @property
    def deadline_ms(self) -> int | None:
        """When to look again."""
        if self._leave_epoch is not None:
            return self._now_ms
        times = [at_ms for at_ms in (self._beat_due_ms, self._late_ms) if at_ms is not None]
        return min(times, default=None)

    @property
    def _beat_due_ms(self) -> int | None:
        beats = self.state in (JOINING, MEMBER) and not self._flying
        return self._beat_at_ms if beats else None

    @property
    def _late_ms(self) -> int | None:
        if self._polled_at_ms is None or self.state not in (JOINING, MEMBER):
            return None
        return self._polled_at_ms + self._settings.poll_interval_ms_max

    def _watch_poll(self, now_ms: int) -> None:
        """Who does not poll leaves, has lost what it had, and comes back when it polls."""
        if self._late_ms is not None and self._late_ms <= now_ms:
            self._say_farewell()
            self._fall_out(OUT)

    def _fields(self) -> dict[str, Any]:
        """What the coordinator is to know, besides who this is."""
        one = self._settings
        partitions: dict[bytes, list[int]] = {}
        if self.state == MEMBER:
            for uid, partition in sorted(self._owned):
                partitions.setdefault(uid, []).append(partition)
        told = self._told.get("topic_partitions", _UNTOLD)
        busy = self._reconciling or self._out is not None
        fields: dict[str, Any] = {
            "rack_id": one.rack_id,
            "rebalance_timeout_ms": one.poll_interval_ms_max,
            "server_assignor": one.server_assignor,
            # What is being let go of or taken is told when that is done.
            "topic_partitions": told if busy and told is not _UNTOLD else partitions,
        }
        if self._pattern is None:
            fields["subscribed_topic_names"] = sorted(self._topics)
        if self._pattern is not None or self._told.get("subscribed_topic_regex"):
            fields["subscribed_topic_regex"] = self._pattern or ""
            fields.setdefault("subscribed_topic_names", [])
        return fields

    def _ask(self, changed: dict[str, Any], epoch: int) -> Ask:
        request = ConsumerGroupHeartbeatRequest(
            group_id=self._settings.group_id,
            member_id=self._settings.member_id,
            member_epoch=epoch,
            instance_id=self._settings.instance_id,
        )
        for name, value in changed.items():
            if name == "topic_partitions":
                value = [
                    TopicPartitions(topic_id=uid, partitions=partitions)
                    for uid, partitions in value.items()
                ]
            setattr(request, name, value)
        self._last_token += 1
        # A farewell is of a life that is over, even if the next has begun.
        self._flying[self._last_token] = (self._life if epoch >= 0 else -1, changed)
        timeout_ms = self._settings.request_timeout_ms
        return Ask(self._last_token, self._coordinator, request, timeout_ms)

    # ------------------------------------------------------------ answers

    def answered(self, token: int, outcome: Any | OttlaError, now_ms: int) -> None:
        """A heartbeat has ended."""
        self._now_ms = now_ms
        life, changed = self._flying.pop(token)
        if is_lost(outcome):
            self._doubts = [self._coordinator]
        if life != self._life or self.state not in (JOINING, MEMBER):
            return
        code = code_of(outcome)
        if code == ErrorCode.NONE:
            self._backoff.reset()
            self._told.update(changed)
            self._take(outcome, now_ms)
        elif code in FENCED:
            self._fall_out(OUT)
        elif passes(outcome):
            self._told = {}
            self._beat_at_ms = now_ms + self._backoff.next_ms()
        else:
            self._failed = Failed(failure_of(outcome))
            self._fall_out(ENDED)

    def _take(self, response: Any, now_ms: int) -> None:
        is_new = self.state == JOINING
        self.state = MEMBER
        self.epoch = response.member_epoch
        self._interval_ms = response.heartbeat_interval_ms
        if response.assignment is not None:
            target = frozenset(
                (row.topic_id, partition)
                for row in response.assignment.topic_partitions
                for partition in row.partitions
            )
            if target != self._target:
                self._target = target
                self._reconciling = True
        elif is_new:
            self._target = self._target or frozenset()
        if self._fields_differ():
            self._beat_at_ms = now_ms
        else:
            self._beat_at_ms = now_ms + self._interval_ms

    def _fields_differ(self) -> bool:
        fields = self._fields()
        return any(self._told.get(name, _UNTOLD) != value for name, value in fields.items())

    # ------------------------------------------------------------ lives

    def _begin(self) -> None:
        """Join, by saying everything at epoch 0."""
        self._life += 1
        self.state = JOINING
        self.epoch = JOIN_EPOCH
        self._target = None
        self._told = {}
        self._beat_at_ms = self._now_ms

    def _fall_out(self, state: str) -> None:
        """The member is not in the group any more."""
        self._life += 1
        self.state = state
        self.epoch = JOIN_EPOCH
        self._target = None
        self._reconciling = False
        self._told = {}

    def _say_farewell(self) -> None:
        is_static = self._settings.instance_id is not None
        self._leave_epoch = LEAVE_EPOCH_STATIC if is_static else LEAVE_EPOCH


_UNTOLD = object()


def _nothing(now_ms: int) -> None:
    """Nothing follows."""
