"""The page says enough: its own cells, with nothing of ours, make our names and judge them as we do."""

from __future__ import annotations

import json

import pytest

from p2plib.data.dag.block import block_of
from p2plib.errors import DecodeError
from p2plib.wire import cid as cids
from p2plib.wire import multibase, multicodec
from tests.data.chunking import stranger

HELLO = cids.encode_bytes(block_of(b"hello").cid)


def text(raw: bytes) -> str:
    return multibase.encode("base32", raw)


def test_a_stranger_makes_our_names() -> None:
    contents = [b"", b"x", b"hello", bytes(10_000), bytes(range(256)) * 8]
    made = json.loads(stranger.run(stranger.NAME, json.dumps([data.hex() for data in contents])))
    assert made == [cids.to_text(block_of(data).cid) for data in contents]


def test_a_stranger_believes_what_we_believe() -> None:
    same = [
        cids.to_text(block_of(b"hello").cid),
        cids.to_text(block_of(b"hello", multicodec.DAG_PB).cid),
        cids.to_text(block_of(b"hello", multicodec.DAG_JSON).cid),
    ]
    other = [cids.to_text(block_of(b"Hello").cid)]
    said = json.loads(stranger.run(stranger.JUDGE, b"hello".hex(), json.dumps(same + other)))
    assert said == [True, True, True, False]


REFUSED = {
    "nothing": "",
    "one letter": "b",
    "cut": text(HELLO)[:-1],
    "a byte short": text(HELLO[:-1]),
    "a byte more": text(HELLO + b"\x00"),
    "four bytes of it": text(b"\x01\x55\x12\x04" + HELLO[4:8]),
    "a size that lies": text(HELLO[:3] + b"\x7f" + HELLO[4:]),
    "version 2": text(b"\x02" + HELLO[1:]),
    "a varint that is too long": text(b"\x81\x00" + HELLO[1:]),
    "a varint without an end": text(b"\xff" * 36),
    "a letter outside": text(HELLO)[:-1] + "0",
    "bits left over": text(HELLO)[:-1] + chr(ord(text(HELLO)[-1]) + 1),
    "a huge text": "b" + "a" * 100_000,
}


def test_a_stranger_refuses_what_we_refuse() -> None:
    for what, one in REFUSED.items():
        with pytest.raises(DecodeError):
            print(f"we take {what}: {cids.parse_text(one)}")
    said = json.loads(stranger.run(stranger.JUDGE, b"hello".hex(), json.dumps(list(REFUSED.values()))))
    assert dict(zip(REFUSED, said, strict=True)) == dict.fromkeys(REFUSED, "refused")
