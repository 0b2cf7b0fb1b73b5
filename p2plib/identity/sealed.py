"""Sealed messages: what only its recipients can open, and what does not say who they are. Codec.

Specification: the npm module `private-box` 0.3.1, as Scuttlebutt writes its private messages with it.

    nonce           24 bytes   random; used for every part, which is safe because every part has another key
    one-time key    32 bytes   a fresh X25519 public key; its secret half is forgotten once the message is
    sealed slot            49 bytes   one for each recipient: secretbox(count ‖ body key), 1 + 32 + 16 bytes
    body                       secretbox(message), 16 bytes longer than the message

The secretbox (XSalsa20-Poly1305) of a slot has for its key what X25519 makes of the one-time secret and the
recipient's key, *as it is*: no hash follows, as it would in libsodium's `crypto_box`. Recipients are known by
their Ed25519 keys, which are turned into X25519 keys. The count in a slot says how many slots there are, so
where the body begins.

A reader tries its key on one slot after another until one opens. Nothing else says for whom a message is, nor
from whom: it is not signed, and a sender who is to be believed signs around it or inside it.

What the format does not do, so that nobody relies on it. Slots stand in the order in which the recipients
were given, here as in private-box: a recipient sees in which place its slot stands and how many there are,
so sort or shuffle them if the order says something. The size is not hidden: it is 72 bytes, 49 for each
recipient, and the message. A recipient cannot tell whether the *other* slots are whole: a change there is
noticed by its owner alone. And there is no forward secrecy: who gets a recipient's key later opens all that
was sealed to it before.

Stricter than private-box in one thing. X25519 ignores the top bit of a key, and it ignores any point of small
order that was added to a key, so fifteen other one-time keys open what one of them sealed, and anybody can
put them in its place. Those that no honest writer makes are refused here, and with them a change of any bit
outside of others' slots.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Sequence

import nacl.bindings
import nacl.exceptions

from p2plib.errors import DecodeError, NotForUs, UsageError
from p2plib.identity.exchange import ExchangeKey
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.wire.fields import Field

NONCE_BYTES = 24
ONE_TIME_KEY_BYTES = 32
BODY_KEY_BYTES = 32
SECRETBOX_OVERHEAD_BYTES = 16
SLOT_BYTES = 1 + BODY_KEY_BYTES + SECRETBOX_OVERHEAD_BYTES
SLOTS_OFFSET = NONCE_BYTES + ONE_TIME_KEY_BYTES
SMALLEST_BYTES = SLOTS_OFFSET + SLOT_BYTES + SECRETBOX_OVERHEAD_BYTES

DEFAULT_MAX_RECIPIENTS = 7  # private-box's; each costs every reader of every message one more trial
HARD_MAX_RECIPIENTS = 255  # the count is one byte
TEXT_SUFFIX = ".box"

_CURVE_PRIME = 2**255 - 19


def seal(
    message: bytes,
    recipients: Sequence[PublicKey],
    *,
    max_recipients: int = DEFAULT_MAX_RECIPIENTS,
    random: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """A message that only its recipients can open. The sender is not one of them unless it is listed.

    Args:
        message: any bytes.
        recipients: 1 to `max_recipients` different keys; their slots stand in this order.
        max_recipients: how many are allowed, 1 to 255. Readers must allow as many.
        random: gives so many random bytes; called for the nonce, the body key and the one-time key, in this
            order.

    Raises:
        UsageError: no recipients, too many, the same one twice, or a limit out of range.
        WeakKey: a recipient's key can keep no secret.
    """
    _check_limit(max_recipients)
    count = len(recipients)
    if not 1 <= count <= max_recipients:
        raise UsageError(f"a sealed message has 1 to {max_recipients} recipients, not {count}")
    if len(set(recipients)) != count:
        raise UsageError("a recipient is listed twice: one slot opens the whole message")
    nonce, body_key = random(NONCE_BYTES), random(BODY_KEY_BYTES)
    one_time = ExchangeKey.from_bytes(random(ONE_TIME_KEY_BYTES))
    slots = [
        nacl.bindings.crypto_secretbox(
            bytes([count]) + body_key, nonce, one_time.shared_secret(recipient.to_x25519())
        )
        for recipient in recipients
    ]
    body = nacl.bindings.crypto_secretbox(message, nonce, body_key)
    return b"".join([nonce, one_time.public, *slots, body])


def open_sealed(raw: bytes, secret: SecretKey, *, max_recipients: int = DEFAULT_MAX_RECIPIENTS) -> bytes:
    """The message in `raw`, if one of its slots is for this key.

    Args:
        raw: the sealed message.
        secret: the reader's key.
        max_recipients: how many slots are tried, 1 to 255. (private-box tries one more than its limit.)

    Raises:
        NotForUs: no slot opens. Somebody else's message and a damaged one of ours look the same from here.
        DecodeError: too short, or the one-time key is not in its canonical spelling or not one that a writer
            makes, or a slot was ours and what it leads to is cut or changed.
        WeakKey: the one-time key is of small order, so anybody could have opened this "secret".
        UsageError: a limit out of range.
    """
    _check_limit(max_recipients)
    _check_frame(raw)
    nonce, one_time_public = raw[:NONCE_BYTES], raw[NONCE_BYTES:SLOTS_OFFSET]
    slot_key = secret.to_x25519().shared_secret(one_time_public)
    if not _has_secret_half(one_time_public):
        del slot_key
        raise DecodeError(
            "the one-time key is of mixed order or no point: no writer makes such a key", NONCE_BYTES
        )
    slots = min(max_recipients, (len(raw) - SLOTS_OFFSET - SECRETBOX_OVERHEAD_BYTES) // SLOT_BYTES)
    place, opened = _first_that_opens(raw, slots, nonce, slot_key)
    del slot_key  # an error report shows the local variables of this frame
    if not opened:
        raise NotForUs(f"this key opens none of the {slots} slots there can be")
    count = opened[0]
    body_offset = SLOTS_OFFSET + count * SLOT_BYTES
    message = _try_secretbox(raw[body_offset:], nonce, opened[1:])
    del opened
    if place >= count:
        raise DecodeError(f"a slot in place {place + 1} says that there are only {count}", SLOTS_OFFSET)
    if len(raw) < body_offset + SECRETBOX_OVERHEAD_BYTES:
        raise DecodeError(f"cut short: no room for {count} slots and a body", len(raw))
    if message is None:
        raise DecodeError("a slot is ours, and the body does not open: it is cut or changed", body_offset)
    return message


def to_text(raw: bytes) -> str:
    """A sealed message as Scuttlebutt writes it: base64 and ".box"."""
    return base64.b64encode(raw).decode("ascii") + TEXT_SUFFIX


def from_text(text: str) -> bytes:
    """The bytes of a sealed message written as text.

    Raises:
        DecodeError: the suffix is not there, or what is before it is not canonical base64.
    """
    if not text.endswith(TEXT_SUFFIX):
        raise DecodeError(f"the text of a sealed message ends in {TEXT_SUFFIX!r}", len(text))
    body = text.removesuffix(TEXT_SUFFIX)
    try:
        raw = base64.b64decode(body.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise DecodeError("not base64 before the suffix") from None
    if base64.b64encode(raw).decode("ascii") != body:
        raise DecodeError("not canonical base64: bits that carry nothing are set")
    return raw


def dissect(raw: bytes, recipients: int | None = None) -> tuple[Field, ...]:
    """The parts of a sealed message.

    Args:
        raw: the sealed message.
        recipients: how many it has. Who holds no key cannot know, and then slots and body are one field.

    Raises:
        DecodeError: too short, or the one-time key is not in its canonical spelling.
        UsageError: a number of recipients that a message of this size cannot have.
    """
    _check_frame(raw)
    head = (
        Field("nonce", raw[:NONCE_BYTES], "random, the same for every part"),
        Field("one-time key", raw[NONCE_BYTES:SLOTS_OFFSET], "X25519 public key, fresh for this message"),
    )
    if recipients is None:
        return (*head, Field("slots and body", raw[SLOTS_OFFSET:], "how many slots: only a reader can tell"))
    body_offset = SLOTS_OFFSET + recipients * SLOT_BYTES
    if recipients < 1 or len(raw) < body_offset + SECRETBOX_OVERHEAD_BYTES:
        raise UsageError(f"a message of {len(raw)} bytes does not have {recipients} recipients")
    slots = tuple(
        Field(f"slot {place + 1}", raw[start : start + SLOT_BYTES], "secretbox(count ‖ body key)")
        for place, start in enumerate(range(SLOTS_OFFSET, body_offset, SLOT_BYTES))
    )
    size_bytes = len(raw) - body_offset - SECRETBOX_OVERHEAD_BYTES
    return (*head, *slots, Field("body", raw[body_offset:], f"secretbox of {size_bytes} bytes"))


def _check_limit(max_recipients: int) -> None:
    if not 1 <= max_recipients <= HARD_MAX_RECIPIENTS:
        raise UsageError(f"the limit of recipients is 1 to {HARD_MAX_RECIPIENTS}, not {max_recipients}")


def _check_frame(raw: bytes) -> None:
    if len(raw) < SMALLEST_BYTES:
        raise DecodeError(f"a sealed message has at least {SMALLEST_BYTES} bytes, not {len(raw)}", len(raw))
    if int.from_bytes(raw[NONCE_BYTES:SLOTS_OFFSET], "little") >= _CURVE_PRIME:
        raise DecodeError("the one-time key is not a number below 2^255 - 19", NONCE_BYTES)


def _has_secret_half(public: bytes) -> bool:
    """Whether an X25519 public key is some number times the base point, as what every writer makes is.

    libsodium can tell of an Ed25519 key, and the two curves are one: y = (u - 1) / (u + 1) (RFC 7748, section
    4.1). The power is a division that makes 1/0 to 0, which is refused.
    """
    u = int.from_bytes(public, "little")
    y = (u - 1) * pow(u + 1, _CURVE_PRIME - 2, _CURVE_PRIME) % _CURVE_PRIME
    return nacl.bindings.crypto_core_ed25519_is_valid_point(y.to_bytes(32, "little"))


def _first_that_opens(raw: bytes, slots: int, nonce: bytes, key: bytes) -> tuple[int, bytes]:
    """The place of the first slot that opens, from 0, and what is in it; b"" if none does."""
    for place in range(slots):
        start = SLOTS_OFFSET + place * SLOT_BYTES
        opened = _try_secretbox(raw[start : start + SLOT_BYTES], nonce, key)
        if opened is not None:
            return place, opened
    return slots, b""


def _try_secretbox(box: bytes, nonce: bytes, key: bytes) -> bytes | None:
    """What is in the box, or None: for a reader that tries slots, a box of somebody else is no error."""
    try:
        return nacl.bindings.crypto_secretbox_open(box, nonce, key)
    except nacl.exceptions.CryptoError:
        return None
