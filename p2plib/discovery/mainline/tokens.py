"""Tokens: a node stores only for hosts that asked it a moment ago (BEP 5). A machine part.

The source of a datagram can be forged. If a forged announce were believed, anybody could enter a victim's
address under a hundred popular torrents, and a hundred thousand downloaders would knock at its door. So each
response to `get_peers` and `get` brings a token, and whoever stores must show it: it can only have been read
at the address that it was sent to.

Rules
    1. A token is a keyed hash of the host. Nothing is remembered for each asker: one secret is enough.
    2. The secret changes every five minutes, and the former one is good for five minutes more.
    3. Another host's token is as good as none. The port does not matter, because a NAT may change it between
       two datagrams.

Vocabulary::

    token    8 bytes that only we can make, for one host and five to ten minutes
    secret   16 random bytes that we tell nobody
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from p2plib.machine.addresses import packed_host

TOKEN_BYTES = 8  # nobody gets 2 ** 64 guesses within ten minutes
SECRET_BYTES = 16
ROTATE_S = 300.0  # BEP 5: "changes every five minutes and tokens up to ten minutes old are accepted"


class Tokens:
    """The tokens of one node.

    Args:
        random_bytes: a number of bytes → that many unpredictable ones.
    """

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._secret, self._former = random_bytes(SECRET_BYTES), random_bytes(SECRET_BYTES)
        self._made: float | None = None

    def token_for(self, host: str, now: float) -> bytes:
        """The token for a host.

        Args:
            host: where the question came from.
            now: the time, in seconds.
        """
        self._rotate(now)
        return _token(self._secret, host)

    def holds(self, token: bytes, host: str, now: float) -> bool:
        """Whether this is a token that we gave to this host, not too long ago.

        Args:
            token: what the host shows; any bytes.
            host: where it came from.
            now: the time, in seconds.
        """
        self._rotate(now)
        return any(hmac.compare_digest(token, _token(key, host)) for key in (self._secret, self._former))

    def _rotate(self, now: float) -> None:
        """Makes a new secret when it is time; two, if both are too old."""
        if self._made is None:
            self._made = now
        passed = int((now - self._made) // ROTATE_S)
        for _ in range(min(passed, 2)):
            self._former, self._secret = self._secret, self._random_bytes(SECRET_BYTES)
        if passed > 0:
            self._made += passed * ROTATE_S


def _token(secret: bytes, host: str) -> bytes:
    return hashlib.blake2b(packed_host(host), key=secret, digest_size=TOKEN_BYTES).digest()
