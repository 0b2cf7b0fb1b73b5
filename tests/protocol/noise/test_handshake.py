"""The Noise machines: all vectors of cacophony, every byte changed, wrong keys, replays, sizes, counters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import Closed, HandshakeFailed, KeyExhausted, Tampered, UsageError
from p2plib.identity.exchange import ExchangeKey
from p2plib.protocol.noise.crypto import LAST_COUNTER, CipherState, SessionSecret
from p2plib.protocol.noise.handshake import MAX_PLAINTEXT_BYTES, HandshakeState, Session
from p2plib.protocol.noise.patterns import HASHES, MAX_MESSAGE_BYTES, PATTERNS
from tests.identity.reports import library_locals
from tests.protocol.noise.pairs import (
    INITIATOR_STATIC,
    PSK,
    RESPONDER_STATIC,
    STRANGER_STATIC,
    full_name,
    pair,
    shake_hands,
    side,
)

WITH_PSK = [
    "Npsk0",
    "Kpsk0",
    "Xpsk1",
    "NNpsk0",
    "NNpsk2",
    "NKpsk0",
    "NKpsk2",
    "NXpsk2",
    "XNpsk3",
    "XKpsk3",
    "XXpsk3",
    "KNpsk0",
    "KNpsk2",
    "KKpsk0",
    "KKpsk2",
    "KXpsk2",
    "INpsk1",
    "INpsk2",
    "IKpsk1",
    "IKpsk2",
    "IXpsk2",
]
VECTOR_NAMES = [full_name(pattern, hash_name) for pattern in [*PATTERNS, *WITH_PSK] for hash_name in HASHES]
# One of each kind: all fundamental ones, a deferred one, one-way ones, and pre-shared keys in every place.
ONE_WAY = ["N", "K", "X"]
TWO_WAY = [*list(PATTERNS)[3:15], "X1X1", "NNpsk0", "XXpsk3", "IKpsk2", "NKpsk0+psk2"]
SOME = ONE_WAY + TWO_WAY


# Vectors


@pytest.fixture(scope="module")
def cacophony(shared_vectors: Path) -> dict[str, dict[str, Any]]:
    text = (shared_vectors / "noise-cacophony" / "cacophony.txt").read_text()
    return {vector["protocol_name"]: vector for vector in json.loads(text)["vectors"]}


def test_no_vector_that_we_could_run_is_left_out(cacophony: dict[str, dict[str, Any]]) -> None:
    ours = {name for name in cacophony if "_25519_ChaChaPoly_" in name}
    assert ours == set(VECTOR_NAMES)
    assert len(ours) == 236


def side_of_vector(vector: dict[str, Any], role: str) -> HandshakeState:
    def raw(field: str) -> bytes | None:
        return bytes.fromhex(vector[f"{role}_{field}"]) if f"{role}_{field}" in vector else None

    static, ephemeral = raw("static"), raw("ephemeral")
    return HandshakeState(
        vector["protocol_name"],
        initiator=role == "init",
        prologue=raw("prologue") or b"",
        static=ExchangeKey.from_bytes(static) if static else None,
        remote_static=raw("remote_static"),
        psks=[bytes.fromhex(psk) for psk in vector.get(f"{role}_psks", [])],
        random=lambda size: (ephemeral or b"")[:size],
    )


@pytest.mark.parametrize("name", VECTOR_NAMES)
def test_cacophony(cacophony: dict[str, dict[str, Any]], name: str) -> None:
    vector = cacophony[name]
    initiator, responder = side_of_vector(vector, "init"), side_of_vector(vector, "resp")
    for number, message in enumerate(vector["messages"]):
        payload, expected = bytes.fromhex(message["payload"]), bytes.fromhex(message["ciphertext"])
        first = number % 2 == 0 or initiator.pattern.is_one_way
        writer, reader = (initiator, responder) if first else (responder, initiator)
        if writer.is_finished:
            assert writer.session.encrypt(payload) == expected
            assert reader.session.decrypt(expected) == payload
        else:
            assert writer.write_message(payload) == expected
            assert reader.read_message(expected) == payload
    for one in (initiator, responder):
        assert one.session.handshake_hash.hex() == vector["handshake_hash"]


# Talking


@pytest.mark.parametrize("pattern", SOME)
def test_both_sides_agree_and_learn_each_others_keys(pattern: str) -> None:
    initiator, responder = pair(pattern)
    shake_hands(initiator, responder)
    assert initiator.session.handshake_hash == responder.session.handshake_hash
    if initiator.pattern.needs_static(False):
        assert initiator.session.remote_static == RESPONDER_STATIC.public
    if initiator.pattern.needs_static(True):
        assert responder.session.remote_static == INITIATOR_STATIC.public
    assert responder.session.decrypt(initiator.session.encrypt(b"one way")) == b"one way"
    if initiator.pattern.is_one_way:
        for act in (lambda: responder.session.encrypt(b""), lambda: initiator.session.decrypt(bytes(16))):
            with pytest.raises(UsageError, match="one-way"):
                act()
    else:
        assert initiator.session.decrypt(responder.session.encrypt(b"the other")) == b"the other"


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=200)), max_size=20))
def test_a_session_carries_any_bytes_in_order(messages: list[tuple[bool, bytes]]) -> None:
    initiator, responder = pair("NN")
    shake_hands(initiator, responder)
    for forward, plain in messages:
        writer, reader = (initiator, responder) if forward else (responder, initiator)
        assert reader.session.decrypt(writer.session.encrypt(plain)) == plain


def test_the_same_randomness_gives_the_same_bytes_and_another_another() -> None:
    assert shake_hands(*pair("XX")) == shake_hands(*pair("XX"))
    other = shake_hands(side("XX", True, ephemeral=bytes([9]) * 32), side("XX", False))
    assert all(a != b for a, b in zip(shake_hands(*pair("XX")), other, strict=True))


def test_the_random_source_is_asked_once_for_the_ephemeral_key() -> None:
    asked: list[int] = []

    def random(size: int) -> bytes:
        asked.append(size)
        return bytes([7]) * size

    name = full_name("NN")
    initiator = HandshakeState(name, initiator=True, random=random)
    assert asked == []
    shake_hands(initiator, HandshakeState(name, initiator=False))
    assert asked == [32]


def test_the_secrets_of_a_session_are_the_keys_of_its_ciphers() -> None:
    """For protocols that have a cipher of their own."""
    alice, bob = pair("XX")
    with pytest.raises(UsageError, match="not finished"):
        alice.session_secrets()
    shake_hands(alice, bob)
    ours, theirs = alice.session_secrets()
    assert bob.session_secrets() == (theirs, ours)
    assert alice.session.encrypt(b"moss") == CipherState(ours).encrypt(b"", b"moss")
    assert bob.session.encrypt(b"fern") == CipherState(theirs).encrypt(b"", b"fern")
    one_way = pair("N")
    shake_hands(*one_way)
    with pytest.raises(UsageError, match="one-way"):
        one_way[0].session_secrets()


def test_taking_turns() -> None:
    initiator, responder = pair("NN")
    with pytest.raises(UsageError, match="this side's turn"):
        initiator.read_message(bytes(32))
    with pytest.raises(UsageError, match="the other side's turn"):
        responder.write_message()
    with pytest.raises(UsageError, match="not finished"):
        _ = initiator.session
    shake_hands(initiator, responder)  # the mistakes above were ours, and harmed nothing
    for act in (initiator.write_message, lambda: responder.read_message(b"")):
        with pytest.raises(UsageError, match="the handshake is finished"):
            act()


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"name": full_name("XX")}, "needs a static key"),
        ({"name": full_name("NN"), "static": INITIATOR_STATIC}, "no use for a static key"),
        ({"name": full_name("NK")}, "needs the other's static key"),
        ({"name": full_name("NN"), "remote_static": bytes(32)}, "learns, and does not take"),
        ({"name": full_name("NK"), "remote_static": bytes(31)}, "a static key is 32 bytes, not 31"),
        ({"name": full_name("NK"), "remote_static": "k" * 32}, "a static key is bytes"),
        ({"name": full_name("NNpsk0")}, "takes 1 pre-shared keys, not 0"),
        ({"name": full_name("NN"), "psks": [PSK]}, "takes 0 pre-shared keys, not 1"),
        ({"name": full_name("NNpsk0"), "psks": [bytes(31)]}, "a pre-shared key is 32 bytes"),
        ({"name": full_name("NNpsk0"), "psks": ["k" * 32]}, "a pre-shared key is 32 bytes"),
        ({"name": full_name("NN"), "prologue": "text"}, "a prologue is bytes"),
    ],
)
def test_keys_that_do_not_fit_the_pattern(arguments: dict[str, Any], rule: str) -> None:
    with pytest.raises(UsageError, match=rule):
        HandshakeState(initiator=True, **arguments)


# Attacks


def changed(number: int, place: int, mask: int) -> Callable[[int, bytes], bytes]:
    def wire(at: int, message: bytes) -> bytes:
        if at != number:
            return message
        raw = bytearray(message)
        raw[place] ^= mask
        return bytes(raw)

    return wire


@pytest.mark.fault("F042")
@pytest.mark.parametrize("pattern", SOME)
def test_every_changed_byte_of_every_message_aborts_in_the_same_way(pattern: str) -> None:
    """Neither the error, nor its words, nor what is sent afterwards tells which byte it was."""
    sizes = [len(message) for message in shake_hands(*pair(pattern))]
    words: dict[int, set[str]] = {}
    for number, size in enumerate(sizes, start=1):
        for place in range(size):
            for mask in (0x01, 0x80):
                initiator, responder = pair(pattern)
                with pytest.raises(HandshakeFailed) as failed:
                    shake_hands(initiator, responder, changed(number, place, mask))
                done = initiator.messages_done + responder.messages_done
                words.setdefault(done, set()).add(str(failed.value))
                over = [one for one in (initiator, responder) if one._has_failed]
                assert len(over) == 1
                for act in (over[0].write_message, lambda one=over[0]: one.read_message(bytes(100))):
                    with pytest.raises(Closed):
                        act()
    assert all(len(said) == 1 for said in words.values())


@pytest.mark.fault("F042")
@pytest.mark.parametrize("pattern", TWO_WAY)
def test_a_first_payload_that_was_changed_is_noticed_by_the_second_message(pattern: str) -> None:
    """In most patterns anybody can read and change it; but not so that both go on."""
    size = len(pair(pattern)[0].write_message(b"payload"))
    for place in range(size - 7, size):
        initiator, responder = pair(pattern)
        raw = changed(1, place, 1)(1, initiator.write_message(b"payload"))
        if initiator.pattern.layout(1)[-1][1]:
            with pytest.raises(HandshakeFailed):
                responder.read_message(raw)
            continue
        assert responder.read_message(raw) != b"payload"
        answer = responder.write_message()
        with pytest.raises(HandshakeFailed):
            initiator.read_message(answer)


@pytest.mark.fault("F043")
@pytest.mark.parametrize("pattern", TWO_WAY)
def test_another_prologue_aborts_at_the_first_message_that_is_protected(pattern: str) -> None:
    initiator, responder = side(pattern, True, prologue=b"another"), side(pattern, False)
    with pytest.raises(HandshakeFailed):
        shake_hands(initiator, responder)
    assert initiator.messages_done + responder.messages_done <= 3


@pytest.mark.fault("F043")
def test_the_initiator_of_xx_keeps_its_name_from_who_fails() -> None:
    """The wrong prologue: message 3, in which the initiator's key is, is never written."""
    initiator, responder = side("XX", True, prologue=b"another"), side("XX", False)
    responder.read_message(initiator.write_message())
    with pytest.raises(HandshakeFailed):
        initiator.read_message(responder.write_message())
    with pytest.raises(Closed):
        initiator.write_message()
    assert responder.remote_static is None


