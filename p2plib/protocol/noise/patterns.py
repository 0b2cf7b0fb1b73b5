"""Noise patterns: who sends which key when, as tables. A codec.

The Noise Protocol Framework, revision 34: sections 7 (patterns), 9 (pre-shared keys), 18 (deferred patterns)
and 8 (names). A handshake is nothing but a list of messages, and a message a list of tokens::

    e               the sender's ephemeral public key, fresh for this handshake
    s               the sender's static public key
    ee es se ss     a Diffie-Hellman agreement of the initiator's key (first letter) and the responder's
    psk             a secret that both had before

What both know before the first message stands in front of "...". Every token makes the key that encrypts what
comes after it, so the order decides what is hidden from whom, and when each is sure of the other.

Letters of a name, the initiator's first: N no static key; K known before; X transmitted ("xmitted");
I transmitted immediately. A 1 behind a letter defers that key's agreement by one message. A one-letter name
is one-way: the initiator alone ever speaks. "psk2" adds a pre-shared key to the end of message 2, "psk0" to
the beginning of message 1.

Only the modifiers that add keys are known here; "fallback" is not.

    >>> protocol("Noise_XXpsk3_25519_ChaChaPoly_SHA256").pattern.messages
    (('e',), ('e', 'ee', 's', 'es'), ('s', 'se', 'psk'))
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from p2plib.errors import DecodeError, UsageError
from p2plib.wire.fields import Field

KEY_BYTES = 32  # of X25519, the one agreement here
TAG_BYTES = 16  # of ChaCha20-Poly1305, the one cipher here
MAX_NAME_BYTES = 255  # section 8
MAX_MESSAGE_BYTES = 65_535  # section 3: a message fits a length of two bytes
HASHES = ("SHA256", "SHA512", "BLAKE2s", "BLAKE2b")

# "->" is the initiator's known key, "<-" the responder's; after "..." the messages, with "/" between them.
_TABLE = """
N     <- s ... e es
K     -> s, <- s ... e es ss
X     <- s ... e es s ss

NN    e / e ee
NK    <- s ... e es / e ee
NX    e / e ee s es
KN    -> s ... e / e ee se
KK    -> s, <- s ... e es ss / e ee se
KX    -> s ... e / e ee se s es
XN    e / e ee / s se
XK    <- s ... e es / e ee / s se
XX    e / e ee s es / s se
IN    e s / e ee se
IK    <- s ... e es s ss / e ee se
IX    e s / e ee se s es

NK1   <- s ... e / e ee es
NX1   e / e ee s / es
X1N   e / e ee / s / se
X1K   <- s ... e es / e ee / s / se
XK1   <- s ... e / e ee es / s se
X1K1  <- s ... e / e ee es / s / se
X1X   e / e ee s es / s / se
XX1   e / e ee s / es s se
X1X1  e / e ee s / es s / se
K1N   -> s ... e / e ee / se
K1K   -> s, <- s ... e es / e ee / se
KK1   -> s, <- s ... e / e ee se es
K1K1  -> s, <- s ... e / e ee es / se
K1X   -> s ... e / e ee s es / se
KX1   -> s ... e / e ee se s / es
K1X1  -> s ... e / e ee s / se es
I1N   e s / e ee / se
I1K   <- s ... e es s / e ee / se
IK1   <- s ... e s / e ee se es
I1K1  <- s ... e s / e ee es / se
I1X   e s / e ee s es / se
IX1   e s / e ee se s / es
I1X1  e s / e ee s / se es
"""


@dataclass(frozen=True, slots=True)
class Pattern:
    """The messages of a handshake.

    Args:
        name: "XX", or with modifiers "XXpsk3".
        initiator_known: whether the responder knows the initiator's static key before.
        responder_known: whether the initiator knows the responder's.
        messages: the tokens of each message; the initiator sends the first, and they take turns.
    """

    name: str
    initiator_known: bool
    responder_known: bool
    messages: tuple[tuple[str, ...], ...]

    @property
    def is_one_way(self) -> bool:
        """Whether only the initiator ever speaks."""
        return len(self.messages) == 1

    @property
    def psks(self) -> int:
        """How many pre-shared keys it mixes in."""
        return sum(message.count("psk") for message in self.messages)

    def needs_static(self, initiator: bool) -> bool:
        """Whether this side must have a static key."""
        sent = self.messages[0 if initiator else 1 :: 2]
        known = self.initiator_known if initiator else self.responder_known
        return known or any("s" in message for message in sent)

    def knows_remote(self, initiator: bool) -> bool:
        """Whether this side must know the other's static key before the first message."""
        return self.responder_known if initiator else self.initiator_known

    def layout(self, number: int) -> tuple[tuple[str, int], ...]:
        """What stands in a message, as (name, bytes): "e", "s" and "payload", the last one's bytes without
        its content.

        A key or payload is encrypted, and so a tag longer, as soon as any agreement came before it.

        Args:
            number: which message, counted from 1.
        """
        keyed, parts = False, list[tuple[str, int]]()
        for place, message in enumerate(self.messages[:number], start=1):
            for token in message:
                if place == number and token in ("e", "s"):
                    parts.append((token, KEY_BYTES + TAG_BYTES * (keyed and token == "s")))
                # With pre-shared keys an ephemeral key is mixed into the key too (section 9.2).
                keyed = keyed or token not in ("e", "s") or (token == "e" and self.psks > 0)
        return (*parts, ("payload", TAG_BYTES * keyed))

    def overhead_bytes(self, number: int) -> int:
        """How many bytes message `number`, counted from 1, is longer than its payload."""
        return sum(size for _, size in self.layout(number))


