"""The edge cases do what their names say, and mainstream libraries disagree on them."""

from __future__ import annotations

import doctest

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from p2plib.identity import edge_cases, edwards, keys
from p2plib.identity.edge_cases import VERIFIERS, cases, verdicts

# Every case, and who accepts it: our rule, RFC 8032 cofactorless, RFC 8032 cofactored, ZIP 215.
TABLE = {
    "honest": "yyyy",
    "S plus L": "....",
    "S plus 1": "....",
    "A neutral, signs everything": ".yyy",
    "A of order 8, cancelled": ".yyy",
    "A of order 8, residue": "..yy",
    "R neutral": ".yyy",
    "R of order 8, residue": "..yy",
    "A and R neutral, S zero": ".yyy",
    "A mixed, cancelled": "yyyy",
    "A mixed, residue": "..yy",
    "R mixed, residue": "..yy",
    "A and R mixed, cancelled": "yyyy",
    "A mixed, R of order 8, cancelled": ".yyy",
    "A neutral, y above p": "...y",
    "A neutral, minus zero": "...y",
    "R neutral, y above p": "...y",
    "R neutral, minus zero": "...y",
    "A not on the curve": "....",
    "R not on the curve": "....",
}
COLUMNS = ("our rule", "RFC 8032 cofactorless", "RFC 8032 cofactored", "ZIP 215")

# Which part of our rule each of them breaks.
RULES = {
    "S plus L": "rule 2",
    "S plus 1": "rule 5",
    "A neutral, signs everything": "rule 4: A",
    "A of order 8, cancelled": "rule 4: A",
    "A of order 8, residue": "rule 4: A",
    "R neutral": "rule 4: R",
    "R of order 8, residue": "rule 4: R",
    "A and R neutral, S zero": "rule 4: A",
    "A mixed, residue": "rule 5",
    "R mixed, residue": "rule 5",
    "A mixed, R of order 8, cancelled": "rule 4: R",
    "A neutral, y above p": "rule 3: A",
    "A neutral, minus zero": "rule 3: A",
    "R neutral, y above p": "rule 3: R",
    "R neutral, minus zero": "rule 3: R",
    "A not on the curve": "rule 5",
    "R not on the curve": "rule 5",
}


def openssl(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def test_who_accepts_what() -> None:
    found = verdicts({name: VERIFIERS[name] for name in COLUMNS})
    assert {name: "".join("y" if row[c] else "." for c in COLUMNS) for name, row in found.items()} == TABLE


@pytest.mark.fault("F001")
@pytest.mark.fault("F002")
@pytest.mark.fault("F003")
def test_which_part_of_the_rule_is_broken() -> None:
    broken = {case.name: keys.broken_rule(case.public, case.message, case.signature) for case in cases()}
    assert {name for name, rule in broken.items() if rule is None} == TABLE.keys() - RULES.keys()
    for name, rule in RULES.items():
        assert (broken[name] or "").startswith(rule), (name, broken[name])


def test_libsodium_and_openssl_disagree() -> None:
    """The reason for having a rule. Their versions may change the cases, not that there are some."""
    found = verdicts({"libsodium": edge_cases.libsodium, "openssl": openssl})
    split = {name for name, row in found.items() if row["libsodium"] != row["openssl"]}
    assert "A neutral, signs everything" in split
    assert len(split) >= 4
    assert all(found["honest"].values())


def test_libsodium_alone_goes_by_the_same_rule() -> None:
    """Part 5 is its equation. Were a later version cofactored, the residue cases would show it here."""
    found = verdicts({"ours": edge_cases.our_rule, "libsodium": edge_cases.libsodium})
    assert [name for name, row in found.items() if row["ours"] != row["libsodium"]] == []


def test_the_neutral_key_signs_everything() -> None:
    case = next(case for case in cases() if case.name == "A neutral, signs everything")
    for message in (b"", b"I owe you a house", b"I owe you two houses"):
        assert edwards.verify_cofactorless(case.public, message, case.signature)
        assert openssl(case.public, message, case.signature)
        assert not edge_cases.our_rule(case.public, message, case.signature)


def test_r_neutral_gives_the_secret_away() -> None:
    case = next(case for case in cases() if case.name == "R neutral")
    S = int.from_bytes(case.signature[32:], "little")
    k = edwards.challenge(case.signature[:32], case.public, case.message)
    a = S * pow(k, -1, edwards.ORDER) % edwards.ORDER
    assert edwards.compress(a * edwards.BASE) == case.public


def test_names_are_unique_and_every_case_says_why() -> None:
    assert len({case.name for case in cases()}) == len(cases()) == 20
    assert all(case.why and len(case.public) == 32 and len(case.signature) == 64 for case in cases())


def test_the_same_every_time() -> None:
    first = cases()
    cases.cache_clear()
    assert cases() == first


def test_example_in_the_docstring() -> None:
    assert doctest.testmod(edge_cases).failed == 0
