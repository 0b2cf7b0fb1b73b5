"""Updating: a signed change, sent to the name server of a zone, and its signed answer. A driver (RFC 2136).

Rules
    1. It goes over TCP: a change of any size fits, and the server's answer can only come from there.
    2. A yes counts if it is signed with our key, over our request. A no counts without: a server that does
       not know the key cannot sign.
    3. An answer that does not come leaves open whether the change was made. Its caller makes changes that may
       be made twice.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable

from p2plib.discovery.dns import tsig
from p2plib.discovery.dns.asking import exchange, taken
from p2plib.discovery.dns.edns import edns_of
from p2plib.discovery.dns.tsig import TsigError, TsigKey
from p2plib.discovery.dns.updates import update_packet
from p2plib.discovery.dns.zone import NOERROR
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import encode
from p2plib.discovery.mdns.records import ResourceRecord
from p2plib.errors import DecodeError, RequestRefused
from p2plib.machine.addresses import Address

TIMEOUT_S = 5.0
NOTAUTH = 9
WORDS = {
    1: "cannot read it (FORMERR)",
    2: "has trouble of its own (SERVFAIL)",
    4: "does not take updates (NOTIMP)",
    5: "does not let us (REFUSED)",
    6: "has the name already (YXDOMAIN)",
    7: "has the records already (YXRRSET)",
    8: "has no such records (NXRRSET)",
    9: "does not accept our key, or is not in charge of the zone (NOTAUTH)",
    10: "says that a name is not in the zone (NOTZONE)",
}


async def send_update(
    server: Address,
    zone: DomainName,
    changes: Iterable[ResourceRecord],
    key: TsigKey,
    rng: random.Random,
    *,
    lease_s: int | None = None,
    timeout_s: float = TIMEOUT_S,
    wall: Callable[[], float] | None = None,
) -> int | None:
    """Has a name server change its zone.

    Args:
        server: the primary name server of the zone.
        zone: the zone's apex.
        changes: see `p2plib.discovery.dns.updates.update_packet`.
        key: what signs it.
        rng: draws the id.
        lease_s: how long what is added is to stay; None for good.
        timeout_s: how long all of it may take.
        wall: the clock of signatures; this machine's if None.

    Returns:
        The lease that was granted; None if the server knows nothing of leases, or none was asked for.

    Raises:
        PeerTimeout: no answer came in time.
        Unreachable: there is no connection to the server.
        RequestRefused: it says no, or its answer is not signed as it must be; the code is DNS's.
    """
    packet = update_packet(zone, changes, rng.getrandbits(16), lease_s)
    clock = wall or time.time
    raw, mac = tsig.sign(encode(packet), key, int(clock()))
    answer = await exchange(server, raw, timeout_s)
    where = f"the name server at {server[0]}, port {server[1]},"
    response = taken(answer, packet, Counter())
    if response is None:
        raise RequestRefused(f"{where} answers something else")
    if response.rcode != NOERROR:
        why = _error_of(answer)
        word = WORDS.get(response.rcode, f"says no with code {response.rcode}")
        raise RequestRefused(f"{where} {word}{why}", response.rcode)
    try:
        tsig.verify(answer, [key], clock(), request_mac=mac)
        edns = edns_of(response)
    except (TsigError, DecodeError) as error:
        raise RequestRefused(f"{where} says yes, but {error}") from error
    return edns.lease_s if edns else None


def _error_of(raw: bytes) -> str:
    """What an answer says about our signature."""
    try:
        _, signature = tsig.split(raw)
    except DecodeError:
        return ""
    word = tsig.WORDS.get(signature.error, "") if signature else ""
    return f": {word}" if word else ""
