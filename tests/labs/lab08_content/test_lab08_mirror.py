"""Lab 8, the capstone: the library's program has room in every budget, and each weather is what it says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.labs.engine.feedback import verdict
from p2plib.labs.lab08_content import LAB
from p2plib.labs.lab08_content.accepting import accept
from p2plib.labs.lab08_content.entries import ANA, verified
from p2plib.labs.lab08_content.mirroring import copes, mirror, mirror_table, objection
from p2plib.labs.lab08_content.proving import proven
from p2plib.labs.lab08_content.strangers import BOAST, ENTRIES, Mirror, picture_of, published
from p2plib.labs.lab08_content.weathers import WEATHERS, mirrored
from tests.labs.lab08_content.learners import PRELUDE
from tests.labs.proving import disguised, learner

BY_NAME = {weather.name: weather for weather in WEATHERS}
LIES = ("feed", "chunk", "swap", "proof", "boast")


@pytest.mark.parametrize("seed", range(6))
def test_the_librarys_program_keeps_all_budgets_with_room(seed: int) -> None:
    for weather in WEATHERS:
        score = mirrored(mirror, weather, seed)
        assert objection(score) is None, weather.name
        assert score.ratio <= 0.95 * weather.ratio, weather.name
        assert score.seconds <= 0.6 * weather.seconds, weather.name


def test_a_run_is_the_same_every_time() -> None:
    assert mirrored(mirror, BY_NAME["storm"], 4) == mirrored(mirror, BY_NAME["storm"], 4)


# Other right programs

WORKERS = '''
async def mirror(author, peers):
    """A worker for each peer, all at once; what a late or gone one leaves goes back to the others."""
    log, pictures, liars, out = [], {}, set(), set()
    for patience_s in (0.5, 10):
        for peer in peers:
            try:
                async with asyncio.timeout(patience_s):
                    theirs = await peer.count()
                    while len(log) < theirs:
                        [(_, first, last)] = missing({author.raw: len(log)}, {author.raw: theirs})
                        came = await peer.entries(first, last)
                        log, _ = accept(author, log, came)
                        if not came or log[first - 1:] != came:
                            liars.add(peer.name)
                            out.add(peer)
                            break
            except (TimeoutError, ConnectionError):
                pass
        if log:
            break
    todo, got, wanted = [], {}, {}
    for root, size in filter(None, map(picture_of, log)):
        if root not in wanted:
            wanted[root] = -(-size // CHUNK)
            todo += [(root, index) for index in range(wanted[root])]

    async def work(peer, patience_s):
        while todo and peer not in out:
            root, index = job = todo.pop(0)
            try:
                async with asyncio.timeout(patience_s):
                    chunk, proof = await peer.chunk(root, index)
            except (NotFound, TimeoutError, ConnectionError) as error:
                todo.append(job)
                if isinstance(error, ConnectionError):
                    out.add(peer)
                return
            if proven(root, wanted[root], index, chunk, proof):
                got[job] = chunk
            else:
                todo.append(job)
                liars.add(peer.name)
                out.add(peer)

    patience_s = 0.5
    while todo:
        await asyncio.gather(*(work(peer, patience_s) for peer in peers))
        patience_s *= 2
        if patience_s > 60:
            raise NotFound("nobody has it")
    for root, count in wanted.items():
        pictures[root] = b"".join(got[root, index] for index in range(count))
    return log, pictures, liars
'''

RACING = '''
async def mirror(author, peers):
    """All are asked how much they have at once; those that answer within two seconds first."""
    liars, gone, log, pictures, needs = set(), set(), [], {}, {}

    async def count(peer):
        try:
            async with asyncio.timeout(2):
                return await peer.count()
        except (TimeoutError, ConnectionError):
            return -1

    counts = dict(zip(peers, await asyncio.gather(*map(count, peers))))
    order = sorted(peers, key=lambda peer: -counts[peer])

    async def tried(peer, question, patience_s):
        if peer in gone or peer.name in liars:
            question.close()
            return None
        try:
            async with asyncio.timeout(patience_s):
                return await question
        except NotFound:
            return None
        except TimeoutError:
            order.remove(peer)
            order.append(peer)
        except ConnectionError:
            gone.add(peer)

    for peer in list(order):
        while wanted := missing({author.raw: len(log)}, {author.raw: counts[peer]}):
            _, first, last = wanted[0]
            entries = await tried(peer, peer.entries(first, last), 1)
            if entries is None:
                break
            log, fork = accept(author, log, entries)
            if not entries or log[first - 1:] != entries:
                liars.add(peer.name)
                break
    for root, size in dict.fromkeys(filter(None, map(picture_of, log))):
        count = (size + CHUNK - 1) // CHUNK
        chunks = []
        for index in range(count):
            for patience_s in (1, 1, 8, 8):
                for peer in list(order):
                    needs[peer] = max(patience_s, needs.get(peer, 1))
                    answer = await tried(peer, peer.chunk(root, index), needs[peer])
                    if answer and proven(root, count, index, answer[0], answer[1]):
                        chunks.append(answer[0])
                        break
                    if answer:
                        liars.add(peer.name)
                if len(chunks) > index:
                    break
            else:
                raise NotFound(f"chunk {index}")
        pictures[root] = b"".join(chunks)
    return log, pictures, liars
'''


ROUNDS = '''
async def mirror(author, peers):
    """Peers that fail to answer go to the end; each picture begins with little patience again."""
    log, pictures, liars = [], {}, set()
    live = list(peers)
    async def ask(peer, q, s=1.0):
        async with asyncio.timeout(s):
            return await q
    for peer in list(live):
        try:
            n = await ask(peer, peer.count())
            while len(log) < n:
                got = await ask(peer, peer.entries(len(log) + 1, min(n, len(log) + 50)))
                new, fork = accept(author, log, got)
                if len(new) - len(log) != len(got) or not got:
                    liars.add(peer.name)
                    live.remove(peer)
                    log = new
                    break
                log = new
        except (TimeoutError, ConnectionError):
            pass
    for e in log:
        p = picture_of(e)
        if p is None or p[0] in pictures:
            continue
        root, size = p
        count = -(-size // CHUNK)
        out = []
        wait = 1.0
        while len(out) < count:
            for peer in list(live):
                try:
                    c, proof = await ask(peer, peer.chunk(root, len(out)), wait)
                except TimeoutError:
                    live.remove(peer)
                    live.append(peer)
                    continue
                except NotFound:
                    continue
                except ConnectionError:
                    live.remove(peer)
                    continue
                if proven(root, count, len(out), c, proof):
                    out.append(c)
                    break
                liars.add(peer.name)
                live.remove(peer)
            else:
                wait *= 2
                if wait > 100 or not live:
                    raise NotFound
        pictures[root] = b"".join(out)
    return log, pictures, liars
'''


@pytest.mark.parametrize("source", [WORKERS, RACING, ROUNDS], ids=["workers", "racing", "rounds"])
def test_other_right_programs_pass(source: str) -> None:
    line = LAB.verdict("mirror", learner(PRELUDE)("mirror", source)).line
    assert line.startswith("[v]"), line


# What each weather is for


async def greedy(author: Any, peers: Any) -> Any:
    """Everything from the first peer, and nothing is looked at."""
    log, pictures = list[bytes](), dict[bytes, bytes]()
    while entries := await peers[0].entries(len(log) + 1, ENTRIES):
        log += entries
    for root, size in filter(None, map(picture_of, log)):
        chunks = [(await peers[0].chunk(root, index))[0] for index in range(-(-size // 2048))]
        pictures[root] = b"".join(chunks)
    return log, pictures, set()


@pytest.mark.parametrize("seed", range(3))
def test_what_a_weather_is_for_it_refuses(seed: int) -> None:
    for weather in WEATHERS:
        line = verdict(LAB.tasks["mirror"], disguised(greedy), [copes(weather, seed)]).line
        assert line.startswith("[x]"), weather.name


@pytest.mark.parametrize("lie", LIES)
def test_a_liar_lies_in_what_it_says_and_is_honest_otherwise(lie: str) -> None:
    feed = published(1)
    liar, honest = Mirror("liar", feed, lie=lie), Mirror("honest", feed)
    number = (1).to_bytes(4, "big")
    log = honest.answer(number, b"entries", 1, (50).to_bytes(8, "big"))[1:]
    assert verified(ANA.public, log) == 50
    told = liar.answer(number, b"entries", 1, (50).to_bytes(8, "big"))[1:]
    assert (told != log) == (lie == "feed")
    assert len(accept(ANA.public, [], told)[0]) == (3 if lie == "feed" else 50)
    count = int.from_bytes(liar.answer(number, b"count", 0, b"")[1], "big")
    assert count == (BOAST if lie == "boast" else ENTRIES)
    lied = 0
    for root, chunks in feed.pictures.items():
        for index in range(len(chunks)):
            chunk, *proof = liar.answer(number, b"chunk", index, root)[1:]
            lied += not proven(root, len(chunks), index, chunk, proof)
            chunk, *proof = honest.answer(number, b"chunk", index, root)[1:]
            assert proven(root, len(chunks), index, chunk, proof)
    assert lied == (0 if lie == "feed" else 6)
    assert not honest.lied


def test_a_feed_has_sixty_entries_and_four_pictures_one_of_them_twice() -> None:
    feed = published(1)
    announced = [found for entry in feed.log if (found := picture_of(entry))]
    assert (len(feed.log), len(announced), len(set(announced))) == (ENTRIES, 5, 4)
    assert {root: sum(map(len, chunks)) for root, chunks in feed.pictures.items()} == dict(announced)
    assert verified(ANA.public, feed.log) == ENTRIES
    assert published(1) == feed != published(2)


def test_the_table_says_in_which_weather_a_program_fails() -> None:
    async def without_patience(author: Any, peers: Any) -> Any:
        for peer in peers:
            await peer.count()
        return await mirror(author, peers)

    rows = {row[0]: row[-1] for row in mirror_table(without_patience).rows}
    assert list(rows) == [weather.name for weather in WEATHERS]
    assert rows["calm"] == rows["storm"] == "kept"
    rows = {row[0]: row[-1] for row in mirror_table(greedy).rows}
    assert rows["silent"] == "it was still waiting after 900 s of virtual time"
    assert rows["gone"] == "it raised ConnectionError"
    assert rows["feed"] == "its log is not Ana's"


def test_what_a_program_leaves_behind_is_said() -> None:
    async def leaving(author: Any, peers: Any) -> Any:
        leaving.task = asyncio.ensure_future(asyncio.sleep(1000))  # type: ignore[attr-defined]
        return await mirror(author, peers)

    line = LAB.verdict("mirror", leaving).line
    assert "left a task running" in line
