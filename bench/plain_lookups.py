"""The lookups of `p2plib.population.lookups` with Python's lists and sets, one peer at a time.

They make the same draws in the same order and give the same numbers, so they serve twice: the tests compare
each lookup with them, and `bench/topology.py` measures how much faster the arrays are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from p2plib.population.kademlia import draw
from p2plib.population.lookups import BATCH, Model


@dataclass
class Path:
    """What one path of a lookup knows, as places in the sorted list of ids."""

    known: list[int]  # nearest first
    asked: set[int] = field(default_factory=set)
    over: bool = False
    lost: bool = False


@dataclass
class Lookup:
    """One lookup, and what it took."""

    target: int
    goal: int
    paths: list[Path] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)  # who was asked, by whichever path
    found: bool = False
    rounds: int = 0
    queries: int = 0
    timeouts: int = 0


class PlainLookups:
    """Args as for `lookups`; `run` gives the lookups."""

    def __init__(self, ids: Any, model: Model, seed: int = 0) -> None:
        self.ids: list[int] = ids.tolist()
        self.model = model
        self.rng = np.random.default_rng(seed)
        state = self.rng.random(len(ids))
        self.dead: list[bool] = (state < model.dead).tolist()
        self.hostile: list[bool] = (state > 1 - model.hostile).tolist()
        self.honest = [p for p in range(len(ids)) if not self.dead[p] and not self.hostile[p]]

    def run(self, count: int) -> list[Lookup]:
        done = []
        for start in range(0, count, BATCH):
            done += self._batch(min(BATCH, count - start))
        return done

    def _batch(self, size: int) -> list[Lookup]:
        targets = self.rng.integers(0, 2**64, size=size, dtype=np.uint64).tolist()
        askers = self.rng.choice(self.honest, size=size).tolist()
        honest_ids = [self.ids[p] for p in self.honest]
        batch = [Lookup(target, self.honest[nearest(honest_ids, target, 1)[0]]) for target in targets]
        d = self.model.paths
        each = self.model.k // d
        for one, first in zip(batch, self._answers(askers, targets), strict=True):
            one.paths = [Path(first[: each * d][j::d]) for j in range(d)]
        for number in range(1, self.model.max_rounds + 1):
            for j in range(d):
                self._turn([one for one in batch if not one.paths[j].over], j, number)
        return batch

    def _turn(self, batch: list[Lookup], j: int, number: int) -> None:
        """A round of path j of each lookup."""
        questions = []
        for one in batch:
            path = one.paths[j]
            others = one.taken - path.asked if self.model.paths > 1 else set()
            candidates = [peer for peer in path.known if peer not in others]
            path.over = path.lost or not candidates or candidates[0] in path.asked
            if not path.over:
                one.rounds = number
                chosen = [peer for peer in candidates if peer not in path.asked][: self.model.alpha]
                questions += [(one, peer) for peer in chosen]
                for peer in filter(self.dead.__getitem__, chosen):  # forgotten until somebody names it again
                    path.known.remove(peer)
        answers = self._answers([peer for _, peer in questions], [one.target for one, _ in questions])
        for (one, peer), answer in zip(questions, answers, strict=True):
            self._take_in(one, one.paths[j], peer, answer)
        for one in batch:
            path = one.paths[j]
            path.known = sorted(set(path.known), key=lambda peer: self.ids[peer] ^ one.target)[: self.model.k]
            path.asked &= set(path.known)  # a peer that is forgotten and heard of again would be asked again

    def _take_in(self, one: Lookup, path: Path, peer: int, answer: list[int]) -> None:
        one.queries += 1
        one.taken.add(peer)
        one.found |= peer == one.goal
        path.lost |= self.hostile[peer]
        one.timeouts += self.dead[peer]
        if not self.dead[peer]:
            path.asked.add(peer)
            path.known += answer

    def _answers(self, peers: list[int], targets: list[int]) -> list[list[int]]:
        """k at random from each peer's bucket for the target; where that has fewer, the k nearest of all."""
        answers, bounds, far = [], [], []
        for number, (peer, target) in enumerate(zip(peers, targets, strict=True)):
            bits = max((self.ids[peer] ^ target).bit_length() - 1, 0)
            low, high = interval(self.ids, target, bits)
            if high - low >= self.model.k and self.ids[peer] != target:
                far.append(number)
                bounds.append((low, high))
                answers.append([])
            else:
                answers.append(nearest(self.ids, target, self.model.k))
        lows, highs = np.array(bounds, dtype=np.int64).reshape(-1, 2).T
        for number, drawn in zip(far, draw(lows, highs, self.model.k, self.rng).tolist(), strict=True):
            answers[number] = sorted(drawn, key=lambda peer: self.ids[peer] ^ targets[number])
        return answers


def interval(ids: list[int], target: int, bits: int) -> tuple[int, int]:
    """The places of those that differ from the target in the lowest bits at most."""
    low = target >> bits << bits
    return bisect_left(ids, low), bisect_right(ids, low + (1 << bits) - 1)


def nearest(ids: list[int], target: int, k: int) -> list[int]:
    """The places of the k nearest to the target."""
    bits, low, high = 0, 0, 0
    while high - low < min(k, len(ids)):
        low, high = interval(ids, target, bits)
        bits += 1
    return sorted(range(low, high), key=lambda place: ids[place] ^ target)[:k]
