"""Lab 10, task 2: what is tried of a transcript, and wrong ways to keep one.

`p2plib.protocol.noise.crypto` judges: the same calls must give the same bytes, and leave the same hash.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from random import Random
from typing import Any

from p2plib.errors import P2PError, Tampered
from p2plib.labs.engine.tasks import Case, Mistake, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab10_protocols.transcript import NN, Transcript, encrypt
from p2plib.protocol.noise.crypto import HASH_FUNCTIONS, SymmetricState

MakeTranscript = Callable[[str], Any]  # a reader's class

Step = tuple[str, bytes]
SAID = {
    "mix_hash": "the new hash is sha256(old hash + data)",
    "mix_key": "mix_key leaves the hash as it is",
    "seal": "encrypt with the hash as associated data, then mix what you send into the hash",
    "open": "decrypt with the hash as it was, then mix in the bytes as they came, not what they say",
}
PROBE = b"the first message"


def _judge(name: str) -> SymmetricState:
    return SymmetricState(name, HASH_FUNCTIONS["SHA256"])


def agrees(*steps: Step, name: str = NN, hint: str = "") -> Case:
    """A probe: these calls give what Noise gives, and leave the hash that Noise has.

    Args:
        steps: a method and its argument each; for "open" the plaintext that the other side has sealed.
        name: of the protocol.
        hint: if opening raises, instead of the step's own.
    """

    def probe(yours: MakeTranscript) -> None:
        judge, mine = _judge(name), yours(name)
        _same("at the beginning", mine, judge)
        done: list[str] = []
        for step in steps:
            done.append(step[0])
            where = f"after {', '.join(done)}"
            _step(mine, judge, step, where, hint or SAID[step[0]])
            _same(where, mine, judge)

    return probe


def _step(mine: Any, judge: SymmetricState, step: Step, where: str, hint: str) -> None:
    """One call of both, and the same must come out."""
    method, data = step
    if method in ("mix_hash", "mix_key"):
        getattr(judge, method)(data)
        getattr(mine, method)(data)
        return
    sealed = judge.encrypt_and_hash(data)  # leaves the judge as opening it would
    want, given = (sealed, data) if method == "seal" else (data, sealed)
    try:
        got = getattr(mine, method)(given)
    except P2PError as error:
        raise Wrong(f"{where} it raised {type(error).__name__}", hint) from None
    if got != want:
        raise Wrong(f"{where} it gave {describe(got)}, expected {describe(want)}")


def splits(*steps: Step, name: str = NN) -> Case:
    """A probe: after these calls the keys of the session are Noise's, and asking for them changes nothing."""

    def probe(yours: MakeTranscript) -> None:
        judge, mine = _judge(name), yours(name)
        for step in steps:
            _step(mine, judge, step, f"before split, after {step[0]}", SAID[step[0]])
        keys = mine.split()
        is_pair = isinstance(keys, (tuple, list)) and [type(key) for key in keys] == [bytes, bytes]
        if not is_pair or {len(key) for key in keys} != {32}:
            raise Wrong(f"split gave {describe(keys)}", "it is two keys of 32 bytes, in a tuple")
        sealed = [encrypt(key, 0, b"", PROBE) for key in keys]
        if sealed != [cipher.encrypt(b"", PROBE) for cipher in judge.split()]:
            raise Wrong(f"the keys of the session begin {keys[0][:4].hex()} and {keys[1][:4].hex()}")
        _same("after split", mine, judge)
        if mine.split() != keys:
            raise Wrong("split, called again, gave different keys", "leave everything as it is: only derive")

    return probe


def at_random(seed: int) -> Case:
    """A probe: some talk that was made up by chance, and the keys at its end."""
    rng = Random(seed)
    steps = [("mix_hash", b"prologue"), ("mix_key", rng.randbytes(32))]
    for _ in range(12):
        method = rng.choice(["mix_hash", "mix_key", "seal", "open", "open"])
        steps.append((method, rng.randbytes(32 if method == "mix_key" else rng.randrange(0, 60))))

    def probe(yours: MakeTranscript) -> None:
        agrees(*steps)(yours)  # type: ignore[operator]
        splits(*steps)(yours)  # type: ignore[operator]

    return probe


def _same(where: str, mine: Any, judge: SymmetricState) -> None:
    got = mine.hash
    if not isinstance(got, bytes):
        raise Wrong(f"{where} its hash is {describe(got)}", "self.hash is 32 bytes: .digest()")
    if got != judge.hash:
        raise Wrong(f"{where} its hash is {_ends(got)}, not {_ends(judge.hash)}")


