"""Conversations about client metrics: subscriptions, who is asked for what, and what is pushed."""

from __future__ import annotations

import gzip
import struct
from typing import Any

from conformance.cases_basic import settle
from conformance.talk import Talk, differs
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from ottla.wire.messages.get_telemetry_subscriptions import GetTelemetrySubscriptionsRequest
from ottla.wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from ottla.wire.messages.list_config_resources import ListConfigResourcesRequest
from ottla.wire.messages.push_telemetry import PushTelemetryRequest

CLIENT_METRICS = 16
SET, DELETE, APPEND, SUBTRACT = range(4)
NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
MINE = bytes.fromhex("6f1ae4a5b1c94a0e8f7d0123456789ab")
OTHER = bytes.fromhex("7a1ae4a5b1c94a0e8f7d0123456789cd")
MATCHED = bytes.fromhex("6f1ae4a5b1c94a0e8f7d0123456789ac")
TELEMETRY_MAX = 4096


def alter(talk: Talk, name: str, *changes: tuple[int, str, str | None], note: bool = True) -> None:
    """Change a subscription."""
    resource = AlterConfigsResource(
        resource_type=CLIENT_METRICS,
        resource_name=name,
        configs=[AlterableConfig(config_operation=o, name=k, value=v) for o, k, v in changes],
    )
    talk.ask(IncrementalAlterConfigsRequest(resources=[resource]), 1, note=note)


def gone(talk: Talk, name: str) -> None:
    """Delete a subscription."""
    alter(talk, name, *((DELETE, key, None) for key in ("interval.ms", "metrics", "match")))


def get(talk: Talk, instance: bytes = MINE, *, note: bool = True) -> Any:
    """Ask what to push; the answer, in which codecs are left out: `accepted` has them."""
    answer = talk.ask(GetTelemetrySubscriptionsRequest(client_instance_id=instance), 0, note=False)
    answer.accepted_compression_types = []
    if note:
        talk.note(answer)
    return answer


def push(
    talk: Talk,
    subscription: int,
    data: bytes = b"",
    *,
    instance: bytes = MINE,
    codec: int = NONE,
    terminating: bool = False,
) -> None:
    """Push a payload."""
    request = PushTelemetryRequest(
        client_instance_id=instance,
        subscription_id=subscription,
        terminating=terminating,
        compression_type=codec,
        metrics=data,
    )
    talk.ask(request, 0)


