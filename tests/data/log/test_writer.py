"""The author's side: no backup, clone, crash or second process signs two entries with one number."""

from __future__ import annotations

import pytest

from p2plib.data.log import forks
from p2plib.data.log.writer import Writer, WriterState
from p2plib.errors import Forked, InvalidEntry, StoreFull, UsageError, WouldFork
from tests.data.log.shelf import ANA, CLASSIC, MAL, TIME_MS, Shelf, chain, draws, open_feed


class Device:
    """A store, its marks and a writer on them; `restart` opens all of it again."""

    opened = 0

    def __init__(self, store: Shelf | None = None, marks: Shelf | None = None, **how: object) -> None:
        self.store = Shelf() if store is None else store
        self.marks = Shelf() if marks is None else marks
        self.restart(**how)

    def restart(self, **how: object) -> Device:
        Device.opened += 1
        self.feed = open_feed(self.store)
        self.writer = Writer(self.feed, self.store, ANA, self.marks, random=draws(Device.opened), **how)
        return self

    def say(self, text: str) -> bytes:
        return self.writer.append({"type": "post", "text": text}, timestamp_ms=TIME_MS).raw

    def last(self) -> bytes | None:
        return self.feed.entry(len(self.feed)).raw if len(self.feed) else None

    def raws(self) -> list[bytes]:
        return [entry.raw for entry in self.feed.entries()]


def new(count: int = 0) -> Device:
    device = Device(new_key=True)
    for n in range(count):
        device.say(f"entry {n}")
    return device


def test_a_new_key_writes_at_once_and_after_each_restart() -> None:
    device = new(2)
    device.restart()
    assert device.writer.state is WriterState.SURE
    device.say("after the restart")
    device.restart().say("and after another")
    assert len(device.feed) == 4


def test_a_key_that_is_not_new_asks_first() -> None:
    """A phone set up again from a recovery phrase: an empty store, and a log that is out there."""
    world = new(3)
    phone = Device()
    with pytest.raises(WouldFork, match="no marks"):
        phone.say("hello again")
    assert phone.writer.hear("ben", None) is WriterState.UNSURE
    assert phone.writer.hear("ben", world.last()) is WriterState.UNSURE  # the same peer twice is one witness
    assert (
        phone.writer.hear("cleo", world.last()) is WriterState.UNSURE
    )  # enough, but the log is not here yet
    assert phone.writer.recover(world.raws()) == 3
    assert phone.writer.state is WriterState.SURE
    phone.say("hello again")
    assert len(phone.feed) == 4


@pytest.mark.fault("F111")
def test_a_restored_backup_does_not_append_before_it_has_seen_the_rest() -> None:
    device = new(2)
    backup = device.store.copy()
    published = [device.say("two"), device.say("three")]
    restored = Device(backup, device.marks)
    with pytest.raises(WouldFork, match="signed entry 4, and this copy ends at 2"):
        restored.say("a fork")
    for witness in ("ben", "cleo"):
        restored.writer.hear(witness, published[1])
    with pytest.raises(WouldFork):
        restored.say("still a fork")
    assert restored.writer.recover(published) == 2
    restored.say("no fork")
    assert len(restored.feed) == 5


@pytest.mark.fault("F111")
def test_a_backup_of_the_same_session_is_noticed_by_the_marks_alone() -> None:
    """The token is the same: what tells is how far the marks are. Ben and Cleo have nothing newer."""
    device = new(1)
    backup = device.store.copy()
    unpublished = [device.say("only in the marks"), device.say("this one too")]
    restored = Device(backup, device.marks)
    for witness in ("ben", "cleo"):
        assert restored.writer.hear(witness, None) is WriterState.UNSURE
    assert restored.writer.recover(unpublished) == 2
    assert restored.writer.state is WriterState.SURE


@pytest.mark.fault("F111")
def test_a_backup_one_behind_goes_on_with_the_very_entry_of_the_marks() -> None:
    device = new(2)
    backup = device.store.copy()
    published = device.say("two")
    restored = Device(backup, device.marks)
    assert restored.last() == published


