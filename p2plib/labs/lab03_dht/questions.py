"""Lab 3, task 4: the questions that are on their way, and which datagrams answer one of them.

Anybody can send us a datagram that looks like an answer. What proves that it is one: it carries a transaction
that we drew at random, and it comes from the very address that we sent it to. (BEP 5; for the flag that says
"I only ask" BEP 43.)
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from p2plib.errors import DecodeError
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab03_dht.bencoding import bencode
from p2plib.machine.addresses import Address
from p2plib.wire import bencode as wire

TRANSACTION_BYTES, ID_BYTES = 2, 20

MakeQuestions = Callable[..., Any]  # a reader's class


class Questions:
    """The questions that are on their way.

    Args:
        own_id: of the asker, a number of 160 bits.
        rng: draws the transactions.

    Attributes:
        waiting: which address was asked, by transaction.
    """

    def __init__(self, own_id: int, rng: random.Random) -> None:
        self.own_id, self.rng = own_id, rng
        self.waiting: dict[bytes, Address] = {}

    def ask(self, method: bytes, arguments: dict[bytes, Any], address: Address) -> bytes:
        """The datagram that asks an address something."""
        transaction = self.rng.randbytes(TRANSACTION_BYTES)
        while transaction in self.waiting:
            transaction = self.rng.randbytes(TRANSACTION_BYTES)
        self.waiting[transaction] = address
        sender = {b"id": self.own_id.to_bytes(ID_BYTES, "big")}
        return bencode({b"t": transaction, b"y": b"q", b"q": method, b"a": {**arguments, **sender}, b"ro": 1})

    def answer(self, datagram: bytes, source: Address) -> dict[bytes, Any] | None:
        """What a datagram answers to one of our questions, or None if it does not."""
        try:
            message = wire.decode(datagram)
        except DecodeError:
            return None
        if not isinstance(message, dict) or message.get(b"y") != b"r":
            return None
        transaction, content = message.get(b"t"), message.get(b"r")
        if not isinstance(transaction, bytes) or self.waiting.get(transaction) != source:
            return None
        if not isinstance(content, dict):
            return None
        ident = content.get(b"id")
        if not isinstance(ident, bytes) or len(ident) != ID_BYTES:
            return None
        del self.waiting[transaction]
        return dict(content)


# Probes

OWN_ID = 0xA1 << 152 | 7
ANA, BEN = ("203.0.113.9", 6881), ("198.51.100.7", 6881)
_OWN = OWN_ID.to_bytes(20, "big")
_HASH = b"h" * 20
_ANSWER = {b"id": b"n" * 20, b"token": b"tk", b"nodes": b""}


def _asked(
    yours: MakeQuestions, address: Address = ANA, seed: int = 1
) -> tuple[Any, bytes, dict[bytes, Any]]:
    """Questions with one on its way, its transaction, and the whole message.

    Raises:
        Wrong: what it asked with is no query.
    """
    questions = yours(OWN_ID, random.Random(seed))
    message = query(questions, b"get_peers", {b"info_hash": _HASH}, address)
    return questions, message[b"t"], message


def query(questions: Any, method: bytes, arguments: dict[bytes, Any], address: Address) -> dict[bytes, Any]:
    """Let somebody ask; the message.

    Raises:
        Wrong: it is no query.
    """
    raw = questions.ask(method, arguments, address)
    if not isinstance(raw, bytes):
        raise Wrong(f"ask returned {describe(raw)}", "return the datagram: bencode of the message")
    try:
        message = wire.decode(raw)
    except DecodeError as error:
        raise Wrong(f"ask returned what is not bencode ({error.rule})", "bencode(...) of a dict") from None
    if not isinstance(message, dict):
        raise Wrong("ask returned no dict", "a message is a dict with t, y, q and a")
    transaction = message.get(b"t")
    if not isinstance(transaction, bytes) or len(transaction) != TRANSACTION_BYTES:
        raise Wrong(f"its transaction, t, is {describe(transaction)}", "two bytes: rng.randbytes(2)")
    return message


def _whole(yours: MakeQuestions) -> None:
    _, transaction, message = _asked(yours)
    expected: dict[bytes, Any] = {
        b"t": transaction,
        b"y": b"q",
        b"q": b"get_peers",
        b"a": {b"id": _OWN, b"info_hash": _HASH},
        b"ro": 1,
    }
    hints = {
        b"y": "y is the kind of message: q, for a query",
        b"q": "q is the method, as it was given",
        b"a": "a holds the arguments and, under id, our own id as 20 bytes with the high one first",
        b"ro": "ro is 1: we only ask, so nobody need put us into a table",
    }
    for key, hint in hints.items():
        if message.get(key) != expected[key]:
            what = f"{key.decode()} is {describe(message.get(key))}, expected {describe(expected[key])}"
            raise Wrong(what, hint)
    if extra := sorted(set(message) - set(expected)):
        raise Wrong(f"the message has a key {describe(extra[0])}", "t, y, q, a and ro, and no others")


def _small_id(yours: MakeQuestions) -> None:
    message = query(yours(7, random.Random(1)), b"ping", {}, ANA)
    if message.get(b"a") != {b"id": bytes(19) + b"\x07"}:
        what = f"as node 7 its arguments are {describe(message.get(b'a'))}"
        raise Wrong(what, "an id has 20 bytes, however small the number: to_bytes(20, 'big')")


def _any_method(yours: MakeQuestions) -> None:
    questions = yours(OWN_ID, random.Random(1))
    arguments = {b"info_hash": _HASH, b"port": 4000, b"token": b"tk"}
    message = query(questions, b"announce_peer", arguments, ANA)
    if message[b"q"] != b"announce_peer" or message[b"a"] != {**arguments, b"id": _OWN}:
        raise Wrong(
            "announce_peer with port and token was not asked as it was given", "pass all arguments on"
        )
    if arguments != {b"info_hash": _HASH, b"port": 4000, b"token": b"tk"}:
        raise Wrong("it changed the arguments", "they are the caller's: put the id into a copy")


def _own_id_last(yours: MakeQuestions) -> None:
    questions = yours(OWN_ID, random.Random(1))
    message = query(questions, b"ping", {b"id": b"x" * 20}, ANA)
    if message[b"a"] != {b"id": _OWN}:
        raise Wrong("arguments with an id of their own took the place of ours", "id is always our own")


def _by_chance(yours: MakeQuestions) -> None:
    seen = [
        [query(questions, b"ping", {}, ANA)[b"t"] for _ in range(3)]
        for questions in (yours(OWN_ID, random.Random(seed)) for seed in range(60))
    ]
    guessed = "whoever guesses a transaction can forge an answer: draw both bytes, from all 256 values"
    if len({first for first, *_ in seen}) < 50:
        raise Wrong("60 clients begin with few different transactions", guessed)
    steps = [
        (int.from_bytes(one[1], "big") - int.from_bytes(one[0], "big")) % 65_536
        == (int.from_bytes(one[2], "big") - int.from_bytes(one[1], "big")) % 65_536
        for one in seen
    ]
    if sum(steps) > 30:
        hint = "whoever has seen one must not know the next"
        raise Wrong("each transaction follows from the one before", hint)
    many = [query(yours(OWN_ID, random.Random(seed)), b"ping", {}, ANA)[b"t"] for seed in range(600)]
    fewest = min(len({one[place] for one in many}) for place in range(TRANSACTION_BYTES))
    if fewest < 180:  # some 230 of 256 are to be expected
        raise Wrong(f"in 600 transactions one of the two bytes has only {fewest} values", guessed)
    again = yours(OWN_ID, random.Random(0))
    if query(again, b"ping", {}, ANA)[b"t"] != seen[0][0]:
        raise Wrong("with the same rng it drew another transaction", "draw from the rng that you were given")


class _Repeating(random.Random):
    """Draws each value three times before it goes on."""

    def __init__(self) -> None:
        super().__init__(1)
        self.last: list[Any] = []

    def _thrice(self, draw: Callable[[], Any]) -> Any:
        if not self.last:
            self.last = [draw()] * 3
        return self.last.pop()

    def randbytes(self, n: int) -> bytes:
        """See `random.Random`."""
        drawn: bytes = self._thrice(lambda: random.Random.getrandbits(self, 8 * n).to_bytes(n, "big"))
        return drawn

    def getrandbits(self, k: int) -> int:
        """See `random.Random`."""
        drawn: int = self._thrice(lambda: random.Random.getrandbits(self, k))
        return drawn


def _no_two_alike(yours: MakeQuestions) -> None:
    questions = yours(OWN_ID, _Repeating())
    drawn = [query(questions, b"ping", {}, address)[b"t"] for address in (ANA, BEN, ANA)]
    if len(set(drawn)) < 3:
        hint = "a transaction that is on its way must not be drawn again: draw until it is new"
        raise Wrong("two questions had the same transaction", hint)


def _response(transaction: Any, content: Any = None, **others: Any) -> bytes:
    message = {b"t": transaction, b"y": b"r", b"r": dict(_ANSWER) if content is None else content}
    return wire.encode({**message, **{key.encode(): value for key, value in others.items()}})


def _remembers(yours: MakeQuestions) -> None:
    questions, transaction, _ = _asked(yours)
    if getattr(questions, "waiting", None) != {transaction: ANA}:
        raise Wrong(
            "waiting does not hold the address by its transaction", "self.waiting[transaction] = address"
        )


def _takes_it(yours: MakeQuestions) -> None:
    for content in (_ANSWER, {b"id": b"n" * 20}):
        questions, transaction, _ = _asked(yours)
        got = questions.answer(_response(transaction, content), ANA)
        if got != content:
            said = f"a response with {' and '.join(key.decode() for key in content)} in r"
            what = f"{said}: answer gave {describe(got)}, expected what is under r"
            why = "y is r, t waits for this source, and there is an id of 20 bytes: no more is asked for"
            raise Wrong(what, why if got is None else "return the dict under r")


def _takes_more(yours: MakeQuestions) -> None:
    """What real nodes put into a response besides."""
    questions, transaction, _ = _asked(yours)
    raw = _response(transaction, v=b"LT\x02\x01", ip=b"\xcb\0\x71\x05\x1a\xe1")
    if questions.answer(raw, ANA) is None:
        raise Wrong(
            "a response with v and ip was left out",
            "skip what you do not know: nodes say more than they must",
        )


def _waits(yours: MakeQuestions) -> None:
    questions, transaction, _ = _asked(yours)
    questions.answer(_response(transaction), ANA)
    if questions.waiting:
        raise Wrong("an answered question is still in waiting", "a question is answered once: take it out")


def _several(yours: MakeQuestions) -> None:
    questions = yours(OWN_ID, random.Random(1))
    first = query(questions, b"ping", {}, ANA)[b"t"]
    second = query(questions, b"ping", {}, BEN)[b"t"]
    for transaction, source in ((second, BEN), (first, ANA)):
        if questions.answer(_response(transaction), source) is None:
            raise Wrong(
                "two questions were on their way, and one of their answers was left out", "by transaction"
            )


def ignores(what: str, hint: str, make: Callable[[bytes], bytes], source: Address = ANA) -> Case:
    """A probe: a datagram that is no answer is left out, and the true answer still counts after it.

    Args:
        what: the datagram is, in words.
        hint: for whoever takes it.
        make: makes it from the transaction of the question.
        source: where it comes from; the question went to `ANA`.
    """

    def probe(yours: MakeQuestions) -> None:
        questions, transaction, _ = _asked(yours)
        try:
            got = questions.answer(make(transaction), source)
        except NotImplementedError:
            raise
        except Exception as error:
            said = f"{what}: answer raised {type(error).__name__}"
            raise Wrong(said, hint) from None
        if got is not None:
            raise Wrong(f"{what} was taken for an answer", hint)
        if questions.answer(_response(transaction), ANA) is None:
            said = f"after {what} the true answer was left out"
            raise Wrong(
                said, "what is not an answer changes nothing: take a question out only when it is answered"
            )

    return probe


def _once(yours: MakeQuestions) -> None:
    questions, transaction, _ = _asked(yours)
    questions.answer(_response(transaction), ANA)
    try:
        got = questions.answer(_response(transaction), ANA)
    except KeyError:
        raise Wrong("the same answer a second time: answer raised KeyError", _UNKNOWN) from None
    if got is not None:
        raise Wrong("the same answer was taken twice", "a question is answered once: forget its transaction")


def _apart(yours: MakeQuestions) -> None:
    first, other = yours(OWN_ID, random.Random(1)), yours(OWN_ID, random.Random(2))
    transaction = query(first, b"ping", {}, ANA)[b"t"]
    try:
        got = other.answer(_response(transaction), ANA)
    except KeyError:
        raise Wrong("an answer to another client: answer raised KeyError", _UNKNOWN) from None
    if got is not None:
        raise Wrong("an answer to another client was taken", "what waits belongs to self, made in __init__")


def any_talk(seed: int) -> Case:
    """A probe: many questions at once, answers in another order, and forged ones among them."""

    def probe(yours: MakeQuestions) -> None:
        rng = random.Random(seed)
        questions = yours(OWN_ID, random.Random(seed))
        asked = {}
        for number in range(40):
            address = (f"203.0.113.{number + 1}", 6881)
            asked[query(questions, b"ping", {}, address)[b"t"]] = address
        for transaction in rng.sample(sorted(asked), 40):
            others = [one for one in asked.values() if one != asked[transaction]]
            if questions.answer(_response(transaction), rng.choice(others)) is not None:
                raise Wrong(
                    "of forty questions, one was answered by another node than the one asked", _SOURCE
                )
            if questions.answer(_response(transaction), asked[transaction]) != _ANSWER:
                raise Wrong("of forty questions, one of the true answers was left out", QUESTIONS.hint)

    return probe


_UNKNOWN = "a transaction that nobody waits for is no longer in waiting, or never was: look before you take"
_SOURCE = "anybody can send datagrams: an answer comes from the very address that was asked, host and port"
_ID = "an answer says under id which node gave it: 20 bytes"
_SHAPE = "look at the type of everything before you use it: a stranger wrote it"

QUESTIONS = Task(
    "Questions",
    Questions,
    cases=[
        _whole,
        _small_id,
        _any_method,
        _own_id_last,
        _apart,
        _remembers,
        _by_chance,
        _no_two_alike,
        _takes_it,
        _takes_more,
        _waits,
        _several,
        _once,
        ignores("garbage", "decode raises DecodeError: return None", lambda t: b"noise"),
        ignores("an empty datagram", "decode raises DecodeError: return None", lambda t: b""),
        ignores("a list", _SHAPE, lambda t: wire.encode([t, b"r"])),
        ignores("a number", _SHAPE, lambda t: b"i7e"),
        ignores("an empty dict", _SHAPE, lambda t: b"de"),
        ignores(
            "a response to a question that was never asked",
            "look for t in waiting",
            lambda t: _response(b"??!"),
        ),
        ignores(
            "the transaction in another length", "look for all of t in waiting", lambda t: _response(t + b"x")
        ),
        ignores("a list for a transaction", _SHAPE, lambda t: _response([t])),
        ignores("an answer from another host", _SOURCE, _response, BEN),
        ignores("an answer from another port", _SOURCE, _response, (ANA[0], 6882)),
        ignores(
            "our own query, sent back",
            "y says what a message is: r, for a response",
            lambda t: _response(t, y=b"q"),
        ),
        ignores("an error", "y says what a message is: r, for a response", lambda t: _response(t, y=b"e")),
        ignores("a response without r", _SHAPE, lambda t: wire.encode({b"t": t, b"y": b"r"})),
        ignores("a list for an answer", _SHAPE, lambda t: _response(t, [b"id"])),
        ignores("an answer without an id", _ID, lambda t: _response(t, {b"token": b"tk"})),
        ignores("an answer with an id of 19 bytes", _ID, lambda t: _response(t, {b"id": b"n" * 19})),
        ignores("an answer with an id of 21 bytes", _ID, lambda t: _response(t, {b"id": b"n" * 21})),
        ignores("an answer with a list of 20 for an id", _ID, lambda t: _response(t, {b"id": [1] * 20})),
        ignores("an answer with a number for an id", _ID, lambda t: _response(t, {b"id": 7})),
    ],
    hint="ask: draw t, remember the address, bencode; answer: decode, then look at y, t, source, r and id",
)
