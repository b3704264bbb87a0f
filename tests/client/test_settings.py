"""Settings by the names that people bring along: taken, left out with a word, or refused with what
to do.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest

from ottla.client import BadSetting, Producer, connect, settings
from ottla.client.foreign_settings import IDLE, REFUSED
from ottla.client.settings import HONOURED, OTHER_NAMES, WITHOUT_EFFECT, Settings
from servers import OttlaServer


def refused(kind: str, **given: Any) -> BadSetting:
    """What is said of settings that are refused; `__` stands for a dot."""
    with pytest.raises(BadSetting) as caught:
        Settings(kind, {name.replace("__", "."): value for name, value in given.items()})
    assert caught.value.hint, caught.value
    return caught.value


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another test had told counts for nothing."""
    monkeypatch.setattr(settings, "_told", set())


@pytest.mark.parametrize("name", ["value_serializer", "key.serializer", "key_deserializer"])
@pytest.mark.parametrize("kind", ["producer", "consumer"])
def test_serializers_are_refused(kind: str, name: str) -> None:
    """If this failed, what a program sends or reads would not be what it believes."""
    error = refused(kind, **{name.replace(".", "__"): str})
    assert name in str(error)
    assert "json." in (error.hint or "")


@pytest.mark.parametrize("name", sorted(IDLE))
def test_what_is_harmless_is_told_once(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """If this failed, people would have to cut down their settings to try this client, or would not
    learn what of them does nothing.
    """
    for kind in ("producer", "consumer"):
        with caplog.at_level(logging.WARNING, logger="ottla.client"):
            Settings(kind, {name: "7"})
            Settings(kind, {name: "7"})
    (told,) = (record.getMessage() for record in caplog.records)
    assert told.startswith(f"{name} has no effect here: ")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_would_matter_is_refused_with_what_to_do(name: str) -> None:
    """If this failed, a program would wait for calls that never come, or its keys would go
    elsewhere, without a word.
    """
    for kind in ("producer", "consumer"):
        error = refused(kind, **{name.replace(".", "__"): "x.Y"})
        assert str(error) == f"{name} is not honoured here"
        Settings(kind, {name: None})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("enable.auto.offset.store", True),
        ("enable.partition.eof", "False"),
        ("partitioner", "murmur2_random"),
        ("interceptor.classes", ""),
        ("key.serializer", "org.apache.kafka.common.serialization.StringSerializer"),
        ("delivery.report.only.error", False),
    ],
)
def test_what_asks_for_what_is_done_is_taken(
    name: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    """If this failed, settings would be refused that change nothing."""
    Settings("producer", {name: value})
    assert not caplog.records


@pytest.mark.parametrize(
    ("kind", "theirs"), [("producer", "KafkaProducer"), ("consumer", "KafkaConsumer")]
)
def test_every_name_of_kafka_python_is_known(kind: str, theirs: str) -> None:
    """If this failed, who comes from kafka-python would hear that a name of his is none."""
    import kafka

    refusals: dict[str, BadSetting] = {}
    for name in getattr(kafka, theirs).DEFAULT_CONFIG:
        try:
            _ = Settings(kind, {name: "1"}).reach
        except BadSetting as error:
            refusals[name] = error
    assert not [name for name, error in refusals.items() if error.hint is None]
    assert not [name for name, error in refusals.items() if "there is no setting" in str(error)]


def test_no_name_stands_in_two_lists() -> None:
    """If this failed, a setting would be honoured and refused, as it happens."""
    ours = {*HONOURED["producer"], *HONOURED["consumer"], *OTHER_NAMES, *WITHOUT_EFFECT}
    assert not ours & {*IDLE, *REFUSED}
    assert not {*IDLE} & {*REFUSED}


@pytest.mark.parametrize(
    ("kind", "name", "other"),
    [
        ("producer", "group.id", "consumer"),
        ("producer", "fetch.wait.max.ms", "consumer"),
        ("consumer", "linger_ms", "producer"),
        ("consumer", "message.timeout.ms", "producer"),
        ("consumer", "compression.level", "producer"),
    ],
)
def test_the_other_ones_setting_says_so(kind: str, name: str, other: str) -> None:
    """If this failed, who gives both the same settings would hear that a name is not known."""
    error = refused(kind, **{name.replace(".", "__"): 5})
    assert str(error) == f"{name} is a {other}'s setting, and this is a {kind}"


@pytest.mark.parametrize(
    ("name", "near"),
    [("lingerms", "linger.ms"), ("linger_sm", "linger.ms"), ("message.timeout.msx", "message")],
)
def test_a_misspelt_name_hears_of_one_that_can_be_given(name: str, near: str) -> None:
    """If this failed, people would be sent from one wrong name to another."""
    error = refused("producer", **{name.replace(".", "__"): 5})
    assert (error.hint or "").startswith(f"did you mean {near}")
    assert "linger" not in (refused("consumer", **{name.replace(".", "__"): 5}).hint or "")


@pytest.mark.parametrize(
    ("kind", "name", "value", "hint"),
    [
        ("producer", "linger_ms", "soon", "a whole number of milliseconds, 0 or more"),
        ("producer", "queue.buffering.max.ms", -1, "a whole number of milliseconds, 0 or more"),
        ("producer", "enable_idempotence", "yes", "true or false"),
        ("producer", "compression_lz4_level", 20, "a whole number, 1 to 17"),
        ("producer", "compression.gzip.level", 20, "1 to 9, or -1"),
        ("producer", "acks", 2, "all or -1 or 0 or 1"),
        ("consumer", "auto.offset.reset", "soon", "earliest, latest, none"),
        ("consumer", "fetch_min_bytes", "x", "a whole number of bytes, 0 or more"),
        ("consumer", "group_protocol", "x", "consumer or classic"),
    ],
)
def test_a_wrong_value_is_told_by_the_name_that_was_given(
    kind: str, name: str, value: object, hint: str
) -> None:
    """If this failed, people would look for a line that is not in their program, or would have to
    look up what may stand there.
    """
    error = refused(kind, **{name.replace(".", "__"): value})
    assert str(error).startswith(f"Invalid value {value} for configuration {name}")
    assert hint in (error.hint or "")


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("smallest", "earliest"),
        ("beginning", "earliest"),
        ("largest", "latest"),
        ("END", "latest"),
        ("error", "none"),
        ("Earliest", "earliest"),
        ("by_duration:PT1H", "by_duration:PT1H"),
    ],
)
def test_where_to_begin_in_librdkafkas_words(given: str, taken: str) -> None:
    """If this failed, settings that worked with librdkafka would be refused."""
    assert Settings("consumer", {"auto.offset.reset": given})["auto.offset.reset"] == taken


