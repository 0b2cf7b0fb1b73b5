"""Lab 8, task 6: what to accept from a peer that may lie. The reference and its probes.

The author of a log may be the liar, too: two different entries with one sequence, both signed, are a
**fork**, and the pair of them is a proof that convinces anybody who has the author's key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from p2plib.errors import RemoteError
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.lab01_identity.counting import counted
from p2plib.labs.lab08_content.entries import (
    ANA,
    BEN,
    ENTRY,
    HEAD_BYTES,
    SIGNATURE_BYTES,
    append,
    honest_log,
    link,
    sealed,
)

Fork = tuple[bytes, bytes]


def accept(author: PublicKey, log: list[bytes], entries: Sequence[bytes]) -> tuple[list[bytes], Fork | None]:
    """The log, longer by what is good among some entries; or the log as it was, and a fork."""
    signed = dict(enumerate(log, 1))
    for entry in dict.fromkeys(entries):
        body = entry[:-SIGNATURE_BYTES]
        if len(body) < HEAD_BYTES or body[:32] != author.raw or entry in signed.values():
            continue
        try:
            author.verify(ENTRY, body, entry[-SIGNATURE_BYTES:])
        except RemoteError:
            continue
        sequence = int.from_bytes(body[64:HEAD_BYTES], "big")
        if signed.setdefault(sequence, entry) != entry:
            return list(log), (signed[sequence], entry)
    longer = list(log)
    while len(longer) + 1 in signed and signed[len(longer) + 1][32:64] == link(longer):
        longer.append(signed[len(longer) + 1])
    return longer, None


@dataclass(frozen=True)
class Delivery:
    """A probe: a log, what a peer sends, and what must come of it.

    Args:
        author: whose log it is.
        log: what we have.
        entries: what arrives.
        good: the log afterwards.
        what: what the peer did, as in "a peer that ...".
        hint: for a function that does not see through it.
        forked: whether the author is caught.
        budget: how many signatures may be verified.
    """

    author: PublicKey
    log: tuple[bytes, ...]
    entries: tuple[bytes, ...]
    good: tuple[bytes, ...]
    what: str
    hint: str
    forked: bool = False
    budget: int = 1000

    def __call__(self, yours: Callable[[PublicKey, list[bytes], list[bytes]], Any]) -> None:
        log = list(self.log)
        entries = list(self.entries)
        try:
            with counted() as spent:
                got = yours(self.author, log, entries)
        except NotImplementedError:
            raise
        except Exception as error:
            hint = "whatever a peer sends must not crash you: see its size first, and catch RemoteError"
            raise Wrong(f"a peer {self.what}: it raised {type(error).__name__}", hint) from None
        if log != list(self.log) or entries != list(self.entries):
            raise Wrong(
                f"a peer {self.what}: it changed its arguments", "work on a copy of the log: list(log)"
            )
        if not isinstance(got, tuple) or len(got) != 2 or not isinstance(got[0], list):
            hint = "is a return missing?" if got is None else "return two things: a log, and a fork or None"
            raise Wrong(f"a peer {self.what}: it gave a {type(got).__name__}", hint)
        self._look_at_fork(got[1])
        self._look_at_log(got[0])
        if spent.count > self.budget:
            raise Wrong(
                f"a peer {self.what}: it verified {spent.count} signatures, of {self.budget}",
                "verify neither what you have already nor the same bytes twice",
            )

    def _look_at_fork(self, fork: Any) -> None:
        if not self.forked:
            if fork is not None:
                hint = (
                    self.hint
                    or "a fork is two different entries with one sequence, both signed by the author"
                )
                raise Wrong(f"a peer {self.what}, and it cried fork", hint)
            return
        if fork is None:
            raise Wrong(f"a peer {self.what}, and it saw no fork", self.hint)
        there = {*self.log, *self.entries}
        if not (isinstance(fork, tuple) and len(fork) == 2 and all(isinstance(one, bytes) for one in fork)):
            raise Wrong(
                f"a peer {self.what}: the fork is no pair of entries", "return (one, other) as the fork"
            )
        one, other = fork
        same = one[64:HEAD_BYTES] == other[64:HEAD_BYTES]
        if one == other or not same or one not in there or other not in there or not _both(self.author, fork):
            hint = "the proof is both entries as they came: one sequence, different bytes, both signed"
            raise Wrong(f"a peer {self.what}: the fork that it gave proves nothing", hint)

    def _look_at_log(self, got: list[Any]) -> None:
        if got == list(self.good):
            return
        what = f"a peer {self.what}: the log has {len(got)} entries, and {len(self.good)} are right"
        if self.forked:
            raise Wrong(what, "once the author has forked, leave the log as it was")
        if len(got) < len(self.good):
            raise Wrong(what, self.hint or "what is good must be accepted, wherever it stands among the rest")
        raise Wrong(what, self.hint)


def _both(author: PublicKey, fork: Fork) -> bool:
    try:
        for entry in fork:
            author.verify(ENTRY, entry[:-SIGNATURE_BYTES], entry[-SIGNATURE_BYTES:])
    except RemoteError:
        return False
    return True


def deliveries(rng: Random, ana: SecretKey = ANA, ben: SecretKey = BEN) -> tuple[Case, ...]:
    """One probe for each kind of peer; the same ones for the same numbers."""
    have = rng.randrange(3, 5)
    contents = [b"%d" % rng.randrange(1000) for _ in range(8)]
    contents[have + 1] = b""
    whole = honest_log(ana, *contents)
    log, new = whole[:have], whole[have:]
    other = sealed(ana, link(whole[: have - 1]), have, b"another one")  # a fork of our last entry
    next_other = sealed(ana, link(log), have + 1, b"another one")
    shuffled = rng.sample(new, len(new))
    forged = new[0][:HEAD_BYTES] + b"forged" + new[0][-SIGNATURE_BYTES:]
    posing = new[0][:-SIGNATURE_BYTES] + ben.sign(ENTRY, new[0][:-SIGNATURE_BYTES])
    named = ben.public.raw + new[0][32:-SIGNATURE_BYTES]
    named += ana.sign(ENTRY, named)
    huge = sealed(ana, link(log), 2**56 + have + 1, b"x")
    lost = sealed(ana, link([b"a past that nobody has"]), have + 1, b"x")
    vote = sealed(ana, link(log), have + 1, b"x", "lab08/vote/1")

    def delivery(
        what: str, hint: str, entries: Sequence[bytes], good: int, *, forked: bool = False, budget: int = 1000
    ) -> Delivery:
        return Delivery(
            ana.public, tuple(log), tuple(entries), tuple(whole[:good]), what, hint, forked, budget
        )

    signed = "verify each entry, in the context ENTRY, before you look at its number"
    gap = "go on as long as the next number is there, and stop at the first that is not"
    linked = "an entry belongs to your log only if its previous is the hash of your last one"
    fork = "compare what is signed with what has that number already, in your log and in what came before"
    return (
        delivery("sends the rest", "", new, 8),
        delivery("sends nothing", "", [], have),
        delivery("sends one entry", "", new[:1], have + 1),
        delivery(
            "sends the last first", "sort them by their numbers first, and then link them", new[::-1], 8
        ),
        delivery("mixes them up", "sort them by their numbers first, and then link them", shuffled, 8),
        delivery("leaves one out", gap, new[:1] + new[2:], have + 1),
        delivery("leaves out the next one", gap, new[1:], have),
        delivery("sends all twice", "the same bytes again are no fork, and nothing new", [*new, *new], 8),
        delivery("sends what we have", "the same bytes again are no fork, and nothing new", whole, 8),
        delivery("sends a forged copy first", signed, [forged, *new], 8),
        delivery("sends a forged copy last", signed, [*new, forged], 8),
        delivery("sends only a forged copy", signed, [forged], have),
        delivery("signs with another key", signed, [posing, *new], 8),
        delivery("sends an entry signed in another context", signed, [vote, *new], 8),
        delivery(
            "sends another author's entries",
            "its first 32 bytes must be the author's key",
            [*honest_log(ben, *[b"x"] * 8), append(ben, log, b"x"), *new],
            8,
        ),
        delivery(
            "sends garbage",
            "an entry has at least 136 bytes: skip what is shorter",
            [b"", b"x", bytes(64), bytes(135), bytes(136), new[0][:135], *new],
            8,
        ),
        delivery("sends an entry with another past", linked, [lost], have),
        delivery("sends two next ones, both signed", fork, [new[0], next_other], have, forked=True),
        delivery("sends another entry in the place of our last", fork, [other], have, forked=True),
        delivery("sends a fork after good entries", fork, [*new, other], have, forked=True),
        delivery(
            "sends a fork of an entry that we cannot link yet",
            fork,
            [new[2], sealed(ana, link(whole[:2]), have + 3, b"x")],
            have,
            forked=True,
        ),
        delivery(
            "names another author than signed it",
            "its first 32 bytes must be the author's key",
            [named, *new],
            8,
        ),
        delivery("sends an entry with a huge number", "a number is all 8 bytes of it", [huge, *new], 8),
        delivery("sends an entry number 0", "numbers begin at 1", [sealed(ana, bytes(32), 0, b"x"), *new], 8),
        delivery("sends everything a hundred times", "", [*whole, *[forged]] * 100, 8, budget=len(new) + 1),
    )


def _too_short() -> Case:
    """Ana signs 71 bytes, and the first of her signature makes them look like another entry 1.

    She tried 284 numbers in the place of the previous, which does not matter for a fork.
    """
    log = tuple(honest_log(ANA, b"one", b"two", b"three"))
    body = ANA.public.raw + (283).to_bytes(32, "big") + bytes(7)
    short = body + ANA.sign(ENTRY, body)
    assert short[71] == 1
    hint = "an entry has at least 136 bytes: what is shorter is none, and no fork either"
    return Delivery(ANA.public, log[:2], (short, *log), log, "sends 135 bytes that the author signed", hint)


def _from_nothing() -> Case:
    log = tuple(honest_log(BEN, *(b"%d" % n for n in range(5))))
    return Delivery(
        BEN.public, (), log[::-1], log, "sends a whole log backwards", "before a first entry: 32 zeros"
    )


ACCEPT = Task(
    "accept",
    accept,
    cases=[*deliveries(Random(1)), _from_nothing(), _too_short()],
    hint="first what is signed, by its number; then go on from your last entry as long as the links hold",
)
