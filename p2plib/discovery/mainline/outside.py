"""Outside: a node's own address, as others see it (the `ip` field of BEP 42). A machine part.

A node behind a NAT does not know the address that its id must fit. Each response tells it, in its `ip` field;
but a single node may lie, to make us take an id where the liar wants us. So others are asked as in a vote.

Rules
    1. A network has one vote, a /24 or, in IPv6, a /48: a liar with many addresses is still one voter.
    2. The last vote of a network counts. Only the last `MAX_VOTERS` networks are remembered.
    3. An address is agreed on with `QUORUM` votes or more, if they are more than half of all.
    4. A host is not heard if it is one where no peer can be, one of another family than the voter's, or
       nearer than the voter: nobody far away sees our address in the local network.

Vocabulary::

    voter     the host that a response came from
    claimed   the host that its `ip` field names: ours, if it speaks the truth
"""

from __future__ import annotations

import functools
from collections import Counter

from p2plib.machine.addresses import Scope, network_of, packed_host, scope_of

QUORUM = 4  # a liar would need addresses in four networks, and be faster than the honest nodes
MAX_VOTERS = 32  # few enough that a new address wins within 17 responses from as many networks


@functools.lru_cache(maxsize=4096)
def _ballot(claimed: str, voter: str) -> bytes | None:
    """The network that votes; None if it is not heard. Rule 4."""
    if len(packed_host(claimed)) != len(packed_host(voter)):
        return None
    return network_of(voter) if scope_of(claimed) >= scope_of(voter) > Scope.NOWHERE else None


class Outside:
    """What others say our address is.

    Attributes:
        agreed: the host that enough networks agree on; None as long as they do not. Rule 3.
        not_heard: how many claims rule 4 has dropped.
    """

    def __init__(self) -> None:
        self._votes: dict[bytes, str] = {}  # by network, the one longest unheard first
        self.agreed: str | None = None
        self.not_heard = 0

    def heard(self, claimed: str, voter: str) -> None:
        """Takes the vote of one response.

        Args:
            claimed: the host that it says is ours, in its one form.
            voter: the host that it came from.

        Raises:
            UsageError: one of them is not an IP address; what was decoded or received always is.
        """
        network = _ballot(claimed, voter)
        if network is None:
            self.not_heard += 1
            return
        before = self._votes.pop(network, None)
        self._votes[network] = claimed
        if len(self._votes) > MAX_VOTERS:
            del self._votes[next(iter(self._votes))]
        if claimed != before:
            self._count()

    def _count(self) -> None:
        claimed, votes = Counter(self._votes.values()).most_common(1)[0]
        self.agreed = claimed if votes >= QUORUM and 2 * votes > len(self._votes) else None
