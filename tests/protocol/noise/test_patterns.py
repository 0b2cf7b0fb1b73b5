"""The table of patterns against the rules of the specification, names, and the parts of messages."""

from __future__ import annotations

import pytest

from p2plib.errors import DecodeError, UsageError
from p2plib.protocol.noise import patterns as noise_patterns
from p2plib.protocol.noise.patterns import PATTERNS
from tests.protocol.noise.pairs import full_name, pair, shake_hands

DEFERRED = [name for name in PATTERNS if "1" in name]


def test_the_table_has_every_pattern_of_the_specification() -> None:
    fundamental = {a + b for a in "NKXI" for b in "NKX"}
    assert set(PATTERNS) == {"N", "K", "X"} | fundamental | set(DEFERRED)
    assert len(DEFERRED) == 23
    expected = {
        first + second
        for first in ("N", "K", "X", "I", "K1", "X1", "I1")
        for second in ("N", "K", "X", "K1", "X1")
    }
    assert fundamental | set(DEFERRED) == expected


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_keeps_the_rules_of_section_7_3(name: str) -> None:
    """Keys are sent once, agreed on once, and not used before both have them; and what a static key agreed
    on encrypts nothing until the ephemeral keys have agreed too."""
    pattern = PATTERNS[name]
    before = {("i", "s"): pattern.initiator_known, ("r", "s"): pattern.responder_known}
    known = {key for key, is_known in before.items() if is_known}
    agreed: set[str] = set()
    for number, message in enumerate(pattern.messages):
        sender = "ir"[number % 2]
        assert message[0] == "e" or (sender, "e") in known
        for token in message:
            if token in ("e", "s"):
                if token == "s":
                    check_fresh(sender, agreed)
                assert (sender, token) not in known
                known.add((sender, token))
            else:
                assert token not in agreed
                assert {("i", token[0]), ("r", token[1])} <= known
                agreed.add(token)
        check_fresh(sender, agreed)
    assert agreed <= {"ee", "es", "se", "ss"}
    # Each side that has a static key proves it, with an agreement of it and the other's ephemeral key.
    assert ("se" in agreed or "ss" in agreed) == (("i", "s") in known)
    assert ("es" in agreed) == (("r", "s") in known)


def check_fresh(sender: str, agreed: set[str]) -> None:
    """Rule 4: before it encrypts under an agreement of the other's static key, a side's own ephemeral key is
    in it."""
    if sender == "i":
        assert "se" not in agreed or "ee" in agreed
        assert "ss" not in agreed or "es" in agreed
    else:
        assert "es" not in agreed or "ee" in agreed
        assert "ss" not in agreed or "se" in agreed


def test_modifiers_put_the_pre_shared_key_where_they_say() -> None:
    assert noise_patterns.pattern("XXpsk0").messages[0] == ("psk", "e")
    assert noise_patterns.pattern("XXpsk1").messages[0] == ("e", "psk")
    assert noise_patterns.pattern("XXpsk3").messages[2] == ("s", "se", "psk")
    both = noise_patterns.pattern("NKpsk0+psk2")
    assert both.messages == (("psk", "e", "es"), ("e", "ee", "psk"))
    assert both.psks == 2
    assert both.name == "NKpsk0+psk2"
    assert PATTERNS["NK"].psks == 0


@pytest.mark.parametrize(
    "name",
    [
        *("", "QQ", "xx", "XX psk0", "XXpsk0\n", "XXfallback"),
        *("XXpsk4", "NNpsk3", "XXpsk00", "XXpsk-1", "XXpsk", "XXpsk1+psk1", "XXpsk1+", "XX+psk1"),
    ],
)
def test_what_is_no_pattern(name: str) -> None:
    with pytest.raises(UsageError):
        noise_patterns.pattern(name)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("Noise_XX_25519_ChaChaPoly", "of the form"),
        ("Noise_XX_25519_ChaChaPoly_SHA256_", "of the form"),
        ("NoiseX_XX_25519_ChaChaPoly_SHA256", "of the form"),
        ("Noise_XXpsk0" + "+psk0" * 60 + "_25519_ChaChaPoly_SHA256", "of the form"),
        ("Noise_XX_448_ChaChaPoly_SHA256", "this library has 25519"),
        ("Noise_XX_25519_AESGCM_SHA256", "this library has 25519"),
        ("Noise_XX_25519_ChaChaPoly_SHA3", "this library has 25519"),
        ("Noise_QQ_25519_ChaChaPoly_SHA256", "there is no Noise pattern"),
    ],
)
def test_what_is_no_name(name: str, rule: str) -> None:
    with pytest.raises(UsageError, match=rule):
        noise_patterns.protocol(name)


@pytest.mark.parametrize("pattern", [*PATTERNS, "NNpsk0", "XXpsk3", "IKpsk2", "NKpsk0+psk2"])
def test_dissected_messages_are_whole_and_as_long_as_the_layout_says(pattern: str) -> None:
    initiator, responder = pair(pattern)
    for number, raw in enumerate(shake_hands(initiator, responder), start=1):
        fields = noise_patterns.dissect(full_name(pattern), number, raw)
        assert b"".join(field.raw for field in fields) == raw
        assert all(field.raw for field in fields)
        smallest = initiator.pattern.overhead_bytes(number)
        with pytest.raises(DecodeError, match=f"has {smallest} bytes or more"):
            noise_patterns.dissect(full_name(pattern), number, raw[: smallest - 1])


def test_the_parts_of_xx() -> None:
    messages = shake_hands(*pair("XX"))
    parts = [
        [(field.name, field.size_bytes) for field in noise_patterns.dissect(full_name("XX"), number, raw)]
        for number, raw in enumerate(messages, start=1)
    ]
    assert parts == [
        [("e", 32)],
        [("e", 32), ("s", 32), ("tag of s", 16), ("payload", 9), ("tag", 16)],
        [("s", 32), ("tag of s", 16), ("payload", 9), ("tag", 16)],
    ]
    first = noise_patterns.dissect(full_name("XX"), 1, messages[0] + b"hi")
    assert (first[-1].name, first[-1].raw, first[-1].note) == ("payload", b"hi", "readable by all")
    for number in (0, 4):
        with pytest.raises(UsageError, match="no message"):
            noise_patterns.dissect(full_name("XX"), number, messages[0])
