"""Lab 8: what it alone promises. What every lab promises is tested in `tests/labs/test_every_lab.py`."""

from __future__ import annotations

import hashlib
import itertools
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from p2plib.labs.lab08_content import LAB
from p2plib.labs.lab08_content.accepting import accept, deliveries
from p2plib.labs.lab08_content.asking import AT_ONCE, missing
from p2plib.labs.lab08_content.crashing import Appends, disks
from p2plib.labs.lab08_content.disk import ForgetfulFile
from p2plib.labs.lab08_content.entries import (
    ANA,
    BEN,
    ENTRY,
    append,
    content_of,
    dissect_entry,
    honest_log,
    link,
    person,
    sealed,
    verified,
)
from p2plib.labs.lab08_content.forging import forgeries
from p2plib.labs.lab08_content.liars import fetched, liars
from p2plib.labs.lab08_content.mirroring import copes
from p2plib.labs.lab08_content.proving import forged_claims
from p2plib.labs.lab08_content.records import append_record, dissect_record, record_of, recover
from p2plib.labs.lab08_content.sharing import store_cases
from p2plib.labs.lab08_content.trees import numbered
from p2plib.labs.lab08_content.weathers import WEATHERS
from tests.labs.lab08_content.learners import PRELUDE
from tests.labs.proving import disguised, kept_and_taken_up, learner

CLEO = person("Cleo")
HIDDEN: dict[str, Callable[[Random], Sequence[Any]]] = {
    "append": lambda rng: [(CLEO, honest_log(CLEO, *[b"x"] * rng.randrange(9)), rng.randbytes(9))],
    "verified": forgeries,
    "append_record": lambda rng: [Appends((rng.randbytes(5), rng.randbytes(500)))],
    "recover": disks,
    "missing": lambda rng: [
        ({rng.randbytes(4): rng.randrange(99) for _ in range(4)}, {}),
        ({b"a": rng.randrange(99), b"b": 0}, {b"b": rng.randrange(1, 99), b"a": rng.randrange(999)}),
    ],
    "accept": deliveries,
    "merkle_root": lambda rng: [([rng.randbytes(rng.randrange(9)) for _ in range(rng.randrange(40))],)],
    "prove": lambda rng: [(numbered(rng.randrange(9), "x"), rng.randrange(-2, 9)) for _ in range(9)],
    "proven": forged_claims,
    "ChunkStore": store_cases,
    "mirror": lambda rng: [copes(weather, rng.randrange(999)) for weather in rng.sample(WEATHERS, 3)],
}  # fmt: skip

OTHER_WAYS = {
    "verified backwards": (
        "verified",
        """
def verified(author, log):
    def is_good(at):
        body = log[at][:-64]
        previous = hashlib.sha256(log[at - 1]).digest() if at else bytes(32)
        if body[:32] != author.raw or body[32:64] != previous or body[64:72] != (at + 1).to_bytes(8, "big"):
            return False
        try:
            author.verify(ENTRY, body, log[at][-64:])
        except RemoteError:
            return False
        return True
    return next((at for at in range(len(log)) if not is_good(at)), len(log))
""",
    ),
    "recover by recursion": (
        "recover",
        """
def recover(data):
    size = int.from_bytes(data[:4], "big")
    if len(data) < 12:
        return [], 0
    if crc(data[:4]) != data[4:8]:
        raise ValueError
    if len(data) < 12 + size:
        return [], 0
    value = data[12:12 + size]
    if crc(value) != data[8:12]:
        raise ValueError
    values, end = recover(data[12 + size:])
    return [value, *values], 12 + size + end
""",
    ),
    "append_record in two writes": (
        "append_record",
        """
def append_record(file, value):
    size = len(value).to_bytes(4, "big")
    file.write(size + crc(size) + crc(value))
    file.write(value)
    file.sync()
""",
    ),
    "missing as one list": (
        "missing",
        """
def missing(mine, theirs):
    return [(a, n + 1, min(theirs[a], n + AT_ONCE)) for a, n in mine.items() if a in theirs and theirs[a] > n]
""",
    ),
    "accept by sorting": (
        "accept",
        """
def accept(author, log, entries):
    good = []
    for entry in set(entries):
        if len(entry) >= 136 and entry[:32] == author.raw and entry not in log:
            try:
                author.verify(ENTRY, entry[:-64], entry[-64:])
                good.append(entry)
            except RemoteError:
                pass
    all_of_them = sorted([*log, *good], key=lambda entry: entry[64:72])
    for one, other in zip(all_of_them, all_of_them[1:]):
        if one[64:72] == other[64:72]:
            return list(log), (one, other)
    longer = list(log)
    for entry in sorted(good, key=lambda entry: entry[64:72]):
        previous = hashlib.sha256(longer[-1]).digest() if longer else bytes(32)
        if entry[32:72] == previous + (len(longer) + 1).to_bytes(8, "big"):
            longer.append(entry)
    return longer, None
""",
    ),
}


@pytest.mark.parametrize(("name", "source"), OTHER_WAYS.values(), ids=list(OTHER_WAYS))
def test_other_right_answers_pass(name: str, source: str) -> None:
    assert LAB.verdict(name, learner(PRELUDE)(name, source)).line.startswith("[v]")


