"""Carries what changed in the cluster's image to the core: partitions to lead or follow, to
configure, to delete.

The core hears only of differences, and at the end of the start of all at once: until then deltas
move the image alone, as a broker that is fenced and let in again would place every partition three
times. It notes what is wanted at once, and makes it so in the background: a delta is pending until
the core says that it is applied. Coordinators hear of it at once; what they lead from now on they
take up as soon as that partition is open, whatever else a disk takes its time for. A partition that
the core can't open (a full disk, a corrupt folder) is named in the log, answers KAFKA_STORAGE_ERROR
and is shown offline; the core tries it again, and the others go on.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ottla._core import CoreError, PartitionState, TopicConfig, TopicPartition
from ottla.config.alteration import is_unknown, why_without_effect
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.image import BROKER_RESOURCE, TOPIC_RESOURCE
from ottla.metadata.topic_names import is_internal
from ottla.node.changes import changes
from ottla.node.coordinators import Led

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ottla._core import Node as Core
    from ottla.broker.context import Context
    from ottla.broker.directories import Directories
    from ottla.config.broker import BrokerConfig
    from ottla.metadata.image import Partition, Topic
    from ottla.node.coordinators import Coordinators
    from ottla.node.logs import Logs


class _Pending:
    """A delta that the core has not applied yet."""

    __slots__ = ("awaited", "first_offset", "marks", "offset")

    def __init__(self, first_offset: int, offset: int) -> None:
        self.first_offset = first_offset
        self.offset = offset
        self.marks: set[int] = set()
        """What the core has not reached of it."""
        self.awaited = True
        """Whether replies wait for it."""


class Publisher:
    """Applies deltas to the core and tells the coordinators what they lead."""

    __slots__ = (
        "_begun",
        "_configure_node",
        "_context",
        "_coordinators",
        "_core",
        "_directories",
        "_logs",
        "_marks",
        "_pending",
        "_unopened",
        "_waiting",
    )

    def __init__(
        self,
        context: Context,
        directories: Directories,
        core: Core,
        coordinators: Coordinators,
        logs: Logs,
        configure_node: Callable[[BrokerConfig], None],
    ) -> None:
        self._context = context
        self._directories = directories
        """What the disks do to partitions is noted there, and handlers see it."""
        self._core = core
        self._coordinators = coordinators
        self._logs = logs
        self._configure_node = configure_node
        """Told of the broker's config when it may have changed."""
        self._begun = False
        """Whether the core is told of deltas."""
        self._marks = 0
        self._waiting: dict[int, tuple[_Pending, Led | None]] = {}
        """By mark: the delta that it is of, and which partition of a coordinator it opens."""
        self._pending: dict[int, _Pending] = {}
        """By the offset that they end at."""
        self._unopened: list[tuple[str, int, CoreError]] = []
        """Partitions that could not be opened, and why; told when the delta is applied."""

    def publish(self, delta: MetadataDelta) -> bool:
        """The context shows the image from now on; let the core be as it says. Whether it is so
        already, or nobody has to wait for that.
        """
        first_offset = self._context.image.offset + 1
        self._context.show(delta)
        self._tell_of_keys_without_effect(delta)
        return not self._begun or self._tell(delta, first_offset)

    def begin(self) -> None:
        """Let the core be as the image says, and as all that follow will say."""
        self._begun = True
        self._configure_node(self._context.settings.config)
        self._tell(MetadataDelta.whole(self._context.image), 0)

    def _tell(self, delta: MetadataDelta, first_offset: int) -> bool:
        """Tell the core of a delta; whether it is as that says."""
        context, core = self._context, self._core
        led = self._coordinators.publish(delta)
        gone = list(self._gone(delta))
        if gone:
            core.delete_partitions([TopicPartition(topic.name, index) for topic, index in gone])
            for topic, index in gone:
                self._directories.forget(topic, index)
        first = first_offset == 0
        if not first:
            for line in changes(delta):
                self._logs.info(line)
        lying = self._lying() if first else None
        if self._directories.several:
            self._place(delta, lying)
        if lying is not None:
            self._tell_of_missing_folders(lying)
        configs: dict[str, TopicConfig] = {}
        pending = _Pending(first_offset, delta.image.offset)
        others = []
        for change in delta.partitions_changed():
            if context.node_id not in change.new.replicas:
                continue
            state = self._state(change.topic, change.index, change.new, configs)
            one = Led(change.topic.id, change.index)
            if one in led:
                core.place([state])
                self._mark(pending, one)
            else:
                others.append(state)
        if others:
            core.place(others)
        if not first and any(kind == BROKER_RESOURCE for kind, _ in delta.configs_changed):
            self._configure_node(context.settings.config)
        for name in self._reconfigured(delta):
            core.configure_topic(name, self._config(name, configs))
        self._mark(pending)
        if pending.marks:
            self._pending[pending.offset] = pending
            return False
        self._tell_of_unopened()
        return True

    def _mark(self, pending: _Pending, led: Led | None = None) -> None:
        """Hear when all is so that the core was told since the last mark."""
        self._marks += 1
        if not self._core.mark(self._marks):
            pending.marks.add(self._marks)
            self._waiting[self._marks] = pending, led
        elif led is not None:
            self._coordinators.opened(led.topic_id, led.partition)

    def _gone(self, delta: MetadataDelta) -> Iterable[tuple[Topic, int]]:
        """What this broker hosts no more: its topic is deleted, or others have its replicas now."""
        me = self._context.node_id
        for topic in delta.topics_deleted():
            for index, partition in enumerate(topic.partitions):
                if me in partition.replicas:
                    yield topic, index
        for change in delta.partitions_changed():
            old, new = change.old, change.new
            if old is not None and me in old.replicas and me not in new.replicas:
                yield change.topic, change.index

    def applied(self, mark: int) -> None:
        """The core is as it was told up to this mark."""
        pending, led = self._waiting.pop(mark)
        pending.marks.remove(mark)
        if led is not None:
            self._coordinators.opened(led.topic_id, led.partition)
        if not pending.marks:
            del self._pending[pending.offset]
            self._tell_of_unopened()

    def wait_no_more(self, offset: int) -> None:
        """Let nobody be answered later for the sake of the delta that ends there."""
        if offset in self._pending:
            self._pending[offset].awaited = False

    def is_applied(self, first: int, end: int) -> bool:
        """Whether the core is as the records between these offsets say, or nobody waits for it."""
        return not any(
            pending.first_offset < end and first <= pending.offset and pending.awaited
            for pending in self._pending.values()
        )

    def _place(
        self, delta: MetadataDelta, lying: Mapping[tuple[str, int], list[int]] | None = None
    ) -> None:
        """Settle in which log directories partitions are; `lying` are those that have folders of
        them, None if all that the delta names are new.
        """
        context = self._context
        for change in delta.partitions_changed():
            if context.node_id in change.new.replicas:
                there = None if lying is None else lying.get((change.topic.name, change.index), ())
                self._directories.place(change.topic, change.index, change.new, there)

    def _lying(self) -> dict[tuple[str, int], list[int]]:
        """Which log directories have a folder of which partition."""
        log_dirs = [os.path.normpath(path) for path in self._context.log_dirs]
        places: dict[str, int] = {}
        lying: dict[tuple[str, int], list[int]] = {}
        for stray in self._core.strays():
            parent = stray.folder.rpartition(os.sep)[0]
            if parent not in places:
                places[parent] = log_dirs.index(os.path.normpath(parent))
            lying.setdefault((stray.topic, stray.partition), []).append(places[parent])
        return lying

    def _state(
        self, topic: Topic, index: int, partition: Partition, configs: dict[str, TopicConfig]
    ) -> PartitionState:
        place = self._directories.index(topic.id, index)
        if place is None:
            place = len(self._context.log_dirs)  # which the core knows to be away
        return PartitionState(
            topic=topic.name,
            topic_id=topic.id,
            partition=index,
            leader=partition.leader,
            leader_epoch=partition.leader_epoch,
            partition_epoch=partition.partition_epoch,
            replicas=partition.replicas,
            isr=partition.isr,
            log_dir=place,
            config=self._config(topic.name, configs),
            internal=is_internal(topic.name),
        )

    def _config(self, topic: str, configs: dict[str, TopicConfig]) -> TopicConfig:
        """A topic's config for the core, made once for a delta."""
        config = configs.get(topic)
        if config is None:
            values = self._context.settings.topic(topic)
            config = configs[topic] = TopicConfig(values)
        return config

    def _tell_of_keys_without_effect(self, delta: MetadataDelta) -> None:
        """Broker configs that nothing reads are kept, as in Apache Kafka; whoever set one knows.

        What this node refuses may be set all the same: in a folder that Apache Kafka wrote.
        """
        for kind, name in delta.configs_changed:
            if kind != BROKER_RESOURCE:
                continue
            whose = f"broker {name}" if name else "all brokers"
            for key in delta.image.configs.get((kind, name), ()):
                if is_unknown(key):
                    self._logs.warn_once(
                        f"broker config {key} of {whose}",
                        f"{key} was set for {whose}, but no broker has such a key: it is kept and "
                        "has no effect; delete it with kafka-configs.sh --delete-config",
                    )
                elif (reason := why_without_effect(key)) is not None:
                    self._logs.warn_once(
                        f"broker config {key} of {whose}",
                        f"{key} is set for {whose} and has no effect: it can't be {reason}",
                    )

    def _tell_of_unopened(self) -> None:
        unopened, self._unopened = self._unopened, []
        for names, problem in by_cause(unopened):
            what = f"{some(names)} can't be opened: {problem.text}; {_are(names)} offline"
            if problem.kind != "away":
                what += (
                    ", the files stay as they are, and it is tried again: see to the disk, or mend "
                    "what is named"
                )
            self._logs.error(what)

    def _tell_of_missing_folders(self, lying: Mapping[tuple[str, int], list[int]]) -> None:
        """At the start: partitions that were made before and whose folders are gone begin anew."""
        context, directories = self._context, self._directories
        # What was on its way there is taken for it.
        arriving = {
            (os.path.dirname(one.folder), f"{one.topic}-{one.partition}")
            for one in self._core.futures()
        }
        missing: list[list[str]] = [[] for _ in context.log_dirs]
        for topic in context.image.topics.by_name.values():
            for index, partition in enumerate(topic.partitions):
                if context.node_id not in partition.replicas:
                    continue
                place = directories.index(topic.id, index)
                if place is None or place in directories.failed:  # which is told of elsewhere
                    continue
                if place not in lying.get((topic.name, index), ()):
                    name = f"{topic.name}-{index}"
                    folder = os.path.normpath(context.log_dirs[place])
                    if (folder, name) not in arriving and not self._is_there(
                        os.path.join(folder, name)
                    ):
                        missing[place].append(name)
        for folder, names in zip(context.log_dirs, missing, strict=True):
            if names:
                self._logs.warn(
                    f"{some(names)} had no folder in {folder} and {_begin(names)} anew, empty: if "
                    "there were records, stop the node and bring the folders back, from the disk "
                    "that was mounted there or a backup"
                )

    def _is_there(self, path: str) -> bool:
        """Whether anything has that name, be it no folder; taken for granted where nobody knows."""
        try:
            return self._core.disk.stat(path) is not None
        except CoreError:
            return True

    # ------------------------------------------------------------------ what disks do
    def unopened(self, topic_id: bytes, index: int, problem: CoreError) -> None:
        """A partition can't be opened (any more): it is offline until `healed`."""
        topic = self._hosted(topic_id, index)
        if topic is None:
            return
        self._directories.unopened(topic.name, index)
        self._unopened.append((topic.name, index, problem))
        if not self._pending:
            self._tell_of_unopened()

    def healed(self, topic_id: bytes, index: int) -> None:
        """A partition that was offline, or took no writes, is served again."""
        topic = self._hosted(topic_id, index)
        if topic is None:
            return
        self._logs.info(f"{topic.name}-{index} is open and takes writes again")
        if self._directories.opened(topic.name, index):
            self._coordinators.opened(topic_id, index)

    def _hosted(self, topic_id: bytes, index: int) -> Topic | None:
        """The topic of a partition that the core tells of; None if it is not here any more."""
        topic = self._context.image.topics.by_id.get(topic_id)
        if topic is None or not 0 <= index < len(topic.partitions):
            return None
        return topic if self._context.node_id in topic.partitions[index].replicas else None

    def _reconfigured(self, delta: MetadataDelta) -> Iterable[str]:
        """Topics whose configs changed, or all of them when a broker default did."""
        image = delta.image
        if any(kind == BROKER_RESOURCE for kind, _ in delta.configs_changed):
            return list(image.topics.by_name)
        return [
            name
            for kind, name in delta.configs_changed
            if kind == TOPIC_RESOURCE and name in image.topics.by_name
        ]


