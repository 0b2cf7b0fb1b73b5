"""Ids: one public key in the six forms that real systems write it in. A codec.

    hex          64 digits
    proquint     16 words of five letters, joined by "-", to be said aloud; see `p2plib.identity.proquint`
    peer-id      base58 of an identity multihash of the libp2p key: "12D3KooW..." of libp2p and IPFS
    peer-id-cid  the same multihash in a CID of codec libp2p-key, in base32: "bafzaaj...", libp2p's newer form
    did:key      "did:key:" and base58 multibase of varint(0xed) ‖ key: "did:key:z6Mk..." of the W3C
    ssb-feed     "@", base64 of the key, ".ed25519": Scuttlebutt's

The libp2p key is the protobuf message {1: type = 1 (Ed25519), 2: key}, always the 36 bytes 08 01 12 20 ‖ key
(libp2p specification, "Peer Ids and Keys"). All six hold the whole key, so any of them can be turned into any
other, and none needs a look-up.

Peers of libp2p may have keys of other kinds (`p2plib.identity.foreign_keys`). Their peer ids hold the key
where it is short ("16Uiu2...", Secp256k1) and its SHA-256 where it is long ("Qm...", RSA and ECDSA). Such ids
name a peer as well as any, but hold no Ed25519 key, so `parse` refuses them. `canonical` and `expect` take
them: the peer shows its key when it answers.

Rules
    1. `parse` knows the form by its shape, takes exactly that form, and refuses everything else with the
       reason.
    2. A form that names another kind of key is refused by its type, before anything is done with the key.
    3. The key within must be one by the rule of `p2plib.identity.keys`: a point of the curve, not of small
       order.
    4. Hexadecimal digits and letters of base32 and base36 are read in either case; `render` writes lower
       case.
    5. A peer id holds the key if its message has at most `MAX_INLINE_BYTES`, otherwise the whole SHA-256 of
       the message. There is no other hash, so a key has one id.

Proquints carry no checksum and no dialect mark. When a text read by the paper's rule is no key, and read
backwards, as the npm module writes it, is one, `parse` says so; it cannot notice when both happen to be keys.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import TypeVar

from p2plib.errors import DecodeError, RemoteError, UsageError, WrongPeer
from p2plib.identity import proquint
from p2plib.identity.foreign_keys import ECDSA, MAX_BYTES, RSA, SECP256K1, ForeignKey, PeerKey
from p2plib.identity.keys import PUBLIC_BYTES, PublicKey
from p2plib.wire import cid, multibase, multicodec, multihash, protobuf, varint
from p2plib.wire.fields import Field
from p2plib.wire.multihash import Multihash

FORMS = ("hex", "proquint", "peer-id", "peer-id-cid", "did:key", "ssb-feed")
MAX_CHARACTERS = 512  # the longest form, proquints, has 95; the rest is for errors that say what else it is

# libp2p's KeyType enumeration.
KEY_TYPES = {0: RSA, 1: "Ed25519", 2: SECP256K1, 3: ECDSA}
ED25519_TYPE = 1
LIBP2P_KEY_BYTES = 36
MAX_KEY_MESSAGE_BYTES = MAX_BYTES + 5  # type, and a size of two bytes
# libp2p puts keys of up to 42 bytes into the id itself and hashes longer ones.
MAX_INLINE_BYTES = 42

_DID_PREFIX = "did:key:"
_DID_CODE = varint.encode(multicodec.ED25519_PUB)
# The multibase prefixes of peer-id-cid: all but those of bases 2, 8 and 10, which would look like hexadecimal
# digits cut short or long, and of base 45, which has spaces.
_CID_PREFIXES = tuple("bBcCvVtThkKzZfFmMuU")
_SSB_KINDS = {"%": "a message id", "&": "a blob id"}
_TYPE_OF_KIND = {kind: number for number, kind in KEY_TYPES.items()}
_Found = TypeVar("_Found")


def render(key: PublicKey, form: str) -> str:
    """A key in one of the six forms.

    Args:
        key: any public key.
        form: one of `FORMS`.

    Raises:
        UsageError: there is no such form.
    """
    if form not in _RENDERERS:
        raise UsageError(f"there is no form {form!r}; there are {', '.join(FORMS)}")
    return _RENDERERS[form](key)


def parse(text: str) -> PublicKey:
    """The key that a text in any of the six forms stands for.

    Raises:
        DecodeError: it is none of them, or breaks a rule of the one that it looks like; the sentence says
            which.
        WeakKey: the key in it is of small order.
    """
    return recognise(text)[1]


def recognise(text: str) -> tuple[str, PublicKey]:
    """The form that a text is in, and the key that it stands for; raises as `parse` does."""
    form = _shape(text)
    return form, _PARSERS[form](text)


def _shape(text: str) -> str:
    """The form that a text looks like, by its first characters alone."""
    if len(text) > MAX_CHARACTERS:
        raise DecodeError(f"no form of a key has {len(text)} characters", MAX_CHARACTERS)
    for offset, character in enumerate(text):
        if character.isspace() or not character.isascii():
            raise DecodeError(f"{character!a} is in no form of a key", offset)
    if text.startswith("did:"):
        return "did:key"
    if text[:1] in _SSB_KINDS:
        raise DecodeError(f"this is {_SSB_KINDS[text[0]]} of Scuttlebutt; a feed id begins with '@'", 0)
    if text.startswith("@") or text.endswith(".ed25519"):
        return "ssb-feed"
    if len(text) == 2 * PUBLIC_BYTES and re.fullmatch(r"[0-9a-fA-F]+", text):
        return "hex"
    if re.match(r"[a-z]{5}-", text):
        return "proquint"
    if text.startswith(("1", "Qm")):
        return "peer-id"
    if re.fullmatch(r"[0-9a-fA-F]+", text) and not re.match(r"[fF]017[2-9]", text):
        raise DecodeError(f"a key has {2 * PUBLIC_BYTES} hexadecimal digits, not {len(text)}")
    if text[:1] in _CID_PREFIXES and len(text) > 40:
        return "peer-id-cid"
    raise DecodeError(f"this looks like none of {', '.join(FORMS)}", 0)


# libp2p


def encode_public_key(key: PeerKey) -> bytes:
    """A key as libp2p sends it: type and key. For ours, the 36 bytes 08 01 12 20 ‖ key."""
    if isinstance(key, PublicKey):
        key_type, data = ED25519_TYPE, key.raw
    else:
        key_type, data = _TYPE_OF_KIND[key.kind], key.data
    return protobuf.encode(
        (
            protobuf.ProtoField(1, protobuf.VARINT, key_type),
            protobuf.ProtoField(2, protobuf.BYTES, data),
        )
    )


def decode_peer_key(raw: bytes) -> PeerKey:
    """The key in libp2p's message, of whichever kind. Type and size are looked at first: a huge RSA key costs
    nothing.

    Raises:
        DecodeError: it is of no known type, too large, or not exactly the deterministic encoding of a key.
        WeakKey: an Ed25519 key of small order.
    """
    key_type = _key_type(raw)
    if key_type == ED25519_TYPE:
        return decode_public_key(raw)
    if key_type not in KEY_TYPES:
        raise DecodeError(f"a key of type {key_type}, which libp2p does not have", 1)
    if len(raw) > MAX_KEY_MESSAGE_BYTES:
        raise DecodeError(f"a libp2p key of {len(raw)} bytes, where {MAX_KEY_MESSAGE_BYTES} is the most")
    return ForeignKey(KEY_TYPES[key_type], _data(raw))


def _key_type(raw: bytes) -> int:
    if raw[:1] != b"\x08":
        raise DecodeError("a libp2p key begins with its type, field 1", 0)
    return varint.decode(raw, 1)[0]


def _data(raw: bytes) -> bytes:
    fields = protobuf.decode(raw, max_fields=2)
    protobuf.only(fields, (1, 2))
    return protobuf.content(fields, 2)


def decode_public_key(raw: bytes) -> PublicKey:
    """The Ed25519 key in libp2p's message, for where no other kind will do.

    Raises:
        DecodeError: it is of another type, or not exactly the deterministic encoding of an Ed25519 key.
        WeakKey: the key is of small order.
    """
    key_type = _key_type(raw)
    if key_type != ED25519_TYPE:
        called = KEY_TYPES.get(key_type, "unknown")
        raise DecodeError(f"a key of type {key_type} ({called}), where only Ed25519 will do", 1)
    if len(raw) != LIBP2P_KEY_BYTES:
        raise DecodeError(f"a libp2p Ed25519 key takes {LIBP2P_KEY_BYTES} bytes, not {len(raw)}")
    return PublicKey(_data(raw))


def peer_id_multihash(key: PeerKey) -> Multihash:
    """What a peer id is: the identity multihash of the key message, or the SHA-256 of a long one."""
    message = encode_public_key(key)
    return multihash.identity(message) if len(message) <= MAX_INLINE_BYTES else multihash.sha2_256(message)


def peer_id_bytes(key: PeerKey) -> bytes:
    """libp2p's binary peer id. For a key of ours, 00 24 ‖ key message: 38 bytes."""
    return peer_id_multihash(key).encode()


