"""Proquints against the paper's own examples, the npm module's order, and texts that are no proquints."""

from __future__ import annotations

import ipaddress
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.identity import proquint

# The paper's list, in its order.
PAPER = {
    "127.0.0.1": "lusab-babad",
    "63.84.220.193": "gutih-tugad",
    "63.118.7.35": "gutuk-bisog",
    "140.98.193.141": "mudof-sakat",
    "64.255.6.200": "haguz-biram",
    "128.30.52.45": "mabiv-gibot",
    "147.67.119.2": "natag-lisaf",
    "212.58.253.68": "tibup-zujah",
    "216.35.68.215": "tobog-higil",
    "216.68.232.21": "todah-vobij",
    "198.81.129.136": "sinid-makam",
    "12.110.110.204": "budov-kuras",
}

# The key with which the handbook's first outline showed proquints. Its words were in the mirrored dialect.
OUTLINE_KEY = bytes.fromhex("7bc0bd9bd557547b81d53196674c869c6d698164c68b0033fd4b48849ce59110")
OUTLINE_MIRRORED = (
    "bazol-rikur-lijit-rudij-jilam-kikag-satik-sipim-nojuk-hojam-rapis-gubab-rajuz-hafoh-jogun-bihan"
)
OUTLINE_PAPER = (
    "lozab-rukir-tijil-jidur-malij-gakik-kitas-mipis-kujon-majoh-sipar-babug-zujar-hofah-nugoj-nahib"
)

even_bytes = st.binary(max_size=64).filter(lambda data: len(data) % 2 == 0)
dialects = st.sampled_from(proquint.DIALECTS)


@pytest.mark.parametrize("address", PAPER)
def test_the_papers_addresses_both_ways(address: str) -> None:
    raw = ipaddress.IPv4Address(address).packed
    assert proquint.encode(raw) == PAPER[address]
    assert proquint.decode(PAPER[address]) == raw


def test_the_paper_and_its_programs_list_the_same_addresses(shared_vectors: Path) -> None:
    proposal = (shared_vectors / "proquint" / "proquint-proposal.txt").read_text()
    listed = dict(re.findall(r"(\d+\.\d+\.\d+\.\d+) +([a-z]{5}-[a-z]{5})", proposal))
    assert listed == PAPER
    script = (shared_vectors / "proquint" / "quad-examples").read_text()
    quads = re.search(r'QUADS="([\d. ]+)"', script)
    assert quads is not None
    assert set(quads[1].split()) == set(PAPER)


def test_the_expected_output_of_the_papers_programs(shared_vectors: Path) -> None:
    lines = [
        line.split() for line in (shared_vectors / "proquint" / "check_cor.txt").read_text().splitlines()
    ]
    pairs = 0
    for previous, line in pairwise(lines):
        for address, words in zip(previous, line, strict=False):
            if re.fullmatch(r"[\d.]+", address) and re.fullmatch(r"[a-z]{5}-[a-z]{5}", words):
                assert proquint.encode(ipaddress.IPv4Address(address).packed) == words
                pairs += 1
            elif re.fullmatch(r"x[0-9a-f]{8}", address) and re.fullmatch(r"[\d.]+", words):
                assert bytes.fromhex(address[1:]) == ipaddress.IPv4Address(words).packed
                pairs += 1
    assert pairs >= 5


def test_the_outlines_key_in_both_spellings() -> None:
    assert proquint.encode(OUTLINE_KEY) == OUTLINE_PAPER
    assert proquint.encode(OUTLINE_KEY, "npm-mirrored") == OUTLINE_MIRRORED
    assert proquint.decode(OUTLINE_PAPER) == OUTLINE_KEY
    assert proquint.decode(OUTLINE_MIRRORED, "npm-mirrored") == OUTLINE_KEY
    assert proquint.mirror(OUTLINE_MIRRORED) == OUTLINE_PAPER


def test_what_the_npm_module_writes() -> None:
    assert proquint.encode(bytes([127, 0, 0, 1]), "npm-mirrored") == "basul-dabab"
    assert proquint.encode(bytes([1, 2, 3, 4]), "npm-mirrored") == "fahab-hasab"
    assert proquint.decode("lusab-babad", "npm-mirrored").hex() == "03371000"


@pytest.mark.fault("F015")
def test_the_wrong_dialect_is_read_without_complaint_as_other_bytes() -> None:
    """The ambiguity is real, and this pins it down: no rule of the format could refuse either reading."""
    assert proquint.decode(OUTLINE_MIRRORED) != OUTLINE_KEY
    assert len(proquint.decode(OUTLINE_MIRRORED)) == len(OUTLINE_KEY)


