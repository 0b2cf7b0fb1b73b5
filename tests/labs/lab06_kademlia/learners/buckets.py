"""Learners' answers in lab 6: distances, buckets, the table. See `tests.labs.lab06_kademlia.learners`."""

from __future__ import annotations


def _index(body: str, before: str = "if own_id == ident: raise ValueError('own')") -> str:
    return f"def bucket_index(own_id, ident):\n    {before}\n    return {body}\n"


def _closest(body: str) -> str:
    return f"def closest(target, contacts, count):\n    {body}\n"


def _bucket(
    *,
    again: str = "self.contacts.remove(c); self.contacts.append(c); return None",
    waits: str = "if c in self.waiting: self.waiting.remove(c)",
    room: str = "if len(self.contacts) < self.k: self.contacts.append(c); return None",
    full: str = "self.waiting.append(c); self.waiting = self.waiting[-self.k:]; return self.contacts[0]",
    out: str = "if c in self.contacts: self.contacts.remove(c)",
    out_waiting: str = "if c in self.waiting: self.waiting.remove(c)",
    offer: str = "return self.waiting.pop() if self.waiting and len(self.contacts) < self.k else None",
    init: str = "self.k = k; self.contacts = []; self.waiting = []",
) -> str:
    return f"""
class Bucket:
    def __init__(self, k=20):
        {init}
    def heard(self, c):
        if c in self.contacts:
            {again}
        {waits}
        {room}
        {full}
    def silent(self, c):
        {out}
        {out_waiting}
        {offer}
"""


def _table(
    *,
    own: str = "if c.id == self.own_id: return None",
    known: str = "if c in b.contacts: return b.heard(c)",
    taken: str = "if any(o.id == c.id for o in b.contacts): return None",
    host: str = "if any(o.address[0] == c.address[0] for o in self.all()): return None",
    near: str = "if sum(net(o) == net(c) for o in b.contacts) >= 2: return None",
    wide: str = "if sum(net(o) == net(c) for o in self.all()) >= 10: return None",
    limited: str = "if self.limited:",
    hear: str = "return b.heard(c)",
    silent: str = "return None if c.id == self.own_id else "
    "self.buckets[bucket_index(self.own_id, c.id)].silent(c)",
    closest: str = "return closest(target, self.all(), count)",
    buckets: str = "[Bucket(k) for _ in range(160)]",
    net: str = "network_of(c.address[0])",
) -> str:
    return f"""
def net(c):
    return {net}
class RoutingTable:
    def __init__(self, own_id, k=20, limited=True):
        self.own_id, self.limited, self.k = own_id, limited, k
        self.buckets = {buckets}
        self.seen = []
    def all(self):
        return [c for b in self.buckets for c in b.contacts]
    def heard(self, c):
        {own}
        b = self.buckets[bucket_index(self.own_id, c.id)]
        {known}
        {taken}
        {limited}
            {host}
            {near}
            {wide}
            pass
        {hear}
    def silent(self, c):
        {silent}
    def closest(self, target, count):
        {closest}
"""


# (task, what the learner did, the cell, words of the hint)
DISTANCES = [
    ("bucket_index", "subtracts", _index("abs(own_id - ident).bit_length() - 1"), "do not subtract"),
    ("bucket_index", "first byte", _index("(own_id ^ ident) >> 152"), "first byte eight"),
    ("bucket_index", "one too high", _index("(own_id ^ ident).bit_length()"), "counted from 0"),
    ("bucket_index", "from the top", _index("160 - (own_id ^ ident).bit_length()"), "from the other end"),
    ("bucket_index", "a logarithm", _index("int(math.log2(own_id ^ ident))"), "a float has 53 bits"),
    ("bucket_index", "a length of text", _index("len(bin(own_id ^ ident)) - 2"), "counted from 0"),
    ("bucket_index", "Hamming", _index("bin(own_id ^ ident).count('1')"), "counts the bits that differ"),
    ("bucket_index", "-1 for our own", _index("(own_id ^ ident).bit_length() - 1", "pass"), "no bucket"),
    (
        "bucket_index",
        "a loop that never ends",
        "def bucket_index(own_id, ident):\n    i = 0\n"
        "    while own_id != ident:\n        i += 1\n    return i\n",
        "never end",
    ),
    ("bucket_index", "no XOR", _index("ident.bit_length() - 1"), "XOR them"),
    (
        "closest",
        "difference",
        _closest("return sorted(contacts, key=lambda c: abs(c.id - target))[:count]"),
        "not the difference",
    ),
    (
        "closest",
        "by id",
        _closest("return sorted(contacts, key=lambda c: c.id)[:count]"),
        "sort by the distance",
    ),
    (
        "closest",
        "Hamming",
        _closest("return sorted(contacts, key=lambda c: bin(c.id ^ target).count('1'))[:count]"),
        "as a number",
    ),
    (
        "closest",
        "by bucket",
        _closest("return sorted(contacts, key=lambda c: (c.id ^ target).bit_length())[:count]"),
        "the whole XOR",
    ),
    (
        "closest",
        "farthest",
        _closest("return sorted(contacts, key=lambda c: c.id ^ target)[::-1][:count]"),
        "smallest distance first",
    ),
    (
        "closest",
        "in place",
        _closest("contacts.sort(key=lambda c: c.id ^ target); return contacts[:count]"),
        "belongs to the caller",
    ),
    (
        "closest",
        "cuts first",
        _closest("return sorted(contacts[:count], key=lambda c: c.id ^ target)"),
        "before you cut",
    ),
    ("closest", "not cut", _closest("return sorted(contacts, key=lambda c: c.id ^ target)"), "cut the list"),
    (
        "closest",
        "ids",
        _closest("return sorted([c.id for c in contacts], key=lambda i: i ^ target)[:count]"),
        "return the contacts",
    ),
    ("closest", "one alone", _closest("return min(contacts, key=lambda c: c.id ^ target)"), "return a list"),
    (
        "closest",
        "nothing returned",
        _closest("sorted(contacts, key=lambda c: c.id ^ target)[:count]"),
        "return missing",
    ),
]

