"""In which order records of several topics are taken, and punctuations called: both by a heap.

Ties matter: records of one time from two topics are taken in the order in which Java's binary heap
gives them, which is not the order in which they came. So the heap is written out here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from ottla.streams.reference.context import UNKNOWN


class Timed(Protocol):
    @property
    def time(self) -> int: ...


T = TypeVar("T", bound=Timed)


class Heap(Generic[T]):
    """A binary heap by `time`, in an array, as `java.util.PriorityQueue` keeps it."""

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items: list[T] = []

    def __len__(self) -> int:
        return len(self.items)

    def push(self, item: T) -> None:
        items, place = self.items, len(self.items)
        items.append(item)
        while place > 0:
            parent = (place - 1) >> 1
            if item.time >= items[parent].time:
                break
            items[place] = items[parent]
            place = parent
        items[place] = item

    def pop(self) -> T:
        items = self.items
        first, last = items[0], items.pop()
        if items:
            self._sink(last)
        return first

    def _sink(self, item: T) -> None:
        items, place, size = self.items, 0, len(self.items)
        while place < size >> 1:
            child = 2 * place + 1
            if child + 1 < size and items[child].time > items[child + 1].time:
                child += 1
            if item.time <= items[child].time:
                break
            items[place] = items[child]
            place = child
        items[place] = item


class TopicQueue:
    """Records of one topic that wait. Only the head is read: its values, and so its time, are
    known.

    `read(record, partition time)` gives the head (time, …) or None where the record cannot be read;
    a record that cannot be read still takes its turn, before all others, if nothing stands behind
    it.
    """

    __slots__ = ("forward", "head", "name", "partition_time", "read", "waiting")

    def __init__(
        self, name: str, read: Callable[[Any, int], Any], forward: Callable[..., None]
    ) -> None:
        self.name = name
        self.read = read
        self.forward = forward
        self.waiting: deque[Any] = deque()
        self.head: Any = None
        self.partition_time = UNKNOWN

    @property
    def time(self) -> int:
        """The head's time; -1 for one that cannot be read."""
        return UNKNOWN if self.head is None else self.head[0]

    def push(self, record: Any) -> bool:
        """Whether the queue was empty before, and is not now."""
        was_empty = self.head is None
        self.waiting.append(record)
        self._fill()
        return was_empty

    def pop(self) -> Any:
        head = self.head
        self.head = None
        if head[0] > self.partition_time:
            self.partition_time = head[0]
        if self.waiting:
            self._fill()
        return head

    def _fill(self) -> None:
        unread = False
        while self.head is None and self.waiting:
            self.head = self.read(self.waiting.popleft(), self.partition_time)
            unread = self.head is None
        if unread:
            self.head = UNREAD


#: The head of a queue whose records could not be read.
UNREAD = (UNKNOWN,)


class Punctuation:
    """A call that is due at `time` and every `interval` after; also what cancels it."""

    __slots__ = ("callback", "cancelled", "interval", "node", "time")

    def __init__(
        self, node: str, time: int, interval: int, callback: Callable[[int], None]
    ) -> None:
        self.node = node
        self.time = time
        self.interval = interval
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def advance(self, now: int) -> None:
        """The next time by whole intervals after `now`."""
        missed = max(0, now - self.time) // self.interval
        self.time += (missed + 1) * self.interval
