"""What a libp2p peer's QUIC does otherwise than aioquic: reading, streams, certificates, versions."""

from __future__ import annotations

import sys

import pytest

from p2plib.errors import HandshakeFailed, LocalError
from p2plib.protocol.quic import certificate
from p2plib.protocol.quic.limits import QuicLimits
from p2plib.protocol.quic.machine import ALPN, Machine, configure
from tests.protocol.quic.machines import ALICE, BOB, Wire, connected

pytest.importorskip("aioquic")

WINDOW = 10_000
SMALL = QuicLimits(window_bytes=WINDOW, memory_bytes=4 * WINDOW, max_streams=8)


def fill(wire: Wire, size_bytes: int) -> int:
    """The client opens a stream and writes on it; the stream's number."""
    stream_id = wire.client.open()
    wire.client.send_stream_data(stream_id, bytes(size_bytes))
    return stream_id


@pytest.mark.fault("F050")
def test_a_peer_sends_one_window_until_something_is_read() -> None:
    wire = connected(SMALL)
    stream_id = fill(wire, 5 * WINDOW)
    wire.run()
    assert len(wire.received(wire.server, stream_id)) == WINDOW
    assert wire.client.unsent(stream_id, 5 * WINDOW) == 4 * WINDOW
    for size in (6000, 1, 5999):
        wire.server.consume(stream_id, size)
        wire.run()
        consumed = wire.server._consumed[stream_id]
        assert WINDOW <= len(wire.received(wire.server, stream_id)) <= consumed + WINDOW
    assert len(wire.received(wire.server, stream_id)) == 12_000 + WINDOW


@pytest.mark.fault("F050")
def test_what_is_unread_is_bounded_over_all_streams() -> None:
    wire = connected(SMALL)
    streams = [fill(wire, 2 * WINDOW) for _ in range(6)]
    wire.run()
    assert sum(len(wire.received(wire.server, each)) for each in streams) == 4 * WINDOW
    read = len(wire.received(wire.server, streams[0]))
    wire.server.consume(streams[0], read)
    wire.run()
    assert sum(len(wire.received(wire.server, each)) for each in streams) == 4 * WINDOW + read


@pytest.mark.fault("F050")
def test_what_a_reset_leaves_out_does_not_shrink_the_room() -> None:
    wire = connected(SMALL)
    for _ in range(20):  # five times the room
        stream_id = fill(wire, WINDOW)
        assert wire.client.datagrams_to_send(wire.now), "which are lost"
        wire.client.reset_stream(stream_id, 0)
        wire.run(0.2)
        reset = wire.got(wire.server, "StreamReset")[-1]
        assert reset.stream_id == stream_id
        wire.server.consume_rest(stream_id, len(wire.received(wire.server, stream_id)))
        wire.server.reset_stream(stream_id, 0)
        wire.server.release(stream_id)
        wire.run(0.2)
    assert wire.client.why_over is None
    assert wire.server._consumed == {}, "what is over is forgotten"


@pytest.mark.parametrize("reads_before", [0, 3000])
def test_a_few_streams_that_stand_still_leave_room_for_the_others(reads_before: int) -> None:
    """However little room they leave: it is given again and again."""
    wire = connected(SMALL)
    for _ in range(3):
        fill(wire, WINDOW)
    stream_id = fill(wire, 30 * WINDOW)
    read = 0
    for _ in range(200):
        wire.run(0.1)
        there = len(wire.received(wire.server, stream_id))
        wire.server.consume(stream_id, there - read)
        read = there
    assert read == 30 * WINDOW


@pytest.mark.finding("K1")
def test_a_peer_that_opens_and_resets_streams_waits_for_us() -> None:
    wire = connected(SMALL)
    for _ in range(SMALL.max_streams):
        stream_id = wire.client.open()
        wire.client.send_stream_data(stream_id, b"x")
        wire.client.reset_stream(stream_id, 0)
        wire.run(0.2)
        wire.server.reset_stream(stream_id, 0)
        wire.run(0.2)
    assert not wire.server._streams, "on the wire they are all over"
    assert not wire.client.can_open
    for each in range(0, 4 * SMALL.max_streams, 4):
        wire.server.release(each)
    wire.run(0.2)
    assert wire.client.can_open
    assert wire.client._remote_max_streams_bidi == 2 * SMALL.max_streams


def test_streams_that_live_long_leave_room_for_the_others() -> None:
    wire = connected(SMALL)
    for _ in range(SMALL.max_streams - 1):
        fill(wire, 1)
    for _ in range(30):
        assert wire.client.can_open
        stream_id = wire.client.open()
        wire.client.send_stream_data(stream_id, b"", end_stream=True)
        wire.run(0.2)
        wire.server.send_stream_data(stream_id, b"", end_stream=True)
        wire.server.release(stream_id)
        wire.run(0.2)


