"""Store: the values that a Kademlia peer keeps for others, and what it demands before it does. Machine parts.

Rules
    1. A value is kept if the `Validator` of the network allows it. By default its key must be its own SHA-256
       (cut to the length of an id), so nobody can put anything else there, not even the first to come.
    2. A value expires at a set time, at most `EXPIRE_S` from now, whichever peer sends it. Publishing it
       again moves that time; republishing it from peer to peer does not, for the lifetime that is left
       travels with it.
    3. At most `max_values` are kept. When there is no room, the value whose key is farthest from our id goes:
       other peers are nearer to that key and will have it.
    4. A peer that wants to store must have asked us shortly before, from the same address: it shows the
       *token* that our response contained. Otherwise a forged datagram for each value would fill a stranger's
       store.

Vocabulary::

    token   8 bytes that only we can make, for one address and a few minutes
    epoch   the number of such a span of time
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from p2plib.machine.addresses import Address

MAX_VALUE_BYTES = 1000  # as BEP 44; it fits a datagram with everything around it
EXPIRE_S = 86_400.0  # Kademlia (2002), section 2.5
TOKEN_BYTES = 8
TOKEN_S = 300.0  # BEP 5: a new token every five minutes; those of the last ten are accepted
MAX_TOKENS = 1024  # remembered, so that a peer that asks again costs no second hash; the number is arbitrary


def key_of(value: bytes, bits: int = 160) -> int:
    """The key of a value that names itself: the first bits of its SHA-256."""
    return int.from_bytes(hashlib.sha256(value).digest(), "big") >> (256 - bits)


def _names_itself(key: int, value: bytes, bits: int) -> bool:
    return key == key_of(value, bits)


@dataclass(frozen=True, slots=True)
class Validator:
    """Which values a network stores.

    Args:
        valid: whether a value may be stored under a key; its arguments are the key, the value, and how many
            bits an id has.
        better: whether a value should replace another under the same key; None where a key has only one
            value.
    """

    valid: Callable[[int, bytes, int], bool] = _names_itself
    better: Callable[[bytes, bytes], bool] | None = None


SELF_NAMED = Validator()


@dataclass(slots=True)
class Value:
    """A value that we keep."""

    data: bytes
    expires: float


class Values:
    """The values that one peer keeps.

    Args:
        own_id: the peer's id.
        bits: how long ids are.
        validator: rule 1.
        max_values: rule 3.
    """

    def __init__(
        self, own_id: int, bits: int, validator: Validator = SELF_NAMED, max_values: int = 4096
    ) -> None:
        self.own_id, self.bits, self.validator, self.max_values = own_id, bits, validator, max_values
        self._kept: dict[int, Value] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: int) -> bool:
        return key in self._kept

    def put(self, key: int, data: bytes, lifetime_s: float, now: float) -> bool:
        """Keeps a value if the rules allow it, and returns whether they do.

        Args:
            key: the key under which to keep it.
            data: the value, of at most `MAX_VALUE_BYTES`.
            lifetime_s: after how many seconds it expires.
            now: the time.
        """
        if len(data) > MAX_VALUE_BYTES or lifetime_s <= 0 or not self.validator.valid(key, data, self.bits):
            return False
        expires = now + min(lifetime_s, EXPIRE_S)
        old = self.get(key, now)
        if old is None:
            self._kept[key] = Value(data, expires)
            if len(self._kept) > self.max_values:
                del self._kept[max(self._kept, key=self.own_id.__xor__)]
        elif old.data == data:
            old.expires = max(old.expires, expires)
        elif self.validator.better is not None and self.validator.better(data, old.data):
            self._kept[key] = Value(data, expires)
        else:
            return False
        return key in self._kept

    def get(self, key: int, now: float) -> Value | None:
        """The value under a key, if it is kept and has not expired."""
        value = self._kept.get(key)
        if value is not None and value.expires <= now:
            del self._kept[key]
            return None
        return value

    def take(self, now: float) -> list[tuple[int, Value]]:
        """All values that will not expire within a second, by key; afterwards none is kept."""
        kept, self._kept = self._kept, {}
        return [(key, value) for key, value in kept.items() if value.expires - now >= 1]


class Tokens:
    """Rule 4. The secret is 16 random bytes or more, known to nobody else."""

    def __init__(self, secret: bytes) -> None:
        self._keyed = hashlib.blake2b(key=secret, digest_size=TOKEN_BYTES)
        self._epoch = -1
        self._given: dict[Address, bytes] = {}  # in this epoch

    def give(self, address: Address, now: float) -> bytes:
        """The token for an address."""
        epoch = int(now // TOKEN_S)
        if epoch != self._epoch or len(self._given) >= MAX_TOKENS:
            self._epoch, self._given = epoch, {}
        token = self._given.get(address)
        if token is None:
            token = self._given[address] = self._make(address, epoch)
        return token

    def accept(self, token: bytes, address: Address, now: float) -> bool:
        """Whether we gave this token to this address, in this epoch or the last."""
        if hmac.compare_digest(token, self.give(address, now)):
            return True
        return hmac.compare_digest(token, self._make(address, int(now // TOKEN_S) - 1))

    def _make(self, address: Address, epoch: int) -> bytes:
        token = self._keyed.copy()
        token.update(f"{address[0]} {address[1]} {epoch}".encode())
        return token.digest()
