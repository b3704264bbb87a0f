"""The monitor: several threads, one client."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from client.peers import HOST, Asked, Leads, Peer, metadata_of
from ottla.client.client import Client
from ottla.client.connecting.waiting import Waiting
from ottla.wire.messages.describe_cluster import DescribeClusterRequest, DescribeClusterResponse
from ottla.wire.messages.metadata import MetadataRequest
from servers import eventually


class Holding:
    """A node that holds its answers to DescribeCluster until it is told to give them."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked = threading.Event()
        self.held: list[Asked] = []
        self.peer = Peer(self._answer)

    def _answer(self, asked: Asked) -> Any:
        match asked.message:
            case MetadataRequest():
                return metadata_of([self.peer.port], [Leads("t", 0, 1)], asked)
            case DescribeClusterRequest():
                self.asked.set()
                assert self.may_answer.wait(20)
                return DescribeClusterResponse(cluster_id="x", controller_id=1)
        raise AssertionError(asked)


def ask(client: Client, found: list[Any]) -> threading.Thread:
    """Ask in a thread of its own."""
    thread = threading.Thread(target=lambda: found.append(client.request(DescribeClusterRequest())))
    thread.start()
    return thread


def test_nothing_is_held_while_a_thread_waits() -> None:
    """If this failed, one slow answer would stop every thread that has the same client."""
    slow, quick = Holding(), Holding()
    quick.may_answer.set()
    with slow.peer, quick.peer, Client(f"{HOST}:{slow.peer.port}") as client:
        first: list[Any] = []
        waits = ask(client, first)
        assert slow.asked.wait(20)
        # The client's first thread watches; this one asks another node meanwhile.
        other = client.network.to_address(HOST, quick.peer.port)
        with client.waiting:
            other.begin(10_000)
            other.wait_open()
            answer = other.send(DescribeClusterRequest(), timeout_ms=10_000)
            assert answer.wait().cluster_id == "x"
        assert not first
        slow.may_answer.set()
        waits.join()
        assert first[0].cluster_id == "x"


def test_whoever_stops_watching_leaves_it_to_another() -> None:
    """If this failed, a thread would wait for an answer that nobody receives any more."""
    node = Holding()
    with node.peer, Client(f"{HOST}:{node.peer.port}", request_timeout_ms=20_000) as client:
        found: list[Any] = []
        threads = [ask(client, found) for _ in range(4)]
        assert node.asked.wait(20)
        node.may_answer.set()
        for thread in threads:
            thread.join()
        assert [one.cluster_id for one in found] == ["x"] * 4


def test_whoever_watches_is_woken_by_a_look_too() -> None:
    """If this failed, what a thread did that never rests would reach nobody who watches."""
    waiting = Waiting()
    waiting.share()
    entered, done = threading.Event(), threading.Event()

    def is_done() -> bool:
        entered.set()
        return done.is_set()

    watches = threading.Thread(target=lambda: waiting.wait_for(is_done))
    watches.start()
    assert entered.wait(20)
    with waiting:
        done.set()
        waiting.look()
    watches.join(20)
    assert not watches.is_alive()
    waiting.close()


def test_a_call_is_made_when_something_is_so() -> None:
    """If this failed, an event loop would wait for ever for what a thread did."""
    waiting, told = Waiting(), []
    ready = False
    call_off = waiting.when(lambda: ready, lambda: told.append(1))
    waiting.look()
    assert not told
    ready = True
    waiting.look()
    waiting.look()
    assert told == [1]
    call_off()
    called_off = waiting.when(lambda: False, lambda: told.append(2))
    called_off()
    waiting.when(lambda: True, lambda: told.append(3))
    assert told == [1, 3]


def test_what_a_wait_raises_is_raised_where_it_waits() -> None:
    """If this failed, an error would end another thread, and its own would wait on."""
    waiting = Waiting()
    waiting.share()
    entered, failing, caught = threading.Event(), threading.Event(), []

    def done() -> bool:
        entered.set()
        if failing.is_set():
            raise LookupError("here")
        return False

    def wait() -> None:
        try:
            waiting.wait_for(done, waiting.now_ms() + 20_000)
        except LookupError as error:
            caught.append((threading.current_thread(), error))

    watches = threading.Thread(
        target=lambda: waiting.wait_for(failing.is_set, waiting.now_ms() + 20_000)
    )
    watches.start()
    waits = threading.Thread(target=wait)
    waits.start()
    assert entered.wait(20)
    failing.set()
    waiting.wake()
    waits.join()
    watches.join()
    assert [thread for thread, _ in caught] == [waits]
    waiting.close()


def test_a_client_leaves_no_descriptor() -> None:
    """If this failed, a program that makes a client now and then would run out of them."""
    import os

    node = Holding()
    node.may_answer.set()
    with node.peer:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            with Client(f"{HOST}:{node.peer.port}") as client:
                client.request(DescribeClusterRequest())
        eventually(lambda: len(os.listdir("/proc/self/fd")) <= before + 1, "they are closed")


@pytest.mark.parametrize("what", ["ottla.client", "ottla.client.aio", "ottla.client.arrow"])
def test_the_client_loads_neither_broker_nor_node(what: str) -> None:
    """If this failed, a program that only talks to Kafka would load a whole broker."""
    program = (
        f"import sys, {what}; from ottla.client import *; "
        "print([m for m in sys.modules if m.split('.')[:2] in "
        "(['ottla', 'broker'], ['ottla', 'node'], ['ottla', 'controller'], ['ottla', 'raft'], "
        "['ottla', 'coordinators'], ['confluent_kafka'], ['pyarrow'])])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_signals_leave_the_monitor_to_others() -> None:
    """If this failed, a Ctrl-C at the wrong moment would leave the monitor entered for ever, by
    nobody: every thread of the client would stand still.
    """
    waiting = Waiting()
    waiting.share()
    interrupted = 0

    def handle(*_: object) -> None:
        raise KeyboardInterrupt

    def enter() -> None:
        with waiting:
            pass

    former = signal.signal(signal.SIGALRM, handle)
    try:
        for _ in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0003)
                while True:
                    with waiting:
                        waiting.wait_for(lambda: False, waiting.now_ms() + 1)
            except KeyboardInterrupt:
                interrupted += 1
            other = threading.Thread(target=enter, daemon=True)
            other.start()
            other.join(20)
            assert not other.is_alive(), "nobody can enter any more"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    assert interrupted == 300
    waiting.close()


@pytest.mark.parametrize("call", ["write", "read"])
def test_a_signal_in_a_wake_up_loses_none_that_follows(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, a handler that raises just then would leave every later wake-up without
    effect: whoever watches would sleep on.
    """
    waiting = Waiting()
    waiting.share()
    real = getattr(os, call)
    raised: list[int] = []

    def interrupted(*given: Any) -> Any:
        if not raised:
            raised.append(1)
            raise KeyboardInterrupt
        return real(*given)

    def wakes() -> None:
        waiting.wake()
        waiting.wait_for(lambda: bool(woken), waiting.now_ms() + 20_000)

    woken: list[int] = []
    monkeypatch.setattr(os, call, interrupted)
    with pytest.raises(KeyboardInterrupt):
        wakes()
    watches = threading.Thread(target=lambda: waiting.wait_for(lambda: bool(woken)))
    watches.start()
    woken.append(1)
    waiting.wake()
    watches.join(20)
    assert not watches.is_alive()
    waiting.close()
