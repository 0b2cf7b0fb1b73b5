"""Responder: multicast DNS for a program: offer a service, and watch for those of others. A driver::

    async with Responder.open("192.168.1.7", random.SystemRandom()) as responder:
        await responder.publish(Offer(CHAT, 4000, "192.168.1.7").records, "ana")
        async for seen in responder.watch(CHAT):
            print(seen.instance.label, "is here" if seen.is_here else "has gone")

Rules
    1. `publish` returns when the names are ours and the link has been told. Whether anybody heard it, nobody
       can say: on a link, silence is an answer.
    2. When the block is left, goodbyes are sent for all that is published.
    3. A group and a port of one's own make a link of one's own: tests use that.
"""

from __future__ import annotations

import contextlib
import math
import random
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from p2plib.discovery.mdns.claims import RecordsOf
from p2plib.discovery.mdns.driver import open_in_group
from p2plib.discovery.mdns.events import MdnsEvent, NameChanged, NameClaimed
from p2plib.discovery.mdns.machine import GROUP, PORT, MulticastDns
from p2plib.discovery.mdns.manners import GOOD_MANNERS, Manners
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import Question
from p2plib.discovery.mdns.records import RecordType
from p2plib.discovery.mdns.service import Instance, instances, unanswered
from p2plib.errors import PeerTimeout, Unreachable
from p2plib.machine.addresses import Address
from p2plib.machine.peer import Peer

CLAIM_WITHIN_S = 60.0  # fifteen conflicts take less than fifteen seconds
MAX_RESOLVED = 200  # questions about single instances that one watch asks at a time
MAX_CHANGES = 100  # that are remembered; somebody who says no to everything makes more


@dataclass(frozen=True, slots=True)
class Seen:
    """An instance that has come or gone.

    Args:
        instance: it.
        is_here: whether it has come.
    """

    instance: Instance
    is_here: bool


class Responder:
    """A host's part in multicast DNS, on a socket; `open` makes it.

    Attributes:
        peer: the machine on its socket; its counts are in `peer.stats()`.
        changes: the labels that were taken because another had to be given up, the last `MAX_CHANGES`.
    """

    def __init__(self) -> None:
        self.peer: Peer[MulticastDns]
        self.changes: deque[NameChanged] = deque(maxlen=MAX_CHANGES)
        self._claimed: dict[int, str] = {}
        self._heard = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        host: str,
        rng: random.Random,
        *,
        group: Address = (GROUP, PORT),
        link: str | None = None,
        manners: Manners = GOOD_MANNERS,
    ) -> AsyncIterator[Responder]:
        """Joins the group, for as long as the block runs.

        Args:
            host: our address on the link, IPv4.
            rng: for the waits, and for nothing that has to be secret.
            group, link, manners: see `p2plib.discovery.mdns.machine.MulticastDns`.

        Raises:
            CannotListen: this machine does not let us.
            UsageError: the host or the group is no IPv4 address.
        """
        made = cls()

        def make() -> MulticastDns:
            return MulticastDns(host, rng, link=link, group=group, manners=manners)

        async with open_in_group(make, host, group, made._happened) as made.peer:
            try:
                yield made
            finally:
                made._release_all()

    @property
    def machine(self) -> MulticastDns:
        """The rules, with the cache and the counts."""
        return self.peer.machine

    async def publish(self, records_of: RecordsOf, label: str) -> int:
        """Claims names and answers for them, until `withdraw` or the end of the block.

        Args:
            records_of: the records that a label makes, for example `Offer(...).records`.
            label: the label to try first; see `label_of` for the one that it became.

        Returns:
            A number for `withdraw`.

        Raises:
            Unreachable: nothing could be sent.
            PeerTimeout: every name that was tried belongs to somebody else.
            UsageError: the label makes names that cannot be.
            Closed: the block is over.
        """
        sent = self.peer.sent
        number = self.peer.call(self.machine.claim, label, records_of)
        try:
            await self.peer.until(lambda: number in self._claimed, CLAIM_WITHIN_S)
            if self.peer.sent == sent:
                raise Unreachable(f"nothing could be sent to the link: {dict(self.peer.failures)}")
        except BaseException:
            self.withdraw(number)
            raise
        return number

    def withdraw(self, number: int) -> None:
        """Says goodbye; a second time does nothing."""
        self._claimed.pop(number, None)
        self.machine.release(number, self.peer.now())
        self.peer.flush()

    def label_of(self, number: int) -> str:
        """The label that a claim has now."""
        return self.machine.claimed(number).label

    async def watch(self, kind: DomainName, within_s: float = math.inf) -> AsyncGenerator[Seen, None]:
        """The instances of a service, each as it comes or goes.

        Args:
            kind: the service, or a subtype of it.
            within_s: when to stop, in seconds; never by itself if not given.

        Raises:
            Unreachable: nothing could be sent.
            Closed: the block is over.
        """
        end, sent, failed = self.peer.now() + within_s, self.peer.sent, self.peer.failures.total()
        asked: dict[Question, int] = {}
        here: dict[Instance, None] = {}
        number = self.peer.call(self.machine.ask, Question(kind, RecordType.PTR))
        try:
            while True:
                now, heard = self.peer.now(), self._heard
                for seen in self._differences(kind, here, now):
                    yield seen
                self._resolve(dict.fromkeys(unanswered(self.machine.cache, kind, now)), asked)
                if not await self._more_than(heard, end):
                    break
            if self.peer.sent == sent and self.peer.failures.total() > failed:
                raise Unreachable(f"nothing could be sent to the link: {dict(self.peer.failures)}")
        finally:
            for each in (number, *asked.values()):
                self.machine.stop(each, self.peer.now())

    def _resolve(self, wanted: dict[Question, None], asked: dict[Question, int]) -> None:
        """Asks what has to be asked to know addresses, and no more what is known or has gone."""
        for question in [each for each in asked if each not in wanted]:
            self.machine.stop(asked.pop(question), self.peer.now())
        for question in wanted:
            if question not in asked and len(asked) < MAX_RESOLVED:
                asked[question] = self.peer.call(self.machine.ask, question)

    def _differences(self, kind: DomainName, here: dict[Instance, None], now: float) -> list[Seen]:
        """What has come and gone since the last look."""
        known = dict.fromkeys(instances(self.machine.cache, kind, now))
        gone = [Seen(instance, False) for instance in here if instance not in known]
        come = [Seen(instance, True) for instance in known if instance not in here]
        here.clear()
        here.update(known)
        return gone + come

    async def _more_than(self, heard: int, end: float) -> bool:
        """Waits until something new is heard; False if the time is over first."""
        within_s = min(end - self.peer.now(), 1e9)
        try:
            await self.peer.until(lambda: self._heard > heard, max(0.0, within_s))
        except PeerTimeout:
            return False
        return True

    def _happened(self, event: MdnsEvent) -> bool:
        match event:
            case NameClaimed(number, label):
                self._claimed[number] = label
            case NameChanged():
                self.changes.append(event)
            case _:
                self._heard += 1
        return True

    def _release_all(self) -> None:
        """Rule 2."""
        for number in list(self._claimed):
            self.withdraw(number)
