"""A disk in memory that breaks on request: power cuts, full, failing, read-only, flipped bits.

Each change (`append`, `truncate`, `sync`, `replace`, `remove`, `sync_directory`) is one *step*, counted
from 0. A `faults` table says what goes wrong at which step; a store that is given this disk runs unchanged.
After a power cut `after_power_cut` is the disk that the machine finds when it is switched on again.

Rules, which are the least that POSIX promises and not what one file system happens to do
    1. Bytes are in the page cache until `sync`. A power cut keeps what was synced and, of the rest, each
       sector or not, in any combination; a sector that was not kept has its old bytes, or zeros where there
       were none.
    2. A name is in the cache until `sync_directory`. A power cut keeps any of the changes of names since.
    3. A `sync` that fails forgets what it should have written: reads still see it, the disk never will.
    4. A write that fails for want of room has written a part.

Vocabulary::

    step      one change of the disk, for example number 3: sync 000001.log
    sector    what the disk writes whole or not at all, for example bytes 512 to 1023
    torn      a write of which some sectors were kept and some were not
"""

from __future__ import annotations

import copy
import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from p2plib.errors import StoreLocked, UsageError

SAYS = {  # as Linux says it; other systems have other words, and a page is the same everywhere
    errno.ENOSPC: "No space left on device",
    errno.EIO: "Input/output error",
    errno.EROFS: "Read-only file system",
    errno.ENOENT: "No such file or directory",
}
SECTOR_BYTES = 512  # the old size; a smaller one tears finer, which is harder on the store


class Fault(Enum):
    """What goes wrong at a step."""

    CUT_BEFORE = "power cut before"
    CUT_DURING = "power cut in the middle"  # of an append half is in the cache; anything else was not done
    NO_ROOM = "no room"  # ENOSPC, after half of the bytes
    BAD_DISK = "input/output error"  # EIO; a sync forgets what it should have kept
    READ_ONLY = "read-only"  # EROFS, at this step and all that follow
    FULL = "full from here on"  # ENOSPC at this step and at every append that follows


class PowerCut(Exception):
    """The machine has lost its power. Nothing can be done with this disk object any more."""


@dataclass(slots=True)
class _File:
    """What is in the cache, what is on the disk, and which sectors differ because no sync has been there."""

    seen: bytearray = field(default_factory=bytearray)
    kept: bytearray = field(default_factory=bytearray)
    dirty: set[int] = field(default_factory=set)


