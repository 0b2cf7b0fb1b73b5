"""Notes from somebody who knows the format and means no good: other spellings, keys and algorithms."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest

from p2plib.data.merkle import checkpoint as heads
from p2plib.data.merkle.checkpoint import NoteSignature, SignedNote
from p2plib.errors import DecodeError, SignatureError
from p2plib.identity.keys import SecretKey
from tests.data.merkle.published import ORIGIN, VERIFIER_KEY, head

KEY = heads.read_key(VERIFIER_KEY)


FORMS = [  # of base64 that some decoder takes: none of them is the one that was signed
    ("line feed inside", lambda text: text[:8] + "\n" + text[8:]),
    ("space inside", lambda text: text[:8] + " " + text[8:]),
    ("for URLs", lambda text: text.replace("+", "-").replace("/", "_")),
    ("no padding", lambda text: text.rstrip("=")),
    ("more padding", lambda text: text + "="),
    ("padding inside", lambda text: text[:4] + "====" + text[4:]),
    ("another last letter", lambda text: text[:-2] + chr(ord(text[-2]) + 1) + text[-1:]),
    ("full width", lambda text: text[:-2] + chr(0xFF21) + text[-1:]),
    ("empty", lambda text: ""),
]


@pytest.mark.parametrize(("form", "spell"), FORMS, ids=[name for name, _ in FORMS])
def test_base64_has_one_form(form: str, spell: Callable[[str], str]) -> None:
    root, signature = base64.b64encode(b"\xfb\xff\xbf" * 10 + b"ab").decode(), "M9e0" + "/+" * 30 + "AAA="
    assert {"+", "/", "="} <= set(root) & set(signature)
    assert heads.read_checkpoint(f"a\n1\n{root}\n").size == 1
    with pytest.raises(DecodeError):
        heads.read_checkpoint(f"a\n1\n{spell(root)}\n")
    assert heads.read_note(f"a\n\n\u2014 a {signature}\n".encode()).text == "a\n"
    with pytest.raises(DecodeError):
        heads.read_note(f"a\n\n\u2014 a {spell(signature)}\n".encode())


def test_signatures_that_are_there_twice() -> None:
    note = heads.read_note(head(2))
    ours = note.signatures[0]
    heads.verify_note(SignedNote(note.text, (ours, ours)), KEY)
    assert heads.read_note(SignedNote(note.text, (ours, ours)).raw).signatures == (ours, ours)
    wrong = NoteSignature(ours.name, ours.key_id, bytes(64))
    for signatures in ((ours, wrong), (wrong, ours), (ours, ours, wrong)):
        with pytest.raises(SignatureError):
            heads.verify_note(SignedNote(note.text, signatures), KEY)


def test_another_key_with_the_id_of_ours_signs_nothing_for_us() -> None:
    """Four bytes are found by trying: they say which signature to look at, and the key whether it is one."""
    note, stranger = heads.read_note(head(2)), SecretKey.from_seed(bytes(32))
    forged = NoteSignature(ORIGIN, KEY.id, stranger.sign_raw(note.text.encode()))
    with pytest.raises(SignatureError):
        heads.verify_note(SignedNote(note.text, (forged,)), KEY)
    namesake = NoteSignature("example.com/other", KEY.id, note.signatures[0].signature)
    with pytest.raises(SignatureError, match="not signed by"):
        heads.verify_note(SignedNote(note.text, (namesake,)), KEY)


def test_other_algorithms_are_strangers() -> None:
    """Such as 4, a witness's cosignature: another id, even for the same 32 bytes of key."""
    public = KEY.public.raw
    for kind in (0, 2, 4, 6, 255):
        named = hashlib.sha256(ORIGIN.encode() + b"\n" + bytes([kind]) + public).digest()[:4]
        text = f"{ORIGIN}+{named.hex()}+{base64.b64encode(bytes([kind]) + public).decode()}"
        with pytest.raises(DecodeError, match="other than Ed25519"):
            heads.read_key(text)
        note = heads.read_note(head(2))
        other = NoteSignature(ORIGIN, named, note.signatures[0].signature)
        heads.verify_note(SignedNote(note.text, (other, *note.signatures)), KEY)
        with pytest.raises(SignatureError, match="not signed by"):
            heads.verify_note(SignedNote(note.text, (other,)), KEY)
    assert named != KEY.id
    with pytest.raises(DecodeError, match="the id of a verifier key"):
        heads.read_key(VERIFIER_KEY.replace("33d7b496", "33D7B496"))


@pytest.mark.parametrize("code", [code for code in range(32) if code != 10])
def test_no_control_character_is_text(code: int) -> None:
    for raw in (head(2).replace(b"testdata\n", b"test%cdata\n" % code, 1), b"%c" % code + head(2)):
        with pytest.raises(DecodeError, match="control character"):
            heads.read_note(raw)


def test_a_note_with_carriage_returns_is_another_note() -> None:
    for raw in (
        head(2).replace(b"\n", b"\r\n"),
        head(2)[:-1] + b"\r\n",
        head(2).replace(b"\n2\n", b"\n2\r\n"),
    ):
        with pytest.raises(DecodeError, match="control character"):
            heads.read_note(raw)
    ends = heads.read_note(f"a\u2028b\n1\n{'A' * 43}=\n\n\u2014 a AAAAAAA=\n".encode())
    assert heads.read_checkpoint(ends.text).origin == "a\u2028b"  # other ends of lines are letters like any
