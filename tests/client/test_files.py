"""Files of settings, and what is said of those that can't be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ottla.client import Producer, read_properties
from ottla.errors import OttlaError


def test_a_properties_file_makes_a_producer(tmp_path: Path) -> None:
    """If this failed, the file that Kafka's tools take would have to be typed again."""
    path = tmp_path / "client.properties"
    path.write_text("# ours\nbootstrap.servers = 127.0.0.1:1, 127.0.0.1:2\nlinger.ms=7  \n")
    found = read_properties(path)
    assert found == {"bootstrap.servers": "127.0.0.1:1, 127.0.0.1:2", "linger.ms": "7"}
    assert read_properties(str(path)) == found
    Producer(found, acks="all").close()


def test_a_files_name_among_addresses_is_seen() -> None:
    """If this failed, who gives a producer the path of its settings would hear of a port."""
    with pytest.raises(OttlaError, match=r"'client\.properties' has no port") as caught:
        Producer("client.properties")
    assert 'ottla.client.read_properties("client.properties")' in (caught.value.hint or "")


def test_a_file_that_can_not_be_read_says_what_to_do(tmp_path: Path) -> None:
    """If this failed, people would not see from where a path was looked for."""
    with pytest.raises(OttlaError, match=r"nowhere\.properties can't be read") as caught:
        read_properties("nowhere.properties")
    assert "looked for in" in (caught.value.hint or "")
    with pytest.raises(OttlaError, match="can't be read") as caught:
        read_properties(tmp_path)
    assert "of that folder" in (caught.value.hint or "")
    path = tmp_path / "bad.properties"
    for data in (b"a=\\u00g0\n", b"a=\xff\n"):
        path.write_bytes(data)
        with pytest.raises(OttlaError, match="is no properties file") as caught:
            read_properties(path)
        assert caught.value.hint
