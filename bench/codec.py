"""The plan codec's cost in CPU time: one Metadata answer of 300 partitions, and loading messages.

Run from the checkout: `PYTHONPATH=src python bench/codec.py`.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable

from ottla.wire.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)
from ottla.wire.schema import decode, encode

VERSION = 13

LOAD_ALL = """
import time
from ottla.wire import api, schema
began = time.perf_counter()
for row in api.apis():
    schema.plan_of(api.request_class(row.key))
    schema.plan_of(api.response_class(row.key))
print(time.perf_counter() - began)
"""


def answer() -> MetadataResponse:
    """Three brokers, a hundred topics of three partitions."""
    partitions = [
        MetadataResponsePartition(
            partition_index=index,
            leader_id=index,
            leader_epoch=1,
            replica_nodes=[0, 1, 2],
            isr_nodes=[0, 1, 2],
        )
        for index in range(3)
    ]
    return MetadataResponse(
        brokers=[MetadataResponseBroker(node_id=i, host="localhost", port=9092) for i in range(3)],
        cluster_id="4L6g3nShT-eMCtK--X86sw",
        controller_id=1,
        topics=[
            MetadataResponseTopic(name=f"topic-{i}", topic_id=bytes(16), partitions=partitions)
            for i in range(100)
        ],
    )


def microseconds(work: Callable[[], object], times: int) -> float:
    """CPU time of one call, the best of seven rounds."""
    best = float("inf")
    for _ in range(7):
        began = time.process_time()
        for _ in range(times):
            work()
        best = min(best, time.process_time() - began)
    return best / times * 1e6


def main() -> None:
    large = answer()
    data = encode(large, VERSION)
    small = MetadataRequest(topics=[MetadataRequestTopic(name="my-events")])
    asked = encode(small, VERSION)
    gc.disable()
    print(f"Metadata answer, 300 partitions, {len(data)} bytes")
    print(f"  decode {microseconds(lambda: decode(MetadataResponse, data, VERSION), 100):8.1f} µs")
    print(f"  encode {microseconds(lambda: encode(large, VERSION), 100):8.1f} µs")
    print(f"Metadata request, {len(asked)} bytes")
    print(f"  decode {microseconds(lambda: decode(MetadataRequest, asked, VERSION), 5000):8.2f} µs")
    print(f"  encode {microseconds(lambda: encode(small, VERSION), 5000):8.2f} µs")
    command = [sys.executable, "-c", LOAD_ALL]
    runs = [float(subprocess.check_output(command, text=True)) for _ in range(5)]
    print(f"All 178 requests and responses, loaded and compiled: {min(runs) * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
