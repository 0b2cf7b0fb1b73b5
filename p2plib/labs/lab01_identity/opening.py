"""Lab 1, task 2: what opening an envelope must and must not do. Probes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from p2plib.errors import RemoteError, SignatureError, WeakKey
from p2plib.identity import edwards
from p2plib.identity.keys import PUBLIC_BYTES, SIGNATURE_BYTES, PublicKey, SecretKey
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.lab01_identity.counting import Verifications, counted
from p2plib.labs.lab01_identity.envelope import (
    ANA,
    BEN,
    CONTEXT,
    OTHER_CONTEXT,
    open_envelope,
    seal_envelope,
    signed,
    twin,
)
from p2plib.wire import varint

Open = Callable[[str, bytes], Any]  # a reader's function may return anything


def opens(secret: SecretKey, context: str, payload: bytes) -> Case:
    """A probe: a good envelope is opened."""

    def probe(yours: Open) -> None:
        what = f"a good envelope of {len(payload)} bytes"
        try:
            with counted() as spent:
                got = yours(context, seal_envelope(secret, context, payload))
        except (RemoteError, ValueError) as error:
            said = f" ({error})" if str(error) else ""
            raise Wrong(f"it refused {what}{said}", _why_refused(spent, payload, str(error))) from None
        _compare(got, secret.public, payload, what)

    return probe


def _why_refused(spent: Verifications, payload: bytes, said: str) -> str:
    if "public key is" in said:
        return "the author is the first 32 bytes, no more and no less"
    if "context is text" in said:
        return "verify takes the context, the data and the signature, in this order"
    if spent.valid:
        return "verify returns None when all is well and raises when not: call it, without an if"
    if spent.count:
        return "verify the bytes that were signed, all before the signature, in the context you were given"
    if len(payload) > LARGEST_IN_ONE_BYTE:
        return _WHERE
    return "the size counts only the payload; after it come 64 bytes of signature, and then nothing"


LARGEST_IN_ONE_BYTE = 127  # of a varint
_WHERE = "a varint takes more bytes for larger sizes: begin where varint.decode says it ended"


def _compare(got: object, author: PublicKey, payload: bytes, size: str) -> None:
    if got is None:
        raise Wrong(f"{size} gave None", "is a return missing?")
    if isinstance(got, bool):
        raise Wrong(f"{size} gave {got}", "return whose it is and what it says, not that all is well")
    if isinstance(got, bytes):
        raise Wrong(f"{size} gave only bytes", "return two things: the author and the payload")
    if not isinstance(got, tuple) or len(got) != 2:
        raise Wrong(f"{size} gave a {type(got).__name__}", "return (author, payload)")
    if got == (payload, author):
        raise Wrong(f"{size} gave payload and author", "the author comes first")
    if got == (author.raw, payload):
        raise Wrong("the author came back as bytes", "return the PublicKey: it was checked to be a key")
    if got[0] != author:
        raise Wrong(f"{size} gave another author", "the author is the first 32 bytes")
    if got[1] != payload:
        raise Wrong(f"{size} gave {len(got[1])} bytes of payload", _WHERE)


def refuses(what: str, hint: str, context: str, *envelopes: bytes, by_size: bool = False) -> Case:
    """A probe: every one of some envelopes is refused, by an error that says so.

    Args:
        what: what is wrong with them, as in "it opened ...".
        hint: for whoever opens one.
        context: in which they are opened.
        envelopes: the wrong ones; tried in this order.
        by_size: whether that is a ValueError, as a wrong size is, and not what a signature says.
    """

    def probe(yours: Open) -> None:
        for envelope in envelopes:
            try:
                got = yours(context, envelope)
            except (NotImplementedError, Wrong):
                raise
            except ValueError:
                continue
            except RemoteError as error:
                if not by_size:
                    continue
                hint_size = "compare the whole length first, and raise ValueError: no signature is wrong here"
                raise Wrong(f"{what}: it raised {type(error).__name__}", hint_size) from None
            except AssertionError:
                hint_raise = "assert is switched off by python -O: raise an error of your own"
                raise Wrong(f"{what}: refused by an assert", hint_raise) from None
            except Exception as error:
                hint_crash = (
                    "bytes from a stranger must not crash you: look at the sizes first, raise DecodeError"
                )
                raise Wrong(f"{what}: it crashed with {type(error).__name__}", hint_crash) from None
            if got is None or got is False:
                hint_none = "raise instead: a caller who forgets to check takes that for an answer"
                raise Wrong(f"{what}: it returned {got}", hint_none)
            raise Wrong(f"it opened {what}", hint)

    return probe


def passes_on(kind: type[RemoteError], what: str, envelope: bytes) -> Case:
    """A probe: an error of this kind comes through as it is.

    Args:
        kind: the error, which is not the fault of a size.
        what: what is wrong with the envelope.
        envelope: one that makes `PublicKey` or `verify` raise it.
    """

    def probe(yours: Open) -> None:
        try:
            yours(CONTEXT, envelope)
        except kind:
            return
        except ValueError as error:
            hint = f"let a {kind.__name__} pass through: it says what is wrong, not only that something is"
            raise Wrong(f"{what}: it raised {type(error).__name__}", hint) from None
        raise Wrong(f"it opened {what}", "let PublicKey and verify raise: they know the whole rule")

    return probe


def _flipped(envelope: bytes, where: range) -> list[bytes]:
    return [
        envelope[:i] + bytes([envelope[i] ^ 1 << bit]) + envelope[i + 1 :] for i in where for bit in (0, 5, 7)
    ]


def open_cases(rng: Random) -> tuple[Case, ...]:
    """All probes for `open_envelope`, with payloads of this generator: the same ones for the same seed."""
    text = rng.randbytes(rng.randrange(20, 90))
    good = seal_envelope(ANA, CONTEXT, text)
    edges = (PUBLIC_BYTES, PUBLIC_BYTES + 1, PUBLIC_BYTES + 1 + len(text), len(good))
    unsigned = "the signature must cover every byte before it"
    unverified = "is the signature verified at all?"
    lie = signed(ANA, CONTEXT, ANA.public.raw + varint.encode(len(text) - 3) + text)
    long_size = bytes([len(text) | 0x80, 0])
    wide = signed(ANA, CONTEXT, ANA.public.raw + long_size + text)
    swapped = BEN.public.raw + good[PUBLIC_BYTES:]
    weak = edwards.compress(edwards.NEUTRAL) + good[PUBLIC_BYTES:]
    return (
        opens(ANA, CONTEXT, text),
        opens(BEN, OTHER_CONTEXT, b""),
        opens(BEN, CONTEXT, rng.randbytes(300)),
        refuses(
            "a payload with one bit changed", unverified, CONTEXT, *_flipped(good, range(edges[1], edges[2]))
        ),
        refuses(
            "a signature with one bit changed",
            unverified,
            CONTEXT,
            *_flipped(good, range(edges[2], edges[3])),
        ),
        refuses("an author with one bit changed", unsigned, CONTEXT, *_flipped(good, range(edges[0]))),
        refuses("Ana's envelope with Ben's key in front", unsigned, CONTEXT, swapped),
        refuses("a size with one bit changed", unsigned, CONTEXT, *_flipped(good, range(edges[0], edges[1]))),
        refuses(
            "a vote as if it were a note", "verify in the context you were asked for", OTHER_CONTEXT, good
        ),
        refuses(
            "part of an envelope",
            "compare the whole length first",
            CONTEXT,
            *(good[:n] for n in range(len(good))),
        ),
        refuses(
            "an envelope with bytes after its end",
            "the signature must be the last 64 bytes, with nothing after it",
            CONTEXT,
            good + b"\0",
            good + good,
        ),
        refuses(
            "an envelope whose author signed a wrong size",
            "one peer goes by the size and another by the end: they would read different payloads",
            CONTEXT,
            lie,
        ),
        refuses(
            "a size written with one byte too many",
            "two spellings of one size are two envelopes of one message: varint.decode refuses the longer",
            CONTEXT,
            wide,
        ),
        refuses(
            "the twin of a signature (S + L)",
            "the bare equation accepts it: use verify, which knows the whole rule",
            CONTEXT,
            good[:-SIGNATURE_BYTES] + twin(good[-SIGNATURE_BYTES:]),
        ),
        refuses(
            "an envelope whose length is wrong",
            "compare the whole length first",
            CONTEXT,
            *(good[:n] for n in range(len(good))),
            good + b"\0",
            lie,
            by_size=True,
        ),
        passes_on(SignatureError, "an envelope whose payload was swapped", good.replace(text, text[::-1])),
        passes_on(WeakKey, "an envelope whose author is a key of small order", weak),
    )


OPEN = Task(
    "open_envelope",
    open_envelope,
    cases=open_cases(Random(1)),
    hint="take it apart in the order of the table",
)
