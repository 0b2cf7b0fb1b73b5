"""Lab 1, task 2: a signed envelope. A codec, and the wrong ways to seal.

The envelope is the lab's own format, made of parts that the chapter on keys explained::

    author      32 bytes       the public key
    size        1 to 9 bytes   of the payload, as a varint
    payload     that many
    signature   64 bytes       of everything before it, in a context that both sides know

The context is not sent: who expects a greeting opens the envelope as a greeting.
"""

from __future__ import annotations

from collections.abc import Callable

from p2plib.errors import DecodeError
from p2plib.identity import edwards
from p2plib.identity.keys import PUBLIC_BYTES, SIGNATURE_BYTES, PublicKey, SecretKey, with_context
from p2plib.labs.engine.tasks import Mistake, Task
from p2plib.wire import varint
from p2plib.wire.fields import Field, bytes_follow

Seal = Callable[[SecretKey, str, bytes], bytes]

CONTEXT = "lab01/note/1"
OTHER_CONTEXT = "lab01/vote/1"


def seal_envelope(secret: SecretKey, context: str, payload: bytes) -> bytes:
    """A payload with its author and a signature, as bytes that can be sent."""
    body = secret.public.raw + varint.encode(len(payload)) + payload
    return body + secret.sign(context, body)


def open_envelope(context: str, envelope: bytes) -> tuple[PublicKey, bytes]:
    """The author and the payload of an envelope.

    Raises:
        DecodeError: a part is missing, the size lies, or something stands behind the signature.
        SignatureError: the author did not sign this in this context.
        WeakKey: the author's key is of small order.
    """
    if len(envelope) < PUBLIC_BYTES:
        raise DecodeError("an envelope begins with the 32 bytes of its author's key", len(envelope))
    author = PublicKey(envelope[:PUBLIC_BYTES])
    size, start = varint.decode(envelope, PUBLIC_BYTES)
    end = start + size
    if len(envelope) != end + SIGNATURE_BYTES:
        raise DecodeError(
            f"a payload of {size} bytes and a signature of 64, not {len(envelope) - start}", start
        )
    author.verify(context, envelope[:end], envelope[end:])
    return author, envelope[start:end]


def dissect_envelope(envelope: bytes) -> tuple[Field, ...]:
    """The parts of an envelope, for drawing it; the signature is not looked at."""
    size, start = varint.decode(envelope, PUBLIC_BYTES)
    end = start + size
    return (
        Field("author", envelope[:PUBLIC_BYTES], "Ed25519 public key"),
        Field("size", envelope[PUBLIC_BYTES:start], f"varint: {bytes_follow(size)}"),
        Field("payload", envelope[start:end]),
        Field("signature", envelope[end:], "of all bytes before it, in the context"),
    )


def _key(name: str) -> SecretKey:
    return SecretKey.from_seed(name.encode().ljust(32, b"."))


ANA, BEN = _key("Ana in lab 1"), _key("Ben in lab 1")


def twin(signature: bytes) -> bytes:
    """The second signature that the bare equation accepts for the same message: S + L in place of S."""
    S = int.from_bytes(signature[32:], "little") + edwards.ORDER
    return signature[:32] + S.to_bytes(32, "little")


# Wrong ways to seal


def _body(secret: SecretKey, payload: bytes) -> bytes:
    return secret.public.raw + varint.encode(len(payload)) + payload


def _no_context(secret: SecretKey, context: str, payload: bytes) -> bytes:
    return _body(secret, payload) + secret.sign_raw(_body(secret, payload))


def _context_twice(secret: SecretKey, context: str, payload: bytes) -> bytes:
    return _body(secret, payload) + secret.sign(context, with_context(context, _body(secret, payload)))


def _context_glued(secret: SecretKey, context: str, payload: bytes) -> bytes:
    return _body(secret, payload) + secret.sign_raw(context.encode() + _body(secret, payload))


def _payload_alone(secret: SecretKey, context: str, payload: bytes) -> bytes:
    return _body(secret, payload) + secret.sign(context, payload)


def _author_and_payload(secret: SecretKey, context: str, payload: bytes) -> bytes:
    return _body(secret, payload) + secret.sign(context, secret.public.raw + payload)


