"""Keys: a peer's key pair, what it signs, and the one rule of what a valid signature is.

Ed25519 (RFC 8032) in libsodium, through PyNaCl. Keys that agree on a secret are `p2plib.identity.exchange`'s.

**The rule.** Libraries that all call themselves Ed25519 disagree on signatures that nobody makes by accident
and that anybody can make on purpose. A log replicated between two such libraries splits for good. So there is
one rule here, and every part of p2plib, on every machine, goes by it. With A the public key, R ‖ S the
signature and k the challenge SHA-512(R ‖ A ‖ message) mod L, a signature is valid if and only if

    1. A is 32 bytes and the signature is 64;
    2. S, read as a little-endian number, is below L (otherwise S + L would be a second signature for the same
       message);
    3. A and R are canonical encodings: y is below p, and x is not "minus zero";
    4. A and R are not of small order (such a key "signs" every message, or every eighth);
    5. A is a point of the curve, and encode(S·B - k·A) equals R byte for byte (cofactorless).

Parts 1 to 4 are checked here in Python, before libsodium sees the bytes: they hold whichever version of it is
installed. The rule is that of ed25519-dalek's `verify_strict`, with the word "canonical" said about A as
well. A key of *mixed* order passes parts 1 to 4, so its owner can make messages whose signatures break part 5
only in the eyes of cofactorless verifiers. That harms nobody here, because all of us are cofactorless.
`edge_cases` has one of each kind, and the chapter on keys has the table of who accepts what.

**Contexts.** A signature says "I signed these bytes", not what for. Everything in p2plib signs
varint(size of context) ‖ context ‖ varint(size of message) ‖ message, so that what was signed in one context
is not valid in another. `sign_raw` and `verify_raw` are for foreign protocols that separate their domains
themselves.

**Secrets stay secret.** A `SecretKey` shows nothing of its seed (`p2plib.identity.secret` says how). The one
way out is `expose_seed`, named so that a reviewer sees it.

Vocabulary::

    seed      32 random bytes from which everything else about a key pair follows
    context   1 to 64 printable ASCII characters that say what a signature is for: "p2plib/peer-record/1"
    A, R, S, k, L, p   as in `p2plib.identity.edwards`
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import nacl.bindings
import nacl.exceptions

from p2plib.errors import DecodeError, SignatureError, UsageError, WeakKey
from p2plib.identity import edwards
from p2plib.identity.exchange import ExchangeKey
from p2plib.identity.secret import SEED_BYTES, Random, Secret, need_bytes, seed_problem
from p2plib.wire import varint

PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64
MAX_CONTEXT_CHARACTERS = 64  # a name, not a document; long contexts are a sign that data was put into them


def with_context(context: str, message: bytes) -> bytes:
    """The bytes that are signed for a message in a context: each with its size in front, so neither runs into
    the other.

    Args:
        context: 1 to 64 printable ASCII characters.
        message: any bytes.

    Raises:
        UsageError: the context is no text, empty, too long, or has other characters; or the message is not
            bytes.
    """
    _check_context(context)
    need_bytes(message, "a message")
    name = context.encode("ascii")
    return varint.encode(len(name)) + name + varint.encode(len(message)) + message


def _check_context(context: object) -> None:
    if not isinstance(context, str):
        raise UsageError(f"a context is text, not {type(context).__name__}")
    if not 1 <= len(context) <= MAX_CONTEXT_CHARACTERS:
        raise UsageError(f"a context has 1 to {MAX_CONTEXT_CHARACTERS} characters, not {len(context)}")
    if not (context.isascii() and context.isprintable()):
        raise UsageError(f"a context is printable ASCII, which {context!a} is not")


def broken_rule(public: bytes, message: bytes, signature: bytes) -> str | None:
    """Which part of the rule a signature breaks, as a sentence; None for a valid one.

    Args:
        public: A, as received; any size.
        message: the bytes that were signed.
        signature: R ‖ S, as received; any size.

    Raises:
        UsageError: one of the three is not bytes.
    """
    for what, value in (("a public key", public), ("a message", message), ("a signature", signature)):
        need_bytes(value, what)
    if len(public) != PUBLIC_BYTES:
        return f"rule 1: a public key is {PUBLIC_BYTES} bytes, not {len(public)}"
    if len(signature) != SIGNATURE_BYTES:
        return f"rule 1: a signature is {SIGNATURE_BYTES} bytes, not {len(signature)}"
    R, S = signature[:32], int.from_bytes(signature[32:], "little")
    if S >= edwards.ORDER:
        return "rule 2: S is not below the order L"
    for letter, raw in (("A", public), ("R", R)):
        if not edwards.is_canonical(raw):
            return f"rule 3: {letter} is not a canonical encoding"
        if raw in edwards.SMALL_ORDER_ENCODINGS:
            return f"rule 4: {letter} is a point of small order"
    try:
        nacl.bindings.crypto_sign_open(signature + message, public)
    except nacl.exceptions.BadSignatureError:
        return "rule 5: S·B - k·A is not R: other message, other key, or forged"
    return None


@dataclass(frozen=True, slots=True, order=True, repr=False)
class PublicKey:
    """An Ed25519 public key: a peer's name for itself.

    Args:
        raw: its 32 bytes. They must be a canonical encoding of a point of the curve that is not of small
            order.

    Raises:
        DecodeError: the size is wrong, or the bytes are not such an encoding.
        WeakKey: the point is of small order.
    """

    raw: bytes

    def __post_init__(self) -> None:
        need_bytes(self.raw, "a public key")
        if len(self.raw) != PUBLIC_BYTES:
            raise DecodeError(f"a public key is {PUBLIC_BYTES} bytes, not {len(self.raw)}")
        if self.raw in edwards.SMALL_ORDER_ENCODINGS:
            raise WeakKey(f"the public key {self.raw.hex()} is of small order: anybody can sign for it")
        edwards.decompress(self.raw)

    def __repr__(self) -> str:
        return f"PublicKey({self.hex()[:16]}…)"

    def hex(self) -> str:
        """The key as 64 lower-case hexadecimal digits."""
        return self.raw.hex()

    def verify(self, context: str, message: bytes, signature: bytes) -> None:
        """Returns if this key signed this message in this context.

        Args:
            context: what the signature is for, as given to `SecretKey.sign`.
            message: the bytes that were signed.
            signature: 64 bytes.

        Raises:
            SignatureError: the signature is not valid; its `rule` says which part of the rule it breaks.
            UsageError: the context is not one.
        """
        self.verify_raw(with_context(context, message), signature)

    def verify_raw(self, message: bytes, signature: bytes) -> None:
        """Returns if this key signed exactly these bytes. For foreign protocols; ours use `verify`.

        Raises:
            SignatureError: the signature is not valid; its `rule` says which part of the rule it breaks.
        """
        broken = broken_rule(self.raw, message, signature)
        if broken is not None:
            raise SignatureError(broken)

    def to_x25519(self) -> bytes:
        """The X25519 public key that belongs to the same secret, 32 bytes.

        Raises:
            WeakKey: the key is of mixed order, which no honest key is.
        """
        try:
            return nacl.bindings.crypto_sign_ed25519_pk_to_curve25519(self.raw)
        except nacl.exceptions.CryptoError:
            raise WeakKey(f"{self!r} is of mixed order, so it has no honest X25519 key") from None


class SecretKey(Secret):
    """An Ed25519 key pair: whoever holds it is this peer. Make one with `generate` or `from_seed`."""

    __slots__ = ("public",)
    public: PublicKey

    @classmethod
    def generate(cls, random: Random = os.urandom) -> SecretKey:
        """A new key pair.

        Args:
            random: gives that many unpredictable bytes; the operating system's unless a test or a lab says
                otherwise.
        """
        return cls.from_seed(random(SEED_BYTES))

    @classmethod
    def from_seed(cls, seed: bytes) -> SecretKey:
        """The key pair of a seed, always the same.

        Args:
            seed: 32 bytes that nobody else can guess.

        Raises:
            UsageError: the seed is not 32 bytes.
        """
        problem = seed_problem(seed)
        if problem:
            del seed  # as in __setattr__
            raise UsageError(problem)
        key = object.__new__(cls)
        object.__setattr__(key, "_expose", lambda: seed)
        object.__setattr__(key, "public", PublicKey(nacl.bindings.crypto_sign_seed_keypair(seed)[0]))
        return key

    def __repr__(self) -> str:
        return f"SecretKey(of {self.public!r})"

    def sign(self, context: str, message: bytes) -> bytes:
        """The signature of a message for one purpose, 64 bytes. The same message always gets the same
        signature.

        Args:
            context: what the signature is for, 1 to 64 printable ASCII characters, for example
                "p2plib/peer-record/1".
            message: any bytes.

        Raises:
            UsageError: the context is not one, or the message is not bytes.
        """
        return self.sign_raw(with_context(context, message))

    def sign_raw(self, message: bytes) -> bytes:
        """The signature of exactly these bytes, 64 bytes. For foreign protocols; ours use `sign`."""
        need_bytes(message, "a message")
        return nacl.bindings.crypto_sign(message, self._expose() + self.public.raw)[:SIGNATURE_BYTES]

    def expose_seed(self) -> bytes:
        """The secret itself, 32 bytes, to be written into a key file or a recovery phrase and nowhere
        else."""
        return self._expose()

    def to_x25519(self) -> ExchangeKey:
        """The X25519 key pair that belongs to the same secret."""
        return ExchangeKey.from_bytes(
            nacl.bindings.crypto_sign_ed25519_sk_to_curve25519(self._expose() + self.public.raw)
        )
