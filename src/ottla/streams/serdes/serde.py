"""What a serde is: a value to the bytes of a record's key or value, and back.

A serde is immutable and may be shared by topics, stores and threads. None is null on both sides:
whatever a serde's values are, both executors may give it None, and it answers None. `native` is the
row by which the Rust executor knows a twin of its own that writes the same bytes and refuses with
the same words; without it that executor calls this one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic

from ottla.streams.errors import StreamsError
from ottla.streams.variables import T

#: Headers of a record, in order; None where there are none to be had.
Headers = list[tuple[str, bytes | None]] | None

WRITE_HINT = "give the operator another serde, or change the value before it"
READ_HINT = "read the topic with the serde that its records were written with"

INT_MIN, INT_MAX = -(2**63), 2**63 - 1


class SerdeError(StreamsError):
    """A value that a serde does not write, or bytes that are not what it reads."""


class WrongType(SerdeError):
    """A value of a type that the serde does not write: a mistake of the program, so the handler of
    failures in writing is not asked, only that of processing, as in Kafka.
    """


class Serde(ABC, Generic[T]):
    """Values to bytes and back; write a subclass for a format of your own.

    `Serde[T]` tells type checkers which values it writes and reads; without, they may be any.
    """

    #: The row of the Rust executor's twin; None where there is none.
    native: tuple[Any, ...] | None = None

    @property
    def name(self) -> str:
        """What errors call it."""
        return type(self).__name__

    @abstractmethod
    def serialize(self, value: T | None, topic: str = "", headers: Headers = None) -> bytes | None:
        """The bytes of a value; None for None, which comes here too: a record's value may be null.

        A serde may add to the headers.

        Raises:
            SerdeError: it does not write such a value.
        """

    @abstractmethod
    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> T | None:
        """The value of bytes; None for None, which may come here too.

        Raises:
            SerdeError: the bytes are not of this format.
        """

    def as_key(self) -> Serde[T]:
        """The serde for keys: another one only where a format tells keys from values."""
        return self

    def prepare(self) -> None:
        """Load what the serde stands on, to be told now and not at the first record.

        Raises:
            MissingExtra: a package is not installed.
        """

    def __repr__(self) -> str:
        return self.name

    # ------------------------------------------------------------ refusals, in words of both
    # executors

    def _wrong_type(
        self, value: object, topic: str, cause: BaseException | None = None
    ) -> SerdeError:
        if value is None:
            return self._unwritable("a value of type None", topic, cause)
        what = f"a value of type {type(value).__name__}"
        return self._unwritable(what, topic, cause, WrongType)

    def _out_of_range(self, topic: str) -> SerdeError:
        return self._unwritable("a number of this size", topic)

    def _unwritable(
        self,
        what: str,
        topic: str,
        cause: BaseException | None = None,
        kind: type[SerdeError] = SerdeError,
    ) -> SerdeError:
        error = kind(f"{self.name} cannot write {what} (topic {topic})", hint=WRITE_HINT)
        error.__cause__ = cause
        return error

    def _unreadable(
        self, data: bytes, topic: str, why: str, cause: BaseException | None = None
    ) -> SerdeError:
        count = f"{len(data)} byte{'' if len(data) == 1 else 's'}"
        error = SerdeError(
            f"{self.name} cannot read {count}: {why} (topic {topic})", hint=READ_HINT
        )
        error.__cause__ = cause
        return error


def not_bytes(serde: Serde, data: object, topic: str) -> SerdeError:
    """The refusal of what a serde of the user's wrote."""
    return SerdeError(
        f"{serde.name} wrote a {type(data).__name__} where bytes or None belong (topic {topic})",
        hint="let its `serialize` return bytes",
    )
