"""Compact peers: BEP 23's and BEP 7's form, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.tracker import compact
from p2plib.errors import DecodeError, UsageError

V4 = bytes.fromhex("c0000207 1ae1 c6336401 0050")
V6 = bytes.fromhex("20010db8000000000000000000000007 1ae1")
HOSTS = st.one_of(st.ip_addresses(v=4).map(str))


def test_two_peers_by_hand() -> None:
    assert compact.unpack(V4) == (("192.0.2.7", 6881), ("198.51.100.1", 80))
    assert compact.pack([("192.0.2.7", 6881), ("198.51.100.1", 80)]) == V4
    assert compact.unpack(V6, ipv6=True) == (("2001:db8::7", 6881),)
    assert compact.pack([("2001:db8::7", 6881)]) == V6


@given(st.lists(st.tuples(HOSTS, st.integers(0, 65535))))
def test_there_and_back(peers: list[tuple[str, int]]) -> None:
    raw = compact.pack(peers)
    assert compact.unpack(raw) == tuple(peers)
    assert b"".join(field.raw for field in compact.dissect(raw)) == raw


@pytest.mark.fault("F066")
@pytest.mark.parametrize("size", [1, 5, 7, 11, 13])
def test_a_length_that_is_not_a_whole_number_of_peers_is_refused(size: int) -> None:
    with pytest.raises(DecodeError, match="left over") as caught:
        compact.unpack(bytes(size), offset=100)
    assert caught.value.offset == 100 + size - size % 6
    with pytest.raises(DecodeError):
        compact.unpack(bytes(size), ipv6=True)


def test_a_list_of_ipv6_peers_is_no_list_of_ipv4_ones() -> None:
    """18 is a multiple of 6: nothing but the key it stands under tells the two apart."""
    assert len(compact.unpack(V6)) == 3


def test_what_is_no_address_is_the_callers_mistake() -> None:
    for address in (("tracker.example", 80), ("192.0.2.1", 70_000), ("192.0.2.1", -1)):
        with pytest.raises(UsageError):
            compact.pack([address])


def test_a_drawing_names_host_and_port() -> None:
    assert [field.note for field in compact.dissect(V4)] == ["192.0.2.7", "6881", "198.51.100.1", "80"]
