"""Learners' answers in lab 6: the lookup, and fetching past liars. See the package."""

from __future__ import annotations


def _lookup(
    *,
    first: str = "known = set(start)",
    living: str = "known - silent",
    width: str = "k",
    order: str = "closest(target, pool, {width})",
    fresh: str = "if c not in was",
    cut: str = "[:min(alpha, limit - len(was))]",
    stop: str = "if not batch: break",
    ask: str = "answers = await ask(batch)",
    note: str = "was.update(batch)",
    look: str = "if c in answers:",
    good: str = "done.append(c); known.update(answers[c][:k])",
    bad: str = "silent.add(c)",
    give: str = "closest(target, done, k)",
    head: str = "async def",
) -> str:
    return f"""
{head} lookup(target, start, ask, k=20, alpha=3, limit=80):
    {first}
    was, silent, done = set(), set(), []
    while True:
        pool = {living}
        batch = [c for c in {order.format(width=width)} {fresh}]{cut}
        {stop}
        {ask}
        {note}
        for c in batch:
            {look}
                {good}
            else:
                {bad}
    return {give}
"""


_BY_DIFFERENCE = "sorted({}, key=lambda c: abs(c.id - target))[:k]"

LOOKUPS = [
    ("lookup", "asks twice", _lookup(fresh=""), "remember whom you asked"),
    (
        "lookup",
        "asks the silent again",
        _lookup(living="known", note="was.update(c for c in batch if c in answers)"),
        "remember whom you asked",
    ),
    ("lookup", "all k at once", _lookup(cut="[:limit - len(was)]"), "cut the batch to alpha"),
    ("lookup", "never ends", _lookup(cut="[:alpha]"), "count whom you ask"),
    (
        "lookup",
        "the last batch too large",
        _lookup(cut="[:alpha]", stop="if not batch or len(was) >= limit: break"),
        "also in the last batch",
    ),
    ("lookup", "its own limit", _lookup(cut="[:min(alpha, 80 - len(was))]"), "count whom you ask"),
    ("lookup", "one after the other", _lookup(cut="[:min(1, limit - len(was))]"), "in one batch"),
    (
        "lookup",
        "alpha awaits",
        _lookup(ask="answers = {}\n        for c in batch: answers |= await ask([c])"),
        "in one batch",
    ),
    ("lookup", "asks everybody", _lookup(width="500"), "need not be asked"),
    ("lookup", "asks a few too many", _lookup(width="k + 8"), "need not be asked"),
    (
        "lookup",
        "stops when nobody is nearer",
        _lookup(
            stop="if not batch: break\n        near = closest(target, known, 1)",
            bad="silent.add(c)\n        if was and closest(target, known, 1) == near: break",
        ),
        "it stopped early",
    ),
    ("lookup", "one round", _lookup(bad="silent.add(c)\n        break"), "it stopped early"),
    ("lookup", "asks half of them", _lookup(width="k // 2"), "it stopped early"),
    ("lookup", "never learns", _lookup(good="done.append(c)"), "take in whom every answer names"),
    (
        "lookup",
        "takes the first name alone",
        _lookup(good="done.append(c); known.update(answers[c][:1])"),
        "take in whom every answer names",
    ),
    (
        "lookup",
        "returns who was named",
        _lookup(give="closest(target, known, k)"),
        "to be named is not to be there",
    ),
    (
        "lookup",
        "returns the silent",
        _lookup(bad="silent.add(c); done.append(c)"),
        "to be named is not to be there",
    ),
    ("lookup", "the silent keep their place", _lookup(living="known"), "a silent peer"),
    (
        "lookup",
        "gives up at the first silence",
        _lookup(bad="return closest(target, done, k)"),
        "a silent peer",
    ),
    (
        "lookup",
        "keeps k names and no more",
        _lookup(bad="silent.add(c)\n        known = set(closest(target, known, k))"),
        "forget nobody who was named",
    ),
    (
        "lookup",
        "loses its nerve after a silence",
        _lookup(cut="[:min(1 if silent else alpha, limit - len(was))]"),
        "the budget is 14; ask alpha of them at once",
    ),
    (
        "lookup",
        "hurries after a silence alone",
        _lookup(cut="[:min(alpha if silent else 1, limit - len(was))]"),
        "the budget is 9; ask alpha of them at once",
    ),
    ("lookup", "KeyError", _lookup(look="if answers[c] is not None:"), "look before you take"),
    ("lookup", "by difference in the end", _lookup(give=_BY_DIFFERENCE.format("done")), "nearest by XOR"),
    ("lookup", "by difference in the search", _lookup(order=_BY_DIFFERENCE.format("pool")), "by XOR"),
    ("lookup", "in the order of asking", _lookup(give="done[:k]"), "nearest first"),
    ("lookup", "all who answered", _lookup(give="closest(target, done, 999)"), "cut the result to k"),
    ("lookup", "ids", _lookup(give="[c.id for c in closest(target, done, k)]"), "a list of contacts"),
    ("lookup", "a set", _lookup(give="set(closest(target, done, k))"), "a list of contacts"),
    ("lookup", "forgets return", _lookup().replace("return closest", "closest"), "return missing"),
    ("lookup", "constants", _lookup(width="20", give="closest(target, done, 20)"), "cut the result to k"),
    ("lookup", "constant alpha", _lookup(cut="[:min(3, limit - len(was))]"), "cut the batch to alpha"),
    (
        "lookup",
        "takes the whole flood",
        _lookup(good="done.append(c); known.update(answers[c])"),
        "the first k and no more",
    ),
    (
        "lookup",
        "empties start",
        _lookup(first="known = set(); [known.add(start.pop()) for _ in list(start)]"),
        "is the caller's",
    ),
    (
        "lookup",
        "sorts the answers",
        _lookup(good="answers[c].sort(key=lambda o: o.id); done.append(c); known.update(answers[c][:k])"),
        "copy it",
    ),
    ("lookup", "asks nobody when it is over", _lookup(stop="pass"), "the search is over"),
    ("lookup", "asks one contact", _lookup(ask="answers = await ask(batch[0])"), "await ask([contact])"),
    (
        "lookup",
        "asks ids",
        _lookup(ask="answers = await ask([c.id for c in batch])"),
        "an id alone has no address",
    ),
    (
        "lookup",
        "makes somebody up",
        _lookup(ask="answers = await ask([Contact(target, ('10.0.0.1', 4000))])"),
        "ask whom you were given",
    ),
    ("lookup", "forgets await", _lookup(ask="answers = ask(batch)"), "an await before ask"),
    (
        "lookup",
        "not async",
        "def lookup(target, start, ask, k=20, alpha=3, limit=80):\n    return start[:k]\n",
        "async def",
    ),
    (
        "lookup",
        "swallows everything",
        _lookup(ask="try: answers = await ask(batch)\n        except Exception: break", cut="[:20]"),
        "cut the batch to alpha",
    ),
    (
        "lookup",
        "asks no one",
        "async def lookup(target, start, ask, k=20, alpha=3, limit=80):\n"
        "    return closest(target, start, k)\n",
        "to be named is not to be there",
    ),
]


