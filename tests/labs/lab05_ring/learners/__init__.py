"""What learners of lab 5 wrote: wrong answers for each task, with words of the hint that helps then.

Each source is a cell as it would stand in the notebook; see `tests.labs.lab01_identity.learners`.
"""

from __future__ import annotations

from tests.labs.lab05_ring.learners import ring_lookup, ring_repair
from tests.labs.proving import learner

PRELUDE = """
from bisect import bisect
from p2plib.errors import NotFound, PeerTimeout
from p2plib.labs.lab05_ring.arc import adopt, owns
from p2plib.labs.lab05_ring.fingers import finger_points, nearer
"""
LEAST = 10  # wrong answers for each task

written = learner(PRELUDE)


def _owns(*lines: str) -> str:
    return "def owns(before, own, key):\n" + "".join(f"    {line}\n" for line in lines)


def _adopt(*lines: str) -> str:
    return "def adopt(own, head, theirs, r):\n" + "".join(f"    {line}\n" for line in lines)


def _points(*lines: str) -> str:
    return "def finger_points(own, first, bits):\n" + "".join(f"    {line}\n" for line in lines)


def _nearer(*lines: str) -> str:
    return "def nearer(own, known, key):\n" + "".join(f"    {line}\n" for line in lines)


ORDER = "key=lambda p: (p < key, p), reverse=True"
ORDER_WITH_KEY = "key=lambda p: (p <= key, p), reverse=True"

# (task, what the learner did, the cell, words of the hint)
OWNS = [
    ("owns", "no return", _owns("before < key <= own"), "is a return missing?"),
    ("owns", "no wrap", _owns("return before < key <= own"), "it is one *or* the other"),
    (
        "owns",
        "and over 0",
        _owns("if before <= own: return before < key <= own", "return key > before and key <= own"),
        "it is one *or* the other",
    ),
    ("owns", "sorts the ends", _owns("a, b = sorted((before, own))", "return a < key <= b"), "do not sort"),
    (
        "owns",
        "closed at both ends",
        _owns("if before < own: return before <= key <= own", "return key >= before or key <= own"),
        "the arc begins after it",
    ),
    (
        "owns",
        "open at both ends",
        _owns("if before < own: return before < key < own", "return key > before or key < own"),
        "far end is closed",
    ),
    ("owns", "range", _owns("return key in range(before, own)"), "both ends are turned"),
    (
        "owns",
        "alone owns nothing",
        _owns("if before <= own: return before < key <= own", "return key > before or key <= own"),
        "a peer that is alone owns the whole circle",
    ),
    (
        "owns",
        "alone owns its id",
        _owns(
            "if before == own: return key == own",
            "if before < own: return before < key <= own",
            "return key > before or key <= own",
        ),
        "not its own id alone",
    ),
    (
        "owns",
        "forgets what is below own",
        _owns("return before < key and (key <= own or own <= before)"),
        "one is missing",
    ),
    (
        "owns",
        "modulo of 64",
        _owns("return 0 < (key - before) % 64 <= (own - before) % 64"),
        "a peer that is alone owns the whole circle",
    ),
    (
        "owns",
        "takes 0 for nobody",
        _owns(
            "if not before: return True",
            "if before < own: return before < key <= own",
            "return key > before or key <= own",
        ),
        "owns(0, 63, key) was true for 0 to 63",
    ),
    (
        "owns",
        "the arc that begins at itself",
        _owns("if before <= own: return not before < key <= own", "return not (key > before or key <= own)"),
        "clockwise",
    ),
]

