"""The compact forms, against bytes typed in from BEP 5 and BEP 32 and by hand."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.mainline import compact
from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Contact

PORTS = st.integers(1, 65_535)
IPV4 = st.tuples(st.ip_addresses(v=4).map(str), PORTS)
IPV6 = st.tuples(
    st.ip_addresses(v=6).filter(lambda host: ipaddress.IPv6Address(host).ipv4_mapped is None).map(str), PORTS
)
IDS = st.integers(0, 2**160 - 1)


def test_by_hand() -> None:
    assert compact.pack_peer(("203.0.113.5", 6881)) == bytes.fromhex("cb007105 1ae1")
    assert compact.pack_peer(("2001:db8::5", 6881)) == bytes.fromhex(
        "20010db8 00000000 00000000 00000005 1ae1"
    )
    contact = Contact(1, ("203.0.113.5", 6881))
    assert compact.pack_contacts([contact]) == bytes(19) + b"\x01" + bytes.fromhex("cb007105 1ae1")
    assert compact.unpack_peer(b"axje.u") == ("97.120.106.101", 11893)  # the values of BEP 5's example


@given(st.lists(st.builds(Contact, IDS, IPV4), max_size=9))
def test_ipv4_there_and_back(contacts: list[Contact]) -> None:
    raw = compact.pack_contacts(contacts)
    assert len(raw) == 26 * len(contacts)
    assert compact.unpack_contacts(raw) == tuple(contacts)


@given(st.lists(st.builds(Contact, IDS, IPV6), max_size=9))
def test_ipv6_there_and_back(contacts: list[Contact]) -> None:
    raw = compact.pack_contacts(contacts)
    assert len(raw) == 38 * len(contacts)
    assert compact.unpack_contacts(raw, compact.IPV6_CONTACT_BYTES) == tuple(contacts)


def test_a_family_has_its_own_list() -> None:
    ipv4, ipv6 = Contact(1, ("192.0.2.1", 1)), Contact(2, ("2001:db8::1", 1))
    assert compact.by_family([ipv6, ipv4]) == ((ipv4,), (ipv6,))


@pytest.mark.parametrize("length", [0, 5, 7, 17, 19])
def test_a_peer_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(DecodeError, match="6 or 18"):
        compact.unpack_peer(b"\x01" * length)


def test_what_is_no_address() -> None:
    assert compact.unpack_peer(bytes.fromhex("cb007105 0000")) == ("203.0.113.5", 0)  # the caller must look
    with pytest.raises(DecodeError, match="in the form of IPv6"):
        compact.unpack_peer(bytes(10) + b"\xff\xff" + bytes.fromhex("cb007105 1ae1"))
    with pytest.raises(DecodeError, match="multiple of 26"):
        compact.unpack_contacts(bytes(27))
    mapped = bytes(20) + bytes(10) + b"\xff\xff" + bytes.fromhex("cb007105 1ae1")
    with pytest.raises(DecodeError) as error:
        compact.unpack_contacts(bytes(20) + b"\x20" + bytes(17) + mapped, compact.IPV6_CONTACT_BYTES)
    assert error.value.offset == 38
    with pytest.raises(UsageError):
        compact.pack_peer(("203.0.113.5", 0))


def test_ids() -> None:
    assert compact.id_of(compact.id_bytes(2**160 - 1)) == 2**160 - 1
    for ident in (-1, 2**160):
        with pytest.raises(UsageError):
            compact.id_bytes(ident)
    with pytest.raises(DecodeError):
        compact.id_of(bytes(19))
