"""Items: any small value in the DHT, named by its hash or by its publisher's key (BEP 44). Values.

An *immutable* item is stored under the SHA-1 of its value, so that everybody can check it and nobody can
change it. A *mutable* one is stored under the SHA-1 of a public key; its publisher signs each version and
counts them, and a node replaces what it has by a higher number only.

Rules
    1. A value is anything that bencode can say, and at most `MAX_VALUE_BYTES` when it is encoded.
    2. The target of an immutable item is sha1(encoded value); of a mutable one, sha1(public key + salt).
    3. What is signed are these bytes, and the salt's part is left out where there is none::

           4:salt 6:foobar  3:seq i1e  1:v 12:Hello World!

    4. A salt has at most 64 bytes, and seq is from 0 to 2 ** 63 - 1.
    5. A signature is valid by the one rule of `p2plib.identity.keys`.

Vocabulary::

    v, value    what is stored
    seq         the number of a version; a higher one replaces a lower one
    salt        bytes that let one key have many items
    cas         compare and swap: "only if you have this seq"
    code        why a node refuses to store, such as 302: BEP 5 and BEP 44 give them numbers
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from p2plib.errors import DecodeError, P2PError, SignatureError, UsageError
from p2plib.identity.keys import PUBLIC_BYTES, SIGNATURE_BYTES, SecretKey, broken_rule
from p2plib.wire import bencode

TARGET_BYTES = 20
MAX_VALUE_BYTES = 1000  # BEP 44: with everything around it, it fits one datagram
MAX_SALT_BYTES = 64
MAX_SEQ = 2**63 - 1

GENERIC_ERROR: Final = 201
SERVER_ERROR: Final = 202
PROTOCOL_ERROR: Final = 203
METHOD_UNKNOWN: Final = 204
VALUE_TOO_BIG: Final = 205
BAD_SIGNATURE: Final = 206
SALT_TOO_BIG: Final = 207
CAS_MISMATCH: Final = 301
SEQ_TOO_LOW: Final = 302


class PutRefused(P2PError):
    """Our own node refuses to store something for another; that one gets `code` and `sentence`.

    Args:
        code: its number in BEP 5 or BEP 44, such as 205.
        sentence: why, for people.
    """

    def __init__(self, code: int, sentence: str) -> None:
        self.code = code
        self.sentence = sentence
        super().__init__(f"{code}: {sentence}")


@dataclass(frozen=True, slots=True)
class ImmutableItem:
    """A value under its own hash.

    Args:
        value: anything that bencode can say.

    Attributes:
        encoded: the value in bencode.
        target: 20 bytes, where it is stored.

    Raises:
        UsageError: a message in bencode cannot say it.
    """

    value: bencode.Value = field(compare=False)
    encoded: bytes = field(init=False, repr=False)
    target: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoded", encoded_value(self.value))
        object.__setattr__(self, "target", _sha1(self.encoded))


@dataclass(frozen=True, slots=True)
class MutableItem:
    """One version of what a key has published.

    Nothing about it is checked here, because what arrives from a stranger must be looked at before it can be
    refused; `verify` does that, and `sign_item` makes valid ones.

    Args:
        public_key: 32 bytes.
        salt: at most 64 bytes; empty where there is none.
        seq: the number of this version.
        value: anything that bencode can say.
        signature: 64 bytes.

    Attributes:
        encoded: the value in bencode.
        target: 20 bytes, where it is stored.

    Raises:
        UsageError: a message in bencode cannot say the value.
    """

    public_key: bytes
    salt: bytes
    seq: int
    value: bencode.Value = field(compare=False)
    signature: bytes
    encoded: bytes = field(init=False, repr=False)
    target: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoded", encoded_value(self.value))
        object.__setattr__(self, "target", target_of(self.public_key, self.salt))

    @property
    def signed(self) -> bytes:
        """The bytes that the signature is of. Rule 3."""
        return signed_bytes(self.encoded, self.seq, self.salt)


def encoded_value(value: bencode.Value) -> bytes:
    """The bytes of a value, with room for the two dicts of a message that it stands in.

    Raises:
        UsageError: bencode cannot say it there.
    """
    return bencode.encode([[value]])[2:-2]


def target_of(public_key: bytes, salt: bytes = b"") -> bytes:
    """Where the items of a key are stored, 20 bytes.

    Args:
        public_key: 32 bytes.
        salt: which of its items.
    """
    return _sha1(public_key + salt)


def signed_bytes(encoded: bytes, seq: int, salt: bytes = b"") -> bytes:
    """What a publisher signs. Rule 3.

    Args:
        encoded: the value in bencode.
        seq: the number of the version.
        salt: which item of the key; empty for the one without.
    """
    which = b"4:salt%d:%b" % (len(salt), salt) if salt else b""
    return b"%b3:seqi%de1:v%b" % (which, seq, encoded)


def sign_item(secret: SecretKey, value: bencode.Value, seq: int, salt: bytes = b"") -> MutableItem:
    """A new version of an item of ours.

    Args:
        secret: the publisher's key pair.
        value: anything that bencode can say, at most 1000 bytes when encoded.
        seq: higher than that of every version before; 0 to 2 ** 63 - 1.
        salt: which item of this key, at most 64 bytes.

    Raises:
        UsageError: one of them is not so.
    """
    if isinstance(seq, bool) or not isinstance(seq, int):
        raise UsageError(f"a seq is a whole number, not {seq!r}")
    signature = secret.sign_raw(signed_bytes(encoded_value(value), seq, salt))
    item = MutableItem(secret.public.raw, salt, seq, value, signature)
    try:
        _check_sizes(item)
    except PutRefused as refusal:
        raise UsageError(refusal.sentence) from None
    return item


def checked_immutable(value: bencode.Value) -> ImmutableItem:
    """A value of ours as an item that others will store.

    Raises:
        UsageError: bencode cannot say it, or it is more than 1000 bytes when encoded.
    """
    item = ImmutableItem(value)
    if len(item.encoded) > MAX_VALUE_BYTES:
        raise UsageError(_too_big(item.encoded))
    return item


def verify(item: ImmutableItem | MutableItem) -> None:
    """Returns if a node may store this item, whatever it has already.

    Raises:
        PutRefused: 203 for a seq that cannot be one, 205 for a value or 207 for a salt that is too long, 206
            for a signature that is not valid.
    """
    _check_sizes(item)
    if isinstance(item, MutableItem):
        broken = broken_rule(item.public_key, item.signed, item.signature)
        if broken is not None:
            raise PutRefused(BAD_SIGNATURE, f"invalid signature ({broken})")


def answered_immutable(target: bytes, value: bencode.Value) -> ImmutableItem:
    """The item that a node sent us for a target, if it is that of the target (F078).

    Args:
        target: what we asked for, 20 bytes.
        value: the `v` of its answer, as decoded.

    Raises:
        DecodeError: it is another value than the target names, or too long.
    """
    item = ImmutableItem(value)
    if item.target != target:
        raise DecodeError(f"the hash of the value is {item.target.hex()}, not the target {target.hex()}")
    if len(item.encoded) > MAX_VALUE_BYTES:
        raise DecodeError(_too_big(item.encoded))
    return item


def answered_mutable(
    target: bytes, salt: bytes, public_key: bytes, seq: int, value: bencode.Value, signature: bytes
) -> MutableItem:
    """The item that a node sent us for a target, if its key is that of the target and has signed it.

    Args:
        target: what we asked for, 20 bytes.
        salt: that of the item we want; no answer contains it.
        public_key: the `k` of the answer.
        seq: its `seq`.
        value: its `v`, as decoded.
        signature: its `sig`.

    Raises:
        DecodeError: the target is not the hash of this key and salt, or something is too long.
        SignatureError: the key has not signed it.
    """
    item = MutableItem(public_key, salt, seq, value, signature)
    if item.target != target:
        raise DecodeError(f"the key and salt hash to {item.target.hex()}, not the target {target.hex()}")
    try:
        verify(item)
    except PutRefused as refusal:
        if refusal.code == BAD_SIGNATURE:
            raise SignatureError(refusal.sentence) from None
        raise DecodeError(refusal.sentence) from None
    return item


def _check_sizes(item: ImmutableItem | MutableItem) -> None:
    if len(item.encoded) > MAX_VALUE_BYTES:
        raise PutRefused(VALUE_TOO_BIG, _too_big(item.encoded))
    if not isinstance(item, MutableItem):
        return
    if len(item.salt) > MAX_SALT_BYTES:
        raise PutRefused(SALT_TOO_BIG, f"a salt has at most {MAX_SALT_BYTES} bytes, not {len(item.salt)}")
    if not 0 <= item.seq <= MAX_SEQ:
        raise PutRefused(PROTOCOL_ERROR, f"a seq is from 0 to {MAX_SEQ}, not {item.seq}")
    for what, raw, size in (("k", item.public_key, PUBLIC_BYTES), ("sig", item.signature, SIGNATURE_BYTES)):
        if len(raw) != size:
            raise PutRefused(PROTOCOL_ERROR, f"{what} has {size} bytes, not {len(raw)}")


def _too_big(encoded: bytes) -> str:
    return f"a value has at most {MAX_VALUE_BYTES} bytes in bencode, not {len(encoded)}"


def _sha1(raw: bytes) -> bytes:
    return hashlib.sha1(raw, usedforsecurity=False).digest()
