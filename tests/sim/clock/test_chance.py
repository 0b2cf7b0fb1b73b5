"""Each host has its own chance, also where a program asks Python's own modules; outside all is as ever."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import tempfile
import threading
import uuid
from collections.abc import Callable
from random import choice as choice_of_before  # as programs write it
from random import gauss as gauss_of_before
from random import random as random_of_before
from typing import Any
from uuid import uuid1 as uuid1_of_before

import pytest

from p2plib.sim import Internet, current_host
from p2plib.sim.clock.chance import node_of


def names() -> str:
    return next(tempfile._get_candidate_names())  # type: ignore[attr-defined,no-any-return]


def seeded() -> float:
    random.seed(7)
    return random.random()


def seeded_by_nothing() -> float:
    random.seed()
    return random.random()


def state() -> list[float]:
    before = random.getstate()
    first = random.random()
    random.setstate(before)
    return [first, random.random()]


DRAWS: dict[str, Callable[[], Any]] = {
    "random": lambda: random.random(),
    "randrange": lambda: random.randrange(1_000_000_000),
    "shuffle": lambda: random.sample(range(100), 100),
    "choice, imported before": lambda: choice_of_before(range(1_000_000_000)),
    "gauss, imported before": lambda: gauss_of_before(0, 1),
    "randbytes": lambda: random.randbytes(8),
    "a generator without a seed": lambda: random.Random().random(),
    "seeded by nothing": seeded_by_nothing,
    "state": state,
    "SystemRandom": lambda: random.SystemRandom().random(),
    "urandom": lambda: os.urandom(8),
    "getrandom": lambda: os.getrandom(8) if hasattr(os, "getrandom") else os.urandom(8),
    "secrets": lambda: secrets.token_hex(8),
    "uuid1": lambda: uuid.uuid1(),
    "uuid1 with a sequence": lambda: uuid.uuid1(clock_seq=5),
    "uuid4": lambda: uuid.uuid4(),
    "tempfile": names,
}


def drawn(draw: Callable[[], Any], *, noisy: bool = False, seed: int = 1) -> dict[str, list[Any]]:
    """Return what two hosts and the main program draw, three times each; a third host may draw in between."""

    async def three() -> list[Any]:
        seen = []
        for _ in range(3):
            await asyncio.sleep(1)
            seen.append(draw())
        return seen

    async def noise() -> None:
        for _ in range(4):
            draw()
            await asyncio.sleep(0.9)

    async def main(net: Internet) -> dict[str, list[Any]]:
        ana, ben, cy = (net.host(name) for name in ("ana", "ben", "cy"))
        if noisy:
            cy.start(noise)
        seen = await asyncio.gather(ana.run(three()), ben.run(three()), three())
        return dict(zip(("ana", "ben", "main"), seen, strict=True))

    return Internet(seed).run(main)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", DRAWS)
def test_each_host_draws_its_own_and_nobody_elses(name: str) -> None:
    once, again, beside_noise = drawn(DRAWS[name]), drawn(DRAWS[name]), drawn(DRAWS[name], noisy=True)
    assert once == again == beside_noise
    assert once["ana"] != once["ben"] != once["main"] != once["ana"]
    assert name.startswith("uuid1") or drawn(DRAWS[name], seed=2)["ana"] != once["ana"]


def test_a_seed_is_set_for_one_host_alone() -> None:
    async def main(net: Internet) -> list[float]:
        with net.host("ana"):
            first = random.random()
        with net.host("ben"):
            seeds = seeded()
        with net.hosts["ana"]:
            return [first, random.random(), seeds]

    first, second, seeds = Internet(1).run(main)
    assert seeds == random.Random(7).random()
    with_nobody = random.Random("1/random/ana")
    assert [first, second] == [with_nobody.random(), with_nobody.random()]


def test_gauss_keeps_its_second_value_for_the_host_that_drew_the_first() -> None:
    async def main(net: Internet) -> list[float]:
        seen = []
        for name in ("ana", "ben"):
            with net.host(name):
                seen.append(random.gauss(0, 1))
        for name in ("ana", "ben"):
            with net.hosts[name]:
                seen.append(random.gauss(0, 1))
        return seen

    ana, ben = random.Random("1/random/ana"), random.Random("1/random/ben")
    assert Internet(1).run(main) == [one.gauss(0, 1) for one in (ana, ben, ana, ben)]


def test_what_python_binds_in_c_and_was_imported_before_is_seeded_once_for_the_whole_run() -> None:
    assert drawn(random_of_before) == drawn(random_of_before)
    assert drawn(random_of_before)["ana"] != drawn(random_of_before, noisy=True)["ana"], "the gap we name"


def test_uuid1_tells_the_hosts_time_and_its_hardware_address_and_never_the_same_twice() -> None:
    async def main(net: Internet) -> list[uuid.UUID]:
        with net.host("ana", address="203.0.113.5"):
            return [uuid.uuid1(), uuid1_of_before(), uuid.uuid1(clock_seq=5), uuid.uuid1(node=9)]

    made = Internet(1).run(main)
    assert len({one.time for one in (made[0], *made[2:])}) == 3
    assert (made[0].time - 0x01B21DD213814000) * 100 == 1_700_000_000 * 10**9
    assert [one.node for one in made] == [0x0200CB007105, 0x0200CB007105, 0x0200CB007105, 9]
    assert made[2].clock_seq == 5
    assert made[0].version == made[1].version == 1
    assert node_of("198.18.0.1") == 0x0200C6120001


def test_outside_and_in_other_threads_everybody_draws_from_the_real_one() -> None:
    seen: list[float] = []
    turns = [threading.Event(), threading.Event()]

    def outside() -> None:
        turns[0].wait(30)
        seen.extend([random.random(), choice_of_before(range(1_000_000_000)), random.gauss(0, 1)])
        turns[1].set()

    async def main(net: Internet) -> list[float]:
        first = random.random()
        turns[0].set()
        turns[1].wait(30)  # real: nothing else runs meanwhile
        return [first, random.random()]

    thread = threading.Thread(target=outside)
    thread.start()
    random.seed(5)
    before = random.random()
    inside = Internet(1).run(main)
    after = random.gauss(0, 1)
    thread.join()
    real, simulated = random.Random(5), random.Random("1/random")
    assert [before, *seen] == [
        real.random(),
        real.random(),
        real.choice(range(1_000_000_000)),
        real.gauss(0, 1),
    ]
    assert after == real.gauss(0, 1), "what was drawn outside meanwhile stays drawn"
    assert inside == [simulated.random(), simulated.random()]
    assert type(random._inst) is random.Random  # type: ignore[attr-defined]


def test_two_internets_in_two_threads_do_not_spoil_each_other() -> None:
    halfway = threading.Barrier(2, timeout=30)
    seen: list[list[Any]] = []

    async def main(net: Internet) -> list[Any]:
        drawn: list[Any] = []
        for _ in range(3):
            halfway.wait()
            with net.hosts.get("ana") or net.host("ana"):
                drawn.append([random.random(), os.urandom(4), random.Random().random()])
            await asyncio.sleep(1)
        return drawn

    threads = [threading.Thread(target=lambda: seen.append(Internet(1).run(main))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen[0] == seen[1]
    assert len(seen[0]) == 3


def test_an_internet_goes_on_drawing_where_it_was_when_it_is_run_again() -> None:
    async def main(net: Internet) -> list[float]:
        with net.hosts.get("ana") or net.host("ana"):
            inside = random.random()
        return [random.random(), inside, random_of_before()]

    net = Internet(1)
    first, second = net.run(main), net.run(main)
    assert len({*first, *second}) == 6
    own = random.Random("1/random/ana")
    assert [first[1], second[1]] == [own.random(), own.random()]


def test_sources_are_made_when_they_are_first_used_and_their_values_hang_on_the_name_alone() -> None:
    async def main(net: Internet) -> list[set[str]]:
        host = net.host("ana")
        made = [{"random", "draws", "luck", "chance"} & set(vars(host))]
        with host:
            os.urandom(1)
            random.random()
            assert current_host() is host
        return [*made, {"random", "draws", "luck", "chance"} & set(vars(host))]

    assert Internet(1).run(main) == [set(), {"random", "chance"}]
    late = Internet(1).host("ana")
    for name, seed in (("random", "programs"), ("draws", "network"), ("luck", "luck")):
        assert getattr(late, name).random() == random.Random(f"1/{seed}/ana").random()