def decode_peer_id(raw: bytes) -> PublicKey:
    """The Ed25519 key in a binary peer id.

    Raises:
        DecodeError: the multihash is malformed, hashes the key instead of holding it, or holds another kind
            of key.
        WeakKey: the key is of small order.
    """
    return _key_of(multihash.decode(raw))


def _key_of(found: Multihash) -> PublicKey:
    if found.code == multicodec.SHA2_256:
        raise DecodeError("a peer id that is the hash of a key (RSA or ECDSA): it does not hold the key", 0)
    return decode_public_key(_inlined(found))


def _inlined(found: Multihash) -> bytes:
    """The key message that a peer id holds."""
    if found.code != multicodec.IDENTITY:
        raise DecodeError(f"a peer id under {found.name}, which libp2p does not use", 0)
    if len(found.digest) > MAX_INLINE_BYTES:
        raise DecodeError(f"{len(found.digest)} bytes in a peer id, where {MAX_INLINE_BYTES} is the most", 1)
    return found.digest


def peer_id(key: PeerKey) -> str:
    """libp2p's usual peer id. For a key of ours, 52 letters that begin with "12D3KooW"."""
    return multibase.base58btc_encode(peer_id_bytes(key))


def canonical(peer: str | PeerKey) -> str:
    """The one text that stands for a peer wherever peers are compared: its usual peer id.

    Args:
        peer: its key, or any form of its id, those of keys of other kinds included.

    Raises:
        DecodeError: the text is no id, or its peer id breaks rule 5.
        WeakKey: the key in it is of small order.
    """
    if not isinstance(peer, str):
        return peer_id(peer)
    form = _shape(peer)
    if form == "peer-id":
        return _within(_canonical_peer_id, multibase.base58btc_decode(peer))
    if form == "peer-id-cid":
        return _within(_canonical_cid, multibase.decode(peer)[1])
    return peer_id(_PARSERS[form](peer))


