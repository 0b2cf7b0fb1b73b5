"""Inbox: which of the messages that a hub passes on are to be believed. A machine without timers.

Rules, cheapest first, so that a flood of rubbish costs little
    1. Our own messages, which a hub sends back to us, are no news.
    2. The message is for all, or for us; and for a channel that we listen to.
    3. Its time is at most `BEHIND_S` before ours, and at most `AHEAD_S` after: clocks differ, and mail from
       yesterday is not news.
    4. Its number is higher than any that we accepted from its sender. So a copy is refused, and so is what a
       hub held back to let something later pass.
    5. Its signature holds. Only now is its number noted: a forger that names somebody else, with a number as
       high as can be, must not silence them.
    6. At most `MAX_SENDERS` numbers are kept, those of the latest messages. When the number of the message
       with the earliest time goes, no message as early as that is accepted any more: what is forgotten cannot
       be sent again. So memory is bounded, and a flood of invented senders shortens the time for which an
       honest message may be under way, which is better than letting copies in. (A flood from the future
       would end it. Hence the short `AHEAD_S`, and the hub's limits for each host.)
       An inbox that is new has forgotten everything: for its first minute, copies of the last minute are news
       to it. That holds after each restart, and for each lookup of a `SignalSource`.
    7. Everything that is refused is counted, by reason.

What the rules need is a clock that is right to some seconds. A peer whose clock is wrong hears nobody, so
`ignored["not of this time"]` is the first thing to look at.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable

from p2plib.discovery.signal.messages import SignalMessage, decode_unverified, verify
from p2plib.errors import DecodeError, SignatureError, WeakKey
from p2plib.identity.keys import PublicKey

BEHIND_S, AHEAD_S = 60.0, 10.0
MAX_SENDERS = 4096


class Inbox:
    """What one peer accepts from hubs.

    Args:
        own: who we are.
        channels: the whole names of those that we listen to.
        behind_s: rule 3.
        max_senders: rule 6.

    Attributes:
        ignored: what was refused, by reason.
    """

    def __init__(
        self,
        own: PublicKey,
        channels: Iterable[str],
        *,
        behind_s: float = BEHIND_S,
        max_senders: int = MAX_SENDERS,
    ) -> None:
        self.ignored: Counter[str] = Counter()
        self._own, self._channels = own, frozenset(channels)
        self._behind_s, self._max_senders = behind_s, max_senders
        self._last: dict[PublicKey, tuple[int, int]] = {}  # the number and the time of the latest
        self._by_time: list[
            tuple[int, bytes]
        ] = []  # a heap; entries that a later message replaced stay in it
        self._floor_s = -1  # rule 6

    def __len__(self) -> int:
        return len(self._last)

    def receive(self, text: str, now_s: float) -> SignalMessage | None:
        """The message in a text, if it is to be believed; None if not, which is counted.

        Args:
            text: what came.
            now_s: Unix time.
        """
        try:
            message = decode_unverified(text)
            reason = self._why_not(message, now_s)
            if not reason:
                verify(message)
        except (DecodeError, WeakKey):
            reason = "not a signed message"
        except SignatureError:
            reason = "forged"
        if reason:
            self.ignored[reason] += 1
            return None
        self._note(message, now_s)
        return message

    def _why_not(self, message: SignalMessage, now_s: float) -> str:
        if message.sender == self._own:
            return "our own"
        if message.to not in (None, self._own):
            return "for somebody else"
        if message.channel not in self._channels:
            return "of another channel"
        if not now_s - self._behind_s <= message.time_s <= now_s + AHEAD_S:
            return "not of this time"
        if message.time_s <= self._floor_s:
            return "too early for our memory"
        if message.seq <= self._last.get(message.sender, (-1, 0))[0]:
            return "seen before"
        return ""

    def _note(self, message: SignalMessage, now_s: float) -> None:
        # The later of the times: a sender's clock may have been set back, and the number goes with the entry.
        time_s = max(message.time_s, self._last.get(message.sender, (0, 0))[1])
        self._last[message.sender] = message.seq, time_s
        heapq.heappush(self._by_time, (time_s, message.sender.raw))
        while self._by_time and (
            len(self._last) > self._max_senders or self._by_time[0][0] < now_s - self._behind_s
        ):
            self._forget(*heapq.heappop(self._by_time))
        if len(self._by_time) > 4 * self._max_senders:
            self._by_time = sorted((time_s, key.raw) for key, (_, time_s) in self._last.items())

    def _forget(self, time_s: int, raw: bytes) -> None:
        key = PublicKey(raw)
        if self._last.get(key, (0, -1))[1] == time_s:
            del self._last[key]
            self._floor_s = max(self._floor_s, time_s)