def test_one_word_in_64_means_the_same_in_both_dialects() -> None:
    same = 0
    for number in range(1 << 16):
        raw = number.to_bytes(2, "big")
        word = proquint.encode(raw)
        same += proquint.encode(raw, "npm-mirrored") == word
    assert same == 1024
    assert same * 64 == 1 << 16


def test_bits_of_a_word() -> None:
    assert [(b.letter, b.bits) for b in proquint.bits("lusab")] == [
        ("l", "0111"),
        ("u", "11"),
        ("s", "1100"),
        ("a", "00"),
        ("b", "0000"),
    ]
    assert [b.shift for b in proquint.bits("lusab")] == [12, 10, 6, 4, 0]
    assert [b.shift for b in proquint.bits("basul", "npm-mirrored")] == [0, 4, 6, 10, 12]
    assert [b.letter for b in proquint.bits("basul", "npm-mirrored")] == list("basul")


@given(even_bytes, dialects)
def test_what_is_encoded_is_decoded(data: bytes, dialect: str) -> None:
    text = proquint.encode(data, dialect)
    assert proquint.decode(text, dialect) == data
    assert len(text) == max(0, 3 * len(data) - 1)


@given(even_bytes)
def test_the_dialects_are_mirrors_of_each_other(data: bytes) -> None:
    paper, mirrored = proquint.encode(data), proquint.encode(data, "npm-mirrored")
    assert proquint.mirror(paper) == mirrored
    assert proquint.mirror(mirrored) == paper


@given(st.text(alphabet="abiouz-B e", max_size=18), dialects)
def test_a_text_is_either_refused_or_the_only_spelling_of_its_bytes(text: str, dialect: str) -> None:
    try:
        data = proquint.decode(text, dialect)
    except DecodeError as error:
        offset = error.offset
    else:
        assert proquint.encode(data, dialect) == text
        return
    assert offset is not None
    assert 0 <= offset <= len(text)


@pytest.mark.fault("F015")
@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ("lesab-babad", 1, "is a vowel, one of aiou, not 'e'"),
        ("lusab-babax", 10, "is a consonant, one of bdfghjklmnprstvz, not 'x'"),
        ("Lusab-babad", 0, "lower case"),
        ("lUsab-babad", 1, "lower case"),
        ("lusab babad", 5, "joined by '-', not by ' '"),
        ("lusab–babad", 5, "joined by '-', not by '–'"),
        ("lusabbabad", 5, "would be a sixth"),
        ("lusa-babad", 4, "before the fifth letter"),
        ("lusab--babad", 6, "before the fifth letter"),
        ("-lusab", 0, "before the fifth letter"),
        ("lusab-", 6, "cut short"),
        ("lusab-bab", 9, "cut short"),
        ("lusab-babad\n", 11, "joined by '-', not by '\\n'"),
        ("0q-lusab-babad", 0, "prefix '0q-'"),
        ("pro-lusab-babad", 0, "prefix 'pro-'"),
        ("luѕab", 2, "is a consonant"),  # a Cyrillic dze that looks like an s
        ("lusa\u212a", 4, "is a consonant"),  # the Kelvin sign, whose lower case is k
    ],
)
def test_what_is_no_proquint(text: str, offset: int, says: str) -> None:
    for dialect in proquint.DIALECTS:
        with pytest.raises(DecodeError, match=re.escape(says)) as caught:
            proquint.decode(text, dialect)
        assert caught.value.offset == offset


@pytest.mark.fault("F015")
def test_bytes_come_in_pairs() -> None:
    with pytest.raises(UsageError, match="3 bytes is an odd number"):
        proquint.encode(b"abc")


def test_nothing_is_nothing() -> None:
    assert proquint.encode(b"") == ""
    assert proquint.decode("") == b""
    assert proquint.mirror("") == ""


@pytest.mark.parametrize("word", ["", "lusab-babad"])
def test_bits_takes_one_word(word: str) -> None:
    with pytest.raises(DecodeError, match="one word"):
        proquint.bits(word)


def test_a_dialect_is_named_exactly() -> None:
    with pytest.raises(UsageError, match="no proquint dialect 'npm'"):
        proquint.encode(b"ab", "npm")
    with pytest.raises(UsageError, match="paper and npm-mirrored"):
        proquint.decode("lusab", "Paper")
