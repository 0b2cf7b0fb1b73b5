"""Mnemonics against BIP 39's published vectors, and sentences that people get wrong."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, LocalError, UsageError
from p2plib.identity import mnemonic
from p2plib.identity.keys import SecretKey
from tests.identity.reports import library_locals

# From the list in BIP 39's reference implementation; the passphrase of every seed is TREZOR.
PUBLISHED = [
    (
        "00" * 16,
        "abandon " * 11 + "about",
        "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141"
        "630c7a3c4ab7c81b2f001698e7463b04",
    ),
    (
        "7f" * 16,
        "legal winner thank year wave sausage worth useful legal winner thank yellow",
        "2e8905819b8723fe2c1d161860e5ee1830318dbf49a83bd451cfb8440c28bd6fa457fe1296106559a3c80937a1c1069b"
        "e3a3a5bd381ee6260e8d9739fce1f607",
    ),
    (
        "80" * 16,
        "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
        "d71de856f81a8acc65e6fc851a38d4d7ec216fd0796d0a6827a3ad6ed5511a30fa280f12eb2e47ed2ac03b5c462a0358"
        "d18d69fe4f985ec81778c1b370b652a8",
    ),
]
TWELVE = PUBLISHED[1][1]
ZERO_24 = "abandon " * 23 + "art"

sizes = st.sampled_from(mnemonic.ENTROPY_SIZES_BYTES)
entropies = sizes.flatmap(lambda size: st.binary(min_size=size, max_size=size))


@pytest.mark.parametrize(("entropy", "sentence", "seed"), PUBLISHED)
def test_published_sentences(entropy: str, sentence: str, seed: str) -> None:
    assert mnemonic.encode(bytes.fromhex(entropy)) == sentence
    assert mnemonic.decode(sentence).hex() == entropy
    assert mnemonic.seed(sentence, "TREZOR").hex() == seed


def test_all_english_vectors(shared_vectors: Path) -> None:
    vectors = json.loads((shared_vectors / "bip39" / "vectors.json").read_text())["english"]
    assert len(vectors) == 24
    for entropy, sentence, seed, _ in vectors:
        assert mnemonic.encode(bytes.fromhex(entropy)) == sentence
        assert mnemonic.decode(sentence).hex() == entropy
        assert mnemonic.seed(sentence, "TREZOR").hex() == seed


def test_the_seeds_of_all_twelve_languages(shared_vectors: Path) -> None:
    languages = json.loads((shared_vectors / "bip39" / "vectors.json").read_text())
    cases = [case for vectors in languages.values() for case in vectors]
    assert len(cases) == 288
    for _, sentence, seed, _ in cases:
        assert mnemonic.stretch(sentence, "TREZOR").hex() == seed


def test_the_list_is_the_published_one(shared_vectors: Path) -> None:
    listed = shared_vectors / "bip39" / "src" / "mnemonic" / "wordlist" / "english.txt"
    assert tuple(listed.read_text().split()) == mnemonic.words_in_list()


def test_the_list_has_what_the_bip_says_of_it() -> None:
    words = mnemonic.words_in_list()
    assert len(words) == 2048
    assert list(words) == sorted(words)
    assert len({word[:4] for word in words}) == 2048


@given(entropies)
def test_what_is_encoded_is_decoded(entropy: bytes) -> None:
    sentence = mnemonic.encode(entropy)
    assert len(sentence.split()) == len(entropy) * 3 // 4
    assert mnemonic.decode(sentence) == entropy


@given(st.lists(st.sampled_from(mnemonic.words_in_list()), min_size=12, max_size=12))
def test_a_sentence_is_refused_or_the_only_one_for_its_entropy(words: list[str]) -> None:
    sentence = " ".join(words)
    try:
        entropy = mnemonic.decode(sentence)
    except DecodeError:
        return
    assert mnemonic.encode(entropy) == sentence


@pytest.mark.fault("F010")
def test_how_often_the_checksum_catches_a_wrong_word() -> None:
    """One place of a 24-word sentence, all 2,047 other words: about one in 256 gets by."""
    words = ZERO_24.split()
    accepted = 0
    for other in mnemonic.words_in_list():
        try:
            mnemonic.decode(" ".join([*words[:5], other, *words[6:]]))
        except DecodeError as error:
            assert "checksum" in error.rule  # noqa: PT017 - most of two thousand are errors
        else:
            accepted += 1
    assert 1 <= accepted <= 24  # 8 are expected


@pytest.mark.fault("F010")
def test_the_last_word_of_twelve_zeros_must_be_about() -> None:
    with pytest.raises(DecodeError, match="checksum does not fit"):
        mnemonic.decode("abandon " * 12)


@pytest.mark.fault("F010")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TWELVE.replace("winner", "winer", 1), "word 2, 'winer', is not in the list; did you mean wine or "),
        (TWELVE.replace("year", "yearly"), "word 4, 'yearly', is not in the list; did you mean year"),
        (TWELVE.replace("sausage", "saus"), "did you mean sausage"),
        (TWELVE.replace("useful", "xqzzkj"), "word 8, 'xqzzkj', is not in the list"),
        (
            TWELVE.replace("legal", "lеgal", 1),
            r"word 1, 'l\u0435gal', is not in the list; did you mean legal",
        ),
        (TWELVE.replace("legal", "le\u200bgal", 1), r"word 1, 'le\u200bgal'"),
        (TWELVE.replace(" ", "-"), "not 1"),
        (TWELVE + " yellow", "not 13"),
        ("", "not 0"),
        ("abandon " * 200, "at most 1024 characters"),
    ],
)
def test_what_is_no_mnemonic(text: str, says: str) -> None:
    with pytest.raises(DecodeError, match=re.escape(says)):
        mnemonic.decode(text)


@pytest.mark.fault("F010")
@pytest.mark.parametrize(
    "text",
    [
        TWELVE.upper(),
        TWELVE.title(),
        "  " + TWELVE.replace(" ", "\r\n\t") + "\n",
        TWELVE.replace(" ", "\u3000"),  # an ideographic space
        TWELVE.replace(" ", "\u00a0"),  # a no-break space
        "".join(chr(ord(c) + 0xFEE0) if c != " " else c for c in TWELVE),  # full-width letters
    ],
)
def test_what_changes_no_word_is_forgiven(text: str) -> None:
    assert mnemonic.decode(text) == bytes.fromhex("7f" * 16)
    assert mnemonic.seed(text, "TREZOR").hex() == PUBLISHED[1][2]


@pytest.mark.fault("F010")
@given(st.text(min_size=1, max_size=20).filter(lambda text: not re.search("[\ud800-\udfff]", text)))
def test_every_unicode_form_of_a_passphrase_gives_one_seed(passphrase: str) -> None:
    forms = {unicodedata.normalize(form, passphrase) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert len({mnemonic.stretch("legal winner", form) for form in forms}) == 1


def test_a_key_comes_back_from_paper() -> None:
    secret = SecretKey.from_seed(hashlib.sha256(b"alice").digest())
    phrase = mnemonic.recovery_phrase(secret)
    assert len(phrase.split()) == 24
    assert mnemonic.from_recovery_phrase(phrase).public == secret.public
    assert mnemonic.recovery_phrase(SecretKey.from_seed(bytes(32))) == ZERO_24


def test_a_recovery_phrase_has_24_words() -> None:
    with pytest.raises(DecodeError, match="has 24 words; this is a mnemonic of 12"):
        mnemonic.from_recovery_phrase(TWELVE)


@pytest.mark.parametrize("size_bytes", [0, 15, 17, 31, 33])
def test_entropy_of_other_sizes(size_bytes: int) -> None:
    with pytest.raises(UsageError, match=f"not {size_bytes}"):
        mnemonic.encode(bytes(size_bytes))


@pytest.fixture
def forgotten_list() -> Iterator[None]:
    """The list is kept after its first use; these tests need that first use, before and after."""
    mnemonic.words_in_list.cache_clear()
    yield
    mnemonic.words_in_list.cache_clear()


@pytest.mark.usefixtures("forgotten_list")
def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(package: str) -> None:
        raise ModuleNotFoundError(package)

    monkeypatch.setattr(importlib.resources, "files", absent)
    with pytest.raises(LocalError, match=r"pip install 'p2plib\[recovery\]'"):
        mnemonic.encode(bytes(16))


@pytest.mark.usefixtures("forgotten_list")
def test_another_list_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    changed = " ".join(mnemonic.words_in_list()).replace("zoo", "zoology")
    mnemonic.words_in_list.cache_clear()
    (tmp_path / "wordlist").mkdir()
    (tmp_path / "wordlist" / "english.txt").write_text(changed)
    monkeypatch.setattr(importlib.resources, "files", lambda package: tmp_path)
    with pytest.raises(LocalError, match="not the one that BIP 39 publishes"):
        mnemonic.encode(bytes(16))


@pytest.mark.parametrize("passphrase", ["\ud800", "secret\udfff"])
def test_half_a_surrogate_pair_is_no_passphrase(passphrase: str) -> None:
    sentence = mnemonic.encode(bytes(16))
    for call in (mnemonic.seed, mnemonic.stretch):
        with pytest.raises(UsageError, match="half a surrogate pair") as caught:
            call(sentence, passphrase)
        assert "secret" not in library_locals(caught.value)
        assert "abandon" not in library_locals(caught.value)
    with pytest.raises(UsageError, match="half a surrogate pair"):
        mnemonic.stretch("\ud800")


@pytest.mark.fault("F011")
def test_no_error_shows_the_other_words() -> None:
    """An unknown word is shown, on purpose; the words around it are the key."""
    words = mnemonic.recovery_phrase(SecretKey.from_seed(hashlib.sha256(b"alice").digest())).split()
    texts = {
        "is not in the list": " ".join([*words[:-1], "qqqq"]),
        "24 words, not 25": " ".join([*words, "zoo"]),
        "the checksum": " ".join([words[1], words[0], *words[2:]]),
        "at most 1024": " ".join(words * 20),
        "a mnemonic of 12": mnemonic.encode(b"sixteen letters!"),
    }
    for says, text in texts.items():
        for call in (mnemonic.decode, mnemonic.seed, mnemonic.from_recovery_phrase):
            if says == "a mnemonic of 12" and call != mnemonic.from_recovery_phrase:
                continue
            with pytest.raises(DecodeError, match=says) as caught:
                call(text)
            assert text[:20] not in library_locals(caught.value)
            assert repr(words[0]) not in library_locals(caught.value)
            assert "sixteen" not in library_locals(caught.value)


@pytest.mark.fault("F011")
@pytest.mark.usefixtures("forgotten_list")
def test_without_the_extra_no_error_shows_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = SecretKey.from_seed(hashlib.sha256(b"alice").digest())
    phrase = mnemonic.recovery_phrase(secret)
    mnemonic.words_in_list.cache_clear()
    mnemonic._numbers.cache_clear()

    def absent(package: str) -> None:
        raise ModuleNotFoundError(package)

    monkeypatch.setattr(importlib.resources, "files", absent)
    with pytest.raises(LocalError, match="not installed") as caught:
        mnemonic.recovery_phrase(secret)
    assert repr(secret.expose_seed()) not in library_locals(caught.value)
    with pytest.raises(LocalError, match="not installed") as caught:
        mnemonic.from_recovery_phrase(phrase)
    assert phrase[:20] not in library_locals(caught.value)
