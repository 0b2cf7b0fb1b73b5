"""Learners' answers: proquints, and what the eye makes of a name. See the package."""

from __future__ import annotations


def _words(order: str, letters: str, odd: str = 'if len(data) % 2: raise ValueError("odd")') -> str:
    return f"""
def to_proquint(data):
    {odd}
    words = []
    for i in range(0, len(data), 2):
        n, word = int.from_bytes(data[i : i + 2], "{order}"), ""
        for alphabet, bits in SHAPE:
            letter = alphabet[n % (1 << bits)]
            word = {letters}
            n >>= bits
        words.append(word)
    return "-".join(words)
"""


def _read(
    check: str, index: str = "letters.index(letter)", split: str = 'text.split("-") if text else []'
) -> str:
    return f"""
def from_proquint(text):
    data = b""
    for word in {split}:
        {check}
        number = 0
        for place, letter in enumerate(word):
            letters = VOWELS if place in (1, 3) else CONSONANTS
            number = number * len(letters) + {index}
        data += number.to_bytes(2, "big")
    return data
"""


FIVE = "if len(word) != 5: raise ValueError(word)"


def _skeleton(steps: str) -> str:
    return f"def skeleton(text):\n    return {steps}\n"


SHOW = '"".join(c for c in {} if c.isprintable() or c.isspace())'
NFKC = 'unicodedata.normalize("NFKC", text)'

# (task, what the learner did, the cell, words of the hint)
ANSWERS = [
    ("to_proquint", "low bits first", _words("big", "word + letter"), "spelt backwards"),
    ("to_proquint", "little-endian", _words("little", "letter + word"), "a pair is the high one"),
    ("to_proquint", "both", _words("little", "word + letter"), "reversed twice"),
    ("to_proquint", "no care for odd", _words("big", "letter + word", "pass"), "raise ValueError"),
    (
        "to_proquint",
        "letters beside their bits",
        """
def to_proquint(data):
    words = []
    for i in range(0, len(data), 2):
        n = int.from_bytes(data[i : i + 2], "big")
        first, last = CONSONANTS[n >> 12] + VOWELS[n >> 10 & 3], CONSONANTS[n & 15]
        words.append(first + CONSONANTS[n >> 8 & 15] + VOWELS[n >> 6 & 3] + last)
    return "-".join(words)
""",
        "4, 2, 4, 2 and 4",
    ),
    (
        "from_proquint",
        "dicts",
        _read(FIVE, "{c: i for i, c in enumerate(letters)}[letter]"),
        "raise ValueError: your callers",
    ),
    ("from_proquint", "find", _read(FIVE, "letters.find(letter) % len(letters)"), "look every letter up"),
    ("from_proquint", "no length", _read("pass"), "five letters, and this one has four"),
    ("from_proquint", "lower", _read(FIVE, split='text.lower().split("-") if text else []'), "capitals"),
    (
        "from_proquint",
        "strip",
        _read(FIVE, split='text.strip().split("-") if text else []'),
        "the line feed is part of the text",
    ),
    (
        "from_proquint",
        "steps of six",
        _read("pass", split="[text[i:i+5] for i in range(0, len(text), 6)]"),
        "five letters",
    ),
    ("from_proquint", "skips empty words", _read("if not word: continue\n        " + FIVE), "empty word"),
    (
        "from_proquint",
        "split on nothing",
        _read(FIVE, split='text.split("-")'),
        "no text stands for no bytes",
    ),
    (
        "from_proquint",
        "backwards",
        _read(FIVE, split='[w[::-1] for w in text.split("-")] if text else []'),
        "backwards",
    ),
    ("skeleton", "lower alone", _skeleton("text.lower()"), "translate(TWINS)"),
    ("skeleton", "the table alone", _skeleton("text.translate(TWINS)"), "casefold()"),
    (
        "skeleton",
        "ascii alone",
        _skeleton('" ".join(text.translate(TWINS).encode("ascii", "ignore").decode().casefold().split())'),
        "people are called",
    ),
    (
        "skeleton",
        "NFKC and ascii alone",
        _skeleton(f'" ".join({NFKC}.translate(TWINS).encode("ascii", "ignore").decode().casefold().split())'),
        "people are called",
    ),
    (
        "skeleton",
        "hidden forgotten",
        _skeleton(f'" ".join({NFKC}.translate(TWINS).casefold().split())'),
        "does not show",
    ),
    (
        "skeleton",
        "spaces forgotten",
        _skeleton(SHOW.format(NFKC) + ".translate(TWINS).casefold()"),
        "split() and join",
    ),
    (
        "skeleton",
        "returns nothing",
        """
def skeleton(text):
    text.casefold()
""",
        "is a return missing?",
    ),
]