def _fetch(
    *,
    d: int = 4,
    turns: int = 8,
    each: int = 1,
    pool: str = "path - was - set(turn)",
    check: str = "key_of(answer) == key",
    forged: str = "pass",
    cut: str = "[:20]",
    learn: str = "turn[c].update(answer{cut})",
    end: str = "raise NotFound('nobody')",
    deal: str = "dealt[i::{d}]",
    stop: str = "if not turn: break",
) -> str:
    return f"""
async def fetch(key, start, ask):
    dealt = closest(key, start, len(start))
    paths = [set({deal.format(d=d)}) for i in range({d})]
    was = set()
    for _ in range({turns}):
        turn = {{}}
        for path in paths:
            for c in closest(key, {pool}, {each}):
                turn[c] = path
        {stop}
        answers = await ask(list(turn))
        was.update(turn)
        for c, answer in answers.items():
            if isinstance(answer, bytes):
                if {check}: return answer
                {forged}
            else:
                {learn.format(cut=cut)}
    {end}
"""


FETCHES = [
    ("fetch", "believes the first bytes", _fetch(check="True"), "compare key_of"),
    ("fetch", "gives up at a forgery", _fetch(forged="raise NotFound('forged')"), "a lie of one peer"),
    ("fetch", "None where nobody has it", _fetch(end="return None"), "raise NotFound"),
    ("fetch", "one path", _fetch(d=1, turns=70), "keep several paths apart"),
    ("fetch", "one path, three at once", _fetch(d=1, each=3, turns=26), "keep several paths apart"),
    (
        "fetch",
        "paths that share what they learn",
        _fetch(learn="[p.update(answer[:20]) for p in paths]"),
        "keep several paths apart",
    ),
    ("fetch", "two paths", _fetch(d=2, turns=30), "keep several paths apart"),
    ("fetch", "everybody at once", _fetch(d=20, turns=4), "few at once"),
    ("fetch", "three on each path", _fetch(each=3, turns=6), "few at once"),
    ("fetch", "asks twice", _fetch(pool="path - set(turn)"), "remember whom you asked"),
    ("fetch", "without end", _fetch(turns=200), "liars never run out of names"),
    (
        "fetch",
        "asks nobody",
        "async def fetch(key, start, ask):\n    raise NotFound('nobody')\n",
        "until somebody has it",
    ),
    ("fetch", "only those it was given", _fetch(learn="pass"), "until somebody has it"),
    ("fetch", "two turns", _fetch(turns=1), "until somebody has it"),
    ("fetch", "asks nobody in the end", _fetch(stop="pass", learn="pass", turns=20), "the search is over"),
    (
        "fetch",
        "the nearest contact",
        "async def fetch(key, start, ask):\n    return (await lookup(key, start, ask))[0]\n",
        "value",
    ),
    (
        "fetch",
        "forgets await",
        "async def fetch(key, start, ask):\n    for c, a in ask(start[:3]).items():\n        return a\n",
        "an await before ask",
    ),
    (
        "fetch",
        "not async",
        "def fetch(key, start, ask):\n    raise NotFound('nobody')\n",
        "until somebody has it",
    ),
    (
        "fetch",
        "sorts what it was given",
        _fetch().replace("dealt = ", "start.sort(key=lambda c: c.id); dealt = "),
        "copy",
    ),
    ("fetch", "the value as text", _fetch().replace("return answer", "return answer.hex()"), "as bytes"),
]

ANSWERS = [*LOOKUPS, *FETCHES]
