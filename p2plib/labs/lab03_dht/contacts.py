"""Lab 3, tasks 2 and 3: contacts that a stranger names, and which of them to ask next.

BEP 5 has 26 bytes for a contact: its id, its IPv4 address and its port. How near a node is to an info_hash is
the XOR of the two, read as a number; that is all that a client needs to know about distance.
"""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any

from p2plib.errors import DecodeError
from p2plib.labs.engine.tasks import Case, Mistake, Task, Wrong
from p2plib.machine.addresses import Address, Contact, acceptable

K, ALPHA = 8, 3  # BEP 5: answers have eight contacts; Kademlia's paper asks three at once
CONTACT_BYTES = 26


def read_nodes(raw: bytes, teller: Address) -> list[Contact]:
    """The contacts in the `nodes` of a response.

    Args:
        raw: 26 bytes for each.
        teller: the address that the response came from.

    Raises:
        DecodeError: the bytes are not a multiple of 26.
    """
    if len(raw) % CONTACT_BYTES:
        raise DecodeError(f"{len(raw)} bytes of contacts, and each has {CONTACT_BYTES}")
    contacts = (_contact(raw[at : at + CONTACT_BYTES]) for at in range(0, len(raw), CONTACT_BYTES))
    return [contact for contact in contacts if acceptable(contact.address, teller)]


def _contact(raw: bytes) -> Contact:
    address = socket.inet_ntoa(raw[20:24]), int.from_bytes(raw[24:], "big")
    return Contact(int.from_bytes(raw[:20], "big"), address)


def next_to_ask(
    target: int,
    known: Iterable[Contact],
    asked: set[Contact],
    silent: set[Contact],
    k: int = K,
    alpha: int = ALPHA,
) -> list[Contact]:
    """Whom to ask next for what is near a target.

    Args:
        target: an id or info_hash, as a number.
        known: everybody that was named so far.
        asked: those that were asked.
        silent: those of them that did not answer.
        k: how many are to be found.
        alpha: how many to ask at once.
    """
    living = [contact for contact in known if contact not in silent]
    nearest = sorted(living, key=lambda contact: contact.id ^ target)[:k]
    return [contact for contact in nearest if contact not in asked][:alpha]


# Probes and cases


def packed(ident: int, host: str, port: int) -> bytes:
    """A contact on the wire."""
    return ident.to_bytes(20, "big") + socket.inet_aton(host) + port.to_bytes(2, "big")


WORLD, SITE, MACHINE = ("203.0.113.5", 6881), ("192.168.1.5", 6881), ("127.0.0.1", 6881)
_ANA = packed(7, "203.0.113.9", 6881)
_BEN = packed(1 << 159 | 5, "198.51.100.255", 51_413)
_BAD = [
    packed(8, "203.0.113.10", 0),
    packed(9, "203.0.113.10", 53),
    packed(10, "192.168.1.1", 6881),
    packed(11, "127.0.0.1", 6881),
    packed(12, "224.0.0.1", 6881),
    packed(13, "0.0.0.0", 6881),
]


def instead(error: Exception) -> str:
    """What was raised where DecodeError was expected."""
    name = "struct.error" if isinstance(error, struct.error) else type(error).__name__
    return f"raised {name}, expected DecodeError or ValueError"


def is_cut(raw: bytes, what: str) -> Case:
    """A probe: a wrong number of bytes is refused."""

    def probe(yours: Callable[[bytes, Address], Any]) -> None:
        hint = "26 bytes for each contact: with any other number nobody knows where one begins"
        try:
            got = yours(raw, WORLD)
        except NotImplementedError:
            raise
        except ValueError:
            return
        except (IndexError, OSError, struct.error) as error:
            raise Wrong(f"{what}: it {instead(error)}", "look at the number of bytes first") from None
        except Exception as error:  # whatever it is, it is the wrong kind
            raise Wrong(f"{what}: it {instead(error)}", hint) from None
        raise Wrong(f"{what} gave {got!r:.70}, expected DecodeError or ValueError", hint)

    return probe


def _reading(
    *,
    order: Any = "big",
    port_order: Any = "big",
    step: int = CONTACT_BYTES,
    takes: Callable[[Address, Address], bool] = acceptable,
    first: int = 10**9,
    is_signed: bool = False,
) -> Callable[[bytes, Address], list[Contact]]:
    """A version of `read_nodes` with something changed."""

    def version(raw: bytes, teller: Address) -> list[Contact]:
        if len(raw) % step:
            raise DecodeError("bytes")
        contacts = []
        for at in range(0, len(raw), step):
            host = socket.inet_ntoa(raw[at + 20 : at + 24])
            address = host, int.from_bytes(raw[at + 24 : at + 26], port_order, signed=is_signed)
            contacts.append(Contact(int.from_bytes(raw[at : at + 20], order), address))
        return [contact for contact in contacts if takes(contact.address, teller)][:first]

    return version


def _refuses_all(raw: bytes, teller: Address) -> list[Contact]:
    contacts = _reading(takes=lambda address, teller: True)(raw, teller)
    if len(read_nodes(raw, teller)) < len(contacts):
        raise DecodeError("a bad contact")
    return contacts


