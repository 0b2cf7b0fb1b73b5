"""Bendy butt: Scuttlebutt's format for feeds of feeds, in bencode, with two signatures. A codec and a format.

Scuttlebutt's answer to several logs of one person: a *metafeed* whose messages add and remove other feeds.
Its format, bendy butt v1, has no canonical JSON; a message is bencode (`p2plib.wire.bencode`), and what
bencode has no type for begins with two bytes that say what it is (BFE, "binary field encodings")::

    message   [payload, signature of payload]
    payload   [author, sequence, previous, timestamp, [content, signature of content]]

    00 00 ‖ key      a classic feed          00 03 ‖ key   a bendy butt feed
    01 04 ‖ SHA-256  a bendy butt message    04 00 ‖ 64    a signature
    06 00 ‖ UTF-8    text                    06 01 ‖ 0, 1  false, true
    06 02            nothing                 06 03 ‖ any   bytes

Whole numbers, lists, dicts and the keys of dicts are bencode's own.

Rules
    1. A message is one bencoded value of at most 8192 bytes, in bencode's one form, and nothing follows it.
       Its id is the SHA-256 of these bytes.
    2. Both signatures are Ed25519; with a network's HMAC key they cover the authenticator, as in
       `p2plib.data.log.classic`. The content's covers "bendybutt" ‖ the bencoded content.
    3. A content is a dict with a `type`. If the type begins with "metafeed/add/", its signature is by the key
       of the feed that `subfeed` names, since that feed agrees to be added; otherwise by the author's.

npm's ssb-bendy-butt 1.0.2 accepts a message with a byte behind it, which has the same signatures and another
id (rule 1), and any content signature at all, a stranger's too (rule 3).
"""

from __future__ import annotations

import base64
import functools
import hashlib
from dataclasses import dataclass, field
from typing import TypeAlias

from p2plib.data.log import classic
from p2plib.data.log.formats import MAX_SEQUENCE, Head
from p2plib.errors import DecodeError, InvalidEntry, RemoteError, SignatureError, UsageError
from p2plib.identity.keys import SIGNATURE_BYTES, PublicKey, SecretKey
from p2plib.wire import bencode
from p2plib.wire.canonical_json import MAX_SAFE_INTEGER

MAX_BYTES = 8192
CLASSIC_FEED, BENDY_FEED, BENDY_MESSAGE = b"\0\0", b"\0\3", b"\1\4"
SIGNATURE, TEXT, BOOLEAN, NOTHING, ANY_BYTES = b"\4\0", b"\6\0", b"\6\1", b"\6\2", b"\6\3"
CONTENT_PREFIX = b"bendybutt"
ID_PREFIX = "ssb:message/bendybutt-v1/"
_ADDS = "metafeed/add/"


@dataclass(frozen=True, slots=True)
class BfeReference:
    """A feed, a message or another thing that a content names: two bytes of type, and what follows.

    Args:
        code: two bytes, such as `CLASSIC_FEED`.
        data: what follows.
    """

    code: bytes
    data: bytes


BfeValue: TypeAlias = "str | bool | int | bytes | BfeReference | list[BfeValue] | dict[str, BfeValue] | None"


@dataclass(frozen=True, slots=True)
class BendyMessage:
    """One message of a metafeed, read.

    Args:
        author: the metafeed's key.
        sequence: its number, from 1 on.
        previous: the id of the message before it; None in the first.
        timestamp_ms: when its author says that it was written, in milliseconds since 1970.
        content: a dict with a `type`.
        content_signature: 64 bytes.
        signature: 64 bytes.
        raw: its bytes.
    """

    author: PublicKey
    sequence: int
    previous: str | None
    timestamp_ms: int
    content: dict[str, BfeValue] = field(hash=False)
    content_signature: bytes
    signature: bytes
    raw: bytes

    @property
    def id(self) -> str:
        """Its id, "ssb:message/bendybutt-v1/" and base64 for URLs."""
        return _id_text(hashlib.sha256(self.raw).digest())


