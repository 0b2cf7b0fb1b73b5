"""Secret handshake: Scuttlebutt's secure channel, in which nobody learns who is there. Machines.

Dominic Tarr, "Designing a Secret Handshake: Authenticated Key Exchange as a Capability System" (2015), as
the Scuttlebutt Protocol Guide and the npm module `secret-handshake` 1.1.21 have it. The client knows the
server's key before it begins; that is its permission to call. What is agreed on goes into
`p2plib.protocol.scuttlebutt.box_stream`.

::

    client                                                        server
    HMAC(K, a) ‖ a                                         64  →
                                                           64  ←  HMAC(K, b) ‖ b
    box(sign_A(K ‖ B ‖ H(ab)) ‖ A, H(K ‖ ab ‖ aB))        112  →
                                       80  ←  box(sign_B(K ‖ hello ‖ H(ab)), H(K ‖ ab ‖ aB ‖ Ab))

Vocabulary, the paper's letters::

    K       the network's key, 32 bytes: whoever has another one is on another network
    A, B    the client's and the server's long-term keys, Ed25519; for agreements turned into X25519
    a, b    their ephemeral keys, X25519, fresh for this handshake
    ab, aB, Ab   agreements (X25519 of the one's secret and the other's public key)
    H, HMAC   SHA-256; HMAC-SHA-512, of which the first 32 bytes count (libsodium's crypto_auth)
    box     secretbox (XSalsa20-Poly1305) with a nonce of zeros: every key is used once
    hello   what is in the client's box: its signature and its key, 96 bytes

Rules
    1. The server proves the network's key, then the client proves who it is, then the server proves who *it*
       is. A listener learns neither key, nor does a peer that answers in the server's place; a server on
       another network hears nothing of the client but its first message, and answers nothing.
    2. A peer that does not know the server's key cannot make the server say it.
    3. Whatever is wrong, also a client that is not let in, is `HandshakeFailed`, and nothing more is sent.
    4. A key of small order, and our own challenge when it comes back, fail. (A client that answers its own
       challenge would send its box to nobody; refusing it here costs one comparison.)
    5. Signatures are valid by the rule of `p2plib.identity.keys`.

The npm module draws its ephemeral keys as Ed25519 keys and turns them into X25519; here they are drawn as
what they are. Nobody can tell the difference.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass

import nacl.bindings
import nacl.exceptions

from p2plib.errors import Closed, HandshakeFailed, RemoteError, UsageError
from p2plib.identity.exchange import ExchangeKey
from p2plib.identity.keys import PUBLIC_BYTES, SIGNATURE_BYTES, PublicKey, SecretKey
from p2plib.identity.secret import Random, need_bytes
from p2plib.protocol.noise.crypto import SessionSecret
from p2plib.wire.fields import Field

# The key of Scuttlebutt's main network; every program of it has this one built in.
MAIN_NETWORK = bytes.fromhex("d4a1cb88a66f02f8db635ce26441cc5dac1b08420ceaac230839b755845a9ffb")

NETWORK_BYTES = 32
CHALLENGE_BYTES = 64
HELLO_BYTES = SIGNATURE_BYTES + PUBLIC_BYTES
BOX_OVERHEAD_BYTES = 16
CLIENT_BOX_BYTES = HELLO_BYTES + BOX_OVERHEAD_BYTES
SERVER_BOX_BYTES = SIGNATURE_BYTES + BOX_OVERHEAD_BYTES
NONCE_BYTES = 24
HMAC_BYTES = 32

_ZERO_NONCE = bytes(NONCE_BYTES)


def _sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _box_key(*parts: bytes) -> SessionSecret:
    return SessionSecret.from_bytes(_sha256(*parts))


def authenticator(network: bytes, public: bytes) -> bytes:
    """HMAC(K, key): the proof of knowing the network's key, 32 bytes."""
    return hmac.digest(network, public, "sha512")[:HMAC_BYTES]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What both sides have after the handshake, each its own half.

    Args:
        remote: who the other side has proved to be.
        send_key: encrypts what we write.
        send_nonce: the first nonce of what we write, 24 bytes.
        receive_key: decrypts what they write.
        receive_nonce: the first nonce of it.
    """

    remote: PublicKey
    send_key: SessionSecret
    send_nonce: bytes
    receive_key: SessionSecret
    receive_nonce: bytes


class _Handshake:
    """What client and server have in common. Subclasses fill `_steps`, one for each message that is read."""

    def __init__(self, identity: SecretKey, network: bytes, random: Random) -> None:
        if len(need_bytes(network, "a network's key")) != NETWORK_BYTES:
            raise UsageError(f"a network's key is {NETWORK_BYTES} bytes, not {len(network)}")
        self.network = network
        self.need_bytes = CHALLENGE_BYTES
        self._identity = identity
        self._ephemeral = ExchangeKey.generate(random)
        self._challenge = authenticator(network, self._ephemeral.public) + self._ephemeral.public
        self._their_challenge = b""
        self._agreed: list[SessionSecret] = []
        self._hello = b""
        self._outgoing = b""
        self._has_failed = False
        self._outcome: Outcome | None = None
        self._steps: list[Callable[[bytes], None]] = []

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._identity.public!r}, needs {self.need_bytes} bytes)"

    @property
    def is_finished(self) -> bool:
        """Whether both sides are done. There may be something left to send."""
        return self._outcome is not None

    @property
    def outcome(self) -> Outcome:
        """The keys of the channel; UsageError before the handshake is finished."""
        if self._outcome is None:
            raise UsageError("the handshake is not finished")
        return self._outcome

    def to_send(self) -> bytes:
        """What is to be sent now, once; no bytes if nothing is. After a failure there is nothing."""
        outgoing, self._outgoing = self._outgoing, b""
        return outgoing

    def receive(self, data: bytes) -> None:
        """Takes the next `need_bytes` bytes of the other side.

        Raises:
            HandshakeFailed: they do not hold, whatever the reason.
            Closed: it failed before.
        """
        if self._has_failed:
            raise Closed("this handshake failed, and nothing more is sent or read in it")
        if self.is_finished or len(data) != self.need_bytes:
            raise UsageError(f"the handshake needs {self.need_bytes} bytes, not {len(data)}")
        self._has_failed = True  # until it went well
        problem = ""
        try:
            self._steps.pop(0)(need_bytes(data, "a message"))
        except RemoteError as error:
            problem = str(error)
        if problem:
            raise HandshakeFailed(problem)
        self._has_failed = False

    def _agree(self, secret: ExchangeKey, public: bytes) -> SessionSecret:
        """An agreement; raises WeakKey."""
        made = SessionSecret.from_bytes(secret.shared_secret(public))
        self._agreed.append(made)
        return made

    def _agreements(self) -> bytes:
        return b"".join(made.expose() for made in self._agreed)

    def _read_challenge(self, raw: bytes) -> None:
        proof, public = raw[:HMAC_BYTES], raw[HMAC_BYTES:]
        if not hmac.compare_digest(proof, authenticator(self.network, public)):
            raise HandshakeFailed(
                "the challenge does not prove the network's key: another network, or changed"
            )
        if hmac.compare_digest(public, self._ephemeral.public):
            raise HandshakeFailed("the challenge is our own, which came back")
        self._their_challenge = raw
        self._agree(self._ephemeral, public)

    @property
    def _their_ephemeral(self) -> bytes:
        return self._their_challenge[HMAC_BYTES:]

    def _signed_by_client(self, server: PublicKey) -> bytes:
        return self.network + server.raw + _sha256(self._agreed[0].expose())

    def _signed_by_server(self) -> bytes:
        return self.network + self._hello + _sha256(self._agreed[0].expose())

    def _finish(self, remote: PublicKey) -> None:
        shared = _sha256(_sha256(self.network, self._agreements()))
        self._outcome = Outcome(
            remote,
            send_key=_box_key(shared, remote.raw),
            send_nonce=self._their_challenge[:NONCE_BYTES],
            receive_key=_box_key(shared, self._identity.public.raw),
            receive_nonce=self._challenge[:NONCE_BYTES],
        )
        self._agreed = []
        self.need_bytes = 0


def _seal(content: bytes, key: SessionSecret) -> bytes:
    return nacl.bindings.crypto_secretbox(content, _ZERO_NONCE, key.expose())


def _open(box: bytes, key: SessionSecret, whose: str) -> bytes:
    content: bytes | None = None
    try:  # the binding's error is dropped with its frame, which holds the key
        content = nacl.bindings.crypto_secretbox_open(box, _ZERO_NONCE, key.expose())
    except nacl.exceptions.CryptoError:
        content = None
    if content is None:
        raise HandshakeFailed(f"the {whose} box does not open: changed, replayed, or for another key")
    return content


class ClientHandshake(_Handshake):
    """The side that calls. Send what `to_send` gives, give `receive` exactly `need_bytes` bytes, until
    `is_finished`; then `outcome` holds the keys.

    Args:
        identity: who we are.
        server: whose key was promised to us.
        network: the network's key, 32 bytes.
        random: called once for 32 bytes, for the ephemeral key.

    Raises:
        UsageError: the network's key is not 32 bytes.
        WeakKey: the server's key can keep no secret.
    """

    def __init__(
        self,
        identity: SecretKey,
        server: PublicKey,
        *,
        network: bytes = MAIN_NETWORK,
        random: Random = os.urandom,
    ) -> None:
        super().__init__(identity, network, random)
        self.server = server
        self._server_exchange = server.to_x25519()
        self._steps = [self._say_hello, self._check_server]
        self._outgoing = self._challenge

    def _say_hello(self, raw: bytes) -> None:
        self._read_challenge(raw)
        self._agree(self._ephemeral, self._server_exchange)
        signature = self._identity.sign_raw(self._signed_by_client(self.server))
        self._hello = signature + self._identity.public.raw
        self._outgoing = _seal(self._hello, _box_key(self.network, self._agreements()))
        self.need_bytes = SERVER_BOX_BYTES

    def _check_server(self, raw: bytes) -> None:
        self._agree(self._identity.to_x25519(), self._their_ephemeral)
        signature = _open(raw, _box_key(self.network, self._agreements()), "server's")
        self.server.verify_raw(self._signed_by_server(), signature)
        self._finish(self.server)


class ServerHandshake(_Handshake):
    """The side that is called; used as `ClientHandshake` is.

    Args:
        identity: who we are.
        network: the network's key, 32 bytes.
        allows: whether a client that has proved its key may come in; all may if it is not given.
        random: called once for 32 bytes, for the ephemeral key.

    Raises:
        UsageError: the network's key is not 32 bytes.
    """

    def __init__(
        self,
        identity: SecretKey,
        *,
        network: bytes = MAIN_NETWORK,
        allows: Callable[[PublicKey], bool] | None = None,
        random: Random = os.urandom,
    ) -> None:
        super().__init__(identity, network, random)
        self._allows = allows
        self._steps = [self._answer, self._check_client]

    def _answer(self, raw: bytes) -> None:
        self._read_challenge(raw)
        self._agree(self._identity.to_x25519(), self._their_ephemeral)
        self._outgoing = self._challenge
        self.need_bytes = CLIENT_BOX_BYTES

    def _check_client(self, raw: bytes) -> None:
        self._hello = _open(raw, _box_key(self.network, self._agreements()), "client's")
        client = PublicKey(self._hello[SIGNATURE_BYTES:])
        client.verify_raw(self._signed_by_client(self._identity.public), self._hello[:SIGNATURE_BYTES])
        if self._allows is not None and not self._allows(client):
            raise HandshakeFailed(f"the client {client!r} is not let in")
        self._agree(self._ephemeral, client.to_x25519())
        signature = self._identity.sign_raw(self._signed_by_server())
        self._outgoing = _seal(signature, _box_key(self.network, self._agreements()))
        self._finish(client)


_MESSAGES = {
    1: ("client", CHALLENGE_BYTES),
    2: ("server", CHALLENGE_BYTES),
    3: ("client", CLIENT_BOX_BYTES),
    4: ("server", SERVER_BOX_BYTES),
}


def dissect(number: int, raw: bytes) -> tuple[Field, ...]:
    """The parts of message `number` (1 to 4), as anybody on the wire sees them.

    Raises:
        UsageError: there is no such message, or it has another size.
    """
    if number not in _MESSAGES or len(raw) != _MESSAGES[number][1]:
        raise UsageError(f"{len(raw)} bytes are no message {number} of a secret handshake")
    who = _MESSAGES[number][0]
    if number <= 2:
        return (
            Field("proof", raw[:HMAC_BYTES], "HMAC of the key by the network's"),
            Field("ephemeral key", raw[HMAC_BYTES:], f"the {who}'s, X25519, fresh"),
        )
    inside = "signature and long-term key" if number == 3 else "signature"
    return (
        Field("tag", raw[:BOX_OVERHEAD_BYTES], "Poly1305 of what follows"),
        Field(f"{who}'s box", raw[BOX_OVERHEAD_BYTES:], f"encrypted: its {inside}"),
    )
