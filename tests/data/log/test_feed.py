"""A log in a store: taken in order, once, whole or not at all, and frozen at a fork."""

from __future__ import annotations

import itertools
import json
import random
import tracemalloc
from pathlib import Path

import pytest

from p2plib.data.log.feed import BATCH_ENTRIES, Added, ErasedEntry, Feed
from p2plib.data.log.formats import Head
from p2plib.data.stores.files import DiskFiles
from p2plib.data.stores.interfaces import OrderedStore, Put
from p2plib.data.stores.log_structured.store import LogStructuredStore
from p2plib.data.stores.memory import MemoryStore
from p2plib.data.stores.sqlite import SqliteStore
from p2plib.errors import Forked, InvalidEntry, NotFound, StoreCorrupt, StoreFull, UsageError
from tests.data.log.shelf import ANA, CLASSIC, MAL, Shelf, chain, open_feed

ENTRIES = chain(8)


def full(count: int = 8, store: OrderedStore | None = None) -> Feed:
    feed = open_feed(store)
    feed.extend(ENTRIES[:count])
    return feed


def test_an_empty_log() -> None:
    feed = open_feed()
    assert (feed.head, feed.fork, len(feed), list(feed.entries())) == (None, None, 0, [])
    for ask in (
        lambda: feed.entry(1),
        lambda: feed.id_at(1),
        lambda: feed.sequence_of("%x"),
        lambda: feed.erase(1),
    ):
        with pytest.raises(NotFound):
            ask()


def test_what_was_added_is_there_by_number_and_by_id() -> None:
    feed = full()
    assert len(feed) == 8
    for sequence, raw in enumerate(ENTRIES, 1):
        entry = feed.entry(sequence)
        assert (entry.raw, entry.sequence, feed.sequence_of(entry.id)) == (raw, sequence, sequence)
    assert feed.head == Head(8, feed.entry(8).id)
    assert [entry.sequence for entry in feed.entries()] == list(range(1, 9))
    assert [entry.sequence for entry in feed.entries(3, 6)] == [3, 4, 5]
    assert list(feed.entries(9)) == list(feed.entries(5, 5)) == list(feed.entries(6, 2)) == []
    for missing in (0, 9, -1):
        with pytest.raises(NotFound):
            feed.entry(missing)


def test_it_opens_again_where_it_was() -> None:
    store = Shelf()
    head = full(store=store).head
    again = open_feed(store)
    assert again.head == head
    assert [entry.raw for entry in again.entries()] == ENTRIES


def test_two_logs_in_one_store_do_not_meet() -> None:
    store = Shelf()
    mals = chain(3, secret=MAL)
    full(store=store)
    other = open_feed(store, MAL)
    other.extend(mals)
    assert [entry.raw for entry in open_feed(store).entries()] == ENTRIES
    assert [entry.raw for entry in open_feed(store, MAL).entries()] == mals


@pytest.mark.fault("F115")
def test_three_peers_send_the_same_and_it_is_there_once() -> None:
    feed = open_feed()
    random_order = random.Random(5)
    feeds = [iter(ENTRIES) for _ in range(3)]
    added = 0
    while feeds:
        source = random_order.choice(feeds)
        raw = next(source, None)
        if raw is None:
            feeds.remove(source)
        else:
            outcome = feed.add(raw)
            added += outcome is Added.NEW
    assert added == len(feed) == 8
    before = dict(feed._store.content)
    assert feed.extend(ENTRIES) == 0
    assert feed._store.content == before


@pytest.mark.fault("F112", "F115")
def test_a_gap_is_refused_and_changes_nothing() -> None:
    feed = full(3)
    for ahead in (4, 5, 7):
        with pytest.raises(InvalidEntry, match=r"^sequence: number 4 comes next"):
            feed.add(ENTRIES[ahead])
    assert len(feed) == 3
    assert feed.add(ENTRIES[3]) is Added.NEW


def test_another_layout_of_the_same_json_is_the_same_entry() -> None:
    feed = full(2)
    assert feed.add(json.dumps(json.loads(ENTRIES[1])).encode()) is Added.KNOWN
    assert feed.add(json.dumps(json.loads(ENTRIES[2])).encode()) is Added.NEW
    assert feed.entry(3).raw == ENTRIES[2]


