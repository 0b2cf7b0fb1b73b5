"""Lab 3, by others: a first reader's mistakes, right answers in other styles, and cheats. See the package."""

from __future__ import annotations

from tests.labs.mutating import answers, but

SOLVED = answers("lab03_dht")
WRITE, READ, CHOOSE = SOLVED["bencode"], SOLVED["read_nodes"], SOLVED["next_to_ask"]
ASK, SEARCH, FIND = SOLVED["Questions"], SOLVED["find_peers"], SOLVED["find_one"]

_RAISES = 'raise TypeError(f"bencode'
_CUT = 'raise DecodeError(f"{len(raw)} bytes of contacts")'

ANSWERS = [
    (
        "bencode",
        "not True, but False",
        but(WRITE, "not isinstance(value, bool)", "value is not True"),
        "False",
    ),
    (
        "bencode",
        "True in a list",
        but(WRITE, "bencode(item) for", "bencode(int(item) if item is True else item) for"),
        "look for bool",
    ),
    (
        "bencode",
        "tuples",
        but(WRITE, "isinstance(value, list)", "isinstance(value, (list, tuple))"),
        "a tuple",
    ),
    ("bencode", "another error", but(WRITE, _RAISES, _RAISES.replace("Type", "Key")), "KeyError, expected"),
    (
        "bencode",
        "a list without its e",
        but(WRITE, 'for item in value) + b"e"', "for item in value)"),
        "a list ends",
    ),
    ("read_nodes", "sorted", but(READ, "return contacts", "return sorted(contacts)"), "in their order"),
    (
        "read_nodes",
        "one of each",
        but(READ, "return contacts", "return list(dict.fromkeys(contacts))"),
        "take all",
    ),
    (
        "read_nodes",
        "one of each id",
        but(READ, "if acceptable(", "if ident not in [c.id for c in contacts] and acceptable("),
        "take all",
    ),
    (
        "read_nodes",
        "the other way round",
        but(READ, "acceptable((host, port), teller)", "acceptable(teller, (host, port))"),
        "and then the teller",
    ),
    (
        "read_nodes",
        "a host for an address",
        but(READ, "acceptable((host, port), teller)", "acceptable(host, teller)"),
        "a whole address",
    ),
    (
        "read_nodes",
        "ports with a sign",
        but(READ, 'raw[at + 24 : at + 26], "big"', 'raw[at + 24 : at + 26], "big", signed=True'),
        "no sign",
    ),
    (
        "read_nodes",
        "nothing is an error",
        but(READ, "if len(raw) % 26:", "if not raw or len(raw) % 26:"),
        "no error",
    ),
    ("read_nodes", "another error", but(READ, _CUT, "raise KeyError"), "KeyError, expected DecodeError"),
    (
        "next_to_ask",
        "the highest bit",
        but(CHOOSE, "contact.id ^ target", "(contact.id ^ target).bit_length()"),
        "all bits",
    ),
    (
        "next_to_ask",
        "cuts first",
        but(
            CHOOSE,
            "in nearest if contact not in asked][:alpha]",
            "in nearest[:alpha] if contact not in asked]",
        ),
        "cut to alpha last",
    ),
    (
        "next_to_ask",
        "sets",
        but(CHOOSE, "[contact for contact in known if contact not in silent]", "known - silent"),
        "known may be a list",
    ),
    (
        "Questions",
        "a short id",
        but(
            ASK,
            'self.own_id.to_bytes(20, "big")',
            'self.own_id.to_bytes((self.own_id.bit_length() + 7) // 8, "big")',
        ),
        "however small",
    ),
    (
        "Questions",
        "letters",
        but(ASK, "self.rng.randbytes(2)", "bytes(self.rng.choices(b'abcdefghijklmnopqrstuvwxyz', k=2))"),
        "all 256 values",
    ),
    (
        "Questions",
        "digits",
        but(ASK, "self.rng.randbytes(2)", "self.rng.randbytes(1).hex().encode()"),
        "all 256",
    ),
    (
        "Questions",
        "by address",
        but(ASK, "self.waiting[transaction] = address", "self.waiting[address] = transaction"),
        "self.waiting[transaction] = address",
    ),
    (
        "Questions",
        "takes without looking",
        but(ASK, "self.waiting.get(transaction) != source", "self.waiting[transaction] != source"),
        "look before you take",
    ),
    ("Questions", "trusts r", but(ASK, 'message.get(b"r")', 'message[b"r"]'), "look at the type"),
    ("Questions", "long ids", but(ASK, "len(ident) != 20", "len(ident) < 20"), "20 bytes"),
    (
        "Questions",
        "lists for ids",
        but(ASK, "isinstance(ident, bytes)", "isinstance(ident, (bytes, list))"),
        "20 bytes",
    ),
    (
        "Questions",
        "wants a token",
        but(ASK, "len(ident) != 20", "len(ident) != 20 or b'token' not in content"),
        "no more is asked for",
    ),
    (
        "find_peers",
        "empty tokens",
        but(SEARCH, "if reply.token is not None", "if reply.token"),
        "leave out only None",
    ),
    ("find_peers", "counts answers", but(SEARCH, "limit - len(asked)", "limit - len(replies)"), "the silent"),
    ("find_peers", "always eight", but(SEARCH, "reply.nodes[:k]", "reply.nodes[:8]"), "the first k nodes"),
    (
        "find_peers",
        "one after the other",
        but(
            SEARCH,
            "answers = await ask(batch)",
            "answers = {}\n        for one in batch:\n            answers |= await ask([one])",
        ),
        "the whole batch at once",
    ),
    (
        "find_peers",
        "nobody is an error",
        but(
            SEARCH,
            "    return list(peers)",
            "    if not peers:\n        raise NotFound('nobody')\n    return list(peers)",
        ),
        "return empty lists",
    ),
    (
        "find_peers",
        "some twice",
        but(SEARCH, "known, asked, replies = set(start)", "known, asked, replies = list(start)").replace(
            "known.update(reply", "known.extend(reply"
        ),
        "keep each node once",
    ),
]