@pytest.mark.fault("F111")
@pytest.mark.parametrize("lost", ["marks", "log"])
def test_half_of_it_is_not_enough(lost: str) -> None:
    device = new(3)
    half = Device(device.store, None) if lost == "marks" else Device(None, device.marks)
    with pytest.raises(WouldFork):
        half.say("a fork")


@pytest.mark.fault("F111")
def test_log_and_marks_restored_together_are_noticed_by_the_first_peer() -> None:
    """The limit: they agree. `restored=True` asks before; otherwise the first meeting stops it."""
    device = new(2)
    store, marks = device.store.copy(), device.marks.copy()
    published = device.say("published")
    careful = Device(store.copy(), marks.copy(), restored=True)
    with pytest.raises(WouldFork, match="restored"):
        careful.say("a fork")
    careless = Device(store, marks)
    assert careless.writer.state is WriterState.SURE
    assert careless.writer.hear("ben", published) is WriterState.STOPPED
    with pytest.raises(WouldFork, match="restored=True"):
        careless.say("a fork")
    again = careless.restart(restored=True)
    for witness in ("ben", "cleo"):
        again.writer.hear(witness, published)
    again.writer.recover([published])
    assert again.say("no fork")


@pytest.mark.fault("F111", "F126")
def test_a_clone_of_a_running_device_is_caught_when_they_meet() -> None:
    device = new(2)
    clone = Device(device.store.copy(), device.marks.copy())
    device.say("from the one")
    assert clone.writer.hear("ben", device.last()) is WriterState.STOPPED
    with pytest.raises(WouldFork, match="cloned"):
        clone.say("from the other")


@pytest.mark.fault("F110", "F126")
def test_two_clones_that_both_wrote_are_a_fork_with_a_proof() -> None:
    device = new(2)
    clone = Device(device.store.copy(), device.marks.copy())
    device.say("from the one")
    clone.say("from the other")
    with pytest.raises(Forked) as refused:
        clone.writer.hear("ben", device.last())
    assert clone.writer.state is WriterState.STOPPED
    assert open_feed().freeze(refused.value.proof)
    with pytest.raises(WouldFork):
        clone.say("no more")
    with pytest.raises(Forked):
        clone.restart()


@pytest.mark.fault("F126")
def test_a_twin_is_caught_by_its_entries_too() -> None:
    device = new(2)
    clone = Device(device.store.copy(), device.marks.copy())
    later = device.say("from the one")
    assert clone.writer.recover([later]) == 1
    assert clone.writer.state is WriterState.STOPPED


@pytest.mark.fault("F122")
def test_a_second_writer_on_the_same_stores_takes_over() -> None:
    device = new(1)
    second = Device(device.store, device.marks)
    with pytest.raises(WouldFork, match="another writer"):
        device.say("from the first")
    second.say("from the second")
    assert len(second.feed) == 2


@pytest.mark.fault("F121")
def test_a_crash_between_marks_and_log_leaves_one_version() -> None:
    device = new(1)
    device.store.full_after = 0
    with pytest.raises(StoreFull):
        device.say("signed, and not stored")
    with pytest.raises(WouldFork, match="open the log again"):
        device.say("another with its number")
    device.store.full_after = None
    device.restart()
    assert len(device.feed) == 2
    assert b"signed, and not stored" in device.last()
    device.say("the next")


def test_a_crash_before_anything_was_signed() -> None:
    device = new(1)
    device.marks.full_after = 0
    with pytest.raises(StoreFull):
        device.say("never signed")
    device.marks.full_after = None
    device.restart().say("second")
    assert len(device.feed) == 2


@pytest.mark.parametrize("which", ["store", "marks"])
def test_a_crash_while_opening_does_not_leave_an_honest_writer_unsure(which: str) -> None:
    device = new(1)
    shelf = getattr(device, which)
    shelf.full_after = 0
    with pytest.raises(StoreFull):
        device.restart()
    shelf.full_after = None
    device.restart().say("second")


