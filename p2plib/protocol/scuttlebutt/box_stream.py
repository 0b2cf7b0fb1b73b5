"""Box stream: Scuttlebutt's encrypted stream, which says when it is over. Machines, one for each direction.

The Scuttlebutt Protocol Guide, "Box stream", as the npm module `pull-box-stream` 1.0.13 has it. The keys
come from `p2plib.protocol.scuttlebutt.secret_handshake`.

    header   34 bytes   secretbox with nonce n of: body's size (2 bytes, big-endian) ‖ body's tag (16 bytes)
    body     1 to 4096 bytes, secretbox with nonce n + 1, whose tag stands in the header

The next header has nonce n + 2. Nonces are 24-byte numbers, big-endian. A header of 18 zero bytes is the
*goodbye*: nothing follows.

Rules
    1. A stream that ends without the goodbye was cut, by the network or by somebody: `Truncated`.
    2. A body is never empty; nothing is written for no bytes. (Otherwise a peer could keep us busy with
       headers.)
    3. The size is checked, as it stands in the authenticated header, before anything is waited for.
    4. Whatever does not open, or says a wrong size, is `Tampered`, and the stream is over.
    5. After our goodbye nothing can be sealed; after theirs nothing is read.
"""

from __future__ import annotations

import nacl.bindings
import nacl.exceptions

from p2plib.errors import Closed, Tampered, Truncated, UsageError
from p2plib.protocol.noise.crypto import SessionSecret
from p2plib.protocol.scuttlebutt.secret_handshake import NONCE_BYTES, Outcome
from p2plib.wire.fields import Field

SIZE_BYTES = 2
TAG_BYTES = 16
HEADER_BYTES = TAG_BYTES + SIZE_BYTES + TAG_BYTES
MAX_BODY_BYTES = 4096
GOODBYE = bytes(SIZE_BYTES + TAG_BYTES)


class _Nonces:
    """The nonces of one direction, in order."""

    def __init__(self, first: bytes) -> None:
        if len(first) != NONCE_BYTES:
            raise UsageError(f"a nonce is {NONCE_BYTES} bytes, not {len(first)}")
        self._next = int.from_bytes(first, "big")

    def take(self) -> bytes:
        nonce = self._next.to_bytes(NONCE_BYTES, "big")
        self._next = (self._next + 1) % 2 ** (8 * NONCE_BYTES)  # it begins anywhere, so it may wrap
        return nonce


class BoxSealer:
    """Turns what we write into boxes.

    Args:
        key: of this direction, 32 bytes.
        nonce: the first one, 24 bytes.
    """

    def __init__(self, key: SessionSecret, nonce: bytes) -> None:
        self._key = key
        self._nonces = _Nonces(nonce)
        self._has_said_goodbye = False

    def seal(self, data: bytes) -> bytes:
        """The boxes that carry some bytes, each with up to 4096 of them; none for no bytes.

        Raises:
            Closed: the goodbye was said.
        """
        if self._has_said_goodbye:
            raise Closed("nothing is written after the goodbye")
        parts = (data[at : at + MAX_BODY_BYTES] for at in range(0, len(data), MAX_BODY_BYTES))
        return b"".join([self._box(part) for part in parts])

    def goodbye(self) -> bytes:
        """The header that says that nothing follows; no bytes when it was said already."""
        if self._has_said_goodbye:
            return b""
        self._has_said_goodbye = True
        return nacl.bindings.crypto_secretbox(GOODBYE, self._nonces.take(), self._key.expose())

    def _box(self, part: bytes) -> bytes:
        of_header, of_body, key = self._nonces.take(), self._nonces.take(), self._key.expose()
        body = nacl.bindings.crypto_secretbox(part, of_body, key)
        head = len(part).to_bytes(SIZE_BYTES, "big") + body[:TAG_BYTES]
        return nacl.bindings.crypto_secretbox(head, of_header, key) + body[TAG_BYTES:]


