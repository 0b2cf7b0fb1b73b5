"""Contents that can go while the chain stays, and that do not come back."""

from __future__ import annotations

import pytest

from p2plib.data.log import entry
from p2plib.data.log.entry import HashedContent, HashedFormat
from p2plib.data.log.erasable import ErasableLog
from p2plib.data.log.feed import Feed
from p2plib.data.log.formats import head_of
from p2plib.data.log.writer import Writer
from p2plib.errors import Forked, InvalidEntry, NotFound, StoreFull, UsageError, WouldFork
from tests.data.log.shelf import ANA, TIME_MS, Shelf, draws

HASHED = HashedFormat()
SECRET = b"my address is 5 Harbour Street"


class Replica:
    """A log with contents, on one store."""

    def __init__(self, store: Shelf | None = None) -> None:
        self.store = Shelf() if store is None else store
        self.feed = Feed(self.store, ANA.public, HASHED)
        self.log = ErasableLog(self.feed, self.store)

    def headers(self) -> list[bytes]:
        return [each.raw for each in self.feed.entries()]

    def take_from(self, other: Replica) -> list[int]:
        """Headers first, then what is still wanted and the other has."""
        self.log.extend(other.headers())
        taken = []
        for sequence in list(self.log.wanted()):
            try:
                payload = other.log.payload(sequence)
            except NotFound:
                continue
            self.log.offer(sequence, payload)
            taken.append(sequence)
        return taken


