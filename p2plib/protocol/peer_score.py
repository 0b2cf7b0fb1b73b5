"""Peer score: how hosts have behaved lately, and which are refused for a while. A machine without messages.

To open a handshake costs a stranger a few bytes; to refuse it costs us a key agreement and a signature check,
some tenths of a millisecond. A host that sends a thousand bad ones a second takes a processor from us. So
what it did wrong is counted, and past a limit its connections are refused before they cost anything.

Rules
    1. Each penalty is added to the host's score. A score halves every `half_life_s`: an honest peer with an
       old version fails now and then and is forgiven.
    2. Past `limit` the host is banned for `ban_s`, and its score begins at zero; each further ban within
       `memory_s` of the end of the last is twice as long, up to `longest_s`.
    3. An IPv4 address counts alone, an IPv6 address with all of its /64: one customer has that many.
    4. At most `max_hosts` are remembered; the one penalised longest ago is forgotten first. (An attacker with
       that many addresses is not stopped by counting addresses.)

Addresses are shared: behind a carrier's NAT a ban hits the neighbours, too. That is why it is short at first.

Vocabulary::

    penalty   what a host is charged for something that only a broken or hostile peer does; usually 1
    score     the sum of penalties, each worth less with time; gossipsub writes the same with a minus sign

A host, not a key, is what is scored here: a key costs a stranger nothing, and before the handshake there is
none.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from p2plib.errors import UsageError

LIMIT = 20.0  # bad handshakes, about; a person who tries a wrong address again and again makes fewer
HALF_LIFE_S = 30.0
BAN_S = 60.0
LONGEST_S = 3600.0
MEMORY_S = 3600.0
MAX_HOSTS = 4096
IPV6_PREFIX = 64


@dataclass(slots=True)
class Record:
    """What is known of one host."""

    score: float = 0.0
    scored: float = 0.0  # when the score was last right
    banned_until: float = float("-inf")
    ban_s: float = 0.0  # how long the last ban was


def subject(host: str) -> str:
    """What an address counts as (rule 3); what is no IP address counts as itself.

    >>> subject("2001:db8::1"), subject("::ffff:192.0.2.1"), subject("192.0.2.1")
    ('2001:db8::/64', '192.0.2.1', '192.0.2.1')
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))


class PeerScore:
    """The scores of all hosts.

    Args:
        limit: the score that a host may have.
        half_life_s: in which a score halves.
        ban_s, longest_s: the first ban, and the longest.
        memory_s: how long after a ban the next one doubles.
        max_hosts: how many are remembered.

    Raises:
        UsageError: one of them is not above zero.
    """

    def __init__(
        self,
        *,
        limit: float = LIMIT,
        half_life_s: float = HALF_LIFE_S,
        ban_s: float = BAN_S,
        longest_s: float = LONGEST_S,
        memory_s: float = MEMORY_S,
        max_hosts: int = MAX_HOSTS,
    ) -> None:
        if min(limit, half_life_s, ban_s, longest_s, memory_s, max_hosts) <= 0:
            raise UsageError("limits, times and the number of hosts must be above zero")
        self.limit, self.half_life_s, self.ban_s = limit, half_life_s, ban_s
        self.longest_s, self.memory_s, self.max_hosts = longest_s, memory_s, max_hosts
        self._records: dict[str, Record] = {}  # the one penalised last is last

    def __len__(self) -> int:
        return len(self._records)

    def score(self, host: str, now: float) -> float:
        """The score of a host."""
        record = self._records.get(subject(host))
        return 0.0 if record is None else self._decayed(record, now)

    def is_banned(self, host: str, now: float) -> bool:
        """Whether connections of a host are refused."""
        record = self._records.get(subject(host))
        return record is not None and now < record.banned_until

    def penalise(self, host: str, now: float, penalty: float = 1.0) -> bool:
        """Adds a penalty to a host's score; returns whether the host is banned now."""
        name = subject(host)
        record = self._records.pop(name, None) or Record()
        self._records[name] = record
        if len(self._records) > self.max_hosts:
            del self._records[next(iter(self._records))]
        if now < record.banned_until:
            return True  # it was under way already when the ban began
        record.score, record.scored = self._decayed(record, now) + penalty, now
        if record.score <= self.limit:
            return False
        again = now - record.banned_until < self.memory_s
        record.ban_s = min(self.longest_s, 2 * record.ban_s) if again else self.ban_s
        record.banned_until, record.score = now + record.ban_s, 0.0
        return True

    def _decayed(self, record: Record, now: float) -> float:
        return float(record.score * 0.5 ** ((now - record.scored) / self.half_life_s))
