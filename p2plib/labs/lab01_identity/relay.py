"""Lab 1, the capstone's world: twelve people's feeds, carried by a relay that nobody should trust.

What is judged is a reader's whole program, a class `Reader` that is given one message after another and
says what is to be shown. A message is a letter and what follows it::

    b"P"   a post: an envelope in the context "lab01/feed/1", whose payload is an entry
    b"R"   a rotation, 192 bytes, as in task 6

    entry   number (8 bytes, big-endian) ‖ size of the nickname (1 byte) ‖ nickname ‖ text, both in UTF-8

The relay loses, repeats, delays and forges; what it does in one run is a `RelayWeather`. A reader may ask for
posts that it misses (`wants`), and each of these requests counts. Everything is drawn from a seed: the same
weather is the same for every program.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from types import FunctionType
from typing import Any

from p2plib.errors import DecodeError
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.labs.engine.tasks import Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab01_identity.counting import counted
from p2plib.labs.lab01_identity.envelope import seal_envelope
from p2plib.labs.lab01_identity.rotation import Following, promise_of, rotate

CONTEXT = "lab01/feed/1"
PEOPLE = ("Ana", "Ben", "Cleo", "Dia", "Eli", "Fay", "Gus", "Hana", "Ivo", "June", "Kai", "Lea")
POSTS = 12  # of each
EVERY = 24  # messages between two looks at what a reader wants
AHEAD = 16  # posts of one person that a reader has to hold while an earlier one is missing
LOOKS = 30  # at what a reader holds
MOST_ASKED = 64  # requests that are looked at in one turn
TURNS = 40  # at the end, while a reader still wants something

MakeReader = Callable[[dict[str, Following]], Any]  # a reader's class


@dataclass(frozen=True)
class FeedEntry:
    """What a post says.

    Args:
        number: its author counts with it, from 1.
        nickname: what the author calls himself today.
        text: to be shown.
    """

    number: int
    nickname: str
    text: str


def read_entry(payload: bytes) -> FeedEntry:
    """The entry in a payload.

    Raises:
        DecodeError: it is none.
    """
    if len(payload) < 9 or len(payload) < 9 + payload[8]:
        raise DecodeError("an entry has a number, a nickname and a text", len(payload))
    end = 9 + payload[8]
    try:
        return FeedEntry(int.from_bytes(payload[:8], "big"), payload[9:end].decode(), payload[end:].decode())
    except UnicodeDecodeError as error:
        raise DecodeError("an entry is in UTF-8", 9 + error.start) from None


def write_entry(entry: FeedEntry) -> bytes:
    """The bytes of an entry."""
    nickname = entry.nickname.encode()
    return entry.number.to_bytes(8, "big") + bytes([len(nickname)]) + nickname + entry.text.encode()


@dataclass(frozen=True)
class RelayWeather:
    """What a relay does to the feeds.

    Args:
        name: one word.
        words: what it does, as the end of a sentence.
        requests: the budget of what may be asked for.
        verifications: the budget of signatures that may be verified.
        loss: the part of all posts (and of all answers to requests) that is lost.
        disorder: how many places a message may be late.
        replays: whether everything comes again, at once or at the end.
        forgers: whether each post has forged copies before and behind it.
        lookalikes: whether strangers write under the names of friends, and friends under each other's.
        thefts: whether keys are stolen, and changed.
        garbage: whether bytes come that are no message.
        strangers: how many keys that nobody follows write.
        hoarder: whether a friend turns hostile and writes ever more posts with numbers far ahead.
    """

    name: str
    words: str
    requests: int
    verifications: int
    loss: float = 0.0
    disorder: int = 0
    replays: bool = False
    forgers: bool = False
    lookalikes: bool = False
    thefts: bool = False
    garbage: bool = False
    strangers: int = 0
    hoarder: bool = False


MEMORY_BYTES = 60_000  # what a reader may hold at any time, see `held_bytes`


@dataclass
class FeedScore:
    """What a program made of one weather.

    Args:
        weather: which.
        wanted: (name, text) of every post, by person in order.
        shown: what it showed.
        requests: what it asked for.
        verified: signatures.
        held: bytes, at the most.
        raised: the kind of error that came out of it, "" if none did.
        at: during which kind of message.
    """

    weather: RelayWeather
    wanted: dict[str, list[str]]
    shown: dict[str, list[str]] = field(default_factory=dict)
    requests: int = 0
    verified: int = 0
    held: int = 0
    raised: str = ""
    at: str = ""
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        """Posts that were not shown."""
        return sum(text not in self.shown.get(name, ()) for name, row in self.wanted.items() for text in row)

    @property
    def twice(self) -> int:
        """Posts that were shown more than once."""
        return sum(len(row) - len(set(row)) for row in self.shown.values())

    @property
    def false(self) -> list[tuple[str, str]]:
        """What was shown under a name that never wrote it."""
        return [
            (name, text)
            for name, row in self.shown.items()
            for text in row
            if text not in self.wanted.get(name, ())
        ]

    @property
    def is_in_order(self) -> bool:
        """Whether everybody's posts were shown in the order in which they were written."""
        for name, row in self.shown.items():
            places = [self.wanted[name].index(text) for text in row if text in self.wanted.get(name, ())]
            if places != sorted(places):
                return False
        return True


