"""multistream-select 1.0: two peers agree on the name of what they will speak. Machines, and drivers.

Follows "multistream-select" of multiformats, as libp2p's specification of connections uses it. Every message
is a line in a varint frame, and the line feed counts: `\\x03na\\n`.

::

    the proposer                                   the responder
    /multistream/1.0.0, /echo/2                →
                                               ←   /multistream/1.0.0, na
    /echo/1                                    →
                                               ←   /echo/1

Rules
    1. A message has at most `MAX_LINE_BYTES` bytes with its line feed, ends with it, has no other, and is
       UTF-8. All else is `DecodeError`.
    2. The proposer sends the header and its first proposal at once; neither side waits for a header.
    3. An answer is the proposal itself, or "na". Another name, even one that we speak, is refused: whoever
       answers does not choose for us (no downgrade that we did not propose).
    4. A peer that has proposed `MAX_PROPOSALS` names in vain is refused.
    5. Not a byte is read behind the last message: that is the protocol's that was agreed on.
    6. "ls" asks what there is; the answer is one message that holds a frame for each name, then a line feed.

When there is one proposal only, it need not wait for the answer (`propose`): its first bytes travel
with the proposal, and the answer is checked when the first bytes are read. libp2p calls this lazy.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Sequence

from p2plib.errors import Closed, DecodeError, EndOfStream, NoCommonProtocol, PeerTimeout, UsageError
from p2plib.protocol.framing import VarintFrames, read_frame
from p2plib.protocol.stream import Stream
from p2plib.wire import varint
from p2plib.wire.fields import Field

HEADER = "/multistream/1.0.0"
NOT_AVAILABLE = "na"
LIST = "ls"
MAX_LINE_BYTES = 1024  # as js-libp2p; go-libp2p allows 64 KiB, and no protocol's name comes near
MAX_LISTING_BYTES = 65_536  # the answer to "ls" holds many names
MAX_PROPOSALS = 64  # a peer that asks for more is not looking for a protocol
TIMEOUT_S = 10.0

LINES = VarintFrames(MAX_LINE_BYTES)


def encode(line: str) -> bytes:
    """The message that says one line.

    Raises:
        UsageError: it has a line feed, is too long, or has half a surrogate pair.
    """
    try:
        raw = line.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"a name here is Unicode text, not {line!a}: {error.reason}") from None
    if b"\n" in raw or not raw:
        raise UsageError(f"a name here has no line feed and at least one character: {line!r}")
    return LINES.encode(raw + b"\n")


def decode(payload: bytes) -> str:
    """The line in a message, given without its size.

    Raises:
        DecodeError: it does not end with a line feed, has another one, says nothing, or is not UTF-8.
    """
    if not payload.endswith(b"\n"):
        raise DecodeError("a message of multistream ends with a line feed", len(payload))
    line = payload[:-1]
    if b"\n" in line or not line:
        raise DecodeError(
            "a message of multistream is one line that says something", max(0, line.find(b"\n"))
        )
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise DecodeError("a message of multistream is UTF-8", error.start) from None


def encode_listing(names: Collection[str]) -> bytes:
    """The answer to "ls"; as every message, with its size."""
    payload = b"".join(encode(name) for name in names) + b"\n"
    return VarintFrames(MAX_LISTING_BYTES).encode(payload)


def decode_listing(payload: bytes) -> tuple[str, ...]:
    """The names in an answer to "ls", given without its size.

    Raises:
        DecodeError: a name breaks a rule, or the last line feed is missing.
    """
    names, offset = [], 0
    while payload[offset:] != b"\n":
        size, start = varint.decode(payload, offset, maximum=MAX_LINE_BYTES)
        offset = start + size
        if offset > len(payload):
            raise DecodeError(f"a name of {size} bytes, of which {len(payload) - start} are left", start)
        names.append(decode(payload[start:offset]))
    return tuple(names)


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The parts of one message: size, text, line feed."""
    size, payload = LINES.dissect(raw)
    line = decode(payload.raw)
    return (size, Field("line", payload.raw[:-1], line), Field("line feed", b"\n", "counts"))