def _canonical_peer_id(raw: bytes) -> str:
    return _canonical_multihash(multihash.decode(raw))


def _canonical_cid(raw: bytes) -> str:
    return _canonical_multihash(_multihash_of_cid(raw))


def _canonical_multihash(found: Multihash) -> str:
    if found.code == multicodec.SHA2_256:
        found.require_whole()
        return multibase.base58btc_encode(found.encode())
    return peer_id(decode_peer_key(_inlined(found)))


def peer_id_cid(key: PeerKey, base: str = "base32") -> str:
    """libp2p's peer id as a CID of codec libp2p-key; base36 is the form for DNS labels
    ("k51qzi5uqu5d...").

    Raises:
        UsageError: the base is unknown, or one of 2, 8, 10 and 45, in which `parse` reads no ids.
    """
    text = cid.to_text(cid.Cid(1, multicodec.LIBP2P_KEY, peer_id_multihash(key)), base)
    if text[0] not in _CID_PREFIXES:
        raise UsageError(f"ids are not written in {base}: they would not be recognised")
    return text


def _parse_peer_id(text: str) -> PublicKey:
    return _within(decode_peer_id, multibase.base58btc_decode(text))


def _parse_peer_id_cid(text: str) -> PublicKey:
    return _within(_decode_peer_id_cid, multibase.decode(text)[1])


def _within(read: Callable[[bytes], _Found], raw: bytes) -> _Found:
    """What is in the bytes that a text stood for; offsets in them would mislead a reader of the text."""
    try:
        return read(raw)
    except DecodeError as error:
        raise DecodeError(error.rule) from None


def _decode_peer_id_cid(raw: bytes) -> PublicKey:
    return _key_of(_multihash_of_cid(raw))


def _multihash_of_cid(raw: bytes) -> Multihash:
    found = cid.decode_bytes(raw)
    if found.codec != multicodec.LIBP2P_KEY:
        raise DecodeError(f"a CID of {multicodec.name(found.codec)}, which names content, not a key")
    return found.multihash


