"""Our DNS against BIND, dig, nsupdate, glibc and tshark."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from p2plib.discovery.dns import source, tsig
from p2plib.discovery.dns.dnsaddr import resolve_dnsaddr
from p2plib.discovery.dns.edns import Edns
from p2plib.discovery.dns.forwarder import Forwarder
from p2plib.discovery.dns.machine import NameServer
from p2plib.discovery.dns.publisher import ZonePublisher
from p2plib.discovery.dns.resolver import Resolver
from p2plib.discovery.dns.server import DnsServer
from p2plib.discovery.dns.source import DnsSource
from p2plib.discovery.dns.updates import adding, removing_set, update_packet
from p2plib.discovery.dns.updating import send_update
from p2plib.discovery.dns.zone import Zone
from p2plib.discovery.mdns.packets import DnsPacket, Question, encode
from p2plib.discovery.mdns.records import A, Cname, RecordType, Srv, Txt
from p2plib.discovery.source import topic_of
from p2plib.errors import RequestRefused
from p2plib.wire.multiaddr import parse
from tests.discovery.dns.strangers import ask
from tests.discovery.dns.world import KEY, OTHER, a_zone, name, record, service, text
from tests.interop.bind import FORWARDING, ZONE_FILE, bind, dig, nsupdate, why_no_bind
from tests.interop.namespace import Namespace
from tests.interop.peers import demand_peers
from tests.interop.tshark import dissect, dissect_stream, summary, why_no_tshark

pytestmark = pytest.mark.interop

CATS = topic_of("cats of Lisbon")
PATIENCE_S = 60.0
HOSTS = [f"127.0.0.{n}" for n in range(11, 31)]


@pytest.fixture(autouse=True, scope="module")
def _they_are_here() -> None:
    demand_peers(why_no_bind() or why_no_tshark())


@pytest.fixture(scope="module")
def net() -> Iterator[Namespace]:
    with Namespace() as made:
        yield made


def a_swarm(seed: int = 1) -> Zone:
    """Twenty peers, as addresses, services, and multiaddrs."""
    records = [record("seed.p2p.test", host) for host in HOSTS]
    for number, host in enumerate(HOSTS):
        records += [
            service("_p2p._tcp.p2p.test", 7000, f"n{number}.p2p.test"),
            record(f"n{number}.p2p.test", host),
        ]
        records.append(text("_dnsaddr.p2p.test", f"dnsaddr=/ip4/{host}/tcp/7000".encode()))
    records.append(record("v6.p2p.test", "::1"))
    records.append(record("www.p2p.test", Cname(name("n3.p2p.test"))))
    return a_zone(records, seed)


# BIND is updated ------------------------------------------------------------------------------------------


async def publish_to_bind() -> dict[str, Any]:
    """A publisher, BIND, and a BIND that has lost everything."""
    seen: dict[str, Any] = {}
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        async with ZonePublisher(
            ("127.0.0.1", 5354), "p2p.test", KEY, rng, timeout_s=PATIENCE_S
        ) as publisher:
            async with bind(Path(folder)) as port:
                publisher.publish("seed.p2p.test", RecordType.A, [A(host) for host in HOSTS])
                publisher.publish("seed.p2p.test", RecordType.TXT, [Txt((b"proto=1",))])
                publisher.publish(
                    "_p2p._tcp.p2p.test", RecordType.SRV, [Srv(0, 0, 7000, name("n11.p2p.test"))]
                )
                await publisher.settled()
                seen["first"] = sorted(await dig(port, "+short", "seed.p2p.test", "A"))
                seen["others"] = [
                    *await dig(port, "+short", "seed.p2p.test", "TXT"),
                    *await dig(port, "+short", "_p2p._tcp.p2p.test", "SRV"),
                ]
                publisher.publish("seed.p2p.test", RecordType.A, [A(host) for host in HOSTS[5:]])
                await publisher.settled()
                seen["second"] = sorted(await dig(port, "+short", "seed.p2p.test", "A"))
                seen["updates"] = publisher.updates
            publisher.publish("seed.p2p.test", RecordType.A, [A(HOSTS[0])])
            while publisher.trouble is None:
                await asyncio.sleep(0.02)
            seen["trouble"] = type(publisher.trouble).__name__
            for file in Path(folder).iterdir():
                file.unlink()
            async with bind(Path(folder)) as port:
                await publisher.settled()
                seen["after"] = await dig(port, "+short", "seed.p2p.test", "A")
                seen["kept"] = await dig(port, "+short", "seed.p2p.test", "TXT")
        stranger = ZonePublisher(("127.0.0.1", 5354), "p2p.test", OTHER, rng)
        async with bind(Path(folder)) as port, stranger:
            stranger.publish("seed.p2p.test", RecordType.A, [A("127.0.0.66")])
            while stranger.trouble is None:
                await asyncio.sleep(0.02)
            seen["stranger"] = str(stranger.trouble)
            seen["undisturbed"] = await dig(port, "+short", "seed.p2p.test", "A")
    return seen


def test_bind_follows_our_publisher(net: Namespace) -> None:
    seen = net.run_together(publish_to_bind)
    assert seen["first"] == HOSTS
    assert seen["others"] == ['"proto=1"', "0 0 7000 n11.p2p.test."]
    assert seen["second"] == HOSTS[5:]
    assert seen["updates"] == 2
    assert seen["trouble"] == "Unreachable"
    assert (seen["after"], seen["kept"]) == ([HOSTS[0]], ['"proto=1"'])
    assert "BADKEY" in seen["stranger"]
    assert seen["undisturbed"] == [HOSTS[0]]


async def announce_to_bind() -> dict[str, Any]:
    """Two sources find each other through BIND; one leaves, and one only looks."""
    source.GOODBYE_S = PATIENCE_S
    seen: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with bind(Path(folder)) as port:
            server = ("127.0.0.1", port)
            ana, ben = (DnsSource("p2p.test", server, random.Random(n), key=KEY) for n in range(2))
            looker = DnsSource("p2p.test", server, random.Random(9))
            async with ana, ben, looker:
                await ana.announce(CATS, 4001)
                await ben.announce(CATS, 4002)
                seen["both"] = await looked_up(looker)
                seen["stranger's"] = await asyncio.to_thread(
                    ask, Path(folder), port, "p4001-7f000001.p2p.test"
                )
                change = [adding(name("leased.p2p.test"), A("127.0.0.9"), 60)]
                seen["lease"] = await send_update(
                    server, ana.zone, change, KEY, random.Random(4), lease_s=300
                )
                seen["dig"] = sorted(await dig(port, "+short", f"{CATS.hex()}.p2p.test", "SRV"))
                await ana.announce(CATS, 4009)
                await ben.withdraw(CATS)
                seen["then"] = await looked_up(looker)
                try:
                    async with DnsSource("p2p.test", server, random.Random(3), key=OTHER) as stranger:
                        await stranger.announce(CATS, 666)
                except RequestRefused as error:
                    seen["stranger"] = error.code
            seen["after"] = await dig(port, "+short", f"{CATS.hex()}.p2p.test", "SRV")
    return seen


async def looked_up(source: DnsSource) -> list[list[Any]]:
    async with aclosing(source.lookup(CATS)) as lookup:
        return sorted([list(each.address) async for each in lookup])


def test_sources_find_each_other_through_bind(net: Namespace) -> None:
    seen = net.run_together(announce_to_bind)
    assert seen["both"] == [["127.0.0.1", 4001], ["127.0.0.1", 4002]]
    assert seen["dig"] == ["0 0 4001 p4001-7f000001.p2p.test.", "0 0 4002 p4002-7f000001.p2p.test."]
    assert seen["stranger's"] == "['127.0.0.1']\n", "the script of the page, and BIND"
    assert seen["lease"] is None, "it knows nothing of leases"
    assert seen["then"] == [["127.0.0.1", 4009]]
    assert seen["stranger"] == 9
    assert seen["after"] == []


# Our server is asked and updated --------------------------------------------------------------------------


async def ask_ours() -> dict[str, Any]:
    """What dig and nsupdate say to our server."""
    seen: dict[str, Any] = {}
    async with DnsServer.open(a_swarm(), "127.0.0.1", 5355, keys=[KEY]) as server:
        port = server.address[1]
        seen["rotation"] = [await dig(port, "+short", "seed.p2p.test", "A") for _ in range(5)]
        seen["tcp"] = await dig(port, "+short", "+tcp", "seed.p2p.test", "A")
        seen["whole"] = await dig(port, "seed.p2p.test", "A")
        seen["srv"] = await dig(port, "+short", "_p2p._tcp.p2p.test", "SRV")
        seen["plain"] = await dig(port, "+noedns", "+noall", "+comments", "_p2p._tcp.p2p.test", "SRV")
        seen["aaaa"] = await dig(port, "+short", "v6.p2p.test", "AAAA")
        seen["txt"] = await dig(port, "+short", "_dnsaddr.p2p.test", "TXT")
        seen["nobody"] = await dig(port, "nobody.p2p.test", "A")
        seen["other"] = await dig(port, "example.com", "A")
        seen["badvers"] = await dig(port, "+edns=1", "+noednsneg", "seed.p2p.test", "A")
        seen["cookie"] = await dig(port, "+cookie", "+bufsize=512", "+ignore", "_dnsaddr.p2p.test", "TXT")
        seen["update"] = await nsupdate(port, "update add new.p2p.test 60 A 127.0.0.99")
        seen["new"] = await dig(port, "+short", "new.p2p.test", "A")
        seen["prerequisite"] = await nsupdate(
            port, "prereq nxdomain new.p2p.test", "update delete new.p2p.test"
        )
        seen["deleted"] = await nsupdate(port, "prereq yxdomain new.p2p.test", "update delete new.p2p.test")
        seen["gone"] = await dig(port, "+short", "new.p2p.test", "A")
        seen["stranger"] = await nsupdate(port, "update add evil.p2p.test 60 A 127.0.0.66", secret=OTHER.text)
        seen["cut"] = await nsupdate(
            port, "update add evil.p2p.test 60 A 127.0.0.66", algorithm="hmac-sha256-128"
        )
        seen["alias"] = sorted(await dig(port, "+short", "www.p2p.test", "A"))
        key = ("-y", f"hmac-sha256:tracker:{KEY.text}")
        seen["signed"] = await dig(port, *key, "+bufsize=512", "seed.p2p.test", "A")
        seen["transfer"] = await dig(port, "p2p.test", "AXFR")
        seen["two"] = await dig(port, "+tcp", "+keepopen", "+short", "v6.p2p.test", "AAAA", "www.p2p.test")
    return seen


def test_dig_and_nsupdate_speak_with_our_server(net: Namespace) -> None:
    seen = net.run_together(ask_ours)
    hands = seen["rotation"] + [seen["tcp"]]
    assert all(len(set(hand)) == 8 and set(hand) <= set(HOSTS) for hand in hands)
    assert len({tuple(hand) for hand in hands}) == 6
    assert len({host for hand in hands[:5] for host in hand}) == 20, "forty cards are two rounds of twenty"
    whole = "\n".join(seen["whole"])
    assert "status: NOERROR" in whole
    assert "flags: qr aa rd;" in whole
    assert "seed.p2p.test.\t\t60\tIN\tA\t127.0.0." in whole
    assert len(seen["srv"]) == 8
    assert "ANSWER: 8, AUTHORITY: 0, ADDITIONAL: 8" in "\n".join(seen["plain"])
    assert seen["aaaa"] == ["::1"]
    assert all(line.startswith('"dnsaddr=/ip4/127.0.0.') for line in seen["txt"])
    assert "status: NXDOMAIN" in "\n".join(seen["nobody"])
    assert "\tSOA\tns.p2p.test. hostmaster.p2p.test." in "\n".join(seen["nobody"])
    assert "status: REFUSED" in "\n".join(seen["other"])
    assert "status: BADVERS" in "\n".join(seen["badvers"])
    assert "status: NOERROR" in "\n".join(seen["cookie"])
    assert "status: NOERROR" in seen["update"]
    assert seen["new"] == ["127.0.0.99"]
    assert "YXDOMAIN" in seen["prerequisite"]
    assert "status: NOERROR" in seen["deleted"]
    assert seen["gone"] == []
    assert "BADSIG" in seen["stranger"]
    assert "NOTAUTH(BADTRUNC)" in seen["cut"]
    assert seen["alias"] == [HOSTS[3], "n3.p2p.test."]
    signed = "\n".join(seen["signed"])
    assert "ANSWER: 8" in signed
    assert "TSIG PSEUDOSECTION" in signed
    assert "verify" not in signed, "dig says so if the signature does not fit"
    assert "; Transfer failed." in seen["transfer"]
    assert seen["two"] == ["::1", "n3.p2p.test.", HOSTS[3]]
    assert not [line for line in whole.splitlines() if "malformed" in line.lower()]


async def through_bind() -> dict[str, Any]:
    """BIND as a provider's resolver in front of our server: it asks us once, and keeps the answer."""
    seen: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with DnsServer.open(a_swarm(), "127.0.0.1", 5355) as server:
            options = {"zones": FORWARDING, "more": "recursion yes;", "ours": server.address[1]}
            async with bind(Path(folder), **options) as port:  # type: ignore[arg-type]
                hands = [sorted(await dig(port, "+short", "seed.p2p.test", "A")) for _ in range(4)]
                seen["hands"], seen["asked"] = hands, dict(server.peer.machine.asked)
                async with Resolver([("127.0.0.1", port)], random.Random(1)) as resolver:
                    seen["hosts"] = sorted(await resolver.hosts("seed.p2p.test", [RecordType.A]))
                    seen["services"] = [each.port async for each in resolver.services("_p2p._tcp.p2p.test")]
                    found = await resolve_dnsaddr(resolver, parse("/dnsaddr/p2p.test"))
                    seen["dnsaddr"] = sorted(map(str, found))
                    seen["nobody"] = await resolver.hosts("nobody.p2p.test")
    return seen


