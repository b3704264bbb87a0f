"""Transactions that one server leaves in its folder, in every state, and how the other ends them.

`write` makes the scenes, each with a topic of two partitions, an id and a group of its own; the
server then ends. `cut` makes of the folder what an end at a worse moment would have left: as if
nobody had written some markers and the records that say that all are there; ids at their last
epoch, which are 32,766 requests away otherwise; an id that is expired. `take_over` is the other
server's part, and what `Scene.values` then says is what readers of read_committed have to see from
then on, under whichever server.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ottla.coordinators.transaction import records
from ottla.coordinators.transaction.transaction import COMPLETED, PREPARED, State, Transaction
from ottla.decide import Record as Stored
from ottla.wire.errors import ErrorCode
from ottla.wire.producers import EPOCH_MAX
from ottla.wire.records import Batch, Record, build_batch, read_batches
from servers import eventually
from transacting import NOT_READY, UNSTABLE, Producer, Transacting

CONFIG = {
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "100",
    "offsets.retention.minutes": "50000000",
    "transactional.id.expiration.ms": "2000000000",
}
"""Late transactions are seen at once; a recorded folder's ids and offsets grow old."""
LATE_MS = 3000
"""The time-out of what is late: long enough to be written and left open."""
COMMITTED_OFFSET = 7

ENDED, PREPARING, ROTATING, GOING, FENCED, LATE, SPENT, SPENT_END, EXPIRED = (
    "ended", "prepared", "rotating", "going", "fenced", "late", "spent", "spent-end", "expired"
)  # fmt: skip
_WITH_OFFSETS = (ENDED, PREPARING, ROTATING, GOING)
_OPEN = (GOING, FENCED, LATE)
NEWER_ONLY = (ROTATING, SPENT_END)
"""The older way has no producer id that follows a transaction's end."""


@dataclasses.dataclass
class Scene:
    """One transactional id and what it did."""

    name: str
    kind: str
    newer: bool
    commit: bool
    producer_id: int = -1
    epoch: int = -1
    spare_id: int = -1
    """The producer id that follows, where one does."""
    values: list[list[str]] = dataclasses.field(default_factory=lambda: [[], []])
    """What readers of read_committed see of each partition, once it is taken over."""
    offset: int = -1
    """What the group has committed then."""

    @property
    def who(self) -> Producer:
        """Its producer as it was left."""
        return Producer(self.name, self.producer_id, self.epoch, self.newer)


def scenes(of: str, *, newer: bool = True) -> list[Scene]:
    """All scenes, under names of this round; without the newer way those of the older alone. What
    is late comes last, since its time runs.
    """
    found = []
    for kind in (ENDED, PREPARING, ROTATING, SPENT, SPENT_END, EXPIRED, GOING, FENCED, LATE):
        for is_newer in (True, False)[not newer :]:
            if kind in NEWER_ONLY and not is_newer:
                continue
            for commit in (True, False) if kind in (ENDED, PREPARING, ROTATING) else (True,):
                how = f"{'newer' if is_newer else 'older'}-{'commit' if commit else 'abort'}"
                found.append(Scene(f"{of}-{kind}-{how}", kind, is_newer, commit))
    return found


def write(port: int, played: list[Scene]) -> None:
    """Play them to a node that runs; the last of them are open then."""
    node = Transacting(port)
    for scene in played:
        node.create(scene.name, 2, retention_ms="-1")
    for scene in played:
        timeout_ms = LATE_MS if scene.kind == LATE else 600_000
        if scene.kind == ROTATING:
            scene.spare_id = node.begin(f"{scene.name}-spare").id
        who = node.begin(scene.name, newer=scene.newer, timeout_ms=timeout_ms)
        scene.producer_id, scene.epoch = who.id, who.epoch
        if scene.kind in (SPENT, SPENT_END, EXPIRED):
            continue
        for partition in range(2):
            node.write(who, scene.name, partition, b"%d" % partition)
        if scene.kind in _WITH_OFFSETS:
            node.commit_offset(who, scene.name, scene.name, COMMITTED_OFFSET)
        if scene.kind not in _OPEN:
            after = node.finish(who, commit=scene.commit)
            scene.epoch = after.epoch
    node.close()


