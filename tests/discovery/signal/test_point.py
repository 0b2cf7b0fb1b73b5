"""A rendezvous point's machine: the specification's own story, cookies, lifetimes, limits."""

from __future__ import annotations

import pytest

from p2plib.discovery.signal import peer_record, point, rendezvous
from p2plib.discovery.signal.peer_record import RoutingRecord
from p2plib.discovery.signal.point import MAX_TTL_S, MIN_TTL_S, RendezvousPoint
from p2plib.discovery.signal.rendezvous import Discover, Register, RegisterResponse, Status, Unregister
from p2plib.identity.keys import SecretKey
from p2plib.wire import multiaddr

A, B, C, E, MAL = (SecretKey.from_seed(name.encode() * 32) for name in "abcem")
HERE = (multiaddr.parse("/ip4/192.0.2.1/tcp/4001"),)


def record_of(secret: SecretKey, seq: int = 1) -> bytes:
    return peer_record.encode(RoutingRecord(secret.public, seq, HERE), secret)


def register(
    at: RendezvousPoint,
    secret: SecretKey,
    ns: str = "my-app",
    ttl_s: int | None = None,
    now: float = 0.0,
    seq: int = 1,
    host: str = "192.0.2.1",
) -> RegisterResponse:
    return at.register(Register(ns, record_of(secret, seq), ttl_s), secret.public, host, now)


def named(response: object) -> list[SecretKey]:
    keys = [peer_record.decode(each.record).key for each in response.registrations]  # type: ignore[attr-defined]
    return [secret for key in keys for secret in (A, B, C, E, MAL) if secret.public == key]


def test_the_story_of_the_specification() -> None:
    at = RendezvousPoint(bytes(16))
    assert (
        register(at, A)
        == register(at, B)
        == register(at, C, "another-app")
        == RegisterResponse(0, ttl_s=7200)
    )
    first = at.discover(Discover("my-app"), 0.0)
    assert named(first) == [A, B]
    assert named(at.discover(Discover(), 0.0)) == [A, B, C]
    assert register(at, E).status == Status.OK
    later = at.discover(Discover("my-app", cookie=first.cookie), 0.0)
    assert named(later) == [E]
    assert named(at.discover(Discover("my-app", cookie=later.cookie), 0.0)) == []


def test_pages() -> None:
    at = RendezvousPoint(bytes(16))
    for secret in (A, B, C, E, MAL):
        register(at, secret)
    cookie, pages = b"", []
    for _ in range(3):
        response = at.discover(Discover("my-app", 2, cookie), 0.0)
        pages.append(named(response))
        cookie = response.cookie
    assert pages == [[A, B], [C, E], [MAL]]
    assert named(at.discover(Discover("my-app", 0), 0.0)) == []


def test_lifetimes() -> None:
    at = RendezvousPoint(bytes(16))
    assert register(at, A, ttl_s=MIN_TTL_S - 1).status == Status.INVALID_TTL
    assert register(at, A, ttl_s=MAX_TTL_S + 1).status == Status.INVALID_TTL
    register(at, A, ttl_s=MIN_TTL_S)
    register(at, B, ttl_s=MAX_TTL_S)
    (one, two) = at.discover(Discover("my-app"), 100.0).registrations
    assert (one.ttl_s, two.ttl_s) == (MIN_TTL_S - 100, MAX_TTL_S - 100)
    assert named(at.discover(Discover("my-app"), float(MIN_TTL_S))) == [B]
    assert named(at.discover(Discover("my-app"), float(MAX_TTL_S))) == []
    assert len(at) == 0


def test_renewing_keeps_the_place_and_a_new_record_is_news() -> None:
    at = RendezvousPoint(bytes(16))
    register(at, A)
    cookie = at.discover(Discover("my-app"), 0.0).cookie
    register(at, A, now=7000.0)
    assert named(at.discover(Discover("my-app"), 10_000.0)) == [A]
    assert named(at.discover(Discover("my-app", cookie=cookie), 10_000.0)) == []
    register(at, A, seq=2, now=7000.0)
    assert named(at.discover(Discover("my-app", cookie=cookie), 10_000.0)) == [A]
    assert register(at, A, seq=1).status == Status.INVALID_RECORD
    assert len(at) == 1


