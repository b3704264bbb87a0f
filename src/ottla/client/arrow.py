"""Whole batches as a table of Apache Arrow: `pip install "ottla[arrow]"`.

The core lays the records out in columns, and Arrow takes them as they are: no Python object is made
of any record.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ottla.client.consuming.fetching import Corrupt
from ottla.errors import OttlaError
from ottla.wire.fetched import CoreError, RecordBatch, columns_of

if TYPE_CHECKING:
    import pyarrow


def to_arrow(batches: Iterable[RecordBatch]) -> pyarrow.Table:
    """The records of batches, a row each.

    Columns: `topic` (dictionary of string), `partition` (int32), `offset` (int64), `timestamp`
    (timestamp of milliseconds, UTC), `key` and `value` (large_binary), `headers` (list of name and
    value).

    Raises:
        OttlaError: pyarrow is not installed, or a batch can't be read.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise OttlaError(
            "a table needs pyarrow",
            hint='pip install pyarrow, or "ottla[arrow]" where ottla itself came by pip',
        ) from None
    whole = list(batches)
    schema = _schema(pa)
    tables = []
    while whole:
        topic, partition = whole[0].topic, whole[0].partition
        run = [batch for batch in whole if (batch.topic, batch.partition) == (topic, partition)]
        whole = [batch for batch in whole if (batch.topic, batch.partition) != (topic, partition)]
        tables.append(_table(pa, schema, run, topic, partition))
    return pa.concat_tables(tables) if tables else schema.empty_table()


def _schema(pa: Any) -> Any:
    header = pa.struct([("name", pa.large_string()), ("value", pa.large_binary())])
    return pa.schema(
        [
            ("topic", pa.dictionary(pa.int32(), pa.string())),
            ("partition", pa.int32()),
            ("offset", pa.int64()),
            ("timestamp", pa.timestamp("ms", tz="UTC")),
            ("key", pa.large_binary()),
            ("value", pa.large_binary()),
            ("headers", pa.list_(header)),
        ]
    )


def _table(pa: Any, schema: Any, batches: list[RecordBatch], topic: str, partition: int) -> Any:
    try:
        count, (offsets, times), (keys, values), (ends, names, texts) = columns_of(batches)
    except CoreError as error:
        raise Corrupt((topic, partition), batches[0].base_offset, error.text) from None

    def blobs(kind: Any, column: tuple[bytes, bytes, bytes]) -> Any:
        where, data, valid = column
        length = len(where) // 8 - 1
        return pa.Array.from_buffers(kind, length, [*map(pa.py_buffer, (valid, where, data))])

    header = schema.field("headers").type.value_type
    fields = [blobs(pa.large_string(), names), blobs(pa.large_binary(), texts)]
    inner = pa.StructArray.from_arrays(fields, fields=list(header))
    columns = [
        pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([topic])),
        pa.array([partition] * count, pa.int32()),
        pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(offsets)]),
        pa.Array.from_buffers(schema.field("timestamp").type, count, [None, pa.py_buffer(times)]),
        blobs(pa.large_binary(), keys),
        blobs(pa.large_binary(), values),
        pa.Array.from_buffers(
            pa.list_(header), count, [None, pa.py_buffer(ends)], children=[inner]
        ),
    ]
    return pa.Table.from_arrays(columns, schema=schema)
