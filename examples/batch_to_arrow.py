"""A topic to Apache Arrow and Parquet, by whole batches: no Python object is made of any record.

    pip install "ottla[arrow]"
    python examples/batch_to_arrow.py [FILE.parquet]

Fifty thousand readings of five sensors lie in a topic. `consumer.batches` gives them as they came,
still compressed, and `to_arrow` lays them out in columns; Arrow parses the values, computes by
sensor, and writes a Parquet file, which is read back and compared.

Prints the table's schema and the averages. With OTTLA_AT=host:port it runs on that cluster, and
else on a Broker of its own.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import ottla
from ottla.client import Consumer, Producer, to_arrow

TOPIC = "sensor-readings"
COUNT = 50_000


def produce(servers: str) -> None:
    """The readings: the key says which sensor, the value is a number as text."""
    chance = random.Random(5)
    with Producer(servers, compression_type="lz4") as producer:
        for number in range(COUNT):
            sensor = number % 5
            producer.send(TOPIC, f"{20 + sensor + chance.random():.3f}", key=f"sensor {sensor}")


def read_table(servers: str) -> pa.Table:
    """All that the topic holds now."""
    batches = []
    with Consumer(servers, auto_offset_reset="earliest") as consumer:
        consumer.assign([(TOPIC, number) for number in consumer.partitions_for(TOPIC)])
        ends = consumer.end_offsets(consumer.assignment)
        while any(consumer.position(place) < end for place, end in ends.items()):
            batches += consumer.batches(1)
    return to_arrow(batches)


def main(servers: str, path: str) -> None:
    """Produce, read, compute, write, read back."""
    produce(servers)
    table = read_table(servers)
    print(f"{table.num_rows} rows: {', '.join(table.column_names)}")
    readings = pa.table(
        {
            "sensor": table["key"].cast(pa.string()),
            "timestamp": table["timestamp"],
            "celsius": pc.cast(table["value"].cast(pa.string()), pa.float64()),
        }
    )
    pq.write_table(readings, path)
    averages = pq.read_table(path).group_by("sensor").aggregate([("celsius", "mean")])
    for row in averages.sort_by("sensor").to_pylist():
        print(f"{row['sensor']}: {row['celsius_mean']:.2f} °C")
    assert pq.read_table(path).equals(readings)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        file = sys.argv[1] if len(sys.argv) > 1 else os.path.join(folder, "readings.parquet")
        if at := os.environ.get("OTTLA_AT"):
            main(at, file)
        else:
            with ottla.Broker() as broker:
                main(broker.bootstrap_servers, file)
