"""Lab 1, stretch: what a follower hears, and where it must lead. Probes, with a budget of verifications."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any

from p2plib.errors import RemoteError
from p2plib.identity import edwards
from p2plib.identity.keys import SecretKey
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.lab01_identity.counting import counted
from p2plib.labs.lab01_identity.rotation import CONTEXT, Following, follow, promise_of, rotate


@dataclass(frozen=True)
class Heard:
    """A probe: what a follower hears, and where that must lead.

    Args:
        state: at the beginning.
        heard: what arrives.
        wanted: the state after it.
        what: for the complaint.
        hint: for whoever ends elsewhere.
        budget: at most so many verifications.
        once: whether it arrives as an iterator, which can be gone through once.
    """

    state: Following
    heard: tuple[bytes, ...]
    wanted: Following
    what: str
    hint: str
    budget: int = 1000
    once: bool = False

    def __call__(self, yours: Callable[[Following, Iterable[bytes]], Any]) -> None:
        try:
            with counted() as spent:
                heard = list(self.heard)
                got = yours(self.state, iter(heard) if self.once else heard)
        except NotImplementedError:
            raise
        except (RemoteError, ValueError, IndexError) as error:
            hint = "skip what is not a valid rotation: it may come from anybody, and the next may be good"
            raise Wrong(f"{self.what}: raised {type(error).__name__}", hint) from None
        if not isinstance(got, Following):
            raise Wrong(
                f"it gave a {type(got).__name__}", "return a Following: the key in use and the next promise"
            )
        if got.key == self.wanted.key and got != self.wanted:
            raise Wrong(
                f"{self.what}: right key, wrong promise", "the new promise is bytes 32 to 64 of the rotation"
            )
        if got != self.wanted:
            raise Wrong(f"{self.what}: {self._where(got)}", self.hint)
        if spent.count > self.budget:
            said = f"{self.what}: {spent.count} verifications, the budget is {self.budget}"
            raise Wrong(said, "a hash is far cheaper than a signature: compare the promise first")

    def _where(self, got: Following) -> str:
        if got == self.state:
            return "the follower stayed behind"
        return "the follower went along" if self.wanted == self.state else "the follower ended at another key"


def mailboxes(rng: Random) -> tuple[Case, ...]:
    """All probes for `follow`; the same ones for the same seed."""
    mine = [SecretKey.generate(rng.randbytes) for _ in range(6)]
    mal, other = SecretKey.generate(rng.randbytes), SecretKey.generate(rng.randbytes)
    start = Following(mine[0].public, promise_of(mine[1].public))
    chain = [rotate(mine[i], mine[i + 1], promise_of(mine[i + 2].public)) for i in range(4)]
    after = [start, *(Following(mine[i + 1].public, promise_of(mine[i + 2].public)) for i in range(4))]
    return (
        Heard(start, (), start, "nothing heard", "then nothing changes"),
        Heard(
            start, (chain[0],), after[1], "one rotation", "verify both signatures over old ‖ new ‖ promise"
        ),
        Heard(
            after[1],
            tuple(chain[1:3]),
            after[3],
            "two rotations, in order",
            "go on from the state you have reached",
        ),
        *_mailboxes_of_thieves(start, chain[0], after[1], (mine[0], mine[1], mal, other)),
        *_mailboxes_in_disorder(rng, start, chain, after, mal),
    )


def _mailboxes_of_thieves(
    start: Following, good: bytes, after: Following, people: tuple[SecretKey, ...]
) -> tuple[Heard, ...]:
    """What must not be followed, each time with nothing else to follow, or with the good one behind it."""
    now, next_one, mal, other = people
    good_body = now.public.raw + good[:64]
    theft = rotate(now, mal, promise_of(mal.public))
    body = good_body[:64] + promise_of(mal.public)
    drawer = body[32:] + mal.sign(CONTEXT, body) + next_one.sign(CONTEXT, body)
    unwilling = Following(now.public, promise_of(other.public))  # promised somebody else's key
    body = now.public.raw + other.public.raw + bytes(32)
    taken = body[32:] + now.sign(CONTEXT, body) + now.sign(CONTEXT, body)
    small = edwards.compress(edwards.NEUTRAL)
    weak = Following(now.public, hashlib.sha256(small).digest())
    body = now.public.raw + small + bytes(32)
    weak_raw = body[32:] + now.sign(CONTEXT, body) + small + bytes(32)
    changed = good[:32] + promise_of(mal.public) + good[64:]
    elsewhere = good[:64] + now.sign("lab01/note/1", good_body) + next_one.sign("lab01/note/1", good_body)
    return (
        Heard(
            start, (theft,), start, "a thief with the key in use", "the new key's SHA-256 must be the promise"
        ),
        Heard(
            after,
            (theft,),
            after,
            "a thief with a key of the past",
            "the new key's SHA-256 must be the promise",
        ),
        Heard(
            start, (drawer,), start, "a thief with the promised key alone", "the key in use must sign, too"
        ),
        Heard(
            unwilling, (taken,), unwilling, "a key that did not sign for itself", "the new key must sign, too"
        ),
        Heard(
            start, (changed,), start, "a promise swapped on the way", "the promise is under both signatures"
        ),
        Heard(
            start, (elsewhere,), start, "signatures of another context", f"verify in the context {CONTEXT}"
        ),
        Heard(
            start,
            (good + b"\0",),
            start,
            "a rotation of 193 bytes",
            "a rotation has 192 bytes, no more and no fewer",
        ),
        Heard(
            start, (b"", b"x", good[:100], bytes(192), good), after, "rubbish first", "look at the size first"
        ),
        Heard(
            start,
            (changed, good),
            after,
            "a forged copy before the good one",
            "go on to the next if one fails",
        ),
        Heard(
            start,
            (good, changed),
            after,
            "a forged copy after the good one",
            "what is behind you leads nowhere",
        ),
        Heard(
            weak,
            (weak_raw,),
            weak,
            "a promised key of small order",
            "skip what is not a valid rotation: PublicKey raises for a weak key",
        ),
    )


def _mailboxes_in_disorder(
    rng: Random, start: Following, chain: list[bytes], after: list[Following], mal: SecretKey
) -> tuple[Heard, ...]:
    backwards = tuple(reversed(chain))
    thief = [rotate(mal, SecretKey.generate(rng.randbytes), rng.randbytes(32)) for _ in range(100)]
    mixed = [*thief, *chain[:3]]
    rng.shuffle(mixed)
    again = "after each step look again at everything heard: the next one may have come first"
    return (
        Heard(start, backwards, after[4], "four rotations, the newest first", again),
        Heard(
            start,
            (*chain[:2], *chain[:2]),
            after[2],
            "each rotation twice",
            "what is behind you leads nowhere",
        ),
        Heard(after[2], tuple(chain[:3]), after[3], "old rotations and one new", "skip what is old"),
        Heard(start, tuple(mixed), after[3], "three rotations among a hundred forged", again, budget=6),
        Heard(start, backwards, after[4], "an iterator over what was heard", _ONCE, once=True),
    )


_ONCE = "you may only be able to go through an Iterable once: begin with list(heard)"

FOLLOW = Task(
    "follow",
    follow,
    cases=mailboxes(Random(1)),
    hint="find a rotation whose new key has the promised hash, verify it, and start again from there",
)
