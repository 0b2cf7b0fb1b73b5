"""The bytes of a key file: a secret key under a passphrase. Codec; `p2plib.identity.keyfile` is its driver.

The format is ours; its parts are Argon2id (RFC 9106) and XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), by
libsodium. Numbers are big-endian. A file of version 1 has 114 bytes::

    offset  size
         0     8   magic         "p2pkey", CR, LF: a transfer that changes line ends is noticed
         8     1   version       1
         9     1   KDF           1: Argon2id version 0x13, one lane, 32 bytes out
        10     4   passes        how often Argon2id goes over its memory
        14     4   memory        in KiB
        18    16   salt          random, new with every passphrase
        34    24   nonce         random, new with every passphrase
        58    48   sealed seed   XChaCha20-Poly1305 of the 32-byte Ed25519 seed; bytes 0 to 57 are its
                                 associated data, so that nobody lowers the cost or moves the seed elsewhere
       106     8   checksum      the first 8 bytes of SHA-256 over bytes 0 to 105

The checksum has no key, and it is there for one distinction. A file that is cut, or damaged by a disk,
fails it and is reported as corrupt, before any time is spent and whatever the passphrase. A file that
passes it and does not open is reported as a wrong passphrase. Somebody who changes a file *on purpose*
mends the checksum too; then the authenticated encryption refuses, and that looks like a wrong passphrase.
Nothing can tell those two apart.

The cost stands in the file, so it is bounded before it is spent: a file that asks for more than 8 passes or
1 GiB, or for less than Argon2id's least, is refused as corrupt. The public key is not in the file: it does
not say whose it is.

A passphrase is normalised to NFKC and encoded as UTF-8, so that it opens the file from every keyboard. A
character that this Python's Unicode does not assign is refused, since a later one may normalise it
otherwise.

Python cannot wipe bytes, so a seed stays in freed memory for a while. What can be done is done: neither
passphrase nor seed is in a repr, in an error's text, or in the local variables of this module when it
raises.

Vocabulary::

    cost        what one try of a passphrase costs, us as much as who stole the file: passes and memory
    hold        a function that returns a passphrase; in a list of local variables it is just a function
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import os
import struct
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import nacl.bindings
import nacl.exceptions

from p2plib.errors import KeyFileCorrupt, KeyFileError, UsageError, WrongPassphrase
from p2plib.identity.keys import SecretKey
from p2plib.identity.secret import SEED_BYTES
from p2plib.wire.fields import Field

MAGIC = b"p2pkey\r\n"
VERSION = 1
KDF_ARGON2ID = 1
SALT_BYTES = 16
NONCE_BYTES = 24
KEY_BYTES = 32
TAG_BYTES = 16
CHECKSUM_BYTES = 8
HEADER = struct.Struct(f">{len(MAGIC)}sBBII{SALT_BYTES}s{NONCE_BYTES}s")
FILE_BYTES = HEADER.size + SEED_BYTES + TAG_BYTES + CHECKSUM_BYTES

MAX_PASSES = 8
MIN_MEMORY_KIB = 8  # Argon2id's least, for one lane
MAX_MEMORY_KIB = 1024 * 1024
MAX_PASSPHRASE_CHARACTERS = 1024  # NFKC makes one character into 18 at most

Hold = Callable[[], bytes]
Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Cost:
    """What Argon2id spends on one try of a passphrase.

    Args:
        passes: 1 to 8.
        memory_kib: 8 to 1,048,576 (1 GiB).

    Raises:
        UsageError: out of these ranges, or not whole numbers.
    """

    passes: int
    memory_kib: int

    def __post_init__(self) -> None:
        if type(self.passes) is not int or type(self.memory_kib) is not int:
            raise UsageError(f"passes and KiB are whole numbers, not {self.passes!r} and {self.memory_kib!r}")
        if not 1 <= self.passes <= MAX_PASSES:
            raise UsageError(f"Argon2id takes 1 to {MAX_PASSES} passes here, not {self.passes}")
        if not MIN_MEMORY_KIB <= self.memory_kib <= MAX_MEMORY_KIB:
            raise UsageError(
                f"Argon2id takes {MIN_MEMORY_KIB} to {MAX_MEMORY_KIB} KiB here, not {self.memory_kib}"
            )


# libsodium's three presets for Argon2id, and the least there is, which protects nothing and is for tests.
SENSITIVE = Cost(4, 1024 * 1024)
MODERATE = Cost(3, 256 * 1024)
INTERACTIVE = Cost(2, 64 * 1024)
CHEAPEST = Cost(1, MIN_MEMORY_KIB)


def encode(
    secret: SecretKey, passphrase: str, *, cost: Cost = MODERATE, random: Random = os.urandom
) -> bytes:
    """The 114 bytes of a key file.

    Args:
        secret: the key to keep.
        passphrase: what will open it; not empty.
        cost: what each try of a passphrase will cost.
        random: gives so many random bytes; called for the salt and the nonce, in this order.

    Raises:
        UsageError: a passphrase that cannot be one.
        KeyFileError: the system has not the memory.
    """
    hold = hold_passphrase(passphrase)
    del passphrase
    return encode_held(secret, hold, cost, random)


def decode(raw: bytes, passphrase: str) -> SecretKey:
    """The key in the bytes of a key file.

    Raises:
        KeyFileCorrupt: the bytes are cut, changed, of an unknown version, or ask for an absurd cost.
        WrongPassphrase: they are whole, and do not open.
        KeyFileError: the system has not the memory that they ask for.
        UsageError: a passphrase that cannot be one, or no bytes.
    """
    hold = hold_passphrase(passphrase)
    del passphrase
    return decode_held(raw, hold)


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The parts of a key file; no passphrase is needed.

    Raises:
        KeyFileCorrupt: as for `decode`.
    """
    cost = _read_header(raw)
    notes = (
        ("magic", len(MAGIC), "p2pkey, CR, LF"),
        ("version", 1, str(VERSION)),
        ("KDF", 1, "Argon2id"),
        ("passes", 4, str(cost.passes)),
        ("memory", 4, f"{cost.memory_kib} KiB"),
        ("salt", SALT_BYTES, "random, into Argon2id"),
        ("nonce", NONCE_BYTES, "random, into XChaCha20-Poly1305"),
        ("sealed seed", SEED_BYTES + TAG_BYTES, "the secret, and the tag that authenticates all before it"),
        ("checksum", CHECKSUM_BYTES, "SHA-256 of all before it, cut"),
    )
    fields, offset = [], 0
    for name, size_bytes, note in notes:
        fields.append(Field(name, raw[offset : offset + size_bytes], note))
        offset += size_bytes
    return tuple(fields)


