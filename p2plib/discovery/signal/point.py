"""RendezvousPoint: keeps which peers registered where, and tells peers that ask. A machine without timers.

Follows libp2p's specification "Rendezvous Protocol", revision 3, and its recommendations.

Rules
    1. A peer registers itself and nobody else: the record must be signed by the key that the connection has
       proved, and no older than the one that is kept.
    2. A registration lasts 2 to 72 hours, and 2 if it does not say. What is over is forgotten.
    3. A cookie is the number of the latest registration that its holder has seen, with the namespace, and a
       MAC over both: with it, only what came later is named. A registration that is renewed with a new record
       counts as later.
    4. Registrations of one peer, of one host (in IPv6, a /64), and in all are bounded, and so are the bytes
       of their records. Keys are free, hosts are not: the specification leaves this open ("spam mitigation").
       One that is renewed from another host needs room there, or a host could hand on what it has too much.
    5. A response ends where the next record would make it longer than others read; its cookie leads on.
       Otherwise a few long records would keep a namespace from being read at all.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from p2plib.discovery.signal import peer_record
from p2plib.discovery.signal.rendezvous import (
    MAX_MESSAGE_BYTES,
    MAX_NAMESPACE,
    MAX_REGISTRATIONS,
    Discover,
    DiscoverResponse,
    Register,
    RegisterResponse,
    Status,
    Unregister,
)
from p2plib.errors import RemoteError
from p2plib.identity.foreign_keys import PeerKey
from p2plib.identity.ids import peer_id
from p2plib.protocol.peer_score import subject

MIN_TTL_S, MAX_TTL_S = 7200, 259_200
DEFAULT_TTL_S = 7200
MAX_OF_PEER = 1000  # the specification's recommendation
MAX_OF_HOST = 1000
MAX_IN_ALL = 50_000
MAX_RECORD_BYTES = 64 * 1024 * 1024  # of all records together
RESPONSE_BYTES = MAX_MESSAGE_BYTES - 4096  # of registrations; cookie and numbers take less than the rest
ENTRY_BYTES = 32  # of one registration, besides its namespace and its record
MAC_BYTES = 8
NUMBER_BYTES = 8


@dataclass(slots=True)
class _Kept:
    number: int
    raw: bytes
    seq: int
    until: float
    host: str


def _how_many_fit(later: list[tuple[int, str, _Kept]]) -> int:
    """Rule 5."""
    size = 0
    for place, (_, ns, kept) in enumerate(later):
        size += len(ns.encode()) + len(kept.raw) + ENTRY_BYTES
        if size > RESPONSE_BYTES:
            return place
    return len(later)


class RendezvousPoint:
    """One point.

    Args:
        secret: 16 bytes or more, at random; cookies are good for as long as it stays.

    Attributes:
        refused: how often something was refused, by status.
    """

    def __init__(self, secret: bytes) -> None:
        self.refused: Counter[Status] = Counter()
        self._secret, self._number = secret, 0
        self._spaces: dict[str, dict[str, _Kept]] = {}
        self._of_peer: Counter[str] = Counter()
        self._of_host: Counter[str] = Counter()
        self._record_bytes = 0

    def __len__(self) -> int:
        return self._of_peer.total()

    def register(self, asked: Register, peer: PeerKey, host: str, now: float) -> RegisterResponse:
        """Registers the peer at the other side of a connection.

        Args:
            asked: what it says.
            peer: the key that it has proved.
            host: where it is, for rule 4.
            now: the time in seconds.
        """
        ttl_s = DEFAULT_TTL_S if asked.ttl_s is None else asked.ttl_s
        if not 1 <= len(asked.ns) <= MAX_NAMESPACE:
            return self._no(Status.INVALID_NAMESPACE, f"a namespace has 1 to {MAX_NAMESPACE} characters")
        if not MIN_TTL_S <= ttl_s <= MAX_TTL_S:
            return self._no(Status.INVALID_TTL, f"a ttl is {MIN_TTL_S} to {MAX_TTL_S} seconds")
        try:
            record = peer_record.decode(asked.record)
        except RemoteError as error:
            return self._no(Status.INVALID_RECORD, str(error))
        if record.key != peer:
            return self._no(Status.NOT_AUTHORIZED, "a peer registers itself, and nobody else")
        return self._keep(asked, record, ttl_s, host, now)

    def _keep(
        self, asked: Register, record: peer_record.RoutingRecord, ttl_s: int, host: str, now: float
    ) -> RegisterResponse:
        name, host = record.peer_id, subject(host)
        known = self._space(asked.ns, now).get(name)
        if known is not None and record.seq < known.seq:
            return self._no(Status.INVALID_RECORD, f"a record of number {known.seq} is known already")
        if not self._has_room(known, len(asked.record), name, host, now):
            return self._no(Status.UNAVAILABLE, "there is no room for more registrations")
        if known is None or known.raw != asked.record:
            self._number += 1
            number = self._number
        else:
            number = known.number
        self._forget(asked.ns, name)
        kept = _Kept(number, asked.record, record.seq, now + ttl_s, host)
        self._spaces.setdefault(asked.ns, {})[name] = kept
        self._of_peer[name] += 1
        self._of_host[host] += 1
        self._record_bytes += len(asked.record)
        return RegisterResponse(Status.OK, ttl_s=ttl_s)

    def unregister(self, asked: Unregister, peer: PeerKey) -> None:
        """Forgets a registration; does nothing if there is none."""
        self._forget(asked.ns, peer_id(peer))

    def discover(self, asked: Discover, now: float) -> DiscoverResponse:
        """Who is registered; the earliest registration first.

        Args:
            asked: the question.
            now: the time in seconds.
        """
        since = self._since(asked)
        if since is None:
            self.refused[Status.INVALID_COOKIE] += 1
            return DiscoverResponse(status=Status.INVALID_COOKIE, text="not a cookie of this point's")
        limit = MAX_REGISTRATIONS if asked.limit is None else min(asked.limit, MAX_REGISTRATIONS)
        later = sorted(
            ((kept.number, ns, kept) for ns, kept in self._kept(asked.ns, now) if kept.number > since),
            key=lambda entry: entry[0],
        )
        del later[limit:], later[_how_many_fit(later) :]
        seen = later[-1][0] if later else since
        named = tuple(Register(ns, kept.raw, max(1, int(kept.until - now))) for _, ns, kept in later)
        return DiscoverResponse(named, self._cookie(asked.ns, seen))

    def _kept(self, ns: str, now: float) -> Iterator[tuple[str, _Kept]]:
        for each in [ns] if ns else list(self._spaces):
            for kept in self._space(each, now).values():
                yield each, kept

    def _space(self, ns: str, now: float) -> dict[str, _Kept]:
        space = self._spaces.get(ns, {})
        for name in [name for name, kept in space.items() if kept.until <= now]:
            self._forget(ns, name)
        return self._spaces.get(ns, {})

    def _has_room(self, known: _Kept | None, size: int, name: str, host: str, now: float) -> bool:
        """Rule 4, for a record of so many bytes in the place of the known one."""
        more = size - (len(known.raw) if known else 0)
        if len(self) >= MAX_IN_ALL or self._record_bytes + more > MAX_RECORD_BYTES:
            for ns in list(self._spaces):
                self._space(ns, now)
        if self._record_bytes + more > MAX_RECORD_BYTES:
            return False
        if (known is None or known.host != host) and self._of_host[host] >= MAX_OF_HOST:
            return False
        return known is not None or (len(self) < MAX_IN_ALL and self._of_peer[name] < MAX_OF_PEER)

    def _forget(self, ns: str, name: str) -> None:
        kept = self._spaces.get(ns, {}).pop(name, None)
        if kept is not None:
            self._of_peer.subtract([name])
            self._of_host.subtract([kept.host])
            self._record_bytes -= len(kept.raw)
            if not self._of_peer[name]:
                del self._of_peer[name]
            if not self._of_host[kept.host]:
                del self._of_host[kept.host]
        if not self._spaces.get(ns, True):
            del self._spaces[ns]

    def _no(self, status: Status, text: str) -> RegisterResponse:
        self.refused[status] += 1
        return RegisterResponse(status, text)

    def _cookie(self, ns: str, number: int) -> bytes:
        """Rule 3."""
        body = number.to_bytes(NUMBER_BYTES, "big") + ns.encode()
        return hashlib.blake2b(body, digest_size=MAC_BYTES, key=self._secret).digest() + body

    def _since(self, asked: Discover) -> int | None:
        """The number in a cookie; 0 without one, None if it is not ours or for another namespace."""
        if not asked.cookie:
            return 0
        number = int.from_bytes(asked.cookie[MAC_BYTES : MAC_BYTES + NUMBER_BYTES], "big")
        return number if hmac.compare_digest(asked.cookie, self._cookie(asked.ns, number)) else None
