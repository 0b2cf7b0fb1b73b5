"""Signed hyperlogs: nobody writes into another's log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from p2plib.data.hyperlog import nodes, signed
from p2plib.data.hyperlog.machine import HyperlogSync
from p2plib.errors import Forked, SignatureError
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
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
