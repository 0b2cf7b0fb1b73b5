"""Names: what people call keys. A machine without a clock or a socket.

Follows M. Stiegler, "An Introduction to Petname Systems" (2005), for petnames and nicknames, and C.
Lemmer-Webber, M. Miller and others, "Petnames: A humane approach to secure, decentralized naming" (2018), for
edge names, which are the linked local names of SPKI (RFC 2693, section 2) in daily use. A key is unique and
says nothing; a name says something and is not unique. So there are three kinds of name, and a program shows
which kind it shows::

    petname    ‘Alice’                 mine: I gave it to this key, and in my list no other key has it, nor
                                       one that looks like it
    edge name  Bob's ‘Alice’           what somebody whom I named calls this key
    nickname   «alice» (unconfirmed)   what the key calls itself; anybody may call itself anything

Rules. Only `assign` makes a petname, and only I call it. What others say is kept beside it and changes
nothing. Two keys are never taken for one, and one name never for another: what looks like a name that I
use, and belongs to another key, is flagged wherever it is shown (`p2plib.identity.lookalikes` says what
looks alike). What others say is never refused either, because a peer that is not shown can do as it likes;
it is cut to 64 characters and shown with its hidden characters written out. All names are kept and looked up
in Unicode's form NFC: a name has one spelling, whichever keyboard it was written on.

Names are found by what they look like, so that showing one costs no more among thousands than among ten.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from p2plib.errors import UsageError
from p2plib.identity import proquint
from p2plib.identity.keys import PublicKey
from p2plib.identity.lookalikes import (
    MAX_NAME_CHARACTERS,
    Flag,
    inspect,
    look_alike,
    skeleton,
    skeletons,
    visible,
)

__all__ = ["Contacts", "Flag", "Shown", "inspect", "look_alike", "short_key", "skeleton", "visible"]

SHORT_KEY_BYTES = (
    4  # two words: enough to tell the keys on a screen apart, nothing that proves who somebody is
)

_READ_CHARACTERS = 4 * MAX_NAME_CHARACTERS  # enough for as many letters with three accents each

# In a name that I give myself, these would be a mistake or a trick played on my clipboard.
REFUSED_IN_PETNAMES = frozenset(
    {"empty", "too long", "control", "direction", "invisible", "unknown", "space"}
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What to show for a key.

    Args:
        text: one line, safe to print.
        kind: "petname", "edge name", "nickname" or "key".
        flags: what a person should know before believing it; empty for a petname.
    """

    text: str
    kind: str
    flags: tuple[Flag, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.text, *(f"[! {flag.note}]" for flag in self.flags)])


def short_key(key: PublicKey) -> str:
    """The beginning of a key as two proquints, for telling keys apart on a screen. It proves nothing."""
    return proquint.encode(key.raw[:SHORT_KEY_BYTES]) + "-…"


def _composed(text: str) -> str:
    """A text in form NFC, as far as a name may go; the rest is only counted."""
    return unicodedata.normalize("NFC", text[:_READ_CHARACTERS]) + text[_READ_CHARACTERS:]


@dataclass(frozen=True, slots=True)
class _Name:
    """A name as it is kept, what is odd about it by itself, and its skeletons."""

    text: str
    odd: tuple[Flag, ...]
    looks: frozenset[str]

    @classmethod
    def of(cls, text: str) -> _Name:
        composed = _composed(text)
        kept = composed[:MAX_NAME_CHARACTERS]
        return cls(kept, inspect(composed), skeletons(kept))


class _Names:
    """One name for each of some keys, found by the key and by what the name looks like."""

    def __init__(self) -> None:
        self.of: dict[PublicKey, _Name] = {}
        self._bearers: dict[str, dict[PublicKey, None]] = {}  # of each skeleton

    def put(self, key: PublicKey, name: _Name) -> None:
        """Gives a key its name; a former one is replaced."""
        self.drop(key)
        self.of[key] = name
        for looks in name.looks:
            self._bearers.setdefault(looks, {})[key] = None

    def drop(self, key: PublicKey) -> _Name | None:
        """Takes a key's name from it, if it has one, and returns it."""
        name = self.of.pop(key, None)
        for looks in name.looks if name is not None else ():
            del self._bearers[looks][key]
            if not self._bearers[looks]:
                del self._bearers[looks]
        return name

    def like(self, name: _Name) -> dict[PublicKey, None]:
        """The keys whose names look like this one; not to be changed."""
        found = [self._bearers[looks] for looks in sorted(name.looks) if looks in self._bearers]
        if len(found) < 2:
            return found[0] if found else {}
        return found[0] | found[1]

    def others_like(self, key: PublicKey, name: _Name) -> int:
        """How many keys but this one have a name that looks like this."""
        bearers = self.like(name)
        return len(bearers) - (key in bearers)


