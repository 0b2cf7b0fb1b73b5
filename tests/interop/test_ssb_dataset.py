"""Every case of ssb-validation-dataset 1.2.1, as far as identity and canonical JSON reach: ids and
signatures.

The data set is AGPL: it is read where npm installed it, and nothing of it is copied here. What makes a
message invalid for other reasons (its order, its sizes, its place in a feed) is for the validator of feeds to
say, not for these tests.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from p2plib.wire import canonical_json
from tests.interop import ssb
from tests.interop.peers import HERE, ForeignPeer

pytestmark = pytest.mark.interop

SIZE = 126
# How the data set begins its reason where the fault is in the text of a signature, an author or an HMAC key,
# or in the signature itself.
SIGNATURE_FAULT = re.compile(r"Signature |Message signature |Author |Message author |HMAC key ")


@pytest.fixture(scope="module")
def cases() -> list[dict]:
    text = (HERE / "node_modules" / "ssb-validation-dataset" / "data.json").read_text(encoding="utf-8")
    found = canonical_json.parse(text)
    assert isinstance(found, list)
    assert len(found) == SIZE
    return found  # type: ignore[return-value]


@pytest.fixture(scope="module")
def node() -> Iterator[ForeignPeer]:
    with ForeignPeer("ssb_keys.js") as peer:
        yield peer


def test_every_id(cases: list[dict]) -> None:
    """The data set gives an id for valid messages and for most invalid ones."""
    with_id = [case for case in cases if case["id"] is not None]
    assert [ssb.id_of(canonical_json.encode(case["message"])) for case in with_id] == [
        case["id"] for case in with_id
    ]
    assert len(with_id) == SIZE


def test_every_valid_message_is_signed(cases: list[dict]) -> None:
    valid = [case for case in cases if case["valid"]]
    assert [ssb.is_signed(case["message"], case["hmacKey"]) for case in valid] == [True] * len(valid)
    assert (len(valid), sum(case["hmacKey"] is not None for case in valid)) == (27, 16)


def test_every_message_whose_fault_is_its_signature_is_refused(cases: list[dict]) -> None:
    about_signatures = [case for case in cases if case["error"] and SIGNATURE_FAULT.match(case["error"])]
    assert [ssb.is_signed(case["message"], case["hmacKey"]) for case in about_signatures] == [False] * len(
        about_signatures
    )
    assert len(about_signatures) == 16


def test_every_verdict_beside_nodes(cases: list[dict], node: ForeignPeer) -> None:
    """The same question to both: is this message signed by its author? An exception of theirs is a refusal.

    We accept nothing that they refuse. What they accept and we refuse is exactly what the data set calls
    invalid for the spelling of a base64 or a suffix: ssb-keys leaves that to ssb-validate, and reads on
    regardless.
    """
    questions = [
        {"author": author_in(case), "hmac": case["hmacKey"], "json": canonical_json.encode(case["message"])}
        for case in cases
    ]
    theirs = [verdict is True for verdict in node.ask("verifyObjects", cases=questions)]
    ours = [ssb.is_signed(case["message"], case["hmacKey"]) for case in cases]
    differ = [
        (mine, case["error"]) for mine, yours, case in zip(ours, theirs, cases, strict=True) if mine != yours
    ]
    assert Counter(differ) == {
        (False, "HMAC key must be canonical base64"): 1,
        (False, "Signature base64 must be canonical"): 2,
        (False, "Signature must decode to a value with 64 bytes"): 1,
        (False, "Message signature must end with '.sig.ed25519'"): 3,
    }
    assert sum(ours) > 100


def author_in(case: dict) -> object:
    return case["message"].get("author") if isinstance(case["message"], dict) else None
