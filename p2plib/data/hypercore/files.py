"""A feed in a directory, file by file as hypercore 9 keeps it: each of the two can take over from the other.

Six files. The numbers are big-endian::

    key           32 bytes    the author's public key
    secret_key    64 bytes    seed ‖ public key; only in the author's own directory
    data                      the blocks, one behind the other, nothing between them
    tree          32 + 40 n   head, then for each node of the flat tree: hash (32) ‖ size (8)
    signatures    32 + 64 n   head, then for each block the signature of the head that ends with it
    bitfield      32 + 3584 n head, then pages: what is here (`p2plib.data.hypercore.bitfield`)

Where no node and no signature is known, there are zeros. A head: 05 02 57 ‖ kind (2 tree, 1 signatures,
0 bitfield) ‖ 00 ‖ size of a slot (2) ‖ length of a name (1) ‖ the name (BLAKE2b, Ed25519, or none) ‖ zeros.

What a crash leaves. hypercore writes all of them at once and waits for none. We write in an order, and wait
between::

    1. data and tree, and wait for the disk
    2. signatures, and wait: from here on the change has happened
    3. bitfield, and wait. Then `write` returns

So a signature that the disk has is over nodes and blocks that the disk has. `open_core` begins with the last
one that holds: what lies behind it was never acknowledged, and is overwritten; what the bit field lacks of an
append is set. Nothing that was acknowledged is lost, and no length is signed twice.

What the disk has changed afterwards raises `StoreCorrupt`: in a head or a key when it is opened, in a block
when it is read.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from p2plib.data.hypercore import flat_tree, tree
from p2plib.data.hypercore.bitfield import NODES_PER_PAGE, PAGE_BYTES, BlockBits
from p2plib.data.hypercore.core import Hypercore
from p2plib.data.hypercore.storage import CoreChange, note_change
from p2plib.data.hypercore.tree import HASH_BYTES, NUMBER_BYTES, SignedHead, TreeNode
from p2plib.errors import (
    Closed,
    DecodeError,
    SignatureError,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    UsageError,
)
from p2plib.identity.keys import PUBLIC_BYTES, SIGNATURE_BYTES, PublicKey, SecretKey
from p2plib.identity.secret import SEED_BYTES

try:
    import fcntl
except ImportError:  # a browser, where there is no second process; and Windows
    fcntl = None  # type: ignore[assignment]

HEAD_BYTES = 32
NODE_BYTES = HASH_BYTES + NUMBER_BYTES
MAGIC = b"\x05\x02\x57"
VERSION = 0
OWNER_ONLY = 0o600

_SLOTS = {
    "tree": (2, NODE_BYTES, b"BLAKE2b"),
    "signatures": (1, SIGNATURE_BYTES, b"Ed25519"),
    "bitfield": (0, PAGE_BYTES, b""),
}
_FILES = ("data", "tree", "signatures", "bitfield")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


def file_head(name: str) -> bytes:
    """The first 32 bytes of `tree`, `signatures` or `bitfield`."""
    kind, size, algorithm = _SLOTS[name]
    head = MAGIC + bytes([kind, VERSION]) + size.to_bytes(2, "big") + bytes([len(algorithm)]) + algorithm
    return head.ljust(HEAD_BYTES, b"\x00")


class CoreDirectory:
    """A feed's six files. Made by `open_core` and `create_core`, and given to a `Hypercore`.

    Args:
        path: the directory, which exists and has a `key`.
        durable: whether to wait for the disk at each step; without it a loss of power may lose what was
            acknowledged, a crash of the process may not.

    Raises:
        StoreLocked: another process, or another object of this one, has it open.
        StoreCorrupt: a file is not what was written.
        StoreError: the system does not let us open it.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.name = str(path)
        self.path = path
        self._durable = durable
        self._files = dict[str, int]()
        try:
            with self._system_errors():
                for name in _FILES:
                    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
                    self._files[name] = os.open(path / name, flags, 0o644)
                self._lock()
                self.key = self._read_key()
                self._check_heads()
                self.bits = BlockBits(self._read_pages())
                self.head: SignedHead | None = None
                self._recover()
                self._sync_directory()
        except BaseException:
            self.close()
            raise

    def node(self, index: int) -> TreeNode:
        """A node whose bit is set.

        Raises:
            StoreCorrupt: it is not in the file.
        """
        found = self._node(index)
        if found is None:
            raise StoreCorrupt(
                f"node {index} is missing", str(self.path / "tree"), HEAD_BYTES + NODE_BYTES * index
            )
        return found

    def signature(self, length: int) -> bytes:
        """The signature of the head of this length; empty if none was kept."""
        raw = self._read("signatures", HEAD_BYTES + SIGNATURE_BYTES * (length - 1), SIGNATURE_BYTES)
        return raw if len(raw) == SIGNATURE_BYTES and any(raw) else b""

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the feed; fewer if the file was cut."""
        return self._read("data", offset, size)

    def write(self, change: CoreChange) -> None:
        """Keeps a change, in the order that the head of this module gives.

        Raises:
            StoreFull: there is no room, and nothing has changed.
            StoreError: the system does not let us write.
            Closed: the directory was closed.
        """
        with self._system_errors():
            for offset, content in _joined(change.contents):
                self._write("data", offset, content)
            for index, raw in _joined_nodes(change.nodes):
                self._write("tree", HEAD_BYTES + NODE_BYTES * index, raw)
            self._make_room(change)
            self._sync("data", "tree")
            if change.head is not None:
                at = HEAD_BYTES + SIGNATURE_BYTES * (change.head.length - 1)
                self._write("signatures", at, change.head.signature)
                self._sync("signatures")
            note_change(self, change)
            self._write_bits()

    def erase(self, block: int, offset: int, size: int) -> None:
        """Forgets a block, and overwrites it with zeros."""
        with self._system_errors():
            self.bits.set_block(block, False)
            self._write_bits()
            self._write("data", offset, bytes(size))
            self._sync("data")

    def close(self) -> None:
        """Lets go of files and lock; repeating it does nothing."""
        files, self._files = self._files, {}
        for descriptor in files.values():
            os.close(descriptor)

    # Opening

    def _lock(self) -> None:
        if fcntl is not None:
            try:  # hypercore locks the same file in the same way
                fcntl.flock(self._files["bitfield"], fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreLocked(f"the feed in {self.path} is open already: close it there first") from None

    def _read_key(self) -> PublicKey:
        path = self.path / "key"
        raw = path.read_bytes()
        try:
            return PublicKey(raw)
        except DecodeError as error:
            raise StoreCorrupt(f"this is not a public key: {error.rule}", str(path)) from None

    def _check_heads(self) -> None:
        """Writes the heads of files that are new, and refuses files that are something else."""
        for name in _SLOTS:
            wanted = file_head(name)
            found = self._read(name, 0, HEAD_BYTES)
            if len(found) < HEAD_BYTES and wanted.startswith(found):
                self._write(name, 0, wanted)
            elif found != wanted:
                raise StoreCorrupt(
                    f"this is not the file `{name}` of a hypercore 9 feed", str(self.path / name), 0
                )

    def _read_pages(self) -> dict[int, bytes]:
        """The pages of the bit field; a last one that is cut was never acknowledged, and is filled up."""
        pages, number = dict[int, bytes](), 0
        while page := self._read("bitfield", HEAD_BYTES + PAGE_BYTES * number, PAGE_BYTES):
            if any(page):
                pages[number] = page.ljust(PAGE_BYTES, b"\x00")
            number += 1
        return pages

    def _recover(self) -> None:
        """Finds the last valid head, and sets the bits that a crash left unset."""
        size = os.fstat(self._files["signatures"]).st_size - HEAD_BYTES
        length = max(size, 0) // SIGNATURE_BYTES
        while length and self.head is None:
            if signature := self.signature(length):
                self.head = self._head(length, signature)
            length -= self.head is None
        if self.head is None:
            if len(self.bits):
                raise StoreCorrupt("there are blocks, but no valid signature", str(self.path / "signatures"))
            return
        first = len(self.bits)
        if first > self.head.length:
            raise StoreCorrupt(
                f"there are {first} blocks, but the last valid signature covers {self.head.length}",
                str(self.path / "signatures"),
                HEAD_BYTES + SIGNATURE_BYTES * (first - 1),
            )
        for root in self.head.roots:
            self.bits.set_node(root.index)
        self._recover_append(first, self.head.length)
        self._write_bits()

    def _head(self, length: int, signature: bytes) -> SignedHead | None:
        """The head of this length, if it is valid."""
        roots = [self._node(index) for index in flat_tree.full_roots(length)]
        head = SignedHead(length, tuple(root for root in roots if root is not None), signature)
        try:
            tree.verify_head(self.key, head)
        except (SignatureError, UsageError):
            return None
        return head

    def _recover_append(self, first: int, length: int) -> None:
        """Sets the bits of blocks that were appended and signed, when a crash came before the bit field.

        All of them or none: only if they make the very roots that were signed. What an append left behind
        that was never signed has other ones. In a copy of somebody else's feed these blocks were never
        there, and stay missing.
        """
        if not (self.path / "secret_key").exists():
            return
        before = [self._node(index) for index in flat_tree.full_roots(first)]
        tops = [root for root in before if root is not None]
        roots, made = tree.grow(tops, self._contents(first, length, sum(root.size for root in tops)))
        if self.head is not None and tuple(roots) == self.head.roots:
            for node in made:
                self.bits.set_node(node.index)
            for block in range(first, length):
                self.bits.set_block(block)

    def _contents(self, first: int, length: int, offset: int) -> Iterator[bytes]:
        """The blocks of an append as the disk has them, up to one whose leaf it does not have."""
        for block in range(first, length):
            leaf = self._node(flat_tree.of_block(block))
            if leaf is None:
                return
            yield self.read(offset, leaf.size)
            offset += leaf.size

    # Files

    def _node(self, index: int) -> TreeNode | None:
        raw = self._read("tree", HEAD_BYTES + NODE_BYTES * index, NODE_BYTES)
        if len(raw) < NODE_BYTES or not any(raw):
            return None
        return TreeNode(index, raw[:HASH_BYTES], int.from_bytes(raw[HASH_BYTES:], "big"))

    def _read(self, name: str, offset: int, size: int) -> bytes:
        if not self._files:
            raise Closed(f"the feed in {self.path} was closed")
        size = min(size, max(os.fstat(self._files[name]).st_size - offset, 0))
        parts = list[bytes]()
        while size and (part := os.pread(self._files[name], size, offset)):
            parts.append(part)
            size -= len(part)
            offset += len(part)
        return b"".join(parts)

    def _write(self, name: str, offset: int, content: bytes) -> None:
        if not self._files:
            raise Closed(f"the feed in {self.path} was closed")
        rest = memoryview(content)
        while rest:
            written = os.pwrite(self._files[name], rest, offset)
            rest = rest[written:]
            offset += written

    def _sync(self, *names: str) -> None:
        if self._durable:
            for name in names:
                os.fsync(self._files[name])

    def _make_room(self, change: CoreChange) -> None:
        """Lengthens the bit field now: a full disk must not stop the last step, after the change."""
        for number in {node.index // NODES_PER_PAGE for node in change.nodes}:
            if not self.bits.has_page(number):
                self._write("bitfield", HEAD_BYTES + PAGE_BYTES * number, bytes(PAGE_BYTES))

    def _sync_directory(self) -> None:
        """The names of the files are as durable as their bytes from here on."""
        if self._durable:
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _write_bits(self) -> None:
        for number, page in self.bits.changes():
            self._write("bitfield", HEAD_BYTES + PAGE_BYTES * number, page)
            self.bits.mark_written(number)
        self._sync("bitfield")

    @contextlib.contextmanager
    def _system_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kind = StoreFull if error.errno in _FULL else StoreError
            raise kind(f"the feed in {self.path}: {error.strerror}") from None


def _joined(contents: Iterable[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Blocks that are next to each other as one piece, so that they are one write."""
    pieces = list[tuple[int, list[bytes], int]]()
    for offset, content in contents:
        if pieces and pieces[-1][2] == offset:
            at, parts, end = pieces[-1]
            parts.append(content)
            pieces[-1] = (at, parts, end + len(content))
        else:
            pieces.append((offset, [content], offset + len(content)))
    return [(at, b"".join(parts)) for at, parts, _ in pieces]