def test_nobody_opens_one_way_streams() -> None:
    wire = connected()
    stream_id = wire.client.get_next_available_stream_id(is_unidirectional=True)
    wire.client.send_stream_data(stream_id, b"x")
    wire.run()
    assert not wire.got(wire.server, "StreamDataReceived")


def test_what_was_sent_and_what_was_delivered() -> None:
    wire = connected(SMALL)
    stream_id = fill(wire, 2 * WINDOW)
    machine = wire.client
    assert machine.unsent(stream_id, 2 * WINDOW) == 2 * WINDOW
    wire.run()
    assert not machine.has_sent_all(stream_id)
    assert not machine.is_delivering, "its end was not written"
    machine.send_stream_data(stream_id, b"", end_stream=True)
    assert machine.is_delivering
    assert not machine.has_delivered_all(stream_id)
    wire.server.consume(stream_id, WINDOW)
    machine.datagrams_to_send(wire.now)  # into the void
    wire.run()
    assert machine.has_sent_all(stream_id)
    assert machine.has_delivered_all(stream_id)
    assert not machine.is_delivering
    assert wire.received(wire.server, stream_id) == bytes(2 * WINDOW)


@pytest.mark.finding("K2")
def test_a_stream_that_was_reset_holds_nothing_though_nobody_acknowledges_that() -> None:
    wire = connected(SMALL)
    stream_id = fill(wire, 2 * WINDOW)
    assert wire.client.held(stream_id) == 2 * WINDOW
    assert wire.client.datagrams_to_send(wire.now), "which are lost"
    wire.client.reset_stream(stream_id, 0)
    assert wire.client.held_by_stream() == {stream_id: 0}
    assert wire.client.unsent(stream_id, 2 * WINDOW) == 0
    wire.run()
    assert wire.got(wire.server, "StreamReset")


def test_each_sees_the_others_certificate() -> None:
    wire = connected()
    for machine, remote in ((wire.client, BOB), (wire.server, ALICE)):
        key = certificate.verify(machine.peer_certificate(), certificate.NOT_BEFORE)
        assert key == remote.public
        assert [each.alpn_protocol for each in wire.got(machine, "HandshakeCompleted")] == [ALPN]
        assert machine.has_proved_its_address
        assert machine.why_over is None


def test_a_client_without_a_certificate() -> None:
    wire = Wire(changes=({"certificate": None, "private_key": None}, {}))
    wire.run()
    with pytest.raises(HandshakeFailed, match="one certificate"):
        wire.server.peer_certificate()


@pytest.mark.parametrize("is_client", [True, False])
def test_a_chain_of_two_certificates(is_client: bool) -> None:
    chain = {"certificate_chain": [certificate.make(ALICE)[1]]}
    wire = Wire(changes=(chain, {}) if is_client else ({}, chain))
    wire.run()
    with pytest.raises(HandshakeFailed, match="no chain"):
        (wire.server if is_client else wire.client).peer_certificate()


def test_refusing_a_certificate_says_nothing_but_that() -> None:
    wire = connected()
    wire.server.refuse()
    assert wire.server.why_over == ""
    wire.run()
    assert wire.client.why_over == ""
    assert wire.client._close_event is not None
    assert wire.client._close_event.error_code == 0x12A


@pytest.mark.parametrize("name", ["h3", "libp2p2"])
def test_a_client_that_speaks_something_else(name: str) -> None:
    wire = Wire(changes=({"alpn_protocols": [name]}, {}))
    wire.run()
    assert wire.server.why_over == "No common ALPN protocols"
    assert not wire.got(wire.server, "HandshakeCompleted")


def test_version_1_it_is_even_if_both_know_another() -> None:
    wire = Wire(changes=({"supported_versions": [0x6B3343CF, 1], "original_version": 1}, {}))
    wire.run()
    assert wire.got(wire.client, "HandshakeCompleted")
    assert (wire.client._version, wire.server._version) == (1, 1)


def test_whoever_is_silent_is_gone_after_the_shorter_time() -> None:
    wire = Wire(QuicLimits(idle_timeout_s=20), changes=({"idle_timeout": 7.0}, {}))
    wire.run()
    assert wire.client.idle_timeout_s == wire.server.idle_timeout_s == 7
    wire.run(8)
    assert wire.client.why_over == wire.server.why_over == "Idle timeout"


def test_without_aioquic_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aioquic.quic.configuration", None)
    with pytest.raises(LocalError, match=r"QUIC needs aioquic: pip install 'p2plib\[quic\]'"):
        configure(ALICE, is_client=True)


def test_limits_belong_to_the_machine() -> None:
    assert Machine(configure(ALICE, is_client=True)).limits == QuicLimits()
