"""Peerstore: which peers were found, which of them answered, and what they have signed. A machine.

Whoever comes back should try first the peers that it spoke with before: they need no source, no source can
hide them, and no source hears of it. But most of what a peer hears about others is never checked, and may be
invented to fill its memory (CVE-2023-40583: peers of go-libp2p kept every signed record that arrived, and ran
out of memory). So what was only heard has little room, and less of it for each of those that told.

Rules
    1. An address is a stranger's until we have spoken with a peer there (`met`). Strangers of a topic:
       `max_strangers`, and `max_told` of one teller; when there is no room, the one heard longest ago goes.
       Those that we met have room of their own: what strangers say never pushes them out.
    2. What was heard is forgotten after `STRANGER_S`, a peer that was met after `MET_S`; one that has
       failed `MAX_FAILURES` times running is a stranger again, and a stranger that failed is forgotten.
    3. `addresses` gives those that we met first, the last one met first of all; then strangers, each teller
       in turn, so that one that told much does not come before one that told little.
    4. Signed records are verified before they are kept, and kept as `p2plib.identity.record` keeps them: few
       of strangers, in room of their own.
    5. There are at most `max_topics` topics; the one used longest ago goes.
    6. What came first is known by its place and not by its time: clocks are put back. Else all that was
       heard before would count as newer than what is heard now, and push it out.

`p2plib.discovery.peerstore_file` keeps it on disk.

Vocabulary::

    teller    who said that a peer is somewhere, as text: a source and the host that told it, "dht 192.0.2.1"
    now_s     Unix time in seconds: an age must outlive the program
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

from p2plib.discovery.source import Found, checked_topic
from p2plib.errors import NotFound, UsageError
from p2plib.identity import record as signed
from p2plib.identity.keys import PublicKey
from p2plib.machine.addresses import Address, given_address

STRANGER_S = 86_400.0  # a day: addresses at home change about so often
MET_S = 30 * 86_400.0
MAX_FAILURES = 3
MAX_TELLER = 256  # characters: what stands in a `Found` may come from a stranger
MAX_MET_KEYS = 1024  # as in `p2plib.identity.record.Records`


@dataclass(slots=True)
class Entry:
    """What is known of an address.

    Args:
        teller: who said so first.
        heard_s: when somebody last said so.
        met_s: when we last spoke with a peer there; 0 if never.
        failures: how often running it could not be reached.
    """

    teller: str
    heard_s: float
    met_s: float = 0.0
    failures: int = 0

    def lasts_until(self) -> float:
        """When it is forgotten, if nothing is heard of it."""
        return self.met_s + MET_S if self.met_s else self.heard_s + STRANGER_S


Entries = dict[Address, Entry]  # the one heard of, or met, longest ago first


class Peerstore:
    """The peers of some topics.

    Args:
        max_topics: how many topics.
        max_strangers: addresses of one topic that were only heard of.
        max_told: of them, from one teller.
        max_met: addresses of one topic where we spoke with a peer.
        max_records: signed records of peers that we never spoke with.
    """

    def __init__(
        self,
        *,
        max_topics: int = 256,
        max_strangers: int = 128,
        max_told: int = 16,
        max_met: int = 128,
        max_records: int = 256,
    ) -> None:
        self.max_topics, self.max_strangers = max_topics, max_strangers
        self.max_told, self.max_met = max_told, max_met
        self.ignored: Counter[str] = Counter()
        self._topics: dict[bytes, Entries] = {}  # the one used longest ago first
        self._records = signed.Records(max_strangers=max_records)
        self._raw: dict[PublicKey, bytes] = {}  # may hold a few that `_records` has dropped
        self._met_keys: dict[PublicKey, None] = {}

    # What happens

    def heard(self, topic: bytes, found: Found, now_s: float) -> None:
        """Somebody says that a peer for the topic is somewhere.

        Args:
            topic: 20 bytes.
            found: where, and who says so.
            now_s: Unix time.
        """
        try:
            address = given_address(found.address)
        except UsageError:
            self.ignored["no peer can be there"] += 1
            return
        entries = self._entries(topic)
        self._forget_old(entries, now_s)
        entry = entries.get(address)
        if entry is None:
            teller = f"{found.source} {found.said_by}".encode("utf8", "replace").decode()
            entry = Entry(teller[:MAX_TELLER], now_s)
        entry.heard_s = now_s
        if not entry.met_s:
            self._put(entries, address, entry)

    def met(self, topic: bytes, address: Address, now_s: float) -> None:
        """We have spoken with a peer for the topic, and it was what it said.

        Raises:
            UsageError: no peer can be at that address.
        """
        address = given_address(address)
        entries = self._entries(topic)
        self._forget_old(entries, now_s)
        entry = entries.get(address, Entry("ourselves", now_s))
        entry.met_s, entry.heard_s, entry.failures = now_s, now_s, 0
        self._put(entries, address, entry)

    def failed(self, topic: bytes, address: Address, now_s: float) -> None:
        """There was nobody, or somebody else. Rule 2."""
        entries = self._entries(topic)
        self._forget_old(entries, now_s)
        entry = entries.get(address)
        if entry is None:
            return
        entry.failures += 1
        if not entry.met_s:
            del entries[address]
        elif entry.failures >= MAX_FAILURES:
            self._put(entries, address, Entry(entry.teller, now_s))

    def addresses(self, topic: bytes, now_s: float) -> list[tuple[Address, Entry]]:
        """Where to try, in this order. Rule 3."""
        entries = self._entries(topic)
        self._forget_old(entries, now_s)
        latest_first = reversed(entries.items())
        met = sorted((pair for pair in latest_first if pair[1].met_s), key=lambda pair: pair[1].failures)
        tellers: dict[str, deque[tuple[Address, Entry]]] = {}
        for address, entry in entries.items():
            if not entry.met_s:
                tellers.setdefault(entry.teller, deque()).append((address, entry))
        return [*met, *_in_turn(tellers)]

    def keep_record(self, raw: bytes, now_s: float) -> bool:
        """Whether a signed record was news and is kept. Rule 4.

        Args:
            raw: as `p2plib.identity.record.encode` writes it.
            now_s: Unix time.

        Raises:
            DecodeError: it is no record.
            WeakKey: the key in it is of small order.
            SignatureError: its peer did not sign it.
        """
        record = signed.decode(raw)
        is_kept = self._records.receive(record, now_s)
        if is_kept:
            self._raw[record.key] = raw
            if len(self._raw) > 2 * len(self._records) + 16:  # not at each record, for each costs a search
                self._raw = dict(self.kept_records(now_s))
        return is_kept

    def met_peer(self, key: PublicKey) -> None:
        """We have spoken with the peer that has this key: its record is no stranger's."""
        self._records.met(key)
        self._met_keys.pop(key, None)
        self._met_keys[key] = None
        if len(self._met_keys) > MAX_MET_KEYS:
            del self._met_keys[next(iter(self._met_keys))]

    def record_of(self, key: PublicKey, now_s: float) -> bytes:
        """The signed record of a peer, as it arrived.

        Raises:
            NotFound: none is kept, or it has expired.
        """
        if not self._records.find(key, now_s):
            raise NotFound(f"no record of {key!r} is kept")
        return self._raw[key]

    def kept_records(self, now_s: float) -> list[tuple[PublicKey, bytes]]:
        """All signed records that are kept, as they arrived."""
        return [(key, raw) for key, raw in self._raw.items() if self._records.find(key, now_s)]

    # What is written down

    @property
    def topics(self) -> dict[bytes, Entries]:
        """What is known for each topic, the topic used longest ago first."""
        return self._topics

    @property
    def met_keys(self) -> list[PublicKey]:
        """The keys of peers that we spoke with, the last one last."""
        return list(self._met_keys)

    def take_up(self, topic: bytes, address: Address, entry: Entry, now_s: float) -> None:
        """Takes an entry up again that was written down; the limits hold for it, too.

        Args:
            topic: 20 bytes.
            address: in its one form.
            entry: what was known of it; of several entries, the one heard longest ago is taken up first.
            now_s: Unix time.
        """
        entries = self._entries(topic)
        if entry.lasts_until() > now_s:
            self._put(entries, address, entry)

    def __len__(self) -> int:
        return sum(map(len, self._topics.values()))

    @property
    def records(self) -> int:
        """How many signed records are kept."""
        return len(self._records)

    def _entries(self, topic: bytes) -> Entries:
        """Those of a topic, which is the last one used from now on."""
        topic = checked_topic(topic)
        entries = self._topics.pop(topic, {})
        self._topics[topic] = entries
        while len(self._topics) > self.max_topics:
            del self._topics[next(iter(self._topics))]
            self.ignored["no more room for topics"] += 1
        return entries

    def _put(self, entries: Entries, address: Address, entry: Entry) -> None:
        """Puts an entry behind all others; what there is no room for goes. Rule 1."""
        entries.pop(address, None)
        if entry.met_s:
            met = [address for address, entry in entries.items() if entry.met_s]
            if len(met) >= self.max_met:
                del entries[met[0]]
        else:
            strangers = [address for address, entry in entries.items() if not entry.met_s]
            told = [address for address in strangers if entries[address].teller == entry.teller]
            if len(told) >= self.max_told:
                self._drop(entries, told[0], "no more room for what this teller says")
            elif len(strangers) >= self.max_strangers:
                self._drop(entries, strangers[0], "no more room for strangers")
        entries[address] = entry

    def _drop(self, entries: Entries, address: Address, reason: str) -> None:
        del entries[address]
        self.ignored[reason] += 1

    def _forget_old(self, entries: Entries, now_s: float) -> None:
        for address in [address for address, entry in entries.items() if entry.lasts_until() <= now_s]:
            del entries[address]


def _in_turn(tellers: dict[str, deque[tuple[Address, Entry]]]) -> Iterator[tuple[Address, Entry]]:
    """One of each teller, then the next of each, the newest first."""
    while tellers:
        for teller in list(tellers):
            yield tellers[teller].pop()
            if not tellers[teller]:
                del tellers[teller]
