"""Learners' answers in lab 0: failure detectors, and how long to wait. See the package."""

from __future__ import annotations


def _detector(body: str, start: str = "self.state, self.m, self.a = 'down', 0, 0") -> str:
    lines = "\n        ".join(body.strip().split("\n"))
    return f"""
class Detector:
    def __init__(self, misses=3, answers=2):
        self.misses, self.answers = misses, answers
        {start}

    def sample(self, answered):
        {lines}
"""


def _trips(heard: str, missed: str = "self.timeout_s *= 2", start: str = "self.timeout_s = 1.0") -> str:
    return f"""
class RoundTrips:
    def __init__(self):
        {start}
        self.srtt, self.var, self.first = None, 0.0, self.timeout_s

    def heard(self, round_trip_s):
        {heard}

    def missed(self):
        {missed}
"""


# (task, what the learner did, the cell, words of the hint)
DETECTING = [
    (
        "Detector",
        "believes every ping",
        _detector(
            "state = 'up' if answered else 'down'\n"
            "if state != self.state:\n    self.state = state\n    return state"
        ),
        "two answers in a row",
    ),
    (
        "Detector",
        "says it every time",
        _detector("return 'up' if answered else 'down'"),
        "say it once",
    ),
    (
        "Detector",
        "does not count in a row",
        _detector(
            "if answered:\n    self.a += 1\nelse:\n    self.m += 1\n"
            "if self.state == 'down' and self.a == self.answers:\n    self.state, self.m = 'up', 0\n"
            "    return 'up'\n"
            "if self.state == 'up' and self.m == self.misses:\n    self.state, self.a = 'down', 0\n"
            "    return 'down'"
        ),
        "resets the count of misses",
    ),
    (
        "Detector",
        "one answer is enough",
        _detector(
            "self.m = 0 if answered else self.m + 1\n"
            "if answered and self.state == 'down':\n    self.state = 'up'\n    return 'up'\n"
            "if self.m == self.misses and self.state == 'up':\n    self.state = 'down'\n    return 'down'"
        ),
        "two answers in a row",
    ),
    (
        "Detector",
        "down again and again",
        _detector(
            "self.m, self.a = (0, self.a + 1) if answered else (self.m + 1, 0)\n"
            "if self.a == self.answers:\n    return 'up'\n"
            "if self.m >= self.misses:\n    return 'down'"
        ),
        "say it once",
    ),
    (
        "Detector",
        "begins up",
        _detector(
            "self.m, self.a = (0, self.a + 1) if answered else (self.m + 1, 0)\n"
            "if self.a == self.answers and self.state == 'down':\n    self.state = 'up'\n    return 'up'\n"
            "if self.m == self.misses and self.state == 'up':\n    self.state = 'down'\n    return 'down'",
            "self.state, self.m, self.a = 'up', 0, 0",
        ),
        "it starts down",
    ),
    (
        "Detector",
        "counts in the class",
        """
class Detector:
    m = a = 0
    state = "down"
    def __init__(self, misses=3, answers=2):
        self.misses, self.answers = misses, answers
        Detector.m = Detector.a = 0
        self.state = "down"
    def sample(self, answered):
        Detector.m, Detector.a = (0, Detector.a + 1) if answered else (Detector.m + 1, 0)
        if Detector.a >= self.answers and self.state == "down":
            self.state = "up"
            return "up"
        if Detector.m >= self.misses and self.state == "up":
            self.state = "down"
            return "down"
""",
        "keep the counts on self",
    ),
    (
        "Detector",
        "numbers of its own",
        _detector(
            "self.m, self.a = (0, self.a + 1) if answered else (self.m + 1, 0)\n"
            "if self.a == 2 and self.state == 'down':\n    self.state = 'up'\n    return 'up'\n"
            "if self.m == 3 and self.state == 'up':\n    self.state = 'down'\n    return 'down'"
        ),
        "are arguments",
    ),
    ("Detector", "True and False", _detector("return answered"), '"up" or "down"'),
]

ESTIMATING = [
    ("RoundTrips", "one second for ever", _trips("pass", "pass"), "come down to what you hear"),
    (
        "RoundTrips",
        "a short wait for ever",
        _trips("pass", "pass", "self.timeout_s = 0.02"),
        "double the wait each time",
    ),
    (
        "RoundTrips",
        "the last one",
        _trips("self.timeout_s = 2 * round_trip_s"),
        "leave room above the usual one",
    ),
    (
        "RoundTrips",
        "the mean alone",
        _trips(
            "self.srtt = round_trip_s if self.srtt is None else self.srtt * 7 / 8 + round_trip_s / 8\n"
            "        self.timeout_s = self.srtt"
        ),
        "leave room above the usual one",
    ),
    (
        "RoundTrips",
        "twice the mean",
        _trips(
            "self.srtt = round_trip_s if self.srtt is None else self.srtt * 7 / 8 + round_trip_s / 8\n"
            "        self.timeout_s = 2 * self.srtt"
        ),
        "more where they vary more",
    ),
    (
        "RoundTrips",
        "never comes down",
        _trips("self.timeout_s = max(self.timeout_s, 2 * round_trip_s)"),
        "come down to what you hear",
    ),
    (
        "RoundTrips",
        "no doubling",
        _trips(
            "self.var = round_trip_s / 2 if self.srtt is None else"
            " self.var * 3 / 4 + abs(self.srtt - round_trip_s) / 4\n"
            "        self.srtt = round_trip_s if self.srtt is None else"
            " self.srtt * 7 / 8 + round_trip_s / 8\n"
            "        self.timeout_s = self.srtt + 4 * self.var",
            "pass",
        ),
        "double the wait each time",
    ),
    (
        "RoundTrips",
        "a method",
        """
class RoundTrips:
    def heard(self, round_trip_s):
        pass
    def missed(self):
        pass
    def timeout_s(self):
        return 1.0
""",
        "set self.timeout_s",
    ),
    (
        "RoundTrips",
        "begins with 0",
        _trips("self.timeout_s = 2 * round_trip_s", start="self.timeout_s = 0.0"),
        "more than 0 s",
    ),
]

ANSWERS = [*DETECTING, *ESTIMATING]
