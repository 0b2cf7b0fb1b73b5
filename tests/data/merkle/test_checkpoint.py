"""Signed heads and proofs that travel: published ones are read, and every change to one is noticed."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.merkle import checkpoint as heads
from p2plib.data.merkle import proofs
from p2plib.data.merkle.checkpoint import Checkpoint, LoggedProof, NoteKey, NoteSignature, SignedNote
from p2plib.data.merkle.tree import AppendOnlyTree
from p2plib.errors import DecodeError, InvalidProof, RemoteError, SignatureError, UsageError, WeakKey
from p2plib.identity.keys import SecretKey
from tests.data.merkle.published import (
    GO_HEADS,
    GO_KEY,
    GO_ORIGIN,
    HEADS,
    ORIGIN,
    SEED,
    VERIFIER_KEY,
    WORDS,
    go_head,
    head,
)

KEY = heads.read_key(VERIFIER_KEY)
TREE = AppendOnlyTree(WORDS)
SECRET = SecretKey.from_seed(SEED)
SEVEN = LoggedProof(6, tuple(proofs.prove_inclusion(TREE, 6)), heads.read_note(head(15)))


@pytest.mark.parametrize("size", HEADS)
def test_tesseras_log_has_the_roots_that_its_key_has_signed(size: int) -> None:
    note = heads.read_note(head(size))
    heads.verify_note(note, KEY)
    assert heads.read_checkpoint(note.text) == Checkpoint(ORIGIN, size, TREE.root(size))
    assert note.raw == head(size)


@pytest.mark.parametrize("size", HEADS)
def test_we_sign_the_same_bytes(size: int) -> None:
    assert heads.sign_checkpoint(Checkpoint(ORIGIN, size, TREE.root(size)), ORIGIN, SECRET).raw == head(size)


@pytest.mark.parametrize("size", GO_HEADS)
def test_heads_of_the_log_of_gos_modules(size: int) -> None:
    key, note = heads.read_key(GO_KEY), heads.read_note(go_head(size))
    heads.verify_note(note, key)
    read = heads.read_checkpoint(note.text)
    assert (read.origin, read.size, key.name) == (GO_ORIGIN, size, "sum.golang.org")
    heads.need_origin(read, key, GO_ORIGIN)
    with pytest.raises(InvalidProof, match=r"'go.sum database tree', not of 'sum.golang.org'"):
        heads.need_origin(read, key)


def test_the_note_of_gos_own_tests() -> None:
    key = heads.read_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    signed = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    note = heads.read_note(f"{text}\n\u2014 PeterNeumann {signed}\n".encode())
    assert note.text == text
    heads.verify_note(note, key)
    with pytest.raises(SignatureError):
        heads.verify_note(SignedNote(text.replace("cry", "Cry"), note.signatures), key)


def test_the_last_empty_line_is_the_one_that_counts() -> None:
    """The example of C2SP's signed-note has an empty line in its text."""
    note = heads.read_note(
        "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
        "\u2014 quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFS"
        "QU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n".encode()
    )
    assert note.text.endswith("ed è subito sera.\n")
    assert len(note.signatures[0].signature) == 64
    assert heads.read_note("\n\n\u2014 a AAAAAAA=\n".encode()).text == "\n"


def test_keys_as_text() -> None:
    assert KEY.text == VERIFIER_KEY
    assert KEY.public == SECRET.public
    wrong = [
        VERIFIER_KEY.replace("33d7", "33d8"),
        VERIFIER_KEY.replace("+AeHT", "+CeHT"),
        VERIFIER_KEY[:-1],
        VERIFIER_KEY.replace("example", "exa mple"),
        VERIFIER_KEY.replace("+", ""),
        "",
    ]
    for text in wrong:
        with pytest.raises(DecodeError):
            heads.read_key(text)
    for name in ("", "a+b", "a b", "a\u2003b", "a\nb", "a\x00", "\x1b[2J"):
        with pytest.raises(UsageError):
            NoteKey(name, SECRET.public)


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_no_changed_byte_is_believed(at: int, flip: int) -> None:
    raw = bytearray(head(15))
    raw[at % len(raw)] ^= flip
    try:
        note = heads.read_note(bytes(raw))
        heads.verify_note(note, KEY)
    except RemoteError:
        return
    pytest.fail(f"believed with another byte {at % len(raw)}")