class _Lines:
    """Reads messages; what both roles share. Give `receive` at most `need_bytes` bytes."""

    def __init__(self) -> None:
        self.need_bytes = 1
        self.protocol: str | None = None  # once agreed on
        self._buffer = bytearray()
        self._outgoing = b""
        self._has_header = False
        self._has_failed = False

    @property
    def is_finished(self) -> bool:
        """Whether a protocol was agreed on. There may be something left to send."""
        return self.protocol is not None

    def to_send(self) -> bytes:
        """What is to be sent now, once."""
        outgoing, self._outgoing = self._outgoing, b""
        return outgoing

    def receive(self, data: bytes) -> None:
        """Takes the next bytes of the other side, up to `need_bytes` of them.

        Raises:
            DecodeError: they break a rule.
            NoCommonProtocol: there is none.
            Closed: it failed before.
        """
        if self._has_failed:
            raise Closed("this negotiation failed")
        if self.is_finished or len(data) > self.need_bytes:
            raise UsageError(f"the negotiation needs {self.need_bytes} bytes, not {len(data)}")
        self._has_failed = True  # until it went well
        self._buffer += data
        found = LINES.measure(self._buffer)
        if isinstance(found, int):
            self.need_bytes = found
        else:
            line = decode(bytes(self._buffer[found.start : found.end]))
            self._buffer.clear()
            if self._has_header:
                self._take(line)
            elif line != HEADER:
                raise DecodeError(f"a negotiation begins with {HEADER}, not with {line[:40]!r}")
            else:
                self._has_header = True
                self._begin()
            self.need_bytes = 1 if self.protocol is None else 0
        self._has_failed = False

    def _begin(self) -> None:
        """The other side's header has come."""

    def _take(self, line: str) -> None:
        """A line after the header has come."""
        raise NotImplementedError


class Proposer(_Lines):
    """The side that opens a stream. A machine.

    Args:
        proposals: names of what we can speak, the dearest first.
    """

    def __init__(self, proposals: Sequence[str]) -> None:
        super().__init__()
        if not proposals:
            raise UsageError("whoever opens a stream proposes at least one protocol")
        self._proposals = tuple(proposals)
        self._tried = 0
        self._outgoing = encode(HEADER) + encode(proposals[0])

    def _take(self, line: str) -> None:
        if line == self._proposals[self._tried]:
            self.protocol = line
            return
        if line != NOT_AVAILABLE:
            raise DecodeError(f"{self._proposals[self._tried]} was proposed, the answer is {line[:40]!r}")
        self._tried += 1
        if self._tried == len(self._proposals):
            raise NoCommonProtocol(f"the other side speaks none of {', '.join(self._proposals)}")
        self._outgoing += encode(self._proposals[self._tried])


class Responder(_Lines):
    """The side that answers on a stream. A machine.

    Args:
        supported: names of what we can speak, in any order.
    """

    def __init__(self, supported: Collection[str]) -> None:
        super().__init__()
        self._supported = supported
        self._refused = 0

    def _begin(self) -> None:
        self._outgoing += encode(HEADER)

    def _take(self, line: str) -> None:
        if line in self._supported:
            self.protocol = line
            self._outgoing += encode(line)
            return
        self._refused += 1
        if self._refused == MAX_PROPOSALS:
            raise NoCommonProtocol(f"{MAX_PROPOSALS} protocols were proposed, and we speak none of them")
        self._outgoing += encode_listing(self._supported) if line == LIST else encode(NOT_AVAILABLE)


async def _run(stream: Stream, machine: _Lines, timeout_s: float) -> str:
    try:
        async with asyncio.timeout(timeout_s):
            while not machine.is_finished:
                await stream.write(machine.to_send())
                data = await stream.read(machine.need_bytes)
                if not data:
                    raise EndOfStream(f"{stream.remote} ended the stream before a protocol was agreed on")
                machine.receive(data)
            await stream.write(machine.to_send())
    except TimeoutError:
        stream.reset()
        raise PeerTimeout(f"{stream.remote} agreed on no protocol within {timeout_s:g} s") from None
    except BaseException:
        stream.reset()
        raise
    assert machine.protocol is not None
    return machine.protocol