def test_bind_forwards_to_our_server_and_keeps_what_it_says(net: Namespace) -> None:
    seen = net.run_together(through_bind)
    assert all(hand == seen["hands"][0] for hand in seen["hands"])
    assert seen["asked"] == {"A": 1}
    assert seen["hosts"] == seen["hands"][0]
    assert seen["services"] == [7000] * 8
    assert len(seen["dnsaddr"]) == 8
    assert seen["nobody"] == []


async def forwarded_from_bind() -> dict[str, Any]:
    """Our forwarder in front of BIND: aliases, and a type that it does not take apart."""
    seen: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "p2p.test.db").write_text(ZONE_FILE + MORE_RECORDS)
        rng = random.Random(1)
        async with (
            bind(Path(folder)) as port,
            Resolver([("127.0.0.1", port)], rng) as resolver,
            Forwarder(resolver, rng) as forwarder,
        ):
            for number in (port, forwarder.address[1]):
                seen[str(number == port)] = [
                    sorted(await dig(number, "+short", owner, kind))
                    for owner, kind in (("a.p2p.test", "A"), ("a.p2p.test", "MX"), ("p2p.test", "MX"))
                ]
    return seen


MORE_RECORDS = """
a IN CNAME b
b IN CNAME c
c IN A 127.0.0.9
c IN MX 10 mail.c
@ IN MX 20 mail.c
"""


