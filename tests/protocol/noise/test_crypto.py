"""Noise's ciphers, hashes and counters: vectors of others, and what happens at the end of a counter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from p2plib.errors import Tampered, UsageError
from p2plib.protocol.noise.crypto import HASH_FUNCTIONS, LAST_COUNTER, CipherState, SessionSecret
from tests.protocol.noise.pairs import (
    PSK,
)


def test_wycheproof_chacha20_poly1305(shared_vectors: Path) -> None:
    """The ten whose nonce is one of Noise: four zero bytes and a counter."""
    groups = json.loads((shared_vectors / "wycheproof" / "chacha20_poly1305_test.json").read_text())
    ran = 0
    for test in (test for group in groups["testGroups"] for test in group["tests"]):
        nonce, key = bytes.fromhex(test["iv"]), bytes.fromhex(test["key"])
        if len(nonce) != 12 or nonce[:4] != bytes(4):
            continue
        counter, ad = int.from_bytes(nonce[4:], "little"), bytes.fromhex(test["aad"])
        if counter == LAST_COUNTER:
            continue
        plain, sealed = bytes.fromhex(test["msg"]), bytes.fromhex(test["ct"] + test["tag"])
        assert CipherState(SessionSecret.from_bytes(key), counter).encrypt(ad, plain) == sealed
        assert CipherState(SessionSecret.from_bytes(key), counter).decrypt(ad, sealed) == plain
        ran += 1
    assert ran == 10


@pytest.mark.parametrize(("hash_name", "count"), [("SHA256", 1), ("SHA512", 1)])
def test_wycheproof_hkdf(shared_vectors: Path, hash_name: str, count: int) -> None:
    """Those without an info, in which HKDF is Noise's: their first bytes are the first bytes of ours."""
    file = shared_vectors / "wycheproof" / f"hkdf_{hash_name.lower()}_test.json"
    ran = 0
    for group in json.loads(file.read_text())["testGroups"]:
        for test in group["tests"]:
            if test["info"] or test["result"] != "valid" or not test["salt"]:
                continue
            chain = SessionSecret.from_bytes(bytes.fromhex(test["salt"]))
            made = HASH_FUNCTIONS[hash_name].derive(chain, bytes.fromhex(test["ikm"]), 3)
            ours, theirs = b"".join(part.expose() for part in made), bytes.fromhex(test["okm"])
            size = min(len(ours), len(theirs))
            assert ours[:size] == theirs[:size]
            ran += 1
    assert ran >= count


def test_what_fails_does_not_count() -> None:
    key = SessionSecret.from_bytes(PSK)
    reader, message = CipherState(key), CipherState(key).encrypt(b"ad", b"hello")
    with pytest.raises(Tampered):
        reader.decrypt(b"other", message)
    assert reader.decrypt(b"ad", message) == b"hello"


def test_a_cipher_without_a_key_passes_through_and_a_wrong_one_is_refused() -> None:
    cipher = CipherState()
    assert cipher.encrypt(b"", b"open") == cipher.decrypt(b"", b"open") == b"open"
    assert cipher.counter == 0
    with pytest.raises(UsageError, match="32 bytes"):
        CipherState(SessionSecret.from_bytes(bytes(31)))
    for counter in (-1, 2**64):
        with pytest.raises(UsageError, match="a counter is"):
            CipherState(SessionSecret.from_bytes(PSK), counter)
