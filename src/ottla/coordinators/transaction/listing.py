"""ListTransactions with a pattern: the rows of all shards are held against it, a slice in a turn.

A node may know millions of letters of ids, and to match them all takes seconds. So the coordinator
does about SLICE of that work in one turn, and others are served before the next. Listings wait for
each other in a queue, and only the first has its rows: so what they do, and what they keep, is no
more in all than one of them does and keeps. It is a view of the moment in which it has its turn.

What stays true: each listing is answered once. One whose connection is gone, or the rows of a
shard that went elsewhere, cost nothing more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from ottla.coordinators.transaction.transaction import TITLES
from ottla.decide import Ask, Timer
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.list_transactions import (
    ListTransactionsRequest,
    ListTransactionsResponse,
    TransactionState,
)

if TYPE_CHECKING:
    from ottla.coordinators.runtime import Runtime
    from ottla.driver import Desk
    from ottla.regex.re2_match import Pattern

SLICE: Final = 20_000
"""The work of one turn, in letters that were seen before: some milliseconds."""
ROW: Final = 10
MAY_BE_SEEN: Final = 100
"""What else a row costs, and to ask whether who lists may see it."""

Responses = dict[int, ListTransactionsResponse]
"""By partition."""
AskAll = Callable[[Ask, Callable[[Responses], None]], None]


def merged(
    asked: ListTransactionsRequest, responses: Responses, is_wanted: Callable[[str], bool]
) -> ListTransactionsResponse:
    """One answer of all shards' answers; an error of one is that of the whole."""
    error = next((one.error_code for one in responses.values() if one.error_code), ErrorCode.NONE)
    if error:
        return ListTransactionsResponse(error_code=error)
    rows = [
        row
        for one in responses.values()
        for row in one.transaction_states
        if is_wanted(row.transactional_id)
    ]
    return ListTransactionsResponse(
        unknown_state_filters=[name for name in asked.state_filters if name not in TITLES],
        transaction_states=rows,
    )


class Listing:
    """One request, and how far it is."""

    __slots__ = ("_is_wanted", "_pattern", "_pieces", "ask", "is_over", "responses")

    def __init__(self, ask: Ask, pattern: Pattern, is_wanted: Callable[[str], bool]) -> None:
        self.ask = ask
        self.responses: Responses | None = None
        """What the shards have said, when they have."""
        self.is_over = False
        self._is_wanted = is_wanted
        self._pattern = pattern
        self._pieces: Iterator[int] | None = None

    def go_on(self, leads: Callable[[int], bool]) -> Any:
        """Do one slice; the answer, if that was the last. If it fails, it is over too."""
        self.is_over = True
        assert self.responses is not None
        if self._pieces is None:
            self._pieces = self._match(self.responses, leads)
        spent = 0
        for piece in self._pieces:
            spent += piece
            if spent >= SLICE:
                self.is_over = False
                return None
        response = merged(self.ask.body, self.responses, lambda _: True)
        return response if self.ask.finish is None else self.ask.finish(response)

    def _match(self, responses: Responses, leads: Callable[[int], bool]) -> Iterator[int]:
        """Take out of each response what is not wanted; what each piece of that has cost."""
        from ottla.regex.re2_match import BadPattern

        if any(one.error_code for one in responses.values()):
            return
        for partition, response in responses.items():
            rows: list[TransactionState] = []
            for row in response.transaction_states:
                if not leads(partition):
                    rows = []
                    break
                yield ROW
                try:
                    is_of_pattern = yield from self._pattern.matching(row.transactional_id)
                except BadPattern:
                    response.error_code = ErrorCode.INVALID_REGULAR_EXPRESSION
                    return
                if is_of_pattern:
                    yield MAY_BE_SEEN
                    if self._is_wanted(row.transactional_id):
                        rows.append(row)
            response.transaction_states = rows


class Listings:
    """All listings with a pattern that wait, the first of which is at work."""

    __slots__ = ("_ask_all", "_desk", "_runtime", "_waiting")

    def __init__(self, runtime: Runtime, desk: Desk, ask_all: AskAll) -> None:
        self._runtime = runtime
        self._desk = desk
        self._ask_all = ask_all
        self._waiting: deque[Listing] = deque()

    def add(self, listing: Listing) -> None:
        """Answer it when those before it are done."""
        self._waiting.append(listing)
        if len(self._waiting) == 1:
            self._begin(listing)

    def _begin(self, listing: Listing) -> None:
        def told(responses: Responses) -> None:
            listing.responses = responses
            self._go_on_soon()

        self._ask_all(listing.ask, told)

    def _go_on_soon(self) -> None:
        """In the next turn, which others may come before."""
        self._runtime.timers.set(Timer((self._runtime.topic, "list"), 0, real=True), self._turn)

    def _turn(self) -> None:
        """One slice of the first; or a beginning, if that has come to be the first."""
        listing = self._waiting[0]
        ask = listing.ask
        if ask.connection is not None and not self._desk.connected(ask.connection):
            # Nobody hears it; but a request that is never answered would be kept for ever.
            self._desk.reply(ask.token, ListTransactionsResponse())
            listing.is_over = True
        elif listing.responses is None:
            self._begin(listing)
            return
        else:
            self._desk.respond(
                ask.token,
                lambda: "a list of transactions by a pattern",
                lambda: listing.go_on(self._runtime.leads),
            )
        if listing.is_over:
            self._waiting.popleft()
        if self._waiting:
            self._go_on_soon()