@dataclass(frozen=True, slots=True)
class BendyContent:
    """What a new message is to say.

    Args:
        content: a dict with a `type`.
        subfeed: the key of the feed that is added, which signs the content as well; None for other contents.
    """

    content: dict[str, BfeValue]
    subfeed: SecretKey | None = None


def _id_text(digest: bytes) -> str:
    return ID_PREFIX + base64.urlsafe_b64encode(digest).decode("ascii")


def encode_value(value: BfeValue) -> bencode.Value:
    """A value as bencode has it: with two bytes in front of what bencode has no type for.

    Raises:
        UsageError: there is no such type.
    """
    match value:
        case None:
            return NOTHING
        case bool():
            return BOOLEAN + bytes([value])
        case int():
            return value
        case str():
            return TEXT + value.encode("utf-8")
        case bytes():
            return ANY_BYTES + value
        case BfeReference(code, data):
            return code + data
        case list():
            return [encode_value(each) for each in value]
        case dict():
            return {key.encode("utf-8"): encode_value(each) for key, each in value.items()}
    raise UsageError(f"bendy butt has no {type(value).__name__}")


def decode_value(value: bencode.Value) -> BfeValue:
    """The value that bencode with type codes stands for.

    Raises:
        DecodeError: a byte string without a type, text that is not UTF-8, or a truth value that is neither.
    """
    if isinstance(value, int):
        return value
    if isinstance(value, list):
        return [decode_value(each) for each in value]
    try:
        if isinstance(value, dict):
            return {key.decode("utf-8"): decode_value(each) for key, each in value.items()}
        code, data = value[:2], value[2:]
        if len(code) < 2:
            raise DecodeError("a byte string begins with two bytes that say what it is")
        if code == TEXT:
            return data.decode("utf-8")
    except UnicodeDecodeError:
        raise DecodeError("text that is not UTF-8") from None
    if code == NOTHING and not data:
        return None
    if code == BOOLEAN and data in (b"\0", b"\1"):
        return data == b"\1"
    if code == ANY_BYTES:
        return data
    if code[0] == TEXT[0]:
        raise DecodeError(f"no value has the type {code.hex()} and {len(data)} bytes")
    return BfeReference(code, data)


def _tagged(value: object, code: bytes, size: int, what: str) -> bytes:
    if not isinstance(value, bytes) or value[:2] != code or len(value) != 2 + size:
        raise InvalidEntry(f"{what}: {size} bytes behind {code.hex()}")
    return value[2:]


@functools.lru_cache(maxsize=1024)
def _key(raw: bytes) -> PublicKey:
    try:
        return PublicKey(raw)
    except RemoteError as error:
        raise InvalidEntry(f"author: {error}") from None


