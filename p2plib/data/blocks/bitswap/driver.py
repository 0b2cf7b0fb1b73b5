"""Blocks exchanged over the connections of a libp2p node. A driver: thin, over the machine beside it.

::

    async with Node(key) as node, BlockExchange(node, store) as exchange:
        await exchange.connect("/ip4/192.0.2.1/tcp/4001/p2p/12D3Koo...")
        data = await exchange.fetch(cid)
        await exchange.fetch_many(cids)              then all of them are in the store
        await exchange.fetch_dag(root)               and here all that hang on the root

Rules
    1. Whoever is connected with our node is asked, and is served, if it speaks Bitswap. While somebody waits
       for a block, we look for new connections every `LOOK_S`.
    2. `p2plib.data.blocks.bitswap.partners` says how streams are used.
    3. A block of ours that the disk has changed is as good as none: it is fetched again. When the store fails
       otherwise, whoever waits for the block is told that error.
    4. When the block of `async with` is left, nothing is left: no task, no stream; whoever waits gets
       `Closed`. The connections are the node's, and stay.
    5. So blocks that an exchange asked for may come to the node's next one: nobody is blamed for them.
    6. The store is called on the event loop: while its disk works, nothing else does. Between two turns of
       the loop we ask of it no more than to take the blocks of one message that came, each by itself; to say
       the size of what one message wants; to give the blocks of one message that goes (`message_bytes`); or
       to give a megabyte of what a plan wants and is here already. So an exchange keeps its node waiting for
       about as long as its disk takes for a few hundred small files, at the worst. For a store across a
       network, give the exchange and its node a loop of their own in another thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Self, assert_never
from weakref import WeakKeyDictionary

from p2plib.data.blocks.bitswap.events import (
    DEFAULT_LIMITS,
    BitswapLimits,
    BlockCame,
    NobodyHas,
    PeerBlamed,
)
from p2plib.data.blocks.bitswap.graphs import BlockRow, FetchPlan
from p2plib.data.blocks.bitswap.machine import Bitswap
from p2plib.data.blocks.bitswap.messages import PROTOCOLS
from p2plib.data.blocks.bitswap.partners import Partners
from p2plib.data.blocks.bitswap.remote import FormerPeers
from p2plib.data.blocks.bitswap.requests import Requests
from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.block import Block
from p2plib.data.dag.walk import DagBudget, DagOrder, DagWalk, Selector, every_link
from p2plib.errors import (
    Closed,
    PeerTimeout,
    StoreError,
    UsageError,
)
from p2plib.protocol.connection import Connection
from p2plib.protocol.node import Node
from p2plib.wire.cid import Cid
from p2plib.wire.multiaddr import Multiaddr

FETCH_TIMEOUT_S = 60.0
MAX_BLAMED = 100
LOOK_S = 1.0

# Rule 5: whom earlier exchanges of a node had asked for something.
_ASKED_BEFORE: WeakKeyDictionary[Node, FormerPeers] = WeakKeyDictionary()


class BlockExchange:
    """Bitswap over the connections of a node; used with `async with`.

    Args:
        node: it must not speak Bitswap already.
        store: what we have, and where what we fetch is put.
        limits: what the exchange may cost, and how patient it is.
        is_durable: whether each block that comes is on the disk before the next one is looked at.

    Attributes:
        machine: the exchange without its sockets; its `ledgers` say what went between us and each peer.
        blamed: what peers were blamed for, the oldest first; the last `MAX_BLAMED`.
    """

    def __init__(
        self,
        node: Node,
        store: BlockStore,
        *,
        limits: BitswapLimits = DEFAULT_LIMITS,
        is_durable: bool = False,
    ) -> None:
        self.node = node
        self.store = store
        self.machine = Bitswap(store, limits)
        self.blamed: deque[PeerBlamed] = deque(maxlen=MAX_BLAMED)
        self._is_durable = is_durable
        self._partners = Partners(self.machine, self._stir)
        self._requests = Requests(self.machine, store, self._partners, self._stir)
        self._changes_seen = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._was_open = False

    # For callers.

    async def __aenter__(self) -> Self:
        if self._was_open:
            raise UsageError("an exchange is used once: make another one")
        if taken := [name for name in PROTOCOLS if name in self.node.handlers]:
            raise UsageError(f"this node speaks {taken[0]} already")
        self.node.handlers.update(dict.fromkeys(PROTOCOLS, self._partners.handle))
        self._requests.is_open = self._was_open = True
        if (before := _ASKED_BEFORE.pop(self.node, None)) is not None:
            self.machine.wants.former.inherit(before)
        self._adopt_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the exchange (rule 4). Repeating it does nothing."""
        if not self._requests.is_open:
            return
        self._end_alarm()
        for name in PROTOCOLS:
            self.node.handlers.pop(name, None)
        self._requests.close()
        try:
            await self._partners.close()
        finally:
            _ASKED_BEFORE[self.node] = self.machine.wants.former

    @property
    def peers(self) -> tuple[str, ...]:
        """The peer ids of those that blocks are exchanged with."""
        return self.machine.peers

    async def connect(self, *addresses: Multiaddr | str) -> Connection:
        """Dials a peer, and waits until it is in the exchange.

        Args:
            addresses: as for `Node.dial`, which says what else it raises.

        Raises:
            NoCommonProtocol: it speaks no Bitswap.
            PeerTimeout: it took no stream in time.
            UsageError: there are as many peers as there may be.
            Closed: the connection, or the exchange, was closed meanwhile.
        """
        self._requests.check_open()
        connection = await self.node.dial(*addresses)
        partner = self._partners.adopt(connection)
        if partner is None:
            if connection.is_over or not self._requests.is_open:
                raise Closed(
                    f"{connection!r} is over" if self._requests.is_open else "this exchange was closed"
                )
            raise UsageError(f"there is no room for {connection.remote_id}")
        if not await asyncio.shield(partner.ready):
            raise partner.problem or Closed(f"{connection!r} is over")
        return connection

    def add(self, block: Block) -> None:
        """Puts a block of ours into the store, and sends it to peers that want it. For many, put them into
        the store and call `offer`."""
        self.store.put([block], durable=self._is_durable)
        self.offer([block.cid])

    def offer(self, blocks: Iterable[Cid]) -> None:
        """Sends blocks that the store has now to peers that had asked for them before."""
        if self.machine.stored(blocks):
            self._partners.ring()

    async def fetch(
        self,
        cid: Cid,
        *,
        timeout_s: float = FETCH_TIMEOUT_S,
        waits_for_it: bool = True,
        priority: int = 1,
        session: int = 0,
    ) -> bytes:
        """A block, out of the store or from a peer; then it is in the store.

        Args:
            cid: of the block.
            timeout_s: for how long to look for it.
            waits_for_it: whether to go on when all peers say that they do not have it: one may get it, and
                another may come.
            priority: the larger, the sooner.
            session: of `machine.wants.sessions`: what belongs together.

        Raises:
            NotFound: every peer said that it does not have it; or there is no peer.
            PeerTimeout: it did not come in time, and not every peer said that it lacks it.
            StoreError: the store does not take it, or cannot be read. (`Closed` if it is closed.)
            UsageError: the priority is none, or the CID's hash is one that we cannot check blocks by.
            Closed: the exchange was closed.
        """
        self._requests.check_open()
        data = self._requests.here(cid)
        if data is not None:
            return data
        self._adopt_all()
        future = self._requests.begin(cid, session, waits_for_it, priority)
        try:
            self._stir()
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError as error:
            if isinstance(error, PeerTimeout):
                raise
            raise self._requests.too_late(cid, timeout_s) from None
        finally:
            self._requests.end(cid, future)

    async def fetch_many(
        self, blocks: Iterable[Cid], *, timeout_s: float = FETCH_TIMEOUT_S, waits_for_them: bool = True
    ) -> None:
        """Sees to it that blocks are in the store.

        Args:
            blocks: their CIDs, the most urgent first.
            timeout_s: for how long nothing may come of what is missing.
            waits_for_them: as `waits_for_it` of `fetch`, which says what is raised.
        """
        await self.fetch_plan(BlockRow(blocks), timeout_s=timeout_s, waits_for_them=waits_for_them)

    async def fetch_dag(
        self,
        root: Cid,
        *,
        selector: Selector = every_link,
        order: DagOrder = DagOrder.DEPTH_FIRST,
        budget: DagBudget = DagBudget(),  # noqa: B008 - it is frozen
        timeout_s: float = FETCH_TIMEOUT_S,
        waits_for_them: bool = True,
    ) -> DagWalk:
        """Sees to it that all blocks that hang together are in the store.

        Args:
            root: where they hang.
            selector: which links are followed.
            order: in which order the blocks are asked for.
            budget: what they may take.
            timeout_s: for how long nothing may come of what is missing.
            waits_for_them: as `waits_for_it` of `fetch`, which says what else is raised.

        Returns:
            The walk, which says how many blocks and bytes they are.

        Raises:
            OverBudget: they would take more; those that came before are in the store.
            DecodeError: a block is not written as its CID says.
        """
        walk = DagWalk(root, selector, order=order, budget=budget)
        walk.start()
        await self.fetch_plan(walk, timeout_s=timeout_s, waits_for_them=waits_for_them)
        return walk

    async def fetch_plan(
        self, plan: FetchPlan, *, timeout_s: float = FETCH_TIMEOUT_S, waits_for_them: bool = True
    ) -> None:
        """Fetches what a plan wants until it wants nothing more.

        Args:
            plan: which blocks.
            timeout_s: for how long nothing may come of what is missing.
            waits_for_them: as `waits_for_it` of `fetch`, which says what is raised; and what the plan raises.
        """
        self._requests.check_open()
        self._adopt_all()
        await self._requests.carry_out(plan, timeout_s, waits_for_them)

    # What the machine says.

    def _stir(self) -> None:
        """Something has changed: does what the machine says now."""
        while (event := self.machine.next_event()) is not None:
            match event:
                case BlockCame(block, _):
                    self._keep(block)
                case NobodyHas(cid, _):
                    self._requests.give_up_if_hopeless(cid)
                case PeerBlamed():
                    self.blamed.append(event)
                case _:
                    assert_never(event)
        if self._partners.changes != self._changes_seen:
            self._changes_seen = self._partners.changes
            self._requests.give_up_what_is_hopeless()
        self._partners.ring()
        self._set_alarm()

    def _keep(self, block: Block) -> None:
        try:
            self.store.put([block], durable=self._is_durable)
        except (StoreError, Closed) as error:
            self._requests.settle(block.cid, error)
            return
        self._requests.settle(block.cid, block.data)
        self.offer([block.cid])

    def _set_alarm(self) -> None:
        """The alarm may go off too early, never too late."""
        at = self.machine.timer()
        if self._requests:
            look_at = asyncio.get_running_loop().time() + LOOK_S
            at = look_at if at is None else min(look_at, at)
        if at is None or not self._requests.is_open:
            self._end_alarm()
        elif self._alarm is None or at < self._alarm.when():
            self._end_alarm()
            self._alarm = asyncio.get_running_loop().call_at(at, self._ring_alarm)

    def _end_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring_alarm(self) -> None:
        self._alarm = None
        self._adopt_all()
        self.machine.handle_timer(asyncio.get_running_loop().time())
        self._stir()

    def _adopt_all(self) -> None:
        for connection in self.node.connections:
            self._partners.adopt(connection)