async def select(stream: Stream, proposals: Sequence[str], *, timeout_s: float = TIMEOUT_S) -> str:
    """Proposes protocols for a stream that we opened; returns the one that was taken.

    Raises:
        NoCommonProtocol: the other side speaks none of them.
        DecodeError: what it says is no negotiation.
        EndOfStream: it hung up.
        StreamReset: it reset the stream.
        PeerTimeout: it said nothing in time.
    """
    return await _run(stream, Proposer(proposals), timeout_s)


async def answer(stream: Stream, supported: Collection[str], *, timeout_s: float = TIMEOUT_S) -> str:
    """Answers what is proposed on a stream that the other side opened; returns what was agreed on.

    Raises:
        NoCommonProtocol: the other side proposes nothing that we speak; otherwise as `select`.
    """
    return await _run(stream, Responder(supported), timeout_s)


async def list_protocols(stream: Stream, *, timeout_s: float = TIMEOUT_S) -> tuple[str, ...]:
    """Asks "ls" on a fresh stream, ends it, and returns the names; go-libp2p answers "na", which is none."""
    try:
        async with asyncio.timeout(timeout_s):
            await stream.write(encode(HEADER) + encode(LIST))
            if decode(await read_frame(stream, LINES)) != HEADER:
                raise DecodeError(f"a negotiation begins with {HEADER}")
            payload = await read_frame(stream, VarintFrames(MAX_LISTING_BYTES))
    except TimeoutError:
        stream.reset()
        raise PeerTimeout(f"{stream.remote} did not say what it speaks within {timeout_s:g} s") from None
    await stream.close()
    return () if payload == f"{NOT_AVAILABLE}\n".encode() else decode_listing(payload)


class ProposedStream(Stream):
    """A stream whose protocol was proposed and not yet answered; `propose` makes it.

    The proposal goes with our first bytes; the answer is read, and checked, before the first byte is.
    """

    def __init__(self, below: Stream, protocol: str) -> None:
        super().__init__(below.remote)
        self._below = below
        self._machine = Proposer([protocol])

    def _propose(self) -> None:
        proposal = self._machine.to_send()
        if proposal:
            self._below.send(proposal)

    async def _read(self, max_bytes: int) -> bytes:
        machine = self._machine
        if not machine.is_finished and not self._has_ended_writing:
            self._propose()
        while not machine.is_finished:
            # All that one read gives goes to the machine at once, so that a cancelled read loses nothing.
            data = await self._below.read(machine.need_bytes)
            if not data:
                raise EndOfStream(f"{self.remote} ended the stream and did not answer the proposal")
            try:
                machine.receive(data)
            except (DecodeError, NoCommonProtocol):
                self.reset()
                raise
        return await self._below.read(max_bytes)

    async def _drain(self) -> None:
        await self._below.drain()

    def _send(self, data: bytes) -> None:
        self._propose()
        self._below.send(data)

    async def close_write(self) -> None:
        """Says to the other side that nothing follows what was written; it does not wait."""
        if not self.is_closed and not self._has_ended_writing:
            await super().close_write()
            await self._below.close_write()

    def _end_writing(self) -> None:
        with contextlib.suppress(Closed):  # a peer that has gone needs no proposal
            self._propose()

    async def _finish(self) -> None:
        self._below.close_timeout_s = self.close_timeout_s
        await self._below.close()

    def _abort(self) -> None:
        self._below.reset()


def propose(stream: Stream, protocol: str) -> Stream:
    """The stream with one protocol proposed on it, ready to write to: one round trip less.

    The first `read` raises NoCommonProtocol if the other side does not speak it, or StreamReset if it took
    what we wrote for another proposal. So this is for a protocol that it is known to speak.
    """
    return ProposedStream(stream, protocol)
