"""Learners' answers in lab 0: the half that asks, once and again. See `tests.labs.lab00_network.learners`."""

from __future__ import annotations


def _ping(
    *,
    clock: str = "asyncio.get_running_loop().time()",
    test: str = "(kind, answered) == (PONG, number)",
    give: str = "now() - began",
    skip: str = "continue",
    late: str = "raise PeerTimeout('nobody') from None",
) -> str:
    return f"""
async def ping(socket, number, timeout_s):
    def now():
        return {clock}
    began = now()
    socket.send(encode_ping(PING, number))
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    kind, answered = decode_ping(await socket.receive())
                except DecodeError:
                    {skip}
                if {test}:
                    return {give}
    except TimeoutError:
        {late}
"""


def _retry(body: str) -> str:
    lines = "\n    ".join(body.strip().split("\n"))
    return f"async def ping_with_retry(socket, numbers, first_wait_s, tries):\n    {lines}\n"


# (task, what the learner did, the cell, words of the hint)
ASKING = [
    ("ping", "wall clock", _ping(clock="time.time()"), "can be set"),
    ("ping", "milliseconds", _ping(give="(now() - began) * 1000"), "unit is the second"),
    ("ping", "returns nothing", _ping(give="None"), "return the round trip"),
    ("ping", "half of it", _ping(give="(now() - began) / 2"), "there and back"),
    ("ping", "any pong", _ping(test="kind == PONG"), "compare the number, too"),
    ("ping", "any kind", _ping(test="answered == number"), "the answer is a PONG"),
    (
        "ping",
        "a ping for an answer",
        _ping(test="(kind, answered) == (PING, number)"),
        "is that what you compare",
    ),
    ("ping", "None for nobody", _ping(late="return None"), "raise PeerTimeout"),
    ("ping", "lets the time-out through", _ping(late="raise"), "catch TimeoutError and raise PeerTimeout"),
    ("ping", "inf for nobody", _ping(late="return float('inf')"), "raise PeerTimeout"),
    ("ping", "garbage raises", _ping(skip="raise"), "go on waiting"),
    (
        "ping",
        "no time-out",
        """
async def ping(socket, number, timeout_s):
    began = asyncio.get_running_loop().time()
    socket.send(encode_ping(PING, number))
    await socket.receive()
    return asyncio.get_running_loop().time() - began
""",
        "may be lost",
    ),
    (
        "ping",
        "takes the first datagram",
        """
async def ping(socket, number, timeout_s):
    began = asyncio.get_running_loop().time()
    socket.send(encode_ping(PING, number))
    try:
        await asyncio.wait_for(socket.receive(), timeout_s)
    except TimeoutError:
        raise PeerTimeout("nobody")
    return asyncio.get_running_loop().time() - began
""",
        "garbage is no answer",
    ),
    (
        "ping",
        "gives up at the first wrong one",
        """
async def ping(socket, number, timeout_s):
    began = asyncio.get_running_loop().time()
    socket.send(encode_ping(PING, number))
    try:
        data = await asyncio.wait_for(socket.receive(), timeout_s)
    except TimeoutError:
        raise PeerTimeout("nobody")
    if data != encode_ping(PONG, number):
        raise PeerTimeout("not mine")
    return asyncio.get_running_loop().time() - began
""",
        "may be the one",
    ),
    (
        "ping",
        "a time-out for each datagram",
        """
async def ping(socket, number, timeout_s):
    loop = asyncio.get_running_loop()
    began = loop.time()
    socket.send(encode_ping(PING, number))
    while True:
        try:
            data = await asyncio.wait_for(socket.receive(), timeout_s)
        except TimeoutError:
            raise PeerTimeout("nobody")
        if data == encode_ping(PONG, number):
            return loop.time() - began
""",
        "starts again with every datagram",
    ),
    (
        "ping",
        "not async",
        "def ping(socket, number, timeout_s):\n    socket.send(encode_ping(PING, number))\n    return 0.08\n",
        "write async def",
    ),
    (
        "ping",
        "forgets await",
        """
async def ping(socket, number, timeout_s):
    began = asyncio.get_running_loop().time()
    socket.send(encode_ping(PING, number))
    socket.receive()
    return asyncio.get_running_loop().time() - began
""",
        "an await before socket.receive",
    ),
    (
        "ping",
        "sleeps instead",
        """
async def ping(socket, number, timeout_s):
    socket.send(encode_ping(PING, number))
    time.sleep(timeout_s)
    return timeout_s
""",
        "that stops every peer",
    ),
    (
        "ping",
        "polls by sleeping",
        """
async def ping(socket, number, timeout_s):
    began = asyncio.get_running_loop().time()
    socket.send(encode_ping(PING, number))
    await asyncio.sleep(timeout_s)
    await socket.receive()
    return asyncio.get_running_loop().time() - began
""",
        "as soon as the answer is there",
    ),
    (
        "ping",
        "asks again and again",
        """
async def ping(socket, number, timeout_s):
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() < began + timeout_s:
        socket.send(encode_ping(PING, number))
        try:
            if await asyncio.wait_for(socket.receive(), 0.05) == encode_ping(PONG, number):
                return loop.time() - began
        except TimeoutError:
            pass
    raise PeerTimeout("nobody")
""",
        "one ping is one packet",
    ),
]