def _read_table() -> dict[str, Pattern]:
    patterns = {}
    for line in filter(None, _TABLE.splitlines()):
        name, rest = line.split(maxsplit=1)
        known, _, messages = rest.rpartition("...")
        tokens = tuple(tuple(message.split()) for message in messages.split("/"))
        patterns[name] = Pattern(name, "->" in known, "<-" in known, tokens)
    return patterns


PATTERNS = _read_table()


def pattern(name: str) -> Pattern:
    """The pattern of a name such as "XX" or "NNpsk0+psk2".

    Raises:
        UsageError: it is not in the table, or a modifier is unknown, repeated, or names no message.
    """
    found = re.fullmatch(r"([A-Z0-9]+)((?:[a-z]+[0-9]*)(?:\+[a-z]+[0-9]*)*)?", name)
    if not found or found[1] not in PATTERNS:
        raise UsageError(f"there is no Noise pattern {name!r}")
    base = PATTERNS[found[1]]
    modifiers = found[2].split("+") if found[2] else []
    if len(set(modifiers)) != len(modifiers):
        raise UsageError(f"{name!r} has a modifier twice")
    messages = list(base.messages)
    for modifier in modifiers:
        place = re.fullmatch(r"psk(0|[1-9][0-9]*)", modifier)
        if not place or int(place[1]) > len(messages):
            raise UsageError(f"{modifier!r} does not modify {base.name}, which has {len(messages)} messages")
        if place[1] == "0":
            messages[0] = ("psk", *messages[0])
        else:
            messages[int(place[1]) - 1] += ("psk",)
    return replace(base, name=name, messages=tuple(messages))


@dataclass(frozen=True, slots=True)
class NoiseProtocol:
    """A pattern and what it is computed with.

    Args:
        name: the whole name, which both sides hash first.
        pattern: who sends what.
        hash_name: one of `HASHES`.
    """

    name: str
    pattern: Pattern
    hash_name: str


def protocol(name: str) -> NoiseProtocol:
    """The protocol of a name such as "Noise_XX_25519_ChaChaPoly_SHA256".

    Raises:
        UsageError: it is no such name, or one of its parts is not in this library.
    """
    parts = name.split("_")
    if len(parts) != 5 or parts[0] != "Noise" or len(name) > MAX_NAME_BYTES:
        raise UsageError(f"{name[:MAX_NAME_BYTES]!r} is not of the form Noise_pattern_agreement_cipher_hash")
    if parts[2] != "25519" or parts[3] != "ChaChaPoly" or parts[4] not in HASHES:
        raise UsageError(f"{name!r}: this library has 25519, ChaChaPoly, and the hashes {', '.join(HASHES)}")
    return NoiseProtocol(name, pattern(parts[1]), parts[4])


_NOTES = {"e": "ephemeral public key", "s": "static public key"}


def dissect(name: str, number: int, raw: bytes) -> tuple[Field, ...]:
    """The parts of a handshake message, as anybody on the wire sees them.

    Args:
        name: of the protocol, such as "Noise_XX_25519_ChaChaPoly_SHA256".
        number: which message, counted from 1.
        raw: the message, without a frame around it.

    Raises:
        DecodeError: it is too short for its keys and tags.
        UsageError: the pattern has no such message.
    """
    made = protocol(name).pattern
    if not 1 <= number <= len(made.messages):
        raise UsageError(f"{made.name} has {len(made.messages)} messages, and no message {number}")
    if len(raw) < made.overhead_bytes(number):
        raise DecodeError(f"message {number} of {made.name} has {made.overhead_bytes(number)} bytes or more")
    fields, offset = list[Field](), 0
    for what, size in made.layout(number)[:-1]:
        end = offset + KEY_BYTES
        encrypted = size > KEY_BYTES
        fields.append(Field(what, raw[offset:end], _NOTES[what] + (", encrypted" if encrypted else "")))
        if encrypted:
            fields.append(Field(f"tag of {what}", raw[end : offset + size], "authenticates all before it"))
        offset += size
    end = len(raw) - made.layout(number)[-1][1]
    if end > offset:
        fields.append(Field("payload", raw[offset:end], "encrypted" if end < len(raw) else "readable by all"))
    if end < len(raw):
        fields.append(Field("tag", raw[end:], "authenticates all before it"))
    return tuple(fields)
