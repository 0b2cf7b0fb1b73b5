"""Events: what happens to a host on a link, and what it waits for."""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.discovery.mdns.records import ResourceRecord
from p2plib.machine.timers import TimerName


class MdnsTimer(TimerName):
    """What a host waits for."""

    CLAIM = "the next probe or announcement of a claim"
    REPLY = "answers that go now"
    ASK = "a question's next time"
    REFRESH = "a record that somebody waits for grows old"
    EXPIRE = "a record's time is over"


@dataclass(frozen=True, slots=True)
class NameClaimed:
    """A claim's names are ours, and the link has been told."""

    number: int
    label: str


@dataclass(frozen=True, slots=True)
class NameChanged:
    """Another host has a claim's name: it goes on with another label."""

    number: int
    label: str
    contradiction: ResourceRecord
    sender: str


@dataclass(frozen=True, slots=True)
class RecordHeard:
    """Another host has said something new."""

    record: ResourceRecord
    sender: str


@dataclass(frozen=True, slots=True)
class RecordGone:
    """What another host has said does not hold any more: it was taken back, replaced or not renewed."""

    record: ResourceRecord


MdnsEvent = NameClaimed | NameChanged | RecordHeard | RecordGone
