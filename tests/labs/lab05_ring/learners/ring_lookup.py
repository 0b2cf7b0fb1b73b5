"""Learners' answers in lab 5: the lookup. See `tests.labs.lab05_ring.learners`."""

from __future__ import annotations

RIGHT = """
def lookup(own, key, ask):
    at, answer, asked = own, ask(own), {own}
    going = True
    while going:
        going = False
        for peer in nearer(at, answer.nearer, key):
            if peer in asked:
                continue
            asked.add(peer)
            try:
                at, answer = peer, ask(peer)
            except PeerTimeout:
                continue
            going = True
            break
    for peer in answer.beyond:
        if peer == own:
            return own
        try:
            ask(peer)
        except PeerTimeout:
            continue
        return peer
    raise NotFound(key)
"""


def _changed(*pairs: tuple[str, str]) -> str:
    source = RIGHT
    for old, new in pairs:
        assert old in source, old
        source = source.replace(old, new)
    return source


NAIVE = """
def lookup(own, key, ask):
    answer = ask(own)
    while answer.nearer:
        answer = ask(answer.nearer[0])
    {last}
"""

RESTART = """
def lookup(own, key, ask):
    dead = set()
    while True:
        answer = ask(own)
        try:
            while True:
                named = [peer for peer in answer.nearer if peer not in dead]
                if not named:
                    break
                now = named[0]
                answer = ask(now)
            for now in answer.beyond:
                if now in dead:
                    continue
                if now != own:
                    ask(now)
                return now
            raise NotFound(key)
        except PeerTimeout:
            dead.add(now)
"""

BEYOND = RIGHT[RIGHT.index("    for peer in answer.beyond") :]

# (task, what the learner did, the cell, words of the hint)
ANSWERS = [
    (
        "lookup",
        "does not ask itself",
        _changed(("ask(own), {own}", "None, {own}")),
        "ask(own), then the nearest",
    ),
    ("lookup", "no return", NAIVE.format(last="answer.beyond[0]"), "return the owner's id"),
    ("lookup", "owner unasked", NAIVE.format(last="return answer.beyond[0]"), "the owner must answer, too"),
    (
        "lookup",
        "the last before the key",
        _changed((BEYOND, "    return at\n")),
        "the owner is the first of beyond",
    ),
    (
        "lookup",
        "lets the time-out out",
        NAIVE.format(last="ask(answer.beyond[0])\n    return answer.beyond[0]"),
        "catch PeerTimeout",
    ),
    (
        "lookup",
        "farthest first",
        _changed(("in nearer(at, answer.nearer, key)", "in reversed(answer.nearer)")),
        "the nearest to the key first",
    ),
    (
        "lookup",
        "asks all who were named",
        _changed(("            going = True\n            break\n", "            going = True\n")),
        "go on with those alone",
    ),
    (
        "lookup",
        "gives up at the first dead",
        _changed(
            (
                "            except PeerTimeout:\n                continue",
                "            except PeerTimeout:\n                break",
            )
        ),
        "a dead one is passed over",
    ),
    (
        "lookup",
        "gives up at the first dead owner",
        _changed(
            (
                "        except PeerTimeout:\n            continue\n        return",
                "        except PeerTimeout:\n            break\n        return",
            )
        ),
        "the first of beyond who answers",
    ),
    (
        "lookup",
        "returns a dead owner",
        _changed(
            (
                "        except PeerTimeout:\n            continue\n        return",
                "        except PeerTimeout:\n            pass\n        return",
            )
        ),
        "the owner is the first of beyond who answers",
    ),
    (
        "lookup",
        "None for nobody",
        _changed(("    raise NotFound(key)", "    return None")),
        "raise NotFound",
    ),
    ("lookup", "forgets whom it asked", _changed(("asked.add(peer)", "pass")), "remember them"),
    ("lookup", "starts again after a death", RESTART, "remember them"),
    (
        "lookup",
        "goes wherever it is sent",
        _changed(("in nearer(at, answer.nearer, key)", "in answer.nearer"), ("if peer in asked", "if False")),
        "remember them",
    ),
    (
        "lookup",
        "believes names",
        _changed(("in nearer(at, answer.nearer, key)", "in answer.nearer")),
        "is no step",
    ),
    (
        "lookup",
        "between without the turn",
        _changed(("if peer in asked", "if peer in asked or not at < peer < key")),
        "from 60 to 3",
    ),
    (
        "lookup",
        "past the key",
        _changed(
            ("in nearer(at, answer.nearer, key)", "in answer.nearer"),
            ("if peer in asked", "if peer in asked or not owns(at, own, peer)"),
        ),
        "51 lies beyond the key",
    ),
    (
        "lookup",
        "a circle of 64, always",
        _changed(
            ("in nearer(at, answer.nearer, key)", "in answer.nearer"),
            ("if peer in asked", "if peer in asked or not 0 < (peer - at) % 64 < ((key - at) % 64 or 64)"),
        ),
        "among 2000 peers",
    ),
    (
        "lookup",
        "from us, not from where it is",
        _changed(("in nearer(at, answer.nearer, key)", "in nearer(own, answer.nearer, key)")),
        "lie behind 42",
    ),
    (
        "lookup",
        "successors alone",
        "def lookup(own, key, ask):\n    answer, asked = ask(own), {own}\n    while answer.nearer:\n"
        "        for peer in reversed(answer.nearer):\n            if peer in asked: continue\n"
        "            asked.add(peer)\n            try:\n"
        "                answer = ask(peer)\n                break\n"
        "            except PeerTimeout:\n                pass\n        else:\n            break\n" + BEYOND,
        "the nearest to the key first",
    ),
    (
        "lookup",
        "NotFound when its own arc",
        _changed(
            (
                "        if peer == own:\n            return own\n",
                "        if peer == own:\n            break\n",
            )
        ),
        "we are among the owners",
    ),
]