@dataclass(frozen=True, slots=True)
class BendyFormat:
    """Bendy butt as a format of logs.

    Args:
        hmac_key: the network's, 32 bytes; None on the main network.
    """

    hmac_key: bytes | None = None

    @property
    def name(self) -> str:
        """The format's name in proofs."""
        return "bendybutt-v1"

    @property
    def max_bytes(self) -> int:
        """The most bytes of a message."""
        return MAX_BYTES

    def parse(self, raw: bytes) -> BendyMessage:
        """The message in these bytes.

        Args:
            raw: as received; any size.

        Raises:
            InvalidEntry: they break a rule of form.
        """
        if len(raw) > MAX_BYTES:
            raise InvalidEntry(f"size: a message has at most {MAX_BYTES} bytes, not {len(raw)}")
        try:
            message = bencode.decode(raw)
        except DecodeError as error:
            raise InvalidEntry(f"bencode: {error}") from None
        payload, signature = _items(message, 2, "message")
        author, sequence, previous, timestamp_ms, section = _items(payload, 5, "payload")
        content, content_signature = _items(section, 2, "content")
        key = _key(_tagged(author, BENDY_FEED, 32, "author"))
        if not isinstance(sequence, int) or not 1 <= sequence <= MAX_SEQUENCE:
            raise InvalidEntry(f"sequence: a number from 1 to {MAX_SEQUENCE}")
        before = None if previous == NOTHING else _id_text(_tagged(previous, BENDY_MESSAGE, 32, "previous"))
        if not isinstance(timestamp_ms, int) or not 0 <= timestamp_ms <= MAX_SAFE_INTEGER:
            raise InvalidEntry("timestamp: milliseconds since 1970")
        return BendyMessage(
            key,
            sequence,
            before,
            timestamp_ms,
            _content(content),
            _tagged(content_signature, SIGNATURE, SIGNATURE_BYTES, "content signature"),
            _tagged(signature, SIGNATURE, SIGNATURE_BYTES, "signature"),
            bytes(raw),
        )

    def verify(self, entry: BendyMessage) -> None:
        """Returns if both signatures are valid, each by the key that has to make it.

        Raises:
            InvalidEntry: one is not.
        """
        signer = _content_signer(entry)
        content = CONTENT_PREFIX + bencode.encode(encode_value(entry.content))
        payload = bencode.encode(bencode.decode(entry.raw)[0])  # type: ignore[index]
        for what, key, signed, signature in (
            ("signature", entry.author, payload, entry.signature),
            ("content signature", signer, content, entry.content_signature),
        ):
            try:
                key.verify_raw(classic.authenticated(signed, self.hmac_key), signature)
            except SignatureError as error:
                raise InvalidEntry(f"{what}: {error.rule}") from None

    def create(
        self, secret: SecretKey, head: Head | None, content: BendyContent, timestamp_ms: int
    ) -> BendyMessage:
        """The signed message that comes next.

        Raises:
            UsageError: others would refuse it; the sentence says why.
        """
        said = encode_value(content.content)
        signer = content.subfeed or secret
        previous = NOTHING if head is None else BENDY_MESSAGE + _digest_of(head.id)
        payload: list[bencode.Value] = [
            BENDY_FEED + secret.public.raw,
            head.sequence + 1 if head else 1,
            previous,
            timestamp_ms,
            [said, SIGNATURE + self._sign(signer, CONTENT_PREFIX + bencode.encode(said))],
        ]
        raw = bencode.encode([payload, SIGNATURE + self._sign(secret, bencode.encode(payload))])
        try:
            made = self.parse(raw)
            self.verify(made)
        except InvalidEntry as error:
            raise UsageError(error.reason) from None
        return made

    def _sign(self, secret: SecretKey, message: bytes) -> bytes:
        return secret.sign_raw(classic.authenticated(message, self.hmac_key))


def _items(value: object, count: int, what: str) -> list[bencode.Value]:
    if not isinstance(value, list) or len(value) != count:
        raise InvalidEntry(f"{what}: a list of {count}")
    return value


def _content(value: bencode.Value) -> dict[str, BfeValue]:
    try:
        content = decode_value(value)
    except DecodeError as error:
        raise InvalidEntry(f"content: {error.rule}") from None
    if not isinstance(content, dict) or not isinstance(content.get("type"), str):
        raise InvalidEntry("content: a dict with a type")
    return content


def _content_signer(entry: BendyMessage) -> PublicKey:
    """The key that has to sign a content (rule 3)."""
    if not str(entry.content["type"]).startswith(_ADDS):
        return entry.author
    subfeed = entry.content.get("subfeed")
    if not isinstance(subfeed, BfeReference) or subfeed.code not in (CLASSIC_FEED, BENDY_FEED):
        raise InvalidEntry("content: what is added is a feed, named as `subfeed`")
    return _key(subfeed.data)


def _digest_of(entry_id: str) -> bytes:
    return base64.urlsafe_b64decode(entry_id.removeprefix(ID_PREFIX))
