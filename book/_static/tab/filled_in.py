"""What a browser's Python lacks or does otherwise, and can be given: put in once, when the worker starts.

* `socket` is built without IPv6, so it cannot read or write an address of that kind.
* A C `ssize_t` has 32 bits, so `random.sample` refuses a range of 2^31 and more.
* `hashlib` is built without OpenSSL, and with that goes `pbkdf2_hmac`.
* `input()` would wait for a keyboard that a worker does not have.

Each gives what CPython on a 64-bit machine gives. What cannot be given are threads, processes and real
sockets: a cell that needs those has a tag.
"""

from __future__ import annotations

import builtins
import hashlib
import hmac
import math
import random
import socket
import sys
from collections.abc import Sequence
from typing import Any

NO_KEYBOARD = "a page has no keyboard for input(): write the value into the cell"
_sample, _pton, _ntop = random.Random.sample, socket.inet_pton, socket.inet_ntop


def put_in() -> None:
    """Put in what is missing."""
    builtins.input = no_input
    random.Random.sample = sample  # type: ignore[method-assign]
    random.sample = random._inst.sample
    if not hasattr(hashlib, "pbkdf2_hmac"):
        hashlib.pbkdf2_hmac = pbkdf2_hmac  # type: ignore[assignment]
    if not socket.has_ipv6:
        socket.inet_pton, socket.inet_ntop = inet_pton, inet_ntop


def no_input(prompt: object = "", /) -> str:
    """Stand in for `input`.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError(NO_KEYBOARD)


def inet_pton(family: int, text: str, /) -> bytes:
    """`socket.inet_pton`, also of IPv6."""
    if family != socket.AF_INET6:
        return _pton(family, text)
    from p2plib.sim.sockets import ipv6  # a second of work, and most pages write no such address

    return ipv6.inet_pton(family, text)


def inet_ntop(family: int, packed: Any, /) -> str:
    """`socket.inet_ntop`, also of IPv6."""
    if family != socket.AF_INET6:
        return _ntop(family, packed)
    from p2plib.sim.sockets import ipv6

    return ipv6.inet_ntop(family, packed)


def sample(self: random.Random, population: Sequence[Any], k: int, **counts: Any) -> list[Any]:
    """`random.Random.sample`, also from a range that is too long for 32 bits, with the same draws.

    From a population that is much longer than the sample, Python draws until it has enough different places;
    others it shuffles.
    """
    if not isinstance(population, range) or counts or not 0 < k <= sys.maxsize:
        return _sample(self, population, k, **counts)
    size = max(0, -((population.start - population.stop) // population.step))
    remembered = 21 + (4 ** math.ceil(math.log(k * 3, 4)) if k > 5 else 0)
    if size <= sys.maxsize or size <= remembered:
        return _sample(self, population, k)
    drawn: dict[int, None] = {}
    while len(drawn) < k:
        drawn[self._randbelow(size)] = None  # type: ignore[attr-defined]
    return [population.start + place * population.step for place in drawn]


def pbkdf2_hmac(
    hash_name: str, password: bytes, salt: bytes, iterations: int, dklen: int | None = None
) -> bytes:
    """`hashlib.pbkdf2_hmac` (RFC 8018, 5.2)."""
    keyed = hmac.new(password, digestmod=hash_name)
    wanted = keyed.digest_size if dklen is None else dklen
    key = b""
    while len(key) < wanted:
        block = len(key) // keyed.digest_size + 1
        last, total = salt + block.to_bytes(4, "big"), 0
        for _ in range(iterations):
            one = keyed.copy()
            one.update(last)
            last = one.digest()
            total ^= int.from_bytes(last, "big")
        key += total.to_bytes(keyed.digest_size, "big")
    return key[:wanted]
