"""What a broker in a test says when it can't do what it is told.

Each is an `ottla.OttlaError`; those about arguments are Python's own kinds as well, and what was
expected and did not come is an AssertionError, so that a test that meets it fails and does not err.
"""

from __future__ import annotations

from ottla.errors import OttlaError


class NotRunning(OttlaError):
    """The broker has not been started, or has ended."""


class BadArgument(OttlaError, ValueError):
    """What a Broker was given makes no sense."""


class BadType(OttlaError, TypeError):
    """What a Broker was given is of a kind that it can't be."""


class NotAsExpected(OttlaError, AssertionError):
    """What a test waited for was not there in time; the text says what was."""
