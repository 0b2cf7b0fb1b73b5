"""Which blocks are pinned, for whom or what: records in an ordered store, and the same as a table in memory.

::

    prefix ‖ size of cid ‖ cid ‖ label → "recursive" or "direct"
    "block pin" 00 24 01711220... "album 7" → "recursive"
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from p2plib.data.blocks.ordered import end_of
from p2plib.data.stores.interfaces import Delete, OrderedStore, Put
from p2plib.errors import DecodeError, StoreCorrupt, UsageError
from p2plib.wire import cid as cids
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash

PINS_PREFIX = b"block pin\0"
MAX_LABEL_BYTES = 255
RECURSIVE, DIRECT = b"recursive", b"direct"


@dataclass(frozen=True, slots=True, order=True)
class BlockPin:
    """One pin of a block.

    Args:
        label: for whom or what: 1 to 255 bytes of UTF-8.
        is_recursive: whether it keeps what is under the block too.
    """

    label: str
    is_recursive: bool = True


def _encoded_label(label: str) -> bytes:
    try:
        raw = label.encode("utf8")
    except UnicodeEncodeError:
        raise UsageError("the label of a pin is text that can be written as UTF-8") from None
    if not 1 <= len(raw) <= MAX_LABEL_BYTES:
        raise UsageError(f"the label of a pin has 1 to {MAX_LABEL_BYTES} bytes, not {len(raw)}")
    return raw


class PinRecords:
    """The pins that an ordered store keeps. Each change is durable before it is seen.

    Args:
        store: where they are kept; it may hold other things too.
        prefix: what their keys in it begin with.

    Raises:
        StoreCorrupt: a record with the prefix is not a pin; to ignore it could cost the blocks it kept.
        UsageError: the prefix is empty, or ends with ff.
    """

    def __init__(self, store: OrderedStore, prefix: bytes = PINS_PREFIX) -> None:
        self._store = store
        self._prefix = prefix
        self._pins: dict[Cid, dict[str, bool]] = {}
        self._cids: dict[Multihash, set[Cid]] = {}  # the keys of `_pins`, by their hash
        for record, kind in store.scan(prefix, end_of(prefix)):
            cid, label = self._parsed(record, kind)
            self._note(cid, label, kind == RECURSIVE)

    def demand_label(self, label: str) -> None:
        """Raises UsageError unless this can be the label of a pin."""
        _encoded_label(label)

    def add(self, cid: Cid, pin: BlockPin) -> None:
        """Keep a pin, durably; one of the same label is replaced."""
        self._store.write([Put(self._record(cid, pin.label), RECURSIVE if pin.is_recursive else DIRECT)])
        self._note(cid, pin.label, pin.is_recursive)

    def remove(self, cid: Cid, label: str) -> None:
        """Remove a pin, if it is there."""
        self._store.write([Delete(self._record(cid, label))])
        labels = self._pins.get(cid, {})
        labels.pop(label, None)
        if not labels and self._pins.pop(cid, None) is not None:
            self._cids[cid.multihash].remove(cid)
            if not self._cids[cid.multihash]:
                del self._cids[cid.multihash]

    def of(self, cid: Cid) -> tuple[BlockPin, ...]:
        """The pins of an identifier, in the order of their labels."""
        return tuple(sorted(BlockPin(*entry) for entry in self._pins.get(cid, {}).items()))

    def labels(self, multihash: Multihash) -> tuple[str, ...]:
        """The labels of all pins of a block, under any version and codec."""
        return tuple(label for cid in self._cids.get(multihash, ()) for label in self._pins[cid])

    def __iter__(self) -> Iterator[Cid]:
        return iter(self._pins)

    def is_recursive(self, cid: Cid) -> bool:
        """Whether a pin of this identifier keeps what is under it."""
        return any(self._pins.get(cid, {}).values())

    def _note(self, cid: Cid, label: str, is_recursive: bool) -> None:
        self._pins.setdefault(cid, {})[label] = is_recursive
        self._cids.setdefault(cid.multihash, set()).add(cid)

    def _record(self, cid: Cid, label: str) -> bytes:
        raw = cids.encode_bytes(cid)
        return self._prefix + bytes([len(raw)]) + raw + _encoded_label(label)

    def _parsed(self, record: bytes, kind: bytes) -> tuple[Cid, str]:
        rest = record[len(self._prefix) :]
        try:
            cid = cids.decode_bytes(rest[1 : 1 + rest[0]])
            label = rest[1 + rest[0] :].decode("utf8")
        except (DecodeError, UnicodeDecodeError, IndexError):
            label = ""
        is_label = 1 <= len(label.encode()) <= MAX_LABEL_BYTES
        if not is_label or kind not in (RECURSIVE, DIRECT):
            raise StoreCorrupt(f"{record[:60]!r} is not the record of a pin", "the store of pins")
        return cid, label
