"""Joiners: characters that show nothing by themselves and belong where they stand. Under `lookalikes`.

Many names are written with some. Persian "می‌خواهم" has a non-joiner (U+200C) between letters that would
otherwise join, Sinhala "ශ්‍රී" a joiner (U+200D) that makes a ligature, "❤️" a selector (U+FE0F) that asks for
the coloured heart, "葛󠄀城" one that chooses between a letter's shapes. The same characters anywhere else show
nothing at all, and are a trick. So the context decides.

Where they belong
    1. Non-joiner, between letters that join (Unicode Standard Annex 31, 2.3, A1): a letter that joins to its
       left side, the non-joiner, a letter that joins to its right side; marks between them count for nothing.
    2. Non-joiner in a conjunct (A2): a letter, a virama, the non-joiner, a letter.
    3. Joiner in a conjunct (B): a letter, a virama, the joiner, and no vowel sign. Here no mark at all may
       follow, which is the same in all that is written.
    4. Emoji (UAX 31, 7.2; Unicode Technical Standard 51): variation selectors 15 and 16 after a symbol; a
       joiner between symbols, which may have a selector or a skin tone; a digit, `#` or `*` with selector and
       keycap; the flags of England, Scotland and Wales, whose tags are letters that show nothing.
    5. Variation selectors that Unicode lists for letters: 17 to 256 and 1 to 3 after Chinese characters, 1
       after letters of Myanmar, Phags-pa and Manichaean; Mongolian's own after its letters, and its vowel
       separator before a final a or e.

What is compared is still compared without them (`p2plib.identity.lookalikes.skeleton`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

NON_JOINER, JOINER = "\u200c", "\u200d"
VIRAMA = 9  # the Canonical_Combining_Class

# Unicode's Joining_Type, as its character database has it: letters that join on both sides, on the left alone
# and on the right alone. Python's unicodedata lacks it.
_DUAL = (
    "620 626 628 62a-62e 633-63f 641-647 649-64a 66e-66f 678-687 69a-6bf 6c1-6c2 6cc 6ce 6d0-6d1 "
    "6fa-6fc 6ff 712-714 71a-71d 71f-727 729 72b 72d-72e 74e-758 75c-76a 76d-770 772 775-777 77a-77f "
    "7ca-7ea 841-845 848 84a-853 855 860 862-865 868 886 889-88d 88f 8a0-8a9 8af-8b0 8b3-8b8 8ba-8c8 "
    "1807 1820-1878 1887-18a8 18aa a840-a871 10ac0-10ac4 10ad3-10ad6 10ad8-10adc 10ade-10ae0 "
    "10aeb-10aee 10b80 10b82 10b86-10b88 10b8a-10b8b 10b8d 10b90 10bad-10bae 10d01-10d21 10d23 "
    "10ec3-10ec4 10ec6-10ec7 10f30-10f32 10f34-10f44 10f51-10f53 10f70-10f73 10f76-10f81 10fb0 "
    "10fb2-10fb3 10fb8 10fbb-10fbc 10fbe-10fbf 10fc1 10fc4 10fca 1e900-1e943"
)
_LEFT_ALONE = "a872 10acd 10ad7 10d00 10ed9-10eee 10fcb"
_RIGHT_ALONE = (
    "622-625 627 629 62f-632 648 671-673 675-677 688-699 6c0 6c3-6cb 6cd 6cf 6d2-6d3 6d5 6ee-6ef 710 "
    "715-719 71e 728 72a 72c 72f 74d 759-75b 76b-76c 771 773-774 778-779 840 846-847 849 854 856-858 "
    "867 869-86a 870-882 88e 8aa-8ac 8ae 8b1-8b2 8b9 10ac5 10ac7 10ac9-10aca 10ace-10ad2 10add 10ae1 "
    "10ae4 10aef 10b81 10b83-10b85 10b89 10b8c 10b8e-10b8f 10b91 10ba9-10bac 10d22 10ec2 10f33 10f54 "
    "10f74-10f75 10fb4-10fb6 10fb9-10fba 10fbd 10fc2-10fc3 10fc9"
)


def _set(ranges: str) -> frozenset[str]:
    ends = (one.partition("-") for one in ranges.split())
    return frozenset(chr(c) for low, _, high in ends for c in range(int(low, 16), int(high or low, 16) + 1))


_JOINS_LEFT = _set(f"{_DUAL} {_LEFT_ALONE}")
_JOINS_RIGHT = _set(f"{_DUAL} {_RIGHT_ALONE}")

# Emoji that the database does not count as "other symbol" (So).
_OTHER_EMOJI = "‼⁉ℹ↔◻◼◽◾⤴⤵〰〽"
_SHAPES_EMOJI = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")  # variation selectors 15 and 16, skin tones
_REGIONS = "|".join(
    "".join(chr(0xE0000 + ord(letter)) for letter in region) for region in ("gbeng", "gbsct", "gbwls")
)
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MONGOLIAN = "\u1820-\u1878\u1880-\u18aa"
_MONGOLIAN_SELECTORS = "\u180b-\u180d\u180f"
_OF_LISTED_SEQUENCES = re.compile(
    "(?<=[0-9#*])\ufe0f(?=\u20e3)"
    f"|(?<=\U0001f3f4)(?:{_REGIONS})\U000e007f"
    f"|(?<=[{_HAN}])[\ufe00-\ufe02\U000e0100-\U000e01ef]"
    "|(?<=[\u1000-\u109f\uaa60-\uaa7f\ua840-\ua877\U00010ac0-\U00010aff])\ufe00"
    f"|(?<=[{_MONGOLIAN}])[{_MONGOLIAN_SELECTORS}]"
    f"|(?<=[{_MONGOLIAN}{_MONGOLIAN_SELECTORS}])\u180e(?=[\u1820\u1821](?![{_MONGOLIAN}]))"
)


def in_place(text: str) -> frozenset[int]:
    """The offsets of characters that show nothing and belong where they stand.

    Args:
        text: a text of a bounded size: each of them is looked at with what stands around it.
    """
    listed = {at for match in _OF_LISTED_SEQUENCES.finditer(text) for at in range(*match.span())}
    return frozenset(listed.union(at for at, character in enumerate(text) if _belongs(text, at, character)))


def _belongs(text: str, at: int, character: str) -> bool:
    """Rules 1 to 3, and of rule 4 what is not listed."""
    if character == NON_JOINER:
        return _parts_letters(text, at) or (_follows_virama(text, at) and _precedes_letter(text, at))
    if character == JOINER:
        return _joins_emoji(text, at) or (_follows_virama(text, at) and not _is_mark(text[at + 1 : at + 2]))
    if character in "\ufe0e\ufe0f":
        return _is_symbol(text[at - 1 : at])
    return False


def _parts_letters(text: str, at: int) -> bool:
    before, after = _beside(text, at, -1, _is_transparent), _beside(text, at, 1, _is_transparent)
    return before in _JOINS_LEFT and after in _JOINS_RIGHT


def _follows_virama(text: str, at: int) -> bool:
    """Whether there is a letter, perhaps with marks, and its virama, perhaps with marks, in front."""
    before = text[:at]
    while before and unicodedata.combining(before[-1]) not in (0, VIRAMA):
        before = before[:-1]
    if not before or unicodedata.combining(before[-1]) != VIRAMA:
        return False
    return _is_letter(_beside(before, len(before) - 1, -1, _is_transparent))


def _precedes_letter(text: str, at: int) -> bool:
    return _is_letter(_beside(text, at, 1, lambda character: unicodedata.combining(character) != 0))


def _joins_emoji(text: str, at: int) -> bool:
    before = _beside(text, at, -1, lambda character: bool(_SHAPES_EMOJI.match(character)))
    return _is_symbol(before) and _is_symbol(text[at + 1 : at + 2])


def _beside(text: str, at: int, step: int, is_passed_over: Callable[[str], bool]) -> str:
    """The next character on one side that is not passed over; none at the end of the text."""
    at += step
    while 0 <= at < len(text) and is_passed_over(text[at]):
        at += step
    return text[at] if 0 <= at < len(text) else ""


def _is_letter(character: str) -> bool:
    return character != "" and unicodedata.category(character).startswith("L")


def _is_mark(character: str) -> bool:
    return character != "" and unicodedata.category(character).startswith("M")


def _is_transparent(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Me")


def _is_symbol(character: str) -> bool:
    return character != "" and (unicodedata.category(character) == "So" or character in _OTHER_EMOJI)