def _size_and_payload(secret: SecretKey, context: str, payload: bytes) -> bytes:
    return _body(secret, payload) + secret.sign(context, _body(secret, payload)[PUBLIC_BYTES:])


def _signature_first(secret: SecretKey, context: str, payload: bytes) -> bytes:
    return secret.sign(context, _body(secret, payload)) + _body(secret, payload)


def _unsigned(secret: SecretKey, context: str, payload: bytes) -> bytes:
    return _body(secret, payload)


def signed(secret: SecretKey, context: str, body: bytes) -> bytes:
    return body + secret.sign(context, body)


def _no_author(secret: SecretKey, context: str, payload: bytes) -> bytes:
    return signed(secret, context, varint.encode(len(payload)) + payload)


def _no_size(secret: SecretKey, context: str, payload: bytes) -> bytes:
    return signed(secret, context, secret.public.raw + payload)


def _hex_author(secret: SecretKey, context: str, payload: bytes) -> bytes:
    return signed(secret, context, secret.public.hex().encode() + varint.encode(len(payload)) + payload)


def _size_of_both(secret: SecretKey, context: str, payload: bytes) -> bytes:
    size = varint.encode(len(payload) + SIGNATURE_BYTES)
    return signed(secret, context, secret.public.raw + size + payload)


def _one_byte_size(secret: SecretKey, context: str, payload: bytes) -> bytes:
    return signed(secret, context, secret.public.raw + bytes([len(payload)]) + payload)


def _fixed(size_bytes: int) -> Seal:
    def seal(secret: SecretKey, context: str, payload: bytes) -> bytes:
        return signed(secret, context, secret.public.raw + len(payload).to_bytes(size_bytes, "big") + payload)

    return seal


def _secret_inside(secret: SecretKey, context: str, payload: bytes) -> bytes:
    return signed(secret, context, secret.expose_seed() + varint.encode(len(payload)) + payload)


def _joins_other_things(secret: SecretKey, context: str, payload: bytes) -> bytes:
    raise TypeError("an object that is not bytes")


SEAL = Task(
    "seal_envelope",
    seal_envelope,
    cases=[
        (ANA, CONTEXT, b"hello"),
        (ANA, CONTEXT, b""),
        (BEN, OTHER_CONTEXT, b"x" * 200),
        (BEN, "a", b"y" * 300),
    ],
    mistakes=[
        Mistake(
            _joins_other_things, "only bytes can be joined: for a key use .raw, for a size varint.encode(n)"
        ),
        Mistake(_secret_inside, "that sent your secret seed to everybody; the author is secret.public.raw"),
        Mistake(_unsigned, "the signature is missing at the end"),
        Mistake(
            _no_context, "signed without the context: sign_raw is for foreign protocols, sign takes a context"
        ),
        Mistake(_context_twice, "sign already puts the context in front; give it the bare bytes"),
        Mistake(
            _context_glued,
            "context and bytes were stuck together: sign(context, ...) keeps them apart",
        ),
        Mistake(
            _payload_alone, "only the payload is signed; sign everything that comes before the signature"
        ),
        Mistake(
            _author_and_payload, "the size is not signed; sign everything that comes before the signature"
        ),
        Mistake(
            _size_and_payload, "the author is not signed; sign everything that comes before the signature"
        ),
        Mistake(_signature_first, "the signature comes at the end"),
        Mistake(_no_author, "the author's 32 bytes are missing at the front"),
        Mistake(_no_size, "the size is missing between author and payload"),
        Mistake(_hex_author, "use the key's 32 bytes (.raw), not the 64 digits that spell them"),
        Mistake(_size_of_both, "the size is the size of the payload only"),
        Mistake(
            _one_byte_size,
            "one byte holds sizes up to 255, but is a varint only up to 127: use varint.encode",
        ),
        Mistake(_fixed(2), "the size is a varint, not two fixed bytes"),
        Mistake(_fixed(4), "the size is a varint, not four fixed bytes"),
        Mistake(_fixed(8), "the size is a varint, not eight fixed bytes"),
    ],
    hint="author ‖ varint size ‖ payload ‖ signature; sign all that comes before it, in the context",
)
