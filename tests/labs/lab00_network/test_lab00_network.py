"""Lab 0: right answers pass, every mistake meets its own hint, and the worlds do what probes say."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from p2plib.labs import Task, Wrong
from p2plib.labs.lab00_network import LAB
from p2plib.labs.lab00_network.answering import answers
from p2plib.labs.lab00_network.asking import clock_set, measures
from p2plib.labs.lab00_network.detector import through_partition
from p2plib.labs.lab00_network.peer_socket import PeerSocket
from p2plib.labs.lab00_network.retry import answered_by, budget, far, gives_up
from p2plib.labs.lab00_network.roundtrips import ROADS, RoundTrips, keeps_budget
from p2plib.labs.lab00_network.wire import PING, encode_ping
from tests.labs.lab00_network.learners import ANSWERS, written
from tests.labs.proving import disguised, kept_and_taken_up

TASKS = list(LAB.tasks.values())
MISTAKES = [(task, mistake) for task in TASKS for mistake in task.mistakes]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_reference_passes(task: Task) -> None:
    line = LAB.verdict(task.name, disguised(task.reference)).line
    assert line == f"[v] {task.name}: {len(task.cases)} of {len(task.cases)} cases"


STUBS = {
    "Responder": "class Responder(asyncio.DatagramProtocol):\n"
    "    def connection_made(self, transport):\n        self.transport = transport\n"
    "    def datagram_received(self, data, addr):\n        raise NotImplementedError\n",
    "Detector": "class Detector:\n    def __init__(self, misses=3, answers=2):\n        pass\n"
    "    def sample(self, answered):\n        raise NotImplementedError\n",
    "RoundTrips": "class RoundTrips:\n    def __init__(self):\n        self.timeout_s = 1.0\n"
    "    def heard(self, round_trip_s):\n        raise NotImplementedError\n"
    "    def missed(self):\n        raise NotImplementedError\n",
}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_stub_is_not_written_yet(task: Task) -> None:
    def stub(*arguments: Any) -> Any:
        raise NotImplementedError

    async def async_stub(*arguments: Any) -> Any:
        raise NotImplementedError

    assert LAB.verdict(task.name, stub).line == f"[ ] {task.name}: not written yet"
    if task.name in STUBS:
        half = written(task.name, STUBS[task.name])
        assert LAB.verdict(task.name, half).line == f"[ ] {task.name}: not written yet"
    if task.name.startswith("ping"):
        assert LAB.verdict(task.name, async_stub).line == f"[ ] {task.name}: not written yet"


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_none_is_never_right(task: Task) -> None:
    class Nothing:
        def __getattr__(self, name: str) -> Any:
            return lambda *arguments: None

    async def nothing(*arguments: Any) -> Any:
        return None

    is_async = task.name.startswith("ping")
    for wrong in (lambda *arguments: None, nothing if is_async else Nothing):
        assert LAB.verdict(task.name, wrong).state == "[x]"


@pytest.mark.parametrize(
    ("task", "mistake"),
    MISTAKES,
    ids=lambda value: getattr(getattr(value, "implementation", value), "__name__", ""),
)
def test_each_foreseen_mistake_meets_its_own_hint(task: Task, mistake: Any) -> None:
    verdict = LAB.verdict(task.name, disguised(mistake.implementation))
    assert verdict.state == "[x]"
    assert verdict.line.endswith(f"; {mistake.hint}")


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")  # some learners forget to await
@pytest.mark.parametrize(("name", "did", "source", "hint"), ANSWERS, ids=[f"{a[0]}: {a[1]}" for a in ANSWERS])
def test_each_learner_meets_the_hint_that_helps(name: str, did: str, source: str, hint: str) -> None:
    verdict = LAB.verdict(name, written(name, source))
    assert verdict.state == "[x]"
    assert hint in verdict.line
    assert "0x" not in verdict.line
    assert "\n" not in verdict.line


def test_every_task_has_learners_who_got_it_wrong() -> None:
    for task in TASKS:
        assert sum(answer[0] == task.name for answer in ANSWERS) >= 6, task.name


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
