"""Learners' answers in lab 3: whole programs that find one peer, each with a flaw. See the package."""

from __future__ import annotations

from tests.labs.mutating import answers, but

FIND = answers("lab03_dht")["find_one"]

_TAKE = 'peers |= dict.fromkeys(peers_in(answer.get(b"values"), source))'
_HOSTS = "if address[0] not in hosts:"

_GIVES_UP = (
    '            if not due:\n                raise NotFound("no node that was asked knows a living peer")\n'
)
_BY_TRANSACTION = """answer = None
            try:
                message = decode(datagram)
            except DecodeError:
                continue
            if message.get(b't') in questions.waiting:
                source, answer = questions.waiting[message[b't']], message.get(b'r')"""

SIMPLEST = """
async def find_one(info_hash, bootstrap, rng):
    target, known = int.from_bytes(info_hash, "big"), {}
    known, asked = {address: 1 << 160 for address in bootstrap}, set()
    questions = Questions(rng.getrandbits(160), rng)
    async with await open_socket() as socket:
        while len(asked) < 60 and set(known) - asked:
            node = min(set(known) - asked, key=lambda a: (known[a], a))
            asked.add(node)
            socket.send(questions.ask(b"get_peers", {b"info_hash": info_hash}, node), node)
            try:
                async with asyncio.timeout(2):
                    datagram, source = await socket.receive()
            except TimeoutError:
                continue
            answer = questions.answer(datagram, source) or {}
            for peer in peers_in(answer.get(b"values"), source):
                return peer
            for ident, address in read_nodes(answer.get(b"nodes", b""), source):
                known.setdefault(address, ident ^ target)
    raise NotFound("nobody")
"""

PROGRAMS = [
    ("the simplest", SIMPLEST, "wait for no silence much longer"),
    (
        "the simplest, and waits forever",
        but(SIMPLEST, "asyncio.timeout(2)", "asyncio.timeout(None)"),
        "put asyncio.timeout around",
    ),
    (
        "lets silence break it",
        but(SIMPLEST, "except TimeoutError:", "except KeyError:"),
        "silence is part of the game",
    ),
    ("follows nobody", but(FIND, _HOSTS, "if False:"), "until somebody names a peer"),
    (
        "believes in ghosts",
        but(FIND, _TAKE, _TAKE + "\n            for peer in peers:\n                return peer"),
        "greet it",
    ),
    (
        "greets one",
        but(FIND, _TAKE, 'peers = peers or dict.fromkeys(peers_in(answer.get(b"values"), source)[:1])'),
        "go on with the others",
    ),
    (
        "greets without end",
        but(FIND, "free(peers), key", "[p for p in peers if p not in due], key"),
        "go on with the others",
    ),
    ("asks once", but(FIND, "tries.get(a, 0) < 3", "tries.get(a, 0) < 1"), "may have been lost"),
    ("asks one at a time", but(FIND, "len(due) < 4", "len(due) < 1"), "ask others meanwhile"),
    ("asks twenty at once", but(FIND, "len(due) < 4", "len(due) < 20"), "few at once"),
    ("waits two seconds", but(FIND, "loop.time() + 0.4", "loop.time() + 2"), "wait for no silence"),
    ("hurries", but(FIND, "loop.time() + 0.4", "loop.time() + 0.05"), "few at once"),
    (
        "meets liars on every port",
        but(FIND, _HOSTS, "if address not in path_of:"),
        "keep several paths apart",
    ),
    (
        "one path, every port",
        but(
            FIND,
            "paths = [{address: 1 << 160} for address in bootstrap]",
            "paths = [{address: 1 << 160 for address in bootstrap}] * len(bootstrap)",
        ).replace(_HOSTS, "if address not in path_of:"),
        "one address of each host",
    ),
    (
        "any source",
        but(
            FIND,
            "answer = questions.answer(datagram, source)",
            _BY_TRANSACTION,
        ),
        "comes from the address that was asked",
    ),
    ("any HERE", but(FIND, " and source in peers:", ":"), "return it only when it has answered"),
    (
        "crashes at nonsense",
        but(FIND, "except (ValueError, TypeError):", "except KeyError:"),
        "look at types and sizes",
    ),
    ("goes on for ever", but(FIND, "set(), 60", "set(), 10**9"), "after 60 datagrams give up"),
    (
        "does not give up",
        but(
            FIND,
            _GIVES_UP,
            "            due = due or {None: loop.time() + 1}\n",
        ),
        "raise NotFound",
    ),
    (
        "None for nobody",
        but(FIND, 'raise NotFound("no node that was asked knows a living peer")', "return None"),
        "raise NotFound",
    ),
    (
        "leaves the socket open",
        but(FIND, "async with await open_socket() as socket:", "socket = await open_socket()\n    if True:"),
        "close what you open",
    ),
    ("returns the node", but(FIND, "return source", "return (source,)"), "a host and a port"),
    (
        "a bootstrap node",
        "async def find_one(info_hash, bootstrap, rng):\n    return bootstrap[0]\n",
        "greet it",
    ),
    (
        "gives up",
        "async def find_one(info_hash, bootstrap, rng):\n    raise NotFound('nobody')\n",
        "until somebody names a peer",
    ),
    (
        "sleeps",
        but(
            FIND,
            "loop = asyncio.get_running_loop()",
            "loop = asyncio.get_running_loop()\n        import time; time.sleep(0.1)",
        ),
        "await asyncio.sleep",
    ),
    (
        "leaves a task",
        but(
            FIND,
            "loop = asyncio.get_running_loop()",
            "loop = asyncio.get_running_loop()\n        asyncio.create_task(asyncio.sleep(9999))",
        ),
        "close what you open",
    ),
    ("a list", but(FIND, "return source", "return list(source)"), "a host and a port"),
    ("not async", "def find_one(info_hash, bootstrap, rng):\n    return bootstrap[0]\n", "async def"),
]

ANSWERS = [("find_one", *rest) for rest in PROGRAMS]