ADOPT = [
    (
        "adopt",
        "appends, then looks",
        _adopt(
            "after = [head]",
            "for peer in theirs:",
            "    if peer == own: break",
            "    after.append(peer)",
            "    if len(after) >= r: break",
            "return after",
        ),
        "r counts the head",
    ),
    (
        "adopt",
        "theirs has a first",
        _adopt("row = [head, theirs[0], *theirs[1:], own]", "return row[: row.index(own)][:r]"),
        "head, then theirs in their order",
    ),
    (
        "adopt",
        "takes theirs' first without a look",
        _adopt("row = [*theirs[1:], own]", "return [head, *theirs[:1], *row[: row.index(own)]][:r]"),
        "stop at our own id",
    ),
    ("adopt", "their list alone", _adopt("return theirs[:r]"), "head is the nearest of all"),
    ("adopt", "r more", _adopt("return [head] + theirs[:r]"), "r counts the head"),
    ("adopt", "all of them", _adopt("return [head, *theirs]"), "r is the most"),
    ("adopt", "without their last", _adopt("return [head, *theirs[:-1]][:r]"), "only where r asks for it"),
    ("adopt", "sorted", _adopt("return sorted([head, *theirs])[:r]"), "nearest first, clockwise"),
    (
        "adopt",
        "sorted at the end",
        _adopt("return sorted([head, *theirs][:r])"),
        "nearest first, clockwise",
    ),
    ("adopt", "with itself", _adopt("return [head, *theirs][:r]"), "stop where our own id comes"),
    (
        "adopt",
        "skips itself",
        _adopt("return [head, *(p for p in theirs if p != own)][:r]"),
        "stop there, do not skip",
    ),
    (
        "adopt",
        "each once, skipping itself",
        _adopt("return list(dict.fromkeys([head, *(p for p in theirs if p != own)]))[:r]"),
        "do not skip it",
    ),
    (
        "adopt",
        "writes into theirs",
        _adopt(
            "theirs.insert(0, head)", "if own in theirs: del theirs[theirs.index(own):]", "return theirs[:r]"
        ),
        "do not write into theirs",
    ),
    (
        "adopt",
        "a tuple",
        _adopt("if own in theirs: theirs = theirs[:theirs.index(own)]", "return (head, *theirs)[:r]"),
        "a list was asked for",
    ),
    ("adopt", "index without a look", _adopt("return [head, *theirs[:theirs.index(own)]][:r]"), "own id"),
]

FINGERS = [
    (
        "finger_points",
        "a circle of 64, always",
        _points(
            "reach = (first - own) % 64",
            "return [(own + 2**i) % 64 for i in reversed(range(bits)) if 2**i > reach]",
        ),
        "2**i after us",
    ),
    (
        "finger_points",
        "all points",
        _points("return [(own + 2**i) % 2**bits for i in reversed(range(bits))]"),
        "leave out those up to it",
    ),
    (
        "finger_points",
        "over the top",
        _points(
            "reach = (first - own) % 2**bits",
            "return [own + 2**i for i in reversed(range(bits)) if 2**i > reach]",
        ),
        "comes 0 again",
    ),
    (
        "finger_points",
        "drops what is over the top",
        _points(
            "reach = (first - own) % 2**bits",
            "points = [own + 2**i for i in reversed(range(bits)) if 2**i > reach]",
            "return [p for p in points if p < 2**bits]",
        ),
        "is not gone",
    ),
    (
        "finger_points",
        "up to bits",
        _points(
            "reach = (first - own) % 2**bits",
            "return [(own + 2**i) % 2**bits for i in range(bits, -1, -1) if 2**i > reach]",
        ),
        "2**bits after us is ourselves",
    ),
    (
        "finger_points",
        "nearest first",
        _points(
            "reach = (first - own) % 2**bits",
            "return [(own + 2**i) % 2**bits for i in range(bits) if 2**i > reach]",
        ),
        "the farthest first",
    ),
    (
        "finger_points",
        "with the point at first",
        _points(
            "reach = (first - own) % 2**bits",
            "return [(own + 2**i) % 2**bits for i in reversed(range(bits)) if 2**i >= reach]",
        ),
        "is first's",
    ),
    (
        "finger_points",
        "the way without its turn",
        _points("return [(own + 2**i) % 2**bits for i in reversed(range(bits)) if 2**i > first - own]"),
        "(first - own) % 2**bits",
    ),
    (
        "finger_points",
        "compares ids",
        _points(
            "points = [(own + 2**i) % 2**bits for i in reversed(range(bits))]",
            "return [p for p in points if p > first]",
        ),
        "compare ways from us",
    ),
    (
        "finger_points",
        "powers alone",
        _points(
            "reach = (first - own) % 2**bits", "return [2**i for i in reversed(range(bits)) if 2**i > reach]"
        ),
        "own + 2**i",
    ),
    (
        "finger_points",
        "sorted by number",
        _points(
            "reach = (first - own) % 2**bits",
            "return sorted(((own + 2**i) % 2**bits for i in range(bits) if 2**i > reach), reverse=True)",
        ),
        "a large number may be near",
    ),
    (
        "finger_points",
        "a caret for a power",
        _points(
            "reach = (first - own) % 2**bits",
            "return [(own + 2^i) % 2**bits for i in reversed(range(bits)) if 2**i > reach]",
        ),
        "2**i after us",
    ),
]