# Right answers, in other styles than the solution's

RIGHT = {
    "bencode": [
        """def bencode(value):
    match value:
        case bool(): raise ValueError("no form")
        case int(): return f"i{value}e".encode()
        case bytes(): return str(len(value)).encode() + b":" + value
        case list(): return b"l%se" % b"".join(map(bencode, value))
        case dict():
            out = b"d"
            for k, v in sorted(value.items(), key=lambda pair: pair[0]):
                if not isinstance(k, bytes): raise TypeError
                out += bencode(k) + bencode(v)
            return out + b"e"
    raise TypeError
""",
    ],
    "read_nodes": [
        """import struct
def read_nodes(raw, teller):
    if len(raw) % 26 != 0: raise ValueError("cut")
    found = []
    for ident, a, b, c, d, port in struct.iter_unpack(">20s4BH", raw):
        address = f"{a}.{b}.{c}.{d}", port
        if acceptable(address, teller): found.append(Contact(int(ident.hex(), 16), address))
    return found
""",
        """def read_nodes(raw, teller):
    out = []
    while raw:
        one, raw = raw[:26], raw[26:]
        if len(one) < 26: raise DecodeError("short")
        address = socket.inet_ntoa(one[20:24]), one[24] * 256 + one[25]
        out.append(Contact(int.from_bytes(one[:20], "big"), address))
    return [c for c in out if acceptable(c.address, teller)]
""",
    ],
    "next_to_ask": [
        """import heapq
def next_to_ask(target, known, asked, silent, k=8, alpha=3):
    living = (c for c in known if c not in silent)
    nearest = heapq.nsmallest(k, living, key=lambda c: c.id ^ target)
    return [c for c in nearest if c not in asked][:alpha]
""",
    ],
    "Questions": [
        """class Questions:
    def __init__(self, own_id, rng):
        self.id, self.draw, self.waiting = own_id.to_bytes(20, "big"), rng.getrandbits, {}
    def ask(self, method, arguments, address):
        while (t := self.draw(16).to_bytes(2, "big")) in self.waiting: pass
        self.waiting[t] = address
        a = dict(arguments)
        a[b"id"] = self.id
        return bencode({b"t": t, b"y": b"q", b"q": method, b"a": a, b"ro": 1})
    def answer(self, datagram, source):
        try:
            match decode(datagram):
                case {b"t": bytes(t), b"y": b"r", b"r": {b"id": bytes(i)} as r} if len(i) == 20:
                    if self.waiting.get(t) == source:
                        del self.waiting[t]
                        return r
        except DecodeError:
            pass
""",
    ],
    "find_peers": [
        """async def find_peers(info_hash, start, ask, k=8, alpha=3, limit=40):
    known, asked, silent, peers, tokens = list(dict.fromkeys(start)), set(), set(), [], []
    while len(asked) < limit:
        batch = next_to_ask(info_hash, known, asked, silent, k, min(alpha, limit - len(asked)))
        if not batch: break
        asked |= set(batch)
        answers = await ask(batch)
        for node in batch:
            if node not in answers:
                silent.add(node)
                continue
            nodes, named, token = answers[node]
            known += [n for n in nodes[:k] if n not in known]
            peers += [p for p in named if p not in peers]
            if token is not None: tokens.append((node.id ^ info_hash, node, token))
    return peers, [(node, token) for _, node, token in sorted(tokens)[:k]]
""",
    ],
    "find_one": [
        """import heapq
async def find_one(info_hash, bootstrap, rng):
    # workers on one queue, ordered by tries and distance; one address of each host
    target = int.from_bytes(info_hash, "big")
    questions = Questions(rng.getrandbits(160), rng)
    queue = [(0, rng.random(), 0, a) for a in bootstrap]
    heapq.heapify(queue)
    peers, hosts, waiters = [], {a[0] for a in bootstrap}, {}
    found = asyncio.get_running_loop().create_future()
    sent = 0
    async with await open_socket() as socket:
        async def hear():
            while True:
                data, source = await socket.receive()
                if data == HERE + info_hash and source in greeted:
                    if not found.done(): found.set_result(source)
                    continue
                answer = questions.answer(data, source)
                if answer is not None and source in waiters and not waiters[source].done():
                    waiters[source].set_result(answer)
        greeted = set()
        async def work():
            nonlocal sent
            idle = 0
            while sent < 60 and not found.done() and idle < 12:
                if peers:
                    tries, peer = peers.pop(0)
                    greeted.add(peer)
                    sent += 1
                    socket.send(HELLO + info_hash, peer)
                    await asyncio.sleep(0.35)
                    if tries < 2: peers.append((tries + 1, peer))
                    continue
                if not queue:
                    idle += 1
                    await asyncio.sleep(0.1)
                    continue
                idle = 0
                tries, order, distance, node = heapq.heappop(queue)
                waiters[node] = asyncio.get_running_loop().create_future()
                sent += 1
                socket.send(questions.ask(b"get_peers", {b"info_hash": info_hash}, node), node)
                try:
                    answer = await asyncio.wait_for(waiters[node], 0.35)
                except TimeoutError:
                    if tries < 2: heapq.heappush(queue, (tries + 1, order, distance, node))
                    continue
                for peer in peers_in(answer.get(b"values"), node):
                    if peer not in greeted and peer not in [p for _, p in peers]:
                        peers.append((0, peer))
                raw = answer.get(b"nodes")
                if isinstance(raw, bytes) and len(raw) % 26 == 0:
                    for contact in read_nodes(raw, node)[:8]:
                        if contact.address[0] not in hosts:
                            hosts.add(contact.address[0])
                            d = contact.id ^ target
                            heapq.heappush(queue, (0, d / 2**160, d, contact.address))
        hearing = asyncio.create_task(hear())
        workers = [asyncio.create_task(work()) for _ in range(3)]
        try:
            await asyncio.wait([found, *workers], return_when=asyncio.FIRST_COMPLETED)
            if not found.done():
                await asyncio.wait([found, asyncio.gather(*workers)], return_when=asyncio.FIRST_COMPLETED)
            if found.done(): return found.result()
            raise NotFound("nobody")
        finally:
            for task in (hearing, *workers): task.cancel()
            await asyncio.gather(hearing, *workers, return_exceptions=True)
""",
        """async def find_one(info_hash, bootstrap, rng):
    # a task for each path; they share hosts, and a count
    target = int.from_bytes(info_hash, "big")
    questions = Questions(rng.getrandbits(160), rng)
    loop = asyncio.get_running_loop()
    found = loop.create_future()
    hosts, greeted, waiting, left = {h for h, _ in bootstrap}, {}, {}, [60]
    async with await open_socket() as socket:
        async def hear():
            while True:
                data, source = await socket.receive()
                if data == HERE + info_hash and source in greeted and not found.done():
                    found.set_result(source)
                elif (answer := questions.answer(data, source)) is not None:
                    if source in waiting and not waiting[source].done():
                        waiting[source].set_result(answer)
        async def ask(node):
            if not left[0]: return None
            left[0] -= 1
            waiting[node] = loop.create_future()
            socket.send(questions.ask(b"get_peers", {b"info_hash": info_hash}, node), node)
            try:
                async with asyncio.timeout(0.4): return await waiting[node]
            except TimeoutError: return None
        async def path(first):
            known, tries = {first: 1 << 200}, {}
            while True:
                free = [a for a in known if tries.get(a, 0) < 3]
                if not free: return
                node = min(free, key=lambda a: known[a] << 5 * tries.get(a, 0))
                tries[node] = tries.get(node, 0) + 1
                answer = await ask(node)
                if answer is None:
                    if not left[0]: return
                    continue
                tries[node] = 3
                new = [p for p in peers_in(answer.get(b"values"), node) if p not in greeted]
                greeted.update(dict.fromkeys(new))
                raw = answer.get(b"nodes")
                try: nodes = read_nodes(raw, node)[:8]
                except (ValueError, TypeError): nodes = []
                for ident, address in nodes:
                    if address[0] not in hosts:
                        hosts.add(address[0]); known[address] = ident ^ target
                for p in new[:2]:
                    await greet_once(p)
        async def greet_once(peer):
            for _ in range(2):
                if not left[0]: return
                left[0] -= 1
                socket.send(HELLO + info_hash, peer)
                await asyncio.sleep(0.3)
        tasks = [asyncio.create_task(path(a)) for a in bootstrap]
        ear = asyncio.create_task(hear())
        try:
            all_done = asyncio.ensure_future(asyncio.gather(*tasks, return_exceptions=True))
            await asyncio.wait([found, all_done], return_when=asyncio.FIRST_COMPLETED)
            if found.done(): return found.result()
            raise NotFound("no")
        finally:
            for t in (*tasks, ear): t.cancel()
            await asyncio.gather(*tasks, ear, all_done, return_exceptions=True)
""",
    ],
}

