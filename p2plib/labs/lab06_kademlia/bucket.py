"""Lab 6, task 3: one bucket. Old contacts stay as long as they answer, newcomers wait.

Follows Maymounkov and Mazières, "Kademlia" (2002), sections 2.2 and 4.1: least recently heard first; a full
bucket asks its oldest contact before it takes anybody in; those who found no place are remembered, and the
one heard last is the first to be tried. One thing is stricter than in `p2plib.topology.kademlia.table`: a
contact that was silent once is out, where the library gives it five tries.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab06_kademlia.crowd import K
from p2plib.machine.addresses import Contact

MakeBucket = Callable[..., Any]  # a reader's class


class Bucket:
    """One part of a routing table.

    Args:
        k: how many contacts it holds.

    Attributes:
        contacts: the one that was heard longest ago first.
        waiting: newcomers without a place, at most k, the one heard last at the end.
    """

    def __init__(self, k: int = K) -> None:
        self.k = k
        self.contacts: list[Contact] = []
        self.waiting: list[Contact] = []

    def heard(self, contact: Contact) -> Contact | None:
        """A contact has just answered us. Returns whom to ask now whether it is there, or None."""
        for line in (self.contacts, self.waiting):
            if contact in line:
                line.remove(contact)
                if line is self.contacts:
                    line.append(contact)
                    return None
        if len(self.contacts) < self.k:
            self.contacts.append(contact)
            return None
        self.waiting = [*self.waiting, contact][-self.k :]
        return self.contacts[0]

    def silent(self, contact: Contact) -> Contact | None:
        """A contact did not answer when we asked it. Returns whom to ask now, or None."""
        for line in (self.contacts, self.waiting):
            if contact in line:
                line.remove(contact)
        if self.waiting and len(self.contacts) < self.k:
            return self.waiting.pop()
        return None


# Stories: what a bucket is told, and what it must do then


def peer(number: int) -> Contact:
    """Peer 3, for stories."""
    return Contact(number, (f"10.0.{number & 255}.1", 4000))


def shown(contacts: Any) -> str:
    """Contacts as the numbers of their peers: "1 2 3"."""
    try:
        some = [contact.id if isinstance(contact, Contact) else None for contact in contacts]
    except TypeError:
        return describe(contacts)
    if None in some:
        return describe(contacts)
    return " ".join(map(str, some)) or "nobody"


def who(answer: Any) -> str:
    """What heard or silent returned."""
    return f"peer {answer.id}" if isinstance(answer, Contact) else describe(answer)


Said = tuple[str, int]  # ("+", 4): peer 4 was heard; ("-", 4): it was silent


def story(text: str) -> list[Said]:
    """ "+1 +2 -1" as what a bucket is told."""
    return [(word[0], int(word[1:])) for word in text.split()]


def tell(bucket: Any, said: Said) -> Any:
    """Tell a bucket or a table one thing, and return what it says."""
    sign, number = said
    return (bucket.heard if sign == "+" else bucket.silent)(peer(number))


def after(
    text: str, hint: str, *, asks: int | None = None, contacts: str | None = None, waiting: str | None = None
) -> Case:
    """A probe: what the last thing in a story leads to, in a bucket of three.

    Args:
        text: the story.
        hint: for whoever does something else.
        asks: whom the last call returns.
        contacts, waiting: who is there then, such as "2 3 1".
    """

    def probe(yours: MakeBucket) -> None:
        bucket = yours(3)
        try:
            for said in story(text):
                answer = tell(bucket, said)
        except ValueError:  # from list.remove
            raise Wrong(f"{text}: it raised ValueError", hint) from None
        wanted = None if asks is None else peer(asks)
        where = f"after {text}"
        for name, expected in (("contacts", contacts), ("waiting", waiting)):
            if expected is not None and shown(getattr(bucket, name)) != (expected or "nobody"):
                raise _unlike(where, name, shown(getattr(bucket, name)), expected, hint)
        if answer != wanted:
            what = f"{where} it returned {who(answer)}, expected {who(wanted)}"
            raise Wrong(what, _why_asked(answer, wanted, hint))

    return probe


def _unlike(where: str, name: str, got: str, expected: str, hint: str) -> Wrong:
    what = f"{where} its {name} were {got}, expected {expected or 'nobody'}"
    numbers = got.split()
    if len(set(numbers)) < len(numbers):
        return Wrong(what, "a peer is in a list once")
    return Wrong(what, hint)


def _why_asked(answer: Any, wanted: Contact | None, hint: str) -> str:
    if answer is not None and not isinstance(answer, Contact):
        return "return a contact, or None when there is nobody to ask"
    if wanted is None:
        return "nobody needs to be asked then: return None"
    return hint


_STAYS = "the oldest has not been asked yet: leave it, return it, and let the newcomer wait"
_ASK = "a full bucket returns its oldest contact: that is whom to ask whether it is still there"
_FRESH = "a contact that is heard again is the freshest: take it out and append it"
_TRY = "who waits must be asked before it gets the place: take it out of waiting, and return it"


def _turned(yours: MakeBucket) -> None:
    """A full bucket and a newcomer."""
    bucket = yours(3)
    for said in story("+1 +2 +3"):
        tell(bucket, said)
    answer = tell(bucket, ("+", 4))
    got = shown(bucket.contacts)
    what = f"after +1 +2 +3 +4 its contacts were {got}, expected 1 2 3"
    if len(bucket.contacts) > 3:
        raise Wrong(what, "a bucket holds k contacts: the fourth of three has to wait")
    if got == "2 3 4":
        raise Wrong(what, f"an old contact is likelier to be there tomorrow than a new one; {_STAYS}")
    if got == "1 2 4":
        raise Wrong(what, "that threw out the newest, unasked: only the silent leave a bucket")
    if got != "1 2 3":
        raise Wrong(what, _STAYS)
    if answer is None:
        raise Wrong("a full bucket with a newcomer returned None", _ASK)
    if answer != peer(1):
        raise Wrong(f"a full bucket of 1 2 3 asks {who(answer)}, expected peer 1", _ASK)
    if shown(bucket.waiting) != "4":
        raise Wrong(
            f"after +1 +2 +3 +4 its waiting were {shown(bucket.waiting)}, expected 4",
            "the newcomer waits: the place may become free",
        )


def _apart(yours: MakeBucket) -> None:
    first, other = yours(2), yours(2)
    for number in (1, 2, 3):
        first.heard(peer(number))
    if shown(other.contacts) != "nobody" or shown(other.waiting) != "nobody":
        raise Wrong("two buckets had the same contacts", "lists belong to self, made in __init__")


def _by_address(yours: MakeBucket) -> None:
    """Somebody who has the id of a contact and another address is somebody else."""
    bucket = yours(3)
    bucket.heard(peer(1))
    bucket.silent(Contact(1, ("10.9.9.9", 4000)))
    if shown(bucket.contacts) != "1":
        hint = "compare whole contacts: an id costs nothing, and the silence was somebody else's"
        raise Wrong("a silent impostor with peer 1's id took peer 1 out", hint)


def any_story(seed: int, k: int = 4, steps: int = 300) -> Case:
    """A probe: a long story, told to the reader's bucket and the library's."""

    def probe(yours: MakeBucket) -> None:
        rng, bucket, expected, told = random.Random(seed), yours(k), Bucket(k), []
        for step in range(1, steps + 1):
            said = ("+" if rng.random() < 0.7 else "-", rng.randrange(1, 4 * k))
            told.append(f"{said[0]}{said[1]}")
            got, want = tell(bucket, said), tell(expected, said)
            where = f"in a story of {steps}, after {step} ending with {' '.join(told[-3:])}"
            _compare(where, "contacts", bucket.contacts, expected.contacts)
            _compare(where, "waiting", bucket.waiting, expected.waiting)
            if got != want:
                raise Wrong(f"{where} it returned {who(got)}, expected {who(want)}", _STORY)

    return probe


_STORY = "tell the same to a bucket of yours, with a print after every step"


def _compare(where: str, name: str, got: Iterable[Contact], want: Iterable[Contact]) -> None:
    if list(got) != list(want):
        raise Wrong(f"{where} its {name} were {shown(got)}, expected {shown(want)}", _STORY)


BUCKET = Task(
    "Bucket",
    Bucket,
    cases=[
        after("+1 +2 +3", "each finds a place, behind those who were there before", contacts="1 2 3"),
        _apart,
        after("+1 +2 +3 +1", _FRESH, contacts="2 3 1", waiting=""),
        _turned,
        after(
            "+1 +2 +3 +4 +1",
            "the oldest has answered: it moves to the end, and stays",
            contacts="2 3 1",
            waiting="4",
        ),
        after("+1 +2 -1", "a contact that was silent is out", contacts="2"),
        after("+1 -2", "silence of somebody who is not here changes nothing", contacts="1"),
        after("+1 +2 +3 +4 -1", _TRY, contacts="2 3", waiting="", asks=4),
        after(
            "+1 +2 +3 +4 -1 +4",
            "it has answered, and there is room: take it in",
            contacts="2 3 4",
            waiting="",
        ),
        after(
            "+1 +2 +3 +4 +5 -2",
            "the one heard last is the likeliest to be there: pop the end",
            asks=5,
            waiting="4",
        ),
        after(
            "+1 +2 +3 +4 +5 -2 -5", "the one that was tried is gone, too: try the next", asks=4, waiting=""
        ),
        after(
            "+1 +2 +3 +4 +5 +4",
            "heard again while it waits: it goes to the end, and is there once",
            asks=1,
            waiting="5 4",
        ),
        after(
            "+1 +2 +3 +4 +5 +6 +7", "at most k wait: drop the one that waits longest", asks=1, waiting="5 6 7"
        ),
        after(
            "+1 +2 +3 +4 +5 -4",
            "a contact that is silent waits no longer, and here nobody made room",
            waiting="5",
        ),
        after(
            "+1 +2 +3 +4 +5 -2 +4",
            "a contact that has found a place waits no longer",
            contacts="1 3 4",
            waiting="",
        ),
        after("+1 +2 +3 +4 -9", "nobody has left, so there is no place to try anybody for", waiting="4"),
        _by_address,
        any_story(1),
    ],
    hint="contacts: oldest first, at most k; waiting: newest last, at most k",
)
