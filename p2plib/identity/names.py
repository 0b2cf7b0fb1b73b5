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
it is cut to 64 characters and shown with its hidden characters written out.
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


class Contacts:
    """The names that one person has for keys, and what that person heard.

    It keeps one nickname for every key that it is told of. Whose words are kept at all, and for how long, is
    for the program to say: anybody can make a million keys.
    """

    def __init__(self) -> None:
        self._petnames: dict[PublicKey, str] = {}
        self._nicknames: dict[PublicKey, str] = {}
        self._odd: dict[PublicKey, tuple[Flag, ...]] = {}
        self._edges: dict[PublicKey, dict[PublicKey, str]] = {}  # who says it -> about whom -> the name

    def assign(self, key: PublicKey, petname: str) -> None:
        """Gives a key my name for it; a former one is replaced.

        Args:
            key: whom I mean. Compare it with them by another way first: this is the moment that decides.
            petname: what I call them, 1 to 64 visible characters.

        Raises:
            UsageError: the name has something hidden in it, or it is, or looks like, my name for another key.
        """
        name = unicodedata.normalize("NFC", petname)
        wrong = [flag.note for flag in inspect(name) if flag.kind in REFUSED_IN_PETNAMES]
        if wrong:
            raise UsageError(f"‘{visible(name)}’ is no petname: {wrong[0]}")
        for other, taken in self._petnames.items():
            if other != key and look_alike(name, taken):
                how = "is" if name == taken else "looks like"
                raise UsageError(f"‘{name}’ {how} your name for {short_key(other)}, ‘{taken}’")
        self._petnames[key] = name

    def forget(self, key: PublicKey) -> None:
        """Takes my name from a key, and with it all that this key told about others.

        Raises:
            UsageError: I have no name for it.
        """
        if key not in self._petnames:
            raise UsageError(f"there is no contact {short_key(key)}")
        del self._petnames[key]
        self._edges.pop(key, None)

    def heard(self, key: PublicKey, nickname: str) -> tuple[Flag, ...]:
        """Keeps what a key calls itself; the last one counts.

        Args:
            key: who says it, and about itself.
            nickname: any text at all.

        Returns:
            what is odd about it, now.
        """
        self._nicknames[key] = nickname[:MAX_NAME_CHARACTERS]
        self._odd[key] = inspect(nickname)
        return self._doubts(key, self._nicknames[key], self._odd[key])

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
        if introducer not in self._petnames:
            raise UsageError(f"{short_key(introducer)} cannot introduce anybody: you have no name for it")
        if introducer == key:
            raise UsageError("what a key calls itself is a nickname, not an introduction")
        self._edges.setdefault(introducer, {})[key] = name[:MAX_NAME_CHARACTERS]
        return self._doubts(key, name, inspect(name))

    def display(self, key: PublicKey) -> Shown:
        """What to show for a key: my name for it, or else a friend's, or else its own, or else its beginning.

        Args:
            key: any key.
        """
        if key in self._petnames:
            return Shown(f"‘{self._petnames[key]}’", "petname")
        for introducer in sorted(self._edges, key=self._petnames.__getitem__):
            if key in self._edges[introducer]:
                name = self._edges[introducer][key]
                flags = self._doubts(key, name, inspect(name)) + self._same_introducer(introducer, key, name)
                return Shown(f"{self._petnames[introducer]}'s ‘{visible(name)}’", "edge name", flags)
        if key in self._nicknames:
            name = self._nicknames[key]
            return Shown(
                f"«{visible(name)}» (unconfirmed)", "nickname", self._doubts(key, name, self._odd[key])
            )
        return Shown(short_key(key), "key")

    def resolve(self, petname: str, *edges: str) -> PublicKey:
        """The key that a name of mine means.

        Args:
            petname: my name for somebody, exactly.
            edges: then what that one calls somebody, and so on: `resolve("Bob", "Alice")` is Bob's Alice.

        Raises:
            UsageError: no such name (one that looks like it is mentioned), or two bearers of an edge name.
        """
        name = unicodedata.normalize("NFC", petname)
        found = [key for key, taken in self._petnames.items() if taken == name]
        if not found:
            near = [taken for taken in self._petnames.values() if look_alike(name, taken)]
            hint = f"; it looks like ‘{near[0]}’ and is written differently" if near else ""
            raise UsageError(f"there is no contact ‘{visible(name)}’{hint}")
        key = found[0]
        for edge in edges:
            bearers = [to for to, called in self._edges.get(key, {}).items() if called == edge]
            if len(bearers) != 1:
                how_many = "nobody" if not bearers else f"{len(bearers)} keys"
                raise UsageError(f"{short_key(key)} calls {how_many} ‘{visible(edge)}’")
            key = bearers[0]
        return key

    def _doubts(self, key: PublicKey, name: str, odd: tuple[Flag, ...]) -> tuple[Flag, ...]:
        """What is odd about a name by itself, and next to the names of other keys."""
        flags, mine = list(odd), skeletons(name)
        for other, petname in self._petnames.items():
            if other != key and mine & skeletons(petname):
                flags.append(Flag("lookalike", f"looks like your contact ‘{petname}’ and is another key"))
        others = [other for other in self._nicknames if other != key and other not in self._petnames]
        same = sum(bool(mine & skeletons(self._nicknames[other])) for other in others)
        if same:
            flags.append(
                Flag("duplicate", f"{same} other key{'s' * (same > 1)} of this or a similar nickname")
            )
        return tuple(flags)

    def _same_introducer(self, introducer: PublicKey, key: PublicKey, name: str) -> tuple[Flag, ...]:
        others = [
            to for to, called in self._edges[introducer].items() if to != key and look_alike(called, name)
        ]
        if not others:
            return ()
        return (
            Flag("duplicate", f"{self._petnames[introducer]} calls {len(others)} more the same or nearly so"),
        )
