"""One run: under a seed, a node and its clients, one step after the other, and what befalls them.

The seed chooses every step: which client acts, which frame is handled, what is done in the
background, when time passes, what fails. After each the invariants are asked. Two runs under one
seed are the same, line by line of their traces.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable
from hashlib import blake2b
from random import Random
from traceback import format_exc
from typing import TYPE_CHECKING, NamedTuple

from ottla._core import CoreError
from ottla.errors import OttlaError
from ottla.sim.clients.admin import Admin
from ottla.sim.clients.client import Client, Surroundings
from ottla.sim.clients.consumer import CONSUMERS, Consumer
from ottla.sim.clients.keyed import KEYED, REREADERS, KeyedProducer, Rereader
from ottla.sim.clients.member import Member
from ottla.sim.clients.producer import PRODUCERS, Producer
from ottla.sim.clients.transactor import TRANSACTORS, Plan, Transactor
from ottla.sim.faults import FAULTS
from ottla.sim.invariants.compaction import forget_gone
from ottla.sim.invariants.records import forget_lost
from ottla.sim.machine import Machine
from ottla.sim.model import Model
from ottla.sim.plants import planted
from ottla.sim.rounds import Rounds
from ottla.sim.stored import whole
from ottla.sim.violation import Violation, held
from ottla.wire.api import api
from ottla.wire.stored.frame import CONSUMER_OFFSETS, TRANSACTION_STATE

if TYPE_CHECKING:
    from ottla.sim.model import Partition

COMPACTED = re.compile(r"(\S+)-\d+: compacted up to")
STEPS = 1000
"""What clients do in a run at least: send, connect, take an answer."""
FAULTS_MIN = 10
FAULTS_WANTED = 16
TRACE_LINES = 80
TIME_MS_MAX = 4000
DRAIN_STEPS_MAX = 20_000
STARTS_MAX = 20
READ_BYTES = 1 << 26
DURABLE_SHARE = 0.7
"""So many runs sync what transactions stand on, so that a power cut takes no part of one."""
SETTLED_STEPS_MAX = 5000
INTERNAL = [(topic, index) for topic in (CONSUMER_OFFSETS, TRANSACTION_STATE) for index in (0, 1)]
COMPACTION = "compaction"
"""What stands for a fault's name in the table, over what cleaning did."""
HOT = ("Produce", "Fetch")
"""What the core answers by itself."""


class Outcome(NamedTuple):
    """What came of a run."""

    seed: int
    client_steps: int
    faults: int
    digest: str
    cells: Counter[tuple[str, str]]
    """Fault and kind of step to how often they met."""
    violation: str
    """What did not hold; "" if everything did."""
    trace: list[str]
    """The last steps."""


