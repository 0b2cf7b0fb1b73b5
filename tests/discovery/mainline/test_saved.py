"""What a node writes down, there and back, and what is no such thing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.mainline.deliveries import Announcement, Goods, Item
from p2plib.discovery.mainline.items import MutableItem, checked_immutable, sign_item
from p2plib.discovery.mainline.saved import FORMAT, GoodsField, SavedNode, decode
from p2plib.errors import DecodeError
from p2plib.identity.keys import SecretKey
from p2plib.machine.addresses import Contact
from p2plib.wire import bencode

SECRET = SecretKey.from_seed(bytes(32))
HERE = ("192.0.2.1", 6881)
IDS = st.integers(0, 2**160 - 1)
GOODS = st.one_of(
    st.builds(Announcement, IDS, st.integers(1, 65535), st.booleans()),
    st.builds(lambda value: Item(checked_immutable(value)), st.binary(max_size=50) | st.integers()),
    st.builds(
        lambda seq, salt: Item(sign_item(SECRET, b"v", seq, salt)), st.integers(0, 99), st.binary(max_size=9)
    ),
)


@given(
    IDS,
    st.lists(st.builds(Contact, IDS, st.just(("198.51.100.1", 4000))), max_size=5),
    st.lists(GOODS, max_size=4),
)
def test_there_and_back(ident: int, contacts: list[Contact], ours: list[Goods]) -> None:
    saved = SavedNode(ident, HERE, None, tuple(contacts), tuple(ours))
    assert decode(FORMAT.encode(saved)) == saved


def test_what_is_changed_cut_or_impossible() -> None:
    data = FORMAT.encode(SavedNode(5, HERE, None, (), ()))
    for bad in (data[:-1], data + b"x", b"", data.replace(b"Mainline", b"Kademlia")):
        with pytest.raises(DecodeError):
            decode(bad)
    for node in (
        SavedNode(2**161, HERE, None, (), ()),
        SavedNode(5, HERE, None, (Contact(2**161, HERE),), ()),
        SavedNode(5, HERE, None, (Contact(5, ("2001:db8::1", 4000)),), ()),
        SavedNode(5, HERE, None, (Contact(5, ("224.0.0.1", 4000)),), ()),
    ):
        with pytest.raises(DecodeError):
            decode(FORMAT.encode(node))


def test_goods_that_nobody_would_take() -> None:
    unsigned = MutableItem(SECRET.public.raw, b"", 1, b"x", bytes(64))
    field = GoodsField()
    for raw in (
        b"i5e",
        b"de",
        field.pack(Item(unsigned)),
        field.pack(Announcement(5, 0)),
        field.pack(Announcement(5, 70_000)),
        bencode.encode({b"v": bytes(1000)}),
        bencode.encode({b"v": 1, b"k": bytes(32)}),
        b"d1:v" + b"l" * 127 + b"e" * 127 + b"e",
        bencode.encode({b"info_hash": bytes(19), b"port": 1, b"implied_port": 0}),
    ):
        with pytest.raises(DecodeError):
            field.unpack(raw)
    assert field.show(Announcement(5, 1)) == f"announcement under {5:040x}"
