"""Lab 1, task 5: petnames that resist a lookalike. The reference and its probes.

Vocabulary::

    petname    the name that I give to a key
    nickname   the name that a peer gives itself
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.identity.lookalikes import skeleton
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.lab01_identity.spelling import to_proquint

MAX_CHARACTERS = 32  # of a name; a longer one pushes what stands behind it off the screen


class Contacts:
    """My names for keys.

    Two petnames of different keys never look alike, and nothing that a stranger calls himself is shown as
    if it were a petname.
    """

    def __init__(self) -> None:
        self.petnames: dict[PublicKey, str] = {}

    def assign(self, key: PublicKey, petname: str) -> None:
        """Call this key so from now on; a name that it had before is free again.

        Args:
            key: whose name it is.
            petname: 1 to 32 characters, all of which show.

        Raises:
            ValueError: the petname is empty, too long, has characters that do not show, or looks like
                another key's. Then nothing has changed.
        """
        if not skeleton(petname) or len(petname) > MAX_CHARACTERS or not petname.isprintable():
            raise ValueError(f"a petname is 1 to {MAX_CHARACTERS} characters, all of which show")
        for other, taken in self.petnames.items():
            if other != key and skeleton(taken) == skeleton(petname):
                raise ValueError(f"{petname!r} looks like {taken!r}, which is another key")
        self.petnames[key] = petname

    def display(self, key: PublicKey, nickname: str) -> str:
        """What to show where something by this key is shown.

        Args:
            key: the peer's.
            nickname: what the peer calls itself; any text.

        Returns:
            The petname, if the key has one. Otherwise the nickname without what does not show, cut to 32
            characters, in quotes, and the first two proquints of the key: '"Ben" (lusab-babad)'. If it looks
            like a petname, that is said in front: 'not Ben: "BEN" (lusab-babad)'.
        """
        if key in self.petnames:
            return self.petnames[key]
        shown = "".join(c for c in nickname if c.isprintable())[:MAX_CHARACTERS]
        claim = f'"{shown}" ({to_proquint(key.raw[:4])})'
        for taken in self.petnames.values():
            if skeleton(taken) == skeleton(shown):
                return f"not {taken}: {claim}"
        return claim


def key(name: str) -> PublicKey:
    """A key for checking, the same for the same name."""
    return SecretKey.from_seed(name.encode().ljust(32, b"+")).public


BEN, ANA, MAL = key("Ben"), key("Ana"), key("Mal")


def _assign(contacts: Any, petname: str, whose: PublicKey) -> None:
    try:
        contacts.assign(whose, petname)
    except ValueError as error:
        hint = "refuse only what is empty, too long, invisible, or looks like the petname of another key"
        raise Wrong(f"assign refused {petname!a}: {error}", hint) from None


def _expect(contacts: Any, nickname: str, whose: PublicKey, wanted: str, hint: str) -> None:
    got = contacts.display(whose, nickname)
    if got != wanted:
        shown = nickname if len(nickname) <= MAX_CHARACTERS else f"{nickname[:8]}..."
        raise Wrong(f"display(key, {shown!a}) gave {got!a}, expected {wanted!a}", hint)


def _words(whose: PublicKey) -> str:
    return to_proquint(whose.raw[:4])


def names_and_strangers(yours: Callable[[], Any]) -> None:
    """A petname is shown whatever its owner calls himself; a stranger's nickname never alone."""
    contacts = yours()
    _assign(contacts, "Ben", BEN)
    _expect(contacts, "Ben", BEN, "Ben", "a key that has a petname is shown under it")
    _expect(contacts, "DJ Benno", BEN, "Ben", "the petname is mine: what he calls himself does not change it")
    wanted = f'"Dev" ({_words(MAL)})'
    _expect(
        contacts,
        "Dev",
        MAL,
        wanted,
        "a stranger's nickname is shown in quotes, with two proquints of his key",
    )
    _expect(yours(), "Ben", BEN, f'"Ben" ({_words(BEN)})', _SHARED)


_SHARED = "a dict in the class body belongs to all Contacts: make it in __init__"


def impersonators(*nicknames: tuple[str, str, str]) -> Case:
    """A probe: strangers whose nickname looks like a petname.

    Args:
        nicknames: (nickname, how it may be shown, the hint).
    """

    def probe(yours: Callable[[], Any]) -> None:
        contacts = yours()
        _assign(contacts, "Ben", BEN)
        for nickname, shown, hint in nicknames:
            _expect(contacts, nickname, MAL, f'not Ben: "{shown}" ({_words(MAL)})', hint)

    return probe


def never_merged(*petnames: str) -> Case:
    """A probe: none of these may be assigned to a second key beside Ben, and trying changes nothing."""

    def probe(yours: Callable[[], Any]) -> None:
        for petname in petnames:
            contacts = yours()
            _assign(contacts, "Ben", BEN)
            _assign(contacts, "Mal", MAL)
            if not _refuses(contacts, MAL, petname, ascii(petname)):
                hint = "compare skeletons of all petnames of other keys, and raise ValueError"
                raise Wrong(f"Mal may be called {petname!a} beside Ben", hint)
            hint = "check first, then change: a refused name must change nothing"
            _expect(contacts, "", BEN, "Ben", hint)
            _expect(contacts, "", MAL, "Mal", hint)

    return probe