class Contacts:
    """The names that one person has for keys, and what that person heard.

    It keeps one nickname for every key that it is told of. Whose words are kept at all, and for how long, is
    for the program to say: anybody can make a million keys.
    """

    def __init__(self) -> None:
        self._petnames = _Names()
        self._nicknames = _Names()  # of keys without a petname
        self._set_aside: dict[PublicKey, _Name] = {}  # nicknames of keys that have one
        self._edges: dict[PublicKey, _Names] = {}  # who says it -> about whom -> the name
        self._introducers: dict[PublicKey, dict[PublicKey, None]] = {}  # about whom -> who says it

    def assign(self, key: PublicKey, petname: str) -> None:
        """Gives a key my name for it; a former one is replaced.

        Args:
            key: whom I mean. Compare it with them by another way first: this is the moment that decides.
            petname: what I call them, 1 to 64 visible characters.

        Raises:
            UsageError: the name has something hidden in it, or it is, or looks like, my name for another key.
        """
        name = _Name.of(petname)
        wrong = [flag.note for flag in name.odd if flag.kind in REFUSED_IN_PETNAMES]
        if wrong:
            raise UsageError(f"‘{visible(_composed(petname))}’ cannot be a petname: {wrong[0]}")
        for other in self._petnames.like(name):
            if other != key:
                taken = self._petname(other)
                how = "is" if name.text == taken else "looks like"
                raise UsageError(f"‘{name.text}’ {how} your name for {short_key(other)}, ‘{taken}’")
        self._petnames.put(key, name)
        nickname = self._nicknames.drop(key)
        if nickname is not None:
            self._set_aside[key] = nickname

    def forget(self, key: PublicKey) -> None:
        """Takes my name from a key, and with it all that this key told about others.

        Raises:
            UsageError: I have no name for it.
        """
        if self._petnames.drop(key) is None:
            raise UsageError(f"there is no contact {short_key(key)}")
        for introduced in self._edges.pop(key, _Names()).of:
            del self._introducers[introduced][key]
        if key in self._set_aside:
            self._nicknames.put(key, self._set_aside.pop(key))

    def heard(self, key: PublicKey, nickname: str) -> tuple[Flag, ...]:
        """Keeps what a key calls itself; the last one counts.

        Args:
            key: who says it, and about itself.
            nickname: any text at all.

        Returns:
            what is odd about it, now.
        """
        name = _Name.of(nickname)
        if key in self._petnames.of:
            self._set_aside[key] = name
        else:
            self._nicknames.put(key, name)
        return self._doubts(key, name)

    def introduce(self, introducer: PublicKey, key: PublicKey, name: str) -> tuple[Flag, ...]:
        """Keeps what somebody whom I named calls another key; the last one counts.

        Args:
            introducer: who says it. Only somebody whom I named can introduce.
            key: about whom.
            name: any text at all.

        Returns:
            what is odd about it, now.

        Raises:
            UsageError: I have no name for the introducer, or it introduces itself.
        """
        if introducer not in self._petnames.of:
            raise UsageError(f"{short_key(introducer)} cannot introduce anybody: you have no name for it")
        if introducer == key:
            raise UsageError("what a key calls itself is a nickname, not an introduction")
        edge = _Name.of(name)
        self._edges.setdefault(introducer, _Names()).put(key, edge)
        self._introducers.setdefault(key, {})[introducer] = None
        return self._doubts(key, edge)

    def display(self, key: PublicKey) -> Shown:
        """What to show for a key: my name for it, or else a friend's, or else its own, or else its beginning.

        Args:
            key: any key.
        """
        if key in self._petnames.of:
            return Shown(f"‘{self._petname(key)}’", "petname")
        if self._introducers.get(key):
            introducer = min(self._introducers[key], key=self._petname)
            name = self._edges[introducer].of[key]
            flags = self._doubts(key, name) + self._same_introducer(introducer, key, name)
            return Shown(f"{self._petname(introducer)}'s ‘{visible(name.text)}’", "edge name", flags)
        if key in self._nicknames.of:
            name = self._nicknames.of[key]
            return Shown(f"«{visible(name.text)}» (unconfirmed)", "nickname", self._doubts(key, name))
        return Shown(short_key(key), "key")

    def resolve(self, petname: str, *edges: str) -> PublicKey:
        """The key that a name of mine means.

        Args:
            petname: my name for somebody, exactly.
            edges: then what that one calls somebody, and so on: `resolve("Bob", "Alice")` is Bob's Alice.

        Raises:
            UsageError: no such name (one that looks like it is mentioned), or two bearers of an edge name.
        """
        name = _Name.of(petname)
        near = self._petnames.like(name)
        found = [key for key in near if self._petname(key) == name.text]
        if not found:
            taken = min(map(self._petname, near), default="")
            hint = f"; it looks like ‘{taken}’ and is written differently" if taken else ""
            raise UsageError(f"there is no contact ‘{visible(petname)}’{hint}")
        key = found[0]
        for edge in edges:
            key = self._called(key, edge)
        return key

    def _called(self, introducer: PublicKey, edge: str) -> PublicKey:
        name, called = _Name.of(edge), self._edges.get(introducer, _Names())
        bearers = [key for key in called.like(name) if called.of[key].text == name.text]
        if len(bearers) != 1:
            how_many = "nobody" if not bearers else f"{len(bearers)} keys"
            raise UsageError(f"{short_key(introducer)} calls {how_many} ‘{visible(edge)}’")
        return bearers[0]

    def _petname(self, key: PublicKey) -> str:
        return self._petnames.of[key].text

    def _doubts(self, key: PublicKey, name: _Name) -> tuple[Flag, ...]:
        """What is odd about a name by itself, and next to the names of other keys."""
        mine = sorted(self._petname(other) for other in self._petnames.like(name) if other != key)
        flags = list(name.odd)
        flags += [Flag("lookalike", f"looks like your contact ‘{one}’ and is another key") for one in mine]
        same = self._nicknames.others_like(key, name)
        if same:
            flags.append(
                Flag("duplicate", f"{same} other key{'s' * (same > 1)} of this or a similar nickname")
            )
        return tuple(flags)

    def _same_introducer(self, introducer: PublicKey, key: PublicKey, name: _Name) -> tuple[Flag, ...]:
        others = self._edges[introducer].others_like(key, name)
        if not others:
            return ()
        return (Flag("duplicate", f"{self._petname(introducer)} calls {others} more the same or nearly so"),)