def test_words_may_be_in_any_case() -> None:
    """If this failed, READ_COMMITTED would be refused, and GZIP."""
    consumer = Settings("consumer", {"isolation_level": "READ_COMMITTED"})
    assert consumer["isolation.level"] == "read_committed"
    assert Settings("producer", {"compression_type": "GZIP"})["compression.type"] == "gzip"


def test_one_level_for_whatever_codec() -> None:
    """If this failed, librdkafka's level would be lost, or be taken for another codec's."""
    for codec in ("gzip", "lz4", "zstd"):
        found = Settings("producer", {"compression.level": "5", "compression.codec": codec})
        assert found[f"compression.{codec}.level"] == 5
        assert found.shown(f"compression.{codec}.level") == "compression.level=5"
    usual = Settings("producer", {"compression.type": "lz4", "compression_level": -1})
    assert usual["compression.lz4.level"] == 9
    own = {"compression.type": "zstd", "compression.level": 5, "compression.zstd.level": 7}
    assert Settings("producer", own)["compression.zstd.level"] == 7
    error = refused("producer", compression__level=5, compression__type="snappy")
    assert "compression.type=snappy" in str(error)
    error = refused("producer", compression__level=55, compression__type="zstd")
    assert "configuration compression.level" in str(error)


def test_addresses_by_keyword_or_not_at_all() -> None:
    """If this failed, Producer(bootstrap_servers=...) would find its addresses empty, and one
    without any be told of a server REQUIRED.
    """
    for addresses in ("127.0.0.1:1", ["127.0.0.1:1", "127.0.0.1:2"]):
        Producer(bootstrap_servers=addresses).close()
    with pytest.raises(BadSetting, match=r"bootstrap\.servers is missing") as caught:
        Producer(linger_ms=5)
    assert 'Producer("localhost:9092")' in (caught.value.hint or "")


def test_a_token_callback_is_a_setting_of_security() -> None:
    """If this failed, who logs in by tokens of his own could not say so to a producer."""
    given = {
        "bootstrap.servers": "127.0.0.1:1",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "oauth_cb": lambda config: ("token", 0.0),
    }
    assert Settings("producer", given).reach is not None


def test_times_that_do_not_go_together_are_told_with_numbers() -> None:
    """If this failed, who set librdkafka's message.timeout.ms would hear of a setting that was not
    given, and not of how much is missing.
    """
    with pytest.raises(BadSetting) as caught:
        Producer("127.0.0.1:1", **{"message.timeout.ms": 1000}, request_timeout_ms=2000)
    text = "message.timeout.ms=1000 is below linger.ms=5 and request_timeout_ms=2000 together"
    assert str(caught.value) == text
    assert caught.value.hint
    with pytest.raises(BadSetting, match="needs acks=all") as caught:
        Producer("127.0.0.1:1", acks=1, transactional_id="x")
    assert caught.value.hint


def test_names_of_kafka_python_for_tls_are_told_ours() -> None:
    """If this failed, who comes from kafka-python would have to guess how a CA is named."""
    for name, ours in (("ssl_cafile", "ssl.ca.location"), ("sasl_plain_username", "sasl.username")):
        with pytest.raises(BadSetting, match=name.replace("_", ".")) as caught:
            Producer("127.0.0.1:1", **{name: "x"})
        assert ours in (caught.value.hint or "")


def test_a_certificate_that_is_not_there_has_a_hint() -> None:
    """If this failed, people would not see from where a path was looked for."""
    given = {"security.protocol": "SSL", "ssl.ca.location": "nowhere.pem"}
    with pytest.raises(BadSetting, match=r"ssl\.ca\.location=nowhere\.pem can't be read") as caught:
        Producer("127.0.0.1:1", **given)
    assert "looked for in" in (caught.value.hint or "")


def test_an_admin_has_the_settings_of_a_consumer(ottla_server: OttlaServer) -> None:
    """If this failed, a company's settings file would do for records, and not for admin calls."""
    own = {"bootstrap.servers": ottla_server.bootstrap, "request.timeout.ms": "5000"}
    with connect(own, security_protocol="PLAINTEXT") as client:
        assert len(client.nodes()) == 1
        assert client.request_timeout_ms == 5000
    with pytest.raises(BadSetting, match="linger_ms"):
        connect(own, linger_ms=5)