class SimulatedDisk:
    """A directory of a disk that is not there; a `FileSystem`.

    Args:
        faults: what goes wrong at which step.
        sector_bytes: what is written whole or not at all.
        ignores_sync: whether it claims to have synced a file and has done nothing, as some disks do.
        ignores_directory_sync: the same for names.

    Attributes:
        steps: what was done so far, in words, for example `append 000001.log 37`.
    """

    def __init__(
        self,
        faults: Mapping[int, Fault] | None = None,
        *,
        sector_bytes: int = SECTOR_BYTES,
        ignores_sync: bool = False,
        ignores_directory_sync: bool = False,
    ) -> None:
        if sector_bytes < 1:
            raise UsageError(f"a sector has at least one byte, not {sector_bytes}")
        self.path = "simulated disk"
        self.faults = dict(faults or {})
        self.sector_bytes = sector_bytes
        self.ignores_sync, self.ignores_directory_sync = ignores_sync, ignores_directory_sync
        self.steps: list[str] = []
        self._seen: dict[str, _File] = {}
        self._kept: dict[str, _File] = {}
        self._renamed: list[dict[str, _File | None]] = []  # changes of names that no sync has been after
        self._lasting: Fault | None = None
        self._is_off = False
        self._is_locked = False

    # Reading

    def names(self) -> list[str]:
        self._require_power()
        return sorted(self._seen)

    def size(self, name: str) -> int:
        return len(self._file(name).seen)

    def read(self, name: str, offset: int = 0, size: int | None = None) -> bytes:
        seen = self._file(name).seen
        return bytes(seen[offset:] if size is None else seen[offset : offset + size])

    # Changing

    def append(self, name: str, data: bytes) -> None:
        fault = self._step(f"append {name} {len(data)}")
        if fault and fault is not Fault.READ_ONLY:
            data = data[: len(data) // 2]
        if fault is not Fault.READ_ONLY:
            if name not in self._seen:
                self._rename({name: _File()})
            file = self._seen[name]
            begin = len(file.seen)
            file.seen += data
            self._soil(file, begin, len(file.seen))
        self._fail(fault)

    def truncate(self, name: str, size: int) -> None:
        fault = self._step(f"truncate {name} {size}")
        if not fault:
            file = self._file(name)
            end = len(file.seen)
            del file.seen[size:]
            self._soil(file, size, max(end, size + 1))
        self._fail(fault)

    def sync(self, name: str) -> None:
        fault = self._step(f"sync {name}")
        file = self._file(name)
        if not fault and not self.ignores_sync:
            self._keep(file, file.dirty, len(file.seen))
        if fault is not Fault.CUT_DURING and not self.ignores_sync:
            file.dirty.clear()
        self._fail(fault)

    def replace(self, old: str, new: str) -> None:
        fault = self._step(f"replace {new} by {old}")
        if not fault:
            self._rename({new: self._file(old), old: None})
        self._fail(fault)

    def remove(self, name: str) -> None:
        fault = self._step(f"remove {name}")
        if not fault:
            self._file(name)
            self._rename({name: None})
        self._fail(fault)

    def sync_directory(self) -> None:
        fault = self._step("sync the directory")
        if not fault and not self.ignores_directory_sync:
            self._kept = dict(self._seen)
            self._renamed.clear()
        self._fail(fault)

    def lock(self) -> Callable[[], None]:
        self._require_power()
        if self._is_locked:
            raise StoreLocked(f"this process has the {self.path} open already: close that store first")
        self._is_locked = True

        def release() -> None:
            self._is_locked = False

        return release

    def close(self) -> None:
        """Nothing is open here."""

    # What befalls it

    def flip(self, name: str, bit: int) -> None:
        """Flip one bit of a file, in the cache and on the disk.

        Args:
            name: of the file.
            bit: counted from 0, the lowest of each byte first.
        """
        file = self._file(name)
        for content in (file.seen, file.kept):
            if bit // 8 < len(content):
                content[bit // 8] ^= 1 << bit % 8

    def after_kill(self) -> SimulatedDisk:
        """The disk after the process was killed: the kernel has all that was seen."""
        again = SimulatedDisk(sector_bytes=self.sector_bytes)
        again._seen, again._kept, again._renamed = copy.deepcopy((self._seen, self._kept, self._renamed))
        return again

    def after_power_cut(self, rng: Random | None = None) -> SimulatedDisk:
        """The disk after a power cut.

        Args:
            rng: decides which unsynced changes are kept; without it, none are.
        """
        names = dict(self._kept)
        for change in self._renamed if rng else ():
            if rng and rng.random() < 0.5:
                names.update((name, file) for name, file in change.items() if file)
                for name in (name for name, file in change.items() if file is None):
                    names.pop(name, None)
        files = {}
        for name, file in names.items():
            left = _File(file.seen, bytearray(file.kept))
            if rng and file.dirty:
                chance = rng.choice((0.1, 0.5, 0.9, 1.0))
                sectors = {sector for sector in sorted(file.dirty) if rng.random() < chance}
                first, last = sorted((len(file.kept), len(file.seen)))
                self._keep(left, sectors, rng.choice((first, last, rng.randint(first, last))))
            files[name] = left.kept
        return self._again(files)

    def _again(self, files: Mapping[str, bytearray]) -> SimulatedDisk:
        again = SimulatedDisk(sector_bytes=self.sector_bytes)
        for name, content in files.items():
            again._seen[name] = again._kept[name] = _File(bytearray(content), bytearray(content))
        return again

    # Inside

    def _step(self, what: str) -> Fault | None:
        """Counts a step, and says what goes wrong in it."""
        self._require_power()
        number = len(self.steps)
        self.steps.append(what)
        fault = self.faults.get(number)
        if fault in (Fault.READ_ONLY, Fault.FULL):
            self._lasting = fault
        if fault is Fault.CUT_BEFORE:
            self._fail(fault)
        if fault:
            return fault
        is_append = what.startswith("append")
        return self._lasting if is_append or self._lasting is Fault.READ_ONLY else None

    def _fail(self, fault: Fault | None) -> None:
        match fault:
            case None:
                return
            case Fault.CUT_BEFORE | Fault.CUT_DURING:
                self._is_off = True
                raise PowerCut(f"the power went at step {len(self.steps) - 1}: {self.steps[-1]}")
            case Fault.NO_ROOM | Fault.FULL:
                number = errno.ENOSPC
            case Fault.BAD_DISK:
                number = errno.EIO
            case Fault.READ_ONLY:
                number = errno.EROFS
        raise OSError(number, SAYS[number], self.path)

    def _require_power(self) -> None:
        if self._is_off:
            raise PowerCut("the power is off")

    def _file(self, name: str) -> _File:
        self._require_power()
        try:
            return self._seen[name]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, SAYS[errno.ENOENT], name) from None

    def _rename(self, change: dict[str, _File | None]) -> None:
        self._renamed.append(change)
        for name, file in change.items():
            if file is None:
                del self._seen[name]
            else:
                self._seen[name] = file

    def _soil(self, file: _File, begin: int, end: int) -> None:
        file.dirty.update(range(begin // self.sector_bytes, (max(begin, end - 1)) // self.sector_bytes + 1))

    def _keep(self, file: _File, sectors: set[int], size: int) -> None:
        """Writes sectors of the cache to the disk, and sets the size there."""
        kept = file.kept
        kept += bytes(max(0, size - len(kept)))
        del kept[size:]
        for sector in sectors:
            at = sector * self.sector_bytes
            part = file.seen[at : min(at + self.sector_bytes, size)]
            kept[at : at + len(part)] = part