class Run:
    """A run under one seed."""

    def __init__(
        self, seed: int, *, steps: int = STEPS, plant: str = "", trace_lines: int = TRACE_LINES
    ) -> None:
        self.seed = seed
        self.random = Random(seed)
        self._steps = steps
        self._trace: deque[str] = deque(maxlen=trace_lines)
        self._hash = blake2b(digest_size=16)
        self.model = Model(durable=self._is_durable())
        self.machine = Machine(seed, self.say, plant=plant, durable=self.model.durable)
        self._planted = planted(plant, self.machine, self.model)
        around = Surroundings(self.machine, self.model, self._planted, self.random, self.say)
        self.invariants = around.invariants
        self.rounds = Rounds(self.machine, self.model)
        self.clients = self._cast(around)
        self.cells: Counter[tuple[str, str]] = Counter()
        self.client_steps = self.faults = 0
        self.dies = ""
        """How a process that is to die in the middle of a step ends: "kill" or "power cut"."""
        self._kinds = ["start"]
        self._disk_ends: dict[str, tuple[int, Callable[[], None]]] = {}
        self._unaudited: dict[int, tuple[Partition, bool]] = {}

    def _is_durable(self) -> bool:
        return self.random.random() < DURABLE_SHARE

    def _cast(self, around: Surroundings) -> list[Client]:
        return _clients(around)

    def say(self, text: str) -> None:
        """A line of the trace."""
        self._trace.append(text)
        if (done := COMPACTED.search(text)) is not None:
            self.model.met[f"compacted: {done[1]}"] += 1
        self._hash.update(text.encode())

    # ------------------------------------------------------------------ the whole of it
    def play(self) -> Outcome:
        """Run to the end, or to the first thing that does not hold."""
        violation = ""
        try:
            with self._planted.in_place():
                self._live()
                self._finish()
        except Violation as problem:
            violation = str(problem)
        except Exception:  # nobody foresaw it: it is as good as a violation, and has a seed too
            violation = f"the run broke: {format_exc()}"
        finally:
            self.machine.kill()
        self.cells.update({(COMPACTION, what): often for what, often in self.model.met.items()})
        return Outcome(
            self.seed,
            self.client_steps,
            self.faults,
            self._hash.hexdigest(),
            self.cells,
            violation,
            list(self._trace),
        )

    def _live(self) -> None:
        """Clients do what they do, and faults befall them."""
        self._start()
        faults_at = deque(sorted(self.random.sample(range(self._steps), FAULTS_WANTED)))
        while self.client_steps < self._steps or self.faults < FAULTS_MIN:
            if faults_at and faults_at[0] <= self.client_steps:
                faults_at.popleft()
                self._befall()
            elif not faults_at and self.client_steps >= self._steps:
                self._befall()
            self._step()

    def _finish(self) -> None:
        """Every fault ends, what waits is answered; what was promised outlives a kill and a cut."""
        self._mend_disk()
        self.machine.disk.die_after(None)
        self._drain()
        self._settle()
        for how in ("kill", "power cut"):
            self.end(how)
            self._start()
            self._audit()
        self._look_at_all()

    def _settle(self) -> None:
        """Every transaction ends, be it that its time is up, and nothing hides what is behind."""
        for _ in range(SETTLED_STEPS_MAX):
            hidden = self._hidden()
            if not hidden or self.model.lossy:
                return
            self._work()
        raise Violation(f"nobody ends what is open in a transaction: {hidden}")

    def _hidden(self) -> list[str]:
        """Logs whose last records no reader of committed records can see."""
        names = [(p.topic, p.index) for p in self.model.every_partition()]
        hidden = []
        for topic, index in [*names, *INTERNAL]:
            try:
                at = self.machine.half.partition_offsets(topic, index)
            except CoreError:
                if (topic, index) in names:
                    hidden.append(f"{topic}-{index} is not open")
                continue
            if at.last_stable < at.log_end:
                hidden.append(
                    f"{topic}-{index} can be read to {at.last_stable}, and ends at {at.log_end}"
                )
        return hidden

    def _look_at_all(self) -> None:
        """Once more everything is read, and what was committed for groups."""
        consumers = [c for c in self.clients if isinstance(c, Consumer)]
        readers = [c for c in consumers if c.committed or isinstance(c, Rereader)]
        for reader in readers:
            reader.begin_anew()
        # What a power cut took may leave an offset pending for ever.
        lossy = self.model.lossy
        lookers = [c for c in self.clients if isinstance(c, Transactor) and not lossy]
        for one in lookers:
            one.look_last()
        for _ in range(SETTLED_STEPS_MAX):
            left: list[Client] = [one for one in readers if not one.has_read_all]
            left += [one for one in lookers if not one.has_looked]
            if not left:
                break
            acting = [one for one in left if one.may_act]
            if acting:
                acting[0].turn()
            self._work()
        held(not left, f"{[one.name for one in left]} can't read all there is")
        self._drain()

    # ------------------------------------------------------------------ steps
    def _work(self) -> None:
        """A step of the node's own, or time; whatever was sent in part arrives."""
        self.model.at += 1
        self._complete()
        if self.machine.node is None:
            self._start()
        core = self.machine.core
        pending = core.pending() if core is not None else []
        if pending:
            self._take(self.random.choice(pending))
        else:
            self._let_time_pass()
        self._after()

    def _complete(self) -> None:
        for client in self.clients:
            if client.line is not None:
                client.line.complete()

    def _step(self) -> None:
        self.model.at += 1
        for name, (until, mend) in list(self._disk_ends.items()):
            if self.model.at >= until:
                mend()
                del self._disk_ends[name]
                self.say(f"the disk mends: {name}")
        if self.machine.node is None:
            self._start()
        self._choose()
        self._after()

    def _choose(self) -> None:
        core, random = self.machine.core, self.random
        pending = core.pending() if core is not None else []
        draw = random.random()
        if pending and draw < 0.6:
            self._take(random.choice(pending))
            return
        idle = [one for one in self.clients if one.may_act for _ in range(one.zeal)]
        if idle and draw < 0.96:
            client = random.choice(idle)
            self._kinds = [f"act: {client.kind}"]
            self.say(f"{self.model.at} {client.name} acts")
            self.client_steps += 1
            client.turn()
        else:
            self._let_time_pass()

    def _take(self, step: tuple[str, int]) -> None:
        verb, about = step
        core = self.machine.core
        assert core is not None
        self._kinds = self._kinds_of(verb, about)
        self.say(f"{self.model.at} {verb} {about} {', '.join(self._kinds)}")
        if verb == "turn":
            self.machine.turn()
            return
        self.rounds.before(self._kinds[0])
        try:
            core.step(verb, about)
        except CoreError as problem:
            # A panic: the node hears of it in its next turn.
            self.say(f"{problem}")
            self.machine.turn()
        self.rounds.after(self._kinds[0])
        self._planted.stepped()

    def _kinds_of(self, verb: str, about: int) -> list[str]:
        """What a step is, in as many words as it has parts."""
        core = self.machine.core
        if verb == "work" and core is not None:
            return [f"work: {core.work_at(about)}"]
        if verb == "turn":
            asked = {name for name in self._under_way() if name not in HOT}
            return [f"turn: {name}" for name in sorted(asked)] or ["turn: timers, events"]
        for client in self.clients:
            if client.line is not None and client.line.id == about:
                waiting = client.line.waiting
                name = api(waiting[-1].request.api_key).name if waiting else "Produce"
                return [f"{verb}: {name}"]
        return [f"{verb}: of one that has gone"]

    def _under_way(self) -> list[str]:
        """The requests that wait for an answer."""
        lines = [client.line for client in self.clients if client.line is not None]
        return [api(sent.request.api_key).name for line in lines for sent in line.waiting]

    def _moment(self) -> list[str]:
        """What is under way between two steps."""
        core = self.machine.core
        pending = core.pending() if core is not None else []
        works = [about for verb, about in pending if verb == "work"]
        owed = {f"owed: {core.work_at(place)}" for place in works if core is not None}
        waits = {f"waits: {name}" for name in self._under_way()}
        return sorted(waits | owed) or ["nothing"]

    def _met(self, fault: str, kinds: list[str]) -> None:
        self.faults += 1
        for kind in kinds:
            self.cells[fault, kind] += 1

    def _let_time_pass(self) -> None:
        wait_ms = self.machine.wait_ms()
        by_ms = min(TIME_MS_MAX if wait_ms is None else wait_ms, TIME_MS_MAX)
        by_ms = max(by_ms, 1)
        self._kinds = ["time"]
        self.say(f"{self.model.at} {by_ms} ms pass")
        self.machine.advance(by_ms)

    def _after(self) -> None:
        machine = self.machine
        if machine.died:
            how, self.dies = self.dies or "kill", ""
            self._met(f"{how} at work", self._kinds)
            self.end(how)
        self.invariants.stepped()
        if machine.node is not None and not machine.runs:
            self.say("the node has failed")
            self.end("failure")
        self._audit_rest()
        for client in self.clients:
            heard = client.hear()
            self.client_steps += heard

    # ------------------------------------------------------------------ faults
    def _befall(self) -> None:
        names, functions, weights = zip(*FAULTS, strict=True)
        (place,) = self.random.choices(range(len(names)), weights)
        if self.machine.node is None:
            self._start()
        self.say(f"{self.model.at} fault: {names[place]}")
        moment = self._moment()
        if functions[place](self):
            self._met(names[place], moment)

    def disk_fails(self, name: str, mend: Callable[[], None], lasts: int) -> None:
        """The disk fails from now on, for so many steps."""
        self.model.excused.add(name)
        self._disk_ends[name] = (self.model.at + lasts, mend)

    def _mend_disk(self) -> None:
        for _until, mend in self._disk_ends.values():
            mend()
        self._disk_ends.clear()

    def cut_one(self, *, reset: bool) -> bool:
        """Cut a connection, one on which something is under way if there is one."""
        open_ = [client for client in self.clients if client.line is not None]
        busy = [client for client in open_ if client.line is not None and client.line.waiting]
        if not open_:
            return False
        client = self.random.choice(busy or open_)
        self.say(f"cut {client.name}")
        client.cut(reset=reset)
        return True

    def end(self, how: str) -> None:
        """The node ends; how: "kill", "power cut", "stop", "failure"."""
        machine = self.machine
        self.say(f"{self.model.at} end: {how}")
        if how != "stop":
            machine.disk.die_after(None)
        dies, self.dies = self.dies, ""
        self.rounds.ends(how, self._kinds)
        deaths = machine.disk.deaths
        self._planted.ends()  # which may be what it dies of
        if machine.disk.pages_lost:
            how = "power cut"  # a start wants a mended disk, whose cache holds nothing that it lost
        power_cut = how == "power cut"
        self.invariants.ends(power_cut)
        if power_cut:
            machine.power_cut()
        elif how == "stop":
            power_cut = self._stopped(dies, deaths)
        else:
            machine.kill()
        for client in self.clients:
            client.gone()
        for partition in self.model.every_partition():
            before = self._unaudited.get(id(partition), (partition, False))[1]
            self._unaudited[id(partition)] = (partition, before or power_cut)
        machine.disk.die_after(None)
        self.model.excused = set(self._disk_ends)

    def _stopped(self, dies: str, deaths: int) -> bool:
        """The node is stopped, unless it dies on the way, as one more than those deaths; whether
        its power was cut then.
        """
        machine = self.machine
        try:
            machine.stop()
        except OttlaError as problem:
            if machine.disk.deaths == deaths:
                held(bool(self.model.excused), f"a stop failed: {problem}")
                return self._power_goes() if machine.disk.pages_lost else False
            self._met(f"{dies} at work", ["stop"])
            if dies == "power cut":
                return self._power_goes()
        return False

    def _power_goes(self) -> bool:
        """After the node's end, the machine's."""
        self.invariants.ends(True)
        self.machine.power_cut()
        return True

    def _start(self) -> None:
        """A node starts; one that can't because of the disk starts when the disk is mended."""
        for _ in range(STARTS_MAX):
            try:
                self.machine.start()
            except OttlaError as problem:
                self.say(f"no start: {problem}")
                if self.machine.died_at_start:
                    how, self.dies = self.dies or "kill", ""
                    self._met(f"{how} at work", ["start"])
                    self.end(how)
                    continue
                held(bool(self._disk_ends), f"the node refuses to start: {problem}")
                self.end("failure")
                self._mend_disk()
                continue
            self._kinds = ["start"]
            self.invariants.began()
            self._audit_rest()
            return
        raise Violation(f"the node did not start in {STARTS_MAX} attempts")

    # ------------------------------------------------------------------ audits
    def _audit_rest(self) -> None:
        """Look at each partition that was not looked at since its node began, once it is open."""
        if not self._unaudited or not self.machine.runs or self.machine.node is None:
            return
        living = {id(partition) for partition in self.model.every_partition()}
        for key, (partition, power_cut) in list(self._unaudited.items()):
            if key not in living or self._audited(partition, power_cut):
                del self._unaudited[key]

    def _audited(self, partition: Partition, power_cut: bool) -> bool:
        """Read all of a log; False if it is not open."""
        half = self.machine.half
        name = (partition.topic, partition.index)
        try:
            offsets = half.partition_offsets(*name)
            data = b""
            if offsets.log_end > offsets.log_start:
                data = half.read(*name, offsets.log_start, READ_BYTES, to_log_end=True)
                batches = list(whole(data))
                while batches and batches[-1].last_offset + 1 < offsets.log_end:
                    at = batches[-1].last_offset + 1
                    more = list(whole(half.read(*name, at, READ_BYTES, to_log_end=True)))
                    if not more or more[-1].last_offset < at:
                        break
                    batches += more
            else:
                batches = []
        except CoreError as problem:
            faulty = bool(self.model.excused) or not self.machine.runs or self.machine.died
            held(faulty, f"{partition.name} can't be read: {problem}")
            return False
        held(
            offsets.log_end >= partition.floor,
            f"{partition.name} ends at {offsets.log_end}, though {partition.floor} was safe",
        )
        if power_cut:
            forget = forget_lost if partition.table is None else forget_gone
            forget(partition, offsets.log_end, batches)
        self.invariants.audited(partition, offsets, batches)
        return True

    def _audit(self) -> None:
        for partition in self.model.every_partition():
            held(self._audited(partition, False), f"{partition.name} is not open at the end")

    def _drain(self) -> None:
        """Every request is answered, once nothing stands in the way."""
        for _ in range(DRAIN_STEPS_MAX):
            waiting = [c for c in self.clients if c.line is not None and c.line.waiting]
            if not waiting:
                return
            self._work()
        left = {c.name: api(c.line.waiting[0].request.api_key).name for c in waiting if c.line}
        raise Violation(f"requests are never answered: {left}")


def _clients(around: Surroundings) -> list[Client]:
    clients: list[Client] = [Admin("admin", around)]
    for number, (idempotent, acks) in enumerate(PRODUCERS):
        name = f"producer{number}"
        clients.append(Producer(name, around, idempotent=idempotent, acks=acks))
    for number, (session, committed) in enumerate(CONSUMERS):
        name = f"consumer{number}"
        clients.append(Consumer(name, around, session=session, committed=committed))
    for number, (idempotent, acks) in enumerate(KEYED):
        name = f"keyed{number}"
        clients.append(KeyedProducer(name, around, idempotent=idempotent, acks=acks))
    for number, (session, committed) in enumerate(REREADERS):
        name = f"rereader{number}"
        clients.append(Rereader(name, around, session=session, committed=committed))
    for number, (transactional_id, new) in enumerate(TRANSACTORS):
        name = f"transactor{number}"
        clients.append(Transactor(name, around, transactional_id, new=new, plan=Plan()))
    clients += [Member(f"member{n}", around, f"group{n % 2}") for n in range(5)]
    return clients
