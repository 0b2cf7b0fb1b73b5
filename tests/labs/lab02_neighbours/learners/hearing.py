"""Learners' answers in lab 2: who is here, and when to answer. See the package."""

from __future__ import annotations

from tests.labs.mutating import answers, but

SOLVED = answers("lab02_neighbours")
HEAR, ANSWER = SOLVED["Neighbours"], SOLVED["Answering"]

_BYE = (
    "            if peer in self.held:\n"
    "                self.held[peer] = (min(self.held[peer][0], now + 1), None)\n"
)
_FORGET = "        self.held = {p: h for p, h in self.held.items() if h[0] > now}\n"

NEIGHBOURS = [
    ("a goodbye is a record", but(HEAR, "if record.ttl == 0:", "if False:"), "wait one second"),
    ("a goodbye at once", but(HEAR, _BYE, "            self.held.pop(peer, None)\n"), "wait one second"),
    ("a goodbye is nothing", but(HEAR, _BYE, "            pass\n"), "gone one second later"),
    ("a goodbye in ten seconds", but(HEAR, "now + 1)", "now + 10)"), "gone one second later"),
    (
        "a goodbye makes it stay",
        but(HEAR, "min(self.held[peer][0], now + 1)", "now + 1"),
        "make a peer stay longer",
    ),
    (
        "a goodbye of a stranger",
        but(HEAR, "            if peer in self.held:\n    ", "            if True:\n    "),
        "changes nothing",
    ),
    (
        "a goodbye brings somebody",
        but(HEAR, _BYE, "            self.held[peer] = (now + 1, None)\n"),
        "make a peer stay longer",
    ),
    (
        "a goodbye of all ports",
        but(
            HEAR,
            _BYE,
            "            for p in self.held:\n                if p[0] == record.host:\n"
            "                    self.held[p] = (min(self.held[p][0], now + 1), None)\n",
        ),
        "one host and port",
    ),
    ("for ever", but(HEAR, "(now + ttl, ttl)", "(now + 10**9, ttl)"), "it is gone"),
    ("to the last moment", but(HEAR, "if until > now)", "if until >= now)"), "it is gone"),
    (
        "the first time counts",
        but(HEAR, "self.held[peer] = (now + ttl, ttl)", "self.held.setdefault(peer, (now + ttl, ttl))"),
        "begins again",
    ),
    (
        "the longest counts",
        but(HEAR, "(now + ttl, ttl)", "(max(now + ttl, self.held.get(peer, (0,))[0]), ttl)"),
        "heard last counts",
    ),
    ("for years", but(HEAR, "min(record.ttl, 4500)", "record.ttl"), "no record holds longer"),
    ("an hour", but(HEAR, "4500", "3600"), "4500 seconds are allowed"),
    ("all names", but(HEAR, "if record.name.lower() != self.name.lower():", "if False:"), "it must be ours"),
    (
        "exact names",
        but(HEAR, "record.name.lower() != self.name.lower()", "record.name != self.name"),
        "upper and lower case",
    ),
    (
        "lowers one",
        but(HEAR, "record.name.lower() != self.name.lower()", "record.name.lower() != self.name"),
        "both names",
    ),
    (
        "goodbyes for all names",
        but(
            HEAR,
            "if record.name.lower() != self.name.lower():",
            "if record.ttl and record.name.lower() != self.name.lower():",
        ),
        "for our name, too",
    ),
    ("by host", but(HEAR, "peer = (record.host, record.port)", "peer = (record.host, 4000)"), "another port"),
    (
        "unsorted",
        but(
            HEAR,
            "return sorted(p for p, (until, _) in self.held.items() if until > now)",
            "return [p for p, (until, _) in self.held.items() if until > now]",
        ),
        "sorted",
    ),
    ("hosts alone", but(HEAR, "return sorted(p for", "return sorted(p[0] for"), "a list of pairs"),
    (
        "a set",
        but(
            HEAR,
            "return sorted(p for p, (until, _) in self.held.items() if until > now)",
            "return {p for p, (until, _) in self.held.items() if until > now}",
        ),
        "a list of pairs",
    ),
    (
        "no limit",
        but(HEAR, "elif peer in self.held or len(self.held) < self.most:", "else:"),
        "what is new stays out",
    ),
    ("one too many", but(HEAR, "< self.most", "<= self.most"), "what is new stays out"),
    ("always 256", but(HEAR, "self.most:", "256:"), "what is new stays out"),
    (
        "throws out the oldest",
        but(
            HEAR,
            "elif peer in self.held or len(self.held) < self.most:",
            "else:\n            if peer not in self.held and len(self.held) >= self.most:\n"
            "                self.held.pop(next(iter(self.held)))",
        ),
        "what is new stays out",
    ),
    ("full is full", but(HEAR, "elif peer in self.held or ", "elif "), "needs no new place"),
    ("never forgets", but(HEAR, _FORGET, ""), "holds no place"),
    (
        "all are known",
        but(HEAR, "if ttl is not None and until - now >= ttl / 2", "if ttl is not None and until > now"),
        "half its time",
    ),
    ("more than half", but(HEAR, ">= ttl / 2", "> ttl / 2"), "half is enough"),
    ("the whole ttl", but(HEAR, "int(until - now)", "int(ttl)"), "seconds that are left"),
    ("fractions", but(HEAR, "int(until - now)", "until - now"), "whole seconds"),
    ("rounds", but(HEAR, "int(until - now)", "round(until - now)"), "rounded down"),
    (
        "passes on goodbyes",
        but(HEAR, "ttl is not None and until - now >= ttl / 2", "until - now >= (ttl or 0) / 2"),
        "not to be passed on",
    ),
    ("unsorted known", but(HEAR, "in sorted(self.held.items())", "in self.held.items()"), "sorted: by host"),
    (
        "tuples",
        but(HEAR, "Record(self.name, int(until - now), *peer)", "(self.name, int(until - now), *peer)"),
        "a list of records",
    ),
    ("no name", but(HEAR, "Record(self.name,", "Record('',"), "another name"),
    (
        "one for all",
        but(HEAR, "self.held = {}", "pass")
        .replace("class Neighbours:\n", "class Neighbours:\n    held = {}\n")
        .replace(_FORGET, "        [self.held.pop(p) for p, h in list(self.held.items()) if h[0] <= now]\n"),
        "belongs to all its objects",
    ),
    (
        "looking forgets",
        but(
            HEAR,
            "return sorted(p for",
            "self.held = {p: h for p, h in self.held.items() if h[0] > now}\n        return sorted(p for",
        ),
        "only look",
    ),
]

