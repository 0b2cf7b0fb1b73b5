"""Names of services: the table beside a machine's own."""

from __future__ import annotations

import contextlib
import socket

from p2plib.sim.sockets.services import ALIASES, SERVICES, port_of, service_at


def test_a_service_is_found_by_name_and_by_port() -> None:
    assert (port_of("http", "tcp"), port_of("http", "udp"), port_of("www", "tcp")) == (80, None, 80)
    assert (port_of("domain", "udp"), port_of("nonsense", "tcp")) == (53, None)
    assert (service_at(443, "udp"), service_at(80, "udp"), service_at(5353, "udp")) == ("https", None, "mdns")
    assert all(name in SERVICES for name in ALIASES.values())


def test_no_name_has_another_port_than_on_this_machine() -> None:
    for name, (port, transports) in SERVICES.items():
        for transport in transports:
            with contextlib.suppress(OSError):  # a machine need not know it
                assert socket.getservbyname(name, transport) == port, name
