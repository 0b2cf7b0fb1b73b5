"""Lab 1, stretch: to change one's key and keep one's followers. A codec, and the wrong ways to rotate.

A key that was stolen can sign its own successor as well as its owner can, so a signature of the old key alone
is worth nothing. The defence is made before the theft: with every key its owner publishes a *promise*, the
SHA-256 of the next public key, whose secret stays offline (the idea is KERI's, called pre-rotation). A
rotation then shows the promised key and makes the next promise::

    new        32 bytes   the public key that was promised
    promise    32 bytes   SHA-256 of the public key after that
    by_old     64 bytes   signature by the key in use
    by_new     64 bytes   signature by the new one

Both sign old ‖ new ‖ promise, the three of 32 bytes, in the context "lab01/rotation/1". The old key is not
sent: a follower knows it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from p2plib.errors import RemoteError
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.labs.engine.tasks import Mistake, Task
from p2plib.wire.fields import Field

CONTEXT = "lab01/rotation/1"
ROTATION_BYTES = 192


@dataclass(frozen=True)
class Following:
    """What a follower remembers of somebody.

    Args:
        key: the key in use.
        promise: SHA-256 of the next one, 32 bytes.
    """

    key: PublicKey
    promise: bytes


def promise_of(key: PublicKey) -> bytes:
    """The promise of a key: the SHA-256 of its 32 bytes."""
    return hashlib.sha256(key.raw).digest()


def rotate(old: SecretKey, new: SecretKey, promise: bytes) -> bytes:
    """The 192 bytes that tell followers to go on with a new key."""
    body = old.public.raw + new.public.raw + promise
    return body[32:] + old.sign(CONTEXT, body) + new.sign(CONTEXT, body)


def follow(state: Following, heard: Iterable[bytes]) -> Following:
    """The newest state that rotations lead to.

    Args:
        state: what is known so far.
        heard: what arrived, in any order: rotations, old ones, forged ones, any bytes.

    Returns:
        The state after the last valid rotation; the same state if none is.
    """
    by_promise: dict[bytes, list[bytes]] = {}
    for raw in dict.fromkeys(heard):
        if len(raw) == ROTATION_BYTES:
            by_promise.setdefault(hashlib.sha256(raw[:32]).digest(), []).append(raw)
    known = {state.promise}
    while (step := _step(state, by_promise.get(state.promise, []))) is not None:
        state = step
        if state.promise in known:  # a key promised twice: a circle
            break
        known.add(state.promise)
    return state


def _step(state: Following, rotations: Iterable[bytes]) -> Following | None:
    for raw in rotations:
        body = state.key.raw + raw[:64]
        try:
            new = PublicKey(raw[:32])
            state.key.verify(CONTEXT, body, raw[64:128])
            new.verify(CONTEXT, body, raw[128:])
        except RemoteError:
            continue
        return Following(new, raw[32:64])
    return None


def dissect_rotation(raw: bytes) -> tuple[Field, ...]:
    """The parts of a rotation, for drawing it."""
    cuts = (("new", 0, 32, "the promised key"), ("promise", 32, 64, "SHA-256 of the one after"))
    signatures = (
        ("by_old", 64, 128, "signed by the key in use"),
        ("by_new", 128, 192, "signed by the new one"),
    )
    return tuple(Field(name, raw[a:b], note) for name, a, b, note in (*cuts, *signatures))


# Wrong ways to rotate


def _body(old: SecretKey, new: SecretKey, promise: bytes) -> bytes:
    return old.public.raw + new.public.raw + promise


def _swapped(old: SecretKey, new: SecretKey, promise: bytes) -> bytes:
    right = rotate(old, new, promise)
    return right[:64] + right[128:] + right[64:128]


def _old_alone(old: SecretKey, new: SecretKey, promise: bytes) -> bytes:
    return rotate(old, new, promise)[:128]


def _old_sent_too(old: SecretKey, new: SecretKey, promise: bytes) -> bytes:
    return old.public.raw + rotate(old, new, promise)


def _both_sign(old: SecretKey, new: SecretKey, promise: bytes, body: bytes) -> bytes:
    return new.public.raw + promise + old.sign(CONTEXT, body) + new.sign(CONTEXT, body)


def _new_alone_signed(old: SecretKey, new: SecretKey, promise: bytes) -> bytes:
    return _both_sign(old, new, promise, new.public.raw)


def _old_not_signed(old: SecretKey, new: SecretKey, promise: bytes) -> bytes:
    return _both_sign(old, new, promise, new.public.raw + promise)


def _promise_not_signed(old: SecretKey, new: SecretKey, promise: bytes) -> bytes:
    return _both_sign(old, new, promise, old.public.raw + new.public.raw)


def _hashed_again(old: SecretKey, new: SecretKey, promise: bytes) -> bytes:
    return rotate(old, new, hashlib.sha256(promise).digest())


def _raw_signatures(old: SecretKey, new: SecretKey, promise: bytes) -> bytes:
    body = _body(old, new, promise)
    return body[32:] + old.sign_raw(body) + new.sign_raw(body)


def _chained(old: SecretKey, new: SecretKey, promise: bytes) -> bytes:
    """The new key signs the old one's signature, too."""
    body = _body(old, new, promise)
    by_old = old.sign(CONTEXT, body)
    return body[32:] + by_old + new.sign(CONTEXT, body + by_old)


def _promises_new(old: SecretKey, new: SecretKey, promise: bytes) -> bytes:
    return rotate(old, new, promise_of(new.public))


def _person(name: str, number: int = 0) -> SecretKey:
    return SecretKey.from_seed(f"{name} {number} in lab 1".encode().ljust(32, b"."))


ROTATE = Task(
    "rotate",
    rotate,
    cases=[
        (_person("Ana"), _person("Ana", 1), promise_of(_person("Ana", 2).public)),
        (_person("Ben"), _person("Ben", 1), bytes(range(32))),
    ],
    mistakes=[
        Mistake(_swapped, "the old key's signature comes first"),
        Mistake(
            _old_alone,
            "the new key signs as well, or anybody could make your followers follow somebody else's key",
        ),
        Mistake(_old_sent_too, "the old key is signed and not sent: a follower knows it"),
        Mistake(_new_alone_signed, "both sign old, new and promise: what is not signed can be swapped"),
        Mistake(_old_not_signed, "the old key belongs in what is signed: it says whose successor this is"),
        Mistake(
            _promise_not_signed, "the promise is not signed: anybody who passes this on can put in his own"
        ),
        Mistake(_hashed_again, "promise is already a hash"),
        Mistake(_promises_new, "the promise is the one given: it hides the key after the new one"),
        Mistake(_raw_signatures, "signed without the context"),
        Mistake(_chained, "both sign the same bytes: old ‖ new ‖ promise"),
    ],
    hint="new ‖ promise ‖ by_old ‖ by_new, 192 bytes; both sign old ‖ new ‖ promise",
)
