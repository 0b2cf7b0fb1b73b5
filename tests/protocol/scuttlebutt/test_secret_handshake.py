"""The secret handshake: the paper's formulas, every byte changed, wrong keys, replays, what it hides."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import nacl.bindings
import pytest

from p2plib.errors import Closed, HandshakeFailed, UsageError, WeakKey
from p2plib.identity import edwards
from p2plib.identity.exchange import ExchangeKey
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.protocol.scuttlebutt import secret_handshake
from p2plib.protocol.scuttlebutt.secret_handshake import MAIN_NETWORK, ClientHandshake, ServerHandshake
from tests.identity.reports import library_locals

ALICE = SecretKey.from_seed(bytes([1]) * 32)
BOB = SecretKey.from_seed(bytes([2]) * 32)
MALLORY = SecretKey.from_seed(bytes([3]) * 32)
EPHEMERALS = {"client": bytes([4]) * 32, "server": bytes([5]) * 32}
NETWORK = bytes([6]) * 32
SIZES = (64, 64, 112, 80)

Handshake = ClientHandshake | ServerHandshake


def client(
    server: SecretKey = BOB, *, network: bytes = NETWORK, ephemeral: bytes | None = None
) -> ClientHandshake:
    random = ephemeral or EPHEMERALS["client"]
    return ClientHandshake(ALICE, server.public, network=network, random=lambda size: random[:size])


def server(
    identity: SecretKey = BOB,
    *,
    network: bytes = NETWORK,
    ephemeral: bytes | None = None,
    allows: Callable[[PublicKey], bool] | None = None,
) -> ServerHandshake:
    random = ephemeral or EPHEMERALS["server"]
    return ServerHandshake(identity, network=network, allows=allows, random=lambda size: random[:size])


def unchanged(number: int, message: bytes) -> bytes:
    return message


def shake_hands(
    calling: ClientHandshake,
    called: ServerHandshake,
    on_the_wire: Callable[[int, bytes], bytes] = unchanged,
) -> list[bytes]:
    """Run a handshake to its end, and return what was sent; `on_the_wire` may change message `number`."""
    sent: list[bytes] = []
    for number in range(1, 5):
        writer, reader = (calling, called) if number % 2 else (called, calling)
        sent.append(writer.to_send())
        assert writer.to_send() == b""
        reader.receive(on_the_wire(number, sent[-1]))
    return sent


def test_the_messages_are_those_of_the_paper() -> None:
    """Computed again, straight from the formulas, with nothing of the library."""
    calling, called = client(), server()
    sent = shake_hands(calling, called)
    a, b = EPHEMERALS["client"], EPHEMERALS["server"]
    A, B, K = ALICE.public.raw, BOB.public.raw, NETWORK
    base, dh, box = (
        nacl.bindings.crypto_scalarmult_base,
        nacl.bindings.crypto_scalarmult,
        nacl.bindings.crypto_secretbox,
    )
    curve = nacl.bindings.crypto_sign_ed25519_pk_to_curve25519

    def h(*parts: bytes) -> bytes:
        return hashlib.sha256(b"".join(parts)).digest()

    def mac(key: bytes) -> bytes:
        return hmac.new(K, key, hashlib.sha512).digest()[:32]

    ab, aB = dh(a, base(b)), dh(a, curve(B))
    Ab = dh(b, curve(A))
    hello = ALICE.sign_raw(K + B + h(ab)) + A
    answer = BOB.sign_raw(K + hello + h(ab))
    key = h(h(K, ab, aB, Ab))
    assert sent == [
        mac(base(a)) + base(a),
        mac(base(b)) + base(b),
        box(hello, bytes(24), h(K, ab, aB)),
        box(answer, bytes(24), h(K, ab, aB, Ab)),
    ]
    assert tuple(map(len, sent)) == SIZES
    for ours, me, other, mine, theirs in (
        (calling.outcome, A, B, mac(base(a)), mac(base(b))),
        (called.outcome, B, A, mac(base(b)), mac(base(a))),
    ):
        assert ours.remote.raw == other
        assert ours.send_key.expose() == h(key, other)
        assert ours.receive_key.expose() == h(key, me)
        assert (ours.send_nonce, ours.receive_nonce) == (theirs[:24], mine[:24])


def test_it_needs_exactly_what_comes_and_nothing_behind_it() -> None:
    calling, called = client(), server()
    assert (calling.need_bytes, called.need_bytes) == (64, 64)
    called.receive(calling.to_send())
    assert called.need_bytes == 112
    calling.receive(called.to_send())
    assert calling.need_bytes == 80
    assert not called.is_finished
    called.receive(calling.to_send())
    assert called.is_finished
    assert not calling.is_finished
    calling.receive(called.to_send())
    assert (calling.need_bytes, called.need_bytes) == (0, 0)
    for one in (calling, called):
        with pytest.raises(UsageError, match="needs 0 bytes"):
            one.receive(b"x")


def test_a_wrong_number_of_bytes_is_our_mistake_and_harms_nothing() -> None:
    calling, called = client(), server()
    for size in (0, 63, 65):
        with pytest.raises(UsageError, match="needs 64 bytes"):
            called.receive(bytes(size))
    for one in (calling, called):
        with pytest.raises(UsageError, match="not finished"):
            _ = one.outcome
    shake_hands(calling, called)
    for wrong in (bytes(31), bytes(33), "k" * 32):
        with pytest.raises(UsageError, match="a network's key is"):
            server(network=wrong)  # type: ignore[arg-type]


def test_the_main_network_is_the_default() -> None:
    assert ClientHandshake(ALICE, BOB.public).network == ServerHandshake(BOB).network == MAIN_NETWORK
    shake_hands(ClientHandshake(ALICE, BOB.public), ServerHandshake(BOB))


def test_two_handshakes_of_the_same_two_have_nothing_in_common() -> None:
    messages = [shake_hands(ClientHandshake(ALICE, BOB.public), ServerHandshake(BOB)) for _ in range(2)]
    assert all(first != second for first, second in zip(*messages, strict=True))


def fails_at(on_the_wire: Callable[[int, bytes], bytes], at: int) -> str:
    """Run a handshake that must fail when message `at` is read; return the words."""
    calling, called = client(), server()
    with pytest.raises(HandshakeFailed) as failed:
        shake_hands(calling, called, on_the_wire)
    reader = called if at % 2 else calling
    assert reader._has_failed
    assert not (calling.is_finished and called.is_finished)
    assert reader.to_send() == b""
    with pytest.raises(Closed):
        reader.receive(bytes(reader.need_bytes))
    assert failed.type is HandshakeFailed
    assert failed.value.__context__ is None
    return str(failed.value)


@pytest.mark.fault("F042")
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_every_changed_byte_aborts_at_once_and_in_the_same_way(number: int) -> None:
    said = set()
    for place in range(SIZES[number - 1]):
        for mask in (0x01, 0x80):

            def wire(at: int, raw: bytes, place: int = place, mask: int = mask) -> bytes:
                if at != number:
                    return raw
                return raw[:place] + bytes([raw[place] ^ mask]) + raw[place + 1 :]

            said.add(fails_at(wire, number))
    assert len(said) == 1


@pytest.mark.fault("F043")
def test_another_network_is_noticed_by_the_first_message_and_not_answered() -> None:
    calling, called = client(network=bytes(32)), server()
    with pytest.raises(HandshakeFailed, match="network's key"):
        called.receive(calling.to_send())
    assert called.to_send() == b""
    calling = client(network=bytes(32))
    calling.to_send()
    with pytest.raises(HandshakeFailed, match="network's key"):
        calling.receive(server()._challenge)
    assert calling.to_send() == b""  # the box with its name was not made


@pytest.mark.fault("F043")
def test_who_answers_in_the_servers_place_learns_no_name() -> None:
    calling, called = client(server=BOB), server(identity=MALLORY)
    called.receive(calling.to_send())
    calling.receive(called.to_send())
    box = calling.to_send()
    with pytest.raises(HandshakeFailed, match="the client's box does not open"):
        called.receive(box)
    assert called.to_send() == b""
    for name in (ALICE.public.raw, BOB.public.raw, ALICE.public.to_x25519()):
        assert name not in box


@pytest.mark.fault("F043")
def test_who_does_not_know_the_servers_key_does_not_make_it_speak() -> None:
    calling, called = client(server=MALLORY), server(identity=BOB)
    called.receive(calling.to_send())
    answer = called.to_send()
    calling.receive(answer)
    with pytest.raises(HandshakeFailed):
        called.receive(calling.to_send())
    assert BOB.public.raw not in answer
    assert called.to_send() == b""


def test_a_client_that_is_not_let_in_is_told_nothing() -> None:
    asked: list[PublicKey] = []

    def nobody(key: PublicKey) -> bool:
        asked.append(key)
        return False

    calling, called = client(), server(allows=nobody)
    with pytest.raises(HandshakeFailed, match="is not let in"):
        shake_hands(calling, called)
    assert asked == [ALICE.public]
    assert called.to_send() == b""
    assert not called.is_finished
    shake_hands(client(), server(allows=lambda key: key == ALICE.public))


@pytest.mark.fault("F044")
def test_recorded_messages_abort() -> None:
    recorded = shake_hands(client(), server())
    called = server(ephemeral=bytes([8]) * 32)
    called.receive(recorded[0])
    called.to_send()
    with pytest.raises(HandshakeFailed):
        called.receive(recorded[2])
    calling = client(ephemeral=bytes([9]) * 32)
    calling.to_send()
    calling.receive(recorded[1])
    calling.to_send()
    with pytest.raises(HandshakeFailed):
        calling.receive(recorded[3])


@pytest.mark.fault("F044")
def test_our_own_challenge_that_comes_back_aborts() -> None:
    calling = client()
    with pytest.raises(HandshakeFailed, match="our own"):
        calling.receive(calling.to_send())
    assert calling.to_send() == b""
    called = server()
    with pytest.raises(HandshakeFailed, match="our own"):
        called.receive(called._challenge)


# X25519's numbers of small order, and one of them written above p (RFC 7748 reduces it).
SMALL = [
    bytes(32),
    b"\1" + bytes(31),
    (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 18).to_bytes(32, "little"),
]


@pytest.mark.fault("F043")
@pytest.mark.parametrize("small", SMALL, ids=["0", "1", "p - 1", "p + 1"])
def test_ephemeral_keys_of_small_order_abort(small: bytes) -> None:
    """With one of them a listener would know the agreement, and with it who is calling."""
    challenge = secret_handshake.authenticator(NETWORK, small) + small
    for one in (client(), server()):
        one.to_send()
        with pytest.raises(HandshakeFailed, match="small order"):
            one.receive(challenge)
        assert one.to_send() == b""


def forged_hello(make: Callable[[bytes, bytes], bytes]) -> bytes:
    """Message 3 of a client that does everything right but the hello, made of (K ‖ B ‖ H(ab), A)."""
    calling, called = client(), server()
    called.receive(calling.to_send())
    challenge = called.to_send()
    b = challenge[32:]
    key = ExchangeKey.from_bytes(EPHEMERALS["client"])
    ab, aB = key.shared_secret(b), key.shared_secret(BOB.public.to_x25519())
    signed = NETWORK + BOB.public.raw + hashlib.sha256(ab).digest()
    box_key = hashlib.sha256(NETWORK + ab + aB).digest()
    return nacl.bindings.crypto_secretbox(make(signed, ALICE.public.raw), bytes(24), box_key)


@pytest.mark.fault("F043")
@pytest.mark.parametrize(
    "make",
    [
        lambda signed, name: MALLORY.sign_raw(signed) + name,
        lambda signed, name: ALICE.sign_raw(signed[:-1] + b"x") + name,
        lambda signed, name: bytes(64) + name,
        lambda signed, name: bytes(64) + b"\1" + bytes(31),
        lambda signed, name: ALICE.sign_raw(signed) + b"\2" + bytes(31),
        lambda signed, name: ALICE.sign_raw(signed)[:32] + b"\xff" * 32 + name,
    ],
    ids=["another's", "of another message", "zeros", "small order", "no point", "S not below L"],
)
def test_a_hello_that_does_not_hold_aborts(make: Callable[[bytes, bytes], bytes]) -> None:
    called = server()
    called.receive(client().to_send())
    called.to_send()
    with pytest.raises(HandshakeFailed) as failed:
        called.receive(forged_hello(make))
    assert failed.value.__context__ is None
    assert called.to_send() == b""


@pytest.mark.fault("F043")
@pytest.mark.parametrize("forger", [BOB, MALLORY])
def test_a_server_that_cannot_sign_is_not_the_one(forger: SecretKey) -> None:
    """Message 4 in a box that opens, which takes the server's X25519 key, signed by its key or by another."""
    calling, called = client(), server()
    called.receive(calling.to_send())
    calling.receive(called.to_send())
    called.receive(calling.to_send())
    a, b = (ExchangeKey.from_bytes(EPHEMERALS[who]) for who in ("client", "server"))
    ab = a.shared_secret(b.public)
    agreements = ab + a.shared_secret(BOB.public.to_x25519()) + b.shared_secret(ALICE.public.to_x25519())
    signed = NETWORK + called._hello + hashlib.sha256(ab).digest()
    key = hashlib.sha256(NETWORK + agreements).digest()
    box = nacl.bindings.crypto_secretbox(forger.sign_raw(signed), bytes(24), key)
    if forger is BOB:
        assert box == called.to_send()
        return
    with pytest.raises(HandshakeFailed):
        calling.receive(box)
    assert not calling.is_finished