@pytest.mark.parametrize(
    "last", [b"", b"{}", chain(1, secret=MAL)[0], chain(1)[0].replace(b"entry 0", b"entry 9")]
)
def test_a_lie_of_a_witness_counts_for_nothing(last: bytes) -> None:
    device = new(2)
    device.restart(restored=True)
    with pytest.raises(InvalidEntry):
        device.writer.hear("mal", last)
    device.writer.hear("ben", device.last())
    assert device.writer.state is WriterState.UNSURE
    assert device.writer.hear("cleo", None) is WriterState.SURE


def test_only_the_author_writes_a_log() -> None:
    with pytest.raises(UsageError, match="author's key"):
        Writer(open_feed(), Shelf(), MAL, Shelf(), random=draws(1))


def test_marks_that_vanish_while_it_runs_stop_it() -> None:
    device = new(1)
    device.marks.content.clear()
    with pytest.raises(WouldFork, match="another writer"):
        device.say("second")


def test_a_content_that_the_format_does_not_take_leaves_no_trace() -> None:
    device = new(1)
    with pytest.raises(UsageError):
        device.writer.append({}, timestamp_ms=TIME_MS)
    device.say("second")
    assert len(device.restart().feed) == 2


def test_a_backup_from_before_a_recovery_is_noticed_though_nothing_was_written_since() -> None:
    device = new(2)
    backup = device.store.copy()
    rest = chain(3, after=device.raws(), said="published, and lost with the marks")
    device.marks = Shelf()
    device.restart()
    assert device.writer.state is WriterState.UNSURE
    device.writer.recover(rest)
    for peer in ("ben", "cai"):
        device.writer.hear(peer, rest[-1])
    assert device.writer.state is WriterState.SURE
    device.store = backup
    device.restart()
    with pytest.raises(WouldFork, match="signed entry 5, and this copy ends at 2"):
        device.say("a second entry 3")


def test_nothing_is_signed_after_somebody_has_proved_a_fork() -> None:
    device = new(3)
    before = device.marks.copy().content
    other = chain(1, after=device.raws()[:1], said="a clone")[0]
    proof = forks.prove(CLASSIC, CLASSIC.parse(other), device.feed.entry(2))
    device.feed.freeze(proof.raw)
    with pytest.raises(WouldFork, match="our own log forks at entry 2"):
        device.say("a third entry 2")
    assert device.marks.content == before
    assert device.writer.state is WriterState.STOPPED


def test_a_timestamp_that_is_no_number_leaves_no_trace() -> None:
    device = new(1)
    before = device.marks.copy().content
    with pytest.raises(UsageError, match="truth value"):
        device.writer.append({"type": "post"}, timestamp_ms=True)
    assert device.marks.content == before


@pytest.mark.fault("F111")
def test_a_restart_makes_a_restored_log_no_surer() -> None:
    """Log and marks came out of one backup, and the device was switched off before it met anybody."""
    device = new(2)
    backup = Device(device.store.copy(), device.marks.copy(), restored=True)
    backup.restart()
    assert backup.writer.state is WriterState.UNSURE
    for peer in ("ben", "cai"):
        backup.writer.hear(peer, device.last())
    backup.restart()
    assert backup.writer.state is WriterState.SURE


@pytest.mark.fault("F126")
@pytest.mark.parametrize("how", ["shown", "recovered"])
def test_a_restart_does_not_make_a_twin_forget_the_other(how: str) -> None:
    device = new(2)
    clone = Device(device.store.copy(), device.marks.copy())
    theirs = device.say("from the one")
    clone.writer.hear("ben", theirs) if how == "shown" else clone.writer.recover([theirs])
    assert clone.writer.state is WriterState.STOPPED
    with pytest.raises(WouldFork):
        clone.restart().say("a second entry 3")
