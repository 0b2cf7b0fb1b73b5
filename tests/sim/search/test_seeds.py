"""Searching over seeds: planted bugs are found, and exactly the faults that they need are told."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import Any

import pytest

from p2plib.errors import Deadlock, Leak, SimulationError, TimeLimit, UsageError
from p2plib.sim import Chaos, Corrupt, Crash, Cut, Delay, Duplicate, Fault, Internet, Link, Lose
from p2plib.sim.search.seeds import Failure, in_words, search, source

NEAR = Link(latency=0.02)
PACKETS = 60


class Listener(asyncio.DatagramProtocol):
    """Counts the numbers that arrive."""

    def __init__(self) -> None:
        self.heard: Counter[int] = Counter()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard[data[0]] += 1


async def sixty(net: Internet) -> Counter[int]:
    """Send sixty numbered datagrams from ana to ben and return how often each arrived."""
    ana, ben = net.host("ana"), net.host("ben")
    loop = asyncio.get_running_loop()
    with ben:
        ear, listener = await loop.create_datagram_endpoint(Listener, ("0.0.0.0", 4000))
    with ana:
        mouth, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("0.0.0.0", 0))
    for number in range(PACKETS):
        mouth.sendto(bytes([number]), (ben.address, 4000))
        await asyncio.sleep(0.01)
    await asyncio.sleep(2)
    mouth.close()
    ear.close()
    return listener.heard


async def fails_by_two(net: Internet) -> None:
    heard = await sixty(net)
    assert not (heard[17] == 0 and heard[23] == 2), "17 is missing and 23 came twice"


MANY = Chaos(loss=0.4, duplicate=0.3)


def found(main: Any, **arguments: Any) -> Failure:
    failure = search(main, **arguments)
    assert failure is not None
    return failure


def test_two_faults_of_dozens() -> None:
    failure = found(fails_by_two, chaos=MANY, link=NEAR)
    lost, twice = failure.faults
    assert lost == Lose("ana", 17)
    assert isinstance(twice, Duplicate)
    assert (twice.host, twice.nth) == ("ana", 23)
    assert sum(isinstance(fault, Lose) for fault in failure.faults_before) >= 15
    assert set(failure.faults) <= set(failure.faults_before)
    assert isinstance(failure.error, AssertionError)
    assert failure.runs <= failure.seed + 1 + 2 + 200
    assert not failure.doubt


def test_a_replay_sends_the_same_packets_and_raises_the_same() -> None:
    failure = found(fails_by_two, chaos=MANY, link=NEAR)
    for _ in range(2):
        with pytest.raises(AssertionError, match="17 is missing"):
            failure.replay()
    net = Internet(failure.seed, faults=failure.faults, link=NEAR)
    with pytest.raises(AssertionError):
        net.run(fails_by_two)
    assert net.trace.digest() == failure.digest == failure.net.trace.digest()
    assert [packet.number for packet in failure.net.trace if packet.fate == "lost"] == [17]


def test_the_search_itself_repeats() -> None:
    one, other = (found(fails_by_two, chaos=MANY, link=NEAR) for _ in range(2))
    assert (one.seed, one.faults, one.runs, one.digest) == (
        other.seed,
        other.faults,
        other.runs,
        other.digest,
    )
    assert str(one) == str(other)


def test_what_it_says() -> None:
    failure = found(fails_by_two, chaos=MANY, link=NEAR)
    lines = str(failure).splitlines()
    assert lines[0].startswith(
        f"seed {failure.seed} fails after 2.6 virtual seconds: AssertionError: 17 is missing"
    )
    assert lines[1] == f"it takes 2 of the {len(failure.faults_before)} faults that happened:"
    assert lines[2] == "    packet 17 of ana is lost"
    assert lines[3].startswith("    packet 23 of ana arrives a second time, 0.")
    assert lines[4] == f"found in {failure.runs} runs; to run it again:"
    names = {
        "Internet": Internet,
        "Lose": Lose,
        "Duplicate": Duplicate,
        "link": NEAR,
        "fails_by_two": fails_by_two,
    }
    with pytest.raises(AssertionError, match="17 is missing"):
        eval(lines[5], names)
    assert "net=" not in repr(failure)


def test_a_small_budget_leaves_more_faults_and_takes_no_more_runs() -> None:
    whole = found(fails_by_two, chaos=MANY, link=NEAR)
    hasty = found(fails_by_two, chaos=MANY, link=NEAR, shrink_budget=4)
    assert hasty.seed == whole.seed
    assert hasty.runs == hasty.seed + 1 + 2 + 4
    assert set(whole.faults) < set(hasty.faults) < set(hasty.faults_before)
    untouched = found(fails_by_two, chaos=MANY, link=NEAR, shrink_budget=0)
    assert untouched.faults == untouched.faults_before
    with pytest.raises(AssertionError):
        hasty.replay()


def test_nothing_found_is_none() -> None:
    seen: list[int] = []
    assert search(sixty, range(3, 8), chaos=MANY, link=NEAR, progress=seen.append) is None
    assert seen == [3, 4, 5, 6, 7]


def test_seeds_are_tried_in_order_and_no_further_than_the_first_that_fails() -> None:
    seen: list[int] = []
    first = found(fails_by_two, chaos=MANY, link=NEAR).seed
    failure = found(
        fails_by_two, seeds=range(first, first + 100), chaos=MANY, link=NEAR, progress=seen.append
    )
    assert failure.seed == first
    assert seen == [first]


class Till(asyncio.DatagramProtocol):
    """Counts coins. It answers before the coin is on the platter: a bug, for the length of one sync."""

    def __init__(self, net: Internet) -> None:
        self.disk, self.net = net.hosts["till"].disk, net

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.disk.append("coins", data)
        self.transport.sendto(b"thanks", addr)
        asyncio.get_running_loop().call_later(0.2, self.disk.sync)


async def coins(net: Internet) -> None:
    """Give ten coins to the till, one every second, again until thanked, and count them afterwards."""
    till, ana = net.host("till"), net.host("ana")
    loop, closed = asyncio.get_running_loop(), asyncio.Event()

    async def serve() -> None:
        await loop.create_datagram_endpoint(lambda: Till(net), ("0.0.0.0", 4000))
        await closed.wait()

    async def give() -> None:
        thanked: asyncio.Queue[bytes] = asyncio.Queue()

        class Giver(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: Any) -> None:
                thanked.put_nowait(data)

        transport, _ = await loop.create_datagram_endpoint(Giver, ("0.0.0.0", 0))
        for coin in range(10):
            await asyncio.sleep(1)
            while True:
                transport.sendto(bytes([coin]), (till.address, 4000))
                try:
                    await asyncio.wait_for(thanked.get(), 3)
                    break
                except TimeoutError:
                    continue
        transport.close()

    till.start(serve)
    await ana.run(give())
    await asyncio.sleep(1)
    if till.is_up:
        await till.stop()  # closes its socket, and keeps its disk
    kept = set(till.disk.read("coins"))
    assert kept == set(range(10)), f"lost coins {sorted(set(range(10)) - kept)}"


def test_a_crash_at_a_bad_moment() -> None:
    chaos = Chaos(loss=0.05, crashes=3, down_s=0.5, within_s=10, spare=("ana",))
    failure = found(coins, chaos=chaos, link=NEAR)
    crashes = [fault for fault in failure.faults if isinstance(fault, Crash)]
    assert {crash.host for crash in crashes} == {"till"}
    sent = [packet.arrives_s for packet in failure.net.trace if packet.sender == "ana" and packet.arrives_s]
    bad = [crash for crash in crashes for arrived in sent if 0 < crash.at_s - arrived < 0.2]
    assert bad, "a crash between thanks and sync"
    for left_out in failure.faults:  # others may only have moved the coin to where the crash is
        fewer = [fault for fault in failure.faults if fault != left_out]
        Internet(failure.seed, faults=fewer, link=NEAR).run(coins)


async def earlier_if_lost(net: Internet) -> None:
    """Ana's second packet comes before cleo's if her first is lost, and after it if not."""
    ana, ben, cleo = (net.host(name) for name in ("ana", "ben", "cleo"))
    loop = asyncio.get_running_loop()
    with ben:
        ear, listener = await loop.create_datagram_endpoint(Listener, ("0.0.0.0", 4000))
    with ana:
        hers, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("0.0.0.0", 0))
    with cleo:
        his, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("0.0.0.0", 0))
    loop.call_later(3, his.sendto, b"\3", (ben.address, 4000))
    hers.sendto(b"\1", (ben.address, 4000))
    await asyncio.sleep(1)
    await asyncio.sleep(4 if listener.heard[1] else 0)
    hers.sendto(b"\2", (ben.address, 4000))
    await asyncio.sleep(5)
    for transport in (ear, hers, his):
        transport.close()
    assert listener.heard[2] or listener.heard[3], "two are missing"


def test_faults_are_told_in_the_order_in_which_they_happen_in_the_shrunk_run() -> None:
    failure = found(earlier_if_lost, chaos=Chaos(loss=0.99), link=NEAR)
    assert failure.faults_before == (Lose("ana", 0), Lose("ana", 1), Lose("cleo", 0))
    assert failure.faults == (Lose("cleo", 0), Lose("ana", 1)) == tuple(failure.net.happened)


def test_a_cut_can_be_to_blame() -> None:
    async def main(net: Internet) -> None:
        heard = await sixty(net)
        assert len(heard) > PACKETS // 2

    failure = found(main, chaos=Chaos(loss=0.1, cuts=2, cut_s=2, within_s=0.6), link=NEAR)
    assert all(isinstance(fault, Cut) for fault in failure.faults)
    assert any(isinstance(fault, Lose) for fault in failure.faults_before)


async def nothing(net: Internet) -> None:
    """Fail by no fault at all."""
    await sixty(net)
    raise KeyError("always")


def test_what_fails_anyway_takes_no_fault() -> None:
    failure = found(nothing, chaos=MANY, link=NEAR)
    assert failure.seed == 0
    assert failure.faults == ()
    assert failure.runs == 4  # found, repeated, with all its faults, with none
    assert f"takes none of the {len(failure.faults_before)}" in str(failure)
    assert found(nothing, link=NEAR).faults_before == (), "without a chaos nothing happens"


@pytest.mark.parametrize("kind", [Deadlock, Leak, TimeLimit])
def test_whatever_a_run_raises_is_a_failure(kind: type[Exception]) -> None:
    async def main(net: Internet) -> None:
        heard = await sixty(net)
        if heard[5] == 0:
            if kind is Deadlock:
                await net.loop.create_future()
            elif kind is Leak:
                net.left = asyncio.create_task(asyncio.Event().wait())  # type: ignore[attr-defined]
            else:
                await asyncio.sleep(1000)

    failure = found(main, chaos=MANY, link=NEAR, time_limit_s=100)
    assert type(failure.error) is kind
    assert failure.faults == (Lose("ana", 5),)
    assert failure.line.endswith(".run(main, time_limit_s=100)")


def test_an_endless_program_is_stopped() -> None:
    async def main(net: Internet) -> None:
        while True:
            await asyncio.sleep(0)

    failure = found(main, max_events=1000)
    assert type(failure.error) is TimeLimit
    assert "max_events=1000" in failure.line


def test_shrinking_holds_on_to_the_error_that_was_found() -> None:
    async def main(net: Internet) -> None:
        heard = await sixty(net)
        if heard[5] == 0 and heard[6] == 0:
            raise KeyError("both")
        if heard[5] == 0:
            raise ValueError("one")

    failure = found(main, seeds=range(100), chaos=Chaos(loss=0.6), link=NEAR)
    needed = {KeyError: {Lose("ana", 5), Lose("ana", 6)}, ValueError: {Lose("ana", 5)}}
    assert set(failure.faults) == needed[type(failure.error)]  # type: ignore[index]
    both = found(
        main, seeds=[s for s in range(40) if raised(main, s) is KeyError], chaos=Chaos(loss=0.6), link=NEAR
    )
    assert type(both.error) is KeyError
    assert set(both.faults) == needed[KeyError]


def raised(main: Any, seed: int) -> type[BaseException] | None:
    try:
        Internet(seed, faults=Chaos(loss=0.6), link=NEAR).run(main)
    except Exception as error:
        return type(error)
    return None


def test_a_program_that_remembers_its_last_run_is_told_so() -> None:
    before: list[int] = []

    async def main(net: Internet) -> None:
        before.append(1)
        ana, ben = net.host("ana"), net.host("ben")
        with ana:
            mouth, _ = await net.loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("0.0.0.0", 0))
        mouth.sendto(b"same", (ben.address, 4000))
        await asyncio.sleep(1)
        mouth.sendto(bytes(len(before)), (ben.address, 4000))
        mouth.close()
        raise AssertionError("as ever")

    failure = found(main, link=NEAR)
    assert "not deterministic" in failure.doubt
    assert "packet 1 differs, which ana sent at 1 s" in failure.doubt
    assert failure.faults == failure.faults_before
    assert failure.runs == 2
    assert failure.doubt in str(failure)
    with pytest.raises(SimulationError, match="by other packets: packet 1 differs") as told:
        failure.replay()
    assert isinstance(told.value.__cause__, AssertionError)


def test_a_program_that_fails_only_the_first_time_is_told_so() -> None:
    runs: list[int] = []

    async def main(net: Internet) -> None:
        runs.append(1)
        assert len(runs) > 1

    failure = found(main)
    assert "it does not fail" in failure.doubt
    with pytest.raises(SimulationError, match="now it does not fail"):
        failure.replay()


def test_what_the_faults_alone_do_not_explain_is_replayed_by_its_chaos() -> None:
    async def main(net: Internet) -> None:
        await sixty(net)
        assert net.faults is None or net.faults._chaos is None, "it knows that it is being tested"

    failure = found(main, chaos=Chaos(loss=0.2), link=NEAR)
    assert failure.doubt.startswith("the same faults, given as a list, do not make it fail")
    assert "faults=Chaos(loss=0.2)" in failure.line
    assert failure.faults == failure.faults_before
    with pytest.raises(AssertionError, match="being tested"):
        failure.replay()


def test_the_makers_own_internet() -> None:
    def two_hosts(seed: int, **arguments: Any) -> Internet:
        net = Internet(seed, link=NEAR, **arguments)
        net.host("extra")
        return net

    async def main(net: Internet) -> None:
        assert "extra" in net.hosts
        await fails_by_two(net)

    failure = found(main, chaos=MANY, make=two_hosts)
    assert "17 is missing" in str(failure.error)
    assert failure.line.startswith(f"two_hosts({failure.seed}, faults=[Lose('ana', 17), ")
    assert partial(Internet).func is Internet
    assert found(nothing, make=partial(Internet, link=NEAR)).line.startswith("make(0, faults=[]")


def test_misuse() -> None:
    with pytest.raises(UsageError, match="async def main"):
        search(None)  # type: ignore[arg-type]


def test_interruptions_end_the_search() -> None:
    async def main(net: Internet) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(main)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Lose("ana", 3), "packet 3 of ana is lost"),
        (Duplicate("ana", 3, 0.25), "packet 3 of ana arrives a second time, 0.25 s after the first"),
        (Delay("ben", 0, 1.5), "packet 0 of ben is held back for 1.5 s"),
        (Delay("ben", 0, 1.5, True), "packet 0 of ben is late by 1.5 s"),
        (Corrupt("ben", 2, 77), "one bit of packet 2 of ben is flipped (77 modulo its length)"),
        (Crash("cleo", 3.0), "cleo loses its power at 3 s, for good"),
        (Crash("cleo", 3.0, 0.5), "cleo loses its power at 3 s, and starts again 0.5 s later"),
        (
            Crash("cleo", 3.0, 1.0, True),
            "cleo loses its power at 3 s and its disk, and starts again 1 s later",
        ),
        (Cut(("ana", "ben"), 2.0), "ana and ben cut off from all others at 2 s, for good"),
        (Cut(("ana",), 2.0, 4.0), "ana cut off from all others at 2 s, for 4 s"),
    ],
)
def test_faults_in_words_and_in_python(fault: Fault, words: str) -> None:
    assert in_words(fault) == words
    names = {kind.__name__: kind for kind in (Lose, Duplicate, Delay, Corrupt, Crash, Cut)}
    assert eval(source(fault), names) == fault


def test_python_is_written_without_what_goes_without_saying() -> None:
    assert source(Crash("cleo", 3.0)) == "Crash('cleo', 3.0)"
    assert source(Crash("cleo", 3.0, 0.5)) == "Crash('cleo', 3.0, down_s=0.5)"
    assert source(Chaos(loss=0.25)) == "Chaos(loss=0.25)"
