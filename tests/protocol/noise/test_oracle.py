"""A second oracle: PyPI's `noiseprotocol` talks with our Noise, in both roles, and both understand."""

from __future__ import annotations

import os
import warnings
from typing import Any

import pytest

from p2plib.errors import HandshakeFailed, Tampered
from p2plib.protocol.noise import patterns as noise_patterns
from p2plib.protocol.noise.handshake import HandshakeState
from p2plib.protocol.noise.patterns import HASHES
from tests.protocol.noise.pairs import INITIATOR_STATIC, PROLOGUE, PSK, RESPONDER_STATIC, full_name, side

if os.environ.get("CI"):  # a CI machine must have it
    import noise.connection as oracle
else:
    oracle = pytest.importorskip("noise.connection", reason="noiseprotocol (extra: test) is not installed")

INTERACTIVE = [a + b for a in "NKXI" for b in "NKX"]
SPOKEN = ["N", "K", "X", *INTERACTIVE, "NNpsk0", "XXpsk3", "IKpsk2", "KKpsk0", "NXpsk2"]


def theirs(name: str, initiator: bool) -> Any:
    """Their side of a protocol, with the keys of `side`."""
    made = noise_patterns.protocol(name).pattern
    connection = oracle.NoiseConnection.from_name(name.encode())
    (connection.set_as_initiator if initiator else connection.set_as_responder)()
    connection.set_prologue(PROLOGUE)
    remote = RESPONDER_STATIC if initiator else INITIATOR_STATIC
    if made.needs_static(initiator):
        secret = bytes([1 if initiator else 2]) * 32
        connection.set_keypair_from_private_bytes(oracle.Keypair.STATIC, secret)
    if made.knows_remote(initiator):
        connection.set_keypair_from_public_bytes(oracle.Keypair.REMOTE_STATIC, remote.public)
    if made.psks:
        connection.set_psks(psks=[PSK] * made.psks)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        connection.start_handshake()
    return connection


def talk(ours: HandshakeState, theirs: Any) -> None:
    while not ours.is_finished:
        if ours.writes_next:
            assert theirs.read_message(ours.write_message(b"from us")) == b"from us"
        else:
            assert ours.read_message(bytes(theirs.write_message(b"from them"))) == b"from them"
    assert theirs.handshake_finished
    assert theirs.get_handshake_hash() == ours.session.handshake_hash


@pytest.mark.parametrize("initiator", [True, False], ids=["we begin", "they begin"])
@pytest.mark.parametrize("pattern", SPOKEN)
def test_a_handshake_and_a_conversation(pattern: str, initiator: bool) -> None:
    ours, other = side(pattern, initiator), theirs(full_name(pattern), not initiator)
    talk(ours, other)
    for size in (0, 1, 1000, 65_519):
        if ours.session.sending is not None:
            assert other.decrypt(ours.session.encrypt(bytes(size))) == bytes(size)
        if ours.session.receiving is not None:
            assert ours.session.decrypt(other.encrypt(bytes(size))) == bytes(size)


@pytest.mark.parametrize("hash_name", HASHES)
def test_every_hash(hash_name: str) -> None:
    name = full_name("XX", hash_name)
    ours = HandshakeState(name, initiator=True, prologue=PROLOGUE, static=INITIATOR_STATIC)
    talk(ours, theirs(name, False))


@pytest.mark.fault("F046")
def test_both_rekey_to_the_same_key() -> None:
    ours, other = side("XX", True), theirs(full_name("XX"), False)
    talk(ours, other)
    assert ours.session.sending is not None
    assert ours.session.receiving is not None
    for _ in range(3):
        assert other.decrypt(ours.session.encrypt(b"before")) == b"before"
        ours.session.sending.rekey()
        other.rekey_inbound_cipher()
        assert other.decrypt(ours.session.encrypt(b"after")) == b"after"
        ours.session.receiving.rekey()
        other.rekey_outbound_cipher()
        assert ours.session.decrypt(other.encrypt(b"back")) == b"back"


@pytest.mark.fault("F042")
def test_what_they_send_and_somebody_changes_is_refused() -> None:
    ours, other = side("XX", True), theirs(full_name("XX"), False)
    other.read_message(ours.write_message())
    message = bytearray(other.write_message())
    message[-1] ^= 1
    with pytest.raises(HandshakeFailed):
        ours.read_message(bytes(message))
    ours, other = side("NN", False), theirs(full_name("NN"), True)
    talk(ours, other)
    message = bytearray(other.encrypt(b"hello"))
    message[0] ^= 1
    with pytest.raises(Tampered):
        ours.session.decrypt(bytes(message))
