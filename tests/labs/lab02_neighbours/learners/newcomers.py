"""Learners' answers in lab 2, written by somebody who read it for the first time. See the package."""

from __future__ import annotations

from tests.labs.mutating import answers, but

SOLVED = answers("lab02_neighbours")
PLAN, DEAL, USABLE = SOLVED["call_plan"], SOLVED["deal"], SOLVED["usable"]
ASK, READ = SOLVED["write_question"], SOLVED["read_name"]
HEAR, ANSWER = SOLVED["Neighbours"], SOLVED["Answering"]

_DRAWN = "plan.append((rng.uniform(pause_s / 2, pause_s), address))"

PLANS = [
    (
        "those who are not called cost a pause",
        "def call_plan(cached, built_in, rng, per_network=2):\n    plan, seen, used = [], [], {}\n"
        "    for i, a in enumerate([*reversed(cached), *built_in]):\n        n = network_of(a[0])\n"
        "        if a in seen or used.get(n, 0) >= per_network: continue\n"
        "        seen.append(a); used[n] = used.get(n, 0) + 1\n"
        "        p = min(2 ** (i - 1), 60) if i else 0\n"
        "        plan.append((rng.uniform(p / 2, p), a))\n    return plan\n",
        "does not count",
    ),
    ("a power of a float", but(PLAN, "2 ** (number - 1)", "2.0 ** (number - 1)"), "cut the exponent"),
    (
        "times and not pauses",
        but(PLAN, "plan = []", "plan, now = [], 0.0").replace(
            _DRAWN, "now += rng.uniform(pause_s / 2, pause_s); plan.append((now, address))"
        ),
        "not from the first",
    ),
    ("an end at 30", but(PLAN, "60", "30"), "up to 60"),
    ("one and a half", but(PLAN, "2 ** (number - 1)", "1.5 ** (number - 1)"), "doubles with each call"),
]

DEALS = [
    (
        "raises for nobody",
        but(DEAL, "begin = turn * size", "if not peers:\n        raise ValueError\n    begin = turn * size"),
        "no peers at all",
    ),
    (
        "looks for others without end",
        "def deal(peers, turn, count):\n    out, i = [], turn * min(count, len(peers))\n"
        "    while len(out) < count:\n        p = peers[i % len(peers)]\n        i += 1\n"
        "        if p not in out: out.append(p)\n    return out\n",
        "never end",
    ),
]

USABLES = [
    (
        "doubles take places",
        "def usable(records, limit=16):\n    first, n = {}, 0\n    for a, ttl in records:\n        try:\n"
        "            if scope_of(a) is not Scope.WORLD: continue\n        except UsageError: continue\n"
        "        if n == limit: break\n        n += 1\n        first.setdefault(a, ttl)\n"
        "    return list(first), min(max(min(first.values(), default=30), 30), 3600)\n",
        "one place, not two",
    ),
    ("inside out", but(USABLE, "min(max(seconds, 30), 3600)", "max(min(seconds, 30), 3600)"), "wrong way"),
    ("without IPv6", but(USABLE, "if is_public and", "if is_public and ':' not in address and"), "IPv6"),
    ("without the short", but(USABLE, "if is_public and", "if is_public and ttl >= 30 and"), "short TTL"),
    (
        "floats",
        but(USABLE, "min(max(seconds, 30), 3600)", "float(min(max(seconds, 30), 3600))"),
        "a whole number",
    ),
]

QUESTIONS = [
    ("recursion desired", but(ASK, '">6H", 0, 0, 1', '">6H", 0, 0x100, 1'), "asks on for you"),
    ("an id", but(ASK, '">6H", 0, 0, 1', '">6H", 1, 0, 1'), "the id, is 0"),
    ("small letters", but(ASK, "label.encode()", "label.lower().encode()"), "capitals and all"),
    ("two bytes of size", but(ASK, "bytes([len(text)])", "struct.pack('>H', len(text))"), "is one byte"),
]

READS = [
    (
        "follows anywhere and catches all",
        "def read_name(packet, offset):\n    try:\n        return inner(packet, offset)\n"
        "    except Exception:\n        raise DecodeError('no name', offset)\n"
        + but(READ, "def read_name", "def inner").replace("if target >= began:", "if False:"),
        "lead to before the place",
    ),
    ("small letters", but(READ, "label.decode()", "label.decode().lower()"), "as it stands"),
    (
        "counts letters",
        but(READ, "size += 1 + byte", "size += 1 + len(label.decode(errors='replace'))"),
        "not letters",
    ),
    ("Greek", but(READ, "label.decode()", "label.decode('iso8859-7')"), "byte by byte"),
    ("a dot at the end", but(READ, '".".join(labels)', '".".join(labels) + "."'), "behind the last"),
    (
        "another error",
        but(READ, 'raise DecodeError("a pointer that leads nowhere", offset)', "raise RuntimeError"),
        "RuntimeError, expected DecodeError",
    ),
    (
        "trusts struct",
        but(
            READ, "if offset >= len(packet):\n                raise", "if False:\n                raise"
        ).replace(
            "(byte & 63) << 8 | packet[offset]", "struct.unpack_from('>H', packet, offset - 1)[0] & 0x3FFF"
        ),
        "struct.error, expected DecodeError",
    ),
]