class Author(Replica):
    """The one that also writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.marks = Shelf()
        self.writer = Writer(self.feed, self.store, ANA, self.marks, random=draws(1), new_key=True)
        self.random = draws(2)

    def say(self, content: bytes, erases: int = 0) -> int:
        made = self.log.append(self.writer, content, timestamp_ms=TIME_MS, random=self.random, erases=erases)
        return made.sequence


@pytest.fixture
def author() -> Author:
    made = Author()
    for content in (b"hello", SECRET, b"", b"bye"):
        made.say(content)
    return made


def test_contents_come_with_their_headers(author: Author) -> None:
    reader = Replica()
    assert reader.take_from(author) == [1, 2, 3, 4]
    assert [reader.log.content(n) for n in range(1, 5)] == [b"hello", SECRET, b"", b"bye"]
    assert list(reader.log.wanted()) == []
    assert Replica(reader.store).log.content(2) == SECRET


@pytest.mark.fault("F130")
def test_erased_content_is_gone_and_the_chain_still_verifies(author: Author) -> None:
    reader = Replica()
    reader.take_from(author)
    author.say(b"please forget entry 2", erases=2)
    assert reader.take_from(author) == [5]
    for replica in (author, reader):
        assert replica.log.is_erased(2)
        with pytest.raises(NotFound, match="erased"):
            replica.log.content(2)
        assert SECRET not in b"".join(replica.store.content.values())
    newcomer = Replica()
    assert newcomer.take_from(reader) == [1, 3, 4, 5]
    assert newcomer.feed.head == author.feed.head  # every header was verified on the way in
    assert newcomer.log.is_erased(2)


@pytest.mark.fault("F130")
def test_replication_does_not_bring_it_back(author: Author) -> None:
    hoarder = Replica()
    hoarder.take_from(author)
    payload = hoarder.log.payload(2)
    author.say(b"forget", erases=2)
    reader = Replica()
    reader.log.extend(author.headers())
    assert list(reader.log.wanted()) == [1, 3, 4, 5]
    assert not reader.log.offer(2, payload)  # true, and refused
    assert not Replica(reader.store).log.offer(2, payload)
    with pytest.raises(NotFound):
        reader.log.content(2)
    assert not author.log.offer(2, payload)


def test_one_replica_may_forget_alone(author: Author) -> None:
    reader = Replica()
    reader.take_from(author)
    reader.log.erase(2)
    reader.log.erase(2)
    assert reader.log.is_erased(2)
    assert reader.take_from(author) == []
    assert author.log.content(2) == SECRET
    with pytest.raises(NotFound):
        reader.log.erase(9)


def test_other_bytes_than_the_signed_ones_are_refused_before_and_after_the_true_ones(author: Author) -> None:
    reader = Replica()
    reader.log.extend(author.headers())
    payload = author.log.payload(2)
    for _ in range(2):
        for wrong in (b"", payload + b"\0", payload[:-1], author.log.payload(1), bytes(len(payload))):
            with pytest.raises(InvalidEntry, match=r"^content: "):
                reader.log.offer(2, wrong)
        assert reader.log.offer(2, payload)
    assert reader.log.content(2) == SECRET
    with pytest.raises(NotFound):
        reader.log.offer(9, payload)


def test_what_is_not_here_yet_is_not_found(author: Author) -> None:
    reader = Replica()
    reader.log.extend(author.headers())
    with pytest.raises(NotFound):
        reader.log.content(1)
    assert not reader.log.is_erased(1)


def test_requests_are_followed_after_a_crash_in_between(author: Author) -> None:
    reader = Replica()
    reader.take_from(author)
    author.say(b"forget", erases=2)
    reader.store.full_after = 1  # the header is stored, and what it asks for is not done
    with pytest.raises(StoreFull):
        reader.log.extend(author.headers())
    reader.store.full_after = None
    assert Replica(reader.store).log.is_erased(2)


def test_a_crash_between_content_and_header_leaves_no_wrong_content(author: Author) -> None:
    author.marks.full_after = 0
    with pytest.raises(StoreFull):
        author.say(b"never signed")
    author.marks.full_after = None
    other = HASHED.create(
        ANA, author.feed.head, HashedContent(entry.payload(b"from elsewhere", bytes(16))), TIME_MS
    )
    author.log.extend([other.raw])
    assert list(author.log.wanted()) == [5]
    with pytest.raises(NotFound):
        author.log.content(5)


def test_a_content_that_cannot_be_signed_leaves_the_log_as_it_was(author: Author) -> None:
    with pytest.raises(UsageError):
        author.say(b"forget what does not exist", erases=99)
    assert len(author.feed) == 4
    assert author.say(b"fifth") == 5
    assert author.log.content(5) == b"fifth"


def test_a_bad_header_changes_nothing_and_a_fork_freezes(author: Author) -> None:
    reader = Replica()
    with pytest.raises(InvalidEntry):
        reader.log.extend([*author.headers()[:2], b"nonsense"])
    assert len(reader.feed) == 2
    reader.take_from(author)
    fork = HASHED.create(
        ANA, head_of(author.feed.entry(2)), HashedContent(entry.payload(b"x", bytes(16))), TIME_MS
    )
    with pytest.raises(Forked):
        reader.log.extend([fork.raw])
    assert reader.log.content(2) == SECRET
    with pytest.raises(NotFound):
        reader.log.content(3)


def test_a_restored_author_asks_before_it_writes(author: Author) -> None:
    restored = Replica(author.store.copy())
    writer = Writer(restored.feed, restored.store, ANA, Shelf(), random=draws(3))
    with pytest.raises(WouldFork):
        restored.log.append(writer, b"x", timestamp_ms=TIME_MS, random=draws(4))
    assert len(restored.feed) == 4


@pytest.mark.fault("F121", "F130")
@pytest.mark.parametrize("where", ["store", "marks"])
def test_a_crash_at_every_write(where: str) -> None:
    """Whatever is on disk then: one version of each entry, no content that is not signed for, none erased."""
    published: dict[int, bytes] = {}
    for writes in range(20):
        author = Author()
        (author.store if where == "store" else author.marks).full_after = writes
        try:
            author.say(SECRET)
            author.say(b"two")
            author.say(b"three", erases=1)
        except StoreFull:
            pass
        author.store.full_after = author.marks.full_after = None
        again = Replica(author.store)
        again.writer = Writer(again.feed, again.store, ANA, author.marks, random=draws(9), new_key=True)
        again.log = ErasableLog(again.feed, again.store)
        for each in again.feed.entries():
            assert published.setdefault(each.sequence, each.raw) == each.raw
            payload = again.store.content.get(
                b"content/" + ANA.public.raw + b"p" + each.sequence.to_bytes(8, "big")
            )
            assert payload is None or each.has_payload(payload)
        if len(again.feed) == 3:
            assert again.log.is_erased(1)
            assert not any(SECRET in value for value in again.store.content.values())
        again.log.append(again.writer, b"on", timestamp_ms=TIME_MS, random=draws(3))
    assert len(again.feed) == 4


def test_many_requests_are_followed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    author = Author()
    author.say(SECRET)
    for number in range(1, 400):
        author.say(b"", erases=number)
    reader, sizes = Replica(), []
    reader.feed.extend(author.headers())
    write = reader.store.write
    monkeypatch.setattr(reader.store, "write", lambda batch: (sizes.append(len(batch)), write(batch)))
    reader.log.extend([])
    assert max(sizes) <= 260
    assert list(reader.log.wanted()) == [400]
