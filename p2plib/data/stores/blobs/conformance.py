"""What every `BlobStore` must do, as a suite that anybody can run over an implementation of their own.

::

    check_blob_store(MyStore, by_content=False)

The first argument gives a fresh, empty store at each call; the suite closes it. A store that outlives its
object is checked once more with `check_reopened`. What breaks a rule of `p2plib.data.stores.blobs.store`
raises `RuleBroken`, with what happened. The beginning was npm's abstract-blob-store/tests; the rules on
unfinished blobs, readers under way, names and promises are ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from p2plib.data.stores.blobs.store import PIECE_BYTES, BlobStore
from p2plib.data.stores.rules import RuleBroken, demand, raises
from p2plib.errors import Closed, NotFound, P2PError, UsageError, WrongContent

SIZES = (0, 1, 2, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 17)
ABSENT = "8843d7f92416211de9ebb963ff4ce28125932878"  # what npm's tests ask for and nobody has
# Texts that would leave the root of a store of files, or mean two files, or none.
NO_KEYS = (
    "", "/", "/etc/passwd", "..", "../a", "a/../b", "a/..", ".", "./a", "a/.", "a//b", "a/", "a\0b", "a\\b",
    "..\\a", "c:a", "C:/a", "\ud800", "x" * 256, "a/" * 512 + "a", ".p2plib", ".p2plib/lock", ".P2PLIB/lock",
)  # fmt: skip
ODD_KEYS = (
    " ", "a b", "albums/summer/1.jpg", ".hidden", "...", "a..b", "-", "%2e%2e", "été", "写真/夏",
    "'\"*?<>|&;$`", "line\nfeed", "ab:c", "x" * 255,
)  # fmt: skip
NO_HASHES = ("", "a", ABSENT, "A" * 64, "g" * 64, "0" * 63, "0" * 65, "../" + "0" * 61, "0" * 64 + "\n")


def sample(size_bytes: int, seed: int = 0) -> bytes:
    """Bytes that show when some are lost, doubled or swapped: their period fits no buffer."""
    period = bytes((seed + i * i) % 251 for i in range(1009))
    return (period * (size_bytes // len(period) + 1))[:size_bytes]


@dataclass(frozen=True, slots=True)
class BlobTrial:
    """A fresh store, and how its names come about.

    Args:
        store: an empty store.
        by_content: whether its keys are the SHA-256 of the content.
    """

    store: BlobStore
    by_content: bool

    def name(self, key: str) -> str | None:
        """What to give to `write`: nothing, where names are made of the content."""
        return None if self.by_content else key

    def put(self, key: str, data: bytes, piece_bytes: int = PIECE_BYTES) -> str:
        """Writes a blob in pieces, and returns its key."""
        with self.store.write(self.name(key)) as writer:
            for start in range(0, len(data), piece_bytes):
                writer.write(data[start : start + piece_bytes])
            info = writer.finish()
        demand(info.size_bytes == len(data), f"finish said {info.size_bytes} bytes, of {len(data)}")
        expected = hashlib.sha256(data).hexdigest() if self.by_content else key
        demand(info.key == expected, f"finish gave the key {info.key!a}, not {expected!a}")
        return info.key

    def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Reads a blob, or a part, piece by piece."""
        pieces = []
        with self.store.read(key, start, end) as reader:
            for piece in reader:
                demand(0 < len(piece) <= PIECE_BYTES, f"a piece has {len(piece)} bytes")
                pieces.append(piece)
        return b"".join(pieces)

    def keys(self) -> list[str]:
        """All names in it."""
        return list(self.store.keys())


def check_sizes(trial: BlobTrial) -> None:
    for size in SIZES:
        for piece in (PIECE_BYTES, 10_000, 3 * PIECE_BYTES):
            data = sample(size, piece % 251)
            key = trial.put(f"sizes/{size}", data, piece)
            demand(trial.get(key) == data, f"a blob of {size} bytes came back changed")
            demand(trial.store.size(key) == size, f"size() of a blob of {size} bytes is another")
            demand(trial.store.exists(key), "a blob that was written does not exist")
            with trial.store.read(key) as reader:
                demand(reader.info.key == key, "a reader names another blob")
                demand(reader.info.size_bytes == size, "a reader gives another size")
                demand(reader.read_all() == data, "read_all gave something else")


def check_parts(trial: BlobTrial) -> None:
    data = sample(2 * PIECE_BYTES + 100)
    key = trial.put("parts", data)
    edges = (0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, len(data) - 1, len(data))
    for start in (*edges, len(data) + 5):
        for end in (*edges, len(data) + 5, None):
            if end is not None and end < start:
                continue
            demand(
                trial.get(key, start, end) == data[start:end], f"the part from {start} to {end} is another"
            )
    raises(UsageError, lambda: trial.store.read(key, -1), "a part from -1")
    raises(UsageError, lambda: trial.store.read(key, 5, 4), "a part from 5 to 4")
    raises(UsageError, lambda: trial.store.read(key, 0, -1), "a part to -1")