def dissect_peer_id(text: str) -> tuple[Field, ...]:
    """The parts of the bytes in a peer id: those of the form that the text is in, peer-id or peer-id-cid."""
    key = parse(text)
    message = protobuf.dissect(encode_public_key(key), {1: "type", 2: "key"})
    whole = multihash.dissect(peer_id_bytes(key))[:2] + message
    if _shape(text) == "peer-id-cid":
        return cid.dissect(cid.encode_bytes(cid.parse_text(text)))[:2] + whole
    return whole


def expect(advertised: str | PeerKey, key: PeerKey) -> None:
    """Returns if the key that a peer proved to hold is the one that its address promised.

    Args:
        advertised: the peer that we dialled, as for `canonical`.
        key: the key that the handshake authenticated.

    Raises:
        WrongPeer: they differ.
        DecodeError: the advertised id is not one.
        WeakKey: the key in the advertised id is of small order.
    """
    promised, answered = canonical(advertised), peer_id(key)
    if promised != answered:
        raise WrongPeer(f"expected {promised}, but the peer that answered is {answered}")


# The others


def did_key(key: PublicKey) -> str:
    """The W3C's did:key form, from "did:key:z6Mk" on."""
    return _DID_PREFIX + multibase.encode("base58btc", _DID_CODE + key.raw)


def _parse_did_key(text: str) -> PublicKey:
    if not text.startswith(_DID_PREFIX):
        raise DecodeError(f"of decentralised identifiers, this library reads {_DID_PREFIX} alone", 0)
    body = text[len(_DID_PREFIX) :]
    if "#" in body:
        raise DecodeError("'#' names a key within a did document; leave that part off", text.index("#"))
    if not body.startswith("z"):
        raise DecodeError("a did:key is written in base58btc, so a 'z' follows", len(_DID_PREFIX))
    try:
        _, raw = multibase.decode(body)
    except DecodeError as error:
        offset = None if error.offset is None else error.offset + len(_DID_PREFIX)
        raise DecodeError(error.rule, offset) from None
    return _within(_decode_did_key, raw)


def _decode_did_key(raw: bytes) -> PublicKey:
    code, start = varint.decode(raw)
    if code != multicodec.ED25519_PUB:
        raise DecodeError(f"a did:key of type {multicodec.name(code)}; this library takes ed25519-pub alone")
    return PublicKey(raw[start:])


def ssb_feed_id(key: PublicKey) -> str:
    """Scuttlebutt's feed id: "@", 44 characters of base64, ".ed25519"."""
    return "@" + base64.b64encode(key.raw).decode("ascii") + ".ed25519"


def _parse_ssb_feed_id(text: str) -> PublicKey:
    body, dot, curve = text[1:].partition(".")
    if text[0] != "@" or not dot:
        raise DecodeError("a Scuttlebutt feed id is '@', base64, a dot, and the curve")
    if curve != "ed25519":
        raise DecodeError(f"a Scuttlebutt id of {curve!r}; this library takes ed25519 alone", len(body) + 2)
    try:
        raw = base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise DecodeError(f"not base64: {error}", 1) from None
    if base64.b64encode(raw).decode("ascii") != body:
        raise DecodeError("base64 that is not canonical: bits left over at its end are not zero", len(body))
    return PublicKey(raw)


def _parse_hex(text: str) -> PublicKey:
    return PublicKey(bytes.fromhex(text))


def _parse_proquint(text: str) -> PublicKey:
    raw = proquint.decode(text)
    if len(raw) != PUBLIC_BYTES:
        raise DecodeError(f"a key has {PUBLIC_BYTES // 2} proquint words, not {len(raw) // 2}")
    try:
        return PublicKey(raw)
    except RemoteError as error:
        try:
            PublicKey(proquint.decode(text, "npm-mirrored"))
        except RemoteError:
            raise error from None
        raise DecodeError(
            "no key by the paper's rule, but one with each word read backwards: this looks like the mirrored "
            "dialect of the npm module; turn it with proquint.mirror"
        ) from None


_RENDERERS: dict[str, Callable[[PublicKey], str]] = {
    "hex": PublicKey.hex,
    "proquint": lambda key: proquint.encode(key.raw),
    "peer-id": peer_id,
    "peer-id-cid": peer_id_cid,
    "did:key": did_key,
    "ssb-feed": ssb_feed_id,
}
_PARSERS: dict[str, Callable[[str], PublicKey]] = {
    "hex": _parse_hex,
    "proquint": _parse_proquint,
    "peer-id": _parse_peer_id,
    "peer-id-cid": _parse_peer_id_cid,
    "did:key": _parse_did_key,
    "ssb-feed": _parse_ssb_feed_id,
}