def field(number: int, data: bytes) -> bytes:
    """A field of protobuf with bytes in it."""
    size, length = b"", len(data)
    while length > 127:
        size, length = size + bytes([length & 127 | 128]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + data


def gauge(name: bytes, value: float = 1.5, attribute: bytes = b"here") -> bytes:
    """A whole payload with one gauge."""
    attributes = field(7, field(1, b"place") + field(2, field(1, attribute)))
    point = field(1, b"\x21" + struct.pack("<d", value) + attributes)
    return field(1, field(2, field(2, field(1, name) + field(5, point))))


def case_client_metrics_configs(talk: Talk) -> None:
    """What a subscription may set, refusals and all, and how it is described and listed."""
    name = talk.topic("s")
    alter(talk, "", (SET, "interval.ms", "1000"))
    for key, value in (
        ("interval.ms", "99"),
        ("interval.ms", "100"),
        ("interval.ms", "3600000"),
        ("interval.ms", "3600001"),
        ("interval.ms", "-1"),
        ("interval.ms", "soon"),
        ("interval.ms", ""),
        ("nope", "1"),
        ("metrics", "*"),
        ("metrics", ""),
        ("metrics", "a,,b"),
        ("metrics", "a,b,a"),
        ("match", "client_id=a"),
        ("match", "client_id"),
        ("match", "client_id="),
        ("match", "client_id=a=b"),
        ("match", "client_id=a="),
        ("match", "=a"),
        ("match", "nope=a"),
        ("match", "client_id=["),
        ("match", "client_id=("),
        ("match", "client_id=x{1"),
        ("match", "client_id=(?P<n>a)"),
        ("match", "client_id=*"),
        ("match", "client_id=a,client_id=b"),
        ("match", " client_id = x , client_source_port = \\d+ "),
        ("match", "client_software_name=a.*,client_software_version=[0-9.]+"),
        ("match", ""),
    ):
        talk.note([key, value])
        alter(talk, name, (SET, key, value))
    for operation in (APPEND, SUBTRACT):
        for key in ("metrics", "interval.ms", "nope"):
            alter(talk, name, (operation, key, "1"))
    alter(talk, name, (DELETE, "nope", None), (DELETE, "interval.ms", None))
    alter(talk, name, (SET, "metrics", "b,a"), (SET, "match", "client_id=a"))
    settle(talk, "configs")
    resources = [
        DescribeConfigsResource(resource_type=16, resource_name=one, configuration_keys=None)
        for one in (name, "unknown", "")
    ]
    talk.ask(DescribeConfigsRequest(resources=resources, include_synonyms=True), 4)
    talk.ask(ListConfigResourcesRequest(), 0)
    talk.ask(ListConfigResourcesRequest(resource_types=[CLIENT_METRICS]), 1)
    gone(talk, name)
    settle(talk, "gone")
    talk.ask(ListConfigResourcesRequest(), 0)


@differs(
    "groups that look around, and what else RE2 has no words for, could keep a node busy for years",
    error_code=[(0, 40)],
    error_message=[
        (
            None,
            "Illegal client matching pattern: client_id=a(?=b) (groups that look around, and flags "
            "but i, are not honoured)",
        ),
        (
            None,
            "Illegal client matching pattern: client_id=a++ (possessive repeats are not honoured)",
        ),
    ],
)
def case_client_metrics_patterns_of_java_alone(talk: Talk) -> None:
    """Patterns that only a backtracking matcher can match."""
    for pattern in ("a(?=b)", "a++"):
        alter(talk, talk.topic("s"), (SET, "match", f"client_id={pattern}"))
    gone(talk, talk.topic("s"))


def case_telemetry_announced(talk: Talk) -> None:
    """Both APIs are there, as in 4.3.1 with a receiver."""
    answer = talk.ask(
        ApiVersionsRequest(client_software_name="c", client_software_version="1"), 4, note=False
    )
    talk.note(
        [
            (k.api_key, k.min_version, k.max_version)
            for k in answer.api_keys
            if k.api_key in (71, 72)
        ]
    )


def case_telemetry_codecs(talk: Talk) -> None:
    """With what clients may pack."""
    answer = talk.ask(GetTelemetrySubscriptionsRequest(client_instance_id=OTHER), 0, note=False)
    talk.note({"codecs": ",".join(map(str, answer.accepted_compression_types))})


def case_telemetry_without_subscriptions(talk: Talk) -> None:
    """A client that nobody asks for anything, and one that is given its id."""
    get(talk)
    get(talk)
    answer = get(talk, bytes(16), note=False)
    talk.note([answer.error_code, any(answer.client_instance_id), answer.requested_metrics])
    talk.note([answer.push_interval_ms, answer.telemetry_max_bytes, answer.delta_temporality])
    talk.note(answer.subscription_id != 0)


def case_telemetry_subscription_ids(talk: Talk) -> None:
    """Ids and lists are those that Kafka computes, in the order of its hash tables."""
    many = ",".join(f"org.apache.kafka.some.metric.{n}" for n in range(40))
    name = talk.topic("s")
    for number, (metrics, interval) in enumerate(
        (
            ("*", "100"),
            ("", "1000"),
            ("org.apache.kafka.producer.", "200"),
            ("b,a,c,org.apache.kafka.consumer.,org.apache.kafka.producer.", "300"),
            ("a,*,b", "60000"),
            ("Aa,BB,AaAa,BBBB,AaBB,BBAa", "3600000"),
            (many, "100"),
        )
    ):
        alter(talk, name, (SET, "metrics", metrics), (SET, "interval.ms", interval), note=False)
        settle(talk, str(number))
        get(talk, bytes([number + 1]) * 16)
        get(talk, bytes([number + 201]) * 16)
    alter(talk, name + "2", (SET, "metrics", "zz,y,x"), (SET, "interval.ms", "500"), note=False)
    alter(talk, name + "3", (SET, "metrics", "a,b,c"), (SET, "interval.ms", "900"), note=False)
    settle(talk, "several")
    get(talk, OTHER)
    for one in (name, name + "2", name + "3"):
        gone(talk, one)


def case_telemetry_matches(talk: Talk) -> None:
    """Whom a subscription is for."""
    hello = ApiVersionsRequest(client_software_name="apache-x", client_software_version="4.3.1")
    talk.ask(hello, 4, note=False)
    name = talk.topic("s")
    for number, (match, _) in enumerate(
        (
            ("client_id=conformance", True),
            ("client_id=conform", False),
            ("client_id=conf.*", True),
            ("client_id=CONFORMANCE", False),
            ("client_id=(?i)CONFORMANCE", True),
            ("client_software_name=apache-.*", True),
            ("client_software_name=apache", False),
            ("client_software_version=4\\.3\\.[0-9]", True),
            ("client_source_address=127\\.0\\.0\\.1", True),
            ("client_source_address=10\\..*", False),
            ("client_source_port=\\d{4,5}", True),
            ("client_source_port=1", False),
            ("client_id=conf.*,client_software_version=3.*", False),
            ("client_id=a|conformance", True),
            ("client_id=\\Qconformance\\E", True),
            ("client_id=[a-f]on.{8}", True),
            ("client_instance_id=bxrkpbHJSg6PfQEjRWeJrA", True),
            ("client_instance_id=b.*", True),
            ("client_id=[^\\s]+", True),
            ("", True),
        )
    ):
        alter(talk, name, (SET, "metrics", f"m{number}"), (SET, "match", match), note=False)
        settle(talk, str(number))
        talk.note([match, get(talk, MATCHED, note=False).requested_metrics])
    gone(talk, name)


def case_telemetry_too_early(talk: Talk) -> None:
    """When a client may ask and push, and what follows from which error."""
    name = talk.topic("s")
    alter(talk, name, (SET, "metrics", "*"), (SET, "interval.ms", "3600000"))
    settle(talk, "seen")
    push(talk, 1, instance=bytes(16))
    push(talk, 1, instance=bytes(15) + b"\1")
    known = get(talk).subscription_id
    get(talk)
    data = gauge(b"org.apache.kafka.some.gauge")
    push(talk, known, data)
    push(talk, known, data)
    get(talk)
    push(talk, known, data, terminating=True)
    push(talk, known, data)
    push(talk, known, data, terminating=True)
    push(talk, known, data, terminating=True)
    talk.note("a wrong id")
    other = get(talk, OTHER).subscription_id
    push(talk, other + 1, data, instance=OTHER)
    get(talk, OTHER)
    push(talk, other, data, instance=OTHER)
    talk.note("a codec that there is not")
    third = b"\x05" * 16
    id_of_third = get(talk, third).subscription_id
    push(talk, id_of_third, data, instance=third, codec=5)
    get(talk, third)
    push(talk, id_of_third, data, instance=third, codec=-1)
    get(talk, third)
    talk.note("nobody asked first")
    fourth = b"\x06" * 16
    push(talk, 7, data, instance=fourth)
    get(talk, fourth)
    talk.note("the subscription changes")
    alter(talk, name, (SET, "metrics", "a"))
    settle(talk, "changed")
    push(talk, known, data)
    get(talk)
    gone(talk, name)


def case_telemetry_payloads(talk: Talk) -> None:
    """What can be read, and what cannot."""
    name = talk.topic("s")
    alter(talk, name, (SET, "metrics", "*"), (SET, "interval.ms", "3600000"))
    settle(talk, "seen")
    good = gauge(b"org.apache.kafka.some.gauge")
    xerial = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"
    raw = bytes([len(good), (len(good) - 1 if len(good) <= 60 else 60) << 2])
    raw += (b"" if len(good) <= 60 else bytes([len(good) - 1])) + good
    lz4 = b"\x04\x22\x4d\x18\x60\x40\x82" + struct.pack("<I", len(good) | 1 << 31) + good
    payloads = {
        "good": (good, NONE),
        "empty": (b"", NONE),
        "empty of gzip": (b"", GZIP),
        "gzip": (gzip.compress(good), GZIP),
        "two of gzip": (gzip.compress(good) + gzip.compress(good), GZIP),
        "snappy in frames": (xerial + struct.pack(">i", len(raw)) + raw, SNAPPY),
        "lz4": (lz4 + bytes(4), LZ4),
        "cut": (good[:-3], NONE),
        "zeros": (bytes(8), NONE),
        "text": (b"not a payload at all", NONE),
        "a wrong kind": (b"\x0f\x01", NONE),
        "a long varint": (b"\x08" + b"\xff" * 11, NONE),
        "unknown fields": (good + field(9, b"later") + b"\x58\x07" + b"\x5d1234", NONE),
        "no utf-8": (gauge(b"\xff\xfe"), NONE),
        "no gzip": (good, GZIP),
        "gzip cut": (gzip.compress(good)[:-9], GZIP),
        "no snappy": (xerial + b"\0\0\0\x09rubbish", SNAPPY),
        "no lz4": (good, LZ4),
        "lz4 cut": (lz4[:-5], LZ4),
        "too large": (gauge(b"x" * TELEMETRY_MAX), NONE),
        "too large unpacked": (gzip.compress(gauge(b"x" * TELEMETRY_MAX)), GZIP),
    }
    for number, (what, (data, codec)) in enumerate(payloads.items()):
        instance = bytes([number + 16]) * 16
        known = get(talk, instance, note=False).subscription_id
        talk.note(what)
        push(talk, known, data, instance=instance, codec=codec)
    gone(talk, name)
