"""The two machines on which cases run, real ones and simulated ones with the same addresses.

The real ones are two network namespaces, joined by a virtual Ethernet cable, in which one process lives: a
socket belongs to the namespace in which it was opened, so `with there:` opens sockets of the other machine
without a second process.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from p2plib.sim import Internet, Link

NEW_NETWORK = 0x4000_0000  # CLONE_NEWNET of <sched.h>
READY_S = 60.0

HERE_IPS = ("192.168.77.2", "fd77::2", "192.168.77.4")
THERE_IPS = ("192.168.77.3", "fd77::3")
NETWORK = "192.168.77.0/24"
BROADCAST_IP = "192.168.77.255"
NOBODY_IP = "192.168.77.99"  # an address of the segment that no machine has
OUTSIDE_IP = "198.51.100.1"  # an address to which no route leads


class Machine:
    """One of the two: its addresses, and `with machine:`, in which sockets are opened on it.

    Args:
        ips: IPv4 address, IPv6 address, and more.
        enter: what `with` does.
    """

    def __init__(self, ips: tuple[str, ...], enter: Any) -> None:
        self.ip, self.ip6, *more = ips
        self.second_ip = more[0] if more else ""
        self._enter = enter
        self._entered: list[AbstractContextManager[Any]] = []

    def __enter__(self) -> Machine:
        self._entered.append(self._enter())
        self._entered[-1].__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._entered.pop().__exit__(*error)


# The simulated ones


def simulated(seed: int = 1) -> tuple[Internet, Machine, Machine]:
    """Make an internet that is nothing but a segment with the two machines."""
    net = Internet(seed=seed, strict=False, max_events=1_000_000)
    segment = net.lan("segment", nat=None, network=NETWORK, link=Link(latency=0.0001))
    hosts = [
        net.host(name, lan=segment, address=list(ips))
        for name, ips in (("here", HERE_IPS), ("there", THERE_IPS))
    ]
    here, there = (
        Machine(ips, lambda host=host: host) for host, ips in zip(hosts, (HERE_IPS, THERE_IPS), strict=True)
    )
    return net, here, there


# The real ones


def real() -> tuple[Machine, Machine]:
    """Join the network namespace that this process is in to a new one, and address both ends.

    Call it in a namespace of its own: it changes routes.
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def checked(status: int) -> None:
        if status != 0:
            raise OSError(ctypes.get_errno(), "network namespace")

    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    checked(libc.unshare(NEW_NETWORK))
    away = os.open("/proc/self/ns/net", os.O_RDONLY)
    os.set_inheritable(home, True)

    @contextlib.contextmanager
    def in_namespace(which: int, back: int) -> Iterator[None]:
        checked(libc.setns(which, NEW_NETWORK))
        try:
            yield
        finally:
            checked(libc.setns(back, NEW_NETWORK))

    ip("link set lo up")
    ip(f"link add seg1 type veth peer name seg0 netns /proc/self/fd/{home}")
    configure("seg1", THERE_IPS)
    checked(libc.setns(home, NEW_NETWORK))
    configure("seg0", HERE_IPS)
    here = Machine(HERE_IPS, contextlib.nullcontext)
    there = Machine(THERE_IPS, lambda: in_namespace(away, home))
    wait_for_cable(here, there)
    return here, there


def ip(words: str) -> None:
    """Call the program `ip`."""
    subprocess.run(["ip", *words.split()], check=True, close_fds=False)


def configure(interface: str, ips: tuple[str, ...]) -> None:
    """Give an interface its addresses, and the routes that a machine with a default route has anyway."""
    ip(f"link set {interface} addrgenmode none")  # no addresses but ours
    for address in ips:
        if ":" in address:
            ip(f"address add {address}/64 dev {interface} nodad")
        else:
            ip(f"address add {address}/24 broadcast + dev {interface}")
    ip(f"link set {interface} up")
    ip(f"route replace 224.0.0.0/4 dev {interface}")
    ip(f"route replace 255.255.255.255 dev {interface}")


def wait_for_cable(here: Machine, there: Machine) -> None:
    """Send datagrams until one arrives."""
    with there:
        ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ear.bind((there.ip, 1))
    ear.settimeout(0.05)
    mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    limit = time.monotonic() + READY_S
    with ear, mouth:
        while time.monotonic() < limit:
            mouth.sendto(b"?", (there.ip, 1))
            with contextlib.suppress(TimeoutError):
                ear.recv(1)
                return
    raise TimeoutError("the two network namespaces do not hear each other")
