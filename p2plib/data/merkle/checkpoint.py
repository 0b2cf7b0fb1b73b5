"""The head of a log, signed by whoever runs it, and a proof that travels with it. A codec.

A transparency log is a tree to which one operator appends for everybody, and which nobody has to trust: the
operator signs size and root, and every leaf comes with a proof. The formats here are those of three short
specifications of C2SP, which the log of Go's modules and many others use: signed-note, tlog-checkpoint and
tlog-proof. All of them are lines of UTF-8::

    example.com/photos                              the origin: which log
    1000                                            how many leaves
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=    the root
                                                    an empty line
    — example.com/photos Az3grlgtzPICa5OS8npV...    a dash (U+2014), the key's name, and base64 of
                                                    4 bytes of key id ‖ 64 bytes of Ed25519

Rules
    1. The signature is over the text up to the empty line, with its last line feed, without the empty line.
    2. A key id is SHA-256(name ‖ 0a ‖ 01 ‖ public key), the first 4 bytes. It is a hint, not a proof.
    3. Signatures by unknown keys are passed over. A wrong signature by the key that we ask for is refused,
       even beside a right one.
    4. Numbers have no leading zero, base64 is canonical, and there are no control characters but the line
       feed. So a checkpoint has one sequence of bytes. Signatures may follow in any order, and anybody may
       add one.

A proof (tlog-proof) is the line `c2sp.org/tlog-proof@v1`, a line `index 6`, the hashes of an inclusion proof
one a line, an empty line, and the signed head. Before the index there may be an `extra` line, with the base64
of one byte or more, which nobody signed.

Vocabulary::

    note       a signed text
    origin     the name of a log, such as "example.com/photos"; as a rule the key's name, but not for Go's
    verifier key   name+id+base64: how a log's public key is written
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from p2plib.data.merkle import proofs
from p2plib.data.merkle.tree import HASH_BYTES, MAX_SIZE, need_numbers
from p2plib.errors import DecodeError, InvalidProof, SignatureError, UsageError
from p2plib.identity.keys import SIGNATURE_BYTES, PublicKey, SecretKey
from p2plib.wire.fields import Field

MAX_NOTE_BYTES = 1 << 17  # room for the sixteen signatures that every reader must accept, at 5 kB each
MAX_SIGNATURES = 100  # as in Go's reader
MAX_PATH = 64  # hashes: no tree of `MAX_SIZE` leaves is deeper
PROOF_HEADER = "c2sp.org/tlog-proof@v1"

_ED25519 = b"\x01"
_KEY_ID_BYTES = 4
_DASH = "\u2014 "


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A log's public key with the name it signs under.

    Args:
        name: one character or more of UTF-8, without spaces, plus signs and control characters.
        public: the key.

    Raises:
        UsageError: this cannot be a name.
    """

    name: str
    public: PublicKey

    def __post_init__(self) -> None:
        if not _is_name(self.name):
            raise UsageError("a key's name is UTF-8 without spaces, plus signs and control characters")

    @property
    def id(self) -> bytes:
        """Its short id, 4 bytes."""
        named = self.name.encode() + b"\n" + _ED25519 + self.public.raw
        return hashlib.sha256(named).digest()[:_KEY_ID_BYTES]

    @property
    def text(self) -> str:
        """The key as a verifier key."""
        return f"{self.name}+{self.id.hex()}+{_base64(_ED25519 + self.public.raw)}"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """A line under a note.

    Args:
        name: of the key.
        key_id: 4 bytes.
        signature: 64 bytes if it is one of Ed25519.
    """

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text, and who signed it. Nothing is verified yet.

    Args:
        text: what was signed; it ends with a line feed.
        signatures: one or more.
    """

    text: str
    signatures: tuple[NoteSignature, ...]

    @property
    def raw(self) -> bytes:
        """The note as bytes."""
        lines = [f"{_DASH}{each.name} {_base64(each.key_id + each.signature)}\n" for each in self.signatures]
        return f"{self.text}\n{''.join(lines)}".encode()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says about itself: how many leaves it has, and its root.

    Args:
        origin: which log; one line.
        size: how many leaves, 0 to 2**64 - 1.
        root: 32 bytes.
        extensions: more lines, which readers ignore and logs should not write.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The checkpoint as the text of a note."""
        return "\n".join([self.origin, str(self.size), _base64(self.root), *self.extensions, ""])


