"""Arrival: the last part of a packet's way, from the first machine that has its address to the socket.

Each function here is called by an event on the loop's heap, with the record of a packet that arrives: at a
gateway, at a host whose download is limited, or at a host. The record's route says which of them.

Whatever is dropped here is in the trace with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from p2plib.sim.capture.trace import Record, Route
from p2plib.sim.nat.machine import NO_FLAGS, Refused
from p2plib.sim.realms import LAN, Gateway
from p2plib.sim.sockets.datagrams import deliver
from p2plib.sim.tcp.stack import receive_segment

if TYPE_CHECKING:
    from p2plib.sim.host import Host

HEADER_BYTES = {"udp": 28, "tcp": 40}  # IPv4 and the transport's, without options
CUT_OFF, DOWN, NO_HOST, QUEUE_FULL = "cut off", "host down", "no such host", "queue full"


def way_in(route: Route, target: Host | Gateway) -> Callable[[Record], None]:
    """Return the function to call with a packet of *route* that reaches *target*."""
    if isinstance(target, Gateway):
        return enter
    if target.download is not None and target is not route.sender:
        return download
    return HAND_OVER[route.kind]


def enter(record: Record) -> None:
    """Pass on a packet that has reached a NAT from outside."""
    route, data = record.route, record.data
    gateway, net = route.gateway, route.sender.net
    now = net.loop.now
    flags = NO_FLAGS if type(data) is bytes else data.flags
    try:
        at = gateway.nat.inbound(route.kind, route.at, route.seen_source, now, flags)
    except Refused as refused:
        net.trace.change_fate(record, refused.reason, now)
        return
    inner = route.inner
    if inner is None or inner.at != at:
        target = gateway.inner.members.get(at[0])
        if target is None:
            net.trace.change_fate(record, NO_HOST, now)
            return
        host, deeper = (None, target) if isinstance(target, Gateway) else (target, None)
        least_s = net.fabric.latency(gateway.inner.link or LAN, gateway, target)
        inner = route.further_in(at, host, deeper, least_s)
        inner.arrive = way_in(inner, target)
    record.route = inner
    record.arrives_s = when = now + inner.least_s
    if inner.receiver is not None and net.is_cut(route.sender, inner.receiver):
        net.trace.change_fate(record, CUT_OFF, now)
    else:
        net.loop.schedule(when, inner.arrive, record)


def download(record: Record) -> None:
    """Hand a packet to its host once the host's download has let it through."""
    route, data = record.route, record.data
    net, receiver = route.sender.net, route.receiver
    size = HEADER_BYTES[route.kind] + (len(data) if type(data) is bytes else len(data.data))
    when = receiver.download.through(size, net.loop.now)
    if when is None:
        net.trace.change_fate(record, QUEUE_FULL, net.loop.now)
    else:
        record.arrives_s = when
        net.loop.schedule(when, HAND_OVER[route.kind], record)


def hand_over(record: Record) -> None:
    """Hand a TCP segment to the host that it has reached."""
    route = record.route
    if route.receiver.is_up:
        receive_segment(route.receiver, route.seen_source, route.at, record.data)
    else:
        net = route.sender.net
        net.trace.change_fate(record, DOWN, net.loop.now)


HAND_OVER: dict[str, Callable[[Record], None]] = {"udp": deliver, "tcp": hand_over}
