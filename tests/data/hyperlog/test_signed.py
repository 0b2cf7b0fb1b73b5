"""Signed hyperlogs: nobody writes into another's log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from p2plib.data.hyperlog import messages, nodes, signed
from p2plib.data.hyperlog.machine import HyperlogSync
from p2plib.data.hyperlog.messages import HyperlogHandshake, HyperlogSend, SentHeads, SentWants
from p2plib.data.hyperlog.waiting import WaitingNodes
from p2plib.errors import Forked, SignatureError
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
from p2plib.protocol.framing import FrameDecoder
from tests.data.hyperlog.test_machine import run, same

ALICE, BOB = (SecretKey.from_seed(bytes([number]) * 32) for number in (1, 2))


def test_signed_entries_travel() -> None:
    a, b, c = (signed.signed_hyperlog(key) for key in (ALICE, BOB, SecretKey.from_seed(bytes([3]) * 32)))
    a.append(b"from alice")
    run(HyperlogSync(a), HyperlogSync(b))
    b.append(b"from bob")
    run(HyperlogSync(b), HyperlogSync(c))
    assert same(b, c)
    assert c.changes == 2


def test_what_its_owner_did_not_sign_is_refused() -> None:
    log = signed.signed_hyperlog(ALICE)
    real = log.append(b"real")
    reader = signed.signed_hyperlog(BOB)
    mallory = signed.signed_hyperlog(SecretKey.from_seed(bytes([9]) * 32)).append(b"real")
    for forged in (
        nodes.make([], b"real", log.log, 1),
        replace(real, seq=2),
        replace(real, log=ids.ssb_feed_id(BOB.public)),
        replace(real, signature=bytes(64)),
        replace(real, signature=b""),
        replace(real, identity=b"short"),
        replace(real, identity=bytes(32)),
        replace(mallory, log=log.log),
        replace(real, signature=ALICE.sign_raw(b"something else")),
    ):
        with pytest.raises(SignatureError):
            signed.verify(forged)
        with pytest.raises(SignatureError):
            reader.insert(replace(forged, seq=1)) if forged.seq == 1 else signed.verify(forged)
    assert reader.insert(real) is not None


def test_a_good_signature_of_somebody_else_is_refused() -> None:
    """Mallory signs, with her own key, that she has written an entry of Alice's log."""
    mallory = SecretKey.from_seed(bytes([9]) * 32)
    forged = nodes.make([], b"I owe you", ids.ssb_feed_id(ALICE.public), 1)
    forged = replace(
        forged, identity=mallory.public.raw, signature=mallory.sign_raw(signed.signed_bytes(forged))
    )
    with pytest.raises(SignatureError, match="is signed by"):
        signed.signed_hyperlog(BOB).insert(forged)


def test_a_writer_that_forks_has_signed_the_proof() -> None:
    reader = signed.signed_hyperlog(BOB)
    one = signed.signed_hyperlog(ALICE).append(b"pay bob")
    other = signed.signed_hyperlog(ALICE).append(b"pay carol")
    reader.insert(one)
    signed.verify(other)
    with pytest.raises(Forked):
        reader.insert(other)


@pytest.mark.fault("F110")
def test_nobody_is_accused_without_a_signature() -> None:
    """Mallory makes a second number 1 of Alice's log, as she cannot sign it: that is no fork of Alice's."""
    reader, alice = signed.signed_hyperlog(BOB), signed.signed_hyperlog(ALICE)
    one, two = alice.append(b"pay bob"), alice.append(b"pay dan")
    forged = [
        replace(
            nodes.make([], b"pay mallory", alice.log, seq), identity=one.identity, signature=one.signature
        )
        for seq in (1, 2)
    ]
    reader.insert(one)
    with pytest.raises(SignatureError):
        reader.insert(forged[0])
    queue = WaitingNodes(signed.signed_hyperlog(BOB))
    with pytest.raises(SignatureError):
        queue.offer(forged[1])
    assert len(queue) == 0
    assert queue.offer(two) == []
    with pytest.raises(SignatureError):
        queue.offer(forged[1])
    machine = HyperlogSync(reader, live=True)
    for message in (HyperlogHandshake(), SentHeads(), SentWants()):
        machine.receive(message)
    assert machine.is_synced
    with pytest.raises(SignatureError):
        machine.receive(HyperlogSend(forged[0], 1))


@pytest.mark.fault("F110")
def test_the_proof_of_a_fork_convinces_a_stranger() -> None:
    reader = signed.signed_hyperlog(BOB)
    one = signed.signed_hyperlog(ALICE).append(b"pay bob")
    other = signed.signed_hyperlog(ALICE).append(b"pay carol")
    reader.insert(one)
    with pytest.raises(Forked) as fork:
        reader.insert(other)
    frames = FrameDecoder(messages.FRAMES)
    frames.receive(fork.value.proof)
    said = [messages.decode(raw) for raw in iter(frames.next_frame, None)]
    shown = [message.node for message in said if isinstance(message, HyperlogSend)]
    assert shown == [one, other]
    for node in shown:
        nodes.check(node)
        signed.verify(node)
    assert (shown[0].log, shown[0].seq) == (shown[1].log, shown[1].seq)
