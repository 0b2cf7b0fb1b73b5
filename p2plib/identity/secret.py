"""Secret: what keeps a secret key out of logs, dumps and tracebacks, whichever kind of key it is.

Rules: no secret is shown by repr, str, format, logging, tracebacks (also those that print local variables),
`vars` or `dataclasses.asdict`; it is not pickled, and a copy is the same object; two are compared in constant
time. What Python cannot promise is that memory is wiped: bytes live until they are collected.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NoReturn, Self

from p2plib.errors import UsageError

SEED_BYTES = 32  # of an Ed25519 seed and of an X25519 private key alike

Random = Callable[[int], bytes]  # a number of bytes → that many unpredictable ones


class Secret:
    """What both kinds of secret key do to stay out of logs, dumps and tracebacks.

    The secret is the value of a closure, not an attribute: a tool that prints every attribute of every object
    prints "<function ...>". The methods below keep it out of their local variables, and let no library raise
    while it holds it, because error reporters send the local variables of every frame.
    """

    __slots__ = ("_expose",)
    _expose: Callable[[], bytes]

    def __init__(self) -> None:
        raise UsageError(f"a {type(self).__name__} comes from generate() or from bytes that were kept")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        del value  # it may be a secret, and an error report shows the local variables of this frame
        raise UsageError(f"a {type(self).__name__} does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise UsageError(f"a {type(self).__name__} does not change")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret) or type(other) is not type(self):
            return NotImplemented
        return hmac.compare_digest(self._expose(), other._expose())

    __hash__ = None  # type: ignore[assignment]  # a set of secrets is a mistake

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise UsageError(f"a {type(self).__name__} is not pickled: keep it in a key file")


def need_bytes(value: object, what: str) -> bytes:
    """The value, if it is bytes: a bytearray could change after it was checked."""
    if not isinstance(value, bytes):
        raise UsageError(f"{what} is bytes, not {type(value).__name__}")
    return value


def seed_problem(seed: object) -> str:
    """What is wrong with a seed or private key, in a sentence that does not quote it; empty if nothing is."""
    if not isinstance(seed, bytes):
        return f"a seed or private key is bytes, not {type(seed).__name__}"
    return "" if len(seed) == SEED_BYTES else f"a seed or private key is {SEED_BYTES} bytes, not {len(seed)}"