@pytest.mark.fault("F043")
@pytest.mark.parametrize("pattern", ["NK", "KK", "XK", "IK", "N", "K", "X", "XKpsk3", "IKpsk2"])
def test_whoever_stands_in_for_the_responder_learns_nothing(pattern: str) -> None:
    """The initiator knows whom it calls; somebody else answers, and cannot read the first message."""
    initiator = side(pattern, True)
    impostor = side(pattern, False, static=STRANGER_STATIC)
    message = initiator.write_message(b"a secret")
    with pytest.raises(HandshakeFailed):
        impostor.read_message(message)
    if not impostor.pattern.initiator_known:
        assert impostor.remote_static is None
    assert INITIATOR_STATIC.public not in message


@pytest.mark.fault("F043")
@pytest.mark.parametrize("pattern", ["NNpsk0", "XXpsk3", "IKpsk2", "NKpsk0+psk2"])
def test_another_pre_shared_key_aborts(pattern: str) -> None:
    with pytest.raises(HandshakeFailed):
        shake_hands(side(pattern, True, psk=bytes(32)), side(pattern, False))


@pytest.mark.fault("F043")
def test_two_who_speak_different_protocols_do_not_agree() -> None:
    initiator, responder = side("NN", True), side("KN", False, remote=INITIATOR_STATIC)
    with pytest.raises(HandshakeFailed):
        shake_hands(initiator, responder)


