"""Connection ids: how a UDP tracker knows that an asker is where it says it is. A pure part.

Specification: BEP 15. Anybody can write any source address on a datagram. So a tracker first sends 64 bits to
the address that it sees, and whoever repeats them has received them there.

The obvious way is a table of who was given what; an attacker who forges a million sources fills it. Here
nothing is kept: the id is a keyed hash of the host and of the minute, so that the tracker can work it out
again when it comes back.

Rules
    1. An id belongs to one host. Its port does not count: a NAT may change it, and the host is what an
       attacker would like to lie about.
    2. It is good for `LIFE_S` at least, and for a minute more at most (BEP 15: a server accepts an id for two
       minutes, a client uses it for one).
    3. The key is drawn when the tracker starts. After a restart all ids are old, and clients ask for new
       ones.
"""

from __future__ import annotations

import hashlib
import hmac
import random

from p2plib.machine.addresses import packed_host

KEY_BYTES = 16
CONNECTION_ID_BYTES = 8
WINDOW_S = 60
WINDOWS = 3  # the one that is running, and two that are over
LIFE_S = WINDOW_S * (WINDOWS - 1)


class ConnectionIds:
    """Gives out ids, and knows them again.

    Args:
        rng: draws the key; see `p2plib.machine.machine`.
    """

    def __init__(self, rng: random.Random) -> None:
        self._key = rng.randbytes(KEY_BYTES)

    def id_for(self, host: str, now: float) -> bytes:
        """The id of a host.

        Args:
            host: an IP address.
            now: the time, in seconds.

        Returns:
            8 bytes.
        """
        return self._of(host, int(now // WINDOW_S))

    def holds(self, connection_id: bytes, host: str, now: float) -> bool:
        """Whether an id was given to this host, and not too long ago."""
        window = int(now // WINDOW_S)
        return any(hmac.compare_digest(connection_id, self._of(host, window - age)) for age in range(WINDOWS))

    def _of(self, host: str, window: int) -> bytes:
        text = window.to_bytes(8, "big", signed=True) + packed_host(host)
        return hashlib.blake2b(text, digest_size=CONNECTION_ID_BYTES, key=self._key).digest()
