"""Scuttlebutt's classic message: a JSON object whose signature covers its content. A codec.

Scuttlebutt Protocol Guide, "Feeds": a message is an object of seven members in a fixed order, and everything
about it depends on one text, its canonical JSON (`p2plib.wire.canonical_json`)::

    previous    the id of the message before it, or null
    author      "@", base64 of the key, ".ed25519"      } these two
    sequence    1, 2, 3, …                              } in either order
    timestamp   milliseconds since 1970, a fraction allowed; it need not rise
    hash        "sha256", always
    content     an object with a `type`, or a private message: base64 and ".box"
    signature   base64 of 64 bytes, ".sig.ed25519"

Rules
    1. Signed is the canonical text without the signature, as UTF-8; with a network's HMAC key, HMAC-SHA-512
       of that, cut to 32 bytes (libsodium's crypto_auth).
    2. The id is "%", base64 of the SHA-256 of the whole canonical text **as latin-1**: of each UTF-16 code
       unit the low byte alone, ".sha256". So "€" and "¬" have one hash; what keeps ids apart is the signature
       in the text, which differs.
    3. The order of members is signed too. `Message.text` keeps it, and is the message: the other fields are
       read from it.

What makes a message valid is in `p2plib.data.log.validate`; `ClassicFormat` there puts the two together.

Vocabulary::

    text       the canonical JSON of a whole message
    unsigned   the same without the signature and its comma
    hmac_key   32 bytes that all members of a private network know, or None
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
from dataclasses import dataclass, field

from p2plib.data.log import quick_json
from p2plib.errors import DecodeError, RemoteError, UsageError
from p2plib.identity import ids
from p2plib.identity.keys import SIGNATURE_BYTES, PublicKey, SecretKey
from p2plib.wire.canonical_json import MAX_SAFE_INTEGER, Value, latin1_of_utf16, number_text
from p2plib.wire.fields import Field

HMAC_KEY_BYTES = 32
SIGNATURE_SUFFIX = ".sig.ed25519"
ID_BYTES = 32
_ID_CHARACTERS = len("%") + 44 + len(".sha256")
_SIGNATURE_MEMBER = ',\n  "signature": "'
_END = "\n}"


@dataclass(frozen=True, slots=True)
class ClassicMessage:
    """One message of a Scuttlebutt feed. Make one with `sign`, or have `validate.check` judge what arrived.

    Args:
        previous: the id of the message before it; None in the first.
        author: the key that signs it.
        sequence: its number, from 1 on.
        timestamp: when its author says that it was written, in milliseconds since 1970.
        content: an object with a `type`, or the text of a private message.
        signature: 64 bytes.
        text: its canonical JSON, with the signature.
    """

    previous: str | None
    author: PublicKey
    sequence: int
    timestamp: float
    content: Value = field(hash=False)
    signature: bytes
    text: str

    @property
    def id(self) -> str:
        """The message's id, "%….sha256"."""
        return id_of(self.text)

    @property
    def raw(self) -> bytes:
        """The text as UTF-8: what is stored, and compared to know a message again."""
        return self.text.encode("utf-8")

    @property
    def unsigned(self) -> str:
        """The text that the signature covers."""
        return unsigned_text(self.text)


def sign(
    secret: SecretKey,
    content: Value,
    *,
    sequence: int = 1,
    previous: str | None = None,
    timestamp: float,
    hmac_key: bytes | None = None,
) -> ClassicMessage:
    """A message of ours. Nothing is judged here: `validate.check` would say whether others take it.

    Args:
        secret: the author's key.
        content: an object with a `type`, or the text of a private message.
        sequence: its number in the author's log.
        previous: the id of the message before it; None in the first.
        timestamp: when it was written, in milliseconds since 1970.
        hmac_key: the network's, 32 bytes; None on the main network.

    Raises:
        UsageError: JSON has no such content, or no such timestamp, or the HMAC key is of another size.
    """
    unsigned = _lay_out(previous, secret.public, sequence, timestamp, content)
    signature = secret.sign_raw(signed_bytes(unsigned, hmac_key))
    text = unsigned[: -len(_END)] + _SIGNATURE_MEMBER + signature_text(signature) + '"' + _END
    return ClassicMessage(previous, secret.public, sequence, timestamp, content, signature, text)


def _lay_out(previous: str | None, author: PublicKey, sequence: int, timestamp: float, content: Value) -> str:
    """The unsigned text. The six members are fixed, so only the content needs an encoder."""
    if not 0 < sequence <= MAX_SAFE_INTEGER:
        raise UsageError(f"a sequence number is at least 1, and {sequence} is not one")
    inner = quick_json.encode(content).replace("\n", "\n  ")  # in JSON, a line feed is never within a string
    return (
        f'{{\n  "previous": {quick_json.encode(previous)},\n  "sequence": {sequence},\n'
        f'  "author": "{ids.ssb_feed_id(author)}",\n  "timestamp": {number_text(timestamp)},\n'
        f'  "hash": "sha256",\n  "content": {inner}{_END}'
    )


def unsigned_text(text: str) -> str:
    """What a message's signature covers: its text without the last member.

    Args:
        text: canonical, of an object whose last member is a text called "signature".

    Raises:
        UsageError: it is not such a text.
    """
    at = text.rfind(_SIGNATURE_MEMBER)
    if at < 0 or not text.endswith('"' + _END):
        raise UsageError("a message's text ends with its signature")
    return text[:at] + _END