def _joined_nodes(nodes: Iterable[TreeNode]) -> list[tuple[int, bytes]]:
    """Nodes that are next to each other as one piece."""
    pieces = list[tuple[int, list[bytes]]]()
    for node in sorted(nodes, key=lambda node: node.index):
        raw = node.hash + node.size.to_bytes(NUMBER_BYTES, "big")
        if pieces and pieces[-1][0] + len(pieces[-1][1]) == node.index:
            pieces[-1][1].append(raw)
        else:
            pieces.append((node.index, [raw]))
    return [(first, b"".join(parts)) for first, parts in pieces]


def create_core(
    path: Path | str, secret: SecretKey | None = None, key: PublicKey | None = None, *, durable: bool = True
) -> Hypercore:
    """A new, empty feed in a directory.

    Args:
        path: the directory; it is made if it is not there.
        secret: the author's key pair, for a feed of one's own. It is written into the directory, as hypercore
            does, for nobody but us to read.
        key: the author's public key, for a copy of somebody else's feed.
        durable: whether to wait for the disk at each step.

    Raises:
        UsageError: not one of the two keys was given, but none or both.
        StoreError: there is a feed in the directory already, or the system does not let us write.
    """
    if (secret is None) == (key is None):
        raise UsageError("a feed needs its author's key pair, or, for a copy, the author's public key")
    directory = Path(path)
    author = secret.public if secret is not None else key
    assert author is not None
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if (directory / "key").exists():
            raise FileExistsError
        if secret is not None and _read_secret(directory, author) is None:
            _put(directory / "secret_key", secret.expose_seed() + author.raw, OWNER_ONLY, durable)
        _put(directory / "key", author.raw, 0o644, durable)  # the last one: without it there is no feed
    except FileExistsError:
        raise StoreError(f"{directory} has a feed already: open it, or take another directory") from None
    except OSError as error:
        kind = StoreFull if error.errno in _FULL else StoreError
        raise kind(f"no feed can be made in {directory}: {error.strerror}") from None
    return open_core(directory, durable=durable)


