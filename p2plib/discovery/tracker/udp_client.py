"""UdpAsker: the rules of asking a tracker over UDP. A machine.

Specification: BEP 15.

Rules
    1. Before anything else it asks for a connection id, and it uses one for `ID_LIFE_S` and not longer.
    2. A request whose response is late is sent again, `TRIES` times in all, with times that fit the round
       trip (`p2plib.machine.requests`). BEP 15 waits 15 seconds first and an hour in the end. A person who
       opens a torrent, and a client that has another tracker to ask, will not.
    3. A response counts only if it comes from the tracker's address and names a transaction that is awaited.
       The transaction is 32 random bits, so that somebody who does not see our packets has to guess them.
    4. An announce that nobody answers is tried once more with a new connection id: the tracker may have been
       started again, and then it drops the old one without a word.
    5. An error of the tracker's ends the request that it names.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from p2plib.discovery.tracker.announce import (
    Announce,
    Announced,
    Scrape,
    TrackerFailure,
    checked_announce,
    checked_hashes,
)
from p2plib.discovery.tracker.udp_messages import (
    Body,
    Connected,
    Scraped,
    decode_response,
    encode_announce,
    encode_connect,
    encode_scrape,
)
from p2plib.errors import DecodeError
from p2plib.machine.addresses import Address, is_ipv6
from p2plib.machine.machine import Base
from p2plib.machine.requests import Requests
from p2plib.machine.timers import TimerName

Answer: TypeAlias = Announced | Scraped | TrackerFailure

ID_LIFE_S = 60.0  # BEP 15: a client uses a connection id for one minute after it has got it
TRIES = 3


class UdpAskerTimer(TimerName):
    """The timers of the machine."""

    LATE = "a response has not come"


@dataclass(frozen=True, slots=True)
class UdpAnswered:
    """A request was answered.

    Args:
        number: which, as `announce` or `scrape` returned it.
        answer: what the tracker said.
    """

    number: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class UdpUnanswered:
    """Nobody answered a request.

    Args:
        number: which, as `announce` or `scrape` returned it.
    """

    number: int


AskerEvent: TypeAlias = UdpAnswered | UdpUnanswered


@dataclass(slots=True)
class Question:
    """A question of the owner's that is not yet answered.

    Args:
        number: which.
        body: what it asks.
        is_second: whether it is asked with a second connection id. Rule 4.
        is_settled: whether the owner has been told what came of it.
    """

    number: int
    body: Announce | Scrape
    is_second: bool = False
    is_settled: bool = False


class UdpAsker(Base[AskerEvent, UdpAskerTimer]):
    """Asks one tracker.

    Args:
        tracker: its address.
        rng: draws transactions; see `p2plib.machine.machine`.
    """

    def __init__(self, tracker: Address, rng: random.Random) -> None:
        super().__init__()
        self.tracker, self._rng = tracker, rng
        self._requests: Requests[UdpAskerTimer] = Requests(rng, self.timers, UdpAskerTimer.LATE)
        self._connection_id, self._id_until = b"", float("-inf")
        self._numbers = itertools.count(1)
        self._waiting: list[Question] = []  # for a connection id
        self._is_connecting = False

    def announce(self, announce: Announce, now: float) -> int:
        """Begins an announce; an event with the number that is returned tells what came of it.

        Raises:
            UsageError: it cannot be sent; see `checked_announce`.
        """
        return self._ask(checked_announce(announce), now)

    def scrape(self, info_hashes: tuple[bytes, ...], now: float) -> int:
        """Begins a scrape; an event with the number that is returned tells what came of it.

        Raises:
            UsageError: it cannot be sent; see `checked_hashes`.
        """
        return self._ask(Scrape(checked_hashes(info_hashes)), now)

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived from an address."""
        try:
            transaction, body = decode_response(data, ipv6=is_ipv6(self.tracker))
        except DecodeError:
            self._ignore("malformed")
            return
        request = self._requests.answered(transaction, address, now)
        if request is None:  # rule 3
            self._ignore("not awaited")
            return
        question = request.purpose
        if question is None:
            self._connected(body, now)
            return
        wanted = Scraped if isinstance(question.body, Scrape) else Announced
        self._settle(question, body if isinstance(body, wanted | TrackerFailure) else None)

    def on_timer(self, now: float) -> None:
        """Sends again what was not answered, or gives it up."""
        for timer, transaction in self.timers.due(now):
            match timer:
                case UdpAskerTimer.LATE:
                    self._late(transaction, now)
                case _:
                    assert_never(timer)

    # ------------------------------------------------------------------------------------------------------

    def _ask(self, body: Announce | Scrape, now: float) -> int:
        question = Question(next(self._numbers), body)
        self._go_on(question, now)
        return question.number

    def _go_on(self, question: Question, now: float) -> None:
        """Asks, if there is a connection id; otherwise asks for one first. Rule 1."""
        if now < self._id_until:
            self._start(self._bytes_of(question.body), question, now)
            return
        self._waiting.append(question)
        if not self._is_connecting:
            self._is_connecting = True
            self._start(encode_connect, None, now)

    def _bytes_of(self, body: Announce | Scrape) -> Callable[[int], bytes]:
        connection_id = self._connection_id
        if isinstance(body, Scrape):
            return lambda transaction: encode_scrape(connection_id, transaction, body.info_hashes)
        return lambda transaction: encode_announce(connection_id, transaction, body)

    def _start(self, encode: Callable[[int], bytes], question: Question | None, now: float) -> None:
        transaction = self._rng.getrandbits(32)
        data = encode(transaction)
        self._requests.start(transaction, data, self.tracker, question, now, tries=TRIES)
        self._send(data, self.tracker)

    def _connected(self, body: Body | None, now: float) -> None:
        """What came of a connect. Without a connection id nothing that waits for one gets further."""
        self._is_connecting = False
        waiting, self._waiting = self._waiting, []
        if isinstance(body, Connected):
            self._connection_id, self._id_until = body.connection_id, now + ID_LIFE_S
        for question in waiting:
            if isinstance(body, Connected):
                self._go_on(question, now)
            else:
                self._settle(question, body if isinstance(body, TrackerFailure) else None)

    def _late(self, transaction: int, now: float) -> None:
        request, is_sent_again = self._requests.expired(transaction, now)
        question = request.purpose
        if is_sent_again:
            self._send(request.data, request.address)
        elif question is None:
            self._connected(None, now)
        elif question.is_second:
            self._settle(question, None)
        else:  # rule 4
            question.is_second = True
            self._id_until = float("-inf")
            self._go_on(question, now)

    def _settle(self, question: Question, answer: Answer | None) -> None:
        """Tells what came of a question, once: a late response may come beside the second one."""
        if not question.is_settled:
            question.is_settled = True
            number = question.number
            self._tell(UdpUnanswered(number) if answer is None else UdpAnswered(number, answer))
