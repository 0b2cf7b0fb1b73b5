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
        "Reader": {
            "leaves out 'return []' in if raw[:1] == b'R':": "a rotation is no post either, further down",
            "leaves out 'self.tries[name] = 0' in while self.next[name] in held:": "it gives up sooner",
        },
    },
    "lab02_neighbours": {
        "call_plan": {
            "-1 for a number in 0 (4)": "a count of nobody, where one of each network is allowed at least"
        },
        "usable": {"-1 for a number in 30": "a default, which is then raised to 30"},
        "read_name": {
            "without part 2 in byte > 63 or len(label) < byte or size > 255": "behind a label that "
            "is cut short there is no next one, and that is refused",
            "> for < in len(label) < byte": "never true; a label that is cut short is refused as above",
        },
        "Neighbours": {"held in the class in class Neighbours:": "heard gives each object a dict of its own"},
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
    "lab05_ring": {
        "finger_points": {"-1 for a number in 1 (2)": "the point after us is always our first successor's"},
        "nearer": {"<= for < in peer < key": "nobody at the key itself is left by then"},
        "lookup": {
            "leaves out 'if peer == own:' in for peer in answer.beyond:": "it asks itself, which is free",
            "always False in if peer == own:": "it asks itself, which is free",
            "leaves out 'return own' in if peer == own:": "it asks itself, which is free",
            "leaves out 'continue' in except PeerTimeout: (2)": "it goes through the same row once more, "
            "without those that it has asked",
        },
    },
    "lab06_kademlia": {
        "Bucket": {
            "leaves out 'return None' in def silent(self, contact: Contact) -> Contact | None:": (
                "the end of a function returns None"
            )
        },
        "RoutingTable": {
            "arguments 1 and 2 exchanged in bucket_index(self.own_id, contact.id)": "a distance has no ends",
            "arguments 1 and 2 exchanged in bucket_index(self.own_id, contact.id) (2)": (
                "a distance has no ends"
            ),
            "+1 for a number in 160": "one bucket more, into which nobody falls",
        },
    },
    "lab08_content": {
        "merkle_root": {"-1 for a number in 0": "the only chunk is the last one, too"},
        "missing": {
            "-1 for a number in 0": "nobody has fewer than none, so nothing is asked for then, either"
        },
    },
    "lab10_protocols": {
        "Frames": {
            "assigned, not added in self.has_failed |= len(self.buffer) >= 9": "refused bytes stay in the "
            "buffer, and are refused again",
            "without part 2 in byte < 128 or self.has_failed": "a size that has failed stays failed",
        },
        "Transcript": {
            "+1 for a number in 0 (2)": "nobody counts before there is a key, which begins at 0",
            "-1 for a number in 0 (2)": "nobody counts before there is a key, which begins at 0",
        },
    },
}

TUNED: dict[str, tuple[str, ...]] = {
    "lab00_network": ("RoundTrips",),
    "lab01_identity": ("Reader",),
    "lab03_dht": ("find_one",),
    "lab06_kademlia": ("fetch", "Villager"),
    "lab08_content": ("mirror",),
    "lab10_protocols": ("Window", "Connection"),
}
