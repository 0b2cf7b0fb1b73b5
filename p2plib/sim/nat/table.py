"""What a NAT remembers: its mappings, and the sessions on each. The state behind `p2plib.sim.nat.machine`.

A *mapping* ties an inside address to an external one. A *session* is one remote on a mapping. Each session
has a timer of its own, as in many devices (Ford, Srisuresh, Kegel 2005, 3.6): packets to one remote keep the
opening for another remote from closing no longer. A mapping lives while one of its sessions does.

Timers::

    UDP  `udp_timeout_s` after the last packet out (and in, if `refresh_on_inbound`; RFC 4787, 4.3).
    TCP  a state machine of three phases, as RFC 6146, 3.5.2 has it and RFC 7857 recommends:
           opening      a SYN from one side only: `tcp_transitory_s` after the last packet
           established  a SYN from each side:     `tcp_established_s` after the last packet
           closing      a FIN from each side:     `tcp_transitory_s` after the second FIN; what follows does
                        not prolong it, except that a new SYN begins a new connection
         A RST puts the session on `tcp_transitory_s` as well, but any other packet after it takes that back,
         for a forged RST must not cut a connection that goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from p2plib.sim.nat.behaviour import Filtering, NatBehaviour
from p2plib.sim.packet import Address, Flag, Kind

INWARD, OUTWARD = 1, 2  # bits, so that "both" is 3
BOTH = INWARD | OUTWARD

Key = tuple[Kind, Address, str | Address | None]
"""What decides on the mapping of a packet from inside: kind, inside address, what of the remote counts."""


@dataclass(slots=True)
class Session:
    """One remote on a mapping. `sent`: whether the inside has sent to it. `opened`, `finished`: from which
    directions a SYN and a FIN came; `reset`: whether the last packet was a RST."""

    expires_s: float = 0.0
    sent: bool = False
    opened: int = 0
    finished: int = 0
    reset: bool = False

    def pass_udp(self, direction: int, behaviour: NatBehaviour, now_s: float) -> None:
        """Moves the timer for a UDP packet that goes through."""
        if direction == OUTWARD or behaviour.refresh_on_inbound:
            self.expires_s = now_s + behaviour.udp_timeout_s

    def pass_tcp(self, direction: int, behaviour: NatBehaviour, flags: Flag, now_s: float) -> None:
        """Moves phase and timer for a TCP segment that goes through."""
        if self.finished == BOTH:
            if not flags & Flag.SYN:
                return
            self.opened = self.finished = 0
        if flags & Flag.SYN:
            self.opened |= direction
        if flags & Flag.FIN:
            self.finished |= direction
        self.reset = bool(flags & Flag.RST)
        established = self.opened == BOTH and self.finished != BOTH and not self.reset
        self.expires_s = now_s + (behaviour.tcp_established_s if established else behaviour.tcp_transitory_s)


@dataclass(slots=True, eq=False)
class Entry:
    """One mapping and its sessions, by IP address and port of the remote. `expires_s` is when the last
    of them ends."""

    kind: Kind
    inside: Address
    external: Address
    key: Key
    sessions: dict[str, dict[int, Session]] = field(default_factory=dict)
    expires_s: float = 0.0

    def session(self, remote: Address, now_s: float) -> Session | None:
        """The session with this remote, unless its time is over."""
        found = self.sessions.get(remote[0], {}).get(remote[1])
        return found if found and now_s < found.expires_s else None

    def admits(self, remote: Address, filtering: Filtering, now_s: float) -> bool:
        """Whether the filter lets this remote in (RFC 4787, 5).

        The rule belongs to the mapping: where an inside address has several, each opens only for whom it was
        used to send to.
        """
        if filtering is Filtering.ENDPOINT_INDEPENDENT:
            return True
        if filtering is Filtering.ADDRESS_AND_PORT_DEPENDENT:
            # Without having been sent to, a remote has no session here: nothing of it was ever let in.
            return self.session(remote, now_s) is not None
        of_this_host = self.sessions.get(remote[0], {}).values()
        return any(session.sent and now_s < session.expires_s for session in of_this_host)

    def pass_packet(
        self, remote: Address, direction: int, behaviour: NatBehaviour, flags: Flag, now_s: float
    ) -> None:
        """Tells the session with this remote of a packet. The session must be there (`add`)."""
        session = self.sessions[remote[0]][remote[1]]
        before_s = session.expires_s
        session.sent |= direction == OUTWARD
        if self.kind == "udp":
            session.pass_udp(direction, behaviour, now_s)
        else:
            session.pass_tcp(direction, behaviour, flags, now_s)
        if session.expires_s >= self.expires_s:
            self.expires_s = session.expires_s
        elif before_s == self.expires_s:  # the last one was shortened, so another may be the last now
            self.expires_s = max(each.expires_s for _, each in self.all_sessions())

    def add(self, remote: Address) -> None:
        """A new session, or a fresh one in the place of one whose time is over."""
        self.sessions.setdefault(remote[0], {})[remote[1]] = Session()

    def has_place_for(self, remote: Address) -> bool:
        """Whether a session with this remote, perhaps a dead one, takes room already."""
        return remote[1] in self.sessions.get(remote[0], {})

    def all_sessions(self) -> Iterator[tuple[Address, Session]]:
        """Every session with its remote, dead ones too, oldest remote IP address first."""
        for host, ports in self.sessions.items():
            for port, session in ports.items():
                yield (host, port), session

    def prune(self, now_s: float) -> list[Address]:
        """Takes the sessions out whose time is over; says with whom they were."""
        dead = [remote for remote, session in self.all_sessions() if session.expires_s <= now_s]
        for host, port in dead:
            del self.sessions[host][port]
            if not self.sessions[host]:
                del self.sessions[host]
        return dead
