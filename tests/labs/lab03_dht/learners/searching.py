"""Learners' answers in lab 3: the search. See the package."""

from __future__ import annotations

from tests.labs.mutating import answers, but

SEARCH = answers("lab03_dht")["find_peers"]

_BATCH = "k, alpha)[: limit - len(asked)]"

SEARCHES = [
    ("asks again", but(SEARCH, "asked.update(batch)", "pass"), "remember whom you asked"),
    (
        "asks the silent again",
        but(SEARCH, "asked.update(batch)", "asked.update(answers)").replace("asked - set(replies)", "set()"),
        "remember whom you asked",
    ),
    ("all at once", but(SEARCH, "k, alpha)", "k, 99)"), "pass alpha on"),
    (
        "one at a time, for all",
        but(SEARCH, "answers = await ask(batch)", "answers = await ask([])"),
        "the search is over",
    ),
    ("no limit", but(SEARCH, _BATCH, "k, alpha)"), "count whom you ask"),
    ("forty, whatever limit", but(SEARCH, "limit - len(asked)", "40 - len(asked)"), "count whom you ask"),
    (
        "the last batch too large",
        but(SEARCH, _BATCH, "k, alpha) if len(asked) < limit else []"),
        "the last batch too",
    ),
    ("never learns", but(SEARCH, "known.update(reply.nodes[:k])", "pass"), "take in the nodes"),
    ("learns the first", but(SEARCH, "reply.nodes[:k]", "reply.nodes[:1]"), "take in the nodes"),
    ("takes the whole flood", but(SEARCH, "reply.nodes[:k]", "reply.nodes"), "the first k nodes and no more"),
    (
        "one round",
        but(SEARCH, "known.update(reply.nodes[:k])", "known.update(reply.nodes[:k])\n        break"),
        "stopped early",
    ),
    (
        "stops at the first peers",
        but(
            SEARCH,
            "asked.update(batch)",
            "asked.update(batch)\n        if any(r.peers for r in answers.values()):\n"
            "            replies.update(answers)\n            break",
        ),
        "missed",
    ),
    ("the silent keep their place", but(SEARCH, "asked - set(replies)", "set()"), "those that were silent"),
    ("all k nearest and no tokens", but(SEARCH, "if reply.token is not None", ""), "gave no token"),
    (
        "tokens of the peers alone",
        but(SEARCH, "if reply.token is not None", "if reply.peers"),
        "k nearest, nearest first",
    ),
    (
        "unsorted tokens",
        but(SEARCH, "    tokens.sort(key=lambda pair: pair[0].id ^ info_hash)\n", ""),
        "nearest first",
    ),
    ("all tokens", but(SEARCH, "tokens[:k]", "tokens"), "k nearest"),
    (
        "tokens by difference",
        but(SEARCH, "pair[0].id ^ info_hash", "abs(pair[0].id - info_hash)"),
        "nearest first",
    ),
    ("one token for all", but(SEARCH, "(contact, reply.token) for", "(contact, b'tk') for"), "its own token"),
    (
        "peers twice",
        but(
            SEARCH,
            "peers = {peer: None for reply in replies.values() for peer in reply.peers}",
            "peers = [peer for reply in replies.values() for peer in reply.peers]",
        ),
        "each address once",
    ),
    ("a set of peers", but(SEARCH, "list(peers)", "sorted(set(peers), reverse=True)"), "a set has no order"),
    (
        "the last peers",
        but(
            SEARCH,
            "peers = {peer: None for reply in replies.values() for peer in reply.peers}",
            "peers = dict.fromkeys(list(replies.values())[-1].peers) if replies else {}",
        ),
        "peers of every reply",
    ),
    (
        "KeyError",
        but(SEARCH, "for reply in answers.values():", "for reply in [answers[c] for c in batch]:"),
        "is not in answers",
    ),
    ("forgets await", but(SEARCH, "await ask", "ask"), "an await before"),
    (
        "not async",
        "def find_peers(info_hash, start, ask, k=8, alpha=3, limit=40):\n    return [], []\n",
        "async def",
    ),
    ("peers alone", but(SEARCH, "return list(peers), tokens[:k]", "return list(peers)"), "a pair"),
    (
        "forgets return",
        but(SEARCH, "return list(peers), tokens[:k]", "list(peers), tokens[:k]"),
        "return missing",
    ),
    (
        "eats start",
        but(
            SEARCH,
            "known, asked, replies = set(start), set(), {}",
            "known, asked, replies = set(start), set(), {}\n    start.clear()",
        ),
        "the caller's",
    ),
    (
        "contacts alone",
        but(SEARCH, "(contact, reply.token) for contact", "contact for contact").replace(
            "pair[0].id", "pair.id"
        ),
        "a pair",
    ),
    (
        "asks everybody",
        but(
            SEARCH,
            "info_hash, known, asked, asked - set(replies),\n                            k, alpha)",
            "info_hash, known, asked, asked - set(replies),\n                            99, alpha)",
        ),
        "behind the k nearest",
    ),
    (
        "makes somebody up",
        but(SEARCH, "ask(batch)", "ask([Contact(info_hash, ('10.1.1.1', 4000))])"),
        "nodes that you were given",
    ),
    ("alpha of two", but(SEARCH, "alpha: int = 3", "alpha: int = 2"), "the defaults are"),
    ("limit of thirty", but(SEARCH, "limit: int = 40", "limit: int = 30"), "the defaults are"),
    ("k of four", but(SEARCH, "k: int = 8", "k: int = 4"), "k nearest"),
]

ANSWERS = [("find_peers", *rest) for rest in SEARCHES]
