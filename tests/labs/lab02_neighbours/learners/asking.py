"""Learners' answers in lab 2: whom to call, what to deal, what to take. See the package."""

from __future__ import annotations

from tests.labs.mutating import answers, but

SOLVED = answers("lab02_neighbours")
PLAN, DEAL, USABLE = SOLVED["call_plan"], SOLVED["deal"], SOLVED["usable"]

_PAUSE = "min(2 ** (number - 1), 60) if number else 0"
_QUOTA = "or used.get(network, 0) >= per_network"

PLANS = [
    ("oldest first", but(PLAN, "*reversed(cached)", "*cached"), "begin at the end"),
    (
        "built in first",
        but(PLAN, "*reversed(cached), *built_in", "*built_in, *reversed(cached)"),
        "before the built-in",
    ),
    (
        "all backwards",
        but(PLAN, "[*reversed(cached), *built_in]", "reversed([*built_in, *cached])"),
        "keep their order",
    ),
    ("sorted", but(PLAN, "[*reversed(cached), *built_in]", "sorted(cached + built_in)"), "begin at the end"),
    ("shuffled", but(PLAN, "plan = []", "plan = []\n    rng.shuffle(addresses)"), "keep their order"),
    ("calls twice", but(PLAN, "address in addresses or", ""), "is called once"),
    (
        "one of a host",
        but(PLAN, "address in addresses", "address[0] in [a[0] for a in addresses]"),
        "another port",
    ),
    ("no quota", but(PLAN, _QUOTA, ""), "one owner, few calls"),
    ("a quota of hosts", but(PLAN, "network_of(address[0])", "address[0]"), "one owner, few calls"),
    ("always two", but(PLAN, ">= per_network", ">= 2"), "it is not always 2"),
    ("three", but(PLAN, ">= per_network", "> per_network"), "one owner, few calls"),
    (
        "a quota for each list",
        but(PLAN, "for address in [", "used2 = {}\n    for n, address in enumerate([")
        .replace("*built_in]:", "*built_in]):\n        if n == len(cached): used = {}")
        .replace("used2 = {}\n", "\n"),
        "cached and built in together",
    ),
    (
        "the last two of a network",
        "def call_plan(cached, built_in, rng, per_network=2):\n"
        "    kept = []\n"
        "    for a in [*reversed(cached), *built_in]:\n"
        "        if a in kept: continue\n"
        "        near = [o for o in kept if network_of(o[0]) == network_of(a[0])]\n"
        "        if len(near) >= per_network: kept.remove(near[0])\n"
        "        kept.append(a)\n"
        "    return [(rng.uniform(.5, 1) * min(2.0 ** (i - 1), 60) if i else 0.0, a)\n"
        "            for i, a in enumerate(kept)]\n",
        "one owner, few calls",
    ),
    (
        "those who are not called take places",
        but(
            PLAN,
            "        if address in addresses or used.get(network, 0) >= per_network:\n            continue\n"
            "        used[network] = used.get(network, 0) + 1\n",
            "        used[network] = used.get(network, 0) + 1\n"
            "        if address in addresses or used[network] > per_network:\n            continue\n",
        ),
        "takes no place",
    ),
    ("text for network", but(PLAN, "network_of(address[0])", "address[0][:6]"), "three bytes"),
    ("text up to the last dot", but(PLAN, "network_of(address[0])", "address[0].rsplit('.', 1)[0]"), "IPv6"),
    ("waits first", but(PLAN, _PAUSE, "min(2.0 ** number, 60.0)"), "waits 0 seconds"),
    ("two seconds", but(PLAN, _PAUSE, "min(2.0 ** number, 60.0) if number else 0.0"), "is 1 second"),
    ("never doubles", but(PLAN, _PAUSE, "1.0 if number else 0.0"), "doubles with each call"),
    ("adds a second", but(PLAN, _PAUSE, "min(1.0 * number, 60.0)"), "double"),
    ("no end", but(PLAN, _PAUSE, "2.0 ** (number - 1) if number else 0.0"), "stops growing at 60"),
    ("an end at 32", but(PLAN, "60", "32"), "at 60 seconds, too"),
    ("no chance", but(PLAN, "rng.uniform(pause_s / 2, pause_s)", "pause_s"), "come back together"),
    (
        "from nothing",
        but(PLAN, "rng.uniform(pause_s / 2, pause_s)", "rng.uniform(0, pause_s)"),
        "almost nothing",
    ),
    (
        "more than the whole",
        but(PLAN, "rng.uniform(pause_s / 2, pause_s)", "rng.uniform(pause_s, 2 * pause_s)"),
        "half and the whole",
    ),
    (
        "half or whole",
        but(PLAN, "rng.uniform(pause_s / 2, pause_s)", "rng.choice((.5, 1)) * pause_s"),
        "evenly",
    ),
    (
        "one share for all",
        but(PLAN, "plan = []", "plan, part = [], rng.uniform(.5, 1)").replace(
            "rng.uniform(pause_s / 2, pause_s)", "part * pause_s"
        ),
        "draw anew",
    ),
    ("its own chance", but(PLAN, "rng.uniform", "random.uniform"), "can be repeated"),
    (
        "doubles what was drawn",
        "def call_plan(cached, built_in, rng, per_network=2):\n    plan, used, p = [], [], 1.0\n"
        "    for a in [*reversed(cached), *built_in]:\n"
        "        near = sum(network_of(o[0]) == network_of(a[0]) for o in used)\n"
        "        if a in used or near >= per_network: continue\n"
        "        if used:\n            p = rng.uniform(p / 2, p)\n"
        "        plan.append((p if used else 0.0, a))\n"
        "        if used: p = min(2 * p, 60)\n        used.append(a)\n    return plan\n",
        "double the whole pause",
    ),
    (
        "empties cached",
        but(PLAN, "*reversed(cached)", "*[cached.pop() for _ in list(cached)]"),
        "work on copies",
    ),
    (
        "addresses alone",
        but(PLAN, "plan.append((rng.uniform(pause_s / 2, pause_s), address))", "plan.append(address)"),
        "a list of pairs",
    ),
    (
        "the other way round",
        but(
            PLAN,
            "(rng.uniform(pause_s / 2, pause_s), address)",
            "(address, rng.uniform(pause_s / 2, pause_s))",
        ),
        "a list of pairs",
    ),
    ("forgets return", but(PLAN, "return plan", "plan"), "return missing"),
]