NAMES_MAX = 3
"""How many of many partitions a line of the log names."""


def some(names: list[str]) -> str:
    """`a-0`, or `5 partitions (a-0, a-1, a-2 and 2 more)`."""
    if len(names) == 1:
        return names[0]
    more = len(names) - NAMES_MAX
    shown = ", ".join(names[:NAMES_MAX]) + (f" and {more} more" if more > 0 else "")
    return f"{len(names)} partitions ({shown})"


def by_cause(
    unopened: Iterable[tuple[str, int, CoreError]],
) -> Iterable[tuple[list[str], CoreError]]:
    """Partitions that the same keeps from being opened, with what was said of the first of them."""
    causes: dict[tuple[object, ...], tuple[list[str], CoreError]] = {}
    for topic, index, problem in unopened:
        name = f"{topic}-{index}"
        causes.setdefault(_cause(name, problem), ([], problem))[0].append(name)
    return causes.values()


def _cause(name: str, problem: CoreError) -> tuple[object, ...]:
    """What keeps a partition from being opened, as it can be compared: the kind of refusal, the
    system's number, and where. It is the same place in another partition's folder, and the same
    kind of file at another offset.
    """
    *folders, file = (problem.path or "").split(os.sep)
    stem, suffix = os.path.splitext(file)
    where = (*folders, suffix if stem.isdigit() else file)
    return problem.kind, problem.errno, *(part for part in where if part != name)


def _are(names: list[str]) -> str:
    return "they are" if len(names) > 1 else "it is"


def _begin(names: list[str]) -> str:
    return "begin" if len(names) > 1 else "begins"