def test_the_forger_is_right_in_everything_else() -> None:
    called = server()
    called.receive(client().to_send())
    called.receive(forged_hello(lambda signed, name: ALICE.sign_raw(signed) + name))
    assert called.outcome.remote == ALICE.public


def test_a_server_key_that_keeps_no_secret_is_not_called() -> None:
    mixed = PublicKey(edwards.compress(edwards.BASE + edwards.ORDER_EIGHT))
    with pytest.raises(WeakKey, match="mixed order"):
        ClientHandshake(ALICE, mixed, network=NETWORK)


@pytest.mark.fault("F011")
def test_no_secret_shows_in_reprs_attributes_or_tracebacks() -> None:
    calling, called = client(), server()
    sent = shake_hands(client(), server())
    called.receive(sent[0])
    called.to_send()
    with pytest.raises(HandshakeFailed) as caught:
        called.receive(bytes(112))
    calling.receive(sent[1])
    ab = ExchangeKey.from_bytes(EPHEMERALS["client"]).shared_secret(sent[1][32:])
    text = library_locals(caught.value) + repr(vars(called)) + repr(vars(calling)) + repr(calling)
    finished, other = client(), server()
    shake_hands(finished, other)
    text += repr(finished.outcome) + repr(vars(finished))
    secrets = [ab, finished.outcome.send_key.expose(), EPHEMERALS["client"], EPHEMERALS["server"]]
    for secret in secrets:
        assert repr(secret)[2:-1] not in text
        assert secret.hex() not in text
    assert finished._agreed == []


def test_the_parts_of_the_messages() -> None:
    sent = shake_hands(client(), server())
    for number, raw in enumerate(sent, start=1):
        fields = secret_handshake.dissect(number, raw)
        assert b"".join(field.raw for field in fields) == raw
        with pytest.raises(UsageError, match="are no message"):
            secret_handshake.dissect(number, raw + b"\0")
    assert [field.size_bytes for field in secret_handshake.dissect(3, sent[2])] == [16, 96]
    assert "client's box" in secret_handshake.dissect(3, sent[2])[1].name
    with pytest.raises(UsageError):
        secret_handshake.dissect(5, sent[0])
