"""Peer records: the round trip, forgeries, old news, and floods."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import DecodeError, SignatureError, UsageError, WeakKey
from p2plib.identity import record
from p2plib.identity.keys import SecretKey
from p2plib.identity.record import MAX_LIFETIME_S, PeerRecord, Records
from p2plib.wire.protobuf import BYTES, VARINT, ProtoField

NOW = 1_700_000_000.0
ALICE = SecretKey.from_seed(bytes([1]) * 32)
BOB = SecretKey.from_seed(bytes([2]) * 32)


def made(secret: SecretKey = ALICE, seq: int = 1, lifetime_s: int = 3600, *addresses: str) -> PeerRecord:
    return PeerRecord(secret.public, seq, addresses or ("192.0.2.1:4001",), int(NOW) + lifetime_s)


def stranger(number: int) -> SecretKey:
    return SecretKey.from_seed(number.to_bytes(32, "big"))


def test_a_record_byte_by_byte() -> None:
    first = PeerRecord(ALICE.public, 300, ("a:1",), 5)
    raw = record.encode(first, ALICE)
    body = b"\x0a\x20" + ALICE.public.raw + b"\x10\xac\x02" + b"\x1a\x03a:1" + b"\x20\x05"
    assert raw == body + b"\x2a\x40" + ALICE.sign("p2plib/peer-record/1", body)
    assert record.decode(raw) == first
    fields = record.dissect(raw)
    assert b"".join(field.raw for field in fields) == raw
    assert [f.name for f in fields if ":" not in f.name] == ["key", "seq", "address", "expires", "signature"]


@settings(deadline=None)
@given(
    st.integers(0, 2**63 - 1),
    st.lists(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=60), max_size=16
    ),
    st.integers(0, 2**63 - 1),
)
def test_round_trip(seq: int, addresses: list[str], expires_s: int) -> None:
    first = PeerRecord(ALICE.public, seq, tuple(addresses), expires_s)
    assert record.decode(record.encode(first, ALICE)) == first


@pytest.mark.fault("F013")
@settings(deadline=None, max_examples=60)
@given(st.data())
def test_one_changed_bit_is_refused(data: st.DataObject) -> None:
    raw = bytearray(record.encode(made(), ALICE))
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises((DecodeError, SignatureError, WeakKey)):
        record.decode(bytes(raw))


def test_nobody_signs_for_another() -> None:
    with pytest.raises(UsageError, match="cannot sign a record about"):
        record.encode(made(ALICE), BOB)
    raw = record.encode(made(ALICE), ALICE)
    with pytest.raises(SignatureError):
        record.decode(raw.replace(ALICE.public.raw, BOB.public.raw))


@pytest.mark.fault("F012")
def test_a_signature_from_another_context_is_no_record() -> None:
    raw = record.encode(made(), ALICE)
    body = raw[:-66]
    for signature in (ALICE.sign("p2plib/post", body), ALICE.sign_raw(body)):
        with pytest.raises(SignatureError):
            record.decode(body + ProtoField(5, BYTES, signature).encode())


@pytest.mark.fault("F030")
@pytest.mark.parametrize(
    ("extra", "rule"),
    [
        (ProtoField(6, VARINT, 1), "field 6 is unknown"),
        (ProtoField(2, VARINT, 1), "field 2 is there 2 times"),
        (ProtoField(3, VARINT, 1), "an address is bytes"),
        (ProtoField(3, BYTES, b"late"), "in the order of their numbers"),
        (ProtoField(3, BYTES, b"\xff"), "an address is ASCII"),
        (ProtoField(3, BYTES, b""), "1 to 256 printable"),
        (ProtoField(3, BYTES, b"\x1b[31m"), "1 to 256 printable"),
        (ProtoField(3, BYTES, b"x" * 257), "1 to 256 printable"),
        (ProtoField(3, BYTES, b"x" * 2048), "2048 is the most"),
    ],
)
def test_malformed(extra: ProtoField, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        record.decode(record.encode(made(), ALICE) + extra.encode())


def test_bounds() -> None:
    for wrong in (
        lambda: made(ALICE, -1),
        lambda: made(ALICE, 2**63),
        lambda: made(ALICE, 1, -(2**62)),
        lambda: made(ALICE, 1, 60, *["a"] * 17),
    ):
        with pytest.raises(DecodeError):
            wrong()
    with pytest.raises(UsageError, match="2048 is the most"):
        record.encode(made(ALICE, 1, 60, *["x" * 200] * 16), ALICE)


@pytest.mark.fault("F013")
def test_lower_and_equal_sequence_numbers_are_ignored() -> None:
    records = Records()
    assert records.receive(made(ALICE, 5, 3600, "new:1"), NOW)
    assert not records.receive(made(ALICE, 4, 3600, "old:1"), NOW)
    assert not records.receive(made(ALICE, 5, 3600, "other:1"), NOW)
    assert records.find(ALICE.public, NOW) == ("new:1",)
    assert records.receive(made(ALICE, 6, 3600, "newer:1"), NOW)
    assert records.find(ALICE.public, NOW) == ("newer:1",)
    assert records.ignored == {"lower sequence number": 1, "same sequence number": 1}


@pytest.mark.fault("F013")
def test_expired_records_are_ignored_and_dropped() -> None:
    records = Records()
    assert not records.receive(made(ALICE, 1, 0), NOW)
    assert not records.receive(made(ALICE, 1, -1), NOW)
    assert records.receive(made(ALICE, 1, 10), NOW)
    assert records.find(ALICE.public, NOW + 9.9) != ()
    assert records.find(ALICE.public, NOW + 10) == ()
    assert len(records) == 0
    assert records.ignored == {"expired": 2}


def test_nobody_is_believed_for_longer_than_a_day() -> None:
    records = Records()
    assert records.receive(made(ALICE, 1, int(MAX_LIFETIME_S)), NOW)
    assert not records.receive(made(BOB, 1, int(MAX_LIFETIME_S) + 1), NOW)
    assert records.ignored == {"expires too late": 1}


@pytest.mark.fault("F080")
def test_a_flood_of_invented_peers_fills_its_own_room_only() -> None:
    records = Records(max_strangers=8)
    records.met(ALICE.public)
    assert records.receive(made(ALICE, 1, 60), NOW)
    for number in range(100):
        records.receive(made(stranger(number), 1, 3600 + number), NOW)
    assert len(records) == 9
    assert records.find(ALICE.public, NOW) == ("192.0.2.1:4001",)
    assert [records.find(stranger(number).public, NOW) != () for number in range(90, 100)] == [False] * 2 + [
        True
    ] * 8
    assert records.ignored == {"no room for strangers": 92}
    assert not records.receive(made(stranger(1000), 1, 30), NOW)


@pytest.mark.fault("F080")
def test_whom_we_met_is_bounded_too() -> None:
    records = Records(max_strangers=1, max_met=2)
    for secret in (ALICE, BOB, stranger(7)):
        records.receive(made(secret, 1, 60), NOW)
        records.met(secret.public)
    # Alice was met first and is a stranger again; she has the only room for strangers.
    assert len(records) == 3
    records.receive(made(stranger(8), 1, 90), NOW)
    assert records.find(ALICE.public, NOW) == ()
    assert len(records) == 3


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(-5, 50)), max_size=30))
def test_the_highest_live_record_wins_in_any_order(arrivals: list[tuple[int, int, int]]) -> None:
    """An independent oracle: a plain list of what was offered while it was alive."""
    records, offered = Records(), dict[int, tuple[int, int]]()
    for who, seq, lifetime_s in arrivals:
        news = records.receive(made(stranger(who), seq, lifetime_s, f"{seq}:{lifetime_s}"), NOW)
        expected = lifetime_s > 0 and (who not in offered or seq > offered[who][0])
        assert news == expected
        if expected:
            offered[who] = (seq, lifetime_s)
    for who, (seq, lifetime_s) in offered.items():
        assert records.find(stranger(who).public, NOW) == (f"{seq}:{lifetime_s}",)


@pytest.mark.fault("F013")
def test_an_older_record_that_expires_later_does_not_come_back() -> None:
    """Alice moved, and said so for an hour; whoever kept her record of this morning sends it afterwards."""
    records = Records()
    morning, moved = made(ALICE, 1, 7200, "old:1"), made(ALICE, 2, 3600, "new:1")
    assert records.receive(morning, NOW)
    assert records.receive(moved, NOW)
    for replayed in (morning, made(ALICE, 2, 7200, "other:1")):
        assert not records.receive(replayed, NOW + 3600)
    assert records.find(ALICE.public, NOW + 3600) == ()
    assert len(records) == 0
    assert records.receive(made(ALICE, 3, 7200, "newer:1"), NOW + 3600)
    assert records.ignored == {"lower sequence number": 1, "same sequence number": 1}


@pytest.mark.fault("F080")
def test_sequence_numbers_of_third_parties_do_not_pile_up() -> None:
    records = Records(max_strangers=8)
    records.met(ALICE.public)
    for number, secret in enumerate([ALICE, *map(stranger, range(100))]):
        assert records.receive(made(secret, 5, number + 1), NOW + number)
    later = NOW + 101
    assert not records.receive(made(ALICE, 4, 300), later)  # whom we met is remembered through the flood
    for number in range(100):
        records.receive(made(stranger(number), 4, 300), later)
    assert records.ignored["lower sequence number"] == 1 + 8


def test_times_are_whole_seconds() -> None:
    with pytest.raises(DecodeError, match="an expiry is a whole number"):
        PeerRecord(ALICE.public, 1, (), NOW + 0.5)  # type: ignore[arg-type]


@pytest.mark.fault("F080")
def test_whom_we_meet_again_is_met_last() -> None:
    records = Records(max_strangers=0, max_met=2)
    for secret in (ALICE, BOB, ALICE, stranger(7)):
        records.met(secret.public)
    assert records.receive(made(ALICE, 1, 60), NOW)
    assert not records.receive(made(BOB, 1, 60), NOW)


def test_a_sequence_number_that_stayed_is_as_old_as_the_last_record() -> None:
    records = Records(max_strangers=2)
    for now_s, secret, seq in ((0, ALICE, 1), (10, BOB, 1), (20, ALICE, 2), (30, stranger(1), 1)):
        assert records.receive(made(secret, seq, now_s + 5), NOW + now_s)
    assert records.find(ALICE.public, NOW + 40) == ()  # three have expired, and Bob's is the oldest
    assert not records.receive(made(ALICE, 2, 60), NOW + 40)
    assert records.receive(made(BOB, 1, 60), NOW + 40)
