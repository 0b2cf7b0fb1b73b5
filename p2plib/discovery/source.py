"""Source: the one shape of every way to find peers.

A key that is worth looking for is worth hiding a little: a source is asked for a *topic*, the SHA-1 of the
key's name, as npm's discovery-channel does it. Whoever carries the question learns 20 bytes and not the name.
A name that can be guessed is not hidden, because anybody can hash a guess.

Rules that every source keeps, and that `p2plib.discovery.conformance` checks::

    1. It is used with `async with`. After the block no task, socket or timer of it is left, whatever
       happened.
    2. `announce` returns when somebody has been told, and then keeps it true, by renewing, until `withdraw`
       or the end of the block. A topic that is announced again has the new port from then on. Calls for a
       topic may overlap: the last one counts, whatever order the earlier ones end in.
    3. Nobody reached is `PeerTimeout` or `Unreachable`, a clear no is `RequestRefused`: never silence.
    4. `lookup` gives each address at most once, each as soon as it is known, and comes to an end by itself.
    5. An end with nothing found is an answer. That nobody could be asked is an error, as in rule 3.
    6. What strangers say is filtered before it is given: no address where no peer can be, no port 0, and
       never more than `MAX_FOUND` for one lookup. What is dropped is counted by reason in `ignored`.
    7. Nothing that strangers send makes a call raise anything but the errors of rule 3.
    8. A lookup may be left at any time, and any call cancelled at any await: the source stays usable.
    9. After its block every call raises `Closed`.

Vocabulary::

    key       what the application calls it: a name, such as "cats of Lisbon"
    topic     its 20-byte hash, which is all that a source is told
    found     an address where somebody says a peer for the topic is; not yet a peer that answers
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from p2plib.errors import UsageError
from p2plib.machine.addresses import MAX_PORT, Address

TOPIC_BYTES = 20  # of SHA-1: the size of an info_hash, so that a topic fits a DHT and a tracker as it is
MAX_FOUND = 1_000  # for one lookup: more than anybody can connect to, and little enough to hold


@dataclass(frozen=True, slots=True)
class Found:
    """Where somebody says that a peer is.

    Args:
        address: the host and port to connect to.
        source: the name of the source that said so, such as "mdns".
        said_by: a tracker, a node, a name server, as text: who told the source; "" where it cannot tell.
        peer: who is there, where the source knows: a peer id or public key as text; "" otherwise.
    """

    address: Address
    source: str
    said_by: str = ""
    peer: str = ""


class Source(Protocol):
    """One way to find peers.

    Attributes:
        name: a short word for it, such as "mdns"; it stands in each `Found`.
        ignored: how much of what strangers sent was dropped, by reason.
    """

    name: str
    ignored: Counter[str]

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def announce(self, topic: bytes, port: int) -> None:
        """Tells others that a peer for the topic is here, and keeps it true until `withdraw`.

        Args:
            topic: 20 bytes, see `topic_of`.
            port: where the peer listens, 1 to 65535; the host is the one that others see.

        Raises:
            PeerTimeout: nobody answered.
            Unreachable: there is no way to anybody.
            RequestRefused: somebody answered, and refused.
            UsageError: the topic or the port cannot be one.
            Closed: the block is over.
        """

    async def withdraw(self, topic: bytes) -> None:
        """Stops announcing, and says so where the protocol has a word for it; a second time does nothing.

        Others may go on naming us until what they heard runs out. Trouble on the way is counted, not raised:
        there is nothing that the caller could do about it.
        """

    def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        """Looks for peers, and gives each as soon as it is known; leave it with `contextlib.aclosing`.

        Raises:
            PeerTimeout: nobody answered.
            Unreachable: there is no way to anybody.
            RequestRefused: somebody answered, and refused.
            UsageError: the topic cannot be one.
            Closed: the block is over.
        """


def topic_of(key: str | bytes) -> bytes:
    """The topic of a key: the SHA-1 of its bytes, as in discovery-channel 5.

    Args:
        key: a name, or bytes that name something, such as a public key.

    Returns:
        20 bytes.

    Raises:
        UsageError: the text has no form in UTF-8, as a name typed in another encoding may have none.
    """
    try:
        name = key.encode() if isinstance(key, str) else key
    except UnicodeEncodeError:
        raise UsageError(f"{key!r} cannot be written in UTF-8: give its bytes") from None
    return hashlib.sha1(name, usedforsecurity=False).digest()


def checked_topic(topic: bytes) -> bytes:
    """The topic, if it can be one.

    Raises:
        UsageError: it is not 20 bytes.
    """
    if not isinstance(topic, bytes | bytearray | memoryview):
        raise UsageError(
            f"a topic is {TOPIC_BYTES} bytes, not a {type(topic).__name__}: hash a name with topic_of"
        )
    if len(topic) != TOPIC_BYTES:
        raise UsageError(
            f"a topic is {TOPIC_BYTES} bytes, and this has {len(topic)}: hash a name with topic_of"
        )
    return bytes(topic)


def checked_port(port: int) -> int:
    """The port, if a peer can listen there.

    Raises:
        UsageError: it is not a whole number from 1 to 65535.
    """
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= MAX_PORT:
        raise UsageError(f"a port is a whole number from 1 to {MAX_PORT}, not {port!r}")
    return port


def check_place(host: str, port: int) -> None:
    """Returns if a server of ours may listen there; what a name stands for is looked up when it does.

    Args:
        host: a host; the empty one is refused, because to a socket it is every address of this machine.
        port: 0 to 65535; 0 lets the operating system choose.

    Raises:
        UsageError: it may not.
    """
    if not host:
        raise UsageError("an empty host to listen on would be every address of this machine: say 0.0.0.0")
    if port != 0:
        checked_port(port)