def hold_passphrase(passphrase: str) -> Hold:
    """A passphrase's bytes behind a function. What is wrong with it is raised when the function is called."""
    problem = _passphrase_problem(passphrase)
    if problem:
        return functools.partial(_refuse, problem)
    normal = unicodedata.normalize("NFKC", passphrase).encode("utf-8")
    return lambda: normal


def _refuse(problem: str) -> NoReturn:
    raise UsageError(problem)


def _passphrase_problem(passphrase: object) -> str:
    if not isinstance(passphrase, str):
        return f"a passphrase is text, not {type(passphrase).__name__}"
    if not passphrase:
        return "a passphrase is not empty"
    if len(passphrase) > MAX_PASSPHRASE_CHARACTERS:
        return f"a passphrase has at most {MAX_PASSPHRASE_CHARACTERS} characters, not {len(passphrase)}"
    if any(unicodedata.category(character) in ("Cn", "Cs") for character in passphrase):
        return f"a passphrase has a character that Unicode {unicodedata.unidata_version} does not assign"
    return ""


def encode_held(secret: SecretKey, hold: Hold, cost: Cost, random: Random) -> bytes:
    """As `encode`, with a passphrase that is held already."""
    salt, nonce = random(SALT_BYTES), random(NONCE_BYTES)
    if (len(salt), len(nonce)) != (SALT_BYTES, NONCE_BYTES):
        raise UsageError("random gave another number of bytes than it was asked for")
    header = HEADER.pack(MAGIC, VERSION, KDF_ARGON2ID, cost.passes, cost.memory_kib, salt, nonce)
    stretched = _stretch(hold, salt, cost)
    body = header + nacl.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
        secret.expose_seed(), header, nonce, stretched
    )
    return body + _checksum(body)


