"""Lists of hardcoded peers: a strict reader, a kind one that says what it fixed, and a writer. A codec.

A list is a JSON array of texts, each a multiaddr (`p2plib.wire.multiaddr`)::

    [
      "/ip4/192.0.2.1/udp/4001/p2p/12D3KooWAKjQmHAQMi1wWuXWyejwcCxACpq6wHwLz5EVQAzSPD9U",
      "/dns4/seed.example.org/tcp/4001"
    ]

Rules of a list
    1. JSON as RFC 8259 has it, UTF-8, at most `MAX_CHARACTERS` and `MAX_ENTRIES`.
    2. An entry is a multiaddr in its one spelling. It begins with a host (ip4, ip6, dns, dns4, dns6) and a
       port of TCP or UDP, or it is a `dnsaddr`, which names a place to ask for more of them.
    3. A numeric host is one where a peer can be, and no port is 0.
    4. No entry is there twice.
    5. A peer id at the end is not demanded. Without one, whoever answers there is believed.

`read_list` raises at the first rule that is broken. `fix_list` reads line by line what people really write,
JSON or not: it turns what it understands into entries, and says for each line what it changed and why it
dropped what it dropped. It never guesses a port, a transport or a key.

Vocabulary::

    entry   one address of a list, such as /ip4/192.0.2.1/udp/4001
    fix     a sentence on what a line said and what was made of it
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from p2plib.errors import DecodeError, RemoteError, UsageError
from p2plib.identity import ids
from p2plib.machine.addresses import Scope, scope_of
from p2plib.wire import canonical_json, multiaddr, multibase, multicodec, multihash
from p2plib.wire.multiaddr import Multiaddr

MAX_CHARACTERS = 65_536  # a thousand entries of the usual length
MAX_ENTRIES = 1000
MAX_LINE = 1024  # characters that `fix_list` looks at; longer lines are no addresses

HOSTS = ("ip4", "ip6", "dns", "dns4", "dns6")
# URLs that people write instead of multiaddrs, and what follows the port.
SCHEMES = {"tcp": "tcp", "udp": "udp", "utp": "udp", "quic": "udp", "ws": "tcp", "wss": "tcp"}
BEHIND = {"utp": "/utp", "quic": "/quic-v1", "ws": "/ws", "wss": "/tls/ws"}

_URL = re.compile(r"([a-z]+)://(\[[0-9A-Fa-f:.]+\]|[^/:\s\[\]]+):(\d{1,5})/?", re.ASCII)
_QUOTED = re.compile(r'"([^"]*)"')
_HASHED_ID = re.compile(r"Qm[1-9A-HJ-NP-Za-km-z]{44}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fixed:
    """One line of a list, as `fix_list` understood it.

    Args:
        line: its number, from 1 on.
        said: what stood there, without the blanks around it.
        entry: what was made of it; None if nothing could be.
        fixes: what was changed, or why it was dropped, one sentence each; none if all was well.
    """

    line: int
    said: str
    entry: Multiaddr | None
    fixes: tuple[str, ...] = ()


def check_entry(entry: Multiaddr) -> None:
    """Returns if an address can stand in a list.

    Raises:
        DecodeError: it breaks rule 2 or 3.
    """
    names = entry.names
    if names[0] == "dnsaddr":
        if names[1:] not in ((), ("p2p",)):
            raise DecodeError(f"{entry}: nothing but a peer id follows a dnsaddr")
        return
    if names[0] not in HOSTS or len(names) < 2 or names[1] not in ("tcp", "udp"):
        raise DecodeError(f"{entry}: an entry begins with a host, then a port of TCP or UDP")
    if names[0] in ("ip4", "ip6") and scope_of(entry.components[0].value) is Scope.NOWHERE:
        raise DecodeError(f"{entry}: no peer can be at {entry.components[0].value}")
    if entry.components[1].value == "0":
        raise DecodeError(f"{entry}: nobody listens on port 0")


def read_list(text: str | bytes) -> tuple[Multiaddr, ...]:
    """The entries of a list, in its order.

    Raises:
        DecodeError: it breaks a rule of the module's head; the offset is that of the broken entry.
    """
    found = canonical_json.parse(text, max_characters=MAX_CHARACTERS)
    if not isinstance(found, list):
        raise DecodeError("a list of peers is a JSON array", 0)
    if len(found) > MAX_ENTRIES:
        raise DecodeError(f"a list has at most {MAX_ENTRIES} entries, not {len(found)}")
    characters = text if isinstance(text, str) else text.decode()
    entries: dict[Multiaddr, None] = {}
    at = 0
    for number, item in enumerate(found, 1):
        if not isinstance(item, str):
            raise DecodeError(f"entry {number} is not a text")
        place = characters.find(f'"{item}"', at)  # not found if it was written with escapes
        at = max(at, place + len(item))
        try:
            entry = _entry(item)
            if entry in entries:
                raise DecodeError("it is there twice")
        except DecodeError as error:
            offset = None if place < 0 else place + 1 + (error.offset or 0)
            raise DecodeError(f"entry {number}: {error.rule}", offset) from None
        entries[entry] = None
    return tuple(entries)


def _entry(text: str) -> Multiaddr:
    entry = multiaddr.parse(text)
    if str(entry) != text:
        raise DecodeError(f"not in its one spelling, which is {entry}")
    check_entry(entry)
    return entry


def write_list(entries: tuple[Multiaddr, ...] | list[Multiaddr]) -> str:
    """The list that has these entries, one a line; `read_list` reads it back.

    Raises:
        UsageError: it would break one of the rules.
    """
    text = canonical_json.encode([str(entry) for entry in entries])
    try:
        read_list(text)
    except DecodeError as error:
        raise UsageError(f"that is no list of peers: {error}") from None
    return text


def kind_of_id(entry: Multiaddr) -> str:
    """What the peer id of an entry is made of.

    Returns:
        "Ed25519", "Secp256k1" and so on where the id holds the key; "hash" where it is the SHA-256 of a key,
        as it is for RSA; "none" where the entry has no id.
    """
    peer = entry.value("p2p")
    if peer is None:
        return "none"
    found = multihash.decode(multibase.base58btc_decode(peer))
    if found.code == multicodec.SHA2_256:
        return "hash"
    try:
        key = ids.decode_peer_key(found.digest)
    except RemoteError:
        return "unknown"
    return getattr(key, "kind", "Ed25519")


# The kind reader


def fix_list(text: str) -> tuple[Fixed, ...]:
    """What can be made of a text that was meant to be a list; never raises for what is in it.

    Args:
        text: anything; the first `MAX_CHARACTERS` of it are read.

    Returns:
        One `Fixed` for each line that says something, in order; brackets alone, blanks and comments say
        nothing.
    """
    found: list[Fixed] = []
    known: dict[Multiaddr, int] = {}
    room = MAX_CHARACTERS - len("[\n]\n")
    for number, line in enumerate(text[:MAX_CHARACTERS].splitlines(), 1):
        said = line.strip()
        if not said.strip("[]{},") or said.startswith(("#", "//")):
            continue
        for part in _parts(said):
            if len(known) == MAX_ENTRIES:
                return tuple(found)
            fixed = _fixed(number, part)
            if fixed.entry in known:
                earlier = f"dropped: line {known[fixed.entry]} says the same"
                fixed = Fixed(number, part, None, (*fixed.fixes, earlier))
            elif fixed.entry is not None:
                room -= len(f'  "{fixed.entry}",\n')
                if room < 0:  # what was fixed can be longer than what was there
                    return tuple(found)
                known[fixed.entry] = number
            found.append(fixed)
    return tuple(found)


def entries_of(fixed: tuple[Fixed, ...]) -> tuple[Multiaddr, ...]:
    """The entries that `fix_list` could make, in order."""
    return tuple(each.entry for each in fixed if each.entry is not None)


def _parts(said: str) -> list[str]:
    """A line with several entries, as in JSON without line breaks, is several lines."""
    inner = said.strip("[]{}, ")
    quoted = _QUOTED.findall(inner)
    if ":" in _QUOTED.sub("", inner):  # a key and its value
        return [inner]
    return [f'"{each}"' for each in quoted] if len(quoted) > 1 else [inner]


def _fixed(number: int, said: str) -> Fixed:
    fixes: list[str] = []
    try:
        entry = _understood(said[: MAX_LINE + 1], fixes)
        check_entry(entry)
    except RemoteError as error:
        reason = error.rule if isinstance(error, DecodeError) else str(error)
        return Fixed(number, said[:MAX_LINE], None, (*fixes, f"dropped: {reason}"))
    if kind_of_id(entry) == "hash":
        fixes.append("kept: its id is the hash of a key, as RSA keys have it; it can be compared, not read")
    return Fixed(number, said, entry, tuple(fixes))


def _understood(said: str, fixes: list[str]) -> Multiaddr:
    if len(said) > MAX_LINE:
        raise DecodeError(f"more than {MAX_LINE} characters")
    place, peer = _place_and_peer(said, fixes)
    url = _URL.fullmatch(place)
    if url:
        scheme, host, port = url.groups()
        place = _of_url(scheme, host, port, fixes)
    elif not place.startswith("/"):
        raise DecodeError("neither a multiaddr nor a URL with a transport and a port")
    if "/ipfs/" in place:
        place = place.replace("/ipfs/", "/p2p/")
        fixes.append("/ipfs/ is the old name of /p2p/")
    if place.endswith("/") and len(place) > 1:
        place = place.rstrip("/")
        fixes.append("a slash at the end names nothing")
    entry = multiaddr.parse(place)
    if str(entry) != place:
        fixes.append("written in its one spelling")
    return entry.with_peer(peer) if peer and entry.names[-1] != "p2p" else entry


def _place_and_peer(said: str, fixes: list[str]) -> tuple[str, str]:
    """The part that is an address, and the id that stood beside it, or ""."""
    quoted = _QUOTED.findall(said)
    if len(quoted) == 2:
        fixes.append("a key and a value, where an array holds only values: the id goes after the address")
        peer, place = quoted if not _HASHED_ID.fullmatch(quoted[1]) else reversed(quoted)
        return place.strip(), peer.strip()
    if len(quoted) == 1:
        return quoted[0].strip(), ""
    fixes.append("put in quotes, which JSON demands")
    return said.strip("', \"").strip(), ""


def _of_url(scheme: str, host: str, port: str, fixes: list[str]) -> str:
    if scheme not in SCHEMES:
        raise DecodeError(f"no transport here is called {scheme!r}")
    fixes.append(f"{scheme}://, a URL: written as a multiaddr")
    host = host.strip("[]")
    try:
        kind = f"ip{ipaddress.ip_address(host).version}"
    except ValueError:
        kind = "dns"
    return f"/{kind}/{host}/{SCHEMES[scheme]}/{int(port)}{BEHIND.get(scheme, '')}"
