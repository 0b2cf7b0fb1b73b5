"""CIDs: published ones, the codec fixtures' 230 file names, and misuse of version 0."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cid, multibase, multicodec, multihash
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash

# The CID specification's example, and the version 0 of the empty directory that every IPFS node knows.
V1 = "zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA"
V1_DIGEST = "6e6ff7950a36187a801613426e858dce686cd7d7e3c0fc42ee0330072d245c95"
EMPTY_DIRECTORY = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
EMPTY_DIRECTORY_V1 = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"


def test_published_version_1() -> None:
    found = cid.parse_text(V1)
    assert found == Cid(1, multicodec.RAW, Multihash(multicodec.SHA2_256, bytes.fromhex(V1_DIGEST)))
    assert cid.to_text(found, "base58btc") == V1
    assert cid.parse_text(cid.to_text(found)) == found


def test_published_version_0() -> None:
    found = cid.parse_text(EMPTY_DIRECTORY)
    assert (found.version, found.codec) == (0, multicodec.DAG_PB)
    assert cid.to_text(found) == EMPTY_DIRECTORY
    assert cid.parse_text(EMPTY_DIRECTORY_V1) == Cid(1, found.codec, found.multihash)
    # dag-pb of an empty UnixFS directory is the message {1: {1: 1}}.
    assert found.multihash == multihash.sha2_256(bytes.fromhex("0a020801"))


def test_the_codec_fixtures(shared_vectors: Path) -> None:
    files = sorted((shared_vectors / "ipld-codec-fixtures" / "fixtures").glob("*/*.*"))
    assert len(files) > 200
    for path in files:
        found = cid.parse_text(path.stem)
        assert multicodec.name(found.codec) == path.suffix[1:]
        assert found.multihash.digest == hashlib.sha256(path.read_bytes()).digest()
        assert cid.to_text(found) == path.stem


@given(st.sampled_from([multicodec.RAW, multicodec.LIBP2P_KEY, 0x300]), st.binary(max_size=60), st.booleans())
def test_round_trip(codec: int, data: bytes, by_identity: bool) -> None:
    made = Cid(1, codec, multihash.identity(data) if by_identity else multihash.sha2_256(data))
    raw = cid.encode_bytes(made)
    assert cid.decode_bytes(raw) == made
    assert b"".join(field.raw for field in cid.dissect(raw)) == raw
    for base in ("base32", "base36", "base16", "base2"):
        assert cid.parse_text(cid.to_text(made, base)) == made


@pytest.mark.parametrize("version", [0, 1])
def test_dissect(version: int) -> None:
    raw = cid.encode_bytes(Cid(version, multicodec.DAG_PB, multihash.sha2_256(b"")))
    names = [field.name for field in cid.dissect(raw)]
    assert names == ["version", "codec"] * version + ["hash function", "size", "digest"]


HASH = multihash.sha2_256(b"").encode()


@pytest.mark.fault("F028")
@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"", "ends inside"),
        (b"\x01", "ends inside"),
        (b"\x01\x55", "ends inside"),
        (b"\x00\x55" + HASH, "no CID version 0"),
        (b"\x02\x55" + HASH, "no CID version 2"),
        (b"\x03\x55" + HASH, "no CID version 3"),
        (HASH[:-1], "version 0 of the wrong size"),
        (HASH + b"\0", "version 0 of the wrong size"),
        (b"\x01\x55" + HASH[:-1], "31 bytes, where its size says 32"),
        (b"\x01\x55" + HASH + b"\0", "33 bytes, where its size says 32"),
        (b"\x81\x00\x55" + HASH, "needs fewer"),
        (b"\x01\x55\x12\x14" + bytes(20), "proves too little"),
        (b"\x01\x55\x11\x14" + bytes(20), "known collisions"),
        (b"\x01\x55\xd5\x01\x10" + bytes(16), "known collisions"),
        (b"\x01\x55\x99\x7f\x20" + bytes(32), "not a hash function"),
    ],
)
def test_malformed_bytes(raw: bytes, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        cid.decode_bytes(raw)


@pytest.mark.fault("F028")
@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "empty"),
        ("xyz", "not a multibase prefix"),
        (multibase.encode("base58btc", HASH), "it has no multibase form"),
        (multibase.encode("base32", HASH), "it has no multibase form"),
        (EMPTY_DIRECTORY[:-1], "not a multibase prefix"),
        (EMPTY_DIRECTORY[:-1] + "0", "'0' is not a letter"),
        ("b" * 3000, "more than 2048"),
    ],
)
def test_malformed_text(text: str, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        cid.parse_text(text)


def test_what_version_0_cannot_name() -> None:
    with pytest.raises(DecodeError, match="dag-pb under sha2-256"):
        Cid(0, multicodec.RAW, multihash.sha2_256(b""))
    with pytest.raises(DecodeError, match="dag-pb under sha2-256"):
        Cid(0, multicodec.DAG_PB, multihash.identity(b""))
    with pytest.raises(UsageError, match="base59"):
        cid.to_text(Cid(1, multicodec.RAW, multihash.sha2_256(b"")), "base59")
