"""What remains different between a real Linux and the simulated internet, and why."""

from __future__ import annotations

import sys

# The case's name -> what the simulator does instead, and why.
DIFFERENCES: dict[str, str] = {
    "bind.groups_and_broadcast": (
        "a link-local IPv6 group can be bound without naming an interface, for a host has only one"
    ),
    "close.an_endpoint_aborted": "after abort() the port is free at once, not in the loop's next round",
    "close.sent_by_a_closed_endpoint": (
        "a datagram sent after close() is silently dropped; asyncio still sends it in the same round of the "
        "loop, and later fails an assertion of its own"
    ),
    "connect.from_a_chosen_address": (
        "local_addr may name a port in use, as if both sockets had set SO_REUSEPORT: TCP hole punching needs "
        "that, and asyncio has no argument for it"
    ),
    "connect.to_nobody_of_the_segment": (
        "there is no ARP to find out that nobody has an address: ETIMEDOUT after 127 s, not EHOSTUNREACH "
        "after 3 s"
    ),
    "endpoints.addresses_that_are_none": (
        "sendto raises at once when the address is malformed; asyncio closes the endpoint a moment later"
    ),
    "endpoints.sending_nowhere": (
        "sendto without an address raises ValueError at once; asyncio closes the endpoint a moment later"
    ),
    "names.a_bare_number": "a number without a dot may be a host's name; Linux takes it for an IPv4 address",
    "options.what_a_transports_socket_can_do": (
        "a transport's socket has every method; asyncio's offers only those that do no harm"
    ),
    "endpoints.nothing_at_all": (
        "an endpoint sends an empty datagram; asyncio does so since Python 3.13, and sent nothing before"
    ),
}
GONE_IN_PYTHON_3_13 = ("endpoints.nothing_at_all",)


def listed() -> dict[str, str]:
    """Return the differences that there are with the Python that runs."""
    gone = GONE_IN_PYTHON_3_13 if sys.version_info >= (3, 13) else ()
    return {case: what for case, what in DIFFERENCES.items() if case not in gone}
