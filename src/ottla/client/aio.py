"""Producer and consumer for asyncio: the same ones, waited for by the loop.

Nothing is done twice: records, batches and offsets are those of `producer.py` and `consumer.py`,
and the client's own thread does the work. Only who waits differs: a future that the loop sets
instead of a thread that rests. So a loop that is busy for a while loses no partition. What may take
its time (a rebalance, a commit, the end of a transaction) runs in a thread of the object's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from ottla.client.client import Client
from ottla.client.connecting.waiting import Waiting
from ottla.client.consuming.committing import OffsetAndMetadata
from ottla.client.consuming.consumer import CLOSE_TIMEOUT_S, Consumer
from ottla.client.membership.events import GroupGeneration
from ottla.client.metrics import Metrics
from ottla.client.places import TopicPartition
from ottla.client.producing.producer import Producer
from ottla.client.producing.transacting import MustAbort
from ottla.errors import OttlaError
from ottla.wire.fetched import ConsumerRecord, RecordBatch
from ottla.wire.outbox import Delivery

if TYPE_CHECKING:
    from datetime import datetime

T = TypeVar("T")
P = ParamSpec("P")
Told = Callable[[list[TopicPartition]], object]
"""A function or a coroutine function."""


TAKEN_IN_A_ROW_MAX = 100
"""So many records are taken before others in the loop have their turn."""


class AsyncDelivery:
    """A record on its way: `await` it for its end."""

    __slots__ = ("delivery",)

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery

    def __await__(self) -> Generator[Any, None, Delivery]:
        """The delivery, when the record is written.

        Raises:
            OttlaError: it was not.
        """
        if not self.delivery.done:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[None] = loop.create_future()
            self.delivery.add_done_callback(lambda _: _set(loop, future))
            yield from future
        return self.delivery.result(0)


class _OfALoop:
    """What has a thread for whatever may take its time."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="ottla-aio")

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, partial(call, *args, **kwargs))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()  # type: ignore[attr-defined]