@dataclass(frozen=True, slots=True)
class LoggedProof:
    """All that is needed to verify logged data offline, apart from the log's key and the data.

    Args:
        index: which leaf.
        path: the inclusion proof.
        note: the log's signed head.
        extra: what nobody has signed.
    """

    index: int
    path: tuple[bytes, ...]
    note: SignedNote
    extra: bytes = b""

    @property
    def raw(self) -> bytes:
        """The proof as bytes, as in a file with the ending .tlog-proof."""
        extra = [f"extra {_base64(self.extra)}"] if self.extra else []
        lines = [PROOF_HEADER, *extra, f"index {self.index}", *map(_base64, self.path), "", ""]
        return "\n".join(lines).encode() + self.note.raw


def sign_checkpoint(head: Checkpoint, key_name: str, secret: SecretKey) -> SignedNote:
    """The note that a log's operator publishes.

    Args:
        head: what to sign.
        key_name: the name of the key, as a rule the origin.
        secret: the key.

    Raises:
        UsageError: the head could not be read back, or the name cannot be that of a key.
    """
    need_numbers(head.size)
    key = NoteKey(key_name, secret.public)
    if not _is_utf8(head.text):
        raise UsageError("this head cannot be signed: half a surrogate pair has no UTF-8")
    signature = secret.sign_raw(head.text.encode())
    note = SignedNote(head.text, (NoteSignature(key.name, key.id, signature),))
    try:
        if read_note(note.raw) != note or read_checkpoint(note.text) != head:
            raise UsageError("a line of the head has a line feed in it")
    except DecodeError as error:
        raise UsageError(f"this head cannot be signed: {error}") from None
    return note


def read_key(text: str) -> NoteKey:
    """The key in a verifier key.

    Args:
        text: such as "sum.golang.org+033de0ae+Ac4zctda0e5eza...".

    Raises:
        DecodeError: it is not a verifier key, its id is another key's, or its kind is not Ed25519.
        WeakKey: anybody could sign for it.
    """
    parts = text.split("+", 2)
    if len(parts) != 3 or not _is_name(parts[0]):
        raise DecodeError("a verifier key is name+id+base64")
    raw = _from_base64(parts[2])
    if raw[:1] != _ED25519:
        raise DecodeError("a verifier key of a kind other than Ed25519, which is 1")
    key = NoteKey(parts[0], PublicKey(raw[1:]))
    if key.id.hex() != parts[1]:
        raise DecodeError(f"the id of a verifier key is not that of its key, {key.id.hex()}")
    return key