def test_another_authors_entry_is_refused() -> None:
    with pytest.raises(InvalidEntry, match=r"^author: "):
        open_feed().add(chain(1, secret=MAL)[0])


@pytest.mark.parametrize("at", [0, 3, 7])
def test_a_forged_copy_before_or_after_the_true_one_changes_nothing(at: int) -> None:
    value = json.loads(ENTRIES[at])
    value["content"]["text"] = "forged"
    forged = json.dumps(value).encode()
    for before in (at, at + 1):
        feed = full(before)
        with pytest.raises(InvalidEntry, match=r"^signature: "):
            feed.add(forged)
        assert (len(feed), feed.fork) == (before, None)
        feed.extend(ENTRIES)
        assert [entry.raw for entry in feed.entries()] == ENTRIES


def test_what_is_too_long_is_refused_unread() -> None:
    with pytest.raises(InvalidEntry, match=r"^size: "):
        open_feed().add(b" " * (CLASSIC.max_bytes + 1))


def test_those_before_a_bad_one_stay() -> None:
    feed = open_feed()
    with pytest.raises(InvalidEntry):
        feed.extend([*ENTRIES[:4], b"{}", *ENTRIES[4:]])
    assert len(feed) == 4
    assert open_feed(feed._store).head == feed.head


def test_a_batch_may_repeat_itself_and_be_long() -> None:
    entries = chain(BATCH_ENTRIES + 12)
    feed = open_feed()
    repeated = itertools.chain(entries[:5], entries[2:9], entries, entries)
    assert feed.extend(repeated) == len(entries)
    assert feed._store.writes == 4  # 5, 4, the rest of a batch, what is left


def test_a_full_store_leaves_the_log_as_it_was() -> None:
    store = Shelf()
    feed = full(3, store)
    store.full_after = 0
    with pytest.raises(StoreFull):
        feed.add(ENTRIES[3])
    assert len(feed) == len(open_feed(store)) == 3
    store.full_after = None
    assert feed.extend(ENTRIES[3:]) == 5


@pytest.mark.fault("F110")
def test_a_second_entry_with_one_number_freezes_the_log() -> None:
    feed = full(6)
    other = chain(1, said="other", after=ENTRIES[:3])[0]
    with pytest.raises(Forked) as refused:
        feed.add(other)
    assert refused.value.proof == feed.fork.raw
    assert (feed.fork.sequence, len(feed), feed.head.id) == (4, 3, feed.entry(3).id)
    for raw in (other, ENTRIES[3], ENTRIES[6]):
        with pytest.raises(Forked):
            feed.add(raw)
    assert feed.add(ENTRIES[1]) is Added.KNOWN
    with pytest.raises(NotFound):
        feed.entry(4)
    with pytest.raises(NotFound):
        feed.sequence_of(CLASSIC.parse(ENTRIES[4]).id)
    again = open_feed(feed._store)
    assert (again.fork, again.head) == (feed.fork, feed.head)


@pytest.mark.fault("F117")
def test_a_head_that_does_not_extend_ours_freezes_the_log() -> None:
    """The peer shows an entry whose number is next, and which names another entry before it than we have."""
    others = chain(2, said="other", after=ENTRIES[:3])
    feed = full(4)
    with pytest.raises(Forked):
        feed.add(others[1])
    assert feed.fork.sequence == 4
    assert len(feed) == 3


def test_an_unsigned_contradiction_freezes_nothing() -> None:
    feed = full(4)
    value = json.loads(chain(2, said="other", after=ENTRIES[:3])[1])
    value["timestamp"] += 1
    with pytest.raises(InvalidEntry, match=r"^signature"):
        feed.add(json.dumps(value).encode())
    assert (feed.fork, len(feed)) == (None, 4)


@pytest.mark.fault("F110")
def test_every_replica_ends_at_the_same_entry_whatever_it_heard_first() -> None:
    ours, theirs = ENTRIES, ENTRIES[:3] + chain(4, said="other", after=ENTRIES[:3])
    one, other = open_feed(), open_feed()
    one.extend(ours)
    other.extend(theirs)
    with pytest.raises(Forked):
        one.extend(theirs)
    assert other.freeze(one.fork.raw)
    assert not other.freeze(one.fork.raw)
    assert (one.head, one.fork) == (other.head, other.fork)
    late = open_feed()
    assert late.freeze(one.fork.raw)
    assert late.extend(ours[:3]) == 3
    with pytest.raises(Forked):
        late.add(ours[3])
    assert late.head == one.head


