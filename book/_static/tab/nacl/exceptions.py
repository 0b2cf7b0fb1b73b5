"""The exceptions of PyNaCl that code may want to catch, with the same parents."""

from __future__ import annotations

import builtins


class CryptoError(Exception):
    """The parent of all of them."""


class BadSignatureError(CryptoError):
    """A signature is forged, or was not made of this message by this key."""


class RuntimeError(builtins.RuntimeError, CryptoError):
    """libsodium refused, for a reason that it does not give."""


class TypeError(builtins.TypeError, CryptoError):
    """An argument is not of the kind that it has to be."""


class ValueError(builtins.ValueError, CryptoError):
    """An argument does not have the length that it has to have."""
