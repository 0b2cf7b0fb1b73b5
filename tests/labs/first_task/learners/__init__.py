"""What newcomers write for `get`, the first task of the book, with words of the hint that helps then."""

from __future__ import annotations

from tests.labs.proving import learner

PRELUDE = """
import asyncio, hashlib, time


def name_of(picture):
    return hashlib.sha256(picture).digest()
"""
LEAST = 20
HALF: dict[str, str] = {
    "get": "async def get(friends, name):\n    for friend in friends:\n        raise NotImplementedError\n",
}


def _get(body: str, head: str = "async def get(friends, name):") -> str:
    return f"{head}\n    " + "\n    ".join(body.strip().split("\n")) + "\n"


def _loop(body: str, after: str = "return None") -> str:
    lines = "\n        ".join(body.strip().split("\n"))
    return _get(f"for friend in friends:\n    {lines}".replace("\n        ", "\n    ") + f"\n{after}")


def _careful(
    *,
    patience: str = "2",
    catch: str = "(OSError, EOFError)",
    trouble: str = "continue",
    ask: str = "friend.ask(name)",
    test: str = "name_of(picture) == name",
    give: str = "return picture",
    after: str = "return None",
) -> str:
    return _loop(
        f"""try:
    async with asyncio.timeout({patience}):
        picture = await {ask}
except {catch}:
    {trouble}
if {test}:
    {give}""",
        after,
    )


# (task, what the learner did, the cell, words of the hint)
ANSWERS = [
    ("get", did, source, hint)
    for did, source, hint in [
        ("asks the first alone", _get("return await friends[0].ask(name)"), "that has nothing sends"),
        ("forgets to await", _get("return friends[0].ask(name)"), "only a promise"),
        (
            "hashes a promise",
            _loop("if name_of(friend.ask(name)) == name:\n    return b''"),
            "only a promise",
        ),
        ("is no coroutine", _get("return None", "def get(friends, name):"), "keep the async def"),
        ("forgets to return", _careful(give="break"), "is there a return"),
        ("returns the name", _careful(give="return name"), "exactly as the friend sent them"),
        ("returns True", _careful(give="return True"), "exactly as the friend sent them"),
        ("takes any bytes", _careful(test="picture"), "may lie"),
        ("says yes to all", _careful(test="True"), "that has nothing sends"),
        ("asks for the name in hex", _careful(ask="friend.ask(name.hex())"), "unchanged"),
        ("compares picture and name", _careful(test="picture == name"), "is there a return"),
        ("compares hex and bytes", _careful(test="name_of(picture).hex() == name"), "is there a return"),
        (
            "believes everybody",
            _loop("picture = await friend.ask(name)\nif picture:\n    return picture"),
            "may lie",
        ),
        ("believes the first", _loop("return await friend.ask(name)"), "that has nothing sends"),
        (
            "stops at a lie",
            _careful().replace(
                "            return picture\n", "            return picture\n        return None\n"
            ),
            "leave the loop",
        ),
        (
            "raises at a lie",
            _loop("picture = await friend.ask(name)\nassert name_of(picture) == name\nreturn picture"),
            "AssertionError",
        ),
        (
            "goes on after the picture",
            _get("""found = None
for friend in friends:
    picture = await friend.ask(name)
    if name_of(picture) == name:
        found = picture
return found"""),
            "return inside the loop",
        ),
        ("compares the beginning", _careful(test="picture[:10] == b'P1 3 3\\n010'"), "may lie"),
        (
            "lets a hang-up out",
            _loop("""async with asyncio.timeout(2):
    picture = await friend.ask(name)
if name_of(picture) == name:
    return picture"""),
            "may hang up",
        ),
        ("knows one kind of trouble", _careful(catch="(EOFError, TimeoutError)"), "may hang up"),
        ("knows the other kind", _careful(catch="OSError"), "may hang up"),
        ("gives up at a hang-up", _careful(trouble="return None"), "no reason to stop"),
        ("breaks at a hang-up", _careful(trouble="break"), "no reason to stop"),
        (
            "waits without end",
            _loop("""try:
    picture = await friend.ask(name)
except (OSError, EOFError):
    continue
if name_of(picture) == name:
    return picture"""),
            "nobody has to answer",
        ),
        (
            "lets the time-out out",
            _loop("""try:
    picture = await asyncio.wait_for(friend.ask(name), 2)
except (ConnectionError, EOFError):
    continue
if name_of(picture) == name:
    return picture"""),
            "TimeoutError is an OSError",
        ),
        (
            "has patience for all together",
            _get("""try:
    async with asyncio.timeout(2):
        for friend in friends:
            try:
                picture = await friend.ask(name)
            except (ConnectionError, EOFError):
                continue
            if name_of(picture) == name:
                return picture
except TimeoutError:
    return None"""),
            "inside the loop",
        ),
        ("is hasty", _careful(patience="1"), "not a silent one"),
        ("is too patient", _careful(patience="5"), "and no more"),
        (
            "tries again",
            _loop("""for _ in range(2):
    try:
        async with asyncio.timeout(2):
            picture = await friend.ask(name)
    except (OSError, EOFError):
        continue
    if name_of(picture) == name:
        return picture"""),
            "each friend once",
        ),
        (
            "begins again without end",
            _get("""while True:
    for friend in friends:
        try:
            async with asyncio.timeout(2):
                picture = await friend.ask(name)
        except (OSError, EOFError):
            continue
        if name_of(picture) == name:
            return picture"""),
            "each friend once",
        ),
        (
            "asks all at once",
            _get("""answers = await asyncio.gather(
    *(asyncio.wait_for(friend.ask(name), 2) for friend in friends), return_exceptions=True
)
for picture in answers:
    if isinstance(picture, bytes) and name_of(picture) == name:
        return picture"""),
            "one at a time",
        ),
        (
            "empties the list",
            _careful().replace("for friend in friends:", "while friends:\n        friend = friends.pop(0)"),
            "leaves the list as it was",
        ),
        (
            "asks from the end",
            _careful().replace("in friends", "in reversed(friends)"),
            "in the order of the list",
        ),
        ("gives b'' for nobody", _careful(after="return b''"), "so return None"),
        ("raises for nobody", _careful(after="raise LookupError(name)"), "return None and raise nothing"),
        ("gives what came last", _careful(after="return picture"), "so return None"),
        (
            "asks whom it has not",
            _get("return await friends[0].ask(name) or await friends[1].ask(name)"),
            "may lie",
        ),
        ("sleeps", _loop("time.sleep(2)\npicture = await friend.ask(name)"), "wait inside asyncio.timeout"),
    ]
]

written = learner(PRELUDE)
