"""Scuttlebutt's JSON: ECMAScript's corner cases, the parsing suite's 318 files, and all that is bounded."""

from __future__ import annotations

import json
import math
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import canonical_json
from p2plib.wire.canonical_json import Value, encode, latin1_of_utf16, length_utf16, number_text, parse

# Numbers as IEEE 754 bits and as ECMAScript writes them: RFC 8785, appendix B, and its authors' sample lines.
NUMBERS = {
    0x0000000000000000: "0",
    0x8000000000000000: "0",
    0x0000000000000001: "5e-324",
    0x8000000000000001: "-5e-324",
    0x7FEFFFFFFFFFFFFF: "1.7976931348623157e+308",
    0xFFEFFFFFFFFFFFFF: "-1.7976931348623157e+308",
    0x4340000000000000: "9007199254740992",
    0xC340000000000000: "-9007199254740992",
    0x4430000000000000: "295147905179352830000",
    0x44B52D02C7E14AF5: "9.999999999999997e+22",
    0x44B52D02C7E14AF6: "1e+23",
    0x44B52D02C7E14AF7: "1.0000000000000001e+23",
    0x444B1AE4D6E2EF4E: "999999999999999700000",
    0x444B1AE4D6E2EF4F: "999999999999999900000",
    0x444B1AE4D6E2EF50: "1e+21",
    0x3EB0C6F7A0B5ED8C: "9.999999999999997e-7",
    0x3EB0C6F7A0B5ED8D: "0.000001",
    0x41B3DE4355555553: "333333333.3333332",
    0x41B3DE4355555554: "333333333.33333325",
    0x41B3DE4355555555: "333333333.3333333",
    0x41B3DE4355555556: "333333333.3333334",
    0x41B3DE4355555557: "333333333.33333343",
    0xBECBF647612F3696: "-0.0000033333333333333333",
    0x43143FF3C1CB0959: "1424953923781206.2",
    0x4340000000000001: "9007199254740994",
    0x4340000000000002: "9007199254740996",
}


@pytest.mark.parametrize(("bits", "text"), NUMBERS.items())
def test_published_numbers(bits: int, text: str) -> None:
    number = struct.unpack(">d", bits.to_bytes(8, "big"))[0]
    assert number_text(number) == text
    assert parse(text) == number


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1.0", "1"),
        ("-0", "0"),
        ("-0.0e5", "0"),
        ("1E2", "100"),
        ("1e20", "100000000000000000000"),
        ("1e21", "1e+21"),
        ("123456789012345678901234567890", "1.2345678901234568e+29"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("1.5e-7", "1.5e-7"),
        ("9007199254740993", "9007199254740992"),
        ("1e-400", "0"),
        ("0.1", "0.1"),
        ("123.456", "123.456"),
    ],
)
def test_numbers_are_read_and_written_as_doubles(text: str, canonical: str) -> None:
    assert encode(parse(text)) == canonical


# What Node 20 prints for JSON.stringify(JSON.parse(text), null, 2).
TEXTS = {
    "{}": "{}",
    "[]": "[]",
    "[[],{}]": "[\n  [],\n  {}\n]",
    '{"b":1,"a":[1,2]}': '{\n  "b": 1,\n  "a": [\n    1,\n    2\n  ]\n}',
    '{"b":0,"2":0,"10":0,"1":0,"a":0}': '{\n  "1": 0,\n  "2": 0,\n  "10": 0,\n  "b": 0,\n  "a": 0\n}',
    '{"01":0,"1":0,"-1":0,"1.0":0}': '{\n  "1": 0,\n  "01": 0,\n  "-1": 0,\n  "1.0": 0\n}',
    '{"a":0,"4294967295":0,"4294967294":0}': '{\n  "4294967294": 0,\n  "a": 0,\n  "4294967295": 0\n}',
    '{"a":1,"b":2,"a":3}': '{\n  "a": 3,\n  "b": 2\n}',
    r'"\/\u0041\u000b\u001f\u007f\u2028"': '"/A\\u000b\\u001f\x7f\u2028"',
    r'"\b\f\n\r\t\"\\"': r'"\b\f\n\r\t\"\\"',
    r'"\ud83d\ude80"': '"\N{ROCKET}"',
    r'"\uDEAD"': r'"\udead"',
    r'"\ud800\ud83d\ude80"': '"\\ud800\N{ROCKET}"',
    r'"\ude80\ud83d"': r'"\ude80\ud83d"',
    "true": "true",
    " null\n": "null",
}


