"""Noise: a handshake that turns two key pairs into a private connection. Machines.

The Noise Protocol Framework, revision 34, section 5, for 25519, ChaChaPoly, and SHA256, SHA512, BLAKE2s or
BLAKE2b. What is sent when is a table, `p2plib.protocol.noise.patterns`; the cryptography is in
`p2plib.protocol.noise.crypto`.

How it works. Both sides keep a running hash of all that was sent, and a chaining key into which every
agreement is mixed. Every encrypted part authenticates the running hash. So two who do not agree on *one* byte
(of the protocol's name, the prologue, a key, any message before) cannot read each other from then on.

Rules
    1. Nothing is checked by itself and answered by itself: whatever is wrong with a message, it is the same
       `HandshakeFailed`, in the same words, and the handshake is over.
    2. A key of small order, and the peer's ephemeral key when it is our own (our message came back), fail.
    3. A message is at most 65535 bytes. Its size is checked before anything is computed.
    4. A pre-shared key is 32 bytes. The prologue is any bytes; both must give the same.
    5. Randomness is an argument: one call for 32 bytes when the ephemeral key is needed.

Vocabulary, the specification's letters::

    e, s     our ephemeral and static key; re, rs the other side's
    h        the running hash, later the session's name: both sides have the same, and nobody else
    ck       the chaining key

    >>> alice = HandshakeState("Noise_NN_25519_ChaChaPoly_SHA256", initiator=True)
    >>> bob = HandshakeState("Noise_NN_25519_ChaChaPoly_SHA256", initiator=False)
    >>> bob.read_message(alice.write_message(b"may I?"))
    b'may I?'
    >>> alice.read_message(bob.write_message(b"yes"))
    b'yes'
    >>> bob.session.decrypt(alice.session.encrypt(b"now we are alone"))
    b'now we are alone'
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence

from p2plib.errors import Closed, HandshakeFailed, Tampered, UsageError, WeakKey
from p2plib.identity.exchange import ExchangeKey
from p2plib.identity.secret import Random, need_bytes, seed_problem
from p2plib.protocol.noise import patterns as noise_patterns
from p2plib.protocol.noise.crypto import HASH_FUNCTIONS, CipherState, SessionSecret, SymmetricState
from p2plib.protocol.noise.patterns import KEY_BYTES, MAX_MESSAGE_BYTES, TAG_BYTES

PSK_BYTES = 32
MAX_PLAINTEXT_BYTES = MAX_MESSAGE_BYTES - TAG_BYTES


class Session:
    """What a finished handshake leaves: a cipher for each direction. A machine.

    Args:
        sending: encrypts; None on the side of a one-way pattern that only listens.
        receiving: decrypts; None on the side that only speaks.
        handshake_hash: the same on both sides and on no other connection; sign it to bind something to this
            one.
        remote_static: the other's static key, 32 bytes; None if the pattern has none.
    """

    def __init__(
        self,
        sending: CipherState | None,
        receiving: CipherState | None,
        handshake_hash: bytes,
        remote_static: bytes | None,
    ) -> None:
        self.sending = sending
        self.receiving = receiving
        self.handshake_hash = handshake_hash
        self.remote_static = remote_static
        self._is_broken = False

    def encrypt(self, plaintext: bytes) -> bytes:
        """The next message to the other side.

        Args:
            plaintext: at most 65519 bytes.

        Raises:
            UsageError: it is longer, or this side of a one-way pattern does not speak.
            KeyExhausted: 2^64 - 1 messages were sent.
        """
        if self.sending is None:
            raise UsageError("a one-way pattern: only the initiator speaks")
        if len(plaintext) > MAX_PLAINTEXT_BYTES:
            raise UsageError(
                f"a Noise message holds {MAX_PLAINTEXT_BYTES} bytes at most, not {len(plaintext)}"
            )
        return self.sending.encrypt(b"", plaintext)

    def decrypt(self, message: bytes) -> bytes:
        """What the other side's next message says.

        Raises:
            Tampered: it is not the next message, or not whole, or no Noise message by its size. That ends
                the session: one byte that somebody else wrote, and nothing after it can be believed.
            Closed: the session ended so before.
        """
        if self.receiving is None:
            raise UsageError("a one-way pattern: the initiator does not listen")
        if self._is_broken:
            raise Closed("this session was tampered with, and nothing more is read from it")
        self._is_broken = True
        if not TAG_BYTES <= len(message) <= MAX_MESSAGE_BYTES:
            raise Tampered(
                f"a Noise message has {TAG_BYTES} to {MAX_MESSAGE_BYTES} bytes, not {len(message)}"
            )
        plaintext = self.receiving.decrypt(b"", message)
        self._is_broken = False
        return plaintext


class HandshakeState:
    """One side of a handshake (section 5.3). Call `write_message` and `read_message` in turn, the initiator
    writing first, until `is_finished`; then take `session`.

    Args:
        name: of the protocol, "Noise_XX_25519_ChaChaPoly_SHA256".
        initiator: whether this side sends the first message.
        prologue: what both know already and want to be sure that they agree on.
        static: our static key, where the pattern needs one.
        remote_static: the other's static public key, 32 bytes, where the pattern says that it is known.
        psks: the pre-shared keys, 32 bytes each, in the order of their tokens.
        random: gives so many random bytes; called for the ephemeral key alone.

    Raises:
        UsageError: the name is unknown, or a key is missing, of the wrong size, or given and not used.
    """

    def __init__(
        self,
        name: str,
        *,
        initiator: bool,
        prologue: bytes = b"",
        static: ExchangeKey | None = None,
        remote_static: bytes | None = None,
        psks: Sequence[bytes] = (),
        random: Random = os.urandom,
    ) -> None:
        self._psks = [SessionSecret.from_bytes(psk) for psk in psks]
        del psks  # an error report shows the local variables of this frame
        self.name, self.initiator, self.messages_done = name, initiator, 0
        self.protocol = noise_patterns.protocol(name)
        self.pattern = self.protocol.pattern
        self._check_keys(static, remote_static)
        self.remote_static = remote_static
        self._static = static
        self._random = random
        self._ephemeral: ExchangeKey | None = None
        self._remote_ephemeral: bytes | None = None
        self._has_failed = False
        self._session: Session | None = None
        self._symmetric = SymmetricState(name, HASH_FUNCTIONS[self.protocol.hash_name])
        self._symmetric.mix_hash(need_bytes(prologue, "a prologue"))
        for known, is_ours in (
            (self.pattern.initiator_known, initiator),
            (self.pattern.responder_known, not initiator),
        ):
            key = (static.public if static else None) if is_ours else remote_static
            if known and key is not None:
                self._symmetric.mix_hash(key)

    def _check_keys(self, static: ExchangeKey | None, remote_static: bytes | None) -> None:
        called = self.pattern.name
        if (static is not None) != self.pattern.needs_static(self.initiator):
            verb = "needs a static key" if static is None else "has no use for a static key"
            raise UsageError(f"this side of {called} {verb}")
        if (remote_static is not None) != self.pattern.knows_remote(self.initiator):
            verb = "needs" if remote_static is None else "learns, and does not take,"
            raise UsageError(f"this side of {called} {verb} the other's static key")
        if remote_static is not None and len(need_bytes(remote_static, "a static key")) != KEY_BYTES:
            raise UsageError(f"a static key is {KEY_BYTES} bytes, not {len(remote_static)}")
        if len(self._psks) != self.pattern.psks:
            raise UsageError(f"{called} takes {self.pattern.psks} pre-shared keys, not {len(self._psks)}")
        if any(seed_problem(psk.expose()) for psk in self._psks):
            raise UsageError(f"a pre-shared key is {PSK_BYTES} bytes")

    def __repr__(self) -> str:
        role = "initiator" if self.initiator else "responder"
        return f"HandshakeState({self.name}, {role}, {self.messages_done} messages done)"

    @property
    def is_finished(self) -> bool:
        """Whether all messages were sent and read."""
        return self._session is not None

    @property
    def writes_next(self) -> bool:
        """Whether it is this side's turn to write."""
        return not self.is_finished and (self.messages_done % 2 == 0) == self.initiator

    @property
    def next_message(self) -> int:
        """The number of the message that comes next, counted from 1."""
        return self.messages_done + 1

    @property
    def session(self) -> Session:
        """The session, once the handshake is finished; UsageError before."""
        if self._session is None:
            raise UsageError("the handshake is not finished")
        return self._session

    def session_secrets(self) -> tuple[SessionSecret, SessionSecret]:
        """The keys with which we send and receive, 32 bytes each, for protocols that have a cipher of their
        own.

        Raises:
            UsageError: the handshake is not finished, or its pattern is one-way.
        """
        if self._session is None or self.pattern.is_one_way:
            raise UsageError("the handshake is not finished, or its pattern is one-way")
        first, second = self._symmetric.secrets()
        return (first, second) if self.initiator else (second, first)

    def write_message(self, payload: bytes = b"") -> bytes:
        """Our next message.

        Args:
            payload: goes with it. Who can read it depends on the pattern and the message: that of message 1
                is readable by all in most.

        Raises:
            UsageError: it is the other's turn, or the message would be longer than 65535 bytes.
            HandshakeFailed: the other's key is of small order.
            Closed: the handshake failed before.
        """
        self._check_turn(writes=True)
        size = self.pattern.overhead_bytes(self.next_message) + len(need_bytes(payload, "a payload"))
        if size > MAX_MESSAGE_BYTES:
            raise UsageError(f"a Noise message has {MAX_MESSAGE_BYTES} bytes at most, not {size}")
        self._has_failed = True  # until it went well
        message: bytes | None = None
        try:
            parts = [self._write_token(token) for token in self.pattern.messages[self.messages_done]]
            message = b"".join([*parts, self._symmetric.encrypt_and_hash(payload)])
        except WeakKey:
            message = None
        if message is None:
            raise self._failure()
        self._finish_message()
        return message

    def read_message(self, message: bytes) -> bytes:
        """The payload of the other's next message.

        Raises:
            HandshakeFailed: the message does not hold, whatever the reason. The handshake is over.
            UsageError: it is our turn.
            Closed: the handshake failed before.
        """
        self._check_turn(writes=False)
        need_bytes(message, "a message")
        self._has_failed = True  # until it went well
        overhead_bytes = self.pattern.overhead_bytes(self.next_message)
        if not overhead_bytes <= len(message) <= MAX_MESSAGE_BYTES:
            raise self._failure()
        payload: bytes | None = None
        try:
            payload = self._read_parts(message)
        except (Tampered, WeakKey):
            payload = None
        if payload is None:
            raise self._failure()
        self._finish_message()
        return payload

    def _check_turn(self, writes: bool) -> None:
        if self._has_failed:
            raise Closed("this handshake failed, and nothing more is sent or read in it")
        if self.is_finished:
            raise UsageError("the handshake is finished: go on with its session")
        if self.writes_next != writes:
            raise UsageError(f"it is {'the other side' if writes else 'this side'}'s turn to write")

    def _failure(self) -> HandshakeFailed:
        return HandshakeFailed(
            f"message {self.next_message} of {self.name} does not hold: it was changed, cut or "
            "repeated, or is meant for other keys or another prologue"
        )

    def _finish_message(self) -> None:
        self._has_failed = False
        self.messages_done += 1
        if self.messages_done < len(self.pattern.messages):
            return
        first, second = self._symmetric.split()
        responder = None if self.pattern.is_one_way else second
        ours, theirs = (first, responder) if self.initiator else (responder, first)
        self._session = Session(ours, theirs, self._symmetric.hash, self.remote_static)
        self._ephemeral = None  # forward secrecy: what is forgotten cannot be taken later
        self._psks = []

    def _write_token(self, token: str) -> bytes:
        if token == "e":
            self._ephemeral = ExchangeKey.generate(self._random)
            self._mix_ephemeral(self._ephemeral.public)
            return self._ephemeral.public
        if token == "s":
            assert self._static is not None
            return self._symmetric.encrypt_and_hash(self._static.public)
        self._mix_secret(token)
        return b""

    def _read_parts(self, message: bytes) -> bytes:
        """The payload; raises Tampered or WeakKey."""
        sizes, offset = dict(self.pattern.layout(self.next_message)), 0
        for token in self.pattern.messages[self.messages_done]:
            if token not in ("e", "s"):
                self._mix_secret(token)
                continue
            part = message[offset : offset + sizes[token]]
            offset += sizes[token]
            if token == "s":
                self.remote_static = self._symmetric.decrypt_and_hash(part)
                continue
            if self._ephemeral is not None and hmac.compare_digest(part, self._ephemeral.public):
                raise Tampered("our own ephemeral key came back")
            self._remote_ephemeral = part
            self._mix_ephemeral(part)
        return self._symmetric.decrypt_and_hash(message[offset:])

    def _mix_ephemeral(self, public: bytes) -> None:
        self._symmetric.mix_hash(public)
        if self.pattern.psks:
            self._symmetric.mix_key(public)  # section 9.2: or two sessions of one PSK would share a key

    def _mix_secret(self, token: str) -> None:
        if token == "psk":
            self._symmetric.mix_key_and_hash(self._psks.pop(0).expose())
            return
        ours, theirs = (token[0], token[1]) if self.initiator else (token[1], token[0])
        secret = self._ephemeral if ours == "e" else self._static
        public = self._remote_ephemeral if theirs == "e" else self.remote_static
        assert secret is not None
        assert public is not None
        self._symmetric.mix_key(secret.shared_secret(public))