DEALS = [
    ("the first", "def deal(peers, turn, count):\n    return peers[:count]\n", "turn matters"),
    (
        "by chance",
        "import random\ndef deal(peers, turn, count):\n"
        "    return random.Random(turn + 7).sample(peers, min(count, len(peers)))\n",
        "as with cards",
    ),
    ("moves by one", but(DEAL, "turn * size", "turn"), "as long as an answer"),
    (
        "slices",
        "def deal(peers, turn, count):\n    return peers[turn * count : turn * count + count]\n",
        "when everybody had a turn",
    ),
    (
        "stops at the end",
        "def deal(peers, turn, count):\n    b = turn * count % max(len(peers), 1)\n"
        "    return peers[b : b + count]\n",
        "round the end",
    ),
    (
        "twice in one",
        but(DEAL, "size = min(count, len(peers))", "size = count if peers else 0"),
        "no peer is twice",
    ),
    (
        "divides by nobody",
        but(DEAL, "begin = turn * size", "begin = turn * size % len(peers)"),
        "no peers at all",
    ),
    ("turns by count", but(DEAL, "begin = turn * size", "begin = turn * count"), "with the first"),
    ("from one", but(DEAL, "begin = turn * size", "begin = (turn - 1) * size"), "turn 0"),
    (
        "turns the list",
        "def deal(peers, turn, count):\n    size = min(count, len(peers))\n"
        "    for _ in range(turn * size): peers.append(peers.pop(0))\n    return peers[:size]\n",
        "copy",
    ),
    (
        "remembers",
        "place = 0\ndef deal(peers, turn, count):\n    global place\n"
        "    size = min(count, len(peers))\n"
        "    got = [peers[(place + i) % len(peers)] for i in range(size)]\n"
        "    place += size\n    return got\n",
        "nothing remembered",
    ),
    (
        "a tuple",
        but(
            DEAL,
            "return [peers[(begin + place) % len(peers)] for place in range(size)]",
            "return tuple(peers[(begin + place) % len(peers)] for place in range(size))",
        ),
        "as with cards",
    ),
    ("sorted", but(DEAL, "return [", "return sorted([").rstrip() + ")\n", "as with cards"),
]

