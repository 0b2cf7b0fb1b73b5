"""A network in 100 lines for machines: a heap of virtual time, with delay, loss, crashes and cut lines.

The simulated internet of `p2plib.sim` runs drivers; this runs machines, so a test can look inside every one.
Whatever a machine raises ends the test: nothing that arrives may make it raise.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from p2plib.machine.addresses import Address
from p2plib.machine.machine import Machine

MAX_STEPS = 20_000_000  # a run that is longer than this hangs


def address_of(number: int) -> Address:
    """An address in a network of its own for each number."""
    return f"10.{number >> 8 & 255}.{number & 255}.1" if number < 65_536 else "11.0.0.1", 4000


class Net:
    """Machines by address, and the datagrams between them.

    Args:
        seed: of delays and losses.
        delay_s: the least and the greatest time that a datagram takes.
        loss: the part that is lost.
    """

    def __init__(self, seed: int = 1, delay_s: tuple[float, float] = (0.02, 0.08), loss: float = 0.0) -> None:
        self.rng = random.Random(seed)
        self.delay_s, self.loss = delay_s, loss
        self.now = 0.0
        self.machines: dict[Address, Machine[Any]] = {}
        self.heard: dict[Address, list[Any]] = {}
        self.sent: Counter[Address] = Counter()
        self.cut: Callable[[Address, Address], bool] = lambda source, target: False
        self._heap: list[tuple[float, int, Address, bytes | None, Address | None]] = []
        self._count = 0
        self._wake: dict[Address, float] = {}

    def add(self, machine: Machine[Any], address: Address) -> None:
        assert address not in self.machines
        self.machines[address] = machine
        self.heard.setdefault(address, [])
        self.flush(address)

    def crash(self, address: Address) -> None:
        del self.machines[address]

    def flush(self, address: Address) -> None:
        """Sends what a machine has to send, and notes when to wake it. Call it after calling a machine."""
        machine = self.machines[address]
        for data, target in machine.to_send():
            self.sent[address] += 1
            if self.rng.random() >= self.loss and not self.cut(address, target):
                self._push(self.now + self.rng.uniform(*self.delay_s), target, data, address)
        self.heard[address] += machine.events()
        at = machine.timer()
        if at is not None and self._wake.get(address) != at:
            self._wake[address] = at
            self._push(max(at, self.now), address, None, None)

    def _push(self, at: float, target: Address, data: bytes | None, source: Address | None) -> None:
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, target, data, source))

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Lets time pass, at most so many seconds of it."""
        end = self.now + seconds
        for _ in range(MAX_STEPS):
            if until() or not self._heap or self._heap[0][0] > end:
                break
            self.now, _, target, data, source = heapq.heappop(self._heap)
            machine = self.machines.get(target)
            if machine is None:
                continue
            if data is not None and source is not None:
                machine.receive(data, source, self.now)
            else:
                at = machine.timer()
                if at is None or at > self.now:
                    continue
                machine.on_timer(self.now)
            self.flush(target)
        else:
            raise AssertionError("the run does not end")
        if not until():
            self.now = end

    def events(self, address: Address, kind: type) -> list[Any]:
        """What a machine told, of one kind."""
        return [event for event in self.heard[address] if isinstance(event, kind)]
