"""Edge cases: signatures on which libraries disagree, built from nothing. For tests and for the chapter on
keys.

An honest signer never makes one of these; anybody can make them on purpose. Every case is built here from one
fixed seed by the arithmetic of `p2plib.identity.edwards`, so that the reader can follow how, and no data is
borrowed.

Published studies of the same edges: Chalkias, Garillot and Nikolaenko, "Taming the many EdDSAs" (SSR 2020);
de Valence, "It's 255:19AM. Do you know what your validation criteria are?" (2020).

Vocabulary::

    T           `edwards.ORDER_EIGHT`, the generator of the eight points of small order
    O           the neutral point
    verifier    a function (public, message, signature) -> bool: what one library, or one rule, says
    letters     a, A, r, R, k, S as in `p2plib.identity.edwards`
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import nacl.bindings
import nacl.exceptions

from p2plib.errors import DecodeError
from p2plib.identity import edwards, keys
from p2plib.identity.edwards import BASE, COFACTOR, NEUTRAL, ORDER, ORDER_EIGHT, Point, challenge, compress

Verifier = Callable[[bytes, bytes, bytes], bool]

SEED = bytes(range(32))
MESSAGE = b"edge case "


@dataclass(frozen=True, slots=True)
class EdgeCase:
    """One signature that somebody may accept.

    Args:
        name: a few words, unique.
        public: A, 32 bytes.
        message: what was "signed".
        signature: R ‖ S, 64 bytes.
        why: how it was made and what it probes, in a sentence or two.
    """

    name: str
    public: bytes
    message: bytes
    signature: bytes
    why: str


def _scalars() -> tuple[int, int]:
    """The secret scalar a, and a scalar r for R. One r for many signatures gives a away; here there is no
    secret."""
    a, prefix = edwards.expand_seed(SEED)
    return a % ORDER, edwards.hash_to_scalar(prefix, MESSAGE)


def _message_where(wanted: Callable[[int], bool], A: bytes, R: bytes) -> bytes:
    """The first message of a row of numbered ones whose challenge k is as wanted. One in eight is a multiple
    of 8."""
    number = 0
    while not wanted(challenge(R, A, MESSAGE + str(number).encode())):
        number += 1
    return MESSAGE + str(number).encode()


def _built(
    name: str, why: str, A: bytes, R: bytes, a: int, r: int, wanted: Callable[[int], bool] = lambda k: True
) -> EdgeCase:
    """The case that signs with the scalars a and r under these encodings of A and R."""
    message = _message_where(wanted, A, R)
    return EdgeCase(name, A, message, edwards.sign_with(a, A, r, R, message), why)


@cache
def cases() -> tuple[EdgeCase, ...]:
    """All edge cases, the honest signature first. The same ones every time."""
    return (*_of_numbers(), *_of_small_order(), *_of_mixed_order(), *_of_encodings())


def _of_numbers() -> Iterator[EdgeCase]:
    """Honest points; what is odd is the number S, or nothing."""
    a, r = _scalars()
    A, R = compress(a * BASE), compress(r * BASE)
    honest = _built("honest", "What every signer makes: A = a·B, R = r·B, S = r + k·a.", A, R, a, r)
    yield honest
    S = int.from_bytes(honest.signature[32:], "little")
    longer = R + (S + ORDER).to_bytes(32, "little")
    why = "The honest signature with L added to S: L·B = O, so the equation holds for both signatures."
    yield EdgeCase("S plus L", A, honest.message, longer, why)
    forged = R + ((S + 1) % ORDER).to_bytes(32, "little")
    yield EdgeCase("S plus 1", A, honest.message, forged, "A forgery, to see that the verifiers are awake.")


def _of_small_order() -> Iterator[EdgeCase]:
    """A or R is one of the eight points of small order."""
    a, r = _scalars()
    O, T = compress(NEUTRAL), compress(ORDER_EIGHT)
    A, R = compress(a * BASE), compress(r * BASE)
    why = "A = O, so k·A = O whatever was signed: R = r·B and S = r fit every message there is."
    yield _built("A neutral, signs everything", why, O, R, 0, r)
    why = "A = T has order 8. The message was chosen so that 8 divides k, which makes k·A = O."
    yield _built("A of order 8, cancelled", why, T, R, 0, r, lambda k: k % COFACTOR == 0)
    why = "A = T again with a k that 8 does not divide: k·A is left over, and only the factor 8 removes it."
    yield _built("A of order 8, residue", why, T, R, 0, r, lambda k: k % COFACTOR != 0)
    why = "R = O and S = k·a: made by the key's true owner, who thereby gives the key away (a = S/k)."
    yield _built("R neutral", why, A, O, a, 0)
    why = "R = T under an honest key: T is left over, and only the factor 8 removes it."
    yield _built("R of order 8, residue", why, A, T, a, 0)
    why = "A = R = O and S = 0: nobody needed a secret for this one."
    yield _built("A and R neutral, S zero", why, O, O, 0, 0)


def _of_mixed_order() -> Iterator[EdgeCase]:
    """A or R is an honest point plus T. No list of forbidden points can catch these."""
    a, r = _scalars()
    A, R = compress(a * BASE), compress(r * BASE)
    mixed_A, mixed_R = compress(a * BASE + ORDER_EIGHT), compress(r * BASE + ORDER_EIGHT)
    T = compress(ORDER_EIGHT)
    why = "A = a·B + T with a k that 8 divides: the T in k·A cancels, and no equation can tell."
    yield _built("A mixed, cancelled", why, mixed_A, R, a, r, lambda k: k % COFACTOR == 0)
    why = "A = a·B + T with a k that 8 does not divide: valid for those who multiply by 8, for nobody else."
    yield _built("A mixed, residue", why, mixed_A, R, a, r, lambda k: k % COFACTOR != 0)
    why = "R = r·B + T under an honest key: T is left over."
    yield _built("R mixed, residue", why, A, mixed_R, a, r)
    why = "A = a·B + T and R = r·B + T with k = 7 modulo 8, so that T + 7·T = O: cancels."
    yield _built("A and R mixed, cancelled", why, mixed_A, mixed_R, a, r, lambda k: k % COFACTOR == 7)
    why = "A = a·B + T and R = T with k = 7 modulo 8: cancels, but R is of small order."
    yield _built("A mixed, R of order 8, cancelled", why, mixed_A, T, a, 0, lambda k: k % COFACTOR == 7)


def _other_encoding(point: Point, *, above_p: bool) -> bytes:
    """A second encoding of O: y = 1 + p instead of 1, or minus zero as its x."""
    _, y = point.affine()
    return (y + edwards.PRIME if above_p else y | edwards.SIGN_BIT).to_bytes(32, "little")


def _of_encodings() -> Iterator[EdgeCase]:
    """The bytes of A or R are not those that `compress` gives, or no point at all.

    All non-canonical encodings whose secret scalar anybody knows are of small order: there are only nineteen
    numbers from p up to 2**255, and the honest points among them have scalars that nobody can compute.
    """
    a, r = _scalars()
    A, R = compress(a * BASE), compress(r * BASE)
    above, minus_zero = (_other_encoding(NEUTRAL, above_p=above_p) for above_p in (True, False))
    why = "A = O written with y = p + 1, not reduced before hashing."
    yield _built("A neutral, y above p", why, above, R, 0, r)
    why = 'A = O written with an x of "minus zero".'
    yield _built("A neutral, minus zero", why, minus_zero, R, 0, r)
    why = "R = O written with y = p + 1: whoever compares bytes finds y = 1 and refuses."
    yield _built("R neutral, y above p", why, A, above, a, 0)
    why = 'R = O written with an x of "minus zero".'
    yield _built("R neutral, minus zero", why, A, minus_zero, a, 0)
    y = next(y for y in range(2, 100) if not _is_point(y.to_bytes(32, "little")))
    nowhere = y.to_bytes(32, "little")
    yield _built("A not on the curve", f"No point has y = {y}.", nowhere, R, 0, r)
    yield _built("R not on the curve", f"No point has y = {y}.", A, nowhere, a, 0)


def _is_point(raw: bytes) -> bool:
    try:
        edwards.decompress(raw)
    except DecodeError:
        return False
    return True


# Verifiers


def our_rule(public: bytes, message: bytes, signature: bytes) -> bool:
    """The rule of `p2plib.identity.keys`."""
    return keys.broken_rule(public, message, signature) is None


def libsodium(public: bytes, message: bytes, signature: bytes) -> bool:
    """What the libsodium under PyNaCl says by itself."""
    try:
        nacl.bindings.crypto_sign_open(signature + message, public)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


def zip_215(public: bytes, message: bytes, signature: bytes) -> bool:
    """ZIP 215, Zcash's rule since 2020: cofactored, any encoding of any point."""
    return edwards.verify_cofactored(public, message, signature, canonical=False)


VERIFIERS: Mapping[str, Verifier] = {
    "our rule": our_rule,
    "libsodium": libsodium,
    "RFC 8032 cofactorless": edwards.verify_cofactorless,
    "RFC 8032 cofactored": edwards.verify_cofactored,
    "ZIP 215": zip_215,
}


def verdicts(verifiers: Mapping[str, Verifier] = VERIFIERS) -> dict[str, dict[str, bool]]:
    """The table of who accepts what: for each case's name, what each verifier says.

    >>> verdicts()["A neutral, signs everything"]["RFC 8032 cofactored"]
    True

    Args:
        verifiers: name to function; add a library of your own with `VERIFIERS | {"mine": function}`.
    """
    return {
        case.name: {
            name: verifier(case.public, case.message, case.signature) for name, verifier in verifiers.items()
        }
        for case in cases()
    }