@pytest.mark.parametrize("seed", range(2, 8))
@pytest.mark.parametrize("name", LAB.tasks)
def test_cases_of_any_seed_accept_the_reference(name: str, seed: int) -> None:
    LAB.judge(name, disguised(LAB.tasks[name].reference), *HIDDEN[name](Random(seed)))


@pytest.mark.parametrize("name", ["append", "verified", "recover", "accept"])
def test_a_memorised_answer_fails_in_hidden_cases(name: str) -> None:
    """It knows what the reference answers to all public cases, and nothing else."""
    known: dict[str, Any] = {}

    def plain(arguments: Any) -> str:
        return repr([getattr(one, "raw", one) for one in arguments])

    def learning(*arguments: Any) -> Any:
        try:
            known[plain(arguments)] = answer = LAB.tasks[name].reference(*arguments)
        except ValueError as error:
            known[plain(arguments)] = error
            raise
        return answer

    assert LAB.verdict(name, learning).is_right
    with pytest.raises(AssertionError):
        LAB.judge(name, lambda *arguments: known[plain(arguments)], *HIDDEN[name](Random(20)))


# The lab's own formats


def test_an_entry_is_laid_out_as_the_table_says() -> None:
    log = [append(ANA, [], b"hello")]
    log.append(append(ANA, log, b"again"))
    assert log[0][:72] == ANA.public.raw + bytes(32) + b"\0\0\0\0\0\0\0\x01"
    assert log[1][:72] == ANA.public.raw + hashlib.sha256(log[0]).digest() + b"\0\0\0\0\0\0\0\x02"
    assert log[1][72:77] == content_of(log[1]) == b"again"
    ANA.public.verify(ENTRY, log[1][:-64], log[1][-64:])
    for entry in log:
        assert b"".join(part.raw for part in dissect_entry(entry)) == entry


def test_a_record_is_laid_out_as_the_table_says() -> None:
    """The CRC-32 of "123456789" is known: cbf43926."""
    raw = record_of(b"123456789")
    assert raw.hex() == f"00000009{zlib.crc32(bytes([0, 0, 0, 9])):08x}cbf43926" + b"123456789".hex()
    assert b"".join(part.raw for part in dissect_record(raw)) == raw


@pytest.mark.fault("F121")
def test_every_flip_and_every_pair_of_flips_nearby_is_noticed() -> None:
    data = record_of(b"one") + record_of(b"") + record_of(b"three")
    for first, second in itertools.product(range(8 * len(data)), range(8)):
        damaged = bytearray(data)
        damaged[first // 8] ^= 1 << first % 8
        other = first + second
        if second and other < 8 * len(data):
            damaged[other // 8] ^= 1 << other % 8
        with pytest.raises(ValueError, match="damaged"):
            recover(bytes(damaged))


def test_a_forgetful_file_keeps_what_was_synced() -> None:
    file = ForgetfulFile()
    append_record(file, b"one")
    assert file.crashes() == [record_of(b"one")]
    file.write(b"ab")
    assert file.crashes() == [file.kept, file.kept + b"a", file.kept + b"ab"]


@pytest.mark.fault("F110")
def test_a_fork_is_a_proof_for_anybody_in_any_order() -> None:
    log = honest_log(ANA, b"1", b"2", b"3", b"4")
    other = sealed(ANA, link(log[:2]), 3, b"another 3")
    for entries in itertools.permutations([*log[1:], other]):
        kept, fork = accept(ANA.public, log[:1], list(entries))
        assert kept == log[:1]
        assert fork is not None
        assert {*fork} == {log[2], other}
    assert verified(ANA.public, [*log[:2], other]) == 3
    assert verified(BEN.public, log) == 0


@pytest.mark.fault("F115")
def test_the_same_entries_in_any_order_and_number_make_one_log() -> None:
    log = honest_log(ANA, b"1", b"2", b"3", b"4")
    for entries in itertools.permutations([*log, log[1]]):
        assert accept(ANA.public, [], list(entries)) == (log, None)


def test_the_table_of_the_lab_says_what_happens() -> None:
    whole = honest_log(ANA, *(b"%d" % number for number in range(120)))
    for name, peer in liars(ANA).items():
        log, sent, fork = fetched(ANA.public, whole, peer, missing, accept, Random(8))
        if name == "forks":
            assert (log, fork is not None) == ([], True)
        else:
            assert (log, fork) == (whole, None), name
        assert (sent == 120) == (name in ("honest", "reorders"))
    assert missing({b"a": 0}, {b"a": 120}) == [(b"a", 1, AT_ONCE)]


def test_a_peer_that_sends_nothing_is_given_up() -> None:
    whole = honest_log(ANA, b"1")
    got = fetched(ANA.public, whole, lambda *_: [], missing, accept, Random(1))
    assert got == ([], 0, None)


def test_hints_fit_into_the_line() -> None:
    for task in LAB.tasks.values():
        assert len(task.hint) <= 110, task.name
        for mistake in task.mistakes:
            assert len(mistake.hint) <= 110, (task.name, mistake.hint)


# Keeping


def test_what_is_kept_is_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The solved notebook's answers and checks, run as a notebook does; then a later lab asks for them."""
    kept_and_taken_up(LAB, "lab08_content", tmp_path, monkeypatch, capsys)
