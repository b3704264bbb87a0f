"""A set in a balanced tree, as Java's TreeSet keeps it, whose members' order may change meanwhile.

A tree searches by the keys of the moment. Where keys change after members were put in, what it
finds, and where it puts the next one, depends on the tree's shape; so the shape is Java's: a
red-black tree, mended from below after each insertion. Nothing is ever taken out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Spot(Generic[T]):
    """One place of the tree. Sides are 0 (lower) and 1 (higher)."""

    __slots__ = ("above", "below", "item", "red")

    def __init__(self, item: T, above: _Spot[T] | None) -> None:
        self.item = item
        self.above = above
        self.below: list[_Spot[T] | None] = [None, None]
        self.red = above is not None

    @property
    def side(self) -> int:
        """Which side of the one above it is on."""
        return int(self.above is not None and self.above.below[1] is self)


class SortedSet(Generic[T]):
    """Members in the order of `key(member)` as it was when each was put in."""

    __slots__ = ("_key", "_root", "_size")

    def __init__(self, key: Callable[[T], Any]) -> None:
        self._key = key
        self._root: _Spot[T] | None = None
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        path: list[_Spot[T]] = []
        spot = self._root
        while path or spot is not None:
            while spot is not None:
                path.append(spot)
                spot = spot.below[0]
            spot = path.pop()
            yield spot.item
            spot = spot.below[1]

    def add(self, item: T) -> None:
        """Put it in; nothing happens where the search meets one with the same key."""
        above, spot, side = None, self._root, 0
        key = self._key(item) if spot is not None else None
        while spot is not None:
            known = self._key(spot.item)
            if known == key:
                return
            above, side = spot, int(known < key)
            spot = spot.below[side]
        added = _Spot(item, above)
        self._size += 1
        if above is None:
            self._root = added
            return
        above.below[side] = added
        self._mend(added)

    def _mend(self, spot: _Spot[T]) -> None:
        """No red one stands below a red one afterwards, and every path has as many black ones."""
        while (parent := spot.above) is not None and parent.red:
            top = parent.above
            assert top is not None  # the root is black
            side = parent.side
            uncle = top.below[1 - side]
            if uncle is not None and uncle.red:
                parent.red = uncle.red = False
                top.red = True
                spot = top
                continue
            if spot.side != side:
                self._turn(parent, side)
                parent = spot
            parent.red, top.red = False, True
            self._turn(top, 1 - side)
            break
        assert self._root is not None
        self._root.red = False

    def _turn(self, spot: _Spot[T], side: int) -> None:
        """It goes down on this side, and what stood below it on the other side comes up."""
        up = spot.below[1 - side]
        assert up is not None
        inner = up.below[side]
        spot.below[1 - side] = inner
        if inner is not None:
            inner.above = spot
        up.above = spot.above
        if spot.above is None:
            self._root = up
        else:
            spot.above.below[spot.side] = up
        up.below[side], spot.above = spot, up
