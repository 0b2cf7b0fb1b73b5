"""A hub's machine: who hears what, and every limit."""

from __future__ import annotations

import contextlib

import pytest

from p2plib.discovery.signal.channels import MAX_HOSTS, Channels, HubLimits, HubRefused

ANA, BEN, MAL = "198.51.100.1", "203.0.113.1", "66.6.6.6"


def status_of(call: object) -> int:
    with pytest.raises(HubRefused) as caught:
        call()  # type: ignore[operator]
    return caught.value.status


def test_all_that_listen_hear_it_the_sender_included() -> None:
    hub, heard = Channels(), []
    hub.hears = heard.append
    ana, ben = hub.subscribe("app", "one,two", ANA), hub.subscribe("app", "two", BEN)
    assert hub.broadcast("app/two", b'{"a":1}', ANA, 0.0) == 2
    assert hub.broadcast("app/one", b"2", BEN, 0.0) == 1
    assert hub.broadcast("other/one", b"3", BEN, 0.0) == 0
    assert ana.take() == b'data: {"a":1}\n\ndata: 2\n\n'
    assert ben.take() == b'data: {"a":1}\n\n'
    assert ana.take() == b""
    hub.unsubscribe(ana)
    hub.unsubscribe(ana)
    assert hub.broadcast("app/two", b"4", ANA, 0.0) == 1
    assert len(hub) == 1
    assert heard[0] == f"{ANA} listens to app/one, app/two"
    assert heard[-1] == f"{ANA} sends 1 bytes to app/two, heard by 1"


def test_line_feeds_between_the_parts_of_json_do_not_end_an_event() -> None:
    hub = Channels()
    ana = hub.subscribe("app", "one", ANA)
    hub.broadcast("app/one", b'{\r\n  "a": "b\\n"\n}', ANA, 0.0)
    assert ana.take() == b'data: {    "a": "b\\n" }\n\n'


@pytest.mark.fault("F068")
@pytest.mark.parametrize(
    "body", [b"", b"not json\nat all", b'"\xff"', b"[" * 60_000, b'"a\nb"', b'{"a":1}\n\ndata: {"b":2}']
)
def test_what_is_not_json_is_refused_so_that_nobody_writes_events_of_their_own(body: bytes) -> None:
    hub = Channels()
    ana = hub.subscribe("app", "one", ANA)
    assert status_of(lambda: hub.broadcast("app/one", body, MAL, 0.0)) == 400
    assert ana.take() == b""


@pytest.mark.fault("F068")
def test_the_size_of_a_message() -> None:
    hub = Channels()
    assert hub.broadcast("app/one", b'"' + b"x" * 65_534 + b'"', MAL, 0.0) == 0
    assert status_of(lambda: hub.broadcast("app/one", b'"' + b"x" * 65_535 + b'"', MAL, 0.0)) == 413
    assert hub.refused == {413: 1}


@pytest.mark.fault("F068")
def test_a_flood_from_one_host_is_cut_down_and_others_are_still_heard() -> None:
    hub = Channels(HubLimits(messages_per_s=10, burst=5))
    taken = 0
    for tick in range(1000):
        with contextlib.suppress(HubRefused):
            hub.broadcast("app/one", b"1", MAL, tick / 100)
            taken += 1
    assert hub.refused == {429: 1000 - taken}
    assert taken == 5 + 99
    assert hub.broadcast("app/one", b"1", ANA, 10.0) == 0


def test_a_flood_of_hosts_does_not_grow_the_memory() -> None:
    hub = Channels()
    for number in range(2 * MAX_HOSTS):
        hub.broadcast("app/one", b"1", f"host{number}", 0.0)
    assert len(hub._buckets) == MAX_HOSTS


@pytest.mark.fault("F068")
def test_subscriptions_and_channels_are_bounded() -> None:
    hub = Channels(HubLimits(max_subscribers=5, max_of_host=2, max_channels=4, max_names=3))
    first = hub.subscribe("app", "one", ANA)
    hub.subscribe("app", "one", ANA)
    assert status_of(lambda: hub.subscribe("app", "one", ANA)) == 429
    assert status_of(lambda: hub.subscribe("app", "a,b,c,d", BEN)) == 400
    hub.subscribe("app", "two,three", BEN)
    assert status_of(lambda: hub.subscribe("app", "four,five", BEN)) == 503
    hub.subscribe("app", "four", BEN)
    hub.subscribe("app", "four", MAL)
    assert status_of(lambda: hub.subscribe("app", "four", MAL)) == 503
    hub.unsubscribe(first)
    hub.subscribe("app", "four", ANA)


@pytest.mark.fault("F068")
def test_a_subscriber_that_does_not_read_is_cut_off() -> None:
    hub = Channels(HubLimits(max_waiting_bytes=100, burst=1000))
    ana, ben = hub.subscribe("app", "one", ANA), hub.subscribe("app", "one", BEN)
    for _ in range(50):
        hub.broadcast("app/one", b"1234567890", MAL, 0.0)
        hub.sent(ben, ben.take())
    assert ana.is_cut
    assert not ben.is_cut
    assert ana.waiting_bytes <= 100
    assert hub.cut == 1


@pytest.mark.fault("F050")
def test_what_is_being_sent_counts_and_what_waits_for_all_is_bounded() -> None:
    hub = Channels(HubLimits(max_waiting_bytes=1000, max_waiting_in_all_bytes=1000, burst=1000))
    ana, ben = hub.subscribe("app", "one,two", ANA), hub.subscribe("app", "one", BEN)
    for channel in ["two"] * 20 + ["one"] * 20:
        hub.broadcast(f"app/{channel}", b"1234567890", MAL, 0.0)
        ana.take()  # and it never gets there
    assert ana.is_cut, "of the two, more waited for it"
    assert not ben.is_cut
    data = ben.take()
    assert hub.waiting_bytes == ben.waiting_bytes == len(data) == 20 * 18
    hub.sent(ben, data)
    hub.broadcast("app/one", b"1", MAL, 0.0)
    hub.unsubscribe(ben)
    assert hub.waiting_bytes == 0


@pytest.mark.fault("F068")
def test_the_addresses_of_one_ipv6_network_are_one_host() -> None:
    hub = Channels(HubLimits(max_of_host=2, burst=2))
    for number in range(2):
        hub.subscribe("app", "one", f"2001:db8::{number}")
        hub.broadcast("app/one", b"1", f"2001:db8::{number}", 0.0)
    assert status_of(lambda: hub.subscribe("app", "one", "2001:db8::abcd:1")) == 429
    assert status_of(lambda: hub.broadcast("app/one", b"1", "2001:db8::abcd:1", 0.0)) == 429
    hub.subscribe("app", "one", "2001:db8:0:1::1")


@pytest.mark.parametrize("name", ["", "app", "app/", "/one", "app/" + "x" * 256, "app/a\nb"])
def test_what_is_no_channel(name: str) -> None:
    app, _, rest = name.partition("/")
    assert status_of(lambda: Channels().broadcast(name, b"1", ANA, 0.0)) == 404
    assert status_of(lambda: Channels().subscribe(app, rest, ANA)) == 404
