"""Lab 8, the capstone: mirror a feed with its pictures from three peers, of which one lies and one is slow.

What is judged is a whole program, the async function `mirror`; `mirrored` runs it in one `MirrorWeather`,
`objection` says what was wrong with it, and `mirror_table` shows all weathers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from p2plib.errors import NotFound
from p2plib.figures.table import Table
from p2plib.identity.keys import PublicKey
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import shorten
from p2plib.labs.lab08_content.accepting import accept
from p2plib.labs.lab08_content.asking import missing
from p2plib.labs.lab08_content.proving import proven
from p2plib.labs.lab08_content.strangers import CHUNK, Stranger, picture_of
from p2plib.labs.lab08_content.weathers import (
    ENDLESS,
    FOREVER,
    WEATHERS,
    MirrorScore,
    MirrorWeather,
    Program,
    mirrored,
)

PATIENCE_S, MOST_PATIENCE_S = 0.5, 60.0  # for an answer, at first and at most

Mirrored = tuple[list[bytes], dict[bytes, bytes], set[str]]
Answer = TypeVar("Answer")


async def mirror(author: PublicKey, peers: Sequence[Stranger]) -> Mirrored:
    """An author's feed and its pictures, from peers that may lie, be slow, or leave.

    Args:
        author: whose feed it is.
        peers: the peers to ask; at least one is honest.

    Returns:
        The log, the pictures by their roots, and the names of the peers that have lied.

    Raises:
        NotFound: no peer is left that has all of it.
    """
    queue, liars = list(peers), set[str]()
    log, pictures, patience_s = list[bytes](), dict[bytes, bytes](), PATIENCE_S

    async def ask(peer: Stranger, question: Awaitable[Answer]) -> Answer | None:
        """The answer; None if there is none. A late peer goes to the end of the queue, others leave it."""
        try:
            async with asyncio.timeout(patience_s):
                return await question
        except TimeoutError:
            queue.append(peer)
        except (NotFound, ConnectionError):
            pass
        queue.remove(peer)
        return None

    def blame(peer: Stranger) -> None:
        queue.remove(peer)
        liars.add(peer.name)

    for peer in peers:
        theirs = await ask(peer, peer.count())
        while theirs and (wanted := missing({author.raw: len(log)}, {author.raw: theirs})):
            [(_, first, last)] = wanted
            entries = await ask(peer, peer.entries(first, last))
            if entries is None:
                break
            log, _ = accept(author, log, entries)
            if not entries or log[first - 1 :] != entries:
                blame(peer)
                break
    for root, size in filter(None, map(picture_of, log)):
        count, chunks = -(-size // CHUNK), list[bytes]()
        while len(chunks) < count and root not in pictures:
            for peer in list(queue):
                answer = await ask(peer, peer.chunk(root, len(chunks)))
                if answer is not None and proven(root, count, len(chunks), *answer):
                    chunks.append(answer[0])
                    break
                if answer is not None:
                    blame(peer)
            else:
                patience_s *= 2
                if patience_s > MOST_PATIENCE_S:
                    raise NotFound("nobody is left that has it")
        pictures.setdefault(root, b"".join(chunks))
    return log, pictures, liars


_NO_MORE = (
    "one wrong answer, and that peer is blamed and asked no more; only what it spoilt is asked for again"
)
_BLAMES = "a peer that is slow, silent, behind or gone has not lied; one that sends what is not so has"
_LATE = "do not wait for the slow one: a question gets a second at most, and then another peer gets it"
_PATIENT = (
    "an answer that you no longer wait for comes all the same: if only the slow one is left, wait longer,"
    " and keep that patience for the next chunk"
)
_ONE_BY_ONE = "ask one peer for each chunk: three that send the same cost three times as much"
_TWICE = "a picture that is posted twice has one root, and is fetched once"
_NOT_PROVEN = (
    "take a chunk only if proven says so for the place that you asked for, and join them in their order"
)
_ACCEPTED = "let accept decide which entries are Ana's"
_FOUND = "what one peer does not have, or does not have yet, another has: go on with the others"
_LAST = "the slow one is asked last, not never: when it is the only one left, wait for it"
_LOST = "nobody has all of it any more: an unfinished picture is no picture, so raise NotFound"
_PLACES = (
    "here all have everything: is your number of chunks right (the last may be shorter),"
    " and do places count from 0?"
)
_EACH = "ask each peer for what is missing, until nobody has more: what one does not give, another does"
_WHOLE = "what one peer does not give, another does; with one root a picture is all its chunks in their order"


def objection(score: MirrorScore) -> tuple[str, str] | None:
    """What is wrong with a score, and the hint; None if nothing is."""
    weather, (entries, pictures) = score.weather, score.wanted
    if score.gave_up != weather.is_lost:
        if not score.gave_up:
            return "it came to an end without NotFound", _LOST
        if weather.name == "calm":
            return "it raised NotFound", _PLACES
        return "it raised NotFound", _LAST if weather.lie and weather.hangs_up else _FOUND
    if score.gave_up:
        entries = pictures = 0
    if score.log < entries:
        what = "its log is not Ana's" if score.log < 0 else f"its log has {score.log} of {entries} entries"
        return what, _ACCEPTED if score.log < 0 else _EACH
    if score.pictures < 0:
        return "one of its pictures is not what Ana published", _NOT_PROVEN
    if score.pictures < pictures:
        return f"it has {score.pictures} of {pictures} pictures", _WHOLE
    if score.blamed - score.liars:
        return f"it blamed {', '.join(sorted(score.blamed - score.liars))}, and that peer never lied", _BLAMES
    if score.lied - score.blamed:
        return f"{', '.join(score.lied)} lied to it, and it did not blame {', '.join(score.lied)}", _NO_MORE
    if score.seconds > weather.seconds:
        return f"it took {score.seconds:.0f} s, the budget is {weather.seconds:g} s", _LATE
    if score.ratio > weather.ratio:
        what = f"{score.ratio:.2f} times the content came in, the budget is {weather.ratio:g}"
        if weather.name == "calm":
            return what, _TWICE if score.ratio < 1.6 else _ONE_BY_ONE
        if weather.hangs_up:
            return what, _PATIENT
        return what, _NO_MORE if weather.lie else _ONE_BY_ONE
    return None


def _fitting(weather: MirrorWeather, hint: str) -> str:
    """The hint that fits a weather, where a run alone cannot tell."""
    if weather.is_lost and hint in (FOREVER, ENDLESS):
        return _LOST
    return _PATIENT if hint == ENDLESS and weather.lie != "boast" else hint


def copes(weather: MirrorWeather, seed: int = 0) -> Case:
    """A probe: a program mirrors everything in one weather, within the budgets, in any order of the peers.

    Args:
        weather: what is wrong.
        seed: of the first of three feeds.
    """

    def probe(yours: Program) -> None:
        for number in range(seed, seed + 3):
            try:
                wrong = objection(mirrored(yours, weather, number))
            except Wrong as other:
                wrong = other.what, _fitting(weather, other.hint)
            if wrong is not None:
                raise Wrong(f"{weather.name} ({weather.words}): {wrong[0]}", wrong[1])

    return probe


def mirror_table(yours: Program, seed: int = 0) -> Table:
    """A program's score in each weather, as a table.

    Args:
        yours: the program.
        seed: of the feed, and of the order of the three.
    """
    rows = []
    for weather in WEATHERS:
        try:
            score = mirrored(yours, weather, seed)
        except Wrong as wrong:
            rows.append([weather.name, "-", "-", "-", shorten(wrong.what, 60)])
            continue
        said = objection(score)
        rows.append(
            [
                weather.name,
                f"{score.ratio:.2f} of {weather.ratio:g}",
                f"{score.seconds:.1f} of {weather.seconds:g}",
                "NotFound" if score.gave_up else ", ".join(sorted(score.blamed)) or "nobody",
                "kept" if said is None else shorten(said[0], 60),
            ]
        )
    return Table(
        ["weather", "bytes", "seconds", "blamed", "verdict"],
        rows,
        title="One program in twelve weathers",
        caption="Bytes that came in, in multiples of the content, and virtual seconds, each with its budget.",
        numbers=[1, 2],
    )


MIRROR = Task(
    "mirror",
    mirror,
    cases=[copes(weather) for weather in WEATHERS],
    hint="first the log, from each peer what is missing; then chunk by chunk, from the peer that served best",
)