class AsyncProducer(_OfALoop):
    """`Producer`, for one event loop. The arguments are the same."""

    def __init__(
        self,
        settings: Mapping[str, Any] | str | None = None,
        *,
        client: Client | None = None,
        **more: Any,
    ) -> None:
        """Raises what `Producer` raises."""
        super().__init__()
        # Of its own: an abort ends what the other thread waits for.
        self._aborting = ThreadPoolExecutor(1, thread_name_prefix="ottla-aio-abort")
        self.producer = Producer(settings, client=client, **more)
        self._taken = 0

    async def send(
        self,
        topic: str,
        value: bytes | str | None = None,
        key: bytes | str | None = None,
        *,
        headers: Any = (),
        partition: int = -1,
        timestamp_ms: int = -1,
    ) -> AsyncDelivery:
        """Take one record, as soon as there is room and the topic's partitions are known; await
        what is returned to know that it is written.

        Raises:
            What `Producer.send` raises.
        """
        producer = self.producer
        record = (topic, value, key, headers, partition, timestamp_ms, None)
        delivery = producer._offer(*record)
        if delivery is None:
            found: list[Delivery] = []

            def done() -> bool:
                if not found and producer._may_take(topic):
                    found.extend(filter(None, [producer._offer(*record)]))
                return bool(found)

            with producer.waiting:
                producer._want(topic)
            try:
                await _until(producer.waiting, done, producer._max_block_ms / 1000)
            except TimeoutError:
                if not found:
                    raise producer._why_not(topic) from None
            delivery = found[0]
        self._taken += 1
        if not self._taken % TAKEN_IN_A_ROW_MAX:
            await asyncio.sleep(0)
        return AsyncDelivery(delivery)

    async def send_and_wait(self, topic: str, *record: Any, **more: Any) -> Delivery:
        """Send one record, and wait until it is written.

        Raises:
            OttlaError: it was not.
        """
        return await (await self.send(topic, *record, **more))

    async def send_batch(
        self, topic: str, partition: int, batch: RecordBatch | bytes
    ) -> AsyncDelivery:
        """`Producer.send_batch`."""
        return AsyncDelivery(await self._run(self.producer.send_batch, topic, partition, batch))

    async def flush(self, timeout: float | None = None) -> None:
        """`Producer.flush`."""
        await self._run(self.producer.flush, timeout)

    async def init_transactions(self, timeout: float | None = None) -> None:
        """`Producer.init_transactions`."""
        await self._run(self.producer.init_transactions, timeout)

    def begin_transaction(self) -> None:
        """`Producer.begin_transaction`; nobody is asked."""
        self.producer.begin_transaction()

    async def send_offsets_to_transaction(
        self,
        offsets: Mapping[TopicPartition, int | OffsetAndMetadata],
        group: GroupGeneration | str,
        timeout: float | None = None,
    ) -> None:
        """`Producer.send_offsets_to_transaction`."""
        await self._run(self.producer.send_offsets_to_transaction, offsets, group, timeout)

    async def commit_transaction(self, timeout: float | None = None) -> None:
        """`Producer.commit_transaction`."""
        await self._run(self.producer.commit_transaction, timeout)

    async def abort_transaction(self, timeout: float | None = None) -> None:
        """`Producer.abort_transaction`."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._aborting, self.producer.abort_transaction, timeout)

    @contextlib.asynccontextmanager
    async def transaction(self, timeout: float | None = None) -> AsyncIterator[Self]:
        """`Producer.transaction`, for an `async with` block. Who is cancelled in it aborts it.

        Raises:
            What `begin_transaction` and `commit_transaction` raise; what must be aborted is.
        """
        self.begin_transaction()
        try:
            yield self
        except BaseException:
            with contextlib.suppress(OttlaError):
                await self.abort_transaction(timeout)
            raise
        try:
            await self.commit_transaction(timeout)
        except MustAbort:
            with contextlib.suppress(OttlaError):
                await self.abort_transaction(timeout)
            raise

    async def partitions_for(self, topic: str, timeout: float | None = None) -> list[int]:
        """`Producer.partitions_for`."""
        return await self._run(self.producer.partitions_for, topic, timeout)

    def metrics(self) -> Metrics:
        """`Producer.metrics`."""
        return self.producer.metrics()

    async def close(self, timeout: float | None = None) -> None:
        """`Producer.close`."""
        executors = [self._executor, self._aborting]
        await _ended(self._executor, partial(self.producer.close, timeout), executors)


class AsyncConsumer(_OfALoop):
    """`Consumer`, for one event loop. The arguments are the same.

    What waits for an answer is a coroutine here; what does not (`assign`, `seek`, `pause`, ...) is
    none.
    """

    def __init__(
        self,
        settings: Mapping[str, Any] | str | None = None,
        *,
        client: Client | None = None,
        **more: Any,
    ) -> None:
        """Raises what `Consumer` raises."""
        super().__init__()
        self.consumer = Consumer(settings, client=client, **more)
        # Of its own: a callback may wait for a commit, which the other thread does.
        self._callbacks = ThreadPoolExecutor(1, thread_name_prefix="ottla-aio-callbacks")
        self._is_closed = False

    def subscribe(
        self,
        topics: Iterable[str] | Callable[[str], bool],
        *,
        on_assign: Told | None = None,
        on_revoke: Told | None = None,
        on_lost: Told | None = None,
    ) -> None:
        """`Consumer.subscribe`; the callbacks may be coroutine functions, which the loop runs.

        A callback that is none runs in a thread of the consumer's.
        """
        loop = asyncio.get_running_loop()
        self.consumer.subscribe(
            topics,
            on_assign=_in_loop(loop, on_assign),
            on_revoke=_in_loop(loop, on_revoke),
            on_lost=_in_loop(loop, on_lost),
        )

    async def unsubscribe(self) -> None:
        """`Consumer.unsubscribe`."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._callbacks, self.consumer.unsubscribe)

    def assign(self, places: Iterable[tuple[str, int] | tuple[str, int, int]]) -> None:
        """`Consumer.assign`; nobody is asked."""
        self.consumer.assign(places)

    @property
    def assignment(self) -> list[TopicPartition]:
        """`Consumer.assignment`."""
        return self.consumer.assignment

    @property
    def paused(self) -> list[TopicPartition]:
        """`Consumer.paused`."""
        return self.consumer.paused

    def pause(self, places: Iterable[TopicPartition]) -> None:
        """`Consumer.pause`; nobody is asked."""
        self.consumer.pause(places)

    def resume(self, places: Iterable[TopicPartition]) -> None:
        """`Consumer.resume`; nobody is asked."""
        self.consumer.resume(places)

    def seek(self, place: TopicPartition, offset: int) -> None:
        """`Consumer.seek`; nobody is asked."""
        self.consumer.seek(place, offset)

    def seek_to_beginning(self, places: Iterable[TopicPartition] | None = None) -> None:
        """`Consumer.seek_to_beginning`; the next poll asks where that is."""
        self.consumer.seek_to_beginning(places)

    def seek_to_end(self, places: Iterable[TopicPartition] | None = None) -> None:
        """`Consumer.seek_to_end`; the next poll asks where that is."""
        self.consumer.seek_to_end(places)

    def seek_to_time(
        self, timestamp_ms: int | datetime, places: Iterable[TopicPartition] | None = None
    ) -> None:
        """`Consumer.seek_to_time`; the next poll asks where that is."""
        self.consumer.seek_to_time(timestamp_ms, places)

    def wakeup(self) -> None:
        """`Consumer.wakeup`; for other threads too."""
        self.consumer.wakeup()

    def group_metadata(self) -> GroupGeneration:
        """`Consumer.group_metadata`; nobody is asked."""
        return self.consumer.group_metadata()

    def metrics(self) -> Metrics:
        """`Consumer.metrics`."""
        return self.consumer.metrics()

    async def poll(
        self, timeout: float = 0.0, *, max_records: int | None = None
    ) -> list[ConsumerRecord]:
        """`Consumer.poll`."""
        return await self._until(timeout, self.consumer._records(max_records))

    async def batches(self, timeout: float = 0.0) -> list[RecordBatch]:
        """`Consumer.batches`."""
        return await self._until(timeout, self.consumer._handing.batches)

    async def __aiter__(self) -> AsyncIterator[ConsumerRecord]:
        """All records, for ever."""
        while not self._is_closed:
            for record in self.consumer._unseen.each(await self.poll(3600.0)):
                yield record

    async def _until(self, timeout: float, take: Callable[[], list[T]]) -> list[T]:
        consumer, waiting = self.consumer, self.consumer.waiting
        serving = consumer._serving
        until_ms = consumer._begin_look(timeout)
        while True:
            # Callbacks run in another thread: this one must be free for those of the loop.
            consumer._tend()
            if serving.has_duties:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._callbacks, consumer._serve)
            found = consumer._look(take, until_ms)
            if found is not None:
                return found
            left_ms = serving.wait_until_ms(until_ms) - waiting.now_ms()
            try:
                await _until(waiting, consumer._has_work, max(0, left_ms) / 1000)
            except TimeoutError:
                continue

    async def commit(
        self,
        positions: Mapping[TopicPartition, int | OffsetAndMetadata] | None = None,
        *,
        timeout: float | None = None,
    ) -> None:
        """`Consumer.commit`."""
        await self._run(partial(self.consumer.commit, positions, timeout=timeout))

    async def committed(
        self, places: Iterable[TopicPartition]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        """`Consumer.committed`."""
        return await self._run(self.consumer.committed, places)

    async def position(self, place: TopicPartition, *, timeout: float | None = None) -> int:
        """`Consumer.position`."""
        return await self._run(partial(self.consumer.position, place, timeout=timeout))

    async def beginning_offsets(
        self, places: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """`Consumer.beginning_offsets`."""
        return await self._run(self.consumer.beginning_offsets, places)

    async def end_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """`Consumer.end_offsets`."""
        return await self._run(self.consumer.end_offsets, places)

    async def offsets_for_times(
        self, times: Mapping[TopicPartition, int | datetime]
    ) -> dict[TopicPartition, int | None]:
        """`Consumer.offsets_for_times`."""
        return await self._run(self.consumer.offsets_for_times, times)

    async def partitions_for(self, topic: str) -> list[int]:
        """`Consumer.partitions_for`."""
        return await self._run(self.consumer.partitions_for, topic)

    async def close(self, *, timeout: float = CLOSE_TIMEOUT_S) -> None:
        """`Consumer.close`."""
        self._is_closed = True
        close = partial(self.consumer.close, timeout=timeout)
        await _ended(self._callbacks, close, [self._executor, self._callbacks])


async def _ended(
    where: ThreadPoolExecutor, close: Callable[[], object], executors: list[ThreadPoolExecutor]
) -> None:
    """Close something in a thread, and let the threads go. Who is cancelled does not wait for them:
    they may wait for the loop.
    """
    waits = False
    try:
        await asyncio.get_running_loop().run_in_executor(where, close)
        waits = True
    except Exception:
        waits = True
        raise
    finally:
        for executor in executors:
            executor.shutdown(wait=waits)


async def _until(waiting: Waiting, done: Callable[[], bool], timeout_s: float) -> None:
    """Wait until `done()`, which is asked inside the monitor.

    Raises:
        TimeoutError: not in time.
        What `done` raises.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    raised: list[BaseException] = []

    def look() -> bool:
        try:
            return done()
        except BaseException as error:  # it is the caller's, whose thread is another
            raised.append(error)
            return True

    call_off = waiting.when(look, lambda: _set(loop, future))
    try:
        async with asyncio.timeout(timeout_s):  # wait_for may swallow a cancellation
            await future
    finally:
        call_off()
    if raised:
        raise raised[0]


def _set(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
    """Set a future of a loop from any thread; a loop that is gone waits for nothing."""

    def set_it() -> None:
        if not future.done():
            future.set_result(None)

    with contextlib.suppress(RuntimeError):  # it is closed
        loop.call_soon_threadsafe(set_it)


def _in_loop(loop: asyncio.AbstractEventLoop, told: Told | None) -> Told | None:
    """A callback that is called in another thread, and runs in the loop if it is a coroutine."""
    if told is None or not inspect.iscoroutinefunction(told):
        return told

    def call(places: list[TopicPartition]) -> object:
        coroutine: Any = told(places)
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    return call
