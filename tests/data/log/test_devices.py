"""Several devices of one person: who wrote what, from when, and until when."""

from __future__ import annotations

import json

import pytest

from p2plib.data.log import classic
from p2plib.data.log.devices import Roster, adding, removing
from p2plib.data.log.formats import Head, head_of
from p2plib.errors import UsageError
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
from tests.data.log.shelf import ANA, CLASSIC, MAL, TIME_MS

PHONE, LAPTOP = (SecretKey.from_seed(bytes([n]) * 32) for n in (11, 12))


class Log:
    """One author's messages."""

    def __init__(self, secret: SecretKey, start_ms: int = TIME_MS) -> None:
        self.secret, self.start_ms = secret, start_ms
        self.messages: list[classic.ClassicMessage] = []

    @property
    def head(self) -> Head | None:
        return head_of(self.messages[-1]) if self.messages else None

    def say(self, content: object, at_ms: int | None = None) -> classic.ClassicMessage:
        when = self.start_ms + len(self.messages) if at_ms is None else at_ms
        self.messages.append(CLASSIC.create(self.secret, self.head, content, when))
        return self.messages[-1]

    def post(self, text: str, at_ms: int | None = None) -> classic.ClassicMessage:
        return self.say({"type": "post", "text": text}, at_ms)


def person() -> tuple[Log, Log, Log]:
    owner, phone, laptop = Log(ANA), Log(PHONE), Log(LAPTOP)
    owner.say(adding(ANA.public, PHONE, "phone"))
    owner.say(adding(ANA.public, LAPTOP, "laptop"))
    return owner, phone, laptop


def test_what_the_devices_say_the_person_said() -> None:
    owner, phone, laptop = person()
    roster = Roster(ANA.public, owner.messages)
    assert [(d.name, d.added) for d in roster.devices.values()] == [("phone", 1), ("laptop", 2)]
    assert roster.said(PHONE.public, [phone.post("from the phone")]) == phone.messages
    assert roster.said(LAPTOP.public, [laptop.post("from the laptop")]) == laptop.messages
    assert roster.said(MAL.public, [Log(MAL).post("from a stranger")]) == []


def test_two_devices_write_at_the_same_time_and_nothing_forks() -> None:
    owner, phone, laptop = person()
    for n in range(3):
        phone.post(f"p{n}", TIME_MS + 10 * n)
        laptop.post(f"l{n}", TIME_MS + 10 * n + 5)
    logs = {PHONE.public: phone.messages, LAPTOP.public: laptop.messages, MAL.public: [Log(MAL).post("x")]}
    said = [(name, each.content["text"]) for name, each in Roster(ANA.public, owner.messages).timeline(logs)]
    assert said == [(name, f"{name[0]}{n}") for n in range(3) for name in ("phone", "laptop")]


def test_within_one_device_the_log_says_the_order_whatever_the_clock_did() -> None:
    owner, phone, _ = person()
    for n, at_ms in enumerate((50, 10, 30, 90)):
        phone.post(str(n), at_ms)
    said = Roster(ANA.public, owner.messages).timeline({PHONE.public: phone.messages})
    assert [each.content["text"] for _, each in said] == ["0", "1", "2", "3"]


def test_after_a_removal_only_entries_up_to_the_last_valid_one_count() -> None:
    owner, phone, laptop = person()
    mine = [phone.post("one"), phone.post("two")]
    owner.say(removing(PHONE.public, phone.head))
    stolen = phone.post("from the thief", at_ms=TIME_MS - 1_000_000)  # dated back
    roster = Roster(ANA.public, owner.messages)
    assert roster.said(PHONE.public, [*mine, stolen]) == mine
    assert roster.said(LAPTOP.public, [laptop.post("still me")]) == laptop.messages
    device = roster.devices[PHONE.public]
    assert (device.removed, device.last) == (3, head_of(mine[1]))


def test_another_last_entry_than_the_named_one_does_not_count() -> None:
    """The thief forks the phone's log at the last entry: its number would do, its id does not."""
    owner, phone, _ = person()
    first = phone.post("one")
    before = phone.head
    phone.post("two")
    owner.say(removing(PHONE.public, phone.head))
    other = CLASSIC.create(PHONE, before, {"type": "post", "text": "another two"}, TIME_MS)
    assert Roster(ANA.public, owner.messages).said(PHONE.public, [first, other]) == []


