"""Nodes: their keys by the rule of npm's module, and what is refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from p2plib.data.hyperlog import nodes
from p2plib.errors import InvalidEntry, UsageError


def test_the_key_of_hello() -> None:
    """The first node that npm's module makes of "hello" begins so; the rest is SHA-256 of b"5\\nhello"."""
    key = nodes.key_of((), b"hello")
    assert key.startswith("8c7efb22")
    assert key == hashlib.sha256(b"5\nhello").hexdigest()


def test_the_key_covers_links_and_their_order() -> None:
    a, b = nodes.key_of((), b"a"), nodes.key_of((), b"b")
    assert nodes.key_of((a, b), b"c") == hashlib.sha256(f"64\n{a}64\n{b}1\nc".encode()).hexdigest()
    assert nodes.key_of((a, b), b"c") != nodes.key_of((b, a), b"c")


def test_the_parts_of_what_is_hashed_are_all_of_it() -> None:
    links = (nodes.key_of((), b"a"), nodes.key_of((), b"b"))
    joined = b"".join(part.raw for part in nodes.dissect_hashed(links, b"c\n"))
    assert hashlib.sha256(joined).hexdigest() == nodes.key_of(links, b"c\n")


GOOD = nodes.make([nodes.key_of((), b"a")], b"value", "alice", 3)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"key": "0" * 64}, "hash to another"),
        ({"value": b"valuf"}, "hash to another"),
        ({"links": ()}, "hash to another"),
        ({"links": ("A" * 64,)}, "hexadecimal"),
        ({"links": ("a" * 64 + "\n",)}, "hexadecimal"),
        ({"links": GOOD.links * (nodes.MAX_LINKS + 1)}, "links"),
        ({"value": bytes(nodes.MAX_VALUE_BYTES + 1)}, "a value of"),
        ({"log": ""}, "name of a log"),
        ({"log": "é" * 129}, "not 258"),
        ({"seq": 0}, "counts from 1"),
        ({"seq": 2**32}, "counts from 1"),
        ({"identity": bytes(1025)}, "identity"),
        ({"signature": bytes(1025)}, "signature"),
    ],
)
def test_what_is_refused(change: dict[str, object], reason: str) -> None:
    nodes.check(GOOD)
    with pytest.raises(InvalidEntry, match=reason):
        nodes.check(replace(GOOD, **change))  # type: ignore[arg-type]


def test_log_and_seq_are_not_covered_by_the_key() -> None:
    """The weakness that the chapter attacks."""
    nodes.check(replace(GOOD, log="mallory", seq=9))


def test_our_own_mistakes_are_ours() -> None:
    with pytest.raises(UsageError, match="a link is a key"):
        nodes.make(["beef"], b"", "a", 1)
    with pytest.raises(UsageError, match="is bytes"):
        nodes.make([], "text", "a", 1)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a value of"):
        nodes.make([], bytes(nodes.MAX_VALUE_BYTES + 1), "a", 1)
