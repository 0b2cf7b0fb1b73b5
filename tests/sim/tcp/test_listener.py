"""A kernel's listener: its queues, and what becomes of them."""

from __future__ import annotations

import asyncio
import errno

import pytest

from p2plib.sim import Host, Internet
from p2plib.sim.packet import Flag, Segment
from p2plib.sim.tcp import listener as module
from p2plib.sim.tcp.endpoint import TcpEndpoint
from p2plib.sim.tcp.listener import TcpListener
from tests.sim.tcp.recorders import two


def dial(ana: Host, ben: Host, how_many: int) -> list[TcpEndpoint]:
    ends = [TcpEndpoint(ana.incarnation) for _ in range(how_many)]
    for end in ends:
        end.connect((ben.address, 80))
    return ends


def test_before_listen_it_refuses() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        listener = TcpListener(ben.incarnation, ("0.0.0.0", 80))
        (end,) = dial(ana, ben, 1)
        await asyncio.sleep(1)
        assert type(end.take_error()) is ConnectionRefusedError
        with pytest.raises(OSError, match="Address already in use") as failure:
            TcpListener(ben.incarnation, (ben.address, 80))
        assert failure.value.errno == errno.EADDRINUSE
        end.close()
        listener.close()
        TcpListener(ben.incarnation, (ben.address, 80)).close()

    two(main)


def test_the_kernel_connects_and_keeps_what_comes_before_the_program_accepts() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        listener = TcpListener(ben.incarnation, ("0.0.0.0", 80))
        listener.listen(5)
        told: list[float] = []
        listener.on_ready = lambda: told.append(net.time)
        (end,) = dial(ana, ben, 1)
        assert (listener.readable, listener.accept()) == (False, None)
        await asyncio.sleep(1)
        assert told == [pytest.approx(0.15)]
        end.write(b"early")
        await asyncio.sleep(1)
        assert listener.readable
        theirs = listener.accept()
        assert theirs is not None
        assert (theirs.read(10), theirs.remote) == (b"early", end.local)
        assert listener.accept() is None
        for each in (end, theirs, listener):
            each.close()

    two(main)


def test_a_full_queue_answers_nobody_until_there_is_room() -> None:
    """Linux keeps *backlog* and one; a SYN that finds no room is sent again after a second."""

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        listener = TcpListener(ben.incarnation, ("0.0.0.0", 80))
        listener.listen(1)
        ends = dial(ana, ben, 2)
        await asyncio.sleep(0.5)
        ends += dial(ana, ben, 1)
        await asyncio.sleep(0.5)
        assert [end.is_connected for end in ends] == [True, True, False]
        accepted = [listener.accept()]
        await asyncio.sleep(1)
        assert [end.is_connected for end in ends] == [True, True, True]
        accepted += [listener.accept(), listener.accept()]
        for each in (*ends, *accepted, listener):
            assert each is not None
            each.close()

    two(main)


def test_close_resets_whom_nobody_has_accepted() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        listener = TcpListener(ben.incarnation, ("0.0.0.0", 80))
        listener.listen()
        (waiting,) = dial(ana, ben, 1)
        await asyncio.sleep(0.3)
        (opening,) = dial(ana, ben, 1)
        await asyncio.sleep(0.06)  # its SYN has arrived, the answer is under way
        listener.close()
        await asyncio.sleep(1)
        assert type(waiting.take_error()) is ConnectionResetError
        assert type(opening.take_error()) is ConnectionResetError
        assert opening.is_connected
        assert (ana.tcp, ben.tcp, ben.ports.bound("tcp", 80)) == ({}, {}, [])
        for end in (waiting, opening):
            end.close()

    two(main)


def test_only_so_many_handshakes_are_under_way_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        listener = TcpListener(ben.incarnation, ("0.0.0.0", 80))
        listener.listen()
        for port in range(1, 6):
            ana.send_segment((ana.address, port), (ben.address, 80), Segment(Flag.SYN, 7, 0, 1000))
        await asyncio.sleep(0.06)  # the answers are under way
        assert [packet.destination[1] for packet in net.trace if packet.sender == "ben"] == [1, 2, 3]
        await asyncio.sleep(1)
        assert not ben.tcp, "nobody had asked, and said so"
        ana.send_segment((ana.address, 6), (ben.address, 80), Segment(Flag.SYN, 7, 0, 1000))
        await asyncio.sleep(0.06)
        assert list(net.trace)[-1].destination == (ana.address, 6), "there is room again"
        listener.close()

    monkeypatch.setattr(module, "MAX_OPENING", 3)
    two(main)
