"""Learners' answers in lab 5: one round of repair. See `tests.labs.lab05_ring.learners`."""

from __future__ import annotations

RIGHT = """
def stabilise(own, after, ask, r):
    silent = set()
    for head in after:
        try:
            before, theirs = ask(head)
        except PeerTimeout:
            silent.add(head)
            continue
        while (before is not None and before not in silent
               and before != head and owns(own, head, before)):
            try:
                closer = ask(before)
            except PeerTimeout:
                break
            head, (before, theirs) = before, closer
        return adopt(own, head, theirs, r)
    return []
"""


def _changed(*pairs: tuple[str, str]) -> str:
    source = RIGHT
    for old, new in pairs:
        assert old in source, old
        source = source.replace(old, new)
    return source


# (task, what the learner did, the cell, words of the hint)
ANSWERS = [
    (
        "stabilise",
        "lets the time-out out",
        "def stabilise(own, after, ask, r):\n"
        "    before, theirs = ask(after[0])\n    return adopt(own, after[0], theirs, r)\n",
        "catch PeerTimeout",
    ),
    (
        "stabilise",
        "no return",
        _changed(("return adopt", "adopt"), ("return []", "pass")),
        "return the new list",
    ),
    (
        "stabilise",
        "lets the dead stand",
        _changed(("            silent.add(head)\n            continue", "            return after")),
        "ask the next in the list at once",
    ),
    (
        "stabilise",
        "its own old list",
        _changed(
            ("return adopt(own, head, theirs, r)", "return [head, *(p for p in after if p != head)][:r]")
        ),
        "that one's list",
    ),
    ("stabilise", "only the head", _changed(("adopt(own, head, theirs, r)", "[head]")), "that one's list"),
    (
        "stabilise",
        "nobody lives, so the old list",
        _changed(("return []", "return after")),
        "that is an empty list",
    ),
    (
        "stabilise",
        "nobody lives, so an error",
        _changed(("return []", "raise PeerTimeout('nobody')")),
        "catch PeerTimeout",
    ),
    (
        "stabilise",
        "index without a look",
        "def stabilise(own, after, ask, r):\n"
        "    while True:\n        try:\n            return adopt(own, after[0], ask(after[0])[1], r)\n"
        "        except PeerTimeout:\n            after = after[1:]\n",
        "the first who answers",
    ),
    (
        "stabilise",
        "pops from the list it was given",
        "def stabilise(own, after, ask, r):\n"
        "    while after:\n        try:\n            return adopt(own, after[0], ask(after[0])[1], r)\n"
        "        except PeerTimeout:\n            after.pop(0)\n    return []\n",
        "build a new list",
    ),
    (
        "stabilise",
        "never looks at before",
        _changed(("before is not None", "False")),
        "that one is your successor, if it lives",
    ),
    (
        "stabilise",
        "one step",
        _changed(("while (", "if ("), ("break", "return adopt(own, head, theirs, r)")),
        "until nobody lies between",
    ),
    (
        "stabilise",
        "believes without asking",
        _changed(
            ("while (", "if ("),
            (
                "                closer = ask(before)",
                "                return adopt(own, before, [head, *theirs], r)",
            ),
            ("                break", "                pass"),
            ("            head, (before, theirs) = before, closer\n", ""),
        ),
        "must answer",
    ),
    (
        "stabilise",
        "with the old one's list",
        _changed(
            (
                "head, (before, theirs) = before, closer",
                "theirs = [head, *theirs]\n            head, before = before, closer[0]",
            )
        ),
        "*its* list",
    ),
    (
        "stabilise",
        "a dead one between drops the successor",
        _changed(("                break", "                return []")),
        "stays your successor",
    ),
    (
        "stabilise",
        "the empty list has a first",
        _changed(("    silent = set()\n", "    silent, head = set(), after[0]\n")),
        "the first who answers",
    ),
    (
        "stabilise",
        "takes the dead one after all",
        _changed(("                break", "                head = before\n                break")),
        "stays your successor",
    ),
    (
        "stabilise",
        "compares None",
        _changed(("before is not None and ", "")),
        "look for that first",
    ),
    (
        "stabilise",
        "between without the turn",
        _changed(("before != head and owns(own, head, before)", "own < before < head")),
        "goes over 0",
    ),
    (
        "stabilise",
        "goes back whoever it is",
        _changed(("before != head and owns(own, head, before)", "before != own and before != head")),
        "is not between us and our successor",
    ),
    (
        "stabilise",
        "the head before itself",
        _changed(("               and before != head and owns", "               and owns")),
        "every question must come nearer",
    ),
    (
        "stabilise",
        "asks twice, once for each half",
        _changed(("before, theirs = ask(head)", "before, theirs = ask(head)[0], ask(head)[1]")),
        "one answer holds both",
    ),
    ("stabilise", "asks the dead again", _changed(("and before not in silent", "and True")), "still dead"),
    (
        "stabilise",
        "asks everybody",
        "def stabilise(own, after, ask, r):\n    told = {}\n    for peer in after:\n"
        "        try:\n            told[peer] = ask(peer)\n        except PeerTimeout:\n            pass\n"
        + RIGHT.replace("def stabilise(own, after, ask, r):\n", "")
        .replace(
            "            before, theirs = ask(head)",
            "            if head not in told: raise PeerTimeout\n            before, theirs = told[head]",
        )
        .replace("closer = ask(before)", "closer = told[before] if before in told else ask(before)"),
        "the first who lives tells all",
    ),
    (
        "stabilise",
        "keeps itself",
        _changed(("return adopt(own, head, theirs, r)", "return [head, *theirs][:r]")),
        "nobody is its own successor",
    ),
]
