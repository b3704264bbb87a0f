"""Avro's data, by fastavro: a value is what fastavro takes and gives, logical types included.

A schema of plain `bytes` is written without the length that Avro has before bytes, as all
serializers of the field do. What fastavro can't bound is looked at first (`bounds.py`).
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ottla.schemas.avro import AVRO_LANGUAGE
from ottla.schemas.language import AVRO, Dependency, InvalidSchema
from ottla.serdes.avro.bounds import check_data, check_value, is_dangerous
from ottla.serdes.avro.fields import changed
from ottla.serdes.avro.fit import Fault, Judge, compiled
from ottla.serdes.avro.inlining import inlined
from ottla.serdes.codec import Change, Misfit
from ottla.serdes.contract import Contract
from ottla.serdes.errors import MissingExtra
from ottla.serdes.framing import Indexes


class AvroSchema(NamedTuple):
    """A schema that fastavro has read."""

    schema: Any
    names: Mapping[str, Any]
    """Its named types, by their full names."""
    is_bytes: bool
    is_dangerous: bool
    judge: Judge | None
    """Says whether a value fits, before it is written; None: fastavro's own way."""


class AvroCodec:
    """Avro.

    Args:
        strict: refuse what does not fit its schema (`fit.py`); else fastavro writes what it can
            make bytes of.
        return_record_name: tell which branch of a union of records was read, as a pair.
    """

    type = AVRO
    has_indexes = False

    def __init__(self, *, strict: bool = False, return_record_name: bool = False) -> None:
        self._fastavro = _fastavro()
        self._strict = strict
        self._return_record_name = return_record_name

    def read(self, contract: Contract, dependencies: Sequence[Dependency]) -> AvroSchema:
        """A schema, with what it refers to.

        Raises:
            InvalidSchema: fastavro does not take it.
        """
        names: dict[str, Any] = {}
        judge = None
        try:
            texts = [json.loads(dependency.text) for dependency in dependencies]
            whole = inlined(json.loads(contract.text), texts)
            schema = self._fastavro.parse_schema(whole, named_schemas=names)
            dangerous = is_dangerous(schema, names)
            if self._strict:
                judge = self._judge(schema, names)
        except RecursionError:
            raise InvalidSchema("the schema nests too deep") from None
        except Exception as error:
            # Our own reading knows the place. What it takes, fastavro may still not.
            AVRO_LANGUAGE.read(contract.text, dependencies)
            raise InvalidSchema(f"fastavro can't work with it: {_text(error)}") from error
        kind = schema.get("type") if isinstance(schema, dict) else schema
        return AvroSchema(schema, names, kind == "bytes", dangerous, judge)

    def name(self, parsed: AvroSchema, indexes: Indexes = ()) -> str | None:
        """The full name of a record, enum or fixed."""
        schema = parsed.schema
        return schema.get("name") if isinstance(schema, dict) else None

    def encode(self, parsed: AvroSchema, value: Any) -> bytes:
        """A value as bytes.

        Raises:
            Misfit: it does not fit; the field is told where fastavro knows it.
        """
        if parsed.is_bytes:
            if not isinstance(value, bytes | bytearray | memoryview | str):
                raise Misfit(f"the schema is bytes, and a {type(value).__name__} is given")
            return value.encode() if isinstance(value, str) else bytes(value)
        if parsed.is_dangerous:
            check_value(value)
        out = io.BytesIO()
        try:
            fault = None if parsed.judge is None else parsed.judge(value)
            if fault is None:
                self._fastavro.schemaless_writer(out, parsed.schema, value)
        except Exception as error:
            raise self._misfit(parsed, value, error) from error
        if fault is not None:
            raise _told(parsed, fault)
        return out.getvalue()

    def decode(
        self, writer: AvroSchema, payload: bytes, reader: AvroSchema | None, indexes: Indexes = ()
    ) -> Any:
        """The value of bytes.

        Raises:
            Misfit: they are no data of the writer's schema, or the reader's does not match it.
        """
        if writer.is_bytes:
            return payload
        if writer.is_dangerous:
            check_data(writer.schema, writer.names, payload)
        # A reader that is the writer would only cost time.
        wanted = None if reader is None or reader.schema == writer.schema else reader.schema
        try:
            return self._fastavro.schemaless_reader(
                io.BytesIO(payload), writer.schema, wanted, self._return_record_name
            )
        except self._fastavro.read.SchemaResolutionError as error:
            raise Misfit(
                f"the reader's schema does not match the writer's: {_text(error)}",
                hint="`ottla schemas diff` tells in which way",
            ) from error
        except (EOFError, IndexError) as error:
            raise Misfit(
                f"the bytes are no data of their schema: they end too early, after {len(payload)}",
                hint="the record is cut, or was written by another schema than it names",
            ) from error
        except Exception as error:
            raise Misfit(f"the bytes are no data of their schema: {_text(error)}") from error

    def check(self, parsed: AvroSchema, value: Any) -> None:
        """Nothing: what was read by a schema fits it."""

    def to_plain(self, writer: AvroSchema, payload: bytes, indexes: Indexes) -> Any:
        """The value as it is."""
        return self.decode(writer, payload, None)

    def from_plain(
        self, writer: AvroSchema, reader: AvroSchema, value: Any, indexes: Indexes
    ) -> Any:
        """The value as migrations made it."""
        return value

    def change_fields(
        self, parsed: AvroSchema, value: Any, change: Change, indexes: Indexes = ()
    ) -> Any:
        """Have the fields changed."""
        check_value(value)
        return changed(parsed.schema, parsed.names, value, change)

    def _judge(self, schema: Any, names: Mapping[str, Any], *, knows_all: bool = True) -> Judge:
        logical = self._fastavro.write.LOGICAL_WRITERS
        return compiled(schema, names, logical, knows_all=knows_all)

    def _misfit(self, parsed: AvroSchema, value: Any, error: Exception) -> Misfit:
        """What fastavro could not write, by our own walk: it names the place."""
        try:
            fault = self._judge(parsed.schema, parsed.names, knows_all=False)(value)
        except Exception as other:
            fault, error = None, other
        if fault is not None:
            return _told(parsed, fault)
        return Misfit(f"the value does not fit its schema: {_text(error)}")


def _told(parsed: AvroSchema, fault: Fault) -> Misfit:
    """A fault with its place from the top: the schema's name and the way from there."""
    schema = parsed.schema
    name = schema.get("name", "") if isinstance(schema, dict) else ""
    return Misfit(
        f"the value does not fit its schema: {fault.text}",
        field=f"{name}{fault.path}".removeprefix(".") if fault.path else None,
    )


def _text(error: object) -> str:
    """What an error says, bounded: it may have a whole value in it."""
    told = " ".join(str(error).split()) or type(error).__name__
    at = told.find("__fastavro")
    if at >= 0:  # a schema as fastavro keeps it follows, which says nothing to anybody
        told = told[:at].rstrip("{'\" ,")
    return told if len(told) <= 300 else f"{told[:300]}…"


def _fastavro() -> Any:
    try:
        import fastavro
        import fastavro.read
        import fastavro.schema
        import fastavro.write
    except ImportError:
        raise MissingExtra("fastavro", "registry") from None
    return fastavro