def renaming(yours: Callable[[], Any]) -> None:
    """A key can be renamed, also to a lookalike of its own name, and its old name is free."""
    contacts = yours()
    _assign(contacts, "Ben", BEN)
    _assign(contacts, "BEN", BEN)
    _assign(contacts, "Ben from work", BEN)
    _expect(contacts, "", BEN, "Ben from work", "the last petname counts")
    _assign(contacts, "Ben", MAL)
    _expect(contacts, "", MAL, "Ben", "a name that has been given up is free again")
    _expect(contacts, "", BEN, "Ben from work", "a key keeps its name when its old one is given away")


def unfit(*petnames: tuple[str, str]) -> Case:
    """A probe: petnames that are refused by themselves.

    Args:
        petnames: (petname, what is wrong with it).
    """

    def probe(yours: Callable[[], Any]) -> None:
        for petname, what in petnames:
            contacts = yours()
            if not _refuses(contacts, BEN, petname, f"a petname that {what}"):
                hint = "petnames are 1 to 32 characters, all of which show"
                raise Wrong(f"it took a petname that {what}", hint)
            hint = "check first, then change: a refused name must change nothing"
            _expect(contacts, "Dev", BEN, f'"Dev" ({_words(BEN)})', hint)

    return probe


def _refuses(contacts: Any, whose: PublicKey, petname: str, what: str) -> bool:
    """Whether assign refuses a petname with a ValueError; another error is `Wrong`."""
    try:
        contacts.assign(whose, petname)
    except NotImplementedError:
        raise
    except ValueError:
        return True
    except Exception as error:
        hint = "raise ValueError: that is what the task promises, and what callers catch"
        raise Wrong(f"assign({what}) raised {type(error).__name__}", hint) from None
    return False


def every_petname_counts(yours: Callable[[], Any]) -> None:
    """Not only the first petname of the list is compared with what comes."""
    contacts = yours()
    for petname, whose in (("Ana", ANA), ("Ben", BEN), ("Mal", MAL)):
        _assign(contacts, petname, whose)
    stranger = key("a stranger")
    for petname in ("Ana", "Ben", "Mal"):
        hint = "compare it with every petname, not only with the first"
        claim = f'"{petname.upper()}" ({_words(stranger)})'
        _expect(contacts, petname.upper(), stranger, f"not {petname}: {claim}", hint)
        if not _refuses(contacts, stranger, petname.upper(), petname.upper()):
            raise Wrong(f"a stranger may be called {petname.upper()!r} beside Ana, Ben and Mal", hint)


def longest(yours: Callable[[], Any]) -> None:
    """32 characters are allowed."""
    contacts, petname = yours(), "B" * MAX_CHARACTERS
    try:
        contacts.assign(BEN, petname)
    except ValueError:
        hint = "32 are allowed: refuse what has more"
        raise Wrong(f"it refused a petname of {MAX_CHARACTERS} characters", hint) from None
    _expect(contacts, "Ben", BEN, petname, "a key that has a petname is shown under it")


def long_nickname(yours: Callable[[], Any]) -> None:
    """Ten thousand characters do not fill the screen."""
    contacts = yours()
    _expect(
        contacts,
        "B" * 10_000,
        MAL,
        f'"{"B" * MAX_CHARACTERS}" ({_words(MAL)})',
        "cut a nickname to 32 characters",
    )
    hidden_first = "\u200b" * MAX_CHARACTERS + "Dev"
    _expect(
        contacts,
        hidden_first,
        MAL,
        f'"Dev" ({_words(MAL)})',
        "first drop what does not show, then cut, or 32 hidden characters are all that is left",
    )
    _assign(contacts, "B" * MAX_CHARACTERS, BEN)
    _expect(
        contacts,
        "B" * 40,
        MAL,
        f'not {"B" * MAX_CHARACTERS}: "{"B" * MAX_CHARACTERS}" ({_words(MAL)})',
        "compare what is shown, after the cut: that is what the eye compares",
    )


def _plain(text: str, hint: str) -> tuple[str, str, str]:
    return text, text, hint


_COMPARE = "compare the skeletons of nickname and petnames, not the names"
_SHOWN = "of a stranger's nickname, show only the characters for which isprintable() is true"

CASES: Sequence[Case] = (
    names_and_strangers,
    impersonators(_plain("Ben", "a stranger who takes a petname is called out: not Ben: ...")),
    impersonators(_plain("BEN", _COMPARE), _plain("Bеn", _COMPARE), _plain("Ｂen", _COMPARE)),
    impersonators(("B\u200den", "Ben", _SHOWN), ("\u202eBen", "Ben", _SHOWN), ("Ben\n", "Ben", _SHOWN)),
    never_merged("Ben", "ben", "Вen", "Bеn"),
    renaming,
    unfit(
        ("", "is empty"),
        ("   ", "is nothing but spaces"),
        ("Be\u200dn", "has a zero-width joiner in it"),
        ("\u202eneB", "turns the text around"),
        ("B\ten", "has a tab in it"),
        ("B" * 33, "has 33 characters"),
    ),
    longest,
    long_nickname,
    every_petname_counts,
)

CONTACTS = Task(
    "Contacts",
    Contacts,
    cases=CASES,
    hint="a dict from keys to petnames is all the memory it needs",
)