NEIGHBOURS = [
    (
        "a goodbye gives its place away",
        but(
            HEAR,
            "len(self.held) < self.most",
            "sum(t is not None for _, t in self.held.values()) < self.most",
        ),
        "until it is gone",
    ),
    ("half of an odd number", but(HEAR, ">= ttl / 2", ">= ttl // 2"), "round nothing before"),
    ("rounds before", but(HEAR, "until - now >= ttl / 2", "int(until - now) >= ttl / 2"), "compare first"),
    ("runs out a moment late", but(HEAR, "h[0] > now}", "h[0] >= now}"), "at the end of its ttl"),
    ("lists for pairs", but(HEAR, "return sorted(p for", "return sorted(list(p) for"), "a list of pairs"),
    (
        "sorted by what is left",
        but(
            HEAR,
            "sorted(p for p, (until, _) in self.held.items() if until > now)",
            "sorted((p for p, h in self.held.items() if h[0] > now), key=lambda p: self.held[p][0])",
        ),
        "by host, then by port",
    ),
]

_PAUSE = "self.rng.uniform(0.02, 0.12)"

ANSWERINGS = [
    ("in steps", but(ANSWER, _PAUSE, "self.rng.choice([0.02, 0.04, 0.06, 0.08, 0.1, 0.12])"), "any number"),
    ("in milliseconds", but(ANSWER, _PAUSE, "self.rng.uniform(20, 120)"), "not milliseconds"),
    ("when, not how long", but(ANSWER, "return pause_s", "return now + pause_s"), "how long to wait"),
    ("half of 120", but(ANSWER, "self.record.ttl / 2", "60"), "not always 120"),
    ("half of an odd number", but(ANSWER, "self.record.ttl / 2", "self.record.ttl // 2"), "do not round"),
    (
        "quiet at the beginning",
        but(ANSWER, '"quiet_until", now)', '"quiet_until", 1.0)'),
        "nothing was sent so far",
    ),
]

ANSWERS = [
    *(("call_plan", *rest) for rest in PLANS),
    *(("deal", *rest) for rest in DEALS),
    *(("usable", *rest) for rest in USABLES),
    *(("write_question", *rest) for rest in QUESTIONS),
    *(("read_name", *rest) for rest in READS),
    *(("Neighbours", *rest) for rest in NEIGHBOURS),
    *(("Answering", *rest) for rest in ANSWERINGS),
]

# Right answers, in other styles than the solution's

