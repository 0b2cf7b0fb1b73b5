"""Names that somebody might take for another, and keys, for tests."""

from __future__ import annotations

import hashlib

from p2plib.identity.keys import PublicKey, SecretKey


def key(name: str) -> PublicKey:
    return SecretKey.from_seed(hashlib.sha256(name.encode()).digest()).public


ALICE, BOB, CAROL, MALLORY = key("alice"), key("bob"), key("carol"), key("mallory")
# One trick each, played on the name "alice", except where the name has other letters.
TRICKS = [
    ("аlice", "mixed scripts"),  # Cyrillic a
    ("alicе", "mixed scripts"),  # Cyrillic e
    ("αlice", "mixed scripts"),  # Greek alpha
    ("аӏісе", ""),  # Cyrillic throughout
    ("ALICE", ""),
    ("aIice", ""),  # capital i for l
    ("a1ice", ""),
    ("al\u200bice", "invisible"),
    ("alice\u200d", "invisible"),
    ("ali\u00adce", "invisible"),
    ("\ufeffalice", "invisible"),
    ("alice\U000e0041", "invisible"),
    ("alice\u202e", "direction"),
    ("\u2066alice\u2069", "direction"),
    ("alice\u200f", "direction"),
    ("alice\x00", "control"),
    ("alice\x1b", "control"),
    ("ali\nce", "control"),
    ("alice\u2028", "control"),
    (" alice", "space"),
    ("al  ice", "space"),
    ("alice\u00a0", "space"),
    ("al\u3000ice", "space"),
    ("ａｌｉｃｅ", "styled"),
    ("𝒶𝓁𝒾𝒸ℯ", "styled"),
    ("ⓐⓛⓘⓒⓔ", "styled"),
    ("alicé", ""),
    ("alice\u0301", ""),
    ("ali\u0327\u0301\u0302\u0308\u0301ce", "marks"),
]
