"""Lab 1, task 4: proquints both ways. Mistakes and probes.

The references are the library's codec under the names that the lab asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from p2plib.identity import proquint
from p2plib.identity.proquint import CONSONANTS, VOWELS
from p2plib.labs.engine.tasks import Case, Mistake, Task, Wrong

Decode = Callable[[str], Any]  # a reader's function may return anything


def to_proquint(data: bytes) -> str:
    """Bytes as proquints in the paper's order, words joined by "-"; ValueError for an odd number of bytes."""
    return proquint.encode(data)


def from_proquint(text: str) -> bytes:
    """The bytes that proquints in the paper's order stand for; ValueError for anything else."""
    return proquint.decode(text)


def _pairs(data: bytes) -> list[bytes]:
    return [data[i : i + 2] for i in range(0, len(data), 2)]


def _spell(
    data: bytes, *, order: str = "big", mirrored: bool = False, by: str = "-", vowels: str = VOWELS
) -> str:
    words = []
    for pair in _pairs(data):
        number = int.from_bytes(pair, "little" if order == "little" else "big")
        word = "".join(
            (vowels if width == 2 else CONSONANTS)[number >> shift & (1 << width) - 1]
            for width, shift in ((4, 12), (2, 10), (4, 6), (2, 4), (4, 0))
        )
        words.append(word[::-1] if mirrored else word)
    return by.join(words)


def _mirrored(data: bytes) -> str:
    return _spell(data, mirrored=True)


def _little(data: bytes) -> str:
    return _spell(data, order="little")


def _little_and_mirrored(data: bytes) -> str:
    return _spell(data, order="little", mirrored=True)


def _vowels_of_english(data: bytes) -> str:
    return _spell(data, vowels="aeio")


def _joined(by: str) -> Callable[[bytes], str]:
    return lambda data: _spell(data, by=by)


def _dash_at_the_end(data: bytes) -> str:
    return _spell(data) + "-"


def _backwards(data: bytes) -> str:
    return "-".join(reversed(_spell(data).split("-")))


def _letters_in_rows(data: bytes) -> str:
    """4, 4, 4 bits of consonants first and then the vowels: the letters interleave, the bits do not."""
    words = []
    for pair in _pairs(data):
        n = int.from_bytes(pair, "big")
        c = [CONSONANTS[n >> s & 15] for s in (12, 8, 4)]
        v = [VOWELS[n >> s & 3] for s in (2, 0)]
        words.append(c[0] + v[0] + c[1] + v[1] + c[2])
    return "-".join(words)