# ------------------------------------------------------------------------------- the folder
def cut(folder: Path, played: list[Scene]) -> None:
    """Make of a folder that nobody holds what a worse end would have left."""
    unfinished = {s.producer_id: s for s in played if s.kind in (PREPARING, ROTATING)}
    by_name = {scene.name: scene for scene in played}

    def told(record: Record) -> Record | None:
        scene = by_name.get(records.read_key(record.key or b""))
        if scene is None or record.value is None:
            return record
        state = _as_if(scene, records.read_state(record.value))
        if state is None:
            return None
        return record._replace(value=_stored(scene.name, state, record.value))

    for log in sorted(folder.glob("__transaction_state-*/*.log")):
        keys = _rewrite(log, lambda batch: _with_records(batch, told))
        for scene in played:
            if scene.kind == EXPIRED and scene.name in keys:
                _append(log, records.tombstone(scene.name))
    for log in sorted(folder.glob("__consumer_offsets-*/*.log")):
        _rewrite(log, lambda batch: not (batch.is_control and batch.producer_id in unfinished))
    for scene in unfinished.values():  # its partition 0 has heard of the end, and 1 has not
        for log in folder.glob(f"{scene.name}-1/*.log"):
            _rewrite(log, lambda batch: not batch.is_control)
    _forget_what_is_derived(folder)


def open_since_now(folder: Path, played: list[Scene]) -> None:
    """Make of a folder that was kept for long one of today: what is not late must not become so."""
    by_name = {scene.name: scene for scene in played if scene.kind != LATE}
    now_ms = time.time_ns() // 1_000_000

    def told(record: Record) -> Record:
        name = records.read_key(record.key or b"")
        if name not in by_name or record.value is None:
            return record
        state = records.read_state(record.value)
        if state.state == State.ONGOING:
            state = state._replace(start_ms=now_ms, updated_ms=now_ms)
        return record._replace(value=_stored(name, state, record.value))

    for log in sorted(folder.glob("__transaction_state-*/*.log")):
        _rewrite(log, lambda batch: _with_records(batch, told))


def _stored(name: str, state: Transaction, before: bytes) -> bytes | None:
    """A state in the form of the record that it replaces."""
    return records.state_of(name, state, 2 if before[:2] == b"\0\1" else 0).value


def _as_if(scene: Scene, state: Transaction) -> Transaction | None:
    """The state that the record has to tell; None for none."""
    if scene.kind in (PREPARING, ROTATING) and state.state in COMPLETED:
        return None
    if scene.kind == ROTATING and state.state in PREPARED:
        return state._replace(producer_epoch=EPOCH_MAX, next_producer_id=scene.spare_id)
    if scene.kind in (SPENT, SPENT_END):
        scene.epoch = EPOCH_MAX - 1
        return state._replace(producer_epoch=scene.epoch)
    return state


def _with_records(batch: Batch, told: Callable[[Record], Record | None]) -> bytes | bool:
    if batch.is_control:
        return True
    kept = [new for record in batch.records if (new := told(record)) is not None]
    return bool(kept) and build_batch(
        kept, base_offset=batch.base_offset, leader_epoch=batch.leader_epoch
    )


def _rewrite(log: Path, made: Callable[[Batch], bytes | bool]) -> set[str]:
    """Write a log anew, of each batch what is made of it, True for the same. The transactional ids
    that its keys name, where it is theirs.
    """
    data = log.read_bytes()
    batches = read_batches(data)
    pieces = []
    for batch in batches:
        new = made(batch)
        if new is True:
            new = data[batch.position : batch.position + batch.size_bytes]
        pieces.append(new or b"")
    log.write_bytes(b"".join(pieces))
    if "__transaction_state" not in str(log):
        return set()
    return {
        records.read_key(record.key or b"")
        for batch in batches
        if not batch.is_control
        for record in batch.records
    }


