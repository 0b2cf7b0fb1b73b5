"""A crowd of machines in virtual time: the real protocols, hundreds to thousands of peers at once.

It stands between the arrays, which know no messages, and the simulated internet, which runs the drivers: here
each peer is the machine itself, its datagrams take a random time, and a peer that is gone is silent. The
arrays are checked against it, and the machines themselves are tested in it: you can look inside each of them,
and whatever one of them raises ends the run.

    >>> from p2plib.topology.kademlia.machine import Kademlia
    >>> crowd = Crowd(seed=1)
    >>> ben, ana = (crowd.add(Kademlia(ident, random.Random(ident)), address_of(ident)) for ident in (1, 2))
    >>> crowd.call(ana, "join", [ben])
    >>> crowd.run(1.0)
    >>> crowd.events(ana)
    [Joined(contacts=1)]
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from p2plib.errors import UsageError
from p2plib.machine.addresses import Address
from p2plib.machine.machine import Machine

MAX_STEPS = 50_000_000  # a run of more steps than this is stuck
MAX_ADDRESSES = 1 << 22

_M = TypeVar("_M", bound=Machine[Any])
_E = TypeVar("_E")


def address_of(number: int) -> Address:
    """An address in a /24 of its own for each number, so that no limit on the addresses of one owner applies.

    Raises:
        UsageError: the number is below 0 or 2**22 or more.
    """
    if not 0 <= number < MAX_ADDRESSES:
        raise UsageError(f"the number of an address is 0 to {MAX_ADDRESSES - 1}")
    return f"{16 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.1", 4000


class Crowd(Generic[_M]):
    """Machines by address, and the datagrams between them.

    Args:
        seed: for delays and losses; or the generator to draw them from.
        delay_s: the least and the greatest time that a datagram takes, in seconds.
        loss: the fraction of datagrams that are lost.

    Attributes:
        now: the time, in seconds.
        machines: those that are running, by address.
        sent: how many datagrams each address has sent.
        cut: a function that says whether nothing passes from one address to another; replace it as you like.
    """

    def __init__(
        self,
        seed: int | random.Random = 0,
        *,
        delay_s: tuple[float, float] = (0.02, 0.08),
        loss: float = 0.0,
    ) -> None:
        self.rng = seed if isinstance(seed, random.Random) else random.Random(f"{seed} crowd")
        self.delay_s, self.loss, self.now = delay_s, loss, 0.0
        self.machines: dict[Address, _M] = {}
        self.sent: Counter[Address] = Counter()
        self.cut: Callable[[Address, Address], bool] = lambda source, target: False
        self._heard: dict[Address, list[Any]] = {}
        self._heap: list[tuple[float, int, Address, bytes | None, Address | None]] = []
        self._woken: dict[Address, float] = {}
        self._count = 0

    @property
    def datagrams(self) -> int:
        """How many datagrams were sent by all machines together."""
        return self.sent.total()

    def add(self, machine: _M, address: Address) -> Address:
        """Puts a machine at an address where none is; returns the address."""
        if address in self.machines:
            raise UsageError(f"there is a machine at {address[0]}:{address[1]} already")
        self.machines[address] = machine
        self._heard.setdefault(address, [])
        self.flush(address)
        return address

    def crash(self, address: Address) -> None:
        """Makes a peer vanish without a word. The events that its machine has reported can still be read."""
        for table in (self.machines, self._woken):
            table.pop(address, None)

    def call(self, address: Address, method: str, *arguments: Any) -> Any:
        """Calls a method of a machine with these arguments and the time, and sends what it wants to send."""
        result = getattr(self.machines[address], method)(*arguments, self.now)
        self.flush(address)
        return result

    def events(self, address: Address) -> list[Any]:
        """The events that a machine has reported since the last call."""
        told, self._heard[address] = self._heard[address], []
        return told

    def heard(self, address: Address, kind: type[_E]) -> list[_E]:
        """The events of one kind that a machine has reported; they stay there for `events`."""
        return [event for event in self._heard[address] if isinstance(event, kind)]

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> None:
        """Lets time pass: so many seconds, or until a condition holds, which is checked after each step."""
        end = self.now + seconds
        for _ in range(MAX_STEPS):
            if until and until():
                return
            if not self._heap or self._heap[0][0] > end:
                self.now = end
                return
            self.now, _, target, data, source = heapq.heappop(self._heap)
            machine = self.machines.get(target)
            if machine is None:
                continue
            if data is not None and source is not None:
                machine.receive(data, source, self.now)
            elif (at := machine.timer()) is not None and at <= self.now:
                machine.on_timer(self.now)
            else:
                continue
            self.flush(target)
        raise UsageError(f"more than {MAX_STEPS} steps in one run: it is stuck")

    def flush(self, address: Address) -> None:
        """Sends what a machine has to send and sets its timer; needed after calling it without `call`."""
        machine = self.machines[address]
        for data, target in machine.to_send():
            self.sent[address] += 1
            if self.rng.random() >= self.loss and not self.cut(address, target):
                self._push(self.now + self.rng.uniform(*self.delay_s), target, data, address)
        self._heard[address] += machine.events()
        at = machine.timer()
        if at is not None and self._woken.get(address) != at:
            self._woken[address] = at
            self._push(max(at, self.now), address, None, None)

    def _push(self, at: float, target: Address, data: bytes | None, source: Address | None) -> None:
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, target, data, source))