def held_bytes(thing: Any) -> int:
    """How much an object holds: the bytes of all text and bytes in it, and eight for everything else.

    What stands in its class counts, too.
    """
    seen: set[int] = set()
    waiting, total = [thing, {k: v for k, v in vars(type(thing)).items() if not k.startswith("__")}], 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, FunctionType | classmethod | staticmethod | property):
            continue
        seen.add(id(one))
        if isinstance(one, str | bytes | bytearray):
            total += len(one)
        elif isinstance(one, PublicKey):
            total += len(one.raw)
        else:
            total += 8
            if isinstance(one, dict):
                waiting += [*one.keys(), *one.values()]
            elif isinstance(one, list | tuple | set | frozenset) or type(one).__name__ == "deque":
                waiting += list(one)
            elif hasattr(one, "__dict__") and not isinstance(one, type):
                waiting += list(vars(one).values())
            elif hasattr(type(one), "__slots__"):
                waiting += [getattr(one, name, None) for name in type(one).__slots__]
    return total


class Writer:
    """Somebody who writes, with the keys of all his days.

    Args:
        name: what his followers call him.
        rng: of his keys.
    """

    def __init__(self, name: str, rng: Random) -> None:
        self.name = name
        self.keys = [SecretKey.generate(rng.randbytes) for _ in range(3)]
        self.day = 0
        self.texts = [
            f"{name}'s post {number} of {rng.randrange(10**6):06}" for number in range(1, POSTS + 1)
        ]

    @property
    def secret(self) -> SecretKey:
        """The key in use."""
        return self.keys[self.day]

    def following(self) -> Following:
        """What followers know in the beginning."""
        return Following(self.keys[0].public, promise_of(self.keys[1].public))

    def post(self, number: int, nickname: str = "", day: int | None = None) -> bytes:
        """A post of his, signed with the key of a day, or with the one in use."""
        secret = self.secret if day is None else self.keys[day]
        return sealed(secret, number, nickname or self.name, self.texts[number - 1])

    def rotate(self) -> bytes:
        """A message that goes on to the next key."""
        old, new = self.secret, self.keys[self.day + 1]
        after = self.keys[self.day + 2].public if self.day + 2 < len(self.keys) else new.public
        self.day += 1
        return b"R" + rotate(old, new, promise_of(after))


def sealed(secret: SecretKey, number: int, nickname: str, text: str, context: str = CONTEXT) -> bytes:
    """A post as a message."""
    return b"P" + seal_envelope(secret, context, write_entry(FeedEntry(number, nickname, text)))


