"""Bytes of strangers: truncated, changed, made up.

Each ends in `ProtocolError` or in a whole message. The budget is fixed (seconds in `make test`,
minutes under the mark `long`), and a failure prints its seed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from wire_classes import random_message, versions, within

from ottla.wire.messages.fetch import FetchResponse
from ottla.wire.messages.metadata import MetadataRequest
from ottla.wire.messages.produce import ProduceRequest
from ottla.wire.schema import Message, ProtocolError, Struct, decode, encode

SEED = 20260731
HUGE_LENGTHS = (
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\xff\xff\xff\xfe",
    b"\x7f\xff",
    b"\x80\x00",
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\xff\xff\xff",
    b"\x80\x80\x80\x80\x00",
    b"\xff\xfe\xff\xfd",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\x00",
)


def check(kind: type[Message], version: int, data: bytes) -> bool:
    """Whether the bytes were taken; then they can be written and read again."""
    try:
        message = decode(kind, data, version)
    except ProtocolError:
        return False
    again = encode(message, version)
    assert encode(decode(kind, again, version), version) == again
    return True


def mutated(data: bytes, entropy: random.Random) -> bytes:
    """The same message after an accident, or an attack."""
    piece = entropy.choice(HUGE_LENGTHS)
    at = entropy.randrange(len(data) + 1)
    end = min(len(data), at + entropy.choice([0, 1, len(piece)]))
    match entropy.randrange(4):
        case 0 if at < len(data):
            return data[:at] + bytes([data[at] ^ (1 << entropy.randrange(8))]) + data[at + 1 :]
        case 1:
            return data[:at] + piece + data[end:]
        case 2:
            return data[:at] + data[end + entropy.randrange(8) :]
        case _:
            return data[:at] + entropy.randbytes(entropy.randrange(1, 9)) + data[at:]


def fuzz(seed: int, seconds: float) -> int:
    """Every version gets its share of the time; the number of inputs comes back."""
    entropy = random.Random(seed)
    cases = list(versions())
    entropy.shuffle(cases)
    ends = time.monotonic() + seconds
    count = 0
    while time.monotonic() < ends:
        for kind, version in cases:
            data = encode(random_message(kind, version, entropy, items_max=2), version)
            for case in (mutated(data, entropy), entropy.randbytes(entropy.randrange(40))):
                try:
                    check(kind, version, case)
                except Exception as error:
                    error.add_note(f"seed {seed}: {kind.__name__} v{version} of {case.hex()}")
                    raise
                count += 1
    return count


def test_every_truncation_is_noticed() -> None:
    """A connection that breaks inside a message must not look like a shorter message."""
    entropy = random.Random(SEED)
    for kind, version in versions():
        data = encode(random_message(kind, version, entropy, items_max=2), version)
        cuts = range(len(data)) if len(data) < 64 else entropy.sample(range(len(data)), 64)
        for cut in cuts:
            with pytest.raises(ProtocolError):
                decode(kind, data[:cut], version)


def test_malformed_input() -> None:
    """Whatever a peer sends, the node lives, and what it takes for a message is one."""
    assert fuzz(SEED, 3) > 5000


@pytest.mark.long
def test_malformed_input_for_long() -> None:
    """As above, with seeds that nobody has tried; the seed is in the failure's notes."""
    fuzz(random.SystemRandom().getrandbits(32), 180)


PRODUCE_WITH_LONG_RECORDS = bytes.fromhex(
    "ffff 0001 00000001 00000001 000161 00000001 00000000 7fffffff"
)
FETCH_WITHOUT_TAGS = bytes.fromhex("00000000 0000 00000000 01")


@pytest.mark.parametrize(
    ("kind", "version", "data", "text"),
    [
        (MetadataRequest, 0, b"\x7f\xff\xff\xff", "topics: claims 2147483647 elements"),
        (MetadataRequest, 0, b"\xff\xff\xff\xff", "topics: is null and must not be"),
        (MetadataRequest, 0, b"\x80\0\0\0", "topics: claims a length of -2147483648"),
        (MetadataRequest, 1, b"\0\0\0\1\0\2\xc3\x28", r"topics\.name: is not valid UTF-8 \(at"),
        (MetadataRequest, 9, b"\xff" * 5, "topics: holds a varint of more than 32 bits"),
        (MetadataRequest, 9, b"\2\0", r"topics\.name: is null and must not be"),
        (MetadataRequest, 99, b"", "has no version 99, only 0 to 13"),
        (
            ProduceRequest,
            3,
            PRODUCE_WITH_LONG_RECORDS,
            r"topic_data\.partition_data\.records: needs 2147483647 bytes",
        ),
        (
            FetchResponse,
            16,
            FETCH_WITHOUT_TAGS + b"\1\0\xff\xff\xff\xff\x0f\1",
            "node_endpoints: tag 0 claims 4294967295 bytes and holds 1",
        ),
        (FetchResponse, 16, FETCH_WITHOUT_TAGS + b"\1\x63\xff\xff\xff\xff\x0f\1", "needs 42949"),
    ],
)
def test_errors_name_the_field(kind: type[Message], version: int, data: bytes, text: str) -> None:
    """Whoever reads the log must see which field of which message was wrong."""
    with pytest.raises(ProtocolError, match=f"{kind.__name__} v{version}: .*({text})"):
        decode(kind, data, version)


def hostile_lengths(kind: type[Struct], version: int, flexible: bool) -> list[bytes]:
    """Bodies that are cut off at a field that claims to be as long as anything can be."""
    claim = b"\xff\xff\xff\xff\x0f" if flexible else b"\x7f\xff\xff\xff"
    found = []
    entropy = random.Random(SEED)
    for name, field in kind.__fields__.items():
        if within(field.versions, version) and field.kind.startswith(("[]", "bytes", "records")):
            message = random_message(kind, version, entropy)
            setattr(message, name, [] if field.kind.startswith("[]") else b"")
            whole = encode(message, version)
            found += [whole[:at] + claim + bytes(4096) for at in range(len(whole))]
    return found


def memory_probe() -> None:
    """In a process of its own: how far lying lengths move the peak of memory, in KiB."""
    import resource

    cases = [
        (kind, version, data)
        for kind, version in versions()
        if version == kind.max_version
        for data in hostile_lengths(kind, version, within(kind.flexible, version))
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for kind, version, data in cases:
        check(kind, version, data)
    print(len(cases), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def test_memory_is_bounded() -> None:
    """A claimed length of 2 GiB in a message of 4 KiB must cost kilobytes, not gigabytes."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
    }
    ran = subprocess.run(
        [sys.executable, "-c", "from test_schema_malformed import memory_probe; memory_probe()"],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    cases, grown_kib = map(int, ran.stdout.split())
    assert cases > 1000
    assert grown_kib < 16 * 1024
