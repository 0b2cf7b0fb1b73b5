"""Who waits for which block, and what they are told. A part of the driver in
`p2plib.data.blocks.bitswap.driver`.

Rules
    1. What several wait for is wanted once, and until the last of them has gone.
    2. Of those that wait, some want a block in spite of everybody who lacks it; the others are told as soon
       as every peer has said so.
    3. A block of ours that the disk has changed is as good as none.
    4. The store is called on the event loop, so while the disk works nothing else does. A plan reads what is
       here already `READ_AT_A_TIME` bytes at a time, and others have their turn in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from p2plib.data.blocks.bitswap.graphs import FetchPlan
from p2plib.data.blocks.bitswap.machine import Bitswap
from p2plib.data.blocks.bitswap.partners import Partners
from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.block import Block
from p2plib.errors import Closed, NotFound, P2PError, PeerTimeout, StoreCorrupt, UsageError
from p2plib.wire import cid as cids
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash

READ_AT_A_TIME = 1024 * 1024

Waiting = asyncio.Future[bytes]


class Requests:
    """The blocks that callers wait for.

    Args:
        machine: which asks peers for them.
        store: where they may be already.
        partners: the peers.
        stir: called when the machine may have something new to say.
    """

    def __init__(
        self, machine: Bitswap, store: BlockStore, partners: Partners, stir: Callable[[], None]
    ) -> None:
        self.machine = machine
        self.store = store
        self.partners = partners
        self.stir = stir
        self.is_open = False
        self._waiting: dict[Multihash, dict[Waiting, bool]] = {}  # and whether in spite of everybody
        self._wanted: dict[Multihash, Cid] = {}  # those of `_waiting`

    def __len__(self) -> int:
        return len(self._wanted)

    def check_open(self) -> None:
        """Raises:
        Closed: the exchange is not open.
        """
        if not self.is_open:
            raise Closed("this exchange is not open")

    def here(self, cid: Cid) -> bytes | None:
        """A block of ours; None if we have none that is whole."""
        try:
            return self.store.get(cid)
        except (NotFound, StoreCorrupt):
            return None

    def begin(self, cid: Cid, session: int, waits_for_it: bool, priority: int = 1) -> Waiting:
        """Wants a block on behalf of somebody, who must call `end`.

        Args:
            cid: of the block.
            session: to which it belongs.
            waits_for_it: whether in spite of everybody who lacks it.
            priority: the larger, the sooner.

        Raises:
            NotFound: there is no peer, and it is not waited for.
            UsageError: see `BlockExchange.fetch`.
        """
        if not waits_for_it and not self.partners:
            raise NotFound(f"there is no peer to ask for {cids.to_text(cid)}")
        loop = asyncio.get_running_loop()
        future: Waiting = loop.create_future()
        self._waiting.setdefault(cid.multihash, {})[future] = waits_for_it
        self._wanted[cid.multihash] = cid
        try:
            self.machine.want(cid, loop.time(), priority=priority, session=session)
        except UsageError:
            self.end(cid, future)
            raise
        self.give_up_if_hopeless(cid)
        return future

    def end(self, cid: Cid, future: Waiting) -> None:
        """Somebody does not wait any more, whether it was told something or not."""
        waiting = self._waiting.get(cid.multihash, {})
        waiting.pop(future, None)
        if not future.cancel() and not future.cancelled():
            future.exception()  # somebody else has been told, or it is too late for that
        if not waiting:
            self._waiting.pop(cid.multihash, None)
            self._wanted.pop(cid.multihash, None)
            if cid in self.machine.wants:
                self.machine.drop(cid, asyncio.get_running_loop().time())
                self.stir()

    def settle(self, cid: Cid, result: bytes | P2PError, *, only_impatient: bool = False) -> None:
        """Tells those who wait for a block how it went.

        Args:
            cid: of the block.
            result: its bytes, or what went wrong.
            only_impatient: whether those who want it in spite of everybody go on waiting.
        """
        for future, waits_for_it in self._waiting.get(cid.multihash, {}).items():
            if future.done() or (only_impatient and waits_for_it):
                continue
            if isinstance(result, bytes):
                future.set_result(result)
            else:
                future.set_exception(result)

    def close(self) -> None:
        """Whoever waits is told that there is no exchange any more."""
        self.is_open = False
        for cid in list(self._wanted.values()):
            self.settle(cid, Closed("this exchange was closed"))

    def give_up_if_hopeless(self, cid: Cid) -> None:
        """Those who do not wait for what nobody has are told, once everybody has been asked."""
        count = len(self.machine.peers)
        if self.partners.are_settled and (not count or self.machine.wants.is_lacked(cid)):
            error = NotFound(f"none of {count} peers has {cids.to_text(cid)}")
            self.settle(cid, error, only_impatient=True)

    def give_up_what_is_hopeless(self) -> None:
        """The same for all, after a peer has come or gone."""
        for cid in list(self._wanted.values()):
            self.give_up_if_hopeless(cid)

    def too_late(self, cid: Cid, timeout_s: float) -> P2PError:
        """What to raise for a block that did not come in time."""
        asked, text = len(self.machine.peers), cids.to_text(cid)
        if self.machine.wants.is_lacked(cid):
            return NotFound(f"none of {asked} peers has {text}")
        return PeerTimeout(f"{text} did not come from any of {asked} peers within {timeout_s:g} s")

    async def carry_out(self, plan: FetchPlan, timeout_s: float, waits_for_them: bool) -> None:
        """Fetches what a plan wants until it wants nothing more; see `BlockExchange.fetch_plan`."""
        sessions, window = self.machine.wants.sessions, self.machine.limits.max_active
        session = sessions.begin()
        came: asyncio.Queue[Waiting] = asyncio.Queue()
        missing: dict[Waiting, Cid] = {}
        try:
            while True:
                if len(missing) <= window // 2:
                    known = {cid.multihash for cid in missing.values()}
                    for cid in await self._not_here(plan, window, known):
                        future = self.begin(cid, session, waits_for_them)
                        missing[future] = cid
                        future.add_done_callback(came.put_nowait)
                    self.stir()
                if not missing:
                    return
                future = await self._next(came, missing.values(), timeout_s)
                cid = missing.pop(future)
                self.end(cid, future)
                plan.receive(Block(cid, future.result()))
        finally:
            for future, cid in missing.items():
                self.end(cid, future)
            sessions.end(session)

    async def _not_here(self, plan: FetchPlan, window: int, known: set[Multihash]) -> list[Cid]:
        """What a plan wants and the store does not have; what it has, the plan is given at once: rule 4."""
        while True:
            wanted = [cid for cid in plan.wanted(window) if cid.multihash not in known]
            missing, left = [], READ_AT_A_TIME
            for cid in wanted:
                data = self.here(cid)
                if data is None:
                    missing.append(cid)
                    continue
                plan.receive(Block(cid, data))
                left -= len(data)
                if left <= 0:
                    break
            else:
                if len(missing) == len(wanted):
                    return wanted
            await asyncio.sleep(0)
            self.check_open()

    async def _next(self, came: asyncio.Queue[Waiting], missing: Iterable[Cid], timeout_s: float) -> Waiting:
        try:
            async with asyncio.timeout(timeout_s):
                return await came.get()
        except TimeoutError:
            raise self.too_late(next(iter(missing)), timeout_s) from None
