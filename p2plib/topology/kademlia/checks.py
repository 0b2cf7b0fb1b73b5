"""Checks: asking whether a peer is there, before it is admitted to the table. A machine part.

Rules
    1. A request does not make its sender known, for the datagram may be forged. If the table has room for the
       sender, it is asked whether it is there, and put in when it answers.
    2. If its bucket is full, it waits among the spares, and the bucket's oldest contact is asked, unless that
       was heard from within `fresh_s`.
    3. If another peer has its id, it waits as well, and that peer is asked at once, however fresh it is: most
       likely it was restarted, and has another port now. For an id this happens once in `HOLDER_S` at
       most while it answers. Others would take over the place of a living peer if a response got lost, so it
       is asked `HOLDER_TRIES` times, and no other request that it does not answer counts for this.
    4. No peer is asked again while its check is under way, and at most `MAX_CHECKS` are asked at once: a
       flood of strangers gets no more out of us than that.
    5. A contact that does not answer is doubtful, and a spare that waits for its place is asked. Silence at
       another address than the one in the table says nothing: anybody can name an id.
    6. A client does not get into the table: it refuses whatever it is asked. A contact that has become one is
       taken out when it refuses. A request that says so is not enough, because it may be forged: its sender
       is asked.

`p2plib.topology.kademlia.table` says whom the table admits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, assert_never

from p2plib.machine.addresses import Address, Contact
from p2plib.topology.kademlia.asking import Check
from p2plib.topology.kademlia.parts import Event, IdTaken
from p2plib.topology.kademlia.table import Entry, RoutingTable, Verdict

MAX_CHECKS = 64
CHECK_TRIES = 2
HOLDER_S = 10.0
HOLDER_TRIES = 4  # with a tenth of all datagrams lost, all four round trips fail once in 800 times


class Pinger(Protocol):
    """What sends a ping in the messages of a network: this package's own, or those of Mainline."""

    def ping(self, check: Check, now: float, tries: int) -> None:
        """Asks a contact whether it is there."""


class Checks:
    """The contacts that are being asked whether they are there.

    Args:
        table: the peers that we know.
        asker: sends the pings.
        fresh_s: a contact heard from within so many seconds is not asked.
        tell: reports `IdTaken`.
        ignore: counts a contact that is turned away, by reason.
    """

    def __init__(
        self,
        table: RoutingTable,
        asker: Pinger,
        fresh_s: float,
        tell: Callable[[Event], None],
        ignore: Callable[[str], None],
    ) -> None:
        self._table, self._asker, self._fresh_s = table, asker, fresh_s
        self._tell, self._ignore = tell, ignore
        self._asked: set[Address] = set()
        self._holders: dict[int, float] = {}  # when the holder of an id was asked last, the first to the last

    def __len__(self) -> int:
        return len(self._asked)

    def check(
        self, contact: Contact, now: float, tries: int = CHECK_TRIES, *, is_holder: bool = False
    ) -> bool:
        """Asks a contact whether it is there; returns whether it does, see rule 4."""
        if contact.address in self._asked or len(self._asked) >= MAX_CHECKS:
            return False
        self._asked.add(contact.address)
        self._asker.ping(Check(contact, is_holder), now, tries)
        return True

    def over(self, check: Check) -> None:
        """A check has its response, or will not get one: its contact may be asked again."""
        self._asked.discard(check.contact.address)

    def met(self, contact: Contact, verdict: Verdict, now: float) -> None:
        """A contact has asked us something.

        Args:
            contact: which.
            verdict: what the table says of it.
            now: the time, in seconds.
        """
        match verdict:
            case Verdict.KNOWN:
                pass
            case Verdict.ADDED:
                self.check(contact, now)
            case Verdict.FULL:
                self._table.wait(contact)
                self._check_unless_fresh(self._table.oldest(contact.id), now)
            case Verdict.ID_TAKEN:
                self._table.wait(contact)
                self._check_holder(contact.id, now)
                self._ignore(verdict.value)
            case Verdict.OWN_ID:
                self._tell(IdTaken(contact.address))
                self._ignore(verdict.value)
            case Verdict.HOST_FULL | Verdict.NETWORK_FULL | Verdict.OUT_OF_RANGE:
                self._ignore(verdict.value)
            case _:
                assert_never(verdict)

    def answered(self, contact: Contact, now: float) -> None:
        """A contact has answered us, whatever we asked: it goes into the table, or waits for a place."""
        verdict = self._table.answered(contact, now)
        if verdict is Verdict.FULL:
            self._check_unless_fresh(self._table.oldest(contact.id), now)
        elif verdict is Verdict.ID_TAKEN:
            self.met(contact, verdict, now)

    def failed(self, contact: Contact, now: float, *, is_gone: bool = False) -> None:
        """A contact did not answer, or another peer did in its place. Rule 5.

        Args:
            contact: which.
            now: the time, in seconds.
            is_gone: whether it was asked as the holder of an id that another claims. Rule 3.
        """
        if is_gone:
            self._holders.pop(contact.id, None)
        entry = self._table.find(contact.id)
        is_ours = entry is not None and entry.contact == contact
        spare = self._table.failed(contact.id, is_gone=is_gone) if is_ours else None
        if spare:
            self.check(spare, now)

    def is_client(self, contact: Contact, verdict: Verdict, now: float) -> None:
        """A client has asked us something. Rule 6."""
        if verdict is Verdict.KNOWN:
            self.check(contact, now)

    def serves_no_more(self, contact: Contact, now: float) -> None:
        """A contact says that it is a client: it has no place in a table, and a spare may have it. Rule 6."""
        entry = self._table.find(contact.id)
        if entry is not None and entry.contact == contact:
            spare = self._table.failed(contact.id)
            if self._table.find(contact.id) is not None:
                self._table.remove(contact.id)
            if spare:
                self.check(spare, now)

    def _check_holder(self, ident: int, now: float) -> None:
        """Rule 3."""
        holders = self._holders
        while holders and next(iter(holders.values())) + HOLDER_S <= now:
            del holders[next(iter(holders))]
        entry = self._table.find(ident)
        if entry is None or ident in holders:
            return
        if self.check(entry.contact, now, HOLDER_TRIES, is_holder=True):
            holders[ident] = now

    def _check_unless_fresh(self, entry: Entry | None, now: float) -> None:
        if entry is not None and entry.heard + self._fresh_s <= now:
            self.check(entry.contact, now)
