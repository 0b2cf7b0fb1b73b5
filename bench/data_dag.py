"""What values in blocks cost: DAG-CBOR beside PyPI's dag-cbor, and comparing two search trees.

    python bench/data_dag.py
    python bench/data_dag.py --records 5000 --rounds 7

Five kinds of records: posts as the AT Protocol has them (text, a few links), nodes of its search trees
(mostly links), rows of measurements (floats and whole numbers, no text and no links), sound (numbers of 16
bits and nothing else), and directories (maps whose keys are all different). Each kind is read as one value,
and once more block by block. The best of the rounds counts; times are processor time. Ratios travel between
machines; milliseconds do not.

A search tree with ten times as many keys as there are records is changed in one place, in ten and in a
hundred; what is counted is how many nodes are read to find the changes.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import time
from collections.abc import Callable
from random import Random
from typing import Any

import dag_cbor as theirs
from multiformats import CID

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag import dag_cbor as ours
from p2plib.data.dag.merkle_search_tree import build_tree
from p2plib.data.dag.search_diff import diff
from p2plib.wire import cid as cids
from p2plib.wire.cid import Cid

Link = Callable[[int], Any]


def name_of(number: int) -> bytes:
    return b"\x01\x71\x12\x20" + hashlib.sha256(b"%d" % number).digest()


def posts(count: int, link: Link) -> list[Any]:
    draw, found = Random(1), []
    for number in range(count):
        words = draw.choices(["content", "merkle", "häufig", "peer", "the", "of"], k=draw.randrange(3, 30))
        post: dict[str, Any] = {
            "$type": "app.example.feed.post", "text": " ".join(words), "langs": ["en"], "embed": None,
            "createdAt": f"2024-05-{draw.randrange(1, 29):02}T12:00:00.{draw.randrange(1000):03}Z",
            "likes": draw.randrange(5000), "score": draw.random(), "sensitive": draw.random() < 0.1,
        }  # fmt: skip
        if number % 3 == 0:
            uri = f"at://did:plc:abc/app.example.feed.post/{number}"
            post["reply"] = {name: {"cid": link(number), "uri": uri} for name in ("root", "parent")}
        found.append(post)
    return found


def nodes(count: int, link: Link) -> list[Any]:
    draw = Random(2)

    def entry() -> dict[str, Any]:
        after = link(draw.randrange(9999)) if draw.random() < 0.3 else None
        return {"p": draw.randrange(40), "k": draw.randbytes(12), "v": link(draw.randrange(9999)), "t": after}

    return [{"l": link(number), "e": [entry() for _ in range(4)]} for number in range(count)]


def measurements(count: int, link: Link) -> list[Any]:
    draw = Random(3)
    return [
        {
            "t": 1_600_000_000 + number * 7,
            "id": number,
            "v": [draw.random(), draw.random(), draw.randrange(-1000, 1000), draw.randrange(10**6)],
        }
        for number in range(count)
    ]


def sound(count: int, link: Link) -> list[Any]:
    draw = Random(4)
    return [[draw.randrange(-(2**15), 2**15) for _ in range(50)] for _ in range(count)]


def directories(count: int, link: Link) -> list[Any]:
    draw = Random(5)
    return [
        {f"{draw.randrange(10**9):x}.txt": draw.randrange(10**5) for _ in range(20)} for _ in range(count)
    ]


def best(doing: Callable[[], object], rounds: int) -> float:
    """Milliseconds of processor time in the best round."""
    taken = []
    for _ in range(rounds):
        begun = time.process_time()
        doing()
        taken.append(time.process_time() - begun)
    return 1000 * min(taken)


def codecs(records: int, rounds: int) -> None:
    title = f"{records} records, milliseconds"
    print(f"{title:<36}decode                    encode                    decode, block by block")
    for make in (posts, nodes, measurements, sound, directories):
        their_value = make(records, lambda number: CID.decode(name_of(number)))
        our_value = make(records, lambda number: cids.decode_bytes(name_of(number)))
        raw = theirs.encode(their_value)
        assert ours.encode(our_value) == raw
        assert ours.decode(raw) == our_value
        blocks = [ours.encode(record) for record in our_value]
        line = f"{make.__name__:<14}{len(raw):>9} bytes"
        pairs = (
            (lambda raw=raw: theirs.decode(raw), lambda raw=raw: ours.decode(raw)),
            (lambda v=their_value: theirs.encode(v), lambda v=our_value: ours.encode(v)),
            (lambda b=blocks: [*map(theirs.decode, b)], lambda b=blocks: [*map(ours.decode, b)]),
        )
        for their_way, our_way in pairs:
            slow, fast = best(their_way, rounds), best(our_way, rounds)
            line += f"   {slow:7.1f} / {fast:5.1f} = {slow / fast:4.1f} x"
        print(line)


class CountingBlocks(MemoryBlocks):
    """Counts the blocks that are read."""

    count = 0

    def get(self, cid: Cid) -> bytes:
        self.count += 1
        return super().get(cid)


def trees(keys: int) -> None:
    link = cids.decode_bytes(name_of(0))
    content = {b"app.example.post/%013d" % (number * 7919): link for number in range(keys)}
    store = CountingBlocks()
    tree = build_tree(store, content)
    node_count = len(list(store.hashes()))
    for changes in (1, 10, 100):
        other = tree
        for key in Random(changes).sample(sorted(content), changes):
            other = other.add(key + b"x", link)
        store.count = 0
        assert len(list(diff(tree, other))) == changes
        print(f"{changes:>4} of {keys} keys differ: {store.count} of {2 * node_count} nodes read")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(platform.platform(), platform.python_implementation(), platform.python_version())
    codecs(given.records, given.rounds)
    trees(10 * given.records)


if __name__ == "__main__":
    main()