def _append(log: Path, record: Stored) -> None:
    last = read_batches(log.read_bytes())[-1]
    stored = Record(record.key, record.value, (), last.max_timestamp_ms)
    with log.open("ab") as file:
        file.write(
            build_batch([stored], base_offset=last.last_offset + 1, leader_epoch=last.leader_epoch)
        )


def _forget_what_is_derived(folder: Path) -> None:
    """What a server makes anew after an end without warning, and did not know of the cut."""
    for name in (
        *(".kafka_cleanshutdown", "recovery-point-offset-checkpoint"),
        "replication-offset-checkpoint",
    ):
        (folder / name).unlink(missing_ok=True)
    for kind in ("index", "timeindex", "txnindex", "snapshot"):
        for file in folder.glob(f"*/*.{kind}"):
            if "__cluster_metadata" not in str(file):
                file.unlink()


# ------------------------------------------------------------------------------- the other side
def take_over(port: int, played: list[Scene]) -> None:
    """See that a node ends each scene rightly, by itself where it has to; then use each id once
    more, so that nothing is left of what was.
    """
    node = Transacting(port)
    for scene in played:
        _TAKE_OVER[scene.kind](node, scene)
    for scene in played:
        expect(node, scene)
    for scene in played:
        who = node.begin(scene.name, newer=scene.newer)
        assert (who.id, who.epoch) > (scene.producer_id, scene.epoch), f"{scene}: {who}"
        for partition in range(2):
            node.write(who, scene.name, partition, b"after")
            scene.values[partition].append("after")
        who = node.finish(who, commit=True)
        scene.producer_id, scene.epoch = who.id, who.epoch
        expect(node, scene)
    node.close()


def expect(node: Transacting, scene: Scene) -> None:
    """What readers of read_committed see now, of records and of offsets."""
    for partition in range(2):
        node.sees(scene.name, partition, *map(str.encode, scene.values[partition]))
    assert node.group_offset(scene.name, scene.name) == scene.offset, scene


def _completes(node: Transacting, scene: Scene) -> None:
    """By itself, whether it was complete before or not."""
    found = node.until(scene.name, "CompleteCommit" if scene.commit else "CompleteAbort")
    if scene.kind == ROTATING:
        assert (found.producer_id, found.producer_epoch) == (scene.spare_id, 0), found
        scene.producer_id, scene.epoch = scene.spare_id, 0
    else:
        assert (found.producer_id, found.producer_epoch) == (scene.producer_id, scene.epoch), found
    if scene.commit:
        scene.values, scene.offset = [["0"], ["1"]], COMMITTED_OFFSET


def _goes_on(node: Transacting, scene: Scene) -> None:
    """The same producer writes on and commits, as if nothing had been."""
    found = node.until(scene.name, "Ongoing")
    assert (found.producer_id, found.producer_epoch) == (scene.producer_id, scene.epoch), found
    for partition in range(2):
        assert node.end_offset(scene.name, partition, committed=True) == 0
        assert node.values(scene.name, partition) == []
    assert node.group_offset(scene.name, scene.name) == UNSTABLE
    node.write(scene.who, scene.name, 0, b"more", at=1)
    who = node.finish(scene.who, commit=True)
    scene.producer_id, scene.epoch = who.id, who.epoch
    scene.values, scene.offset = [["0", "more"], ["1"]], COMMITTED_OFFSET


def _is_fenced(node: Transacting, scene: Scene) -> None:
    """Another one begins: what the one before left open is aborted, and it hears of it."""
    old = scene.who
    node.ready(scene.name)
    told = eventually(
        lambda: _told(node, scene), f"{scene.name} hears CONCURRENT_TRANSACTIONS", timeout_s=60
    )
    assert told == ErrorCode.CONCURRENT_TRANSACTIONS, told
    who = node.begin(scene.name, newer=scene.newer)
    assert who.id == old.id
    assert who.epoch > old.epoch
    scene.epoch = who.epoch
    code, _ = node.end(old, commit=True)
    assert code == ErrorCode.PRODUCER_FENCED, code