@pytest.mark.parametrize(
    ("rule", "raw"),
    [
        ("UTF-8", b"\xff\n\n\xe2\x80\x94 a AAAAAAA=\n"),
        ("control character", head(1).replace(b"\n1\n", b"\r\n1\n")),
        ("an empty line", head(1).replace(b"\n\n", b"\n")),
        ("each line ends", head(1)[:-1]),
        ("signatures, where 100", head(1) + "\u2014 a AAAAAAA=\n".encode() * 100),
        ("the most", head(1) + b"a" * heads.MAX_NOTE_BYTES),
        ("dash, name and base64", head(1).replace("\u2014".encode(), b"-")),
        ("dash, name and base64", head(1) + "\u2014 nothing\n".encode()),
        ("dash, name and base64", head(1) + "\u2014 a+b AAAAAAA=\n".encode()),
        ("not base64", head(1).replace(b"M9e0", b"M9e?")),
        ("canonical", head(1)[:-3] + b"N=\n"),
        ("4 bytes", head(1) + "\u2014 a AAAAAA==\n".encode()),
    ],
)
def test_what_is_no_note(rule: str, raw: bytes) -> None:
    with pytest.raises(DecodeError, match=rule):
        heads.read_note(raw)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("three lines or more", "a\n1\n"),
        ("three lines or more", f"a\n1\n{'A' * 43}="),
        ("three lines or more", f"\n1\n{'A' * 43}=\n"),
        ("leading zero", f"a\n01\n{'A' * 43}=\n"),
        ("leading zero", f"a\n-1\n{'A' * 43}=\n"),
        ("leading zero", f"a\n{'9' * 5000}\n{'A' * 43}=\n"),
        ("the most", f"a\n{1 << 64}\n{'A' * 43}=\n"),
        ("decimal digits", f"a\n\u0663\n{'A' * 43}=\n"),
        ("32 bytes, not 3", "a\n1\nAAAA\n"),
    ],
)
def test_what_is_no_checkpoint(rule: str, text: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        heads.read_checkpoint(text)


def test_the_largest_size_is_read() -> None:
    assert heads.read_checkpoint(f"a\n{(1 << 64) - 1}\n{'A' * 43}=\n").size == (1 << 64) - 1


def test_who_signed() -> None:
    note = heads.read_note(head(2))
    ours = note.signatures[0]
    stranger = NoteSignature("example.com/stranger", b"1234", b"no signature of any kind")
    namesake = NoteSignature(ORIGIN, b"1234", b"another key of that name")
    heads.verify_note(SignedNote(note.text, (stranger, ours, namesake)), KEY)
    wrong = [
        (stranger, namesake),
        (ours, NoteSignature(ours.name, ours.key_id, ours.signature[::-1])),
        (NoteSignature(ours.name, ours.key_id, ours.signature[:-1]),),
    ]
    for signatures in wrong:
        with pytest.raises(SignatureError):
            heads.verify_note(SignedNote(note.text, signatures), KEY)


@pytest.mark.parametrize(
    "unsignable",
    [
        Checkpoint("", 1, bytes(32)),
        Checkpoint("a\nb", 1, bytes(32)),
        Checkpoint("a", -1, bytes(32)),
        Checkpoint("a", 1, bytes(31)),
        Checkpoint("a", 1, bytes(32), ("",)),
        Checkpoint("a\x00", 1, bytes(32)),
    ],
)
def test_what_nobody_could_read_is_not_signed(unsignable: Checkpoint) -> None:
    with pytest.raises(UsageError):
        heads.sign_checkpoint(unsignable, "a", SECRET)


def test_lines_that_no_reader_understands_are_kept() -> None:
    made = heads.sign_checkpoint(Checkpoint("a", 1, bytes(32), ("what", "ever")), "a", SECRET)
    assert heads.read_checkpoint(heads.read_note(made.raw).text).extensions == ("what", "ever")


def test_a_proof_that_travels() -> None:
    assert heads.verify_logged(heads.read_proof(SEVEN.raw), b"seven", KEY).size == 15
    more = LoggedProof(SEVEN.index, SEVEN.path, SEVEN.note, b"what nobody signed")
    assert heads.read_proof(more.raw) == more
    with pytest.raises(InvalidProof):
        heads.verify_logged(SEVEN, b"eight", KEY)
    with pytest.raises(InvalidProof, match="a head of"):
        heads.verify_logged(SEVEN, b"seven", KEY, "example.com/another")
    with pytest.raises(SignatureError):
        heads.verify_logged(SEVEN, b"seven", heads.read_key(GO_KEY))


@pytest.mark.parametrize(
    ("rule", "raw"),
    [
        ("begins with", SEVEN.raw.replace(b"@v1", b"@v2")),
        ("a line with its index", SEVEN.raw.replace(b"index", b"place")),
        ("a line with its index", heads.PROOF_HEADER.encode() + b"\n\n" + head(15)),
        ("a line with its index", heads.PROOF_HEADER.encode() + b"\nextra AAAA\n\n" + head(15)),
        ("a line with its index", SEVEN.raw.replace(b"index", b"extra AAAA\nextra AAAA\nindex")),
        ("leading zero", SEVEN.raw.replace(b"index 6", b"index 06")),
        ("hashes, where 64", SEVEN.raw.replace(b"index 6\n", b"index 6\n" + (b"A" * 43 + b"=\n") * 61)),
        ("empty line", SEVEN.raw.replace(b"\n\n", b"\n")),
        ("ASCII", SEVEN.raw.replace(b"index", b"\xc3\xa9ndex")),
        ("the most", SEVEN.raw + b"a" * heads.MAX_NOTE_BYTES),
    ],
)
def test_what_is_no_proof(rule: str, raw: bytes) -> None:
    with pytest.raises(DecodeError, match=rule):
        heads.read_proof(raw)


def test_a_proof_of_the_deepest_leaf_there_can_be() -> None:
    deepest = LoggedProof(0, (bytes(32),) * heads.MAX_PATH, SEVEN.note)
    assert heads.read_proof(deepest.raw) == deepest


def test_as_many_signatures_as_there_may_be() -> None:
    many = head(1) + "\u2014 a AAAAAAA=\n".encode() * (heads.MAX_SIGNATURES - 1)
    heads.verify_note(heads.read_note(many), KEY)


@given(st.binary(max_size=200))
def test_garbage_is_refused(raw: bytes) -> None:
    for read in (heads.read_note, heads.read_proof):
        with pytest.raises(DecodeError):
            read(raw)


def test_the_parts_of_a_head_are_all_of_it() -> None:
    fields = heads.dissect(head(15))
    assert b"".join(field.raw for field in fields) == head(15)
    assert [field.name for field in fields] == ["origin", "size", "root", "empty line", "signature"]
    with pytest.raises(DecodeError):
        heads.dissect(SEVEN.raw[:40])
    with pytest.raises(DecodeError, match="three lines"):
        heads.dissect("a\n\n\u2014 a AAAAAAA=\n".encode())
    more = heads.sign_checkpoint(Checkpoint("a", 1, bytes(32), ("what", "ever")), "a", SECRET).raw
    assert b"".join(field.raw for field in heads.dissect(more)) == more
    assert [field.name for field in heads.dissect(more)][2:6] == [
        "root",
        "extension",
        "extension",
        "empty line",
    ]


@pytest.mark.parametrize("view", [bytearray, memoryview])
def test_notes_and_proofs_out_of_a_buffer(view: Callable[[bytes], bytes]) -> None:
    assert heads.read_note(view(head(15))) == heads.read_note(head(15))
    assert heads.read_proof(view(SEVEN.raw)) == SEVEN
    assert heads.dissect(view(head(15))) == heads.dissect(head(15))
    assert isinstance(heads.dissect(view(head(15)))[0].raw, bytes)


LONE = "\ud800"  # half a surrogate pair: a str that has no UTF-8


def test_text_that_has_no_utf_8_has_no_key_and_no_head() -> None:
    for lone in (LONE, "\udfff"):
        with pytest.raises(UsageError, match="UTF-8"):
            NoteKey(f"a{lone}", SECRET.public)
    with pytest.raises(DecodeError):
        heads.read_key(VERIFIER_KEY.replace("example", LONE))
    for unsignable in (Checkpoint(LONE, 1, bytes(32)), Checkpoint("a", 1, bytes(32), (LONE,))):
        with pytest.raises(UsageError):
            heads.sign_checkpoint(unsignable, "a", SECRET)
    with pytest.raises(UsageError):
        heads.sign_checkpoint(Checkpoint("a", 1, bytes(32)), LONE, SECRET)


@pytest.mark.parametrize(
    ("unsignable", "name"),
    [
        (Checkpoint("a", 10**5000, bytes(32)), "a"),
        (Checkpoint("a", -(10**5000), bytes(32)), "a"),
        (Checkpoint("a", True, bytes(32)), "a"),
        (Checkpoint("a", 1, bytes(32), ("b" * heads.MAX_NOTE_BYTES,)), "a"),
        (Checkpoint("a", 1, bytes(32)), "n" * heads.MAX_NOTE_BYTES),
    ],
)
def test_whatever_is_signed_can_be_read_again(unsignable: Checkpoint, name: str) -> None:
    with pytest.raises(UsageError):
        heads.sign_checkpoint(unsignable, name, SECRET)


@pytest.mark.parametrize(
    "raw", ["é\né\r\n".encode() + head(1), head(1)[:-1] + b"\t\n", head(1) + b"\x07\n", head(1) + b"\xff\n"]
)
def test_where_a_note_is_wrong_is_said_in_bytes(raw: bytes) -> None:
    wrong = next(at for at, byte in enumerate(raw) if byte == 0xFF or (byte < 32 and byte != 10))
    for read, before in (
        (heads.read_note, b""),
        (heads.read_proof, SEVEN.raw.partition(b"\n\n")[0] + b"\n\n"),
    ):
        with pytest.raises(DecodeError) as caught:
            read(before + raw)
        assert caught.value.offset == len(before) + wrong


def test_a_proof_has_one_spelling() -> None:
    front, _, note = SEVEN.raw.partition(b"\n\n")
    for other in (
        SEVEN.raw.replace(b"index", b"extra \nindex"),
        SEVEN.raw.replace(b"index", b"extra\nindex"),
        front + b"\nAAAA\n\n" + note,
        front + b"\n" + b"A" * 42 + b"\n\n" + note,
        SEVEN.raw.replace(b"index 6", b"index  6"),
        SEVEN.raw.replace(b"index 6", b"index 6 "),
        b"\n" + SEVEN.raw,
    ):
        with pytest.raises(DecodeError):
            heads.read_proof(other)


ORIGINALS = [
    SEVEN.raw,
    LoggedProof(SEVEN.index, SEVEN.path, SEVEN.note, b"more").raw,
    head(15),
    go_head(next(iter(GO_HEADS))),
]


@given(st.data())
def test_changed_texts_are_refused_by_name_or_read_as_they_are(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(ORIGINALS)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        end = min(len(raw), at + data.draw(st.integers(0, 3)))
        scraps = [b"", b"\n", b"\n\n", b" ", b"+", b"=", b"A", b"0", "\u2014 ".encode(), b"\xff", b"\r"]
        raw[at:end] = data.draw(st.sampled_from(scraps))
    for read in (heads.read_note, heads.read_proof):
        try:
            again = read(bytes(raw))
        except DecodeError:
            continue
        assert again.raw == raw
    with contextlib.suppress(DecodeError, SignatureError, InvalidProof):
        heads.verify_logged(heads.read_proof(bytes(raw)), b"seven", KEY)


@given(st.integers(0, 200), st.sampled_from(["", "+", "A", "=", " ", "\n", "\ud800", "é", "0", "٣"]))
def test_a_changed_key_is_no_key(at: int, scrap: str) -> None:
    at %= len(VERIFIER_KEY)
    for end in (at, at + 1):
        changed = VERIFIER_KEY[:at] + scrap + VERIFIER_KEY[end:]
        if changed == VERIFIER_KEY:
            continue
        with pytest.raises(DecodeError):
            heads.read_key(changed)


def test_a_key_for_which_anybody_could_sign() -> None:
    weak = b"\x01" + bytes([1]) + bytes(31)
    named = hashlib.sha256(b"a\n" + weak).digest()[:4].hex()
    with pytest.raises(WeakKey):
        heads.read_key(f"a+{named}+{base64.b64encode(weak).decode()}")
    with pytest.raises(DecodeError) as caught:
        heads.read_key("a+" + "0" * 10**6 + "+" + VERIFIER_KEY.rpartition("+")[2])
    assert len(str(caught.value)) < 200


def test_the_longest_note_that_is_read() -> None:
    signature = head(1)[head(1).index(b"\n\n") + 1 :]
    for size in (heads.MAX_NOTE_BYTES, heads.MAX_NOTE_BYTES + 1):
        text = b"a" * (size - len(signature) - 1) + b"\n"
        long = text + signature
        assert len(long) == size
        if size > heads.MAX_NOTE_BYTES:
            with pytest.raises(DecodeError, match="the most"):
                heads.read_note(long)
        else:
            assert heads.read_note(long).raw == long
        with pytest.raises(DecodeError, match="the most" if size > heads.MAX_NOTE_BYTES else "begins with"):
            heads.read_proof(long)


def test_sixteen_signatures_of_the_longest_kind_are_read() -> None:
    long = base64.b64encode(b"1234" + bytes(3700)).decode()  # about what a signature of ML-DSA takes
    many = head(1) + f"\u2014 a {long}\n".encode() * 15
    heads.verify_note(heads.read_note(many), KEY)