def test_a_thief_does_not_write_the_past_of_a_removed_device_anew() -> None:
    """The whole log is the thief's, and every number is one that counts."""
    owner, phone, _ = person()
    mine = [phone.post(str(n)) for n in range(3)]
    owner.say(removing(PHONE.public, phone.head))
    roster = Roster(ANA.public, owner.messages)
    forged = Log(PHONE)
    for n in range(4):
        forged.post(f"from the thief {n}")
        assert roster.said(PHONE.public, forged.messages) == []
    assert [roster.said(PHONE.public, mine[:n]) for n in range(4)] == [[], [], [], mine]


def test_a_device_of_which_nothing_counts() -> None:
    owner, phone, _ = person()
    owner.say(removing(PHONE.public, None))
    assert Roster(ANA.public, owner.messages).said(PHONE.public, [phone.post("one")]) == []


def test_a_removed_device_does_not_come_back() -> None:
    owner, phone, _ = person()
    owner.say(removing(PHONE.public, None))
    owner.say(adding(ANA.public, PHONE, "phone again"))
    roster = Roster(ANA.public, owner.messages)
    assert roster.passed_over == 1
    assert roster.said(PHONE.public, [phone.post("one")]) == []


def test_nobody_calls_a_strangers_log_their_own() -> None:
    owner = Log(ANA)
    claim = adding(ANA.public, MAL, "mine now")
    claim["device"] = ids.ssb_feed_id(PHONE.public)
    owner.say(claim)
    owner.say({**adding(MAL.public, PHONE, "phone")})  # it accepted another owner
    roster = Roster(ANA.public, owner.messages)
    assert (roster.devices, roster.passed_over) == ({}, 2)


GOOD = adding(ANA.public, PHONE, "phone")
GONE = removing(PHONE.public, Head(7, "%" + "A" * 43 + "=.sha256"))


@pytest.mark.parametrize(
    "content",
    [{**GOOD, "name": ""}, {**GOOD, "name": "x" * 65}, {**GOOD, "name": 5}, {**GOOD, "device": 5},
     {**GOOD, "device": "@"},
     {**GOOD, "accepts": None}, {**GOOD, "accepts": "x"}, {k: v for k, v in GOOD.items() if k != "accepts"},
     adding(ANA.public, ANA, "myself"), removing(LAPTOP.public, None)],
)  # fmt: skip
def test_an_addition_that_breaks_a_rule_is_passed_over(content: dict) -> None:
    owner = Log(ANA)
    owner.say(content)
    roster = Roster(ANA.public, owner.messages)
    assert (roster.devices, roster.passed_over) == ({}, 1)


@pytest.mark.parametrize(
    "changes",
    [{"last": 0}, {"last": -1}, {"last": True}, {"last": False, "id": None}, {"last": 2**31}, {"last": "7"},
     {"id": None},
     {"id": "x"}, {"device": ids.ssb_feed_id(MAL.public)}],
)  # fmt: skip
def test_a_removal_that_breaks_a_rule_is_passed_over(changes: dict) -> None:
    owner, _, _ = person()
    owner.say({**GONE, **changes})
    roster = Roster(ANA.public, owner.messages)
    assert roster.passed_over == 1
    assert roster.devices[PHONE.public].removed is None


def test_other_entries_say_nothing_about_devices() -> None:
    owner, _, _ = person()
    for content in ({"type": "post", "device": "x"}, "AAAA.box", {"type": "device/add2"}):
        owner.say(content)
    roster = Roster(ANA.public, owner.messages)
    assert (len(roster.devices), roster.passed_over) == (2, 0)


def test_a_roster_takes_its_owners_log_in_order() -> None:
    owner, phone, _ = person()
    roster = Roster(ANA.public, owner.messages[:1])
    for wrong in (owner.messages[0], phone.post("x")):
        with pytest.raises(UsageError):
            roster.take(wrong)
    roster.take(owner.messages[1])
    assert len(roster.devices) == 2


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_a_device_has_a_name(name: str) -> None:
    with pytest.raises(UsageError):
        adding(ANA.public, PHONE, name)


def test_the_contents_are_plain_json() -> None:
    assert json.loads(json.dumps(GOOD)) == GOOD
    assert GONE["last"] == 7
