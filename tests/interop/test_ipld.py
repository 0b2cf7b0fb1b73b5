"""npm's IPLD packages and ours: the same bytes and names, each other's CARs, the same search trees."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag import codecs, dag_cbor
from p2plib.data.dag.block import Block, block_of, checked
from p2plib.data.dag.car.file import CarFile
from p2plib.data.dag.car.format import encode_header
from p2plib.data.dag.car.reader import CarBlock, CarRefused, CarRoots, read_car
from p2plib.data.dag.car.writer import write_car, write_car_v2
from p2plib.data.dag.merkle_search_tree import SearchTree, build_tree
from p2plib.data.dag.search_diff import diff
from p2plib.data.dag.values import DagValue
from p2plib.errors import DecodeError, UsageError, WrongContent
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid, parse_text, to_text
from tests.data.dag.ipld_fixtures import SHA1, positive
from tests.interop.peers import ForeignPeer, PeerRefused

pytestmark = pytest.mark.interop

CODES = {"dag-cbor": multicodec.DAG_CBOR, "dag-json": multicodec.DAG_JSON, "dag-pb": multicodec.DAG_PB}
VALUES = 400


@pytest.fixture(scope="module")
def npm() -> Iterator[ForeignPeer]:
    with ForeignPeer("ipld.mjs") as peer:
        yield peer


def value_of(draw: random.Random, depth: int = 0) -> DagValue:
    """A value at random. No float is whole, for JavaScript has one type for 1 and 1.0; keys and text have no
    characters beyond the first plane, which JavaScript sorts elsewhere."""
    letters = 'abc/é€ \n"\\\u0001'
    kind = draw.randrange(7 if depth > 3 else 10)
    if kind == 0:
        return draw.choice([None, True, False])
    if kind == 1:
        bits = draw.choice([4, 8, 16, 32, 53, 64])
        return draw.choice([draw.getrandbits(bits), -draw.getrandbits(bits)])
    if kind == 2:
        return (draw.random() + 0.001) * draw.choice([1, -1, 1e-9, 1e6, 1e-200])
    if kind == 3:
        return draw.randbytes(draw.choice([0, 1, 23, 24, 300]))
    if kind == 4:
        return link_of(draw)
    if kind < 7:
        return "".join(draw.choices(letters, k=draw.choice([0, 1, 10, 40])))
    if kind == 7:
        return [value_of(draw, depth + 1) for _ in range(draw.randrange(6))]
    keys = {"".join(draw.choices(letters, k=draw.randrange(1, 6))) for _ in range(draw.randrange(6))}
    return {"k" + key: value_of(draw, depth + 1) for key in keys}


def link_of(draw: random.Random) -> Cid:
    data = draw.randbytes(8)
    if draw.random() < 0.2:
        return block_of(data, multicodec.DAG_PB, version=0).cid
    return block_of(data, draw.choice([0x55, 0x70, 0x71, 0x0129])).cid


def node_of(draw: random.Random) -> DagValue:
    """A node of dag-pb, its links in order."""
    names = sorted(("".join(draw.choices("abcé", k=3)) for _ in range(draw.randrange(5))), key=str.encode)
    links: list[DagValue] = [
        {"Hash": link_of(draw), "Name": name, "Tsize": draw.getrandbits(40)} for name in names
    ]
    return {"Data": draw.randbytes(9), "Links": links} if draw.random() < 0.8 else {"Links": links}


@pytest.mark.parametrize("source", ["dag-cbor", "dag-json"])
@pytest.mark.parametrize("target", ["dag-cbor", "dag-json"])
def test_values_are_the_same_bytes(npm: ForeignPeer, source: str, target: str) -> None:
    draw = random.Random(f"{source} {target}")
    values = [value_of(draw) for _ in range(VALUES)]
    raws = [codecs.encode(CODES[source], value).hex() for value in values]
    answers = npm.ask("translate", **{"from": source, "to": target}, raws=raws)
    for value, answer in zip(values, answers, strict=True):
        ours = codecs.block_from(value, CODES[target])
        assert answer == {"hex": ours.data.hex(), "cid": to_text(ours.cid)}
        assert codecs.decode(CODES[target], bytes.fromhex(answer["hex"])) == value


@pytest.mark.parametrize("target", ["dag-cbor", "dag-json", "dag-pb"])
def test_nodes_of_files_are_the_same_bytes(npm: ForeignPeer, target: str) -> None:
    draw = random.Random(5)
    values = [node_of(draw) for _ in range(VALUES)]
    for source in CODES:
        raws = [codecs.encode(CODES[source], value).hex() for value in values]
        answers = npm.ask("translate", **{"from": source, "to": target}, raws=raws)
        for value, answer in zip(values, answers, strict=True):
            ours = codecs.block_from(value, CODES[target])
            assert answer == {"hex": ours.data.hex(), "cid": to_text(ours.cid)}


def test_the_published_fixtures_are_the_same_to_both(npm: ForeignPeer, shared_vectors: Path) -> None:
    """In JavaScript a float that is whole is no float: those fixtures are left out."""
    count = 0
    for codec in ("dag-cbor", "dag-json"):
        chosen = {
            name: files[codec]
            for name, files in positive(shared_vectors).items()
            if name not in SHA1 and not name.startswith("float")
        }
        answers = npm.ask(
            "translate", **{"from": codec, "to": codec}, raws=[data.hex() for _, data in chosen.values()]
        )
        for (text, data), answer in zip(chosen.values(), answers, strict=True):
            assert answer == {"hex": data.hex(), "cid": text}
            assert codecs.encode(CODES[codec], codecs.decode(CODES[codec], data)) == data
            count += 1
    assert count > 200


@pytest.mark.fault("F025")
def test_verdicts_on_damaged_dag_cbor(npm: ForeignPeer) -> None:
    """Whatever we take, they take; what we refuse and they take is listed by its rule."""
    draw = random.Random(25)
    raws = []
    while len(raws) < 3000:
        raw = bytearray(dag_cbor.encode(value_of(draw)))
        if raw:
            raw[draw.randrange(len(raw))] = draw.randrange(256)
            raws.append(bytes(raw))
    theirs = npm.ask("verdicts", codec="dag-cbor", raws=[raw.hex() for raw in raws])
    stricter: dict[str, int] = {}
    taken = 0
    for raw, verdict in zip(raws, theirs, strict=True):
        try:
            dag_cbor.decode(raw)
        except DecodeError as error:
            if verdict:
                rule = next((rule for rule in STRICTER if rule in error.rule), error.rule)
                stricter[rule] = stricter.get(rule, 0) + 1
        else:
            assert verdict, raw.hex()
            taken += 1
    assert taken > 500
    assert set(stricter) <= set(STRICTER), stricter


STRICTER = (
    "or out of order",  # they do not look at the order of keys
    "the only simple values",  # they take "undefined"
    "a float has 8 bytes",  # they take shorter ones
    "not valid UTF-8",  # they put a replacement character
    "not a hash function that this library knows",
    "known collisions",
    "proves too little",
    "digest of",  # longer than its function makes it
)

BLOCKS = [
    block_of(b"one"),
    block_of(b"", multicodec.DAG_CBOR),
    block_of(b"two", multicodec.DAG_PB, version=0),
    block_of(bytes(70_000), function=multicodec.SHA2_512),
    *[block_of(b"%d" % number * number) for number in range(200)],
]


def shown(blocks: list[Block]) -> list[dict[str, str]]:
    return [{"cid": to_text(block.cid), "hex": block.data.hex()} for block in blocks]


@pytest.mark.parametrize("roots", [0, 1, 3])
def test_each_writes_and_reads_the_same_car(npm: ForeignPeer, roots: int) -> None:
    names = [block.cid for block in BLOCKS[:roots]]
    ours = b"".join(write_car(names, BLOCKS))
    theirs = npm.ask("writeCar", roots=[to_text(name) for name in names], blocks=shown(BLOCKS))
    assert theirs == ours.hex()
    answer = npm.ask("readCar", raw=ours.hex())
    assert answer == {"version": 1, "roots": [to_text(name) for name in names], "blocks": shown(BLOCKS)}
    head, *rest = read_car([bytes.fromhex(theirs)])
    assert head == CarRoots(1, tuple(names))
    assert [event.block for event in rest if isinstance(event, CarBlock)] == BLOCKS


def test_they_read_our_version_2_and_find_blocks_where_we_do(npm: ForeignPeer) -> None:
    file = io.BytesIO()
    header = write_car_v2(file, [BLOCKS[0].cid], BLOCKS)
    raw = file.getvalue()
    answer = npm.ask("readCar", raw=raw.hex())
    assert answer == {"version": 2, "roots": [to_text(BLOCKS[0].cid)], "blocks": shown(BLOCKS)}
    index = CarFile(file).index
    places = npm.ask("places", raw=raw.hex())
    assert len(places) == len(BLOCKS) == len(index)
    for name, offset in places:
        assert offset - header.data_offset in index.offsets(parse_text(name).multihash)


@pytest.mark.fault("F032")
def test_they_believe_a_wrong_block_and_we_do_not(npm: ForeignPeer) -> None:
    raw = b"".join(write_car([], [Block(BLOCKS[0].cid, b"onE")]))
    answer = npm.ask("readCar", raw=raw.hex())
    assert answer["blocks"] == [{"cid": to_text(BLOCKS[0].cid), "hex": b"onE".hex()}]
    _, refused = read_car([raw])
    assert isinstance(refused, CarRefused)
    assert isinstance(refused.error, WrongContent)
    for bad in (encode_header(()) + b"\0", raw[:-1], raw[:10], b""):
        with pytest.raises(PeerRefused):
            npm.ask("readCar", raw=bad.hex())
        with pytest.raises(DecodeError):
            list(read_car([bad]))


def records(count: int, seed: int) -> dict[bytes, Cid]:
    draw = random.Random(seed)
    return {
        b"%s/%013d" % (draw.choice([b"com.example.post", b"com.example.like"]), draw.randrange(10**6)): (
            block_of(b"%d" % draw.randrange(50)).cid
        )
        for _ in range(count)
    }


def pairs(content: dict[bytes, Cid]) -> list[list[str]]:
    return [[key.decode(), to_text(value)] for key, value in content.items()]


def tree_blocks(tree: SearchTree, store: MemoryBlocks) -> list[dict[str, str]]:
    return [
        {
            "cid": to_text(Cid(1, multicodec.DAG_CBOR, name)),
            "hex": store.get(Cid(1, multicodec.DAG_CBOR, name)).hex(),
        }
        for name in store.hashes()
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 30, 1000])
def test_trees_are_the_same_whoever_makes_them(npm: ForeignPeer, count: int) -> None:
    """They add in a random order and remove some again; ours is made at once, and is read by them."""
    content, extra = records(count, count), records(count // 4, 99)
    extra = {key: value for key, value in extra.items() if key not in content}
    mixed = [*content.items(), *extra.items()]
    random.Random(7).shuffle(mixed)
    theirs = npm.ask("grow", pairs=pairs(dict(mixed)), without=[key.decode() for key in extra])
    store = MemoryBlocks()
    tree = build_tree(store, content)
    assert theirs["root"] == to_text(tree.root)
    assert len(theirs["blocks"]) >= len(list(store.hashes()))
    copy = MemoryBlocks()
    copy.put(checked(parse_text(block["cid"]), bytes.fromhex(block["hex"])) for block in theirs["blocks"])
    assert dict(SearchTree(copy, parse_text(theirs["root"])).items()) == content
    answer = npm.ask("list", root=to_text(tree.root), blocks=tree_blocks(tree, store))
    assert answer == pairs(dict(sorted(content.items())))


@pytest.mark.parametrize("changed", [0, 1, 10, 200])
def test_differences_are_the_same(npm: ForeignPeer, changed: int) -> None:
    before = records(800, 3)
    after = dict(before)
    for key in random.Random(changed).sample(sorted(before), changed):
        if changed and random.Random(key).random() < 0.5:
            del after[key]
        else:
            after[key] = block_of(key).cid
    after |= records(changed, 1000 + changed)
    stores = MemoryBlocks(), MemoryBlocks()
    one, two = build_tree(stores[0], before), build_tree(stores[1], after)
    theirs: dict[str, Any] = npm.ask(
        "diff",
        before={"root": to_text(one.root), "blocks": tree_blocks(one, stores[0])},
        after={"root": to_text(two.root), "blocks": tree_blocks(two, stores[1])},
    )
    found = sorted(theirs["adds"] + theirs["updates"] + theirs["deletes"])
    ours = [
        [
            change.key.decode(),
            None if change.before is None else to_text(change.before),
            None if change.after is None else to_text(change.after),
        ]
        for change in diff(one, two)
    ]
    assert ours == found
    assert (len(ours) == 0) == (changed == 0)


def test_a_node_that_dag_pb_has_no_form_for(npm: ForeignPeer) -> None:
    for value in ({}, {"Links": None}, {"Links": [{}]}, {"Links": [], "more": 1}, [], 1):
        raw = dag_cbor.encode(value)  # type: ignore[arg-type]
        with pytest.raises(PeerRefused):
            npm.ask("translate", **{"from": "dag-cbor", "to": "dag-pb"}, raws=[raw.hex()])
        with pytest.raises(UsageError):
            codecs.encode(multicodec.DAG_PB, value)  # type: ignore[arg-type]
