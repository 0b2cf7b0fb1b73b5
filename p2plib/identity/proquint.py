"""Proquints: bytes as words that can be said aloud, sixteen bits at a time.

Codec. Specification: D. S. Wilkerson, "A Proposal for Proquints: Identifiers that are Readable, Spellable,
and Pronounceable", 2009 (arXiv:0901.4016). A word is five letters,
consonant-vowel-consonant-vowel-consonant::

    0111 11 1100 00 0000          7bc0 is  0111 10 1111 00 0000
    l    u  s    a  b             that is  l    o  z    a  b       -> "lozab"

A consonant carries four bits (`bdfghjklmnprstvz` for 0 to 15), a vowel two (`aiou` for 0 to 3); the first
letter has the most significant bits. Bytes are taken two by two, big-endian, and the words are joined by a
dash.

Two dialects are in use, and the library asks for the one you mean by its name::

    "paper"          the paper's order, and the default: 127.0.0.1 is lusab-babad
    "npm-mirrored"   what the npm module `proquint` 0.0.1 writes, least significant bits first. Every word
                     comes out as the paper's word spelt backwards: 127.0.0.1 is basul-dabab. The order of
                     the words is the same.

**Nothing in a text tells which dialect it is in.** A proquint spelt backwards is a proquint too (CVCVC is
CVCVC from either end) and there is no checksum, so reading with the wrong dialect always succeeds and gives
other bytes. Only words that are palindromes mean the same in both, and those are 1,024 of 65,536: one in 64.
Whoever writes proquints for others has to say which dialect it is, or to compare what was read with something
already known.

This codec is strict. It reads lower-case words of exactly five letters joined by single dashes, and nothing
around them: not the paper's optional prefix "0q-", not multibase's "pro-", no spaces, no capitals. The errors
say which.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, NoReturn, get_args

from p2plib.errors import DecodeError, UsageError

CONSONANTS = "bdfghjklmnprstvz"
VOWELS = "aiou"
SEPARATOR = "-"
LETTERS_PER_WORD = 5
BYTES_PER_WORD = 2

# Letter by letter: its alphabet, and how many bits it carries. The paper's drawing, as a table.
WORD_SHAPE = ((CONSONANTS, 4), (VOWELS, 2), (CONSONANTS, 4), (VOWELS, 2), (CONSONANTS, 4))

Dialect = Literal["paper", "npm-mirrored"]
DIALECTS: tuple[str, ...] = get_args(Dialect)


class LetterBits(NamedTuple):
    """What one letter of a word says.

    Args:
        letter: the letter.
        bits: its bits as text, "0111" for a consonant, "10" for a vowel.
        shift: how many bits of the 16-bit number stand to the right of them.
    """

    letter: str
    bits: str
    shift: int


def encode(data: bytes, dialect: str = "paper") -> str:
    """Bytes as proquints.

    Args:
        data: an even number of bytes; none gives the empty text.
        dialect: "paper" or "npm-mirrored".

    Raises:
        UsageError: an odd number of bytes, or a dialect that does not exist.
    """
    _check_dialect(dialect)
    if len(data) % BYTES_PER_WORD:
        raise UsageError(f"proquints take bytes two by two, and {len(data)} bytes is an odd number")
    pairs = (data[i : i + BYTES_PER_WORD] for i in range(0, len(data), BYTES_PER_WORD))
    text = SEPARATOR.join(_word(int.from_bytes(pair, "big")) for pair in pairs)
    return text if dialect == "paper" else mirror(text)


def decode(text: str, dialect: str = "paper") -> bytes:
    """Proquints as bytes.

    Args:
        text: words of five letters joined by dashes; the empty text gives no bytes.
        dialect: the one it was written in. The text cannot tell (see the head of this module).

    Raises:
        DecodeError: a letter that cannot stand where it stands, a capital, a wrong separator, a word cut
            short; `offset` is the character's.
        UsageError: a dialect that does not exist.
    """
    _check_dialect(dialect)
    _check_shape(text)
    data = bytearray()
    for word in text.split(SEPARATOR) if text else ():
        number = sum(int(part.bits, 2) << part.shift for part in _split(word, dialect))
        data += number.to_bytes(BYTES_PER_WORD, "big")
    return bytes(data)


def mirror(text: str) -> str:
    """The same bytes in the other dialect: every word spelt backwards, in the same order.

    Raises:
        DecodeError: the text is not proquints in either dialect.
    """
    _check_shape(text)
    return SEPARATOR.join(word[::-1] for word in text.split(SEPARATOR))


def bits(word: str, dialect: str = "paper") -> tuple[LetterBits, ...]:
    """One word taken apart, letter by letter as it is written: 4, 2, 4, 2 and 4 bits.

    Raises:
        DecodeError: not one proquint.
        UsageError: a dialect that does not exist.
    """
    _check_dialect(dialect)
    _check_shape(word)
    if len(word) != LETTERS_PER_WORD:
        raise DecodeError(f"one word of {LETTERS_PER_WORD} letters is wanted, not {len(word)} characters", 0)
    return _split(word, dialect)


def _word(number: int) -> str:
    """The paper's word for a 16-bit number, made from its last letter, the least significant bits."""
    letters = ""
    for alphabet, width_bits in reversed(WORD_SHAPE):
        letters = alphabet[number % (1 << width_bits)] + letters
        number >>= width_bits
    return letters


