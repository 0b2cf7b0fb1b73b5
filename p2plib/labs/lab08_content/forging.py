"""Lab 8, task 2: logs in which something is not what it says. Probes.

Each log is honest up to one place, so that what is believed too much has a name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.lab08_content.entries import (
    ANA,
    BEN,
    ENTRY,
    HEAD_BYTES,
    NOTHING,
    SIGNATURE_BYTES,
    append,
    content_of,
    honest_log,
    link,
    sealed,
    verified,
)


@dataclass(frozen=True)
class ForgedLog:
    """A probe: one log, and how far it may be believed.

    Args:
        author: whose log it is said to be.
        log: the entries.
        good: how many of them are good.
        what: what was done to the next one, as in "it believed a log in which ...".
        hint: for a function that believes it, or that believes less.
    """

    author: PublicKey
    log: tuple[bytes, ...]
    good: int
    what: str
    hint: str

    def __call__(self, yours: Callable[[PublicKey, list[bytes]], Any]) -> None:
        story = f"a log of {len(self.log)}, in which {self.what}"
        try:
            got = yours(self.author, list(self.log))
        except NotImplementedError:
            raise
        except Exception as error:
            raise Wrong(
                f"{story}: it raised {type(error).__name__}",
                "count what is good before the first that is not, and never raise: catch RemoteError",
            ) from None
        if isinstance(got, bool) or not isinstance(got, int):
            hint = "is a return missing?" if got is None else "return a number: how many entries are good"
            raise Wrong(f"{story}: it gave {got!r:.40}", hint)
        if got > self.good:
            raise Wrong(f"it believed {got} entries of {story}", self.hint)
        if got < self.good:
            raise Wrong(f"it believed {got} entries of {story}; {self.good} are good", self._too_few(got))

    def _too_few(self, got: int) -> str:
        if got <= 0:
            return "verify the entry without its last 64 bytes, in the context ENTRY; the first has number 1"
        if got == self.good - 1:
            return "the count ends before the bad entry, and includes all good ones before it"
        return "each entry's previous is the hash of the whole entry before it, and numbers go up by one"


def _changed(entry: bytes, content: bytes) -> bytes:
    return entry[:HEAD_BYTES] + content + entry[-SIGNATURE_BYTES:]


def forgeries(rng: Random, ana: SecretKey = ANA, ben: SecretKey = BEN) -> tuple[Case, ...]:
    """One probe for each kind of forgery; the same ones for the same numbers."""
    log = honest_log(ana, *(b"%d" % rng.randrange(1000) for _ in range(6)))
    at = rng.randrange(2, 5)  # entries before the forged one
    before, after = log[:at], log[at + 1 :]
    number = at + 1

    def forged(what: str, hint: str, *entries: bytes, good: int = at) -> ForgedLog:
        return ForgedLog(ana.public, (*before, *entries), good, what, hint)

    own = "link it: its previous must be the SHA-256 of the whole entry before it"
    order = "its sequence must be one more than the one before it"
    signed = "verify the signature, of everything before it, in the context ENTRY"
    whose = "its first 32 bytes must be the author's key"
    rewritten = sealed(ana, link([*before[:-1], append(ana, before[:-1], b"another past")]), number, b"x")
    posing = ben.public.raw + log[at][32:-SIGNATURE_BYTES]
    return (
        ForgedLog(ana.public, tuple(log[:1]), 1, "nothing is wrong", ""),
        ForgedLog(ana.public, (), 0, "nothing is wrong", ""),
        ForgedLog(ana.public, tuple(log), len(log), "nothing is wrong", ""),
        forged(
            f"entry {number} has another content than was signed",
            signed,
            _changed(log[at], b"forged"),
            *after,
        ),
        forged(f"entry {number} has a signature of zeros", signed, log[at][:-64] + bytes(64), *after),
        forged(
            f"entry {number} was signed by somebody else",
            signed,
            log[at][:-64] + ben.sign(ENTRY, log[at][:-64]),
        ),
        forged(
            f"entry {number} was signed in another context",
            signed,
            sealed(ana, link(before), number, b"x", "lab08/vote/1"),
        ),
        forged(f"entry {number} is somebody else's", whose, sealed(ben, link(before), number, b"x"), *after),
        forged(
            f"entry {number} names another author than signed it", whose, posing + ana.sign(ENTRY, posing)
        ),
        forged("two neighbours are exchanged", f"{order}, and {own}", log[at + 1], log[at]),
        forged(f"entry {number} is missing", f"{order}, and {own}", *after),
        ForgedLog(
            ana.public, tuple(log[1:]), 0, "the first entry is missing", f"the first is number 1, and {own}"
        ),
        forged(f"entry {number} comes twice", f"{order}, and {own}", log[at], *log[at:], good=number),
        forged(
            f"there are two entries {number}",
            order,
            log[at],
            sealed(ana, link(log[:number]), number, b"x"),
            good=number,
        ),
        forged(
            f"after entry {at} comes number {number + 1}", order, sealed(ana, link(before), number + 1, b"x")
        ),
        forged(f"the author has another past before entry {number}", own, rewritten),
        forged(f"entry {number} is linked to nothing", own, sealed(ana, NOTHING, number, b"x")),
        forged(
            f"entry {number} is linked to the content before it",
            own,
            sealed(ana, link([content_of(log[at - 1])]), number, b"x"),
        ),
        ForgedLog(
            ana.public,
            (sealed(ana, link(log), 1, b"x"),),
            0,
            "the first entry is linked to something",
            "before a first entry there is nothing: 32 zero bytes",
        ),
        forged(f"entry {number} is empty", "look at the bytes before you verify", b"", *after),
        forged(f"entry {number} is cut short", signed, log[at][:-1], *after),
        forged(f"entry {number} has 135 bytes", "look at the bytes before you verify", log[at][:135]),
        forged(f"entry {number} goes on past its end", signed, log[at] + b"\0", *after),
        ForgedLog(ben.public, tuple(log), 0, "all is right, but for the author that was asked for", whose),
    )


def _long() -> Case:
    return ForgedLog(BEN.public, tuple(honest_log(BEN, *[b""] * 260)), 260, "nothing is wrong", "")


def _too_short() -> Case:
    """Ana signs 71 bytes: everything but the last byte of the sequence, in whose place her signature begins.

    She tried 628 contents of the entry before it until that byte was the number that it should be.
    """
    log = honest_log(ANA, b"one", b"627")
    body = ANA.public.raw + link(log) + bytes(7)
    short = body + ANA.sign(ENTRY, body)
    assert short[71] == 3
    hint = "without its signature an entry has at least 72 bytes: compare those, not the signature's first"
    return ForgedLog(ANA.public, (*log, short), 2, "entry 3 has 135 bytes, and is signed", hint)


VERIFIED = Task(
    "verified",
    verified,
    cases=[*forgeries(Random(1)), _long(), _too_short()],
    hint="walk along the log: compare author, previous and sequence, verify the signature, and go on",
)
