"""Merkle search trees: one set of keys has one root, however it was made; ranges; hostile trees."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag import dag_cbor
from p2plib.data.dag.block import Block, block_of
from p2plib.data.dag.codecs import block_from
from p2plib.data.dag.merkle_search_tree import SearchTree, build_tree
from p2plib.data.dag.search_diff import diff
from p2plib.data.dag.search_node import layer_of
from p2plib.data.dag.values import links_in
from p2plib.errors import DecodeError, NotFound, OverBudget, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from tests.data.dag.search_trees import CONTENT, KEYS, LINKS, CountingBlocks, records


def test_the_root_of_nothing_is_the_published_one() -> None:
    root = build_tree(MemoryBlocks(), {}).root
    assert cids.to_text(root) == "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm"


@given(CONTENT, st.randoms(use_true_random=False))
def test_one_set_of_keys_has_one_root(content: dict[bytes, Cid], draw: random.Random) -> None:
    store = MemoryBlocks()
    tree = build_tree(store, content)
    assert dict(tree.items()) == content
    keys = list(content)
    draw.shuffle(keys)
    grown = build_tree(store, {})
    for key in keys:
        grown = grown.add(key, content[key])
    assert grown.root == tree.root
    draw.shuffle(keys)
    for number, key in enumerate(keys):
        grown = grown.remove(key)
        left = {key: content[key] for key in keys[number + 1 :]}
        assert grown.root == build_tree(MemoryBlocks(), left).root


@given(CONTENT, KEYS, st.sampled_from(LINKS))
def test_one_key_added_changed_or_removed(content: dict[bytes, Cid], key: bytes, link: Cid) -> None:
    store = MemoryBlocks()
    tree = build_tree(store, content)
    more = tree.add(key, link)
    assert more.get(key) == link
    assert dict(more.items()) == content | {key: link}
    assert dict(tree.items()) == content
    assert more.root == build_tree(store, content | {key: link}).root
    if key in content:
        assert tree.get(key) == content[key]
    else:
        assert more.remove(key).root == tree.root
        with pytest.raises(NotFound, match="not in this tree"):
            tree.get(key)
        with pytest.raises(NotFound, match="not in this tree"):
            tree.remove(key)


@given(CONTENT, KEYS, KEYS)
def test_ranges(content: dict[bytes, Cid], start: bytes, end: bytes) -> None:
    tree = build_tree(MemoryBlocks(), content)
    wanted = [(key, content[key]) for key in sorted(content)]
    assert list(tree.items()) == wanted
    assert list(tree.items(start)) == [pair for pair in wanted if pair[0] >= start]
    assert list(tree.items(start, end)) == [pair for pair in wanted if start <= pair[0] < end]


def test_a_range_reads_only_its_part() -> None:
    store, content = CountingBlocks(), records(3000)
    tree = build_tree(store, content)
    keys = sorted(content)
    assert [key for key, _ in tree.items(keys[1000], keys[1010])] == keys[1000:1010]
    assert store.count < 40
    store.count = 0
    assert tree.get(keys[5]) == content[keys[5]]
    assert store.count <= 10


def test_a_key_more_makes_few_nodes() -> None:
    store = MemoryBlocks()
    tree = build_tree(store, records(1000))
    before = set(store.hashes())
    assert len(before) == 305
    tree.add(b"com.example.record/new", LINKS[0])
    assert 0 < len(set(store.hashes()) - before) <= 10


def test_what_was_written_is_the_tree_and_nothing_else() -> None:
    """No node that an operation made on its way stays behind."""
    store, content = MemoryBlocks(), records(200)
    tree = build_tree(store, content)
    for key in list(content)[:20]:
        old = set(store.hashes())
        smaller = tree.remove(key)
        assert set(store.hashes()) - old <= reachable(smaller)
        assert smaller.add(key, content[key]).root == tree.root


def test_nodes_are_stored_before_those_that_name_them() -> None:
    """So a crash in between leaves no tree with holes."""
    store = OrderedPuts()
    tree = build_tree(store, records(100))
    for number in range(30):
        tree = tree.add(b"key/%d" % number, LINKS[0])
    for key in list(records(100))[:30]:
        tree = tree.remove(key)
    assert store.count > 100


class OrderedPuts(MemoryBlocks):
    """Wants each node after the nodes below it."""

    count = 0

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        for block in blocks:
            for link in links_in(dag_cbor.decode(block.data)):
                assert link in LINKS or self.has(link)
            super().put([block], durable=durable)
            self.count += 1


def reachable(tree: SearchTree) -> set[object]:
    found, waiting = set(), [tree.root]
    while waiting:
        cid = waiting.pop()
        if cid not in LINKS:
            found.add(cid.multihash)
            waiting += links_in(dag_cbor.decode(tree.store.get(cid)))
    return found


@pytest.mark.parametrize("key", [b"", bytes(1025), "text"])
def test_keys_that_cannot_be(key: bytes) -> None:
    tree = build_tree(MemoryBlocks(), {})
    for use in (tree.get, tree.remove, lambda key: tree.add(key, LINKS[0])):
        with pytest.raises(UsageError):
            use(key)
    with pytest.raises(UsageError):
        build_tree(MemoryBlocks(), {key: LINKS[0]})


def node(first: Cid | None, *entries: tuple[bytes, Cid | None]) -> Block:
    """A node with whole keys, right or wrong."""
    shown = [{"p": 0, "k": key, "v": LINKS[0], "t": after} for key, after in entries]
    return block_from({"l": first, "e": shown})  # type: ignore[dict-item]


def key_of(layer: int, letter: bytes) -> bytes:
    return next(key for number in range(100_000) if layer_of(key := letter + b"%d" % number) == layer)


@pytest.mark.fault("F119")
def test_hostile_trees_end_with_an_error() -> None:
    low, high = key_of(0, b"b"), key_of(1, b"c")
    leaf = node(None, (low, None))
    empty = node(None)
    for root, children in (
        (node(leaf.cid, (key_of(1, b"a"), None)), [leaf]),  # a key before its bounds
        (node(leaf.cid, (high, leaf.cid)), [leaf]),  # one subtree twice
        (node(leaf.cid, (key_of(2, b"c"), None)), [leaf]),  # a layer left out
        (node(leaf.cid), [leaf]),  # a root that only leads on
        (node(empty.cid, (high, None)), [empty]),  # a subtree of nothing
        (node(None, (high, None), (key_of(1, b"d"), leaf.cid)), [leaf]),  # a key after its bounds
        (node(None, (high, None), (low, None)), []),  # two layers in one node
    ):
        store = MemoryBlocks()
        store.put([root, *children])
        tree = SearchTree(store, root.cid)
        with pytest.raises(DecodeError):
            list(tree.items())
    store = MemoryBlocks()
    good = node(leaf.cid, (high, None))
    store.put([good, leaf])
    assert [key for key, _ in SearchTree(store, good.cid).items()] == [low, high]


@pytest.mark.fault("F119")
def test_a_chain_of_empty_nodes_is_bounded_by_its_layers() -> None:
    store = CountingBlocks()
    chain = [node(None, (key_of(0, b"b"), None))]
    for _ in range(10_000):
        chain.append(node(chain[-1].cid))
    root = node(chain[-1].cid, (key_of(3, b"c"), None))
    store.put([*chain, root])
    tree, good = SearchTree(store, root.cid), build_tree(MemoryBlocks(), {key_of(0, b"b"): LINKS[0]})
    for use in (
        lambda: list(tree.items()),
        lambda: tree.get(key_of(0, b"b")),
        lambda: tree.add(key_of(0, b"a"), LINKS[0]),
        lambda: tree.add(key_of(4, b"a"), LINKS[0]),
        lambda: tree.remove(key_of(0, b"b")),
        lambda: list(diff(tree, good)),
        lambda: list(diff(good, tree)),
    ):
        store.count = 0
        with pytest.raises(DecodeError):
            use()
        assert store.count <= 4
    assert set(store.hashes()) == {block.cid.multihash for block in (*chain, root)}


@pytest.mark.fault("F119")
@given(CONTENT, st.data())
def test_trees_with_one_changed_node(content: dict[bytes, Cid], data: st.DataObject) -> None:
    """Whatever stands in it, each operation ends with a result or a documented error, and `items` rise."""
    store = ChangedBlocks()
    tree = build_tree(store, content, max_nodes=100)
    names = sorted(store.hashes(), key=lambda name: name.digest)
    raw = bytearray(store.get(Cid(1, multicodec.DAG_CBOR, data.draw(st.sampled_from(names)))))
    store.old = bytes(raw)
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    store.new = bytes(raw)
    good = build_tree(MemoryBlocks(), content)
    for use in (
        lambda: sorted_keys(tree),
        lambda: list(diff(good, tree)),
        lambda: list(diff(tree, good)),
        lambda: tree.get(b"key/5"),
        lambda: tree.add(b"key/5", LINKS[0]),
        lambda: tree.remove(b"key/5"),
    ):
        with contextlib.suppress(DecodeError, NotFound, OverBudget):
            use()


class ChangedBlocks(MemoryBlocks):
    """Gives other bytes for one block, as if a stranger's tree had them there."""

    old = new = b""

    def get(self, cid: Cid) -> bytes:
        raw = super().get(cid)
        return self.new if raw == self.old else raw


def sorted_keys(tree: SearchTree) -> None:
    keys = [key for key, _ in tree.items()]
    assert keys == sorted(set(keys))


def test_budgets_and_missing_nodes() -> None:
    store, content = MemoryBlocks(), records(300)
    tree = build_tree(store, content, max_nodes=3)
    with pytest.raises(OverBudget):
        list(tree.items())
    whole = SearchTree(store, tree.root)
    assert len(list(whole.items())) == 300
    leaf = block_of(b"", multicodec.DAG_CBOR).cid
    with pytest.raises(NotFound):
        SearchTree(store, leaf).get(b"x")
    with pytest.raises(DecodeError, match="raw"):
        SearchTree(store, LINKS[0]).get(b"x")