def _put(path: Path, raw: bytes, mode: int, durable: bool) -> None:
    """A small file, whole or not at all: a crash may leave its draft, which the next attempt overwrites."""
    draft = path.with_name(f"{path.name}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        if os.write(descriptor, raw) < len(raw):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(draft, path)


def open_core(path: Path | str, *, durable: bool = True) -> Hypercore:
    """The feed in a directory, ours or hypercore's. Close it when it is no longer needed.

    Args:
        path: the directory.
        durable: whether to wait for the disk at each step.

    Raises:
        StoreError: there is none.
        StoreLocked: it is open already.
        StoreCorrupt: a file is not what was written.
    """
    directory = Path(path)
    if not (directory / "key").is_file():
        raise StoreError(f"there is no feed in {directory}: it has no file `key`")
    storage = CoreDirectory(directory, durable=durable)
    try:
        return Hypercore(storage.key, storage, _read_secret(directory, storage.key))
    except BaseException:
        storage.close()
        raise


def _read_secret(directory: Path, key: PublicKey) -> SecretKey | None:
    path = directory / "secret_key"
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from None
    is_whole = len(raw) == SEED_BYTES + PUBLIC_BYTES
    secret = SecretKey.from_seed(raw[:SEED_BYTES]) if is_whole else None
    del raw  # an error report shows the local variables of this frame
    if secret is None or secret.public != key:
        raise StoreCorrupt("this is not the secret of the feed's key", str(path))
    return secret
