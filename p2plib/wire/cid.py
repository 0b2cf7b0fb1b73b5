"""CID: a content identifier, which says how to read the content that its digest names. A codec.

Follows the CID specification (multiformats/cid).

    version 0   the bytes are a sha2-256 multihash and nothing else; the text is its base58, 46 letters from
    "Qm" on version 1   varint(1) ‖ varint(codec) ‖ multihash; the text is multibase of that

Rules
    1. Version 0 has no multibase prefix, one codec (dag-pb) and one hash function (sha2-256, all 32 bytes of
       it).
    2. Versions 2 and 3 are reserved, and 18 is what a version 0 looks like in the wrong place: all refused.
    3. A digest that proves nothing (truncated, or of a broken or unknown function) makes no content
       identifier.

Vocabulary::

    codec   a number of the multicodec registry that says how the content is written, for example 0x70 for
    dag-pb
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.errors import DecodeError
from p2plib.wire import multibase, multicodec, multihash, varint
from p2plib.wire.fields import Field
from p2plib.wire.multihash import Multihash

V0_BYTES = 34
V0_CHARACTERS = 46
MAX_TEXT_CHARACTERS = 2048  # the longest identity digest in base 2 has about 1100


@dataclass(frozen=True, slots=True)
class Cid:
    """A content identifier.

    Args:
        version: 0 or 1.
        codec: how the content is written.
        multihash: what the content hashes to; whole, or identity.

    Raises:
        DecodeError: the parts break a rule of the module's head.
    """

    version: int
    codec: int
    multihash: Multihash

    def __post_init__(self) -> None:
        if self.version not in (0, 1):
            raise DecodeError(f"there is no CID version {self.version}")
        self.multihash.require_whole()
        if self.version == 0 and (self.codec, self.multihash.code) != (
            multicodec.DAG_PB,
            multicodec.SHA2_256,
        ):
            raise DecodeError("a CID of version 0 is dag-pb under sha2-256 and nothing else")


def encode_bytes(cid: Cid) -> bytes:
    """The bytes of a CID."""
    if cid.version == 0:
        return cid.multihash.encode()
    return varint.encode(cid.version) + varint.encode(cid.codec) + cid.multihash.encode()


def decode_bytes(raw: bytes) -> Cid:
    """The CID that is all of `raw`.

    Raises:
        DecodeError: it breaks a rule of the module's head, or of multihash or varint.
    """
    if len(raw) == V0_BYTES and raw[:2] == b"\x12\x20":
        return Cid(0, multicodec.DAG_PB, multihash.decode(raw))
    version, offset = varint.decode(raw)
    if version != 1:
        reason = ", or a version 0 of the wrong size" if version == multicodec.SHA2_256 else ""
        raise DecodeError(f"there is no CID version {version}{reason}", 0)
    codec, offset = varint.decode(raw, offset)
    return Cid(1, codec, multihash.decode(raw[offset:]))


def to_text(cid: Cid, base: str = "base32") -> str:
    """The text of a CID.

    Args:
        cid: version 0 is always written in base58btc without a prefix, whatever `base` says.
        base: a multibase name, for version 1.

    Raises:
        UsageError: the base is unknown.
    """
    if cid.version == 0:
        return multibase.base58btc_encode(encode_bytes(cid))
    return multibase.encode(base, encode_bytes(cid))


def parse_text(text: str) -> Cid:
    """The CID that a text stands for.

    Raises:
        DecodeError: it is too long, not multibase, or the bytes in it are no CID.
    """
    if len(text) > MAX_TEXT_CHARACTERS:
        raise DecodeError(f"a CID of more than {MAX_TEXT_CHARACTERS} characters", MAX_TEXT_CHARACTERS)
    if len(text) == V0_CHARACTERS and text.startswith("Qm"):
        return decode_bytes(multibase.base58btc_decode(text))
    base, raw = multibase.decode(text)
    try:
        cid = decode_bytes(raw)
    except DecodeError as error:
        raise DecodeError(error.rule) from None  # its offset counts bytes, not characters
    if cid.version == 0:
        raise DecodeError(f"a CID of version 0 in {base}: it has no multibase form", 0)
    return cid


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The parts of a CID's bytes."""
    cid = decode_bytes(raw)
    rest = multihash.dissect(cid.multihash.encode())
    if cid.version == 0:
        return rest
    return (
        Field("version", varint.encode(cid.version), "CID version 1"),
        Field("codec", varint.encode(cid.codec), multicodec.name(cid.codec)),
        *rest,
    )
