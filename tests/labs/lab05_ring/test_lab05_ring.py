"""Lab 5: right answers pass, every mistake meets its own hint, and rings and crowds are what they claim."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from typing import Any

import pytest

from p2plib.errors import NotFound, PeerTimeout
from p2plib.labs import Wrong
from p2plib.labs.lab05_ring import LAB
from p2plib.labs.lab05_ring.arc import adopt, arc, owns
from p2plib.labs.lab05_ring.circle import Circle
from p2plib.labs.lab05_ring.crowd import MOST_MESSAGES, Asking, Crowd, mean, the_crowd
from p2plib.labs.lab05_ring.fingers import finger_points, nearer
from p2plib.labs.lab05_ring.lookup import ALLOWED, ALLOWED_DEAD, lookup, within_budget
from p2plib.labs.lab05_ring.repair import any_town, one_step, stabilise, trusting
from p2plib.population import chord as population_chord
from p2plib.topology.ring.space import Shape, between
from tests.labs.lab05_ring.learners import written
from tests.labs.lab05_ring.learners.ring_lookup import RESTART
from tests.labs.lab05_ring.learners.ring_lookup import RIGHT as RIGHT_LOOKUP
from tests.labs.lab05_ring.learners.ring_repair import RIGHT as RIGHT_STABILISE
from tests.labs.proving import disguised, kept_and_taken_up

TASKS = list(LAB.tasks.values())
MISTAKES = [(task, mistake) for task in TASKS for mistake in task.mistakes]


@pytest.mark.parametrize(("name", "source"), [("stabilise", RIGHT_STABILISE), ("lookup", RIGHT_LOOKUP)])
def test_what_the_wrong_ones_were_made_from_is_right(name: str, source: str) -> None:
    assert LAB.verdict(name, written(name, source)).is_right


OTHER_WAYS = {
    "owns by ways": (
        "owns",
        "def owns(before, own, key):\n    size = 2**200\n"
        "    return before == own or 0 < (key - before) % size <= (own - before) % size\n",
    ),
    "adopt by a cut": (
        "adopt",
        "def adopt(own, head, theirs, r):\n    row = [head, *theirs, own]\n"
        "    return row[: row.index(own)][:r]\n",
    ),
    "finger_points by owns": (
        "finger_points",
        "def finger_points(own, first, bits):\n"
        "    points = [(own + 2**i) % 2**bits for i in range(bits)][::-1]\n"
        "    return [p for p in points if not owns(own, first, p)]\n",
    ),
    "nearer by ways": (
        "nearer",
        "def nearer(own, known, key):\n    size = 2**200\n    way = (key - own) % size or size\n"
        "    found = {p for p in known if 0 < (p - own) % size < way}\n"
        "    return sorted(found, key=lambda p: (key - p) % size)\n",
    ),
    "a lookup that remembers all names": (
        "lookup",
        """
def lookup(own, key, ask):
    size = 2**40
    def gap(peer):
        return (key - peer - 1) % size
    at, answer, asked, names = own, ask(own), {own}, set()
    while True:
        names |= {p for p in answer.nearer if gap(p) < gap(at)}
        left = [p for p in names - asked if gap(p) < gap(at)]
        if not left:
            break
        best = min(left, key=gap)
        asked.add(best)
        try:
            answer = ask(best)
            at = best
        except PeerTimeout:
            pass
    for peer in answer.beyond:
        try:
            ask(peer)
            return peer
        except PeerTimeout:
            pass
    raise NotFound