def test_our_forwarder_says_what_bind_says(net: Namespace) -> None:
    seen = net.run_together(forwarded_from_bind)
    assert seen["False"] == seen["True"]
    assert seen["True"][0] == ["127.0.0.9", "b.p2p.test.", "c.p2p.test."]
    assert seen["True"][2] == ["20 mail.c.p2p.test."]


# glibc ----------------------------------------------------------------------------------------------------

GETADDRINFO = """
import json, socket
asked = [socket.getaddrinfo("seed.p2p.test", 7000, socket.AF_INET, socket.SOCK_STREAM) for _ in range(5)]
print(json.dumps([[each[4][0] for each in answer] for answer in asked]))
"""
MOUNTED = """
mount --bind "$0" /etc/resolv.conf && exec "$@"
"""


async def getaddrinfo_of_glibc() -> dict[str, Any]:
    """The system's own resolver, told by a resolv.conf of ours to ask our server."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "resolv.conf"
        config.write_text("nameserver 127.0.0.53\noptions timeout:30 attempts:1\n")
        async with DnsServer.open(a_swarm(), "127.0.0.53", 53) as server:
            pipe = asyncio.subprocess.PIPE
            unshare = shutil.which("unshare")
            assert unshare is not None
            process = await asyncio.create_subprocess_exec(
                unshare, "--mount", "sh", "-c", MOUNTED, str(config), sys.executable, "-c", GETADDRINFO,
                stdout=pipe, stderr=pipe,
            )  # fmt: skip
            output, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
            asked = dict(server.peer.machine.asked)
    return {"output": output.decode(), "errors": errors.decode(), "asked": asked}


def test_glibc_sees_the_rotation(net: Namespace) -> None:
    seen = net.run_together(getaddrinfo_of_glibc)
    assert seen["errors"] == ""
    hands = json.loads(seen["output"])
    assert seen["asked"] == {"A": 5}
    assert all(len(set(hand)) == 8 for hand in hands)
    assert {host for hand in hands for host in hand} == set(HOSTS)


# tshark ---------------------------------------------------------------------------------------------------


def a_conversation() -> list[tuple[bytes, bytes]]:
    """Questions and updates of ours, each with what our server says."""
    server = NameServer(a_swarm(), [KEY], wall=lambda: 1_700_000_000, limits=None)
    asks = [
        ("seed.p2p.test", RecordType.A), ("v6.p2p.test", RecordType.AAAA),
        ("_p2p._tcp.p2p.test", RecordType.SRV),
        ("_dnsaddr.p2p.test", RecordType.TXT), ("p2p.test", RecordType.SOA), ("p2p.test", RecordType.NS),
        ("nobody.p2p.test", RecordType.A), ("example.com", RecordType.A),
    ]  # fmt: skip
    packets = [
        encode(DnsPacket((Question(name(owner), number),), additionals=extra, id=place))
        for place, (owner, number) in enumerate(asks)
        for extra in ((), (Edns().record(),))
    ]
    changes = [adding(name("new.p2p.test"), A("127.0.0.9"), 60), removing_set(name("old.p2p.test"))]
    for lease_s, key in ((None, KEY), (300, KEY), (300, OTHER)):
        update = encode(update_packet(name("p2p.test"), changes, 7, lease_s))
        packets.append(tsig.sign(update, key, 1_700_000_000)[0])
    packets.append(tsig.sign(encode(update_packet(name("p2p.test"), changes, 8)), KEY, 1)[0])
    answers = [server.respond(packet, ("127.0.0.1", 40_000), 0.0, over_tcp=True) for packet in packets]
    return [(packet, answer) for packet, answer in zip(packets, answers, strict=True) if answer is not None]


def test_tshark_finds_nothing_malformed() -> None:
    talk = a_conversation()
    assert len(talk) == 20
    asked = dissect([packet for packet, _ in talk], target=("127.0.0.1", 53))
    told = dissect([answer for _, answer in talk], source=("127.0.0.1", 53))
    assert summary([*asked, *told]) == ["dns"] * 40
    assert asked[0].values("dns.qry.name") == ["seed.p2p.test"]
    assert len(told[0].values("dns.a")) == 8
    assert len(told[4].values("dns.srv.target")) == 8
    assert told[6].values("dns.txt")[0].startswith("dnsaddr=/ip4/127.0.0.")
    assert [answer.values("dns.flags.rcode")[0] for answer in told[12:16:2]] == ["3", "5"]
    assert [answer.values("dns.flags.rcode")[0] for answer in told[16:]] == ["0", "0", "9", "9"]
    assert asked[16].values("dns.tsig.mac")
    assert told[18].values("dns.tsig.error") == ["17"]


def test_tshark_finds_nothing_malformed_over_tcp() -> None:
    talk = a_conversation()
    stream = [
        (side == 0, len(raw).to_bytes(2, "big") + raw) for pair in talk for side, raw in enumerate(pair)
    ]
    told = dissect_stream(stream, server=("127.0.0.1", 53))
    assert not any(each.is_malformed for each in told)
    assert sum("dns" in each.protocols for each in told) >= 40
