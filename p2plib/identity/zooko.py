"""Zooko's triangle, run: five ways to name a key, and what each gives up. Small machines, for reading.

Zooko Wilcox-O'Hearn, "Names: Decentralized, Secure, Human-Meaningful: Choose Two" (2001), says that a name
can be meaningful to people, or mean one key and no other for everybody, or need nobody's permission, and
that no name is all three. Here are schemes for each side of the triangle, and for the two ways that people
went on::

    Registry       meaningful and unique; whoever keeps the list decides           DNS, account names
    SelfChosen     meaningful and free; unique for nobody                          nicknames in a chat
    Fingerprint    unique and free; means nothing to people                        peer ids, did:key
    Ledger         meaningful and unique, as long as all agree on one list         Namecoin, ENS
    Petnames       meaningful and free; unique for one person, who keeps it        SPKI, GNS, your telephone

`experiments` does not take that from a table: it runs every scheme through the same trials. Each trial has
a method of one scheme's life behind it, and the row is what came out.

The ledger stands in `p2plib.identity.name_ledger`, with the ways to lose a name in it: to whoever orders a
block, to whoever can make a longer chain, and to a network that was cut in two. It asks for agreement of
the whole world on one list. The GNU Name System (RFC 9498) goes the other way: names are local to a zone,
and a zone is a key.

Vocabulary::

    wish    the word that somebody wants to be called by
    name    what the scheme gives for it, and what is then passed on from person to person
    asker   who looks a name up; a person, by name
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from p2plib.errors import Closed, LocalError, UsageError
from p2plib.identity import proquint
from p2plib.identity.keys import PublicKey
from p2plib.identity.name_ledger import (
    Chain,
    front_running,
    key_of,
    longest,
    partition,
    register,
    reorganisation,
    takeover_chance,
)
from p2plib.identity.names import Contacts

__all__ = [
    "SCHEMES",
    "Fingerprint",
    "Ledger",
    "NameTaken",
    "Petnames",
    "Registry",
    "Row",
    "Scheme",
    "SelfChosen",
    "experiments",
    "front_running",
    "key_of",
    "partition",
    "reorganisation",
    "table",
    "takeover_chance",
]


class NameTaken(LocalError):
    """Somebody has this name already, and the scheme says so."""


class Scheme(Protocol):
    """A way to name keys.

    `claim` asks for a wish and returns the name that others may now use; `look_up` returns every key that an
    asker has to reckon with under that name; `helper_dies` ends whatever the scheme cannot do without, if
    there is such a thing; `helper_cheats` lets it give the name to another key, and says whether it can.
    """

    title: str

    def claim(self, person: str, wish: str) -> str:
        """Ask for a wish. Raises NameTaken if the scheme knows that somebody has it."""

    def look_up(self, asker: str, name: str) -> set[PublicKey]:
        """All keys under the name. Raises Closed if nobody is left to ask."""

    def helper_dies(self) -> None:
        """The end of the one server, if there is one."""

    def helper_cheats(self, name: str, thief: str) -> bool:
        """Whether somebody in between can hand the name to a thief."""


class Registry:
    """One list on one server: first come, first served, by the word of who runs it."""

    title = "registry"

    def __init__(self) -> None:
        self._list: dict[str, PublicKey] = {}
        self._running = True

    def claim(self, person: str, wish: str) -> str:
        """The wish itself, if it is free."""
        self._ask()
        if wish in self._list:
            raise NameTaken(f"{wish!r} is taken")
        self._list[wish] = key_of(person)
        return wish

    def look_up(self, asker: str, name: str) -> set[PublicKey]:
        """The key on the list."""
        self._ask()
        return {self._list[name]} if name in self._list else set()

    def helper_dies(self) -> None:
        """The server stops."""
        self._running = False

    def helper_cheats(self, name: str, thief: str) -> bool:
        """Who runs the list can write anything into it, and so can a court, or a burglar."""
        self._list[name] = key_of(thief)
        return True

    def _ask(self) -> None:
        if not self._running:
            raise Closed("the registry does not answer any more")


class SelfChosen:
    """Everybody says who they are, and everybody hears all of it."""

    title = "self-chosen"

    def __init__(self) -> None:
        self._said: list[tuple[str, PublicKey]] = []

    def claim(self, person: str, wish: str) -> str:
        """The wish itself; nobody is there to object."""
        self._said.append((wish, key_of(person)))
        return wish

    def look_up(self, asker: str, name: str) -> set[PublicKey]:
        """Everybody who says so."""
        return {key for said, key in self._said if said == name}

    def helper_dies(self) -> None:
        """There is no helper."""

    def helper_cheats(self, name: str, thief: str) -> bool:
        """Nobody is in between; a thief just says the name too, which is the first trial."""
        return False


class Fingerprint:
    """The key is the name, written as proquints."""

    title = "fingerprint"

    def claim(self, person: str, wish: str) -> str:
        """The key in words; the wish plays no part."""
        return proquint.encode(key_of(person).raw)

    def look_up(self, asker: str, name: str) -> set[PublicKey]:
        """The key that the name spells."""
        return {PublicKey(proquint.decode(name))}

    def helper_dies(self) -> None:
        """There is no helper."""

    def helper_cheats(self, name: str, thief: str) -> bool:
        """Nobody is in between, and another key has another name."""
        return False


class Petnames:
    """Everybody has a list of their own, and nobody else's is asked."""

    title = "petnames"

    def __init__(self, people: tuple[str, ...] = ("asker", "other asker")) -> None:
        self._contacts = {person: Contacts() for person in people}

    def claim(self, person: str, wish: str) -> str:
        """The wish, as the first asker's name for this person, who has to be met for that.

        The second asker met somebody else of that name, as happens. Whoever comes to an asker with a name
        that is in use there is given another.
        """
        first, second = self._contacts.values()
        try:
            first.assign(key_of(person), wish)
        except UsageError:
            raise NameTaken(f"the asker calls somebody else {wish!r}") from None
        second.assign(key_of(f"another {wish}"), wish)
        return wish

    def look_up(self, asker: str, name: str) -> set[PublicKey]:
        """Whom the asker calls so."""
        return {self._contacts[asker].resolve(name)}

    def helper_dies(self) -> None:
        """There is no helper."""

    def helper_cheats(self, name: str, thief: str) -> bool:
        """The list is at home."""
        return False