def test_of_several_forks_the_lowest_counts() -> None:
    feed = full()
    proofs = []
    for fork in (6, 2, 4):
        liar = full()
        with pytest.raises(Forked) as refused:
            liar.add(chain(1, said="other", after=ENTRIES[: fork - 1])[0])
        proofs.append(refused.value.proof)
    assert [feed.freeze(proof) for proof in proofs] == [True, True, False]
    assert (feed.fork.sequence, len(feed)) == (2, 1)
    first = full()
    with pytest.raises(Forked) as refused:
        first.add(chain(1, said="other")[0])
    assert feed.freeze(refused.value.proof)
    assert (feed.head, list(feed.entries())) == (None, [])
    assert open_feed(feed._store).head is None


def test_a_fork_in_the_middle_of_a_batch() -> None:
    feed = open_feed()
    other = chain(1, said="other", after=ENTRIES[:3])[0]
    with pytest.raises(Forked):
        feed.extend([*ENTRIES[:5], other, *ENTRIES[5:]])
    assert (len(feed), feed.fork.sequence) == (3, 4)
    feed = open_feed()
    others = chain(2, said="other", after=ENTRIES[:3])
    with pytest.raises(Forked):
        feed.extend([*ENTRIES[:4], others[1]])
    assert (len(feed), feed.fork.sequence) == (3, 4)


@pytest.mark.fault("F130")
def test_an_erased_entry_is_gone_and_the_log_goes_on() -> None:
    feed = full()
    erased = feed.entry(4)
    feed.erase(4)
    feed.erase(4)
    with pytest.raises(NotFound, match="erased"):
        feed.entry(4)
    assert feed.id_at(4) == erased.id
    assert list(feed.entries(3, 6))[1] == ErasedEntry(4, erased.id)
    assert b"entry 3" not in b"".join(feed._store.content.values())
    assert feed.extend(ENTRIES) == 0  # a peer sends it again: known, and not taken up
    with pytest.raises(NotFound, match="erased"):
        feed.entry(4)
    assert feed.extend(chain(1, after=ENTRIES)) == 1
    assert len(open_feed(feed._store)) == 9


def test_the_head_may_be_erased() -> None:
    feed = full()
    feed.erase(8)
    again = open_feed(feed._store)
    assert again.head == feed.head
    assert again.extend(chain(1, after=ENTRIES)) == 1


def test_what_was_erased_proves_no_fork() -> None:
    """The price of erasing where the signature covers the content: the other half of a proof is gone."""
    feed = full()
    feed.erase(4)
    with pytest.raises(InvalidEntry, match="no proof"):
        feed.add(chain(1, said="other", after=ENTRIES[:3])[0])
    assert feed.fork is None


@pytest.mark.parametrize(
    "damage", ["entry lost", "entry changed", "other entry", "proof changed", "half a head"]
)
def test_a_store_that_does_not_fit_together_is_corrupt(damage: str) -> None:
    store = Shelf()
    feed = full(store=store)
    head_key = b"log/" + ANA.public.raw + b"h"
    match damage:
        case "entry lost":
            del store.content[feed._entry_key(8)]
        case "entry changed":
            store.content[feed._entry_key(8)] = b"\x01{}"
        case "other entry":
            store.content[feed._entry_key(8)] = store.content[feed._entry_key(7)]
        case "proof changed":
            store.write((Put(b"log/" + ANA.public.raw + b"f", b"nonsense"),))
        case "half a head":
            store.content[head_key] = store.content[head_key][:4]
    with pytest.raises(StoreCorrupt):
        open_feed(store)


