"""ZonePublisher: keeps the zone of a real name server, such as BIND, as it should be. A driver.

A tracker, or a crawler that knows which peers are alive, publishes a sample of them under a name that anybody
can ask for. Its name server is somebody else's program::

    async with ZonePublisher(("192.0.2.53", 53), "p2p.test", key, rng) as publisher:
        publisher.publish("seed.p2p.test", RecordType.A, [A("198.51.100.7"), A("198.51.100.9")])
        await publisher.settled()

Rules
    1. `publish` says what a set should be, and returns at once; the newest word counts. What is sent, and
       when, is our business.
    2. While the server is away we try again, after pauses that double up to `MAX_PAUSE_S`, drawn between half
       and the whole. When it is back, whole sets are sent: it may have lost what it had.
    3. Every `refresh_s` whole sets are sent as well, in case somebody else has changed them.
    4. The server keeps what it was told when we are gone. To make the records go, publish empty sets first,
       or use a server that knows leases.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from p2plib.discovery.dns.tsig import TsigKey
from p2plib.discovery.dns.updating import TIMEOUT_S, send_update
from p2plib.discovery.dns.wanted import WantedRecords
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.records import Rdata
from p2plib.errors import Closed, PeerTimeout, RequestRefused, Unreachable
from p2plib.machine.addresses import Address, given_address
from p2plib.machine.retries import FIRST_PAUSE_S, MAX_PAUSE_S

TTL_S = 60
REFRESH_S = 600.0

log = logging.getLogger(__name__)


class ZonePublisher:
    """Publishes sets of records; used with `async with`.

    Args:
        server: the primary name server of the zone.
        zone: the zone's apex.
        key: a key that may change the zone.
        rng: draws ids and pauses.
        ttl_s: for how long others may keep the records.
        refresh_s: see rule 3.
        lease_s: see `p2plib.discovery.dns.updating.send_update`; None for records that stay.
        timeout_s: how long to wait for an answer.
        wall: the clock of signatures; this machine's if None.

    Attributes:
        updates: how many updates were done.
        failures: how many were not, by the name of the error.
        trouble: what went wrong at the last try; None if it went well.
    """

    def __init__(
        self,
        server: Address,
        zone: str,
        key: TsigKey,
        rng: random.Random,
        *,
        ttl_s: int = TTL_S,
        refresh_s: float = REFRESH_S,
        lease_s: int | None = None,
        timeout_s: float = TIMEOUT_S,
        wall: Callable[[], float] | None = None,
    ) -> None:
        self.server, self.zone, self.key = given_address(server), DomainName.parse(zone), key
        self.updates = 0
        self.failures: Counter[str] = Counter()
        self.trouble: Exception | None = None
        self._rng, self._wall = rng, wall
        self._refresh_s, self._lease_s, self._timeout_s = refresh_s, lease_s, timeout_s
        self._records = WantedRecords(ttl_s)
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        self._settled.set()  # calls that wait see that it is over
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def publish(self, name: str, number: int, data: Iterable[Rdata]) -> None:
        """Says what the set of a name and a type should be from now on; see rule 1.

        Args:
            name: a name in the zone.
            number: the type, such as `RecordType.A`.
            data: all of the set; empty if it should not be there.

        Raises:
            UsageError: data of another type.
            Closed: the block is over.
        """
        self._check_open()
        self._records.want(DomainName.parse(name), number, data)
        self._settled.clear()
        self._changed.set()

    async def settled(self, within_s: float = 60.0) -> None:
        """Waits until the server has all that was published.

        Raises:
            PeerTimeout: it has not, `within_s` seconds later; `trouble` says why.
            Closed: the block is over, or ends while this waits.
        """
        self._check_open()
        if not self._records.is_behind:
            return
        try:
            async with asyncio.timeout(within_s):
                await self._settled.wait()
        except TimeoutError:
            raise PeerTimeout(
                f"the zone is not as it should be after {within_s:g} s: {self.trouble}"
            ) from None
        self._check_open()

    def _check_open(self) -> None:
        if self._task is None:
            raise Closed("this publisher is closed")

    async def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._send_all()
                pause_s = FIRST_PAUSE_S
            except (PeerTimeout, Unreachable, RequestRefused) as error:
                if self.trouble is None:
                    log.info("the zone %s cannot be changed: %s", self.zone, error)
                self.trouble = error
                self.failures[type(error).__name__] += 1
                self._records.is_unsure()
                await asyncio.sleep(pause_s * self._rng.uniform(0.5, 1.0))
                pause_s = min(2 * pause_s, MAX_PAUSE_S)
                continue
            try:
                async with asyncio.timeout(self._refresh_s):
                    await self._changed.wait()
            except TimeoutError:
                self._records.is_unsure()  # rule 3

    async def _send_all(self) -> None:
        """Sends updates until the server has all of it."""
        while True:
            self._changed.clear()
            changes, after = self._records.changes()
            if not changes:
                self._settled.set()
                return
            await send_update(
                self.server,
                self.zone,
                changes,
                self.key,
                self._rng,
                lease_s=self._lease_s,
                timeout_s=self._timeout_s,
                wall=self._wall,
            )
            self.updates += 1
            self.trouble = None
            self._records.done(after)