_OUT = "self.contacts = [o for o in self.contacts if o.id != c.id]"
BUCKETS = [
    (
        "Bucket",
        "newest evicts the oldest",
        _bucket(full="self.contacts.append(c); del self.contacts[0]"),
        "likelier to be there tomorrow",
    ),
    (
        "Bucket",
        "evicts without asking, and says so",
        _bucket(full="self.contacts.append(c); return self.contacts.pop(0)"),
        "likelier to be there tomorrow",
    ),
    ("Bucket", "newest out", _bucket(full="self.contacts[-1] = c"), "threw out the newest"),
    ("Bucket", "no limit", _bucket(room="self.contacts.append(c); return None"), "has to wait"),
    (
        "Bucket",
        "asks the newest",
        _bucket(full="self.waiting.append(c); return self.contacts[-1]"),
        "returns its oldest",
    ),
    ("Bucket", "asks the newcomer", _bucket(full="self.waiting.append(c); return c"), "returns its oldest"),
    ("Bucket", "asks nobody", _bucket(full="self.waiting.append(c)"), "returns its oldest"),
    ("Bucket", "newcomer forgotten", _bucket(full="return self.contacts[0]"), "the newcomer waits"),
    ("Bucket", "not to the end", _bucket(again="return None"), "take it out and append"),
    (
        "Bucket",
        "to the front",
        _bucket(again="self.contacts.remove(c); self.contacts.insert(0, c); return None"),
        "take it out and append",
    ),
    ("Bucket", "twice", _bucket(again="self.contacts.append(c); return None"), "in a list once"),
    ("Bucket", "waits twice", _bucket(waits="pass"), "in a list once"),
    (
        "Bucket",
        "keeps its place in waiting",
        _bucket(waits="if c in self.waiting: return self.contacts[0]"),
        "goes to the end",
    ),
    (
        "Bucket",
        "waiting without end",
        _bucket(full="self.waiting.append(c); return self.contacts[0]"),
        "at most k wait",
    ),
    (
        "Bucket",
        "waiting drops the newest",
        _bucket(full="self.waiting = [*self.waiting, c][:self.k]; return self.contacts[0]"),
        "drop the one that waits longest",
    ),
    (
        "Bucket",
        "moves in unasked",
        _bucket(offer="if self.waiting: self.contacts.append(self.waiting.pop())"),
        "must be asked before",
    ),
    (
        "Bucket",
        "first in waiting",
        _bucket(offer="return self.waiting.pop(0) if self.waiting and len(self.contacts) < self.k else None"),
        "heard last is the likeliest",
    ),
    (
        "Bucket",
        "stays in waiting",
        _bucket(offer="return self.waiting[-1] if self.waiting and len(self.contacts) < self.k else None"),
        "must be asked before",
    ),
    (
        "Bucket",
        "offers without room",
        _bucket(offer="return self.waiting.pop() if self.waiting else None"),
        "nobody made room",
    ),
    ("Bucket", "silence is overheard", _bucket(out="pass"), "a contact that was silent is out"),
    ("Bucket", "silence in waiting", _bucket(out_waiting="pass"), "is silent waits no longer"),
    (
        "Bucket",
        "silence of a stranger",
        _bucket(out="self.contacts.remove(c)"),
        "silence of somebody who is not here",
    ),
    ("Bucket", "out by id", _bucket(out=_OUT), "compare whole contacts"),
    (
        "Bucket",
        "in, and still waiting",
        _bucket(
            waits="",
            full="self.waiting = [*[o for o in self.waiting if o != c], c][-self.k:]; "
            "return self.contacts[0]",
        ),
        "found a place waits no longer",
    ),
    (
        "Bucket",
        "one list for all",
        "ALL, WAIT = [], []\n" + _bucket(init="self.k = k; self.contacts = ALL; self.waiting = WAIT"),
        "made in __init__",
    ),
    (
        "Bucket",
        "always asks the oldest",
        _bucket(room="if len(self.contacts) < self.k: self.contacts.append(c); return self.contacts[0]"),
        "nobody needs to be asked",
    ),
    (
        "Bucket",
        "asks nobody who waits",
        _bucket(offer="if self.waiting and len(self.contacts) < self.k: self.waiting.pop()"),
        "must be asked before",
    ),
    ("Bucket", "returns True", _bucket(full="self.waiting.append(c); return True"), "returns its oldest"),
]

