"""The oracle of simulated streams: the same small programs on real sockets tell the same story."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from p2plib.sim import Internet, Link
from tests.sim.tcp.recorders import DATA
from tests.sim.tcp.test_streams import Recorder

LIMIT_S = 60


class Told(Recorder):
    """A recorder that others can wait for."""

    def __init__(self, keep_open: bool = False) -> None:
        super().__init__(keep_open)
        self.lost = asyncio.get_running_loop().create_future()
        self.ended = asyncio.get_running_loop().create_future()

    def eof_received(self) -> bool:
        self.ended.set_result(None)
        return super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.lost.set_result(None)


Story = Callable[[Told, Told], Awaitable[None]]


async def closes(ours: Told, theirs: Told) -> None:
    ours.transport.write(b"bye")
    ours.transport.close()
    ours.transport.write(b"too late")


async def aborts(ours: Told, theirs: Told) -> None:
    ours.transport.write(b"bye")
    await asyncio.sleep(0)
    ours.transport.abort()


async def ends_one_direction(ours: Told, theirs: Told) -> None:
    ours.transport.write(b"question")
    ours.transport.write_eof()
    await theirs.ended
    theirs.transport.write(b"answer")
    theirs.transport.close()
    await ours.ended
    ours.transport.close()


async def resets(ours: Told, theirs: Told) -> None:
    own = ours.transport.get_extra_info("socket")
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    ours.transport.abort()


async def closes_with_bytes_unread(ours: Told, theirs: Told) -> None:
    ours.transport.pause_reading()
    theirs.transport.write(b"x" * 1000)
    await asyncio.sleep(0.2)
    ours.transport.close()


async def writes_to_who_has_closed(ours: Told, theirs: Told) -> None:
    ours.transport.close()
    await theirs.ended
    for _ in range(2):  # the first one brings the reset, the second one finds it
        assert not theirs.lost.done()
        theirs.transport.write(b"are you there?")
        await asyncio.sleep(0.2)


async def is_reset_while_it_does_not_read(ours: Told, theirs: Told) -> None:
    theirs.transport.pause_reading()
    await resets(ours, theirs)
    await asyncio.sleep(0.2)
    assert not theirs.lost.done()
    theirs.transport.resume_reading()


async def is_reset_while_it_waits_to_write(ours: Told, theirs: Told) -> None:
    ours.transport.pause_reading()
    theirs.transport.pause_reading()
    theirs.transport.write(bytes(20_000_000))
    await asyncio.sleep(0.2)
    await resets(ours, theirs)


async def both_close(ours: Told, theirs: Told) -> None:
    for end in (ours, theirs):
        end.transport.write(b"bye")
        end.transport.close()


STORIES = [
    (closes, False),
    (closes, True),
    (aborts, False),
    (ends_one_direction, True),
    (resets, False),
    (closes_with_bytes_unread, False),
    (writes_to_who_has_closed, True),
    (is_reset_while_it_does_not_read, False),
    (is_reset_while_it_waits_to_write, False),
    (both_close, False),
]


async def tell(story: Story, keep_open: bool) -> tuple[list[Any], bytes, list[Any], bytes]:
    """Plays a story between two ends on 127.0.0.1; what each was told."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[Told] = loop.create_future()

    def factory() -> Told:
        arrived.set_result(Told(keep_open))
        return arrived.result()

    server = await loop.create_server(factory, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, ours = await loop.create_connection(lambda: Told(True), "127.0.0.1", port)
    theirs = await asyncio.wait_for(arrived, LIMIT_S)
    while theirs.transport is None:
        await asyncio.sleep(0.001)
    await asyncio.wait_for(story(ours, theirs), LIMIT_S)
    if keep_open and story is closes:
        await asyncio.wait_for(theirs.ended, LIMIT_S)
        theirs.transport.close()
    await asyncio.wait_for(asyncio.gather(ours.lost, theirs.lost), LIMIT_S)
    server.close()
    await server.wait_closed()
    return ours.told, ours.data, theirs.told, theirs.data


@pytest.mark.parametrize(
    ("story", "keep_open"), STORIES, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_the_same_story(story: Story, keep_open: bool) -> None:
    real = asyncio.run(tell(story, keep_open))

    async def main(net: Internet) -> Any:
        return await net.host("ana").run(tell(story, keep_open))

    assert Internet(seed=1, link=Link(latency=0.01)).run(main) == real


def test_the_same_refusal() -> None:
    async def dial() -> tuple[type, int | None, str]:
        with pytest.raises(OSError) as failure:  # noqa: PT011
            await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", port)
        return type(failure.value), failure.value.errno, str(failure.value).partition("(")[0]

    async def main(net: Internet) -> Any:
        return await net.host("ana").run(dial())

    with socket.socket() as taken:  # bound and not listening: nobody else gets this port meanwhile
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert Internet(seed=1).run(main) == asyncio.run(dial())


async def loses_what_it_wrote(unread: bool) -> tuple[list[Any], bool, bool]:
    """Writes more than the other side's window, closes, and is spoken to, before or after that."""
    loop = asyncio.get_running_loop()
    theirs = Told()
    server = await loop.create_server(lambda: theirs, "127.0.0.1", 0)
    server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    port = server.sockets[0].getsockname()[1]
    _, ours = await loop.create_connection(lambda: Told(True), "127.0.0.1", port)
    while theirs.transport is None:
        await asyncio.sleep(0.001)
    theirs.transport.pause_reading()
    if unread:
        ours.transport.pause_reading()
        theirs.transport.write(b"hello")
        await asyncio.sleep(0.1)
    ours.transport.write(DATA[:80_000])
    await asyncio.sleep(0.1)
    assert ours.transport.get_write_buffer_size() == 0  # the kernel has it
    ours.transport.close()
    if not unread:
        await asyncio.wait_for(ours.lost, LIMIT_S)
        theirs.transport.write(b"hello")
    await asyncio.sleep(0.1)
    theirs.transport.resume_reading()
    await asyncio.wait_for(theirs.lost, LIMIT_S)
    server.close()
    await server.wait_closed()
    return theirs.told, DATA.startswith(theirs.data), 0 < len(theirs.data) < 80_000


@pytest.mark.parametrize("unread", [False, True])
def test_closing_well_loses_bytes(unread: bool) -> None:
    """The kernel drops what it was given to send when it answers unread bytes, or late ones, with a reset."""

    async def main(net: Internet) -> Any:
        return await net.host("ana").run(loses_what_it_wrote(unread))

    real = asyncio.run(loses_what_it_wrote(unread))
    assert real == (["made", ("lost", (ConnectionResetError, errno.ECONNRESET))], True, True)
    assert Internet(seed=1, link=Link(latency=0.01)).run(main) == real
