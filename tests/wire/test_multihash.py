"""Multihashes: the project's 260 published ones, and what must not pass for a proof."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import multicodec, multihash
from p2plib.wire.multihash import Multihash

CODES = {"sha1": 0x11, "sha2-256": 0x12, "sha2-512": 0x13, "sha3": 0x14}
FUNCTIONS = {
    "sha1": hashlib.sha1,
    "sha2-256": hashlib.sha256,
    "sha2-512": hashlib.sha512,
    "sha3": hashlib.sha3_512,
}
WHOLE_BITS = {"sha1": 160, "sha2-256": 256, "sha2-512": 512, "sha3": 512}


def test_published_example() -> None:
    # The multihash specification's own: sha2-256 of "multihash".
    raw = bytes.fromhex("12209cbc07c3f991725836a3aa2a581ca2029198aa420b9d99bc0e131d9f3e2cbe47")
    assert multihash.sha2_256(b"multihash").encode() == raw
    assert multihash.decode(raw) == multihash.sha2_256(b"multihash")
    assert multihash.encode(multihash.decode(raw)) == raw


def test_published_file(shared_vectors: Path) -> None:
    rows = list(csv.DictReader((shared_vectors / "multihash" / "test_cases.csv").open()))
    assert len(rows) == 260
    refused = 0
    for row in rows:
        raw = bytes.fromhex(row["multihash"])
        found = multihash.decode(raw)
        assert found.code == CODES[row["algorithm"]]
        assert len(found.digest) * 8 == int(row["bits"])
        assert found.encode() == raw
        assert FUNCTIONS[row["algorithm"]](row["input"].encode()).digest().startswith(found.digest)
        whole = int(row["bits"]) == WHOLE_BITS[row["algorithm"]]
        if whole and row["algorithm"] != "sha1":
            found.require_whole()
        else:
            refused += 1
            with pytest.raises(DecodeError):
                found.require_whole()
    assert refused == 200


@given(st.sampled_from([0x12, 0x13, 0x999, 0]), st.binary(max_size=32))
def test_round_trip(code: int, digest: bytes) -> None:
    made = Multihash(code, digest)
    assert multihash.decode(made.encode()) == made
    assert b"".join(field.raw for field in multihash.dissect(made.encode())) == made.encode()


def test_dissect_names_the_parts() -> None:
    fields = multihash.dissect(multihash.sha2_256(b"").encode())
    assert [(field.name, field.note) for field in fields] == [
        ("hash function", "sha2-256"),
        ("size", "32 bytes follow"),
        ("digest", ""),
    ]


@pytest.mark.fault("F028")
@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        ("", "ends inside"),
        ("12", "ends inside"),
        ("1220" + "00" * 31, "31 bytes, where its size says 32"),
        ("1220" + "00" * 33, "33 bytes, where its size says 32"),
        ("1221" + "00" * 33, "33 bytes, where 32 is the most"),
        ("120020", "where its size says 0"),
        ("92001400", "needs fewer"),
        ("12a000" + "00" * 32, "needs fewer"),
        ("00ffffffffffffffff7f00", "size says"),
    ],
)
def test_malformed(raw: str, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        multihash.decode(bytes.fromhex(raw))


@pytest.mark.fault("F018")
def test_identity_digests_are_bounded() -> None:
    multihash.decode(multihash.identity(b"x" * 128).encode())
    with pytest.raises(UsageError, match="at most 128"):
        multihash.identity(b"x" * 129)
    with pytest.raises(DecodeError, match="128 is the most"):
        multihash.decode(b"\x00\x81\x01" + b"x" * 129)


@pytest.mark.parametrize(
    ("made", "rule"),
    [
        (Multihash(multicodec.SHA1, bytes(20)), "known collisions"),
        (Multihash(multicodec.MD5, bytes(16)), "known collisions"),
        (Multihash(multicodec.SHA2_256, bytes(31)), "proves too little"),
        (Multihash(0x999, bytes(32)), "not a hash function that this library knows"),
    ],
)
def test_what_proves_nothing(made: Multihash, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        made.require_whole()
