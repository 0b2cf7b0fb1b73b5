"""Key files: a peer's secret key on a disk, under a passphrase. Driver of `p2plib.identity.keyfile_format`.

    >>> create(path, SecretKey.generate(), "correct horse battery staple")
    >>> load(path, "correct horse battery staple")
    SecretKey(of PublicKey(3d4017c3e843895a…))

Rules. `create` never overwrites. `load` never creates, and `load_or_create` creates only if there is no
file at all: a file that is damaged, foreign, or open to others is an error, because a new key in its place
would be a new identity and the end of the old one. A file is read only if nobody else can read or write it,
and it is written so that a crash at any moment leaves the old key or the new one
(`p2plib.identity.private_files` says how).

The passphrase goes behind a function in the first line of everything here and is then deleted, so that an
error report, which shows the local variables of every frame, does not show it.
"""

from __future__ import annotations

import os
from pathlib import Path

from p2plib.errors import KeyFileError, KeyFileExists, KeyFileMissing
from p2plib.identity.keyfile_format import (
    CHEAPEST,
    FILE_BYTES,
    INTERACTIVE,
    MODERATE,
    SENSITIVE,
    Cost,
    Hold,
    Random,
    decode,
    decode_held,
    dissect,
    encode,
    encode_held,
    hold_passphrase,
)
from p2plib.identity.keys import SecretKey
from p2plib.identity.private_files import create_private, read_private, replace_private

__all__ = [
    "CHEAPEST",
    "INTERACTIVE",
    "MODERATE",
    "SENSITIVE",
    "Cost",
    "change_passphrase",
    "create",
    "decode",
    "dissect",
    "encode",
    "load",
    "load_or_create",
]


def create(
    path: str | os.PathLike[str],
    secret: SecretKey,
    passphrase: str,
    *,
    cost: Cost = MODERATE,
    random: Random = os.urandom,
) -> None:
    """Writes a new key file, which only its owner may read and write.

    Args:
        path: where; the directory must exist, and nothing may be there.
        secret: the key to keep.
        passphrase: what will open the file; not empty.
        cost: what each try of a passphrase will cost.
        random: gives so many random bytes.

    Raises:
        KeyFileExists: something is there. It is left as it was, also in a race with another process.
        KeyFileError: the system does not let us write, or has not the memory.
        UsageError: a passphrase that cannot be one.
    """
    hold = hold_passphrase(passphrase)
    del passphrase
    if os.path.lexists(path):
        raise KeyFileExists(f"{path} exists and is not overwritten: move it away first, if it may be lost")
    create_private(Path(path), encode_held(secret, hold, cost, random), random)


def load(path: str | os.PathLike[str], passphrase: str) -> SecretKey:
    """The key in a key file.

    Args:
        path: the file itself, not a symbolic link to it.
        passphrase: what the file was made with.

    Raises:
        KeyFileMissing: there is no file.
        KeyFilePermissions: others may read or write it, or it is not a plain file of ours.
        KeyFileCorrupt: it is cut, changed, of an unknown version, or asks for an absurd cost.
        WrongPassphrase: it is whole, and does not open.
        KeyFileError: the system does not let us read it, or has not the memory that it asks for.
        UsageError: a passphrase that cannot be one.
    """
    hold = hold_passphrase(passphrase)
    del passphrase
    return _decode_named(Path(path), read_private(Path(path), FILE_BYTES), hold)


def load_or_create(
    path: str | os.PathLike[str], passphrase: str, *, cost: Cost = MODERATE, random: Random = os.urandom
) -> SecretKey:
    """The key in a key file; a new key in a new file if there is none at all.

    Args:
        path: the file, or where it will be.
        passphrase: what the file was or will be made with.
        cost: what each try will cost, if the file is made now.
        random: gives so many random bytes.

    Raises:
        KeyFileError: as `load` and `create` do. Whatever is wrong with a file that is there, it is kept as it
            is.
        UsageError: a passphrase that cannot be one.
    """
    hold = hold_passphrase(passphrase)
    del passphrase
    where = Path(path)
    try:
        return _decode_named(where, read_private(where, FILE_BYTES), hold)
    except KeyFileMissing:
        secret = SecretKey.generate(random)
    try:
        create_private(where, encode_held(secret, hold, cost, random), random)
    except KeyFileExists:
        # Another process was faster. There is one identity, and it is the one in the file.
        return _decode_named(where, read_private(where, FILE_BYTES), hold)
    return secret


def change_passphrase(
    path: str | os.PathLike[str],
    old: str,
    new: str,
    *,
    cost: Cost = MODERATE,
    random: Random = os.urandom,
) -> None:
    """Seals the key in a file anew. Copies of the old file still open with the old passphrase.

    Args:
        path: the file itself, not a symbolic link to it.
        old: the passphrase that opens it.
        new: the one that will; not empty.
        cost: what each try will cost from now on.
        random: gives so many random bytes.

    Raises:
        KeyFileError: as `load` does, or the file was changed by somebody else meanwhile. It is left as it
            was.
        UsageError: a passphrase that cannot be one.
    """
    hold_old, hold_new = hold_passphrase(old), hold_passphrase(new)
    del old, new
    where = Path(path)
    raw = read_private(where, FILE_BYTES)
    secret = _decode_named(where, raw, hold_old)
    replace_private(where, raw, encode_held(secret, hold_new, cost, random), random)


def _decode_named(path: Path, raw: bytes, hold: Hold) -> SecretKey:
    try:
        return decode_held(raw, hold)
    except KeyFileError as error:
        named = type(error)(f"{path}: {error}")
    raise named
