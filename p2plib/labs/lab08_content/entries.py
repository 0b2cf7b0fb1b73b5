"""Lab 8, task 1: the entries of a log. A codec, and the wrong ways to append.

An entry is the lab's own format, made of parts that earlier chapters explained::

    author      32 bytes    the public key
    previous    32 bytes    SHA-256 of the whole entry before it; 32 zero bytes in the first
    sequence     8 bytes    1 for the first, big-endian
    content     any number
    signature   64 bytes    of everything before it, in the context `ENTRY`
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from p2plib.errors import RemoteError
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.labs.engine.tasks import Mistake, Task
from p2plib.wire.fields import Field

ENTRY = "lab08/entry/1"
HEAD_BYTES = 72  # author, previous and sequence
SIGNATURE_BYTES = 64
NOTHING = bytes(32)  # the previous of a first entry


def link(log: Sequence[bytes]) -> bytes:
    """What the next entry of a log has as its previous: the SHA-256 of the last one, or 32 zero bytes."""
    return hashlib.sha256(log[-1]).digest() if log else NOTHING


def sealed(secret: SecretKey, previous: bytes, sequence: int, content: bytes, context: str = ENTRY) -> bytes:
    """An entry of these parts, right or wrong, with a valid signature."""
    body = secret.public.raw + previous + sequence.to_bytes(8, "big") + content
    return body + secret.sign(context, body)


def append(secret: SecretKey, log: list[bytes], content: bytes) -> bytes:
    """The entry that comes next in a log of one's own."""
    return sealed(secret, link(log), len(log) + 1, content)


def verified(author: PublicKey, log: list[bytes]) -> int:
    """How many entries, from the first on, are the author's, in order, and linked."""
    previous = NOTHING
    for sequence, entry in enumerate(log, 1):
        body = entry[:-SIGNATURE_BYTES]
        if body[:HEAD_BYTES] != author.raw + previous + sequence.to_bytes(8, "big"):
            return sequence - 1
        try:
            author.verify(ENTRY, body, entry[-SIGNATURE_BYTES:])
        except RemoteError:
            return sequence - 1
        previous = hashlib.sha256(entry).digest()
    return len(log)


def content_of(entry: bytes) -> bytes:
    """What an entry says; it is not verified."""
    return entry[HEAD_BYTES:-SIGNATURE_BYTES]


def dissect_entry(entry: bytes) -> tuple[Field, ...]:
    """The parts of an entry, for drawing it; the signature is not looked at."""
    return (
        Field("author", entry[:32], "Ed25519 public key"),
        Field("previous", entry[32:64], "SHA-256 of the whole entry before it"),
        Field("sequence", entry[64:72], str(int.from_bytes(entry[64:72], "big"))),
        Field("content", content_of(entry)),
        Field("signature", entry[-SIGNATURE_BYTES:], "of all bytes before it, in the context"),
    )


def person(name: str) -> SecretKey:
    """The key of somebody in this lab."""
    return SecretKey.from_seed(f"{name} in lab 8".encode().ljust(32, b"."))


def honest_log(secret: SecretKey, *contents: bytes) -> list[bytes]:
    """A log in order."""
    log: list[bytes] = []
    for content in contents:
        log.append(append(secret, log, content))
    return log


ANA, BEN = person("Ana"), person("Ben")

# Wrong ways to append


def _with(
    previous: Callable[[list[bytes]], bytes] = link, sequence: Callable[[int], bytes] | None = None
) -> Callable[[SecretKey, list[bytes], bytes], bytes]:
    """Append with another previous, or another sequence."""
    numbered = sequence or (lambda number: number.to_bytes(8, "big"))

    def wrong(secret: SecretKey, log: list[bytes], content: bytes) -> bytes:
        body = secret.public.raw + previous(log) + numbered(len(log) + 1) + content
        return body + secret.sign(ENTRY, body)

    return wrong


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _signed(signs: Callable[[bytes], bytes]) -> Callable[[SecretKey, list[bytes], bytes], bytes]:
    """Append with a signature of something else."""

    def wrong(secret: SecretKey, log: list[bytes], content: bytes) -> bytes:
        body = append(secret, log, content)[:-SIGNATURE_BYTES]
        return body + secret.sign(ENTRY, signs(body))

    return wrong


