"""What we want, and in which order."""

from __future__ import annotations

import pytest

from p2plib.data.blocks.bitswap.want_list import Want, WantList
from p2plib.data.dag.block import block_of

CIDS = [block_of(bytes([number])).cid for number in range(5)]
KEYS = [cid.multihash for cid in CIDS]


def wanted(most: int, *priorities: int) -> WantList:
    wants = WantList(most)
    for cid, priority in zip(CIDS, priorities, strict=False):
        wants.add(Want(cid, priority, 0))
    return wants


def test_the_backlog_becomes_active_while_there_is_room() -> None:
    wants = wanted(2, 1, 1, 1)
    assert (len(wants), wants.has_open, wants.get(KEYS[0])) == (3, True, None)
    assert [wants.begin_next() for _ in range(3)] == [KEYS[0], KEYS[1], None]
    assert wants.remove(KEYS[0]) is not None
    assert wants.begin_next() == KEYS[2]
    assert [want.cid for want in wants.values()] == CIDS[1:3]
    assert [key for key, _ in wants.items()] == KEYS[1:3]


def test_what_is_open_is_in_order_of_priority() -> None:
    wants = wanted(9, 1, 7, 1, 7)
    while wants.begin_next():
        pass
    assert list(wants.in_order()) == [KEYS[1], KEYS[3], KEYS[0], KEYS[2]]
    wants.shut(KEYS[1])
    wants.shut(KEYS[1])
    assert (wants.is_open(KEYS[1]), wants.is_open(KEYS[3])) == (False, True)
    wants.open(KEYS[1])
    assert list(wants.in_order())[:2] == [KEYS[3], KEYS[1]]
    for key in KEYS[:4]:
        wants.shut(key)
    assert not wants.has_open


def test_removed_from_the_backlog_or_unknown() -> None:
    wants = wanted(1, 1, 1)
    wants.begin_next()
    want = wants.remove(KEYS[1])
    assert want is not None
    assert want.cid == CIDS[1]
    assert wants.remove(KEYS[4]) is None
    assert (KEYS[0] in wants, KEYS[1] in wants, len(wants)) == (True, False, 1)
    with pytest.raises(KeyError):
        wants[KEYS[1]]