def decode_held(raw: bytes, hold: Hold) -> SecretKey:
    """As `decode`, with a passphrase that is held already."""
    cost = _read_header(raw)
    header, sealed_seed = raw[: HEADER.size], raw[HEADER.size : -CHECKSUM_BYTES]
    *_, salt, nonce = HEADER.unpack(header)
    secret = _open(sealed_seed, header, nonce, _stretch(hold, salt, cost))
    if secret is None:
        raise WrongPassphrase("the file is whole, and this passphrase does not open it")
    return secret


def _open(sealed_seed: bytes, header: bytes, nonce: bytes, stretched: bytes) -> SecretKey | None:
    """The key, or None: libsodium's own error would carry the frame that holds the stretched passphrase."""
    try:
        seed = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed_seed, header, nonce, stretched)
    except nacl.exceptions.CryptoError:
        return None
    return SecretKey.from_seed(seed)


def _stretch(hold: Hold, salt: bytes, cost: Cost) -> bytes:
    stretched = None
    # What is raised below is not chained to libsodium's error, whose frames hold the passphrase.
    with contextlib.suppress(nacl.exceptions.CryptoError, MemoryError):
        stretched = nacl.bindings.crypto_pwhash_alg(
            KEY_BYTES,
            hold(),
            salt,
            cost.passes,
            cost.memory_kib * 1024,
            nacl.bindings.crypto_pwhash_ALG_ARGON2ID13,
        )
    if stretched is None:
        raise KeyFileError(
            f"this machine does not have the {cost.memory_kib} KiB of memory that are asked for"
        )
    return stretched


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:CHECKSUM_BYTES]


def _read_header(raw: object) -> Cost:
    """Checks all that can be checked without a passphrase; the order makes the most telling error come
    first."""
    if not isinstance(raw, bytes):  # libsodium takes nothing else, and its complaint looks like a bad tag
        raise UsageError(f"a key file is bytes, not {type(raw).__name__}")
    if raw[: len(MAGIC)] != MAGIC[: len(raw)] or not raw:
        raise KeyFileCorrupt("this is not a key file: it does not begin with the magic bytes")
    if len(raw) > len(MAGIC) and raw[len(MAGIC)] != VERSION:
        raise KeyFileCorrupt(f"version {raw[len(MAGIC)]} is not known here, only version {VERSION}")
    if len(raw) != FILE_BYTES:
        raise KeyFileCorrupt(f"a key file of version {VERSION} has {FILE_BYTES} bytes, not {len(raw)}")
    if not hmac.compare_digest(_checksum(raw[:-CHECKSUM_BYTES]), raw[-CHECKSUM_BYTES:]):
        raise KeyFileCorrupt("the checksum does not fit: the file was damaged")
    _, _, kdf, passes, memory_kib, _, _ = HEADER.unpack(raw[: HEADER.size])
    if kdf != KDF_ARGON2ID:
        raise KeyFileCorrupt(f"key derivation {kdf} is not known here, only {KDF_ARGON2ID}, Argon2id")
    try:
        return Cost(passes, memory_kib)
    except UsageError as error:
        raise KeyFileCorrupt(f"the cost in the file is out of bounds: {error}") from None