def read_note(raw: bytes) -> SignedNote:
    """The note in these bytes. `verify_note` says whether to believe it.

    Args:
        raw: as received; any size.

    Raises:
        DecodeError: they are not a signed note.
    """
    if len(raw) > MAX_NOTE_BYTES:
        raise DecodeError(f"a note of {len(raw)} bytes, where {MAX_NOTE_BYTES} is the most")
    whole = _clean_text(raw)
    split = whole.rfind("\n\n")  # the text may have empty lines of its own: the last one counts
    if split < 0 or not whole.endswith("\n"):
        raise DecodeError("a note is a text, an empty line and signatures, and each line ends")
    lines = whole[split + 2 : -1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise DecodeError(f"a note with {len(lines)} signatures, where {MAX_SIGNATURES} is the most")
    return SignedNote(whole[: split + 1], tuple(map(_read_signature, lines)))


def _read_signature(line: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not _is_name(name):
        raise DecodeError("a signature is a line of dash, name and base64")
    raw = _from_base64(encoded)
    if len(raw) <= _KEY_ID_BYTES:
        raise DecodeError("a signature has more than the 4 bytes of its key's id")
    return NoteSignature(name, raw[:_KEY_ID_BYTES], raw[_KEY_ID_BYTES:])


def verify_note(note: SignedNote, key: NoteKey) -> None:
    """Raises unless this key signed this note.

    Args:
        note: as read.
        key: the key whose signature to verify; signatures by others are passed over.

    Raises:
        SignatureError: its signature is missing, or wrong.
    """
    ours = [each for each in note.signatures if (each.name, each.key_id) == (key.name, key.id)]
    if not ours:
        raise SignatureError(f"the note is not signed by {key.name}")
    for each in ours:
        if len(each.signature) != SIGNATURE_BYTES:
            raise SignatureError(f"a signature of {key.name} has {len(each.signature)} bytes")
        key.public.verify_raw(note.text.encode(), each.signature)


def read_checkpoint(text: str) -> Checkpoint:
    """The head in the text of a note.

    Args:
        text: that of a verified note.

    Raises:
        DecodeError: it is not a checkpoint.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines):
        raise DecodeError("a checkpoint is three lines or more, none of them empty")
    size = _number(lines[1], "a size", MAX_SIZE)
    root = _from_base64(lines[2])
    if len(root) != HASH_BYTES:
        raise DecodeError(f"a root has {HASH_BYTES} bytes, not {len(root)}")
    return Checkpoint(lines[0], size, root, tuple(lines[3:]))


def read_proof(raw: bytes) -> LoggedProof:
    """The proof in these bytes. `verify_logged` says whether to believe it.

    Args:
        raw: as received; any size.

    Raises:
        DecodeError: they are not a proof.
    """
    if len(raw) > MAX_NOTE_BYTES:
        raise DecodeError(f"a proof of {len(raw)} bytes, where {MAX_NOTE_BYTES} is the most")
    _clean_text(raw)
    front, empty, note = bytes(raw).partition(b"\n\n")
    if not empty or not front.isascii():
        raise DecodeError("a proof is lines of ASCII, an empty line and a signed head")
    lines = front.decode("ascii").split("\n")
    if lines.pop(0) != PROOF_HEADER:
        raise DecodeError(f"a proof begins with {PROOF_HEADER}")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = _from_base64(lines.pop(0).removeprefix("extra "))
        if not extra:
            raise DecodeError("an extra line is not empty: it is left out instead")
    if not lines or not lines[0].startswith("index "):
        raise DecodeError("a proof has a line with its index")
    index = _number(lines.pop(0).removeprefix("index "), "an index", MAX_SIZE)
    if len(lines) > MAX_PATH:
        raise DecodeError(f"a proof of {len(lines)} hashes, where {MAX_PATH} is the most")
    path = tuple(map(_from_base64, lines))
    if any(len(each) != HASH_BYTES for each in path):
        raise DecodeError(f"a hash of a proof has {HASH_BYTES} bytes")
    return LoggedProof(index, path, read_note(note), extra)


def verify_logged(proof: LoggedProof, data: bytes, key: NoteKey, origin: str | None = None) -> Checkpoint:
    """Raises unless the log with this key has this data as the leaf that the proof says.

    Args:
        proof: as read.
        data: what was logged.
        key: the log's.
        origin: the log's; None if it is the key's name.

    Returns:
        the head, now verified.

    Raises:
        SignatureError: the head is not signed by this key.
        DecodeError: the signed text is not a head.
        InvalidProof: the head is another log's, or the data is not that leaf.
    """
    verify_note(proof.note, key)
    head = read_checkpoint(proof.note.text)
    need_origin(head, key, origin)
    proofs.verify_inclusion(head.root, head.size, proof.index, data, proof.path)
    return head


def need_origin(head: Checkpoint, key: NoteKey, origin: str | None = None) -> None:
    """Raises if a head is another log's: one key may sign for several.

    Args:
        head: as verified.
        key: the key that signed it.
        origin: the log's; None if it is the key's name.

    Raises:
        InvalidProof: it is another log's.
    """
    wanted = key.name if origin is None else origin
    if head.origin != wanted:
        raise InvalidProof(f"this is a head of {head.origin!r}, not of {wanted!r}")


def dissect(raw: bytes) -> Sequence[Field]:
    """The parts of a signed head, as bytes, in their order.

    Args:
        raw: a note with a checkpoint in it.

    Raises:
        DecodeError: it is not a signed head.
    """
    note = read_note(raw)
    raw = bytes(raw)
    read_checkpoint(note.text)
    notes = ("which log", "how many leaves", "SHA-256, in base64")
    lines = note.text.encode().splitlines(keepends=True)
    fields = [Field(*each) for each in zip(("origin", "size", "root"), lines, notes, strict=False)]
    fields += [Field("extension", line, "opaque") for line in lines[3:]]
    fields.append(Field("empty line", b"\n", "not signed"))
    rest = raw[len(note.text.encode()) + 1 :]
    fields += [Field("signature", line, "dash, name, base64") for line in rest.splitlines(keepends=True)]
    return fields


def _is_name(name: str) -> bool:
    plain = bool(name) and "+" not in name and not any(map(str.isspace, name)) and min(name) > "\x1f"
    return plain and _is_utf8(name)


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _clean_text(raw: bytes) -> str:
    try:
        text = str(raw, "utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError("a note is valid UTF-8", error.start) from None
    for offset, byte in enumerate(raw):  # in UTF-8 such a byte is never part of another character
        if byte < 32 and byte != 10:
            raise DecodeError(f"a control character, {chr(byte)!a}", offset)
    return text


def _number(text: str, what: str, maximum: int) -> int:
    # int() also reads "+1", "1_0" and the digits of other scripts, and is slow for very long numbers
    if not (text.isascii() and text.isdigit()) or (text[0] == "0" and text != "0") or len(text) > 20:
        raise DecodeError(f"{what} is decimal digits, without a leading zero")
    if int(text) > maximum:
        raise DecodeError(f"{what} of {text}, where {maximum} is the most")
    return int(text)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _from_base64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise DecodeError("this is not base64") from None
    if _base64(raw) != text:
        raise DecodeError("base64 that is not canonical")
    return raw