@pytest.mark.fault("F044")
@pytest.mark.parametrize("pattern", TWO_WAY)
def test_replayed_messages_abort(pattern: str) -> None:
    """A recorded conversation, played to a responder and to an initiator that begin a new one."""
    recorded = shake_hands(*pair(pattern))
    responder = side(pattern, False, ephemeral=bytes([8]) * 32)
    responder.read_message(recorded[0])  # that one alone can be played to anybody
    responder.write_message(b"payload 2")
    if len(recorded) > 2:
        with pytest.raises(HandshakeFailed):
            responder.read_message(recorded[2])
    initiator = side(pattern, True, ephemeral=bytes([9]) * 32)
    initiator.write_message(b"payload 1")
    with pytest.raises(HandshakeFailed):
        initiator.read_message(recorded[1])


@pytest.mark.fault("F044")
@pytest.mark.parametrize("pattern", TWO_WAY)
def test_reflected_messages_abort(pattern: str) -> None:
    initiator = side(pattern, True)
    message = initiator.write_message(bytes(100))
    with pytest.raises(HandshakeFailed):
        initiator.read_message(message)
    initiator, responder = pair(pattern)
    responder.read_message(initiator.write_message())
    if len(responder.pattern.messages) > 2:
        message = responder.write_message(bytes(100))
        with pytest.raises(HandshakeFailed):
            responder.read_message(message)