@pytest.mark.parametrize("kind", ["memory", "sqlite", "log-structured"])
def test_any_ordered_store_will_do(kind: str, tmp_path: Path) -> None:
    """In it and out of it, a fork and an erased entry included; what is on a disk is opened again."""
    store = open_store(kind, tmp_path)
    with store:
        feed = full(6, store)
        feed.erase(2)
        with pytest.raises(Forked):
            feed.add(chain(1, said="other", after=ENTRIES[:4])[0])
        expected = (feed.head, feed.fork, list(feed.entries()))
        if kind == "memory":
            return
    with open_store(kind, tmp_path) as store:
        again = open_feed(store)
        assert (again.head, again.fork, list(again.entries())) == expected
        assert (len(again), again.extend(ENTRIES[:4])) == (4, 0)


def open_store(kind: str, folder: Path) -> OrderedStore:
    match kind:
        case "memory":
            return MemoryStore()
        case "sqlite":
            return SqliteStore(folder / "log.sqlite")
    return LogStructuredStore(DiskFiles(folder / "log"))


def test_opening_reads_three_keys_and_holds_little() -> None:
    class Counting(Shelf):
        gets = 0

        def get(self, key: bytes) -> bytes:
            self.gets += 1
            return super().get(key)

    store = Counting()
    feed = open_feed(store)
    feed.extend(chain(BATCH_ENTRIES))
    store.gets = 0
    tracemalloc.start()
    try:
        again = open_feed(store)
        size = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(again) == BATCH_ENTRIES
    assert store.gets == 3
    assert size < 20_000


@pytest.mark.fault("F121")
def test_a_flipped_bit_on_our_disk_accuses_nobody() -> None:
    """The peer sends the true entry again, and ours is the one that lies."""
    store, raws = Shelf(), chain(4)
    feed = open_feed(store)
    feed.extend(raws)
    key = next(key for key in store.content if key.endswith(b"e" + (2).to_bytes(8, "big")))
    store.content[key] = store.content[key].replace(b"entry 1", b"entry 9")
    for raw in (raws[1], chain(1, after=raws[:1], said="a true fork")[0]):
        with pytest.raises(StoreCorrupt, match="entry 2 is not as it was taken in"):
            feed.add(raw)
        assert feed.fork is None
    open_feed(store)


@pytest.mark.fault("F121")
@pytest.mark.parametrize("damage", ["gone", "no JSON", "another's place"])
def test_a_damaged_record_is_the_stores_fault_and_never_passed_over(damage: str) -> None:
    store = Shelf()
    feed = open_feed(store)
    feed.extend(chain(4))
    place = {
        n: next(key for key in store.content if key.endswith(b"e" + n.to_bytes(8, "big"))) for n in (2, 3)
    }
    if damage == "gone":
        del store.content[place[2]]
    else:
        store.content[place[2]] = {"no JSON": b"\x01{", "another's place": store.content[place[3]]}[damage]
    walk = feed.entries()
    assert next(walk).sequence == 1
    with pytest.raises(StoreCorrupt, match="entry 2"):
        list(walk)
    with pytest.raises(StoreCorrupt, match="entry 2"):
        feed.entry(2)
    if damage == "gone":
        del store.content[place[3]], store.content[place[2][:-8] + (4).to_bytes(8, "big")]
        with pytest.raises(StoreCorrupt, match="entry 3 of 4"):
            list(feed.entries(3))


def test_a_second_feed_on_the_same_log_is_noticed() -> None:
    """With a stale head it would write an old entry over a newer one, and mix two branches."""
    store, raws = Shelf(), chain(5)
    stale, other = open_feed(store), open_feed(store)
    other.extend(raws)
    fork = chain(1, after=raws[:1], said="another")[0]
    with pytest.raises(UsageError, match="another Feed"):
        stale.extend([raws[0], fork])
    assert [entry.raw for entry in open_feed(store).entries()] == raws


@pytest.mark.fault("F130")
def test_what_a_fork_has_cut_off_can_be_erased() -> None:
    store, raws = Shelf(), chain(5)
    feed = open_feed(store)
    feed.extend(raws)
    with pytest.raises(Forked):
        feed.add(chain(1, after=raws[:1], said="another")[0])
    feed.erase(5)
    assert not any(b"entry 4" in value for value in store.content.values())
    for number in (0, -1, 6, 2**70):
        with pytest.raises(NotFound):
            feed.erase(number)


def test_an_id_that_is_no_text_is_not_there() -> None:
    with pytest.raises(NotFound):
        open_feed().sequence_of("%\ud800")