def _ends_at_bad(raw: bytes, teller: Address) -> list[Contact]:
    contacts = _reading(takes=lambda address, teller: True)(raw, teller)
    bad = [not acceptable(contact.address, teller) for contact in contacts]
    return contacts[: bad.index(True) if True in bad else len(contacts)]


def _as_bytes(raw: bytes, teller: Address) -> Any:
    return [(contact.id.to_bytes(20, "big"), contact.address) for contact in read_nodes(raw, teller)]


def _contacts_of_bytes(raw: bytes, teller: Address) -> Any:
    return [Contact(contact.id.to_bytes(20, "big"), contact.address) for contact in read_nodes(raw, teller)]  # type: ignore[arg-type]


def _cuts_to_k(raw: bytes, teller: Address) -> list[Contact]:
    return read_nodes(raw, teller)[:K]


def _sorts(raw: bytes, teller: Address) -> list[Contact]:
    return sorted(read_nodes(raw, teller))


def _one_of_each_id(raw: bytes, teller: Address) -> list[Contact]:
    found: dict[int, Contact] = {}
    for contact in read_nodes(raw, teller):
        found.setdefault(contact.id, contact)
    return list(found.values())


def _each_once(raw: bytes, teller: Address) -> list[Contact]:
    return list(dict.fromkeys(read_nodes(raw, teller)))


def _needs_some(raw: bytes, teller: Address) -> list[Contact]:
    if not raw:
        raise DecodeError("nothing")
    return read_nodes(raw, teller)


_ALL = "take all that are there: which of them count is somebody else's business"

READ_NODES = Task(
    "read_nodes",
    read_nodes,
    cases=[
        (_ANA, WORLD),
        (_BEN, WORLD),
        (_ANA + _BEN, WORLD),
        (_BEN + _ANA, WORLD),
        (_ANA + _BEN + packed(7, "198.51.100.3", 4000) + _ANA, WORLD),
        (b"", WORLD),
        (b"".join(packed(i, f"198.51.100.{i}", 7000 + i) for i in range(1, 21)), WORLD),
        is_cut(_ANA[:-1], "25 bytes"),
        is_cut(_ANA + b"x", "27 bytes"),
        is_cut(_ANA[:6], "6 bytes"),
        is_cut((_ANA + _BEN)[:38], "38 bytes, which is one contact of IPv6"),
        (_ANA, SITE),
        (_BAD[0] + _ANA, WORLD),
        (_ANA + b"".join(_BAD) + _BEN, WORLD),
        (_ANA + b"".join(_BAD), SITE),
        (_ANA + b"".join(_BAD), MACHINE),
    ],
    mistakes=[
        Mistake(_contacts_of_bytes, "a list of Contact(id, address), with the id as a number"),
        Mistake(_as_bytes, "a list of Contact(id, address), with the id as a number"),
        Mistake(_reading(order="little"), "the first byte of an id is the high one"),
        Mistake(_reading(port_order="little"), "the first byte of a port is the high one"),
        Mistake(_reading(order="little", port_order="little"), "the first byte of a number is the high one"),
        Mistake(
            _reading(takes=lambda address, teller: acceptable(address, WORLD)),
            "teller is where the response came from: a neighbour on your site may name neighbours",
        ),
        Mistake(_sorts, "in their order: the node has put the nearest first"),
        Mistake(_one_of_each_id, _ALL),
        Mistake(_each_once, _ALL),
        Mistake(_needs_some, "no bytes are no contacts, and that is no error: []"),
        Mistake(
            _reading(takes=lambda address, teller: acceptable(address[0], teller)),  # type: ignore[arg-type]
            "acceptable wants a whole address: a pair of host and port",
        ),
        Mistake(_reading(first=1), "there are several contacts: go on after the first"),
        Mistake(_reading(is_signed=True), "a port goes up to 65535: it has no sign"),
        Mistake(_cuts_to_k, _ALL),
        Mistake(_refuses_all, "one bad contact is left out, and the others are still of use"),
        Mistake(_ends_at_bad, "one bad contact is left out, and those after it are still of use"),
        Mistake(
            _reading(takes=lambda address, teller: address[1] > 0 and acceptable((address[0], 6881), teller)),
            "port 53 is a name server's: acceptable looks at the port, too",
        ),
        Mistake(
            _reading(takes=lambda address, teller: address[1] > 0),
            "ask acceptable(address, teller): a stranger must not send you to your own router",
        ),
        Mistake(
            _reading(takes=lambda address, teller: True),
            "ask acceptable(address, teller) for each contact: to some, nothing can be sent",
        ),
        Mistake(
            _reading(takes=lambda address, teller: acceptable(teller, address)),
            "acceptable wants first the address that was named, and then the teller",
        ),
    ],
    hint="26 bytes each: 20 of id, 4 of host, 2 of port; then leave out those that are not acceptable",
)


def small(*numbers: int) -> list[Contact]:
    """Contacts with small ids, for cases that can be followed by hand."""
    return [Contact(number, (f"10.0.{number}.1", 4000)) for number in numbers]