@pytest.mark.fault("F044")
def test_our_own_ephemeral_key_is_refused_by_itself() -> None:
    """Without the rule this would go on: the reflecting side knows the pre-shared key."""
    initiator = side("NNpsk0", True)
    responder = side("NNpsk0", False, ephemeral=bytes([4]) * 32)  # draws the very key of the initiator
    message = initiator.write_message()
    responder.read_message(message)
    with pytest.raises(HandshakeFailed):
        initiator.read_message(responder.write_message())


@pytest.mark.fault("F044")
def test_messages_of_a_session_that_are_replayed_swapped_or_reflected() -> None:
    def connected() -> tuple[Session, Session]:
        initiator, responder = pair("XX")
        shake_hands(initiator, responder)
        return initiator.session, responder.session

    ours, theirs = connected()
    first, second = ours.encrypt(b"first"), ours.encrypt(b"second")
    repeated = connected()[1]
    repeated.decrypt(first)
    for reader, attack in ((connected()[1], second), (repeated, first), (ours, first)):
        with pytest.raises(Tampered):
            reader.decrypt(attack)
        with pytest.raises(Closed):  # even what would come in order now
            reader.decrypt(second if reader is repeated else first)
    assert theirs.decrypt(first) == b"first"


SMALL_ORDER = bytes(32)


@pytest.mark.fault("F042")
def test_keys_of_small_order_abort_in_the_same_way() -> None:
    initiator, responder = pair("NN")
    message = bytearray(initiator.write_message())
    message[:32] = SMALL_ORDER
    responder.read_message(bytes(message))
    with pytest.raises(HandshakeFailed, match=r"message 2 .* does not hold"):
        responder.write_message()
    with pytest.raises(Closed):
        responder.write_message()
    name = full_name("NK")
    with pytest.raises(HandshakeFailed, match="message 1"):
        HandshakeState(name, initiator=True, remote_static=SMALL_ORDER).write_message()
    initiator, responder = pair("NX")
    responder.read_message(initiator.write_message())
    raw = bytearray(responder.write_message())
    raw[:32] = SMALL_ORDER
    with pytest.raises(HandshakeFailed, match="message 2"):
        initiator.read_message(bytes(raw))


# Sizes


@pytest.mark.fault("F045")
@pytest.mark.parametrize("pattern", SOME)
def test_every_cut_message_aborts(pattern: str) -> None:
    sizes = [len(message) for message in shake_hands(*pair(pattern))]
    for number, size in enumerate(sizes, start=1):
        for end in range(size):
            initiator, responder = pair(pattern)
            with pytest.raises(HandshakeFailed):
                shake_hands(
                    initiator, responder, lambda at, raw, n=number, e=end: raw[:e] if at == n else raw
                )


@pytest.mark.fault("F045")
def test_the_largest_handshake_message_and_one_more() -> None:
    room = MAX_MESSAGE_BYTES - 32
    initiator, responder = pair("NN")
    with pytest.raises(UsageError, match="65535 bytes at most, not 65536"):
        initiator.write_message(bytes(room + 1))
    message = initiator.write_message(bytes(room))  # the mistake cost nothing
    assert len(message) == MAX_MESSAGE_BYTES
    assert responder.read_message(message) == bytes(room)
    with pytest.raises(HandshakeFailed):
        side("NN", False).read_message(message + b"\0")