NEARER = [
    (
        "nearer",
        "names somebody rather than nobody",
        _nearer(
            "found = {p for p in known if p != key and owns(own, key, p)}",
            f"return sorted(found, {ORDER}) or sorted(known)[:1]",
        ),
        "keep those strictly between",
    ),
    (
        "nearer",
        "with the key",
        _nearer(f"return sorted({{p for p in known if owns(own, key, p)}}, {ORDER_WITH_KEY})"),
        "who sits at the key owns it",
    ),
    (
        "nearer",
        "with itself",
        _nearer(
            f"return sorted({{p for p in known if p != key and (p == own or owns(own, key, p))}}, {ORDER})"
        ),
        "does not name itself",
    ),
    (
        "nearer",
        "with both",
        _nearer(f"return sorted({{p for p in known if p == own or owns(own, key, p)}}, {ORDER_WITH_KEY})"),
        "neither the peer itself nor",
    ),
    (
        "nearer",
        "no wrap",
        _nearer("return sorted({p for p in known if own < p < key}, reverse=True)"),
        "goes over 0",
    ),
    (
        "nearer",
        "sorted by number",
        _nearer("return sorted({p for p in known if p != key and owns(own, key, p)}, reverse=True)"),
        "there a small number is farther along",
    ),
    (
        "nearer",
        "sorted as strings",
        _nearer("return sorted({p for p in known if p != key and owns(own, key, p)}, key=str, reverse=True)"),
        "numbers, not text",
    ),
    (
        "nearer",
        "farthest first",
        _nearer("return sorted({p for p in known if own < p < key})"),
        "nearest to the key first",
    ),
    (
        "nearer",
        "twice",
        _nearer(f"return sorted((p for p in known if p != key and owns(own, key, p)), {ORDER})"),
        "each once",
    ),
    (
        "nearer",
        "the best alone",
        _nearer(
            "found = [p for p in known if p != key and owns(own, key, p)]",
            "return [max(found)] if found else []",
        ),
        "all of them, not the best alone",
    ),
    (
        "nearer",
        "one number",
        _nearer("return max(p for p in known if own < p < key)"),
        "a list, also if there is one",
    ),
    (
        "nearer",
        "nearest either way",
        _nearer("return sorted(set(known) - {own}, key=lambda p: (abs(p - key), p))"),
        "however near they are",
    ),
    (
        "nearer",
        "also those beyond",
        _nearer("return sorted(set(known) - {own, key}, key=lambda p: (p < key, p), reverse=True)"),
        "those beyond the key are not before it",
    ),
    (
        "nearer",
        "sorts known itself",
        _nearer(
            "known.sort(key=lambda p: (p < key, p), reverse=True)",
            "return list(dict.fromkeys(p for p in known if p != key and owns(own, key, p)))",
        ),
        "work on a copy of it",
    ),
    (
        "nearer",
        "nobody before its own id",
        _nearer(
            "if own == key: return []",
            f"return sorted({{p for p in known if p != key and owns(own, key, p)}}, {ORDER})",
        ),
        "everybody lies between",
    ),
    (
        "nearer",
        "max of nobody",
        _nearer(
            "best = max(known)",
            f"return sorted({{p for p in known if p != key and owns(own, key, p)}}, {ORDER})",
        ),
        "keep those strictly between",
    ),
]

ANSWERS = [*OWNS, *ADOPT, *ring_repair.ANSWERS, *FINGERS, *NEARER, *ring_lookup.ANSWERS]