def _ends(value: bytes) -> str:
    """A hash as two can compare it: where it begins and where it ends."""
    return f"{value[:4].hex()}…{value[-4:].hex()}"


def _refuses_what_was_changed(yours: MakeTranscript) -> None:
    judge, mine = _judge(NN), yours(NN)
    for each in (judge, mine):
        each.mix_key(b"secret")
    before = mine.hash
    sealed = judge.encrypt_and_hash(b"ten coins")
    for what, part in (("a changed part", bytes([sealed[0] ^ 1]) + sealed[1:]), ("half a tag", sealed[:8])):
        try:
            got = mine.open(part)
        except NotImplementedError:
            raise
        except Exception:
            got = Tampered
        if got is not Tampered:
            raise Wrong(f"it opened {what} and gave {describe(got)}", "let decrypt's error through")
        if mine.hash != before:
            raise Wrong(f"{what} changed its hash", "decrypt first: mix in nothing that does not open")
    try:
        right = mine.open(sealed) == b"ten coins"
    except Tampered:
        right = False
    if not right:
        hint = "what does not decrypt does not count: raise the counter afterwards"
        raise Wrong("after a part that did not open, it could not open the right one", hint)


class _HashedName(Transcript):
    def _start(self, name: bytes) -> bytes:
        return hashlib.sha256(name).digest()


class _Spaces(Transcript):
    def _start(self, name: bytes) -> bytes:
        return name.ljust(32)


class _InFront(Transcript):
    def _start(self, name: bytes) -> bytes:
        return name.rjust(32, b"\0")


class _OnlyReturns(Transcript):
    """Computes the new hash, and does not keep it."""

    def mix_hash(self, data: bytes) -> None:
        pass


class _TurnedHash(Transcript):
    def mix_hash(self, data: bytes) -> None:
        self.hash = hashlib.sha256(data + self.hash).digest()


class _DataAlone(Transcript):
    def mix_hash(self, data: bytes) -> None:
        self.hash = hashlib.sha256(data).digest()


class _TurnedHmac(Transcript):
    def _two(self, secret: bytes) -> tuple[bytes, bytes]:
        root = hmac.digest(secret, self.chain, "sha256")
        first = hmac.digest(root, b"\1", "sha256")
        return first, hmac.digest(root, first + b"\2", "sha256")


class _NoFirst(Transcript):
    def _two(self, secret: bytes) -> tuple[bytes, bytes]:
        root = hmac.digest(self.chain, secret, "sha256")
        return hmac.digest(root, b"\1", "sha256"), hmac.digest(root, b"\2", "sha256")


class _Swapped(Transcript):
    def _two(self, secret: bytes) -> tuple[bytes, bytes]:
        chain, key = super()._two(secret)
        return key, chain


class _OldChain(Transcript):
    def mix_key(self, secret: bytes) -> None:
        _, self.key = self._two(secret)
        self.counter = 0


class _SecretIsKey(Transcript):
    def mix_key(self, secret: bytes) -> None:
        self.key, self.counter = secret.ljust(32, b"\0")[:32], 0


class _NoCounter(Transcript):
    def seal(self, plaintext: bytes) -> bytes:
        self.counter = 0
        return super().seal(plaintext)


class _KeepsCounting(Transcript):
    def mix_key(self, secret: bytes) -> None:
        self.chain, self.key = self._two(secret)


class _NotBound(Transcript):
    def _associated(self) -> bytes:
        return b""


class _MixesPlain(Transcript):
    """Mixes what is meant, not what is sent."""

    def seal(self, plaintext: bytes) -> bytes:
        before = self.hash
        part = super().seal(plaintext)
        self.hash = before
        self.mix_hash(plaintext)
        return part

    def open(self, part: bytes) -> bytes:
        before = self.hash
        plaintext = super().open(part)
        self.hash = before
        self.mix_hash(plaintext)
        return plaintext


class _SendsPlain(Transcript):
    def seal(self, plaintext: bytes) -> bytes:
        super().seal(plaintext)
        return plaintext


class _GivesThePart(Transcript):
    def open(self, part: bytes) -> bytes:
        super().open(part)
        return part


class _MixesOnlyWhatItSends(Transcript):
    def open(self, part: bytes) -> bytes:
        before = self.hash
        plaintext = super().open(part)
        self.hash = before
        return plaintext


