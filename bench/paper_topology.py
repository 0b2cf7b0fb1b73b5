"""Swarm topologies: what their papers say, and what ours do. Every number is computed here, with its seeds.

    python bench/paper_topology.py              all tables, a few minutes
    python bench/paper_topology.py --quick      small sizes, a few seconds; the numbers are rougher
    python bench/paper_topology.py --full hyparview
                                                with the paper's ten thousand peers: five seeds, 25 minutes
                                                (measured on one of two busy cores; 0.5 GB)
    python bench/paper_topology.py chord-path   one table: chord-path, chord-failures, chord-load, uptime,
                                                kademlia-hops, kademlia-churn, s-kademlia, hyparview,
                                                chord-churn, chord-churn-old-fingers,
                                                kademlia-sessions
    python bench/paper_topology.py --write      also puts the tables into bench/results/paper_topology.json,
                                                which the handbook's chapter on a million peers prints

chord-churn (Table III) takes four minutes, and
kademlia-sessions ten.

"ours" is a mean over seeds and how far the true mean may be from it with 95 % confidence (Student's t).
HyParView: peers are told at once of a neighbour's death, as TCP tells the paper's; a name of the passive
view that is dead is found out by three questions, about 0.7 s. A round is the 10 s between shuffles, and
repair does not wait for one. 12 rounds (120 s) mean that 99 % of the survivors did not hang together by
then. With ten thousand peers, crashes of up to 90 % were mended within the first round (80 %: 1.3 s, 90 %:
3.2 s; there three survivors of a thousand stayed out for good), and 95 % was not: 95 % of the survivors
hung together then. The paper counts rounds until a broadcast is as reliable as before, so its four rounds
and our one are not the same measure; path length and clustering are, and ours are a little nearer to a
random graph's.
Sources: Chord: Stoica et al., IEEE/ACM ToN 11(1), 2003. Kademlia: Maymounkov and Mazières, IPTPS 2002.
S/Kademlia: Baumgart and Mies, ICPADS 2007. HyParView: Leitão et al., DSN 2007. Bamboo: Rhea et al., USENIX
2004. A paper's number that begins with "about" is from memory and wants looking up before it is printed.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import pickle
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from p2plib.machine.addresses import Address, Contact
from p2plib.population import chord, churn, kademlia
from p2plib.population import lookups as iterative
from p2plib.population.kademlia_churn import ChurningKademlia
from p2plib.population.kademlia_churn import Results as Sessions
from p2plib.population.ring_churn import PAPER, ChurningRing
from p2plib.population.ring_churn import Lookups as UnderChurn
from p2plib.population.sweep import interval, sweep
from p2plib.topology.graph import Graph, clustering, components, distances
from p2plib.topology.hyparview import HyParView, ViewSettings


@dataclass(frozen=True)
class Row:
    """One line of a table; `paper` is "–" where the paper has no number for it."""

    what: str
    paper: str
    ours: float
    within: float
    runs: int


@dataclass(frozen=True)
class Size:
    """How much to compute."""

    seeds: int
    lookups: int
    largest: int
    dead_lookups: int
    peers: int
    ring: int  # peers of the ring that churns
    churn_s: float
    crowd: int  # machines of Kademlia
    sessions_s: float


QUICK = Size(2, 400, 1_000, 100, 120, ring=100, churn_s=300.0, crowd=30, sessions_s=20.0)
USUAL = Size(5, 20_000, 1_000_000, 2_000, 1_500, ring=1_000, churn_s=7_200.0, crowd=300, sessions_s=300.0)
FULL = Size(
    10, 100_000, 1_000_000, 10_000, 10_000, ring=1_000, churn_s=7_200.0, crowd=1_000, sessions_s=600.0
)
RESULTS = Path(__file__).parent / "results" / "paper_topology.json"


def row(what: str, paper: str, values: Sequence[float]) -> Row:
    """A line from the values of several seeds."""
    mean, within = interval(values)
    return Row(what, paper, mean, within, len(values))


def chord_path(size: Size) -> list[Row]:
    """Section V-D: half of log2 N, for N = 2**3 to 2**14; and a million."""
    sizes = [2**i for i in range(3, 15) if 2**i <= size.largest] + [size.largest]

    def mean(n: int, seed: int) -> float:
        return float(chord.lookups(chord.ring(n, seed), size.lookups, seed=seed).path.mean())

    return [
        row(
            f"N = {n}",
            f"{math.log2(n) / 2:.2f}",
            sweep(mean, [{"n": n, "seed": s} for s in range(size.seeds if n < 10**6 else 2)]),
        )
        for n in sizes
    ]


TABLE_II = {  # p: (mean path length, mean time-outs)
    0.0: (3.84, 0.00),
    0.1: (4.03, 0.60),
    0.2: (4.22, 1.17),
    0.3: (4.44, 2.02),
    0.4: (4.69, 3.23),
    0.5: (5.09, 5.10),
}


def chord_failures(size: Size) -> list[Row]:
    """Table II: N = 1000, r = 20, a part p dead at once, lookups before anything is mended."""
    rows = []
    for p, (path, timeouts) in TABLE_II.items():
        runs = []
        for seed in range(size.seeds):
            dead = np.zeros(1000, dtype=bool)
            dead[np.random.default_rng([seed, 7]).choice(1000, size=round(1000 * p), replace=False)] = True
            runs.append(
                chord.lookups_with_dead(chord.ring(1000, seed), dead, size.dead_lookups, seed=seed, r=20)
            )
        rows.append(row(f"p = {p}: path length", f"{path:.2f}", [run.path.mean() for run in runs]))
        rows.append(row(f"p = {p}: time-outs", f"{timeouts:.2f}", [run.timeouts.mean() for run in runs]))
        rows.append(row(f"p = {p}: wrong owners", "0", [1 - run.right.mean() for run in runs]))
    return rows


def chord_load(size: Size) -> list[Row]:
    """Section V-B: ten thousand peers and half a million keys."""
    loads = [chord.load(10_000, 500_000, seed=seed) for seed in range(2 * size.seeds)]
    return [
        row("99th percentile / mean", "4.6", [np.percentile(one, 99) / one.mean() for one in loads]),
        row("most / mean", "9.1", [one.max() / one.mean() for one in loads]),
    ]


def kademlia_hops(size: Size) -> list[Row]:
    """Hops to the nearest of n peers. The "paper" is ln n / H_k, a rule of thumb and no measurement."""
    rows = []
    for n in (10**i for i in range(3, 7) if 10**i <= size.largest):
        for k in (1, 8, 20):
            values = [
                float(kademlia.hops(kademlia.population(n, seed), size.lookups, k=k, seed=seed).mean())
                for seed in range(size.seeds if n < 10**6 else 2)
            ]
            rows.append(row(f"n = {n}, k = {k}", f"{math.log(n) / kademlia.harmonic(k):.2f}", values))
    return rows


def kademlia_churn(size: Size) -> list[Row]:
    """Lookups among tables with the dead that sessions of some median leave, heard within 2 minutes."""
    rows = []
    for minutes in (60.0, 15.0, 5.0, 1.4):
        dead = churn.dead_fraction(60 * minutes, 120.0)
        runs = [
            iterative.lookups(
                kademlia.population(1000, seed), size.lookups // 4, iterative.Model(k=8, dead=dead), seed=seed
            )
            for seed in range(size.seeds)
        ]
        paper = "about 1" if minutes == 1.4 else "–"  # Bamboo, as remembered; not Kademlia
        rows.append(
            row(f"median {minutes} min ({dead:.1%} dead): found", paper, [run.found.mean() for run in runs])
        )
        rows.append(row(f"median {minutes} min: time-outs", "–", [run.timeouts.mean() for run in runs]))
    return rows


# Rate: (mean path length, mean time-outs, failures in 10,000 lookups), the rows of which we are certain.
TABLE_III = {0.05: ("3.90", "0.05", "0"), 0.40: ("4.06", "0.46", "15")}
RATES = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40)


def churned(peers: int, rate: float, seconds: float, fingers_s: float, seed: int) -> UnderChurn:
    """One run of the ring under churn, with three rounds of fingers before it counts."""
    ring = ChurningRing(peers, rate, seed=seed, settings=replace(PAPER, fingers_s=fingers_s))
    ring.run(min(seconds, 3 * fingers_s), lookups_s=0.01)
    return ring.run(seconds)


def churn_rows(size: Size, rate: float, fingers_s: float) -> list[Row]:
    """The rows of Table III for one rate."""
    settings = [
        {"peers": size.ring, "rate": rate, "seconds": size.churn_s, "fingers_s": fingers_s, "seed": s}
        for s in range(size.seeds)
    ]
    runs = sweep(churned, settings)
    none = ("–", "–", "–")
    path, late, wrong = TABLE_III.get(rate, none) if size.ring == 1000 else none
    left = [1e4 * (run.wrong - run.corrected) / len(run.path) for run in runs]
    about = f"R = {rate:.2f}"
    return [
        row(f"{about}: path length", path, [statistics.fmean(run.path) for run in runs]),
        row(f"{about}: time-outs", late, [statistics.fmean(run.timeouts) for run in runs]),
        row(f"{about}: wrong per 10,000", wrong, [run.wrong_per_10_000 for run in runs]),
        row(f"{about}: wrong per 10,000, its peer asked", "–", left),
    ]


def chord_churn(size: Size) -> list[Row]:
    """Table III: about 1000 peers, r = 20, stabilisation every 15 to 45 s, two hours, one lookup a second."""
    return [one for rate in RATES for one in churn_rows(size, rate, 300.0)]


def chord_churn_old_fingers(size: Size) -> list[Row]:
    """Table III again, with fingers that are looked up half as often: every 600 s and not every 300 s."""
    return [one for rate in TABLE_III for one in churn_rows(size, rate, 600.0)]


def session(peers: int, minutes: float, seconds: float, seed: int) -> Sessions:
    """One run of machines that come and go, with two minutes before it counts."""
    crowd = ChurningKademlia(peers, 60 * minutes, seed=seed)
    crowd.wait(min(120.0, seconds))
    return crowd.run(seconds)


def kademlia_sessions(size: Size) -> list[Row]:
    """Machines of Kademlia, k = 8, refresh and republish every minute, at four medians of sessions."""
    rows = []
    for minutes in (60.0, 15.0, 5.0, 1.4):
        settings = [
            {"peers": size.crowd, "minutes": minutes, "seconds": size.sessions_s, "seed": s}
            for s in range(min(3, size.seeds))
        ]
        runs = sweep(session, settings)
        paper = "about 1" if minutes == 1.4 else "–"  # Bamboo, as remembered; not Kademlia
        about = f"median {minutes:g} min"
        rows.append(row(f"{about}: lookups right", paper, [run.found / run.finds for run in runs]))
        rows.append(row(f"{about}: values found", "–", [run.got / run.gets for run in runs]))
        rows.append(row(f"{about}: time-outs", "–", [statistics.fmean(run.timeouts) for run in runs]))
        rows.append(row(f"{about}: seconds", "–", [statistics.fmean(run.find_s) for run in runs]))
        rows.append(row(f"{about}: datagrams a second and peer", "–", [run.datagrams for run in runs]))
    return rows


def uptime(size: Size) -> list[Row]:
    """Keeping the oldest contacts: how many of a bucket's living are alive an hour later."""
    rows = []
    for shape, name in ((1.5, "heavy-tailed"), (None, "exponential")):
        for policy in ("oldest", "newest", "random"):
            runs = [
                churn.uptime_rule(policy, shape=shape, buckets=size.peers, seed=seed)  # type: ignore[arg-type]
                for seed in range(size.seeds)
            ]
            rows.append(row(f"{name} sessions, keep the {policy}: alive", "–", [run.alive for run in runs]))
            rows.append(
                row(f"{name} sessions, keep the {policy}: stay an hour", "–", [run.stays for run in runs])
            )
    return rows


