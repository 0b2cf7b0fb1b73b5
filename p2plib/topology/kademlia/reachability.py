"""Reachability: do the requests of strangers reach us, and from which address do ours come? A machine part.

Many peers are behind a NAT that lets in only what answers them. Such a peer can ask, but a peer that is told
its address asks it in vain. It should be a client, which nobody puts in a table.

Rules
    1. A response says from which address our request came. Each network has one vote, and the *outer address*
       is what more than half of the last `VOTERS` say. Behind a NAT that has another port for everybody we
       talk to, there is none.
    2. A request from a host that we have asked nothing lately shows that strangers reach us: no NAT can
       take it for an answer. (Not from an address: some NATs let in all ports of a host that was asked.)
       It does not if the host is nearer than our outer address, one of our own site for example: that one
       came through no NAT. If that turns out later, it is not known any more whether strangers reach us.
    3. A test asks up to `DIAL_BACKS` contacts for a dial-back. Each passes the wish on to a contact of its
       own, in another network than ours, and that one asks us whether we are there. If they have done so, and
       `TEST_S` later nobody has come, strangers do not reach us. If the only requests came from peers
       that we had asked lately, or there was nobody to pass the wish on to, the test decides nothing.
    4. A NAT forgets where we are when we say nothing for some minutes. So unless others see us where our
       socket is, and as long as strangers reach us, a contact is asked whether it is there every
       `KEEP_OPEN_S`.
    5. A peer that passes on a wish names nobody but the peer that asked; the peer that it passes it on to
       listens only to its own contacts, has at most `MAX_CHECKS` checks under way, and asks once: a contact
       that names a victim gets no more sent to it, in datagrams or in bytes, than it could send itself.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from p2plib.machine.addresses import Address, Contact, Scope, acceptable, network_of, scope_of
from p2plib.machine.timers import Timers
from p2plib.topology.kademlia.asking import Asker, PassOn, Reach
from p2plib.topology.kademlia.checks import Checks
from p2plib.topology.kademlia.messages import DialBack, DialBackFor
from p2plib.topology.kademlia.parts import Timer
from p2plib.topology.kademlia.table import RoutingTable

VOTERS = 16
VOTE_S = 1.0  # once all have voted, there is a new vote so often
DIAL_BACKS = 3  # a datagram may be lost, or a contact be gone
TEST_S = 3.0
KEEP_OPEN_S = 100.0  # RFC 4787, REQ-5: no NAT may forget sooner than after two minutes
MAX_PASSED_ON = 16  # under way
TRIES = 2
DIAL_BACK_TRIES = 1  # rule 5


class Reachability:
    """What one peer knows about how others reach it, and what it does for others that want to know.

    Args:
        table: whom to ask, and whom to pass a wish on to.
        asker: sends the requests.
        checks: ask the peers that wish it.
        timers: those of the machine.
        rng: draws who is asked.
        own: where our socket is, if that is known.
        decided: called with what a test has found out, or None if it decides nothing, and the time; also when
            a request shows what was not known, that strangers reach us.

    Attributes:
        is_reachable: whether strangers reach us; None if that is not known.
        reached: when a stranger reached us last.
    """

    def __init__(
        self,
        table: RoutingTable,
        asker: Asker,
        checks: Checks,
        timers: Timers[Timer],
        rng: random.Random,
        own: Address | None,
        decided: Callable[[bool | None, float], None],
    ) -> None:
        self._table, self._asker, self._checks = table, asker, checks
        self._timers, self._rng, self._own, self._decided = timers, rng, own, decided
        self.is_reachable: bool | None = None
        self.reached = 0.0
        self._reached_from = Scope.NOWHERE  # the farthest
        self._votes: dict[bytes, Address] = {}
        self._vote_at = 0.0
        self._passed_on: set[int] = set()  # the transactions of the wishes that are under way
        self._test, self._is_testing, self._done, self._is_open_to_friends = 0, False, 0, False

    # The outer address ------------------------------------------------------------------------------------

    @property
    def outer(self) -> Address | None:
        """The address from which our requests come, as others see it; None if they do not agree. Rule 1."""
        votes = Counter(self._votes.values()).most_common(1)
        return votes[0][0] if votes and 2 * votes[0][1] > len(self._votes) else None

    def told(self, observed: Address, voter: Address, now: float) -> None:
        """A response from a peer says where our request came from. Rule 1."""
        if len(self._votes) == VOTERS and now < self._vote_at:
            return
        network = network_of(voter[0])
        self._votes.pop(network, None)
        self._votes[network] = observed
        if len(self._votes) > VOTERS:
            del self._votes[next(iter(self._votes))]
        self._vote_at = now + VOTE_S
        if self.is_reachable and self._is_nearer(self._reached_from):
            self.is_reachable, self._reached_from = None, Scope.NOWHERE
            self._timers.set(Timer.TEST_AGAIN, now)

    def _is_nearer(self, scope: Scope) -> bool:
        """Whether somebody so far away is nearer than those who see us at our outer address. Rule 2."""
        if scope is Scope.WORLD:  # nearly always
            return False
        outer = self.outer
        return outer is not None and scope < scope_of(outer[0])

    # Who reaches us ---------------------------------------------------------------------------------------

    def requested(self, address: Address, now: float) -> None:
        """A request has come from an address. Rules 2 and 3."""
        if self._asker.has_asked_lately(address[0], now):
            self._is_open_to_friends = True
            return
        scope = scope_of(address[0])
        if self._is_nearer(scope):
            return
        self.reached, self._reached_from = now, max(self._reached_from, scope)
        if self._is_testing or not self.is_reachable:
            self._end(True, now)

    def keep_open(self, now: float) -> None:
        """Rule 4."""
        if self.is_reachable and self._own not in (None, self.outer):
            self._timers.set(Timer.KEEP_OPEN, now + KEEP_OPEN_S)
            if sound := self._sound():
                self._checks.check(self._rng.choice(sound), now)

    def _sound(self) -> list[Contact]:
        return [entry.contact for entry in self._table if not entry.failures]

    def test(self, now: float) -> None:
        """Finds out whether strangers reach us. Rule 3."""
        sound = self._sound()
        self._timers.cancel(Timer.TEST_AGAIN)
        self._test += 1
        self._is_testing, self._done, self._is_open_to_friends = True, 0, False
        self._timers.set(Timer.REACH, now + TEST_S if sound else now, self._test)
        contacts = self._rng.sample(sound, min(DIAL_BACKS, len(sound)))
        for number in range(DIAL_BACKS if sound else 0):
            contact = contacts[number % len(contacts)]
            request = DialBack(self._asker.transaction(), self._asker.own_id, self._asker.is_client)
            self._asker.ask(request, contact.address, Reach(contact, self._test), now, TRIES)

    def passed_on(self, reach: Reach, is_passed_on: bool) -> None:
        """A peer says whether it has passed our wish on."""
        self._done += is_passed_on and reach.test == self._test

    def over(self, test: int, now: float) -> None:
        """A test is over, and nobody has come whom we had not asked. Rule 3."""
        if test == self._test and self._is_testing:
            self._end(False if self._done and not self._is_open_to_friends else None, now)

    def _end(self, is_reachable: bool | None, now: float) -> None:
        self._is_testing = False
        if is_reachable is not None:
            self.is_reachable = is_reachable
        self._timers.set(Timer.KEEP_OPEN, now + KEEP_OPEN_S)
        self._decided(is_reachable, now)

    # What we do for others --------------------------------------------------------------------------------

    def pass_on(self, contact: Contact, now: float) -> bool:
        """Has another peer ask this one whether it is there; returns whether there is one. Rule 5."""
        network = network_of(contact.address[0])
        others = [entry.contact for entry in self._table if not entry.failures and entry.network != network]
        if not others or len(self._passed_on) >= MAX_PASSED_ON:
            return False
        other = self._rng.choice(others)
        request = DialBackFor(self._asker.transaction(), self._asker.own_id, contact, self._asker.is_client)
        self._passed_on.add(request.transaction)
        self._asker.ask(request, other.address, PassOn(other, request.transaction), now, TRIES)
        return True

    def was_passed_on(self, wish: PassOn) -> None:
        """A peer has answered that it asks another for us, or that it does not, or nothing, or too late."""
        self._passed_on.discard(wish.transaction)

    def dial_back(self, contact: Contact, teller: Contact, now: float) -> bool:
        """Asks a peer that another names whether it is there; returns whether it does. Rule 5."""
        entry = self._table.find(teller.id)
        is_ours = entry is not None and entry.contact == teller
        if not is_ours or not acceptable(contact.address, teller.address):
            return False
        return self._checks.check(contact, now, DIAL_BACK_TRIES)