_FILTER = "is_public and address not in taken and len(taken) < limit"

USABLES = [
    (
        "believes all",
        but(USABLE, "scope_of(address) is Scope.WORLD", "bool(scope_of(address) + 1)"),
        "only Scope.WORLD",
    ),
    ("a site is enough", but(USABLE, "is Scope.WORLD", ">= Scope.SITE"), "on your own site"),
    ("a machine is enough", but(USABLE, "is Scope.WORLD", ">= Scope.MACHINE"), "or your router"),
    (
        "all but private",
        but(
            USABLE, "scope_of(address) is Scope.WORLD", "scope_of(address) not in (Scope.SITE, Scope.MACHINE)"
        ),
        "the address of a group",
    ),
    ("crashes on words", but(USABLE, "except UsageError:", "except KeyError:"), "scope_of raises UsageError"),
    ("stops at words", but(USABLE, "continue", "break"), "those after it still count"),
    (
        "twice",
        "def usable(records, limit=16):\n    good = []\n    for a, t in records:\n        try:\n"
        "            if scope_of(a) is Scope.WORLD: good.append((a, t))\n        except UsageError: pass\n"
        "    good = good[:limit]\n"
        "    return [a for a, _ in good], min(max(min((t for _, t in good), default=30), 30), 3600)\n",
        "each address once",
    ),
    ("a set", but(USABLE, "return list(taken)", "return sorted(taken)"), "leave the order"),
    ("no limit", but(USABLE, " and len(taken) < limit", ""), "at most limit"),
    ("always sixteen", but(USABLE, "< limit", "< 16"), "not always 16"),
    ("cuts first", but(USABLE, "in records:", "in records[:limit]:"), "filter first"),
    ("one too many", but(USABLE, "< limit", "<= limit"), "smallest TTL"),
    (
        "all TTLs",
        but(USABLE, "min(taken.values(), default=30)", "min([t for _, t in records], default=30)"),
        "that you return",
    ),
    (
        "the last record",
        but(
            USABLE, "address not in taken and len(taken) < limit", "(address in taken or len(taken) < limit)"
        ),
        "first record",
    ),
    ("the largest", but(USABLE, "min(taken.values()", "max(taken.values()"), "out of date"),
    (
        "the first TTL",
        but(USABLE, "min(taken.values(), default=30)", "next(iter(taken.values()), 30)"),
        "smallest TTL",
    ),
    ("zero", but(USABLE, "max(seconds, 30)", "seconds"), "ask without end"),
    ("for years", but(USABLE, "min(max(seconds, 30), 3600)", "max(seconds, 30)"), "for years"),
    ("an hour for nothing", but(USABLE, "default=30", "default=3600"), "ask again soon"),
    ("nothing for nothing", but(USABLE, ", default=30", ""), "smallest TTL"),
    (
        "the other way round",
        but(
            USABLE,
            "return list(taken), min(max(seconds, 30), 3600)",
            "return min(max(seconds, 30), 3600), list(taken)",
        ),
        "smallest TTL",
    ),
]

ANSWERS = [
    *(("call_plan", *rest) for rest in PLANS),
    *(("deal", *rest) for rest in DEALS),
    *(("usable", *rest) for rest in USABLES),
]