""",
    ),
}


@pytest.mark.parametrize(("name", "source"), OTHER_WAYS.values(), ids=list(OTHER_WAYS))
def test_other_right_answers_pass(name: str, source: str) -> None:
    assert LAB.verdict(name, written(name, source)).line.startswith("[v]")


# Hidden cases


def _tuples(name: str, rng: Random) -> list[Any]:
    def ids(count: int) -> list[int]:
        return rng.sample(range(1 << 20), count)

    match name:
        case "owns":
            return [arc(rng.randrange(256), rng.randrange(256), 8), *(tuple(ids(3)) for _ in range(20))]
        case "adopt":
            return [(*ids(2), ids(rng.randrange(9)), rng.randrange(1, 9)) for _ in range(20)]
        case "finger_points":
            return [(*ids(2), 20) for _ in range(20)]
        case "nearer":
            return [(*ids(1), ids(rng.randrange(20)), rng.randrange(1 << 20)) for _ in range(20)]
        case "stabilise":
            return [any_town(rng.getrandbits(16))]
    seed = rng.getrandbits(16)
    return [within_budget(0.0, ALLOWED, seed=seed), within_budget(0.3, ALLOWED_DEAD, seed=seed)]


@pytest.mark.parametrize("seed", range(2, 6))
@pytest.mark.parametrize("name", LAB.tasks)
def test_cases_of_any_seed_accept_the_reference(name: str, seed: int) -> None:
    LAB.judge(name, disguised(LAB.tasks[name].reference), *_tuples(name, Random(seed)))


def test_memorised_answers_fail_in_hidden_cases() -> None:
    for name in ("owns", "adopt", "finger_points", "nearer"):
        task = LAB.tasks[name]
        known = {repr(case): task.reference(*case) for case in task.cases if isinstance(case, tuple)}

        def memorised(*arguments: Any, known: dict[str, Any] = known) -> Any:
            return known[repr(arguments)]

        with pytest.raises(AssertionError):
            LAB.judge(name, memorised, *_tuples(name, Random(20)))


def test_to_start_again_after_each_death_is_too_dear_among_thousands() -> None:
    with pytest.raises(Wrong, match="messages a lookup; the budget is"):
        within_budget(0.3, ALLOWED_DEAD)(written("lookup", RESTART))  # type: ignore[operator]


# References, against other definitions of the same


def test_owns_is_the_first_peer_at_the_key_or_after_it() -> None:
    rng = Random(1)
    for size in (1, 2, 3, 8, 40):
        peers = sorted(rng.sample(range(64), size))
        for key in range(64):
            first = next((peer for peer in peers if peer >= key), peers[0])
            pairs = zip([peers[-1], *peers], peers, strict=False)
            assert [own for before, own in pairs if owns(before, own, key)] == [first]


def test_nearer_is_in_the_order_of_the_way_to_the_key() -> None:
    rng = Random(2)
    for _ in range(300):
        own, key, known = rng.randrange(64), rng.randrange(64), rng.choices(range(64), k=9)
        inside = {peer for peer in known if between(own, peer, key)}
        assert nearer(own, known, key) == sorted(inside, key=lambda peer: (key - peer) % 64)


# The ring that is repaired


@pytest.mark.parametrize("seed", range(8))
def test_a_ring_of_which_a_third_died_and_a_third_came_is_right_within_six_rounds(seed: int) -> None:
    circle = Circle(300, seed=seed, r=12)
    circle.kill(0.3)
    circle.join(90)
    assert circle.shape() is not Shape.RIGHT
    assert circle.wrong() > 100
    for _ in range(6):
        circle.round(stabilise)
    assert circle.wrong() == 0
    assert circle.shape() is Shape.RIGHT


def test_a_ring_in_order_stays_so_at_one_question_a_peer() -> None:
    circle = Circle(100)
    before = {peer: list(row) for peer, row in circle.after.items()}
    circle.round(stabilise)
    assert circle.after == before
    assert circle.questions == 100


def test_one_step_a_round_is_slower_and_trust_never_ends() -> None:
    """As the lab's figure says."""
    rounds = {}
    for repair in (stabilise, one_step, trusting):
        circle = Circle(300, seed=5)
        circle.kill(0.3)
        circle.join(90)
        rounds[repair.__name__] = next(
            (n for n in range(1, 40) if circle.round(repair) or not circle.wrong()), 40
        )
    assert rounds["stabilise"] < rounds["one_step"] < 10
    assert rounds["trusting"] == 40


