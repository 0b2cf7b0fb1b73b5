"""Peers with keys of other kinds in libp2p's handshake, and whom one may expect there."""

from __future__ import annotations

import sys

import pytest

from p2plib.errors import DecodeError, LocalError, WrongPeer
from p2plib.identity import ids
from p2plib.identity.foreign_keys import KINDS, RSA, ForeignKey
from p2plib.protocol.noise import libp2p_payload as libp2p_noise_payload
from p2plib.protocol.noise.libp2p import MAX_HANDSHAKE_BYTES, NoiseHandshake
from p2plib.protocol.noise.libp2p_payload import Payload
from tests.identity.foreign import rsa_data, signer
from tests.protocol.noise.libp2p_peers import ALICE, BOB, foreign_payload, honest, listener_that_says


@pytest.mark.finding("W11")
@pytest.mark.parametrize("kind", KINDS)
def test_peers_with_keys_of_other_kinds_are_taken(kind: str) -> None:
    dialler = listener_that_says(lambda static: foreign_payload(kind, static), expected=None)
    assert dialler.remote == signer(kind).public


@pytest.mark.finding("W11")
@pytest.mark.parametrize("kind", KINDS)
def test_a_peer_may_be_expected_by_the_id_of_a_key_that_we_have_not_seen(kind: str) -> None:
    theirs = ids.peer_id(signer(kind).public)
    found = listener_that_says(lambda static: foreign_payload(kind, static), expected=theirs)
    assert found.remote == signer(kind).public
    with pytest.raises(WrongPeer, match=f"expected {theirs}, but the peer that answered is 12D3KooW"):
        listener_that_says(honest, expected=theirs)
    with pytest.raises(WrongPeer, match=f"the peer that answered is {theirs}"):
        listener_that_says(lambda static: foreign_payload(kind, static), expected=BOB.public)


@pytest.mark.parametrize("form", ids.FORMS)
def test_a_peer_may_be_expected_by_its_id_in_any_form(form: str) -> None:
    assert listener_that_says(honest, expected=ids.render(BOB.public, form)).remote == BOB.public


@pytest.mark.parametrize("text", ["", "bob", "Qm", "12D3KooW"])
def test_what_is_no_id_is_expected_by_nobody(text: str) -> None:
    with pytest.raises(DecodeError):
        NoiseHandshake(ALICE, initiator=True, expected=text)


@pytest.mark.finding("W11")
def test_the_largest_key_and_signature_fit_into_a_handshake() -> None:
    """An RSA key of 8192 bits, 16 muxers of 64 bytes."""
    largest = ForeignKey(RSA, rsa_data(2**8191 + 1, 2**31 - 1))
    muxers = tuple(f"{number:064}" for number in range(16))
    raw = libp2p_noise_payload.encode(Payload(largest, bytes(1024), muxers))
    assert 96 + len(raw) <= MAX_HANDSHAKE_BYTES
    assert libp2p_noise_payload.decode(raw).key == largest


@pytest.mark.finding("W11")
def test_without_the_extra_it_is_no_fault_of_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing more is sent, and the sentence says what to install."""
    signer(RSA)
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(LocalError, match="to verify RSA keys, run pip install"):
        listener_that_says(lambda static: foreign_payload(RSA, static))
