"""Lab 0: right answers pass, every mistake meets its own hint, and the worlds do what probes say."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from p2plib.labs import Wrong
from p2plib.labs.lab00_network import LAB
from p2plib.labs.lab00_network.answering import answers
from p2plib.labs.lab00_network.asking import clock_set, measures
from p2plib.labs.lab00_network.detector import through_partition
from p2plib.labs.lab00_network.peer_socket import PeerSocket
from p2plib.labs.lab00_network.retry import answered_by, budget, far, gives_up
from p2plib.labs.lab00_network.roundtrips import ROADS, RoundTrips, keeps_budget
from p2plib.labs.lab00_network.wire import PING, encode_ping
from tests.labs.proving import disguised, kept_and_taken_up

TASKS = list(LAB.tasks.values())
MISTAKES = [(task, mistake) for task in TASKS for mistake in task.mistakes]


# Hidden cases


HIDDEN: dict[str, Callable[[Random], Any]] = {
    "Responder": lambda rng: [answers(*(rng.getrandbits(32) for _ in range(9)))],
    "ping": lambda rng: [
        measures(rng.uniform(0.001, 2), rng.getrandbits(32)),
        clock_set(-rng.uniform(1, 9e6)),
    ],
    "ping_with_retry": lambda rng: [
        answered_by(rng.randrange(1, 7), rng.uniform(0.2, 3), 7),
        gives_up(rng.uniform(0.2, 3), rng.randrange(1, 7)),
        far(rng.uniform(0.1, 3), 0.1),
        budget(rng.getrandbits(16), 0.1, 40, 65),
    ],
    "Detector": lambda rng: [through_partition(rng.getrandbits(16), rng.uniform(0, 0.1))],
}


@pytest.mark.parametrize("seed", range(2, 7))
@pytest.mark.parametrize("name", HIDDEN)
def test_cases_of_any_seed_accept_the_reference(name: str, seed: int) -> None:
    LAB.judge(name, disguised(LAB.tasks[name].reference), *HIDDEN[name](Random(seed)))


@pytest.mark.parametrize("seed", range(2, 5))
def test_the_budgets_of_the_roads_are_kept_for_any_seed(seed: int) -> None:
    LAB.judge("RoundTrips", disguised(RoundTrips), *(keeps_budget(road, seed) for road in ROADS))


@pytest.mark.parametrize("seconds", [0.05, 0.25, 1.0, 3.0])
def test_no_fixed_wait_keeps_all_budgets(seconds: float) -> None:
    """Neither as it is nor doubled after a miss."""

    class Fixed:
        def __init__(self) -> None:
            self.timeout_s = seconds

        def heard(self, round_trip_s: float) -> None:
            self.timeout_s = seconds

        def missed(self) -> None:
            pass

    class Doubled(Fixed):
        def missed(self) -> None:
            self.timeout_s *= 2

    for kind in (Fixed, Doubled):
        assert LAB.verdict("RoundTrips", kind).state == "[x]"


class MemorisedDetector:
    """What the public cases want to hear, one case after the other."""

    LINES = (".U.", ".U..D", ".U..D..", ".U........", ".U........", ".U..D....", ".U..D...U", "....U..D.U")
    MADE = count()

    def __init__(self, misses: int = 3, answers: int = 2) -> None:
        self.line = iter(self.LINES[next(self.MADE) % len(self.LINES)])

    def sample(self, answered: bool) -> str | None:
        return {"U": "up", "D": "down"}.get(next(self.line, "."))


async def _memorised_ping(socket: PeerSocket, number: int, timeout_s: float) -> float:
    """Waits and answers as in the first two public cases."""
    socket.send(encode_ping(PING, number))
    await socket.receive()
    return 0.08 if number == 1 else 1.5


def test_the_fixed_wait_that_suits_the_cafe_fails_on_three_ways() -> None:
    """As the lab's last figure says."""

    class Fixed:
        timeout_s = 0.11

        def heard(self, round_trip_s: float) -> None:
            pass

        def missed(self) -> None:
            pass

    failed = []
    for road in ROADS:
        try:
            keeps_budget(road)(Fixed)  # type: ignore[operator]
        except Wrong:
            failed.append(road.name)
    assert len(failed) == 3
    assert "through a crowded café" not in failed


@pytest.mark.parametrize(("name", "yours"), [("Detector", MemorisedDetector), ("ping", _memorised_ping)])
def test_a_memorised_answer_fails_in_hidden_cases(name: str, yours: Any) -> None:
    assert LAB.verdict(name, yours).line.split("case ")[1][0] in "39", "it gets through what it has memorised"
    with pytest.raises(AssertionError):
        LAB.judge(name, yours, *HIDDEN[name](Random(20)))


# Keeping


def test_what_is_kept_is_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The solved notebook's answers and checks, run as a notebook does; then a later lab asks for them."""
    kept_and_taken_up(LAB, "lab00_network", tmp_path, monkeypatch, capsys)