class Relay:
    """Carries the feeds of twelve people in one weather.

    Args:
        weather: what happens on the way.
        seed: of everything that is left to chance.
    """

    def __init__(self, weather: RelayWeather, seed: int = 1) -> None:
        self.weather, self.rng = weather, Random(f"{weather.name} {seed}")
        self.people = {name: Writer(name, self.rng) for name in PEOPLE}
        self.mal = SecretKey.generate(self.rng.randbytes)
        self.carried: list[bytes] = []
        self.rotations: dict[bytes, tuple[str, int]] = {}  # to whose key of which day
        self.numbers: dict[bytes, int] = {}  # of the true posts
        self.days: dict[str, int] = {}  # of each person, as far as the messages have come
        self.written = 0  # posts of each person, as far as the messages have come

    def messages(self) -> list[bytes]:
        """All that arrives unasked, in its order."""
        weather, rng = self.weather, self.rng
        for number in range(1, POSTS + 1):
            if weather.thefts and number in (5, 9):
                self._steal(number)
            for person in self.people.values():
                self._write(person, number)
            if weather.garbage:
                self.carried += self._garbage()
        if weather.disorder:
            moved = [(at + rng.uniform(0, weather.disorder), raw) for at, raw in enumerate(self.carried)]
            self.carried = [raw for _, raw in sorted(moved, key=lambda pair: pair[0])]
        if weather.strangers:
            self._flood()
        if weather.hoarder:
            self._hoard()
        if weather.replays:
            soon = [rng.random() < 0.5 for _ in self.carried]  # again at once, or at the end
            late = [raw for raw, is_soon in zip(self.carried, soon, strict=True) if not is_soon]
            rng.shuffle(late)
            twice = [[raw] * (1 + is_soon) for raw, is_soon in zip(self.carried, soon, strict=True)]
            self.carried = [raw for row in twice for raw in row] + late
        return self.carried

    def answer(self, name: str, number: int) -> list[bytes]:
        """What a request brings: the post, signed with its author's key of today, or nothing."""
        person = self.people.get(name)
        if person is None or not 1 <= number <= self.written or self._is_lost():
            return []
        return [person.post(number, day=self.days.get(name, 0))]

    def begin(self, seed: int) -> None:
        """Before the first message of a run."""
        self.rng, self.days, self.written = Random(f"answers {seed}"), {}, 0

    def delivered(self, raw: bytes) -> None:
        """A message was delivered: what was written by then can be asked for, in the key of then."""
        self.written = max(self.written, self.numbers.get(raw, 0))
        if raw in self.rotations:
            name, day = self.rotations[raw]
            self.days[name] = max(day, self.days.get(name, 0))

    def _is_lost(self) -> bool:
        return self.rng.random() < self.weather.loss

    def _write(self, person: Writer, number: int) -> None:
        weather, rng = self.weather, self.rng
        nickname = rng.choice(PEOPLE) if weather.lookalikes else person.name
        raw = person.post(number, nickname)
        self.numbers[raw] = number
        if weather.forgers:
            self.carried.append(self._forged(person, number))
        if number == POSTS or not self._is_lost():  # the last one always comes, or nobody would miss it
            self.carried.append(raw)
        if weather.forgers:
            self.carried.append(self._forged(person, number + rng.randrange(2)))
        if weather.lookalikes:
            stranger = SecretKey.generate(rng.randbytes)
            self.carried.append(sealed(stranger, number + 1, person.name, f"false, by a stranger: {number}"))

    def _forged(self, person: Writer, number: int) -> bytes:
        """Mal's text under somebody's key: signed by him, for another post, or in another context."""
        text = f"false, by Mal: {self.rng.randrange(10**6)}"
        kind = self.rng.randrange(3)
        if kind == 0:
            raw = sealed(self.mal, number, person.name, text)
            return b"P" + person.secret.public.raw + raw[33:]
        if kind == 1:
            return sealed(person.secret, number, person.name, text, "lab01/draft/1")
        return sealed(person.secret, number, person.name, text)[:-64] + person.post(1)[-64:]

    def _steal(self, number: int) -> None:
        """Four people's keys are copied. Mal writes ahead with them, they rotate, and Mal goes on."""
        for name in PEOPLE[:4] if number == 5 else PEOPLE[2:6]:
            person, stolen = self.people[name], self.people[name].secret
            ahead = sealed(stolen, number + 1, name, f"false, written ahead as {name}: {number}")
            theft = b"R" + rotate(stolen, self.mal, promise_of(self.mal.public))
            after = sealed(stolen, number, name, f"false, with the old key of {name}: {number}")
            mals = sealed(self.mal, number, name, f"false, with Mal's own key: {number}")
            rotation = person.rotate()
            self.rotations[rotation] = (name, person.day)
            self.carried += [ahead, theft, mals, rotation, theft, after, mals]

    def _garbage(self) -> list[bytes]:
        """Bytes that are no message, or nearly one."""
        rng, good = self.rng, self.people["Ana"].post(1)
        whole = self.people["Ben"]
        wrong = seal_envelope(whole.secret, CONTEXT, rng.randbytes(rng.randrange(12)) + b"\xff\xff\xff")
        return [
            b"",
            b"P",
            b"R",
            b"P" + rng.randbytes(rng.randrange(200)),
            b"R" + rng.randbytes(rng.choice((191, 192, 193))),
            good[: rng.randrange(1, len(good))],
            good + b"\0",
            b"X" + good[1:],
            b"P" + wrong,
            b"P" + bytes(32) + good[33:],
        ]

    def _flood(self) -> None:
        """Strangers, each of whom writes once, among the rest."""
        every = max(1, self.weather.strangers // len(self.carried))
        mixed = []
        for raw in self.carried:
            mixed.append(raw)
            for _ in range(every):
                name = self.rng.choice(PEOPLE)
                # The key need not be one: whoever verifies strangers has lost already.
                mixed.append(b"P" + self.rng.randbytes(32) + raw[33:-64] + self.rng.randbytes(64))
                mixed.append(b"R" + self.rng.randbytes(32) + promise_of(self.people[name].secret.public) * 5)
        self.carried = mixed

    def _hoard(self) -> None:
        """Lea signs a thousand long posts: some a little ahead, some by hundreds, some by millions."""
        lea, mixed = self.people["Lea"], []
        for place, raw in enumerate(self.carried):
            mixed.append(raw)
            if place >= len(self.carried) // 2:
                for _ in range(5):
                    near, far = 3 + 2 * self.rng.randrange(6), AHEAD + self.rng.randrange(1000)
                    number = POSTS + self.rng.choice((near, far, 10**6 + self.rng.randrange(10**12)))
                    mixed.append(sealed(lea.secret, number, "Lea", "false, far ahead " + "x" * 900))
        self.carried = mixed


@functools.lru_cache(maxsize=32)
def _prepared(weather: RelayWeather, seed: int) -> tuple[Relay, list[bytes], dict[str, Following]]:
    relay = Relay(weather, seed)
    following = {name: person.following() for name, person in relay.people.items()}
    return relay, relay.messages(), following


def followed(yours: MakeReader, weather: RelayWeather, seed: int = 1) -> FeedScore:
    """Let a program read twelve feeds in one weather.

    Args:
        yours: the reader's class.
        weather: which.
        seed: of the relay.
    """
    relay, messages, following = _prepared(weather, seed)
    relay.begin(seed)
    score = FeedScore(weather, {name: list(person.texts) for name, person in relay.people.items()})
    reader = yours(dict(following))
    looks = max(1, len(messages) // LOOKS)
    with counted() as spent:
        for place, raw in enumerate(messages, 1):
            relay.delivered(raw)
            _hear(reader, raw, score)
            if score.raised:
                break
            if place % EVERY == 0:
                _ask(reader, relay, score)
            if place % looks == 0:
                score.held = max(score.held, held_bytes(reader))
        turns = 0
        while not score.raised and turns < TURNS and _ask(reader, relay, score):
            turns += 1
    score.verified = spent.count
    score.held = max(score.held, held_bytes(reader))
    return score


def _hear(reader: Any, raw: bytes, score: FeedScore) -> None:
    try:
        said = reader.hear(raw)
    except NotImplementedError:
        raise
    except Exception as error:
        score.raised, score.at = (
            type(error).__name__,
            {b"P": "a post", b"R": "a rotation"}.get(raw[:1], "garbage"),
        )
        if not isinstance(error, ValueError) and type(error).__module__ == "builtins":
            score.marks["error"] = str(error)
        return
    for pair in _pairs(said, "hear", "(name, text)"):
        score.shown.setdefault(str(pair[0]), []).append(str(pair[1]))


def _ask(reader: Any, relay: Relay, score: FeedScore) -> bool:
    """Look at what a reader wants, and let it hear the answers; whether it wanted anything."""
    wanted = _pairs(reader.wants(), "wants", "(name, number)")
    for name, number in wanted[:MOST_ASKED]:
        if not isinstance(number, int):
            raise Wrong(f"wants gave {describe((name, number))}", "it is a list of pairs (name, number)")
        score.requests += 1
        for raw in relay.answer(name, number):
            _hear(reader, raw, score)
    return bool(wanted)


def _pairs(said: Any, method: str, kind: str) -> list[tuple[Any, Any]]:
    if said is None:
        raise Wrong(f"{method} gave None", f"it returns a list of pairs {kind}, which may be empty")
    good = isinstance(said, Iterable) and not isinstance(said, str | bytes | dict)
    row = list(said) if good else [said]
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in row):
        raise Wrong(f"{method} gave {describe(said)}", f"it returns a list of pairs {kind}")
    return [(pair[0], pair[1]) for pair in row]
