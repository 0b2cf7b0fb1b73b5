"""A simulated internet: hosts, links, NATs and faults over one virtual clock, the same for the same seed::

    async def main(net):
        ana, ben = net.host("ana"), net.host("ben")
        ben.start(serve)                      # an async function that uses asyncio as usual
        await ana.run(ask("ben", 4000))       # a coroutine; it runs as if on ana

    Internet(seed=1).run(main)

Rules:

* Programs are ordinary asyncio programs. Which host one runs on is decided by how it was started: by
  `host.start`, by `host.run`, or with a `with host:` around the call.
* Time is virtual: it begins at 0 and passes only while every program waits.
* Nothing may be left at the end. When *main* returns, the programs that hosts run are cancelled; a task, a
  timer or a socket that is still there when everything under way has arrived is a leak, reported with its
  host and place.
* An internet can be run again; time goes on from where it was.
"""

from __future__ import annotations

import gc
import signal
import threading
from asyncio import _get_running_loop, _set_running_loop
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from inspect import isawaitable
from random import Random
from typing import Any

from p2plib.errors import UsageError
from p2plib.sim.capture.trace import Trace
from p2plib.sim.clock.signals import signals_of_hosts
from p2plib.sim.clock.virtual import virtual_time_and_chance
from p2plib.sim.clock.workers import work_done_at_once
from p2plib.sim.fabric import Fabric
from p2plib.sim.faults import Chaos, Fault, Faults
from p2plib.sim.host import Host
from p2plib.sim.link import Link
from p2plib.sim.nat.behaviour import PRESETS, NatBehaviour
from p2plib.sim.nat.machine import Nat
from p2plib.sim.realms import LAN, Gateway, Realm
from p2plib.sim.shutdown import abandon, finish, leak_error
from p2plib.sim.sockets.calls import NetworkLoop
from p2plib.sim.sockets.module import simulated_sockets
from p2plib.sim.sockets.names import BROADCAST, CARRIER_NETWORK, Names, is_group, is_loopback, parsed
from p2plib.sim.sockets.ports import EVERYWHERE

BEGAN_S = 1_700_000_000.0  # what wall clocks show at the start: 14 November 2023, 22:13:20 UTC
RUN_TAKES = "run takes an async function of one argument, the internet: async def main(net)"


class Partition:
    """A cut of the network between groups of hosts, made by `Internet.cut`; `heal` or a `with` ends it."""

    def __init__(self, net: Internet, group: dict[Host, int]) -> None:
        self._net, self._group = net, group

    def separates(self, one: Host, other: Host) -> bool:
        """Whether the two are in different groups; hosts in none are not cut off from anybody."""
        mine, theirs = self._group.get(one), self._group.get(other)
        return mine is not None and theirs is not None and mine != theirs

    def heal(self) -> None:
        """End the cut; ending it twice does no harm."""
        if self in self._net.cuts:
            self._net.cuts.remove(self)
            self._net.forget_routes()

    def __enter__(self) -> Partition:
        return self

    def __exit__(self, *error: object) -> None:
        self.heal()