class Ledger:
    """A list that nobody runs and all agree on: the longest chain of claims."""

    title = "ledger"

    def __init__(self) -> None:
        self._chain = Chain(commit_first=True)

    def claim(self, person: str, wish: str) -> str:
        """The wish itself, if no earlier block has it: one block with the commitment, one with the name."""
        if wish in self._chain.owners():
            raise NameTaken(f"{wish!r} is in the ledger")
        register(self._chain, person, wish)
        return wish

    def look_up(self, asker: str, name: str) -> set[PublicKey]:
        """The owner, by anybody's copy."""
        owners = self._chain.owners()
        return {owners[name]} if name in owners else set()

    def helper_dies(self) -> None:
        """No single server; everybody has a copy. (What a partition does to it: `partition`.)"""

    def helper_cheats(self, name: str, thief: str) -> bool:
        """Who makes more blocks than all others rewrites the past. See `reorganisation`."""
        branch = Chain(commit_first=True)
        register(branch, thief, name)
        while len(branch.blocks) <= len(self._chain.blocks):
            branch.add()
        self._chain = longest(self._chain, branch)
        return self._chain.owners()[name] == key_of(thief)


@dataclass(frozen=True, slots=True)
class Row:
    """What came out of the trials of one scheme.

    Args:
        scheme: its title.
        meaningful: the name is the wish.
        strangers: what a second person gets for the same wish: "refused", "both have it" or "other name".
        same_for_all: two askers who look one name up get the same single key.
        works_alone: names are still found when the one helper is gone.
        can_be_taken: somebody in between can give the name to another key.
        letters: how many characters a person has to carry, remember or spell for "ana".
    """

    scheme: str
    meaningful: bool
    strangers: str
    same_for_all: bool
    works_alone: bool
    can_be_taken: bool
    letters: int


SCHEMES: tuple[Callable[[], Scheme], ...] = (Registry, SelfChosen, Fingerprint, Ledger, Petnames)


def experiments(wish: str = "ana") -> tuple[Row, ...]:
    """Every scheme through every trial, each trial in a fresh world.

    Args:
        wish: the name that everybody wants.
    """
    return tuple(_try(make, wish) for make in SCHEMES)


def table(rows: tuple[Row, ...] | None = None) -> str:
    """The outcome as lines of text, one scheme in each.

    Args:
        rows: from `experiments`; run now if absent.
    """
    head = ("scheme", "meaningful", "2nd wish", "same for all", "alone", "theft", "letters")
    lines = [head, *(_cells(row) for row in (experiments() if rows is None else rows))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    def says(value: bool) -> str:
        return "yes" if value else "no"

    return (
        row.scheme,
        says(row.meaningful),
        row.strangers,
        says(row.same_for_all),
        says(row.works_alone),
        "possible" if row.can_be_taken else "no",
        str(row.letters),
    )


def _try(make: Callable[[], Scheme], wish: str) -> Row:
    name = make().claim("ana", wish)
    return Row(
        scheme=make().title,
        meaningful=name == wish,
        strangers=_second_wish(make(), wish),
        same_for_all=_same_for_all(make(), wish),
        works_alone=_works_alone(make(), wish),
        can_be_taken=_can_be_taken(make(), wish),
        letters=len(name),
    )


def _second_wish(scheme: Scheme, wish: str) -> str:
    first = scheme.claim("ana", wish)
    try:
        second = scheme.claim("a stranger", wish)
    except NameTaken:
        return "refused"
    return "both have it" if first == second else "other name"


def _same_for_all(scheme: Scheme, wish: str) -> bool:
    name = scheme.claim("ana", wish)
    with contextlib.suppress(NameTaken):
        scheme.claim("a stranger", wish)
    return scheme.look_up("asker", name) == scheme.look_up("other asker", name) == {key_of("ana")}


def _works_alone(scheme: Scheme, wish: str) -> bool:
    name = scheme.claim("ana", wish)
    scheme.helper_dies()
    try:
        return key_of("ana") in scheme.look_up("asker", name)
    except Closed:
        return False


def _can_be_taken(scheme: Scheme, wish: str) -> bool:
    name = scheme.claim("ana", wish)
    return scheme.helper_cheats(name, "mal") and scheme.look_up("asker", name) == {key_of("mal")}
