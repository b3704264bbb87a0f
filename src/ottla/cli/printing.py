"""Printing what a consumer reads, so that what was not printed does not count as read.

It is what the console consumer and `ottla consume` have in common: a poll, a line for each record,
and back behind the last that was printed if printing fails.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from ottla.cli.run import reader_is_gone
from ottla.client.consuming.consumer import Consumer
from ottla.errors import OttlaError
from ottla.wire.fetched import ConsumerRecord


def print_records(
    consumer: Consumer, records: Sequence[ConsumerRecord], show: Callable[[ConsumerRecord], object]
) -> None:
    """Show each and flush; what was not shown after all is read again, by who commits later.

    Raises:
        OSError: nobody reads it any more, or there is no room for it.
        OttlaError: one can't be shown.
    """
    done = 0
    try:
        for record in records:
            done += 1  # one that can't be printed is read: no group would get behind it
            show(record)
    finally:
        try:
            sys.stdout.buffer.flush()
        except OSError:
            done = 0
            raise
        finally:
            go_back(consumer, records[done:])


def go_back(consumer: Consumer, records: Sequence[ConsumerRecord]) -> None:
    """These were not printed after all."""
    for record in reversed(records):
        with suppress(OttlaError):
            consumer.seek((record.topic, record.partition), record.offset)


def look_for_reader() -> None:
    """While there is nothing to print.

    Raises:
        BrokenPipeError: nobody reads what is printed any more.
    """
    sys.stdout.buffer.flush()
    if reader_is_gone():
        raise BrokenPipeError
