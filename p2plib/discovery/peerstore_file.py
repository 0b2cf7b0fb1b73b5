"""Peerstore file: what a peerstore knows, on disk. A codec, and the two functions that touch the disk.

The file is a line, a value in bencode, and the first 16 bytes of the SHA-256 of all that::

    p2plib peerstore 1
    d3:metl...e7:recordsl...e6:topicsld7:entriesl...e5:topic20:...eee
    ................

An entry is a list: 6 or 18 bytes of address, the teller, when it was heard of and when met in milliseconds of
Unix time, and the failures.

Rules
    1. A file is replaced as a whole: after a crash, even a loss of power, it is the old one or the new one.
       Of two programs that save to the same file, the last one wins.
    2. One that cannot be read is a `DecodeError` that names it. It is left as it is, and nothing is saved
       over it: somebody may want to know what is in it.
    3. The digest finds accidents. It is no signature: whoever can write the file can write another digest.
    4. Only its owner may read the file: it says with whom they spoke, and about what.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from pathlib import Path
from typing import Any

from p2plib.discovery.peerstore import MAX_FAILURES, Entry, Peerstore
from p2plib.errors import DecodeError, LocalError, P2PError, UsageError
from p2plib.identity.keys import PublicKey
from p2plib.machine.addresses import Address, given_address, packed_host
from p2plib.wire import bencode

HEAD = b"p2plib peerstore 1\n"
DIGEST_BYTES = 16
MAX_FILE_BYTES = 32 * 1024 * 1024  # with the limits as they are by default, a full store is smaller


def encode(store: Peerstore, now_s: float) -> bytes:
    """The bytes of the file."""
    topics = [
        {b"topic": topic, b"entries": [_packed(address, entry) for address, entry in entries.items()]}
        for topic, entries in store.topics.items()
        if entries
    ]
    body: bencode.Value = {
        b"met": [key.raw for key in store.met_keys],
        b"records": [raw for _, raw in store.kept_records(now_s)],
        b"topics": topics,  # type: ignore[dict-item]
    }
    data = HEAD + bencode.encode(body)
    return data + _digest(data)


def _packed(address: Address, entry: Entry) -> list[bencode.Value]:
    host, port = address
    times = round(1000 * entry.heard_s), round(1000 * entry.met_s)
    return [packed_host(host) + port.to_bytes(2), entry.teller.encode(), *times, entry.failures]


def decode(data: bytes, store: Peerstore, now_s: float) -> None:
    """Takes what was written into a store; its limits hold, and what is too old by now is left out.

    Args:
        data: the bytes of the file.
        store: an empty one.
        now_s: Unix time.

    Raises:
        DecodeError: the bytes are not what `encode` writes.
    """
    end = checked(data)
    value = bencode.decode(data[len(HEAD) : end])
    try:
        _take_up(value, store, now_s)
    except (KeyError, TypeError, ValueError, OverflowError, OSError, AttributeError, P2PError) as error:
        raise DecodeError(f"no peerstore is written like this: {error}", len(HEAD)) from None


def _take_up(value: Any, store: Peerstore, now_s: float) -> None:
    for raw in value[b"met"]:
        store.met_peer(PublicKey(raw))
    for raw in value[b"records"]:
        store.keep_record(raw, now_s)
    for each in value[b"topics"]:
        for packed, teller, heard_ms, met_ms, failures in each[b"entries"]:
            host = socket.inet_ntop(socket.AF_INET if len(packed) == 6 else socket.AF_INET6, packed[:-2])
            address = given_address((host, int.from_bytes(packed[-2:])))
            if min(heard_ms, met_ms, failures) < 0 or failures > MAX_FAILURES:
                raise ValueError("a time before 1970, or an impossible number of failures")
            entry = Entry(teller.decode(), heard_ms / 1000, met_ms / 1000, failures)
            store.take_up(each[b"topic"], address, entry, now_s)


def checked(data: bytes) -> int:
    """Where the body of a file's bytes ends.

    Raises:
        DecodeError: they are of something else, or were changed or cut off.
    """
    if not data.startswith(HEAD):
        raise DecodeError(f"a peerstore begins with {HEAD!r}", 0)
    end = len(data) - DIGEST_BYTES
    if end < len(HEAD) or data[end:] != _digest(data[:end]):
        raise DecodeError("it was changed or cut off: its digest does not match", max(end, 0))
    return end


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:DIGEST_BYTES]


def load(path: Path, now_s: float, store: Peerstore | None = None) -> Peerstore:
    """The store that was saved; an empty one where there is no file yet.

    Args:
        path: the file.
        now_s: Unix time.
        store: an empty one with limits of its own; by default one with the usual limits.

    Raises:
        DecodeError: the file is not what `save` wrote. It is left as it is.
        LocalError: the system does not let us read it.
    """
    store = Peerstore() if store is None else store
    data = _read(path)
    if data:
        try:
            decode(data, store, now_s)
        except DecodeError as error:
            raise _unreadable(path, error) from None
    return store


def save(store: Peerstore, path: Path, now_s: float) -> None:
    """Writes a store down, in the place of what was saved there before. Rules 1 and 2.

    Args:
        store: what to write.
        path: the file; its folder must exist.
        now_s: Unix time.

    Raises:
        DecodeError: something else is in that file. It is left as it is.
        LocalError: the system does not let us write it, or it is more than `MAX_FILE_BYTES`.
    """
    old = _read(path)
    if old:
        try:
            checked(old)
        except DecodeError as error:
            raise _unreadable(path, error) from None
    raw = encode(store, now_s)
    if len(raw) > MAX_FILE_BYTES:  # or nobody could read it, and `save` would never replace it
        raise LocalError(
            f"the peerstore {path} would have more than {MAX_FILE_BYTES} bytes: lower its limits"
        )
    path = path.resolve()  # a link stays a link
    new = path.with_name(f".{path.name}.new-{os.getpid()}")
    try:
        new.unlink(missing_ok=True)  # of a process that had our number and died
        try:
            with open(new, "xb", opener=_owner_only) as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, path)
        except BaseException:
            with contextlib.suppress(OSError):
                new.unlink()
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise LocalError(f"the peerstore {path} cannot be written: {error.strerror}") from None


def _owner_only(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _read(path: Path) -> bytes:
    """The bytes of a file; none where there is no file."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise LocalError(f"the peerstore {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{str(path)!r} is no name of a file: {error}") from None
    if len(data) > MAX_FILE_BYTES:
        raise _unreadable(path, DecodeError(f"it has more than {MAX_FILE_BYTES} bytes", MAX_FILE_BYTES))
    return data


def _unreadable(path: Path, error: DecodeError) -> DecodeError:
    rule = f"{path} is no peerstore that can be read: {error.rule}. It is left as it is; move it away first"
    return DecodeError(rule, error.offset)


def _sync_folder(folder: Path) -> None:
    """Makes the new name as durable as the bytes, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
