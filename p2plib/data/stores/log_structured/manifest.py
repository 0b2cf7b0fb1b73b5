"""The manifest: which files are the store. One small text, replaced as a whole. A codec.

::

    p2plib store 1
    salt 00112233445566778899aabbccddeeff
    next 9
    log 8
    table 3 1 52417
    table 7 0 13122
    crc32 1f0a77c2

`salt` is that of the logs and the Bloom filters, as hexadecimal; without one the line is not there. `next` is
the number that the next new file gets, `log` the write-ahead log's. A table has its number, its *tier* and
its size in bytes; the oldest stands first, and tiers never rise. The last line is the CRC-32 of all lines
before it.

Rule: a new manifest is written beside the old one, synced, given the old one's name, and the directory is
synced. Before that all files that it names are on the disk, and only after it any file of the old one goes.
So whenever the power fails, one whole manifest is there, and all files that it names.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from p2plib.data.stores.files import FileSystem
from p2plib.errors import DecodeError, StoreCorrupt

MANIFEST = "MANIFEST"
NEW_MANIFEST = "MANIFEST.new"
VERSION = "p2plib store 1"
MAX_MANIFEST_BYTES = 16 * 1024 * 1024  # half a million tables; a store has a few dozen

_LINES = re.compile(
    VERSION
    + r"\n(?:salt ((?:[0-9a-f]{2}){1,64})\n)?next (\d{1,15})\nlog (\d{1,15})\n"
    + r"((?:table \d{1,15} \d{1,3} \d{1,15}\n)*)crc32 ([0-9a-f]{8})\n",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class TableInfo:
    """One table of a store.

    Args:
        number: of its file.
        tier: 0 for one that was a memtable; a table of tier t + 1 was several of tier t.
        size: of the file, in bytes.
    """

    number: int
    tier: int
    size: int

    @property
    def name(self) -> str:
        """The name of its file."""
        return table_name(self.number)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which files are the store.

    Args:
        next_number: of the next new file.
        log_number: of the write-ahead log.
        tables: the oldest first.
        salt: of the logs and the Bloom filters, at most 64 bytes; empty for none.
    """

    next_number: int
    log_number: int
    tables: tuple[TableInfo, ...] = ()
    salt: bytes = b""

    @property
    def log_name(self) -> str:
        """The name of the file of the write-ahead log."""
        return log_name(self.log_number)

    @property
    def log_salt(self) -> int:
        """The salt of the write-ahead log (`wal`), 32 bits, different for each log; 0 if there is no salt."""
        return zlib.crc32(b"%d" % self.log_number, zlib.crc32(self.salt)) if self.salt else 0

    def encode(self) -> bytes:
        """Its text."""
        lines = [
            VERSION,
            *([f"salt {self.salt.hex()}"] if self.salt else []),
            f"next {self.next_number}",
            f"log {self.log_number}",
        ]
        lines += [f"table {table.number} {table.tier} {table.size}" for table in self.tables]
        text = "".join(f"{line}\n" for line in lines).encode()
        return text + f"crc32 {zlib.crc32(text):08x}\n".encode()

    @classmethod
    def decode(cls, raw: bytes) -> Manifest:
        """The manifest that a text encodes.

        Raises:
            DecodeError: it is not one, its checksum does not hold, or its numbers cannot be right.
        """
        found = _LINES.fullmatch(raw.decode("ascii", "replace"))
        if found is None:
            raise DecodeError("these are not the lines of a manifest", 0)
        end = raw.rindex(b"crc32 ")
        if zlib.crc32(raw[:end]) != int(found[5], 16):
            raise DecodeError("the checksum of a manifest does not match", end)
        tables = tuple(TableInfo(*map(int, line.split()[1:])) for line in found[4].splitlines())
        made = cls(int(found[2]), int(found[3]), tables, bytes.fromhex(found[1] or ""))
        numbers = [made.log_number, *(table.number for table in tables)]
        if len(set(numbers)) < len(numbers) or max(numbers) >= made.next_number:
            raise DecodeError("a manifest gives each file a number of its own, below the next one", 0)
        tiers = [table.tier for table in tables]
        if tiers != sorted(tiers, reverse=True):
            raise DecodeError("the tiers of a manifest do not rise from the oldest table to the newest", 0)
        return made


def log_name(number: int) -> str:
    """The name of a write-ahead log's file."""
    return f"{number:06}.log"


def table_name(number: int) -> str:
    """The name of a table's file."""
    return f"{number:06}.table"


def read_manifest(files: FileSystem) -> Manifest:
    """The manifest of a directory.

    Raises:
        FileNotFoundError: there is none.
        StoreCorrupt: there is one, and it is damaged.
    """
    path = f"{files.path}/{MANIFEST}"
    if files.size(MANIFEST) > MAX_MANIFEST_BYTES:
        raise StoreCorrupt(f"a manifest has at most {MAX_MANIFEST_BYTES} bytes", path)
    try:
        return Manifest.decode(files.read(MANIFEST))
    except DecodeError as error:
        raise StoreCorrupt(error.rule, path, error.offset) from error


def prepare_manifest(files: FileSystem, manifest: Manifest) -> None:
    """Write a manifest beside the one that counts. Should this fail, nothing has changed."""
    if NEW_MANIFEST in files.names():
        files.remove(NEW_MANIFEST)
    files.append(NEW_MANIFEST, manifest.encode())
    files.sync(NEW_MANIFEST)


def commit_manifest(files: FileSystem) -> None:
    """Make the prepared manifest the one that counts. Should this fail, nobody knows which one does."""
    files.replace(NEW_MANIFEST, MANIFEST)
    files.sync_directory()