def _dropping_zeros(data: bytes) -> str:
    return _spell(data.lstrip(b"\0").rjust(-(-len(data.lstrip(b"\0")) // 2) * 2, b"\0"))


def _tail_dropped(data: bytes) -> str:
    return _spell(data[: len(data) // 2 * 2])


def _padded_behind(data: bytes) -> str:
    return _spell(data + bytes(len(data) % 2))


TO_PROQUINT = Task(
    "to_proquint",
    to_proquint,
    cases=[
        (bytes.fromhex("7f000001"),),
        (bytes.fromhex("3f54dcc1"),),
        (b"\0\0\0\x01",),
        (b"",),
        (bytes(range(32)),),
        (b"abc",),
    ],
    mistakes=[
        Mistake(
            _mirrored, "each word is spelt backwards: the first letter has the top bits (n >> 12), not n & 15"
        ),
        Mistake(_little, "the first byte of a pair is the high one: int.from_bytes(pair, 'big')"),
        Mistake(
            _little_and_mirrored, "reversed twice: read the pair big-endian, and begin with the top bits"
        ),
        Mistake(_vowels_of_english, "the four vowels are a, i, o, u: there is no e"),
        Mistake(_joined(""), "words are joined by a dash"),
        Mistake(_joined(" "), "words are joined by a dash, not a space"),
        Mistake(_joined("_"), "words are joined by a dash, not an underscore"),
        Mistake(_dash_at_the_end, "dashes go between words: '-'.join(words) puts none at the end"),
        Mistake(_backwards, "the words come in the order of the bytes"),
        Mistake(_letters_in_rows, "cut the sixteen bits in letter order: 4, 2, 4, 2 and 4"),
        Mistake(_dropping_zeros, "leading zeros are bytes, too: two bytes make a word, whatever is in them"),
        Mistake(_tail_dropped, "an odd number of bytes lost its last one; raise ValueError instead"),
        Mistake(_padded_behind, "an odd number of bytes became one byte longer; raise ValueError instead"),
        Mistake(
            _spell, "an odd number of bytes: the last word would come back as two bytes; raise ValueError"
        ),
    ],
    hint="sixteen bits are con-vo-con-vo-con: 4, 2, 4, 2 and 4 bits, the top ones first",
)


def _number(word: str) -> int:
    number = 0
    for letter, alphabet in zip(word, (CONSONANTS, VOWELS, CONSONANTS, VOWELS, CONSONANTS), strict=False):
        number = number << (2 if alphabet is VOWELS else 4) | alphabet.find(letter) % len(alphabet)
    return number


def _read(text: str, *, order: str = "big", mirrored: bool = False) -> bytes:
    words = text.split("-") if text else []
    turned = [word[::-1] if mirrored else word for word in words]
    return b"".join(_number(w).to_bytes(2, "little" if order == "little" else "big") for w in turned)


def _read_mirrored(text: str) -> bytes:
    return _read(text, mirrored=True)


def _read_little(text: str) -> bytes:
    return _read(text, order="little")


def _read_as_one_number(text: str) -> bytes:
    """All words as one large number, written in as few bytes as it needs."""
    number = int.from_bytes(_read(text), "big")
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _read_as_numbers(text: str) -> list[int]:
    return [_number(word) for word in text.split("-")]


def _read_as_text(text: str) -> str:
    return _read(text).hex()


def _trips_over_nothing(text: str) -> bytes:
    """Splits the empty text into one empty word and refuses that."""
    if any(len(word) != 5 for word in text.split("-")):
        raise ValueError("five letters")
    return _read(text)


def refuses_text(text: str, hint: str) -> Case:
    """A probe: this text is refused, with a ValueError."""

    def probe(yours: Decode) -> None:
        try:
            got = yours(text)
        except NotImplementedError:
            raise
        except ValueError:  # a DecodeError is one
            return
        except Exception as error:
            what = f"{text!a}: it crashed with {type(error).__name__}"
            raise Wrong(what, "raise ValueError: your callers cannot know what you use inside") from None
        if got is None or got is False:
            raise Wrong(f"{text!a}: it returned {got}", "raise ValueError instead: nobody checks for a None")
        raise Wrong(f"{text!a} was read as {bytes(got).hex() or 'no bytes'}", hint)

    return probe


STRICT: tuple[Case, ...] = (
    refuses_text(
        "lusab-babac", "c is not one of the sixteen consonants: look every letter up, and refuse it"
    ),
    refuses_text(
        "lusab-bebad", "e is not one of the four vowels; find() returns -1 for it, which is a valid index"
    ),
    refuses_text("lusab-ababa", "each place has its own alphabet: consonants at 1, 3, 5 and vowels at 2, 4"),
    refuses_text("lusab-baba", "a word has five letters, and this one has four"),
    refuses_text("lusab-babadd", "a word has five letters, and this one has six"),
    refuses_text("lusab-", "an empty word after the last dash is not a word"),
    refuses_text("lusab--babad", "an empty word between two dashes is not a word"),
    refuses_text("Lusab-babad", "capitals are not in the alphabet: one key, one spelling"),
    refuses_text("lusab babad", "words are joined by a dash; split() also splits at spaces"),
    refuses_text("lusab-babad\n", "the line feed is part of the text: strip() or `$` lets it pass"),
    refuses_text("lusabxbabad", "what stands between two words must be a dash"),
    refuses_text("lusаb-babad", "the а in it is Cyrillic: only the listed letters count"),
)

FROM_PROQUINT = Task(
    "from_proquint",
    from_proquint,
    cases=[("lusab-babad",), ("gutih-tugad",), ("babab-babad",), ("",), *STRICT],
    mistakes=[
        Mistake(_read_mirrored, "each word is read backwards: the first letter has the top bits"),
        Mistake(_read_little, "the high byte of each number comes first: to_bytes(2, 'big')"),
        Mistake(_read_as_one_number, "leading zeros were lost: every word is two bytes, even babab"),
        Mistake(_read_as_numbers, "return bytes: two for each word's number, to_bytes(2, 'big')"),
        Mistake(_read_as_text, "return bytes, not the digits that spell them"),
        Mistake(
            _trips_over_nothing, '"".split("-") is one empty word, not none: no text stands for no bytes'
        ),
    ],
    hint="shift the number to the left by 4 or 2 for each letter and add the letter's place in its alphabet",
)
