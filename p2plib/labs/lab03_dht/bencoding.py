"""Lab 3, task 1: bencode (BEP 3), the writing half. What arrives is read by `p2plib.wire.bencode.decode`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from p2plib.errors import UsageError
from p2plib.labs.engine.tasks import Case, Mistake, Task, Wrong
from p2plib.wire.bencode import Value, encode


def bencode(value: Value) -> bytes:
    """The bytes of a value.

    Args:
        value: bytes, a whole number, or a list or dict of these; the keys of a dict are bytes.

    Raises:
        TypeError: it is something else, such as text.
    """
    try:
        if isinstance(value, int | bytes | list | dict):
            return encode(value)
    except UsageError as error:
        raise TypeError(str(error)) from None
    raise TypeError(f"bencode has no form for {type(value).__name__}")


# Probes


def refuses(value: Any, what: str, hint: str) -> Case:
    """A probe: what has no form is refused.

    Args:
        value: it.
        what: it is, in words.
        hint: for whoever writes it all the same.
    """

    def probe(yours: Callable[[Any], bytes]) -> None:
        try:
            got = yours(value)
        except NotImplementedError:
            raise
        except (TypeError, ValueError):
            return
        except Exception as error:  # whatever it is, it is the wrong kind
            raise Wrong(f"{what}: it raised {type(error).__name__}, expected TypeError", hint) from None
        raise Wrong(f"{what} gave {got!r:.60}, expected TypeError", hint)

    return probe


def any_value(seed: int) -> tuple[Value]:
    """A case: a value of values, for hidden tests."""
    rng = random.Random(seed)

    def value(depth: int) -> Value:
        kind = rng.randrange(4 if depth else 2)
        if kind == 0:
            return rng.randbytes(rng.randrange(12))
        if kind == 1:
            return rng.randrange(-(10**9), 10**9)
        if kind == 2:
            return [value(depth - 1) for _ in range(rng.randrange(4))]
        return {rng.randbytes(rng.randrange(1, 4)): value(depth - 1) for _ in range(rng.randrange(5))}

    return ({b"a": value(3), b"q": value(3), b"": value(3)},)


# Wrong ways to write


def _writing(
    *,
    order: Callable[[Any], Any] = sorted,
    end: bytes = b"e",
    list_end: bytes = b"e",
    size: Callable[[Any], int] = len,
    letters: bytes = b"ild",
    joint: bytes = b":",
    pairs: Callable[[bytes, bytes], bytes] = lambda key, value: key + value,
) -> Callable[[Any], bytes]:
    """A version of `bencode` with something changed."""

    def write(value: Any) -> bytes:
        if isinstance(value, bytes):
            return str(size(value)).encode() + joint + value
        if isinstance(value, bool):
            raise TypeError
        if isinstance(value, int):
            return letters[0:1] + str(value).encode() + end
        if isinstance(value, list):
            return letters[1:2] + b"".join(map(write, value)) + (end and list_end)
        if isinstance(value, dict):
            if not all(isinstance(key, bytes) for key in value):
                raise TypeError
            return letters[2:3] + b"".join(pairs(write(key), write(value[key])) for key in order(value)) + end
        raise TypeError

    return write


def _keys_by_their_size(value: Any) -> bytes:
    return _writing(order=lambda keys: sorted(keys, key=lambda key: (len(key), key)))(value)


_BOOL = "to Python, True and False are whole numbers: look for bool first, and raise TypeError"
_TEXT = "text has no form: its author must say how it is encoded, so raise TypeError"

BENCODE = Task(
    "bencode",
    bencode,
    cases=[
        (b"cat",),
        (b"",),
        (bytes(range(12)),),
        (7,),
        (-7,),
        (0,),
        (10**30,),
        ([b"cat", 7],),
        ([],),
        ({b"cat": 7},),
        ({},),
        ({b"t": b"aa", b"a": {b"id": b"x" * 20}, b"q": b"ping"},),
        ({b"aa": 1, b"b": 2},),
        ({b"\xff": 1, b"a": 2, b"B": 3},),
        ([[[b"x"]], {b"l": [1, {b"d": []}]}],),
        refuses("cat", "text", _TEXT),
        refuses([b"cat", "dog"], "text in a list", _TEXT),
        refuses({"cat": 7}, "text as a key", "the keys of a dict are byte strings, too: raise TypeError"),
        refuses({7: 7}, "a number as a key", "the keys of a dict are byte strings: raise TypeError"),
        refuses(True, "True", _BOOL),
        refuses(False, "False", _BOOL),
        refuses([b"cat", True], "True in a list", _BOOL),
        refuses(
            (b"cat", 7), "a tuple", "lists have a form, and nothing else that is like one: raise TypeError"
        ),
        refuses(1.5, "1.5", "there are whole numbers and no others: raise TypeError"),
        refuses(None, "None", "there is no form for nothing: raise TypeError"),
    ],
    mistakes=[
        Mistake(_writing(joint=b""), "a colon stands between the length and the bytes"),
        Mistake(_writing(size=lambda value: len(str(value))), "the length counts the bytes themselves"),
        Mistake(_writing(end=b""), "numbers, lists and dicts end with an e"),
        Mistake(_writing(list_end=b""), "a list ends with an e, too"),
        Mistake(_writing(letters=b"nld"), "a number begins with an i"),
        Mistake(_writing(order=list), "the keys of a dict rise: sorted(value)"),
        Mistake(
            _keys_by_their_size, "the keys rise as bytes do: b'aa' comes before b'b', for all its length"
        ),
        Mistake(_writing(order=lambda keys: sorted(keys, reverse=True)), "the keys rise, and here they fall"),
        Mistake(
            _writing(order=lambda keys: sorted(keys, key=bytes.lower)),
            "the keys rise as bytes do: capital letters come first",
        ),
        Mistake(_writing(pairs=lambda key, value: value + key), "first the key, then its value"),
    ],
    hint="bytes: length, colon, bytes; a number: i, digits, e; a list: l, values, e; a dict: d, pairs, e",
)