def check_missing(trial: BlobTrial) -> None:
    key = hashlib.sha256(b"nobody has this").hexdigest() if trial.by_content else ABSENT
    demand(not trial.store.exists(key), "a blob exists that nobody wrote")
    raises(NotFound, lambda: trial.store.read(key), "reading a blob that is not there")
    raises(NotFound, lambda: trial.store.size(key), "the size of a blob that is not there")
    trial.store.remove(key)
    demand(trial.keys() == [], "an empty store has names")


def check_removed(trial: BlobTrial) -> None:
    key, other = trial.put("test.js", b"foobar"), trial.put("other", b"other")
    trial.store.remove(key)
    demand(not trial.store.exists(key), "a removed blob exists")
    raises(NotFound, lambda: trial.store.read(key), "reading a removed blob")
    demand(trial.keys() == [other], "a removal took another blob, or left the name")
    trial.store.remove(key)
    demand(trial.get(trial.put("test.js", b"foobar")) == b"foobar", "a removed blob cannot be written again")


def check_unfinished(trial: BlobTrial) -> None:
    with trial.store.write(trial.name("left")) as left:
        left.write(b"half")
    dropped = trial.store.write(trial.name("dropped"))
    dropped.write(sample(PIECE_BYTES * 2))
    dropped.discard()
    dropped.discard()
    try:
        with trial.store.write(trial.name("failed")) as failed:
            failed.write(b"half")
            raise KeyError("a caller's own error")
    except KeyError:
        pass
    demand(trial.keys() == [], "an unfinished blob is there")
    for writer in (left, dropped, failed):
        demand(not writer.is_open, "a writer that was left is open")
        raises(Closed, writer.finish, "finishing a discarded blob")
        raises(Closed, lambda writer=writer: writer.write(b"x"), "writing to a discarded blob")  # type: ignore[misc]


def check_seen_only_when_finished(trial: BlobTrial) -> None:
    data = b"seen when finished"
    key = hashlib.sha256(data).hexdigest() if trial.by_content else "a"
    with trial.store.write(trial.name("a")) as writer:
        for piece in (data[:4], data[4:]):
            writer.write(piece)
            demand(not trial.store.exists(key) and trial.keys() == [], "a blob is seen before it is finished")
        writer.finish()
        raises(Closed, writer.finish, "finishing twice")
        raises(Closed, lambda: writer.write(b"x"), "writing to a finished blob")
        writer.discard()
    demand(trial.get(key) == data, "a finished blob was discarded by leaving its block")


def check_replaced(trial: BlobTrial) -> None:
    """An old blob stays until the new one is finished, and longer if the new one never is."""
    if trial.by_content:
        key = trial.put("", b"same")
        demand(trial.put("", b"same") == key and trial.keys() == [key], "the same content is there twice")
        return
    trial.put("a", b"old")
    with trial.store.write("a") as writer:
        writer.write(b"new, and longer")
        demand(trial.get("a") == b"old", "a blob changed before the new one was finished")
    demand(trial.get("a") == b"old" and trial.store.size("a") == 3, "an unfinished blob replaced a whole one")
    first, second = trial.store.write("a"), trial.store.write("a")
    first.write(b"first")
    second.write(b"second!")
    second.finish()
    first.finish()
    demand(trial.get("a") == b"first" and trial.keys() == ["a"], "of two writers, the last to finish counts")


def check_reader_goes_on(trial: BlobTrial) -> None:
    data = sample(3 * PIECE_BYTES)
    key = trial.put("a", data)
    with trial.store.read(key) as one, trial.store.read(key, PIECE_BYTES) as two:
        begun = next(one)
        trial.store.remove(key)
        trial.put("a", b"new")
        demand(begun + one.read_all() == data, "a reader did not end the blob that it began")
        demand(two.read_all() == data[PIECE_BYTES:], "a reader that had not begun gave another blob")
        demand(list(one) == [] and not one.is_open, "a reader at its end gives more")
    with trial.store.read(trial.put("b", data)) as stopped:
        next(stopped)
    raises(Closed, lambda: next(stopped), "reading on after close")


def check_names(trial: BlobTrial) -> None:
    if trial.by_content:
        for key in NO_HASHES:
            for doing in (trial.store.write, trial.store.read, trial.store.exists, trial.store.remove):
                raises(UsageError, lambda doing=doing, key=key: doing(key), f"the key {key!a}")  # type: ignore[misc]
        keys = [trial.put("", bytes([number])) for number in range(40)]
        demand(trial.keys() == sorted(keys), "the names are not all there, or not in order")
        return
    raises(UsageError, trial.store.write, "a blob without a key")
    for key in NO_KEYS:
        for doing in (trial.store.write, trial.store.read, trial.store.exists, trial.store.remove):
            raises(UsageError, lambda doing=doing, key=key: doing(key), f"the key {key[:20]!a}")  # type: ignore[misc]
    raises(UsageError, lambda: trial.store.write(b"a"), "a key of bytes")  # type: ignore[arg-type]
    for number, key in enumerate(ODD_KEYS):
        trial.put(key, bytes([number]))
    demand(trial.keys() == sorted(ODD_KEYS), "the names are not all there, or not in order")
    for number, key in enumerate(ODD_KEYS):
        demand(trial.get(key) == bytes([number]), f"under {key!a} there is another blob")


