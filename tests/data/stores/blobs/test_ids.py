"""Scuttlebutt's blob ids: a published one, and every way of being none."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.stores.blobs.ids import ID_CHARACTERS, key_of_ssb_blob_id, ssb_blob_id
from p2plib.errors import DecodeError, UsageError

# From the Scuttlebutt Protocol Guide, "Blobs".
GUIDE = "&uH2EcBA9vMajqzgXkUBMWLAPLTSGQtIAvIvKq9/wnUE=.sha256"
EMPTY = "&47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=.sha256"


def test_known_ids() -> None:
    assert len(GUIDE) == ID_CHARACTERS
    assert ssb_blob_id(key_of_ssb_blob_id(GUIDE)) == GUIDE
    assert ssb_blob_id(hashlib.sha256(b"").hexdigest()) == EMPTY
    assert key_of_ssb_blob_id(EMPTY) == hashlib.sha256(b"").hexdigest()


@given(st.binary(min_size=32, max_size=32))
def test_both_ways(digest: bytes) -> None:
    text = ssb_blob_id(digest.hex())
    assert key_of_ssb_blob_id(text) == digest.hex()
    assert text == f"&{base64.b64encode(digest).decode()}.sha256"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "begins with"),
        (GUIDE[1:], "begins with"),
        ("@" + GUIDE[1:], "a feed id"),
        ("%" + GUIDE[1:], "a message id"),
        (GUIDE[:-1], "a blob id is"),
        (GUIDE + "\n", "a blob id is"),
        (GUIDE.replace("sha256", "SHA256"), "a blob id is"),
        (GUIDE.replace("sha256", "blake2s"), "a blob id is"),
        (GUIDE.replace(".", ""), "a blob id is"),
        (GUIDE + "?unbox=" + "A" * 43 + "=.boxs", "query"),
        (GUIDE.replace("=", "A"), "33|base64"),
        (GUIDE.replace("nUE=", "nUF="), "canonical"),
        (GUIDE.replace("uH2", "u-2"), "base64"),
        (GUIDE.replace("uH2", "u 2"), "base64"),
        (GUIDE.replace("uH2", "ué2"), "base64"),
        (GUIDE.replace("nUE=", "====")[:52], "base64|bytes"),
        ("&" + "A" * 1_000_000 + ".sha256", "a blob id is"),
    ],
)
def test_what_is_no_blob_id(text: str, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        key_of_ssb_blob_id(text)


def test_what_is_no_key() -> None:
    with pytest.raises(UsageError):
        ssb_blob_id("00")
