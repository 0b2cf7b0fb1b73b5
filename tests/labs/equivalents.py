"""Mutants that no check can refuse, because they do what the solution does; each with the reason.

`SAME` has, for each lab and task, mutants by the name that `tests.labs.mutating.mutants` gives them (without
the number of the line), and why they are right. `tests/labs/test_mutants.py` sees that each of them is still
there and still passes, so that nothing is excused that is refused by now.

`TUNED` are the tasks that ask for a whole program: there a number may be another, and only a program without
one of its lines has to be refused.
"""

from __future__ import annotations

SAME: dict[str, dict[str, dict[str, str]]] = {
    "lab00_network": {
        "RoundTrips": {
            "leaves out 'self.deviation_s = 0.0' in def __init__(self) -> None:": "the first answer sets it",
            "leaves out 'self.mean_s += (round_trip_s - self.mean_s) / 8' in if self.mean_s is None:": (
                "the first answer and a deviation from it keep the budgets, and how is up to the reader"
            ),
        }
    },
    "lab01_identity": {
        "impostors": {"+1 for a number in 1": "-2 is under all numbers as well as -1: they begin at 0"},
        "to_proquint": {
            "no lower end in i:i + 2": "what stands before the pair is above the sixteen bits that are taken"
        },
        "follow": {
            "always True in if len(raw) == 192:": "bytes of another size hold a signature of another size, "
            "which verify refuses"
        },
    },
    "lab02_neighbours": {
        "call_plan": {
            "-1 for a number in 0 (4)": "a count of nobody, where one of each network is allowed at least"
        },
        "usable": {"-1 for a number in 30": "a default, which is then raised to 30"},
    },
    "lab03_dht": {
        "bencode": {
            "always True in if isinstance(value, dict):": "anything else has no items: it is a TypeError, too"
        },
        "find_one": {
            "leaves out 'due.pop(source, None)' in while True:": "a little dearer, and within the budgets",
            "leaves out 'done.add(source)' in while True:": "a little dearer, and within the budgets",
        },
    },
}

TUNED: dict[str, tuple[str, ...]] = {"lab00_network": ("RoundTrips",), "lab03_dht": ("find_one",)}