def _split(word: str, dialect: str) -> tuple[LetterBits, ...]:
    parts, shift = [], 0
    for (alphabet, width_bits), letter in zip(
        WORD_SHAPE, reversed(word) if dialect == "paper" else word, strict=True
    ):
        parts.append(LetterBits(letter, f"{alphabet.index(letter):0{width_bits}b}", shift))
        shift += width_bits
    return tuple(reversed(parts)) if dialect == "paper" else tuple(parts)


def _check_dialect(dialect: str) -> None:
    if dialect not in DIALECTS:
        raise UsageError(f"there is no proquint dialect {dialect!r}; there are {' and '.join(DIALECTS)}")


def _check_shape(text: str) -> None:
    """Raise unless `text` is words of CVCVC joined by single dashes, or empty."""
    for prefix in ("0q-", "pro-"):
        if text.startswith(prefix):
            raise DecodeError(f"starts with the prefix {prefix!r}, which is to be cut off before decoding", 0)
    for offset, character in enumerate(text):
        place = offset % (LETTERS_PER_WORD + 1)
        if place == LETTERS_PER_WORD:
            if character != SEPARATOR:
                _refuse_separator(text, offset)
        elif character not in WORD_SHAPE[place][0]:
            _refuse_letter(character, place, offset)
    if text and len(text) % (LETTERS_PER_WORD + 1) != LETTERS_PER_WORD:
        raise DecodeError("the last word is cut short: a word has five letters", len(text))


def _refuse_separator(text: str, offset: int) -> NoReturn:
    found = text[offset]
    if found in CONSONANTS + VOWELS:
        raise DecodeError(f"a word has five letters, and {found!r} would be a sixth", offset)
    raise DecodeError(f"words are joined by {SEPARATOR!r}, not by {found!r}", offset)


def _refuse_letter(found: str, place: int, offset: int) -> NoReturn:
    alphabet, kind = WORD_SHAPE[place][0], "vowel" if WORD_SHAPE[place][0] == VOWELS else "consonant"
    if found in alphabet.upper():
        raise DecodeError(f"{found!r} is a capital: proquints are written in lower case", offset)
    if found == SEPARATOR:
        raise DecodeError("a separator before the fifth letter of the word", offset)
    raise DecodeError(f"letter {place + 1} of a word is a {kind}, one of {alphabet}, not {found!r}", offset)
