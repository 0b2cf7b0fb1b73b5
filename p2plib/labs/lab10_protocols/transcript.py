"""Lab 10, task 2: what both sides of a handshake agree on, and the keys that come of it. The reference.

The reader's class is Noise's SymmetricState without its rarer parts (revision 34, section 5.2), for SHA256
and ChaCha20-Poly1305. `channel` makes a stream of the two keys that it gives in the end.
`p2plib.labs.lab10_protocols.agreeing` says what is tried, and the wrong ways.
"""

from __future__ import annotations

import hashlib
import hmac

import nacl.bindings
import nacl.exceptions

from p2plib.errors import Tampered
from p2plib.identity.keys import PublicKey
from p2plib.protocol.noise.crypto import CipherState, SessionSecret
from p2plib.protocol.noise.handshake import Session
from p2plib.protocol.noise.libp2p import NoiseOpener, NoiseSealer
from p2plib.protocol.secure import SecureStream
from p2plib.protocol.stream import Stream

NN = "Noise_NN_25519_ChaChaPoly_SHA256"
XX = "Noise_XX_25519_ChaChaPoly_SHA256"


def encrypt(key: bytes, counter: int, associated: bytes, plaintext: bytes) -> bytes:
    """ChaCha20-Poly1305: 16 bytes longer than the plaintext.

    Args:
        key: 32 bytes.
        counter: how often this key was used before.
        associated: authenticated, not sent.
        plaintext: any bytes.
    """
    nonce = bytes(4) + counter.to_bytes(8, "little")
    return nacl.bindings.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, associated, nonce, key)


def decrypt(key: bytes, counter: int, associated: bytes, ciphertext: bytes) -> bytes:
    """The plaintext; the arguments as `encrypt` had them.

    Raises:
        Tampered: anything differs by a bit.
    """
    nonce = bytes(4) + counter.to_bytes(8, "little")
    try:
        return nacl.bindings.crypto_aead_chacha20poly1305_ietf_decrypt(ciphertext, associated, nonce, key)
    except (nacl.exceptions.CryptoError, ValueError):
        raise Tampered("this does not decrypt") from None


class Transcript:
    """What a handshake has come to so far: a hash of all that was sent, and a key of all that is secret.

    Args:
        name: of the protocol, at most 32 characters of ASCII.

    Attributes:
        hash: of all so far, 32 bytes.
    """

    def __init__(self, name: str) -> None:
        self.hash = self.chain = self._start(name.encode())
        self.key: bytes | None = None
        self.counter = 0

    def mix_hash(self, data: bytes) -> None:
        """Both have seen these bytes."""
        self.hash = hashlib.sha256(self.hash + data).digest()

    def mix_key(self, secret: bytes) -> None:
        """Both know this secret."""
        self.chain, self.key = self._two(secret)
        self.counter = 0

    def seal(self, plaintext: bytes) -> bytes:
        """A part of a message to be sent, encrypted if there is a key."""
        part = plaintext
        if self.key is not None:
            part = encrypt(self.key, self.counter, self._associated(), plaintext)
            self.counter += 1
        self.mix_hash(part)
        return part

    def open(self, part: bytes) -> bytes:
        """What is in such a part; Tampered if it does not hold, and then nothing has changed."""
        plaintext = part
        if self.key is not None:
            plaintext = decrypt(self.key, self.counter, self._associated(), part)
            self.counter += 1
        self.mix_hash(part)
        return plaintext

    def split(self) -> tuple[bytes, bytes]:
        """The keys of the session: whoever began encrypts with the first, the other with the second."""
        return self._two(b"")

    def _start(self, name: bytes) -> bytes:
        return name.ljust(32, b"\0")

    def _two(self, secret: bytes) -> tuple[bytes, bytes]:
        """Noise's HKDF with two outputs (section 4.3)."""
        root = hmac.digest(self.chain, secret, "sha256")
        first = hmac.digest(root, b"\1", "sha256")
        return first, hmac.digest(root, first + b"\2", "sha256")

    def _associated(self) -> bytes:
        return self.hash


def channel(stream: Stream, transcript: Transcript, remote: PublicKey) -> SecureStream:
    """A private stream, for whoever began a handshake that a transcript was kept of.

    Args:
        stream: the handshake went over it.
        transcript: a `Transcript`, or what behaves like one.
        remote: who the other side has proved to be.
    """
    sending, receiving = (CipherState(SessionSecret.from_bytes(key)) for key in transcript.split())
    session = Session(sending, receiving, transcript.hash, None)
    return SecureStream(stream, NoiseSealer(session), NoiseOpener(session), remote)
