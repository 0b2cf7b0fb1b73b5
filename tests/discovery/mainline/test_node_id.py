"""Node ids by address: the table of BEP 42, and what it makes an attacker pay."""

from __future__ import annotations

import random
from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.mainline.node_id import (
    ID_BITS,
    PREFIX_BITS,
    VARIANTS,
    is_exempt,
    is_of,
    masked,
    node_id_for,
    prefixes_of,
)
from p2plib.errors import UsageError

# BEP 42, "test vectors"
TABLE = [
    ("124.31.75.21", 1, "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"),
    ("21.75.31.124", 86, "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"),
    ("65.23.51.170", 22, "a5d43220bc8f112a3d426c84764f8c2a1150e616"),
    ("84.124.73.14", 65, "1b0321dd1bb1fe518101ceef99462b947a01ff41"),
    ("43.213.53.83", 90, "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"),
]
WORLD = st.builds("{}.{}.{}.{}".format, st.integers(11, 99), *[st.integers(0, 255)] * 3)
WORLD_IPV6 = st.integers(0x2600 << 112, (0x2601 << 112) - 1).map(lambda number: str(IPv6Address(number)))


@pytest.mark.fault("F072")
@pytest.mark.parametrize(("host", "rand", "example"), TABLE)
def test_the_table_of_bep_42(host: str, rand: int, example: str) -> None:
    node_id = int(example, 16)
    assert node_id & 0xFF == rand
    assert is_of(node_id, host)
    assert prefixes_of(host)[rand % VARIANTS] == node_id >> ID_BITS - PREFIX_BITS
    assert not is_of(node_id ^ 1 << ID_BITS - PREFIX_BITS, host)  # the last bit that counts
    assert is_of(node_id ^ 1 << ID_BITS - PREFIX_BITS - 1, host)  # and the first that does not
    assert not is_of(node_id ^ 1, host)  # another r
    assert is_of(node_id ^ 8, host)  # the same
    others = [other for other, _, _ in TABLE if other != host]
    assert not any(is_of(node_id, other) for other in others)


def test_the_bytes_that_are_hashed_by_hand() -> None:
    assert masked("255.255.255.255", 0) == bytes.fromhex("030f3fff")
    assert masked("124.31.75.21", 1) == bytes.fromhex("200f0b15")
    assert masked("2001:db8:85a3:ffff::1", 7) == bytes.fromhex("e0010508 05237fff")


@given(st.one_of(WORLD, WORLD_IPV6), st.integers(0, 2**32))
def test_an_id_made_for_a_host_is_of_it(host: str, seed: int) -> None:
    node_id = node_id_for(host, random.Random(seed))
    assert 0 <= node_id < 1 << ID_BITS
    assert is_of(node_id, host)


@given(WORLD_IPV6)
def test_the_second_half_of_an_ipv6_address_does_not_count(host: str) -> None:
    other = str(IPv6Address(int(IPv6Address(host)) ^ 0xFFFF))
    assert prefixes_of(host) == prefixes_of(other)


def test_an_ipv4_address_inside_ipv6_is_the_ipv4_address() -> None:
    assert prefixes_of("::ffff:124.31.75.21") == prefixes_of("124.31.75.21")


def test_all_bits_that_are_free_are_used() -> None:
    """Over many ids, every bit that BEP 42 leaves free has both values."""
    rng = random.Random(1)
    ids = [node_id_for("21.75.31.124", rng) for _ in range(64)]
    ones, zeros = 0, 0
    for node_id in ids:
        ones, zeros = ones | node_id, zeros | ~node_id
    free = (1 << ID_BITS - PREFIX_BITS) - 1
    assert ones & zeros & free == free
    assert len({node_id >> ID_BITS - PREFIX_BITS for node_id in ids}) == VARIANTS


LOCAL_IPV4 = ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.7.7", "169.254.1.1", "127.9.0.9"]


@pytest.mark.parametrize("host", [*LOCAL_IPV4, "100.64.0.1", "::1", "fe80::1", "fd00::1"])
def test_local_hosts_are_exempt(host: str) -> None:
    assert is_exempt(host)
    assert is_of(0, host)


@pytest.mark.parametrize("host", ["172.15.0.1", "172.32.0.1", "11.0.0.1", "192.169.0.1", "2600::1"])
def test_others_are_not(host: str) -> None:
    assert not is_exempt(host)
    assert sum(is_of(last, host) for last in range(8)) <= 1


def test_what_one_address_can_have() -> None:
    """Eight prefixes of two million: an address fits a 100,000th of all ids, or less."""
    assert len(prefixes_of("21.75.31.124")) == VARIANTS
    rng = random.Random(42)
    fits = sum(is_of(rng.getrandbits(ID_BITS), "21.75.31.124") for _ in range(20_000))
    assert fits <= 1


@pytest.mark.fault("F073")
def test_a_network_has_2048_prefixes_however_many_ids_it_makes() -> None:
    prefixes = {prefix for last in range(256) for prefix in prefixes_of(f"21.75.31.{last}")}
    assert len(prefixes) == 2048


def test_what_is_no_address_is_the_callers_mistake() -> None:
    for call in (prefixes_of, is_exempt):
        with pytest.raises(UsageError):
            call("example.org")