def check_promises(trial: BlobTrial) -> None:
    for data, promised in ((b"12345", 4), (b"12345", 6), (b"", 1), (b"1", 0)):

        def attempt(data: bytes = data, promised: int = promised) -> None:
            with trial.store.write(trial.name("a"), size_bytes=promised) as writer:
                for byte in data:
                    writer.write(bytes([byte]))
                writer.finish()

        raises(WrongContent, attempt, f"{len(data)} bytes, promised as {promised},")
    raises(UsageError, lambda: trial.store.write(trial.name("a"), size_bytes=-1), "a size of -1")
    if trial.by_content:
        lie = trial.store.write(hashlib.sha256(b"truth").hexdigest())
        lie.write(b"a lie")
        raises(WrongContent, lie.finish, "content under the hash of another")
    demand(trial.keys() == [], "content that broke a promise is there")
    if trial.by_content:
        with trial.store.write(hashlib.sha256(b"truth").hexdigest(), size_bytes=5) as writer:
            writer.write(b"truth")
            demand(trial.get(writer.finish().key) == b"truth", "kept promises are no blob")


def check_bytes_alone(trial: BlobTrial) -> None:
    for nonsense in ("text", 5, None, [1]):
        writer = trial.store.write(trial.name("a"))
        raises(UsageError, lambda w=writer, n=nonsense: w.write(n), f"writing {nonsense!r}")  # type: ignore[misc]
        raises(Closed, writer.finish, "finishing after an error")
    mutable = bytearray(b"abc")
    with trial.store.write(trial.name("a")) as writer:
        writer.write(mutable)
        mutable[:] = b"xyz"
        writer.write(memoryview(mutable)[1:])
        demand(
            trial.get(writer.finish().key) == b"abcyz", "what was written changed with the caller's buffer"
        )


def check_closed(trial: BlobTrial) -> None:
    key = trial.put("a", sample(2 * PIECE_BYTES))
    store, reader, writer = trial.store, trial.store.read(key), trial.store.write(trial.name("b"))
    next(reader)
    writer.write(b"half")
    store.close()
    store.close()
    raises(Closed, lambda: next(reader), "reading on in a closed store")
    raises(Closed, lambda: writer.write(b"x"), "writing on in a closed store")
    raises(Closed, writer.finish, "finishing in a closed store")
    raises(Closed, lambda: store.read(key), "reading in a closed store")
    raises(Closed, lambda: store.write(trial.name("b")), "writing in a closed store")
    raises(Closed, lambda: store.exists(key), "exists in a closed store")
    raises(Closed, lambda: store.size(key), "size in a closed store")
    raises(Closed, lambda: store.remove(key), "removing in a closed store")
    raises(Closed, lambda: list(store.keys()), "the keys of a closed store")


CHECKS: tuple[Callable[[BlobTrial], None], ...] = (
    check_sizes, check_parts, check_missing, check_removed, check_unfinished, check_seen_only_when_finished,
    check_replaced, check_reader_goes_on, check_names, check_promises, check_bytes_alone, check_closed,
)  # fmt: skip


def check_blob_store(make: Callable[[], BlobStore], *, by_content: bool) -> None:
    """Runs every check over a fresh store.

    Args:
        make: gives an empty store.
        by_content: whether its names are the SHA-256 of the content.

    Raises:
        RuleBroken: the store broke a rule.
    """
    for check in CHECKS:
        with make() as store:
            try:
                check(BlobTrial(store, by_content))
            except P2PError as error:
                raise RuleBroken(f"in {check.__name__} the store raised {error!r}") from error


def check_reopened(reopen: Callable[[], BlobStore], *, by_content: bool) -> None:
    """What a store that outlives its object keeps: finished blobs, and nothing else.

    Args:
        reopen: opens the same store again at each call; empty the first time.
        by_content: as for `check_blob_store`.

    Raises:
        RuleBroken: the store broke a rule.
    """
    data = sample(PIECE_BYTES + 5)
    with reopen() as store:
        trial = BlobTrial(store, by_content)
        key, gone = trial.put("kept/a", data), trial.put("gone", b"gone")
        store.remove(gone)
        unfinished = store.write(trial.name("unfinished"))
        unfinished.write(data)
    with reopen() as store:
        trial = BlobTrial(store, by_content)
        demand(trial.keys() == [key], "a store that was reopened has other blobs")
        demand(trial.get(key) == data, "a blob changed while its store was closed")
