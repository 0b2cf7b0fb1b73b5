"""How often blocks may come twice: a budget for asking more than one peer. A machine, and a part of the one
in `p2plib.data.blocks.bitswap.wants`.

Rules
    1. Each line that a peer has of us may bring the block that it names: a request for the block, and a
       question whether the peer has it, which is answered with a small block itself. One request for each
       block is free. Every other line is *spare*: it may bring the block a second time.
    2. A spare line is sent only while fewer than `allowed` are held or spent::

           allowed = first_spares + blocks that came / blocks_per_spare

       Questions may use half of that, so that some is always left for requests.
    3. A line is over, and no longer held, when the peer answers it with something else than the block, or is
       gone. When the block comes, the spare lines that are not over are spent, for nobody knows whether our
       cancel or the second copy is faster. Questions about a block larger than `inline_bytes` are not.
    4. A peer that has sent nothing of a block for twice its time-out, though it has lines of ours, is
       silent: its lines are over, and what was spent on them is given back. One that has never answered
       anything is silent after its first time-out. Bytes that do not end in a block that we want count for
       `max_timeout_s`, and no longer. So nobody uses the budget up by keeping silent, or with chatter.
    5. When nothing is left of the budget, a request that has been late for `max_timeout_s` is over as well,
       whatever else its peer sends. So no block waits for a peer any longer than that.

So no more than `allowed` blocks come twice, the end of a transfer included, apart from those of a peer that
was silent, as late as rule 5 says, or gone, and sends them after all; of one that said that it lacks a block
and got it later, or that answers a question with a larger block than we do; and those of wants that were
dropped.

Vocabulary::

    line   what a peer was told that we want: (peer, kind of want), for one block
    held   lines that may still bring a second copy of a block that has not come yet
    spent  those that were held when it came
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from p2plib.data.blocks.bitswap.events import DEFAULT_LIMITS, BitswapLimits
from p2plib.data.blocks.bitswap.messages import Presence, WantKind
from p2plib.wire.multihash import Multihash

Line = tuple[str, WantKind]


@dataclass(slots=True)
class Debtor:
    """What one peer holds of the budget.

    Attributes:
        since: when it got the oldest of the lines that are not over, in seconds.
        lines: how many these are.
        spent: how much was spent on others that have not come.
    """

    since: float
    lines: int = 0
    spent: int = 0


class Copies:
    """The budget of second copies.

    Args:
        limits: `first_spares`, `blocks_per_spare` and `inline_bytes` of them.

    Attributes:
        came: how many blocks came that we wanted.
        held: how many spare lines there are now.
        spent: how many there were when their blocks came; those that were given back are not counted.
    """

    def __init__(self, limits: BitswapLimits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self.came = self.held = self.spent = 0
        self._lines: dict[Multihash, set[Line]] = {}
        self._debtors: dict[str, Debtor] = {}

    @property
    def allowed(self) -> int:
        """How many spare lines may be held and spent together: rule 2."""
        return self.limits.first_spares + self.came // self.limits.blocks_per_spare

    @property
    def is_used_up(self) -> bool:
        """Whether only free requests are possible now."""
        return self.held + self.spent >= self.allowed

    def may_ask(self, key: Multihash, kind: WantKind) -> bool:
        """Whether one more peer may be asked for a block, or about it.

        Args:
            key: of the block.
            kind: which of both.
        """
        if kind is WantKind.HAVE:
            return 2 * (self.held + self.spent) < self.allowed
        return not self.is_used_up or not _requests(self._lines.get(key, ()))

    def ask(self, key: Multihash, name: str, kind: WantKind, now: float) -> None:
        """A peer is told a line.

        Args:
            key: of the block.
            name: of the peer.
            kind: what is wanted of it.
            now: the time in seconds.
        """
        lines = self._lines.setdefault(key, set())
        if (name, kind) in lines:
            return
        self.held -= _spare(lines)
        lines.add((name, kind))
        self.held += _spare(lines)
        debtor = self._debtors.setdefault(name, Debtor(now))
        if not debtor.lines:
            debtor.since = now
        debtor.lines += 1

    def answered(self, key: Multihash, name: str, presence: Presence) -> None:
        """A peer says whether it has a block. A question is over; if it lacks it, a request is, too."""
        kinds = (WantKind.HAVE,) if presence is Presence.HAVE else tuple(WantKind)
        self._end(key, {(name, kind) for kind in kinds})

    def is_asked(self, key: Multihash, name: str) -> bool:
        """Whether a peer has a request for a block that is not over."""
        return (name, WantKind.BLOCK) in self._lines.get(key, ())

    def end_request(self, key: Multihash, name: str) -> None:
        """A peer has left our request unanswered for so long that it is over."""
        self._end(key, {(name, WantKind.BLOCK)})

    def deliver(self, key: Multihash, name: str, size: int) -> None:
        """A block came that we wanted.

        Args:
            key: of the block.
            name: of the peer that sent it.
            size: in bytes.
        """
        self.came += 1
        lines = self._lines.get(key, set())
        answer = next((line for line in ((name, kind) for kind in WantKind) if line in lines), None)
        over = {line for line in lines if line[1] is WantKind.HAVE and size > self.limits.inline_bytes}
        self._end(key, over if answer is None else over | {answer})
        for other, _ in self._lines.get(key, ()):
            self._debtors[other].spent += 1
            self.spent += 1
        self.drop(key)

    def doubled(self, name: str) -> None:
        """A block came for a second time, so what was spent on it is not given back."""
        debtor = self._debtors.get(name)
        if debtor is not None and debtor.spent:
            debtor.spent -= 1

    def drop(self, key: Multihash) -> None:
        """A block is not wanted any more: none of its lines is held."""
        self._end(key, set(self._lines.get(key, ())))

    def silent_at(self, name: str, heard_at: float, useful_at: float, silence_s: float) -> float:
        """When a peer is silent by rule 4; infinity if it holds nothing.

        Args:
            name: of the peer.
            heard_at: when it last sent something of a block, in seconds.
            useful_at: when it last sent a block that we wanted, in seconds.
            silence_s: how long it may send nothing.
        """
        debtor = self._debtors.get(name)
        if debtor is None:
            return float("inf")
        began = max(debtor.since, useful_at)
        return max(began, min(heard_at, began + self.limits.max_timeout_s)) + silence_s

    def forget(self, name: str) -> None:
        """A peer is silent, or gone."""
        debtor = self._debtors.get(name)
        if debtor is None:
            return
        for key in [key for key, lines in self._lines.items() if any(one == name for one, _ in lines)]:
            self._end(key, {(name, kind) for kind in WantKind})
        self.spent -= debtor.spent
        del self._debtors[name]

    def _end(self, key: Multihash, over: set[Line]) -> None:
        lines = self._lines.get(key, set())
        self.held -= _spare(lines)
        for name, _ in over & lines:
            self._debtors[name].lines -= 1
        lines -= over
        self.held += _spare(lines)
        if not lines:
            self._lines.pop(key, None)


def _requests(lines: Iterable[Line]) -> int:
    return sum(kind is WantKind.BLOCK for _, kind in lines)


def _spare(lines: set[Line]) -> int:
    """All but one request: rule 1."""
    return len(lines) - min(1, _requests(lines))