_OURS = "(other.name, other.host, other.port) == ours"
_KNOWN = "if other.ttl >= self.record.ttl / 2:"
_QUIET = 'if now < getattr(self, "quiet_until", now):'

ANSWERINGS = [
    ("never", but(ANSWER, "return pause_s", "return None"), "nothing was sent so far"),
    ("at once", but(ANSWER, "return pause_s", "return 0.0"), "between 0.02 and 0.12"),
    ("one pause", but(ANSWER, "self.rng.uniform(0.02, 0.12)", "0.05"), "all speak at once"),
    ("half the range", but(ANSWER, "uniform(0.02, 0.12)", "uniform(0.02, 0.07)"), "all speak at once"),
    (
        "mostly early",
        but(ANSWER, "self.rng.uniform(0.02, 0.12)", "0.02 + 0.1 * self.rng.random() ** 3"),
        "uniform(0.02, 0.12)",
    ),
    ("its own chance", but(ANSWER, "self.rng.uniform", "random.uniform"), "rng that you were given"),
    ("answers what is known", but(ANSWER, _KNOWN, "if False:"), "nobody needs to hear it"),
    ("any known record", but(ANSWER, "if " + _OURS, "if True"), "compare name, host and port"),
    ("any port", but(ANSWER, _OURS, "(other.name, other.host) == ours[:2]"), "compare the port"),
    ("any name", but(ANSWER, _OURS, "(other.host, other.port) == ours[1:]"), "compare the name"),
    ("equal records", but(ANSWER, _OURS, "other == self.record"), "nobody needs to hear it"),
    ("any time left", but(ANSWER, _KNOWN, "if True:"), "about to run out"),
    ("more than half", but(ANSWER, "other.ttl >= ", "other.ttl > "), "nobody needs to hear it"),
    (
        "the first known alone",
        but(ANSWER, "for other in known:", "for other in known[:1]:"),
        "nobody needs to hear it",
    ),
    ("always again", but(ANSWER, _QUIET, "if False:"), "one is enough"),
    ("only on its way", but(ANSWER, "now + pause_s + 1", "now + pause_s"), "less than a second ago"),
    ("a second from the question", but(ANSWER, "now + pause_s + 1", "now + 1"), "less than a second ago"),
    ("two seconds", but(ANSWER, "now + pause_s + 1", "now + pause_s + 2"), "it answers again"),
    ("once and for all", but(ANSWER, "now + pause_s + 1", "10**9"), "it answers again"),
    (
        "quiet after silence",
        but(
            ANSWER,
            "        for other in known:",
            "        self.quiet_until, now2 = now + 1, getattr(self, 'quiet_until', now)\n"
            "        if now < now2: return None\n        for other in known:",
        ).replace(_QUIET, "if False:"),
        "only what was sent counts",
    ),
    ("all share it", but(ANSWER, "self.quiet_until = ", "Answering.quiet_until = "), "answer"),
    (
        "eats the list",
        but(ANSWER, "for other in known:", "while known:\n            other = known.pop()"),
        "only look",
    ),
    ("True", but(ANSWER, "return pause_s", "return True"), "seconds until the answer"),
]

ANSWERS = [*(("Neighbours", *rest) for rest in NEIGHBOURS), *(("Answering", *rest) for rest in ANSWERINGS)]