class BoxOpener:
    """Turns boxes into what the other side wrote. Give it exactly `need_bytes` bytes at a time: a header,
    then its body.

    Args:
        key: of this direction, 32 bytes.
        nonce: the first one, 24 bytes.
    """

    def __init__(self, key: SessionSecret, nonce: bytes) -> None:
        self._key = key
        self._nonces = _Nonces(nonce)
        self._tag: bytes | None = None
        self._is_broken = False
        self.has_ended = False  # whether the other side said goodbye
        self.need_bytes = HEADER_BYTES

    def receive(self, data: bytes) -> bytes:
        """What these bytes say: nothing for a header, the plaintext for a body. Look at `has_ended` after it.

        Raises:
            Tampered: not the next box that the other side sent, or a size that no box has. It is over.
            Closed: it was over before.
        """
        if self._is_broken or self.has_ended:
            raise Closed("this box stream is over, and nothing more is read from it")
        if len(data) != self.need_bytes:
            raise UsageError(f"the opener needs {self.need_bytes} bytes, not {len(data)}")
        self._is_broken = True  # until it went well
        if self._tag is None:
            self._read_header(self._open(data))
            plaintext = b""
        else:
            plaintext = self._open(self._tag + data)
            self._tag, self.need_bytes = None, HEADER_BYTES
        self._is_broken = False
        return plaintext

    def end_of_stream(self, left_over_bytes: int) -> None:
        """Call this when the stream below has ended; returns if the other side had said goodbye.

        Args:
            left_over_bytes: how many bytes had arrived of the `need_bytes` that were waited for.

        Raises:
            Truncated: it had not.
        """
        if not self.has_ended:
            where = "inside a box" if left_over_bytes or self._tag else "between two boxes"
            raise Truncated(f"the stream ended {where}, without a goodbye")

    def _read_header(self, head: bytes) -> None:
        if head == GOODBYE:
            self.has_ended, self.need_bytes = True, 0
            return
        size_bytes = int.from_bytes(head[:SIZE_BYTES], "big")
        if not 1 <= size_bytes <= MAX_BODY_BYTES:
            raise Tampered(f"a box has 1 to {MAX_BODY_BYTES} bytes, not {size_bytes}")
        self._tag, self.need_bytes = head[SIZE_BYTES:], size_bytes

    def _open(self, box: bytes) -> bytes:
        content: bytes | None = None
        try:  # the binding's error is dropped with its frame, which holds the key
            content = nacl.bindings.crypto_secretbox_open(box, self._nonces.take(), self._key.expose())
        except nacl.exceptions.CryptoError:
            content = None
        if content is None:
            raise Tampered("a box that was changed, cut, repeated or moved, or is under another key")
        return content


def channel(outcome: Outcome) -> tuple[BoxSealer, BoxOpener]:
    """The machines of the channel that a handshake led to: one for what we write, one for what we read."""
    return (
        BoxSealer(outcome.send_key, outcome.send_nonce),
        BoxOpener(outcome.receive_key, outcome.receive_nonce),
    )


def dissect(raw: bytes, body_bytes: tuple[int, ...]) -> tuple[Field, ...]:
    """The parts of a box stream, as anybody on the wire sees them.

    Args:
        raw: whole boxes, and perhaps a goodbye.
        body_bytes: the sizes of their bodies, in order, 0 for the goodbye: who holds no key sees no borders.

    Raises:
        UsageError: the sizes are not those of `raw`.
    """
    fields, offset = list[Field](), 0
    for number, size in enumerate(body_bytes, start=1):
        end = offset + HEADER_BYTES
        head = raw[offset:end]
        fields.append(Field(f"tag of header {number}", head[:TAG_BYTES], "Poly1305 of the header"))
        said = (
            f"encrypted: {size} bytes follow, and their tag" if size else "encrypted: goodbye, 18 zero bytes"
        )
        fields.append(Field(f"header {number}", head[TAG_BYTES:], said))
        if size:
            fields.append(Field(f"body {number}", raw[end : end + size], "encrypted"))
        offset = end + size
    if offset != len(raw):
        raise UsageError(f"boxes of these sizes take {offset} bytes, not {len(raw)}")
    return tuple(fields)