def test_a_peer_registers_itself_and_nobody_else() -> None:
    at = RendezvousPoint(bytes(16))
    stolen = Register("my-app", record_of(A))
    assert at.register(stolen, MAL.public, "66.6.6.6", 0.0).status == Status.NOT_AUTHORIZED
    broken = Register("my-app", record_of(A)[:-1] + b"\0")
    assert at.register(broken, A.public, "192.0.2.1", 0.0).status == Status.INVALID_RECORD
    register(at, A)
    at.unregister(Unregister("my-app"), MAL.public)
    assert named(at.discover(Discover("my-app"), 0.0)) == [A]
    at.unregister(Unregister("my-app"), A.public)
    at.unregister(Unregister("my-app"), A.public)
    assert named(at.discover(Discover("my-app"), 0.0)) == []
    assert at.refused == {Status.NOT_AUTHORIZED: 1, Status.INVALID_RECORD: 1}


@pytest.mark.parametrize("ns", ["", "x" * 256])
def test_namespaces(ns: str) -> None:
    assert register(RendezvousPoint(bytes(16)), A, ns).status == Status.INVALID_NAMESPACE


def test_a_cookie_of_another_point_or_namespace_or_of_nobody() -> None:
    at = RendezvousPoint(bytes(16))
    register(at, A)
    cookie = at.discover(Discover("my-app"), 0.0).cookie
    other = RendezvousPoint(b"another secret..").discover(Discover("my-app"), 0.0).cookie
    for ns, bad in (
        ("another-app", cookie),
        ("", cookie),
        ("my-app", other),
        ("my-app", b"x"),
        ("my-app", cookie + b"x"),
    ):
        assert at.discover(Discover(ns, cookie=bad), 0.0).status == Status.INVALID_COOKIE


@pytest.mark.fault("F080")
def test_a_registration_cannot_be_handed_on_to_a_host_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(point, "MAX_OF_HOST", 1)
    at = RendezvousPoint(bytes(16))
    one, other = "192.0.2.1", "203.0.113.1"
    assert register(at, A, host=one).status == register(at, B, host=other).status == 0
    assert register(at, A, host=other).status == Status.UNAVAILABLE
    assert register(at, C, host=one).status == Status.UNAVAILABLE
    assert register(at, A, host="198.51.100.1").status == 0, "it may move to where there is room"
    assert register(at, C, host=one).status == 0
    assert register(at, E, host="2001:db8::1").status == 0
    assert register(at, MAL, host="2001:db8::2").status == Status.UNAVAILABLE, "a /64 is one host"


@pytest.mark.fault("F080")
def test_long_records_cannot_keep_a_namespace_from_being_read() -> None:
    at = RendezvousPoint(bytes(16))
    long = multiaddr.parse("/dns/" + "x" * 100 + "/tcp/4001")
    for number in range(200):
        secret = SecretKey.from_seed(number.to_bytes(32, "big"))
        raw = peer_record.encode(RoutingRecord(secret.public, 1, (long,) * 64), secret)
        assert at.register(Register("my-app", raw), secret.public, "192.0.2.1", 0.0).status == 0
    assert register(at, A).status == 0
    cookie, counts = b"", []
    while True:
        response = at.discover(Discover("my-app", cookie=cookie), 0.0)
        rendezvous.encode(response)  # and this is short enough
        if not response.registrations:
            break
        counts.append(len(response.registrations))
        cookie = response.cookie
    assert sum(counts) == 201
    assert len(counts) == 2


@pytest.mark.fault("F080")
def test_the_bytes_of_records_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(point, "MAX_RECORD_BYTES", 2 * len(record_of(A)) + 20)
    at = RendezvousPoint(bytes(16))
    assert [register(at, key).status for key in (A, B, C)] == [0, 0, Status.UNAVAILABLE]
    assert register(at, A, seq=2).status == 0
    at.unregister(Unregister("my-app"), B.public)
    assert register(at, C).status == 0
    assert register(at, E, now=20_000.0).status == 0, "what is over takes no room"


@pytest.mark.fault("F080")
def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(point, "MAX_OF_PEER", 3)
    monkeypatch.setattr(point, "MAX_OF_HOST", 4)
    monkeypatch.setattr(point, "MAX_IN_ALL", 6)
    at = RendezvousPoint(bytes(16))
    answers = [register(at, A, f"ns{number}").status for number in range(4)]
    assert answers == [0, 0, 0, Status.UNAVAILABLE]
    assert [register(at, key).status for key in (B, C)] == [0, Status.UNAVAILABLE]
    assert [register(at, key, host="203.0.113.1").status for key in (C, E, MAL)] == [0, 0, Status.UNAVAILABLE]
    assert register(at, A, "ns0").status == 0, "what is in may be renewed"
    assert register(at, MAL, now=20_000.0).status == 0, "the others are over"
    assert named(at.discover(Discover(), 20_000.0)) == [MAL]