def _leaves_all(yours: Any) -> None:
    known, asked, silent = small(9, 1, 5), set(small(1)), set(small(9))
    yours(4, known, asked, silent)
    if (known, asked, silent) != (small(9, 1, 5), set(small(1)), set(small(9))):
        raise Wrong("it changed what it was given", "the caller goes on with them: make lists of your own")


def _takes_a_set(yours: Any) -> None:
    got = yours(4, set(small(9, 1, 5, 6)), set(), set(), 8, 2)
    if got != small(5, 6):
        raise Wrong(
            "known as a set: it did not give the nearest", "sort whatever is in known, do not index it"
        )


def _subtracts_sets(target: int, known: Any, *rest: Any) -> list[Contact]:
    return next_to_ask(target, known - rest[1], *rest)


def _cuts_to_alpha_first(
    target: int,
    known: Iterable[Contact],
    asked: set[Contact],
    silent: set[Contact],
    k: int = K,
    alpha: int = ALPHA,
) -> list[Contact]:
    nearest = next_to_ask(target, known, set(), silent, k, alpha)
    return [contact for contact in nearest if contact not in asked]


def _choosing(
    *,
    near: Callable[[int, int], Any] = lambda ident, target: ident ^ target,
    skips_asked_first: bool = False,
    skips_silent: bool = True,
    width: int | None = None,
    k: int | None = None,
    last: bool = False,
) -> Callable[..., list[Contact]]:
    """A version of `next_to_ask` with something changed."""

    def version(
        target: int,
        known: Iterable[Contact],
        asked: set[Contact],
        silent: set[Contact],
        k_given: int = K,
        alpha: int = ALPHA,
    ) -> list[Contact]:
        pool = [one for one in known if not (skips_silent and one in silent)]
        if skips_asked_first:
            pool = [one for one in pool if one not in asked]
        pool.sort(key=lambda one: near(one.id, target), reverse=last)
        free = [one for one in pool[: k or k_given] if one not in asked]
        return free[: width or alpha]

    return version


_CROWD = small(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)

NEXT_TO_ASK = Task(
    "next_to_ask",
    next_to_ask,
    cases=[
        (4, small(5, 6, 12), set(), set()),
        (7, small(3, 8, 6, 4), set(), set()),
        (4, small(1, 2, 5, 9, 6, 12), set(), set()),
        (0, [], set(), set()),
        (4, small(5, 6, 12, 1), set(small(5)), set()),
        (4, small(5, 6, 12, 1), set(small(5, 6, 12, 1)), set()),
        (0, _CROWD, set(small(1, 2, 3, 4, 5, 6, 7, 8)), set()),
        (0, _CROWD, set(small(1, 2, 3, 4, 5, 6)), set()),
        (0, _CROWD, set(small(1, 2, 3, 4, 5, 6, 7, 8)), set(small(2, 5))),
        (0, _CROWD, set(small(1, 2)), set(small(1, 2)), 2),
        (0, _CROWD, set(), set(), 5, 4),
        (0, _CROWD, set(small(1, 2)), set(), 3, 3),
        (15, _CROWD, set(), set(), 8, 12),
        _takes_a_set,
        _leaves_all,
    ],
    mistakes=[
        Mistake(_choosing(near=lambda ident, target: abs(ident - target)), "nearness is XOR: id ^ target"),
        Mistake(_subtracts_sets, "known may be a list, from which no set can be taken away: go through it"),
        Mistake(
            _choosing(near=lambda ident, target: (ident ^ target).bit_length()),
            "all bits of the XOR count, not only where the highest of them is",
        ),
        Mistake(_choosing(near=lambda ident, target: ident), "nearest to the target: id ^ target"),
        Mistake(_choosing(near=lambda ident, target: 0), "nearest first: sort by id ^ target"),
        Mistake(_choosing(last=True), "nearest first, and these are the farthest"),
        Mistake(_choosing(width=10**9), "at most alpha at once"),
        Mistake(
            _choosing(skips_asked_first=True),
            "first the k nearest, then those of them not asked yet: when all k were asked, it is over",
        ),
        Mistake(
            _choosing(skips_silent=False),
            "a node that was silent no longer counts among the k nearest: the next one moves up",
        ),
        Mistake(_cuts_to_alpha_first, "cut to alpha last: leave out those asked already before that"),
        Mistake(_choosing(k=K), "k is an argument: it is not always 8"),
        Mistake(_choosing(width=ALPHA), "alpha is an argument: it is not always 3"),
    ],
    hint="leave out the silent, sort by id ^ target, cut to k, leave out the asked, cut to alpha",
)


def any_choice(seed: int) -> tuple[Any, ...]:
    """A case of `next_to_ask`, for hidden tests."""
    rng = random.Random(seed)
    known = [Contact(rng.getrandbits(160), (f"10.{i}.{rng.randrange(9)}.1", 4000 + i)) for i in range(40)]
    target = rng.getrandbits(160)
    asked = set(sorted(known, key=lambda one: one.id ^ target)[: rng.randrange(3, 12)])
    silent = {one for one in sorted(asked) if rng.random() < 0.4}
    return target, known, asked, silent, rng.randrange(3, 12), rng.randrange(1, 6)