def _told(node: Transacting, scene: Scene) -> int:
    """What InitProducerId is told once the coordinator is loaded; 0 until then."""
    code: int = node.init(scene.name, newer=scene.newer).error_code
    loading = code in NOT_READY - {ErrorCode.CONCURRENT_TRANSACTIONS}
    assert code, "the open transaction was not there"
    return 0 if loading else code


def _is_late(node: Transacting, scene: Scene) -> None:
    """By itself, when its time is up."""
    found = node.until(scene.name, "CompleteAbort")
    assert found.producer_epoch == scene.epoch + 1, found
    scene.epoch = found.producer_epoch


def _starts_anew(node: Transacting, scene: Scene) -> None:
    """No epoch is left of the producer id: the next producer gets another."""
    who = node.begin(scene.name, newer=scene.newer)
    assert who.id > scene.producer_id, f"{scene} went on as {who}"
    assert who.epoch == 0
    scene.producer_id, scene.epoch = who.id, who.epoch


def _spends_the_last(node: Transacting, scene: Scene) -> None:
    """A transaction in the last epoch ends, and its producer goes on under another id."""
    node.ready(scene.name)
    for partition in range(2):
        node.write(scene.who, scene.name, partition, b"last")
    who = node.finish(scene.who, commit=True)
    assert who.id > scene.producer_id
    assert who.epoch == 0
    scene.producer_id, scene.epoch = who.id, who.epoch
    for partition in range(2):
        node.write(who, scene.name, partition, b"first")
    who = node.finish(who, commit=True)
    assert (who.id, who.epoch) == (scene.producer_id, 1)
    scene.epoch = who.epoch
    scene.values = [["last", "first"]] * 2
    scene.values = [[*one] for one in scene.values]


def _is_unknown(node: Transacting, scene: Scene) -> None:
    """It is expired: nobody knows it, and who begins is somebody else."""
    node.ready(scene.name)
    found = node.given(lambda: node.state(scene.name), lambda one: [one.error_code])
    assert found.error_code == ErrorCode.TRANSACTIONAL_ID_NOT_FOUND, found
    _starts_anew(node, scene)


_TAKE_OVER: dict[str, Callable[[Transacting, Scene], None]] = {
    ENDED: _completes,
    PREPARING: _completes,
    ROTATING: _completes,
    GOING: _goes_on,
    FENCED: _is_fenced,
    LATE: _is_late,
    SPENT: _starts_anew,
    SPENT_END: _spends_the_last,
    EXPIRED: _is_unknown,
}


def partitions_of(folder: Path) -> Iterator[Path]:
    """The folders of all partitions that clients write to, and of groups' offsets."""
    for place in sorted(folder.iterdir()):
        is_kept = place.name.startswith(("__cluster_metadata", "__transaction_state"))
        if place.is_dir() and any(place.glob("*.log")) and not is_kept:
            yield place


def nothing_hangs(port: int, folder: Path) -> None:
    """Everything can be read to its end, and no producer is in a transaction anywhere."""
    node = Transacting(port)
    for place in partitions_of(folder):
        topic, _, partition = place.name.rpartition("-")
        node.closed(topic, int(partition))
    assert all(
        one.transaction_state.startswith(("Complete", "Empty"))
        for one in node.listed().transaction_states
    )
    node.close()


def as_json(played: list[Scene]) -> str:
    """For a folder that is kept."""
    return json.dumps([dataclasses.asdict(scene) for scene in played], indent=1) + "\n"


def from_json(text: str) -> list[Scene]:
    """What `as_json` made."""
    return [Scene(**one) for one in json.loads(text)]