@pytest.mark.parametrize(("text", "canonical"), TEXTS.items())
def test_texts(text: str, canonical: str) -> None:
    assert encode(parse(text)) == canonical
    assert encode(parse(canonical)) == canonical


def test_digits_of_other_scripts_are_no_indices() -> None:
    assert encode({"\u0661": 0, "1": 0}) == '{\n  "1": 0,\n  "\u0661": 0\n}'
    assert encode({"1\n": 0, "1": 0}) == '{\n  "1": 0,\n  "1\\n": 0\n}'


def test_the_example_of_the_protocol_guide_in_shape() -> None:
    message = {
        "previous": None,
        "author": "@\u00e9",
        "sequence": 1,
        "content": {"type": "test", "text": "a\nb"},
    }
    assert encode(message) == (
        '{\n  "previous": null,\n  "author": "@\u00e9",\n  "sequence": 1,\n  "content": {\n'
        '    "type": "test",\n    "text": "a\\nb"\n  }\n}'
    )


def test_utf16_units() -> None:
    assert length_utf16("a\u00e9\N{ROCKET}") == 4
    # low bytes: 61, e9, and of d83d de80 the 3d and 80; latin-1 itself has no rocket at all
    assert latin1_of_utf16("a\u00e9\N{ROCKET}") == bytes.fromhex("61e93d80")
    assert latin1_of_utf16("\u2028\ud800") == bytes.fromhex("2800")
    assert length_utf16("\ud800") == 1


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(), max_size=20),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_pythons_reader_agrees(value: Value) -> None:
    text = encode(value)
    assert _as_doubles(json.loads(text)) == _as_doubles(value)
    assert parse(text) == value
    assert encode(parse(text)) == text


@given(VALUES)
def test_pythons_writer_is_read(value: Value) -> None:
    assert parse(json.dumps(value)) == value
    text = json.dumps(value, ensure_ascii=False)
    if any("\ud800" <= character <= "\udfff" for character in text):
        with pytest.raises(
            DecodeError, match="must be escaped"
        ):  # half a pair has no UTF-8: only its escape is read
            parse(text)
    else:
        assert parse(text) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back(number: float) -> None:
    text = number_text(number)
    assert float(text) == number
    digits = text.lstrip("-").partition("e")[0].replace(".", "").strip("0")
    assert len(digits) <= 17


@given(st.text("[]{},:\"\\u0123456789abcdef-+.eE \ttrufalsn'/*", max_size=16))
def test_python_and_we_take_the_same_texts(text: str) -> None:
    try:
        theirs = json.loads(text, parse_constant=lambda word: pytest.fail("unreachable"))
    except ValueError:
        with pytest.raises(DecodeError):
            parse(text)
        return
    if "1e400" in text or _has_infinity(theirs):
        with pytest.raises(DecodeError):
            parse(text)
    else:
        assert parse(text) == _as_doubles(theirs)


def _has_infinity(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_has_infinity, value.values()))
    if isinstance(value, list):
        return any(map(_has_infinity, value))
    return isinstance(value, float) and math.isinf(value)


