"""Multibase: bytes as text that says which alphabet it is written in. A codec.

Follows the multibase registry (multiformats/multibase) and, for the alphabets, RFC 4648 (16, 32, 64), RFC
9285 (45) and the usual base58. Every encoding of the registry is here except two that are not alphabets of
single letters: proquint, which is `p2plib.identity.proquint`, and base256emoji.

The first character names the base; the rest is one of three constructions::

    bits     the data as a string of bits, cut into equal groups, one letter a group (2, 8, 16, 32, 64).
             Linear.
    number   the data as one large number, written in that base (10, 36, 58). A zero byte in front would
             vanish from a number, so each becomes one letter for zero. Quadratic, so the size is bounded.
    pairs    two bytes as three letters (45). Linear.

Rules where specifications say "may", so that a text has one meaning and bytes one text: bits left over at the
end must be zero; padding is all there or not there, as the base says; a letter outside the alphabet is
refused. Bases that the registry calls case-insensitive are read in either case, and written in the case of
their name.

    >>> encode("base58btc", b"yes mani !")
    'z7paNL19xttacUY'
    >>> decode("z7paNL19xttacUY")
    ('base58btc', b'yes mani !')
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Literal

from p2plib.errors import DecodeError, UsageError

MAX_NUMBER_BYTES = 1024  # keys, hashes and addresses have under a hundred; the work grows with the square
MAX_NUMBER_CHARACTERS = 4096  # enough for that many bytes in base 10

_LOWER32 = "abcdefghijklmnopqrstuvwxyz234567"
_HEX32 = "0123456789abcdefghijklmnopqrstuv"
_DIGITS36 = string.digits + string.ascii_lowercase
_STANDARD64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
_URL64 = _STANDARD64[:-2] + "-_"
_BITCOIN58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_FLICKR58 = "123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
_ALPHABET45 = string.digits + string.ascii_uppercase + " $%*+-./:"


@dataclass(frozen=True, slots=True)
class Base:
    """One row of the table.

    Args:
        name: as the registry spells it.
        prefix: the character in front.
        alphabet: its letters; the position of a letter is its value.
        construction: "bits", "number" or "pairs", as in the head of the module.
        padded_to: letters in a full group, which "=" fills up; 1 means no padding.
        any_case: read in either case.
    """

    name: str
    prefix: str
    alphabet: str
    construction: Literal["bits", "number", "pairs"] = "bits"
    padded_to: int = 1
    any_case: bool = False


BASES = (
    Base("base2", "0", "01"),
    Base("base8", "7", "01234567"),
    Base("base10", "9", "0123456789", "number"),
    Base("base16", "f", "0123456789abcdef", any_case=True),
    Base("base16upper", "F", "0123456789ABCDEF", any_case=True),
    Base("base32hex", "v", _HEX32, any_case=True),
    Base("base32hexupper", "V", _HEX32.upper(), any_case=True),
    Base("base32hexpad", "t", _HEX32, padded_to=8, any_case=True),
    Base("base32hexpadupper", "T", _HEX32.upper(), padded_to=8, any_case=True),
    Base("base32", "b", _LOWER32, any_case=True),
    Base("base32upper", "B", _LOWER32.upper(), any_case=True),
    Base("base32pad", "c", _LOWER32, padded_to=8, any_case=True),
    Base("base32padupper", "C", _LOWER32.upper(), padded_to=8, any_case=True),
    Base("base32z", "h", "ybndrfg8ejkmcpqxot1uwisza345h769"),
    Base("base36", "k", _DIGITS36, "number", any_case=True),
    Base("base36upper", "K", _DIGITS36.upper(), "number", any_case=True),
    Base("base45", "R", _ALPHABET45, "pairs"),
    Base("base58btc", "z", _BITCOIN58, "number"),
    Base("base58flickr", "Z", _FLICKR58, "number"),
    Base("base64", "m", _STANDARD64),
    Base("base64pad", "M", _STANDARD64, padded_to=4),
    Base("base64url", "u", _URL64),
    Base("base64urlpad", "U", _URL64, padded_to=4),
)
_BY_NAME = {base.name: base for base in BASES}
_BY_PREFIX = {base.prefix: base for base in BASES}


def encode(base: str, data: bytes) -> str:
    """Bytes as text, with the prefix in front.

    Args:
        base: a registered name, for example "base58btc".
        data: any bytes; at most `MAX_NUMBER_BYTES` of them in bases 10, 36 and 58.

    Raises:
        UsageError: the base is unknown, or the data too long for it.
    """
    if base not in _BY_NAME:
        raise UsageError(f"{base!r} is no multibase encoding of this library: {', '.join(_BY_NAME)}")
    row = _BY_NAME[base]
    return row.prefix + _encode(row, data)


def decode(text: str) -> tuple[str, bytes]:
    """The base that a text names, and the bytes that it stands for.

    Raises:
        DecodeError: the text is empty, its prefix unknown, or the rest breaks a rule of its base; the offset
            counts characters from the prefix on.
    """
    if not text:
        raise DecodeError("an empty text has no multibase prefix", 0)
    if text[0] not in _BY_PREFIX:
        raise DecodeError(f"{text[0]!a} is not a multibase prefix that this library reads", 0)
    row = _BY_PREFIX[text[0]]
    return row.name, _decode(row, text, 1)


def base58btc_encode(data: bytes) -> str:
    """Bytes in Bitcoin's base58, without a prefix: the form of libp2p's oldest peer ids."""
    return _encode(_BY_NAME["base58btc"], data)


def base58btc_decode(text: str) -> bytes:
    """The bytes of a base58 text without a prefix.

    Raises:
        DecodeError: a letter is not in the alphabet (0, O, I and l are not), or the text is too long.
    """
    return _decode(_BY_NAME["base58btc"], text, 0)


def _encode(base: Base, data: bytes) -> str:
    if base.construction == "number":
        return _number_text(base.alphabet, data)
    if base.construction == "pairs":
        return _pairs_text(base.alphabet, data)
    text = _bits_text(base.alphabet, data)
    return text + "=" * (-len(text) % base.padded_to)


def _decode(base: Base, text: str, start: int) -> bytes:
    """The bytes of `text[start:]`. Offsets in errors count from the beginning of `text`."""
    if base.construction == "number" and len(text) - start > MAX_NUMBER_CHARACTERS:
        raise DecodeError(
            f"{base.name} of more than {MAX_NUMBER_CHARACTERS} characters", start + MAX_NUMBER_CHARACTERS
        )
    letters = _without_padding(base, text, start)
    value_of = {letter: value for value, letter in enumerate(base.alphabet)}
    if base.any_case:
        value_of |= {letter.swapcase(): value for letter, value in value_of.items()}
    values = []
    for offset, letter in enumerate(letters, start):
        if letter not in value_of:
            raise DecodeError(f"{letter!a} is not a letter of {base.name}", offset)
        values.append(value_of[letter])
    if base.construction == "number":
        data = _number_bytes(len(base.alphabet), values)
        if len(data) > MAX_NUMBER_BYTES:  # what was read could not be written again
            raise DecodeError(
                f"{base.name} of {len(data)} bytes, where {MAX_NUMBER_BYTES} is the most", start
            )
        return data
    if base.construction == "pairs":
        return _pairs_bytes(values, start)
    return _bits_bytes(base, values, start)


def _without_padding(base: Base, text: str, start: int) -> str:
    if base.padded_to == 1:
        return text[start:]
    letters = text[start:].rstrip("=")
    padding, wanted = len(text) - start - len(letters), -len(letters) % base.padded_to
    if padding != wanted:
        raise DecodeError(f"{base.name} wants {wanted} '=' here, not {padding}", start + len(letters))
    return letters


def _bits_text(alphabet: str, data: bytes) -> str:
    width = len(alphabet).bit_length() - 1
    letters, pending, held = [], 0, 0  # `pending` holds the `held` bits that are not yet written
    for byte in data:
        pending, held = pending << 8 | byte, held + 8
        while held >= width:
            held -= width
            letters.append(alphabet[pending >> held])
            pending &= (1 << held) - 1
    if held:
        letters.append(alphabet[pending << (width - held)])
    return "".join(letters)


def _bits_bytes(base: Base, values: list[int], start: int) -> bytes:
    width = len(base.alphabet).bit_length() - 1
    data, pending, held = bytearray(), 0, 0
    for value in values:
        pending, held = pending << width | value, held + width
        if held >= 8:
            held -= 8
            data.append(pending >> held)
            pending &= (1 << held) - 1
    if held >= width:
        raise DecodeError(
            f"{base.name} of {len(values)} letters is no whole number of bytes", start + len(values)
        )
    if pending:
        raise DecodeError(
            f"the bits left over at the end of {base.name} are not zero", start + len(values) - 1
        )
    return bytes(data)


def _number_text(alphabet: str, data: bytes) -> str:
    if len(data) > MAX_NUMBER_BYTES:
        raise UsageError(f"base {len(alphabet)} takes at most {MAX_NUMBER_BYTES} bytes, not {len(data)}")
    number, letters = int.from_bytes(data, "big"), []
    while number:
        number, digit = divmod(number, len(alphabet))
        letters.append(alphabet[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return alphabet[0] * zeros + "".join(reversed(letters))


def _number_bytes(base: int, values: list[int]) -> bytes:
    number, zeros, leading = 0, 0, True
    for value in values:
        leading = leading and value == 0
        zeros += leading
        number = number * base + value
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _pairs_text(alphabet: str, data: bytes) -> str:
    letters = []
    for i in range(0, len(data), 2):
        pair = data[i : i + 2]
        number = int.from_bytes(pair, "big")
        for _ in range(
            len(pair) + 1
        ):  # two bytes take three letters, a last single byte two; the lowest digit first
            number, digit = divmod(number, 45)
            letters.append(alphabet[digit])
    return "".join(letters)


def _pairs_bytes(values: list[int], start: int) -> bytes:
    data = bytearray()
    for i in range(0, len(values), 3):
        group = values[i : i + 3]
        if len(group) == 1:
            raise DecodeError("base45 ends with a single letter", start + i)
        number = sum(digit * 45**place for place, digit in enumerate(group))
        size = len(group) - 1
        if number >= 256**size:
            raise DecodeError(f"base45 group of {number}, too large for {size} bytes", start + i)
        data += number.to_bytes(size, "big")
    return bytes(data)