@pytest.mark.fault("F045")
def test_the_largest_message_of_a_session_and_one_more() -> None:
    initiator, responder = pair("NN")
    shake_hands(initiator, responder)
    with pytest.raises(UsageError, match="65519 bytes at most"):
        initiator.session.encrypt(bytes(MAX_PLAINTEXT_BYTES + 1))
    message = initiator.session.encrypt(bytes(MAX_PLAINTEXT_BYTES))
    assert len(message) == 65_535
    assert responder.session.decrypt(message) == bytes(MAX_PLAINTEXT_BYTES)
    assert responder.session.decrypt(initiator.session.encrypt(b"")) == b""


@pytest.mark.fault("F045")
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES + 1])
def test_a_message_of_another_size_is_tampering(size: int) -> None:
    initiator, responder = pair("NN")
    shake_hands(initiator, responder)
    with pytest.raises(Tampered):
        responder.session.decrypt(bytes(size))
    with pytest.raises(Closed):
        responder.session.decrypt(initiator.session.encrypt(b"true"))


def test_a_cut_tag_is_tampering() -> None:
    initiator, responder = pair("NN")
    shake_hands(initiator, responder)
    message = initiator.session.encrypt(b"whole")
    for end in range(len(message)):
        key = SessionSecret.from_bytes(bytes(32))
        sealed = CipherState(key).encrypt(b"", b"whole")
        with pytest.raises(Tampered):
            CipherState(key).decrypt(b"", sealed[:end])


# Counters and rekeying


@pytest.mark.fault("F046")
def test_a_counter_that_is_used_up_sends_and_reads_nothing_more() -> None:
    key = SessionSecret.from_bytes(PSK)
    writer, reader = CipherState(key, LAST_COUNTER - 1), CipherState(key, LAST_COUNTER - 1)
    last = writer.encrypt(b"", b"the last one")
    assert reader.decrypt(b"", last) == b"the last one"
    assert writer.counter == reader.counter == 2**64 - 1
    for _ in range(2):
        with pytest.raises(KeyExhausted):
            writer.encrypt(b"", b"one too many")
        with pytest.raises(KeyExhausted):
            reader.decrypt(b"", last)
    writer.rekey()  # a new key does not turn the counter back
    with pytest.raises(KeyExhausted):
        writer.encrypt(b"", b"one too many")


@pytest.mark.fault("F046")
def test_rekeying_at_the_same_place_goes_on_and_at_another_does_not() -> None:
    key = SessionSecret.from_bytes(PSK)
    writer, reader = CipherState(key), CipherState(key)
    before = writer.encrypt(b"", b"before")
    writer.rekey()
    after = writer.encrypt(b"", b"after")
    assert reader.decrypt(b"", before) == b"before"
    with pytest.raises(Tampered):
        reader.decrypt(b"", after)
    reader.rekey()
    assert reader.decrypt(b"", after) == b"after"
    assert reader.counter == 2
    with pytest.raises(UsageError, match="without a key"):
        CipherState().rekey()


# Secrets


@pytest.mark.fault("F011")
def test_no_secret_shows_in_reprs_attributes_or_tracebacks() -> None:
    initiator, responder = pair("XXpsk3")
    message = initiator.write_message()
    secrets = [PSK, bytes([1]) * 32, bytes([4]) * 32]
    responder.read_message(message)
    raw = bytearray(responder.write_message())
    raw[40] ^= 1
    with pytest.raises(HandshakeFailed) as caught:
        initiator.read_message(bytes(raw))
    assert caught.value.__context__ is None
    with pytest.raises(UsageError) as misused:
        HandshakeState("Noise_NNpsk9_25519_ChaChaPoly_SHA256", initiator=True, psks=[PSK])
    with pytest.raises(UsageError) as cut:
        HandshakeState(full_name("NNpsk0"), initiator=True, psks=[PSK[:31]])
    shown = [library_locals(error.value) for error in (caught, misused, cut)]
    shown += [repr(initiator), repr(vars(initiator)), repr(CipherState(SessionSecret.from_bytes(PSK)))]
    for text in shown:
        for secret in secrets:
            for form in (repr(secret)[2:-1], secret.hex(), repr(secret[:31])[2:-1]):
                assert form not in text


def test_what_is_not_needed_any_more_is_forgotten() -> None:
    initiator, responder = pair("XXpsk3")
    shake_hands(initiator, responder)
    assert initiator._ephemeral is None
    assert initiator._psks == responder._psks == []