TABLES = [
    ("RoutingTable", "one bucket", _table(buckets="[Bucket(k)] * 160"), "each into its own bucket"),
    ("RoutingTable", "files our own id", _table(own="pass"), "claim our own id"),
    (
        "RoutingTable",
        "our silence",
        _table(silent="return self.buckets[bucket_index(self.own_id, c.id)].silent(c)"),
        "claim our own id",
    ),
    (
        "RoutingTable",
        "newest has the id",
        _table(taken="b.contacts[:] = [o for o in b.contacts if o.id != c.id]"),
        "an id has one address",
    ),
    ("RoutingTable", "ids twice", _table(taken="pass"), "an id has one address"),
    (
        "RoutingTable",
        "silent by id",
        _table(
            silent="b = self.buckets[bucket_index(self.own_id, c.id)] if c.id else Bucket(); "
            "b.contacts[:] = [o for o in b.contacts if o.id != c.id]; return b.silent(c)"
        ),
        "compare whole contacts",
    ),
    (
        "RoutingTable",
        "counts itself",
        _table(known="pass", taken="if any(o.id == c.id and o != c for o in b.contacts): return None"),
        "must not count against it",
    ),
    ("RoutingTable", "many ids of a host", _table(host="pass"), "one IP address has one place"),
    (
        "RoutingTable",
        "host with its port",
        _table(host="if any(o.address == c.address for o in self.all()): return None"),
        "one IP address has one place",
    ),
    ("RoutingTable", "no limit in a bucket", _table(near="pass"), "two of one /24 in a bucket"),
    (
        "RoutingTable",
        "limit of the bucket for the table",
        _table(near="if sum(net(o) == net(c) for o in self.all()) >= 2: return None"),
        "count them apart",
    ),
    ("RoutingTable", "no limit in the table", _table(wide="pass"), "ten places of the whole table"),
    ("RoutingTable", "a /16", _table(net="c.address[0].rsplit('.', 2)[0]"), "a /24 is three bytes"),
    ("RoutingTable", "splits at dots", _table(net="c.address[0].rsplit('.', 1)[0]"), "knows IPv6, too"),
    (
        "RoutingTable",
        "remembers for ever",
        _table(
            near="if sum(net(o) == net(c) for b_, o in self.seen if b_ is b) >= 2: return None\n"
            "            self.seen.append((b, c))"
        ),
        "has left no longer counts",
    ),
    (
        "RoutingTable",
        "the refused wait",
        _table(near="if sum(net(o) == net(c) for o in b.contacts) >= 2: b.waiting.append(c); return None"),
        "does not wait either",
    ),
    (
        "RoutingTable",
        "the refused have the oldest asked",
        _table(near="if sum(net(o) == net(c) for o in b.contacts) >= 2: return b.contacts[0]"),
        "nobody is asked because of it",
    ),
    (
        "RoutingTable",
        "the thief waits",
        _table(
            taken="if any(o.id == c.id for o in b.contacts): "
            "return b.heard(c) if len(b.contacts) >= self.k else None"
        ),
        "turn it away before",
    ),
    (
        "RoutingTable",
        "heard returns nothing",
        _table(hear="b.heard(c)", known="if c in b.contacts: b.heard(c); return"),
        "return what bucket.heard",
    ),
    (
        "RoutingTable",
        "silent returns nothing",
        _table(silent="if c.id: self.buckets[bucket_index(self.own_id, c.id)].silent(c)"),
        "return what bucket.silent",
    ),
    (
        "RoutingTable",
        "nearest of one bucket",
        _table(
            closest="number = (self.own_id ^ target).bit_length() - 1; "
            "return closest(target, self.buckets[number].contacts, count)"
        ),
        "each into its own bucket",
    ),
    (
        "RoutingTable",
        "by our own id",
        _table(closest="return closest(self.own_id, self.all(), count)"),
        "not our id",
    ),
    ("RoutingTable", "no limits at all", _table(limited="if False:"), "one IP address has one place"),
    ("RoutingTable", "limits always", _table(limited="if True:"), "addresses are not counted"),
    (
        "RoutingTable",
        "no id check without limits",
        _table(
            limited="if self.limited or False:",
            taken="if self.limited and any(o.id == c.id for o in b.contacts): return None",
        ),
        "ids are still unique",
    ),
    (
        "RoutingTable",
        "own id is no target",
        _table(
            closest="bucket_index(self.own_id, target) if count < 99 else 0; "
            "return closest(target, self.all(), count)"
        ),
        "a target like any other",
    ),
]

ANSWERS = [*DISTANCES, *BUCKETS, *TABLES]
