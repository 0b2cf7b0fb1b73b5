"""Lab 0, task 1: the bytes of a ping. A codec, the wrong ways to write one, and what must be refused.

The datagram is the lab's own, the same size for question and answer, so that nobody can be made to shout::

    mark      3 bytes   "p2p"
    kind      1 byte    1 asks (PING), 2 answers (PONG)
    number    4 bytes   the most significant first; the answer has the number of its question
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from p2plib.errors import DecodeError, RemoteError, UsageError
from p2plib.labs.engine.tasks import Case, Mistake, Task, Wrong
from p2plib.wire.fields import Field

MARK = b"p2p"
PING, PONG = 1, 2
SIZE_BYTES = 8
LARGEST = 2**32 - 1

Encode = Callable[[int, int], Any]  # a reader's function may return anything
Decode = Callable[[bytes], Any]


def encode_ping(kind: int, number: int) -> bytes:
    """A ping or pong as a datagram.

    Args:
        kind: PING or PONG.
        number: from 0 to 2**32 - 1; it tells one question from the next.

    Raises:
        UsageError: another kind, or a number that does not fit.
    """
    if kind not in (PING, PONG):
        raise UsageError(f"there is PING ({PING}) and PONG ({PONG}), and no kind {kind}")
    if not 0 <= number <= LARGEST:
        raise UsageError(f"a number has 32 bits, so not {number}")
    return MARK + bytes([kind]) + number.to_bytes(4, "big")


def decode_ping(data: bytes) -> tuple[int, int]:
    """The kind and the number of a datagram.

    Raises:
        DecodeError: it is not of 8 bytes, does not begin with the mark, or is of no known kind.
    """
    if len(data) != SIZE_BYTES:
        raise DecodeError(f"a ping has {SIZE_BYTES} bytes, not {len(data)}", min(len(data), SIZE_BYTES))
    if not data.startswith(MARK):
        raise DecodeError(f"a ping begins with {MARK!r}", 0)
    if data[3] not in (PING, PONG):
        raise DecodeError(f"the kind is {PING} or {PONG}, not {data[3]}", 3)
    return data[3], int.from_bytes(data[4:], "big")


def dissect_ping(data: bytes) -> tuple[Field, ...]:
    """The parts of a datagram, for drawing it."""
    kind, number = decode_ping(data)
    return (
        Field("mark", data[:3], "not a stray packet"),
        Field("kind", data[3:4], "asks" if kind == PING else "answers"),
        Field("number", data[4:], f"question {number}"),
    )


# Wrong ways to write


def _little(kind: int, number: int) -> bytes:
    return MARK + bytes([kind]) + number.to_bytes(4, "little")


def _number_first(kind: int, number: int) -> bytes:
    return MARK + number.to_bytes(4, "big") + bytes([kind])


def _as_text(kind: int, number: int) -> bytes:
    return f"p2p{kind}{number}".encode()


def _text_kind(kind: int, number: int) -> bytes:
    return MARK + str(kind).encode() + number.to_bytes(4, "big")


def _no_mark(kind: int, number: int) -> bytes:
    return bytes([kind]) + number.to_bytes(4, "big")


def _zeros(kind: int, number: int) -> bytes:
    """bytes(1) is one zero byte, whatever one hopes."""
    return MARK + bytes(kind) + number.to_bytes(4, "big")


def _short_number(kind: int, number: int) -> bytes:
    return MARK + bytes([kind]) + number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


def _eight_bytes_of_number(kind: int, number: int) -> bytes:
    return MARK + bytes([kind]) + number.to_bytes(8, "big")


def _refuses_what_does_not_fit(yours: Encode) -> None:
    for number in (2**32, -1):
        try:
            got = yours(PING, number)
        except NotImplementedError:
            raise
        except ValueError:
            continue
        except Exception as error:
            hint = "the task promises a ValueError: compare the number with 0 and 2**32 yourself, first"
            raise Wrong(f"the number {number} ended in {_name(error)}", hint) from None
        if isinstance(got, bytes) and len(got) == SIZE_BYTES:
            hint = "a number cut to 32 bits is some other ping's number: raise ValueError"
            raise Wrong(f"it wrote the number {number} as {got[4:].hex()}", hint)
        raise Wrong(
            f"with the number {number} it did not write 8 bytes", "raise ValueError if it does not fit"
        )


ENCODE = Task(
    "encode_ping",
    encode_ping,
    cases=[(PING, 1), (PONG, 1), (PING, 0), (PONG, 0x01020304), (PING, LARGEST), _refuses_what_does_not_fit],
    mistakes=[
        Mistake(_little, "the number's most significant byte comes first: to_bytes(4, 'big')"),
        Mistake(_number_first, "the kind comes before the number"),
        Mistake(_as_text, "the fields are bytes, not digits: bytes([kind]) and number.to_bytes(4, 'big')"),
        Mistake(_text_kind, "the kind is the byte 1 or 2, not the digit: bytes([kind])"),
        Mistake(_no_mark, "where is the mark? every datagram begins with b'p2p'"),
        Mistake(_zeros, "bytes(2) is two zero bytes; one byte of value 2 is bytes([2])"),
        Mistake(_short_number, "the number takes four bytes, however small it is"),
        Mistake(_eight_bytes_of_number, "the whole datagram has 8 bytes; the number takes 4 of them"),
    ],
    hint="three bytes of mark, one of kind, four of number",
)


# What must be refused


def refuses(what: str, hint: str, *datagrams: bytes) -> Case:
    """A probe: every one of some datagrams is refused, by an error that says so.

    Args:
        what: what is wrong with them, as in "it took ...".
        hint: for whoever takes one.
        datagrams: the wrong ones; tried in this order.
    """

    def probe(yours: Decode) -> None:
        for data in datagrams:
            try:
                got = yours(data)
            except (NotImplementedError, Wrong):
                raise
            except (RemoteError, ValueError):
                continue
            except AssertionError:
                hint_raise = "python -O leaves assert out: raise an error of your own"
                raise Wrong(f"{what}: refused by an assert", hint_raise) from None
            except Exception as error:
                hint_crash = (
                    "a stranger's bytes must not crash you: look at the length first, raise DecodeError"
                )
                raise Wrong(f"{what}: it crashed with {_name(error)}", hint_crash) from None
            if got is None or got is False:
                hint_none = "raise DecodeError: a caller who forgets to check takes that for an answer"
                raise Wrong(f"{what}: it returned {got}", hint_none)
            raise Wrong(f"it took {what}", hint)

    return probe


def _name(error: Exception) -> str:
    kind = type(error)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _little_back(data: bytes) -> tuple[int, int]:
    return data[3], int.from_bytes(data[4:8], "little")


def _slice_of_kind(data: bytes) -> tuple[bytes, int]:
    return data[3:4], int.from_bytes(data[4:8], "big")


def _one_byte_off(data: bytes) -> tuple[int, int]:
    return data[3], int.from_bytes(data[3:8], "big")


def _last_byte(data: bytes) -> tuple[int, int]:
    return data[3], data[-1]


def _turned(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[4:8], "big"), data[3]


_LENGTH = "compare the length with 8 before anything else, and refuse shorter and longer ones alike"
DECODE = Task(
    "decode_ping",
    decode_ping,
    cases=[
        (encode_ping(PING, 1),),
        (encode_ping(PONG, 0x01020304),),
        (encode_ping(PING, LARGEST),),
        refuses(
            "a datagram that is cut short", _LENGTH, *(encode_ping(PING, 9)[:n] for n in range(7, -1, -1))
        ),
        refuses("a datagram with one byte too many", _LENGTH, encode_ping(PING, 9) + b"\0"),
        refuses("a datagram that begins with 'p2q'", "compare all three bytes of the mark", b"p2q\1\0\0\0\7"),
        refuses(
            "a datagram that begins with 'P2P'",
            "compare the mark exactly: upper and lower case are different bytes",
            b"P2P\1\0\0\0\7",
        ),
        refuses(
            "a datagram of kind 3",
            "there are two kinds: anything else was not written by your protocol",
            *(b"p2p" + bytes([kind]) + b"\0\0\0\7" for kind in (3, 0, 255)),
        ),
    ],
    mistakes=[
        Mistake(_little_back, "the number's first byte is its most significant: from_bytes(…, 'big')"),
        Mistake(_slice_of_kind, "data[3:4] is a bytes of one byte; data[3] is its value"),
        Mistake(_one_byte_off, "the number begins at the fifth byte: data[4:]"),
        Mistake(_last_byte, "the number is all four bytes, not just the last"),
        Mistake(_turned, "the kind comes first in the answer, too"),
    ],
    hint="length, mark, kind, number: refuse first, then read",
)