RETRYING = [
    (
        "ping_with_retry",
        "a plain TimeoutError",
        _retry(
            "for i in range(tries):\n    try:\n"
            "        return await ping(socket, next(numbers), first_wait_s * 2**i)\n"
            "    except PeerTimeout:\n        pass\nraise TimeoutError('nobody')"
        ),
        "the peer who was silent",
    ),
    (
        "ping_with_retry",
        "no return",
        _retry("for i in range(tries):\n    await ping(socket, next(numbers), first_wait_s * 2**i)"),
        "as soon as it does",
    ),
    (
        "ping_with_retry",
        "asks once",
        _retry("return await ping(socket, next(numbers), first_wait_s)"),
        "use them all",
    ),
    (
        "ping_with_retry",
        "for ever",
        _retry(
            "while True:\n    try:\n        return await ping(socket, next(numbers), first_wait_s)\n"
            "    except PeerTimeout:\n        first_wait_s *= 2"
        ),
        "every loop that sends or waits needs an end",
    ),
    (
        "ping_with_retry",
        "the same wait",
        _retry(
            "for i in range(tries):\n    try:\n"
            "        return await ping(socket, next(numbers), first_wait_s)\n"
            "    except PeerTimeout:\n        pass\nraise PeerTimeout('nobody')"
        ),
        "twice as long",
    ),
    (
        "ping_with_retry",
        "sleeps on top",
        _retry(
            "for i in range(tries):\n    try:\n"
            "        return await ping(socket, next(numbers), first_wait_s * 2**i)\n"
            "    except PeerTimeout:\n        await asyncio.sleep(first_wait_s * 2**i)\n"
            "raise PeerTimeout('nobody')"
        ),
        "no sleep on top",
    ),
    (
        "ping_with_retry",
        "doubles too early",
        _retry(
            "for i in range(tries):\n    first_wait_s *= 2\n    try:\n"
            "        return await ping(socket, next(numbers), first_wait_s)\n"
            "    except PeerTimeout:\n        pass\nraise PeerTimeout('nobody')"
        ),
        "the first try waits first_wait_s",
    ),
    (
        "ping_with_retry",
        "one number for all",
        _retry(
            "number = next(numbers)\nfor i in range(tries):\n    try:\n"
            "        return await ping(socket, number, first_wait_s * 2**i)\n"
            "    except PeerTimeout:\n        pass\nraise PeerTimeout('nobody')"
        ),
        "next(numbers) for every try",
    ),
    (
        "ping_with_retry",
        "numbers from 0",
        _retry(
            "for i in range(tries):\n    try:\n        return await ping(socket, i, first_wait_s * 2**i)\n"
            "    except PeerTimeout:\n        pass\nraise PeerTimeout('nobody')"
        ),
        "take it for every try",
    ),
    (
        "ping_with_retry",
        "one try too many",
        _retry(
            "for i in range(tries + 1):\n    try:\n"
            "        return await ping(socket, next(numbers), first_wait_s * 2**i)\n"
            "    except PeerTimeout:\n        pass\nraise PeerTimeout('nobody')"
        ),
        "including the first",
    ),
    (
        "ping_with_retry",
        "the most that this ping may take",
        _retry(
            "loop = asyncio.get_running_loop()\nbegan = loop.time()\nfor i in range(tries):\n    try:\n"
            "        await ping(socket, next(numbers), first_wait_s * 2**i)\n"
            "        return loop.time() - began\n"
            "    except PeerTimeout:\n        pass\nraise PeerTimeout('nobody')"
        ),
        "not the time since the first",
    ),
    (
        "ping_with_retry",
        "None in the end",
        _retry(
            "for i in range(tries):\n    try:\n"
            "        return await ping(socket, next(numbers), first_wait_s * 2**i)\n"
            "    except PeerTimeout:\n        pass"
        ),
        "raise PeerTimeout",
    ),
    (
        "ping_with_retry",
        "all at once",
        _retry(
            "tasks = [asyncio.create_task(ping(socket, next(numbers), 99)) for i in range(tries)]\n"
            "done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)\n"
            "for task in rest: task.cancel()\nreturn done.pop().result()"
        ),
        "await it, and only then send the next",
    ),
    (
        "ping_with_retry",
        "catches everything",
        _retry(
            "for i in range(tries):\n    try:\n"
            "        return await ping(socket, next(numbers), first_wait_s * 2**i)\n"
            "    except Exception:\n        pass\nraise PeerTimeout('nobody')"
        ),
        "catch only PeerTimeout",
    ),
    (
        "ping_with_retry",
        "forgets await",
        _retry(
            "for i in range(tries):\n    try:\n"
            "        return ping(socket, next(numbers), first_wait_s * 2**i)\n"
            "    except PeerTimeout:\n        pass\nraise PeerTimeout('nobody')"
        ),
        "await",
    ),
]

ANSWERS = [*ASKING, *RETRYING]
