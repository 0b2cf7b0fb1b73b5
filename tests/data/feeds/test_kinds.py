"""The three kinds of feed: what each has that the others have not."""

from __future__ import annotations

import pytest

from p2plib.data.feeds.kinds import ChainFeed, GraphFeed, TreeFeed, replicas
from p2plib.data.hyperlog.graph import Hyperlog
from p2plib.data.log.validate import ClassicFormat
from p2plib.errors import InvalidEntry, UsageError
from tests.data.feeds.test_interface import WRITER, filled


def test_a_parcel_of_a_chain_is_a_message_of_scuttlebutt() -> None:
    feed, _ = filled("chain", [b"caf\xe9"])
    message = ClassicFormat().parse(feed.parcel(1))
    ClassicFormat().verify(message)
    assert message.content == {"type": "note", "text": "café"}


def test_a_chain_is_taken_in_order_and_a_tree_in_any() -> None:
    feed, reader = filled("chain", [b"1", b"2"])
    with pytest.raises(InvalidEntry):
        reader.receive(feed.parcel(2))
    feed, reader = filled("tree", [b"1", b"2", b"3"])
    assert reader.receive(feed.parcel(3))
    assert list(reader.contents()) == [b"3"]
    assert len(reader) == 3


def test_a_graph_takes_causes_first_and_has_many_writers() -> None:
    feed, reader = filled("graph", [b"1", b"2"])
    with pytest.raises(InvalidEntry):
        reader.receive(feed.parcel(2))
    reader.receive(feed.parcel(1))
    reader.append(b"from the reader")
    reader.receive(feed.parcel(2))
    assert len(reader.head.split()) == 2
    assert isinstance(reader, GraphFeed)
    reader.graph.append(b"both")
    assert len(reader.head.split()) == 1


def test_erased_entries_are_left_out() -> None:
    chain, _ = filled("chain", [b"1", b"2", b"3"])
    assert isinstance(chain, ChainFeed)
    chain.log.erase(2)
    assert list(chain.contents()) == [b"1", b"3"]
    tree, _ = filled("tree", [b"1", b"2", b"3"])
    assert isinstance(tree, TreeFeed)
    tree.core.clear(1)
    assert list(tree.contents()) == [b"1", b"3"]


def test_there_are_three_kinds() -> None:
    with pytest.raises(UsageError, match="chain, graph, tree"):
        replicas("ring", WRITER)
    assert GraphFeed(Hyperlog("x")).head == ""
