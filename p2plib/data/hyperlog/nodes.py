"""Nodes: what one entry of a hyperlog is, and what its key is. Codec.

npm's `hyperlog` 4.12.1, `lib/hash.js`. A node's key is the hash of what it links to and of its value::

    key = hex(SHA-256(frame(link) for each link, in their order ‖ frame(value)))
    frame(bytes) = the number of bytes, in decimal ‖ "\\n" ‖ the bytes

A link is the key of another node, so a key covers everything that can be reached from it, and no node can
link to itself or to one that comes after it: to do so its writer would need the key before there was one.

Vocabulary::

    node    links and a value, for example () and b"hello"; its key is 8c7efb22...
    log     the name of one writer's sequence, for example "alice"
    seq     the place of a node in that sequence, from 1
    entry   "number `seq` of log `log` is this node"; the key does *not* cover log and seq

The last sentence of the vocabulary is the weakness of the format. Two writers that write the same value after
the same links have written one node, which is then an entry of both logs; and anybody can claim that a node
is number 7 of somebody's log. `identity` and `signature` are there for applications that sign; see
`p2plib.data.hyperlog.signed`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from p2plib.errors import InvalidEntry, UsageError
from p2plib.wire.fields import Field

KEY_CHARACTERS = 64  # SHA-256 in hexadecimal digits, lower case
MAX_VALUE_BYTES = 1024 * 1024
MAX_LINKS = 1024  # a node that merges more branches than this can do it in two steps
MAX_LOG_BYTES = 256  # of a log's name in UTF-8; those of npm have 25
MAX_PROOF_BYTES = 1024  # of `identity`, and of `signature`
MAX_SEQ = 2**32 - 1  # the wire has a uint32

_KEY = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class HyperlogNode:
    """One entry of one log. `make` makes one and works the key out; `check` looks at one that came from
    elsewhere.

    Args:
        key: the hash of links and value, 64 hexadecimal digits.
        links: keys of the nodes that its writer had seen, in the writer's order.
        value: what it says.
        log: whose sequence it is an entry of.
        seq: its number there, from 1.
        identity: who signed it, in the application's form; None if nobody did.
        signature: the signature, in the application's form.
    """

    key: str
    links: tuple[str, ...]
    value: bytes
    log: str
    seq: int
    identity: bytes | None = None
    signature: bytes | None = None


def framed(part: bytes) -> bytes:
    """A byte string with its length in front, as it goes into the hash."""
    return b"%d\n%s" % (len(part), part)


def key_of(links: Sequence[str], value: bytes) -> str:
    """The key of a node.

    Args:
        links: keys, in their order: another order is another node.
        value: any bytes.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for link in links:
        digest.update(framed(link.encode()))
    digest.update(framed(value))
    return digest.hexdigest()


def make(links: Sequence[str], value: bytes, log: str, seq: int) -> HyperlogNode:
    """A node of our own.

    Raises:
        UsageError: it breaks a limit, or a link is no key.
    """
    links = tuple(links)
    for link in links:
        if not isinstance(link, str) or not _KEY.match(link):
            raise UsageError(f"a link is a key, {KEY_CHARACTERS} hexadecimal digits, not {link!r}")
    if not isinstance(value, bytes):
        raise UsageError(f"the value of a node is bytes, not {type(value).__name__}")
    node = HyperlogNode(key_of(links, value), links, value, log, seq)
    try:
        check(node)
    except InvalidEntry as error:
        raise UsageError(error.reason) from None
    return node


def check(node: HyperlogNode) -> None:
    """Returns if a node keeps the limits, and its key is the one of its links and value.

    Raises:
        InvalidEntry: it does not; the reason says which rule it breaks.
    """
    if len(node.value) > MAX_VALUE_BYTES:
        raise InvalidEntry(f"a value of {len(node.value)} bytes, where {MAX_VALUE_BYTES} is the most")
    if len(node.links) > MAX_LINKS:
        raise InvalidEntry(f"{len(node.links)} links, where {MAX_LINKS} is the most")
    check_log(node.log)
    if not 1 <= node.seq <= MAX_SEQ:
        raise InvalidEntry(f"a log counts from 1 to {MAX_SEQ}, and this node says {node.seq}")
    for name, proof in (("identity", node.identity), ("signature", node.signature)):
        if proof is not None and len(proof) > MAX_PROOF_BYTES:
            raise InvalidEntry(f"an {name} of {len(proof)} bytes, where {MAX_PROOF_BYTES} is the most")
    for link in node.links:
        if not _KEY.match(link):
            raise InvalidEntry(f"a link is {KEY_CHARACTERS} hexadecimal digits, not {link[:80]!r}")
    if node.key != key_of(node.links, node.value):
        raise InvalidEntry(f"the node's key is {node.key[:80]!r}, but its links and value hash to another")


def check_log(log: str) -> None:
    """Returns if this may be the name of a log.

    Raises:
        InvalidEntry: it is empty, longer than `MAX_LOG_BYTES`, or no text that UTF-8 can write.
    """
    try:
        size = len(log.encode())
    except UnicodeEncodeError:
        raise InvalidEntry("the name of a log has half of a surrogate pair in it") from None
    if not 1 <= size <= MAX_LOG_BYTES:
        raise InvalidEntry(f"the name of a log has 1 to {MAX_LOG_BYTES} bytes, not {size}")


def dissect_hashed(links: Sequence[str], value: bytes) -> tuple[Field, ...]:
    """The parts of what is hashed for a node's key."""
    parts = list[Field]()
    for number, link in enumerate(links, start=1):
        parts.append(
            Field(f"link {number}: length", b"%d\n" % len(link.encode()), "decimal, and a line feed")
        )
        parts.append(Field(f"link {number}", link.encode(), "the key of another node, as text"))
    parts.append(Field("value: length", b"%d\n" % len(value), "decimal, and a line feed"))
    parts.append(Field("value", value))
    return tuple(parts)
