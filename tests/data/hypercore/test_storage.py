"""The feed in memory, and how a storage's nodes look like a mapping."""

from __future__ import annotations

import pytest

from p2plib.data.hypercore.storage import BothNodes, CoreChange, KnownNodes, MemoryCore
from p2plib.data.hypercore.tree import TreeNode
from tests.data.hypercore.feeds import content, feed


def test_a_change_in_memory() -> None:
    memory, author = MemoryCore(), feed(3)
    nodes = [author.storage.node(index) for index in (0, 1, 2, 4)]
    memory.write(CoreChange(nodes, [(0, content(0))], author.head, [0]))
    assert memory.head == author.head
    assert memory.read(0, len(content(0))) == content(0)
    assert memory.read(0, 0) == b""
    assert author.head is not None
    assert memory.signature(3) == author.head.signature
    assert memory.signature(2) == b""
    assert memory.bits.count() == 1
    memory.write(CoreChange(head=feed(2).head))
    assert memory.head == author.head, "a shorter head does not replace a longer one"
    memory.erase(0, 0, len(content(0)))
    assert memory.bits.count() == 0
    memory.close()


def test_the_nodes_of_a_storage() -> None:
    known = KnownNodes(feed(3).storage)
    assert 1 in known
    assert 3 not in known
    assert known[1].index == 1
    with pytest.raises(KeyError):
        known[3]
    both = BothNodes({3: TreeNode(3, bytes(32), 9)}, known)
    assert both[3].size == 9
    assert both[1] == known[1]
    assert list(both) == [3]
    assert len(both) == 1
