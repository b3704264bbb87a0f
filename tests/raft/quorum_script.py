"""Scripts of one voter of a quorum: every message to it, and what it then wants done.

    PYTHONPATH=src:tests python tests/raft/quorum_script.py --rewrite

    voter N voters=1,2 [epoch=0] [leader=] [voted=] [end=0] [last-epoch=0] [dynamic=1]
          [bootstrapped=1] [directory=1] [registered=1] [address=h:1] [known=h:1]
    start | propose N | flushed OFFSET | resign | position N
    wait MS

The trace holds the fields of `Ready` in their order: what is saved, appended (offsets, epoch, and
what control records say), flushed, and the high watermark; or the error and its hint.
"""

from __future__ import annotations

import scripted
from coordinators.trace import fields
from ottla.errors import OttlaError
from ottla.raft.control_records import decode_control
from ottla.raft.quorum import (
    Batch,
    Flushed,
    Message,
    Propose,
    Quorum,
    Ready,
    Resign,
    Started,
)
from ottla.raft.quorum_state import QuorumState
from ottla.raft.voters import Endpoints, Voter, VoterHistory

ROOM = "raft"
DEFAULT_DIRECTORY = 1


class Script:
    """Runs commands on one voter."""

    def __init__(self) -> None:
        self._now_ms = 0
        self._quorum: Quorum

    def run(self, command: str) -> list[str]:
        """The trace of one command."""
        name, words, args = scripted.words_of(command)
        try:
            found: list[str] = getattr(self, "_do_" + name)(words, args)
        except OttlaError as error:
            return [f"! {type(error).__name__}: {error}", *([f"  {error.hint}"] * bool(error.hint))]
        return found

    def _do_voter(self, words: list[str], args: dict[str, str]) -> list[str]:
        self._now_ms = 0
        registered = _uuid(int(args.get("registered", args.get("directory", DEFAULT_DIRECTORY))))
        dynamic = args.get("dynamic") == "1"
        voters = {
            number: Voter(number, registered if dynamic else bytes(16), _endpoints(args, "known"))
            for number in map(int, args["voters"].split(","))
        }
        history = VoterHistory({} if dynamic else voters)
        if dynamic:
            since = -1 if args.get("bootstrapped") == "1" else 0
            history.set_kraft_version(since, 1)
            history.set_voters(since, voters)
        self._quorum = Quorum(
            node_id=int(words[0]),
            directory_id=_uuid(int(args.get("directory", DEFAULT_DIRECTORY))),
            state=QuorumState(
                int(args.get("epoch", "0")),
                leader_id=int(args.get("leader", "-1")),
                voted_id=int(args.get("voted", "-1")),
            ),
            history=history,
            end_offset=int(args.get("end", "0")),
            last_epoch=int(args.get("last-epoch", "0")),
            endpoints=_endpoints(args, "address"),
        )
        return []

    def _do_start(self, _words: list[str], _args: dict[str, str]) -> list[str]:
        return self._step(Started())

    def _do_propose(self, words: list[str], _args: dict[str, str]) -> list[str]:
        return self._step(Propose([(None, b"record")] * int(words[0])))

    def _do_flushed(self, words: list[str], _args: dict[str, str]) -> list[str]:
        return self._step(Flushed(int(words[0])))

    def _do_resign(self, _words: list[str], _args: dict[str, str]) -> list[str]:
        return self._step(Resign())

    def _do_position(self, words: list[str], _args: dict[str, str]) -> list[str]:
        end, fetched, caught_up = self._quorum.position(int(words[0]), self._now_ms)
        return [f"end={end} fetched={fetched} caught-up={caught_up}"]

    def _do_wait(self, words: list[str], _args: dict[str, str]) -> list[str]:
        self._now_ms += int(words[0])
        return []

    def _step(self, message: Message) -> list[str]:
        ready = self._quorum.step(message, self._now_ms)
        return [*_told(ready), f"is {self._quorum.role}"]


def _told(ready: Ready) -> list[str]:
    lines = []
    if ready.save is not None:
        state = ready.save
        lines.append(
            f"save epoch={state.leader_epoch} leader={state.leader_id} voted={state.voted_id}"
        )
    for batch in ready.append:
        kind = "control" if batch.control else "records"
        lines.append(
            f"append {kind} {batch.base_offset}-{batch.last_offset} epoch={batch.leader_epoch} "
            f"at={batch.timestamp_ms}"
        )
        lines += [f"  {line}" for line in _control(batch)]
    lines += ["flush"] * ready.flush
    if ready.high_watermark is not None:
        lines.append(f"high watermark {ready.high_watermark}")
    return lines


def _control(batch: Batch) -> list[str]:
    if not batch.control:
        return []
    found = [decode_control(key or b"", value) for key, value in batch.records]
    return [f"{type(one).__name__} {fields(one)}" for one in found if one is not None]


def _endpoints(args: dict[str, str], name: str) -> Endpoints:
    host, colon, port = args.get(name, "").partition(":")
    return (("CONTROLLER", host, int(port)),) if colon else ()


def _uuid(number: int) -> bytes:
    return bytes(15) + bytes([number])


if __name__ == "__main__":
    scripted.main(ROOM, lambda: Script().run)