RIGHT = {
    "call_plan": [
        """def call_plan(cached, built_in, rng, per_network=2):
    from collections import Counter
    counts, seen, plan, pause = Counter(), set(), [], 1
    for address in cached[::-1] + built_in:
        network = network_of(address[0])
        if address in seen or counts[network] == per_network: continue
        seen.add(address)
        counts[network] += 1
        if not plan:
            plan.append((0, address))
        else:
            plan.append((pause * rng.uniform(0.5, 1.0), address))
            pause = min(60, pause * 2)
    return plan
""",
        """def call_plan(cached, built_in, rng, per_network=2):
    out = []
    for a in dict.fromkeys([*cached[::-1], *built_in]):
        if len([b for _, b in out if network_of(b[0]) == network_of(a[0])]) < per_network:
            w = min(60, 2 ** (len(out) - 1)) if out else 0
            out += [(w / 2 + rng.random() * w / 2, a)]
    return out
""",
    ],
    "deal": [
        """from collections import deque
def deal(peers, turn, count):
    ring, size = deque(peers), min(count, len(peers))
    ring.rotate(-turn * size)
    return list(ring)[:size]
""",
        """def deal(peers, turn, count):
    if len(peers) <= count: return list(peers)
    begin = turn * count % len(peers)
    return (peers * 2)[begin : begin + count]
""",
    ],
    "usable": [
        """def public(a):
    try:
        return scope_of(a) == Scope.WORLD
    except UsageError:
        return False
def usable(records, limit=16):
    first = {}
    for a, ttl in records:
        if public(a): first.setdefault(a, ttl)
    chosen = list(first)[:limit]
    if not chosen: return [], 30
    return chosen, max(30, min(3600, *[first[a] for a in chosen]))
""",
    ],
    "write_question": [
        """def write_question(name, kind):
    labels = [label.encode("utf8") for label in name.split(".")]
    if any(not 0 < len(label) < 64 for label in labels): raise ValueError(name)
    raw = b"".join(bytes([len(label)]) + label for label in [*labels, b""])
    if len(raw) > 255: raise DecodeError("too long")
    return bytes.fromhex("000000000001000000000000") + raw + kind.to_bytes(2, "big") + b"\\0\\1"
""",
    ],
    "read_name": [
        """def read_name(packet, offset):
    return walk(packet, offset, offset, 1)
def walk(p, at, began, size):
    labels = []
    while True:
        try:
            n = p[at]
        except IndexError:
            raise ValueError("short") from None
        if n == 0:
            return ".".join(labels), at + 1
        if n < 64:
            part = p[at + 1 : at + 1 + n]
            size += n + 1
            if len(part) != n or size > 255: raise ValueError("bad")
            labels.append(str(part, "utf-8"))
            at += n + 1
        elif n >= 192:
            two = p[at : at + 2]
            if len(two) < 2: raise ValueError("half")
            to = int.from_bytes(two, "big") - 0xC000
            if to >= began: raise ValueError("not back")
            rest, _ = walk(p, to, to, size)
            return ".".join(labels + ([rest] if rest else [])), at + 2
        else:
            raise ValueError("bits")
""",
        """def read_name(packet, offset):
    try:
        return inner(packet, offset)
    except (IndexError, struct.error) as error:
        raise DecodeError("the end", offset) from error
def inner(packet, offset):
    parts, end, lowest = [], 0, offset
    while packet[offset]:
        n = packet[offset]
        if n >> 6 == 3:
            end = end or offset + 2
            (to,) = struct.unpack_from("!H", packet, offset)
            to &= 0x3FFF
            if to >= lowest: raise DecodeError("not back", offset)
            offset = lowest = to
        elif n >> 6:
            raise DecodeError("bits", offset)
        else:
            packet[offset + n]
            parts.append(packet[offset + 1 : offset + 1 + n])
            offset += 1 + n
            if sum(map(len, parts)) + len(parts) + 1 > 255: raise DecodeError("long", offset)
    return b".".join(parts).decode(), end or offset + 1
""",
    ],
    "Neighbours": [
        """class Neighbours:
    def __init__(self, name, most=256):
        self.name, self.most = name, most
        self.began, self.ttl, self.bye = {}, {}, {}
    def end(self, p):
        return min(self.began[p] + self.ttl[p], self.bye.get(p, float("inf")))
    def heard(self, record, now):
        if record.name.casefold() != self.name.casefold(): return
        p = record[2:]
        here = p in self.began and self.end(p) > now
        if not record.ttl:
            if here: self.bye.setdefault(p, now + 1)
            return
        if not here and len(self.present(now)) >= self.most: return
        self.bye.pop(p, None)
        self.began[p] = now
        self.ttl[p] = min(4500, record.ttl)
    def present(self, now):
        return sorted(p for p in self.began if self.end(p) > now)
    def known(self, now):
        out = []
        for p in self.present(now):
            left = self.began[p] + self.ttl[p] - now
            if p not in self.bye and left * 2 >= self.ttl[p]:
                out.append(Record(self.name, int(left), p[0], p[1]))
        return out
""",
        """class Held:
    pass
class Neighbours:
    def __init__(self, name, most=256):
        self.name, self.most, self.held = name, most, []
    def heard(self, record, now):
        if record.name.upper() != self.name.upper(): return
        self.held = [h for h in self.held if h.until > now]
        ttl = min(record.ttl, 4500)
        for h in self.held:
            if (h.host, h.port) == (record.host, record.port):
                if ttl: h.until, h.half = now + ttl, ttl / 2
                else: h.until, h.half = min(h.until, now + 1), 1e9
                return
        if ttl and len(self.held) < self.most:
            h = Held()
            h.host, h.port, h.until, h.half = record.host, record.port, now + ttl, ttl / 2
            self.held.append(h)
    def present(self, now):
        return sorted([(h.host, h.port) for h in self.held if now < h.until])
    def known(self, now):
        records = [Record(name=self.name, ttl=int(h.until - now), host=h.host, port=h.port)
                   for h in self.held if h.until - now >= h.half]
        return sorted(records, key=lambda r: (r.host, r.port))
""",
    ],
    "Answering": [
        """class Answering:
    def __init__(self, record, rng):
        self.record, self.rng, self.sent_at = record, rng, None
    def asked(self, known, now):
        if self.sent_at is not None and now - self.sent_at < 1: return None
        me = self.record
        if any(k[0] == me.name and k[2:] == me[2:] and 2 * k.ttl >= me.ttl for k in known): return None
        wait = 0.02 + 0.1 * self.rng.random()
        self.sent_at = now + wait
        return wait
""",
    ],
}
