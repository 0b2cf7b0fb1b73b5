"""Several devices of one person: a log for each, and one log that says which they are.

One key on two devices is a fork waiting to happen (`p2plib.data.log.writer`). So no key is shared. Each
device has a key and a log of its own, and a person is the key of one more log, whose entries add and remove
devices: a feed of feeds. What the person said is what those devices said while they belonged to it.

Entries of the owner's log (classic messages)::

    {"type": "device/add", "device": "@….ed25519", "name": "phone", "accepts": "….sig.ed25519"}
    {"type": "device/remove", "device": "@….ed25519", "last": 7, "id": "%….sha256"}

Rules
    1. `accepts` is the device's signature of the owner's key, in the context "p2plib/device/1". Without it
       anybody could call a stranger's log their own.
    2. A device is added once. One that was removed does not come back: its key may be in other hands.
    3. `remove` names the last entry of the device that still counts, by number and id; `last` 0, with `id`
       null, for none. Entries after it do not count, whatever their timestamps say: whoever has a lost
       phone can date them as they like. Until that last entry is here, none of a removed device's count:
       whoever has the key can sign another beginning, too, and only the chain up to the named id is the
       person's.
    4. An entry of another type says nothing about devices. One of these types that breaks a rule is passed
       over, and counted in `passed_over`.

The owner's key signs only when devices come and go, so it can lie in a drawer. Whoever finds it there can add
devices; that is the price of having one key to answer for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from p2plib.data.log import classic
from p2plib.data.log.classic import ClassicMessage
from p2plib.data.log.formats import MAX_SEQUENCE, E, Head, head_of
from p2plib.errors import DecodeError, SignatureError, UsageError
from p2plib.identity import ids
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.wire.canonical_json import Value

CONTEXT = "p2plib/device/1"
MAX_NAME_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a person.

    Args:
        key: the author of its log.
        name: what its owner calls it.
        added: the number of the owner's entry that added it.
        removed: the number of the owner's entry that removed it; None while it belongs to the person.
        last: after a removal, the last entry that counts; None for none.
    """

    key: PublicKey
    name: str
    added: int
    removed: int | None = None
    last: Head | None = None


def adding(owner: PublicKey, device: SecretKey, name: str) -> dict[str, Value]:
    """The content with which an owner adds a device. The device makes it, since it has to accept.

    Args:
        owner: the person's key.
        device: the device's own key.
        name: 1 to 64 characters.

    Raises:
        UsageError: the name is empty or too long.
    """
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS:
        raise UsageError(f"a device's name has 1 to {MAX_NAME_CHARACTERS} characters")
    return {
        "type": "device/add",
        "device": ids.ssb_feed_id(device.public),
        "name": name,
        "accepts": classic.signature_text(device.sign(CONTEXT, owner.raw)),
    }


def removing(device: PublicKey, last: Head | None) -> dict[str, Value]:
    """The content with which an owner removes a device.

    Args:
        device: its key.
        last: the last entry of its log that counts; None for none.
    """
    return {
        "type": "device/remove",
        "device": ids.ssb_feed_id(device),
        "last": last.sequence if last else 0,
        "id": last.id if last else None,
    }


class Roster:
    """The devices of a person, as the owner's log has them.

    Args:
        owner: the person's key.
        entries: the owner's log so far, in order.

    Attributes:
        devices: every device that was ever added, by its key.
        passed_over: how many entries about devices broke a rule.

    Raises:
        UsageError: as `take`.
    """

    def __init__(self, owner: PublicKey, entries: Iterable[ClassicMessage] = ()) -> None:
        self.owner = owner
        self.devices: dict[PublicKey, Device] = {}
        self.passed_over = 0
        self._length = 0
        for each in entries:
            self.take(each)

    def take(self, message: ClassicMessage) -> None:
        """The next entry of the owner's log; what the feed has taken in is verified already.

        Args:
            message: any message of the owner; the numbers rise one by one.

        Raises:
            UsageError: it is of another log, or out of order.
        """
        if message.author != self.owner or message.sequence != self._length + 1:
            raise UsageError(f"entry {self._length + 1} of {self.owner!r} comes next")
        self._length = message.sequence
        content = message.content
        if not isinstance(content, dict) or content.get("type") not in ("device/add", "device/remove"):
            return
        try:
            key = classic.read_author(str(content.get("device")))
            if content["type"] == "device/add":
                device = self._added(key, content, message.sequence)
            else:
                device = self._removed(key, content, message.sequence)
        except (DecodeError, SignatureError):
            self.passed_over += 1
        else:
            self.devices[key] = device

    def said(self, key: PublicKey, log: Iterable[E]) -> list[E]:
        """The entries of a log that this person said.

        Args:
            key: its author.
            log: its entries in order, as `p2plib.data.log.feed` has taken them in, so that each names the one
                before it.

        Returns:
            Those that count, in order; none if the log is a stranger's, or is a removed device's and does not
            hold the last entry that its owner named.
        """
        device = self.devices.get(key)
        if device is None:
            return []
        if device.removed is None:
            return list(log)
        if device.last is None:
            return []
        counted = []
        for each in log:
            counted.append(each)
            if each.sequence >= device.last.sequence:
                return counted if head_of(each) == device.last else []
        return []

    def timeline(
        self, logs: Mapping[PublicKey, Iterable[ClassicMessage]]
    ) -> Iterator[tuple[str, ClassicMessage]]:
        """What the person said, with the name of the device that said it.

        Args:
            logs: the entries of each device's log, by its key; those of strangers are passed over.

        Returns:
            Name and message, in the order of timestamps, which are what each device claimed; within one
            device always in the order of its log.
        """
        said = [
            (each.timestamp, each.author, each.sequence, each)
            for key, entries in logs.items()
            for each in self.said(key, entries)
        ]
        latest: dict[PublicKey, float] = {}
        placed = []
        for timestamp, author, sequence, each in sorted(said, key=lambda row: (row[1], row[2])):
            latest[author] = max(timestamp, latest.get(author, timestamp))
            placed.append((latest[author], author, sequence, each))
        for _, author, _, each in sorted(placed, key=lambda row: row[:3]):
            yield self.devices[author].name, each

    def _added(self, key: PublicKey, content: Mapping[str, Value], at: int) -> Device:
        name = content.get("name")
        if key in self.devices or key == self.owner:
            raise DecodeError("a device is added only once, and it is not the owner")
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME_CHARACTERS:
            raise DecodeError("a device has a name")
        key.verify(CONTEXT, self.owner.raw, classic.read_signature(content.get("accepts")))
        return Device(key, name, at)

    def _removed(self, key: PublicKey, content: Mapping[str, Value], at: int) -> Device:
        device = self.devices.get(key)
        if device is None or device.removed is not None:
            raise DecodeError("only a device that is in use can be removed")
        last, last_id = content.get("last"), content.get("id")
        if last == 0 and last_id is None and not isinstance(last, bool):
            return replace(device, removed=at)
        if isinstance(last, bool) or not isinstance(last, int) or not 1 <= last <= MAX_SEQUENCE:
            raise DecodeError("the last entry that counts has a number")
        if not isinstance(last_id, str) or not classic.is_id(last_id):
            raise DecodeError("the last entry that counts has an id")
        return replace(device, removed=at, last=Head(last, last_id))
