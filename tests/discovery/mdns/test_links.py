"""Links: what is on one, and where a host can be."""

from __future__ import annotations

import ipaddress

import pytest

from p2plib.discovery.mdns.links import link_of, may_be_at


def test_the_link_of_a_host() -> None:
    assert str(link_of("192.168.1.77")) == "192.168.1.0/24"
    assert str(link_of("127.0.0.1")) == "127.0.0.0/8"


@pytest.mark.fault("F061")
@pytest.mark.parametrize(
    ("host", "link", "expected"),
    [
        ("192.168.1.7", "192.168.1.0/24", True),
        ("192.168.2.7", "192.168.1.0/24", False),
        ("192.168.1.255", "192.168.1.0/24", False),  # whatever is sent there, everybody gets
        ("192.168.1.0", "192.168.1.0/24", False),
        ("192.168.1.255", "192.168.0.0/16", True),
        ("10.0.0.0", "10.0.0.0/31", True),  # a link of two has no such addresses (RFC 3021)
    ],
)
def test_where_a_host_can_be(host: str, link: str, expected: bool) -> None:
    assert may_be_at(host, ipaddress.ip_network(link)) is expected