def signed_bytes(unsigned: str, hmac_key: bytes | None = None) -> bytes:
    """The bytes under a signature (rule 1).

    Args:
        unsigned: the canonical text without the signature.
        hmac_key: the network's, 32 bytes; None on the main network.

    Raises:
        UsageError: the HMAC key is of another size.
    """
    return authenticated(unsigned.encode("utf-8"), hmac_key)


def authenticated(message: bytes, hmac_key: bytes | None) -> bytes:
    """A message, or its authenticator under a network's key: what is signed in place of it.

    Args:
        message: any bytes.
        hmac_key: the network's, 32 bytes; None on the main network.

    Raises:
        UsageError: the HMAC key is of another size.
    """
    if hmac_key is None:
        return message
    if len(hmac_key) != HMAC_KEY_BYTES:
        raise UsageError(f"an HMAC key is {HMAC_KEY_BYTES} bytes, not {len(hmac_key)}")
    return hmac.digest(hmac_key, message, "sha512")[:HMAC_KEY_BYTES]


def id_of(text: str) -> str:
    """The id of the message with this canonical text (rule 2)."""
    low_bytes = text.encode("ascii") if text.isascii() else latin1_of_utf16(text)
    return "%" + base64.b64encode(hashlib.sha256(low_bytes).digest()).decode("ascii") + ".sha256"


def is_id(text: object) -> bool:
    """Whether this is a message's id: "%", 44 characters of canonical base64, ".sha256"."""
    if not isinstance(text, str) or len(text) != _ID_CHARACTERS:
        return False
    if not (text.startswith("%") and text.endswith(".sha256")):
        return False
    try:
        return len(from_base64(text[1 : -len(".sha256")])) == ID_BYTES
    except DecodeError:
        return False


def verify(message: ClassicMessage, hmac_key: bytes | None = None) -> None:
    """Returns if a message is signed by its author.

    Args:
        message: any message.
        hmac_key: the network's, 32 bytes; None on the main network.

    Raises:
        SignatureError: it is not; `rule` says which part of the rule of `p2plib.identity.keys` it breaks.
    """
    message.author.verify_raw(signed_bytes(message.unsigned, hmac_key), message.signature)


def signature_text(signature: bytes) -> str:
    """A signature as a message holds it."""
    return base64.b64encode(signature).decode("ascii") + SIGNATURE_SUFFIX


def read_signature(text: object) -> bytes:
    """The 64 bytes of a signature as a message holds it.

    Raises:
        DecodeError: it is not a text of the one form that a signature has.
    """
    if not isinstance(text, str) or not text.endswith(SIGNATURE_SUFFIX):
        raise DecodeError(f"a signature is a text that ends with {SIGNATURE_SUFFIX!r}")
    raw = from_base64(text.removesuffix(SIGNATURE_SUFFIX))
    if len(raw) != SIGNATURE_BYTES:
        raise DecodeError(f"a signature has {SIGNATURE_BYTES} bytes, not {len(raw)}")
    return raw


def read_hmac_key(text: object) -> bytes:
    """A network's HMAC key from the form in which configurations hold it: canonical base64.

    Raises:
        UsageError: it is anything else.
    """
    if not isinstance(text, str):
        raise UsageError(f"an HMAC key is base64 text, not {type(text).__name__}")
    try:
        raw = from_base64(text)
    except DecodeError as error:
        raise UsageError(f"an HMAC key: {error.rule}") from None
    if len(raw) != HMAC_KEY_BYTES:
        raise UsageError(f"an HMAC key is {HMAC_KEY_BYTES} bytes, not {len(raw)}")
    return raw


def from_base64(text: str) -> bytes:
    """Bytes from base64 in its one canonical spelling. One signature in two spellings would give one message
    two ids.

    Raises:
        DecodeError: it has other characters, unused bits that are set, or padding too much or too little.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise DecodeError("base64 has characters or padding that are not allowed") from None
    if base64.b64encode(raw).decode("ascii") != text:
        raise DecodeError("base64 is not in its canonical spelling")
    return raw


@functools.lru_cache(
    maxsize=1024
)  # to check that a key is a point of the curve takes longer than a signature
def read_author(text: str) -> PublicKey:
    """The key of a feed id, "@….ed25519" and no other form.

    Raises:
        DecodeError: it is none, or its base64 is not canonical, or it is no key.
    """
    form = "@" + "." * 44 + ".ed25519"
    if len(text) != len(form) or not text.startswith("@") or not text.endswith(".ed25519"):
        raise DecodeError("an author is '@', 44 characters of base64, and '.ed25519'")
    raw = from_base64(text[1:45])
    try:
        return PublicKey(raw)
    except RemoteError as error:
        raise DecodeError(f"the author's key: {error}") from None


def dissect(message: ClassicMessage) -> tuple[Field, ...]:
    """The parts of a message's text, as bytes, in their order."""
    fields: list[Field] = []
    at = 0
    text = message.text
    names = [line[3:].partition('"')[0] for line in text.split("\n") if line.startswith('  "')]
    places = [text.index(f'\n  "{name}": ') for name in names]
    ends = [*places[1:], len(text) - len(_END)]
    fields.append(Field("{", text[at : places[0]].encode(), "an object begins"))
    for name, start, end in zip(names, places, ends, strict=True):
        fields.append(Field(name, text[start:end].encode(), _NOTES.get(name, "")))
    fields.append(Field("}", text[ends[-1] :].encode(), "and ends; no line feed follows"))
    return tuple(fields)


_NOTES = {
    "previous": "the id of the message before it",
    "sequence": "which message of this author it is",
    "author": "the public key",
    "timestamp": "what the author's clock said",
    "hash": "always sha256",
    "content": "what is said",
    "signature": "over all of the above",
}
