"""Plants in transactions: rules that keep a transaction whole are broken, or its answers spoilt.

| plant | what is wrong then |
|---|---|
| early-markers | markers are sent before it is safe how the transaction ends |
| early-ends | a transaction is complete when its markers are asked for, not when they are written |
| unended-offsets | what was committed for groups in a transaction is not ended with it |
| early-verdicts | a partition enters a transaction while markers of the one before are missing |
| shared-epochs | InitProducerId answers an epoch that was given before |
| unfenced-ends | EndTxn of a producer that was fenced is answered as if it had been done |
| untold-aborts | a Fetch does not tell which transactions were aborted |
| wrong-aborts | a Fetch tells that the first transaction in it was aborted |
| fallen-stable-offsets | a last stable offset goes back |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from ottla.broker import markers as markers_written
from ottla.coordinators.questions import MarkersWritten, WriteMarkers
from ottla.coordinators.transaction import markers, partitions
from ottla.coordinators.transaction.transaction import PREPARED
from ottla.driver import Driver
from ottla.sim.plants.sound import Sound
from ottla.sim.stored import whole
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.end_txn import EndTxnRequest
from ottla.wire.messages.fetch import AbortedTransaction, FetchRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest

if TYPE_CHECKING:
    from ottla.sim.line import Sent
    from ottla.sim.machine import Machine
    from ottla.sim.model import Model


# ---------------------------------------------------------------- rules
def _carries(carry: Any) -> Any:
    def at_once(driver: Driver, decision: Any, now: Any) -> None:
        early = [one for one in decision.sends if isinstance(one.body, WriteMarkers)]
        late = [one for one in decision.sends if one not in early]
        carry(driver, decision._replace(sends=late), now)
        for one in early:
            driver.send(one)

    return at_once


def _completes(begin: Any) -> Any:
    complete = markers._complete

    def at_once(turn: Any, transactional_id: str, transaction: Any) -> None:
        begin(turn, transactional_id, transaction)
        if transactional_id in turn.state.endings:
            complete(turn, transactional_id, transaction)

    return at_once


def _forgets_groups(_ask_groups: Any) -> Any:
    def nothing(
        _context: Any, marker: WriteMarkers, then: Callable[[MarkersWritten], None]
    ) -> None:
        then(MarkersWritten(dict.fromkeys(marker.partitions, 0)))

    return nothing


def _says_yes(decide: Any) -> Any:
    def too_early(turn: Any, asked: Any) -> Any:
        transaction = turn.find(asked.transactional_id)
        if (
            transaction is not None
            and transaction.state in PREPARED
            and transaction.producer_id == asked.producer_id
        ):
            return ErrorCode.NONE, partitions.refuse(asked, ErrorCode.NONE)
        return decide(turn, asked)

    return too_early


class Broken(Sound):
    """A rule that is another one as long as the run lasts."""

    def __init__(
        self, of: Any, name: str, other: Callable[[Any], Any], machine: Machine, model: Model
    ) -> None:
        super().__init__(machine, model)
        self._of, self._name, self._other = of, name, other

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put it there, and the right one back."""
        with patch.object(self._of, self._name, self._other(getattr(self._of, self._name))):
            yield


# ---------------------------------------------------------------- answers
class SharedEpochs(Sound):
    """An epoch is given twice."""

    def answered(self, sent: Sent, response: Any) -> None:
        """Give the one before."""
        is_named = getattr(sent.request, "transactional_id", None) is not None
        if isinstance(sent.request, InitProducerIdRequest) and is_named:
            response.producer_epoch = max(0, response.producer_epoch - 1)


class UnfencedEnds(Sound):
    """Who was fenced ends its transaction all the same."""

    def answered(self, sent: Sent, response: Any) -> None:
        """Tell it so."""
        fenced = response.error_code == ErrorCode.PRODUCER_FENCED if _ends(sent) else False
        if fenced:
            response.error_code = 0


def _ends(sent: Sent) -> bool:
    return isinstance(sent.request, EndTxnRequest)


class Committed(Sound):
    """Each row of a Fetch of committed records is spoilt."""

    def __init__(self, spoils: Callable[[Any], None], machine: Machine, model: Model) -> None:
        super().__init__(machine, model)
        self._spoils = spoils

    def answered(self, sent: Sent, response: Any) -> None:
        """Spoil them."""
        if isinstance(sent.request, FetchRequest) and sent.request.isolation_level:
            for topic in response.responses:
                for row in topic.partitions:
                    if row.error_code == 0:
                        self._spoils(row)


def _tells_none(row: Any) -> None:
    row.aborted_transactions = []


def _tells_wrong(row: Any) -> None:
    for batch in whole(row.records or b""):
        if batch.is_transactional and not batch.is_control:
            one = AbortedTransaction(producer_id=batch.producer_id, first_offset=batch.base_offset)
            row.aborted_transactions = [*(row.aborted_transactions or ()), one]
            return


def _falls(row: Any) -> None:
    if not row.records:  # it would be found by the records above it
        row.last_stable_offset = max(0, row.last_stable_offset - 1)


def broken(of: Any, name: str, other: Callable[[Any], Any]) -> Callable[[Machine, Model], Sound]:
    """A plant that puts another rule in the place of one."""
    return lambda machine, model: Broken(of, name, other, machine, model)


def _committed(spoils: Callable[[Any], None]) -> Callable[[Machine, Model], Sound]:
    return lambda machine, model: Committed(spoils, machine, model)


RULES: dict[str, Callable[[Machine, Model], Sound]] = {
    "early-markers": broken(Driver, "carry", _carries),
    "early-ends": broken(markers, "begin", _completes),
    "unended-offsets": broken(markers_written, "_ask_groups", _forgets_groups),
    "early-verdicts": broken(partitions, "_decide", _says_yes),
}
TRANSACTIONS: dict[str, Callable[[Machine, Model], Sound]] = {
    **RULES,
    "shared-epochs": SharedEpochs,
    "unfenced-ends": UnfencedEnds,
    "untold-aborts": _committed(_tells_none),
    "wrong-aborts": _committed(_tells_wrong),
    "fallen-stable-offsets": _committed(_falls),
}
