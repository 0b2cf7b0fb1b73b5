"""Multibase: the registry's own examples, a judge for the alphabets that Python has, and faults."""

from __future__ import annotations

import base64
import csv
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import multibase

NAMES = [base.name for base in multibase.BASES]
NOT_OURS = {"base256emoji", "proquint", "none"}

# The specification's example, "yes mani !", in every base; and the Bitcoin project's check values for base58.
YES_MANI = {
    "base2": "001111001011001010111001100100000011011010110000101101110011010010010000000100001",
    "base8": "7362625631006654133464440102",
    "base10": "9573277761329450583662625",
    "base16": "f796573206d616e692021",
    "base16upper": "F796573206D616E692021",
    "base32": "bpfsxgidnmfxgsibb",
    "base32upper": "BPFSXGIDNMFXGSIBB",
    "base32hex": "vf5in683dc5n6i811",
    "base32hexupper": "VF5IN683DC5N6I811",
    "base32pad": "cpfsxgidnmfxgsibb",
    "base32padupper": "CPFSXGIDNMFXGSIBB",
    "base32hexpad": "tf5in683dc5n6i811",
    "base32hexpadupper": "TF5IN683DC5N6I811",
    "base32z": "hxf1zgedpcfzg1ebb",
    "base36": "k2lcpzo5yikidynfl",
    "base36upper": "K2LCPZO5YIKIDYNFL",
    "base58flickr": "Z7Pznk19XTTzBtx",
    "base58btc": "z7paNL19xttacUY",
    "base64": "meWVzIG1hbmkgIQ",
    "base64pad": "MeWVzIG1hbmkgIQ==",
    "base64url": "ueWVzIG1hbmkgIQ",
    "base64urlpad": "UeWVzIG1hbmkgIQ==",
}
BASE58 = {
    "": "",
    "61": "2g",
    "626262": "a3gV",
    "516b6fcd0f": "ABnLTmg",
    "572e4794": "3EFU7m",
    "10c8511e": "Rt5zm",
    "00000000000000000000": "1111111111",
}
# RFC 9285, section 4.3.
BASE45 = {b"AB": "BB8", b"Hello!!": "%69 VD92EX0", b"base-45": "UJCLQE7W581", b"ietf!": "QED8WEX0"}


@pytest.mark.parametrize(("base", "text"), YES_MANI.items())
def test_published_example(base: str, text: str) -> None:
    assert multibase.encode(base, b"yes mani !") == text
    assert multibase.decode(text) == (base, b"yes mani !")


@pytest.mark.parametrize(("raw", "text"), BASE58.items())
def test_base58_without_a_prefix(raw: str, text: str) -> None:
    assert multibase.base58btc_encode(bytes.fromhex(raw)) == text
    assert multibase.base58btc_decode(text).hex() == raw


@pytest.mark.parametrize(("data", "text"), BASE45.items())
def test_rfc_9285(data: bytes, text: str) -> None:
    assert multibase.encode("base45", data) == "R" + text
    assert multibase.decode("R" + text) == ("base45", data)


def _rows(path: Path) -> list[tuple[str, str]]:
    rows = list(csv.reader(path.read_text().splitlines(), skipinitialspace=True))
    return [(row[0], row[1]) for row in rows]


@pytest.mark.parametrize("name", ["basic", "leading_zero", "two_leading_zeros", "case_insensitivity"])
def test_the_registrys_files(shared_vectors: Path, name: str) -> None:
    (kind, data), *rows = _rows(shared_vectors / "multibase" / "tests" / f"{name}.csv")
    wanted = data.replace("\\x00", "\0").encode()
    rows = [(base, text) for base, text in rows if base not in NOT_OURS]
    assert len(rows) == {"basic": 22, "case_insensitivity": 12}.get(name, 22)
    for base, text in rows:
        assert multibase.decode(text) == (base, wanted)
        if kind == "encoding":
            assert multibase.encode(base, wanted) == text


def test_the_table_is_the_registrys(shared_vectors: Path) -> None:
    lines = (shared_vectors / "multibase" / "multibase.csv").read_text().splitlines()[1:]
    columns = [[cell.strip() for cell in line.split(",")] for line in lines]
    theirs = {row[2]: row[1] for row in columns if row[2] not in NOT_OURS}
    assert theirs == {base.name: base.prefix for base in multibase.BASES}


def _padded(text: str, group: int) -> str:
    return text + "=" * (-len(text) % group)


# Python's own codecs as independent judges.
JUDGES: dict[str, Callable[[bytes], str]] = {
    "base2": lambda data: "".join(f"{byte:08b}" for byte in data),
    "base16": bytes.hex,
    "base32pad": lambda data: base64.b32encode(data).decode().lower(),
    "base32hexpadupper": lambda data: base64.b32hexencode(data).decode(),
    "base64pad": lambda data: base64.b64encode(data).decode(),
    "base64url": lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
}


