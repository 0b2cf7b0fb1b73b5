"""What an address says to a socket: host, port, family, transport, peer; and what says nothing to it."""

from __future__ import annotations

import socket

import pytest

from p2plib.errors import DecodeError, UsageError
from p2plib.identity import ids
from p2plib.protocol.endpoints import Endpoint, endpoint, numeric
from tests.protocol.nodes import ALICE

ID = ids.peer_id(ALICE.public)
SAYS = {
    "/ip4/127.0.0.1/tcp/4001": Endpoint("127.0.0.1", 4001, "ip4"),
    "/ip6/::1/tcp/0": Endpoint("::1", 0, "ip6"),
    "/ip6zone/eth0/ip6/fe80::1/tcp/1": Endpoint("fe80::1%eth0", 1, "ip6"),
    "/dns/localhost/tcp/80": Endpoint("localhost", 80),
    "/dns4/localhost/tcp/80": Endpoint("localhost", 80, "ip4"),
    "/dns6/localhost/tcp/80": Endpoint("localhost", 80, "ip6"),
    f"/ip4/192.0.2.1/udp/4001/quic-v1/p2p/{ID}": Endpoint("192.0.2.1", 4001, "ip4", "quic-v1", ID),
    f"/dns/a.example/tcp/1/p2p/{ID}": Endpoint("a.example", 1, None, "tcp", ID),
}


@pytest.mark.finding("W9")
@pytest.mark.parametrize("text", SAYS)
def test_all_that_an_address_says_is_kept(text: str) -> None:
    assert endpoint(text) == SAYS[text]
    assert str(SAYS[text].address) == text


def test_the_family_as_sockets_have_it() -> None:
    families = [Endpoint("localhost", 1, family).socket_family for family in ("ip4", "ip6", None)]
    assert families == [socket.AF_INET, socket.AF_INET6, socket.AF_UNSPEC]


def test_an_id_has_one_spelling() -> None:
    assert endpoint(f"/ip4/127.0.0.1/tcp/1/p2p/{ids.peer_id_cid(ALICE.public)}").peer == ID


def test_what_says_nothing_to_a_socket() -> None:
    for text in (
        "/ip4/127.0.0.1",
        "/tcp/1",
        "/ip6zone/eth0",
        f"/p2p/{ID}",
        "/ip6zone/eth0/ip4/127.0.0.1/tcp/1",
        "/ip4/127.0.0.1/udp/1",
        "/ip4/127.0.0.1/tcp/1/ws",
        "/ip4/127.0.0.1/udp/1/quic",
        "/ip4/127.0.0.1/udp/1/quic-v1/webtransport",
        f"/ip4/127.0.0.1/tcp/1/p2p/{ID}/p2p-circuit",
        f"/ip4/127.0.0.1/tcp/1/p2p/{ID}/p2p-circuit/p2p/{ID}",
        "/dnsaddr/bootstrap.libp2p.io",
    ):
        with pytest.raises(UsageError, match="is not a host and a port for TCP or QUIC"):
            endpoint(text)
    with pytest.raises(DecodeError):
        endpoint("127.0.0.1:1")


def test_a_name_that_no_address_can_hold() -> None:
    with pytest.raises(DecodeError):
        _ = Endpoint("a/b", 1).address


def test_the_address_of_a_socket() -> None:
    assert str(numeric("::1", 4001).address) == "/ip6/::1/tcp/4001"
    assert str(numeric("127.0.0.1", 4001, "quic-v1").address) == "/ip4/127.0.0.1/udp/4001/quic-v1"
