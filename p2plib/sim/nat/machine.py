"""Nat: a network address translator that works on addresses alone. A machine.

It follows RFC 4787 (UDP), RFC 5382 (TCP) and the quotas of RFC 6888; how one NAT differs from another is a
`NatBehaviour`, what it remembers is in `p2plib.sim.nat.table`. Whoever moves the packets asks it for each one
what to write on it. Two in a row, the outer one's inside being the inner one's outside, are carrier-grade NAT
above a home router.

Rules
    1. Out: the mapping for this packet is looked up by what `Mapping` says, or made; the session with the
       remote is refreshed.
    2. In: there must be a mapping at that external address, and `Filtering` must let the remote in.
    3. No two mappings of a protocol share an external address and port, ever.
    4. What is refused raises `Refused`, is counted by reason, and leaves no mapping or session behind.
    5. A TCP connection begins with a SYN. Other segments from inside that belong to none are refused.
    6. A TCP connection that came in is answered from the external address at which it came in, whatever the
       mapping (RFC 5382, REQ-2). UDP knows no answers: each packet out is mapped by rule 1.
    7. It never answers by itself. RFC 5382, REQ-4 forbids an answer to an unsolicited SYN for six seconds,
       so that both sides may open at once, and REQ-4a allows silence forever: a refused SYN changes
       nothing, and when its sender tries again it may find the opening that the inside has made meanwhile.

Vocabulary: that of `p2plib.sim.nat.behaviour`; `now_s` is a clock in seconds that never goes back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, NoReturn

from p2plib.errors import P2PError, UsageError
from p2plib.sim.nat.behaviour import Hairpin, Mapping, NatBehaviour, Pooling, Ports
from p2plib.sim.nat.ports import ports_to_try
from p2plib.sim.nat.table import INWARD, OUTWARD, Entry, Key
from p2plib.sim.packet import Address, Flag, Kind

NO_FLAGS = Flag(0)

Reason = Literal[
    "no mapping",  # nobody inside has this external address (any more)
    "filtered",  # somebody has, but the filter does not let this remote in
    "no connection",  # a TCP segment from inside that is no SYN and belongs to no session
    "no hairpin",  # from inside to an external address, and this NAT does not turn packets round
    "NAT table full",
    "no free port",
    "subscriber quota",  # this inside IP address has as many mappings as one may have
]


class Refused(P2PError):
    """A NAT does not let a packet through.

    Args:
        reason: why, a short phrase that stays the same; `Reason` lists them.
    """

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(f"refused by the NAT: {reason}")


@dataclass(frozen=True, slots=True)
class NatMapping:
    """One row of a NAT's table, as it is at one moment.

    Args:
        kind: "udp" or "tcp".
        inside: the address behind the NAT.
        external: the address that the world sees.
        remotes: with whom there is a live session.
        expires_s: when it will be forgotten if nothing more goes through.
    """

    kind: Kind
    inside: Address
    external: Address
    remotes: tuple[Address, ...]
    expires_s: float


class Nat:
    """A NAT.

    Args:
        external: its IP addresses in the outer network, at least one.
        behaviour: how it behaves.
        rng: where it draws ports from; needed for `Ports.RANDOM` alone.

    Attributes:
        refused: how many packets it has refused, by reason.

    Raises:
        UsageError: no external address, one twice, or nothing to draw ports from.
    """

    def __init__(
        self,
        external: Sequence[str],
        behaviour: NatBehaviour | None = None,
        *,
        rng: Random | None = None,
    ) -> None:
        self.behaviour = behaviour or NatBehaviour()
        self.refused: Counter[str] = Counter()
        self._rng = rng
        if self.behaviour.ports is Ports.RANDOM and rng is None:
            raise UsageError("a NAT that draws its ports needs rng, a random.Random")
        self._start(external)

    def _start(self, external: Sequence[str]) -> None:
        if isinstance(external, str) or not external or len(set(external)) < len(external):
            raise UsageError(f"the external IP addresses are a list of one or more, each once: {external!r}")
        self.external = tuple(external)
        self._by_key: dict[Key, Entry] = {}
        self._by_external: dict[tuple[Kind, Address], Entry] = {}
        self._came_in: dict[Key, Entry] = {}  # rule 6: where the next packet to this remote leaves
        self._held: Counter[str] = Counter()  # entries of each inside IP address
        self._paired: dict[str, str] = {}  # inside IP address to external
        self._turn = 0  # of the external IP addresses
        self._last_port = self.behaviour.port_range[0] - 1
        self._sessions = 0

    def outbound(
        self, kind: Kind, inside: Address, remote: Address, now_s: float, flags: Flag = NO_FLAGS
    ) -> Address:
        """The external address with which a packet from *inside* to *remote* leaves.

        Args:
            flags: the control bits of a TCP segment.

        Raises:
            Refused: no connection, table full, quota, or no free port.
            UsageError: *remote* is this NAT itself: that is `hairpin`.
        """
        if remote[0] in self.external:
            raise UsageError(f"{remote[0]} is this NAT's own: use hairpin()")
        return self._out(kind, inside, remote, now_s, flags).external

    def inbound(
        self, kind: Kind, external: Address, remote: Address, now_s: float, flags: Flag = NO_FLAGS
    ) -> Address:
        """The inside address to which a packet from *remote* to *external* is delivered.

        Raises:
            Refused: no mapping, filtered, or no room to remember a new TCP connection.
        """
        entry = self._by_external.get((kind, external))
        if entry is None or not self._lives(entry, now_s):
            self._refuse("no mapping")
        if not entry.admits(remote, self.behaviour.filtering, now_s):
            self._refuse("filtered")
        begins = self.behaviour.refresh_on_inbound if kind == "udp" else bool(flags & Flag.SYN)
        if entry.session(remote, now_s) is None:
            if not begins:
                return entry.inside
            self._add_session(entry, remote, now_s)
            if kind == "tcp":
                self._came_in[kind, entry.inside, remote] = entry  # rule 6
        entry.pass_packet(remote, INWARD, self.behaviour, flags, now_s)
        return entry.inside

    def hairpin(
        self, kind: Kind, inside: Address, destination: Address, now_s: float, flags: Flag = NO_FLAGS
    ) -> tuple[Address, Address]:
        """Source and destination of a packet from *inside* to an external address of this very NAT.

        It goes out and comes back in, so it makes a mapping and passes the filter like any other; a packet
        that is refused on its way back in has opened its sender's side all the same.

        Raises:
            Refused: no hairpin; and what `outbound` and `inbound` refuse.
        """
        if destination[0] not in self.external:
            raise UsageError(f"{destination[0]} is not this NAT's: use outbound()")
        if self.behaviour.hairpin is Hairpin.NONE:
            self._refuse("no hairpin")
        seen = self._out(kind, inside, destination, now_s, flags).external
        target = self.inbound(kind, destination, seen, now_s, flags)
        return (inside if self.behaviour.hairpin is Hairpin.INTERNAL_SOURCE else seen), target

    def reboot(self, external: Sequence[str] | None = None) -> None:
        """Forgets every mapping, and comes up with other external IP addresses if some are given."""
        self._start(self.external if external is None else external)

    def mappings(self, now_s: float) -> tuple[NatMapping, ...]:
        """The live mappings, oldest first."""
        self._sweep(now_s)
        return tuple(
            NatMapping(
                entry.kind,
                entry.inside,
                entry.external,
                tuple(remote for remote, _ in entry.all_sessions()),
                entry.expires_s,
            )
            for entry in self._by_external.values()
        )

    # Out of the table and into it

    def _out(self, kind: Kind, inside: Address, remote: Address, now_s: float, flags: Flag) -> Entry:
        key = self._key(kind, inside, remote)
        entry = self._by_key.get(key)
        if entry is not None and not self._lives(entry, now_s):
            entry = None
        session = entry.session(remote, now_s) if entry else None
        came_in = self._came_in.get((kind, inside, remote))
        if session is None and came_in is not None:
            session = came_in.session(remote, now_s)
            entry = came_in if session else entry
        if session is None and kind == "tcp" and not flags & Flag.SYN:
            self._refuse("no connection")
        if entry is None:
            entry = self._new_entry(key, now_s)
        if session is None:
            self._add_session(entry, remote, now_s)
        entry.pass_packet(remote, OUTWARD, self.behaviour, flags, now_s)
        return entry

    def _key(self, kind: Kind, inside: Address, remote: Address) -> Key:
        if self.behaviour.mapping is Mapping.ENDPOINT_INDEPENDENT:
            return kind, inside, None
        return kind, inside, remote[0] if self.behaviour.mapping is Mapping.ADDRESS_DEPENDENT else remote

    def _new_entry(self, key: Key, now_s: float) -> Entry:
        kind, inside, _ = key
        if self._is_full() or self._is_over_quota(inside[0]):
            self._sweep(now_s)
        if self._is_full():
            self._refuse("NAT table full")
        if self._is_over_quota(inside[0]):
            self._refuse("subscriber quota")
        host = self._external_for(inside[0])
        external = (host, self._free_port(kind, host, inside[1], now_s))
        entry = Entry(kind, inside, external, key)
        self._by_key[key] = self._by_external[kind, external] = entry
        self._held[inside[0]] += 1
        return entry

    def _is_full(self) -> bool:
        limits = self.behaviour
        return len(self._by_external) >= limits.max_mappings or self._sessions >= limits.max_sessions

    def _is_over_quota(self, inside_host: str) -> bool:
        quota = self.behaviour.ports_per_subscriber
        return quota is not None and self._held[inside_host] >= quota

    def _add_session(self, entry: Entry, remote: Address, now_s: float) -> None:
        if not entry.has_place_for(remote):
            if self._sessions >= self.behaviour.max_sessions:
                self._sweep(now_s)
            if self._sessions >= self.behaviour.max_sessions:
                self._refuse("NAT table full")
            self._sessions += 1
        entry.add(remote)

    def _lives(self, entry: Entry, now_s: float) -> bool:
        """Whether an entry's time is not over; one whose time is over is taken out on the way."""
        if now_s < entry.expires_s:
            return True
        self._drop(entry)
        return False

    def _drop(self, entry: Entry) -> None:
        del self._by_key[entry.key]
        del self._by_external[entry.kind, entry.external]
        self._held[entry.inside[0]] -= 1
        self._forget_sessions(entry, [remote for remote, _ in entry.all_sessions()])

    def _forget_sessions(self, entry: Entry, remotes: Iterable[Address]) -> None:
        for remote in remotes:
            self._sessions -= 1
            came_in: Key = (entry.kind, entry.inside, remote)
            if self._came_in.get(came_in) is entry:
                del self._came_in[came_in]

    def _sweep(self, now_s: float) -> None:
        for entry in tuple(self._by_external.values()):
            if self._lives(entry, now_s):
                self._forget_sessions(entry, entry.prune(now_s))

    def _refuse(self, reason: Reason) -> NoReturn:
        self.refused[reason] += 1
        raise Refused(reason)

    # Addresses and ports

    def _external_for(self, inside_host: str) -> str:
        if self.behaviour.pooling is Pooling.PAIRED and inside_host in self._paired:
            return self._paired[inside_host]
        host = self.external[self._turn % len(self.external)]
        self._turn += 1
        if self.behaviour.pooling is Pooling.PAIRED:
            self._paired[inside_host] = host
        return host

    def _free_port(self, kind: Kind, host: str, wanted: int, now_s: float) -> int:
        for port in ports_to_try(self.behaviour, wanted, self._last_port, self._rng):
            holder = self._by_external.get((kind, (host, port)))
            if holder is None or not self._lives(holder, now_s):
                self._last_port = port
                return port
        return self._refuse("no free port")