def s_kademlia(size: Size) -> list[Row]:
    """Success against the part of hostile peers, over d disjoint paths; ten thousand peers, k = 16."""
    rows = []
    for hostile in (0.1, 0.2, 0.3, 0.5):
        for paths in (1, 2, 4, 8):
            model = iterative.Model(k=16, alpha=1, paths=paths, hostile=hostile)
            values = [
                float(
                    iterative.lookups(
                        kademlia.population(10_000, seed), size.lookups // 10, model, seed=seed
                    ).found.mean()
                )
                for seed in range(size.seeds)
            ]
            paper = "about 0.99" if (hostile, paths) == (0.2, 8) else "–"  # as remembered
            rows.append(row(f"hostile {hostile}, d = {paths}", paper, values))
    return rows


class Swarm:
    """HyParView machines on a heap of virtual time; who sends to the dead is told at once, as TCP would."""

    def __init__(self, n: int, seed: int, settings: ViewSettings) -> None:
        self.rng, self.now, self.count = random.Random(seed), 0.0, 0
        self.heap: list[tuple[float, int, Address, bytes | None, Address]] = []
        self.peers: dict[Address, HyParView] = {}
        self.woken: dict[Address, float] = {}
        addresses = [(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", 4000) for i in range(n)]
        for i, address in enumerate(addresses):
            contact = Contact(i + 1, address)
            peer = HyParView(contact, random.Random(self.rng.random()), now=self.now, settings=settings)
            self.peers[address] = peer
            if i:
                peer.join([addresses[self.rng.randrange(i)]], self.now)
            self.flush(address)
            self.run(0.02)

    def push(self, at: float, to: Address, data: bytes | None, source: Address) -> None:
        self.count += 1
        heapq.heappush(self.heap, (at, self.count, to, data, source))

    def flush(self, address: Address) -> None:
        peer = self.peers[address]
        for data, to in peer.to_send():
            self.push(self.now + 0.001, to, data, address)
        peer.events()
        at = peer.timer()
        if at is not None and self.woken.get(address) != at:
            self.woken[address] = at
            self.push(max(at, self.now), address, None, address)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.heap and self.heap[0][0] <= end:
            self.now, _, to, data, source = heapq.heappop(self.heap)
            peer = self.peers.get(to)
            if peer is None:
                continue
            if data is not None:
                peer.receive(data, source, self.now)
            elif (at := peer.timer()) is not None and at <= self.now:
                peer.on_timer(self.now)
            else:
                continue
            self.flush(to)
        self.now = end

    def crash(self, part: float) -> None:
        """A part vanishes; the others find out about their neighbours by sending to them."""
        gone = set(self.rng.sample(sorted(self.peers), round(part * len(self.peers))))
        for address in gone:
            del self.peers[address]
        for address, peer in self.peers.items():
            for contact in [one for one in peer.active.values() if one.address in gone]:
                peer.broken(contact, self.now)
            self.flush(address)

    def graph(self) -> Graph:
        return Graph.of({peer.own.id: list(peer.active) for peer in self.peers.values()})

    def together(self) -> float:
        """The part of all peers in the largest component."""
        return float(components(self.graph())[0] / len(self.peers))


PAPER_ROUNDS = dict.fromkeys((0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8), "1 to 2") | {0.9: "4", 0.95: "–"}
MENDED = 0.99  # of those who are left, in one component


@dataclass(frozen=True)
class Crash:
    """What became of those who were left; parts are 0 to 1, and 1 means that all hang together."""

    at_once: float  # before anything is mended
    after_a_round: float
    at_the_end: float
    seconds: float  # until MENDED; by steps of half a second


def crashed(whole: bytes, part: float, settings: ViewSettings) -> Crash:
    """A part of a (pickled) swarm vanishes; it is watched for four rounds and then until it is mended."""
    swarm: Swarm = pickle.loads(whole)
    swarm.crash(part)
    at_once, seconds, mended, after = swarm.together(), 0.0, math.nan, 0.0
    together = at_once
    while seconds < 4 * settings.shuffle_s or (math.isnan(mended) and seconds < 12 * settings.shuffle_s):
        if math.isnan(mended) and together >= MENDED:
            mended = seconds
        step = 0.5 if math.isnan(mended) else settings.shuffle_s - seconds % settings.shuffle_s
        swarm.run(step)
        seconds += step
        together = swarm.together()
        if seconds == settings.shuffle_s:
            after = together
    return Crash(at_once, after, together, seconds if math.isnan(mended) else mended)


def hyparview_run(peers: int, seed: int, rounds: int) -> tuple[Graph, dict[float, Crash]]:
    """One swarm that settled for some rounds, and what every crash did to it."""
    settings = ViewSettings(ping_s=1e6, door_s=math.inf)  # told by TCP; no doors
    swarm = Swarm(peers, seed, settings)
    swarm.run(rounds * settings.shuffle_s)
    graph, whole = swarm.graph(), pickle.dumps(swarm)
    del swarm
    return graph, {part: crashed(whole, part, settings) for part in PAPER_ROUNDS}


def hyparview_rows(runs: Sequence[tuple[Graph, dict[float, Crash]]]) -> list[Row]:
    """The table of some runs with as many peers."""
    rows = []
    for part, paper in PAPER_ROUNDS.items():
        those = [crashes[part] for _, crashes in runs]
        rounds = [math.ceil(one.seconds / ViewSettings().shuffle_s) for one in those]
        rows.append(row(f"{part:.0%} crash: rounds until 99 % together", paper, rounds))
        rows.append(row(f"{part:.0%} crash: seconds until then", "–", [one.seconds for one in those]))
        rows.append(row(f"{part:.0%} crash: together at once", "–", [one.at_once for one in those]))
        rows.append(row(f"{part:.0%} crash: after a round", "–", [one.after_a_round for one in those]))
        rows.append(row(f"{part:.0%} crash: after four or more", "–", [one.at_the_end for one in those]))
    graphs = [graph for graph, _ in runs]
    known = graphs[0].n == 10_000
    far = [distances(graph, sources=1024) for graph in graphs]
    peers = f"{graphs[0].n} peers"
    rows.append(row(f"{peers}: links a peer", "–", [float(graph.degrees.mean()) for graph in graphs]))
    rows.append(
        row(
            f"{peers}: clustering",
            "0.00092" if known else "–",
            [clustering(graph, peers=graph.n).value for graph in graphs],
        )
    )
    rows.append(row(f"{peers}: path length", "6.385" if known else "–", [one.mean for one in far]))
    rows.append(row(f"{peers}: to the farthest", "9.0" if known else "–", [one.mean_longest for one in far]))
    return rows


def hyparview(size: Size) -> list[Row]:
    """Section 5: what hangs together after a crash, and after how many rounds of shuffles 99 % of it does."""
    rounds = 20 if size.peers > 2000 else 5
    return hyparview_rows(
        [hyparview_run(size.peers, seed, rounds) for seed in range(max(2, (size.seeds + 1) // 2))]
    )


TABLES: dict[str, Callable[[Size], list[Row]]] = {
    "chord-path": chord_path,
    "chord-failures": chord_failures,
    "chord-load": chord_load,
    "kademlia-hops": kademlia_hops,
    "kademlia-churn": kademlia_churn,
    "uptime": uptime,
    "s-kademlia": s_kademlia,
    "hyparview": hyparview,
    "chord-churn": chord_churn,
    "chord-churn-old-fingers": chord_churn_old_fingers,
    "kademlia-sessions": kademlia_sessions,
}


def write(name: str, rows: Sequence[Row], command: str) -> None:
    """Puts a table into the file that the chapter reads; the others stay as they are."""
    tables = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    about = (TABLES[name].__doc__ or "").strip()
    tables[name] = {"about": about, "command": command, "rows": [asdict(one) for one in rows]}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(tables, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", choices=[[], *TABLES], help="which; all by default")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small sizes")
    size.add_argument("--full", action="store_true", help="the papers' sizes")
    parser.add_argument("--write", action="store_true", help=f"into {RESULTS.name}")
    chosen = parser.parse_args()
    how = " --quick" if chosen.quick else " --full" if chosen.full else ""
    for name in chosen.tables or TABLES:
        table = TABLES[name]
        print(f"\n{name}: {(table.__doc__ or '').strip()}\n")
        print(f"  {'':<46} {'paper':>10}  {'ours':>9}  95 %")
        rows = table(QUICK if chosen.quick else FULL if chosen.full else USUAL)
        if chosen.write:
            write(name, rows, f"python bench/paper_topology.py{how} {name}")
        for one in rows:
            print(f"  {one.what:<46} {one.paper:>10}  {one.ours:9.4f}  ±{one.within:.4f}  ({one.runs} runs)")


if __name__ == "__main__":
    main()
