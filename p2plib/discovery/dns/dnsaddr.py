"""dnsaddr: whole multiaddrs behind a name, as libp2p's bootstrap nodes are found. A driver.

`/dnsaddr/bootstrap.p2p.test` stands for addresses in TXT records of `_dnsaddr.bootstrap.p2p.test`, each of
them `dnsaddr=` and a multiaddr, which may be of this kind again (multiaddr's specification of dnsaddr)::

    _dnsaddr.bootstrap.p2p.test.  TXT  "dnsaddr=/ip4/192.0.2.7/tcp/4001/p2p/12D3Koo…"
    _dnsaddr.bootstrap.p2p.test.  TXT  "dnsaddr=/dnsaddr/lisbon.p2p.test/p2p/12D3Koo…"

Rules
    1. What stands behind the name in the address that was asked for must stand at the end of each result:
       whoever asks for a peer by its id gets that peer's addresses and no others.
    2. It goes `MAX_DEPTH` names deep and asks `MAX_QUESTIONS` questions at most, each name once; more than
       `MAX_RESULTS` results are left out. A zone that leads in circles, or grows like a tree, costs no more.
    3. A text that is none of ours, or no multiaddr, or has a dnsaddr further on, is skipped and counted. So
       is an address where no peer can be, see rule 5 of `p2plib.discovery.dns.resolver`.
"""

from __future__ import annotations

from p2plib.discovery.dns.resolver import Resolver
from p2plib.errors import DecodeError, PeerTimeout, RequestRefused, Unreachable, UsageError
from p2plib.wire.multiaddr import Component, Multiaddr, parse

PREFIX, TEXT = "_dnsaddr.", b"dnsaddr="
MAX_DEPTH = 4  # the public bootstrap list is two deep
MAX_QUESTIONS = 32
MAX_RESULTS = 128


async def resolve_dnsaddr(resolver: Resolver, address: Multiaddr) -> list[Multiaddr]:
    """The addresses that a dnsaddr stands for, each once.

    Args:
        resolver: what asks.
        address: one that begins with `/dnsaddr/NAME`; another one stands for itself.

    Returns:
        Addresses without a dnsaddr in them.

    Raises:
        P2PError: as `p2plib.discovery.dns.resolver.Resolver.ask` does, for the first name; trouble with
            further ones is counted.
    """
    found: dict[Multiaddr, None] = {}
    waiting = [(address, 0)]
    seen: set[tuple[str, tuple[Component, ...]]] = set()
    while waiting and len(seen) < MAX_QUESTIONS:
        asked, depth = waiting.pop(0)
        if asked.components[0].name != "dnsaddr":
            found[asked] = None
            continue
        key = asked.components[0].value.lower(), asked.components[1:]
        if key in seen:
            continue
        if depth == MAX_DEPTH:
            resolver.ignored["dnsaddr too deep"] += 1
            continue
        seen.add(key)
        behind = await _behind(resolver, asked, is_first=not depth)
        waiting += [(each, depth + 1) for each in behind]
        if len(found) + len(waiting) > MAX_RESULTS:
            resolver.ignored["too many dnsaddrs"] += len(found) + len(waiting) - MAX_RESULTS
            del waiting[max(0, MAX_RESULTS - len(found)) :]
    if waiting:
        resolver.ignored["too many questions for one dnsaddr"] += len(waiting)
        found.update((each, None) for each, _ in waiting if each.components[0].name != "dnsaddr")
    return list(found)


async def _behind(resolver: Resolver, address: Multiaddr, is_first: bool) -> list[Multiaddr]:
    """What the texts of one name say, as far as it may be used."""
    try:
        texts = await resolver.texts(PREFIX + address.components[0].value)
    except (PeerTimeout, Unreachable, RequestRefused, UsageError):
        if is_first:
            raise
        resolver.ignored["a dnsaddr that cannot be asked for"] += 1
        return []
    suffix = address.components[1:]
    found = []
    for text in texts:
        each = _read(text)
        if each is None:
            resolver.ignored["no dnsaddr"] += 1
        elif any(part.name == "dnsaddr" for part in each.components[1:]):
            resolver.ignored["a dnsaddr behind something else"] += 1
        elif suffix and each.components[-len(suffix) :] != suffix:
            resolver.ignored["a dnsaddr for another peer"] += 1  # rule 1
        elif not _is_usable(resolver, each):
            resolver.ignored["an address where no peer can be"] += 1
        else:
            found.append(each)
    return found


def _read(text: bytes) -> Multiaddr | None:
    """The address in a text; None if there is none."""
    if not text.startswith(TEXT):
        return None
    try:
        return parse(text[len(TEXT) :].decode())
    except (DecodeError, UsageError, UnicodeDecodeError):
        return None


def _is_usable(resolver: Resolver, address: Multiaddr) -> bool:
    """Whether its first component may be used: names are looked up later, and checked then."""
    first = address.components[0]
    return first.name not in ("ip4", "ip6") or resolver.may_use(first.value)