def test_whoever_dies_with_all_its_list_is_lost() -> None:
    circle = Circle(20, r=2)
    first, *_ = circle.ids
    circle.dead.update(circle.after[first])
    circle.round(stabilise)
    assert circle.after[first] == []
    with pytest.raises(PeerTimeout):
        circle.ask(min(circle.dead))


# The crowd that is asked


def test_paths_in_the_crowd_are_as_long_as_in_the_population_of_arrays() -> None:
    """Judged by `population_chord`, which shares no line with it; it does not count the owner."""
    crowd = the_crowd(2000)
    ours = mean(crowd.cost(lookup, *pair).messages for pair in crowd.keys(1500)) - 1
    theirs = float(population_chord.lookups(population_chord.ring(2000), 4000, r=16).path.mean())
    assert abs(ours - theirs) < 0.25
    assert ours + 1 < math.log2(2000) / 2 + ALLOWED


def test_time_outs_in_the_crowd_are_as_in_the_population_of_arrays() -> None:
    np = pytest.importorskip("numpy")
    crowd = the_crowd(2000, 0.3)
    costs = [crowd.cost(lookup, *pair) for pair in crowd.keys(1500)]
    ring = population_chord.ring(2000)
    dead = np.random.default_rng(1).random(2000) < 0.3
    theirs = population_chord.lookups_with_dead(ring, dead, 1500, r=16)
    assert all(cost.right for cost in costs)
    assert abs(mean(cost.timeouts for cost in costs) - float(theirs.timeouts.mean())) < 0.5


def test_fingers_and_answers_come_from_the_functions_given() -> None:
    """A crowd whose parts are broken is seen to be."""
    half_blind = Crowd(500, finger_points=lambda own, first, bits: [])
    costs = [half_blind.cost(lookup, *pair).messages for pair in half_blind.keys(50)]
    whole = the_crowd(500)
    assert mean(costs) > 2 * mean(whole.cost(lookup, *pair).messages for pair in whole.keys(50))
    mute = Crowd(500, nearer=lambda own, known, key: [])
    assert not all(mute.cost(lookup, *pair).right for pair in mute.keys(50))


def test_asking_objects_to_strangers_and_to_endless_walks() -> None:
    crowd = the_crowd(500)
    own, key = crowd.ids[0], crowd.ids[250]
    with pytest.raises(Wrong, match="whom nobody had named"):
        Asking(crowd, own, key)(crowd.ids[400])
    asking = Asking(crowd, own, key)
    first = asking(own).nearer[0]
    for _ in range(MOST_MESSAGES):
        asking(first)
    with pytest.raises(Wrong, match=f"more than {MOST_MESSAGES} times"):
        asking(first)
    assert asking.messages == MOST_MESSAGES + 1


def test_a_lookup_where_all_beyond_are_dead_is_not_found() -> None:
    crowd = Crowd(40, r=2)
    own, key = crowd.ids[0], crowd.ids[10] - 1
    crowd.dead = frozenset(crowd.ids[10:13])
    asking = Asking(crowd, own, key)
    with pytest.raises(NotFound):
        lookup(own, key, asking)
    assert not crowd.cost(lookup, own, key).right


def test_a_ring_of_one_and_of_two_is_walked() -> None:
    for count in (2, 3):
        crowd = Crowd(count)
        assert all(crowd.cost(lookup, *pair).right for pair in crowd.keys(40))
    assert adopt(8, 21, [8], 4) == [21]
    assert finger_points(8, 7, 6) == []


# Keeping


def test_what_is_kept_is_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The solved notebook's answers and checks, run as a notebook does; then a later lab asks for them."""
    kept_and_taken_up(LAB, "lab05_ring", tmp_path, monkeypatch, capsys)
