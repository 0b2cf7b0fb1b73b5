"""The name server as a machine: dnslib and dnspython read it and ask it, and hostile packets do no harm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.dns import machine, tsig
from p2plib.discovery.dns.edns import Edns, with_lease
from p2plib.discovery.dns.limits import ReplyLimits
from p2plib.discovery.dns.machine import Asked, NameServer, Updated
from p2plib.discovery.dns.tsig import TsigKey
from p2plib.discovery.dns.updates import NOTAUTH, NOTIMP, SERVFAIL, adding, update_packet
from p2plib.discovery.dns.zone import NOERROR, NXDOMAIN, REFUSED, Zone
from p2plib.discovery.mdns.packets import DnsPacket, Question, decode, encode
from p2plib.discovery.mdns.records import A, RecordType
from tests.discovery.dns.world import KEY, OTHER, a_zone, name, record, service, swarm, text

ASKER = ("198.51.100.7", 40_000)
NOW = 1_700_000_000
SEED = name("seed.p2p.test")


class Wall:
    def __init__(self, now_s: float = NOW) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def a_server(
    zone: Zone | None = None, limits: ReplyLimits | None = None, wall: Wall | None = None
) -> NameServer:
    return NameServer(zone or a_zone(swarm(20)), [KEY], wall=wall or Wall(), limits=limits)


def a_query(
    owner: str = "seed.p2p.test", number: int = RecordType.A, edns: Edns | None = None, **more: Any
) -> bytes:
    extra = (edns.record(),) if edns else ()
    return encode(DnsPacket((Question(name(owner), number),), additionals=extra, id=0x1234, **more))


def sent(server: NameServer, data: bytes, now: float = 0.0) -> bytes | None:
    server.receive(data, ASKER, now)
    out = server.to_send()
    assert all(address == ASKER for _, address in out)
    return out[0][0] if out else None


def reply(server: NameServer, data: bytes, now: float = 0.0) -> DnsPacket:
    raw = sent(server, data, now)
    assert raw is not None
    return decode(raw)


# Queries --------------------------------------------------------------------------------------------------


def test_a_question_and_its_answer() -> None:
    server = a_server()
    answer = reply(server, a_query())
    assert answer.flags == 0x8400, "a response, with authority"
    assert (answer.id, answer.rcode, len(answer.answers)) == (0x1234, NOERROR, 8)
    assert server.events() == [Asked(ASKER, SEED, "A", 8)]
    assert server.asked == {"A": 1}
    assert reply(server, a_query("nobody.p2p.test")).rcode == NXDOMAIN
    refused = reply(server, a_query("example.com"))
    assert (refused.rcode, refused.flags & 0x0400) == (REFUSED, 0)


def test_dnslib_and_dnspython_read_the_same() -> None:
    dnslib: Any = pytest.importorskip("dnslib")
    message: Any = pytest.importorskip("dns.message")
    raw = sent(a_server(), a_query(edns=Edns()))
    assert raw is not None
    ours = sorted(each.data.host for each in decode(raw).answers if isinstance(each.data, A))
    theirs = dnslib.DNSRecord.parse(raw)
    assert sorted(str(each.rdata) for each in theirs.rr) == ours
    assert theirs.header.aa == 1
    other = message.from_wire(raw)
    assert sorted(str(each) for each in other.answer[0]) == ours
    assert other.payload == 1232


def test_dnslib_and_dnspython_ask() -> None:
    dnslib: Any = pytest.importorskip("dnslib")
    message: Any = pytest.importorskip("dns.message")
    for query in (
        bytes(dnslib.DNSRecord.question("seed.p2p.test", "A").pack()),
        bytes(message.make_query("SEED.p2p.test", "A", payload=1232).to_wire()),
    ):
        assert len(reply(a_server(), query).answers) == 8


def test_an_answer_that_is_too_long_for_a_datagram_says_so() -> None:
    server = a_server(a_zone(swarm(60), hand=60))
    for query, room in ((a_query(), 512), (a_query(edns=Edns(4096)), 1232), (a_query(edns=Edns(700)), 700)):
        cut = reply(server, query)
        whole = server.respond(query, ASKER, 0.0, over_tcp=True)
        assert whole is not None
        assert cut.is_truncated == (len(whole) > room)
        assert len(cut.answers) == (0 if cut.is_truncated else 60)
        assert len(decode(whole).answers) == 60


def test_what_it_cannot_do() -> None:
    server = a_server()
    assert reply(server, a_query(flags=2 << 11)).rcode == NOTIMP
    assert reply(server, encode(DnsPacket(id=7))).rcode == 1
    double = encode(DnsPacket((Question(SEED, 1), Question(SEED, 1)), id=7))
    assert reply(server, double).rcode == 1
    strange = reply(server, a_query(edns=Edns(version=1)))
    assert strange.additionals[0].ttl_s >> 24 == 1, "BADVERS is 16, and its fifth bit is there"
    assert server.ignored == {
        "unknown operation": 1, "not one question": 2, "unknown version of EDNS": 1,
    }  # fmt: skip


# Hostile --------------------------------------------------------------------------------------------------


def test_a_response_is_never_answered() -> None:
    server = a_server()
    assert sent(server, a_query(flags=0x8000)) is None
    assert sent(server, b"short") is None
    assert server.ignored == {"no request": 2}


@given(st.binary(max_size=300))
def test_whatever_arrives_is_answered_with_no_more_than_it_may_be(data: bytes) -> None:
    server = a_server()
    server.receive(data, ASKER, 0.0)
    for raw, _ in server.to_send():
        assert decode(raw).is_response
        assert raw[:2] == data[:2]


@given(st.binary(max_size=120))
def test_a_query_with_anything_behind_it(data: bytes) -> None:
    server = a_server()
    raw = sent(server, a_query()[:10] + b"\x00\x01" + a_query()[12:] + data)
    assert raw is None or decode(raw).is_response


def test_what_cannot_be_read_gets_a_header_and_no_more() -> None:
    server = a_server()
    loop = a_query()[:12] + b"\xc0\x0c\x00\x01\x00\x01"
    assert sent(server, loop) == b"\x12\x34\x80\x01" + bytes(8)
    assert server.ignored == {"malformed": 1}


@pytest.mark.fault("F079")
def test_a_forged_flood_is_not_made_larger() -> None:
    """A flooder sends 1,000 questions a second in the name of a victim, for four seconds."""
    query = a_query(edns=Edns())
    gains = {}
    for limits in (None, ReplyLimits()):
        server = a_server(limits=limits)
        sizes = [len(sent(server, query, n / 1000) or b"") for n in range(4_000)]
        gains[limits is None] = sum(sizes) / (4_000 * len(query))
        if limits:
            assert {size for size in sizes[2_000:3_000] if size and size <= len(query)}
            assert server.ignored["too much for one network"] > 0
            assert server.ignored["far too much for one network"] > 3_000
    assert gains[True] > 4
    assert gains[False] < 0.3


@pytest.mark.fault("F079")
def test_a_short_answer_is_no_larger_than_its_question() -> None:
    for query in (a_query(), a_query(edns=Edns()), a_query(flags=3 << 11), a_query()[:12]):
        server = a_server(limits=ReplyLimits(0, 0, 1000))
        raw = sent(server, query)
        assert raw is not None
        assert len(raw) <= len(query)
        assert decode(raw).is_truncated


def test_over_tcp_there_is_no_such_limit() -> None:
    server = a_server(limits=ReplyLimits(0, 0, 0))
    assert sent(server, a_query()) is None
    raw = server.respond(a_query(), ASKER, 0.0, over_tcp=True)
    assert raw is not None
    assert len(decode(raw).answers) == 8


def many_questions(count: int) -> bytes:
    """A long name, and questions that are pointers into the middle of it: each is short and means much."""
    raw = bytearray(12) + b"\x01" * 254 + b"\x00\x00\x00\x01\x00\x01"
    for number in range(count - 1):
        raw += (0xC000 | 14 + number % 240).to_bytes(2, "big") + b"\x00\x01\x00\x01"
    raw[:6] = b"\x12\x34\x00\x00" + count.to_bytes(2, "big")
    return bytes(raw)


@pytest.mark.fault("F079")
@pytest.mark.parametrize("count", [2, 180, 10_000])
@pytest.mark.parametrize("limits", [None, ReplyLimits(0, 0, 1000)])
def test_questions_that_are_packed_are_not_repeated_unpacked(count: int, limits: ReplyLimits | None) -> None:
    raw = sent(a_server(limits=limits), many_questions(count))
    assert raw is not None
    assert (len(raw), decode(raw).is_truncated) == (12, limits is not None)


@pytest.mark.fault("F080")
def test_names_of_keys_that_strangers_invent_are_not_collected() -> None:
    server = a_server()
    for number in range(100):
        sent(server, an_update(TsigKey(name(f"k{number}"), OTHER.secret))[0])
        sent(server, an_update(at=NOW - 301 - number, host=f"192.0.2.{number}")[0])
    assert server.ignored == {"signature: BADKEY": 100, "signature: BADTIME": 100}


def test_additional_records_are_left_out_before_an_answer_is_cut() -> None:
    """RFC 2181, 9: the answer is whole without them."""
    records = [service("seed.p2p.test", 4000 + n, f"n{n}.p2p.test") for n in range(8)]
    records += [record(f"n{n}.p2p.test", f"2001:db8::{n}:{host}") for n in range(8) for host in range(1, 9)]
    server = a_server(a_zone(records))
    whole = server.respond(a_query(number=RecordType.SRV), ASKER, 0.0, over_tcp=True)
    assert whole is not None
    assert len(decode(whole).additionals) == 64
    answer = reply(server, a_query(number=RecordType.SRV))
    assert (len(answer.answers), answer.additionals, answer.is_truncated) == (8, (), False)
    answer = reply(server, a_query(number=RecordType.SRV, edns=Edns(700)))
    assert (len(answer.answers), len(answer.additionals), answer.is_truncated) == (8, 1, False)


def test_what_no_packet_can_hold_is_trouble_and_no_crash() -> None:
    zone = a_zone((text("seed.p2p.test", *[bytes([n]) * 250] * 16) for n in range(20)), hand=20)
    server = a_server(zone)
    assert reply(server, a_query(number=RecordType.TXT)).is_truncated
    raw = server.respond(a_query(number=RecordType.TXT), ASKER, 0.0, over_tcp=True)
    assert raw is not None
    assert decode(raw).rcode == SERVFAIL


# Signed queries -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "over_tcp"), [(8, False), (8, True), (60, False), (60, True)])
def test_a_signed_query_gets_a_signed_answer(count: int, over_tcp: bool) -> None:
    """RFC 8945, 5.3."""
    server = a_server(a_zone(swarm(60), hand=count))
    raw, mac = tsig.sign(a_query(edns=Edns(700)), KEY, NOW)
    answer = server.respond(raw, ASKER, 0.0, over_tcp=over_tcp)
    assert answer is not None
    assert len(answer) <= 700 or over_tcp
    plain, _ = tsig.verify(answer, [KEY], NOW, request_mac=mac)
    is_cut = count == 60 and not over_tcp
    assert (decode(plain).is_truncated, len(decode(plain).answers)) == (is_cut, 0 if is_cut else count)
    assert server.respond(raw, ASKER, 0.0, over_tcp=over_tcp) is not None, "a question may be asked again"
    assert not server._seen


def test_a_query_that_is_not_signed_right_is_not_answered() -> None:
    server = a_server()
    for key, at, error in ((OTHER, NOW, tsig.BAD_KEY), (KEY, NOW - 301, tsig.BAD_TIME)):
        answer = sent(server, tsig.sign(a_query(), key, at)[0])
        assert answer is not None
        plain, signature = tsig.split(answer)
        assert signature is not None
        assert (decode(plain).rcode, signature.error, decode(plain).answers) == (NOTAUTH, error, ())
    assert server.asked == {}


# Updates --------------------------------------------------------------------------------------------------


def an_update(
    key: TsigKey = KEY, lease_s: int | None = None, at: int = NOW, host: str = "192.0.2.9"
) -> tuple[bytes, bytes]:
    packet = update_packet(name("p2p.test"), [adding(name("new.p2p.test"), A(host), 60)], 0x4242, lease_s)
    return tsig.sign(encode(packet), key, at)


def test_a_signed_update_is_done_and_the_answer_is_signed() -> None:
    server = a_server()
    raw, mac = an_update(lease_s=300)
    answer = sent(server, raw)
    assert answer is not None
    plain, _ = tsig.verify(answer, [KEY], NOW, request_mac=mac)
    assert decode(plain).additionals == (with_lease(300).record(),)
    assert server.zone.exists(name("new.p2p.test"))
    assert server.events() == [Updated(KEY.name, NOERROR, 1)]
    assert server.timer() == 300
    server.on_timer(300.0)
    assert not server.zone.exists(name("new.p2p.test"))
    assert server.timer() is None


def test_dnspython_updates_it() -> None:
    dns_update: Any = pytest.importorskip("dns.update")
    import time

    import dns.message
    import dns.tsigkeyring

    ring = dns.tsigkeyring.from_text({"tracker": KEY.text})
    update = dns_update.UpdateMessage("p2p.test", keyring=ring, keyalgorithm="hmac-sha256")
    update.add("new", 60, "A", "192.0.2.9")
    server = a_server(wall=Wall(time.time()))
    raw = sent(server, update.to_wire())
    assert raw is not None
    assert dns.message.from_wire(raw, keyring=ring, request_mac=update.mac).rcode() == 0
    assert server.zone.data(name("new.p2p.test"), RecordType.A) == (A("192.0.2.9"),)


def test_what_is_not_signed_by_a_key_of_ours_is_refused() -> None:
    server = a_server()
    unsigned = encode(update_packet(name("p2p.test"), [adding(SEED, A("192.0.2.9"), 60)], 7))
    assert reply(server, unsigned).rcode == REFUSED
    stranger = TsigKey(KEY.name, OTHER.secret)
    for (raw, mac), error in (
        (an_update(key=OTHER), tsig.BAD_KEY),
        (an_update(key=stranger), tsig.BAD_SIGNATURE),
        (an_update(at=NOW - 301), tsig.BAD_TIME),
    ):
        answer = sent(server, raw)
        assert answer is not None
        plain, signature = tsig.split(answer)
        assert signature is not None
        assert (decode(plain).rcode, signature.error) == (NOTAUTH, error)
        if error == tsig.BAD_TIME:
            assert int.from_bytes(signature.other, "big") == NOW
            tsig.verify(answer, [KEY], NOW - 301, request_mac=mac)
    assert not server.zone.exists(name("new.p2p.test"))


def test_an_update_that_is_sent_again_changes_nothing() -> None:
    """Somebody who has seen it sends it once more, after the records were removed."""
    server = a_server()
    raw, mac = an_update()
    assert reply(server, raw).rcode == NOERROR
    server.zone.remove(name("new.p2p.test"))
    again = sent(server, raw, now=10.0)
    assert again is not None
    assert decode(tsig.verify(again, [KEY], NOW, request_mac=mac)[0]).rcode == REFUSED
    assert not server.zone.exists(name("new.p2p.test"))


def test_a_forged_copy_before_and_after_the_true_one() -> None:
    server = a_server()
    raw, _ = an_update()
    forged = raw.replace(bytes([192, 0, 2, 9]), bytes([192, 0, 2, 66]))
    assert reply(server, forged).rcode == NOTAUTH
    assert reply(server, raw).rcode == NOERROR
    assert reply(server, forged).rcode == NOTAUTH
    assert server.zone.data(name("new.p2p.test"), RecordType.A) == (A("192.0.2.9"),)


def test_a_server_in_between_that_changed_the_id_gets_its_own_back() -> None:
    server = a_server()
    raw, mac = an_update()
    answer = sent(server, b"\x77\x88" + raw[2:])
    assert answer is not None
    assert answer[:2] == b"\x77\x88"
    tsig.verify(answer, [KEY], NOW, request_mac=mac)


def test_a_code_that_was_cut_is_answered_with_what_is_missing() -> None:
    server = a_server()
    raw, _ = an_update()
    plain, signature = tsig.split(raw)
    assert signature is not None
    short = replace(signature, mac=signature.mac[:16])
    answer = sent(server, tsig.with_signature(plain, short))
    assert answer is not None
    _, said = tsig.verify(answer, [KEY], NOW, request_mac=short.mac)
    assert said.error == tsig.BAD_TRUNCATION
    assert not server.zone.exists(name("new.p2p.test"))


def test_signatures_that_had_to_be_forgotten_are_not_good_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MAX_SEEN", 10)
    server = a_server()
    updates = [an_update(at=NOW - 20 + n, host=f"192.0.2.{n + 1}")[0] for n in range(20)]
    assert [reply(server, raw).rcode for raw in updates] == [NOERROR] * 20
    assert [reply(server, raw).rcode for raw in updates] == [REFUSED] * 20
    assert reply(server, an_update(at=NOW)[0]).rcode == NOERROR


def test_signatures_are_remembered_as_long_as_they_are_good_and_no_longer() -> None:
    wall = Wall()
    server = a_server(wall=wall)
    for minute in range(200):
        wall.now_s = NOW + 60 * minute
        raw, _ = an_update(at=int(wall.now_s), host=f"192.0.2.{minute + 1}")
        assert reply(server, raw, now=60.0 * minute).rcode == NOERROR
    assert len(server._seen) <= 12


def test_an_update_of_what_is_not_ours() -> None:
    server = a_server()
    packet = update_packet(name("example.com"), [], 7)
    assert reply(server, tsig.sign(encode(packet), KEY, NOW)[0]).rcode == NOTAUTH
    assert server.ignored["an update that cannot be done"] == 1


def test_records_that_were_there_before_are_kept() -> None:
    server = a_server(a_zone([record("seed.p2p.test", "192.0.2.1")]))
    assert server.timer() is None