_CANCELS = but(
    RIGHT["find_one"][1],
    "asyncio.gather(*tasks, return_exceptions=True))",
    "asyncio.gather(*tasks))",
    "ear, all_done, return_exceptions",
    "ear, return_exceptions",
)
ANSWERS += [("find_one", "cancels and does not await", _CANCELS, "await what you cancel")]

# Programs that look behind the scenes, or remember the search before

CHEATS = {
    "tries the addresses that there might be": """async def find_one(info_hash, bootstrap, rng):
    async with await open_socket() as socket:
        for i in range(1, 7):
            socket.send(HELLO + info_hash, (f"10.250.0.{i}", 4000))
        try:
            async with asyncio.timeout(1):
                while True:
                    d, s = await socket.receive()
                    if d == HERE + info_hash: return s
        except TimeoutError:
            raise NotFound("x")
""",
    "looks into the memory": """import gc
from p2plib.labs.lab03_dht.weather import Ground
async def find_one(info_hash, bootstrap, rng):
    for g in gc.get_objects():
        if isinstance(g, Ground):
            peers = g.peers_for(info_hash)
            if peers: return peers[0]
    raise NotFound("x")
""",
    "remembers": "remembered = []\n"
    + but(
        FIND,
        "peers, tries, due, done, left = {},",
        "peers, tries, due, done, left = dict.fromkeys(remembered),",
        "                return source\n",
        "                remembered.append(source)\n                return source\n",
    ),
}