def _as_doubles(value: object) -> object:
    if isinstance(value, dict):
        return {key: _as_doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_doubles(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


# The parsing suite. Its files that a parser may take or leave, and what this one does with each.
EITHER_READ = {
    "i_number_double_huge_neg_exp": "0",
    "i_number_real_underflow": "0",
    "i_number_too_big_neg_int": "-1.2312312312312312e+29",
    "i_number_too_big_pos_int": "100000000000000000000",
    "i_number_very_big_negative_int": "-2.374623746732769e+47",
    "i_object_key_lone_2nd_surrogate": r"\udfaa",
    "i_string_1st_surrogate_but_2nd_missing": r"\udada",
    "i_string_1st_valid_surrogate_2nd_invalid": "\\ud888\u1234",
    "i_string_incomplete_surrogate_and_escape_valid": r"\ud800\n",
    "i_string_incomplete_surrogate_pair": r"\udd1ea",
    "i_string_incomplete_surrogates_escape_valid": r"\ud800\ud800\n",
    "i_string_invalid_lonely_surrogate": r"\ud800",
    "i_string_invalid_surrogate": r"\ud800abc",
    "i_string_inverted_surrogates_U+1D11E": r"\udd1e\ud834",
    "i_string_lone_second_surrogate": r"\udfaa",
}
EITHER_REFUSED = {
    "i_number_huge_exp": "too large for a double",
    "i_number_neg_int_huge_exp": "too large for a double",
    "i_number_pos_double_huge_exp": "too large for a double",
    "i_number_real_neg_overflow": "too large for a double",
    "i_number_real_pos_overflow": "too large for a double",
    "i_string_UTF-16LE_with_BOM": "UTF-8",
    "i_string_UTF-8_invalid_sequence": "UTF-8",
    "i_string_UTF8_surrogate_U+D800": "UTF-8",
    "i_string_invalid_utf-8": "UTF-8",
    "i_string_iso_latin_1": "UTF-8",
    "i_string_lone_utf8_continuation_byte": "UTF-8",
    "i_string_not_in_unicode_range": "UTF-8",
    "i_string_overlong_sequence_2_bytes": "UTF-8",
    "i_string_overlong_sequence_6_bytes": "UTF-8",
    "i_string_overlong_sequence_6_bytes_null": "UTF-8",
    "i_string_truncated-utf-8": "UTF-8",
    "i_string_utf16BE_no_BOM": "UTF-8|value expected",
    "i_string_utf16LE_no_BOM": "UTF-8|value expected",
    "i_structure_500_nested_arrays": "nested deeper than 128",
    "i_structure_UTF-8_BOM_empty_object": "value expected",
}


def _suite(shared_vectors: Path, kind: str) -> list[Path]:
    return sorted((shared_vectors / "json-suite" / "test_parsing").glob(f"{kind}_*.json"))


@pytest.mark.fault("F026")
def test_suite_must_reject(shared_vectors: Path) -> None:
    files = _suite(shared_vectors, "n")
    assert len(files) == 188
    taken = []
    for path in files:
        try:
            parse(path.read_bytes())
        except DecodeError:
            continue
        taken.append(path.stem)
    assert taken == []


@pytest.mark.fault("F026")
def test_suite_must_accept(shared_vectors: Path) -> None:
    files = _suite(shared_vectors, "y")
    assert len(files) == 95
    for path in files:
        assert parse(path.read_bytes()) == _as_doubles(json.loads(path.read_bytes())), path.stem


@pytest.mark.fault("F026")
def test_suite_either(shared_vectors: Path) -> None:
    files = _suite(shared_vectors, "i")
    assert len(files) == 35
    assert {path.stem for path in files} == EITHER_READ.keys() | EITHER_REFUSED.keys()
    for path in files:
        if path.stem in EITHER_READ:
            assert EITHER_READ[path.stem] in encode(parse(path.read_bytes())), path.stem
        else:
            with pytest.raises(DecodeError, match=EITHER_REFUSED[path.stem]):
                parse(path.read_bytes())


def test_suite_transform(shared_vectors: Path) -> None:
    """Files whose reading RFC 8259 leaves open: each is refused, or gives a value that comes back."""
    for path in sorted((shared_vectors / "json-suite" / "test_transform").glob("*.json")):
        try:
            value = parse(path.read_bytes())
        except DecodeError:
            continue
        assert parse(encode(value)) == value


def test_jcs_files_hold_the_same_numbers_and_strings(shared_vectors: Path) -> None:
    """RFC 8785 sorts keys and leaves out white space, we do not; values and their spelling are the same."""
    files = sorted((shared_vectors / "jcs" / "input").glob("*.json"))
    assert len(files) == 6
    for path in files:
        wanted = (shared_vectors / "jcs" / "output" / path.name).read_text(encoding="utf-8")
        value = parse(path.read_bytes())
        assert parse(wanted) == value
        lines = [line.strip().rstrip(",") for line in encode(value).split("\n")]
        for scalar in (line.split(": ", 1)[-1] for line in lines if line.strip("[]{}")):
            assert scalar.strip("[]{}") in wanted


@pytest.mark.fault("F022")
@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_deep_nesting_is_an_error_of_ours(opening: str) -> None:
    with pytest.raises(DecodeError, match="nested deeper than 128"):
        parse(opening * 100_000)


@pytest.mark.fault("F022")
def test_the_deepest_nesting_works_both_ways() -> None:
    text = "[" * 128 + "]" * 128
    value = parse(text)
    assert encode(value).replace("\n", "").replace(" ", "") == text
    with pytest.raises(UsageError, match="nested deeper"):
        encode([[value]])
    loop: list[Value] = []
    loop.append(loop)
    with pytest.raises(UsageError, match="within itself"):
        encode(loop)


def test_scuttlebutt_messages_cannot_be_as_deep_as_the_limit() -> None:
    """The claim in the module: the limit refuses nothing that fits into 8192 units."""
    depth = 1
    while length_utf16(encode(parse("[" * depth + "]" * depth))) <= 8192:
        depth += 1
    assert depth < canonical_json.MAX_DEPTH


@pytest.mark.fault("F023")
@pytest.mark.parametrize("text", ["1" * 1_000_000, "0." + "1" * 1_000_000, "1e" + "9" * 1_000_000])
def test_million_digit_numbers_are_refused_at_once(text: str) -> None:
    start = time.process_time()
    with pytest.raises(DecodeError, match="more than 1024 characters"):
        parse(text)
    assert time.process_time() - start < 5


@pytest.mark.fault("F021")
def test_long_texts_are_refused_before_they_are_read() -> None:
    parse('"' + "a" * 98 + '"', max_characters=100)
    with pytest.raises(DecodeError, match="longer than 100"):
        parse('"' + "a" * 99 + '"', max_characters=100)
    with pytest.raises(DecodeError, match="longer than 1048576"):
        parse(b"[" * 2_000_000)


@pytest.mark.fault("F027")
def test_invalid_utf8_has_its_offset() -> None:
    with pytest.raises(DecodeError, match="UTF-8") as caught:
        parse(b'{"a": "\xff"}')
    assert caught.value.offset == 7


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("", 0),
        ("[1,]", 3),
        ('{"a" 1}', 5),
        ('{"a":1,}', 7),
        ("[1 2]", 3),
        ("tru", 0),
        ("1 2", 2),
        ('"\\x"', 1),
        ('"\\u12g4"', 1),
        ('"a\nb"', 2),
        ('"\\', 1),
        ('"abc', 4),
        ("01", 1),
        ("1.", 1),
        ("-", 0),
        ("\u0661", 0),
        ('"\ud800"', 1),
        ("\ufeff1", 0),
    ],
)
def test_offsets_of_errors(text: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        parse(text)
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, 2**53, -(2**53), b"bytes", {1: 2}, {"a": {1, 2}}, object()],
)
def test_values_that_json_cannot_write(value: object) -> None:
    with pytest.raises(UsageError):
        encode(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [list, dict])
def test_what_is_written_is_not_too_deep_to_be_read(kind: type[list[Value]] | type[dict[str, Value]]) -> None:
    """Also where the deepest is empty, and takes no step further down to be written."""

    def nested(levels: int) -> Value:
        value: Value = kind()
        for _ in range(levels - 1):
            value = [value] if kind is list else {"a": value}
        return value

    deepest = nested(canonical_json.MAX_DEPTH)
    assert parse(encode(deepest)) == deepest
    with pytest.raises(UsageError, match="nested deeper than 128"):
        encode(nested(canonical_json.MAX_DEPTH + 1))


def test_a_kind_of_float_with_a_repr_of_its_own() -> None:
    """As NumPy's float64, whose repr is "np.float64(0.25)"."""

    class Other(float):
        def __repr__(self) -> str:
            return f"Other({float(self)})"

        def __abs__(self) -> Other:
            return Other(abs(float(self)))

    assert encode([Other(0.25), Other(-1e30)]) == encode([0.25, -1e30])
