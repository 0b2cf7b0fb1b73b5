"""Stores under crashes: a real process that is killed, and a simulated disk that breaks. One seed, one story.

What must hold, whatever happens: after opening again the store holds exactly what the first so many batches
made, without a gap, none in part. That number is at least that of the last batch that was
*promised*: every batch whose write returned, if the process was killed; every one up to the last durable one,
if the power went. A batch whose write raised may be there only if the store said that it was in doubt.
"""

from __future__ import annotations

import tempfile
from random import Random

from p2plib.data.stores.log_structured.store import LogStructuredStore
from p2plib.data.stores.simulated_disk import Fault, PowerCut, SimulatedDisk
from p2plib.errors import NotFound, StoreCorrupt, StoreFull
from tests.soak.killing import write_and_kill
from tests.soak.store_writer import LAST, apply, batch_of, is_durable, open_store, state_after
from tests.soak.worlds import Failed

KILLS = 3  # of one seed, over the same folder
LIVES = 4
BATCHES = 40
FAULTS = [Fault.CUT_BEFORE, Fault.CUT_DURING, Fault.NO_ROOM, Fault.BAD_DISK, Fault.FULL, Fault.READ_ONLY]
PATIENCE_S = 60.0


def killed(seed: int) -> None:
    """A writer in a process of its own is killed at random moments; what it said was written is there."""
    rng = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        promised = 0
        for _ in range(KILLS):
            promised = max(promised, write_and_kill("tests.soak.store_writer", folder, seed, rng, 60))
            with open_store(folder, seed) as store:
                found = _number_in(store)
                if not promised <= found <= promised + 1:
                    raise Failed(f"it said {promised} batches, and {found} are there")
                if dict(store.scan()) != state_after(seed, found):
                    raise Failed(f"what is there is not what the first {found} batches make")
                store.check()
            promised = found


def broken_disk(seed: int) -> None:
    """A store on a disk that breaks at random steps, power cuts and kills among them, over several lives."""
    rng = Random(seed)
    story = _Story(rng, seed, SimulatedDisk(sector_bytes=rng.choice((16, 64, 512))))
    for _ in range(rng.randint(1, LIVES)):
        story.live()
    story.end()


class _Story:
    """A disk, the store on it, and what may and must be there.

    Attributes:
        history: the batches that may be there, in order, by their number.
        promised: how many of them must be there whatever happens.
        expected: how many must be there at the next opening: more, if the process alone has ended.
    """

    def __init__(self, rng: Random, seed: int, disk: SimulatedDisk) -> None:
        self.rng, self.seed, self.disk = rng, seed, disk
        self.history: list[int] = []
        self.promised = self.expected = 0
        self.number = 0

    def live(self) -> None:
        """From one opening to the next end, with whatever goes wrong between."""
        rng, disk = self.rng, self.disk
        disk.faults = {}
        for _ in range(rng.choice((0, 1, 1, 3))):
            disk.faults[len(disk.steps) + rng.randrange(120)] = rng.choice(FAULTS)
        try:
            store = self._open()
        except PowerCut:
            if rng.random() < 0.5:
                self.disk, self.expected = disk.after_power_cut(rng), self.promised
            else:  # it was the process alone that stopped at this step
                self.disk = disk.after_kill()
            return
        except StoreFull:
            self.disk = disk.after_kill()
            return
        acknowledged = 0
        try:
            acknowledged = self._settle(store)
            for _ in range(rng.randrange(BATCHES)):
                acknowledged = self._write(store, acknowledged)
            how = rng.choice(("close", "kill", "power"))
            if how == "close":
                self._close(store)
        except PowerCut:
            how = rng.choice(("kill", "power"))
        self.expected = self.promised
        if how == "power":
            self.disk = disk.after_power_cut(rng if rng.random() < 0.9 else None)
        else:
            self.expected = self.promised if self._in_doubt else acknowledged
            self.disk = disk.after_kill()

    def end(self) -> None:
        """The last opening, with a disk that does what it should."""
        self.disk.faults = {}
        with self._open() as store:
            self._settle(store)
            store.check()
            store.compact()
            self._settle(store)

    def _open(self) -> LogStructuredStore:
        self._in_doubt = False
        return LogStructuredStore(
            self.disk, memtable_bytes=self.rng.choice((500, 3000)), fan=self.rng.choice((2, 3))
        )

    def _settle(self, store: LogStructuredStore) -> int:
        """Looks at what is there, and forgets the batches that are not."""
        number = _number_in(store)
        found = self.history.index(number) + 1 if number else 0
        if found < self.expected:
            raise Failed(f"{self.expected} batches were promised, and {found} are there")
        del self.history[found:]
        if not store.stats().failed:  # what was found was written again, and synced
            self.promised = self.expected = found
        self._require(store, "after opening")
        return found

    def _write(self, store: LogStructuredStore, acknowledged: int) -> int:
        self.number += 1
        durable = is_durable(self.seed, self.number)
        self.history.append(self.number)  # from here on it may be there
        try:
            store.write(batch_of(self.seed, self.number), durable=durable)
        except StoreFull as error:
            if "takes no more writes" in str(error) and not self._in_doubt:
                self._in_doubt = True
                del self.history[acknowledged:-1]
            else:
                self.history.pop()
            self._require(store, "after a refusal", acknowledged)
            return acknowledged
        if durable:
            self.promised = len(self.history)
        self._require(store, "after a write")
        return len(self.history)

    def _close(self, store: LogStructuredStore) -> None:
        try:
            store.close()
        except StoreFull:
            return
        if not self._in_doubt:
            self.promised = len(self.history)

    def _require(self, store: LogStructuredStore, when: str, count: int | None = None) -> None:
        wanted: dict[bytes, bytes] = {}
        for number in self.history[:count]:
            apply(wanted, batch_of(self.seed, number))
        if self.rng.random() < 0.2 and dict(store.scan()) != wanted:
            raise Failed(f"{when}: the store does not hold what {len(self.history)} batches make")


def _number_in(store: LogStructuredStore) -> int:
    try:
        return int(store.get(LAST))
    except NotFound:
        return 0


def flipped(seed: int) -> None:
    """One bit of a store that was closed in order is flipped: that is noticed, and nothing wrong is given."""
    rng = Random(seed)
    disk = SimulatedDisk()
    with LogStructuredStore(disk, memtable_bytes=1500, fan=3) as store:
        for number in range(1, 40):
            store.write(batch_of(seed, number), durable=False)
    name = rng.choice([name for name in disk.names() if disk.size(name)])
    disk.flip(name, rng.randrange(disk.size(name) * 8))
    try:
        with LogStructuredStore(disk, memtable_bytes=1500, fan=3) as store:
            store.check()
    except StoreCorrupt:
        return
    raise Failed(f"a flipped bit of {name} was not noticed")


def broken(seed: int) -> None:
    """A broken disk, and for one seed in eight a flipped bit as well."""
    broken_disk(seed)
    if seed % 8 == 0:
        flipped(seed)
