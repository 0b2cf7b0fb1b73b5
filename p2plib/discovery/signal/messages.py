"""Signed messages: what our peers say to each other through a hub that they do not trust. A codec.

A hub may read what passes, drop it, change it, invent it, and send it again tomorrow. A signature ends the
changing and the inventing; a time and a number that only grows end the sending again
(`p2plib.discovery.signal.inbox`); a sealed body ends the reading of it. The dropping remains.

A message is a JSON object with these members and no others::

    channel     the whole name of the channel that it was sent to, "app/name"
    from        the sender's peer id
    to          the peer id of the one that it is for, or "" for all
    kind        "here", "gone", "who", or an application's own word
    seq         a whole number that the sender raises with each message, on all channels
    time        Unix time in whole seconds, by the sender's clock
    body        text: for "here" the sender's addresses, with spaces between them
    signature   base64 of the sender's Ed25519 signature

What is signed, in the context "p2plib/signal/1", is the canonical form of the other seven: Scuttlebutt's
(`p2plib.wire.canonical_json`), the members in the order above. On the wire they may stand in any order, with
or without spaces: a hub may write JSON anew, and the signature still holds.

Rules
    1. A message has at most `MAX_MESSAGE_BYTES`, a body `MAX_BODY_BYTES`.
    2. Every member is there, once, of its type and within its bounds. The id holds an Ed25519 key.
    3. The channel is signed, or a message of one channel could be sent again in another.
    4. A sealed body (`seal_body`) names the sender inside, too: otherwise anybody could cut a sealed body out
       of a message, sign it, and be taken for its author.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, replace

from p2plib.errors import DecodeError, SignatureError, UsageError
from p2plib.identity import ids, sealed
from p2plib.identity.keys import PUBLIC_BYTES, SIGNATURE_BYTES, PublicKey, SecretKey
from p2plib.wire import canonical_json
from p2plib.wire.canonical_json import MAX_SAFE_INTEGER, Value

CONTEXT = "p2plib/signal/1"
MAX_MESSAGE_BYTES = 16 * 1024  # a WebRTC offer has two or three thousand
MAX_BODY_BYTES = 12 * 1024
MAX_CHANNEL = 256
MAX_KIND = 32
HERE, GONE, WHO = "here", "gone", "who"

MEMBERS = ("channel", "from", "to", "kind", "seq", "time", "body")


@dataclass(frozen=True, slots=True)
class SignalMessage:
    """One message.

    Args:
        channel: "app/name".
        sender: whose it is.
        to: for whom; None for all.
        kind: a word of 1 to `MAX_KIND` printable ASCII characters.
        seq: 0 to 2**53 - 1.
        time_s: Unix time, 0 to 2**53 - 1.
        body: any text.
        signature: 64 bytes; empty before it is signed.

    Raises:
        DecodeError: rule 1 or 2.
    """

    channel: str
    sender: PublicKey
    to: PublicKey | None
    kind: str
    seq: int
    time_s: int
    body: str = ""
    signature: bytes = b""

    def __post_init__(self) -> None:
        if not 1 <= len(self.channel) <= MAX_CHANNEL or "/" not in self.channel:
            raise DecodeError(f'a channel is "app/name", at most {MAX_CHANNEL} characters')
        if not 1 <= len(self.kind) <= MAX_KIND or not (self.kind.isascii() and self.kind.isprintable()):
            raise DecodeError(f"a kind is a word of 1 to {MAX_KIND} printable ASCII characters")
        for name, number in (("seq", self.seq), ("time", self.time_s)):
            if not 0 <= number <= MAX_SAFE_INTEGER:
                raise DecodeError(f"{name} is 0 to 2**53 - 1, not {number}")
        try:
            size = len(self.body.encode())
        except UnicodeEncodeError:
            raise DecodeError("a body is text that UTF-8 can write: no half of a surrogate pair") from None
        if size > MAX_BODY_BYTES:
            raise DecodeError(f"a body has at most {MAX_BODY_BYTES} bytes, not {size}")

    def signed_bytes(self) -> bytes:
        """What the signature covers, without its context."""
        return canonical_json.encode(_members(self)).encode()


def _members(message: SignalMessage) -> dict[str, Value]:
    to = "" if message.to is None else ids.peer_id(message.to)
    values = (
        *(message.channel, ids.peer_id(message.sender), to),
        *(message.kind, message.seq, message.time_s, message.body),
    )
    return dict(zip(MEMBERS, values, strict=True))


def sign(message: SignalMessage, secret: SecretKey) -> SignalMessage:
    """The message, signed by its sender.

    Raises:
        UsageError: the key is not the sender's.
    """
    if secret.public != message.sender:
        raise UsageError(f"{secret.public!r} cannot sign for {message.sender!r}")
    return replace(message, signature=secret.sign(CONTEXT, message.signed_bytes()))


def encode(message: SignalMessage) -> str:
    """The text of a signed message, on one line.

    Raises:
        UsageError: it is not signed, or larger than others would read.
    """
    if len(message.signature) != SIGNATURE_BYTES:
        raise UsageError("a message is signed before it is sent")
    signature = base64.b64encode(message.signature).decode("ascii")
    text = json.dumps(_members(message) | {"signature": signature}, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > MAX_MESSAGE_BYTES:
        raise UsageError(f"a message of more than {MAX_MESSAGE_BYTES} bytes")
    return text


def decode_unverified(text: str) -> SignalMessage:
    """What a text claims, before anything about it is believed: `verify` comes next.

    Raises:
        DecodeError: rule 1 or 2.
        WeakKey: the sender's key is of small order.
    """
    if len(text) > MAX_MESSAGE_BYTES or len(text.encode("utf-8", "replace")) > MAX_MESSAGE_BYTES:
        raise DecodeError(f"a message has at most {MAX_MESSAGE_BYTES} bytes")
    found = canonical_json.parse(text)
    if not isinstance(found, dict) or set(found) != {*MEMBERS, "signature"}:
        raise DecodeError(f"a message is an object with {', '.join(MEMBERS)} and signature, and no others")
    texts = {name: _text(found, name) for name in ("channel", "from", "to", "kind", "body", "signature")}
    return SignalMessage(
        texts["channel"],
        _key(texts["from"]),
        _key(texts["to"]) if texts["to"] else None,
        texts["kind"],
        _number(found, "seq"),
        _number(found, "time"),
        texts["body"],
        _signature(texts["signature"]),
    )


def verify(message: SignalMessage) -> None:
    """Returns if the sender signed this message.

    Raises:
        SignatureError: it did not.
    """
    message.sender.verify(CONTEXT, message.signed_bytes(), message.signature)


def decode(text: str) -> SignalMessage:
    """The message in a text, its signature verified. Whether it is news is the business of an `Inbox`.

    Raises:
        DecodeError: rule 1 or 2.
        WeakKey: the sender's key is of small order.
        SignatureError: its sender did not sign it.
    """
    message = decode_unverified(text)
    verify(message)
    return message


def _text(found: dict[str, Value], name: str) -> str:
    value = found[name]
    if not isinstance(value, str):
        raise DecodeError(f"{name} is text")
    return value


def _number(found: dict[str, Value], name: str) -> int:
    value = found[name]
    if type(value) is not int:
        raise DecodeError(f"{name} is a whole number")
    return value


def _key(text: str) -> PublicKey:
    key = ids.parse(text)
    if ids.peer_id(key) != text:
        raise DecodeError("an id is written as libp2p's peer id, 12D3KooW...")
    return key


def _signature(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise DecodeError("a signature is base64") from None
    if len(raw) != SIGNATURE_BYTES or base64.b64encode(raw).decode("ascii") != text:
        raise DecodeError(f"a signature is {SIGNATURE_BYTES} bytes in canonical base64")
    return raw


# Sealed bodies


def seal_body(text: str, sender: PublicKey, to: PublicKey) -> str:
    """A body that only one peer can read. Rule 4.

    Args:
        text: at most about 9,000 bytes in UTF-8.
        sender: who signs the message that it will be in.
        to: who can read it.
    """
    return sealed.to_text(sealed.seal(sender.raw + text.encode(), [to], max_recipients=1))


def open_body(message: SignalMessage, secret: SecretKey) -> str:
    """The text in a message's sealed body.

    Args:
        message: one that was verified.
        secret: the reader's key.

    Raises:
        NotForUs: it is not for this key.
        DecodeError: it is no sealed body, or damaged.
        SignatureError: it was sealed by somebody other than the sender of the message.
    """
    opened = sealed.open_sealed(sealed.from_text(message.body), secret, max_recipients=1)
    if opened[:PUBLIC_BYTES] != message.sender.raw:
        raise SignatureError("the body was sealed by another peer than the one that signed the message")
    try:
        return opened[PUBLIC_BYTES:].decode()
    except UnicodeDecodeError:
        raise DecodeError("a sealed body is text in UTF-8") from None
