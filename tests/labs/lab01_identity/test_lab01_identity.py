"""Lab 1: right answers pass, every mistake meets its own hint, memorised answers fail in hidden cases."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from p2plib.errors import DecodeError, SignatureError
from p2plib.identity import lookalikes
from p2plib.identity.keys import SecretKey
from p2plib.labs.lab01_identity import LAB
from p2plib.labs.lab01_identity.counting import counted
from p2plib.labs.lab01_identity.envelope import dissect_envelope, open_envelope, seal_envelope, twin
from p2plib.labs.lab01_identity.feed import feeds
from p2plib.labs.lab01_identity.following import mailboxes
from p2plib.labs.lab01_identity.odds import Dice, first_collision
from p2plib.labs.lab01_identity.opening import open_cases
from p2plib.labs.lab01_identity.rotation import Following, dissect_rotation, follow, promise_of, rotate
from p2plib.labs.lab01_identity.spelling import from_proquint, to_proquint
from tests.labs.proving import disguised, kept_and_taken_up

TASKS = list(LAB.tasks.values())
MISTAKES = [(task, mistake) for task in TASKS for mistake in task.mistakes]


def test_a_class_with_stubs_is_not_written_yet() -> None:
    class Contacts:
        def __init__(self) -> None:
            raise NotImplementedError

    assert LAB.verdict("Contacts", Contacts).line == "[ ] Contacts: not written yet"

    class Half:
        def __init__(self) -> None:
            pass

        def assign(self, key: object, petname: str) -> None:
            raise NotImplementedError

    assert LAB.verdict("Contacts", Half).line.startswith("[ ] Contacts")


def test_hints_fit_into_the_line() -> None:
    for task, mistake in MISTAKES:
        assert len(mistake.hint) <= 110, (task.name, mistake.hint)


# Hidden cases


HIDDEN: dict[str, Callable[[Random], Any]] = {
    "open_envelope": open_cases,
    "impostors": feeds,
    "follow": mailboxes,
}


@pytest.mark.parametrize("seed", range(2, 12))
@pytest.mark.parametrize("name", HIDDEN)
def test_cases_of_any_seed_accept_the_reference(name: str, seed: int) -> None:
    LAB.judge(name, disguised(LAB.tasks[name].reference), *HIDDEN[name](Random(seed)))


@pytest.mark.parametrize("name", HIDDEN)
def test_a_memorised_answer_fails_in_hidden_cases(name: str) -> None:
    """It knows what the reference answers to all public cases, and nothing else."""
    known: dict[str, Any] = {}

    def learning(*arguments: Any) -> Any:
        try:
            known[repr(_plain(arguments))] = answer = LAB.tasks[name].reference(*arguments)
        except Exception as error:
            known[repr(_plain(arguments))] = error
            raise
        return answer

    assert LAB.verdict(name, learning).is_right

    def memorised(*arguments: Any) -> Any:
        answer = known[repr(_plain(arguments))]
        if isinstance(answer, Exception):
            raise answer
        return answer

    if name != "follow":  # its budget counts verifications, of which there are none here: right, too
        assert LAB.verdict(name, memorised).is_right
    with pytest.raises(AssertionError):
        LAB.judge(name, memorised, *HIDDEN[name](Random(20)))


def _plain(arguments: Any) -> Any:
    if isinstance(arguments, (list, tuple)):
        return [_plain(argument) for argument in arguments]
    return vars(arguments) if hasattr(arguments, "__dict__") else arguments


# The lab's own formats


ANA, BEN, CLEO = (SecretKey.from_seed(bytes([n]) * 32) for n in (1, 2, 3))


def test_an_envelope_is_laid_out_as_the_table_says() -> None:
    envelope = seal_envelope(ANA, "test/1", b"x" * 200)
    assert envelope[:32] == ANA.public.raw
    assert envelope[32:34] == bytes([0xC8, 0x01])  # 200 as a varint
    assert envelope[34:234] == b"x" * 200
    assert envelope[234:] == ANA.sign("test/1", envelope[:234])
    assert b"".join(part.raw for part in dissect_envelope(envelope)) == envelope
    assert [part.size_bytes for part in dissect_envelope(envelope)] == [32, 2, 200, 64]


def test_an_envelope_opens_in_its_context_alone() -> None:
    envelope = seal_envelope(ANA, "test/1", b"hello")
    assert open_envelope("test/1", envelope) == (ANA.public, b"hello")
    with pytest.raises(SignatureError):
        open_envelope("test/2", envelope)
    with pytest.raises(DecodeError):
        open_envelope("test/1", envelope + b"x")


@pytest.mark.fault("F001")
def test_the_twin_of_a_signature_is_refused() -> None:
    signature = ANA.sign_raw(b"hello")
    assert twin(signature) != signature
    with pytest.raises(SignatureError, match="rule 2"):
        ANA.public.verify_raw(b"hello", twin(signature))


def test_proquints_of_the_paper() -> None:
    """Addresses from the paper's own table (Wilkerson 2009)."""
    for address, words in (
        ("127.0.0.1", "lusab-babad"),
        ("63.84.220.193", "gutih-tugad"),
        ("63.118.7.35", "gutuk-bisog"),
    ):
        raw = bytes(map(int, address.split(".")))
        assert to_proquint(raw) == words
        assert from_proquint(words) == raw


def test_a_rotation_is_laid_out_as_the_table_says() -> None:
    raw = rotate(ANA, BEN, promise_of(CLEO.public))
    body = ANA.public.raw + BEN.public.raw + promise_of(CLEO.public)
    assert raw[:64] == body[32:]
    ANA.public.verify("lab01/rotation/1", body, raw[64:128])
    BEN.public.verify("lab01/rotation/1", body, raw[128:])
    assert b"".join(part.raw for part in dissect_rotation(raw)) == raw


def test_following_does_not_depend_on_the_order() -> None:
    keys = [SecretKey.from_seed(bytes([n]) * 32) for n in range(10, 15)]
    start = Following(keys[0].public, promise_of(keys[1].public))
    chain = [rotate(keys[i], keys[i + 1], promise_of(keys[i + 2].public)) for i in range(3)]
    ends = {follow(start, order) for order in itertools.permutations(chain)}
    assert ends == {Following(keys[3].public, promise_of(keys[4].public))}


def test_a_circle_of_promises_ends() -> None:
    start = Following(ANA.public, promise_of(BEN.public))
    circle = [rotate(ANA, BEN, promise_of(ANA.public)), rotate(BEN, ANA, promise_of(BEN.public))]
    assert follow(start, circle).key in (ANA.public, BEN.public)


def test_verifications_are_counted() -> None:
    with counted() as spent:
        ANA.public.verify("test/1", b"x", ANA.sign("test/1", b"x"))
        with pytest.raises(SignatureError):
            ANA.public.verify("test/1", b"y", ANA.sign("test/1", b"x"))
    assert (spent.count, spent.valid) == (2, 1)
    ANA.public.verify("test/1", b"x", ANA.sign("test/1", b"x"))
    assert spent.count == 2


def test_dice_are_thrown_no_more_than_needed() -> None:
    dice = Dice(1, 2, 1, 9)
    assert first_collision(dice) == 3
    assert dice.thrown == 3


def test_the_skeleton_of_the_library_is_a_right_answer() -> None:
    assert LAB.verdict("skeleton", disguised(lookalikes.skeleton)).is_right


# Keeping


def test_what_is_kept_is_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The solved notebook's answers and checks, run as a notebook does; then a later lab asks for them."""
    kept_and_taken_up(LAB, "lab01_identity", tmp_path, monkeypatch, capsys)