@given(st.sampled_from(sorted(JUDGES)), st.binary(max_size=70))
def test_against_pythons_codecs(base: str, data: bytes) -> None:
    assert multibase.encode(base, data)[1:] == JUDGES[base](data)


@given(st.sampled_from(NAMES), st.binary(max_size=70))
def test_round_trip(base: str, data: bytes) -> None:
    assert multibase.decode(multibase.encode(base, data)) == (base, data)


ALPHABETS = sorted({base.alphabet for base in multibase.BASES})


@given(st.sampled_from(multibase.BASES), st.data())
def test_one_text_for_the_same_bytes(base: multibase.Base, data: st.DataObject) -> None:
    """Whatever is accepted is what `encode` writes, up to the case of letters where the registry says so."""
    text = base.prefix + data.draw(st.text(base.alphabet + "=", max_size=24))
    try:
        name, raw = multibase.decode(text)
    except DecodeError:
        return
    again = multibase.encode(name, raw)
    assert again == text or (base.any_case and again.lower() == text.lower())


@pytest.mark.fault("F028")
@pytest.mark.parametrize(
    ("text", "rule", "offset"),
    [
        ("", "empty", 0),
        ("1abc", "'1' is not a multibase prefix", 0),
        ("\0abc", "not a multibase prefix", 0),
        ("Q\u00e9", "not a multibase prefix", 0),
        ("pbabab", "not a multibase prefix", 0),
        ("\N{ROCKET}\N{ROCKET}", "not a multibase prefix", 0),
        ("z7paNL19xttacU0", "'0' is not a letter of base58btc", 14),
        ("zI", "'I' is not a letter", 1),
        ("f0g", "'g' is not a letter of base16", 2),
        ("f0", "no whole number of bytes", 2),
        ("b1", "'1' is not a letter", 1),
        ("ba", "no whole number of bytes", 2),
        ("bab", "left over", 2),
        ("bpfsxgidnmfxgsibb=", "is not a letter", 17),
        ("MeWVzIG1hbmkgIQ", "wants 2 '='", 15),
        ("MeWVzIG1hbmkgIQ===", "wants 2 '='", 15),
        ("MeW=VzIG1", "is not a letter of base64pad|wants", None),
        ("MeWVzIG1hbmkgIR==", "left over", 14),
        ("u+/", "'[+]' is not a letter of base64url", 1),
        ("m-_", "'-' is not a letter of base64", 1),
        ("0111100", "no whole number of bytes", 7),
        ("R:", "single letter", 1),
        ("R:::", "too large for 2 bytes", 1),
        ("R::", "too large for 1 bytes", 1),
        ("Rbb8", "'b' is not a letter of base45", 1),
    ],
)
def test_malformed(text: str, rule: str, offset: int | None) -> None:
    with pytest.raises(DecodeError, match=rule) as caught:
        multibase.decode(text)
    if offset is not None:
        assert caught.value.offset == offset


@pytest.mark.fault("F023")
def test_a_million_digits_are_refused_at_once() -> None:
    start = time.process_time()
    with pytest.raises(DecodeError, match="more than 4096"):
        multibase.decode("9" * 1_000_001)
    with pytest.raises(DecodeError, match="more than 4096"):
        multibase.base58btc_decode("z" * 1_000_000)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("base", ["base10", "base36", "base58btc"])
def test_the_longest_data_of_number_bases(base: str) -> None:
    data = b"\xff" * multibase.MAX_NUMBER_BYTES
    assert multibase.decode(multibase.encode(base, data)) == (base, data)
    with pytest.raises(UsageError, match="at most 1024"):
        multibase.encode(base, data + b"\0")


def test_unknown_base() -> None:
    with pytest.raises(UsageError, match="base59"):
        multibase.encode("base59", b"")


@pytest.mark.parametrize("base", ["base10", "base36", "base58btc", "base58flickr"])
def test_what_is_read_can_be_written_again(base: str) -> None:
    """In these bases the letters for zero are one byte each, so few letters can be many bytes."""
    row = next(row for row in multibase.BASES if row.name == base)
    most = row.prefix + row.alphabet[0] * multibase.MAX_NUMBER_BYTES
    assert multibase.encode(*multibase.decode(most)) == most
    with pytest.raises(DecodeError, match="1024 is the most"):
        multibase.decode(most + row.alphabet[0])


def test_the_first_character_too_many_is_named() -> None:
    most = multibase.MAX_NUMBER_CHARACTERS
    for text, decode in (
        ("z" + "2" * (most + 1), multibase.decode),
        ("2" * (most + 1), multibase.base58btc_decode),
    ):
        with pytest.raises(DecodeError, match="more than 4096 characters") as caught:
            decode(text)
        assert caught.value.offset == len(text) - 1
