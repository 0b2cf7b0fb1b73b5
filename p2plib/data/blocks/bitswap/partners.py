"""The peers of an exchange: their connections, a task that sends to each, and its streams that are read. A
driver, and a part of the one in `p2plib.data.blocks.bitswap.driver`.

Rules
    1. We keep one stream open to each peer, and end it when nothing was said on it for `IDLE_S`. Others open
       a new one for each message, which is as good. Of each peer `MAX_STREAMS` are read at a time, so that
       there are never more messages in the making.
    2. A message is sent again, once and on a new stream, if its stream breaks. A peer that takes nothing for
       `SEND_TIMEOUT_S`, or breaks streams again and again, is left alone for `REST_S`, and what it owed is
       asked of others.
    3. Garbage ends the stream that it came on, and nothing else.
    4. A peer that speaks no Bitswap is not tried again while its connections last, unless it makes a new one,
       or opens a stream for Bitswap itself.
    5. A new connection of a peer may mean that it was restarted, and the old one is dead without a word. So
       we go over to the new one, and say anew all that we want.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from p2plib.data.blocks.bitswap import messages
from p2plib.data.blocks.bitswap.machine import Bitswap
from p2plib.data.blocks.bitswap.messages import FRAMES, PROTOCOLS, V1_2, BitswapMessage
from p2plib.errors import Closed, NoCommonProtocol, P2PError, PeerTimeout
from p2plib.protocol.buffers import Bell
from p2plib.protocol.connection import Connection
from p2plib.protocol.framing import FrameDecoder
from p2plib.protocol.stream import PIECE_BYTES, Stream
from p2plib.protocol.tasks import end_tasks

SEND_TIMEOUT_S = 20.0
REST_S = 5.0
IDLE_S = 10.0  # js-libp2p ends a silent stream after 30 s
READ_IDLE_S = 120.0  # for a stream of theirs on which nothing whole comes; others keep theirs open
MAX_STREAMS = 4
LONG_BYTES = 1024  # of a message of which the rest has not come: it carries blocks, or a long list


@dataclass(eq=False, slots=True)
class Partner:
    """One peer, its connections and the task that sends to it.

    Attributes:
        name: its peer id.
        connections: those that are open; the newest is used.
        ready: done when it is in the exchange, or known not to speak Bitswap.
        bell: rung when something is to be sent.
        room: for streams of its that are read.
        task: what sends to it.
        stream: what it is sent to on; None if there is none now.
        protocol: which version is spoken there.
        problem: why nothing is sent to it.
        rest: done when it is to be tried again; None if it is not being left alone.
        is_stale: whether rule 5 has to be followed.
        is_writing: whether a message is being sent.
    """

    name: str
    connections: list[Connection]
    ready: asyncio.Future[bool]
    bell: Bell = field(default_factory=Bell)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_STREAMS))
    task: asyncio.Task[None] | None = None
    stream: Stream | None = None
    protocol: str = ""
    problem: P2PError | None = None
    rest: asyncio.Future[None] | None = None
    is_stale: bool = False
    is_writing: bool = False


class Partners:
    """The peers of an exchange.

    Args:
        machine: what says what is to be sent to whom.
        stir: called whenever the machine may have something new to say.

    Attributes:
        changes: how often a peer came, went, or turned out to speak no Bitswap.
    """

    def __init__(self, machine: Bitswap, stir: Callable[[], None]) -> None:
        self.machine = machine
        self.changes = 0
        self._stir = stir
        self._partners: dict[str, Partner] = {}
        self._reading: dict[Stream, None] = {}
        self._changed = Bell()
        self._is_open = True

    def __len__(self) -> int:
        return len(self._partners)

    @property
    def are_settled(self) -> bool:
        """Whether of each it is known whether it speaks Bitswap."""
        return all(partner.ready.done() for partner in self._partners.values())

    def ring(self) -> None:
        """Has everything sent that the machine has for peers."""
        for name in self.machine.peers:
            if self.machine.has_message(name):
                self._partners[name].bell.ring()

    async def close(self) -> None:
        """Ends all tasks and streams, even if it is cancelled meanwhile."""
        self._is_open = False
        for stream in list(self._reading):
            stream.reset()
        tasks = [partner.task for partner in self._partners.values() if partner.task is not None]
        try:
            await end_tasks(*tasks)
        finally:
            for partner in self._partners.values():  # of tasks that were ended before they began
                if not partner.ready.done():
                    partner.ready.set_result(False)
            self._partners.clear()
            while self._reading:
                await self._changed.wait()

    def adopt(self, connection: Connection) -> Partner | None:
        """The partner at the other side of a connection; None if there is no room for one more."""
        partner = self._partners.get(connection.remote_id)
        if connection.is_over or not self._is_open:
            return None
        if partner is None:
            if len(self._partners) >= self.machine.limits.max_peers:
                return None
            loop = asyncio.get_running_loop()
            partner = Partner(connection.remote_id, [connection], loop.create_future())
            self._partners[partner.name] = partner
            partner.task = loop.create_task(self._attend(partner))
        elif connection not in partner.connections:
            # What is over goes at once, or a peer could leave us as many as it likes. Not the first one:
            # `_see_end` waits for it.
            partner.connections[1:] = [one for one in partner.connections[1:] if not one.is_over]
            partner.connections.append(connection)
            partner.is_stale = True
            if partner.is_writing and partner.stream is not None:
                partner.stream.reset()  # it may never end: what it carries is sent again
            partner.bell.ring()
            _wake(partner)
        return partner

    async def _attend(self, partner: Partner) -> None:
        """One peer, from the first stream to it until its connections are over."""
        loop = asyncio.get_running_loop()
        watching = loop.create_task(_see_end(partner))
        try:
            while not watching.done():
                sending = loop.create_task(self._send_all(partner))
                try:
                    await asyncio.wait([sending, watching], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    await end_tasks(sending)
                if sending.cancelled():
                    break
                self._pause(partner, sending.exception())
                speaks = not isinstance(partner.problem, NoCommonProtocol)
                await self._rest(partner, watching, REST_S if speaks else None)
        finally:
            try:
                await end_tasks(watching)
            finally:
                self._pause(partner, None)
                self._partners.pop(partner.name, None)
                self._see_change()

    async def _rest(self, partner: Partner, watching: asyncio.Task[None], time_s: float | None) -> None:
        """Leaves a peer alone, for a while or until something new comes of it."""
        loop = asyncio.get_running_loop()
        partner.rest = loop.create_future()
        await asyncio.wait([watching, partner.rest], timeout=time_s, return_when=asyncio.FIRST_COMPLETED)
        partner.rest = None
        if partner.ready.done():
            partner.ready = loop.create_future()

    def _pause(self, partner: Partner, problem: BaseException | None) -> None:
        """Nothing is sent to a peer for now, and nothing is expected of it."""
        if problem is not None and not isinstance(problem, P2PError):
            raise problem
        partner.problem = problem
        if partner.stream is not None:
            partner.stream.reset()
            partner.stream = None
        if not partner.ready.done():
            partner.ready.set_result(False)
        if partner.name in self.machine.peers:
            self.machine.left(partner.name, partner.ready.get_loop().time())
        self._see_change()

    def _see_change(self) -> None:
        self.changes += 1
        self._stir()

    async def _send_all(self, partner: Partner) -> None:
        """Sends to a peer whatever the machine has for it."""
        clock = asyncio.get_running_loop().time
        began = clock()
        await self._open(partner)
        partner.problem = None
        self.machine.joined(
            partner.name,
            clock(),
            speaks_have=partner.protocol == V1_2,
            round_trip_s=clock() - began,
        )
        partner.ready.set_result(True)
        self._see_change()
        while True:
            if partner.is_stale:
                await self._renew(partner)
            message = self.machine.next_message(partner.name)
            if message is not None:
                await self._send(partner, message)
                continue
            try:
                async with asyncio.timeout(None if partner.stream is None else IDLE_S):
                    await partner.bell.wait()
            except TimeoutError:
                stream, partner.stream = partner.stream, None
                if stream is not None:
                    await stream.close()

    async def _renew(self, partner: Partner) -> None:
        """Rule 5."""
        clock = asyncio.get_running_loop().time
        stream, partner.stream = partner.stream, None
        if stream is not None:
            await stream.close()
        began = clock()
        await self._open(partner)
        self.machine.relist(partner.name, clock(), round_trip_s=clock() - began)
        self._stir()

    async def _open(self, partner: Partner) -> Stream:
        partner.is_stale = False
        connection = next(
            (each for each in reversed(partner.connections) if not each.is_over), partner.connections[-1]
        )
        partner.stream, partner.protocol = await connection.open_stream(*PROTOCOLS)
        return partner.stream

    async def _send(self, partner: Partner, message: BitswapMessage) -> None:
        """Sends a message, once more on a new stream if the first one breaks (rule 3)."""
        raw = FRAMES.encode(messages.encode(message, partner.protocol))
        partner.is_writing = True
        try:
            await _write(partner.stream or await self._open(partner), raw)
        except Closed:  # the stream, or the connection under it; there may be another one
            is_stale = partner.is_stale
            await _write(await self._open(partner), raw)
            partner.is_stale |= is_stale
        finally:
            partner.is_writing = False

    async def handle(self, stream: Stream, connection: Connection) -> None:
        """A stream that a peer opened: messages until it ends."""
        partner = self.adopt(connection)
        if partner is None:
            stream.reset()
            return
        if isinstance(partner.problem, NoCommonProtocol):
            _wake(partner)  # it speaks it now
        self._reading[stream] = None
        try:
            if await asyncio.shield(partner.ready):
                async with partner.room:
                    await self._read(stream, partner)
            else:
                stream.reset()
        finally:
            del self._reading[stream]
            self._changed.ring()

    async def _read(self, stream: Stream, partner: Partner) -> None:
        decoder, clock = FrameDecoder(FRAMES), asyncio.get_running_loop().time
        while True:
            try:
                async with asyncio.timeout(READ_IDLE_S):
                    while (raw := decoder.next_frame()) is None:
                        if not (data := await stream.read()):
                            decoder.end_of_stream()
                            return
                        decoder.receive(data)
                        if decoder.buffered_bytes > LONG_BYTES:
                            self.machine.heard(partner.name, clock())
            except TimeoutError:
                return
            self.machine.receive(partner.name, messages.decode(raw), clock())
            self._stir()


def _wake(partner: Partner) -> None:
    """A peer that is left alone is tried again now."""
    if partner.rest is not None and not partner.rest.done():
        partner.rest.set_result(None)
        partner.ready = asyncio.get_running_loop().create_future()


async def _see_end(partner: Partner) -> None:
    """Waits until no connection to a peer is left."""
    while partner.connections:
        await partner.connections[0].muxed.wait_closed()
        del partner.connections[0]


async def _write(stream: Stream, raw: bytes) -> None:
    """Writes a message; each piece of it has a time to be taken, however large the message is."""
    try:
        for at in range(0, len(raw), PIECE_BYTES):
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await stream.write(raw[at : at + PIECE_BYTES])
    except TimeoutError:
        stream.reset()
        raise PeerTimeout(f"{stream.remote} took nothing for {SEND_TIMEOUT_S:g} s") from None