def _unsigned(secret: SecretKey, log: list[bytes], content: bytes) -> bytes:
    return append(secret, log, content)[:-SIGNATURE_BYTES]


def _no_context(secret: SecretKey, log: list[bytes], content: bytes) -> bytes:
    body = append(secret, log, content)[:-SIGNATURE_BYTES]
    return body + secret.sign_raw(body)


def _no_author(secret: SecretKey, log: list[bytes], content: bytes) -> bytes:
    body = append(secret, log, content)[32:-SIGNATURE_BYTES]
    return body + secret.sign(ENTRY, body)


def _sequence_first(secret: SecretKey, log: list[bytes], content: bytes) -> bytes:
    body = secret.public.raw + (len(log) + 1).to_bytes(8, "big") + link(log) + content
    return body + secret.sign(ENTRY, body)


def _whole_log(secret: SecretKey, log: list[bytes], content: bytes) -> Any:
    return [*log, append(secret, log, content)]


def _appends(secret: SecretKey, log: list[bytes], content: bytes) -> Any:
    log.append(append(secret, log, content))


def _joins_a_number(secret: SecretKey, log: list[bytes], content: bytes) -> Any:
    raise TypeError("a number or a key is no bytes")


APPEND = Task(
    "append",
    append,
    cases=[
        (ANA, [], b"hello"),
        (ANA, honest_log(ANA, b"hello"), b"again"),
        (BEN, honest_log(BEN, b"one", b"two"), b""),
        (BEN, honest_log(BEN, *(b"%d" % number for number in range(300))), b"number 301"),
    ],
    mistakes=[
        Mistake(_appends, "return the new entry, and leave the log as it is"),
        Mistake(_whole_log, "return the new entry alone, not the longer log"),
        Mistake(
            _joins_a_number, "only bytes can be joined: secret.public.raw, and number.to_bytes(8, 'big')"
        ),
        Mistake(_unsigned, "the signature is missing at the end"),
        Mistake(_no_context, "signed without the context: sign(ENTRY, body), not sign_raw"),
        Mistake(
            _signed(lambda body: body[HEAD_BYTES:]), "only the content is signed; sign all that comes before"
        ),
        Mistake(_signed(lambda body: body[32:]), "the author is not signed; sign all that comes before"),
        Mistake(_signed(_hash), "sign the bytes themselves, not their hash"),
        Mistake(_no_author, "an entry begins with the author's 32 bytes"),
        Mistake(_sequence_first, "previous comes before sequence"),
        Mistake(_with(sequence=lambda n: (n - 1).to_bytes(8, "big")), "the first entry is number 1, not 0"),
        Mistake(_with(sequence=lambda n: n.to_bytes(8, "little")), "the sequence is big-endian"),
        Mistake(_with(sequence=lambda n: n.to_bytes(4, "big")), "the sequence takes 8 bytes, not 4"),
        Mistake(_with(sequence=lambda n: bytes([n % 256])), "the sequence takes 8 bytes, not one"),
        Mistake(
            _with(lambda log: _hash(log[-1]) if log else b""), "a first entry has 32 zero bytes as previous"
        ),
        Mistake(
            _with(lambda log: _hash(log[-1] if log else b"")), "a first entry has 32 zero bytes as previous"
        ),
        Mistake(_with(lambda log: NOTHING), "previous is the hash of the last entry, unless there is none"),
        Mistake(
            _with(lambda log: _hash(log[0]) if log else NOTHING),
            "previous is the last entry: log[-1], not log[0]",
        ),
        Mistake(
            _with(lambda log: _hash(content_of(log[-1])) if log else NOTHING),
            "hash the whole entry before it, not its content alone",
        ),
        Mistake(
            _with(lambda log: _hash(log[-1][:-SIGNATURE_BYTES]) if log else NOTHING),
            "hash the whole entry before it, with its signature",
        ),
        Mistake(
            _with(lambda log: _hash(b"".join(log)) if log else NOTHING),
            "hash the last entry, not the whole log",
        ),
    ],
    hint="author ‖ previous ‖ sequence ‖ content ‖ signature of all that comes before it, in the context",
)