class Internet:
    """A simulated internet.

    Args:
        seed: the same seed, the same run, to the byte.
        link: what joins hosts where `set_link` says nothing else; by default latencies as between strangers
            on the real internet (median 40 ms one way), and nothing is lost.
        strict: whether a leak, or an error that nobody saw, raises `Leak` at the end of a run; they are in
            `leaks` either way.
        faults: a `Chaos` to draw faults from, or a list of exactly the faults that are to happen.
        keep_packets: how many packets the trace remembers.
        max_events: how many events one run may take before it is stopped as endless; None for no limit.
        began_s: what the hosts' wall clocks show at the start, in seconds of the Unix epoch.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        link: Link | None = None,
        strict: bool = True,
        faults: Chaos | Sequence[Fault] | None = None,
        keep_packets: int = 100_000,
        max_events: int | None = None,
        began_s: float = BEGAN_S,
    ) -> None:
        self.seed, self.link, self.strict = seed, link or Link(), strict
        self.trace = Trace(keep_packets)
        self.loop = NetworkLoop(self, max_events, began_s)
        self.names = Names(self.loop)
        self.hosts: dict[str, Host] = {}
        self.cuts: list[Partition] = []
        self.happened: list[Fault] = []  # every fault so far, in order
        self.leaks: list[str] = []
        self.fabric = Fabric(self)
        self._links: dict[tuple[str, str], Link] = {}
        self._blocked: set[tuple[str, str]] = set()
        self._lans = 0
        self.faults = None if faults is None else Faults(self, faults)

    @property
    def time(self) -> float:
        """The virtual time in seconds since the internet began."""
        return self.loop.time()

    # What there is

    def host(
        self,
        name: str,
        *,
        lan: Realm | None = None,
        region: str = "",
        address: str | Sequence[str] | None = None,
        ipv6: bool = False,
        upload_bytes_per_s: float | None = None,
        download_bytes_per_s: float | None = None,
    ) -> Host:
        """Add a host.

        Args:
            name: its name; others can look it up.
            lan: the LAN that it is in; the public internet by default.
            region: where it is; links may be set between regions.
            address: its IP address or addresses; by default the next free one.
            ipv6: whether it has an IPv6 address too, if `address` is not given.
            upload_bytes_per_s: what it can send; None for no limit.
            download_bytes_per_s: what it can receive; None for no limit.

        Raises:
            UsageError: the name or an address is taken, a bandwidth is not above 0, or an address is not that
                of a single machine.
        """
        realm = lan or self.fabric.public
        if address is None:
            addresses = [
                realm.next_address(),
                *([self.fabric.public.next_address(ipv6=True)] if ipv6 else []),
            ]
        else:
            addresses = [_ip(ip) for ip in ([address] if isinstance(address, str) else address)]
        taken = [ip for ip in addresses if ip in realm.members]
        if taken:
            raise UsageError(f"an address belongs to one host, and {taken[0]} is taken in {realm.name}")
        host = Host(self, name, tuple(addresses), realm, region, upload_bytes_per_s, download_bytes_per_s)
        self.names.add(name, addresses)
        self.hosts[name] = host
        realm.members.update(dict.fromkeys(addresses, host))
        if not realm.sought.isdisjoint(addresses):
            self.forget_routes()
        return host

    def lan(
        self,
        name: str,
        *,
        nat: str | NatBehaviour | Nat | None = "port-restricted cone",
        behind: Realm | None = None,
        region: str = "",
        link: Link = LAN,
        network: str | None = None,
    ) -> Realm:
        """Add a LAN behind a NAT.

        Args:
            name: what it is called.
            nat: how its NAT behaves: a name of `PRESETS`, a behaviour, or a whole NAT; None for a LAN without
                a way out.
            behind: the LAN around it, for NAT behind NAT; the public internet by default.
            region: where it is.
            link: what joins its members.
            network: its addresses, such as "10.1.0.0/16"; by default 192.168.1.0/24 and so on, and
                100.64.0.0/10 behind a carrier's NAT.
        """
        outer = behind or self.fabric.public
        if network is None:
            self._lans += 1
            network = CARRIER_NETWORK if nat == "carrier-grade" else f"192.168.{self._lans}.0/24"
        realm = Realm(name, network, link=link)
        if nat is not None:
            if not isinstance(nat, Nat):
                nat = Nat([outer.next_address()], _behaviour(nat), rng=Random(f"{self.seed}/nat/{name}"))
            realm.gateway = Gateway(name, nat, realm, outer, region)
            if not outer.sought.isdisjoint(nat.external):
                self.forget_routes()
        return realm

    def name(self, name: str, *hosts: Host) -> None:
        """Let *name* mean these hosts, as a DNS entry does; a look-up gives all their addresses."""
        self.names.add(name, [address for host in hosts for address in host.addresses])

    # What lies between

    def set_link(self, one: Host | str, other: Host | str, link: Link, *, both_ways: bool = True) -> None:
        """Join two hosts or regions by *link*; a link between hosts goes before one between regions.

        Args:
            one: the sending side: a host, or the name of a region.
            other: the receiving side.
            link: what joins them.
            both_ways: whether the link joins them in the other direction, too.
        """
        names = [end if isinstance(end, str) else f"host {end.name}" for end in (one, other)]
        self._links[names[0], names[1]] = link
        if both_ways:
            self._links[names[1], names[0]] = link
        self.forget_routes()

    def link_between(self, one: Host | Gateway, other: Host | Gateway) -> Link:
        """Return the link by which packets go from one end to the other."""
        if not self._links:
            return self.link
        by_host = self._links.get((f"host {one.name}", f"host {other.name}"))
        return by_host or self._links.get((one.region, other.region), self.link)

    def cut(self, *groups: Iterable[Host]) -> Partition:
        """Cut the network between groups of hosts, until the cut is healed.

        What is under way still arrives. Hosts in no group are not cut off from anybody.

        Returns:
            The cut; call its `heal`, or use it in a `with`.
        """
        group: dict[Host, int] = {}
        for number, hosts in enumerate(groups):
            for host in hosts:
                if group.setdefault(host, number) != number:
                    raise UsageError(f"a host is in one group of a cut at most, but {host.name} is in two")
        cut = Partition(self, group)
        self.cuts.append(cut)
        self.forget_routes()
        return cut

    def heal(self) -> None:
        """End every cut and every block."""
        self.cuts.clear()
        self._blocked.clear()
        self.forget_routes()

    def block(self, sender: Host, receiver: Host) -> None:
        """Let nothing through from *sender* to *receiver*; the other way stays as it is."""
        self._blocked.add((sender.name, receiver.name))
        self.forget_routes()

    def unblock(self, sender: Host, receiver: Host) -> None:
        """End a block."""
        self._blocked.discard((sender.name, receiver.name))
        self.forget_routes()

    def is_cut(self, sender: Host, receiver: Host) -> bool:
        """Whether packets from one host do not reach the other."""
        if not self.cuts and not self._blocked:
            return False
        return (sender.name, receiver.name) in self._blocked or any(
            cut.separates(sender, receiver) for cut in self.cuts
        )

    def forget_routes(self) -> None:
        """Find every path through the network anew, for something has changed."""
        self.fabric.epoch += 1

    # Running

    def at(self, when_s: float, action: Callable[[Any], object], argument: Any = None) -> None:
        """Call `action(argument)` at a virtual time, on no host: to make something happen.

        Args:
            when_s: the virtual time, in seconds.
            action: a function, called with the argument.
            argument: what it is called with.
        """
        self.loop.schedule(when_s, action, argument)

    def run(self, main: Callable[[Internet], Awaitable[Any]], *, time_limit_s: float = float("inf")) -> Any:
        """Run `main(net)`, an async function of this internet, to its end, and return its result.

        It works in a script, in a test and in a notebook's cell: an event loop that runs here already is set
        aside until this run is over. It needs no thread, so it works in a browser, too.

        Args:
            main: the program that watches over the whole; it runs on no host.
            time_limit_s: how many virtual seconds it may take.

        Raises:
            Deadlock: every program waits, and nothing is on its way.
            TimeLimit: it took longer than `time_limit_s`, or more than `max_events`.
            Livelock: a million events happened at one instant.
            Leak: something was left at the end, or a handler or background task raised; only if `strict`, and
                `main` did not raise. What `main` raises has notes on what had gone wrong before.
        """
        if not callable(main):
            raise UsageError(RUN_TAKES)
        with running_loop_aside():
            return self._run(main, time_limit_s)

    def _run(self, main: Callable[[Internet], Awaitable[Any]], time_limit_s: float) -> Any:
        loop = self.loop
        self.leaks = []
        loop.begin(time_limit_s)
        with (
            virtual_time_and_chance(loop),
            simulated_sockets(),
            work_done_at_once(),
            signals_of_hosts(),
            collector_off(),
        ):
            try:
                program = main(self)
                if not isawaitable(program):
                    raise UsageError(RUN_TAKES)
                result = loop.run_until_complete(program)
            except BaseException as error:
                self.leaks = abandon(self, error)
                raise
            self.leaks = finish(self)
        if self.leaks and self.strict:
            raise leak_error(self)
        return result


@contextmanager
def running_loop_aside() -> Iterator[None]:
    """Set aside an event loop that runs in this thread, such as a notebook's, for as long as the block lasts.

    (asyncio keeps the current task for each loop separately, so there is nothing more to set aside.) Ctrl-C
    ends the block, even where `asyncio.run` would only have noted it for a loop that is not turning.
    """
    outer = _get_running_loop()
    if outer is None:
        yield
        return
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.default_int_handler) if in_main_thread else None
    _set_running_loop(None)
    try:
        yield
    finally:
        _set_running_loop(outer)
        if before is not None:
            signal.signal(signal.SIGINT, before)


@contextmanager
def collector_off() -> Iterator[None]:
    """Keep Python's garbage collector from running when it likes; the loop runs it at fixed events."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _ip(written: str) -> str:
    found = parsed(written)
    if found is None:
        raise UsageError(f"the address of a host must be an IP address, not {written!r}")
    if found in (*EVERYWHERE, BROADCAST) or is_loopback(found) or is_group(found):
        raise UsageError(f"{found} is not an address of a single machine")
    return found


def _behaviour(nat: str | NatBehaviour) -> NatBehaviour:
    if isinstance(nat, NatBehaviour):
        return nat
    if nat not in PRESETS:
        raise UsageError(f"there is no NAT called {nat!r}; there are {', '.join(PRESETS)}")
    return PRESETS[nat]