class _OnlyEncrypted(Transcript):
    """Mixes a part only if there is a key."""

    def mix_hash(self, data: bytes) -> None:
        self.hash = hashlib.sha256(self.hash + data).digest()

    def seal(self, plaintext: bytes) -> bytes:
        return plaintext if self.key is None else super().seal(plaintext)

    def open(self, part: bytes) -> bytes:
        return part if self.key is None else super().open(part)


class _MixesTheSecret(Transcript):
    def mix_key(self, secret: bytes) -> None:
        super().mix_key(secret)
        self.mix_hash(secret)


class _SplitOfHash(Transcript):
    def split(self) -> tuple[bytes, bytes]:
        return self._two(self.hash)


class _SplitTurned(Transcript):
    def split(self) -> tuple[bytes, bytes]:
        first, second = super().split()
        return second, first


class _SplitNothing(Transcript):
    def split(self) -> tuple[bytes, bytes]:
        return self.chain, self.key or b""


HASH_STEPS = (("mix_hash", b"prologue"), ("mix_hash", b"a key"))
FIRST_KEY = (("mix_hash", b"a key"), ("mix_key", b"s" * 32), ("seal", b""))
WHOLE = (*FIRST_KEY, ("open", b"one"), ("mix_key", b"t" * 32), ("seal", b"two"))
TRANSCRIPT = Task(
    "Transcript",
    Transcript,
    cases=[
        agrees(name=NN),
        agrees(name="Noise_short"),
        agrees(*HASH_STEPS),
        agrees(
            ("seal", b"may I?"), ("open", b"you may"), hint="no key yet: it travels as it is, and is mixed in"
        ),
        agrees(*FIRST_KEY),
        agrees(*FIRST_KEY, ("seal", b"ten coins")),
        agrees(*FIRST_KEY, ("mix_key", b"t" * 32), ("seal", b"ten coins")),
        agrees(("mix_key", b"s" * 32), ("open", b"one"), ("open", b"two"), ("seal", b"three")),
        agrees(("mix_key", b"s" * 32), *[(way, b"again") for way in ("seal", "open") * 4]),
        _refuses_what_was_changed,
        splits(*WHOLE),
    ],
    mistakes=[
        Mistake(_HashedName, "the name is padded to 32 bytes with zeros, not hashed"),
        Mistake(_Spaces, "the name is padded with zero bytes, b'\\0', not with spaces"),
        Mistake(_InFront, "the zero bytes come after the name: ljust"),
        Mistake(_TurnedHash, "the old hash comes first: sha256(hash + data)"),
        Mistake(_DataAlone, "the old hash goes in as well: sha256(hash + data), or the past is forgotten"),
        Mistake(_MixesTheSecret, "the secret goes only into the chaining key: the hash is of what was sent"),
        Mistake(_TurnedHmac, "the chaining key is HMAC's key, and the secret its message"),
        Mistake(_NoFirst, "the second output's message is the first output and b'\\2'"),
        Mistake(_Swapped, "the first output is the next chaining key, the second one the cipher's key"),
        Mistake(_SecretIsKey, "the secret is not the key itself: derive both outputs from it"),
        Mistake(
            _NotBound,
            "the hash goes in as associated data: that is what binds a part to everything before it",
        ),
        Mistake(_SendsPlain, "seal returns what travels: the sealed part"),
        Mistake(_GivesThePart, "open returns what the part says: the plaintext"),
        Mistake(_MixesPlain, "what is mixed in is what travels: the sealed part, which both have seen"),
        Mistake(_OnlyEncrypted, "what you send is mixed into the hash, even when there is no key yet"),
        Mistake(_OnlyReturns, "set self.hash: nobody looks at what mix_hash returns"),
        Mistake(_MixesOnlyWhatItSends, "what comes is mixed in, too: both must have the same hash"),
        Mistake(_NoCounter, "the counter rises with every part: a key encrypts each number once"),
        Mistake(_OldChain, "mix_key replaces the chaining key too, or the next secret forgets this one"),
        Mistake(_KeepsCounting, "a new key starts counting at 0"),
        Mistake(_SplitOfHash, "split derives from the chaining key and no secret: b''"),
        Mistake(_SplitTurned, "the first output is the first key, the second output the second"),
        Mistake(_SplitNothing, "the handshake's own keys are not the session's: derive two fresh ones"),
    ],
    hint="hash, chaining key, key and counter: four things to keep",
)
