"""Which texts may name a blob: every rule on both of its sides."""

from __future__ import annotations

import hashlib
import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.stores.blobs.conformance import NO_HASHES, NO_KEYS, ODD_KEYS
from p2plib.data.stores.blobs.names import (
    MAX_KEY_BYTES,
    demand_content_key,
    demand_key,
    promised_key,
    why_no_key,
)
from p2plib.errors import UsageError, WrongContent


@pytest.mark.parametrize("key", NO_KEYS, ids=ascii)
def test_what_no_blob_may_be_called(key: str) -> None:
    assert why_no_key(key)
    with pytest.raises(UsageError, match="is not the key of a blob: it "):
        demand_key(key)


@pytest.mark.parametrize("key", ODD_KEYS, ids=ascii)
def test_what_a_blob_may_be_called_however_odd(key: str) -> None:
    assert why_no_key(key) is None
    demand_key(key)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("/a", "absolute"),
        ("a/../b", r"'\.\.'"),
        ("a\0", "NUL"),
        ("c:\x01", "drive"),
        (".p2plib/x", r"\.p2plib"),
        ("x/" + "é" * 128, "255 bytes"),
        ("\udfff", "UTF-8"),
        ("x/" * 520 + "x", "1041 bytes"),
    ],
)
def test_the_reason_is_named(key: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        demand_key(key)


def test_limits_count_bytes() -> None:
    demand_key("é" * 127 + "x")
    demand_key("/".join(["x" * 204] * 5))  # 1,024 bytes
    assert len("/".join(["x" * 204] * 5)) == MAX_KEY_BYTES
    with pytest.raises(UsageError, match="1025"):
        demand_key("/".join(["x" * 204] * 5) + "x")
    with pytest.raises(UsageError, match="not a bytes"):
        demand_key(b"a")  # type: ignore[arg-type]


@given(st.text(st.sampled_from("ab./\\:\0~é "), max_size=12))
def test_a_key_is_one_path_inside_the_root(key: str) -> None:
    if why_no_key(key) is None:
        assert posixpath.normpath(posixpath.join("/srv/blobs", key)) == f"/srv/blobs/{key}"


@pytest.mark.parametrize("key", NO_HASHES, ids=ascii)
def test_what_is_no_hash(key: str) -> None:
    with pytest.raises(UsageError, match="SHA-256"):
        demand_content_key(key)


def test_a_promise() -> None:
    digest = hashlib.sha256(b"hello").digest()
    assert promised_key(None, digest).startswith("2cf24dba")
    assert promised_key(digest.hex(), digest) == digest.hex()
    with pytest.raises(WrongContent, match=r"00000000.* has the SHA-256 2cf24dba"):
        promised_key("00" * 32, digest)
    with pytest.raises(UsageError):
        demand_content_key(5)  # type: ignore[arg-type]
