"""Topics and ports: known answers, and what cannot be one."""

from __future__ import annotations

import pytest

from p2plib.discovery.source import TOPIC_BYTES, check_place, checked_port, checked_topic, topic_of
from p2plib.errors import UsageError


def test_a_topic_is_the_sha1_of_the_keys_name() -> None:
    """FIPS 180-1, appendix A: the SHA-1 of "abc"."""
    assert topic_of("abc").hex() == "a9993e364706816aba3e25717850c26c9cd0d89d"
    assert topic_of(b"abc") == topic_of("abc")
    assert topic_of("größe") == topic_of("größe".encode())


def test_a_topic_of_any_kind_of_bytes_is_bytes() -> None:
    topic = topic_of("cats")
    for given in (topic, bytearray(topic), memoryview(topic)):
        assert checked_topic(given) == topic
        assert type(checked_topic(given)) is bytes


@pytest.mark.parametrize(
    "topic", [b"", bytes(TOPIC_BYTES - 1), bytes(TOPIC_BYTES + 1), "a" * TOPIC_BYTES, None]
)
def test_what_is_no_topic_says_how_to_make_one(topic: object) -> None:
    with pytest.raises(UsageError, match=r"20 bytes.*topic_of"):
        checked_topic(topic)  # type: ignore[arg-type]


@pytest.mark.parametrize("port", [1, 65_535])
def test_ports_where_a_peer_can_listen(port: int) -> None:
    assert checked_port(port) == port


@pytest.mark.parametrize("port", [0, -1, 65_536, True, 1.0, "80", None])
def test_ports_where_no_peer_can_listen(port: object) -> None:
    with pytest.raises(UsageError, match="1 to 65535"):
        checked_port(port)  # type: ignore[arg-type]


def test_where_a_server_may_listen() -> None:
    check_place("127.0.0.1", 0)
    check_place("localhost", 65_535)
    for host, port in (("", 80), ("127.0.0.1", -1), ("127.0.0.1", 65_536)):
        with pytest.raises(UsageError):
            check_place(host, port)


def test_a_key_that_is_no_utf_8_is_an_error_and_its_bytes_are_none() -> None:
    with pytest.raises(UsageError, match="give its bytes"):
        topic_of("cats \udcff")
    assert len(topic_of(b"cats \xff")) == 20
