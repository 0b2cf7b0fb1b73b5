"""Lists of peers: the outline's own, what is refused and where, what is fixed and how it is said."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.bootstrap.entries import (
    MAX_CHARACTERS,
    MAX_ENTRIES,
    check_entry,
    entries_of,
    fix_list,
    kind_of_id,
    read_list,
    write_list,
)
from p2plib.errors import DecodeError, UsageError
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
from p2plib.wire import multiaddr

OURS = ids.peer_id(SecretKey.from_seed(bytes(32)).public)
HASHED = "QmVvUkSZqM2EG1SK9s49uN6pizNhXVFHpuJgh53my4A4pP"

OUTLINE = """\
[
  "QmVvUkSZqM2EG1SK9s49uN6pizNhXVFHpuJgh53my4A4pP": "tcp://12.62.93.214:9090",
  "QmawE3T8oyxMgz5KaYvsJ2BgQUZWvnKzebwLhqGPA8sqGb": "udp://24.243.12.9:1234",
  "QmQXV24ZjKPGiXfeQd4etZGgywzd4wfaGKGS48EGVdrS6C": "utp://99.4.78.181:97"
]
"""


def test_what_was_fixed_is_never_longer_than_a_list_may_be() -> None:
    text = "\n".join(f"/dns4/{number:040}.example/udp/4000" for number in range(1, 1000))
    fixed = entries_of(fix_list(text))
    assert 900 < len(fixed) < 999
    assert read_list(write_list(fixed)) == fixed


def test_the_list_of_the_outline_is_not_json_and_can_be_fixed() -> None:
    with pytest.raises(DecodeError, match="',' expected") as caught:
        read_list(OUTLINE)
    assert caught.value.offset == OUTLINE.index(":")
    with pytest.raises(json.JSONDecodeError) as judged:
        json.loads(OUTLINE)
    assert judged.value.pos == caught.value.offset
    fixed = fix_list(OUTLINE)
    assert [each.line for each in fixed] == [2, 3, 4]
    assert [str(entry) for entry in entries_of(fixed)] == [
        "/ip4/12.62.93.214/tcp/9090/p2p/QmVvUkSZqM2EG1SK9s49uN6pizNhXVFHpuJgh53my4A4pP",
        "/ip4/24.243.12.9/udp/1234/p2p/QmawE3T8oyxMgz5KaYvsJ2BgQUZWvnKzebwLhqGPA8sqGb",
        "/ip4/99.4.78.181/udp/97/utp/p2p/QmQXV24ZjKPGiXfeQd4etZGgywzd4wfaGKGS48EGVdrS6C",
    ]
    for each in fixed:
        assert [fix.split()[0] for fix in each.fixes[1:]] == [each.said.split('"')[3][:6] + ",", "kept:"]
        assert each.fixes[0].startswith("a key and a value")
    assert read_list(write_list(entries_of(fixed))) == entries_of(fixed)


def test_the_kinds_of_id() -> None:
    place = "/ip4/192.0.2.1/tcp/1"
    assert kind_of_id(multiaddr.parse(place)) == "none"
    assert kind_of_id(multiaddr.parse(f"{place}/p2p/{OURS}")) == "Ed25519"
    assert kind_of_id(multiaddr.parse(f"{place}/p2p/{HASHED}")) == "hash"
    secp256k1 = (
        "16Uiu2HAmPLe7Mzm8TsYUubgCAW1aJoeFScxrLj8ppHFivPo97bUZ"  # rust-libp2p's bootstrap documentation
    )
    assert kind_of_id(multiaddr.parse(f"{place}/p2p/{secp256k1}")) == "Secp256k1"


@pytest.mark.parametrize(
    ("text", "rule", "offset"),
    [
        ("{}", "is a JSON array", 0),
        ("[1]", "entry 1 is not a text", None),
        ('["/ip4/192.0.2.1/udp/1", "192.0.2.1:80"]', 'entry 2: an address begins with "/"', 26),
        ('["/ip4/192.0.2.1/udp/1/"]', "entry 1: an empty component|has a value", 24),
        ('["/ip4/192.0.2.1/udp/1","/ip4/192.0.2.1/udp/1"]', "entry 2: it is there twice", 25),
        ('["/ip6/2001:DB8::1/udp/1"]', "one spelling, which is /ip6/2001:db8::1/udp/1", 2),
        ('["/ip4/192.0.2.1"]', "a host, then a port of TCP or UDP", 2),
        ('["/ip4/192.0.2.1/sctp/1"]', "a host, then a port of TCP or UDP", 2),
        ('["/ip4/224.0.0.251/udp/5353"]', "no peer can be at 224.0.0.251", 2),
        ('["/ip4/192.0.2.1/udp/0"]', "nobody listens on port 0", 2),
        ('["/ip4/192.0.2.1/udp/65536"]', "number from 0 to 65535", 17),
        ('["/dnsaddr/example.org/tcp/1"]', "nothing but a peer id follows", 2),
        ('["/ip4/192.0.2.1/udp/1",]', "expected", None),
        ('["/ip4/192.0.2.1/udp/1"] # ours', "something stands behind", 25),
        ("[" * 100_000, "longer than", None),
        ("[" * 1000, "nested|deep|levels", None),
        ("[" + " " * MAX_CHARACTERS, "longer than", None),
        (
            json.dumps([f"/ip4/192.0.2.1/udp/{port}" for port in range(1, MAX_ENTRIES + 2)]),
            "at most 1000",
            None,
        ),
    ],
)
def test_what_a_list_may_not_be(text: str, rule: str, offset: int | None) -> None:
    with pytest.raises(DecodeError, match=rule) as caught:
        read_list(text)
    if offset is not None:
        assert caught.value.offset is not None
        assert abs(caught.value.offset - offset) <= 1


def test_a_list_in_bytes_and_with_dnsaddr() -> None:
    text = f'["/dnsaddr/bootstrap.example.org/p2p/{OURS}", "/dns6/seed.example/tcp/4001/ws"]'
    assert read_list(text.encode()) == read_list(text)
    with pytest.raises(DecodeError, match="UTF-8"):
        read_list(b'["\xff"]')


@pytest.mark.parametrize(
    ("line", "made", "fix"),
    [
        ("/ip4/127.0.0.1/udp/5,", "/ip4/127.0.0.1/udp/5", "put in quotes"),
        ("'/ip4/127.0.0.1/udp/5',", "/ip4/127.0.0.1/udp/5", "put in quotes"),
        ('"/ip4/192.0.2.1/tcp/2/",', "/ip4/192.0.2.1/tcp/2", "a slash at the end"),
        (
            f'"/dns4/a.example/tcp/1/ipfs/{HASHED}"',
            f"/dns4/a.example/tcp/1/p2p/{HASHED}",
            "the old name of /p2p/",
        ),
        ('"udp://[2001:DB8::1]:5"', "/ip6/2001:db8::1/udp/5", "udp://, a URL"),
        ('"/ip6/2001:DB8::1/udp/5"', "/ip6/2001:db8::1/udp/5", "one spelling"),
        ('"wss://a.example:443/"', "/dns/a.example/tcp/443/tls/ws", "wss://, a URL"),
        (f'"tcp://192.0.2.1:5": "{OURS}"', None, "dropped"),
        ("192.0.2.1:80", None, "dropped: neither a multiaddr nor a URL"),
        ("ftp://a.example:1", None, "no transport here is called 'ftp'"),
        ('"udp://192.0.2.1:70000"', None, "dropped: /udp"),
        ('"udp://0.0.0.0:7"', None, "no peer can be at 0.0.0.0"),
        ('"/ip4/192.0.2.1/tcp/2/p2p/QmNoSuchId"', None, "dropped: /p2p"),
        ("x" * 2000, None, "more than 1024 characters"),
    ],
)
def test_one_line_fixed_or_dropped(line: str, made: str | None, fix: str) -> None:
    (fixed,) = fix_list(line)
    assert (str(fixed.entry) if fixed.entry else None) == made
    assert any(fix in each for each in fixed.fixes), fixed.fixes


def test_lines_that_say_nothing_and_lines_that_say_two_things() -> None:
    text = '# ours\n[\n\n"/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.1/tcp/2"\n// theirs\n"/ip4/192.0.2.1/tcp/1"]\n'
    fixed = fix_list(text)
    assert [(each.line, str(each.entry)) for each in fixed[:2]] == [
        (4, "/ip4/192.0.2.1/tcp/1"),
        (4, "/ip4/192.0.2.1/tcp/2"),
    ]
    assert fixed[2].entry is None
    assert fixed[2].fixes[-1] == "dropped: line 4 says the same"


def test_a_flood_of_lines_is_cut_off() -> None:
    text = "\n".join(f"/ip4/192.0.2.1/udp/{port}" for port in range(1, 60_000))
    assert len(entries_of(fix_list(text))) == MAX_ENTRIES


@given(st.text(max_size=200) | st.lists(st.sampled_from(OUTLINE.split('"')), max_size=9).map('"'.join))
def test_whatever_is_read_kindly_can_be_read_strictly_afterwards(text: str) -> None:
    entries = entries_of(fix_list(text))
    assert read_list(write_list(entries)) == entries


@given(st.text(max_size=100))
def test_the_strict_reader_reads_or_refuses(text: str) -> None:
    try:
        entries = read_list(text)
    except DecodeError:
        return
    for entry in entries:
        check_entry(entry)


def test_what_cannot_stand_in_a_list_is_not_written() -> None:
    twice = [multiaddr.parse("/ip4/192.0.2.1/udp/1")] * 2
    with pytest.raises(UsageError, match="twice"):
        write_list(twice)
