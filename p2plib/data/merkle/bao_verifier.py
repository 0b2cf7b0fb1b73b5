"""Bao's verifier: bytes from a stranger go in, and what is proven comes out. A machine.

Takes what `p2plib.data.merkle.bao` makes, and follows the section "Decoder" of the Bao specification.

    >>> from p2plib.data.merkle import bao
    >>> content = b"fern" * 600
    >>> stranger = BaoVerifier(bao.BaoTree.of(content).root, start=1024, length_bytes=4)
    >>> stranger.receive(bao.slice_of(content, 1024, 4))
    >>> stranger.take(), stranger.is_complete
    ([BaoBytes(start=1024, data=b'fern')], True)

Rules
    1. A node is believed when it hashes to the value in its parent, and the first node when it hashes to the
       root. A chunk that does not is `WrongContent`, a parent `InvalidProof`; what came before stays proven.
    2. The size is only believed when the *last chunk* is proven: another size has another last chunk, or
       another way to it. So a slice from the middle may come with a wrong size, and until then
       `proven_size_bytes` is None.
    3. Asking for nothing is asking for one byte, and asking past the end is asking for the last chunk: an
       answer always proves something.
    4. The encoding ends with its last node. What follows is refused here, though the specification allows a
       decoder just to stop reading.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.data.merkle import blake3
from p2plib.data.merkle.bao import HEADER_BYTES, PARENT_BYTES, check_asked, left_size, wanted
from p2plib.data.merkle.blake3 import Engine, chunk_node, parent_node
from p2plib.data.merkle.blake3_lanes import CHUNK_BYTES, VALUE_BYTES
from p2plib.errors import DecodeError, InvalidProof, RemoteError, Truncated, UsageError, WrongContent

BATCH_BYTES = 2**22  # of an encoding that are hashed together, before the first wrong byte in them is found
MAX_SIZE_BYTES = 2**40  # that a stranger's header may promise, unless the caller has a limit of its own


@dataclass(frozen=True, slots=True)
class BaoBytes:
    """A part of the content that is proven.

    Args:
        start: its offset in the content.
        data: what is there.
    """

    start: int
    data: bytes


@dataclass(slots=True)  # not frozen: two are made for each KiB
class BaoSubtree:
    """A node that is still to come, and what is known about it.

    Args:
        start: the offset of the content below it.
        size: how many bytes of content are below it; it is a chunk if there are at most 1,024.
        value: what it must hash to, 32 bytes.
        is_root: whether it is the root of the whole tree.
    """

    start: int
    size: int
    value: bytes
    is_root: bool = False


class BaoVerifier:
    """Takes a combined encoding or a slice, in pieces of any size, and returns what is proven. A machine.

    It holds less than a chunk that is not yet proven, whatever the header promises.

    Args:
        root: the BLAKE3 hash of the content, 32 bytes.
        start: where the slice was asked to begin.
        length_bytes: how many bytes were asked for; None for everything up to the end.
        size_bytes: of the whole content, if the caller knows it.
        max_size_bytes: the most that the header may promise.
        engine: "numpy" or "numbers"; by default the faster one available.

    Raises:
        UsageError: the root does not have 32 bytes, a number is negative, the known size is above the limit,
            or the engine cannot be used.
    """

    def __init__(
        self,
        root: bytes,
        start: int = 0,
        length_bytes: int | None = None,
        *,
        size_bytes: int | None = None,
        max_size_bytes: int = MAX_SIZE_BYTES,
        engine: Engine | None = None,
    ) -> None:
        if len(root) != VALUE_BYTES:
            raise UsageError(f"the root has {VALUE_BYTES} bytes, not {len(root)}")
        check_asked(start, length_bytes or 0)
        if not 0 <= (size_bytes or 0) <= max_size_bytes:
            known = "" if size_bytes is None else f", not {size_bytes}"
            raise UsageError(f"the content has 0 to at most {max_size_bytes} bytes{known}")
        blake3.check_engine(engine)
        self._root, self._start, self._engine = bytes(root), start, engine  # a bytearray could change
        self._length = max_size_bytes if length_bytes is None else length_bytes
        self._known, self._max = size_bytes, max_size_bytes
        self._left = b""  # received, and too short to be a node
        self._offset = 0  # where it begins in the encoding
        self._header: int | None = None
        self._low = self._high = 0
        self._stack = list[BaoSubtree]()
        self._proven = list[BaoBytes]()
        self._failure: RemoteError | None = None
        self.proven_size_bytes: int | None = None

    @property
    def is_complete(self) -> bool:
        """Whether everything that was asked for is proven."""
        return self._header is not None and not self._stack and self._failure is None

    def take(self) -> list[BaoBytes]:
        """What was proven since this was last called, in order; it stays proven after an error."""
        taken, self._proven = self._proven, []
        return taken

    def receive(self, data: bytes) -> None:
        """Take more of the encoding, and verify whatever is complete.

        After an error in what was received, every later call raises it again.

        Args:
            data: what arrived next.

        Raises:
            DecodeError: the header promises more than is allowed.
            InvalidProof: a parent is not what its parent, or the root, promises.
            WrongContent: a chunk is not what its parent, or the root, promises; the size is not the one that
                was expected; or something follows after the end.
        """
        if self._failure is not None:
            raise self._failure
        try:
            self._advance(self._left + data)
        except RemoteError as error:
            self._failure, self._left = error, b""
            raise

    def end(self) -> None:
        """Say that nothing more will come.

        Raises:
            Truncated: something is missing.
        """
        if self._failure is not None:
            raise self._failure
        if not self.is_complete:
            received = self._offset + len(self._left)
            raise Truncated(f"the encoding ends after {received} bytes, before its last node is complete")

    def _advance(self, stream: bytes) -> None:
        at = 0
        if self._header is None and len(stream) >= HEADER_BYTES:
            self._begin(int.from_bytes(stream[:HEADER_BYTES], "little"))
            at = HEADER_BYTES
        first = self._offset
        try:
            while True:
                batch, stack = self._collect(stream, at)
                if not batch:
                    break
                self._verify(batch, stream, first)
                last, start = batch[-1]
                self._stack, at = stack, start + _sent_bytes(last)
        finally:  # whatever was raised, even MemoryError: what is not verified is still to come
            self._offset, self._left = first + at, stream[at:]
        if self._left and self.is_complete:
            raise WrongContent(f"the encoding is complete after {self._offset} bytes, and more follows")

    def _begin(self, size: int) -> None:
        if self._known is not None and size != self._known:
            raise WrongContent(f"the header promises {size} bytes of content, which has {self._known}")
        if size > self._max:
            raise DecodeError(f"the header promises {size} bytes, and at most {self._max} are allowed", 0)
        self._header = size
        self._low, self._high = wanted(self._start, self._length, size)
        self._stack.append(BaoSubtree(0, size, self._root, is_root=True))

    def _collect(self, stream: bytes, at: int) -> tuple[list[tuple[BaoSubtree, int]], list[BaoSubtree]]:
        """The next nodes that have arrived, and where they are; and the nodes to come after them.

        None of them is believed yet, nor what they say about others.
        """
        batch, stack = list[tuple[BaoSubtree, int]](), self._stack.copy()
        limit = min(len(stream), at + BATCH_BYTES)
        while stack and at + _sent_bytes(stack[-1]) <= limit:
            node = stack.pop()
            batch.append((node, at))
            at += _sent_bytes(node)
            if node.size > CHUNK_BYTES:
                left, right = stream[at - PARENT_BYTES : at - VALUE_BYTES], stream[at - VALUE_BYTES : at]
                middle, end = node.start + left_size(node.size), node.start + node.size
                if middle < self._high:
                    stack.append(BaoSubtree(middle, end - middle, right))
                if self._low < middle:
                    stack.append(BaoSubtree(node.start, middle - node.start, left))
        return batch, stack

    def _verify(self, batch: list[tuple[BaoSubtree, int]], stream: bytes, first: int) -> None:
        """Hashes all nodes of a batch together, then believes them in order, up to the first that is wrong.

        A parent comes before its children, so a parent that is believed vouches for their values.
        """
        if batch[0][0].is_root:
            (node, at), batch = batch[0], batch[1:]
            data = stream[at : at + _sent_bytes(node)]
            if _root_of(data, node.size <= CHUNK_BYTES) != node.value:
                raise _wrong(node, first + at)
            if node.size <= CHUNK_BYTES:
                self._prove(0, data)
        parents = [(node, at) for node, at in batch if node.size > CHUNK_BYTES]
        chunks = [(node, at) for node, at in batch if node.size <= CHUNK_BYTES]
        pairs = b"".join([stream[at : at + PARENT_BYTES] for _, at in parents])
        content = b"".join([stream[at : at + node.size] for node, at in chunks])
        start = chunks[0][0].start if chunks else 0
        made = blake3.joined(pairs, engine=self._engine)
        made += blake3.chunk_values(content, start // CHUNK_BYTES, engine=self._engine)
        if made != b"".join([node.value for node, _ in parents + chunks]):
            ends = range(VALUE_BYTES, len(made) + 1, VALUE_BYTES)
            wrong = [
                (at, node)
                for (node, at), end in zip(parents + chunks, ends, strict=True)
                if made[end - VALUE_BYTES : end] != node.value
            ]
            at, node = min(wrong, key=lambda place: place[0])
            right = [chunk for chunk, where in chunks if where < at]
            self._prove(start, content[: sum(chunk.size for chunk in right)])
            raise _wrong(node, first + at)
        self._prove(start, content)

    def _prove(self, start: int, data: bytes) -> None:
        end = start + len(data)
        if end == self._header:
            self.proven_size_bytes = end
        low, high = max(start, self._start), min(end, self._start + self._length)
        if low < high:
            self._proven.append(BaoBytes(low, data[low - start : high - start]))


def _sent_bytes(node: BaoSubtree) -> int:
    return PARENT_BYTES if node.size > CHUNK_BYTES else node.size


def _root_of(data: bytes, is_chunk: bool) -> bytes:
    if is_chunk:
        return chunk_node(data, 0).root_bytes()
    return parent_node(data[:VALUE_BYTES], data[VALUE_BYTES:]).root_bytes()


def _wrong(node: BaoSubtree, offset: int) -> WrongContent | InvalidProof:
    where = f"at offset {offset} of the encoding, is not what the root promises"
    if node.size <= CHUNK_BYTES:
        return WrongContent(f"the chunk of {node.size} bytes from byte {node.start} on, {where}")
    return InvalidProof(f"the parent of bytes {node.start} to {node.start + node.size - 1}, {where}")
